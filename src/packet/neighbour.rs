//! Signs that a host is there or is not: ARP, neighbour discovery, echo replies, accepted connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::base::Timestamp;
use crate::base::bytes::{array, be16};

/// One sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// When.
    pub time: Timestamp,
    /// Frame number in its source.
    pub frame: u64,
    /// What it says.
    pub sign: Sign,
}

/// What a sign says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Somebody asks for the hardware address of this host, and who.
    Asked(IpAddr, IpAddr),
    /// This host told its hardware address.
    Told(IpAddr, [u8; 6]),
    /// This host answered a ping.
    Echoed(IpAddr),
    /// This host accepted a TCP connection on this port.
    Accepted(IpAddr, u16),
}

/// Reads an ARP packet (RFC 826): one sign for requests, one for replies. Gratuitous requests are replies in all
/// but name: nobody else is asked.
pub fn arp(packet: &[u8]) -> Option<Sign> {
    if be16(packet, 0)? != 1 || be16(packet, 2)? != super::link::IPV4 {
        return None;
    }
    let sender_hardware = array::<6>(packet, 8)?;
    let sender = IpAddr::V4(Ipv4Addr::from(array::<4>(packet, 14)?));
    let target = IpAddr::V4(Ipv4Addr::from(array::<4>(packet, 24)?));
    match be16(packet, 6)? {
        1 if sender != target => Some(Sign::Asked(target, sender)),
        1 | 2 => Some(Sign::Told(sender, sender_hardware)),
        _ => None,
    }
}

/// Reads a neighbour solicitation or advertisement (RFC 4861) from an ICMPv6 message.
pub fn discovery(message: &[u8], from: IpAddr) -> Option<Sign> {
    let target = IpAddr::V6(Ipv6Addr::from(array::<16>(message, 8)?));
    match message.first()? {
        135 => Some(Sign::Asked(target, from)),
        // Option 2, length 1: target link-layer address.
        136 if message.get(24..26) == Some(&[2, 1]) => Some(Sign::Told(target, array::<6>(message, 26)?)),
        136 => Some(Sign::Told(target, [0; 6])),
        _ => None,
    }
}
