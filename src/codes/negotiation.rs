//! The first answer of a server: what it refuses, and the security protocols by number. [MS-RDPBCGR] 2.2.1

use super::{Code, Family, Kind, Trust, Written, code};

/// RDP negotiation failure.
pub(super) static FAILURE: Family = Family {
    name: "negotiation-failure",
    also: &["rdp_neg_failure", "neg-failure", "negotiation"],
    title: "RDP negotiation failure",
    kind: Kind::Code,
    met: "X.224 Connection Confirm, in clear in any capture",
    not: &["That the connection failed for good: it may be a step of the fallback of the client. \
            Look for its next connection."],
    decides: &[
        "Packets: what the request offered, and what the same client does next.",
        "On the server: the values `SecurityLayer` and `UserAuthentication` of the RDP-Tcp \
            listener.",
    ],
    sources: &["[MS-RDPBCGR] 2.2.1.2.2"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[FAILURES],
};

/// RDP security protocol.
pub(super) static PROTOCOL: Family = Family {
    name: "protocol",
    also: &["rdp_protocol", "security-protocol"],
    title: "RDP security protocol",
    kind: Kind::Code,
    met: "X.224 Connection Request (a set of bits) and Connection Confirm (one of them)",
    not: &["A failure: it is what was offered or chosen."],
    decides: &["The Connection Confirm says what was chosen."],
    sources: &["[MS-RDPBCGR] 2.2.1.1.1, 2.2.1.2.1"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[PROTOCOLS],
};

static FAILURES: &[Code] = &[
    code(1, "SSL_REQUIRED_BY_SERVER", "the server insists on TLS or CredSSP"),
    code(2, "SSL_NOT_ALLOWED_BY_SERVER", "the server is set to standard RDP security only")
        .not(&["A failed connection, if the client then asks again with standard security and gets \
            in: mstsc does so at once."]),
    code(3, "SSL_CERT_NOT_ON_SERVER", "the server has no certificate that it can use, so it cannot do TLS")
        .decides(&["System on the server: TermService 1057 or 1058, Schannel 36870 or 36871."]),
    code(4, "INCONSISTENT_FLAGS", "the flags of the client's request contradict each other"),
    code(5, "HYBRID_REQUIRED_BY_SERVER", "the server requires network level authentication (CredSSP)")
        .not(&["The cause, where NLA was refused just before: mstsc then asks again without it and \
            gets this. The refusal is the cause."]),
    code(
        6,
        "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
        "the server requires TLS with a client certificate (VM console and the like)",
    ),
];

static PROTOCOLS: &[Code] = &[
    code(0x0, "PROTOCOL_RDP", "legacy RDP security"),
    code(0x1, "PROTOCOL_SSL", "TLS"),
    code(0x2, "PROTOCOL_HYBRID", "CredSSP (NLA)"),
    code(0x4, "PROTOCOL_RDSTLS", "RDSTLS"),
    code(0x8, "PROTOCOL_HYBRID_EX", "CredSSP + Early User Authorization Result"),
    code(0x10, "PROTOCOL_RDSAAD", "Entra ID (AAD) authentication"),
];
