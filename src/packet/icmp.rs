//! ICMP and ICMPv6 errors, with the packet that they quote.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::segment::Endpoint;
use crate::base::Timestamp;
use crate::base::bytes::{array, be16, be32};

/// What an ICMP error quotes of the packet that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Transport protocol: 6 TCP, 17 UDP.
    pub protocol: u8,
    /// Sender of the quoted packet. Port 0: the snapshot length cut the ports off.
    pub from: Endpoint,
    /// Its receiver, in the same way.
    pub to: Endpoint,
    /// TCP sequence number, where eight bytes of TCP header are quoted.
    pub seq: Option<u32>,
    /// Whole length of the quoted IP packet.
    pub length: u16,
}

/// One ICMP error. [RFC 792], [RFC 1191], [RFC 4443]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// When.
    pub time: Timestamp,
    /// Frame number in its source.
    pub frame: u64,
    /// Who sent it: the device that dropped the packet.
    pub reporter: IpAddr,
    /// To whom.
    pub receiver: IpAddr,
    /// Whether this is ICMPv6.
    pub v6: bool,
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Next-hop MTU, where the error carries one.
    pub mtu: Option<u32>,
    /// The packet it is about.
    pub quoted: Quoted,
}

/// What an ICMP error means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpMeaning {
    /// No route to the network or host.
    Unreachable,
    /// A filter refuses (administratively prohibited, or port unreachable to a TCP segment).
    Prohibited,
    /// Nobody listens on this port: the ordinary answer to a UDP datagram.
    PortClosed,
    /// The packet is larger than the next link takes.
    TooBig,
    /// Time to live ran out: a routing loop.
    Loop,
    /// Fragments of a datagram did not arrive in time.
    ReassemblyTimeout,
    /// Anything else.
    Other,
}

impl IcmpError {
    /// The meaning of type and code.
    pub const fn meaning(&self) -> IcmpMeaning {
        let tcp = self.quoted.protocol == 6;
        match (self.v6, self.kind, self.code) {
            (false, 3, 4) | (true, 2, _) => IcmpMeaning::TooBig,
            (false, 3, 9 | 10 | 13) | (true, 1, 1 | 5 | 6) => IcmpMeaning::Prohibited,
            // A host answers TCP with a reset; an ICMP port unreachable to a TCP segment comes from a filter.
            (false, 3, 3) | (true, 1, 4) => {
                if tcp {
                    IcmpMeaning::Prohibited
                } else {
                    IcmpMeaning::PortClosed
                }
            }
            (false, 3, 0 | 1 | 5 | 6 | 7 | 8 | 11 | 12) | (true, 1, 0 | 2 | 3) => IcmpMeaning::Unreachable,
            (false, 11, 0) | (true, 3, 0) => IcmpMeaning::Loop,
            (false, 11, 1) | (true, 3, 1) => IcmpMeaning::ReassemblyTimeout,
            _ => IcmpMeaning::Other,
        }
    }

    /// Type and code as support writes them: `ICMP 3/13`, `ICMPv6 1/1`.
    pub fn label(&self) -> String {
        format!("{} {}/{}", if self.v6 { "ICMPv6" } else { "ICMP" }, self.kind, self.code)
    }
}

/// Whether this type is an error that quotes a packet.
pub const fn is_error(v6: bool, kind: u8) -> bool {
    if v6 { matches!(kind, 1..=4) } else { matches!(kind, 3 | 11 | 12) }
}

/// The MTU that an error carries in its second word.
pub fn mtu(v6: bool, kind: u8, code: u8, message: &[u8]) -> Option<u32> {
    match (v6, kind, code) {
        (false, 3, 4) => be16(message, 6).map(u32::from).filter(|mtu| *mtu > 0),
        (true, 2, _) => be32(message, 4),
        _ => None,
    }
}

impl Quoted {
    /// Whether no more than the two hosts can be told.
    pub const fn is_portless(&self) -> bool {
        self.from.port == 0 && self.to.port == 0
    }
}

/// Reads the quoted packet: an IP header and, where they were captured, eight bytes of what follows.
pub fn quoted(packet: &[u8]) -> Option<Quoted> {
    let (protocol, from, to, length, transport) = match packet.first()? >> 4 {
        4 => {
            let header = usize::from(packet.first()? & 0x0f) * 4;
            let from = IpAddr::V4(Ipv4Addr::from(array::<4>(packet, 12)?));
            let to = IpAddr::V4(Ipv4Addr::from(array::<4>(packet, 16)?));
            (*packet.get(9)?, from, to, be16(packet, 2)?, header)
        }
        6 => {
            let from = IpAddr::V6(Ipv6Addr::from(array::<16>(packet, 8)?));
            let to = IpAddr::V6(Ipv6Addr::from(array::<16>(packet, 24)?));
            (*packet.get(6)?, from, to, be16(packet, 4)?.saturating_add(40), 40)
        }
        _ => return None,
    };
    if !matches!(protocol, 6 | 17) {
        return None;
    }
    let ports = be16(packet, transport).zip(be16(packet, transport + 2)).unwrap_or((0, 0));
    Some(Quoted {
        protocol,
        from: Endpoint { ip: from.to_canonical(), port: ports.0 },
        to: Endpoint { ip: to.to_canonical(), port: ports.1 },
        seq: if protocol == 6 { be32(packet, transport + 4) } else { None },
        length,
    })
}
