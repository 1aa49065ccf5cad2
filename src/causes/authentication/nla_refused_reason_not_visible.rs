//! A logon under NLA was refused, and nothing says why.

use super::refused;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::eventlog::Provider;

cause! {
    /// The server refused the logon during network level authentication; why is not visible.
    ///
    /// ## Why
    /// The server ended CredSSP after it had the client's credentials. A wrong password, a locked, expired or
    /// restricted account, a missing right and an error of the domain all look like this in packets, which are
    /// encrypted: only the server's Security log or the user's error code names the reason.
    ///
    /// ## What to do
    /// - Read Security 4625 of the server at the time of the attempt: its sub-status is the reason. If there is none,
    ///   switch the audit on with `auditpol /set /subcategory:"Logon" /failure:enable` and try again.
    /// - With a domain account also read 4771 and 4776 of the domain controller.
    /// - Ask the user for the error code: 0x807 is a refused password, 0xD07 a locked account.
    /// - Do not take it for a wrong password before one of these says so, and do not switch NLA off as a fix.
    /// - To verify: Security 4625 of the next attempt names a sub-status, and its cause is then the one to mend.
    ///
    /// ## Seen as
    /// [MS-CSSP] 2.2.1, 3.1.5: a last message with an error code and no more, or the end after the third token;
    /// RdpCoreTS 140 without Security 4625.
    "nla-refused-reason-not-visible", stage: Authentication, severity: Failure, blames: [Client, Server, Unknown],
    residual: true,
    client_code: "0x807 or 0x904",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    if refused::passed(case) {
        return None;
    }
    let pattern = refused::pattern(case);
    let said = case.event(&Provider::RdpCoreTs, 140);
    let strength = match (said, &pattern) {
        (Some(joined), _) if refused::is_tied(joined) => Strength::Stated,
        (Some(_), Some(_)) => Strength::Corroborated,
        (Some(_), None) | (None, Some(_)) => Strength::Inferred,
        (None, None) => return None,
    };
    // What the server says comes before what sizes show.
    let mut evidence: Vec<Evidence> = said.map(refused::refusal_event).into_iter().collect();
    evidence.extend(pattern);
    evidence.extend(refused::failure(case).map(|failure| failure.evidence()));
    evidence.extend(case.ending());
    evidence.extend(case.accepted());
    // By a clock that was not compared, a log that covers the time may do so in name only.
    let compared =
        case.connection().and_then(|own| case.around.coverage.unbroken(&Provider::Security, &own.window()));
    let joined = case.accepted().is_some();
    let wanted = if compared.is_some_and(|log| log.corrected || joined) {
        "Security 4625 of the server: its log covers the time and has none for this connection (is the audit of \
         failed logons on?); 4771 or 4776 of the domain controller"
    } else {
        "Security 4625 of the server (its sub-status is the reason), or 4771/4776 of the domain controller"
    };
    Some(Finding::new(&CAUSE, strength, Blame::Unknown, evidence).missing(wanted))
}
