//! The server knows the user and does not let them log on by RDP.

use super::refused::{self, Codes};
use crate::base::{Window, time};
use crate::causes::session::decision;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::eventlog::security;

cause! {
    /// The user has no right to log on to this server by Remote Desktop.
    ///
    /// ## Why
    /// Name and password are right. The user is neither an administrator nor a member of Remote Desktop Users on
    /// this server, or a policy withholds or denies the right to log on through Remote Desktop Services or, since
    /// NLA is a network logon, the right to access the computer from the network.
    ///
    /// ## What to do
    /// - On the server: `net localgroup "Remote Desktop Users"`, and if the user belongs there
    ///   `net localgroup "Remote Desktop Users" <DOMAIN\user> /add`.
    /// - `secedit /export /cfg rights.inf /areas USER_RIGHTS`: SeRemoteInteractiveLogonRight and SeNetworkLogonRight
    ///   must hold the user's group, SeDenyRemoteInteractiveLogonRight and SeDenyNetworkLogonRight must not (Computer
    ///   Configuration > Windows Settings > Security Settings > Local Policies > User Rights Assignment).
    ///   `gpresult /h gp.html` tells which policy sets them.
    /// - To verify: the user logs off and on again (group membership), then Security 4624 must follow.
    ///
    /// ## Seen as
    /// [MS-CSSP] 2.2.3 early result 5; [MS-RDPBCGR] 2.2.5.1.1 errorInfo 9; Security 4625 with C000015B, 4825.
    "logon-type-not-granted", stage: Authentication, severity: Failure, blames: [Server],
    more_specific_than: ["nla-refused-reason-not-visible"],
    client_code: "0x1307, or extended 9",
}

const CODES: Codes = Codes { status: &[refused::NOT_GRANTED], client: &[0x1307] };
/// errorInfo: the server has not enough rights for the user. [MS-RDPBCGR] 2.2.5.1.1
const INSUFFICIENT_PRIVILEGES: &[u32] = &[9];
/// Event 4825 is written around the end of the connection, not later than this.
const NEAR: i64 = 3 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if let Some(finding) = refused::detect(case, &CAUSE, CODES, Blame::Server) {
        return Some(finding);
    }
    if decision::was_used(case) {
        return None;
    }
    if let Some(evidence) = denied(case) {
        let evidence = [Some(evidence), refused::denied(case), case.accepted()].into_iter().flatten();
        return Some(Finding::new(&CAUSE, Strength::Stated, Blame::Server, evidence.collect()));
    }
    let mut finding =
        decision::detect(case, &CAUSE, INSUFFICIENT_PRIVILEGES, Blame::Server, |_| Some("errorInfo 9"))?;
    // The logon screen ends with the same code after wrong passwords.
    if finding.evidence.first().is_some_and(|said| decision::came_late(case, said)) {
        return None;
    }
    finding.evidence.extend(refused::denied(case));
    Some(finding)
}

/// Security 4825 names user and client.
fn denied(case: &Case<'_>) -> Option<Evidence> {
    let connection = case.connection()?;
    let Window { start, end } = connection.window().widened(NEAR);
    let near = case.around.far_near(Window { start, end }).chain(case.all_events());
    near.into_iter().find_map(|joined| match security::meaning(&joined.event)? {
        security::Meaning::Denied { user, ip } if ip == Some(connection.client.ip) => {
            let user = user.map(|user| format!(" {user}")).unwrap_or_default();
            let says = format!("the server denies the user{user} access by Remote Desktop");
            Some(Evidence::event(&joined.event, says))
        }
        _ => None,
    })
}
