//! The sequence that every RDP connection walks, and how each step ended.

use std::fmt;

/// One step of the sequence. [MS-RDPBCGR] 1.3.1.1
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The server's name becomes an address.
    Name,
    /// TCP is opened.
    Transport,
    /// X.224 connection request and confirm, with the security negotiation.
    Negotiation,
    /// The TLS handshake.
    Tls,
    /// CredSSP (network level authentication) inside TLS.
    Authentication,
    /// MCS: basic settings, channels, security commencement, client info.
    Settings,
    /// Licensing.
    Licensing,
    /// The session is up.
    Session,
    /// The leg through an RD Gateway.
    Gateway,
}

impl Stage {
    /// Every stage in order.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Transport,
        Self::Negotiation,
        Self::Tls,
        Self::Authentication,
        Self::Settings,
        Self::Licensing,
        Self::Session,
        Self::Gateway,
    ];

    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Transport => "transport",
            Self::Negotiation => "negotiation",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::Settings => "settings",
            Self::Licensing => "licensing",
            Self::Session => "session",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It did what it is for.
    Passed,
    /// A party refused, or nothing answered.
    Failed,
    /// It was under way when the connection or the capture ended.
    Cut,
    /// It was not captured, or is hidden by encryption.
    Unseen,
}

impl Outcome {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Cut => "cut",
            Self::Unseen => "unseen",
        }
    }
}
