//! The record layer: type, version, length. RFC 8446 5.1, RFC 5246 6.2
//!
//! Frames records and recognises where a stream begins with one. Fragments are not interpreted here.

use nom::bytes::streaming::take;
use nom::number::streaming::{be_u16, u8};

use super::TlsVersion;
use crate::protocol::wire::{Expected, Malformed, Parse, wire_code};

/// Bytes of a record header.
pub const HEADER: usize = 5;
/// Longest fragment: 2¹⁴ bytes of data and 2048 of expansion. RFC 5246 6.2.3
pub const LONGEST_FRAGMENT: u16 = 16_384 + 2_048;

wire_code! {
    /// What a record carries.
    pub struct ContentType(u8) {
        /// Cipher change. A dummy in TLS 1.3.
        CHANGE_CIPHER_SPEC = 20 "change_cipher_spec";
        /// Alert.
        ALERT = 21 "alert";
        /// Handshake.
        HANDSHAKE = 22 "handshake";
        /// Application data; in TLS 1.3 anything encrypted.
        APPLICATION_DATA = 23 "application_data";
        /// Heartbeat. RFC 6520
        HEARTBEAT = 24 "heartbeat";
    }
}

/// The five bytes before a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordHeader {
    /// What it carries.
    pub content: ContentType,
    /// Version of the record layer: not the negotiated one.
    pub version: TlsVersion,
    /// Bytes of the fragment, at most 18432.
    pub length: u16,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its header.
    pub header: RecordHeader,
    /// Its contents, possibly encrypted.
    pub fragment: &'a [u8],
}

/// Reads a record header alone: enough to track a stream whose bytes are not kept.
///
/// An unknown content type, a major version other than 3 and a length beyond the limit are malformed: the
/// stream is not TLS here, or what is read is not the start of a record.
pub fn record_header(input: &[u8]) -> Parse<'_, RecordHeader> {
    let (rest, content) = u8(input)?;
    let content = ContentType(content);
    if content.name().is_none() {
        let expected = Expected::Words("a content type of 20 to 24");
        return Malformed::new("TLS content type", 0, expected, content.0.into()).stop();
    }
    let (rest, version) = be_u16(rest)?;
    if version >> 8 != 3 {
        return Malformed::new(
            "TLS record version",
            1,
            Expected::Words("a version of 0x03xx"),
            version.into(),
        )
        .stop();
    }
    let (rest, length) = be_u16(rest)?;
    if length > LONGEST_FRAGMENT {
        return Malformed::new(
            "TLS record length",
            3,
            Expected::AtMost(LONGEST_FRAGMENT.into()),
            length.into(),
        )
        .stop();
    }
    Ok((rest, RecordHeader { content, version: TlsVersion(version), length }))
}

/// Reads one record from a stream.
pub fn record(input: &[u8]) -> Parse<'_, Record<'_>> {
    let (rest, header) = record_header(input)?;
    let (rest, fragment) = take(header.length)(rest)?;
    Ok((rest, Record { header, fragment }))
}

/// Whether a stream may go on with a TLS record: every byte of the header that is there agrees, and there are
/// at least three.
pub fn looks_like_tls(bytes: &[u8]) -> bool {
    bytes.len() >= 3 && !matches!(record_header(bytes), Err(nom::Err::Error(_) | nom::Err::Failure(_)))
}

/// Whether a stream begins with an SSLv2 client hello, which old clients send to offer SSL 3.0 and TLS as well.
pub fn looks_like_ssl2(bytes: &[u8]) -> bool {
    matches!(bytes, [high, _, 1, 0, 2, ..] | [high, _, 1, 3, 0..=4, ..] if high & 0x80 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_records_one_after_the_other() {
        let bytes = [0x14, 0x03, 0x03, 0x00, 0x01, 0x01, 0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46];
        let (rest, first) = record(&bytes).unwrap();
        assert_eq!((first.header.content, first.fragment), (ContentType::CHANGE_CIPHER_SPEC, [1].as_slice()));
        let (rest, second) = record(rest).unwrap();
        assert_eq!((second.header.content, second.fragment), (ContentType::ALERT, [2, 0x46].as_slice()));
        assert_eq!((second.header.version, rest.len()), (TlsVersion::TLS_1_2, 0));
    }

    #[test]
    fn says_what_is_not_tls() {
        assert!(matches!(record_header(&[0x17, 0x03]), Err(nom::Err::Incomplete(_))));
        for bytes in
            [[0x03, 0x00, 0x00, 0x13, 0x0E], [0x16, 0x02, 0x00, 0x00, 0x05], [0x16, 0x03, 0x03, 0x48, 0x01]]
        {
            assert!(matches!(record_header(&bytes), Err(nom::Err::Error(_))), "{bytes:02x?}");
            assert!(!looks_like_tls(&bytes));
        }
        assert!(record_header(&[0x16, 0x03, 0x03, 0x48, 0x00]).is_ok());
    }

    #[test]
    fn recognises_ssl2_hellos() {
        assert!(looks_like_ssl2(&[0x80, 0x2E, 0x01, 0x00, 0x02]));
        assert!(looks_like_ssl2(&[0x80, 0x46, 0x01, 0x03, 0x01]));
        assert!(!looks_like_ssl2(&[0x03, 0x00, 0x00, 0x13, 0x0E]));
        assert!(!looks_like_ssl2(&[0x16, 0x03, 0x01, 0x01, 0x09]));
    }
}
