//! The server's Security log says that an account restriction forbids the logon.

use super::refused::{self, Codes};
use crate::causes::{Blame, Case, Finding, cause};

cause! {
    /// An account restriction forbids this logon.
    ///
    /// ## Why
    /// The credentials are known and not accepted in this way. Members of Protected Users may not log on with
    /// NTLM, which is what remains when the client connects by address or cannot reach a domain controller; an
    /// account with an empty password may not log on over the network.
    ///
    /// ## What to do
    /// - Connect by the server's full name, not by its address, so that Kerberos is possible; on the client
    ///   `klist get TERMSRV/<server.domain>` must give a ticket.
    /// - `Get-ADGroupMember "Protected Users"` tells whether the account is a member.
    /// - Give the account a password; do not lift `LimitBlankPasswordUse` (`HKLM\SYSTEM\CurrentControlSet\Control\Lsa`)
    ///   instead.
    /// - To verify: Security 4624 with package Kerberos on the server.
    ///
    /// ## Seen as
    /// [MS-CSSP] 2.2.1 errorCode; Security 4625 with C000006E as sub-status, or as status with sub-status 0.
    "account-restriction", stage: Authentication, severity: Failure, blames: [Client, Server],
    more_specific_than: ["nla-refused-reason-not-visible"],
    client_code: "0xC07",
}

const CODES: Codes = Codes { status: &[0xc000_006e], client: &[0xc07] };

fn detect(case: &Case<'_>) -> Option<Finding> {
    refused::detect(case, &CAUSE, CODES, Blame::Client)
}
