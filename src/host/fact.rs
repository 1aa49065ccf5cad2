//! What a text says of a computer.

use std::net::{IpAddr, SocketAddr};

use crate::base::Timestamp;

/// One statement. Knows no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The name of the computer.
    Name(String),
    /// An address of it.
    Address(IpAddr),
    /// The adapter that an address is of.
    Adapter {
        /// Kind and name: `Ethernet adapter Ethernet0`.
        head: String,
        /// The address.
        address: IpAddr,
    },
    /// `fDenyTSConnections`: whether Remote Desktop is switched off.
    Denies {
        /// Its value.
        off: bool,
        /// Whether a policy sets it: that wins.
        policy: bool,
    },
    /// `PortNumber` of a listener.
    ListenerPort {
        /// The listener, `rdp-tcp` in lower case for the usual one.
        listener: String,
        /// The port.
        port: u16,
    },
    /// `SSLCertificateSHA1Hash`: the thumbprint that the listener is bound to.
    Bound(String),
    /// `SelfSignedCertificate`: the thumbprint of the one that the service made.
    SelfSigned(String),
    /// A certificate of the computer, by thumbprint.
    Certificate(String),
    /// When a certificate begins.
    Begins {
        /// Its thumbprint.
        thumbprint: String,
        /// The day, local time, at the latest: in some languages day and month are not to be told apart.
        day: Timestamp,
    },
    /// The store of the computer's own certificates was listed.
    OwnStore,
    /// An interface.
    Interface {
        /// Its name.
        name: String,
        /// Its MTU.
        mtu: u32,
        /// Whether it is up and has carried something both ways.
        in_use: bool,
    },
    /// TCP listens on a port.
    Listens(u16),
    /// The list of ports on which TCP listens is whole.
    AllPorts,
    /// Whether the list of sessions holds a listener of Remote Desktop.
    SessionListener(bool),
    /// Whether the service may read the key of its certificate.
    KeyReadable(bool),
    /// A rule of the firewall for a port of Remote Desktop, inbound, TCP.
    Rule {
        /// The port; nothing where the rule is the usual one and the text names none.
        port: Option<u16>,
        /// Whether it is switched on.
        active: bool,
        /// Whether it lets through.
        allows: bool,
    },
    /// The firewall dropped a TCP segment that came in.
    Dropped {
        /// When, by the local time of the computer.
        local: Timestamp,
        /// From where.
        from: SocketAddr,
        /// To where.
        to: SocketAddr,
    },
}

/// A fact with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// What.
    pub fact: Fact,
    /// From 1.
    pub line: u64,
}

/// Lines with their numbers.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines())
}

/// Forty hexadecimal digits in capitals, as Windows shows a thumbprint.
pub(super) fn thumbprint(text: &str) -> Option<String> {
    let hex: String = text.chars().filter(|character| !matches!(character, ' ' | ',' | ':' | '-')).collect();
    (hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hex.to_ascii_uppercase())
}

/// A name that a computer can have.
pub(super) fn is_host_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 255 && text.bytes().all(allowed) && text.parse::<IpAddr>().is_err()
}
