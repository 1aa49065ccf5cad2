//! The report as plain data: what `--format json` prints, key for key, and what every other format reads.
//!
//! Already sorted and grouped; holds no reference into a capture or log. Times are RFC 3339 with nanoseconds, UTC
//! unless [`zone`](super::zone) made others of them. Additive within `rdpscan.report.v1`: keys are added, never renamed or removed.

mod connection;
mod filter;
mod step;
mod told;
mod verdict;

use schemars::JsonSchema;
use serde::Serialize;

use crate::base;
pub use connection::{Certificate, Connection, Crossing, Facts, JoinedEvent, Reset, StageRow, Views};
pub use filter::DisplayFilter;
pub use step::Step;
pub use told::{Acceptance, Accepted, Accepts, ClientCode, WeighedCode};
pub use verdict::{Considered, Evidence, Exonerated, Remark, Verdict};

/// The version of this shape.
pub const SCHEMA: &str = "rdpscan.report.v1";

/// The words of `stage` and `reached`, in order. The schema lists them; the names themselves are
/// [`Stage`](crate::connection::Stage)'s.
const STAGES: [&str; 9] = [
    "name",
    "transport",
    "negotiation",
    "tls",
    "authentication",
    "settings",
    "licensing",
    "session",
    "gateway",
];
const STRENGTHS: [&str; 3] = ["stated", "corroborated", "inferred"];
/// Zeek's conn.log. <https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html>
const CONN_STATES: [&str; 13] =
    ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"];

/// One analysis.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The name of this shape: `rdpscan.report.v1`.
    #[schemars(extend("enum" = [SCHEMA]))]
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// The input files, in the order of their ids.
    pub sources: Vec<Source>,
    /// What is known of the clocks.
    pub clocks: Vec<Clock>,
    /// The code that the user saw, if it was given: what it means, and to which incidents it can belong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_code: Option<ClientCode>,
    /// What users experienced, ordered by start.
    pub incidents: Vec<Incident>,
    /// RDP connections: those over TCP, then those that only a log knows, then those over UDP, each ordered by start.
    pub connections: Vec<Connection>,
    /// Ended connections that were folded because they are alike.
    pub groups: Vec<Group>,
    /// What limits this analysis.
    pub notes: Vec<Note>,
    /// Whether addresses and names are pseudonyms.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
    /// The zone that the times are told in: UTC, but on a page for people it may be another.
    #[serde(skip)]
    pub zone: base::Zone,
}

/// Name and version of the program.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// `rdpscan`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// One input file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Source {
    /// Its number.
    pub id: u32,
    /// The path as given.
    pub path: String,
    /// `capture`, `event-log` or `text`.
    #[schemars(extend("enum" = ["capture", "event-log", "text"]))]
    pub kind: &'static str,
    /// `pcap`, `pcapng`, `evtx`, with the compression if there was one (`pcapng.gz`).
    pub format: String,
    /// `client`, `server`, `gateway`, `path` or `unknown`: where it was taken.
    #[schemars(extend("enum" = ["client", "server", "gateway", "path", "unknown"]))]
    pub role: &'static str,
    /// First stamp in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_time: Option<String>,
    /// Last stamp in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_time: Option<String>,
    /// Frames of a capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Records of a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Interfaces of a capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<u32>,
    /// Channel of a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The computer that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// SHA-256 of the file, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// How the clock of some sources compares with the capture's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Clock {
    /// The sources that share this clock.
    pub sources: Vec<u32>,
    /// The source it was compared with.
    pub against: u32,
    /// Source minus `against`, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_ms: Option<f64>,
    /// Half the width of the cluster that gave the offset, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread_ms: Option<f64>,
    /// How many pairs agree.
    pub pairs: u32,
    /// `exact`, `estimated` or `unknown`.
    #[schemars(extend("enum" = ["exact", "estimated", "unknown"]))]
    pub quality: &'static str,
    /// By how much the offset grows in an hour, milliseconds, if it was seen to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ms_per_hour: Option<f64>,
}

/// What a user experienced as one attempt.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Incident {
    /// Its number, from 1.
    pub id: u32,
    /// The client's address or name.
    pub client: String,
    /// The server's address and port, or its name.
    pub server: String,
    /// When it began.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// The user name, if one was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its connections.
    pub connections: Vec<u32>,
    /// The connection that the verdict is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deciding_connection: Option<u32>,
    /// The judgement.
    pub verdict: Verdict,
}

/// Address and port.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Endpoint {
    /// The IP address.
    pub ip: String,
    /// The port; 0 if unknown.
    pub port: u16,
}

/// A frame or a record of a source, with its time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Place {
    /// The source.
    pub source: u32,
    /// Frame number, if it is a capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// EventRecordID, if it is a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// When, by the clock of the source.
    pub time: String,
}

/// Connections that are alike, by count.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Group {
    /// The client's address.
    pub client: String,
    /// The server's address and port.
    pub server: String,
    /// The last stage that was entered.
    #[schemars(extend("enum" = STAGES))]
    pub reached: &'static str,
    /// The cause they share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// How many.
    pub count: u64,
    /// First frame of the first; 0 where only a log knows of them.
    pub first_frame: u64,
    /// Last frame of the last.
    pub last_frame: u64,
    /// First record of the first, where only a log knows of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_record: Option<u64>,
    /// Last record of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_record: Option<u64>,
    /// First time of the first.
    pub first_time: String,
    /// Last time of the last.
    pub last_time: String,
}

/// What limits this analysis.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Note {
    /// What was met: a fragment that follows a count.
    pub note: String,
    /// What exactly, where the kind of limit alone does not say: a path and its error, a command, an offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How often.
    pub count: u64,
    /// In which source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<u32>,
    /// The first place: `frame 12`, `record 7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// What the reader loses by it.
    pub costs: String,
}

impl From<base::Note> for Note {
    fn from(note: base::Note) -> Self {
        Self {
            note: note.kind.text().to_owned(),
            detail: Some(note.detail).filter(|detail| !detail.is_empty()),
            count: note.count,
            source: note.source.map(|source| source.0),
            first: note.first.map(|place| place.to_string()),
            costs: note.kind.costs().to_owned(),
        }
    }
}
