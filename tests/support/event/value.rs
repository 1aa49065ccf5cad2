//! A field's text to the typed bytes of a template value.
//!
//! Type names are those of event manifests without the `win:` prefix.

use crate::support::bytes::{Nanos, filetime_of, number, unhex, utf16};
use crate::support::evtx::binxml::kind;

/// The value of a field that neither the shape nor the shorthand gives.
pub fn default_of(kind: &str, time: Nanos) -> String {
    match kind {
        "UnicodeString" | "AnsiString" | "Binary" | "literal" => String::new(),
        "Boolean" => "false".to_owned(),
        "GUID" => "{00000000-0000-0000-0000-000000000000}".to_owned(),
        "SID" => "S-1-0-0".to_owned(),
        "FILETIME" => jiff::Timestamp::from_nanosecond(i128::from(time)).unwrap().to_string(),
        "HexInt32" | "HexInt64" | "Pointer" | "SizeT" => "0x0".to_owned(),
        _ => "0".to_owned(),
    }
}

/// Type byte and bytes of `text`.
pub fn encode(kind: &str, text: &str) -> (u8, Vec<u8>) {
    let low = |bytes: usize| number(text).to_le_bytes()[..bytes].to_vec();
    match kind {
        // Windows keeps the terminator of a field's text inside the value.
        "UnicodeString" => (kind::STRING, utf16(&format!("{text}\0"))),
        "AnsiString" => (kind::ANSI, [text.as_bytes(), b"\0"].concat()),
        "Int8" => (kind::INT8, low(1)),
        "UInt8" => (kind::UINT8, low(1)),
        "Int16" => (kind::INT16, low(2)),
        "UInt16" => (kind::UINT16, low(2)),
        "Int32" => (kind::INT32, low(4)),
        "UInt32" => (kind::UINT32, low(4)),
        "HexInt32" => (kind::HEX32, low(4)),
        "Int64" => (kind::INT64, low(8)),
        "UInt64" => (kind::UINT64, low(8)),
        "HexInt64" | "Pointer" => (kind::HEX64, low(8)),
        "SizeT" => (kind::SIZE, low(8)),
        "Boolean" => {
            let set = match text {
                "true" | "1" => 1_u32,
                "false" | "0" => 0,
                _ => panic!("not a boolean: {text}"),
            };
            (kind::BOOL, set.to_le_bytes().to_vec())
        }
        "FILETIME" => (kind::FILETIME, filetime_of(text).to_le_bytes().to_vec()),
        "GUID" => (kind::GUID, guid_bytes(text).to_vec()),
        "SID" => (kind::SID, sid_bytes(text)),
        "Binary" => (kind::BINARY, unhex(text)),
        _ => panic!("unknown field type {kind}"),
    }
}

/// `{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}` to its 16 bytes on disk.
pub fn guid_bytes(text: &str) -> [u8; 16] {
    let plain: String = text.chars().filter(|c| !matches!(c, '{' | '}' | '-')).collect();
    let b: [u8; 16] = unhex(&plain).try_into().unwrap_or_else(|_| panic!("not a GUID: {text}"));
    [b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]
}

/// `S-1-5-18` to its bytes.
pub fn sid_bytes(text: &str) -> Vec<u8> {
    let parts: Vec<u64> = text
        .strip_prefix("S-")
        .unwrap_or_else(|| panic!("not a SID: {text}"))
        .split('-')
        .map(|part| part.parse().unwrap_or_else(|_| panic!("not a SID: {text}")))
        .collect();
    let mut out = vec![parts[0] as u8, (parts.len() - 2) as u8];
    out.extend_from_slice(&parts[1].to_be_bytes()[2..]);
    for part in &parts[2..] {
        out.extend_from_slice(&u32::try_from(*part).expect("a sub-authority").to_le_bytes());
    }
    out
}
