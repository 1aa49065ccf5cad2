//! Status values of logon and security: NTSTATUS, and the HRESULT values of SSPI (CredSSP, Schannel).

use super::{Code, Family, Kind, Trust, Written, code};

/// NTSTATUS of a logon.
pub(super) static NTSTATUS: Family = Family {
    name: "ntstatus",
    also: &["status"],
    title: "NTSTATUS of a logon",
    kind: Kind::Code,
    met: "Security 4625 `Status` and `SubStatus`; TSRequest `errorCode`; TermDD 56 as 0xD…",
    not: &["Something about the network: a server said it, so it was reached."],
    decides: &["Security 4625 of the same moment and user, on the server or the domain controller. \
            Under NLA it often has no address: time and user join it."],
    sources: &["[MS-ERREF] 2.3.1"],
    trust: Trust::Documented,
    written: Written::NtStatus,
    codes: &[NTSTATUS_CODES],
};

/// SSPI status (CredSSP, Schannel).
pub(super) static SSPI: Family = Family {
    name: "sspi",
    also: &["hresult", "sec_e", "credssp"],
    title: "SSPI status (CredSSP, Schannel)",
    kind: Kind::Code,
    met: "RdpCoreTS 139 `ResultCode`, TSRequest `errorCode`, the last four bytes of TermDD 56, \
            Schannel 36870",
    not: &["TLS rather than CredSSP: both layers use the same numbers."],
    decides: &[
        "Packets: did the handshake of TLS end, and were CredSSP records seen after it?",
        "Schannel events of the same moment (TLS), or Security 4625 (logon).",
    ],
    sources: &["[MS-ERREF] 2.1.1; winerror.h"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[SSPI_CODES],
};

static NTSTATUS_CODES: &[Code] = &[
    code(0xC000_006D, "STATUS_LOGON_FAILURE", "the logon failed: user name or password (Status of 4625)")
        .not(&["Which of the two is wrong: that is the SubStatus."]),
    code(0xC000_006A, "STATUS_WRONG_PASSWORD", "the password is wrong (SubStatus of 4625)")
        .not(&["An attack: a stale saved password does the same, again and again."]),
    code(0xC000_0064, "STATUS_NO_SUCH_USER", "there is no such user"),
    code(
        0xC000_006E,
        "STATUS_ACCOUNT_RESTRICTION",
        "an account restriction; also a member of Protected Users over NTLM",
    ),
    code(0xC000_006F, "STATUS_INVALID_LOGON_HOURS", "outside the logon hours of the account"),
    code(0xC000_0070, "STATUS_INVALID_WORKSTATION", "the account may not be used from this computer"),
    code(0xC000_0071, "STATUS_PASSWORD_EXPIRED", "the password is expired"),
    code(0xC000_0072, "STATUS_ACCOUNT_DISABLED", "the account is disabled"),
    code(
        0xC000_0133,
        "STATUS_TIME_DIFFERENCE_AT_DC",
        "the clock differs too much from the domain controller",
    ),
    code(
        0xC000_015B,
        "STATUS_LOGON_TYPE_NOT_GRANTED",
        "the logon type is not granted: the user may not log on through RDP",
    ),
    code(0xC000_0193, "STATUS_ACCOUNT_EXPIRED", "the account is expired"),
    code(0xC000_0224, "STATUS_PASSWORD_MUST_CHANGE", "the password must be changed first"),
    code(0xC000_0234, "STATUS_ACCOUNT_LOCKED_OUT", "the account is locked out"),
    code(0xC000_0413, "STATUS_AUTHENTICATION_FIREWALL_FAILED", "selective authentication refused the user"),
    code(0xC000_005E, "STATUS_NO_LOGON_SERVERS", "no domain controller could be reached"),
    code(0xC000_00B5, "STATUS_IO_TIMEOUT", "input or output timed out (0xD00000B5 in TermDD 56)"),
];

static SSPI_CODES: &[Code] = &[
    code(
        0x8009_0302,
        "SEC_E_UNSUPPORTED_FUNCTION",
        "not supported: in CredSSP NTLM is disabled or blocked, in TLS there is no common \
            version",
    )
    .not(&["Which of the two: the same number comes from both layers."]),
    code(0x8009_0304, "SEC_E_INTERNAL_ERROR", "the TLS handshake failed inside Schannel")
        .not(&["The reason: Schannel writes that beside it (36874, 36888, 36870)."])
        .decides(&["Schannel events in System of the same moment: 36874 is no common cipher suite, 36870 \
            an unreadable private key."]),
    code(0x8009_0308, "SEC_E_INVALID_TOKEN", "peer sent something that is not valid TLS/CredSSP"),
    code(0x8009_030C, "SEC_E_LOGON_DENIED", "the logon was denied")
        .know(&["Windows 10 and later write event 140 for this instead of 139."]),
    code(
        0x8009_030D,
        "SEC_E_UNKNOWN_CREDENTIALS",
        "the credential cannot be used: typical in Schannel 36870 for a private key that \
            cannot be read",
    ),
    code(0x8009_030E, "SEC_E_NO_CREDENTIALS", "no credentials"),
    code(0x8009_030F, "SEC_E_MESSAGE_ALTERED", "a message was altered, or the two sides lost step"),
    code(0x8009_0311, "SEC_E_NO_AUTHENTICATING_AUTHORITY", "no domain controller"),
    code(0x8009_0318, "SEC_E_INCOMPLETE_MESSAGE", "incomplete TLS message"),
    code(0x8009_0322, "SEC_E_WRONG_PRINCIPAL", "target name wrong (SPN / certificate)"),
    code(0x8009_0324, "SEC_E_TIME_SKEW", "clocks differ too much"),
    code(0x8009_0325, "SEC_E_UNTRUSTED_ROOT", "untrusted root"),
    code(0x8009_0326, "SEC_E_ILLEGAL_MESSAGE", "unexpected or badly formed message"),
    code(
        0x8009_0327,
        "SEC_E_CERT_UNKNOWN",
        "the peer said certificate_unknown (TLS alert 46): the user pressed No at the warning, \
            mostly",
    ),
    code(0x8009_0328, "SEC_E_CERT_EXPIRED", "certificate expired"),
    code(0x8009_0330, "SEC_E_DECRYPT_FAILURE", "decryption failed"),
    code(0x8009_0331, "SEC_E_ALGORITHM_MISMATCH", "no common algorithm"),
    code(0x8009_0332, "SEC_E_SECURITY_QOS_FAILED", "required protection not possible"),
    code(0x8009_035E, "SEC_E_DELEGATION_POLICY", "delegation policy"),
    code(0x8009_035F, "SEC_E_POLICY_NLTM_ONLY", "only NTLM possible, policy forbids"),
    code(0x8009_0317, "SEC_E_CONTEXT_EXPIRED", "context ended"),
];
