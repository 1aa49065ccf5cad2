//! One step of a connection, for a reader to follow.

use schemars::JsonSchema;
use serde::Serialize;

use super::STAGES;

const LANES: [&str; 3] = ["client", "path", "server"];
const KINDS: [&str; 7] = ["message", "both", "lost", "refusal", "close", "reset", "left-out"];

/// What passed between the two sides: a message, several that are alike, or a loss.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Step {
    /// `message`, `both` (data of both sides, folded), `lost` (never acknowledged), `refusal` (also an alert or an ICMP
    /// error), `close` (FIN), `reset` (RST), or `left-out` (the middle of a long connection).
    #[schemars(extend("enum" = KINDS))]
    pub kind: &'static str,
    /// Who sent it: `client`, `server`, or `path` for a device between them.
    #[schemars(extend("enum" = LANES))]
    pub from: &'static str,
    /// How far it came, as far as this is known.
    #[schemars(extend("enum" = LANES))]
    pub to: &'static str,
    /// The stage it belongs to.
    #[schemars(extend("enum" = STAGES))]
    pub stage: &'static str,
    /// In words.
    pub says: String,
    /// How many of these it stands for.
    pub count: u64,
    /// Bytes, where they say something; else 0.
    pub bytes: u64,
    /// The capture.
    pub source: u32,
    /// The first frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// The last frame, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_frame: Option<u64>,
    /// When the first was captured.
    pub time: String,
    /// When the last was captured.
    pub last_time: String,
}
