//! The whole program over two arbitrary files.

use std::fs;

use super::Script;
use crate::analyze::{Options, analyze};
use crate::report::{Format, Style, render};

const FORMATS: [Format; 6] =
    [Format::Table, Format::Markdown, Format::Html, Format::Json, Format::Csv, Format::Ndjson];

/// Takes a length, then a file of that length and another one. Reports are the same in ranges of any size.
pub fn whole(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let first = usize::from(script.u16()) | usize::from(script.u8()) << 16;
    let first = script.take(first);
    let second = script.take(usize::MAX);
    let Ok(folder) = tempfile::tempdir() else { return };
    let mut inputs = Vec::new();
    for (name, content) in [("first", first), ("second", second)] {
        let path = folder.path().join(name);
        if !content.is_empty() && fs::write(&path, content).is_ok() {
            inputs.push(path);
        }
    }
    if inputs.is_empty() {
        return;
    }
    let options = Options { inputs, ..Options::default() };
    let report = match analyze(&options) {
        Ok(report) => report,
        Err(error) => return assert!(error.to_string().len() > 20, "an error that says nothing: {error}"),
    };
    for format in FORMATS {
        let _ = render(&report, format, Style::default());
    }
    let json = render(&report, Format::Json, Style::default());
    let ranges = Options { range_size: Some(700), ..options };
    let other = analyze(&ranges).map(|report| render(&report, Format::Json, Style::default()));
    assert!(other.is_ok_and(|other| other == json), "ranges of 700 bytes change the report");
}
