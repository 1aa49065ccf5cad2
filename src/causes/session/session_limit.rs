//! The server denied the connection: no session was to be had.

use super::decision;
use crate::causes::authentication::refused::is_tied;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::eventlog::remote_connection_manager as rcm;

cause! {
    /// The server denied the connection because no further session is allowed.
    ///
    /// ## Why
    /// A desktop Windows serves one user at a time, a server without the session host role two administrators,
    /// and a listener as many as it is set to. All places were taken, or the user who was logged on did not want
    /// to give theirs up.
    ///
    /// ## What to do
    /// - `qwinsta /server:<server>` shows who is there; end a forgotten session with `logoff <id> /server:<server>`
    ///   after asking its owner.
    /// - Limit of the listener: `MaxInstanceCount` under
    ///   `HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp`, and the policy Limit number
    ///   of connections (`MaxInstanceCount` under `HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services`).
    /// - To have more than two users at a time, install the session host role with licences.
    /// - To verify: connect again after a session was ended.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 7 as sent by the server; RemoteConnectionManager 1151. The extended code 7
    /// that mstsc shows is no proof: it sets it by itself when a connection closes early.
    "session-limit", stage: Session, severity: Failure, blames: [Server],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client"],
    client_code: "extended 7",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let declined = case.all_events().find_map(|joined| match rcm::meaning(&joined.event)? {
        rcm::Meaning::Declined { user } => {
            let user = user.map(|user| format!(" ({user})")).unwrap_or_default();
            let says = format!("the user who was logged on{user} did not give up the session");
            Some((joined, Evidence::event(&joined.event, says)))
        }
        _ => None,
    });
    if let Some(mut finding) = decision::detect(case, &CAUSE, &[7], Blame::Server, |_| None) {
        finding.evidence.extend(declined.map(|(_, evidence)| evidence));
        return Some(finding);
    }
    let (joined, evidence) = declined?;
    let strength = if is_tied(joined) { Strength::Stated } else { Strength::Inferred };
    let finding = Finding::new(&CAUSE, strength, Blame::Server, vec![evidence]);
    Some(finding.detail("the user who was logged on declined"))
}
