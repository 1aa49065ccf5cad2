//! The user logged off or closed the window.

use super::decision;
use crate::causes::authentication::refused::is_tied;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::Joined;
use crate::eventlog::{local_session_manager as lsm, rdp_core_ts};

cause! {
    /// The user logged off or closed the window.
    ///
    /// ## Why
    /// The normal end. mstsc closes the socket with a reset all the same, and the server's log may show a socket
    /// error 64 behind it: neither is a fault.
    ///
    /// ## What to do
    /// - Nothing. A session whose window was closed goes on on the server until it is logged off.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 0xC; RdpCoreTS 103 (12), or 107 and 103 (13); LocalSessionManager 23, and
    /// 40 reason 12.
    "logoff-or-window-closed", stage: Session, severity: Benign, blames: [None],
    client_code: "extended 0xC",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let logged_off = case.all_events().find_map(logged_off);
    if let Some(mut finding) =
        decision::detect(case, &CAUSE, &[12], Blame::None, |_| Some("the user logged off"))
    {
        finding.evidence.extend(logged_off.map(|(_, evidence)| evidence));
        return Some(finding);
    }
    // Another reason says it better.
    if !decision::statements(case).is_empty() {
        return None;
    }
    if let Some((joined, evidence)) = closed(case) {
        let strength = if is_tied(joined) { Strength::Stated } else { Strength::Inferred };
        let finding = Finding::new(&CAUSE, strength, Blame::None, vec![evidence]);
        return Some(finding.detail("the client closed in order"));
    }
    let (joined, evidence) = logged_off?;
    let strength = if is_tied(joined) { Strength::Stated } else { Strength::Inferred };
    Some(Finding::new(&CAUSE, strength, Blame::None, vec![evidence]).detail("the user logged off"))
}

fn logged_off(joined: &Joined) -> Option<(&Joined, Evidence)> {
    let lsm::Meaning::LoggedOff(_) = lsm::meaning(&joined.event)? else { return None };
    Some((joined, Evidence::event(&joined.event, "the session manager logs the user off")))
}

/// RdpCoreTS 107, which no socket error precedes; 103 (13) says the same where 107 is lost.
fn closed<'a>(case: &Case<'a>) -> Option<(&'a Joined, Evidence)> {
    let said = |wanted: fn(&rdp_core_ts::Meaning<'_>) -> bool| {
        case.all_events()
            .find(|joined| rdp_core_ts::meaning(&joined.event).is_some_and(|found| wanted(&found)))
    };
    let joined = said(|found| matches!(found, rdp_core_ts::Meaning::ClientClosed))
        .or_else(|| said(|found| matches!(found, rdp_core_ts::Meaning::Disconnected(Some(13)))))?;
    let failed = decision::socket_error(case, None);
    if failed.is_some_and(|(failed, _)| failed.event.time < joined.event.time) {
        return None;
    }
    Some((joined, Evidence::event(&joined.event, "the client told the server that it disconnects")))
}
