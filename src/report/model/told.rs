//! Of the report: what the user told of the failure, and what both sides told of what they would accept.

use schemars::JsonSchema;
use serde::Serialize;

/// The numbers of the error box of mstsc, as the user gave them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ClientCode {
    /// Error code.
    pub code: u32,
    /// Extended error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended: Option<u32>,
    /// As mstsc writes them: `0x904, extended 0x7`.
    pub text: String,
    /// What the error code literally means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means: Option<&'static str>,
    /// The causes that it names; none for a code that only says where it ended.
    pub names: Vec<&'static str>,
    /// The incidents that failed and that it can belong to.
    pub fits: Vec<u32>,
}

/// A given code against one verdict.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WeighedCode {
    /// `agrees`, `contradicts` or `says-nothing`.
    #[schemars(extend("enum" = ["agrees", "contradicts", "says-nothing"]))]
    pub weighs: &'static str,
    /// Why.
    pub says: String,
}

/// What one side accepts.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Accepts {
    /// What is known, its first choice first.
    pub list: Vec<String>,
    /// How much of what it accepts that is: `all`, `part` or `unknown`.
    #[schemars(extend("enum" = ["all", "part", "unknown"]))]
    pub extent: &'static str,
}

/// What client and server would accept of one kind.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Accepted {
    /// The client, by its offer.
    pub client: Accepts,
    /// The server, by its answers here and to others.
    pub server: Accepts,
    /// What the server refuses, by its own word.
    pub refused: Vec<String>,
    /// What both accept, as far as it is known.
    pub both: Vec<String>,
    /// Connections that showed what this one does not of the server.
    pub shown_by: Vec<u32>,
    /// In words.
    pub says: String,
}

/// What both sides of a failed negotiation or TLS handshake would accept.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Acceptance {
    /// Security protocol: RDP, SSL (TLS), HYBRID (CredSSP), RDSTLS, RDSAAD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<Accepted>,
    /// TLS version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<Accepted>,
    /// Cipher suite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher: Option<Accepted>,
}
