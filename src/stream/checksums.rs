//! Checksums of one side's segments, by sample: some early ones, and every one that was sent again.
//!
//! Counts only. That all are wrong means offload at the capturing host; that only repeats are, damage on the way.

use crate::base::Mark;

/// What was checked of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    /// Segments with data that were looked at as they came first: right ones.
    pub right: u32,
    /// The same: wrong ones.
    pub wrong: u32,
    /// Repeated segments with data: right ones.
    pub right_again: u32,
    /// The same: wrong ones.
    pub wrong_again: u32,
    /// The first repeated segment that was wrong.
    pub first_wrong: Option<Mark>,
    /// The last one.
    pub last_wrong: Option<Mark>,
}

/// Segments of the first kind that are enough.
const ENOUGH: u32 = 16;

impl Checksums {
    /// Whether a segment is worth being checked.
    pub const fn wants(&self, repeated: bool) -> bool {
        repeated || self.right + self.wrong < ENOUGH
    }

    /// Takes what became of a checked segment.
    pub fn take(&mut self, holds: bool, repeated: bool, mark: Mark) {
        let count = match (repeated, holds) {
            (false, true) => &mut self.right,
            (false, false) => &mut self.wrong,
            (true, true) => &mut self.right_again,
            (true, false) => {
                self.first_wrong.get_or_insert(mark);
                self.last_wrong = Some(mark);
                &mut self.wrong_again
            }
        };
        *count = count.saturating_add(1);
    }
}
