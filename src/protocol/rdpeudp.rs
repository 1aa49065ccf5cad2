//! RDPEUDP version 1 headers: the handshake of RDP's UDP transport. [MS-RDPEUDP] 2.2
//!
//! Reads SYN and SYN+ACK in full, other datagrams as far as the header. Once version 2 or 3 is agreed on, data
//! uses headers of another kind, which must not be handed in here.

use nom::number::streaming::{be_u16, be_u32};

use super::wire::{Malformed, Parse, array, whole, wire_code, wire_flags};

wire_flags! {
    /// uFlags. [MS-RDPEUDP] 2.2.2.1
    pub struct UdpFlags(u16), zero "none" {
        /// Connection initialisation.
        SYN = 0x0001;
        /// Connection end.
        FIN = 0x0002;
        /// An ACK vector follows.
        ACK = 0x0004;
        /// A payload follows.
        DATA = 0x0008;
        /// A forward error correction packet.
        FEC = 0x0010;
        /// Congestion notification.
        CN = 0x0020;
        /// Congestion window was reset.
        CWR = 0x0040;
        /// Selective acknowledgement of ACKs.
        AOA = 0x0100;
        /// The lossy transport is asked for.
        SYNLOSSY = 0x0200;
        /// The ACK was delayed.
        ACKDELAYED = 0x0400;
        /// A correlation id follows.
        CORRELATION_ID = 0x0800;
        /// A version follows.
        SYNEX = 0x1000;
    }
}

wire_code! {
    /// Version of the transport. [MS-RDPEUDP] 2.2.2.9
    pub struct UdpVersion(u16) {
        /// Minimum retransmission time of 500 ms.
        V1 = 0x0001 "1";
        /// Minimum retransmission time of 300 ms.
        V2 = 0x0002 "2";
        /// RDPEUDP2, with a cookie.
        V3 = 0x0101 "3";
    }
}

/// A version 1 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpHeader {
    /// Highest sequence number received; `FFFFFFFF` in a SYN.
    pub source_ack: u32,
    /// Receive window in packets.
    pub receive_window: u16,
    /// What follows.
    pub flags: UdpFlags,
    /// What a SYN says, if this is one.
    pub syn: Option<Syn>,
    /// Bytes after everything that was read: padding of a SYN, payload of others.
    pub trailing: usize,
    /// What is cut in a SYN.
    pub oddity: Option<Malformed>,
}

/// What SYN and SYN+ACK say. [MS-RDPEUDP] 2.2.2.5 to 2.2.2.9
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syn {
    /// First sequence number.
    pub initial: u32,
    /// Largest datagram the sender will send, 1132 to 1232.
    pub up_mtu: u16,
    /// Largest datagram the sender will receive.
    pub down_mtu: u16,
    /// The id that joins the UDP to the TCP connection, also found in the connection request.
    pub correlation: Option<[u8; 16]>,
    /// Version, if the extension is there and says it is valid.
    pub version: Option<UdpVersion>,
    /// SHA-256 of the cookie that the server gave, of version 3.
    pub cookie_hash: Option<[u8; 32]>,
}

impl UdpHeader {
    /// The client's first datagram.
    pub const fn is_syn(&self) -> bool {
        self.flags.contains(UdpFlags::SYN) && !self.flags.contains(UdpFlags::ACK)
    }

    /// The server's answer.
    pub const fn is_syn_ack(&self) -> bool {
        self.flags.contains(UdpFlags::SYN) && self.flags.contains(UdpFlags::ACK)
    }
}

/// Reads the payload of a UDP datagram. Fails if it is shorter than a header.
pub fn udp_header(payload: &[u8]) -> Result<UdpHeader, Malformed> {
    let (rest, mut header) =
        whole("RDPEUDP header", payload, fixed(payload).map(|(rest, h)| (rest, (rest, h))))?;
    header.trailing = rest.len();
    if header.flags.contains(UdpFlags::SYN) {
        let mut syn = Syn::default();
        let read = syn_fields(rest, header.flags, &mut syn);
        header.syn = Some(syn);
        match read {
            Ok((rest, ())) => header.trailing = rest.len(),
            Err(error) => header.oddity = Some(super::wire::cut("RDPEUDP SYN", payload, &error)),
        }
    }
    Ok(header)
}

/// Whether a datagram is a SYN of RDPEUDP: the acknowledgement is FFFFFFFF, the flags are known, sizes in bounds.
pub fn looks_like_syn(payload: &[u8]) -> bool {
    udp_header(payload).is_ok_and(|header| {
        let sizes = header.syn.is_some_and(|syn| (1000..=1500).contains(&syn.up_mtu) && syn.down_mtu <= 1500);
        header.source_ack == u32::MAX && header.is_syn() && header.flags.unknown() == 0 && sizes
    })
}

fn fixed(input: &[u8]) -> Parse<'_, UdpHeader> {
    let (rest, source_ack) = be_u32(input)?;
    let (rest, receive_window) = be_u16(rest)?;
    let (rest, flags) = be_u16(rest)?;
    let flags = UdpFlags(flags);
    Ok((rest, UdpHeader { source_ack, receive_window, flags, syn: None, trailing: 0, oddity: None }))
}

fn syn_fields<'a>(input: &'a [u8], flags: UdpFlags, syn: &mut Syn) -> Parse<'a, ()> {
    let (rest, initial) = be_u32(input)?;
    let (rest, up_mtu) = be_u16(rest)?;
    let (mut rest, down_mtu) = be_u16(rest)?;
    (syn.initial, syn.up_mtu, syn.down_mtu) = (initial, up_mtu, down_mtu);
    if flags.contains(UdpFlags::CORRELATION_ID) {
        let (after, id) = array::<16>(rest)?;
        let (after, _reserved) = array::<16>(after)?;
        syn.correlation = Some(id);
        rest = after;
    }
    if flags.contains(UdpFlags::SYNEX) {
        let (after, valid) = be_u16(rest)?;
        let (after, version) = be_u16(after)?;
        syn.version = (valid & 0x0001 != 0).then_some(UdpVersion(version));
        rest = after;
        // Only the client sends the hash.
        if syn.version == Some(UdpVersion::V3) && !flags.contains(UdpFlags::ACK) {
            let (after, hash) = array::<32>(rest)?;
            syn.cookie_hash = Some(hash);
            rest = after;
        }
    }
    Ok((rest, ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// zeek rdpeudp-handshake-fail, frame 1, without the padding.
    const SYN: &[u8] = &[
        0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x40, 0x18, 0x01, // source ack, window, flags
        0xEE, 0x40, 0x71, 0xDC, 0x04, 0xD0, 0x04, 0xD0, // initial, MTUs
        0xF8, 0x53, 0x03, 0x60, 0xCA, 0x7F, 0x42, 0x41, 0xA6, 0x73, 0x74, 0xE5, 0x20, 0x1A, 0,
        0, // correlation id
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // reserved
        0x00, 0x01, 0x00, 0x02, // extension: valid, version 2
    ];

    #[test]
    fn syn_of_a_real_client() {
        let header = udp_header(SYN).unwrap();
        assert!(header.is_syn() && !header.is_syn_ack() && looks_like_syn(SYN));
        assert_eq!(header.flags.to_string(), "SYN|CORRELATION_ID|SYNEX");
        let syn = header.syn.unwrap();
        assert_eq!((syn.up_mtu, syn.down_mtu, syn.version), (1232, 1232, Some(UdpVersion::V2)));
        assert_eq!(syn.correlation.map(|id| id[..3].to_vec()), Some(vec![0xF8, 0x53, 0x03]));
        assert_eq!((header.trailing, header.oddity), (0, None));
    }

    #[test]
    fn answer_of_a_real_server() {
        // zeek rdpeudp-handshake-success, frame 2.
        let bytes = [
            0x0B, 0x12, 0x7F, 0x15, 0x00, 0x40, 0x10, 0x05, 0x0F, 0x94, 0xEA, 0x0B, 0x04, 0xD0, 0x04,
            0xD0, //
            0x00, 0x01, 0x00, 0x02, 0x00, 0x00,
        ];
        let header = udp_header(&bytes).unwrap();
        assert!(header.is_syn_ack() && !looks_like_syn(&bytes));
        assert_eq!((header.syn.and_then(|syn| syn.version), header.trailing), (Some(UdpVersion::V2), 2));
    }

    #[test]
    fn cut_syn_keeps_what_was_read() {
        let header = udp_header(&SYN[..20]).unwrap();
        assert_eq!(header.syn.map(|syn| (syn.up_mtu, syn.correlation)), Some((1232, None)));
        assert!(header.oddity.is_some());
        assert!(udp_header(&SYN[..7]).is_err());
    }
}
