//! What may stand before the connection request: the preconnection PDU and the PROXY line of a load balancer.
//!
//! Recognises and skips. Several may follow one another; the caller asks again until there is none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nom::bytes::streaming::take;
use nom::number::streaming::{be_u16, le_u16, le_u32, u8};
use nom::{Err, Needed};

use super::tpkt::looks_like_tpkt;
use super::wire::{Expected, Malformed, Parse, length, text, utf16_le};

/// Start of a binary PROXY header (HAProxy PROXY protocol, version 2, section 2.2).
const PROXY_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Start of a PROXY line (the same, version 1, section 2.1).
const PROXY_1: &[u8] = b"PROXY ";
/// Longest PROXY line, with its CR LF.
const PROXY_1_LONGEST: usize = 107;
/// Bytes of a preconnection PDU that decide whether it is one.
const PRECONNECTION_FIXED: usize = 16;

/// One message before the connection request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preamble {
    /// Preconnection PDU: picks a virtual machine on port 2179. [MS-RDPEPS] 2.2.1
    Preconnection {
        /// 1 or 2.
        version: u32,
        /// Identifier of the source, for version 1.
        id: u32,
        /// Name or GUID of the target, of version 2 only.
        name: Option<String>,
    },
    /// PROXY protocol: a load balancer says for whom it connects.
    Proxy {
        /// 1 (line) or 2 (binary).
        version: u8,
        /// The true client, if it is told.
        source: Option<SocketAddr>,
        /// The address it asked for, if it is told.
        destination: Option<SocketAddr>,
    },
}

/// Reads one preamble, or `None` (nothing consumed) if the stream begins with anything else.
///
/// Asks for more bytes only as long as every byte so far agrees with a preamble.
pub fn preamble(input: &[u8]) -> Parse<'_, Option<Preamble>> {
    if looks_like_tpkt(input) {
        return Ok((input, None));
    }
    if agrees(input, PROXY_1) {
        let (rest, preamble) = proxy_line(input)?;
        return Ok((rest, Some(preamble)));
    }
    if agrees(input, PROXY_2) {
        let (rest, preamble) = proxy_binary(input)?;
        return Ok((rest, Some(preamble)));
    }
    if may_be_preconnection(input) {
        let (rest, preamble) = preconnection(input)?;
        return Ok((rest, Some(preamble)));
    }
    Ok((input, None))
}

/// Whether `input` and `pattern` agree as far as both reach.
fn agrees(input: &[u8], pattern: &[u8]) -> bool {
    input.iter().zip(pattern).all(|(a, b)| a == b)
}

/// Whether every byte that is there fits: size below 64 KiB, flags 0, version 1 or 2.
fn may_be_preconnection(input: &[u8]) -> bool {
    let fits = |(index, byte): (usize, &u8)| match index {
        0 | 1 => true,
        8 => matches!(byte, 1 | 2),
        _ => *byte == 0,
    };
    let size = match input {
        [low, high, ..] => u16::from_le_bytes([*low, *high]),
        _ => return true,
    };
    usize::from(size) >= PRECONNECTION_FIXED && input.iter().take(12).enumerate().all(fits)
}

/// cbSize, Flags, Version, Id, then cchPCB and wszPCB in version 2. All little-endian.
fn preconnection(input: &[u8]) -> Parse<'_, Preamble> {
    let (rest, size) = le_u32(input)?;
    let (rest, _flags) = le_u32(rest)?;
    let (rest, version) = le_u32(rest)?;
    let (rest, id) = le_u32(rest)?;
    let more = usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(PRECONNECTION_FIXED);
    let (rest, tail) = take(more)(rest)?;
    let name = match le_u16::<_, Malformed>(tail) {
        Ok((text, characters)) if version == 2 => {
            Some(utf16_le(text.get(..usize::from(characters) * 2).unwrap_or(text)))
        }
        _ => None,
    };
    Ok((rest, Preamble::Preconnection { version, id, name }))
}

/// `PROXY TCP4 192.0.2.1 192.0.2.9 40000 3389` and CR LF.
fn proxy_line(input: &[u8]) -> Parse<'_, Preamble> {
    let reach = input.get(..PROXY_1_LONGEST).unwrap_or(input);
    let Some(end) = reach.windows(2).position(|pair| pair == b"\r\n") else {
        if input.len() < PROXY_1_LONGEST {
            return Err(Err::Incomplete(Needed::Unknown));
        }
        return Malformed::new("PROXY line", 0, Expected::AtMost(107), length(input)).stop();
    };
    let (line, rest) = input.split_at(end);
    let line = text(line);
    let words: Vec<&str> = line.split(' ').collect();
    let address = |ip: &str, port: &str| Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?));
    let (source, destination) = match words.as_slice() {
        [_, _, from, to, from_port, to_port] => (address(from, from_port), address(to, to_port)),
        _ => (None, None),
    };
    Ok((rest.get(2..).unwrap_or_default(), Preamble::Proxy { version: 1, source, destination }))
}

/// Signature, version and command, family, length, addresses and ports, all big-endian.
fn proxy_binary(input: &[u8]) -> Parse<'_, Preamble> {
    let (rest, _signature) = take(PROXY_2.len())(input)?;
    let (rest, _command) = u8(rest)?;
    let (rest, family) = u8(rest)?;
    let (rest, size) = be_u16(rest)?;
    let (rest, body) = take(size)(rest)?;
    let (source, destination) = match family >> 4 {
        1 => pair::<4>(body, |octets| IpAddr::V4(Ipv4Addr::from(octets))),
        2 => pair::<16>(body, |octets| IpAddr::V6(Ipv6Addr::from(octets))),
        _ => (None, None),
    };
    Ok((rest, Preamble::Proxy { version: 2, source, destination }))
}

/// Two addresses of `N` bytes, then two ports.
fn pair<const N: usize>(body: &[u8], ip: fn([u8; N]) -> IpAddr) -> (Option<SocketAddr>, Option<SocketAddr>) {
    let read = || {
        let (from, rest) = body.split_first_chunk::<N>()?;
        let (to, rest) = rest.split_first_chunk::<N>()?;
        let (from_port, rest) = rest.split_first_chunk::<2>()?;
        let (to_port, _) = rest.split_first_chunk::<2>()?;
        Some((
            SocketAddr::new(ip(*from), u16::from_be_bytes(*from_port)),
            SocketAddr::new(ip(*to), u16::from_be_bytes(*to_port)),
        ))
    };
    read().unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconnection_pdu_with_a_name() {
        let bytes = [
            0x16, 0x00, 0x00, 0x00, // cbSize 22
            0x00, 0x00, 0x00, 0x00, // flags
            0x02, 0x00, 0x00, 0x00, // version 2
            0x00, 0x00, 0x00, 0x00, // id
            0x02, 0x00, // cchPCB, with the zero
            0x41, 0x00, 0x00, 0x00, // "A"
            0x03, // the TPKT that follows
        ];
        let expected = Preamble::Preconnection { version: 2, id: 0, name: Some("A".into()) };
        assert_eq!(preamble(&bytes), Ok(([0x03].as_slice(), Some(expected))));
        assert!(matches!(preamble(&bytes[..7]), Err(Err::Incomplete(_))));
        assert!(matches!(preamble(&bytes[..20]), Err(Err::Incomplete(_))));
    }

    #[test]
    fn proxy_line_and_binary() {
        let source = "192.0.2.1:40000".parse().ok();
        let destination = "192.0.2.9:3389".parse().ok();
        let (rest, found) = preamble(b"PROXY TCP4 192.0.2.1 192.0.2.9 40000 3389\r\n\x03\x00").unwrap();
        assert_eq!(rest, [3, 0]);
        assert_eq!(found, Some(Preamble::Proxy { version: 1, source, destination }));

        let mut bytes = PROXY_2.to_vec();
        bytes.extend([0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 9, 0x9C, 0x40, 0x0D, 0x3D, 3]);
        let (rest, found) = preamble(&bytes).unwrap();
        assert_eq!(rest, [3]);
        assert_eq!(found, Some(Preamble::Proxy { version: 2, source, destination }));
    }

    #[test]
    fn other_beginnings_are_left_alone() {
        for bytes in [
            [0x03, 0x00, 0x00, 0x2F, 0x2A, 0xE0, 0x00, 0x00].as_slice(),
            &[0x16, 0x03, 0x01, 0x01, 0x09],
            b"POST / HTTP/1.1",
            b"SSH-2.0-OpenSSH",
        ] {
            assert_eq!(preamble(bytes), Ok((bytes, None)));
        }
    }

    #[test]
    fn endless_proxy_line_is_given_up() {
        let mut bytes = PROXY_1.to_vec();
        bytes.resize(200, b'A');
        assert!(matches!(preamble(&bytes), Err(Err::Error(_))));
    }
}
