//! A judgement as the report tells it, with its evidence.

use schemars::JsonSchema;
use serde::Serialize;

use super::{DisplayFilter, STRENGTHS, WeighedCode};

/// A judgement.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Verdict {
    /// `healthy`, `cause` or `undetermined`.
    #[schemars(extend("enum" = ["healthy", "cause", "undetermined"]))]
    pub kind: &'static str,
    /// The catalogue id; with `undetermined`, what is certain (a residual).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// `stated`, `corroborated` or `inferred`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = STRENGTHS))]
    pub strength: Option<&'static str>,
    /// `client`, `server`, `network`, `middlebox`, `none` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["client", "server", "network", "middlebox", "none", "unknown"]))]
    pub blame: Option<&'static str>,
    /// `failure`, `warning`, `remark` or `benign`.
    #[schemars(extend("enum" = ["failure", "warning", "remark", "benign"]))]
    pub severity: &'static str,
    /// The cause in plain words, one line: the headline. Without it the formats spell out the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// One or two sentences for the incident report.
    pub summary: String,
    /// What it stands on.
    pub evidence: Vec<Evidence>,
    /// Wireshark display filters that show the frames of the evidence, one for each capture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub display_filters: Vec<DisplayFilter>,
    /// Findings that did not make the incident fail.
    pub remarks: Vec<Remark>,
    /// Causes that were weighed and lost.
    pub also_considered: Vec<Considered>,
    /// Who is not at fault, with the evidence.
    pub exonerated: Vec<Exonerated>,
    /// What can be excluded, in words.
    pub ruled_out: Vec<String>,
    /// What could not be seen, and which source would settle it.
    pub missing: Vec<String>,
    /// Where on the path the fault lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// What mstsc shows the user in this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_client_code: Option<String>,
    /// The code that the user saw, weighed against this verdict of an incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_code: Option<WeighedCode>,
    /// What to do, in order.
    pub remedy: Vec<String>,
}

/// One observed fact.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Evidence {
    /// What it says.
    pub says: String,
    /// The source.
    pub source: u32,
    /// Frame number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// EventRecordID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// Line of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Channel, if it is an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Event id, if it is an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<u32>,
    /// When, by the clock of the source. A line of a text has no time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time: String,
}

/// A finding that did not make the incident fail.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Remark {
    /// The catalogue id.
    pub cause: &'static str,
    /// `stated`, `corroborated` or `inferred`.
    #[schemars(extend("enum" = STRENGTHS))]
    pub strength: &'static str,
    /// What it says.
    pub says: String,
    /// What it stands on.
    pub evidence: Vec<Evidence>,
    /// Wireshark display filters that show its frames, one for each capture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub display_filters: Vec<DisplayFilter>,
}

/// A cause that was weighed and lost.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Considered {
    /// The catalogue id.
    pub cause: &'static str,
    /// Why it is not the verdict.
    pub why_not: String,
}

/// A party that is not at fault.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Exonerated {
    /// `network`, `client` or `server`.
    #[schemars(extend("enum" = ["network", "client", "server"]))]
    pub party: &'static str,
    /// Why.
    pub says: String,
    /// What that stands on.
    pub evidence: Vec<Evidence>,
}
