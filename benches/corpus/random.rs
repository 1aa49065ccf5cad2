//! Numbers that look random and are the same in every run.

use std::ops::Range;

/// SplitMix64.
pub struct Random(u64);

impl Random {
    /// A sequence for each seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from(mixed >> 32).unwrap()
    }

    /// One of a range.
    pub fn of(&mut self, range: Range<u32>) -> u32 {
        range.start + self.next() % (range.end - range.start)
    }
}
