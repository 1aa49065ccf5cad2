//! Bytes of a text to lines.
//!
//! `reg export` and PowerShell 5 write UTF-16, PowerShell 7 UTF-8, redirected commands the code page of the console.
//! Which page that was is written nowhere; digits, dots and Latin letters are the same in all of them, and nothing else
//! is looked at.

use encoding_rs::{UTF_16BE, UTF_16LE};
use oem_cp::code_table::DECODING_TABLE_CP850;
use oem_cp::decode_string_complete_table;

use crate::input::format::{Utf16, utf16_without_mark};

/// The text, whatever it was written in.
pub(super) fn decoded(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        [0xfe, 0xff, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => match utf16_without_mark(bytes) {
            Some(Utf16::LittleEndian) => UTF_16LE.decode_without_bom_handling(bytes).0.into_owned(),
            Some(Utf16::BigEndian) => UTF_16BE.decode_without_bom_handling(bytes).0.into_owned(),
            None => in_two_parts(bytes),
        },
    };
    // What was saved on an old Mac, or by a tool that thinks so.
    if text.contains('\r') && !text.contains('\n') { text.replace('\r', "\n") } else { text }
}

/// What PowerShell 5 appends to a file of another command (`>>`) is UTF-16 behind text of one byte.
fn in_two_parts(bytes: &[u8]) -> String {
    let wide = bytes.iter().position(|byte| *byte == 0).map(|at| at.saturating_sub(1));
    let (narrow, wide) = bytes.split_at_checked(wide.unwrap_or(bytes.len())).unwrap_or((bytes, &[]));
    let narrow = narrow.strip_suffix(&[0xff, 0xfe]).unwrap_or(narrow);
    let mut text = std::str::from_utf8(narrow)
        .map_or_else(|_| decode_string_complete_table(narrow, &DECODING_TABLE_CP850), str::to_owned);
    text.push_str(&UTF_16LE.decode_without_bom_handling(wide).0);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_it_was_written_in() {
        let text = "MTU ä 1500\r\n";
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let with_mark = [&[0xff, 0xfe][..], &utf16].concat();
        assert_eq!(decoded(&with_mark), text);
        assert_eq!(decoded(text.as_bytes()), text);
        assert_eq!(decoded(b"MTU \x84 1500\r\n"), text);
        let long: Vec<u8> = "Bytes In  Bytes Out".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decoded(&long), "Bytes In  Bytes Out");
        let big: Vec<u8> = "Bytes In  Bytes Out".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decoded(&big), "Bytes In  Bytes Out");
        assert_eq!(decoded(b"one\rtwo\r"), "one\ntwo\n");
        assert_eq!(decoded(&[b"a line\r\n", &utf16[..]].concat()), format!("a line\r\n{text}"));
        assert_eq!(decoded(&[b"a line\r\n", &with_mark[..]].concat()), format!("a line\r\n{text}"));
    }
}
