//! Moments and spans of time.
//!
//! One clock resolution for everything: signed nanoseconds since 1970-01-01T00:00:00Z. Captures count in
//! anything from 2⁻⁶³ s to seconds, event logs in 100 ns ticks since 1601; both are converted on arrival and
//! nothing downstream knows. Which *clock* a moment was read from is not known here: see `correlate::clock`.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND: i64 = 1_000_000;
/// Seconds between 1601-01-01 (the FILETIME epoch) and 1970-01-01.
const FILETIME_EPOCH_SECONDS: i64 = 11_644_473_600;

/// A moment: signed nanoseconds since the Unix epoch, UTC.
///
/// Reaches from 1677 to 2262. Stamps outside (a damaged record) saturate at the ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment that can be expressed.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment that can be expressed.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From a FILETIME: 100 ns ticks since 1601-01-01 UTC, as event records carry it.
    pub fn from_filetime(ticks: u64) -> Self {
        let nanos = i128::from(ticks) * 100 - i128::from(FILETIME_EPOCH_SECONDS) * i128::from(SECOND);
        Self::saturating(nanos)
    }

    /// From a wide count of nanoseconds, saturating at [`Timestamp::MIN`] and [`Timestamp::MAX`].
    pub fn saturating(nanos: i128) -> Self {
        let clamped = nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Self(i64::try_from(clamped).unwrap_or(i64::MAX))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Nanoseconds from `earlier` to here; negative if it is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment moved by `nanos`, saturating.
    #[must_use]
    pub const fn shifted(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

impl Add<i64> for Timestamp {
    type Output = Self;
    fn add(self, nanos: i64) -> Self {
        self.shifted(nanos)
    }
}

impl Sub for Timestamp {
    type Output = i64;
    fn sub(self, earlier: Self) -> i64 {
        self.since(earlier)
    }
}

/// RFC 3339, UTC, nine decimals: `2024-05-06T20:10:10.747423000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(stamp) => write!(f, "{stamp:.9}"),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    /// Reads RFC 3339 with any offset (`2024-05-06T20:10:10Z`, `… +02:00`). No offset means UTC.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let stamp = match text.trim().parse::<jiff::Timestamp>() {
            Ok(stamp) => stamp,
            Err(no_offset) => match text.trim().parse::<jiff::civil::DateTime>() {
                Ok(civil) => civil.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp(),
                Err(_) => return Err(no_offset),
            },
        };
        Ok(Self::saturating(stamp.as_nanosecond()))
    }
}

/// A closed span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// First moment inside.
    pub start: Timestamp,
    /// Last moment inside.
    pub end: Timestamp,
}

impl Window {
    /// All of time.
    pub const ALWAYS: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    /// The span that holds one moment.
    pub const fn at(moment: Timestamp) -> Self {
        Self { start: moment, end: moment }
    }

    /// Grows to hold `moment`.
    pub fn include(&mut self, moment: Timestamp) {
        self.start = self.start.min(moment);
        self.end = self.end.max(moment);
    }

    /// The same span with `nanos` added before and after.
    #[must_use]
    pub const fn widened(self, nanos: i64) -> Self {
        Self { start: self.start.shifted(-nanos), end: self.end.shifted(nanos) }
    }

    /// Whether `moment` lies inside.
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.start <= moment && moment <= self.end
    }

    /// How far `moment` lies before or behind, in nanoseconds; 0 inside.
    pub fn gap(&self, moment: Timestamp) -> i64 {
        (self.start - moment).max(moment - self.end).max(0)
    }

    /// Whether the two spans share a moment.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filetime_of_the_unix_epoch_is_zero() {
        assert_eq!(Timestamp::from_filetime(116_444_736_000_000_000), Timestamp::from_nanos(0));
    }

    #[test]
    fn absurd_filetimes_saturate() {
        assert_eq!(Timestamp::from_filetime(u64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_filetime(0), Timestamp::MIN);
    }

    #[test]
    fn prints_and_reads_rfc_3339() {
        let text = "2024-05-06T20:10:10.747423000Z";
        let stamp: Timestamp = text.parse().unwrap();
        assert_eq!(stamp.to_string(), text);
        assert_eq!("2024-05-06T22:10:10.747423+02:00".parse::<Timestamp>().unwrap(), stamp);
        assert_eq!("2024-05-06T20:10:10.747423".parse::<Timestamp>().unwrap(), stamp);
    }
}
