//! The server's kernel answers, its Remote Desktop service does not.

use crate::base::{Mark, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, computers};
use crate::connection::{Connection, Outcome, Stage};
use crate::correlate::clock::seconds;
use crate::eventlog::{service, system};
use crate::stream::{Flow, Opening, Side};

cause! {
    /// The server is up, but its Remote Desktop service hangs or is starved.
    ///
    /// ## Why
    /// What the client sent was acknowledged at once, by the system of the server, and its answer did not come for
    /// many seconds although it was the server's turn. The path is good in both directions. A service that waits
    /// for something (a stuck audio service, storage, a domain controller) or a machine without memory or processor
    /// time looks like this.
    ///
    /// ## What to do
    /// - On the server, by its console or another way in: `tasklist /svc | findstr TermService`, then look at
    ///   processor, memory and disk queue (`resmon`).
    /// - System log around the attempt: Service Control Manager 7009, 7011, 7022; Resource-Exhaustion-Detector 2004;
    ///   LocalSessionManager/Operational 43 to 53 names a slow component.
    /// - `Restart-Service Audiosrv -Force` cures the case that Microsoft lists under "internal error"; else
    ///   `Restart-Service TermService -Force` (it ends the sessions), or restart the server.
    /// - Take the reason with you first: `procdump -ma <process id of TermService>` before the restart.
    /// - To verify: in a new capture the answer follows within a second.
    ///
    /// ## Seen as
    /// ClientHello or a CredSSP token acknowledged, then no data of the server for more than 5 s while its TCP goes
    /// on answering; RdpCoreTS 131 missing or late.
    "server-hung", stage: Tls, severity: Failure, blames: [Server],
    more_specific_than: ["closed-inside-tls-reason-not-visible", "nla-refused-reason-not-visible",
        "client-left-or-probe", "ended-abruptly-by-client"],
    client_code: "0x108, 0x704 or 0x904",
}

/// An answer that is later than this is missing.
const PATIENCE: i64 = 5 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if !case.capture_is_sound() || flow.opening == Opening::MidStream || !flow.icmp.is_empty() {
        return None;
    }
    let (asked, what) = servers_turn(connection)?;
    let until = flow.first_close().map_or(connection.capture_end, |close| close.mark.time);
    let waited = until - asked.time;
    if waited < PATIENCE || case.ended_by(Side::Server).is_some() || !all_arrived(flow) {
        return None;
    }
    let mut evidence = vec![Evidence::at(asked, format!("the client sends {what}"))];
    let alive = flow.server_habits.last.filter(|last| last.time - asked.time >= PATIENCE);
    evidence.extend(alive.map(|mark| {
        Evidence::at(mark, "the server's TCP still answers; its service has not said anything since")
    }));
    evidence.extend(case.ending());
    evidence.extend(stuck(case));
    let untaken = case.was_not_accepted();
    // Without a sign of the server's TCP or a word of its log the path may have died just as well.
    let said = evidence.iter().any(|item| item.event.is_some());
    if alive.is_none() && !said {
        return None;
    }
    let strength = if untaken || said { Strength::Corroborated } else { Strength::Inferred };
    let mut detail =
        format!("no answer to {what} for {:.1} s, although it was acknowledged", seconds(waited));
    if untaken {
        detail.push_str("; the server's log covers the time and holds no event 131");
    }
    let finding = Finding::new(&CAUSE, strength, Blame::Server, evidence).detail(detail);
    Some(finding.missing("a capture on the server: is there really no answer that gets lost on the way?"))
}

/// What the server owes an answer to: the client's last message, if nothing of the server came after it.
fn servers_turn(connection: &Connection) -> Option<(Mark, &'static str)> {
    match connection.reached {
        Stage::Tls if connection.outcome(Stage::Tls) != Outcome::Passed => {
            let hello = connection.tls.offered()?;
            let answered = connection.tls.answered().is_some()
                || connection.tls.retry.is_some()
                || !connection.tls.alerts.is_empty();
            (!answered).then_some((hello, "its ClientHello"))
        }
        Stage::Authentication if connection.outcome(Stage::Authentication) != Outcome::Passed => {
            let token = connection.encrypted.last_of_client?.record.end;
            let answer = connection.encrypted.last_of_server.map(|last| last.record.end);
            let said_goodbye = !connection.tls.sealed_alerts.is_empty();
            (!said_goodbye && answer.is_none_or(|answer| answer < token))
                .then_some((token, "its CredSSP message"))
        }
        _ => None,
    }
}

/// Whether the client's data was acknowledged without being sent again, and the server's TCP never gave a sign of
/// data that did not get here.
fn all_arrived(flow: &Flow) -> bool {
    let client = &flow.to_server;
    let acknowledged = client.acked_end.is_some_and(|end| end >= client.sent_end)
        && client.unacknowledged_repeats().next().is_none();
    let server = &flow.to_client;
    let complete = server.gaps.is_empty()
        && server.fin_at.is_none_or(|fin| fin == server.sent_end)
        // Behind its own FIN a side stands one further.
        && flow.server_habits.claimed.is_none_or(|claimed| {
            claimed <= server.sent_end + u64::from(server.fin_at.is_some())
        })
        && flow.closes.iter().all(|close| close.from == Side::Client || close.offset == close.expected);
    acknowledged && complete
}

/// The server's own log of a service that does not answer.
fn stuck(case: &Case<'_>) -> Option<Evidence> {
    let window = case.connection()?.window().widened(60 * time::SECOND);
    let mut hangs = case.around.far_near(window).filter(|joined| {
        matches!(
            system::meaning(&joined.event),
            Some(system::Meaning::Service(service)) if service.is_rdp() && service.state == service::ServiceState::Hangs
        )
    });
    let joined = hangs.find(computers::of_server(case))?;
    case.reliable_time(joined)?;
    Some(Evidence::event(&joined.event, "the service control manager waits for the service in vain"))
}
