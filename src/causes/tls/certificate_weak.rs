//! The key or the signature of the server's certificate is too weak for the client.

use super::handshake;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::protocol::tls::AlertDescription;
use crate::protocol::x509::Certificate;
use crate::stream::Side;

cause! {
    /// The client refused the server's certificate because its key or signature is too weak.
    ///
    /// ## Why
    /// The certificate has an RSA key of less than 2048 bits, or its issuer signed it with MD5 or SHA-1. Current
    /// TLS stacks refuse both; older ones accept them, so some clients work and others do not.
    ///
    /// ## What to do
    /// - On the server:
    ///   `Get-ChildItem "Cert:\LocalMachine\Remote Desktop", Cert:\LocalMachine\My | fl Subject,Thumbprint,SignatureAlgorithm`
    ///   and, for the size, `certutil -store My`.
    /// - A self-signed one: delete it in `certlm.msc`, store "Remote Desktop", then
    ///   `Restart-Service SessionEnv -Force`; a new one (RSA 2048, SHA-256) is made, event 1056.
    /// - One of your own authority: issue it anew with RSA 2048 and SHA-256 or better, and bind it.
    /// - Do not lower the client's security level instead: the weak certificate stays weak.
    /// - To verify: the certificate in a new capture (TLS 1.2) shows the new key.
    ///
    /// ## Seen as
    /// A small key or an old signature in the certificate, and the client's alert 40, 42, 43, 46 or 71 after it;
    /// Schannel 36887 on the server, CAPI2 30 on the client.
    "certificate-weak", stage: Tls, severity: Failure, blames: [Server],
    more_specific_than: ["tls-alert-other", "closed-inside-tls-reason-not-visible", "certificate-name"],
    client_code: "0x904",
}

/// RSA keys below this are refused by current stacks. NIST SP 800-131A
const RSA_BITS: u32 = 2048;
/// Alerts that clients send for a weak certificate; 71 is `insufficient_security`.
const ALERTS: [AlertDescription; 5] = [
    AlertDescription::HANDSHAKE_FAILURE,
    AlertDescription::BAD_CERTIFICATE,
    AlertDescription::UNSUPPORTED_CERTIFICATE,
    AlertDescription::CERTIFICATE_UNKNOWN,
    AlertDescription::INSUFFICIENT_SECURITY,
];

fn detect(case: &Case<'_>) -> Option<Finding> {
    let connection = handshake::stopped(case)?;
    let certificate = connection.tls.certificate.as_ref()?;
    let weakness = weakness(&certificate.value)?;
    let alert = handshake::fatal_alert(case)?;
    let refused = alert.value.from == Side::Client
        && alert.mark() > certificate.mark()
        && ALERTS.contains(&alert.value.alert.description);
    // With dates that do not hold the same alerts are sent: two reasons, and the dates are the surer one.
    if !refused || certificate.value.is_valid_at(certificate.time) == Some(false) {
        return None;
    }
    let evidence = vec![
        handshake::of_alert(&alert),
        Evidence::of(certificate, format!("the server's certificate has {weakness}")),
    ];
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Server, evidence).detail(weakness);
    Some(finding.missing("the client's own words: CAPI2/Operational 30, or its output"))
}

/// What is weak about it: a fragment. A self-signature is checked by nobody, so its algorithm does not matter.
fn weakness(certificate: &Certificate) -> Option<String> {
    let small = certificate.key.as_ref().filter(|key| key.is_rsa()).and_then(|key| key.bits);
    if let Some(bits) = small.filter(|bits| *bits < RSA_BITS) {
        return Some(format!("an RSA key of {bits} bits"));
    }
    let signature = certificate.signature.as_ref().filter(|_| !certificate.is_self_issued())?;
    let old = OLD_SIGNATURES.iter().find(|(oid, _)| *oid == signature.oid)?;
    Some(format!("a signature with {}", old.1))
}

/// Signatures with MD2, MD5 and SHA-1. RFC 8017 A.2.4, RFC 3279 2.2.3
const OLD_SIGNATURES: [(&str, &str); 4] = [
    ("1.2.840.113549.1.1.2", "MD2"),
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.2.840.113549.1.1.5", "SHA-1"),
    ("1.2.840.10045.4.1", "SHA-1"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::x509::{Algorithm, Key, Name};

    fn rsa(bits: u32, signature: &str) -> Certificate {
        let algorithm = |oid: &str| Algorithm { oid: oid.into(), name: None };
        Certificate {
            subject: Some(Name { full: "CN=srv01".into(), common_name: None }),
            issuer: Some(Name { full: "CN=ca".into(), common_name: None }),
            key: Some(Key { algorithm: algorithm("1.2.840.113549.1.1.1"), bits: Some(bits), curve: None }),
            signature: Some(algorithm(signature)),
            ..Certificate::default()
        }
    }

    #[test]
    fn tells_small_keys_and_old_signatures() {
        const SHA256: &str = "1.2.840.113549.1.1.11";
        const SHA1: &str = "1.2.840.113549.1.1.5";
        assert_eq!(weakness(&rsa(2048, SHA256)), None);
        assert_eq!(weakness(&rsa(1024, SHA256)).unwrap(), "an RSA key of 1024 bits");
        assert_eq!(weakness(&rsa(2048, SHA1)).unwrap(), "a signature with SHA-1");
        let own = Certificate { issuer: rsa(0, SHA1).subject, ..rsa(2048, SHA1) };
        assert_eq!(weakness(&own), None, "nobody checks a self-signature");
    }
}
