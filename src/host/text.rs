//! Bytes of a text to lines.
//!
//! `reg export` and PowerShell 5 write UTF-16, PowerShell 7 UTF-8, redirected commands the code page of the console.
//! Which page that was is written nowhere; digits, dots and Latin letters are the same in all of them, and nothing else
//! is looked at.

use encoding_rs::{UTF_16BE, UTF_16LE};
use oem_cp::code_table::DECODING_TABLE_CP850;
use oem_cp::decode_string_complete_table;

/// The text, whatever it was written in.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        [0xfe, 0xff, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ if is_utf16(bytes) => UTF_16LE.decode_without_bom_handling(bytes).0.into_owned(),
        _ => std::str::from_utf8(bytes)
            .map_or_else(|_| decode_string_complete_table(bytes, &DECODING_TABLE_CP850), str::to_owned),
    }
}

/// Two outputs appended to one file can lose the mark at its start: every second byte of Latin text is zero.
fn is_utf16(bytes: &[u8]) -> bool {
    let sample = bytes.get(..256).unwrap_or(bytes);
    let zeros = sample.iter().skip(1).step_by(2).filter(|byte| **byte == 0).count();
    sample.len() >= 16 && zeros * 2 > sample.len() * 9 / 10
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
    }
}
