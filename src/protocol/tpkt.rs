//! TPKT: the four bytes that frame every X.224 TPDU on TCP (RFC 1006 section 6, T.123 section 8).
//!
//! Does not look into the payload beyond what [`looks_like_tpkt`] needs to recognise it.

use nom::bytes::streaming::take;
use nom::number::streaming::{be_u16, u8};

use super::wire::{Expected, Malformed, Parse};
use super::x224::TpduCode;

/// Bytes of the header.
pub const HEADER: usize = 4;
/// The only version there is. Fast-path output never starts with it: its low two bits are 0.
pub const VERSION: u8 = 3;

/// One TPKT.
///
/// ```text
///  0         1         2         3
///  03        00        length BE, 7..65535, header included
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tpkt<'a> {
    /// Second byte, 0 by the standard.
    pub reserved: u8,
    /// Whole length in bytes, header included.
    pub length: u16,
    /// The TPDU.
    pub payload: &'a [u8],
}

/// Reads one TPKT from a stream. A length of 4 to 6 bytes is odd but frames something and is therefore read.
pub fn tpkt(input: &[u8]) -> Parse<'_, Tpkt<'_>> {
    let (rest, version) = u8(input)?;
    if version != VERSION {
        return Malformed::new("TPKT version", 0, Expected::Exactly(3), version.into()).stop();
    }
    let (rest, reserved) = u8(rest)?;
    let (rest, length) = be_u16(rest)?;
    let Some(size) = usize::from(length).checked_sub(HEADER) else {
        return Malformed::new("TPKT length", 2, Expected::AtLeast(7), length.into()).stop();
    };
    let (rest, payload) = take(size)(rest)?;
    Ok((rest, Tpkt { reserved, length, payload }))
}

/// Whether a stream may go on with a TPKT that holds an X.224 TPDU: every byte that is there agrees, and at
/// least the version and the reserved byte are there.
///
/// Serves to recognise RDP on any port; needs no whole TPDU.
pub fn looks_like_tpkt(bytes: &[u8]) -> bool {
    let length = match bytes {
        [VERSION, 0] | [VERSION, 0, _] => return true,
        [VERSION, 0, high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => return false,
    };
    if length < 7 {
        return false;
    }
    let indicator_fits = bytes.get(4).is_none_or(|li| *li >= 2 && u16::from(*li) + 5 <= length);
    let code_known = bytes.get(5).is_none_or(|code| TpduCode::of(*code).name().is_some());
    indicator_fits && code_known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_and_leaves_the_rest() {
        // Attach-user request of a real session, then the first byte of the next TPKT.
        let bytes = [0x03, 0x00, 0x00, 0x08, 0x02, 0xF0, 0x80, 0x28, 0x03];
        let (rest, tpkt) = tpkt(&bytes).unwrap();
        assert_eq!(rest, [0x03]);
        assert_eq!(tpkt, Tpkt { reserved: 0, length: 8, payload: &[0x02, 0xF0, 0x80, 0x28] });
    }

    #[test]
    fn asks_for_more_only_where_more_can_help() {
        assert!(matches!(tpkt(&[0x03, 0x00, 0x00]), Err(nom::Err::Incomplete(_))));
        assert!(matches!(tpkt(&[0x03, 0x00, 0x00, 0x09, 0x02]), Err(nom::Err::Incomplete(_))));
        let version = tpkt(&[0x16]).unwrap_err();
        assert_eq!(version, nom::Err::Error(Malformed::new("TPKT version", 0, Expected::Exactly(3), 0x16)));
        let length = tpkt(&[0x03, 0x00, 0x00, 0x03]).unwrap_err();
        assert_eq!(length, nom::Err::Error(Malformed::new("TPKT length", 2, Expected::AtLeast(7), 3)));
    }

    #[test]
    fn recognises_prefixes_of_any_length() {
        let request = [0x03, 0x00, 0x00, 0x13, 0x0E, 0xE0, 0x00];
        for end in 2..=request.len() {
            assert!(looks_like_tpkt(&request[..end]), "{end} bytes");
        }
        assert!(!looks_like_tpkt(&[0x03]));
        assert!(!looks_like_tpkt(&[0x16, 0x03, 0x03, 0x00]));
        // Length indicator beyond the TPKT; unknown TPDU code.
        assert!(!looks_like_tpkt(&[0x03, 0x00, 0x00, 0x07, 0x0E, 0xE0]));
        assert!(!looks_like_tpkt(&[0x03, 0x00, 0x00, 0x13, 0x0E, 0x10]));
    }
}
