//! What a cause claims about one incident, and on what it stands.

use std::sync::Arc;

use super::Cause;
use crate::base::{Mark, Observed};
use crate::eventlog::Event;

/// How sure a finding is. A word, because it must be explained to a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// A pattern only.
    Inferred,
    /// Two independent classes of evidence agree on connection and time.
    Corroborated,
    /// A party's own message about this connection says so.
    Stated,
}

impl Strength {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inferred => "inferred",
            Self::Corroborated => "corroborated",
            Self::Stated => "stated",
        }
    }
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// The connecting computer, its settings or its user.
    Client,
    /// The RDP host.
    Server,
    /// The path between them.
    Network,
    /// A device on the path that acts on its own: firewall, proxy, load balancer.
    Middlebox,
    /// Nobody: a decision, not a fault.
    None,
    /// The evidence does not say.
    Unknown,
}

impl Blame {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Network => "network",
            Self::Middlebox => "middlebox",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Normal behaviour that looks odd.
    Benign,
    /// Worth a word, did not fail the connection.
    Remark,
    /// Degrades or endangers.
    Warning,
    /// The connection failed of it.
    Failure,
}

impl Severity {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Benign => "benign",
            Self::Remark => "remark",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// One observed fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it says, as a fragment.
    pub says: String,
    /// Where and when.
    pub mark: Mark,
    /// Channel and event id, if it is an event.
    pub event: Option<(Arc<str>, u32)>,
}

impl Evidence {
    /// A fact from a capture.
    pub fn at(mark: Mark, says: impl Into<String>) -> Self {
        Self { says: says.into(), mark, event: None }
    }

    /// A fact from an observed value.
    pub fn of<T>(observed: &Observed<T>, says: impl Into<String>) -> Self {
        Self::at(observed.mark(), says)
    }

    /// A fact from an event.
    pub fn event(event: &Event, says: impl Into<String>) -> Self {
        let mark = Mark { time: event.time, at: event.at };
        Self { says: says.into(), mark, event: Some((Arc::clone(&event.channel), event.id)) }
    }
}

/// One cause's claim.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which cause.
    pub cause: &'static Cause,
    /// How sure.
    pub strength: Strength,
    /// Who is at fault.
    pub blame: Blame,
    /// How bad, here: a row graded `failure|remark` is a failure only where it ended the connection.
    pub severity: Severity,
    /// What it stands on, the decisive fact first.
    pub evidence: Vec<Evidence>,
    /// A headline of its own, where the cause's would not be true of this case.
    pub title: Option<String>,
    /// What exactly, where the cause's own title is not enough: a fragment.
    pub detail: Option<String>,
    /// Where on the path.
    pub location: Option<String>,
    /// Which source would settle what is still open.
    pub missing: Vec<String>,
    /// What to do before the cause's own steps.
    pub first_steps: Vec<String>,
}

impl Finding {
    /// A finding with the severity of its cause.
    pub fn new(cause: &'static Cause, strength: Strength, blame: Blame, evidence: Vec<Evidence>) -> Self {
        Self {
            cause,
            strength,
            blame,
            severity: cause.severity,
            evidence,
            title: None,
            detail: None,
            location: None,
            missing: Vec::new(),
            first_steps: Vec::new(),
        }
    }

    /// Says what exactly.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says where on the path.
    #[must_use]
    pub fn located(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    /// Names a source that would settle what is open.
    #[must_use]
    pub fn missing(mut self, source: impl Into<String>) -> Self {
        self.missing.push(source.into());
        self
    }

    /// Says it in other words where the cause's title would not be true of this case.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Puts a step before those of the cause, where this case asks for another beginning.
    #[must_use]
    pub fn begin_with(mut self, step: impl Into<String>) -> Self {
        self.first_steps.push(step.into());
        self
    }

    /// What to do, step by step.
    pub fn remedy(&self) -> Vec<String> {
        self.first_steps.iter().cloned().chain(self.cause.remedy()).collect()
    }

    /// The headline: the cause's, if this case has none of its own.
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or_else(|| self.cause.title())
    }

    /// Lowers or raises the severity.
    #[must_use]
    pub const fn graded(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// What kind of judgement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing failed.
    Healthy,
    /// A cause is named.
    Cause,
    /// The cause cannot be named; what is certain and what is missing is said.
    Undetermined,
}

impl Kind {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Cause => "cause",
            Self::Undetermined => "undetermined",
        }
    }
}

/// A party that is shown not to be at fault.
#[derive(Clone, Debug)]
pub struct Exoneration {
    /// Who.
    pub party: Blame,
    /// Why, as a fragment.
    pub says: String,
    /// On what that stands.
    pub evidence: Vec<Evidence>,
}

/// The judgement of one connection or incident.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which kind.
    pub kind: Kind,
    /// The finding that decided; with [`Kind::Undetermined`] a residual, if one is certain.
    pub finding: Option<Finding>,
    /// One or two sentences.
    pub summary: String,
    /// Evidence where there is no finding: what shows that it is healthy, or how far it came.
    pub evidence: Vec<Evidence>,
    /// Findings that did not make it fail.
    pub remarks: Vec<Finding>,
    /// Causes that were weighed and lost, with why not.
    pub also_considered: Vec<(&'static Cause, String)>,
    /// Parties that are not at fault.
    pub exonerated: Vec<Exoneration>,
    /// What can be excluded, in words.
    pub ruled_out: Vec<String>,
    /// What could not be seen, and which source would settle it.
    pub missing: Vec<String>,
}

impl Verdict {
    /// A verdict that says nothing yet.
    pub(super) const fn empty(kind: Kind) -> Self {
        Self {
            kind,
            finding: None,
            summary: String::new(),
            evidence: Vec::new(),
            remarks: Vec::new(),
            also_considered: Vec::new(),
            exonerated: Vec::new(),
            ruled_out: Vec::new(),
            missing: Vec::new(),
        }
    }
}
