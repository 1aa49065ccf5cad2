//! What is handed over twice counts once: copies of a capture, copies of a log, the folder and its files.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops with its reason")]

use std::fs;
use std::path::PathBuf;

use rdpscan::Options;
use rdpscan::report::{Format, Style, render};

use super::samples;

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
        let told = |report: &Result<rdpscan::Report, String>| {
            report
                .as_ref()
                .map(|report| report.incidents.iter().map(samples::one_line).collect::<Vec<_>>())
                .ok()
        };
        let twice = samples::analysed(&Options { inputs, ..sample.options.clone() });
        if told(&twice) != told(&sample.report) {
            complaints.push(format!("samples/{}: {:?}", sample.name, told(&twice)));
        }
    }
    println!("{count} samples with their logs twice");
    assert!(count > 60);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
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
        let number = *before == "file" && word.starts_with(|c: char| c.is_ascii_digit());
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
