//! `rdpscan compare`: two reports, of a connection that works and of one that does not, and where they part.
//!
//! Plain data, also what `--format json` prints. Judges nothing anew: the verdicts are those of the reports. What one
//! side does not show is never a difference; it is listed as not compared.

mod events;
mod facts;
mod stages;
mod subject;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Serialize;

use super::model::{Place, Report, Tool, Verdict};
use super::page::comparison;
use super::rows::{self, State};
use super::{Format, Style, html, json, markdown, table};
use crate::connection::Stage;
use subject::Subject;

/// The version of this shape.
pub const SCHEMA: &str = "rdpscan.compare.v1";

/// [`Difference::what`] where one goes on and the other does not.
pub const OUTCOME: &str = "outcome";

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The one that works.
    Good,
    /// The one that does not.
    Bad,
}

impl Which {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }
}

/// The whole comparison.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// Whether a difference that matters was found.
    pub differs: bool,
    /// What was taken from the good input.
    pub good: Party,
    /// What was taken from the bad input.
    pub bad: Party,
    /// The first difference that matters, in the order of the stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Difference>,
    /// Both connections, stage by stage.
    pub stages: Vec<StagePair>,
    /// The other differences, in the order of the stages.
    pub others: Vec<Difference>,
    /// Events that one has and the other lacks, in logs that speak for both.
    pub events: Vec<Difference>,
    /// What only one of them shows.
    pub not_compared: Vec<NotCompared>,
}

/// The connection that stands for one input.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Party {
    /// The files.
    pub paths: Vec<String>,
    /// Its incident in the report on these files.
    pub incident: u32,
    /// How many incidents the files hold.
    pub incidents: usize,
    /// Its number in that report; none if the incident never came to a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u32>,
    /// The client's address or name.
    pub client: String,
    /// The server's address and port, or its name.
    pub server: String,
    /// The user name, if one was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When the incident began.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// The last stage that was entered.
    pub reached: &'static str,
    /// The judgement of the incident.
    pub verdict: Verdict,
    /// Why this one may be a poor choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<&'static str>,
}

/// One stage of both.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StagePair {
    /// The stage.
    pub stage: &'static str,
    /// Whether the two part here.
    pub differs: bool,
    /// How it went in the good one.
    pub good: Seen,
    /// How it went in the bad one.
    pub bad: Seen,
}

/// Something that both show, and that is not the same.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Difference {
    /// The stage that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<&'static str>,
    /// What differs.
    pub what: String,
    /// Whether it can decide how the connection goes on.
    pub matters: bool,
    /// The good one's.
    pub good: Seen,
    /// The bad one's.
    pub bad: Seen,
}

/// A value of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Seen {
    /// In words.
    pub value: String,
    /// Where it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Spot>,
}

/// A frame or a record of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spot {
    /// The file's number in the report on that side.
    pub source: u32,
    /// The file.
    pub path: String,
    /// The frame, or the one by which it had been seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// EventRecordID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// For a page: `frame 7 of file 2`.
    #[serde(skip)]
    pub words: String,
}

/// Something that only one side shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotCompared {
    /// What.
    pub what: String,
    /// The side that does not show it.
    pub unseen_in: Which,
    /// Why it does not.
    pub why: String,
    /// What the other side shows.
    pub other: String,
}

impl Seen {
    fn new(value: &str, at: Option<Spot>) -> Self {
        Self { value: value.to_owned(), at }
    }
}

impl Spot {
    fn of(report: &Report, place: &Place) -> Self {
        let words = match (place.frame, place.record) {
            (Some(frame), _) => format!("frame {frame}"),
            (None, Some(record)) => format!("record {record}"),
            (None, None) => String::new(),
        };
        Self {
            source: place.source,
            path: rows::source(report, place.source).map_or_else(String::new, |source| source.path.clone()),
            frame: place.frame,
            record: place.record,
            words: rows::in_file(report, &words, place.source),
        }
    }

    /// The same with other words before the file.
    fn said(mut self, report: &Report, words: &str) -> Self {
        self.words = rows::in_file(report, words, self.source);
        self
    }
}

impl Comparison {
    /// As text that ends with a line break.
    pub fn render(&self, format: Format, style: Style) -> String {
        match format {
            // A list of incidents is no comparison.
            Format::Json | Format::Csv | Format::Ndjson => json::render(self),
            Format::Table => table::draw(&comparison::blocks(self), style),
            Format::Markdown => markdown::draw(&comparison::blocks(self)),
            Format::Html => html::draw("Remote Desktop connection comparison", &comparison::blocks(self)),
        }
    }
}

/// Compares what works with what does not.
///
/// # Errors
///
/// The side that holds no incident: there is nothing to compare.
pub fn compare(good: &Report, bad: &Report) -> Result<Comparison, Which> {
    let good = Subject::good(good).ok_or(Which::Good)?;
    let bad = Subject::bad(bad).ok_or(Which::Bad)?;
    let mut not_compared = Vec::new();
    let (stages, parting) = stages::compare(&good, &bad, &mut not_compared);
    not_compared.extend(hidden_reason(&good, &bad));
    let mut others: Vec<Difference> = parting.into_iter().collect();
    others.extend(facts::compare(&good, &bad, &mut not_compared));
    others.sort_by_key(|difference| (difference.stage.map(place_of), !difference.matters));
    if !others.iter().any(|difference| difference.matters) {
        others.extend(verdicts(&good, &bad));
    }
    let first = others.iter().position(|difference| difference.matters).map(|at| others.remove(at));
    let events = events::compare(&good, &bad, &mut not_compared);
    Ok(Comparison {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        differs: first.is_some(),
        good: good.party(),
        bad: bad.party(),
        first,
        stages,
        others,
        events,
        not_compared,
    })
}

/// The place of a stage in the order in which they are walked.
fn place_of(stage: &str) -> usize {
    Stage::ALL.iter().position(|known| known.name() == stage).unwrap_or(Stage::ALL.len())
}

/// Whether both verdicts name a cause, and not the same one. A reason that is not visible differs from none.
fn reasons_differ(good: &Subject<'_>, bad: &Subject<'_>) -> bool {
    let (good, bad) = (&good.incident.verdict, &bad.incident.verdict);
    good.kind == "cause" && bad.kind == "cause" && good.cause != bad.cause
}

/// A reason that only one of two failures shows.
fn hidden_reason(good: &Subject<'_>, bad: &Subject<'_>) -> Option<NotCompared> {
    let kinds = (good.incident.verdict.kind, bad.incident.verdict.kind);
    let (unseen, other) = match kinds {
        ("undetermined", "cause") => (good, bad),
        ("cause", "undetermined") => (bad, good),
        _ => return None,
    };
    Some(NotCompared {
        what: "reason".to_owned(),
        unseen_in: unseen.which,
        why: "not visible in its files".to_owned(),
        other: other.incident.verdict.cause.unwrap_or_default().to_owned(),
    })
}

/// Verdicts that differ although nothing else that can be compared does.
fn verdicts(good: &Subject<'_>, bad: &Subject<'_>) -> Option<Difference> {
    let seen = |subject: &Subject<'_>| {
        let verdict = &subject.incident.verdict;
        let at = verdict.evidence.first().map(|fact| Spot::of(subject.report, &subject::place(fact)));
        Seen::new(&format!("{}: {}", State::of(verdict).word(), verdict.summary), at)
    };
    let healthy = |subject: &Subject<'_>| subject.incident.verdict.kind == "healthy";
    let differs = healthy(good) != healthy(bad) || reasons_differ(good, bad);
    differs.then(|| Difference {
        stage: None,
        what: "verdict".to_owned(),
        matters: true,
        good: seen(good),
        bad: seen(bad),
    })
}
