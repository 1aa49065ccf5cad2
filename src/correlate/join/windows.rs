//! Which connections were under way at a moment: looked up, as every event without a name asks.

use std::sync::Arc;

use crate::base::{Timestamp, Window, time};

/// A connection, the computer by whose clock its window stands (none: the capture's clock), and the window.
pub(super) type Span = (usize, Option<Arc<str>>, Window);

/// Longer windows are few: they are searched one by one.
const LONG: i64 = 60 * time::SECOND;

/// Windows by their beginning.
pub(super) struct Spans {
    short: Vec<Span>,
    long: Vec<Span>,
}

impl Spans {
    pub fn new(spans: Vec<Span>) -> Self {
        let (long, mut short): (Vec<Span>, Vec<Span>) =
            spans.into_iter().partition(|(_, _, window)| window.end - window.start > LONG);
        short.sort_by_key(|(_, _, window)| window.start);
        Self { short, long }
    }

    pub fn is_empty(&self) -> bool {
        self.short.is_empty() && self.long.is_empty()
    }

    /// All windows that may contain a moment, and some that do not.
    pub fn around(&self, moment: Timestamp) -> impl Iterator<Item = &Span> {
        let from = self.short.partition_point(|(_, _, window)| moment - window.start > LONG);
        let to = self.short.partition_point(|(_, _, window)| window.start <= moment);
        self.short.get(from..to).unwrap_or_default().iter().chain(&self.long)
    }
}
