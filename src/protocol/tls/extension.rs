//! The vectors that hellos are made of, and their extension lists. RFC 8446 3.4, 4.2
//!
//! Lists are read as far as they go: what is cut or too long ends the list with an oddity, not the message.

use nom::Parser;
use nom::multi::length_data;
use nom::number::streaming::{be_u16, be_u24, u8};

use super::ExtensionType;
use crate::protocol::wire::{Malformed, Parse, cut, text};

/// One extension with its contents.
pub(super) type Extension<'a> = (ExtensionType, &'a [u8]);

/// A vector with a length of one byte.
pub(super) fn vector8(input: &[u8]) -> Parse<'_, &[u8]> {
    length_data(u8).parse(input)
}

/// A vector with a length of two bytes.
pub(super) fn vector16(input: &[u8]) -> Parse<'_, &[u8]> {
    length_data(be_u16).parse(input)
}

/// A vector with a length of three bytes.
pub(super) fn vector24(input: &[u8]) -> Parse<'_, &[u8]> {
    length_data(be_u24).parse(input)
}

/// The 16-bit numbers of a list; a lone last byte is left out.
pub(super) fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

/// The 16-bit numbers of a list that is itself a vector with a length of two bytes.
pub(super) fn number_list<T>(contents: &[u8], code: fn(u16) -> T) -> Vec<T> {
    numbers(vector16(contents).map_or(&[], |(_, list)| list)).map(code).collect()
}

/// The extensions of a list without its outer length, and what stopped the reading. `at` of an oddity counts
/// from the start of the list.
pub(super) fn extensions(list: &[u8]) -> (Vec<Extension<'_>>, Option<Malformed>) {
    let mut found = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        match extension(rest) {
            Ok((after, extension)) => {
                found.push(extension);
                rest = after;
            }
            Err(error) => {
                return (found, Some(cut("hello extension", rest, &error).inside(list.len() - rest.len())));
            }
        }
    }
    (found, None)
}

/// The first host name of a server_name extension. RFC 6066 3
pub(super) fn host_name(contents: &[u8]) -> Option<String> {
    let (_, list) = vector16(contents).ok()?;
    let mut rest = list;
    while let Ok((after, (kind, name))) = server_name(rest) {
        if kind == 0 {
            return Some(text(name));
        }
        rest = after;
    }
    None
}

/// The protocol names of an ALPN extension. RFC 7301 3.1
pub(super) fn protocol_names(contents: &[u8]) -> Vec<String> {
    let mut rest = vector16(contents).map_or(&[][..], |(_, list)| list);
    let mut names = Vec::new();
    while let Ok((after, name)) = vector8(rest) {
        names.push(text(name));
        rest = after;
    }
    names
}

fn extension(input: &[u8]) -> Parse<'_, Extension<'_>> {
    let (rest, kind) = be_u16(input)?;
    let (rest, contents) = vector16(rest)?;
    Ok((rest, (ExtensionType(kind), contents)))
}

fn server_name(input: &[u8]) -> Parse<'_, (u8, &[u8])> {
    let (rest, kind) = u8(input)?;
    let (rest, name) = vector16(rest)?;
    Ok((rest, (kind, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_far_as_they_go() {
        let (found, oddity) = extensions(&[0, 23, 0, 0, 0, 43, 0, 9, 1]);
        assert_eq!(found, [(ExtensionType::EXTENDED_MASTER_SECRET, [].as_slice())]);
        assert_eq!(oddity.map(|oddity| oddity.at), Some(9));
    }

    #[test]
    fn names() {
        assert_eq!(host_name(&[0, 6, 0, 0, 3, b'a', b'.', b'b']).as_deref(), Some("a.b"));
        assert_eq!(host_name(&[0, 6, 9, 0, 3, b'a', b'.', b'b']), None);
        assert_eq!(host_name(&[0]), None);
        assert_eq!(protocol_names(&[0, 3, 2, b'h', b'2']), ["h2"]);
        assert!(protocol_names(&[0, 3, 9, b'h', b'2']).is_empty());
    }
}
