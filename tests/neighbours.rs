//! Less evidence must not make another story: without the logs, without the capture, or with the end of the capture missing,
//! a cause may become a residual, a more general cause, or nothing; never a different one.
//!
//! The neighbours are made here from the samples, not committed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rdpscan::causes::by_id;
use rdpscan::{Options, Report};

use super::samples::{self, Sample};
use super::support::capture::file::{self, Frame};
use super::support::capture::read;

/// What the whole evidence names: as verdicts, as remarks, of incidents and of connections.
pub fn named(report: &Report) -> BTreeSet<&'static str> {
    let incidents = report.incidents.iter().map(|incident| &incident.verdict);
    let verdicts = incidents.chain(report.connections.iter().map(|connection| &connection.verdict));
    verdicts
        .flat_map(|verdict| verdict.cause.into_iter().chain(verdict.remarks.iter().map(|r| r.cause)))
        .collect()
}

/// Whether one of the causes explains `other` better, directly or through others.
pub fn explains(causes: &BTreeSet<&'static str>, other: &str) -> bool {
    let mut open: Vec<&str> = causes.iter().copied().collect();
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        if next == other {
            return true;
        }
        if seen.insert(next) {
            open.extend(by_id(next).map_or(&[][..], |cause| cause.more_specific_than));
        }
    }
    false
}

/// Other stories that the lesser evidence tells.
fn others(sample: &Sample, lesser: &Options, how: &str) -> Vec<String> {
    let Ok(whole) = &sample.report else { return Vec::new() };
    let report = match samples::analysed(lesser) {
        Ok(report) => report,
        // A log or capture alone may hold nothing.
        Err(error) if error != "panic" => return Vec::new(),
        Err(_) => return vec![format!("samples/{} {how}: panic", sample.name)],
    };
    let mut named = named(whole);
    named.extend(
        sample
            .expected
            .incidents
            .iter()
            .filter_map(|expected| by_id(expected.cause.as_deref()?))
            .map(|cause| cause.id),
    );
    let others = report.incidents.iter().filter(|incident| {
        // A log alone also tells of strangers, whom the capture did not show.
        sample.expected.incidents.iter().any(|expected| expected.client == incident.client)
            && incident.verdict.kind == "cause"
            && incident.verdict.cause.is_some_and(|cause| !explains(&named, cause))
    });
    others.map(|incident| format!("samples/{} {how}: {}", sample.name, samples::one_line(incident))).collect()
}

pub fn is_log(path: &Path) -> bool {
    path.extension() == Some("evtx".as_ref())
}

#[test]
fn half_of_the_evidence_tells_no_other_story() {
    let mut complaints = Vec::new();
    let mut count = 0;
    for sample in samples::all() {
        let (logs, captures): (Vec<PathBuf>, Vec<PathBuf>) =
            sample.options.inputs.iter().cloned().partition(|path| is_log(path));
        if logs.is_empty() || captures.is_empty() {
            continue;
        }
        count += 2;
        let only = |inputs: Vec<PathBuf>| Options { inputs, ..sample.options.clone() };
        complaints.extend(others(sample, &only(captures), "without its logs"));
        complaints.extend(others(sample, &only(logs), "without its capture"));
    }
    println!("{count} halves");
    assert!(count > 20);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn a_capture_that_stops_early_tells_no_other_story() {
    let folder = tempfile::tempdir().unwrap();
    let mut complaints = Vec::new();
    let (mut count, mut causes, mut changed) = (0, 0, Vec::new());
    for sample in samples::all() {
        let [input] = &sample.options.inputs[..] else { continue };
        let bytes = fs::read(input).unwrap();
        if is_log(input) || !bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            continue;
        }
        let frames: Vec<Frame> = read::frames(&bytes)
            .into_iter()
            .filter(|frame| frame.link == 1)
            .map(|frame| Frame { time: frame.time, data: frame.data.to_vec() })
            .collect();
        let path = folder.path().join("capture.pcapng");
        // The whole, as a check that writing it again changes nothing, then less and less of it.
        for tenths in [10, 9, 7, 5, 3] {
            let kept = frames.len() * tenths / 10;
            fs::write(&path, file::pcapng(&frames[..kept])).unwrap();
            let lesser = Options { inputs: vec![path.clone()], ..sample.options.clone() };
            let now = samples::analysed(&lesser);
            let [now, whole] = [&now, &sample.report].map(|report| {
                report
                    .as_ref()
                    .map(|report| report.incidents.iter().map(samples::one_line).collect::<Vec<_>>())
            });
            causes += usize::from(
                now.as_ref().is_ok_and(|lines| lines.iter().any(|line| line.contains(" cause "))),
            );
            if tenths == 10 && now.ok() != whole.ok() {
                changed.push(sample.name.as_str());
            }
            complaints.extend(others(sample, &lesser, &format!("after {kept} of {} frames", frames.len())));
            count += 1;
        }
    }
    println!("{count} captures, {causes} with a cause; written again, {changed:?} is judged otherwise");
    assert!(count > 100 && causes > 50);
    // The writer here knows one interface, and that an Ethernet.
    let known = ["healthy-any-interface", "tls-inspection"];
    assert!(changed.iter().all(|name| known.contains(name)), "{changed:?}");
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Causes that `causes.md` tells apart from a neighbour (its lines **N**), and neighbours of theirs that bear another name.
const TOLD_APART: &[(&str, &[&str])] = &[
    ("dns-failure", &[]),
    ("wrong-address", &[]),
    ("host-unreachable", &["silence-alone"]),
    ("host-asleep", &[]),
    ("firewall-drop", &[]),
    ("firewall-reject", &[]),
    ("port-closed-or-device-reset", &[]),
    ("service-down", &[]),
    ("too-many-incomplete-connections", &[]),
    ("brute-force-storm", &[]),
    ("syn-ack-lost", &[]),
    ("no-cc", &[]),
    ("data-dropped-after-handshake", &[]),
    ("tls-version-mismatch", &[]),
    ("tls-no-shared-cipher", &["fips--cipher"]),
    ("certificate-dates", &[]),
    ("private-key-unreadable", &[]),
    ("tls-inspection", &[]),
    ("clock-skew", &[]),
    ("credssp-oracle-remediation", &["bad-password-or-unknown-user--6041-elsewhere"]),
    ("nla-refused-reason-not-visible", &[]),
    ("rst-injected", &[]),
    ("stateful-idle-timeout", &["healthy-idle"]),
    ("packet-loss", &["healthy-with-loss"]),
    ("high-latency", &["healthy-high-latency"]),
    ("mtu-black-hole", &[]),
    ("mtu-icmp-ignored", &["healthy-mtu-learned"]),
    ("client-network-change", &[]),
    ("server-hung", &[]),
    ("segments-corrupted", &["healthy-offloads"]),
    ("udp-half-working", &["healthy-udp--schannel-noise"]),
    ("client-security-software", &["closed-inside-tls-reason-not-visible--thrice"]),
];

#[test]
fn every_cause_with_a_neighbour_has_two_hard_ones() {
    let names = samples::names();
    let mut lacking = Vec::new();
    for (cause, others) in TOLD_APART {
        assert!(by_id(cause).is_some(), "no cause {cause}");
        let missing = others.iter().find(|other| !names.iter().any(|name| name == *other));
        assert!(missing.is_none(), "no sample {missing:?}");
        let own =
            names.iter().filter(|name| name.strip_prefix(cause).is_some_and(|rest| rest.starts_with("--")));
        let count = own.count() + others.len();
        if count < 2 {
            lacking.push(format!("{cause}: {count}"));
        }
    }
    assert!(lacking.is_empty(), "fewer than two hard neighbours: {lacking:?}");
}

/// A long capture tells of a host what it told last, not what it told first.
#[test]
fn a_host_that_answered_long_ago_as_well_is_still_there() {
    /// Before the client's first SYN: an hour, and less than what a sign is good for.
    const AGO: [i64; 2] = [3_600_000_000_000, 20_000_000_000];
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read("samples/firewall-drop/capture.pcapng").unwrap();
    let whole: Vec<Frame> = read::frames(&bytes)
        .into_iter()
        .map(|frame| Frame { time: frame.time, data: frame.data.to_vec() })
        .collect();
    let (pings, syns) = whole.split_at(6);
    let earlier = AGO.iter().flat_map(|ago| pings.iter().cloned().map(move |own| (ago, own)));
    let mut frames: Vec<Frame> = earlier.map(|(ago, own)| Frame { time: own.time - ago, ..own }).collect();
    frames.extend_from_slice(syns);
    let path = folder.path().join("capture.pcapng");
    fs::write(&path, file::pcapng(&frames)).unwrap();
    for range in [64, 1 << 20] {
        let options = Options { inputs: vec![path.clone()], range_size: Some(range), ..Options::default() };
        let report = samples::analysed(&options).unwrap();
        let verdict = &report.incidents[0].verdict;
        assert_eq!(verdict.cause, Some("firewall-drop"), "{}", samples::one_line(&report.incidents[0]));
        let sign = verdict.evidence.iter().find(|own| own.says.contains("answers ping")).unwrap();
        assert_eq!(sign.frame, Some(12), "the second answer of the second time");
    }
}

/// A reset is no silence: the title says what the server did.
#[test]
fn a_request_that_is_answered_with_a_reset_is_told_as_such() {
    const FLAGS: usize = 14 + 20 + 13;
    const CHECKSUM: usize = 14 + 20 + 16;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.pcapng");
    let bytes = fs::read("samples/no-cc--closed/capture.pcapng").unwrap();
    let frames = read::frames(&bytes);
    // Up to the server's FIN, in the first of two connections.
    let mut frames: Vec<Frame> =
        frames[..8].iter().map(|frame| Frame { time: frame.time, data: frame.data.to_vec() }).collect();
    let title = |frames: &[Frame]| {
        fs::write(&path, file::pcapng(frames)).unwrap();
        let options = Options { inputs: vec![path.clone()], ..Options::default() };
        let report = samples::analysed(&options).unwrap();
        let verdict = &report.incidents[0].verdict;
        assert_eq!(verdict.cause, Some("no-cc"), "{}", samples::one_line(&report.incidents[0]));
        verdict.summary.clone()
    };
    assert!(title(&frames).contains("closed the connection instead of answering"), "{}", title(&frames));
    let close = &mut frames[7].data;
    assert_eq!(close[FLAGS], 0x11, "FIN, ACK");
    close[FLAGS] = 0x14;
    let sum = u16::from_be_bytes([close[CHECKSUM], close[CHECKSUM + 1]]) - 3;
    close[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
    assert!(title(&frames).contains("reset the connection instead of answering"), "{}", title(&frames));
}

/// The server's log counts how long it had nothing to say: a device that forgot an idle session leaves the same error.
#[test]
fn a_log_alone_calls_no_idle_session_lost() {
    let log = PathBuf::from("samples/stateful-idle-timeout--with-log/events.evtx");
    let report = samples::analysed(&Options { inputs: vec![log], ..Options::default() }).unwrap();
    let told: Vec<String> = report.incidents.iter().map(samples::one_line).collect();
    assert!(report.incidents.iter().any(|incident| incident.verdict.kind == "undetermined"), "{told:?}");
    assert!(
        report.incidents.iter().all(|incident| incident.verdict.cause != Some("packet-loss")),
        "{told:?}"
    );
}
