//! `rdpscan batch`: one row per bundle, as a table, CSV or NDJSON.
//!
//! Plain data. A row is made from a report, or read back from a result that an earlier run wrote: both give the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::html::bundles;
use super::model::Report;
use super::page::batch;
use super::{Style, table};

/// The version of the shape of a result file.
pub const SCHEMA: &str = "rdpscan.batch.v1";

/// What the overview is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    #[default]
    Table,
    /// For a spreadsheet; no cell is a formula.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// One bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its path as given.
    pub bundle: String,
    /// `analysed` or `not analysed`.
    pub state: String,
    /// Incidents in it.
    pub incidents: usize,
    /// Those that failed.
    pub failed: usize,
    /// The causes of those, the most frequent first, each with its count if that is not one.
    pub causes: Vec<String>,
    /// The worst verdict: `stated`, `corroborated`, `inferred` or `undetermined`, with its cause if one is known;
    /// `healthy`; `no RDP`.
    pub worst: String,
    /// What limits the analysis: how many kinds of notes.
    pub limits: usize,
    /// Why it was not analysed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The file with the result, in the output folder.
    pub result: String,
}

/// What is written per bundle.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Outcome<'a> {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What the bundle was: a number of the names, sizes and times of its files and of the options.
    pub state: &'a str,
    /// What stands in the overview.
    pub row: &'a Row,
    /// The report of `analyze`, unless it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<&'a Report>,
}

/// What is read back of it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Earlier {
    schema: String,
    /// What the bundle was at that time.
    pub state: String,
    /// Its row.
    pub row: Row,
}

impl Earlier {
    /// What a result file says, if it is one.
    pub fn read(json: impl std::io::Read) -> Option<Self> {
        serde_json::from_reader(json).ok().filter(|earlier: &Self| earlier.schema == SCHEMA)
    }
}

impl Row {
    /// The row of a bundle that was analysed.
    pub fn of(bundle: String, result: String, report: &Report) -> Self {
        let failed = || report.incidents.iter().filter(|incident| is_failure(incident));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for incident in failed() {
            *counts.entry(incident.verdict.cause.unwrap_or("undetermined")).or_default() += 1;
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(cause, count)| (std::cmp::Reverse(*count), *cause));
        let causes = counts.into_iter().map(|(cause, count)| match count {
            1 => cause.to_owned(),
            _ => format!("{cause} ×{count}"),
        });
        let worst =
            report.incidents.iter().max_by_key(|incident| (rank(incident), std::cmp::Reverse(incident.id)));
        Self {
            bundle,
            state: "analysed".into(),
            incidents: report.incidents.len(),
            failed: failed().count(),
            causes: causes.collect(),
            worst: worst.map_or_else(|| "no RDP".into(), verdict),
            limits: report.notes.len(),
            reason: None,
            result,
        }
    }

    /// The row of a bundle that could not be analysed.
    pub fn failed(bundle: String, result: String, reason: String) -> Self {
        Self {
            bundle,
            state: "not analysed".into(),
            incidents: 0,
            failed: 0,
            causes: Vec::new(),
            worst: "-".into(),
            limits: 0,
            reason: Some(reason),
            result,
        }
    }
}

fn is_failure(incident: &super::model::Incident) -> bool {
    incident.verdict.kind != "healthy"
}

fn rank(incident: &super::model::Incident) -> u32 {
    let verdict = &incident.verdict;
    match (verdict.kind, verdict.severity, verdict.strength) {
        ("healthy", ..) => 0,
        ("cause", "failure", Some("stated")) => 5,
        ("cause", "failure", Some("corroborated")) => 4,
        ("cause", "failure", _) => 3,
        ("undetermined", "failure", _) => 2,
        _ => 1,
    }
}

fn verdict(incident: &super::model::Incident) -> String {
    let verdict = &incident.verdict;
    match (verdict.kind, verdict.cause) {
        ("cause", Some(cause)) => format!("{}: {cause}", verdict.strength.unwrap_or("inferred")),
        ("undetermined", Some(cause)) => format!("undetermined: {cause}"),
        (kind, _) => kind.to_owned(),
    }
}

/// The result file of one bundle.
pub fn outcome(row: &Row, state: &str, report: Option<&Report>) -> String {
    let outcome = Outcome { schema: SCHEMA, state, row, report };
    // Plain data of strings and numbers: cannot fail.
    let mut text = serde_json::to_string_pretty(&outcome).unwrap_or_default();
    text.push('\n');
    text
}

/// The overview as a page for a browser. Each row comes with the file name of the page of its bundle, beside this one.
pub fn page(rows: &[(Row, Option<String>)]) -> String {
    bundles::render(rows)
}

/// The overview.
pub fn render(rows: &[Row], format: Format, style: Style) -> String {
    match format {
        Format::Table => table::draw(&batch::blocks(rows), style),
        Format::Csv => csv(rows),
        Format::Ndjson => {
            let lines = rows.iter().map(|row| serde_json::to_string(row).unwrap_or_default() + "\n");
            lines.collect()
        }
    }
}

/// RFC 4180, with a head line.
fn csv(rows: &[Row]) -> String {
    let mut text = String::from("bundle,state,incidents,failed,causes,worst,limits,reason,result\r\n");
    for row in rows {
        let reason = row.reason.clone().unwrap_or_default();
        let _ = write!(
            text,
            "{},{},{},{},{},{},{},{},{}\r\n",
            cell(&row.bundle),
            cell(&row.state),
            row.incidents,
            row.failed,
            cell(&row.causes.join("; ")),
            cell(&row.worst),
            row.limits,
            cell(&reason),
            cell(&row.result),
        );
    }
    text
}

/// A cell that a spreadsheet takes for text: what begins like a formula gets an apostrophe, control characters are
/// shown.
fn cell(text: &str) -> String {
    let mut text = super::visible(text);
    if text.starts_with(['=', '+', '-', '@']) && text.len() > 1 {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', '\n', '\r', ';']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn rows() -> Vec<Row> {
        vec![
            Row::of("cases/a.zip".into(), "a.json".into(), &fixture::report()),
            Row::failed("=HYPERLINK(\"x\")".into(), "b.json".into(), "cannot be read, at all".into()),
        ]
    }

    #[test]
    fn what_was_written_is_read_back() {
        for row in rows() {
            let text = outcome(&row, "7", Some(&fixture::report()));
            assert_eq!(
                Earlier::read(text.as_bytes()),
                Some(Earlier { schema: SCHEMA.into(), state: "7".into(), row })
            );
        }
        assert_eq!(Earlier::read(&b"{\"schema\":\"other\"}"[..]), None);
        assert_eq!(Earlier::read(&b"{\"schema\""[..]), None);
    }

    #[test]
    fn no_cell_is_a_formula() {
        let text = render(&rows(), Format::Csv, Style::default());
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{text}");
        assert!(text.contains("\"cannot be read, at all\""), "{text}");
    }

    #[test]
    fn a_table_and_lines_of_json_hold_every_bundle() {
        let table = render(&rows(), Format::Table, Style::default());
        assert!(table.contains("cases/a.zip") && table.contains("cannot be read, at all"), "{table}");
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        let lines = render(&rows(), Format::Ndjson, Style::default());
        let first: Row = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(first, rows()[0]);
    }
}
