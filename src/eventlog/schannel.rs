//! TLS as Windows tells it, on either side: provider Schannel.
//!
//! Names neither address nor connection, and speaks of every TLS user on the host: joined by time only.

use super::event::Event;
use super::provider::Provider;

/// Whether the credential of an event is that of a server or of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// `server`.
    Server,
    /// `client`.
    Client,
    /// Not said, or in the language of the host.
    Unsaid,
}

/// What an event of this provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// 36870: the private key of the certificate cannot be used.
    KeyUnusable {
        /// Whose.
        role: Role,
        /// `ErrorCode`, `0x8009030d`.
        code: Option<u32>,
        /// `ErrorStatus` or internal state.
        state: Option<u32>,
    },
    /// 36871: no credential could be made: protocols disabled, or the key.
    NoCredential {
        /// Whose.
        role: Role,
        /// `ErrorState`, 10013.
        state: Option<u32>,
    },
    /// 36872, 36886: no suitable default credential of the server; mostly noise.
    NoDefaultCredential,
    /// 36873: a client without any cipher suite to offer.
    NothingToOffer,
    /// 36874: a client asked for this version and had no cipher suite in common with this server.
    NoSharedCipher {
        /// `TLS 1.2`.
        protocol: Option<&'a str>,
    },
    /// 36887: a fatal alert was received.
    AlertReceived {
        /// [RFC 8446] 6.
        alert: Option<u8>,
    },
    /// 36888: a fatal alert was sent.
    AlertSent {
        /// [RFC 8446] 6.
        alert: Option<u8>,
        /// Internal state; 1205 goes with 36874.
        state: Option<u32>,
        /// The name that a client was after.
        target: Option<&'a str>,
    },
    /// 36876, 36881 to 36884, on a client: the server's certificate is not accepted.
    CertificateRefused {
        /// In which way.
        why: CertificateFault,
        /// `ErrorCode`.
        code: Option<u32>,
        /// The name that was expected.
        name: Option<&'a str>,
    },
    /// 36880: a handshake was completed; needs raised logging.
    Completed {
        /// `TLS 1.2`.
        protocol: Option<&'a str>,
        /// Number of the cipher suite.
        cipher: Option<u32>,
        /// The name that a client was after.
        target: Option<&'a str>,
    },
    /// 36896 to 36899: trouble with DTLS, the transport over UDP.
    DtlsTrouble,
}

/// What a client holds against a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateFault {
    /// 36876: not valid, in the way that the code says.
    Invalid,
    /// 36881: expired or not yet valid.
    Expired,
    /// 36882: from an authority that is not trusted.
    Untrusted,
    /// 36883: revoked.
    Revoked,
    /// 36884: for another name.
    WrongName,
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    if event.provider != Provider::Schannel {
        return None;
    }
    let fields = &event.fields;
    let role = || match fields.said("Type") {
        Some(text) if text.eq_ignore_ascii_case("server") => Role::Server,
        Some(text) if text.eq_ignore_ascii_case("client") => Role::Client,
        _ => Role::Unsaid,
    };
    let alert = || fields.number("AlertDesc").and_then(|alert| u8::try_from(alert).ok());
    let refused =
        |why| Meaning::CertificateRefused { why, code: fields.code("ErrorCode"), name: fields.said("Name") };
    Some(match event.id {
        36870 => Meaning::KeyUnusable {
            role: role(),
            code: fields.code("ErrorCode"),
            state: fields.code("ErrorStatus").or_else(|| fields.code("ErrorState")),
        },
        36871 => Meaning::NoCredential { role: role(), state: fields.code("ErrorState") },
        36872 | 36886 => Meaning::NoDefaultCredential,
        36873 => Meaning::NothingToOffer,
        36874 => Meaning::NoSharedCipher { protocol: fields.said("Protocol") },
        36876 => refused(CertificateFault::Invalid),
        36880 => Meaning::Completed {
            protocol: fields.said("Protocol"),
            cipher: fields.code("CipherSuite"),
            target: fields.said("TargetName"),
        },
        36881 => refused(CertificateFault::Expired),
        36882 => refused(CertificateFault::Untrusted),
        36883 => refused(CertificateFault::Revoked),
        36884 => refused(CertificateFault::WrongName),
        36887 => Meaning::AlertReceived { alert: alert() },
        36888 => Meaning::AlertSent {
            alert: alert(),
            state: fields.code("ErrorState"),
            target: fields.said("TargetName"),
        },
        36896..=36899 => Meaning::DtlsTrouble,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    #[test]
    fn reads_alerts_of_old_and_new_builds() {
        let old = event(Provider::Schannel, 36888, &[("AlertDesc", "40"), ("ErrorState", "1205")]);
        let sent = Meaning::AlertSent { alert: Some(40), state: Some(1205), target: None };
        assert_eq!(meaning(&old), Some(sent));
        let new =
            [("CallerProcessId", "700"), ("AlertDesc", "46"), ("ErrorState", "0"), ("TargetName", "srv")];
        let new = event(Provider::Schannel, 36888, &new);
        let sent = Meaning::AlertSent { alert: Some(46), state: Some(0), target: Some("srv") };
        assert_eq!(meaning(&new), Some(sent));
    }

    #[test]
    fn reads_keys_and_ciphers() {
        let key = [("Type", "server"), ("ErrorCode", "0x8009030D"), ("ErrorStatus", "10001")];
        let key = event(Provider::Schannel, 36870, &key);
        let unusable =
            Meaning::KeyUnusable { role: Role::Server, code: Some(0x8009_030d), state: Some(10001) };
        assert_eq!(meaning(&key), Some(unusable));
        let cipher = event(Provider::Schannel, 36874, &[("Protocol", "TLS 1.2")]);
        assert_eq!(meaning(&cipher), Some(Meaning::NoSharedCipher { protocol: Some("TLS 1.2") }));
        assert_eq!(meaning(&event(Provider::Schannel, 1, &[])), None);
    }
}
