//! The catalogue: complete, spelled as the reference spells it, and each entry shown by a sample.
//!
//! Reads the sources of `src/causes/`, the list of known causes in `tests/causes.txt` and the judgements of all samples.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use rdpscan::causes::{ALL, Cause, Severity, by_id};

use super::samples;

/// A line of `tests/causes.txt`.
struct Known {
    states: Vec<&'static str>,
    severities: Vec<&'static str>,
    blames: Vec<&'static str>,
    residual: bool,
}

/// The reference, by cause.
fn known() -> BTreeMap<&'static str, Known> {
    let lines = include_str!("causes.txt").lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [name, states, severities, blames, residual] = cells[..] else { panic!("five cells: {line}") };
        assert!(["yes", "no"].contains(&residual), "{line}");
        let list = |cell: &'static str| cell.split('|').collect();
        let (states, severities, blames) = (list(states), list(severities), list(blames));
        (name, Known { states, severities, blames, residual: residual == "yes" })
    });
    let known: BTreeMap<_, _> = rows.collect();
    assert!(known.len() > 80);
    known
}

/// A file that declares a cause.
struct Declared {
    path: PathBuf,
    /// Folder and file name without the extension.
    stage: String,
    file: String,
    id: String,
    /// Lines of its doc comment.
    doc: Vec<String>,
}

/// Every file under `src/causes/<stage>/` that says `cause!`.
fn declared() -> Vec<Declared> {
    let mut found = Vec::new();
    let folders = fs::read_dir("src/causes").unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.is_dir()) {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let text = fs::read_to_string(&path).unwrap();
            let parts: Vec<&str> = text.split("\ncause! {\n").collect();
            for part in &parts[1..] {
                let doc: Vec<String> = part
                    .lines()
                    .map_while(|line| line.trim().strip_prefix("///"))
                    .map(|line| line.trim().to_owned())
                    .collect();
                let id = part.lines().nth(doc.len()).and_then(|line| line.trim().strip_prefix('"'));
                let id = id.and_then(|line| line.split('"').next());
                let name = |path: &std::path::Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
                found.push(Declared {
                    stage: name(&folder),
                    file: name(&path),
                    id: id.unwrap_or_else(|| panic!("{}: cause! without an id", path.display())).to_owned(),
                    doc,
                    path: path.clone(),
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() >= 3, "only {} causes declared: is this the root of the repository?", found.len());
    found
}

/// Fails with every complaint at once.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn every_file_is_in_the_list_and_every_entry_has_a_file() {
    let declared = declared();
    let mut complaints = Vec::new();
    for file in &declared {
        let at = file.path.display();
        match by_id(&file.id) {
            None => complaints.push(format!("{at}: {} is missing from ALL in src/causes/mod.rs", file.id)),
            Some(cause) if cause.stage.name() != file.stage => {
                complaints.push(format!("{at}: stage {} in the folder of another", cause.stage));
            }
            Some(_) => {}
        }
        if file.file != file.id.replace('-', "_") {
            complaints.push(format!("{at}: named otherwise than {}", file.id));
        }
    }
    let mut seen = BTreeSet::new();
    for cause in ALL {
        if !seen.insert(cause.id) {
            complaints.push(format!("{} is twice in ALL", cause.id));
        }
        if declared.iter().filter(|file| file.id == cause.id).count() != 1 {
            complaints.push(format!("{} has not exactly one file", cause.id));
        }
    }
    none(&complaints);
}

#[test]
fn every_entry_agrees_with_the_reference() {
    let known = known();
    let mut complaints = Vec::new();
    for cause in ALL {
        match known.get(cause.id) {
            Some(known) => against_the_reference(cause, known, &mut complaints),
            None => complaints.push(format!("{}: not in the reference", cause.id)),
        }
    }
    let missing: Vec<&str> = known.keys().copied().filter(|id| by_id(id).is_none()).collect();
    println!("{} of {} known causes have no detector: {}", missing.len(), known.len(), missing.join(", "));
    none(&complaints);
}

fn against_the_reference(cause: &Cause, known: &Known, complaints: &mut Vec<String>) {
    let id = cause.id;
    if cause.residual != known.residual {
        complaints
            .push(format!("{id}: residual is {}, the reference says {}", cause.residual, known.residual));
    }
    for blame in cause.blames {
        if !known.blames.contains(&blame.name()) {
            complaints.push(format!("{id}: may not blame {} ({})", blame.name(), known.blames.join(" or ")));
        }
    }
    // What the reference calls a limit is no failure of anybody.
    let severity = cause.severity.name();
    let limit = known.severities.contains(&"limit") && cause.severity <= Severity::Remark;
    if !known.severities.contains(&severity) && !limit {
        complaints
            .push(format!("{id}: severity {severity}, the reference says {}", known.severities.join("|")));
    }
    let stages: Vec<&str> = known.states.iter().map(|state| stage_of(state)).collect();
    if !stages.contains(&"any") && !stages.contains(&cause.stage.name()) {
        complaints.push(format!("{id}: stage {}, the reference says {}", cause.stage, stages.join(" or ")));
    }
}

/// The reference names states of the connection more finely than the report names stages.
fn stage_of(state: &'static str) -> &'static str {
    match state {
        "syn" | "tcp" => "transport",
        "cr" | "cc" => "negotiation",
        "tls-hello" | "tls" => "tls",
        "credssp" => "authentication",
        "mcs" => "settings",
        "licence" => "licensing",
        "active" => "session",
        "name" | "gateway" | "any" => state,
        other => panic!("{other} is no state"),
    }
}

#[test]
fn every_entry_says_why_what_to_do_and_what_was_seen() {
    let mut complaints = Vec::new();
    for file in declared() {
        let at = file.path.display();
        let title = file.doc.first().map_or("", String::as_str);
        if !title.ends_with('.') || title.len() < 10 {
            complaints.push(format!("{at}: the title is no sentence: {title}"));
        }
        if file.doc.get(1).is_some_and(|line| !line.is_empty()) {
            complaints.push(format!("{at}: the title is longer than a line"));
        }
        let headings: Vec<&str> = file.doc.iter().filter_map(|line| line.strip_prefix("## ")).collect();
        if headings != ["Why", "What to do", "Seen as"] {
            complaints.push(format!("{at}: sections are {headings:?}"));
        }
        let Some(cause) = by_id(&file.id) else { continue };
        for section in ["Why", "What to do", "Seen as"] {
            if cause.section(section).is_empty() {
                complaints.push(format!("{at}: nothing under {section}"));
            }
        }
        if cause.remedy().is_empty() {
            complaints.push(format!("{at}: nothing to do"));
        }
    }
    none(&complaints);
}

#[test]
fn what_is_more_specific_exists_and_goes_round_nowhere() {
    let mut complaints = Vec::new();
    for cause in ALL {
        for other in cause.more_specific_than {
            if by_id(other).is_none() {
                complaints.push(format!("{}: more specific than {other}, which does not exist", cause.id));
            }
        }
        let mut open: Vec<&str> = cause.more_specific_than.to_vec();
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            if next == cause.id {
                complaints.push(format!("{}: more specific than itself, through others", cause.id));
            }
            if seen.insert(next) {
                open.extend(by_id(next).map_or(&[][..], |cause| cause.more_specific_than));
            }
        }
    }
    none(&complaints);
}

#[test]
fn every_entry_has_a_sample_that_yields_it() {
    let mut complaints = Vec::new();
    for cause in ALL {
        let meant: Vec<_> = samples::all().iter().filter(|sample| sample.expected.names(cause.id)).collect();
        let yields = meant.iter().any(|sample| yields(sample, cause.id));
        match meant.is_empty() {
            true => complaints.push(format!("{}: no sample shows it", cause.id)),
            false if !yields => {
                let names: Vec<&str> = meant.iter().map(|sample| sample.name.as_str()).collect();
                complaints.push(format!("{}: not found in {}", cause.id, names.join(", ")));
            }
            false => {}
        }
    }
    none(&complaints);
}

#[test]
fn no_entry_is_found_in_a_sample_of_something_else() {
    let mut complaints = Vec::new();
    for sample in samples::all() {
        let Ok(report) = &sample.report else { continue };
        for incident in &report.incidents {
            if let Some(cause) = incident.verdict.cause
                && !sample.expected.names(cause)
            {
                complaints.push(format!("samples/{}: the verdict is {cause}", sample.name));
            }
        }
    }
    complaints.dedup();
    none(&complaints);
}

#[test]
fn no_healthy_sample_has_a_remark_on_a_failure_that_nobody_meant() {
    let mut complaints = Vec::new();
    for sample in samples::all() {
        let Ok(report) = &sample.report else { continue };
        for verdict in report.incidents.iter().map(|incident| &incident.verdict) {
            // A harmless remark more is no error.
            let fails = |id: &str| by_id(id).is_some_and(|cause| cause.severity >= Severity::Warning);
            for remark in verdict.remarks.iter().filter(|_| verdict.kind == "healthy") {
                if fails(remark.cause) && !sample.expected.names(remark.cause) {
                    complaints.push(format!("samples/{}: {}: {}", sample.name, remark.cause, remark.says));
                }
            }
        }
    }
    complaints.dedup();
    none(&complaints);
}

/// Whether an incident of the sample has this cause as its verdict or as a remark.
fn yields(sample: &samples::Sample, id: &str) -> bool {
    sample.report.as_ref().is_ok_and(|report| {
        report.incidents.iter().map(|incident| &incident.verdict).any(|verdict| {
            verdict.cause == Some(id) || verdict.remarks.iter().any(|remark| remark.cause == id)
        })
    })
}

#[test]
fn findings_blame_whom_their_entry_allows() {
    let mut complaints = Vec::new();
    for sample in samples::all() {
        let Ok(report) = &sample.report else { continue };
        let incidents = report.incidents.iter().map(|incident| &incident.verdict);
        for verdict in incidents.chain(report.connections.iter().map(|connection| &connection.verdict)) {
            let Some(cause) = verdict.cause.and_then(by_id) else { continue };
            let blame = verdict.blame.unwrap_or("-");
            if !cause.blames.iter().any(|allowed| allowed.name() == blame) {
                complaints.push(format!("samples/{}: {} blames {blame}", sample.name, cause.id));
            }
        }
    }
    none(&complaints);
}
