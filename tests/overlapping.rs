//! A sample's capture as two that overlap: the one was stopped before the end, the other begun behind the beginning.
//! Together they hold everything, so what was healthy is healthy, and no failure is a healthy session or another cause.
//!
//! The captures are made here from the samples, not committed.

#![allow(clippy::unwrap_used, reason = "a test stops with its reason")]

use std::fs;
use std::path::PathBuf;

use rdpscan::Options;

use super::lesser::another_story;
use super::neighbours::is_log;
use super::samples::{self, Sample};
use super::support::capture::file::{self, Frame};
use super::support::capture::read;

/// Below this a part is hardly a capture.
const FRAMES: usize = 25;
/// Where the first ends and the second begins, in hundredths of the frames; and how much later the second's clock
/// shows a frame, nanoseconds.
const PARTS: [(usize, usize, i64); 4] = [(60, 30, 0), (75, 50, 20_000), (90, 10, 300_000), (97, 50, 0)];

#[test]
fn two_captures_that_overlap_hold_what_one_would() {
    samples::none_complains(400, complaints);
}

fn complaints(sample: &Sample) -> (usize, Vec<String>) {
    let (logs, captures): (Vec<PathBuf>, Vec<PathBuf>) =
        sample.options.inputs.iter().cloned().partition(|path| is_log(path));
    let [capture] = &captures[..] else { return (0, Vec::new()) };
    let bytes = fs::read(capture).unwrap();
    if !bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        return (0, Vec::new());
    }
    let frames = read::frames(&bytes);
    if frames.len() < FRAMES || frames.iter().any(|frame| frame.link != 1) {
        return (0, Vec::new());
    }
    let folder = tempfile::tempdir().unwrap();
    let mut complaints = Vec::new();
    for (end, beginning, later) in PARTS {
        let place = |hundredths: usize| frames.len() * hundredths / 100;
        let part = |from: usize, to: usize, later: i64| -> Vec<Frame> {
            let frames = frames.get(from..to).unwrap().iter();
            frames.map(|frame| Frame { time: frame.time + later, data: frame.data.to_vec() }).collect()
        };
        let first = folder.path().join("first.pcapng");
        let second = folder.path().join("second.pcapng");
        fs::write(&first, file::pcapng(&part(0, place(end), 0))).unwrap();
        fs::write(&second, file::pcapng(&part(place(beginning), frames.len(), later))).unwrap();
        let inputs = [first, second].into_iter().chain(logs.iter().cloned()).collect();
        let together = Options { inputs, threads: Some(1), ..sample.options.clone() };
        let Ok(report) = samples::analysed(&together) else {
            complaints.push(format!("samples/{}: no report", sample.name));
            continue;
        };
        let all_healthy = sample.expected.incidents.iter().all(|expected| expected.kind == "healthy");
        for incident in &report.incidents {
            let why = another_story(sample, incident)
                .or((all_healthy && incident.verdict.kind != "healthy").then_some("not healthy"));
            if let Some(why) = why {
                let says = samples::one_line(incident);
                complaints.push(format!("samples/{} to {end}, from {beginning}: {why}: {says}", sample.name));
            }
        }
    }
    (PARTS.len(), complaints)
}
