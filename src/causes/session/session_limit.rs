//! The server denied another session.

use super::decision;
use crate::causes::authentication::refused::is_tied;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::keys;
use crate::eventlog::remote_connection_manager as rcm;

cause! {
    /// The server denied the session: the limit of sessions is reached, or the user who was logged on said no.
    ///
    /// ## Why
    /// Name and password were right. The host allows no further session: one on desktop Windows, two for
    /// administration on a server, or the number that a policy sets. On desktop Windows the user who is logged on is
    /// asked, and may decline.
    ///
    /// ## What to do
    /// - On the server: `qwinsta` lists the sessions. Log off one that nobody needs: `logoff <id>`; what is open in it
    ///   and not saved is lost.
    /// - Policy Computer Configuration > Administrative Templates > Windows Components > Remote Desktop Services >
    ///   Remote Desktop Session Host > Connections, "Limit number of connections", and without it
    ///   `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v MaxInstanceCount`.
    /// - Let disconnected sessions end, so that they do not fill the host: Computer Configuration > Administrative
    ///   Templates > Windows Components > Remote Desktop Services > Remote Desktop Session Host > Session Time Limits,
    ///   "Set time limit for disconnected sessions".
    /// - More than two users at once need the Session Host role and its licences.
    /// - To verify: `qwinsta` shows a free place, and the next attempt gets LocalSessionManager 21.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 7; RdpCoreTS 72 SetErrorInfo(0x7), 228 (7); RemoteConnectionManager 1151.
    "session-limit", stage: Session, severity: Failure, blames: [Server],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client"],
    client_code: "0x904, extended 7 (which alone proves nothing)",
}

/// errorInfo: the server denied the connection. [MS-RDPBCGR] 2.2.5.1.1
const DENIED: &[u32] = &[7];

fn detect(case: &Case<'_>) -> Option<Finding> {
    let declined = declined(case);
    if let Some(mut finding) = decision::detect(case, &CAUSE, DENIED, Blame::Server, |_| Some("errorInfo 7"))
    {
        finding.evidence.extend(declined.map(|(evidence, _)| evidence));
        return Some(finding);
    }
    // Who was let in after all was not kept out.
    if case.all_events().any(|joined| keys::let_in(&joined.event)) {
        return None;
    }
    let (evidence, tied) = declined?;
    let strength = if tied { Strength::Stated } else { Strength::Inferred };
    let goodbye = decision::server_said_goodbye(case);
    let evidence =
        std::iter::once(evidence).chain(goodbye).chain(case.ending()).chain(case.accepted()).collect();
    let finding = Finding::new(&CAUSE, strength, Blame::Server, evidence);
    Some(finding.detail("the user who was logged on did not give the session up"))
}

/// The logged-on user was asked, and declined.
fn declined(case: &Case<'_>) -> Option<(Evidence, bool)> {
    case.all_events().find_map(|joined| match rcm::meaning(&joined.event)? {
        rcm::Meaning::Declined { user } => {
            let user = user.map(|user| format!(" ({user})")).unwrap_or_default();
            let says = format!("the user who is logged on{user} declines to be disconnected");
            Some((Evidence::event(&joined.event, says), is_tied(joined)))
        }
        _ => None,
    })
}
