//! The gateway did not let the user in.

use super::{by_client, events};
use crate::base::time;
use crate::causes::authentication::refused::words;
use crate::causes::{Blame, Case, Evidence, Finding, cause, told};
use crate::eventlog::gateway::Meaning;
use crate::eventlog::security;

cause! {
    /// The logon at the RD Gateway failed.
    ///
    /// ## Why
    /// The gateway asks for credentials of its own before it opens a tunnel, and refused them: wrong password, locked
    /// or expired account, or a way of logging on that the gateway does not offer.
    ///
    /// ## What to do
    /// - Enter the name in full (`DOMAIN\user`), and delete saved credentials for the gateway: `cmdkey /list`,
    ///   `cmdkey /delete:<gateway>`.
    /// - On the gateway read Security 4625 of that moment: its sub-status is the reason.
    /// - Different accounts for gateway and server: in the .rdp file `promptcredentialonce:i:0`.
    /// - To verify: the gateway's log shows 312 and then 200 for the user.
    ///
    /// ## Seen as
    /// 401 rounds on port 443 and the end; client codes 0x3000001, 0x3000015, 0x3000021; Security 4625 of the gateway,
    /// and none of its events 312 and 200.
    "gateway-logon", stage: Gateway, severity: Failure, blames: [Client, Server],
    client_code: "0x3000001, 0x3000015 or 0x3000021",
}

const CODES: &[u32] = &[0x300_0001, 0x300_0015, 0x300_0021];
/// The refusal stands this near to the attempt.
const NEAR: i64 = 10 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    // Policies are looked at when the logon has passed.
    let passed = events(case).any(|(_, meaning)| {
        matches!(
            meaning,
            Meaning::ConnectionAllowed(_) | Meaning::ConnectionDenied(_) | Meaning::ResourceAllowed(_)
        )
    });
    if passed {
        return None;
    }
    let mut finding =
        by_client(case, &CAUSE, CODES, Blame::Client, "the gateway did not accept the credentials")?;
    let refused = told::near(case, NEAR, NEAR).into_iter().find_map(|joined| {
        let own = case.events.iter().any(|own| own.event.computer == joined.event.computer);
        match security::meaning(&joined.event)? {
            security::Meaning::LogonFailed(logon) if !own => {
                let code = logon.sub_status.filter(|code| *code != 0).or(logon.status)?;
                let user = logon.user.map(|user| format!(" of {user}")).unwrap_or_default();
                let says = format!("a logon{user} is refused with status {code:#010X}: {}", words(code));
                Some(Evidence::event(&joined.event, says))
            }
            _ => None,
        }
    });
    if refused.is_none() {
        finding = finding.missing("Security 4625 of the gateway: its sub-status is the reason");
    }
    finding.evidence.extend(refused);
    Some(finding)
}
