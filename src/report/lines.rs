//! The incidents as rows, for a spreadsheet (CSV) and for scripts that read line by line (NDJSON): the columns of the
//! overview, then what a list has room for besides.
//!
//! A spreadsheet runs a cell that begins like a formula. Here none does: such a cell begins with an apostrophe.

use std::io::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::model::{Incident, Report};
use super::rows::{self, State};
use super::{escape, json};

/// One incident in one row.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IncidentRow {
    /// The incident's number, from 1.
    pub id: u32,
    /// When it began.
    pub start: String,
    /// The client's address or name.
    pub client: String,
    /// The server's address and port, or its name.
    pub server: String,
    /// The last stage that its deciding connection entered; empty where there was no connection.
    pub reached: &'static str,
    /// `failed`, `warning`, `undetermined` or `healthy`.
    #[schemars(extend("enum" = ["failed", "warning", "undetermined", "healthy"]))]
    pub verdict: &'static str,
    /// The catalogue id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// `stated`, `corroborated` or `inferred`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strength: Option<&'static str>,
    /// `client`, `server`, `network`, `middlebox`, `none` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blame: Option<&'static str>,
    /// When it ended.
    pub end: String,
    /// The user name, if one was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How many connections it has.
    pub connections: u64,
    /// The connection that the verdict is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deciding_connection: Option<u32>,
    /// What mstsc shows the user in this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_client_code: Option<String>,
    /// The cause in plain words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// One or two sentences.
    pub summary: String,
    /// What it stands on: frames and records.
    pub evidence: String,
    /// A Wireshark display filter that shows the deciding connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_filter: Option<String>,
    /// Whether addresses and names are pseudonyms.
    pub redacted: bool,
    /// A Wireshark display filter that shows the frames of the evidence; of several captures, of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence_filter: Option<String>,
}

/// The names of the columns, in order.
const COLUMNS: [&str; 20] = [
    "id",
    "start",
    "client",
    "server",
    "reached",
    "verdict",
    "cause",
    "strength",
    "blame",
    "end",
    "user",
    "connections",
    "deciding_connection",
    "expected_client_code",
    "title",
    "summary",
    "evidence",
    "display_filter",
    "redacted",
    "evidence_filter",
];

/// All incidents, in order.
pub(super) fn rows_of(report: &Report) -> impl Iterator<Item = IncidentRow> + '_ {
    report.incidents.iter().map(|incident| row(report, incident))
}

fn row(report: &Report, incident: &Incident) -> IncidentRow {
    let verdict = &incident.verdict;
    let deciding = incident.deciding_connection.or_else(|| incident.connections.last().copied());
    let deciding = deciding.and_then(|id| rows::connection(report, id));
    let places: Vec<String> = verdict.evidence.iter().map(|fact| rows::place(report, fact)).collect();
    IncidentRow {
        id: incident.id,
        start: incident.start.clone(),
        client: incident.client.clone(),
        server: incident.server.clone(),
        reached: rows::reached(report, incident),
        verdict: State::of(verdict).word(),
        cause: verdict.cause,
        strength: verdict.strength,
        blame: verdict.blame,
        end: incident.end.clone(),
        user: incident.user.clone(),
        connections: u64::try_from(incident.connections.len()).unwrap_or(u64::MAX),
        deciding_connection: incident.deciding_connection,
        expected_client_code: verdict.expected_client_code.clone(),
        title: rows::title(verdict),
        summary: verdict.summary.clone(),
        evidence: places.join("; "),
        display_filter: deciding
            .map(|connection| connection.display_filter.clone())
            .filter(|filter| !filter.is_empty()),
        redacted: report.redacted,
        evidence_filter: verdict.display_filters.first().map(|own| own.filter.clone()),
    }
}

/// RFC 4180 with a header; empty where nothing is known.
pub(super) fn csv(report: &Report) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Memory takes every write, and every row has as many cells as the header.
    let _ = writer.write_record(COLUMNS);
    for row in rows_of(report) {
        let _ = writer.write_record(cells(&row));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn cells(row: &IncidentRow) -> [String; 20] {
    let own = |text: &str| inert(text);
    let known = |text: Option<&str>| inert(text.unwrap_or_default());
    [
        row.id.to_string(),
        own(&row.start),
        own(&row.client),
        own(&row.server),
        own(row.reached),
        own(row.verdict),
        known(row.cause),
        known(row.strength),
        known(row.blame),
        own(&row.end),
        known(row.user.as_deref()),
        row.connections.to_string(),
        row.deciding_connection.map(|id| id.to_string()).unwrap_or_default(),
        known(row.expected_client_code.as_deref()),
        known(row.title.as_deref()),
        own(&row.summary),
        own(&row.evidence),
        known(row.display_filter.as_deref()),
        row.redacted.to_string(),
        known(row.evidence_filter.as_deref()),
    ]
}

/// A cell that no spreadsheet takes for a formula, without characters that hide or turn the text.
fn inert(text: &str) -> String {
    let text = escape::visible(text);
    // What spreadsheets begin a formula or command with, also in full width, and after blanks.
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠']);
    if formula { format!("'{text}") } else { text }
}

/// One JSON object a line; hidden characters are escaped.
pub(super) fn ndjson(report: &Report) -> String {
    let mut out = Vec::new();
    for row in rows_of(report) {
        // Memory takes every write, and a row has only string keys.
        let _ = json::write_line(&row, &mut out);
        let _ = out.write_all(b"\n");
    }
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_the_keys_in_order() {
        let schema = schemars::schema_for!(IncidentRow);
        let keys: Vec<&str> =
            schema.get("properties").unwrap().as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, COLUMNS);
        assert_eq!(COLUMNS[..9], super::super::page::overview::HEADER);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            (" =1", "' =1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("＝1", "'＝1"),
            ("\t=1", "\\t=1"),
            ("alice", "alice"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(inert(text), cell);
        }
    }
}
