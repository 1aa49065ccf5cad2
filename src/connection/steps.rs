//! What passed between the two sides of a connection, step by step, for a reader to follow: messages by name where
//! they are in clear, encrypted ones by number and size, and what was lost.
//!
//! Chooses what to show and folds what is alike; judges nothing. Bounded: the middle of a long connection is counted.

mod fold;

use super::stage::Stage;
use super::{Connection, Nla, encrypted, ending};
use crate::base::{Mark, time};
use crate::packet::icmp::IcmpMeaning;
use crate::stream::{CloseKind, Flow, Framing, Record, Repeat, Side};

/// A silence of this length divides data that would else be folded.
const SILENCE: i64 = 2 * time::SECOND;

/// Where a step begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Who opened the connection.
    Client,
    /// Between the two.
    Path,
    /// Who was addressed.
    Server,
}

impl Lane {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Path => "path",
            Self::Server => "server",
        }
    }
}

impl From<Side> for Lane {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One or several messages of one side.
    Message,
    /// Messages of both sides, folded.
    Both,
    /// Never acknowledged.
    Lost,
    /// A refusal or alert inside the protocol, or an ICMP error.
    Refusal,
    /// FIN.
    Close,
    /// RST.
    Reset,
    /// Steps that were left out.
    LeftOut,
}

impl Kind {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Both => "both",
            Self::Lost => "lost",
            Self::Refusal => "refusal",
            Self::Close => "close",
            Self::Reset => "reset",
            Self::LeftOut => "left-out",
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub kind: Kind,
    /// Who sent it.
    pub from: Lane,
    /// How far it came, as far as this is known.
    pub to: Lane,
    /// The stage it belongs to.
    pub stage: Stage,
    /// In words.
    pub says: String,
    /// How many of these it stands for.
    pub count: u64,
    /// Bytes, where they say something.
    pub bytes: u64,
    /// The first frame.
    pub first: Mark,
    /// The last frame.
    pub last: Mark,
}

/// The steps of a connection in order; none of one that only a log knows.
pub fn steps(connection: &Connection) -> Vec<Step> {
    let Some(flow) = connection.flow.as_deref() else { return Vec::new() };
    let mut steps = opening(flow);
    steps.extend(records(connection, flow));
    steps.extend(lost(connection, flow));
    steps.extend(errors(connection, flow));
    steps.extend(closes(connection, flow));
    steps.sort_by_key(|step| (step.first, step.last));
    fold::bounded(fold::folded(steps))
}

fn one(kind: Kind, from: Side, stage: Stage, says: impl Into<String>, mark: Mark) -> Step {
    let to = if kind == Kind::Lost { Lane::Path } else { from.other().into() };
    Step {
        kind,
        from: from.into(),
        to,
        stage,
        says: says.into(),
        count: 1,
        bytes: 0,
        first: mark,
        last: mark,
    }
}

/// SYN, SYN-ACK, ACK.
fn opening(flow: &Flow) -> Vec<Step> {
    let heard = |side: Side| flow.habits(side).last.is_some();
    let answered = heard(Side::Server) || !flow.icmp.is_empty();
    let syn = if answered { Kind::Message } else { Kind::Lost };
    let mut steps: Vec<Step> =
        flow.syns.iter().map(|syn_at| one(syn, Side::Client, Stage::Transport, "SYN", syn_at.mark)).collect();
    // Repeated, and the client never said that it came: it may be lost, or the client's answer is.
    let taken = flow.handshake.is_some() || flow.syn_acks.len() < 2;
    let kind = if taken { Kind::Message } else { Kind::Lost };
    let syn_acks = flow.syn_acks.iter();
    steps.extend(syn_acks.map(|at| one(kind, Side::Server, Stage::Transport, "SYN-ACK", at.mark)));
    steps.extend(flow.handshake.map(|mark| one(Kind::Message, Side::Client, Stage::Transport, "ACK", mark)));
    steps
}

/// What the records of the flow are.
fn records(connection: &Connection, flow: &Flow) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    // Messages that were found behind a preamble, or are no record: RDP's own negotiation.
    if let Some(request) = &connection.request {
        steps.push(one(Kind::Message, Side::Client, Stage::Negotiation, asks(connection), request.mark()));
    }
    if let Some(confirm) = &connection.confirm {
        let (kind, says) = answers(connection);
        steps.push(one(kind, Side::Server, Stage::Negotiation, says, confirm.mark()));
    }
    if let Some(foreign) = &connection.foreign {
        let says = format!("{}: no RDP", foreign.value.looks_like);
        steps.push(one(Kind::Refusal, Side::Server, Stage::Negotiation, says, foreign.mark()));
    }
    let named = |mark: Mark| steps.iter().any(|step| step.first == mark);
    let rest: Vec<&Record> = flow.records.iter().filter(|record| !named(record.end)).collect();
    let elided = flow.records.elided();
    let mut run: Vec<Step> = Vec::new();
    let swallowed = [Side::Client, Side::Server].map(|side| flow.swallowed(side));
    for record in rest {
        let mut step = record_step(connection, flow, record);
        let [client, server] = &swallowed;
        let own = if record.from == Side::Client { client } else { server };
        if step.kind == Kind::Message && own.iter().any(|lost| holds_some(record, lost)) {
            (step.kind, step.to) = (Kind::Lost, Lane::Path);
        }
        let divided = run.last().is_some_and(|last| step.first.time - last.last.time >= SILENCE);
        match run.last_mut().filter(|last| !divided && fold::joins(last, &step)) {
            Some(last) => fold::join(last, &step),
            None => run.push(step),
        }
    }
    if elided && let Some(step) = run.iter_mut().rfind(|step| step.kind == Kind::Both) {
        step.count = step.count.max(flow.records.from_client + flow.records.from_server);
    }
    steps.extend(run);
    steps
}

/// Whether a segment that never came held a part of a record.
fn holds_some(record: &Record, lost: &Repeat) -> bool {
    let end = record.offset + u64::from(record.header) + u64::from(record.body);
    record.offset < lost.offset + u64::from(lost.length) && lost.offset < end
}

/// `connection request: TLS, CredSSP`.
fn asks(connection: &Connection) -> String {
    let offered = connection.requested().map_or_else(String::new, |seen| format!(": {}", seen.value));
    let cookie = connection.cookie().map_or_else(String::new, |seen| format!(", cookie {}", seen.value));
    format!("connection request{offered}{cookie}")
}

fn answers(connection: &Connection) -> (Kind, String) {
    match (connection.negotiation_failure(), connection.selected()) {
        (Some(failure), _) => (Kind::Refusal, format!("negotiation failure: {}", failure.value)),
        (None, Some(selected)) => (Kind::Message, format!("connection confirm: {} selected", selected.value)),
        (None, None) => (Kind::Message, "connection confirm".into()),
    }
}

fn record_step(connection: &Connection, flow: &Flow, record: &Record) -> Step {
    let (kind, stage, says) = match record.framing {
        Framing::Tls { kind: 20, .. } => (Kind::Message, Stage::Tls, "ChangeCipherSpec".into()),
        Framing::Tls { kind: 21, .. } => alert(connection, record),
        Framing::Tls { kind: 22, .. } => (Kind::Message, Stage::Tls, handshake(connection, flow, record)),
        Framing::Tls { .. } => sealed(connection, flow, record),
        Framing::Tpkt | Framing::FastPath => clear(connection, record),
    };
    let mut step = one(kind, record.from, stage, says, record.start);
    step.last = record.end;
    step.bytes = u64::from(record.header) + u64::from(record.body);
    step
}

fn alert(connection: &Connection, record: &Record) -> (Kind, Stage, String) {
    let stage = if connection.tls.finished().is_some() { connection.reached } else { Stage::Tls };
    match connection.tls.alerts.iter().find(|alert| alert.mark() == record.end) {
        Some(seen) => {
            let alert = seen.value.alert;
            let kind = if alert.is_fatal() { Kind::Refusal } else { Kind::Message };
            (kind, stage, format!("TLS alert: {} {}", alert.level, alert.description))
        }
        None => (Kind::Message, stage, "TLS alert, encrypted".into()),
    }
}

/// The messages of a handshake record, by their marks: of several records in one frame each names all, and the fold
/// names them once.
fn handshake(connection: &Connection, flow: &Flow, record: &Record) -> String {
    let tls = &connection.tls;
    // Behind the change of cipher there is nothing but the Finished; before it, none.
    let changes =
        |other: &&Record| other.from == record.from && matches!(other.framing, Framing::Tls { kind: 20, .. });
    let sealed = flow.records.iter().find(changes).is_some_and(|change| change.offset < record.offset);
    if sealed && tls.retry.is_none() {
        return "Finished".into();
    }
    let mut names: Vec<String> = Vec::new();
    let here = |mark: Option<Mark>| mark == Some(record.end);
    if here(tls.offered()) {
        names.push("ClientHello".into());
    }
    if here(tls.retry) {
        names.push("HelloRetryRequest".into());
    }
    if here(tls.answered()) {
        let version = tls.version().map_or_else(String::new, |version| format!(" ({version})"));
        names.push(format!("ServerHello{version}"));
    }
    if here(tls.certificate.as_ref().map(crate::base::Observed::mark)) {
        names.push("Certificate".into());
    }
    if here(tls.server_done) {
        names.push("ServerHelloDone".into());
    }
    if names.is_empty() { "key exchange".into() } else { names.join(", ") }
}

fn sealed(connection: &Connection, flow: &Flow, record: &Record) -> (Kind, Stage, String) {
    if let Some(says) = farewell(connection, record) {
        return (Kind::Message, connection.reached, says);
    }
    let tls = &connection.tls;
    let finished = |side: Side| match side {
        Side::Client => tls.client_finished,
        Side::Server => tls.server_finished,
    };
    if finished(record.from).is_none_or(|mark| record.end <= mark) && !tls.midstream {
        return (Kind::Message, Stage::Tls, "rest of the handshake, encrypted".into());
    }
    let passed = connection.encrypted.settings_began;
    if connection.uses_nla() && passed.is_none_or(|began| record.start < began) {
        let refused = matches!(
            connection.encrypted.nla,
            Some(Nla::RefusedByStatus(at)) if at.mark() == record.end
        );
        return match (refused, record.from) {
            (true, _) => (Kind::Refusal, Stage::Authentication, "CredSSP: a status and no more".into()),
            (false, Side::Client) => (Kind::Message, Stage::Authentication, "CredSSP token".into()),
            (false, Side::Server) => (Kind::Message, Stage::Authentication, "CredSSP answer".into()),
        };
    }
    let up = connection.reached_session() && encrypted::is_up(flow, flow.records.from_server);
    let stage = if up { Stage::Session } else { connection.reached };
    (Kind::Both, stage, "encrypted RDP data".into())
}

/// The orderly end, if this record is it.
fn farewell(connection: &Connection, record: &Record) -> Option<String> {
    let goodbye = connection.goodbye.filter(|goodbye| goodbye.mark() == record.end)?;
    Some(match goodbye.value.form {
        ending::Form::Ultimatum | ending::Form::ErrorInfoAndUltimatum => {
            "goodbye: of the size of an MCS disconnect ultimatum".into()
        }
        form => format!("goodbye: {}", form.name()),
    })
}

/// RDP without encryption of TLS.
fn clear(connection: &Connection, record: &Record) -> (Kind, Stage, String) {
    let settings = &connection.settings;
    let here = |mark: Option<Mark>| mark == Some(record.end);
    if here(settings.connect_initial.as_ref().map(crate::base::Observed::mark)) {
        return (Kind::Message, Stage::Settings, "MCS connect initial".into());
    }
    if here(settings.connect_response) {
        return (Kind::Message, Stage::Settings, "MCS connect response".into());
    }
    if here(settings.ultimatum.map(|seen| seen.mark())) {
        return (Kind::Refusal, connection.reached, "MCS disconnect ultimatum".into());
    }
    if let Some(error) = settings.error_info.filter(|error| error.mark() == record.end) {
        return (Kind::Refusal, connection.reached, format!("error info 0x{:x}", error.value));
    }
    (Kind::Both, connection.reached, "RDP data".into())
}

/// Data that was sent again and again and never acknowledged.
fn lost(connection: &Connection, flow: &Flow) -> Vec<Step> {
    let of = |side: Side| {
        flow.swallowed(side).into_iter().map(move |repeat| {
            let mut step =
                one(Kind::Lost, side, connection.reached, "data, never acknowledged", repeat.first);
            step.last = repeat.last;
            step.count = u64::from(repeat.times) + 1;
            step.bytes = u64::from(repeat.length);
            step
        })
    };
    of(Side::Client).chain(of(Side::Server)).collect()
}

fn errors(connection: &Connection, flow: &Flow) -> Vec<Step> {
    let word = |meaning| match meaning {
        IcmpMeaning::Unreachable => "unreachable",
        IcmpMeaning::Prohibited => "prohibited",
        IcmpMeaning::PortClosed => "port closed",
        IcmpMeaning::TooBig => "packet too big",
        IcmpMeaning::Loop => "time to live ran out",
        IcmpMeaning::ReassemblyTimeout => "fragments did not arrive",
        IcmpMeaning::Other => "error",
    };
    let step = |error: &crate::packet::IcmpError| {
        let mtu = error.mtu.map_or_else(String::new, |mtu| format!(", MTU {mtu}"));
        let says = format!("{} from {}: {}{mtu}", error.label(), error.reporter, word(error.meaning()));
        let reporter = match error.reporter {
            ip if ip == connection.server.ip => Lane::Server,
            ip if ip == connection.client.ip => Lane::Client,
            _ => Lane::Path,
        };
        let to = if error.receiver == connection.server.ip { Lane::Server } else { Lane::Client };
        let stage = connection.reached;
        Step { from: reporter, to, ..one(Kind::Refusal, Side::Server, stage, says, flow.mark_of(error)) }
    };
    flow.icmp.iter().map(step).collect()
}

fn closes(connection: &Connection, flow: &Flow) -> Vec<Step> {
    let step = |close: &crate::stream::Close| {
        let (kind, says) = match close.kind {
            CloseKind::Fin => (Kind::Close, "FIN"),
            CloseKind::Rst => (Kind::Reset, "RST"),
        };
        one(kind, close.from, connection.reached, says, close.mark)
    };
    flow.closes.iter().map(step).collect()
}
