//! Imports point one way: a file uses its own layer and lower ones only.
//!
//! Reads the sources; knows nothing of what they do.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer with the layers that it may use besides itself, lowest first.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("input", &["base"]),
    ("capture", &["base", "input"]),
    ("packet", &["base", "input", "capture"]),
    ("stream", &["base", "input", "capture", "packet"]),
    // Pure functions over bytes, and logs: both know nothing of packets.
    ("protocol", &["base"]),
    ("eventlog", &["base", "input"]),
    ("codes", &["base"]),
    ("host", &["base", "input"]),
    ("connection", BELOW_CONNECTION),
    ("correlate", BELOW_CORRELATE),
    ("causes", BELOW_CAUSES),
    ("report", BELOW_REPORT),
    ("extract", BELOW_REPORT),
    ("remedy", &["base", "codes", "eventlog", "host", "connection", "correlate", "causes", "report"]),
];
/// Connections are of packets only, host facts of text only: packets and logs meet in `correlate`.
const BELOW_CONNECTION: &[&str] = &["base", "input", "capture", "packet", "stream", "protocol", "codes"];
const BELOW_CORRELATE: &[&str] =
    &["base", "input", "capture", "packet", "stream", "protocol", "codes", "eventlog", "host", "connection"];
const BELOW_CAUSES: &[&str] = &[
    "base",
    "input",
    "capture",
    "packet",
    "stream",
    "protocol",
    "codes",
    "eventlog",
    "host",
    "connection",
    "correlate",
];
const BELOW_REPORT: &[&str] = &[
    "base",
    "input",
    "capture",
    "packet",
    "stream",
    "protocol",
    "codes",
    "eventlog",
    "host",
    "connection",
    "correlate",
    "causes",
];
/// Files that see every layer.
const ABOVE_ALL: &[&str] = &["lib.rs", "main.rs", "analyze", "analyze.rs", "cli", "oracle"];

/// A path to another part of the crate: its first component, and the line where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Use {
    line: usize,
    of: String,
}

/// Every `crate::x` in a file, also inside braces and in macros, and every `super::super::x` that leaves the layer.
/// `depth` is how many modules deep the file itself stands.
fn uses(text: &str, depth: usize) -> Vec<Use> {
    let code: Vec<&str> = text.lines().map(without_comment).collect();
    let text = code.join("\n");
    let mut found = Vec::new();
    let up = "super::".repeat(depth);
    for prefix in ["crate::", &up] {
        for (at, _) in text.match_indices(prefix) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let line = text[..at].matches('\n').count() + 1;
            let rest = &text[at + prefix.len()..];
            let names = match rest.strip_prefix('{') {
                Some(group) => heads(group),
                None => vec![(0, identifier(rest))],
            };
            let names = names.into_iter().filter(|(_, name)| !name.is_empty());
            found.extend(names.map(|(lines, name)| Use { line: line + lines, of: name.to_owned() }));
        }
    }
    found
}

/// The line without what follows `//`. A `//` in a string is cut too: no path stands behind it.
fn without_comment(line: &str) -> &str {
    line.find("//").map_or(line, |at| &line[..at])
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The first component of each member of a group, with the number of line ends before it.
fn heads(group: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut fresh = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && depth == 0 && (c.is_alphanumeric() || c == '_') => {
                found.push((group[..at].matches('\n').count(), identifier(&group[at..])));
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension() == Some("rs".as_ref()) {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn imports_point_one_way() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    assert!(files.len() > 50, "only {} files: is this the root of the repository?", files.len());
    let mut complaints = Vec::new();
    let mut checked = 0;
    for path in files {
        let inside = path.strip_prefix("src").unwrap();
        let parts: Vec<&str> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        if ABOVE_ALL.contains(&parts[0]) {
            continue;
        }
        let own = parts[0].trim_end_matches(".rs");
        let at = path.display();
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
            complaints.push(format!("{at}: {own} is no layer"));
            continue;
        };
        let depth = parts.len() - usize::from(parts.last() == Some(&"mod.rs"));
        for found in uses(&fs::read_to_string(&path).unwrap(), depth) {
            checked += 1;
            let of = found.of.as_str();
            let layer = LAYERS.iter().any(|(layer, _)| *layer == of)
                || ABOVE_ALL.contains(&format!("{of}.rs").as_str());
            // What the crate re-exports at its root belongs to `base`, save the pipeline's own words.
            let pipeline = ["Options", "Report"].contains(&of);
            if layer && of != own && !allowed.contains(&of) || pipeline {
                complaints.push(format!("{at}:{}: {own} uses {of}", found.line));
            }
        }
    }
    assert!(checked > 200, "only {checked} imports found: the test has gone blind");
    assert!(complaints.is_empty(), "imports against the order:\n{}", complaints.join("\n"));
}

#[test]
fn every_kind_of_path_is_seen() {
    let text = "\
//! See [`crate::report`].
use crate::base::{Mark, time};
use crate::{
    stream::{Flow, records::Record},
    packet::Segment, // not crate::causes
};
fn f() -> crate::connection::Stage { $crate::causes::cause!() }
use super::super::correlate::Incident;
use super::case;
";
    let found: Vec<(usize, String)> = uses(text, 2).into_iter().map(|found| (found.line, found.of)).collect();
    let expected =
        [(2, "base"), (4, "stream"), (5, "packet"), (7, "connection"), (7, "causes"), (8, "correlate")];
    assert_eq!(found, expected.map(|(line, of)| (line, of.to_owned())));
}

#[test]
fn unsafe_stands_in_one_place() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let holds = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(without_comment).any(|line| line.contains("unsafe"))
    };
    let found: Vec<String> = files
        .iter()
        .filter(|path| holds(path))
        .map(|path| path.display().to_string().replace('\\', "/"))
        .collect();
    assert_eq!(found, ["src/input/map/guard.rs", "src/input/map.rs"]);
}
