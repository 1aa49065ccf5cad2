//! The server takes no saved credentials.

use super::refused;
use crate::causes::session::decision;
use crate::causes::{Blame, Case, Finding, cause, told};

cause! {
    /// The server wants credentials that the user types, and the client sent saved ones.
    ///
    /// ## Why
    /// A policy on the server ("Always prompt for password upon connection") refuses credentials that were saved,
    /// or passed on by single sign-on. They may be right all the same.
    ///
    /// ## What to do
    /// - On the client do not use saved credentials: in the .rdp file `prompt for credentials:i:1`, and `cmdkey /list`,
    ///   `cmdkey /delete:TERMSRV/<server>`.
    /// - Whether the server asks for it:
    ///   `reg query "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services" /v fPromptForPassword`. Only if
    ///   saved credentials are meant to be allowed, change the policy: Computer Configuration > Administrative
    ///   Templates > Windows Components > Remote Desktop Services > Remote Desktop Session Host > Security, "Always
    ///   prompt for password upon connection".
    /// - To verify: connect and type the password when asked.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 0xA; RdpCoreTS 72 SetErrorInfo(0xa); client 0x2107.
    "fresh-credentials-required", stage: Authentication, severity: Failure, blames: [Client],
    more_specific_than: ["nla-refused-reason-not-visible", "ended-abruptly-by-server", "ended-abruptly-by-client"],
    client_code: "0x2107, or extended 0xA",
}

/// errorInfo: fresh credentials required. [MS-RDPBCGR] 2.2.5.1.1
const FRESH: &[u32] = &[0xa];
/// The client's code for the same.
const CODES: &[u32] = &[0x2107];

fn detect(case: &Case<'_>) -> Option<Finding> {
    if let Some(mut finding) = decision::detect(case, &CAUSE, FRESH, Blame::Client, |_| Some("errorInfo 0xA"))
    {
        finding.evidence.extend(told::client_code(case, CODES).map(of_code));
        return Some(finding);
    }
    if decision::was_used(case) {
        return None;
    }
    let coded = told::client_code(case, CODES)?;
    let pattern = refused::pattern(case).or_else(|| refused::denied(case));
    let strength = told::code_strength(case, coded.0, pattern.is_some());
    let evidence = std::iter::once(of_code(coded)).chain(pattern).chain(case.accepted()).collect();
    Some(Finding::new(&CAUSE, strength, Blame::Client, evidence))
}

fn of_code(coded: (&crate::correlate::Joined, u32)) -> crate::causes::Evidence {
    told::of_code(coded, "the server wants fresh credentials")
}
