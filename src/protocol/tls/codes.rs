//! Numbers of the TLS registries that hellos carry: versions, extensions, groups, signature schemes.
//!
//! Names as in the IANA registries. GREASE values (RFC 8701) are recognised, not named one by one.

use crate::protocol::wire::wire_code;

wire_code! {
    /// A protocol version as hellos and records carry it. RFC 5246 6.2.1, RFC 8446 4.2.1
    pub struct TlsVersion(u16) {
        /// SSL 2.0, as SSLv2 hellos carry it.
        SSL_2_0 = 0x0002 "SSL 2.0";
        /// SSL 3.0.
        SSL_3_0 = 0x0300 "SSL 3.0";
        /// TLS 1.0.
        TLS_1_0 = 0x0301 "TLS 1.0";
        /// TLS 1.1.
        TLS_1_1 = 0x0302 "TLS 1.1";
        /// TLS 1.2.
        TLS_1_2 = 0x0303 "TLS 1.2";
        /// TLS 1.3: only in supported_versions.
        TLS_1_3 = 0x0304 "TLS 1.3";
        /// DTLS 1.0.
        DTLS_1_0 = 0xFEFF "DTLS 1.0";
        /// DTLS 1.2.
        DTLS_1_2 = 0xFEFD "DTLS 1.2";
        /// DTLS 1.3: only in supported_versions.
        DTLS_1_3 = 0xFEFC "DTLS 1.3";
    }
}

impl TlsVersion {
    /// Whether records look like TLS 1.3 after the server hello: drafts are numbered `0x7F00` and up.
    pub const fn is_1_3(self) -> bool {
        self.0 == Self::TLS_1_3.0 || self.0 == Self::DTLS_1_3.0 || self.0 >> 8 == 0x7F
    }
}

wire_code! {
    /// The type of a hello extension.
    pub struct ExtensionType(u16) {
        /// SNI. RFC 6066 3
        SERVER_NAME = 0 "server_name";
        /// RFC 6066 4
        MAX_FRAGMENT_LENGTH = 1 "max_fragment_length";
        /// OCSP stapling. RFC 6066 8
        STATUS_REQUEST = 5 "status_request";
        /// RFC 8422 5.1.1, RFC 7919
        SUPPORTED_GROUPS = 10 "supported_groups";
        /// RFC 8422 5.1.2
        EC_POINT_FORMATS = 11 "ec_point_formats";
        /// RFC 8446 4.2.3
        SIGNATURE_ALGORITHMS = 13 "signature_algorithms";
        /// RFC 6520
        HEARTBEAT = 15 "heartbeat";
        /// ALPN. RFC 7301
        ALPN = 16 "application_layer_protocol_negotiation";
        /// RFC 6962
        SIGNED_CERTIFICATE_TIMESTAMP = 18 "signed_certificate_timestamp";
        /// RFC 7685
        PADDING = 21 "padding";
        /// RFC 7366
        ENCRYPT_THEN_MAC = 22 "encrypt_then_mac";
        /// RFC 7627
        EXTENDED_MASTER_SECRET = 23 "extended_master_secret";
        /// RFC 8472
        TOKEN_BINDING = 24 "token_binding";
        /// RFC 8879
        COMPRESS_CERTIFICATE = 27 "compress_certificate";
        /// RFC 8449
        RECORD_SIZE_LIMIT = 28 "record_size_limit";
        /// RFC 5077
        SESSION_TICKET = 35 "session_ticket";
        /// RFC 8446 4.2.11
        PRE_SHARED_KEY = 41 "pre_shared_key";
        /// RFC 8446 4.2.10
        EARLY_DATA = 42 "early_data";
        /// RFC 8446 4.2.1
        SUPPORTED_VERSIONS = 43 "supported_versions";
        /// RFC 8446 4.2.2
        COOKIE = 44 "cookie";
        /// RFC 8446 4.2.9
        PSK_KEY_EXCHANGE_MODES = 45 "psk_key_exchange_modes";
        /// RFC 8446 4.2.4
        CERTIFICATE_AUTHORITIES = 47 "certificate_authorities";
        /// RFC 8446 4.2.6
        POST_HANDSHAKE_AUTH = 49 "post_handshake_auth";
        /// RFC 8446 4.2.3
        SIGNATURE_ALGORITHMS_CERT = 50 "signature_algorithms_cert";
        /// RFC 8446 4.2.8
        KEY_SHARE = 51 "key_share";
        /// RFC 5746
        RENEGOTIATION_INFO = 0xFF01 "renegotiation_info";
        /// Encrypted client hello.
        ENCRYPTED_CLIENT_HELLO = 0xFE0D "encrypted_client_hello";
    }
}

wire_code! {
    /// A group for key exchange. RFC 8422 5.1.1, RFC 7919, RFC 8446 4.2.7
    pub struct NamedGroup(u16) {
        /// NIST P-192.
        SECP192R1 = 19 "secp192r1";
        /// NIST P-224.
        SECP224R1 = 21 "secp224r1";
        /// The curve of Bitcoin.
        SECP256K1 = 22 "secp256k1";
        /// NIST P-256.
        SECP256R1 = 23 "secp256r1";
        /// NIST P-384.
        SECP384R1 = 24 "secp384r1";
        /// NIST P-521.
        SECP521R1 = 25 "secp521r1";
        /// Brainpool, 256 bits.
        BRAINPOOL_P256R1 = 26 "brainpoolP256r1";
        /// Brainpool, 384 bits.
        BRAINPOOL_P384R1 = 27 "brainpoolP384r1";
        /// Brainpool, 512 bits.
        BRAINPOOL_P512R1 = 28 "brainpoolP512r1";
        /// Curve25519.
        X25519 = 29 "x25519";
        /// Curve448.
        X448 = 30 "x448";
        /// Finite field, 2048 bits.
        FFDHE2048 = 0x0100 "ffdhe2048";
        /// Finite field, 3072 bits.
        FFDHE3072 = 0x0101 "ffdhe3072";
        /// Finite field, 4096 bits.
        FFDHE4096 = 0x0102 "ffdhe4096";
        /// Finite field, 6144 bits.
        FFDHE6144 = 0x0103 "ffdhe6144";
        /// Finite field, 8192 bits.
        FFDHE8192 = 0x0104 "ffdhe8192";
        /// Hybrid of P-256 and ML-KEM-768.
        SECP256R1_MLKEM768 = 0x11EB "SecP256r1MLKEM768";
        /// Hybrid of X25519 and ML-KEM-768.
        X25519_MLKEM768 = 0x11EC "X25519MLKEM768";
        /// Hybrid of P-384 and ML-KEM-1024.
        SECP384R1_MLKEM1024 = 0x11ED "SecP384r1MLKEM1024";
    }
}

wire_code! {
    /// A signature scheme; in TLS 1.2 the pair of hash and signature algorithm. RFC 8446 4.2.3
    pub struct SignatureScheme(u16) {
        /// RSA with MD5.
        RSA_PKCS1_MD5 = 0x0101 "rsa_pkcs1_md5";
        /// RSA with SHA-1.
        RSA_PKCS1_SHA1 = 0x0201 "rsa_pkcs1_sha1";
        /// DSA with SHA-1.
        DSA_SHA1 = 0x0202 "dsa_sha1";
        /// ECDSA with SHA-1.
        ECDSA_SHA1 = 0x0203 "ecdsa_sha1";
        /// RSA with SHA-224.
        RSA_PKCS1_SHA224 = 0x0301 "rsa_pkcs1_sha224";
        /// ECDSA with SHA-224.
        ECDSA_SHA224 = 0x0303 "ecdsa_sha224";
        /// RSA with SHA-256.
        RSA_PKCS1_SHA256 = 0x0401 "rsa_pkcs1_sha256";
        /// DSA with SHA-256.
        DSA_SHA256 = 0x0402 "dsa_sha256";
        /// ECDSA on P-256 with SHA-256.
        ECDSA_SECP256R1_SHA256 = 0x0403 "ecdsa_secp256r1_sha256";
        /// RSA with SHA-384.
        RSA_PKCS1_SHA384 = 0x0501 "rsa_pkcs1_sha384";
        /// ECDSA on P-384 with SHA-384.
        ECDSA_SECP384R1_SHA384 = 0x0503 "ecdsa_secp384r1_sha384";
        /// RSA with SHA-512.
        RSA_PKCS1_SHA512 = 0x0601 "rsa_pkcs1_sha512";
        /// ECDSA on P-521 with SHA-512.
        ECDSA_SECP521R1_SHA512 = 0x0603 "ecdsa_secp521r1_sha512";
        /// RSA-PSS with SHA-256, key of any RSA certificate.
        RSA_PSS_RSAE_SHA256 = 0x0804 "rsa_pss_rsae_sha256";
        /// RSA-PSS with SHA-384.
        RSA_PSS_RSAE_SHA384 = 0x0805 "rsa_pss_rsae_sha384";
        /// RSA-PSS with SHA-512.
        RSA_PSS_RSAE_SHA512 = 0x0806 "rsa_pss_rsae_sha512";
        /// Ed25519.
        ED25519 = 0x0807 "ed25519";
        /// Ed448.
        ED448 = 0x0808 "ed448";
        /// RSA-PSS with SHA-256, key of a PSS certificate.
        RSA_PSS_PSS_SHA256 = 0x0809 "rsa_pss_pss_sha256";
        /// RSA-PSS with SHA-384.
        RSA_PSS_PSS_SHA384 = 0x080A "rsa_pss_pss_sha384";
        /// RSA-PSS with SHA-512.
        RSA_PSS_PSS_SHA512 = 0x080B "rsa_pss_pss_sha512";
    }
}

/// Whether a version, suite, extension or group is one of the values that clients send to keep servers
/// tolerant: `0x0A0A`, `0x1A1A` … `0xFAFA`. RFC 8701
pub const fn is_grease(value: u16) -> bool {
    value & 0x0F0F == 0x0A0A && value >> 8 == value & 0xFF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grease_and_nothing_near_it() {
        assert!(is_grease(0x0A0A) && is_grease(0xFAFA));
        assert!(!is_grease(0x0A1A) && !is_grease(0xC00A));
    }

    #[test]
    fn names() {
        assert_eq!(TlsVersion(0x0303).to_string(), "TLS 1.2");
        assert_eq!(TlsVersion(0x0305).to_string(), "0x305");
        assert!(TlsVersion(0x7F1C).is_1_3() && !TlsVersion::TLS_1_2.is_1_3());
        assert_eq!(SignatureScheme::ALL.len(), 21);
    }
}
