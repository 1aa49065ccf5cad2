//! What the causes share that are somebody's decision: the server says with a code why it ends a session. The
//! same numbers stand in Set Error Info in the clear, in RdpCoreTS 72, 228 and 103, and in the session manager's
//! 40. Sizes alone show that somebody decided, never what. [MS-RDPBCGR] 2.2.5.1.1

use crate::base::{Mark, time};
use crate::causes::authentication::refused::is_tied;
use crate::causes::{Blame, Case, Cause, Evidence, Finding, Strength};
use crate::connection::ending::Form;
use crate::correlate::{Joined, MatchKey, keys};
use crate::eventlog::{Provider, gateway, local_session_manager as lsm, rdp_core_ts};
use crate::stream::Side;

/// The server's reason for an end.
#[derive(Clone, Debug)]
pub struct Statement {
    /// errorInfo; the reasons of the session manager have the same numbers.
    pub code: u32,
    /// Where it stands.
    pub evidence: Evidence,
    /// Whether it names the connection itself, rather than its session or its time.
    pub tied: bool,
    /// Whether time and order alone tie it: then it may be another connection's.
    pub by_time: bool,
}

/// Reasons of RdpCoreTS 103 that are errorInfo values; 0, 13 and 14 are not.
const ENDED_103: [u32; 3] = [5, 11, 12];

/// Everything that says why the session was ended; zero, which says nothing, left out.
pub fn statements(case: &Case<'_>) -> Vec<Statement> {
    let clear = case.connection().and_then(|connection| connection.settings.error_info).map(|seen| {
        let says = format!("the server sends errorInfo {:#X} in the clear", seen.value);
        Statement { code: seen.value, evidence: Evidence::of(&seen, says), tied: true, by_time: false }
    });
    let logged = case.all_events().filter_map(|joined| {
        let (code, says) = reason(case, joined)?;
        let evidence = Evidence::event(&joined.event, says);
        Some(Statement { code, evidence, tied: is_tied(joined), by_time: joined.by == MatchKey::Time })
    });
    clear.into_iter().chain(logged).filter(|statement| statement.code != 0).collect()
}

fn reason(case: &Case<'_>, joined: &Joined) -> Option<(u32, String)> {
    if let Some(code) = rdp_core_ts::error_info(&joined.event) {
        return Some((code, format!("the server sets errorInfo {code:#X}")));
    }
    if let Some(rdp_core_ts::Meaning::Disconnected(Some(code))) = rdp_core_ts::meaning(&joined.event) {
        return ENDED_103
            .contains(&code)
            .then(|| (code, format!("the server ends the connection for reason {code}")));
    }
    match lsm::meaning(&joined.event)? {
        // A session that is taken up again gives up a temporary one first: that 40 ends nothing.
        lsm::Meaning::Reason { code: Some(code), .. } if !goes_on_after(case, joined) => {
            Some((code, format!("the session manager disconnects the session for reason {code}")))
        }
        _ => None,
    }
}

/// Whether the connection's session begins later than an event.
fn goes_on_after(case: &Case<'_>, joined: &Joined) -> bool {
    case.all_events().any(|other| {
        other.event.time > joined.event.time
            && matches!(
                (&other.event.provider, other.event.id),
                (Provider::LocalSessionManager, 21 | 22 | 25) | (Provider::RdpCoreTs, 66 | 68 | 100 | 101)
            )
    })
}

/// A finding where the server stated one of `codes`. `words` say what a code adds to the title of the cause.
pub fn detect(
    case: &Case<'_>,
    cause: &'static Cause,
    codes: &[u32],
    blame: Blame,
    words: impl Fn(u32) -> Option<&'static str>,
) -> Option<Finding> {
    let mut said: Vec<Statement> =
        statements(case).into_iter().filter(|statement| codes.contains(&statement.code)).collect();
    // The one that names the connection first.
    said.sort_by_key(|statement| !statement.tied);
    let first = said.first()?;
    if was_cut_before(case, &first.evidence) {
        return None;
    }
    let strength = if first.tied {
        Strength::Stated
    } else if server_said_goodbye(case).is_some() && !first.by_time {
        Strength::Corroborated
    } else {
        Strength::Inferred
    };
    let detail = words(first.code);
    let mut evidence: Vec<Evidence> = said.into_iter().map(|statement| statement.evidence).collect();
    evidence.extend(server_said_goodbye(case));
    evidence.extend(case.ending());
    let finding = Finding::new(cause, strength, blame, evidence);
    Some(match detail {
        Some(detail) => finding.detail(detail),
        None => finding,
    })
}

/// The server's goodbye, by size.
pub fn server_said_goodbye(case: &Case<'_>) -> Option<Evidence> {
    let goodbye = case.connection()?.goodbye.filter(|goodbye| goodbye.value.from == Side::Server)?;
    let orderly = matches!(goodbye.value.form, Form::Ultimatum | Form::ErrorInfoAndUltimatum);
    orderly.then(|| Evidence::of(&goodbye, format!("the server sends {}", goodbye.value.form.name())))
}

/// Whether the socket failed before the server said why it ends: then the network ended it. A socket error
/// behind the statement is the client's usual reset.
fn was_cut_before(case: &Case<'_>, said: &Evidence) -> bool {
    socket_error(case, None).is_some_and(|(joined, _)| {
        let failed = Mark { time: joined.event.time, at: joined.event.at };
        said.event.is_some() && failed.time < said.mark.time
    })
}

/// Win32 ERROR_SEM_TIMEOUT: what a socket reports when nobody acknowledges.
pub const TIMED_OUT: u32 = 121;

/// The first socket error of the server (142, 143), with `code` if one is asked for: 64 reset, 121 timed out.
pub fn socket_error<'a>(case: &Case<'a>, code: Option<u32>) -> Option<(&'a Joined, u32)> {
    case.all_events().find_map(|joined| match rdp_core_ts::meaning(&joined.event)? {
        rdp_core_ts::Meaning::SocketError { code: Some(found), .. }
            if code.is_none_or(|wanted| wanted == found) =>
        {
            Some((joined, found))
        }
        _ => None,
    })
}

/// Whether the server's log says that the transport was lost (103 reason 14), and nobody had said goodbye.
pub fn transport_lost<'a>(case: &Case<'a>) -> Option<&'a Joined> {
    let lost = case.all_events().find(|joined| {
        matches!(rdp_core_ts::meaning(&joined.event), Some(rdp_core_ts::Meaning::Disconnected(Some(14))))
    })?;
    (!ended_in_order(case)).then_some(lost)
}

/// Whether anything says that the session was ended in order: a goodbye, a reason, the client's own closing.
pub fn ended_in_order(case: &Case<'_>) -> bool {
    case.connection().is_some_and(|connection| connection.goodbye.is_some())
        || !statements(case).is_empty()
        || case.all_events().any(is_orderly_end)
}

/// Whether an event says that the client or its user ended the session in order.
pub fn is_orderly_end(joined: &Joined) -> bool {
    matches!(
        rdp_core_ts::meaning(&joined.event),
        Some(rdp_core_ts::Meaning::ClientClosed | rdp_core_ts::Meaning::Disconnected(Some(11..=13)))
    ) || matches!(lsm::meaning(&joined.event), Some(lsm::Meaning::LoggedOff(_)))
}

/// Whether the log tells an end of the connection, in order or not.
pub fn end_is_logged(case: &Case<'_>) -> bool {
    case.all_events().any(|joined| {
        matches!(
            (&joined.event.provider, joined.event.id),
            (Provider::RdpCoreTs, 102 | 103) | (Provider::LocalSessionManager, 23 | 24 | 39 | 40)
        ) || gateway::ended_in_order(&joined.event)
    })
}

/// Whether a statement came so long after security had passed that the user stood at the logon screen meanwhile.
pub fn came_late(case: &Case<'_>, said: &Evidence) -> bool {
    /// What is checked right behind security is told at once.
    const AT_ONCE: i64 = 5 * time::SECOND;
    let passed = case.all_events().find(|joined| keys::passed_security(&joined.event));
    said.event.is_some() && passed.is_some_and(|passed| said.mark.time - passed.event.time > AT_ONCE)
}

/// Whether the session came up, by packets or by the log.
pub fn was_used(case: &Case<'_>) -> bool {
    case.connection().is_some_and(crate::connection::Connection::reached_session)
        || case.all_events().any(|joined| {
            matches!(
                (&joined.event.provider, joined.event.id),
                (Provider::RdpCoreTs, 68) | (Provider::LocalSessionManager, 21 | 22 | 24 | 25)
            )
        })
}
