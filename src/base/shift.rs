//! How far one clock is from another, and how fast it walks away.

use super::{Timestamp, time};

/// One clock minus another. Where a drift is known, the difference grows by it from `since` on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// The difference at `since`, nanoseconds.
    pub offset: i64,
    /// By how much it grows in an hour, nanoseconds.
    pub per_hour: i64,
    /// When the difference was `offset`, by the other clock.
    pub since: Option<Timestamp>,
}

const HOUR: i64 = 3600 * time::SECOND;

impl Shift {
    /// A difference that stays the same.
    pub const fn constant(offset: i64) -> Self {
        Self { offset, per_hour: 0, since: None }
    }

    /// The difference at a moment of the other clock.
    pub fn at(&self, moment: Timestamp) -> i64 {
        let Some(since) = self.since.filter(|_| self.per_hour != 0) else { return self.offset };
        let grown = i128::from(moment - since) * i128::from(self.per_hour) / i128::from(HOUR);
        self.offset.saturating_add(i64::try_from(grown).unwrap_or(0))
    }

    /// A moment of this clock by the other one.
    pub fn away(&self, moment: Timestamp) -> Timestamp {
        let near = moment.shifted(self.offset.saturating_neg());
        if self.per_hour == 0 {
            return near;
        }
        // The drift is some parts in a million: each step brings five digits.
        let near = moment.shifted(self.at(near).saturating_neg());
        moment.shifted(self.at(near).saturating_neg())
    }

    /// A moment of the other clock by this one.
    pub fn back(&self, moment: Timestamp) -> Timestamp {
        moment.shifted(self.at(moment))
    }
}

/// Whether an offset is within a minute of a whole quarter of an hour: a time zone, not a drift.
pub fn near_whole_hours(offset: i64) -> bool {
    const QUARTER: i64 = 900 * time::SECOND;
    const MINUTE: i64 = 60 * time::SECOND;
    let off = offset.saturating_abs();
    let rest = off % QUARTER;
    off > QUARTER * 2 - MINUTE && (rest <= MINUTE || rest >= QUARTER - MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let moment = Timestamp::from_nanos(1_700_000_000 * time::SECOND);
        let still = Shift::constant(-3_600 * time::SECOND);
        assert_eq!(still.back(still.away(moment)), moment);
        let walking = Shift { offset: time::SECOND, per_hour: 100 * time::MILLISECOND, since: Some(moment) };
        let later = moment.shifted(2 * HOUR);
        assert_eq!(walking.back(later) - later, 1_200 * time::MILLISECOND);
        assert!((walking.away(walking.back(later)) - later).abs() < 10 * time::MILLISECOND);
    }

    #[test]
    fn time_zones_are_recognised() {
        let minutes = |n: i64| n * 60 * time::SECOND;
        assert!(near_whole_hours(minutes(180) + 2 * time::SECOND));
        assert!(near_whole_hours(-minutes(330)));
        assert!(!near_whole_hours(2 * time::SECOND));
        assert!(!near_whole_hours(minutes(7)));
    }
}
