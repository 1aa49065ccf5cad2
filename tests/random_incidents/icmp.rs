//! ICMP errors that quote a segment of a flow. RFC 792.

use std::net::IpAddr;

use super::super::support::bytes::internet_checksum;
use super::super::support::capture::conversation::Way;
use super::super::support::capture::udp::{self, Host};
use super::world::{Spot, World};

impl World {
    /// An ICMP error about the client's last SYN of this flow, from a router near the client or from the server.
    #[allow(clippy::too_many_arguments)] // an error has that many parts
    pub fn icmp(
        &mut self,
        flow: usize,
        from: IpAddr,
        kind: u8,
        code: u8,
        rest: [u8; 4],
        way: Way,
        quoted: u32,
    ) {
        // The quoted packet travelled against `way`.
        let it = &self.flows[flow];
        let quote_way = way.back();
        let (inside, outside, server) = (it.client, it.outside, it.server);
        let at = match way {
            Way::ToClient => (Spot::Client, self.now + self.delay / 2),
            Way::ToServer => (Spot::Server, self.now + self.delay / 2),
        };
        let client = if at.0 == Spot::Client { inside } else { outside };
        let (source, destination) =
            if quote_way == Way::ToServer { (client, server) } else { (server, client) };
        let (IpAddr::V4(s), IpAddr::V4(d)) = (source.ip(), destination.ip()) else { return };
        let mut header = vec![0x45, 0, 0, 52, 0x12, 0x34, 0x40, 0, 60, 6, 0, 0];
        header.extend_from_slice(&s.octets());
        header.extend_from_slice(&d.octets());
        let sum = internet_checksum(&[&header]);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut icmp = vec![kind, code, 0, 0];
        icmp.extend_from_slice(&rest);
        icmp.extend_from_slice(&header);
        icmp.extend_from_slice(&source.port().to_be_bytes());
        icmp.extend_from_slice(&destination.port().to_be_bytes());
        icmp.extend_from_slice(&quoted.to_be_bytes());
        let sum = internet_checksum(&[&icmp]);
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        let mut router = Host::new("router", from, 62);
        router.next_id = self.random.next() as u16;
        let mut to = Host::new("computer 0", source.ip(), 64);
        to.ip = source.ip();
        let data = udp::frame(&mut router, &to, 1, icmp, 2);
        // `frame` sums a pseudo header in, which ICMP does not have.
        let data = with_plain_checksum(data);
        self.put(at.0, at.1, data);
    }
}

fn with_plain_checksum(mut frame: Vec<u8>) -> Vec<u8> {
    let icmp = 34;
    frame[icmp + 2..icmp + 4].fill(0);
    let sum = internet_checksum(&[&frame[icmp..]]);
    frame[icmp + 2..icmp + 4].copy_from_slice(&sum.to_be_bytes());
    frame
}
