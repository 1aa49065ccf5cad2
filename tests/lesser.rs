//! A capture that lacks something tells no other story: one frame lost, begun late, ended early, cut by the snapshot
//! length, one direction only. A cause may become a residual, a more general cause, or nothing; never a different
//! one, and a failure never becomes a healthy session.
//!
//! The captures are made here from the samples, not committed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops with its reason")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rdpscan::{Options, Report};

use super::neighbours::{explains, is_log, named};
use super::samples::{self, Sample};
use super::support::capture::file::{self, Frame};
use super::support::capture::read;

/// What is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// This frame, counted from 1.
    Drop(usize),
    /// All before this frame.
    Tail(usize),
    /// All behind this frame.
    Head(usize),
    /// Bytes of each frame behind this.
    Snap(usize),
    /// What the server sent.
    ToClient,
    /// What the client sent.
    ToServer,
}

fn lacks(frames: usize) -> Vec<Lack> {
    // The beginning and the end are where it is decided.
    let places: Vec<usize> = (1..=frames).filter(|at| *at <= 48 || *at + 16 > frames).collect();
    let mut lacks = vec![Lack::ToClient, Lack::ToServer];
    lacks.extend([54, 60, 64, 96, 128, 200].map(Lack::Snap));
    for at in places {
        lacks.push(Lack::Drop(at));
        lacks.extend((at > 1).then_some(Lack::Tail(at)));
        lacks.extend((at < frames).then_some(Lack::Head(at)));
    }
    lacks
}

fn without(frames: &[(Frame, Option<bool>)], lack: Lack) -> Vec<u8> {
    let keep = |at: usize, to_server: Option<bool>| match lack {
        Lack::Drop(number) => at + 1 != number,
        Lack::Tail(number) => at + 1 >= number,
        Lack::Head(number) => at < number,
        Lack::Snap(_) => true,
        Lack::ToClient => to_server != Some(false),
        Lack::ToServer => to_server != Some(true),
    };
    let kept: Vec<Frame> = frames
        .iter()
        .enumerate()
        .filter(|(at, (_, to_server))| keep(*at, *to_server))
        .map(|(_, (frame, _))| frame.clone())
        .collect();
    file::pcapng_cut(&kept, if let Lack::Snap(length) = lack { length } else { usize::MAX })
}

#[test]
fn lesser_captures() {
    use rayon::prelude::*;
    let only = std::env::var("LESSER").unwrap_or_default();
    let all: Vec<&Sample> = samples::all().iter().filter(|s| s.name.contains(&only)).collect();
    let lines: Vec<String> = all.par_iter().flat_map(|sample| complaints(sample)).collect();
    for line in &lines {
        println!("{line}");
    }
    println!("{} complaints", lines.len());
}

fn complaints(sample: &Sample) -> Vec<String> {
    let Ok(whole) = &sample.report else { return vec![] };
    let captures: Vec<&PathBuf> = sample.options.inputs.iter().filter(|p| !is_log(p)).collect();
    let [capture] = captures[..] else { return vec![] };
    let bytes = fs::read(capture).unwrap();
    if !bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) || read::frames(&bytes).iter().any(|f| f.link != 1) {
        return vec![];
    }
    let servers: BTreeSet<_> = read::connections(&bytes).into_iter().map(|c| c.server).collect();
    let frames: Vec<(Frame, Option<bool>)> = read::frames(&bytes)
        .iter()
        .map(|frame| {
            let ends = read::ends(frame);
            (
                Frame { time: frame.time, data: frame.data.to_vec() },
                ends.and_then(|(s, d)| {
                    if servers.contains(&d) {
                        Some(true)
                    } else if servers.contains(&s) {
                        Some(false)
                    } else {
                        None
                    }
                }),
            )
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.pcapng");
    let mut named = named(whole);
    named.extend(
        sample
            .expected
            .incidents
            .iter()
            .filter_map(|e| rdpscan::causes::by_id(e.cause.as_deref()?))
            .map(|c| c.id),
    );
    let logs: Vec<PathBuf> = sample.options.inputs.iter().filter(|p| is_log(p)).cloned().collect();
    let mut out = vec![];
    for lack in lacks(frames.len()) {
        fs::write(&path, without(&frames, lack)).unwrap();
        let mut inputs = vec![path.clone()];
        inputs.extend(logs.iter().cloned());
        let report = match samples::analysed(&Options { inputs, ..sample.options.clone() }) {
            Ok(r) => r,
            Err(e) => {
                if e == "panic" {
                    out.push(format!("{}.{lack:?} PANIC", sample.name));
                }
                continue;
            }
        };
        let healthy_expected = sample.expected.incidents.iter().all(|e| e.kind == "healthy");
        for incident in &report.incidents {
            if !sample.expected.incidents.iter().any(|e| e.client == incident.client) {
                continue;
            }
            let v = &incident.verdict;
            let kind = if v.kind == "cause" && v.cause.is_some_and(|c| !explains(&named, c)) {
                "OTHER"
            } else if v.kind == "undetermined" && v.cause.is_some_and(|c| !explains(&named, c)) {
                "RESIDUAL"
            } else if v.kind == "healthy"
                && !healthy_expected
                && !matches!(lack, Lack::Head(_))
                && !sample
                    .expected
                    .incidents
                    .iter()
                    .any(|e| e.client == incident.client && e.kind == "healthy")
            {
                "HEALTHY"
            } else {
                continue;
            };
            out.push(format!(
                "{kind} {}.{lack:?}: {} {:?} {:?} | {}",
                sample.name,
                samples::one_line(incident),
                v.strength,
                v.blame,
                v.summary
            ));
        }
        if report.incidents.len() > sample.expected.incidents.len() {
            out.push(format!(
                "COUNT {}.{lack:?}: {} incidents: {}",
                sample.name,
                report.incidents.len(),
                report.incidents.iter().map(samples::one_line).collect::<Vec<_>>().join("; ")
            ));
        }
    }
    out
}
