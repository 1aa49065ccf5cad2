//! The RD Gateway: provider TerminalServices-Gateway.
//!
//! The ActivityID joins the events of one tunnel. The port of the client is in 312 and 313 only.

use super::address::ClientAddress;
use super::event::Event;
use super::provider::Provider;

/// What every event of the gateway names, as far as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel<'a> {
    /// `DOMAIN\user`.
    pub user: Option<&'a str>,
    /// The client as the gateway saw it.
    pub client: Option<ClientAddress>,
    /// The target as it was asked for.
    pub resource: Option<&'a str>,
    /// `NTLM`, `Cookie` …
    pub authentication: Option<&'a str>,
    /// `HTTP`, `UDP`.
    pub protocol: Option<&'a str>,
    /// The error; 0 is none.
    pub code: Option<u32>,
}

/// What an event of this provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// 312: the client opened the outbound channel.
    OutChannel(Tunnel<'a>),
    /// 313: the client opened the inbound channel; not with a websocket.
    InChannel(Tunnel<'a>),
    /// 200: the connection policy was met.
    ConnectionAllowed(Tunnel<'a>),
    /// 201, 203, 204: the connection policy was not met.
    ConnectionDenied(Tunnel<'a>),
    /// 300: the resource policy was met.
    ResourceAllowed(Tunnel<'a>),
    /// 301: the resource policy was not met.
    ResourceDenied(Tunnel<'a>),
    /// 302: connected to the target.
    Connected(Tunnel<'a>),
    /// 303: the end; error 1226 is in order.
    Disconnected {
        /// Which tunnel.
        tunnel: Tunnel<'a>,
        /// Bytes from the client.
        received: Option<u64>,
        /// Bytes to the client.
        sent: Option<u64>,
        /// Seconds.
        seconds: Option<u64>,
    },
    /// 304: policies were met, but the target was not reached.
    TargetUnreachable(Tunnel<'a>),
    /// 307: ended because the session timed out.
    TimedOut(Tunnel<'a>),
}

impl<'a> Meaning<'a> {
    /// What the event names.
    pub const fn tunnel(&self) -> Tunnel<'a> {
        match self {
            Self::OutChannel(tunnel)
            | Self::InChannel(tunnel)
            | Self::ConnectionAllowed(tunnel)
            | Self::ConnectionDenied(tunnel)
            | Self::ResourceAllowed(tunnel)
            | Self::ResourceDenied(tunnel)
            | Self::Connected(tunnel)
            | Self::Disconnected { tunnel, .. }
            | Self::TargetUnreachable(tunnel)
            | Self::TimedOut(tunnel) => *tunnel,
        }
    }
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    if event.provider != Provider::Gateway {
        return None;
    }
    let fields = &event.fields;
    let tunnel = Tunnel {
        user: fields.said("Username"),
        client: fields.said("IpAddress").and_then(|text| text.parse().ok()),
        resource: fields.said("Resource"),
        authentication: fields.said("AuthType"),
        protocol: fields.said("ConnectionProtocol"),
        code: fields.code("ErrorCode"),
    };
    Some(match event.id {
        200 => Meaning::ConnectionAllowed(tunnel),
        201 | 203 | 204 => Meaning::ConnectionDenied(tunnel),
        300 => Meaning::ResourceAllowed(tunnel),
        301 => Meaning::ResourceDenied(tunnel),
        302 => Meaning::Connected(tunnel),
        303 => Meaning::Disconnected {
            tunnel,
            received: fields.number("BytesReceived"),
            // Spelt so by the provider.
            sent: fields.number("BytesTransfered"),
            seconds: fields.number("SessionDuration"),
        },
        304 => Meaning::TargetUnreachable(tunnel),
        307 => Meaning::TimedOut(tunnel),
        312 => Meaning::OutChannel(tunnel),
        313 => Meaning::InChannel(tunnel),
        _ => return None,
    })
}

/// Whether the event tells the orderly end of a tunnel (303 with error 1226 or none): it had stood.
pub fn ended_in_order(event: &Event) -> bool {
    matches!(meaning(event), Some(Meaning::Disconnected { tunnel: Tunnel { code: Some(0 | 1226), .. }, .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    #[test]
    fn reads_a_tunnel() {
        let out = [("Username", "Administrator"), ("IpAddress", "219.100.37.243:63913")];
        let out = event(Provider::Gateway, 312, &out);
        let Some(Meaning::OutChannel(tunnel)) = meaning(&out) else { panic!() };
        assert_eq!(tunnel.client.and_then(|client| client.port), Some(63913));
        assert_eq!((tunnel.resource, tunnel.code), (None, None));
        let denied = event(Provider::Gateway, 201, &[("ErrorCode", "23003"), ("Resource", "")]);
        let Some(Meaning::ConnectionDenied(tunnel)) = meaning(&denied) else { panic!() };
        assert_eq!((tunnel.resource, tunnel.code), (None, Some(23003)));
        let end = [("BytesReceived", "810679"), ("BytesTransfered", "678033"), ("ErrorCode", "1226")];
        let end = event(Provider::Gateway, 303, &end);
        let Some(Meaning::Disconnected { received, sent, seconds, .. }) = meaning(&end) else { panic!() };
        assert_eq!((received, sent, seconds), (Some(810_679), Some(678_033), None));
        assert!(ended_in_order(&end) && !ended_in_order(&denied));
    }
}
