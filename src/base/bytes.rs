//! Numbers out of byte slices, without a way to panic.

/// `N` bytes at `at`.
pub fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Big-endian 16 bits at `at`.
pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// Big-endian 32 bits at `at`.
pub fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// 16 bits at `at` in the byte order of the file.
pub fn u16_in(bytes: &[u8], at: usize, big_endian: bool) -> Option<u16> {
    let raw = array(bytes, at)?;
    Some(if big_endian { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
}

/// 32 bits at `at` in the byte order of the file.
pub fn u32_in(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let raw = array(bytes, at)?;
    Some(if big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
}

/// 64 bits at `at` in the byte order of the file.
pub fn u64_in(bytes: &[u8], at: usize, big_endian: bool) -> Option<u64> {
    let raw = array(bytes, at)?;
    Some(if big_endian { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
}

/// A length or offset of 32 bits as an index. Lossless on every platform this tool is built for.
pub fn index(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// In how many bits two magics differ.
pub fn wrong_bits(one: [u8; 4], other: [u8; 4]) -> u32 {
    (u32::from_ne_bytes(one) ^ u32::from_ne_bytes(other)).count_ones()
}

/// A slice length as 32 bits, saturating.
pub fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// How many zeros bytes begin with.
pub fn leading_zeros(bytes: &[u8]) -> usize {
    const AT_ONCE: usize = 64;
    let is_zero = |byte: &u8| *byte == 0;
    let whole = bytes.chunks_exact(AT_ONCE).take_while(|chunk| chunk.iter().all(is_zero)).count() * AT_ONCE;
    whole + bytes.iter().skip(whole).take_while(|byte| is_zero(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_counted_up_to_the_first_other_byte() {
        for count in [0, 1, 63, 64, 65, 128, 200] {
            let mut bytes = vec![0; count];
            assert_eq!(leading_zeros(&bytes), count);
            bytes.extend([7, 0, 0]);
            assert_eq!(leading_zeros(&bytes), count);
        }
    }
}
