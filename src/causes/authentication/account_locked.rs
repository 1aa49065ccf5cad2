//! The server's Security log says that the account is locked out.

use super::refused::{self, Codes};
use crate::causes::{Blame, Case, Evidence, Finding, cause};
use crate::eventlog::security;

cause! {
    /// The account is locked out.
    ///
    /// ## Why
    /// Too many wrong passwords came for this account, from this client or from anywhere else: a forgotten
    /// session, a service or a telephone with an old password, or someone who guesses. Until it is unlocked even
    /// the right password is refused.
    ///
    /// ## What to do
    /// - Find the source before unlocking: Security 4740 on the domain controller (or on the server, for a local
    ///   account) names the computer that sent the wrong passwords.
    /// - Domain account: `Search-ADAccount -LockedOut`, then `Unlock-ADAccount <user>`. Local account, on the
    ///   server: `net user <user> /active:yes`.
    /// - Delete stale saved passwords on the client: `cmdkey /list`, `cmdkey /delete:TERMSRV/<server>`.
    /// - To verify: `Get-ADUser <user> -Properties LockedOut` says False, and stays so for an hour.
    ///
    /// ## Seen as
    /// [MS-CSSP] 2.2.1 errorCode; Security 4625 with C0000234 as sub-status, or as status with sub-status 0; 4740.
    "account-locked", stage: Authentication, severity: Failure, blames: [Client],
    more_specific_than: ["nla-refused-reason-not-visible"],
    client_code: "0xD07",
}

const CODES: Codes = Codes { status: &[0xc000_0234], client: &[0xd07] };

fn detect(case: &Case<'_>) -> Option<Finding> {
    let mut finding = refused::detect(case, &CAUSE, CODES, Blame::Client)?;
    match locked(case) {
        Some(evidence) => finding.evidence.push(evidence),
        None => {
            finding = finding.missing("Security 4740 (domain controller): it names who locked the account");
        }
    }
    Some(finding)
}

/// When the account was locked, and by whom.
fn locked(case: &Case<'_>) -> Option<Evidence> {
    let failure = refused::failure(case)?;
    let user = failure.logon.user?;
    let moment = failure.joined.event.time;
    let before =
        case.around.far.iter().chain(case.all_events()).filter_map(|joined| {
            match security::meaning(&joined.event)? {
                security::Meaning::LockedOut { user: Some(locked), from }
                    if locked.eq_ignore_ascii_case(user) && joined.event.time <= moment =>
                {
                    let by = from.map(|from| format!(", by attempts from {from}")).unwrap_or_default();
                    Some(Evidence::event(&joined.event, format!("the account {locked} was locked{by}")))
                }
                _ => None,
            }
        });
    before.max_by_key(|evidence| evidence.mark)
}
