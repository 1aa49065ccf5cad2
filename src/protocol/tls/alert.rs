//! Alerts. RFC 8446 6, RFC 5246 7.2
//!
//! Reads alerts in the clear; an encrypted alert has another length and is not one to this parser.

use crate::protocol::wire::{Expected, Malformed, length, wire_code};

wire_code! {
    /// How serious the sender calls it. In TLS 1.3 the description alone decides.
    pub struct AlertLevel(u8) {
        /// The connection may go on.
        WARNING = 1 "warning";
        /// The connection ends here.
        FATAL = 2 "fatal";
    }
}

wire_code! {
    /// What an alert says. IANA TLS Alerts registry.
    pub struct AlertDescription(u8) {
        /// The sender will not send more.
        CLOSE_NOTIFY = 0 "close_notify";
        /// End of 0-RTT data (drafts of TLS 1.3).
        END_OF_EARLY_DATA = 1 "end_of_early_data";
        /// A message that does not belong here.
        UNEXPECTED_MESSAGE = 10 "unexpected_message";
        /// A record failed its integrity check.
        BAD_RECORD_MAC = 20 "bad_record_mac";
        /// A record could not be decrypted.
        DECRYPTION_FAILED = 21 "decryption_failed";
        /// A record is too long.
        RECORD_OVERFLOW = 22 "record_overflow";
        /// A record could not be decompressed.
        DECOMPRESSION_FAILURE = 30 "decompression_failure";
        /// No acceptable set of parameters.
        HANDSHAKE_FAILURE = 40 "handshake_failure";
        /// The client has no certificate (SSL 3.0).
        NO_CERTIFICATE = 41 "no_certificate";
        /// A certificate is corrupt or its signature wrong.
        BAD_CERTIFICATE = 42 "bad_certificate";
        /// A certificate is of an unsupported kind.
        UNSUPPORTED_CERTIFICATE = 43 "unsupported_certificate";
        /// A certificate was revoked.
        CERTIFICATE_REVOKED = 44 "certificate_revoked";
        /// A certificate is out of its dates.
        CERTIFICATE_EXPIRED = 45 "certificate_expired";
        /// A certificate is not acceptable for another reason.
        CERTIFICATE_UNKNOWN = 46 "certificate_unknown";
        /// A field is out of range.
        ILLEGAL_PARAMETER = 47 "illegal_parameter";
        /// The issuer is not known or not trusted.
        UNKNOWN_CA = 48 "unknown_ca";
        /// The certificate is good, but access is refused.
        ACCESS_DENIED = 49 "access_denied";
        /// A message could not be decoded.
        DECODE_ERROR = 50 "decode_error";
        /// A signature or Finished did not verify.
        DECRYPT_ERROR = 51 "decrypt_error";
        /// A continuation ID cannot be used (DTLS).
        TOO_MANY_CIDS_REQUESTED = 52 "too_many_cids_requested";
        /// Export restrictions.
        EXPORT_RESTRICTION = 60 "export_restriction";
        /// The version is recognised but not supported.
        PROTOCOL_VERSION = 70 "protocol_version";
        /// The server asks for more secure parameters.
        INSUFFICIENT_SECURITY = 71 "insufficient_security";
        /// Trouble that has nothing to do with the peer.
        INTERNAL_ERROR = 80 "internal_error";
        /// A fallback to a lower version was noticed.
        INAPPROPRIATE_FALLBACK = 86 "inappropriate_fallback";
        /// The user cancelled.
        USER_CANCELED = 90 "user_canceled";
        /// No renegotiation.
        NO_RENEGOTIATION = 100 "no_renegotiation";
        /// A mandatory extension is missing.
        MISSING_EXTENSION = 109 "missing_extension";
        /// An extension that was not offered.
        UNSUPPORTED_EXTENSION = 110 "unsupported_extension";
        /// A certificate URL could not be followed.
        CERTIFICATE_UNOBTAINABLE = 111 "certificate_unobtainable";
        /// The server does not know the SNI name.
        UNRECOGNIZED_NAME = 112 "unrecognized_name";
        /// A stapled OCSP response is bad.
        BAD_CERTIFICATE_STATUS_RESPONSE = 113 "bad_certificate_status_response";
        /// A certificate hash does not match.
        BAD_CERTIFICATE_HASH_VALUE = 114 "bad_certificate_hash_value";
        /// No acceptable pre-shared key.
        UNKNOWN_PSK_IDENTITY = 115 "unknown_psk_identity";
        /// The server requires a client certificate.
        CERTIFICATE_REQUIRED = 116 "certificate_required";
        /// Anything else.
        GENERAL_ERROR = 117 "general_error";
        /// No common ALPN protocol.
        NO_APPLICATION_PROTOCOL = 120 "no_application_protocol";
        /// Encrypted client hello is required.
        ECH_REQUIRED = 121 "ech_required";
    }
}

/// One alert in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alert {
    /// Warning or fatal.
    pub level: AlertLevel,
    /// What it says.
    pub description: AlertDescription,
}

impl Alert {
    /// Whether the connection ends with it.
    pub fn is_fatal(&self) -> bool {
        self.level == AlertLevel::FATAL
    }
}

/// Reads the fragment of an alert record. Fails if it is not two bytes of a known level: then the record is
/// encrypted (or not an alert at all), and its contents are unknown.
pub fn alert(fragment: &[u8]) -> Result<Alert, Malformed> {
    let [level, description] = *fragment else {
        return Err(Malformed::new("alert size", 0, Expected::Exactly(2), length(fragment)));
    };
    if AlertLevel(level).name().is_none() {
        return Err(Malformed::new("alert level", 0, Expected::Words("1 or 2"), level.into()));
    }
    Ok(Alert { level: AlertLevel(level), description: AlertDescription(description) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_alert() {
        let found = alert(&[0x02, 0x46]).unwrap();
        assert_eq!(found.level, AlertLevel::FATAL);
        assert_eq!(found.description.to_string(), "protocol_version");
        assert_eq!(alert(&[0x02, 0xC8]).unwrap().description.to_string(), "0xc8");
    }

    #[test]
    fn encrypted_alert_is_not_read() {
        assert!(alert(&[0; 26]).is_err());
        assert!(alert(&[0x9E, 0x17]).is_err());
        assert!(alert(&[]).is_err());
    }
}
