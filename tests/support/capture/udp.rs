//! Hosts, Ethernet and IP headers, and whole UDP datagrams with the DNS and RDPEUDP bytes in them.
//!
//! Knows addresses and checksums; connections stand in `conversation.rs`.

use crate::support::bytes::{filler, hash, internet_checksum};
use std::net::IpAddr;

/// One end as the capture sees it.
#[derive(Clone)]
pub struct Host {
    pub ip: IpAddr,
    pub mac: [u8; 6],
    /// TTL or hop limit with which its packets pass the capture point.
    pub ttl: u8,
    /// IP identification of its next packet; Windows counts per host.
    pub next_id: u16,
}

impl Host {
    /// A host whose MAC and first IP id follow from its name.
    pub fn new(name: &str, ip: IpAddr, ttl: u8) -> Self {
        let seed = hash(name).to_le_bytes();
        // The Hyper-V prefix: these captures show Windows machines.
        let mac = [0x00, 0x15, 0x5d, seed[0], seed[1], seed[2]];
        Self { ip, mac, ttl, next_id: u16::from_le_bytes([seed[3], seed[4]]) }
    }
}

/// An Ethernet frame with an IP packet. The transport checksum at `checksum_at` is filled in.
pub fn frame(
    from: &mut Host,
    to: &Host,
    protocol: u8,
    mut transport: Vec<u8>,
    checksum_at: usize,
) -> Vec<u8> {
    let length = transport.len() as u16;
    let (header, pseudo, kind) = match (from.ip, to.ip) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = vec![0x45, 0];
            header.extend_from_slice(&(length + 20).to_be_bytes());
            header.extend_from_slice(&from.next_id.to_be_bytes());
            // Do not fragment, as Windows sends TCP; UDP of RDP and DNS as well in these captures.
            header.extend_from_slice(&[0x40, 0, from.ttl, protocol, 0, 0]);
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            let sum = internet_checksum(&[&header]);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            let pseudo = [&source.octets()[..], &destination.octets(), &[0, protocol], &length.to_be_bytes()];
            (header, pseudo.concat(), [0x08, 0x00])
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend_from_slice(&length.to_be_bytes());
            header.extend_from_slice(&[protocol, from.ttl]);
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            let length = u32::from(length).to_be_bytes();
            let pseudo = [&source.octets()[..], &destination.octets(), &length, &[0, 0, 0, protocol]];
            (header, pseudo.concat(), [0x86, 0xdd])
        }
        _ => panic!("both ends must be of one IP version"),
    };
    from.next_id = from.next_id.wrapping_add(1);
    transport[checksum_at..checksum_at + 2].fill(0);
    let sum = internet_checksum(&[&pseudo, &transport]);
    transport[checksum_at..checksum_at + 2].copy_from_slice(&sum.to_be_bytes());
    [&to.mac[..], &from.mac, &kind, &header, &transport].concat()
}

/// A UDP datagram in its frame.
pub fn datagram(from: &mut Host, from_port: u16, to: &Host, to_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut udp = from_port.to_be_bytes().to_vec();
    udp.extend_from_slice(&to_port.to_be_bytes());
    udp.extend_from_slice(&(payload.len() as u16 + 8).to_be_bytes());
    udp.extend_from_slice(&[0, 0]);
    udp.extend_from_slice(payload);
    frame(from, to, 17, udp, 6)
}

/// A DNS question, RFC 1035 4.1; `kind` 1 = A, 28 = AAAA.
pub fn dns_query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend(dns_name(name));
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out
}

/// The answer "no such name" (rcode 3) with the zone's SOA, RFC 2308 2.1.
pub fn dns_no_such_name(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut out = dns_query(id, name, kind);
    out[2..12].copy_from_slice(&[0x85, 0x83, 0, 1, 0, 0, 0, 1, 0, 0]);
    let zone = name.split_once('.').map_or("", |(_, zone)| zone);
    out.extend(dns_name(zone));
    out.extend_from_slice(&[0, 6, 0, 1, 0, 0, 0x0e, 0x10]);
    let mut soa = dns_name(&format!("dc01.{zone}"));
    soa.extend(dns_name(&format!("hostmaster.{zone}")));
    for value in [2_026_030_201_u32, 900, 600, 86_400, 3600] {
        soa.extend_from_slice(&value.to_be_bytes());
    }
    out.extend_from_slice(&(soa.len() as u16).to_be_bytes());
    out.extend(soa);
    out
}

/// The answer with one IPv4 address.
pub fn dns_address(id: u16, name: &str, address: IpAddr) -> Vec<u8> {
    let IpAddr::V4(address) = address else { panic!("an A record holds an IPv4 address") };
    let mut out = dns_query(id, name, 1);
    out[2..12].copy_from_slice(&[0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    out.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 4, 0xb0, 0, 4]);
    out.extend_from_slice(&address.octets());
    out
}

fn dns_name(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}

/// The client's first RDPEUDP datagram, [MS-RDPEUDP] 2.2.2.1: SYN, correlation id and SYNEX, padded to 1232 bytes.
pub fn rdpeudp_syn(correlation: [u8; 16]) -> Vec<u8> {
    let mut out = vec![0xff, 0xff, 0xff, 0xff, 0x00, 0x40, 0x18, 0x01];
    out.extend_from_slice(&[0x52, 0x1c, 0x7a, 0x03, 0x04, 0xd0, 0x04, 0xd0]);
    out.extend_from_slice(&correlation);
    out.extend_from_slice(&[0; 16]);
    // SYNEX: version valid, version 1.
    out.extend_from_slice(&[0, 1, 0, 1]);
    out.resize(1232, 0);
    out
}

/// The server's answer: SYN, ACK and SYNEX.
pub fn rdpeudp_syn_ack() -> Vec<u8> {
    let mut out = vec![0x52, 0x1c, 0x7a, 0x03, 0x00, 0x40, 0x10, 0x05];
    out.extend_from_slice(&[0x81, 0x3f, 0x20, 0x9b, 0x04, 0xd0, 0x04, 0xd0, 0, 1, 0, 1]);
    out.resize(1232, 0);
    out
}

/// A source packet with an acknowledgment, [MS-RDPEUDP] 2.2.2: ACK vector of one received packet, then the payload.
pub fn rdpeudp_data(number: u32, acknowledged: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = acknowledged.to_be_bytes().to_vec();
    out.extend_from_slice(&[0x00, 0x40, 0x00, 0x0c]);
    // One element, padded to four bytes.
    out.extend_from_slice(&[0, 1, 0, 0]);
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// KRB-ERROR of a domain controller for the realm EXAMPLE.TEST, RFC 4120 5.9.1: its time, the code, the service.
pub fn krb_error(time: &str, code: u8) -> Vec<u8> {
    let integer = |value: u8| der(0x02, &[value]);
    let text = |value: &str| der(0x1b, value.as_bytes());
    let names = der(0x30, &[text("krbtgt"), text("EXAMPLE.TEST")].concat());
    let service = der(0x30, &[der(0xa0, &integer(2)), der(0xa1, &names)].concat());
    let fields = [
        der(0xa0, &integer(5)),
        der(0xa1, &integer(30)),
        der(0xa4, &der(0x18, time.as_bytes())),
        der(0xa5, &integer(0)),
        der(0xa6, &integer(code)),
        der(0xa9, &text("EXAMPLE.TEST")),
        der(0xaa, &service),
    ];
    der(0x7e, &der(0x30, &fields.concat()))
}

/// A DER element shorter than 256 bytes.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u8;
    let head = if length < 128 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [&head, content].concat()
}

/// What follows on the UDP side: opaque, as seen without keys.
pub fn opaque(label: &str, length: usize) -> Vec<u8> {
    filler(hash(label), length)
}
