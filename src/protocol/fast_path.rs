//! Fast-path: the short frame of a running session, in place of TPKT. [MS-RDPBCGR] 2.2.8.1.2, 2.2.9.1.2
//!
//! Frames only; input and updates inside are nobody's business here.

use nom::bytes::streaming::take;
use nom::number::streaming::u8;

use super::wire::{Expected, Malformed, Parse};

/// One fast-path PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastPath<'a> {
    /// Number of input events; 0 if it stands elsewhere, and in output.
    pub events: u8,
    /// Whether the payload carries a salted MAC.
    pub secure_checksum: bool,
    /// Whether the payload is encrypted.
    pub encrypted: bool,
    /// Whole length in bytes, header included.
    pub length: u16,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// Reads one PDU from a stream.
///
/// The low two bits of the first byte are 0; 3 would be TPKT.
pub fn fast_path(input: &[u8]) -> Parse<'_, FastPath<'_>> {
    let (rest, first) = u8(input)?;
    if first & 0x03 != 0 {
        let expected = Expected::Words("low two bits 0");
        return Malformed::new("fast-path action", 0, expected, first.into()).stop();
    }
    let (rest, short) = u8(rest)?;
    let (rest, length) = if short & 0x80 == 0 {
        (rest, u16::from(short))
    } else {
        let (rest, low) = u8(rest)?;
        (rest, u16::from_be_bytes([short & 0x7F, low]))
    };
    let header = input.len() - rest.len();
    let Some(size) = usize::from(length).checked_sub(header) else {
        return Malformed::new("fast-path length", 1, Expected::AtLeast(2), length.into()).stop();
    };
    let (rest, payload) = take(size)(rest)?;
    let pdu = FastPath {
        events: first >> 2 & 0x0F,
        secure_checksum: first & 0x40 != 0,
        encrypted: first & 0x80 != 0,
        length,
        payload,
    };
    Ok((rest, pdu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lengths() {
        let (rest, short) = fast_path(&[0xC4, 0x04, 1, 2, 9]).unwrap();
        assert_eq!((rest, short.payload), ([9].as_slice(), [1, 2].as_slice()));
        assert!(short.encrypted && short.secure_checksum && short.events == 1);
        let (_, long) = fast_path(&[0x00, 0x80, 0x05, 1, 2]).unwrap();
        assert_eq!((long.length, long.payload, long.encrypted), (5, [1, 2].as_slice(), false));
    }

    #[test]
    fn not_fast_path() {
        assert!(matches!(fast_path(&[0x03, 0x00]), Err(nom::Err::Error(_))));
        assert!(matches!(fast_path(&[0x00, 0x01]), Err(nom::Err::Error(_))));
        assert!(matches!(fast_path(&[0x00, 0x82]), Err(nom::Err::Incomplete(_))));
    }
}
