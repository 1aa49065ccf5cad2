//! The verdict on a connection of which only the server's log knows, where no cause was found.
//!
//! A session is healthy only where the log would tell a fault, and tells none.

use super::{
    Case, Evidence, Joined, Kind, Verdict, computers, decision, is_stop, passed_security, stopped_within,
    told_fault,
};
use crate::base::{Mark, Timestamp, Window, time};
use crate::connection::{Connection, Outcome};
use crate::correlate::keys;
use crate::eventlog::{Event, Provider, rdp_core_ts};

/// Why nothing can be said of a session that passed security: what is known, what shows it, what would settle it.
type Doubt = (&'static str, Option<Evidence>, &'static str);

const CAPTURE: &str = "a capture of the attempt, at the client or at the server";
const WHOLE_LOGS: &str = "the whole logs RdpCoreTS/Operational, LocalSessionManager/Operational and Security, not filtered by event";

/// A connection of which only the server's log knows, and no finding.
pub(super) fn unseen(case: &Case<'_>) -> Verdict {
    let Some(passed) = passed_security(case) else { return not_in(case) };
    let mut evidence = vec![Evidence::event(&passed.event, "the connection got past the security phase")];
    let Some((summary, shows, missing)) = doubt(case) else {
        let open = if decision::end_is_logged(case) {
            ""
        } else {
            ", and no end: as far as this log tells it still runs"
        };
        return Verdict {
            summary: format!(
                "The server's log shows that this connection passed security; no fault is logged{open}."
            ),
            evidence,
            ..Verdict::empty(Kind::Healthy)
        };
    };
    evidence.extend(shows);
    Verdict {
        summary: summary.into(),
        evidence,
        missing: vec![missing.into()],
        ..Verdict::empty(Kind::Undetermined)
    }
}

/// The server accepted it; how it failed, if it did, is not logged.
fn not_in(case: &Case<'_>) -> Verdict {
    let summary = if case.all_events().count() > 1 {
        "The server accepted this connection; its log does not say how it failed."
    } else {
        "The server accepted this connection; its log tells nothing more of it: it may be filtered, or end here. \
         Whether it failed cannot be told."
    };
    Verdict {
        summary: summary.into(),
        evidence: case.accepted().into_iter().collect(),
        missing: vec![CAPTURE.into()],
        ..Verdict::empty(Kind::Undetermined)
    }
}

fn doubt(case: &Case<'_>) -> Option<Doubt> {
    if let Some(stop) = stopped_within(case) {
        return Some((
            "This connection passed security, and the Remote Desktop service ended while it lasted; the log does not \
             say how it fared.",
            Some(Evidence::event(&stop.event, "the service ended, or lost its listener")),
            CAPTURE,
        ));
    }
    if let Some(anew) = listener_made_anew(case) {
        return Some((
            "This connection passed security, and the listener was made anew without a word of its end: the Remote \
             Desktop service or the host was restarted, it seems while it lasted.",
            Some(Evidence::event(&anew.event, "the listener is made anew")),
            "the System log of the server: who stopped the service or the host",
        ));
    }
    if !came_further(case) {
        return Some((
            "The server's log shows that this connection passed security; what came after stands in other logs.",
            None,
            "the server's logs RdpCoreTS/Operational and LocalSessionManager/Operational for this time",
        ));
    }
    if told_fault(case).is_some() {
        return Some((
            "This connection passed security, and the log tells of a fault or a decision at its end; what it was in the \
             middle of is not in this log.",
            last_of_end(case),
            WHOLE_LOGS,
        ));
    }
    if !came_to_session(case) {
        return Some((
            "This connection passed security and ended; no session of it is logged.",
            last_of_end(case),
            WHOLE_LOGS,
        ));
    }
    if !end_would_be_told(case) {
        let (summary, missing) = if decision::end_is_logged(case) {
            (
                "A session came up on this connection. In these logs a closed window and a lost network look the same, \
                 so whether it ended in order cannot be told.",
                "the server's log Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational for this time",
            )
        } else {
            (
                "A session came up on this connection, and no end of it is logged: it may still run, or the log ends \
                 before that or is filtered.",
                "the server's log Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational, to the end of the \
                 session",
            )
        };
        return Some((summary, None, missing));
    }
    if let Some(ended) = ended_by_server(case) {
        return Some((
            "A session came up on this connection, and the server ended it; the log does not say why.",
            Some(Evidence::event(&ended.event, "the server ends the connection")),
            "the server's log LocalSessionManager/Operational for this time",
        ));
    }
    if let Some((failed, code)) = decision::socket_error(case, None).filter(|_| lacks_reason(case)) {
        return Some((
            "A session came up on this connection and its transport ended; the log does not say for which reason.",
            Some(Evidence::event(&failed.event, format!("the server's socket fails with error {code}"))),
            "the rest of the log RdpCoreTS/Operational: 103 tells the reason",
        ));
    }
    came_again(case).map(|again| {
        (
            "A session came up on this connection. No end of it is logged, and the client came again: the log is \
             filtered, or the session ended without a word.",
            Some(Evidence::at(again, "the same client comes again")),
            "the whole log RdpCoreTS/Operational, not filtered by event",
        )
    })
}

/// The start of the listener after a connection of which the log tells no end.
fn listener_made_anew<'a>(case: &Case<'a>) -> Option<&'a Joined> {
    /// A log that begins anew after so long tells nothing of it.
    const LATER: i64 = 12 * 3600 * time::SECOND;
    let own = case.connection()?;
    let ended = own.stages.last().is_some_and(|last| last.outcome != Outcome::Unseen);
    let window = Window { start: own.last.time, end: own.last.time.shifted(LATER) };
    let mut later =
        case.around.far_near(window).filter(|joined| joined.event.provider == Provider::RdpCoreTs);
    later.find(|joined| !ended && is_stop(joined) == Some(false) && computers::of_server(case)(joined))
}

/// Whether a log that can tell of faults after security tells of this connection.
fn came_further(case: &Case<'_>) -> bool {
    case.all_events().any(|joined| {
        matches!(joined.event.provider, Provider::LocalSessionManager | Provider::Gateway)
            || joined.event.provider == Provider::RdpCoreTs && keys::passed_security(&joined.event)
    })
}

/// Whether a connection came to a session, may still come to one, or went through a gateway, which knows of none. Who logs
/// off, or closes his window, had one.
fn came_to_session(case: &Case<'_>) -> bool {
    let reached = case.connection().is_some_and(Connection::reached_session);
    is_of_gateway(case) || reached || decision::ended_in_order(case) || !decision::end_is_logged(case)
}

/// Whether the logs would tell a fault at the end of a connection: they hold RdpCoreTS, or say how it ended. The
/// session manager's 24 and 40 with reason 0 are the same for a closed window and for a cut cable.
fn end_would_be_told(case: &Case<'_>) -> bool {
    let by_service = |is: fn(&Event) -> bool| {
        case.all_events().any(|joined| joined.event.provider == Provider::RdpCoreTs && is(&joined.event))
    };
    // Its log may stop before the end that the session manager's tells.
    let goes_on = || by_service(keys::disconnected) || !decision::end_is_logged(case);
    by_service(keys::passed_security) && goes_on() || is_of_gateway(case) || decision::ended_in_order(case)
}

/// The server's word that it ended the connection, where nothing says for which reason.
fn ended_by_server<'a>(case: &Case<'a>) -> Option<&'a Joined> {
    let ended = case.all_events().find(|joined| {
        let meaning = rdp_core_ts::meaning(&joined.event);
        matches!(meaning, Some(rdp_core_ts::Meaning::Method { name: "OnDisconnected", argument: Some(by) })
            if by.starts_with("server"))
    })?;
    (!decision::ended_in_order(case)).then_some(ended)
}

/// Whether RdpCoreTS tells of the end and not of its reason: the log was exported meanwhile, or is filtered.
fn lacks_reason(case: &Case<'_>) -> bool {
    case.event(&Provider::RdpCoreTs, 102).is_some()
        && case.event(&Provider::RdpCoreTs, 103).is_none()
        && !decision::ended_in_order(case)
}

/// Whether an event tells of the end of a connection, and why.
fn is_of_end(joined: &Joined) -> bool {
    matches!(
        (&joined.event.provider, joined.event.id),
        (Provider::RdpCoreTs, 103 | 142 | 143 | 228) | (Provider::LocalSessionManager, 40)
    )
}

/// The last that the server's log tells of the end of a connection.
fn last_of_end(case: &Case<'_>) -> Option<Evidence> {
    let last = case.all_events().filter(|joined| is_of_end(joined)).last()?;
    Some(Evidence::event(&last.event, "the last that the server says of its end"))
}

/// Whether a gateway tells of a connection.
fn is_of_gateway(case: &Case<'_>) -> bool {
    case.all_events().any(|joined| joined.event.provider == Provider::Gateway)
}

/// A later session of the same client, and the same user as far as names are known, where no end of this one is logged.
fn came_again(case: &Case<'_>) -> Option<Mark> {
    let own = case.connection().filter(|_| !decision::end_is_logged(case))?;
    let name = case.all_events().find_map(|joined| keys::user(&joined.event)).map(|user| user.to_lowercase());
    let all = Window { start: own.last.time, end: Timestamp::MAX };
    let mut later = case.around.others.of_pair(own.client.ip, own.server, all);
    let again = later.find(|other| {
        let same = other.name.is_none() || name.is_none() || other.name.as_deref() == name.as_deref();
        other.first > own.first && other.tls_passed.is_some() && same
    })?;
    Some(again.first)
}
