//! Typed values of BinXML, [MS-EVEN6] 2.2.18, as the text that Windows would render.
//!
//! Every value can be written: one of an unknown type, or of a length that its type does not have, is shown as
//! bytes in hex, since a value that looks odd is still what the log says.

use std::fmt::Write;

use super::evtx::{real_time, u32_at, u64_at};
use super::guid::Guid;
use crate::base::Timestamp;

/// The type of a value; with [`ARRAY`] added, a list of them.
pub(super) mod kind {
    pub const NULL: u8 = 0x00;
    pub const UTF16: u8 = 0x01;
    pub const ANSI: u8 = 0x02;
    pub const INT8: u8 = 0x03;
    pub const UINT8: u8 = 0x04;
    pub const INT16: u8 = 0x05;
    pub const UINT16: u8 = 0x06;
    pub const INT32: u8 = 0x07;
    pub const UINT32: u8 = 0x08;
    pub const INT64: u8 = 0x09;
    pub const UINT64: u8 = 0x0a;
    pub const REAL32: u8 = 0x0b;
    pub const REAL64: u8 = 0x0c;
    pub const BOOL: u8 = 0x0d;
    pub const GUID: u8 = 0x0f;
    pub const SIZE: u8 = 0x10;
    pub const FILETIME: u8 = 0x11;
    pub const SYSTEMTIME: u8 = 0x12;
    pub const SID: u8 = 0x13;
    pub const HEX32: u8 = 0x14;
    pub const HEX64: u8 = 0x15;
    pub const BINXML: u8 = 0x21;
}
/// The bit that makes a type a list.
const ARRAY: u8 = 0x80;

/// One value in a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    /// Its type, see [`kind`].
    pub kind: u8,
    /// Where it stands in the chunk.
    pub at: usize,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl<'a> Value<'a> {
    /// Whether it is no value at all.
    pub const fn is_null(&self) -> bool {
        self.kind == kind::NULL
    }

    /// Whether it is a list.
    pub const fn is_list(&self) -> bool {
        self.kind & ARRAY != 0
    }

    /// An unsigned number.
    pub fn number(&self) -> Option<u64> {
        match (self.kind, self.bytes) {
            (kind::UINT8, [byte]) => Some(u64::from(*byte)),
            (kind::UINT16, [a, b]) => Some(u64::from(u16::from_le_bytes([*a, *b]))),
            (kind::UINT32 | kind::HEX32, bytes) => u32_at(bytes, 0).map(u64::from),
            (kind::UINT64 | kind::HEX64, bytes) => u64_at(bytes, 0),
            _ => None,
        }
    }

    /// A moment.
    pub fn moment(&self) -> Option<Timestamp> {
        if self.kind == kind::FILETIME { real_time(u64_at(self.bytes, 0)?) } else { None }
    }

    /// A GUID.
    pub fn guid(&self) -> Option<Guid> {
        if self.kind == kind::GUID { self.bytes.try_into().ok().map(Guid::from_stored) } else { None }
    }

    /// The members of a list.
    pub fn members(&self) -> Vec<Self> {
        let kind = self.kind & !ARRAY;
        let member = |bytes: &'a [u8]| Value { kind, at: self.at, bytes };
        let size = match kind {
            kind::UTF16 => {
                let (pairs, _) = self.bytes.as_chunks::<2>();
                let mut strings: Vec<_> =
                    pairs.split(|pair| *pair == [0, 0]).map(<[_]>::as_flattened).collect();
                // Each string ends with a zero; what follows the last one is no string.
                if strings.last().is_some_and(|last| last.is_empty()) {
                    strings.pop();
                }
                return strings.into_iter().map(member).collect();
            }
            kind::ANSI => {
                let text = self.bytes.strip_suffix(&[0]).unwrap_or(self.bytes);
                return text.split(|byte| *byte == 0).map(member).collect();
            }
            kind::INT8 | kind::UINT8 => 1,
            kind::INT16 | kind::UINT16 => 2,
            kind::INT32 | kind::UINT32 | kind::REAL32 | kind::BOOL | kind::HEX32 => 4,
            kind::INT64 | kind::UINT64 | kind::REAL64 | kind::FILETIME | kind::HEX64 => 8,
            kind::GUID | kind::SYSTEMTIME => 16,
            _ => return vec![member(self.bytes)],
        };
        self.bytes.chunks(size).map(member).collect()
    }

    /// Appends the value as text.
    pub fn write(&self, out: &mut String) {
        if self.is_list() {
            for (index, member) in self.members().into_iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                member.write(out);
            }
        } else if self.write_known(out).is_none() {
            write_hex(self.bytes, out);
        }
    }

    /// Appends the value if its type is known and it has the length of its type.
    fn write_known(&self, out: &mut String) -> Option<()> {
        let bytes = self.bytes;
        // Writing into a string cannot fail.
        let mut show = |text: std::fmt::Arguments<'_>| out.write_fmt(text).ok();
        match self.kind {
            kind::NULL => Some(()),
            kind::UTF16 => {
                write_utf16(bytes, out);
                Some(())
            }
            kind::ANSI => {
                out.extend(bytes.iter().filter(|byte| **byte != 0).map(|byte| char::from(*byte)));
                Some(())
            }
            kind::INT8 => show(format_args!("{}", i8::from_le_bytes(bytes.try_into().ok()?))),
            kind::UINT8 => show(format_args!("{}", u8::from_le_bytes(bytes.try_into().ok()?))),
            kind::INT16 => show(format_args!("{}", i16::from_le_bytes(bytes.try_into().ok()?))),
            kind::UINT16 => show(format_args!("{}", u16::from_le_bytes(bytes.try_into().ok()?))),
            kind::INT32 => show(format_args!("{}", i32::from_le_bytes(bytes.try_into().ok()?))),
            kind::UINT32 => show(format_args!("{}", u32::from_le_bytes(bytes.try_into().ok()?))),
            kind::INT64 => show(format_args!("{}", i64::from_le_bytes(bytes.try_into().ok()?))),
            kind::UINT64 => show(format_args!("{}", u64::from_le_bytes(bytes.try_into().ok()?))),
            kind::REAL32 => show(format_args!("{}", f32::from_le_bytes(bytes.try_into().ok()?))),
            kind::REAL64 => show(format_args!("{}", f64::from_le_bytes(bytes.try_into().ok()?))),
            kind::BOOL => show(format_args!("{}", u32::from_le_bytes(bytes.try_into().ok()?) != 0)),
            kind::GUID => show(format_args!("{}", Guid::from_stored(bytes.try_into().ok()?))),
            kind::SIZE | kind::HEX32 | kind::HEX64 => {
                let number = match bytes.len() {
                    4 => u64::from(u32_at(bytes, 0)?),
                    8 => u64_at(bytes, 0)?,
                    _ => return None,
                };
                show(format_args!("0x{number:x}"))
            }
            kind::FILETIME => {
                show(format_args!("{}", Timestamp::from_filetime(u64::from_le_bytes(bytes.try_into().ok()?))))
            }
            kind::SYSTEMTIME => {
                let (parts, _) = bytes.as_chunks::<2>();
                let [year, month, _, day, hour, minute, second, milli] = *parts else { return None };
                let [year, month, day] = [year, month, day].map(u16::from_le_bytes);
                let [hour, minute, second, milli] = [hour, minute, second, milli].map(u16::from_le_bytes);
                show(format_args!(
                    "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
                ))
            }
            kind::SID => write_sid(bytes, out),
            _ => None,
        }
    }
}

/// So many characters are looked at together: a few instructions.
const AT_ONCE: usize = 32;

/// Appends UTF-16 in little-endian order up to its terminators; what is no character becomes U+FFFD.
pub(super) fn write_utf16(bytes: &[u8], out: &mut String) {
    let (mut units, _) = bytes.as_chunks::<2>();
    while let [rest @ .., [0, 0]] = units {
        units = rest;
    }
    // Almost all of it is ASCII.
    out.reserve(units.len());
    while let Some((some, rest)) = units.split_at_checked(units.len().min(AT_ONCE))
        && !some.is_empty()
        && some.iter().fold(0, |bits, [low, high]| bits | *high | (low & 0x80)) == 0
    {
        let mut plain = [0; AT_ONCE];
        for (place, [low, _]) in plain.iter_mut().zip(some) {
            *place = *low;
        }
        let Some(text) = plain.get(..some.len()).and_then(|plain| std::str::from_utf8(plain).ok()) else {
            break;
        };
        out.push_str(text);
        units = rest;
    }
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    out.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

/// Appends bytes in upper-case hex.
fn write_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
        }
    }
}

/// Appends a security identifier, [MS-DTYP] 2.4.2.2.
fn write_sid(bytes: &[u8], out: &mut String) -> Option<()> {
    let [revision, count, rest @ ..] = bytes else { return None };
    let (authority, rest) = rest.split_first_chunk::<6>()?;
    let (parts, []) = rest.as_chunks::<4>() else { return None };
    if parts.len() != usize::from(*count) {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    write!(out, "S-{revision}-{authority}").ok()?;
    parts.iter().try_for_each(|part| write!(out, "-{}", u32::from_le_bytes(*part)).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: u8, bytes: &[u8]) -> String {
        let mut out = String::new();
        Value { kind, at: 0, bytes }.write(&mut out);
        out
    }

    #[test]
    fn writes_values_as_windows_does() {
        assert_eq!(text(kind::UTF16, b"R\0D\0P\0\0\0"), "RDP");
        assert_eq!(text(kind::UTF16, &[0x00, 0xd8, 0x41, 0]), "\u{fffd}A");
        assert_eq!(text(kind::INT32, &(-7_i32).to_le_bytes()), "-7");
        assert_eq!(text(kind::HEX32, &0x8009_0304_u32.to_le_bytes()), "0x80090304");
        assert_eq!(text(kind::BOOL, &[1, 0, 0, 0]), "true");
        assert_eq!(text(kind::SID, &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]), "S-1-5-18");
        assert_eq!(
            text(kind::FILETIME, &116_444_736_000_000_010_u64.to_le_bytes()),
            "1970-01-01T00:00:00.000001000Z"
        );
        assert_eq!(
            text(kind::SYSTEMTIME, &[0xe4, 7, 2, 0, 1, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0]),
            "2020-02-03T04:05:06.007Z"
        );
    }

    #[test]
    fn writes_odd_values_as_bytes() {
        assert_eq!(text(0x0e, &[0xab, 0x01]), "AB01", "binary");
        assert_eq!(text(0x7f, &[1, 2]), "0102", "unknown type");
        assert_eq!(text(kind::UINT32, &[1, 2, 3]), "010203", "wrong length");
        assert_eq!(text(kind::SID, &[1, 9, 0, 0, 0, 0, 0, 5]), "0109000000000005", "too few parts");
        assert_eq!(text(kind::UTF16, &[0x41]), "", "half a character");
    }

    #[test]
    fn lists_have_members() {
        let members = |kind, bytes| {
            Value { kind, at: 0, bytes }
                .members()
                .iter()
                .map(|member| text(member.kind, member.bytes))
                .collect::<Vec<_>>()
        };
        assert_eq!(members(0x81, b"a\0\0\0\0\0b\0\0\0"), ["a", "", "b"]);
        assert_eq!(members(0x86, &[1, 0, 2, 0]), ["1", "2"]);
        assert!(members(0x81, b"").is_empty());
    }
}
