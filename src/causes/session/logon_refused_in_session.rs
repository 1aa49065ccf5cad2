//! Security passed, and the logon inside the session was refused.

use super::decision;
use crate::base::{Timestamp, Window, time};
use crate::causes::authentication::refused::{self, is_tied};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, computers, told};
use crate::connection::Stage;
use crate::correlate::surroundings::Other;
use crate::correlate::{Joined, keys};
use crate::eventlog::security::{self, LogonType};
use crate::eventlog::{rdp_core_ts, remote_connection_manager as rcm};
use crate::stream::Side;

cause! {
    /// The logon at the server's own logon screen was refused, after the connection had passed security.
    ///
    /// ## Why
    /// The connection came up and Windows then refused to log the user on: a wrong password at the logon screen (a
    /// connection without NLA shows it first), too many tries, or an account that may not open a session here.
    ///
    /// ## What to do
    /// - On the server read Security 4625 with logon type 10 of that moment: its sub-status is the reason.
    /// - Status 0xC000015B: `net localgroup "Remote Desktop Users"`; if the user belongs there,
    ///   `net localgroup "Remote Desktop Users" <DOMAIN\user> /add`.
    /// - Password wrong: type it again, mind the keyboard layout of the logon screen, and delete a stale one:
    ///   `cmdkey /list`, `cmdkey /delete:TERMSRV/<server>`.
    /// - To verify: Security 4624 with logon type 10 and LocalSessionManager 21 follow the next attempt.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 9; RdpCoreTS 147; System 1012; Security 4625 with logon type 10.
    "logon-refused-in-session", stage: Session, severity: Failure, blames: [Client, Server],
    more_specific_than: ["logon-type-not-granted", "ended-abruptly-by-server", "ended-abruptly-by-client"],
    client_code: "extended 9",
}

/// errorInfo: the server has not enough rights for the user. [MS-RDPBCGR] 2.2.5.1.1
const INSUFFICIENT_PRIVILEGES: u32 = 9;
/// 1012 is written when the session is ended.
const NEAR: i64 = 3 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let said = decision::statements(case).into_iter().find(|said| said.code == INSUFFICIENT_PRIVILEGES);
    if logged_on(case) && said.is_none() {
        return None;
    }
    let failure = refused::failure(case)
        .filter(|failure| failure.logon.kind == Some(LogonType::REMOTE_INTERACTIVE))
        .or_else(|| loose_failure(case));
    if failure.and_then(|failure| failure.reason()) == Some(refused::NOT_GRANTED) {
        return None;
    }
    // Such a logon of this connection tells that security had passed, though a filtered log may not.
    let passed = passed_security(case) || failure.is_some_and(|failure| is_tied(failure.joined));
    let call = case.all_events().find(|joined| {
        matches!(rdp_core_ts::meaning(&joined.event), Some(rdp_core_ts::Meaning::LogonFailed(_)))
    });
    let near = if passed { told::near(case, 0, NEAR) } else { Vec::new() };
    let attempts = near
        .into_iter()
        .filter(|joined| joined.corrected.is_some() || case.flow().is_none() || server_ends(case))
        .find(|joined| matches!(rcm::meaning(&joined.event), Some(rcm::Meaning::TooManyAttempts(_))));
    let inside = call.is_some() || passed && (failure.is_some() || attempts.is_some());
    let late = said.as_ref().is_some_and(|said| decision::came_late(case, &said.evidence));
    let in_use = said.is_some() && decision::was_used(case) || late;
    if !inside && !in_use {
        return None;
    }
    let tied = |joined: Option<&Joined>| joined.is_some_and(is_tied);
    let server_says = said.is_some() || call.is_some() || attempts.is_some();
    let silent = !server_says && !would_tell_success(case);
    if silent && failure.is_some_and(|failure| went_on(case, &failure)) {
        return None;
    }
    // The code alone, from a log that lacks the rest.
    let bare = late && failure.is_none() && call.is_none() && attempts.is_none() && !decision::was_used(case);
    let strength = if silent || bare {
        Strength::Inferred
    } else if said.as_ref().is_some_and(|said| said.tied)
        || tied(call)
        || tied(failure.map(|failure| failure.joined))
    {
        Strength::Stated
    } else if case.flow().is_some() && passed && (failure.is_some() || attempts.is_some()) {
        Strength::Corroborated
    } else {
        Strength::Inferred
    };
    let typed = failure.and_then(|failure| failure.reason()).is_some_and(is_typed);
    let blame = if typed || failure.is_none() && attempts.is_some() { Blame::Client } else { Blame::Server };
    let mut evidence: Vec<Evidence> = failure.map(|failure| failure.evidence()).into_iter().collect();
    evidence.extend(said.map(|said| said.evidence));
    evidence.extend(call.map(|joined| Evidence::event(&joined.event, "the server's logon call failed")));
    evidence.extend(attempts.map(|joined| {
        Evidence::event(&joined.event, "the server ends the session after too many attempts to log on")
    }));
    evidence.extend(decision::server_said_goodbye(case));
    evidence.extend(case.ending());
    let finding = Finding::new(&CAUSE, strength, blame, evidence);
    Some(match failure.and_then(|failure| failure.reason()) {
        Some(code) => finding.detail(format!("{} (status {code:#010X})", refused::words(code))),
        None => finding,
    })
}

/// The last logon that failed at the server's logon screen from this client's address, after the last event that is
/// surely this connection's: a log may have been exported before the end was written. None where one succeeded after it.
fn loose_failure<'a>(case: &Case<'a>) -> Option<refused::Failure<'a>> {
    let own = case.connection().filter(|_| passed_security(case) && !decision::end_is_logged(case))?;
    let end = case.flow().map_or(Timestamp::MAX, |flow| flow.last.time.shifted(NEAR));
    let own_logons = case
        .around
        .far_near(Window { start: own.first.time, end })
        .filter(|joined| keys::logon_address(&joined.event).is_some_and(|address| address == own.client.ip))
        .filter(computers::of_server(case));
    let mut told = own_logons.filter(|joined| is_logon(joined) || failed_at_screen(joined).is_some());
    let last = told.next_back()?;
    let logon = failed_at_screen(last)?;
    let between = Window { start: own.first.time, end: last.time() };
    let is_another = |other: &Other| {
        other.first != own.first && other.client == own.client.ip && other.window.overlaps(&between)
    };
    (!case.around.others.all.iter().any(is_another)).then_some(refused::Failure { joined: last, logon })
}

fn failed_at_screen(joined: &Joined) -> Option<security::Logon<'_>> {
    match security::meaning(&joined.event)? {
        security::Meaning::LogonFailed(logon) if logon.kind.is_some_and(LogonType::is_at_screen) => {
            Some(logon)
        }
        _ => None,
    }
}

/// Whether the packets show that the server ended it: an event by a clock that is not known says nothing against
/// an end that the client chose.
fn server_ends(case: &Case<'_>) -> bool {
    let first = case.flow().and_then(|flow| flow.first_close());
    first.is_some_and(|close| close.from == Side::Server)
}

/// A name or password that the user typed wrong.
fn is_typed(code: u32) -> bool {
    matches!(code, 0xc000_006a | 0xc000_0064 | 0xc000_006d)
}

/// Whether a user got in: then a try that failed before is no cause. The session manager's log is often left out of
/// what one is given; the Security log tells it, too.
fn logged_on(case: &Case<'_>) -> bool {
    let failed = refused::failure(case).map(|failure| failure.joined.time());
    case.all_events().any(|joined| {
        let later = || failed.is_none_or(|failed| failed <= joined.time());
        keys::let_in(&joined.event) || is_logon(joined) && later()
    })
}

/// A logon at the server's own logon screen.
fn is_logon(joined: &Joined) -> bool {
    let Some(security::Meaning::LoggedOn(logon)) = security::meaning(&joined.event) else { return false };
    logon.kind.is_some_and(LogonType::is_at_screen)
}

/// Whether a log would tell that the user got in after all: without one, a refusal may have been a slip that was
/// mended at once. A log that is filtered tells it no better than one that is not there.
fn would_tell_success(case: &Case<'_>) -> bool {
    let mut events = case.all_events().chain(&case.around.far);
    events.any(|joined| {
        keys::let_in(&joined.event)
            || matches!(security::meaning(&joined.event), Some(security::Meaning::LoggedOn(_)))
    })
}

/// Whether the user went on after the one logon that failed, and ended the session in order much later: the next one
/// succeeded, it seems.
fn went_on(case: &Case<'_>, failure: &refused::Failure<'_>) -> bool {
    const LATER: i64 = 15 * time::SECOND;
    let once = case.all_events().filter(|joined| failed_at_screen(joined).is_some()).count() < 2;
    let by_client = case.connection().is_some_and(|own| {
        own.goodbye.is_some_and(|goodbye| {
            goodbye.value.from == Side::Client && goodbye.time - failure.joined.time() > LATER
        })
    });
    let by_log = case.all_events().any(|joined| {
        decision::is_orderly_end(joined) && joined.event.time - failure.joined.event.time > LATER
    });
    once && (by_client || by_log)
}

/// Whether the connection came past security, by packets or by its own events.
fn passed_security(case: &Case<'_>) -> bool {
    case.connection().is_some_and(|connection| connection.reached >= Stage::Settings)
        || case.all_events().any(|joined| keys::passed_security(&joined.event))
}
