//! Which packets the rest of the analysis wants to see.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::segment::Endpoint;

/// The well-known RDP port, TCP and UDP.
pub const RDP_PORT: u16 = 3389;
/// The UDP side channel of an RD Gateway.
pub const GATEWAY_UDP_PORT: u16 = 3391;
/// Where key distribution centres of Kerberos listen, UDP and TCP.
pub const KERBEROS_PORT: u16 = 88;
/// Ports on which names are resolved: DNS, mDNS, LLMNR.
pub const NAME_PORTS: [u16; 3] = [53, 5353, 5355];

/// Ports and endpoints of interest.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// Server ports: always 3389, and those the user names.
    pub ports: BTreeSet<u16>,
    /// Server endpoints that were found by content.
    pub endpoints: BTreeSet<Endpoint>,
}

impl Interest {
    /// 3389 and `extra`.
    pub fn new(extra: &[u16]) -> Self {
        let ports = extra.iter().copied().chain([RDP_PORT]).collect();
        Self { ports, endpoints: BTreeSet::new() }
    }

    /// Whether this could be a server that speaks RDP.
    pub fn is_server(&self, ip: IpAddr, port: u16) -> bool {
        // Mostly the set holds no more than the well-known port, and need not be asked.
        port == RDP_PORT
            || self.ports.len() > 1 && self.ports.contains(&port)
            || (!self.endpoints.is_empty() && self.endpoints.contains(&Endpoint { ip, port }))
    }

    /// Whether a packet between these two is wanted.
    pub fn wants(&self, from: &Endpoint, to: &Endpoint) -> bool {
        self.is_server(from.ip, from.port) || self.is_server(to.ip, to.port)
    }
}

/// Whether a payload begins like an RDP connection request: TPKT, X.224 CR, and behind it a cookie, a routing
/// token or a negotiation request. Other TPKT protocols (S7, MMS) have TSAP parameters there.
/// [MS-RDPBCGR] 2.2.1.1
pub fn looks_like_request(payload: &[u8]) -> bool {
    match payload {
        [0x03, 0x00, high, low, indicator, 0xe0, _, _, _, _, 0x00, rest @ ..] => {
            let total = usize::from(u16::from_be_bytes([*high, *low]));
            usize::from(*indicator) + 5 == total
                && (rest.starts_with(b"Cookie: ")
                    || rest.starts_with(b"tsv://")
                    || matches!(rest, [0x01, _, 0x08, 0x00, ..]))
        }
        _ => false,
    }
}

/// Whether a datagram begins like a client's offer of RDP over UDP: no acknowledgement yet, a SYN with known flags,
/// and both sizes within what the protocol allows. [MS-RDPEUDP] 2.2.2.1, 2.2.2.5
pub fn looks_like_udp_syn(payload: &[u8]) -> bool {
    /// SYN, SYNLOSSY, CORRELATION_ID, SYNEX.
    const KNOWN: u16 = 0x1a01;
    const MTU: std::ops::RangeInclusive<u16> = 1132..=1232;
    match payload {
        [0xff, 0xff, 0xff, 0xff, _, _, f1, f2, _, _, _, _, u1, u2, d1, d2, ..] => {
            let [flags, up, down] = [[f1, f2], [u1, u2], [d1, d2]].map(|[a, b]| u16::from_be_bytes([*a, *b]));
            flags & 1 == 1 && flags & !KNOWN == 0 && MTU.contains(&up) && MTU.contains(&down)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::looks_like_request;

    #[test]
    fn a_request_is_known_by_what_follows_the_header() {
        // mstsc without a cookie: RDP_NEG_REQ right behind the CR header.
        let bare = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 11, 0, 0, 0];
        assert!(looks_like_request(&bare));
        // S7: source TSAP parameter 0xc1.
        let s7 = [3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2, 0xc0, 1, 10];
        assert!(!looks_like_request(&s7));
    }
}
