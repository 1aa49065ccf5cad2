//! The server's Security log says that user name or password was wrong.

use super::refused::{self, Codes};
use crate::causes::{Blame, Case, Finding, cause};

cause! {
    /// User name or password is wrong.
    ///
    /// ## Why
    /// The server checked the credentials and refused them: the password is wrong, or it knows no such user. A
    /// saved password that was changed since, a missing domain (`DOMAIN\user` against `.\user`) and a name that
    /// exists only on another computer look the same.
    ///
    /// ## What to do
    /// - On the client, look for saved credentials with `cmdkey /list` and delete a stale one with
    ///   `cmdkey /delete:TERMSRV/<server>`.
    /// - Enter the name in full: `DOMAIN\user` or `user@domain` for a domain account, `.\user` for a local one.
    /// - On the server, read Security 4625 of the attempt: sub-status 0xC0000064 is an unknown user, 0xC000006A a
    ///   wrong password.
    /// - To verify: log on with the same credentials at another service, then connect again; Security 4624 with
    ///   logon type 3 and RemoteConnectionManager 1149 must follow.
    ///
    /// ## Seen as
    /// [MS-CSSP] 2.2.1 errorCode; Security 4625 with sub-status C000006A, C0000064 or C000006D; RdpCoreTS 140
    /// (not on Windows Server 2012 R2).
    "bad-password-or-unknown-user", stage: Authentication, severity: Failure, blames: [Client],
    more_specific_than: ["nla-refused-reason-not-visible"],
    client_code: "0x807 or 0xA07",
}

const CODES: Codes = Codes { status: &[0xc000_006a, 0xc000_0064, 0xc000_006d], client: &[0x807, 0xa07] };

fn detect(case: &Case<'_>) -> Option<Finding> {
    refused::detect(case, &CAUSE, CODES, Blame::Client)
}
