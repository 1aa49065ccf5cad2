//! The Internet checksum, in two parts: what a header adds up to, and, where it matters, the payload. RFC 1071
//!
//! Says whether a checksum holds; a wrong one is often nothing but offload at the capturing host.

use std::net::IpAddr;

/// Stands for the sum of a header that was not captured whole: nothing speaks against it.
pub const UNKNOWN: u16 = u16::MAX;

/// The ones' complement sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1) and a TCP header, its checksum field
/// included. `length` is that of the whole segment in bytes, as on the wire.
pub fn head(from: IpAddr, to: IpAddr, length: u32, header: &[u8]) -> u16 {
    /// The protocol number of TCP.
    const TCP: u64 = 6;
    fold(add(u64::from(length) + TCP + address(from) + address(to), header))
}

/// Whether a segment is as its sender made it: `head` and the payload, which must be whole.
pub fn holds(head: u16, payload: &[u8]) -> bool {
    fold(add(u64::from(head), payload)) == u16::MAX
}

/// What an address adds.
fn address(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        IpAddr::V6(ip) => add(0, &ip.octets()),
    }
}

/// Adds bytes up. 32 bits at a time give the same folded sum as 16: 2^32 and 2^16 are both 1 modulo 2^16 - 1.
fn add(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let sum = words.iter().fold(sum, |sum, word| sum + u64::from(u32::from_be_bytes(*word)));
    if rest.is_empty() {
        return sum;
    }
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    sum + u64::from(u32::from_be_bytes(last))
}

fn fold(sum: u64) -> u16 {
    let mut sum = sum;
    while sum > u64::from(u16::MAX) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_as_rfc_1071_does() {
        // RFC 1071 3: the example's sum is ddf2, in either width.
        assert_eq!(fold(add(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
        assert_eq!(fold(add(0, &[0xab])), 0xab00, "an odd byte is the high half of a word");
        assert_eq!(fold(add(0, &[])), 0);
    }

    #[test]
    fn tells_a_damaged_segment() {
        let (from, to) = (IpAddr::from([192, 0, 2, 10]), IpAddr::from([198, 51, 100, 20]));
        let mut header = [0_u8; 20];
        header[..4].copy_from_slice(&[0xa0, 0x20, 0x0d, 0x3d]);
        header[12] = 0x50;
        let payload = *b"seven b";
        let sum = fold(add(u64::from(head(from, to, 27, &header)), &payload));
        header[16..18].copy_from_slice(&(!sum).to_be_bytes());
        assert!(holds(head(from, to, 27, &header), &payload));
        assert!(!holds(head(from, to, 27, &header), b"seven c"));
        assert!(!holds(head(from, to, 26, &header), &payload));
        let (from, to): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        assert!(!holds(head(from, to, 27, &header), &payload), "the addresses belong to it");
    }
}
