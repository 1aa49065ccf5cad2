//! What a TCP segment and a UDP datagram tell, detached from the bytes of the frame.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::base::Timestamp;

/// An IP address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address; IPv4-mapped IPv6 addresses are already IPv4.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
}

/// An address as a number: IPv4 as mapped into IPv6, which no address here is already.
pub fn number(ip: IpAddr) -> u128 {
    /// ::ffff:0:0/96, RFC 4291 2.5.5.2
    const MAPPED: u128 = 0xffff << 32;
    match ip {
        IpAddr::V4(ip) => MAPPED | u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

/// A client and a server as a key that is quickly hashed and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairKey(u128, u128, u16);

impl PairKey {
    /// Of the address of a client and the endpoint of a server.
    pub fn new(client: IpAddr, server: Endpoint) -> Self {
        Self(number(client), number(server.ip), server.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// TCP flags, as on the wire (RFC 9293 3.1); unknown bits are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement number is valid.
    pub const ACK: u8 = 0x10;

    /// Whether all of these bits are set.
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }

    /// SYN without ACK.
    pub const fn opens(self) -> bool {
        self.has(Self::SYN) && !self.has(Self::ACK)
    }

    /// SYN with ACK.
    pub const fn accepts(self) -> bool {
        self.has(Self::SYN | Self::ACK)
    }
}

/// The options that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// Whether the header holds none at all.
    pub none: bool,
    /// Maximum segment size (SYN only).
    pub mss: Option<u16>,
    /// Window scale (SYN only).
    pub window_scale: Option<u8>,
    /// Whether it carries a timestamp.
    pub timestamp: bool,
    /// First SACK block.
    pub sack: Option<(u32, u32)>,
}

/// Where the payload of a segment can be read.
#[derive(Clone, Debug)]
pub enum Payload {
    /// In the source file, at this offset.
    Source(usize),
    /// In a datagram that was put together from fragments.
    Reassembled(Arc<[u8]>),
}

/// One TCP segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// When.
    pub time: Timestamp,
    /// Frame number in its source, from 1.
    pub frame: u64,
    /// Which interface of its source.
    pub interface: u32,
    /// Sender.
    pub from: Endpoint,
    /// Receiver.
    pub to: Endpoint,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// Window as on the wire, not scaled.
    pub window: u16,
    /// Options.
    pub options: TcpOptions,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// IPv4 identification.
    pub ip_id: Option<u16>,
    /// IPv4 "do not fragment"; always true for IPv6.
    pub dont_fragment: bool,
    /// Payload bytes on the wire.
    pub length: u32,
    /// Payload bytes captured.
    pub captured: u32,
    /// Where they are.
    pub payload: Payload,
    /// What the pseudo header and the TCP header add up to, see [`super::checksum`].
    pub head_sum: u16,
}

impl Segment {
    /// The captured payload.
    pub fn bytes<'a>(&'a self, source: &'a [u8]) -> &'a [u8] {
        let length = crate::base::bytes::index(self.captured);
        let (bytes, at) = match &self.payload {
            Payload::Source(at) => (source, *at),
            Payload::Reassembled(bytes) => (&**bytes, 0),
        };
        bytes.get(at..at.saturating_add(length)).unwrap_or_default()
    }

    /// Whether the TCP checksum holds; `None` where the payload was not captured whole.
    pub fn checksum_holds(&self, payload: &[u8]) -> Option<bool> {
        (crate::base::bytes::length(payload) == self.length)
            .then(|| super::checksum::holds(self.head_sum, payload))
    }
}

/// One UDP datagram on a port of interest.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// When.
    pub time: Timestamp,
    /// Frame number in its source, from 1.
    pub frame: u64,
    /// Sender.
    pub from: Endpoint,
    /// Receiver.
    pub to: Endpoint,
    /// Payload bytes on the wire.
    pub length: u32,
    /// The beginning of the payload, at most [`Datagram::KEPT`] bytes.
    pub head: Box<[u8]>,
}

impl Datagram {
    /// Bytes kept of each datagram: a whole DNS answer over UDP, the header of anything else.
    pub const KEPT: usize = 1500;
    /// Bytes kept of a datagram of a side transport: its headers and a hello above them.
    pub const KEPT_OF_SIDE: usize = 256;
}
