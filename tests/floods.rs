//! Connections of a flood are judged as each is by itself, though those that are alike are judged once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops with its reason")]

use std::collections::BTreeMap;
use std::fs;

use rdpscan::{Options, analyze};

use super::support::capture::file::{self, Frame};
use super::support::capture::{rdp, tls};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PUSH: u8 = 8;
const ACK: u8 = 16;
const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
const MILLISECOND: i64 = 1_000_000;
/// Far beyond what is reported one by one.
const FLOWS: u16 = 4000;

/// One segment of a connection: whether the client sends it, how long after the one before, its flags, where it begins
/// in its sender's stream and what it acknowledges, its payload, its identification.
type Step = (bool, i64, u8, (u32, u32), &'static [u8], u16);

fn handshake() -> Vec<Step> {
    vec![
        (true, 0, SYN, (0, 0), &[], 1),
        (false, MILLISECOND, SYN | ACK, (0, 1), &[], 1),
        (true, MILLISECOND, ACK, (1, 1), &[], 2),
        (true, MILLISECOND, PUSH | ACK, (1, 1), &REQUEST, 3),
    ]
}

/// A capture that is written connection by connection.
#[derive(Default)]
struct Flood {
    frames: Vec<Frame>,
    /// Nothing more is to come.
    is_whole: bool,
}

const BEGIN: i64 = 1_700_000_000_000_000_000;
const SERVER: [u8; 4] = [198, 51, 100, 7];

impl Flood {
    /// One that the server turns away every so many milliseconds.
    fn turned_away_every(milliseconds: i64) -> Self {
        let mut flood = Self::default();
        for number in 0..FLOWS {
            let begins = i64::from(number) * milliseconds;
            flood.connection((client(number), 50_000), SERVER, begins, &turned_away(&REQUEST));
        }
        flood
    }

    /// A connection that begins so many milliseconds after the capture.
    fn connection(&mut self, client: ([u8; 4], u16), server: [u8; 4], begins: i64, steps: &[Step]) {
        let mut time = BEGIN + begins * MILLISECOND;
        for step in steps {
            time += step.1;
            self.frames.push(Frame { time, data: segment(client, server, step) });
        }
    }

    /// As [`Self::turned_away_every`], each under a name of its own.
    fn named_every(milliseconds: i64) -> Self {
        let mut flood = Self::default();
        for number in 0..FLOWS {
            let begins = i64::from(number) * milliseconds;
            let request = request(Some(&format!("user{number}")));
            flood.connection((client(number), 50_000), SERVER, begins, &turned_away(request));
        }
        flood
    }

    /// The host answers a ping.
    fn pong(&mut self, host: [u8; 4], at: i64) {
        let mut data = ip(host, [203, 0, 255, 1], 1, 28);
        data.extend([0, 0, 0xff, 0xfe, 0, 1, 0, 0]);
        self.frames.push(Frame { time: BEGIN + at * MILLISECOND, data });
    }

    /// Captured three hops from the other side, which a packet needs a third of a millisecond for.
    fn at_the_end_of(mut self, is_client: bool) -> Self {
        for frame in &mut self.frames {
            let from_client = frame.data[36..38] == 3389_u16.to_be_bytes();
            // The segments are told by the client's clock when they leave, and by the server's when they come.
            if !is_client {
                frame.time += if from_client { MILLISECOND / 3 } else { -MILLISECOND / 3 };
            }
            if from_client != is_client {
                frame.data[22] -= 3;
            }
        }
        self
    }

    /// How many connections end with each cause, one by one and in groups, and how many are in groups.
    fn causes(self, max_memory: Option<u32>) -> (BTreeMap<Option<String>, u64>, u64) {
        causes_of(vec![self], max_memory)
    }

    /// The capture, which goes on for long enough, as the files of a ring buffer.
    fn in_files(mut self, count: usize) -> Vec<Self> {
        self.end();
        let mut frames = self.frames;
        let each = frames.len().div_ceil(count);
        let mut files = Vec::new();
        while !frames.is_empty() {
            let rest = frames.split_off(each.min(frames.len()));
            files.push(Self { frames, is_whole: true });
            frames = rest;
        }
        files
    }

    fn end(&mut self) {
        if self.is_whole {
            return;
        }
        self.is_whole = true;
        let end = self.frames.iter().map(|frame| frame.time).max().unwrap() + 60_000 * MILLISECOND;
        let last = segment(([203, 0, 255, 255], 50_000), SERVER, &(true, 0, SYN, (0, 0), &[], 1));
        self.frames.push(Frame { time: end, data: last });
        self.frames.sort_by_key(|frame| frame.time);
    }

    fn capture(mut self) -> Vec<u8> {
        self.end();
        file::pcapng(&self.frames)
    }
}

/// The same of several captures.
fn causes_of(floods: Vec<Flood>, max_memory: Option<u32>) -> (BTreeMap<Option<String>, u64>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = Vec::new();
    for (at, flood) in floods.into_iter().enumerate() {
        let path = folder.path().join(format!("{at}.pcapng"));
        fs::write(&path, flood.capture()).unwrap();
        inputs.push(path);
    }
    let report = analyze(&Options { inputs, max_memory, ..Options::default() }).unwrap();
    let mut counts: BTreeMap<Option<String>, u64> = BTreeMap::new();
    for connection in &report.connections {
        *counts.entry(connection.verdict.cause.map(str::to_owned)).or_default() += 1;
    }
    for group in &report.groups {
        *counts.entry(group.cause.map(str::to_owned)).or_default() += group.count;
    }
    (counts, report.groups.iter().map(|group| group.count).sum())
}

/// An Ethernet and an IP header.
fn ip(from: [u8; 4], to: [u8; 4], protocol: u8, length: usize) -> Vec<u8> {
    let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    data.extend(u16::try_from(length).unwrap().to_be_bytes());
    data.extend([0, 1, 0x40, 0, 64, protocol, 0, 0]);
    data.extend([from, to].concat());
    data
}

fn segment(client: ([u8; 4], u16), server: [u8; 4], step: &Step) -> Vec<u8> {
    let (is_client, _, flags, (seq, ack), payload, id) = step;
    let begin = u32::from_be_bytes(client.0).wrapping_add(u32::from(client.1)).wrapping_mul(2_654_435_761);
    let (own, other) = if *is_client { (begin, !begin) } else { (!begin, begin) };
    let ends = [client, (server, 3389)];
    let (from, to) = if *is_client { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
    let mut data = ip(from.0, to.0, 6, 40 + payload.len());
    data[18..20].copy_from_slice(&id.to_be_bytes());
    data.extend([from.1.to_be_bytes(), to.1.to_be_bytes()].concat());
    data.extend(own.wrapping_add(*seq).to_be_bytes());
    data.extend(if flags & ACK > 0 { other.wrapping_add(*ack) } else { 0 }.to_be_bytes());
    data.extend([0x50, *flags, 4, 0, 0, 0, 0, 0]);
    data.extend_from_slice(payload);
    data
}

/// A flood of which `script` gives the segments of each connection.
fn causes(script: impl Fn(u16) -> Vec<Step>) -> BTreeMap<Option<String>, u64> {
    let mut flood = Flood::default();
    for number in 0..FLOWS {
        flood.connection((client(number), 50_000), SERVER, i64::from(number) * 20, &script(number));
    }
    let (counts, folded) = flood.causes(None);
    assert!(folded > u64::from(FLOWS) / 4);
    counts
}

fn client(number: u16) -> [u8; 4] {
    let [high, low] = number.to_be_bytes();
    [203, 0, high, low]
}

/// A request that the server answers with a reset.
fn turned_away(request: &'static [u8]) -> Vec<Step> {
    let mut steps = handshake();
    steps[3].4 = request;
    let end = 1 + u32::try_from(request.len()).unwrap();
    steps.push((false, MILLISECOND, RST | ACK, (1, end), &[], 2));
    steps
}

/// A request for TLS or CredSSP, of this user.
fn request(cookie: Option<&str>) -> &'static [u8] {
    let request = rdp::Request { cookie, token: None, negotiation: Some((0, 3)), correlation: None };
    rdp::connection_request(&request).leak()
}

/// A connection that is spoken message by message: each is acknowledged by the next.
struct Talk {
    steps: Vec<Step>,
    /// What the client and the server have sent.
    sent: [u32; 2],
}

impl Talk {
    fn new(request: &'static [u8]) -> Self {
        let mut steps = handshake();
        steps.truncate(3);
        Self { steps, sent: [1, 1] }.says(true, request)
    }

    fn step(&mut self, is_client: bool, after: i64, flags: u8, payload: &'static [u8]) {
        let [client, server] = self.sent;
        let (own, other) = if is_client { (client, server) } else { (server, client) };
        let id = u16::try_from(self.steps.len()).unwrap() + 1;
        self.steps.push((is_client, after, flags, (own, other), payload, id));
    }

    fn says(mut self, is_client: bool, payload: &'static [u8]) -> Self {
        self.step(is_client, MILLISECOND, PUSH | ACK, payload);
        self.sent[usize::from(!is_client)] += u32::try_from(payload.len()).unwrap();
        self
    }

    /// The server confirms, and both begin with TLS.
    fn into_tls(self) -> Self {
        self.says(false, rdp::negotiation_response(0, 2).leak())
            .says(true, tls::client_hello("flood", None, tls::MODERN_SUITES).leak())
            .says(false, tls::server_flight("flood").leak())
    }

    /// They end the handshake, and say so much of what is encrypted.
    fn through_tls(self, bytes: usize) -> Self {
        self.into_tls()
            .says(true, tls::client_finish("flood").leak())
            .says(false, tls::server_finish("flood").leak())
            .says(true, tls::protected(tls::APPLICATION, bytes, 1).leak())
            .says(false, tls::protected(tls::APPLICATION, bytes, 2).leak())
    }

    /// The client leaves.
    fn left(mut self) -> Vec<Step> {
        self.step(true, MILLISECOND, FIN | ACK, &[]);
        self.sent[0] += 1;
        self.step(false, MILLISECOND, FIN | ACK, &[]);
        self.steps
    }

    /// The server says more, again and again, and hears nothing.
    fn lost(mut self) -> Vec<Step> {
        let more = tls::protected(tls::APPLICATION, 50, 3).leak();
        for _ in 0..6 {
            self.step(false, 1500 * MILLISECOND, PUSH | ACK, more);
        }
        self.steps
    }
}

/// SYNs that nobody answers.
fn unanswered() -> Vec<Step> {
    [0, 1, 2].map(|times| (true, times * 1000 * MILLISECOND, SYN, (0, 0), &[][..], 1)).to_vec()
}

#[test]
fn what_lasts_longer_than_a_limit_is_not_taken_for_what_does_not() {
    // Data that is sent again in vain, for a second or for less.
    let counts = causes(|number| {
        let gap = if number % 2 == 0 { 340 } else { 330 } * MILLISECOND;
        let again = |id| (true, gap, PUSH | ACK, (1, 1), &REQUEST[..], id);
        [handshake(), vec![again(4), again(5), again(6)]].concat()
    });
    let dropped = Some("data-dropped-after-handshake".to_owned());
    assert_eq!(counts.get(&dropped), Some(&u64::from(FLOWS / 2)), "{counts:?}");
}

#[test]
fn who_goes_on_behind_his_own_reset_speaks_for_himself_alone() {
    // What was under way when the server reset comes at once; of one connection it comes far too late for that.
    let counts = causes(|number| {
        let late = if number == FLOWS / 2 + 100 { 20 * MILLISECOND } else { MILLISECOND / 5 };
        let rest = vec![
            (false, MILLISECOND, RST | ACK, (1, 20), &[][..], 2),
            (false, late, ACK, (1, 20), &[][..], 2),
        ];
        [handshake(), rest].concat()
    });
    let forged = Some("rst-injected".to_owned());
    assert_eq!(counts.get(&forged), Some(&1), "{counts:?}");
}

#[test]
fn a_sign_that_the_host_is_there_counts_for_those_that_it_is_near_to() {
    const SILENT: [u8; 4] = [198, 51, 100, 9];
    let mut flood = Flood::turned_away_every(100);
    // It answers pings for 100 s, and is asked in vain for 400 s.
    for second in (0..=100).step_by(10) {
        flood.pong(SILENT, second * 1000);
    }
    for number in 0..40 {
        flood.connection(
            (client(60_000 + number), 50_000),
            SILENT,
            i64::from(number) * 10_000,
            &unanswered(),
        );
    }
    let (counts, folded) = flood.causes(None);
    assert!(folded > 1000);
    // A sign is fresh for half a minute: those that begin up to 130 s.
    assert_eq!(counts.get(&Some("firewall-drop".to_owned())), Some(&14), "{counts:?}");
}

#[test]
fn what_ends_while_the_capture_is_read_on_is_judged_with_the_signs_so_far() {
    const SILENT: [u8; 4] = [198, 51, 100, 9];
    let mut flood = Flood::turned_away_every(100);
    for number in 0..60 {
        flood.pong(SILENT, i64::from(number) * 5000);
        flood.connection((client(60_000 + number), 50_000), SILENT, i64::from(number) * 5000, &unanswered());
    }
    // Of the memory only as much as some hundreds of connections need.
    let (counts, folded) = flood.causes(Some(2));
    assert!(folded > 1000);
    assert_eq!(counts.get(&Some("firewall-drop".to_owned())), Some(&60), "{counts:?}");
}

#[test]
fn a_source_storms_when_it_does_and_not_before_or_after() {
    const NAMES: [&[u8]; 3] = [
        b"\x03\0\0\x23\x1e\xe0\0\0\0\0\0Cookie: mstshash=anna1\r\n",
        b"\x03\0\0\x23\x1e\xe0\0\0\0\0\0Cookie: mstshash=bert2\r\n",
        b"\x03\0\0\x23\x1e\xe0\0\0\0\0\0Cookie: mstshash=cleo3\r\n",
    ];
    let mut flood = Flood::turned_away_every(300);
    let own = |port: u16| (([203, 1, 0, 1], port), turned_away(NAMES[usize::from(port % 3)]));
    // One every 40 s, which is a user's pace, and four minutes later twenty within ten seconds.
    for number in 0..20 {
        let (client, steps) = own(40_000 + number);
        flood.connection(client, SERVER, 1_000_000 + i64::from(number) * 500, &steps);
        let (client, steps) = own(41_000 + number);
        flood.connection(client, SERVER, i64::from(number) * 40_000, &steps);
    }
    let (counts, folded) = flood.causes(None);
    assert!(folded > 1000);
    assert_eq!(counts.get(&Some("brute-force-storm".to_owned())), Some(&20), "{counts:?}");
}

#[test]
fn one_that_stands_alone_knows_of_its_next_that_was_folded() {
    // Sixty leave in the middle of TLS while few have come, and are back after all the others of the first batch.
    let mut flood = Flood::turned_away_every(1);
    for number in 0..60 {
        let own = client(60_000 + number);
        flood.connection(
            (own, 50_000),
            SERVER,
            1000 + i64::from(number),
            &Talk::new(&REQUEST).into_tls().left(),
        );
        let next = Talk::new(&REQUEST).through_tls(200).left();
        flood.connection((own, 50_001), SERVER, 3000 + i64::from(number), &next);
    }
    let (counts, folded) = flood.causes(None);
    assert!(folded > 1000);
    assert_eq!(counts.get(&Some("closed-inside-tls-reason-not-visible".to_owned())), None, "{counts:?}");
}

#[test]
fn one_that_stands_alone_knows_of_its_user_elsewhere_who_was_folded() {
    let mut flood = Flood::named_every(20);
    for number in 0..40 {
        let name = format!("anna{number}");
        let dies = Talk::new(request(Some(&name))).through_tls(200).lost();
        flood.connection((client(60_000 + number), 50_000), SERVER, 36_000 + i64::from(number) * 10, &dies);
        let elsewhere = turned_away(request(Some(&name)));
        let begins = 52_000 + i64::from(number) * 10;
        flood.connection((client(61_000 + number), 50_000), SERVER, begins, &elsewhere);
    }
    let (counts, folded) = flood.causes(None);
    assert!(folded > 1000);
    assert_eq!(counts.get(&Some("packet-loss".to_owned())), None, "{counts:?}");
}

#[test]
fn what_ends_while_the_capture_is_read_on_is_judged_beside_what_runs_on() {
    let mut flood = Flood::turned_away_every(10);
    for number in 0..60 {
        let (own, begins) = (client(60_000 + number), i64::from(number) * 600);
        flood.connection((own, 50_000), SERVER, begins, &Talk::new(&REQUEST).into_tls().left());
        let mut stays = Talk::new(&REQUEST).through_tls(2000);
        for _ in 0..40 {
            stays.step(true, 2000 * MILLISECOND, ACK, &[]);
        }
        flood.connection((own, 50_001), SERVER, begins + 1000, &stays.steps);
    }
    // Of the memory only as much as some hundreds of connections need.
    let (counts, folded) = flood.causes(Some(2));
    assert!(folded > 1000);
    assert_eq!(counts.get(&Some("closed-inside-tls-reason-not-visible".to_owned())), None, "{counts:?}");
}

#[test]
fn what_a_client_captured_is_compared_with_a_flood_that_its_server_captured() {
    let with = |flood: Flood, files: usize| {
        let captured_by = |is_client: bool| {
            let mut capture = Flood::default();
            capture.connection((client(59_999), 50_000), SERVER, 50_000, &unanswered());
            for number in 0..60 {
                let (own, begins) = ((client(60_000 + number), 50_000), 60_000 + i64::from(number) * 100);
                let talk = Talk::new(&REQUEST).into_tls();
                capture.connection(own, SERVER, begins, &talk.steps);
            }
            let mut capture = capture.at_the_end_of(is_client);
            for number in 0..60 {
                // Each hears a reset in the other's name, which the other never sent.
                let mut talk = Talk::new(&REQUEST).into_tls();
                talk.step(!is_client, 3 * MILLISECOND, RST | ACK, &[]);
                let reset = talk.steps.pop().unwrap();
                let own = (client(60_000 + number), 50_000);
                capture.connection(own, SERVER, 60_010 + i64::from(number) * 100, &[reset]);
            }
            capture
        };
        let (at_client, mut at_server) = (captured_by(true), captured_by(false));
        at_server.frames.extend(flood.frames);
        let mut captures = at_server.in_files(files);
        captures.push(at_client);
        causes_of(captures, None)
    };
    let (alone, _) = with(Flood::default(), 1);
    assert_eq!(alone.get(&Some("rst-injected".to_owned())), Some(&60), "{alone:?}");
    for files in [1, 30] {
        let (counts, folded) = with(Flood::turned_away_every(20), files);
        assert!(folded > 1000);
        assert_eq!(counts.get(&Some("rst-injected".to_owned())), Some(&60), "{files}: {counts:?}");
        // Each that both captured is counted once, and so are the SYNs that both begin and end with.
        assert_eq!(counts.values().sum::<u64>(), u64::from(FLOWS) + 60 + 2);
    }
}

#[test]
fn a_segment_that_is_sent_again_for_minutes_tears_no_ring() {
    let capture = || {
        let mut capture = Flood::default();
        for number in 0..40 {
            let mut talk = Talk::new(&REQUEST).through_tls(200);
            for _ in 0..40 {
                talk = talk.says(true, tls::protected(tls::APPLICATION, 100, 5).leak());
                talk.steps.last_mut().unwrap().1 = 2000 * MILLISECOND;
            }
            capture.connection((client(number), 50_000), SERVER, i64::from(number) * 5000, &talk.left());
        }
        // As over IPv6, nothing identifies a packet.
        let mut dead = Talk::new(&REQUEST).through_tls(200);
        for times in 0..9 {
            dead.step(false, (200 << times) * MILLISECOND, PUSH | ACK, tls::protected(23, 50, 3).leak());
        }
        dead.steps.iter_mut().for_each(|step| step.5 = 0);
        capture.connection((client(60_000), 50_000), SERVER, 20_000, &dead.steps);
        capture
    };
    let whole = causes_of(vec![capture()], None);
    assert_eq!(whole.0.values().sum::<u64>(), 40 + 1 + 1);
    assert_eq!(causes_of(capture().in_files(60), None), whole);
}
