//! The TCP connections of a capture, as far as a log written over it needs them.
//!
//! A second, tiny reader: must stay independent of `src/`. Reads pcap and pcapng of either byte order; panics on
//! anything it does not know, since its input is a committed sample.

use crate::support::bytes::Nanos;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One TCP connection that the capture saw begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub client: SocketAddr,
    pub server: SocketAddr,
    /// First SYN.
    pub syn: Nanos,
    /// First ACK from the client after a SYN-ACK.
    pub established: Option<Nanos>,
}

impl Connection {
    /// The time that events of this connection count from.
    pub fn start(&self) -> Nanos {
        self.established.unwrap_or(self.syn)
    }
}

/// A captured frame.
pub struct Frame<'a> {
    pub time: Nanos,
    pub link: u32,
    pub data: &'a [u8],
}

/// Who sent a TCP segment, and to whom.
pub fn ends(frame: &Frame<'_>) -> Option<(SocketAddr, SocketAddr)> {
    segment(frame).map(|segment| (segment.source, segment.destination))
}

/// All TCP connections in the order of their first SYN.
pub fn connections(file: &[u8]) -> Vec<Connection> {
    let mut frames = frames(file);
    frames.sort_by_key(|frame| frame.time);
    let mut found: Vec<Connection> = Vec::new();
    let mut open: HashMap<(SocketAddr, SocketAddr), (usize, u32, bool)> = HashMap::new();
    for frame in &frames {
        let Some(segment) = segment(frame) else { continue };
        let forth = (segment.source, segment.destination);
        let back = (segment.destination, segment.source);
        match (segment.syn, segment.ack) {
            (true, false) => {
                let same = open.get(&forth).is_some_and(|(_, sequence, _)| *sequence == segment.sequence);
                if !same {
                    open.insert(forth, (found.len(), segment.sequence, false));
                    let (client, server) = forth;
                    found.push(Connection { client, server, syn: frame.time, established: None });
                }
            }
            (true, true) => {
                if let Some((_, _, answered)) = open.get_mut(&back) {
                    *answered = true;
                }
            }
            (false, true) => {
                if let Some((index, _, true)) = open.get(&forth) {
                    found[*index].established.get_or_insert(frame.time);
                }
            }
            (false, false) => {}
        }
    }
    found
}

/// All frames in file order.
pub fn frames(file: &[u8]) -> Vec<Frame<'_>> {
    match file[..4] {
        [0x0a, 0x0d, 0x0d, 0x0a] => pcapng(file),
        [0xd4, 0xc3, 0xb2, 0xa1] => pcap(file, false, 1000),
        [0x4d, 0x3c, 0xb2, 0xa1] => pcap(file, false, 1),
        [0xa1, 0xb2, 0xc3, 0xd4] => pcap(file, true, 1000),
        [0xa1, 0xb2, 0x3c, 0x4d] => pcap(file, true, 1),
        _ => panic!("neither pcap nor pcapng"),
    }
}

fn u16_at(data: &[u8], at: usize, big: bool) -> u16 {
    let bytes = data[at..at + 2].try_into().unwrap();
    if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

fn u32_at(data: &[u8], at: usize, big: bool) -> u32 {
    let bytes = data[at..at + 4].try_into().unwrap();
    if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

fn pcap(file: &[u8], big: bool, unit: i64) -> Vec<Frame<'_>> {
    let link = u32_at(file, 20, big) & 0x0fff_ffff;
    let mut at = 24;
    let mut out = Vec::new();
    while at + 16 <= file.len() {
        let seconds = i64::from(u32_at(file, at, big));
        let fraction = i64::from(u32_at(file, at + 4, big)) * unit;
        let length = u32_at(file, at + 8, big) as usize;
        out.push(Frame {
            time: seconds * 1_000_000_000 + fraction,
            link,
            data: &file[at + 16..at + 16 + length],
        });
        at += 16 + length;
    }
    out
}

/// Link type and ticks per second of an interface.
struct Interface {
    link: u32,
    per_second: i128,
}

fn pcapng(file: &[u8]) -> Vec<Frame<'_>> {
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut big = false;
    let mut at = 0;
    let mut out = Vec::new();
    while at + 12 <= file.len() {
        if u32_at(file, at, false) == 0x0a0d_0d0a {
            big = u32_at(file, at + 8, true) == 0x1a2b_3c4d;
            interfaces.clear();
        }
        let length = u32_at(file, at + 4, big) as usize;
        let body = &file[at + 8..at + length - 4];
        match u32_at(file, at, big) {
            1 => interfaces.push(interface(body, big)),
            6 => {
                let interface = &interfaces[u32_at(body, 0, big) as usize];
                let ticks = i128::from(u32_at(body, 4, big)) << 32 | i128::from(u32_at(body, 8, big));
                let time = (ticks * 1_000_000_000 / interface.per_second) as Nanos;
                let captured = u32_at(body, 12, big) as usize;
                out.push(Frame { time, link: interface.link, data: &body[20..20 + captured] });
            }
            _ => {}
        }
        at += length;
    }
    out
}

fn interface(body: &[u8], big: bool) -> Interface {
    let mut per_second = 1_000_000;
    let mut at = 8;
    while at + 4 <= body.len() {
        let (code, length) = (u16_at(body, at, big), usize::from(u16_at(body, at + 2, big)));
        match code {
            0 => break,
            // if_tsresol
            9 if body[at + 4] & 0x80 == 0 => per_second = 10_i128.pow(u32::from(body[at + 4])),
            9 => per_second = 1 << (body[at + 4] & 0x7f),
            // if_tsoffset
            14 => panic!("a pcapng with if_tsoffset needs this reader to learn it"),
            _ => {}
        }
        at += 4 + length.next_multiple_of(4);
    }
    Interface { link: u32::from(u16_at(body, 0, big)), per_second }
}

struct Segment {
    source: SocketAddr,
    destination: SocketAddr,
    sequence: u32,
    syn: bool,
    ack: bool,
}

fn segment(frame: &Frame<'_>) -> Option<Segment> {
    let ip = ip_packet(frame)?;
    let (source, destination, protocol, tcp): (IpAddr, IpAddr, u8, &[u8]) = match ip.first()? >> 4 {
        4 => {
            let address =
                |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?).into());
            if u16_at(ip.get(..20)?, 6, true) & 0x1fff != 0 {
                return None;
            }
            (address(12)?, address(16)?, ip[9], ip.get(usize::from(ip[0] & 15) * 4..)?)
        }
        6 => {
            let address =
                |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?).into());
            (address(8)?, address(24)?, ip[6], ip.get(40..)?)
        }
        _ => return None,
    };
    if protocol != 6 || tcp.len() < 20 {
        return None;
    }
    Some(Segment {
        source: SocketAddr::new(source, u16_at(tcp, 0, true)),
        destination: SocketAddr::new(destination, u16_at(tcp, 2, true)),
        sequence: u32_at(tcp, 4, true),
        syn: tcp[13] & 0x02 != 0,
        ack: tcp[13] & 0x10 != 0,
    })
}

fn ip_packet<'a>(frame: &Frame<'a>) -> Option<&'a [u8]> {
    let data = frame.data;
    let (mut kind, mut rest) = match frame.link {
        1 => (u16_at(data.get(..14)?, 12, true), data.get(14..)?),
        101 => return Some(data),
        113 => (u16_at(data.get(..16)?, 14, true), data.get(16..)?),
        276 => (u16_at(data.get(..20)?, 0, true), data.get(20..)?),
        other => panic!("link type {other} is not known to this reader"),
    };
    while matches!(kind, 0x8100 | 0x88a8) {
        kind = u16_at(rest.get(..4)?, 2, true);
        rest = rest.get(4..)?;
    }
    matches!(kind, 0x0800 | 0x86dd).then_some(rest)
}
