//! Weighs findings: explicit before inferred, specific before general, early stages before late ones.
//!
//! A wrong cause costs its reader a day. So a residual is not a cause, a finding on a session that came up and
//! ended in order is a remark, and where nothing is certain the verdict says what would settle it.

use super::authentication::brute_force_storm;
use super::finding::{Blame, Evidence, Exoneration, Finding, Kind, Severity, Strength, Verdict};
use super::transport::packet_loss;
use super::without_finding::without_finding;
use super::{ALL, Case, Cause, points};
use crate::connection::{Connection, Outcome, Stage};
use crate::correlate::storm::STORM;
use crate::correlate::{Attempt, Incident, Surroundings, reach};
use crate::protocol::nego::FailureCode;
use crate::stream::{Flow, Opening, Side};

/// The cause that [`judge`] finds, without its reasons: what a group of a flood needs.
pub(super) fn cause_of(case: &Case<'_>) -> Option<&'static Cause> {
    let (failures, _) = findings(case);
    choose(failures).0.map(|finding| finding.cause)
}

/// What all detectors say: failures and warnings, and the rest.
fn findings(case: &Case<'_>) -> (Vec<Finding>, Vec<Finding>) {
    let stopped = stopped_before(case);
    ALL.iter()
        .filter_map(|cause| (cause.detect)(case))
        .filter(|finding| !is_denied(finding, stopped))
        .partition(|finding| finding.severity >= Severity::Warning)
}

/// The stage in which the packets show that a connection ended, so that nothing of a later one can have been why.
fn stopped_before(case: &Case<'_>) -> Option<Stage> {
    let (connection, flow) = case.both()?;
    let last = connection.stages.last()?;
    let shown = match last.stage {
        Stage::Transport | Stage::Negotiation => true,
        Stage::Tls => {
            let unanswered = connection.tls.answered().is_none() && case.capture_is_sound();
            connection.tls.fatal_alert().is_some() || unanswered
        }
        _ => false,
    };
    let silent = last.stage == Stage::Transport && flow.syn_acks.is_empty() && flow.syns.len() > 1;
    let ended = last.outcome == Outcome::Failed || last.outcome == Outcome::Cut && silent;
    (flow.opening == Opening::Syn && shown && ended).then_some(last.stage)
}

/// Whether a finding, of a log that may be another attempt's, is of a stage that the connection never entered, and
/// explains nothing of those that it did. Guessing is a matter of all attempts together, a gateway's stages are others,
/// and what is no failure failed no stage.
fn is_denied(finding: &Finding, stopped: Option<Stage>) -> bool {
    let cause = finding.cause;
    let of_all = std::ptr::eq(cause, &raw const brute_force_storm::CAUSE)
        || cause.stage == Stage::Gateway
        || finding.severity == Severity::Benign;
    let explains = |stopped: Stage| {
        let mut general = cause.more_specific_than.iter().filter_map(|id| super::by_id(id));
        general.any(|other| other.stage <= stopped)
    };
    !of_all && stopped.is_some_and(|stopped| cause.stage > stopped && !explains(stopped))
}

/// Judges one case alone.
pub fn judge(case: &Case<'_>) -> Verdict {
    let verdict = judge_as_it_is(case);
    match case.attempt {
        Some(attempt) if attempt.is_by_order() => by_order(case, attempt, verdict),
        Some(attempt) if verdict.kind == Kind::Undetermined => by_log(case, attempt).unwrap_or(verdict),
        _ => verdict,
    }
}

/// Of a capture that holds headers alone, what the log says counts as it would without that capture.
fn by_log(case: &Case<'_>, attempt: &Attempt) -> Option<Verdict> {
    let Connection { client, server, first, last, .. } = attempt.connection;
    if attempt.events.is_empty() || !attempt.connection.hides_negotiation() {
        return None;
    }
    let unseen = Connection { last, ..Connection::unseen(client, server, first) };
    let mut alone = [Attempt { connection: unseen, events: attempt.events.clone() }];
    reach::refine(&mut alone);
    let [alone] = &alone;
    let told = judge_as_it_is(&Case { attempt: Some(alone), ..*case });
    let is_loss =
        told.finding.as_ref().is_some_and(|own| std::ptr::eq(own.cause, &raw const packet_loss::CAUSE));
    // A device on the path that forgot an idle session looks the same in the log; headers show the pause.
    if is_loss && packet_loss::may_be_forgotten(case) {
        return None;
    }
    // A session that the server ended may have been cut off for all that the log says of it.
    let left = || case.flow().and_then(Flow::first_close).is_none_or(|close| close.from == Side::Client);
    (told.kind == Kind::Cause || told.kind == Kind::Healthy && left()).then_some(told)
}

/// A log's connection that is this one by time and order alone makes nothing sure, unless it also names the user, and
/// overturns nothing that the packets show.
fn by_order(case: &Case<'_>, attempt: &Attempt, mut verdict: Verdict) -> Verdict {
    let alone = Attempt { connection: attempt.connection.clone(), events: Vec::new() };
    let packets = judge_as_it_is(&Case { attempt: Some(&alone), ..*case });
    let stated = packets.kind == Kind::Cause
        && packets.finding.as_ref().is_some_and(|own| own.strength == Strength::Stated);
    if packets.kind == Kind::Healthy && verdict.kind != Kind::Healthy || stated {
        return packets;
    }
    if let Some(finding) = verdict.finding.as_mut().filter(|_| !attempt.names_its_user()) {
        finding.strength = finding.strength.min(Strength::Inferred);
    }
    verdict
}

fn judge_as_it_is(case: &Case<'_>) -> Verdict {
    let (failures, remarks) = findings(case);
    let (winner, losers) = choose(failures);
    let mut verdict = match winner {
        Some(mut finding) => {
            points::locate(case, &mut finding);
            of_finding(finding)
        }
        None => without_finding(case, &remarks),
    };
    verdict.remarks = remarks;
    verdict.also_considered = losers;
    verdict.exonerated = exonerate(case, &verdict);
    verdict
}

/// Judges what the user experienced: the verdict of the connection that decided, with what the others say as
/// remarks. Gives the deciding connection's index.
pub fn judge_incident(
    incident: &Incident,
    attempts: &[Attempt],
    verdicts: &[Verdict],
    around: &Surroundings,
) -> (Verdict, Option<usize>) {
    let Some(deciding) = deciding(incident, attempts, verdicts) else {
        let case = Case {
            lookup: incident.lookup.as_ref(),
            events: &incident.events,
            unanswered_host: incident.unanswered_host,
            side_alone: incident.side_alone.as_deref(),
            ..Case::without(around)
        };
        return (judge(&case), None);
    };
    let mut verdict = verdicts.get(deciding).cloned().unwrap_or_else(|| Verdict::empty(Kind::Undetermined));
    for other in incident.connections.iter().filter(|other| **other != deciding) {
        let Some(own) = verdicts.get(*other) else { continue };
        let said = own.finding.iter().chain(&own.remarks).cloned();
        for finding in said {
            let mut known = verdict.finding.iter().chain(&verdict.remarks);
            let known = known.any(|remark| std::ptr::eq(remark.cause, finding.cause));
            if !known {
                verdict.remarks.push(finding.graded(Severity::Remark));
            }
        }
    }
    (verdict, Some(deciding))
}

/// Which connection decided. The last one, save that
/// - a fallback that was refused is the consequence of the attempt before it,
/// - a connection that the client left unused says less than one that failed.
fn deciding(incident: &Incident, attempts: &[Attempt], verdicts: &[Verdict]) -> Option<usize> {
    let last = *incident.connections.last()?;
    // All of a storm are one incident: it decides, whatever one of them met.
    let storm = &raw const brute_force_storm::CAUSE;
    let storms = |at: &usize| {
        let finding = verdicts.get(*at).and_then(|verdict| verdict.finding.as_ref());
        finding.is_some_and(|finding| std::ptr::eq(finding.cause, storm))
    };
    let part = incident.connections.iter().copied().filter(storms).max();
    if part.is_some() && incident.connections.len() > STORM {
        return part;
    }
    let connection = |at: usize| attempts.get(at).map(|attempt| &attempt.connection);
    if connection(last)?.reached_session() {
        return Some(last);
    }
    let is_fallback_refusal = connection(last)?.negotiation_failure().is_some_and(|failure| {
        [FailureCode::HYBRID_REQUIRED_BY_SERVER, FailureCode::SSL_REQUIRED_BY_SERVER].contains(&failure.value)
    });
    let earlier = incident.connections.iter().rev().skip(1).copied();
    if is_fallback_refusal {
        // The attempt that came further failed first; this refusal is its consequence.
        let further = earlier
            .clone()
            .find(|at| connection(*at).is_some_and(|other| other.reached > Stage::Negotiation));
        return further.or(Some(last));
    }
    let says_something = |at: usize| verdicts.get(at).is_some_and(|verdict| verdict.kind == Kind::Cause);
    if says_something(last) || verdicts.get(last).is_some_and(|verdict| verdict.finding.is_some()) {
        return Some(last);
    }
    // A refusal that a later connection went past is a step of the client's fallback.
    let went_past = |at: usize| {
        connection(at).is_some_and(|earlier| earlier.negotiation_failure().is_some())
            && connection(last).is_some_and(|last| last.reached > Stage::Negotiation || speaks_for_long(last))
    };
    earlier.into_iter().find(|at| says_something(*at) && !went_past(*at)).or(Some(last))
}

/// Whether so much was said that it is no negotiation any more, whichever direction was captured.
fn speaks_for_long(connection: &Connection) -> bool {
    const MUCH: u64 = 12;
    let segments = |flow: &Flow| flow.to_client.data_segments.max(flow.to_server.data_segments);
    connection.flow.as_deref().is_some_and(|flow| segments(flow) >= MUCH)
}

type Losers = Vec<(&'static Cause, String)>;

/// Chooses among failures.
fn choose(mut findings: Vec<Finding>) -> (Option<Finding>, Losers) {
    let mut losers = Losers::new();
    // What another finding explains better is out, whatever its strength.
    let ids: Vec<&'static Cause> = findings.iter().map(|finding| finding.cause).collect();
    findings.retain(|finding| {
        let better = ids.iter().find(|other| is_more_specific(other, finding.cause, 0));
        if let Some(better) = better {
            losers.push((finding.cause, format!("{} explains more", better.id)));
        }
        better.is_none()
    });
    findings.sort_by_key(|finding| {
        let place = ALL.iter().position(|cause| std::ptr::eq(*cause, finding.cause));
        (
            finding.cause.residual,
            std::cmp::Reverse(finding.severity),
            std::cmp::Reverse(finding.strength),
            finding.cause.stage,
            place,
        )
    });
    let mut findings = findings.into_iter();
    let winner = findings.next();
    if let Some(winner) = &winner {
        losers.extend(findings.map(|loser| (loser.cause, why_not(&loser, winner))));
    }
    (winner, losers)
}

fn why_not(loser: &Finding, winner: &Finding) -> String {
    if loser.cause.residual && !winner.cause.residual {
        format!("it says what happened; {} says why", winner.cause.id)
    } else if loser.strength < winner.strength {
        format!("it is {} only; {} is {}", loser.strength.name(), winner.cause.id, winner.strength.name())
    } else {
        format!("{} comes first in the sequence", winner.cause.id)
    }
}

/// Whether `cause` explains `other` better, directly or through others. Depth is bounded by the catalogue.
fn is_more_specific(cause: &Cause, other: &Cause, depth: usize) -> bool {
    depth < ALL.len()
        && cause.more_specific_than.iter().any(|id| {
            *id == other.id || super::by_id(id).is_some_and(|next| is_more_specific(next, other, depth + 1))
        })
}

/// The verdict that a finding makes.
pub(super) fn of_finding(finding: Finding) -> Verdict {
    let kind = if finding.cause.residual { Kind::Undetermined } else { Kind::Cause };
    let mut summary = finding.title().to_owned();
    if let Some(detail) = &finding.detail {
        summary.push_str(": ");
        summary.push_str(detail);
    }
    summary.push('.');
    let missing = finding.missing.clone();
    Verdict { missing, summary, finding: Some(finding), ..Verdict::empty(kind) }
}

/// The network is not at fault where everything that was sent arrived, in both directions, and the end was said
/// by one of the two.
fn exonerate(case: &Case<'_>, verdict: &Verdict) -> Vec<Exoneration> {
    let Some((_, flow)) = case.both() else { return Vec::new() };
    let blamed = verdict.finding.as_ref().is_some_and(|finding| {
        matches!(finding.blame, Blame::Network | Blame::Middlebox | Blame::Unknown)
            && finding.strength > Strength::Inferred
            || matches!(finding.blame, Blame::Network | Blame::Middlebox)
    });
    let swallowed = [Side::Client, Side::Server]
        .iter()
        .any(|side| !flow.swallowed(*side).is_empty() || flow.stream(*side).gaps.iter().any(|gap| !gap.cut));
    let lossy = [Side::Client, Side::Server].iter().any(|side| flow.loss_per_mille(*side) > 20);
    let forged = flow.closes.iter().any(|close| case.forged(close).is_some());
    let talked = flow.to_server.bytes > 0 && flow.to_client.bytes > 0;
    if blamed || swallowed || lossy || forged || !talked || !flow.is_established() || !case.capture_is_sound()
    {
        return Vec::new();
    }
    let segments = flow.client_habits.segments + flow.server_habits.segments;
    let repeats = flow.to_server.retransmissions + flow.to_client.retransmissions;
    let says = format!("all data of both sides was acknowledged ({segments} segments, {repeats} repeated)");
    let at = flow.handshake.unwrap_or(flow.first);
    vec![Exoneration {
        party: Blame::Network,
        says,
        evidence: vec![
            Evidence::at(at, "TCP is open in both directions"),
            Evidence::at(flow.last, "the last segment"),
        ],
    }]
}
