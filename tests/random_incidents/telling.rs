//! One seed to one incident, its files, and the report on them: the story, the sessions around it, what is taken away.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use rdpscan::report::{Format, Style, render};
use rdpscan::{Options, Report};

use super::super::random::Random;
use super::super::support::bytes::{Nanos, SECOND};
use super::super::support::capture::file;
use super::catalogue::{ALL, Entry};
use super::judgement::{self, Case, Outcome};
use super::log::{Build, Who, files};
use super::pieces::Party;
use super::story::{Evidence, Logs, Noise, Scene, Setting, Story, in_six};
use super::world::{MS, Spot};

/// From this seed on, also IPv6, and captures that begin late or end early.
const PLAIN: u64 = 500;

/// Whether this is one of the clients whose sessions are healthy.
pub fn is_noise(client: &str) -> bool {
    client.starts_with("10.40.") || client.starts_with("2001:db8:a:28:")
}

/// The addresses of the clients whose sessions are healthy.
const NOISE_NET: [u8; 2] = [10, 40];

/// The records of a good session that most of the noise keeps.
const KEPT: &[&str] = &[
    "RdpCoreTS/131",
    "RCM/261",
    "RdpCoreTS/101",
    "RCM/1149",
    "Security/4624",
    "LSM/21",
    "RdpCoreTS/107",
    "RdpCoreTS/103",
    "LSM/24",
];

/// What one seed gives.
struct Told {
    scene: Scene,
    story: Story,
    setting: Setting,
    evidence: Evidence,
    /// What the captures cover, if not all.
    window: Option<(Nanos, Nanos)>,
}

/// Analyses the incident of this seed and judges the report.
pub fn outcome(seed: u64) -> Outcome {
    let entry = entry(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut told = tell(seed, entry);
    let (case, report) = report(&mut told, folder.path());
    judgement::judge(seed, entry, &told.story, &told.setting, &told.evidence, &case, report.as_ref())
}

/// Prints the incident of this seed, and where its files are.
pub fn show(seed: u64) {
    let folder = std::env::temp_dir().join(format!("rdpscan-incident-{seed}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut told = tell(seed, entry(seed));
    let (case, report) = report(&mut told, &folder);
    println!("{} in {}: {:?} {:?}", told.story.cause, folder.display(), told.setting, told.evidence);
    println!("subject {:?}", case.subjects);
    if let Ok(report) = &report {
        let mut own = report.clone();
        own.incidents.retain(|incident| !is_noise(&incident.client));
        own.connections.retain(|connection| !is_noise(&connection.client.ip));
        println!("{}", render(&own, Format::Table, Style::default()));
    }
    let outcome = judgement::judge(
        seed,
        entry(seed),
        &told.story,
        &told.setting,
        &told.evidence,
        &case,
        report.as_ref(),
    );
    println!("{outcome:#?}");
}

fn entry(seed: u64) -> &'static Entry {
    &ALL[seed as usize % ALL.len()]
}

fn tell(seed: u64, entry: &Entry) -> Told {
    // Numbers of their own, so that what they decide does not change the other seeds.
    let mut beside = Random::new(seed + 90_001);
    let special = seed >= PLAIN;
    let six = special && !entry.only_four && beside.one_in(2);
    let mut scene = Scene::new(Random::new(seed + 7_001), entry.dated, six);
    if !entry.old {
        scene.party.build = Build::Windows10;
    }
    let nat = scene.party.outside.is_some();
    let mut evidence = evidence(&mut scene.w.random);
    evidence.part = special && !evidence.spots.is_empty() && beside.one_in(2);
    if evidence.spots.len() > 1 {
        scene.w.clocks[0] = scene.w.random.below(12_000) as Nanos * MS - 6 * SECOND;
    }
    let delay = scene.w.delay;
    let story = (entry.tell)(&mut scene);
    scene.w.delay = delay;
    // Hundreds around one incident in forty: each costs as much as twenty others.
    let sessions = if seed % 41 == 7 { 180 + scene.w.random.below(130) } else { 4 + scene.w.random.below(6) };
    let end = scene.w.now;
    noise(&mut scene, entry.noise, sessions, six);
    let window = evidence.part.then(|| part(&mut beside, scene.begin, end));
    let setting = Setting { noise: entry.noise, sessions, nat };
    Told { scene, story, setting, evidence, window }
}

/// A capture that begins or ends in the middle of the incident.
fn part(random: &mut Random, begin: Nanos, end: Nanos) -> (Nanos, Nanos) {
    let span = ((end - begin) / 1_000).max(1) as usize;
    let cut = begin + random.below(span) as Nanos * 1_000;
    if random.one_in(2) { (cut, Nanos::MAX) } else { (Nanos::MIN, cut) }
}

fn evidence(random: &mut Random) -> Evidence {
    let client: &[Spot] = &[Spot::Client];
    let server: &[Spot] = &[Spot::Server];
    let both: &[Spot] = &[Spot::Client, Spot::Server];
    let spots = [client, server, both][random.below(3)];
    let (spots, logs) = match random.below(16) {
        0..6 => (spots, Logs::All),
        6 | 7 => (spots, Logs::None),
        8 => (spots, Logs::Server),
        9 => (spots, Logs::OnlyCore),
        10 => (spots, Logs::OnlySecurity),
        11 => (spots, Logs::OnlySystem),
        12 => (spots, Logs::Client),
        13 => (&[][..], Logs::All),
        14 => (&[][..], Logs::Server),
        _ => (&[][..], Logs::Client),
    };
    let hours = [-7, -3, -1, 1, 2, 8][random.below(6)] * 3600 * SECOND;
    let clock = match random.below(6) {
        0 => 0,
        1 | 2 => random.below(10_000) as Nanos * MS - 5 * SECOND,
        3 => random.below(600_000) as Nanos * MS - 300 * SECOND,
        4 => hours,
        _ => hours + random.below(1_800_000) as Nanos * MS,
    };
    Evidence { spots, logs, clock, told: random.one_in(2), part: false }
}

/// Healthy sessions of other clients.
fn noise(scene: &mut Scene, mode: Noise, sessions: usize, six: bool) {
    let (begin, end) = (scene.begin, scene.w.now);
    let address = |ip: Ipv4Addr| if six { in_six(ip) } else { IpAddr::V4(ip) };
    let other = scene.w.computer(address(Ipv4Addr::new(172, 21, 4, 9)), 128);
    let server = if mode == Noise::Elsewhere { other } else { scene.party.server };
    let kept = scene.w.records.len();
    for number in 0..sessions {
        let [a, b] = NOISE_NET;
        let ip = Ipv4Addr::new(a, b, (number / 200) as u8, (number % 200) as u8 + 1);
        let client = scene.w.computer(address(ip), 128);
        let party =
            Party { client, server, outside: None, user: "mallory", build: scene.party.build, ..scene.party };
        let (from, to) = match mode {
            Noise::Around | Noise::Elsewhere => (begin - 900 * SECOND, end + 300 * SECOND),
            Noise::Before => (begin - 3_600 * SECOND, begin - 1_300 * SECOND),
        };
        let span = ((to - from) / MS) as usize;
        scene.w.now = from + scene.w.random.below(span) as Nanos * MS;
        let exchanges = 2 + scene.w.random.below(3);
        let before = scene.w.records.len();
        scene.w.noise(&party, exchanges);
        // What each good session repeats is dear to write: most of them keep what matters.
        if number % 8 != 0 {
            let own = scene.w.records.split_off(before);
            scene.w.records.extend(own.into_iter().filter(|record| KEPT.contains(&record.shape)));
        }
    }
    if mode == Noise::Elsewhere {
        scene.w.records.truncate(kept);
    }
    // Every System log holds something else.
    for offset in [-5_400, -2_000, 400, 1_900] {
        let at = begin + offset * SECOND;
        let values = [("param1", "Windows Update"), ("param2", "running"), ("Binary", "utf16:wuauserv/4")];
        scene.w.log_at(at, Who::Server, "SCM/7036", &values, None);
    }
}

/// Writes what is left of the evidence and analyses it.
fn report(told: &mut Told, folder: &Path) -> (Case, Result<Report, String>) {
    let w = &mut told.scene.w;
    let seen = w.finish();
    let capture_clock = w.clocks[0];
    for (spot, name) in [(Spot::Client, "near.pcapng"), (Spot::Server, "far.pcapng")] {
        if told.evidence.spots.contains(&spot) {
            let clock = w.clocks[spot as usize];
            let frames = seen[spot as usize].iter().filter(|frame| {
                told.window.is_none_or(|(from, to)| (from..to).contains(&(frame.time - clock)))
            });
            let frames: Vec<file::Frame> = frames.cloned().collect();
            std::fs::write(folder.join(name), file::pcapng(&frames)).unwrap();
        }
    }
    let small = w.random.below(3_000) as Nanos * MS - 1_500 * MS;
    let clock = told.evidence.clock;
    let of = |who| match who {
        Who::Client => capture_clock + small,
        Who::Server => clock,
        Who::Gateway => small,
    };
    let first = 1 + w.random.below(90_000) as u64;
    for (number, log) in files(&w.records, of, first).into_iter().enumerate() {
        if told.evidence.logs.keeps(log.who, log.channel) {
            std::fs::write(folder.join(format!("log-{number}.evtx")), log.bytes).unwrap();
        }
    }
    let party = &told.scene.party;
    let mut subjects = vec![w.computers[party.client].ip.to_string(), "CLIENT07.example.test".to_owned()];
    subjects.extend(party.outside.map(|ip| ip.to_string()));
    let target = if told.evidence.told { told.story.target.map(str::to_owned) } else { None };
    let options =
        Options { inputs: vec![folder.to_path_buf()], threads: Some(1), target, ..Options::default() };
    (Case { subjects }, super::super::samples::analysed(&options))
}
