//! Somebody chose to disconnect the session.

use super::decision;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::Joined;
use crate::eventlog::local_session_manager as lsm;

cause! {
    /// The session was disconnected by its user or by an administrator.
    ///
    /// ## Why
    /// Somebody asked for it: the user with Disconnect in the start menu, or an administrator with `tsdiscon`,
    /// `logoff`, Task Manager or a management tool. Not a failure; a disconnected session goes on on the server.
    ///
    /// ## What to do
    /// - Nothing. Connecting again takes up the session where it was, unless it was logged off.
    /// - If nobody admits to it: LocalSessionManager 39 names the session that disconnected it, 59 the program.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 1, 2 or 0xB; RdpCoreTS 103 (11); LocalSessionManager 39, and 40 reason 11.
    "admin-or-user-disconnect", stage: Session, severity: Benign, blames: [None],
    client_code: "extended 1, 2 or 0xB",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let by = case.all_events().find_map(by_another);
    let words = |code| {
        Some(match code {
            1 => "from another session",
            2 => "logged off from another session",
            // Reason 11 is that of whoever asked.
            11 if by.is_some() => "disconnected from another session",
            11 => "the user chose to disconnect",
            _ => return None,
        })
    };
    let Some(mut finding) = decision::detect(case, &CAUSE, &[1, 2, 11], Blame::None, words) else {
        // 39 alone, where no other reason is given.
        let evidence = by.filter(|_| decision::statements(case).is_empty())?;
        return Some(Finding::new(&CAUSE, Strength::Inferred, Blame::None, vec![evidence]));
    };
    finding.evidence.extend(by);
    Some(finding)
}

/// LocalSessionManager 39, where one session disconnected another.
fn by_another(joined: &Joined) -> Option<Evidence> {
    match lsm::meaning(&joined.event)? {
        lsm::Meaning::DisconnectedBy { target: Some(target), by: Some(by) } if target != by => {
            Some(Evidence::event(&joined.event, format!("session {by} disconnects session {target}")))
        }
        _ => None,
    }
}
