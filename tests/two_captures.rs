//! Two captures of one connection, one of them worse than it was: what it may have missed proves nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops with its reason")]

use std::fs;
use std::path::PathBuf;

use rdpscan::base::NoteKind;
use rdpscan::report::model::Verdict;
use rdpscan::{Options, analyze};

use super::support::capture::file::{self, Frame};
use super::support::capture::read;

/// The verdict on the only incident of a sample whose second capture was changed.
fn judged(sample: &str, name: &str, change: impl Fn(Vec<Frame>) -> Vec<u8>) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(format!("samples/{sample}/{name}")).unwrap();
    let frames = read::frames(&bytes);
    let frames = frames.iter().map(|frame| Frame { time: frame.time, data: frame.data.to_vec() }).collect();
    let changed = folder.path().join(name);
    fs::write(&changed, change(frames)).unwrap();
    let other = if name == "server.pcapng" { "client.pcapng" } else { "server.pcapng" };
    let other = PathBuf::from(format!("samples/{sample}/{other}"));
    let report = analyze(&Options { inputs: vec![other, changed], ..Options::default() }).unwrap();
    assert_eq!(report.incidents.len(), 1, "{sample}");
    report.incidents[0].verdict.clone()
}

const PROVEN: [&str; 3] =
    ["packet-loss--two-captures", "rst-injected--two-captures", "mtu-black-hole--two-captures"];

#[test]
fn unchanged_it_is_proof() {
    for sample in PROVEN {
        let verdict = judged(sample, "server.pcapng", |frames| file::pcapng(&frames));
        assert_eq!(verdict.strength, Some("corroborated"), "{sample}");
    }
}

#[test]
fn a_capture_that_ended_before_proves_nothing() {
    // Of the black hole, the sender's capture and the client's end are needed: that one is cut at the client.
    for (sample, name) in
        [(PROVEN[0], "server.pcapng"), (PROVEN[1], "server.pcapng"), (PROVEN[2], "client.pcapng")]
    {
        let verdict = judged(sample, name, |mut frames| {
            let part = if name == "client.pcapng" { 6 } else { frames.len() / 2 };
            frames.truncate(part);
            file::pcapng(&frames)
        });
        assert_ne!(verdict.strength, Some("corroborated"), "{sample}: {:?}", verdict.cause);
    }
}

#[test]
fn a_capture_with_holes_proves_nothing() {
    let verdict = judged(PROVEN[1], "server.pcapng", |mut frames| {
        // A data segment that the other side acknowledged.
        frames.remove(20);
        file::pcapng(&frames)
    });
    assert_ne!(verdict.cause, Some("rst-injected"));
}

#[test]
fn a_capture_that_says_it_dropped_packets_proves_nothing() {
    let verdict = judged(PROVEN[1], "server.pcapng", |frames| {
        let mut bytes = file::pcapng(&frames);
        // An interface statistics block: isb_ifdrop 3, end of options.
        bytes.extend_from_slice(&5_u32.to_le_bytes());
        bytes.extend_from_slice(&40_u32.to_le_bytes());
        bytes.extend_from_slice(&[0; 12]);
        bytes.extend_from_slice(&[5, 0, 8, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&40_u32.to_le_bytes());
        bytes
    });
    assert_ne!(verdict.cause, Some("rst-injected"));
}

#[test]
fn the_clock_between_both_is_found_to_a_millisecond() {
    let inputs = ["client.pcapng", "server.pcapng"];
    let inputs = inputs.map(|name| PathBuf::from(format!("samples/healthy-two-captures/{name}")));
    let report = analyze(&Options { inputs: inputs.to_vec(), ..Options::default() }).unwrap();
    let clock = &report.clocks[0];
    assert!((clock.offset_ms.unwrap() - 3_600_512.0).abs() < 1.0, "{:?}", clock.offset_ms);
    let roles: Vec<&str> = report.sources.iter().map(|source| source.role).collect();
    assert_eq!(roles, ["client", "server"]);
    let views = report.connections[0].views.as_ref().unwrap();
    assert_eq!((views.hops, views.to_server.lost, views.to_client.lost), (Some(4), 0, 0));
    // What happened first is told first, whatever the clocks say.
    assert!(report.connections.len() == 1 && report.incidents[0].start.starts_with("2026-03-02T08:31:40"));
}

/// A computer whose battery is empty captures in 1970.
#[test]
fn clocks_that_are_years_apart_are_compared_and_noted() {
    const YEARS: i64 = 56 * 365 * 86_400;
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read("samples/mtu-black-hole/capture.pcapng").unwrap();
    let moved = |nanos: i64| -> Vec<Frame> {
        let frames = read::frames(&bytes);
        frames.iter().map(|frame| Frame { time: frame.time - nanos, data: frame.data.to_vec() }).collect()
    };
    let changed = folder.path().join("moved.pcapng");
    fs::write(&changed, file::pcapng(&moved(YEARS * 1_000_000_000))).unwrap();
    let inputs = vec![PathBuf::from("samples/mtu-black-hole/capture.pcapng"), changed];
    let report = analyze(&Options { inputs, ..Options::default() }).unwrap();
    assert_eq!(report.incidents.len(), 1);
    let incident = &report.incidents[0];
    assert_eq!(incident.start[..10], incident.end[..10], "{} {}", incident.start, incident.end);
    let far = report.notes.iter().any(|note| note.note == NoteKind::CaptureClockFar.text());
    assert!(far, "{:?}", report.notes);
}

#[test]
fn rings_that_change_files_at_the_same_moment_are_not_mixed() {
    for sample in ["rst-injected--two-captures", "ended-abruptly-by-server--two-captures"] {
        let folder = tempfile::tempdir().unwrap();
        let mut begin = 0;
        for (name, later) in [("client", 0), ("server", 18_000_000)] {
            let bytes = fs::read(format!("samples/{sample}/{name}.pcapng")).unwrap();
            let frames = read::frames(&bytes);
            begin = if begin == 0 { frames[0].time } else { begin };
            // One clock tells both, as if it were the same.
            let shift = begin + later - frames[0].time;
            let frames =
                frames.iter().map(|frame| Frame { time: frame.time + shift, data: frame.data.to_vec() });
            let frames: Vec<Frame> = frames.collect();
            for own in frames.chunk_by(|one, next| one.time / 5_000_000_000 == next.time / 5_000_000_000) {
                let own: Vec<Frame> =
                    own.iter().map(|frame| Frame { time: frame.time, data: frame.data.clone() }).collect();
                let file = format!("{name}-{}.pcapng", own[0].time / 5_000_000_000);
                fs::write(folder.path().join(file), file::pcapng(&own)).unwrap();
            }
        }
        assert!(fs::read_dir(folder.path()).unwrap().count() > 4);
        let report = analyze(&Options { inputs: vec![folder.path().into()], ..Options::default() }).unwrap();
        let cause = report.incidents[0].verdict.cause;
        assert_eq!(cause, sample.strip_suffix("--two-captures"), "{sample}");
    }
}
