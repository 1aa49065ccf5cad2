//! Layer 7: one flow's messages to what happened, stage by stage.
//!
//! Says what was observed and how far the connection came; never why it failed. That is `causes`.

pub mod alignment;
mod anchors;
mod continued;
pub mod crossing;
pub mod encrypted;
pub mod ended;
pub mod ending;
pub mod kerberos;
mod links;
pub mod lookup;
mod matches;
mod numbers;
pub mod observations;
mod pass;
mod reading;
mod rings;
pub mod room;
pub mod scan;
pub mod second_views;
mod sequence;
pub mod signs;
pub mod stage;
pub mod stages;
pub mod steps;
pub mod tallies;
pub mod tls;
pub mod trace;
pub mod twins;
pub mod udp;
pub mod views;

use std::net::IpAddr;

use crate::base::{Mark, Observed, SourceId, Timestamp, Window};
use crate::packet::Endpoint;
use crate::protocol::mcs;
use crate::protocol::nego::{
    Answer, ConnectionConfirm, ConnectionRequest, FailureCode, Protocols, RoutingLine,
};
use crate::stream::{Flow, Side};
pub use encrypted::{Encrypted, Nla};
pub use ending::Goodbye;
pub use stage::{Outcome, Stage};
pub use tls::Tls;
pub use twins::Absence;
pub use views::Views;

/// What carries a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A captured TCP flow.
    Tcp,
    /// A captured UDP conversation beside a TCP connection.
    Udp,
    /// Known from a log alone.
    Unseen,
}

impl Transport {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Unseen => "unseen",
        }
    }
}

/// How one stage went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageResult {
    /// Which stage.
    pub stage: Stage,
    /// How it ended.
    pub outcome: Outcome,
    /// Where that shows.
    pub at: Option<Mark>,
    /// What exactly.
    pub detail: Option<String>,
}

/// A server's answer that is no RDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it looks like: `SSH banner`, `HTTP`, `TLS`.
    pub looks_like: &'static str,
    /// Its first bytes, printable ones as text, others as dots.
    pub first_bytes: String,
    /// Whether the server spoke before the client did.
    pub spoke_first: bool,
}

/// What can be read of MCS, where security is the old one (or none).
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The client's MCS Connect-Initial.
    pub connect_initial: Option<Observed<mcs::ConnectInitial>>,
    /// The server's MCS Connect-Response.
    pub connect_response: Option<Mark>,
    /// MCS Disconnect Provider Ultimatum in clear, and who sent it.
    pub ultimatum: Option<Observed<Side>>,
    /// `errorInfo` of a Set Error Info PDU in clear.
    pub error_info: Option<Observed<u32>>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// What carries it.
    pub transport: Transport,
    /// Who opened it; port 0 if unknown.
    pub client: Endpoint,
    /// Who was addressed; port 0 if unknown.
    pub server: Endpoint,
    /// The first segment or event.
    pub first: Mark,
    /// The last segment or event.
    pub last: Mark,
    /// Other captures that hold the same connection; what is said of it rests on one.
    pub also_in: Vec<SourceId>,
    /// Its ends in these, where an address translation made others of them.
    pub also_as: Vec<(Endpoint, Endpoint)>,
    /// A capture that holds its end, where the one that it is told by was stopped before.
    pub goes_on_in: Option<SourceId>,
    /// What two capture points saw of it.
    pub views: Option<Box<Views>>,
    /// The capture point that should have seen it and did not.
    pub absent: Option<Absence>,
    /// When the capture that holds it ends.
    pub capture_end: Timestamp,
    /// The TCP flow; its stream bytes are gone.
    pub flow: Option<Box<Flow>>,
    /// The stages that were entered, in order.
    pub stages: Vec<StageResult>,
    /// The last stage that was entered.
    pub reached: Stage,
    /// X.224 connection request.
    pub request: Option<Observed<ConnectionRequest>>,
    /// X.224 connection confirm.
    pub confirm: Option<Observed<ConnectionConfirm>>,
    /// What the server said instead of RDP.
    pub foreign: Option<Observed<Foreign>>,
    /// The TLS handshake.
    pub tls: Tls,
    /// MCS in clear.
    pub settings: Settings,
    /// What sizes and directions tell of the encrypted part.
    pub encrypted: Encrypted,
    /// The orderly end, if there was one.
    pub goodbye: Option<Observed<Goodbye>>,
}

impl Connection {
    /// A connection of which only a log knows.
    pub fn unseen(client: Endpoint, server: Endpoint, first: Mark) -> Self {
        Self {
            transport: Transport::Unseen,
            client,
            server,
            first,
            last: first,
            also_in: Vec::new(),
            also_as: Vec::new(),
            goes_on_in: None,
            views: None,
            absent: None,
            capture_end: first.time,
            flow: None,
            stages: Vec::new(),
            reached: Stage::Transport,
            request: None,
            confirm: None,
            foreign: None,
            tls: Tls::default(),
            settings: Settings::default(),
            encrypted: Encrypted::default(),
            goodbye: None,
        }
    }

    /// Whether the client says this name of the server in its first message of TLS. RFC 6066 3
    pub fn calls(&self, name: &str) -> bool {
        let hello = self.tls.client_hello.as_ref();
        let said = hello.and_then(|hello| hello.value.server_name.as_deref());
        said.is_some_and(|said| said.eq_ignore_ascii_case(name.trim_end_matches('.')))
    }

    /// Whether the snapshot length left nothing of the negotiation: what follows it may be anything.
    pub fn hides_negotiation(&self) -> bool {
        self.flow.as_deref().is_some_and(|flow| flow.is_established() && self.is_cut_before(flow))
    }

    /// The same of the flow that is being read.
    fn is_cut_before(&self, flow: &Flow) -> bool {
        self.request.is_none() && self.confirm.is_none() && flow.is_cut()
    }

    /// From the first to the last sign of it.
    pub const fn window(&self) -> Window {
        Window { start: self.first.time, end: self.last.time }
    }

    /// The client's ends by which captures know it: an address translation may have made several of one.
    pub fn known_clients(&self) -> impl Iterator<Item = Endpoint> + '_ {
        let others = self.also_as.iter().map(|(client, _)| *client).filter(|client| *client != self.client);
        let mut known: Vec<Endpoint> = std::iter::once(self.client).chain(others).collect();
        known.dedup();
        known.into_iter()
    }

    /// How a stage ended; unseen if it was not entered.
    pub fn outcome(&self, stage: Stage) -> Outcome {
        self.stages
            .iter()
            .find(|result| result.stage == stage)
            .map_or(Outcome::Unseen, |result| result.outcome)
    }

    /// Whether the session came up.
    pub fn reached_session(&self) -> bool {
        self.reached == Stage::Session
    }

    /// What the client offered.
    pub fn requested(&self) -> Option<Observed<Protocols>> {
        let request = self.request.as_ref()?;
        let protocols = request.value.request.map_or(Protocols::RDP, |request| request.protocols);
        Some(request.mark().of(protocols))
    }

    /// What the server chose.
    pub fn selected(&self) -> Option<Observed<Protocols>> {
        let confirm = self.confirm.as_ref()?;
        match confirm.value.answer {
            Some(Answer::Response { selected, .. }) => Some(confirm.mark().of(selected)),
            None => Some(confirm.mark().of(Protocols::RDP)),
            _ => None,
        }
    }

    /// Why the server refused in the negotiation.
    pub fn negotiation_failure(&self) -> Option<Observed<FailureCode>> {
        let confirm = self.confirm.as_ref()?;
        match confirm.value.answer {
            Some(Answer::Failure { code }) => Some(confirm.mark().of(code)),
            _ => None,
        }
    }

    /// The user name of the `mstshash` cookie, cut by the client to nine characters.
    pub fn cookie(&self) -> Option<Observed<&str>> {
        let request = self.request.as_ref()?;
        match &request.value.line {
            Some(RoutingLine::Cookie(name)) => Some(request.mark().of(name.as_str())),
            _ => None,
        }
    }

    /// Whether the security that was chosen includes CredSSP.
    pub fn uses_nla(&self) -> bool {
        self.selected().is_some_and(|selected| selected.value.nla())
    }

    /// The address of one side.
    pub const fn address(&self, side: Side) -> IpAddr {
        match side {
            Side::Client => self.client.ip,
            Side::Server => self.server.ip,
        }
    }

    /// Whether the capture went on long enough after the last segment to call what follows silence.
    pub fn ended_in_capture(&self, patience: i64) -> bool {
        self.flow
            .as_ref()
            .is_some_and(|flow| !flow.closes.is_empty() || flow.ended_before(self.capture_end, patience))
    }
}
