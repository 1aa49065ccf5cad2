//! The client's own log, of mstsc and its relatives: channel RDPClient, provider ClientActiveXCore.
//!
//! One ActivityID joins all events of one attempt. The extended disconnect code is in no event.

use std::net::IpAddr;

use super::address::ClientAddress;
use super::event::Event;
use super::provider::Provider;

/// What an event of this provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// 1024: an attempt starts, to the name as it was typed, maybe with a port.
    Started(Option<&'a str>),
    /// 1102: the address that is really used; logged when UDP starts.
    Server(Option<IpAddr>),
    /// 1028: the server supports TLS: the negotiation was answered.
    TlsSupported(Option<&'a str>),
    /// 1029: Base64 of a hash of the user's name.
    UserHash(Option<&'a str>),
    /// 1025: connected, after security.
    Connected,
    /// 1027: logged on, with the number of the session on the server.
    LoggedOn {
        /// The domain.
        domain: Option<&'a str>,
        /// The session.
        session: Option<u32>,
    },
    /// 1026: the end, with mstsc's disconnect code; 1033 says the same on newer clients.
    Disconnected(Option<u32>),
    /// 226: a state machine failed.
    StateError {
        /// `RDPClient_SSL`, `RDPClient_TCP`.
        machine: Option<&'a str>,
        /// The state before, by name.
        from: Option<&'a str>,
        /// The state after, by name.
        to: Option<&'a str>,
        /// What happened, by name.
        event: Option<&'a str>,
        /// HRESULT.
        code: Option<u32>,
    },
    /// 1007: the name was not found.
    NameNotFound(Option<u32>),
    /// 1009: the server refused the credentials.
    LogonRefused(Option<u32>),
    /// 1015: automatic reconnection failed.
    ReconnectFailed,
    /// 1017: no licence.
    NoLicence(Option<u32>),
    /// 1031: a packet was not understood.
    BadPacket,
    /// 1103: UDP stands.
    UdpConnected,
    /// 1104: UDP failed.
    UdpFailed(Option<u32>),
    /// 1105: the side transports were closed.
    MultitransportClosed,
    /// 1106: closing, with a code.
    Closing(Option<u32>),
    /// 1100: the latency, in milliseconds.
    Latency(Option<u64>),
    /// 1101: the bandwidth, in the unit of the build.
    Bandwidth(Option<u64>),
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    if event.provider != Provider::RdpClient {
        return None;
    }
    let fields = &event.fields;
    // The name of this field has a blank in some builds and none in others.
    let code = || fields.code("Error Code").or_else(|| fields.code("ErrorCode"));
    Some(match event.id {
        226 => Meaning::StateError {
            machine: fields.said("StateTransitionName"),
            from: fields.said("PreviousStateName"),
            to: fields.said("NewStateName"),
            event: fields.said("EventName"),
            code: code(),
        },
        1007 => Meaning::NameNotFound(code()),
        1009 => Meaning::LogonRefused(code()),
        1015 => Meaning::ReconnectFailed,
        1017 => Meaning::NoLicence(code()),
        1024 => Meaning::Started(fields.said("Value")),
        1025 => Meaning::Connected,
        1026 | 1033 => Meaning::Disconnected(fields.code("Value")),
        1027 => Meaning::LoggedOn { domain: fields.said("DomainName"), session: fields.code("SessionId") },
        1028 => Meaning::TlsSupported(fields.said("TraceMessage")),
        1029 => Meaning::UserHash(fields.said("TraceMessage").map(|text| text.trim_end_matches('-'))),
        1031 => Meaning::BadPacket,
        1100 => Meaning::Latency(fields.number("Value")),
        1101 => Meaning::Bandwidth(fields.number("Value")),
        1102 => Meaning::Server(
            fields.said("Value").and_then(|text| Some(text.parse::<ClientAddress>().ok()?.ip)),
        ),
        1103 => Meaning::UdpConnected,
        1104 => Meaning::UdpFailed(fields.code("Value")),
        1105 => Meaning::MultitransportClosed,
        1106 => Meaning::Closing(fields.code("Code")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    #[test]
    fn reads_an_attempt() {
        let of = |id, fields: &[(&str, &str)]| event(Provider::RdpClient, id, fields);
        let start =
            of(1024, &[("Name", "Server Name"), ("Value", "DESKTOP-SDN1RPT"), ("CustomLevel", "Info")]);
        assert_eq!(meaning(&start), Some(Meaning::Started(Some("DESKTOP-SDN1RPT"))));
        let server = of(1102, &[("Name", "ServerAddress"), ("Value", "10.42.85.115")]);
        assert_eq!(meaning(&server), Some(Meaning::Server("10.42.85.115".parse().ok())));
        assert_eq!(meaning(&of(1026, &[("Value", "2308")])), Some(Meaning::Disconnected(Some(2308))));
        assert_eq!(meaning(&of(1033, &[("Value", "0x904")])), Some(Meaning::Disconnected(Some(2308))));
    }

    #[test]
    fn reads_the_code_whose_name_has_a_blank() {
        let failed = event(Provider::RdpClient, 226, &[("Error Code", "2147549183")]);
        assert!(matches!(meaning(&failed), Some(Meaning::StateError { code: Some(0x8000_ffff), .. })));
    }
}
