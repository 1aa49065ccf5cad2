//! The little of BER and DER that CredSSP, Kerberos and MCS need: tag, length, value (ITU-T X.690 section 8.1).
//!
//! Does not know what a tag means and never descends by itself, so depth is bounded by the caller.

use nom::bytes::streaming::take;
use nom::number::streaming::u8;

use super::wire::{Expected, Malformed, Parse};

/// SEQUENCE.
pub const SEQUENCE: u16 = 0x30;
/// SET.
pub const SET: u16 = 0x31;
/// BOOLEAN.
pub const BOOLEAN: u16 = 0x01;
/// INTEGER.
pub const INTEGER: u16 = 0x02;
/// OCTET STRING.
pub const OCTET_STRING: u16 = 0x04;
/// ENUMERATED.
pub const ENUMERATED: u16 = 0x0A;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet as it stands (`0x30`, `0xA0`); a two-byte identifier as `0x7F65`.
    pub tag: u16,
    /// The contents.
    pub value: &'a [u8],
}

/// An element's tag and how many bytes its contents have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// As in [`Element::tag`].
    pub tag: u16,
    /// Bytes of the contents.
    pub length: usize,
}

/// Reads tag and length. Indefinite lengths and lengths above 2³²-1 are malformed.
pub fn header(input: &[u8]) -> Parse<'_, Header> {
    let (rest, first) = u8(input)?;
    let (rest, tag) = if first & 0x1F == 0x1F {
        let (rest, second) = u8(rest)?;
        if second & 0x80 != 0 {
            return Malformed::new("BER tag", 1, Expected::AtMost(0x7F), second.into()).stop();
        }
        (rest, u16::from_be_bytes([first, second]))
    } else {
        (rest, u16::from(first))
    };
    let at = input.len().saturating_sub(rest.len());
    let (rest, short) = u8(rest)?;
    if short < 0x80 {
        return Ok((rest, Header { tag, length: usize::from(short) }));
    }
    let count = short & 0x7F;
    if !(1..=4).contains(&count) {
        return Malformed::new("BER length of length", at, Expected::Words("1 to 4 bytes"), count.into())
            .stop();
    }
    let (rest, bytes) = take(count)(rest)?;
    let length = bytes.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    Ok((rest, Header { tag, length }))
}

/// Reads one element.
pub fn element(input: &[u8]) -> Parse<'_, Element<'_>> {
    let (rest, Header { tag, length }) = header(input)?;
    let (rest, value) = take(length)(rest)?;
    Ok((rest, Element { tag, value }))
}

/// Reads one element that must carry `tag`.
pub fn tagged(tag: u16, what: &'static str) -> impl Fn(&[u8]) -> Parse<'_, &[u8]> {
    move |input| {
        let (rest, found) = element(input)?;
        if found.tag == tag {
            Ok((rest, found.value))
        } else {
            Malformed::new(what, 0, Expected::Exactly(tag.into()), found.tag.into()).stop()
        }
    }
}

/// The elements of a constructed value, up to the first that is cut or malformed.
pub fn elements(mut value: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || {
        let (rest, element) = element(value).ok()?;
        value = rest;
        Some(element)
    })
}

/// The contents of the first element with this tag.
pub fn find(value: &[u8], tag: u16) -> Option<&[u8]> {
    elements(value).find(|element| element.tag == tag).map(|element| element.value)
}

/// The contents of an INTEGER or ENUMERATED as a signed number, if it fits.
pub fn integer(value: &[u8]) -> Option<i64> {
    let (first, rest) = value.split_first()?;
    if rest.len() > 7 {
        return None;
    }
    let start = i64::from(i8::from_be_bytes([*first]));
    Some(rest.iter().fold(start, |sum, byte| (sum << 8) | i64::from(*byte)))
}

/// The low 32 bits of an INTEGER: status codes are written both as 5 unsigned and as 4 negative bytes.
pub fn status(value: &[u8]) -> Option<u32> {
    let low = integer(value)?.to_be_bytes();
    let [.., a, b, c, d] = low;
    Some(u32::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_and_long_lengths() {
        let (rest, found) = element(&[0x30, 0x03, 1, 2, 3, 9]).unwrap();
        assert_eq!((rest, found), ([9].as_slice(), Element { tag: SEQUENCE, value: &[1, 2, 3] }));
        assert_eq!(header(&[0x7F, 0x65, 0x82, 0x01, 0x9E]).unwrap().1, Header { tag: 0x7F65, length: 0x19E });
        assert_eq!(header(&[0x04, 0x84, 0, 0, 0, 5]).unwrap().1.length, 5);
    }

    #[test]
    fn indefinite_and_absurd_lengths_are_malformed() {
        assert!(matches!(header(&[0x30, 0x80]), Err(nom::Err::Error(_))));
        assert!(matches!(header(&[0x30, 0x85, 0, 0, 0, 0, 1]), Err(nom::Err::Error(_))));
        assert!(matches!(element(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]), Err(nom::Err::Incomplete(_))));
    }

    #[test]
    fn status_codes_of_both_spellings() {
        assert_eq!(status(&[0x80, 0x09, 0x03, 0x02]), Some(0x8009_0302));
        assert_eq!(status(&[0x00, 0xC0, 0x00, 0x00, 0x6E]), Some(0xC000_006E));
        assert_eq!(integer(&[0xFF]), Some(-1));
        assert_eq!(integer(&[]), None);
        assert_eq!(integer(&[0; 9]), None);
    }
}
