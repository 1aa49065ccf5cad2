//! The server's listener and what became of each accepted connection: provider RemoteConnectionManager.
//!
//! Writes to its own channels and, as the classic source of the service, to System (1056 and others). 261 comes
//! once for each accepted TCP connection, so its count holds where RdpCoreTS has wrapped.

use std::net::IpAddr;

use super::address::ClientAddress;
use super::event::Event;
use super::provider::Provider;

/// What an event of this provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// 261: a TCP connection was accepted on the listener of that name; same ActivityID as RdpCoreTS 131.
    Accepted(Option<&'a str>),
    /// 1149: security passed. With NLA the user is authenticated; without it the logon screen was reached.
    SecurityPassed {
        /// The user.
        user: Option<&'a str>,
        /// The domain, often empty.
        domain: Option<&'a str>,
        /// The client, without port.
        ip: Option<IpAddr>,
    },
    /// 1158 (Admin): a connection from that address was accepted; none on a console.
    AcceptedFrom(Option<IpAddr>),
    /// 258: a listener was started.
    ListenerStarted(Option<&'a str>),
    /// 259: a listener was stopped: its port closes.
    ListenerStopped(Option<&'a str>),
    /// 262: a listener was told to stop.
    ListenerStopping(Option<&'a str>),
    /// 260: listening failed; an analytic channel, off by default.
    ListenFailed {
        /// The listener.
        listener: Option<&'a str>,
        /// Its error.
        code: Option<u32>,
    },
    /// 1006: many incomplete connections: the server throttles new ones.
    Throttled,
    /// 1136, 1155, 263, 20523: the service starts.
    ServiceStarts,
    /// 1151: the user who was logged on declined.
    Declined {
        /// The user.
        user: Option<&'a str>,
    },
    /// 20499: reading the user's configuration took long.
    SlowUserConfiguration {
        /// The user.
        user: Option<&'a str>,
        /// The server that was asked.
        server: Option<&'a str>,
    },
    /// 1056 (System): a self-signed certificate was made; its SHA-1 as 40 digits of hex.
    CertificateCreated {
        /// The computer that it names.
        host: Option<&'a str>,
        /// SHA-1 thumbprint.
        sha1: Option<[u8; 20]>,
    },
    /// 1057 (System): a self-signed certificate could not be made.
    CertificateNotCreated(Option<&'a str>),
    /// 1058 (System): the expired self-signed certificate could not be replaced.
    CertificateNotReplaced(Option<&'a str>),
    /// 1012 (System): too many logon attempts: the session was ended.
    TooManyAttempts(Option<&'a str>),
    /// 1067 (System): the service principal name could not be registered: Kerberos may fail.
    NameNotRegistered(Option<&'a str>),
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    if event.provider != Provider::RemoteConnectionManager {
        return None;
    }
    let fields = &event.fields;
    let listener = fields.said("listenerName");
    let ip = |name| Some(fields.said(name)?.parse::<ClientAddress>().ok()?.ip);
    Some(match event.id {
        261 => Meaning::Accepted(listener),
        258 => Meaning::ListenerStarted(listener),
        259 => Meaning::ListenerStopped(listener),
        260 => Meaning::ListenFailed { listener, code: fields.code("errorCode") },
        262 => Meaning::ListenerStopping(listener),
        263 | 1136 | 1155 | 20523 => Meaning::ServiceStarts,
        1006 => Meaning::Throttled,
        1012 => Meaning::TooManyAttempts(fields.said("Data")),
        1056 => Meaning::CertificateCreated {
            host: fields.said("Data"),
            sha1: fields.text("Binary").and_then(thumbprint),
        },
        1057 => Meaning::CertificateNotCreated(fields.said("Data")),
        1058 => Meaning::CertificateNotReplaced(fields.said("Data")),
        1067 => Meaning::NameNotRegistered(fields.said("Data")),
        1149 => Meaning::SecurityPassed {
            user: fields.said("Param1"),
            domain: fields.said("Param2"),
            ip: ip("Param3"),
        },
        1151 => Meaning::Declined { user: fields.said("Param1") },
        1158 => Meaning::AcceptedFrom(ip("Param1")),
        20499 => Meaning::SlowUserConfiguration {
            user: fields.said("UserName"),
            server: fields.said("ServerName"),
        },
        _ => return None,
    })
}

/// 40 digits of hex.
fn thumbprint(text: &str) -> Option<[u8; 20]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes = pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    #[test]
    fn reads_who_passed_security() {
        let fields = [("Param1", "mpowers"), ("Param2", ""), ("Param3", "174.127.93.2")];
        let passed = event(Provider::RemoteConnectionManager, 1149, &fields);
        let ip = "174.127.93.2".parse().ok();
        assert_eq!(
            meaning(&passed),
            Some(Meaning::SecurityPassed { user: Some("mpowers"), domain: None, ip })
        );
    }

    #[test]
    fn reads_the_thumbprint_of_a_new_certificate() {
        let fields = [("Data", "HOST"), ("Binary", "59EFF2E3B509C83137E81085E02A1AC63A7E61AA")];
        let created = event(Provider::RemoteConnectionManager, 1056, &fields);
        let Some(Meaning::CertificateCreated { host, sha1 }) = meaning(&created) else { panic!() };
        assert_eq!(host, Some("HOST"));
        assert_eq!(sha1.unwrap()[..3], [0x59, 0xef, 0xf2]);
        assert_eq!(thumbprint("59EF"), None);
        assert_eq!(thumbprint(&"x".repeat(40)), None);
    }
}
