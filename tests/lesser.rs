//! A capture that lacks something tells no other story: one frame lost, begun late, cut by the snapshot length, one
//! direction only. A cause may become a residual of it, a more general cause, or nothing; never a different one, and
//! a failure never becomes a healthy session.
//!
//! The captures are made here from the samples, not committed. That a capture which stops early tells no other story
//! is in `neighbours`.

#![allow(clippy::unwrap_used, reason = "a test stops with its reason")]

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use rdpscan::Options;
use rdpscan::report::model::{Incident, Report};
use tempfile::TempDir;

use super::neighbours::{explains, is_log, named};
use super::samples::{self, Sample};
use super::support::capture::file::{self, Frame};
use super::support::capture::read;

/// What is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// This frame, counted from 1.
    Frame(usize),
    /// All before this frame.
    Beginning(usize),
    /// Bytes of each frame behind this.
    Bytes(usize),
    /// Bytes of each frame behind the first, and the frame that the second counts.
    BytesAndFrame(usize, usize),
    /// What the server sent.
    ToClient,
    /// What the client sent.
    ToServer,
}

/// A sample, and what it may lack.
type Exception = (&'static str, fn(Lack) -> bool);

/// Where no reader of what is left could know better.
const EQUAL_TO_ANOTHER: &[Exception] = &[
    // SYNs alone, from a host that is up otherwise: a drop, for all that one direction tells.
    ("syn-ack-lost", |lack| lack == Lack::ToClient),
    // Without the reset the session runs on.
    ("ended-abruptly-by-server--reset", |lack| matches!(lack, Lack::Frame(_))),
    ("ended-abruptly-by-server--reset--with-log", |lack| matches!(lack, Lack::Frame(_))),
    ("client-internal-fault", |lack| matches!(lack, Lack::Frame(_))),
    ("ended-abruptly-by-client--socket-code", |lack| matches!(lack, Lack::Frame(_))),
    ("stateful-idle-timeout--reset", |lack| matches!(lack, Lack::Frame(_))),
    ("zero-window", |lack| matches!(lack, Lack::Frame(_))),
    // A few of the attempts are no storm.
    ("brute-force-storm", |lack| matches!(lack, Lack::Beginning(_))),
    // Records go to and fro for seconds, and the client says goodbye: that they are so few because the round trip is
    // so long shows only in the opening.
    ("high-latency", |lack| matches!(lack, Lack::Beginning(_))),
    // The session went on over TCP, and its user closed it; that there was UDP beside it is not told by headers.
    ("udp-half-working", |lack| matches!(lack, Lack::Beginning(_) | Lack::Bytes(54))),
    ("udp-half-working--packets-only", |lack| matches!(lack, Lack::Beginning(_))),
];

/// What a party says itself stays true whatever is missing: that a name or password is wrong, that a SYN is refused.
const IN_SO_MANY_WORDS: &[&str] = &["bad-password-or-unknown-user", "port-closed-or-device-reset"];

fn lacks(frames: usize) -> Vec<Lack> {
    // The beginning and the end are where it is decided.
    let places: Vec<usize> = (1..=frames).filter(|at| *at <= 12 || at % 9 == 0 || *at + 6 > frames).collect();
    let mut lacks = vec![Lack::ToClient, Lack::ToServer];
    lacks.extend([54, 60, 64, 96, 128, 160, 256].map(Lack::Bytes));
    lacks.extend((1..=frames.min(24)).map(|gone| Lack::BytesAndFrame(128, gone)));
    lacks.extend(places.iter().copied().filter(|at| *at <= 24 || *at + 12 > frames).map(Lack::Frame));
    lacks.extend(places.into_iter().filter(|at| *at > 1).map(Lack::Beginning));
    lacks
}

/// A frame, and whether it goes to the server.
pub(super) type Directed = (Frame, Option<bool>);

fn directed(capture: &[u8]) -> Vec<Directed> {
    let servers: BTreeSet<SocketAddr> =
        read::connections(capture).into_iter().map(|connection| connection.server).collect();
    let to_server =
        |(from, to): (SocketAddr, SocketAddr)| match (servers.contains(&to), servers.contains(&from)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
    let frames = read::frames(capture);
    let directed = frames.iter().map(|frame| {
        let direction = read::ends(frame).and_then(to_server);
        (Frame { time: frame.time, data: frame.data.to_vec() }, direction)
    });
    directed.collect()
}

fn without(frames: &[Directed], lack: Lack) -> Vec<u8> {
    let keep = |number: usize, to_server: Option<bool>| match lack {
        Lack::Frame(gone) | Lack::BytesAndFrame(_, gone) => number != gone,
        Lack::Beginning(first) => number >= first,
        Lack::Bytes(_) => true,
        Lack::ToClient => to_server != Some(false),
        Lack::ToServer => to_server != Some(true),
    };
    let kept: Vec<Frame> = (1..)
        .zip(frames)
        .filter(|(number, (_, to_server))| keep(*number, *to_server))
        .map(|(_, (frame, _))| frame.clone())
        .collect();
    let (Lack::Bytes(snap) | Lack::BytesAndFrame(snap, _)) = lack else {
        return file::pcapng_cut(&kept, usize::MAX);
    };
    file::pcapng_cut(&kept, snap)
}

/// A sample of one capture, and what it takes to analyse less of it.
pub(super) struct Less<'a> {
    pub(super) sample: &'a Sample,
    pub(super) frames: Vec<Directed>,
    logs: Vec<PathBuf>,
    folder: TempDir,
}

impl<'a> Less<'a> {
    /// Nothing if there is no capture, or more than one, or of another kind than can be written here.
    pub(super) fn of(sample: &'a Sample) -> Option<Self> {
        let (logs, captures): (Vec<PathBuf>, Vec<PathBuf>) =
            sample.options.inputs.iter().cloned().partition(|path| is_log(path));
        let [capture] = &captures[..] else { return None };
        let bytes = fs::read(capture).unwrap();
        let written_here = bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a])
            && read::frames(&bytes).iter().all(|frame| frame.link == 1);
        let folder = tempfile::tempdir().unwrap();
        written_here.then(|| Self { sample, frames: directed(&bytes), logs, folder })
    }

    fn without(&self, lack: Lack) -> Result<Report, String> {
        self.with(&without(&self.frames, lack))
    }

    /// The sample with another capture.
    pub(super) fn with(&self, capture: &[u8]) -> Result<Report, String> {
        let path = self.folder.path().join("capture.pcapng");
        fs::write(&path, capture).unwrap();
        let inputs: Vec<PathBuf> = [path].into_iter().chain(self.logs.iter().cloned()).collect();
        samples::analysed(&Options { inputs, threads: Some(1), ..self.sample.options.clone() })
    }
}

#[test]
fn a_capture_that_lacks_something_tells_no_other_story() {
    samples::none_complains(3000, complaints);
}

/// How many lesser captures were made of a sample, and which of them tell another story.
fn complaints(sample: &Sample) -> (usize, Vec<String>) {
    let Some(less) = Less::of(sample) else { return (0, Vec::new()) };
    let known = EQUAL_TO_ANOTHER.iter().find(|(name, _)| *name == sample.name).map(|(_, known)| known);
    let lacks = lacks(less.frames.len());
    let mut complaints = Vec::new();
    for lack in lacks.iter().filter(|lack| known.is_none_or(|known| !known(**lack))) {
        match less.without(*lack) {
            Ok(report) => complaints.extend(report.incidents.iter().filter_map(|incident| {
                let why = another_story(sample, incident)?;
                let says = samples::one_line(incident);
                Some(format!("samples/{} without {lack:?}: {why}: {says}", sample.name))
            })),
            // What is left may hold nothing.
            Err(error) if error != "panic" => {}
            Err(_) => complaints.push(format!("samples/{} without {lack:?}: panic", sample.name)),
        }
    }
    (lacks.len(), complaints)
}

/// Ring buffers are run with such a snapshot length: it leaves the headers of what frames carry.
#[test]
fn what_is_sure_stays_sure_in_a_sliced_capture() {
    samples::none_complains(180, |sample| {
        let Some(less) = Less::of(sample) else { return (0, Vec::new()) };
        let whole = sample.report.as_ref().map(sure).unwrap_or_default();
        let sliced = less.without(Lack::Bytes(128)).as_ref().map(sure).unwrap_or_default();
        let lost = whole.into_iter().filter(|known| !sliced.contains(known));
        let lost = lost.filter(|(.., cause, _)| !NEEDS_CONTENTS.contains(&(sample.name.as_str(), cause)));
        (1, lost.map(|known| format!("samples/{} loses {known:?}", sample.name)).collect())
    });
}

/// A capture of headers alone adds what a flow shows, and takes nothing from the log.
#[test]
fn what_the_log_tells_stays_beside_headers_alone() {
    samples::none_complains(100, |sample| {
        let Some(less) = Less::of(sample).filter(|less| !less.logs.is_empty()) else {
            return (0, Vec::new());
        };
        let Ok(log) = samples::analysed(&Options { inputs: less.logs.clone(), ..sample.options.clone() })
        else {
            return (0, Vec::new());
        };
        let snaps = [60, 64, 68];
        let lost = snaps.into_iter().filter_map(|snap| {
            let sliced = less.without(Lack::Bytes(snap)).ok()?;
            let named: BTreeSet<&str> = sliced.incidents.iter().filter_map(|one| one.verdict.cause).collect();
            let is_captured = |client: &str| sliced.connections.iter().any(|own| own.client.ip == client);
            let known = sure(&log).into_iter().filter(|(client, ..)| is_captured(client));
            let lost: Vec<&str> =
                known.map(|(_, cause, _)| cause).filter(|cause| !explains_any(&named, cause)).collect();
            let says = format!("samples/{} at {snap}: {lost:?} of the log alone, now {named:?}", sample.name);
            (!lost.is_empty()).then_some(says)
        });
        (snaps.len(), lost.collect())
    });
}

/// Whether one of the causes that are named is this one, or a more special one.
fn explains_any(named: &BTreeSet<&'static str>, cause: &str) -> bool {
    named.contains(cause)
        || named
            .iter()
            .any(|own| rdpscan::causes::by_id(own).is_some_and(|own| own.more_specific_than.contains(&cause)))
}

/// Samples, and what of them needs more.
const NEEDS_CONTENTS: &[(&str, &str)] = &[
    // The length of the server's last word, which the cipher suite tells.
    ("bad-password--nat-ports", "bad-password-or-unknown-user"),
    // Its two capture points, which are one in what is written here.
    ("rst-injected--both-sides", "rst-injected"),
];

/// Clients, and the causes of which a report is sure.
fn sure(report: &Report) -> Vec<(String, &'static str, &'static str)> {
    let known = report.incidents.iter().filter_map(|incident| {
        let cause = rdpscan::causes::by_id(incident.verdict.cause?).filter(|cause| !cause.residual)?;
        let strength = incident.verdict.strength.filter(|strength| *strength != "inferred")?;
        Some((incident.client.clone(), cause.id, strength))
    });
    known.collect()
}

/// What is wrong with an incident of the lesser capture, if anything is.
pub(super) fn another_story(sample: &Sample, incident: &Incident) -> Option<&'static str> {
    let whole = sample.report.as_ref().ok()?;
    // A log alone also tells of strangers, whom the capture did not show.
    let mut expected =
        sample.expected.incidents.iter().filter(|expected| expected.client == incident.client).peekable();
    expected.peek()?;
    let mut named = named(whole);
    named.extend(
        sample
            .expected
            .incidents
            .iter()
            .filter_map(|expected| rdpscan::causes::by_id(expected.cause.as_deref()?).map(|cause| cause.id)),
    );
    let verdict = &incident.verdict;
    if verdict.cause.is_some_and(|cause| !explains(&named, cause)) {
        return Some("another cause");
    }
    // What is more general and no residual may be all that is left to see, and is never sure.
    let general = |cause: &str| {
        let known = named.contains(cause) || IN_SO_MANY_WORDS.contains(&cause);
        !known && rdpscan::causes::by_id(cause).is_some_and(|cause| !cause.residual)
    };
    if verdict.cause.is_some_and(general) && verdict.strength != Some("inferred") {
        return Some("a more general cause, and sure of it");
    }
    let was_healthy = expected.any(|expected| expected.kind == "healthy");
    (verdict.kind == "healthy" && !was_healthy).then_some("healthy")
}

/// The flags of a TCP segment over IPv4 without options; none of anything else.
pub(super) fn tcp_flags(frame: &Frame) -> u8 {
    let is_tcp = frame.data.get(12..15) == Some(&[8, 0, 0x45]) && frame.data.get(23) == Some(&6);
    frame.data.get(47).copied().filter(|_| is_tcp).unwrap_or(0)
}

/// A SYN, and every reset of the server's that does not acknowledge it: what was between them was lost.
fn syn_and_later_resets(frames: &[Directed]) -> Option<Vec<Frame>> {
    let number = |frame: &[u8], at: usize| Some(u32::from_be_bytes(*frame.get(at..)?.first_chunk()?));
    let (mut syn, mut resets) = (None, Vec::new());
    for (frame, to_server) in frames {
        let flags = tcp_flags(frame);
        let ports = frame.data.get(34..38).map(<[u8]>::to_vec).unwrap_or_default();
        match &syn {
            None if flags & 0x12 == 2 && *to_server == Some(true) => {
                syn = Some((ports, number(&frame.data, 38)?.wrapping_add(1), frame));
            }
            Some((own, next, _)) if flags & 4 != 0 && *to_server == Some(false) => {
                let is_own = ports.get(2..) == own.get(..2);
                if is_own && (flags & 0x10 == 0 || number(&frame.data, 42)? != *next) {
                    resets.push(frame);
                }
            }
            _ => {}
        }
    }
    let (.., syn) = syn?;
    (!resets.is_empty()).then(|| std::iter::once(syn).chain(resets).cloned().collect())
}

#[test]
fn a_reset_that_does_not_acknowledge_the_syn_refuses_nothing() {
    const REFUSALS: [&str; 3] = ["port-closed-or-device-reset", "rdp-disabled-or-other-port", "service-down"];
    let (mut count, mut complaints) = (0, Vec::new());
    for less in samples::all().iter().filter_map(Less::of) {
        let Some(frames) = syn_and_later_resets(&less.frames) else { continue };
        let path = less.folder.path().join("capture.pcapng");
        fs::write(&path, file::pcapng(&frames)).unwrap();
        count += 1;
        let report = rdpscan::analyze(&Options { inputs: vec![path], ..Options::default() }).unwrap();
        let causes = report.incidents.iter().filter_map(|incident| incident.verdict.cause);
        complaints.extend(causes.filter(|cause| REFUSALS.contains(cause)).map(|_| less.sample.name.clone()));
    }
    println!("{count} captures with a reset that answers no SYN");
    assert!(count > 20, "{count}");
    assert!(complaints.is_empty(), "{complaints:?}");
}
