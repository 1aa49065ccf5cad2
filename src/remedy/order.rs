//! Which incident a remedy is for, out of a report in memory or one that was written as JSON.
//!
//! What it holds may come from the wire: it is printed, never run.

use std::borrow::Cow;

use serde::Deserialize;

use crate::report::model;

/// What a remedy needs to know of an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The incident's number in its report.
    pub incident: u32,
    /// The client's address or name.
    pub client: String,
    /// The server's address and port, or its name.
    pub server: String,
    /// When it began.
    pub start: String,
    /// The cause's id.
    pub cause: String,
    /// Who is to blame.
    pub blame: String,
    /// How sure that is.
    pub strength: String,
    /// Whether the verdict is undetermined: the cause says what happened, not why.
    pub undetermined: bool,
    /// The verdict in one or two sentences.
    pub summary: String,
    /// The steps as the report has them, for a cause that this program does not know.
    pub steps: Vec<String>,
}

/// Why there is no remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file is not a report of this program.
    #[error("it is no report of `rdpscan analyze --format json`: {0}")]
    NotAReport(String),
    /// The report has no such incident.
    #[error("there is no incident {wanted}; there are {there}")]
    NoSuchIncident {
        /// The number that was asked for.
        wanted: u32,
        /// How many there are.
        there: usize,
    },
    /// Nothing failed, or nothing is known of why.
    #[error("incident {0} names no cause, so there is nothing to remedy")]
    NoCause(u32),
    /// No incident names a cause.
    #[error("no incident names a cause, so there is nothing to remedy")]
    NothingFailed,
}

#[derive(Deserialize)]
struct Document {
    schema: String,
    incidents: Vec<Incident>,
}

#[derive(Deserialize)]
struct Incident {
    id: u32,
    client: String,
    server: String,
    start: String,
    verdict: Verdict,
}

#[derive(Deserialize)]
struct Verdict {
    kind: String,
    cause: Option<String>,
    strength: Option<String>,
    blame: Option<String>,
    summary: String,
    #[serde(default)]
    remedy: Vec<String>,
}

impl Order {
    /// The incident of that number in a report that was written as JSON; without a number, the first that failed.
    pub fn read(json: &[u8], incident: Option<u32>) -> Result<Self, Refusal> {
        let document: Document =
            serde_json::from_str(&text(json)).map_err(|error| Refusal::NotAReport(error.to_string()))?;
        if document.schema != model::SCHEMA {
            return Err(Refusal::NotAReport(format!("its schema is {}", document.schema)));
        }
        choose(document.incidents.into_iter().map(Self::from).collect(), incident)
    }

    /// The first incident of a report that failed and names a cause.
    pub fn first(report: &model::Report) -> Result<Self, Refusal> {
        choose(report.incidents.iter().map(Self::from).collect(), None)
    }
}

/// What a file says as text: Windows PowerShell 5.1 writes `>` as UTF-16 with a byte order mark.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    let utf16 = |rest: &[u8], read: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).filter_map(|pair| Some(read(pair.try_into().ok()?)));
        Cow::Owned(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] | rest => String::from_utf8_lossy(rest),
    }
}

fn choose(mut orders: Vec<Order>, incident: Option<u32>) -> Result<Order, Refusal> {
    let there = orders.len();
    if let Some(wanted) = incident {
        orders.retain(|order| order.incident == wanted);
        let order = orders.pop().ok_or(Refusal::NoSuchIncident { wanted, there })?;
        return if order.cause.is_empty() { Err(Refusal::NoCause(wanted)) } else { Ok(order) };
    }
    // What is known why goes before what is not.
    orders.retain(|order| !order.cause.is_empty());
    orders.sort_by_key(|order| order.undetermined);
    orders.into_iter().next().ok_or(Refusal::NothingFailed)
}

impl From<Incident> for Order {
    fn from(own: Incident) -> Self {
        Self {
            incident: own.id,
            client: own.client,
            server: own.server,
            start: own.start,
            // A healthy incident has nothing to remedy, whatever its report says.
            cause: own.verdict.cause.filter(|_| own.verdict.kind != "healthy").unwrap_or_default(),
            blame: own.verdict.blame.unwrap_or_default(),
            strength: own.verdict.strength.unwrap_or_default(),
            undetermined: own.verdict.kind == "undetermined",
            summary: own.verdict.summary,
            steps: own.verdict.remedy,
        }
    }
}

impl From<&model::Incident> for Order {
    fn from(own: &model::Incident) -> Self {
        let text = |word: Option<&str>| word.map(str::to_owned);
        Self::from(Incident {
            id: own.id,
            client: own.client.clone(),
            server: own.server.clone(),
            start: own.start.clone(),
            verdict: Verdict {
                kind: own.verdict.kind.to_owned(),
                cause: text(own.verdict.cause),
                strength: text(own.verdict.strength),
                blame: text(own.verdict.blame),
                summary: own.verdict.summary.clone(),
                remedy: own.verdict.remedy.clone(),
            },
        })
    }
}
