//! Sequence numbers become 64-bit stream offsets here, on arrival. No other file compares a 32-bit sequence
//! number (RFC 9293 3.4: comparison modulo 2³² is meaningful only near a reference).

/// One direction's sequence space: maps sequence numbers to offsets of stream bytes, the first being 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqSpace {
    /// Sequence number of stream byte 0.
    base: u32,
    /// An offset near which the next numbers are expected.
    near: i64,
}

impl SeqSpace {
    /// A space whose first byte has sequence number `base`: ISN + 1 after a SYN.
    pub const fn new(base: u32) -> Self {
        Self { base, near: 0 }
    }

    /// The sequence number of stream byte 0.
    pub const fn first(self) -> u32 {
        self.base
    }

    /// The sequence number of the byte at an offset.
    pub fn number(self, offset: u64) -> u32 {
        self.base.wrapping_add(low_bits(offset.cast_signed()))
    }

    /// The offset that `seq` names: the one nearest to what was seen last. Negative for what lies before
    /// byte 0 (keep-alives of an idle connection, a repeated SYN).
    pub fn offset(&self, seq: u32) -> i64 {
        let reference = self.base.wrapping_add(low_bits(self.near));
        let distance = seq.wrapping_sub(reference).cast_signed();
        self.near + i64::from(distance)
    }

    /// Moves the reference: call with each plausible offset that was seen.
    pub fn seen(&mut self, offset: i64) {
        self.near = self.near.max(offset);
    }
}

/// The lowest 32 bits.
fn low_bits(offset: i64) -> u32 {
    let [.., a, b, c, d] = offset.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_two_to_the_32() {
        let mut space = SeqSpace::new(0xffff_fff0);
        assert_eq!(space.offset(0xffff_fff0), 0);
        assert_eq!(space.offset(0xffff_ffff), 15);
        assert_eq!(space.offset(0), 16);
        space.seen(16);
        for step in 1..10_i64 {
            let offset = step * 1_000_000_000;
            let seq = 0xffff_fff0_u32.wrapping_add(low_bits(offset));
            assert_eq!(space.offset(seq), offset);
            space.seen(offset);
        }
    }

    #[test]
    fn what_lies_before_the_first_byte_is_negative() {
        let space = SeqSpace::new(1000);
        assert_eq!(space.offset(999), -1);
    }
}
