//! The report as plain data: what `--format json` prints, key for key, and what every other format reads.
//!
//! Already sorted and grouped; holds no reference into a capture or log. Times are RFC 3339 with nanoseconds, UTC
//! unless [`zone`](super::zone) made others of them. Additive within `rdpscan.report.v1`: keys are added, never renamed or removed.

mod filter;
mod step;
mod told;

use schemars::JsonSchema;
use serde::Serialize;

use crate::base;
pub use filter::DisplayFilter;
pub use step::Step;
pub use told::{Acceptance, Accepted, Accepts, ClientCode, WeighedCode};

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

/// One connection.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Connection {
    /// Its number, from 1.
    pub id: u32,
    /// The incident it belongs to.
    pub incident: u32,
    /// The connection that it stands beside, if it is one over UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<u32>,
    /// What ties it to that: `correlation`, `activity` or `address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["correlation", "activity", "address"]))]
    pub beside_by: Option<&'static str>,
    /// The sources that saw it.
    pub sources: Vec<u32>,
    /// `tcp`, `udp`, or `unseen` where only a log knows of it.
    #[schemars(extend("enum" = ["tcp", "udp", "unseen"]))]
    pub transport: &'static str,
    /// Who opened it.
    pub client: Endpoint,
    /// Who was addressed.
    pub server: Endpoint,
    /// First frame's or event's time.
    pub start: String,
    /// Last frame's or event's time.
    pub end: String,
    /// First frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_frame: Option<u64>,
    /// Last frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_frame: Option<u64>,
    /// The capture that holds the last frame, where that is another file of a ring buffer than the first frame's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_source: Option<u32>,
    /// Zeek's conn_state: S0, S1, SF, REJ, RSTO, RSTR, …
    #[schemars(extend("enum" = CONN_STATES))]
    pub conn_state: &'static str,
    /// Zeek's history: a letter per event, capital for the client.
    pub history: String,
    /// The last stage that was entered.
    #[schemars(extend("enum" = STAGES))]
    pub reached: &'static str,
    /// The stages walked, in order.
    pub stages: Vec<StageRow>,
    /// What was learned about it.
    pub facts: Facts,
    /// What passed between the two sides, in order; only of connections that decide an incident.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The log entries that speak of it.
    pub events: Vec<JoinedEvent>,
    /// What two capture points saw of it, where there are two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub views: Option<Views>,
    /// The judgement of this connection alone.
    pub verdict: Verdict,
    /// A Wireshark display filter that shows it.
    pub display_filter: String,
}

/// One connection as two capture points saw it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Views {
    /// The source nearer to the client.
    pub client_side: u32,
    /// The source nearer to the server; the same where one file holds both points.
    pub server_side: u32,
    /// Whether the client's packets were captured as the client sends them, before any router.
    pub at_client: bool,
    /// The same for the server.
    pub at_server: bool,
    /// Routers between both points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hops: Option<u8>,
    /// Half of the round trip between both points, milliseconds.
    pub one_way_ms: f64,
    /// What became of the client's segments.
    pub to_server: Crossing,
    /// What became of the server's segments.
    pub to_client: Crossing,
    /// Resets, with where they came from.
    pub resets: Vec<Reset>,
}

/// What became of one side's segments between two capture points.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Crossing {
    /// Segments with data that left one point while the other one captured.
    pub sent: u64,
    /// Of these, those that did not come.
    pub lost: u64,
    /// The first of those, as frames of the capture on the sender's side.
    pub lost_frames: Vec<u64>,
    /// SYNs or SYN-ACKs that left.
    pub openings: u64,
    /// Of these, those that did not come.
    pub openings_lost: u64,
    /// Whether the capture on the receiver's side lost nothing itself, so that this is proof.
    pub proven: bool,
}

/// A reset, and where it came from.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Reset {
    /// Whose address it bears: `client` or `server`.
    #[schemars(extend("enum" = ["client", "server"]))]
    pub from: &'static str,
    /// The capture that shows it.
    pub source: u32,
    /// Its frame there.
    pub frame: u64,
    /// `sent` (it passed the capture on its sender's side), `injected` (it was made between both points), `unknown`.
    #[schemars(extend("enum" = ["sent", "injected", "unknown"]))]
    pub origin: &'static str,
    /// Whether it reached the point on its receiver's side.
    pub arrived: bool,
}

/// How one stage went.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StageRow {
    /// The stage's name.
    #[schemars(extend("enum" = STAGES))]
    pub stage: &'static str,
    /// `passed`, `failed`, `cut` or `unseen`.
    #[schemars(extend("enum" = ["passed", "failed", "cut", "unseen"]))]
    pub outcome: &'static str,
    /// Where that shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
    /// What exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
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

/// What packets said in clear, and the health of the flow.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Facts {
    /// Security protocols that the client offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<String>,
    /// The one that the server chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<String>,
    /// Negotiation failure code, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The id of the attempt, by which UDP and the client's log are joined to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Version of RDP's UDP transport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_version: Option<String>,
    /// Largest datagram agreed on, or offered, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_mtu: Option<u16>,
    /// Whether the lossy transport was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_lossy: Option<bool>,
    /// Datagrams to the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datagrams_to_server: Option<u64>,
    /// Datagrams to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datagrams_to_client: Option<u64>,
    /// Name in the `mstshash` cookie: at most nine characters of the user name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// Negotiated TLS version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// Negotiated cipher suite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// Server name in the ClientHello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// The server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// Alerts in clear, in order: `client: fatal unknown_ca (48)`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// Client name from the MCS Connect-Initial, where readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Round trip of the handshake, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    /// Maximum segment size in force: the smaller of those that were announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mss: Option<u16>,
    /// Maximum segment size that the client announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mss_client: Option<u16>,
    /// Maximum segment size that the server announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mss_server: Option<u16>,
    /// Payload bytes to the server.
    pub bytes_to_server: u64,
    /// Payload bytes to the client.
    pub bytes_to_client: u64,
    /// Segments repeated, both directions together.
    pub retransmissions: u64,
    /// Segments repeated by the client.
    pub retransmissions_client: u64,
    /// Segments repeated by the server.
    pub retransmissions_server: u64,
    /// Largest segment that was acknowledged, bytes of payload, to the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_passed_to_server: Option<u32>,
    /// Largest segment that was acknowledged, bytes of payload, to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_passed_to_client: Option<u32>,
    /// Smallest segment that was repeated and never acknowledged, bytes of payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smallest_lost: Option<u32>,
    /// Zero windows advertised.
    pub zero_windows: u64,
    /// Longest silence, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_silence_s: Option<f64>,
    /// Who ended it, and how: `client RST`, `server FIN`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
    /// What both sides would accept, where the negotiation or the TLS handshake failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Acceptance>,
}

/// The facts of a certificate that support needs.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Certificate {
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Names it is valid for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Valid from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Valid until.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Key algorithm and size: `RSA 2048`.
    pub key: String,
    /// Signature algorithm.
    pub signature: String,
    /// Whether subject and issuer are the same.
    pub self_signed: bool,
    /// SHA-1 over the whole certificate, as Windows shows it.
    pub thumbprint: String,
}

/// A log entry that speaks of a connection.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct JoinedEvent {
    /// The log.
    pub source: u32,
    /// Its EventRecordID.
    pub record: u64,
    /// Its channel.
    pub channel: String,
    /// Event id.
    pub event_id: u32,
    /// What it says, in short.
    pub says: String,
    /// As logged.
    pub time: String,
    /// By the capture's clock, where the offset is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_corrected: Option<String>,
    /// `address`, `activity`, `session`, `name`, `time`.
    #[schemars(extend("enum" = ["address", "port", "activity", "session", "name", "time"]))]
    pub matched_by: &'static str,
}

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
