//! TLS alerts, as the wire and Schannel 36887 and 36888 number them.

use super::{Code, Family, Kind, Trust, Written, code};

/// TLS alert.
pub(super) static FAMILY: Family = Family {
    name: "alert",
    also: &["tls_alert", "tls", "schannel-alert"],
    title: "TLS alert",
    kind: Kind::Code,
    met: "In clear in the handshake up to TLS 1.2; Schannel 36887 (received) and 36888 (sent) \
            `AlertDesc`",
    not: &["Whose fault it is: the sender tells what it did not like, not who must change."],
    decides: &[
        "Who sent it, and after which message of the handshake.",
        "Schannel events in System of both sides at the same moment.",
    ],
    sources: &["RFC 8446 6; RFC 5246 7.2; IANA, TLS Alerts"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[CODES],
};

static CODES: &[Code] = &[
    code(0, "close_notify", "an orderly end").not(&["A failure."]),
    code(10, "unexpected_message", "a message arrived out of order"),
    code(20, "bad_record_mac", "a record is damaged or was altered"),
    code(21, "decryption_failed", "decryption failed (obsolete)"),
    code(22, "record_overflow", "a record is longer than allowed"),
    code(30, "decompression_failure", "decompression failed (obsolete)"),
    code(40, "handshake_failure", "no acceptable parameters: no shared cipher suite, mostly")
        .not(&["A certificate problem."])
        .decides(&["The ClientHello in the capture against Schannel 36874 on the server: suites, groups \
            and signature algorithms."]),
    code(41, "no_certificate", "no certificate (SSL 3 only)"),
    code(42, "bad_certificate", "the certificate is damaged or its signature is wrong"),
    code(43, "unsupported_certificate", "the certificate is of a kind that is not supported"),
    code(44, "certificate_revoked", "the certificate was revoked"),
    code(45, "certificate_expired", "the certificate is expired or not yet valid"),
    code(
        46,
        "certificate_unknown",
        "the certificate was refused for another reason: the user pressed No, mostly",
    )
    .not(&["An expired certificate or an unknown issuer: those have 45 and 48."]),
    code(47, "illegal_parameter", "a field of the handshake is out of range"),
    code(48, "unknown_ca", "the issuer is not trusted"),
    code(49, "access_denied", "access is denied, although the certificate is good"),
    code(50, "decode_error", "a message could not be decoded"),
    code(51, "decrypt_error", "a signature or a finished message did not verify"),
    code(60, "export_restriction", "export restriction (obsolete)"),
    code(70, "protocol_version", "no common TLS version"),
    code(71, "insufficient_security", "what is offered is too weak for the other side"),
    code(80, "internal_error", "an internal fault of the sender, such as a private key that cannot be used")
        .decides(&["Schannel 36870 and 36871 on the side that sent it."]),
    code(86, "inappropriate_fallback", "a downgrade was detected"),
    code(90, "user_canceled", "the user cancelled the handshake"),
    code(100, "no_renegotiation", "renegotiation refused (obsolete in TLS 1.3)"),
    code(109, "missing_extension", "an extension is missing that TLS 1.3 demands"),
    code(110, "unsupported_extension", "an extension that was not offered"),
    code(111, "certificate_unobtainable", "a certificate could not be fetched (obsolete)"),
    code(112, "unrecognized_name", "the server name in the hello is not known (SNI)"),
    code(113, "bad_certificate_status_response", "the OCSP answer is bad"),
    code(114, "bad_certificate_hash_value", "the hash of a certificate is wrong (obsolete)"),
    code(115, "unknown_psk_identity", "no such pre-shared key"),
    code(116, "certificate_required", "a client certificate is required (TLS 1.3)"),
    code(117, "general_error", "a general error (in the registry, rare)"),
    code(120, "no_application_protocol", "no application protocol in common (ALPN)"),
];
