//! Results that follow an authentication: Early User Authorization, and RDSTLS.

use super::{Code, Family, Kind, Trust, Written, code};

/// CredSSP Early User Authorization result.
pub(super) static EARLY: Family = Family {
    name: "early-auth",
    also: &["credssp_early_auth", "authz"],
    title: "CredSSP Early User Authorization result",
    kind: Kind::Code,
    met: "Four bytes after CredSSP, where PROTOCOL_HYBRID_EX was chosen; behind TLS both \
            results have the same size",
    not: &[],
    decides: &["What follows: a close right after it is a refusal. Security 4625 with 0xC000015B on \
            the server."],
    sources: &["[MS-RDPBCGR] 2.2.10.2, 5.4.2.2"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[EARLY_CODES],
};

/// RDSTLS result.
pub(super) static RDSTLS: Family = Family {
    name: "rdstls",
    also: &["rdstls_result"],
    title: "RDSTLS result",
    kind: Kind::Code,
    met: "RDSTLS Authentication Response, after a redirection",
    not: &[],
    decides: &["Security 4625 on the target of the redirection."],
    sources: &["[MS-RDPBCGR] 2.2.17.3"],
    trust: Trust::Retold,
    written: Written::Win32,
    codes: &[RDSTLS_CODES],
};

static EARLY_CODES: &[Code] = &[
    code(0, "AUTHZ_SUCCESS", "the user may log on"),
    code(5, "AUTHZ_ACCESS_DENIED", "the credentials are good, but the user may not log on through RDP")
        .not(&["A wrong password."]),
];

static RDSTLS_CODES: &[Code] = &[
    code(0, "SUCCESS", "accepted"),
    code(5, "ACCESS_DENIED", "denied"),
    code(1326, "LOGON_FAILURE", "bad credentials"),
    code(1328, "INVALID_LOGON_HOURS", "logon hours"),
    code(1330, "PASSWORD_EXPIRED", "password expired"),
    code(1331, "ACCOUNT_DISABLED", "disabled"),
    code(1907, "PASSWORD_MUST_CHANGE", "must change"),
    code(1909, "ACCOUNT_LOCKED_OUT", "locked out"),
];
