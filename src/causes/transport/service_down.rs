//! The Remote Desktop service stopped or crashed before the attempt.

use super::{refusal, syn_evidence, unanswered};
use crate::base::{Timestamp, Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, computers};
use crate::correlate::{Joined, keys};
use crate::eventlog::{Provider, remote_connection_manager as rcm, service, system};
use crate::stream::Side;

cause! {
    /// The Remote Desktop service on the server is not running, or lost its listener.
    ///
    /// ## Why
    /// The server's own log says that the service (TermService) stopped, crashed or could not start, or that its
    /// listener is gone, and nothing says that it came back before the attempt.
    ///
    /// ## What to do
    /// - `sc.exe queryex TermService`; start it: `Start-Service TermService, UmRdpService`.
    /// - `qwinsta` must show rdp-tcp in state Listen; `netstat -ano | findstr :3389` and
    ///   `tasklist /svc | findstr TermService` must name the same process.
    /// - The services that it needs must run: `Get-Service SessionEnv, KeyIso, CryptSvc, CertPropSvc`.
    /// - Find out why it ended: System log, Service Control Manager 7031, 7034, 7023, and Application log 1000 with
    ///   svchost.exe_TermService at the same time.
    /// - To verify: RemoteConnectionManager 258 (listener started), then a connection.
    ///
    /// ## Seen as
    /// SYNs unanswered or refused; Service Control Manager 7031, 7034, 7036 (stopped), 7000, 7023 for TermService;
    /// RemoteConnectionManager 259, 262; later RdpCoreTS 229, 70, 129 and RemoteConnectionManager 258.
    "service-down", stage: Transport, severity: Failure, blames: [Server],
    more_specific_than: ["firewall-drop", "port-closed-or-device-reset", "ended-abruptly-by-server"],
    client_code: "0x204; 0x904 for sessions that were cut",
}

/// The service's end is looked for this far back.
const BEFORE: i64 = 24 * 3600 * time::SECOND;
/// A session that is cut with the service ends within this time of the event.
const TOGETHER: i64 = 5 * time::SECOND;

/// What happened this shortly before is known to have lasted.
const RECENT: i64 = 600 * time::SECOND;

/// Whether the logs tell it.
pub(super) fn is_logged(case: &Case<'_>) -> bool {
    detect(case).is_some()
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    let refused = refusal(flow);
    let silent = unanswered(case).is_some() && flow.icmp.is_empty();
    let cut_session =
        connection.reached_session() && connection.goodbye.is_none() && case.ended_by(Side::Server).is_some();
    let moment = if cut_session { flow.last.time.shifted(TOGETHER) } else { flow.first.time };
    if refused.is_none() && !silent && !cut_session {
        return None;
    }
    // A session that the log would know, and does not, was another server's.
    if cut_session && is_unknown_to_log(case) {
        return None;
    }
    let stopped = last_stop(case, moment)?;
    let stop_time = stopped.time();
    // A log that ended before the attempt does not know what came after.
    if moment - stop_time > RECENT && !reaches(case, stopped, moment) {
        return None;
    }
    if cut_session && (flow.last.time - stop_time).abs() > TOGETHER {
        return None;
    }
    let mut evidence =
        vec![Evidence::event(&stopped.event, "the Remote Desktop service ended, and had not come back")];
    match refused {
        Some((reset, _)) => evidence.push(Evidence::at(reset.mark, "the SYN is answered with RST")),
        None if silent => evidence.extend(syn_evidence(flow)),
        None => evidence.extend(case.ending()),
    }
    // By time alone two classes agree only where the clocks are known, and the log is the server's.
    let known = case.reliable_time(stopped).is_some() && !are_of_several_servers(case);
    let strength = if known { Strength::Corroborated } else { Strength::Inferred };
    let strength = computers::at_most(case, Side::Server, &stopped.event, strength);
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence))
}

/// Whether a log of the service holds the connection's time without a hole and does not know the connection.
fn is_unknown_to_log(case: &Case<'_>) -> bool {
    let Some(own) = case.connection() else { return false };
    case.all_events().next().is_none()
        && case.around.coverage.unbroken(&Provider::RdpCoreTs, &own.window()).is_some()
}

/// Whether the logs of the service come from several servers: then the one that stopped may be another.
fn are_of_several_servers(case: &Case<'_>) -> bool {
    let is_service = |channel: &str| {
        channel.starts_with(Provider::RdpCoreTs.name())
            || channel.starts_with(Provider::RemoteConnectionManager.name())
    };
    let logs = case.around.coverage.logs.iter();
    let of_service = logs.filter(|log| log.channels.iter().any(|channel| is_service(channel)));
    of_service.flat_map(|log| &log.computers).collect::<std::collections::BTreeSet<_>>().len() > 1
}

/// Whether the log of an event holds a moment, or ends a little before: a quiet server's log does.
fn reaches(case: &Case<'_>, joined: &Joined, moment: Timestamp) -> bool {
    let source = joined.event.at.source();
    let mut logs = case.around.coverage.logs.iter().filter(|log| log.source == source);
    logs.any(|log| log.window.is_some_and(|window| window.end >= moment.shifted(-RECENT)))
}

/// The last end of the service before `moment` that no start followed, and no sign that it served anybody.
fn last_stop<'a>(case: &Case<'a>, moment: Timestamp) -> Option<&'a Joined> {
    let window = Window { start: moment.shifted(-BEFORE), end: moment };
    let mut told = case.around.far_near(window).filter_map(|joined| Some((joined, ends(joined)?)));
    let last = told.rfind(|(joined, _)| computers::of_server(case)(joined));
    let (stopped, _) = last.filter(|(_, ended)| *ended)?;
    let since = Window { start: stopped.time().shifted(TOGETHER), end: moment };
    let own = case.connection()?.server;
    let mut later = case.around.others.begun_within(since);
    let served = later.any(|other| other.logged || other.session && other.server == own);
    (!served).then_some(stopped)
}

/// Whether the service ended (true) by an event, or ran (false): it starts with its computer, or a later event tells that
/// it does not.
fn ends(joined: &Joined) -> Option<bool> {
    let has_booted = || matches!(system::meaning(&joined.event), Some(system::Meaning::Started(_)));
    is_stop(joined).or_else(|| (was_served(joined) || has_booted()).then_some(false))
}

/// Whether an event tells that a remote user was let in: then the service runs.
pub(super) fn was_served(joined: &Joined) -> bool {
    keys::accepted_from(&joined.event).is_some()
        || keys::passed_from(&joined.event).is_some()
        || keys::let_in_from(&joined.event).is_some()
}

/// Whether an event tells the end (true) or the start (false) of the service or its listener.
pub(in crate::causes) fn is_stop(joined: &Joined) -> Option<bool> {
    let event = &joined.event;
    match event.provider {
        Provider::RdpCoreTs => matches!(event.id, 70 | 129).then_some(false),
        Provider::RemoteConnectionManager => match rcm::meaning(event)? {
            rcm::Meaning::ListenerStarted(_) => Some(false),
            rcm::Meaning::ListenerStopped(_) | rcm::Meaning::ListenFailed { .. } => Some(true),
            _ => None,
        },
        Provider::ServiceControlManager => match system::meaning(event)? {
            system::Meaning::Service(service) if service.is_rdp() => match service.state {
                service::ServiceState::Running => Some(false),
                service::ServiceState::Stopped
                | service::ServiceState::Crashed
                | service::ServiceState::EndedWithError
                | service::ServiceState::NotStarted => Some(true),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
