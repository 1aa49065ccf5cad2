//! A value with the place and the moment where it was seen: what makes evidence automatic.

use super::{Locator, Timestamp};

/// A place and a moment: an observation before anything was learned from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// When, by the clock of the source.
    pub time: Timestamp,
    /// Where to look it up.
    pub at: Locator,
}

impl Mark {
    /// What was learned here.
    pub const fn of<T>(self, value: T) -> Observed<T> {
        Observed { value, at: self.at, time: self.time }
    }
}

/// A value that was observed, never assumed.
///
/// Nothing reaches a report that cannot name a frame or a record; carrying the locator beside the value is what
/// makes that free for every detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observed<T> {
    /// What was seen.
    pub value: T,
    /// Where to look it up.
    pub at: Locator,
    /// When, by the clock of its source.
    pub time: Timestamp,
}

impl<T> Observed<T> {
    /// A value seen at `at`, at `time`.
    pub const fn new(value: T, at: Locator, time: Timestamp) -> Self {
        Self { value, at, time }
    }

    /// Another value that was learned at the same place and moment.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Observed<U> {
        Observed { value: f(self.value), at: self.at, time: self.time }
    }

    /// Where and when, without the value.
    pub const fn mark(&self) -> Mark {
        Mark { time: self.time, at: self.at }
    }

    /// The same observation with a borrowed value.
    pub const fn as_ref(&self) -> Observed<&T> {
        Observed { value: &self.value, at: self.at, time: self.time }
    }
}
