//! The server's RDP transport and protocol: provider RdpCoreTS.
//!
//! The best log there is: one ActivityID (`{f420…}`) joins all events of one TCP connection. Says what an event
//! states, not what it proves: 140 is a refused logon, whose fault it is belongs to the causes. Windows Server
//! 2012 R2 lacks 72, 104, 140, 142, 143, 145, 148 and 226 to 229.

use std::net::IpAddr;

use super::address::ClientAddress;
use super::event::{Event, code};
use super::provider::Provider;

/// The transport that an event speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// The connection itself.
    Tcp,
    /// A side transport, [MS-RDPEUDP].
    Udp,
}

/// A connection that the server accepted (131).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Accepted {
    /// TCP, or UDP with an ActivityID of its own: the correlation id of [MS-RDPEUDP] 2.2.2.8.
    pub transport: Transport,
    /// The other end as this server saw it, behind any translation of addresses.
    pub client: ClientAddress,
}

/// Which way a socket failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketUse {
    /// 142: reading.
    Read,
    /// 143: writing; comes up to 20 times at once.
    Write,
}

/// A step between states of one of the server's machines (226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange<'a> {
    /// `RDP_TCP`: the socket. `RDP_SEC`: TLS and CredSSP.
    pub machine: &'a str,
    /// The state before, by name: `FStateActivated`.
    pub from: &'a str,
    /// The state after, by name.
    pub to: &'a str,
    /// What happened, by name: `FEventHandshakeFailed`, `Event_Disconnect`.
    pub event: &'a str,
    /// HRESULT.
    pub code: Option<u32>,
}

/// What an event of this provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// 131: the three-way handshake is complete, as this server sees it.
    Accepted(Accepted),
    /// 65: the connection object was made; its name (`RDP-Tcp#5`) is reused.
    Named(&'a str),
    /// 66: bound to a Windows session; first a temporary one, then the real one.
    BoundToSession {
        /// `RDP-Tcp#5`.
        connection: Option<&'a str>,
        /// The session.
        session: Option<u32>,
    },
    /// 67, 97: a protocol error ended the connection.
    ProtocolError {
        /// The connection (67) or the component (97).
        of: Option<&'a str>,
        /// HRESULT or NTSTATUS.
        code: Option<u32>,
    },
    /// 68: the first picture was drawn: the session is usable. Milliseconds since the *client* started. Carries
    /// the ActivityID of the UDP side when that is up: go by the name.
    FirstPicture {
        /// `RDP-Tcp#5`.
        connection: Option<&'a str>,
        /// When credentials were asked for.
        prompt_ms: Option<u64>,
        /// When they had been given.
        prompted_ms: Option<u64>,
        /// When the graphics channel was open.
        channel_ms: Option<u64>,
        /// When the first picture was there.
        picture_ms: Option<u64>,
    },
    /// 70: the listener was started, with the service.
    ListenerStarted,
    /// 72: a step of the connection, by the name of its method: `PrepareForAccept`, `SendPolicyData`,
    /// `OnStartLicensing` (security is over), `ProtocolComplete`, `LogonNotify`, `OnDisconnected` …
    Method {
        /// The name without its argument.
        name: &'a str,
        /// What stands in parentheses.
        argument: Option<&'a str>,
    },
    /// 72 `SetErrorInfo(0x…)`: the errorInfo value that went to the client, [MS-RDPBCGR] 2.2.5.1.1.
    ErrorInfo(u32),
    /// 98: the TCP transport is complete; comes after security.
    TransportReady,
    /// 99: it failed.
    TransportFailed(Option<u32>),
    /// 100: the client can do multitransport.
    MultitransportConfirmed,
    /// 101: network detection is off; comes right after security on every success.
    DetectionOff(Option<&'a str>),
    /// 102: the main connection ended.
    Ended,
    /// 103: why; see `rdpcorets103` among the disconnect codes.
    Disconnected(Option<u32>),
    /// 104: the client info PDU arrived, with the client's hours of difference from UTC.
    ClientInfo(Option<i32>),
    /// 105: the server allows RDP's own encryption.
    OwnEncryptionAllowed,
    /// 106: the listener was disabled.
    ListenerDisabled,
    /// 107: the client sent a disconnect ultimatum: it closed in order.
    ClientClosed,
    /// 129: a port was bound.
    Listening {
        /// TCP or UDP.
        transport: Option<Transport>,
        /// The port.
        port: Option<u16>,
    },
    /// 130: the client was asked for a side transport: 1 reliable, 3 lossy.
    TunnelRequested(Option<u32>),
    /// 132: a channel was opened; tunnel 0 is the main connection.
    ChannelOpened {
        /// `rdpgrfx`, `cliprdr` …
        name: Option<&'a str>,
        /// Tunnel.
        tunnel: Option<u32>,
    },
    /// 148: a channel was closed; noise.
    ChannelClosed(Option<&'a str>),
    /// 133 measured, 134 not measured and defaults taken, 137 measured and poor.
    Network {
        /// Whether it was called poor.
        poor: bool,
        /// Milliseconds.
        rtt_ms: Option<u64>,
        /// Kilobits a second.
        bandwidth_kbps: Option<u64>,
    },
    /// 135: which transport a tunnel got, and why.
    TunnelTransport {
        /// Tunnel.
        tunnel: Option<u32>,
        /// TCP is the fallback.
        transport: Option<Transport>,
        /// `TCP: Reason Code: 1 (No Client UDP Support)`.
        text: &'a str,
    },
    /// 136: UDP could not be set up.
    UdpFailed,
    /// 138: DTLS could not be set up.
    DtlsFailed(Option<u32>),
    /// 139: TLS or CredSSP was refused by the server's security layer.
    SecurityRefused {
        /// SSPI code, `0x80090304`.
        code: Option<u32>,
        /// The client, without port.
        ip: Option<IpAddr>,
    },
    /// 140: user name or password is wrong. Windows 10, Server 2016 and later.
    LogonRefused {
        /// The client, without port.
        ip: Option<IpAddr>,
    },
    /// 141: the number of the connection, that of `RDP-Tcp#5`.
    Instance(Option<u32>),
    /// 142, 143: the socket failed with a Windows error (64: reset, 121: timed out).
    SocketError {
        /// Reading or writing.
        on: SocketUse,
        /// Windows error, decimal.
        code: Option<u32>,
    },
    /// 144: the socket was closed in order.
    SocketClosed,
    /// 145: seconds without output of the server before the end, in three counts.
    Idle([Option<u64>; 3]),
    /// 146: automatic reconnection failed.
    ReconnectFailed(Option<&'a str>),
    /// 147: the logon call failed.
    LogonFailed(Option<u32>),
    /// 149: the client's certificate is not valid.
    ClientCertificate(Option<u32>),
    /// 153: the version of TLS; a debug channel, off by default.
    TlsVersion(Option<&'a str>),
    /// 154: a text with an error.
    Trouble {
        /// The text.
        text: Option<&'a str>,
        /// HRESULT.
        code: Option<u32>,
    },
    /// 168: the client's screen in pixels.
    Screen {
        /// Width.
        width: Option<u32>,
        /// Height.
        height: Option<u32>,
    },
    /// 169: the kind of client, [MS-RDPBCGR] 2.2.7.1.1: 1/3 Windows, 4/7 unix-like, 0/0 an unknown tool.
    ClientKind {
        /// osMajorType.
        major: Option<u32>,
        /// osMinorType.
        minor: Option<u32>,
    },
    /// 226: a state machine failed.
    StateChange(StateChange<'a>),
    /// 227: a call failed; noise on healthy sessions (0x80004001, 0x80070032, 0xd0000001).
    CallFailed {
        /// The text.
        text: Option<&'a str>,
        /// HRESULT.
        code: Option<u32>,
    },
    /// 228: the way to the end: errorInfo, or 0xd0000001 if the transport was lost.
    Disconnecting {
        /// The text.
        text: Option<&'a str>,
        /// The code.
        code: Option<u32>,
    },
    /// 229: the listener is being made.
    ListenerTrace(Option<&'a str>),
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    if event.provider != Provider::RdpCoreTs {
        return None;
    }
    start_and_end(event).or_else(|| security_and_transport(event)).or_else(|| session(event))
}

/// A connection that the server accepted (131).
pub fn accepted(event: &Event) -> Option<Accepted> {
    if event.provider != Provider::RdpCoreTs || event.id != 131 {
        return None;
    }
    let client = event.fields.text("ClientIP")?.parse().ok()?;
    Some(Accepted { transport: transport(event.fields.text("ConnType")?)?, client })
}

/// The errorInfo value that the server set: 72 `SetErrorInfo`, or 228, where 0xd0000001 (transport lost) is
/// none. [MS-RDPBCGR] 2.2.5.1.1.
pub fn error_info(event: &Event) -> Option<u32> {
    match meaning(event)? {
        Meaning::ErrorInfo(code) | Meaning::Disconnecting { code: Some(code), .. } => {
            (code != TRANSPORT_LOST).then_some(code)
        }
        _ => None,
    }
}

/// What 228 and `SetErrorInfo` carry where the transport was lost.
pub const TRANSPORT_LOST: u32 = 0xd000_0001;

fn start_and_end(event: &Event) -> Option<Meaning<'_>> {
    let fields = &event.fields;
    Some(match event.id {
        131 => Meaning::Accepted(accepted(event)?),
        65 => Meaning::Named(fields.said("ConnectionName")?),
        70 => Meaning::ListenerStarted,
        72 => method(fields.said("MethodName")?),
        102 => Meaning::Ended,
        103 => Meaning::Disconnected(fields.code("ReasonCode")),
        105 => Meaning::OwnEncryptionAllowed,
        106 => Meaning::ListenerDisabled,
        107 => Meaning::ClientClosed,
        129 => Meaning::Listening {
            transport: fields.text("TransportProtocolName").and_then(transport),
            port: fields.number("Port").and_then(|port| u16::try_from(port).ok()),
        },
        141 => Meaning::Instance(fields.code("InstanceID")),
        145 => Meaning::Idle(["IdleSeconds", "IdleSeconds1", "IdleSeconds2"].map(|name| fields.number(name))),
        146 => Meaning::ReconnectFailed(fields.said("Error")),
        228 => Meaning::Disconnecting { text: fields.said("Message"), code: fields.code("ErrorCode") },
        229 => Meaning::ListenerTrace(fields.said("CustomLevel")),
        _ => return None,
    })
}

fn security_and_transport(event: &Event) -> Option<Meaning<'_>> {
    let fields = &event.fields;
    let ip = |name| Some(fields.said(name)?.parse::<ClientAddress>().ok()?.ip);
    Some(match event.id {
        67 => Meaning::ProtocolError { of: fields.said("ConnectionName"), code: fields.code("ErrorCode") },
        97 => Meaning::ProtocolError { of: fields.said("ComponentName"), code: fields.code("ErrorCode") },
        98 => Meaning::TransportReady,
        99 => Meaning::TransportFailed(fields.code("ResultCode")),
        138 => Meaning::DtlsFailed(fields.code("ResultCode")),
        139 => Meaning::SecurityRefused { code: fields.code("ResultCode"), ip: ip("IPString") },
        140 => Meaning::LogonRefused { ip: ip("IPString") },
        142 => Meaning::SocketError { on: SocketUse::Read, code: fields.code("error") },
        143 => Meaning::SocketError { on: SocketUse::Write, code: fields.code("error") },
        144 => Meaning::SocketClosed,
        147 => Meaning::LogonFailed(fields.code("Error")),
        149 => Meaning::ClientCertificate(fields.code("ErrorCode")),
        153 => Meaning::TlsVersion(fields.said("TLSVersion")),
        154 => Meaning::Trouble { text: fields.said("Message"), code: fields.code("Error") },
        226 => Meaning::StateChange(StateChange {
            machine: fields.said("StateTransition").unwrap_or_default(),
            from: fields.said("PreviousStateName").unwrap_or_default(),
            to: fields.said("NewStateName").unwrap_or_default(),
            event: fields.said("EventName").unwrap_or_default(),
            code: fields.code("ErrorCode"),
        }),
        227 => Meaning::CallFailed { text: fields.said("CustomLevel"), code: fields.code("Value") },
        _ => return None,
    })
}

fn session(event: &Event) -> Option<Meaning<'_>> {
    let fields = &event.fields;
    Some(match event.id {
        66 => Meaning::BoundToSession {
            connection: fields.said("ConnectionName"),
            session: fields.code("SessionID"),
        },
        68 => Meaning::FirstPicture {
            connection: fields.said("ConnectionName"),
            prompt_ms: fields.number("PromptForCredentials"),
            prompted_ms: fields.number("PromptForCredentialsDone"),
            channel_ms: fields.number("GfxChannelOpened"),
            picture_ms: fields.number("FirstGraphicsReceived"),
        },
        100 => Meaning::MultitransportConfirmed,
        101 => Meaning::DetectionOff(fields.said("ReasonString")),
        104 => Meaning::ClientInfo(
            fields.text("TimezoneBiasHour").and_then(|text| text.trim_matches(['[', ']', ' ']).parse().ok()),
        ),
        130 => Meaning::TunnelRequested(fields.code("TunnelID")),
        132 => Meaning::ChannelOpened { name: fields.said("ChannelName"), tunnel: fields.code("TunnelID") },
        133 | 134 | 137 => Meaning::Network {
            poor: event.id == 137,
            rtt_ms: fields.number("RTT"),
            bandwidth_kbps: fields.number("Bandwidth"),
        },
        135 => {
            let text = fields.said("TransportType").unwrap_or_default();
            Meaning::TunnelTransport { tunnel: fields.code("TunnelID"), transport: transport(text), text }
        }
        136 => Meaning::UdpFailed,
        148 => Meaning::ChannelClosed(fields.said("ChannelName")),
        168 => Meaning::Screen { width: fields.code("MonitorWidth"), height: fields.code("MonitorHeight") },
        169 => Meaning::ClientKind { major: fields.code("MajorType"), minor: fields.code("MinorType") },
        _ => return None,
    })
}

/// `TCP`, `UDP`, `TCP: Reason Code: 2 (…)`.
fn transport(text: &str) -> Option<Transport> {
    match text.trim().get(..3)? {
        name if name.eq_ignore_ascii_case("tcp") => Some(Transport::Tcp),
        name if name.eq_ignore_ascii_case("udp") => Some(Transport::Udp),
        _ => None,
    }
}

/// `PrepareForAccept`, `SetErrorInfo(0x5)`, `OnDisconnected(server initiated)`.
fn method(text: &str) -> Meaning<'_> {
    let (name, argument) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), Some(rest.trim_end().trim_end_matches(')').trim())),
        None => (text, None),
    };
    match argument.and_then(code) {
        Some(value) if name == "SetErrorInfo" => Meaning::ErrorInfo(value),
        _ => Meaning::Method { name, argument },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    #[test]
    fn reads_who_was_accepted() {
        let tcp = event(Provider::RdpCoreTs, 131, &[("ConnType", "TCP"), ("ClientIP", "10.0.2.17:57064")]);
        let accepted_tcp = accepted(&tcp).unwrap();
        assert_eq!(accepted_tcp.transport, Transport::Tcp);
        assert_eq!(accepted_tcp.client.to_string(), "10.0.2.17:57064");
        let udp = event(Provider::RdpCoreTs, 131, &[("ConnType", "UDP"), ("ClientIP", "[10.0.2.17]:56873")]);
        assert_eq!(accepted(&udp).unwrap().transport, Transport::Udp);
        assert_eq!(accepted(&event(Provider::RdpCoreTs, 131, &[])), None);
        assert_eq!(accepted(&event(Provider::Schannel, 131, &[("ConnType", "TCP")])), None);
    }

    #[test]
    fn reads_what_was_refused() {
        let fields = [("ResultCode", "0x80090304"), ("IPString", "194.61.24.102")];
        let refused = event(Provider::RdpCoreTs, 139, &fields);
        let ip = "194.61.24.102".parse().ok();
        assert_eq!(meaning(&refused), Some(Meaning::SecurityRefused { code: Some(0x8009_0304), ip }));
        // A build that leaves a field out still says the rest.
        let bare = event(Provider::RdpCoreTs, 140, &[]);
        assert_eq!(meaning(&bare), Some(Meaning::LogonRefused { ip: None }));
    }

    #[test]
    fn reads_error_info_in_both_forms() {
        let set = |text| event(Provider::RdpCoreTs, 72, &[("MethodName", text)]);
        assert_eq!(error_info(&set("SetErrorInfo(0x5)")), Some(5));
        assert_eq!(error_info(&set("SetErrorInfo(0xd0000001)")), None);
        assert_eq!(
            meaning(&set("PreDisconnect(-805306367)")),
            Some(Meaning::Method { name: "PreDisconnect", argument: Some("-805306367") })
        );
        assert_eq!(
            meaning(&set("PrepareForAccept")),
            Some(Meaning::Method { name: "PrepareForAccept", argument: None })
        );
        assert_eq!(error_info(&event(Provider::RdpCoreTs, 228, &[("ErrorCode", "12")])), Some(12));
        assert_eq!(error_info(&event(Provider::RdpCoreTs, 228, &[("ErrorCode", "3489660929")])), None);
    }

    #[test]
    fn reads_transports_and_ends() {
        let chosen = [("TunnelID", "3"), ("TransportType", "TCP: Reason Code: 2 (Forced by Server)")];
        let chosen = event(Provider::RdpCoreTs, 135, &chosen);
        assert!(matches!(
            meaning(&chosen),
            Some(Meaning::TunnelTransport { tunnel: Some(3), transport: Some(Transport::Tcp), .. })
        ));
        let read = event(Provider::RdpCoreTs, 142, &[("error", "121")]);
        assert_eq!(meaning(&read), Some(Meaning::SocketError { on: SocketUse::Read, code: Some(121) }));
        let bias = event(Provider::RdpCoreTs, 104, &[("TimezoneBiasHour", "[-5]")]);
        assert_eq!(meaning(&bias), Some(Meaning::ClientInfo(Some(-5))));
        let idle = [("IdleSeconds", "1"), ("IdleSeconds1", "2")];
        let idle = event(Provider::RdpCoreTs, 145, &idle);
        assert_eq!(meaning(&idle), Some(Meaning::Idle([Some(1), Some(2), None])));
    }
}
