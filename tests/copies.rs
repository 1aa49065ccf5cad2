//! What is handed over twice counts once: copies of a capture, copies of a log, the folder and its files.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops with its reason"
)]

use std::fs;
use std::path::PathBuf;

use rayon::prelude::*;
use rdpscan::Options;
use rdpscan::report::{Format, Style, render};

use super::samples;
use super::support::capture::file::{self, Frame};
use super::support::capture::read;

/// What a report says of each incident, in a line.
fn told(report: &Result<rdpscan::Report, String>) -> Option<Vec<String>> {
    let report = report.as_ref().ok()?;
    Some(report.incidents.iter().map(samples::one_line).collect())
}

#[test]
fn copies_of_logs_change_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let (mut count, mut complaints) = (0, Vec::new());
    for sample in samples::all() {
        let mut inputs = sample.options.inputs.clone();
        let logs: Vec<PathBuf> =
            inputs.iter().filter(|path| path.extension().is_some_and(|e| e == "evtx")).cloned().collect();
        for (at, log) in logs.iter().enumerate() {
            let copy = folder.path().join(format!("copy-{at}.evtx"));
            fs::copy(log, &copy).unwrap();
            inputs.push(copy);
        }
        if logs.is_empty() {
            continue;
        }
        count += 1;
        let twice = samples::analysed(&Options { inputs, ..sample.options.clone() });
        if told(&twice) != told(&sample.report) {
            complaints.push(format!("samples/{}: {:?}", sample.name, told(&twice)));
        }
    }
    println!("{count} samples with their logs twice");
    assert!(count > 60);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// A log that was put together from what was found on a disk holds chunks again.
#[test]
fn chunks_that_stand_twice_in_one_log_change_no_page() {
    const HEADER: usize = 4096;
    let is_log = |path: &PathBuf| path.extension().is_some_and(|e| e == "evtx");
    samples::none_complains(60, |sample| {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = sample.options.inputs.clone();
        let mut count = 0;
        for (at, path) in inputs.iter_mut().enumerate().filter(|(_, path)| is_log(path)) {
            let mut bytes = fs::read(&path).unwrap();
            let chunks = bytes[HEADER..].to_vec();
            bytes.extend(chunks);
            *path = folder.path().join(format!("carved-{at}.evtx"));
            fs::write(&path, bytes).unwrap();
            count = 1;
        }
        if count == 0 {
            return (0, Vec::new());
        }
        let same = page(&Options { inputs, ..sample.options.clone() }) == page(&sample.options);
        (count, if same { Vec::new() } else { vec![sample.name.clone()] })
    });
}

/// The page without what numbers the files.
fn page(options: &Options) -> String {
    let report = samples::analysed(options).unwrap();
    let page = render(&report, Format::Table, Style::default());
    let end = page.find("── Limits").or_else(|| page.find("── Sources")).unwrap_or(page.len());
    // `of file 1` may be broken over two lines.
    let words: Vec<&str> = page[..end].split_whitespace().collect();
    let mut text = String::new();
    for (before, word) in std::iter::once(&"").chain(&words).zip(&words) {
        let number =
            before.trim_start_matches('(') == "file" && word.starts_with(|c: char| c.is_ascii_digit());
        text.push_str(if number { word.trim_start_matches(|c: char| c.is_ascii_digit()) } else { word });
        text.push(' ');
    }
    text
}

#[test]
fn the_order_of_the_files_changes_nothing() {
    let mut complaints = Vec::new();
    let mut count = 0;
    for sample in samples::all().iter().filter(|sample| sample.options.inputs.len() == 2) {
        count += 1;
        let mut turned = sample.options.clone();
        turned.inputs.reverse();
        if page(&sample.options) != page(&turned) {
            complaints.push(sample.name.as_str());
        }
    }
    // Three files: every one of them first.
    for sample in samples::all().iter().filter(|sample| sample.name.ends_with("two-captures")) {
        for _ in 1..sample.options.inputs.len() {
            let mut turned = sample.options.clone();
            turned.inputs.rotate_left(1);
            for threads in [1, 3] {
                turned.threads = Some(threads);
                if page(&sample.options) != page(&turned) {
                    complaints.push(sample.name.as_str());
                }
            }
        }
    }
    println!("{count} samples, their files the other way round");
    assert!(count > 50);
    assert!(complaints.is_empty(), "read otherwise: {complaints:?}");
}

#[test]
fn copies_of_captures_change_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let (mut count, mut complaints) = (0, Vec::new());
    for sample in samples::all() {
        let mut inputs = sample.options.inputs.clone();
        let captures: Vec<PathBuf> =
            inputs.iter().filter(|path| path.extension().is_some_and(|e| e == "pcapng")).cloned().collect();
        for (at, capture) in captures.iter().enumerate() {
            let copy = folder.path().join(format!("copy-{at}.pcapng"));
            fs::copy(capture, &copy).unwrap();
            inputs.push(copy);
        }
        if captures.is_empty() {
            continue;
        }
        count += 1;
        let twice = samples::analysed(&Options { inputs, ..sample.options.clone() });
        if told(&twice) != told(&sample.report) {
            complaints.push(format!("samples/{}: {:?}", sample.name, told(&twice)));
        }
    }
    println!("{count} samples with their captures twice");
    assert!(count > 200);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// The blocks of a little-endian capture, with their types.
fn blocks(mut bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let mut blocks = Vec::new();
    while let Some((head, _)) = bytes.split_first_chunk::<8>() {
        let [kind, length] = [0, 4].map(|at| u32::from_le_bytes(head[at..at + 4].try_into().unwrap()));
        let (block, rest) = bytes.split_at(usize::try_from(length).unwrap());
        blocks.push((kind, block));
        bytes = rest;
    }
    blocks
}

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const FRAME: u32 = 6;

/// The same capture as two files of a ring buffer: section and interfaces are described in both.
fn rotated(bytes: &[u8], frames: usize) -> [Vec<u8>; 2] {
    let mut files = [Vec::new(), Vec::new()];
    let mut seen = 0;
    for (kind, block) in blocks(bytes) {
        if [SECTION, INTERFACE].contains(&kind) {
            for file in &mut files {
                file.extend(block);
            }
            continue;
        }
        files[usize::from(seen >= frames)].extend(block);
        seen += usize::from(kind == FRAME);
    }
    files
}

#[test]
fn the_files_of_a_ring_buffer_are_read_as_one_capture() {
    let complaints: Vec<String> = samples::all().par_iter().flat_map(complaints_of_rotation).collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn complaints_of_rotation(sample: &samples::Sample) -> Vec<String> {
    let is_capture = |path: &&PathBuf| path.extension().is_some_and(|e| e == "pcapng");
    let captures: Vec<&PathBuf> = sample.options.inputs.iter().filter(is_capture).collect();
    let [capture] = captures.as_slice() else { return Vec::new() };
    let bytes = fs::read(capture).unwrap();
    let frames = blocks(&bytes).iter().filter(|(kind, _)| *kind == FRAME).count();
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.pcapng", "b.pcapng"].map(|name| folder.path().join(name));
    let logs = sample.options.inputs.iter().filter(|path| !is_capture(path)).cloned();
    let inputs: Vec<PathBuf> = paths.iter().cloned().chain(logs).collect();
    let options = Options { inputs, threads: Some(1), ..sample.options.clone() };
    let places = [2, frames / 3, frames / 2, frames - frames / 4, frames - 1];
    let mut complaints = Vec::new();
    for place in places.into_iter().filter(|place| (1..frames).contains(place)) {
        for (path, file) in paths.iter().zip(rotated(&bytes, place)) {
            fs::write(path, file).unwrap();
        }
        let twofold = samples::analysed(&options);
        if told(&twofold) != told(&sample.report) {
            complaints.push(format!("samples/{}, cut at frame {place}: {:?}", sample.name, told(&twofold)));
        }
    }
    complaints
}

/// The same capture by a clock that is so many seconds ahead.
fn by_another_clock(bytes: &[u8], seconds: i64) -> Vec<u8> {
    let frames = read::frames(bytes).into_iter();
    let moved =
        frames.map(|frame| Frame { time: frame.time + seconds * 1_000_000_000, data: frame.data.to_vec() });
    file::pcapng(&moved.collect::<Vec<Frame>>())
}

#[test]
fn one_clock_holds_for_all_files_of_a_ring_beside_another_capture() {
    let (mut count, mut complaints) = (0, Vec::new());
    for sample in samples::all() {
        let (captures, logs): (Vec<&PathBuf>, Vec<&PathBuf>) =
            sample.options.inputs.iter().partition(|path| path.extension().is_some_and(|e| e == "pcapng"));
        let [one, other] = captures[..] else { continue };
        // Logs have clocks of their own.
        let clocks: &[i64] = if logs.is_empty() { &[0, 3, -90, 3600] } else { &[0] };
        count += 1;
        for (ring, beside) in [(one, other), (other, one)] {
            let (ring, beside) = (fs::read(ring).unwrap(), fs::read(beside).unwrap());
            let frames = blocks(&ring).iter().filter(|(kind, _)| *kind == FRAME).count();
            for seconds in clocks.iter().copied() {
                let folder = tempfile::tempdir().unwrap();
                for (at, file) in rotated(&ring, frames / 3).iter().enumerate() {
                    fs::write(folder.path().join(format!("ring_{at:05}.pcapng")), file).unwrap();
                }
                fs::write(folder.path().join("beside.pcapng"), by_another_clock(&beside, seconds)).unwrap();
                let mut inputs = vec![folder.path().to_path_buf()];
                inputs.extend(logs.iter().copied().cloned());
                let options = Options { inputs, threads: Some(1), ..sample.options.clone() };
                let cut = samples::analysed(&options);
                if told(&cut) != told(&sample.report) {
                    complaints.push(format!("samples/{}, {seconds} s: {:?}", sample.name, told(&cut)));
                }
            }
        }
    }
    println!("{count} samples with two captures, each of them a ring in turn");
    assert!(count >= 5);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
