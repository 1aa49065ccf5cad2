//! Link-layer headers, down to the network layer.

use crate::base::bytes::{be16, u32_in};
use crate::capture::LinkType;

/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;
/// Transparent Ethernet bridging, inside GRE and GENEVE.
pub const BRIDGED: u16 = 0x6558;
/// ERSPAN type I and II.
pub const ERSPAN_2: u16 = 0x88be;
/// ERSPAN type III.
pub const ERSPAN_3: u16 = 0x22eb;

/// Tags and labels that are stepped over before a frame is given up.
const MAX_TAGS: usize = 16;

/// What a link-layer header leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A network-layer packet: EtherType and offset.
    Network(u16, usize),
    /// Nothing that is decoded (control protocols, unknown EtherTypes).
    Other,
    /// Header incomplete or contradictory.
    Malformed,
    /// The link type itself is unknown.
    Unknown,
}

/// Steps over the link-layer header of a frame.
pub fn network(link: LinkType, data: &[u8]) -> Link {
    match link {
        LinkType::ETHERNET => ethernet(data, 0),
        LinkType::NULL | LinkType::LOOP => loopback(data),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => raw_ip(data, 0),
        LinkType::LINUX_SLL => after_type(data, 14, 16),
        LinkType::LINUX_SLL2 => after_type(data, 0, 20),
        LinkType::PPP => ppp_framed(data, 0),
        LinkType::C_HDLC => after_type(data, 2, 4),
        other if LinkType::RAW_OLD.contains(&other) => raw_ip(data, 0),
        _ => Link::Unknown,
    }
}

/// An Ethernet frame that begins at `at`.
pub fn ethernet(data: &[u8], at: usize) -> Link {
    match be16(data, at + 12) {
        Some(kind) => ether_type(data, kind, at + 14),
        None => Link::Malformed,
    }
}

/// A header of which the EtherType stands at `at` and the payload at `payload`.
fn after_type(data: &[u8], at: usize, payload: usize) -> Link {
    match be16(data, at) {
        Some(kind) => ether_type(data, kind, payload),
        None => Link::Malformed,
    }
}

/// Follows tags, labels and sessions from an EtherType to the network layer.
pub fn ether_type(data: &[u8], kind: u16, at: usize) -> Link {
    let (mut kind, mut at) = (kind, at);
    for _ in 0..MAX_TAGS {
        match kind {
            IPV4 | IPV6 | ARP => return Link::Network(kind, at),
            // VLAN, QinQ and its predecessors: tag control, then the next EtherType.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let Some(next) = be16(data, at + 2) else { return Link::Malformed };
                kind = next;
                at += 4;
            }
            // VN-Tag: four bytes of tag.
            0x8926 => {
                let Some(next) = be16(data, at + 4) else { return Link::Malformed };
                kind = next;
                at += 6;
            }
            0x8847 | 0x8848 => return mpls(data, at),
            // PPPoE session: six bytes, then a PPP protocol number.
            0x8864 => return ppp_protocol(data, at + 6),
            // 802.3 length: LLC, and SNAP behind it carries an EtherType.
            0..=0x05dc => {
                if data.get(at..at + 3) != Some(&[0xaa, 0xaa, 0x03]) {
                    return Link::Other;
                }
                let Some(next) = be16(data, at + 6) else { return Link::Malformed };
                kind = next;
                at += 8;
            }
            _ => return Link::Other,
        }
    }
    Link::Other
}

/// Labels until the bottom of the stack; what follows is told by its first nibble.
fn mpls(data: &[u8], at: usize) -> Link {
    let mut at = at;
    for _ in 0..MAX_TAGS {
        let Some(label) = u32_in(data, at, true) else { return Link::Malformed };
        at += 4;
        if label & 0x100 != 0 {
            return match data.get(at).map(|byte| byte >> 4) {
                Some(4 | 6) => raw_ip(data, at),
                // Control word of an Ethernet pseudowire (RFC 4448), then the inner frame.
                Some(0) => ethernet(data, at + 4),
                Some(_) => ethernet(data, at),
                None => Link::Malformed,
            };
        }
    }
    Link::Other
}

fn raw_ip(data: &[u8], at: usize) -> Link {
    match data.get(at).map(|byte| byte >> 4) {
        Some(4) => Link::Network(IPV4, at),
        Some(6) => Link::Network(IPV6, at),
        Some(_) => Link::Other,
        None => Link::Malformed,
    }
}

/// Four bytes of address family; its byte order is the capturing host's, its numbers differ by system, so the
/// version nibble decides.
fn loopback(data: &[u8]) -> Link {
    raw_ip(data, 4)
}

/// PPP with or without address and control bytes.
fn ppp_framed(data: &[u8], at: usize) -> Link {
    let at = if data.get(at..at + 2) == Some(&[0xff, 0x03]) { at + 2 } else { at };
    ppp_protocol(data, at)
}

/// A PPP protocol number of one or two bytes (RFC 1661).
pub fn ppp_protocol(data: &[u8], at: usize) -> Link {
    let Some(first) = data.get(at) else { return Link::Malformed };
    let (protocol, payload) = if first & 1 == 1 {
        (u16::from(*first), at + 1)
    } else {
        match be16(data, at) {
            Some(protocol) => (protocol, at + 2),
            None => return Link::Malformed,
        }
    };
    match protocol {
        0x0021 => Link::Network(IPV4, payload),
        0x0057 => Link::Network(IPV6, payload),
        0x0281 => mpls(data, payload),
        _ => Link::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_labels_lead_to_ip() {
        let mut frame = vec![0; 12];
        frame.extend([0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x88, 0x47, 0, 0, 0x01, 0x40]);
        frame.extend([0x45, 0, 0, 20]);
        assert_eq!(network(LinkType::ETHERNET, &frame), Link::Network(IPV4, 26));
    }

    #[test]
    fn pppoe_leads_to_ip_and_control_protocols_to_nothing() {
        let mut frame = vec![0; 12];
        frame.extend([0x88, 0x64, 0x11, 0, 0, 1, 0, 6, 0x00, 0x57, 0x60]);
        assert_eq!(network(LinkType::ETHERNET, &frame), Link::Network(IPV6, 22));
        frame[20..22].copy_from_slice(&[0xc0, 0x21]);
        assert_eq!(network(LinkType::ETHERNET, &frame), Link::Other);
    }

    #[test]
    fn every_cut_is_told_not_panicked() {
        let mut frame = vec![0; 12];
        frame.extend([0x81, 0, 0, 2, 0x88, 0x47, 0, 0, 0x01, 0x40, 0x45]);
        for cut in 0..frame.len() {
            for link in [0, 1, 9, 12, 101, 104, 108, 113, 228, 229, 276, 147] {
                let _ = network(LinkType(link), &frame[..cut]);
            }
        }
    }
}
