//! A connection as the report tells it: how far it came, what was said in clear, the health of its flow, and what log
//! entries speak of it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Acceptance, CONN_STATES, Endpoint, Place, STAGES, Step, Verdict};

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
