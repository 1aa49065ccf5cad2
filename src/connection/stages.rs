//! Which stages a connection entered, and how each ended.

use super::encrypted::{Nla, is_up};
use super::stage::{Outcome, Stage};
use super::tls::ClearAlert;
use super::{Connection, StageResult};
use crate::base::{Mark, Observed, time};
use crate::protocol::fast_path::fast_path;
use crate::protocol::nego::{Answer, Protocols};
use crate::stream::{CloseKind, Flow, Framing, Opening, Side};

/// Records of a legacy (not TLS) session from the server with which it is up: connect response, confirms of
/// attach and joins, licence, demand active and the finalisation.
const LEGACY_SESSION_RECORDS: u64 = 16;
/// A running connection that goes on talking for this long is past its logon, whoever ends it.
const PAST_LOGON: i64 = 30 * time::SECOND;
/// The same where nobody ended it, or the client did so in order: the last steps of a logon take less, the server's
/// wait before it refuses one included.
const LOGON: i64 = 1500 * time::MILLISECOND;
/// The capture must go on this long before silence counts as failure.
pub const PATIENCE: i64 = 5 * time::SECOND;

/// Walks the stages of a connection whose messages have been read.
pub fn walk(connection: &Connection, flow: &Flow) -> (Vec<StageResult>, Stage) {
    let mut stages = Vec::new();
    let mut push = |stage, outcome, at: Option<Mark>, detail: Option<String>| {
        stages.push(StageResult { stage, outcome, at, detail });
    };
    let (outcome, at, detail) = transport(connection, flow);
    push(Stage::Transport, outcome, at, detail);
    if flow.opening == Opening::MidStream
        && connection.request.is_none()
        && connection.tls.offered().is_none()
    {
        mid_stream(connection, flow, &mut push);
        return finish(stages);
    }
    if outcome != Outcome::Passed && outcome != Outcome::Unseen || connection.foreign.is_some() {
        return finish(stages);
    }
    let Some((outcome, at, detail)) = negotiation(connection, flow) else { return finish(stages) };
    push(Stage::Negotiation, outcome, at, detail);
    if let Some((outcome, at, detail)) = tls(connection, flow) {
        push(Stage::Tls, outcome, at, detail);
        if outcome == Outcome::Passed {
            behind_tls(connection, flow, &mut push);
        }
    } else if flow.records.iter().any(|record| is_behind_negotiation(record, connection)) {
        if chose_tls(connection) && flow.records.from_server < LEGACY_SESSION_RECORDS {
            // The snapshot length, or a gap, left nothing of the hellos.
            push(Stage::Tls, Outcome::Unseen, None, None);
        } else {
            legacy(connection, flow, &mut push);
        }
    }
    finish(stages)
}

/// A connection whose beginning was not captured: what is left of a handshake, or a session, or too little to tell.
fn mid_stream(
    connection: &Connection,
    flow: &Flow,
    push: &mut impl FnMut(Stage, Outcome, Option<Mark>, Option<String>),
) {
    let handshake = tls_without_hello(connection, flow);
    let passed = handshake.as_ref().is_none_or(|(outcome, ..)| *outcome == Outcome::Passed);
    if let Some((outcome, at, detail)) = handshake {
        push(Stage::Tls, outcome, at, detail);
    }
    if passed && is_running_session(connection, flow) {
        let detail = Some("already running when the capture starts".into());
        push(Stage::Session, session_outcome(connection, flow), Some(flow.last), detail);
    }
}

/// Whether what was captured of a running connection is more than the last steps of a logon.
fn is_running_session(connection: &Connection, flow: &Flow) -> bool {
    let first = flow.records.iter().next();
    let last = flow.records.newest().next();
    let talked = first.zip(last).map_or(0, |(first, last)| last.end.time - first.start.time);
    let left = connection.goodbye.is_some_and(|goodbye| goodbye.value.from == Side::Client);
    let enough = if left || flow.closes.is_empty() { LOGON } else { PAST_LOGON };
    is_up(flow, flow.records.from_server) || talked >= enough || begins_with_fast_path(flow)
}

/// Whether the server's first bytes are a fast-path message that ends where a segment does: only sessions have those.
/// [MS-RDPBCGR] 2.2.9.1.2
fn begins_with_fast_path(flow: &Flow) -> bool {
    /// The least that carries an update.
    const LEAST: u16 = 32;
    let Some(run) = flow.to_client.runs.first() else { return false };
    let Ok((rest, first)) = fast_path(&run.bytes) else { return false };
    let end = run.bytes.len() - rest.len();
    first.length >= LEAST && (rest.is_empty() || run.piece_starts().any(|start| start == end))
}

/// What is left of a TLS handshake whose hellos were not captured.
fn tls_without_hello(connection: &Connection, flow: &Flow) -> Option<Step> {
    let tls = &connection.tls;
    let alert = tls.fatal_alert().map(|alert| alert.mark());
    let begun = [tls.answered(), tls.certificate.as_ref().map(Observed::mark)];
    let seen = begun.into_iter().chain([tls.server_done, tls.client_finished, tls.server_finished, alert]);
    let first = seen.flatten().min()?;
    if alert.is_none() && (tls.client_finished.is_some() || tls.server_finished.is_some()) {
        return Some((Outcome::Passed, tls.client_finished.max(tls.server_finished), None));
    }
    let detail = tls.fatal_alert().map(|alert| alert_says(alert.value));
    Some((unfinished(connection, flow), Some(first), detail))
}

fn alert_says(alert: ClearAlert) -> String {
    format!("{} alert {}", alert.from.name(), alert.alert.description)
}

fn finish(stages: Vec<StageResult>) -> (Vec<StageResult>, Stage) {
    let reached = stages.last().map_or(Stage::Transport, |result| result.stage);
    (stages, reached)
}

type Step = (Outcome, Option<Mark>, Option<String>);

/// Whether a stage that did not end by a message failed or was cut off by the end of the capture.
fn unfinished(connection: &Connection, flow: &Flow) -> Outcome {
    if !flow.closes.is_empty() || flow.ended_before(connection.capture_end, PATIENCE) {
        Outcome::Failed
    } else {
        Outcome::Cut
    }
}

fn transport(connection: &Connection, flow: &Flow) -> Step {
    if flow.opening == Opening::MidStream {
        return (Outcome::Unseen, None, None);
    }
    if flow.is_established() {
        return (Outcome::Passed, flow.handshake.or(flow.syn_acks.first().map(|syn_ack| syn_ack.mark)), None);
    }
    if let Some(reset) = flow.close_of(Side::Server, CloseKind::Rst) {
        return (Outcome::Failed, Some(reset.mark), Some("the SYN was answered with RST".into()));
    }
    if let Some(error) = flow.icmp.first() {
        return (
            Outcome::Failed,
            Some(flow.first),
            Some(format!("the SYN was answered with {}", error.label())),
        );
    }
    let syns = flow.syns.len();
    let last = flow.syns.last().map(|syn| syn.mark);
    let detail = if flow.syn_acks.is_empty() {
        format!("{syns} SYN, no answer")
    } else {
        format!("{} SYN-ACK, never acknowledged", flow.syn_acks.len())
    };
    (unfinished(connection, flow), last, Some(detail))
}

fn negotiation(connection: &Connection, flow: &Flow) -> Option<Step> {
    if let Some(confirm) = &connection.confirm {
        let detail = match confirm.value.answer {
            Some(Answer::Response { selected, .. }) => Some(format!("{selected} selected")),
            Some(Answer::Failure { code }) => Some(format!("refused: {code}")),
            Some(Answer::Other { .. }) => Some("answered with an unknown structure".into()),
            None => Some("standard RDP security".into()),
        };
        let failed = matches!(confirm.value.answer, Some(Answer::Failure { .. }));
        return Some((if failed { Outcome::Failed } else { Outcome::Passed }, Some(confirm.mark()), detail));
    }
    // TLS or MCS without a negotiation in the capture: it lies before its start, or in a gap.
    if connection.tls.is_begun() {
        return Some((Outcome::Unseen, None, None));
    }
    let request = connection.request.as_ref()?;
    // A request that TCP never delivered did not begin a negotiation.
    let acked = flow.to_server.acked_end.unwrap_or(0) > 0 || flow.to_client.bytes > 0;
    let ended_at_once = !flow.closes.is_empty();
    (acked || ended_at_once || connection.capture_end - request.time < PATIENCE)
        .then(|| (unfinished(connection, flow), Some(request.mark()), Some("no connection confirm".into())))
}

fn tls(connection: &Connection, flow: &Flow) -> Option<Step> {
    let tls = &connection.tls;
    let begun = tls.offered().or(tls.answered())?;
    if let Some(finished) = tls.finished()
        && tls.fatal_alert().is_none()
    {
        let version = tls.version().map(|version| version.to_string());
        return Some((Outcome::Passed, Some(finished), version));
    }
    if let Some(alert) = tls.fatal_alert() {
        return Some((Outcome::Failed, Some(alert.mark()), Some(alert_says(alert.value))));
    }
    if flow.is_cut() && (flow.to_server.tracker.was_lost() || flow.to_client.tracker.was_lost()) {
        // The rest of the handshake may stand in what the snapshot length cut off.
        return None;
    }
    let detail = if tls.answered().is_none() { "no ServerHello" } else { "handshake not completed" };
    Some((unfinished(connection, flow), Some(begun), Some(detail.into())))
}

fn behind_tls(
    connection: &Connection,
    flow: &Flow,
    push: &mut impl FnMut(Stage, Outcome, Option<Mark>, Option<String>),
) {
    let encrypted = &connection.encrypted;
    if encrypted.from_client + encrypted.from_server == 0 {
        return;
    }
    if let Some(nla) = encrypted.nla {
        let (outcome, at, detail) = match nla {
            Nla::Passed(mark) => (Outcome::Passed, Some(mark), None),
            Nla::RefusedByStatus(seen) => (
                Outcome::Failed,
                Some(seen.mark()),
                Some(format!("the server's last record holds {} bytes: a status and no more", seen.value)),
            ),
            Nla::RefusedByClosing(mark) => {
                (Outcome::Failed, Some(mark), Some("the server ended it when it had the credentials".into()))
            }
            Nla::ResultThenEnd(mark) => {
                (Outcome::Failed, Some(mark), Some("the early result came and nothing followed".into()))
            }
            Nla::ClientLeft(mark) => (Outcome::Cut, Some(mark), Some("the client left".into())),
            Nla::Open => (unfinished(connection, flow), None, None),
        };
        push(Stage::Authentication, outcome, at, detail);
        if outcome != Outcome::Passed {
            return;
        }
    }
    let up = is_up(flow, encrypted.from_server);
    let Some(began) = encrypted.settings_began else { return };
    if !up {
        push(Stage::Settings, unfinished(connection, flow), Some(began), None);
        return;
    }
    push(Stage::Settings, Outcome::Passed, Some(began), None);
    push(Stage::Licensing, Outcome::Unseen, None, None);
    push(Stage::Session, session_outcome(connection, flow), Some(flow.last), None);
}

fn is_behind_negotiation(record: &crate::stream::Record, connection: &Connection) -> bool {
    let confirm = connection.confirm.as_ref().map(Observed::mark);
    record.framing != Framing::FastPath && confirm.is_some_and(|confirm| record.start > confirm)
}

/// Whether TLS follows, however little of it was captured.
fn chose_tls(connection: &Connection) -> bool {
    connection.selected().is_some_and(|selected| selected.value != Protocols::RDP)
}

fn legacy(
    connection: &Connection,
    flow: &Flow,
    push: &mut impl FnMut(Stage, Outcome, Option<Mark>, Option<String>),
) {
    let began = connection.settings.connect_initial.as_ref().map(Observed::mark);
    if flow.records.from_server < LEGACY_SESSION_RECORDS {
        push(Stage::Settings, unfinished(connection, flow), began, None);
        return;
    }
    push(Stage::Settings, Outcome::Passed, began, None);
    push(Stage::Licensing, Outcome::Unseen, None, None);
    push(Stage::Session, session_outcome(connection, flow), Some(flow.last), None);
}

/// A session passed if it ended in order or was still running; whether an abrupt end is a failure is for the
/// causes to say.
fn session_outcome(connection: &Connection, flow: &Flow) -> Outcome {
    if connection.goodbye.is_some() || flow.closes.is_empty() { Outcome::Passed } else { Outcome::Cut }
}
