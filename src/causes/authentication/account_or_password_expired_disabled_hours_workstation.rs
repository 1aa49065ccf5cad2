//! The server's Security log says that the account or its password may not be used now or from here.

use super::refused::{self, Codes};
use crate::causes::{Blame, Case, Finding, cause};

cause! {
    /// The account or its password is expired or disabled, or may not be used at this hour or from this computer.
    ///
    /// ## Why
    /// The credentials were right as far as they were checked, but the account is not usable: it or its password
    /// has expired, the password must be changed at the first logon, the account is disabled, or its logon hours
    /// or workstations forbid the attempt. Under NLA an expired password cannot be changed on the way in.
    ///
    /// ## What to do
    /// - `Get-ADUser <user> -Properties AccountExpirationDate,PasswordExpired,PasswordLastSet,Enabled,LogonHours,LogonWorkstations`
    ///   (a local account: `net user <user>`) shows which of them it is; the status of Security 4625 says it too.
    /// - Expired password, or one that must be changed: change it at a console, by the web or with
    ///   `Set-ADAccountPassword <user>`; NLA cannot.
    /// - Disabled or expired account: `Enable-ADAccount <user>`, `Set-ADAccountExpiration <user>`, if its owner
    ///   may have it again.
    /// - Hours and workstations: change them in the properties of the account.
    /// - To verify: connect again; Security 4624 with logon type 3 must follow.
    ///
    /// ## Seen as
    /// [MS-CSSP] 2.2.1 errorCode; Security 4625 with C0000193, C0000071, C0000224, C0000072, C000006F or C0000070.
    "account-or-password-expired-disabled-hours-workstation", stage: Authentication, severity: Failure,
    blames: [Client],
    more_specific_than: ["nla-refused-reason-not-visible"],
    client_code: "0xE07, 0xF07, 0x1207, 0xB07, 0x1007 or 0x1107",
}

const CODES: Codes = Codes {
    status: &[0xc000_0193, 0xc000_0071, 0xc000_0224, 0xc000_0072, 0xc000_006f, 0xc000_0070],
    client: &[0xe07, 0xf07, 0x1207, 0xb07, 0x1007, 0x1107],
};

fn detect(case: &Case<'_>) -> Option<Finding> {
    refused::detect(case, &CAUSE, CODES, Blame::Client)
}
