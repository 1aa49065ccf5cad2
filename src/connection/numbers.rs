//! The sequence numbers that a flow was seen with: by these it is the same in another capture, whatever an address
//! translation made of its ends and however late that capture began.

use crate::base::{Timestamp, time};
use crate::stream::{Flow, Side};

/// From the first to the last number of both sides, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// First number of the client and of the server.
    first: [u32; 2],
    /// The number behind the last byte of each.
    next: [u32; 2],
    began: Timestamp,
}

impl Span {
    /// Of a flow of which bytes of both sides are placed.
    pub(super) fn of(flow: &Flow) -> Option<Self> {
        let [client, server] = [Side::Client, Side::Server].map(|side| flow.stream(side));
        Some(Self {
            first: [client.first_number()?, server.first_number()?],
            next: [client.next_number()?, server.next_number()?],
            began: flow.first.time,
        })
    }

    /// The server's first number: what spans are looked up by.
    pub(super) const fn server(&self) -> u32 {
        self.first[1]
    }

    /// Whether another one, which began later, is of the same connection: it begins where this one has been in both
    /// directions. Two numbers of 32 bits that fit by chance are rarer than anything else that may be wrong.
    pub(super) fn holds(&self, part: &Self) -> bool {
        /// What may have been sent between what both saw.
        const AHEAD: u32 = 64 * 1024;
        let fits = (0..2).all(|side| {
            let (Some(first), Some(next), Some(begin)) =
                (self.first.get(side), self.next.get(side), part.first.get(side))
            else {
                return false;
            };
            begin.wrapping_sub(*first) <= next.wrapping_sub(*first).saturating_add(AHEAD)
        });
        fits && self.began.shifted(-time::SECOND) <= part.began
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: [u32; 2], next: [u32; 2]) -> Span {
        Span { first, next, began: Timestamp::from_nanos(0) }
    }

    #[test]
    fn what_begins_in_the_middle_is_held_across_the_wrap() {
        let whole = span([u32::MAX - 100, 5_000], [900, 90_000]);
        assert!(whole.holds(&span([20, 60_000], [2_000, 95_000])));
        assert!(!whole.holds(&span([20, 4_000], [2_000, 95_000])), "before the server's first");
        assert!(!whole.holds(&span([200_000, 60_000], [200_001, 60_001])), "far behind the client's last");
    }
}
