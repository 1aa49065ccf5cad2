//! Small words that all writers share: checksums, deterministic filler, hexadecimal, clock arithmetic.
//!
//! Knows no file format. Everything is a pure function: the same shorthand must give the same bytes on every machine.

/// Nanoseconds since 1970-01-01 UTC.
pub type Nanos = i64;

/// One second in [`Nanos`].
pub const SECOND: Nanos = 1_000_000_000;

/// CRC-32 (IEEE 802.3, reflected) of `parts`, one after the other.
pub fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = !0_u32;
    for byte in parts.iter().flat_map(|part| part.iter()) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// The Internet checksum of `parts` (RFC 1071); only the last part may have an odd length.
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// FNV-1a over `text`: the seed of everything that only has to differ.
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// `length` bytes that look like ciphertext and are the same on every run (splitmix64).
pub fn filler(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    out.truncate(length);
    out
}

/// Bytes of a hexadecimal text, blanks ignored.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).unwrap_or_else(|| panic!("not hexadecimal: {text}")) as u8)
        .collect();
    assert!(digits.len().is_multiple_of(2), "odd number of hexadecimal digits: {text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A number as the shorthand writes it: decimal, `0x…`, or negative decimal (as two's complement).
pub fn number(text: &str) -> u64 {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse::<u64>().ok().or_else(|| text.parse::<i64>().ok().map(|n| n as u64)),
    };
    parsed.unwrap_or_else(|| panic!("not a number: {text}"))
}

/// An RFC 3339 date to nanoseconds.
pub fn date(text: &str) -> Nanos {
    let stamp: jiff::Timestamp = text.parse().unwrap_or_else(|e| panic!("not a date: {text}: {e}"));
    stamp.as_nanosecond().try_into().expect("a date that fits 64 bits")
}

/// Seconds with up to nine decimals (`1.5`, `-0.004`, `+2`) to nanoseconds, without floating point.
pub fn seconds(text: &str) -> Nanos {
    let unsigned = text.trim_start_matches(['+', '-']);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    assert!(fraction.len() <= 9, "more than nine decimals: {text}");
    let parse = |digits: &str| digits.parse::<i64>().unwrap_or_else(|_| panic!("not seconds: {text}"));
    let nanos = parse(whole) * SECOND + parse(&format!("{fraction:0<9}"));
    if text.starts_with('-') { -nanos } else { nanos }
}

/// Windows FILETIME: 100 ns ticks since 1601-01-01.
pub fn filetime(time: Nanos) -> u64 {
    (time.div_euclid(100) + 116_444_736_000_000_000) as u64
}

/// An RFC 3339 date to FILETIME ticks, for dates outside the range of [`Nanos`] too.
pub fn filetime_of(text: &str) -> u64 {
    let stamp: jiff::Timestamp = text.parse().unwrap_or_else(|e| panic!("not a date: {text}: {e}"));
    (stamp.as_nanosecond().div_euclid(100) + 116_444_736_000_000_000) as u64
}

/// UTF-16LE without a terminator.
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn checksums_match_known_answers() {
    assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
    // The example of RFC 1071 section 3.
    assert_eq!(internet_checksum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
}

#[test]
fn seconds_are_exact() {
    assert_eq!(seconds("+0.004"), 4_000_000);
    assert_eq!(seconds("-1.5"), -1_500_000_000);
    assert_eq!(seconds("10802"), 10_802 * SECOND);
    assert_eq!(filetime(date("1970-01-01T00:00:00Z")), 116_444_736_000_000_000);
    assert_eq!(filetime_of("1601-01-01T00:00:00Z"), 0);
}
