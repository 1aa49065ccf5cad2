//! Where the clock of a log jumped: the log as stretches of one steady clock each.
//!
//! Works on numbers and times of records alone, and on jumps that events told of. How far the clock of a piece
//! is from another clock is not known here.

use super::log::Piece;
use crate::base::time::SECOND;
use crate::base::{Timestamp, Window};

/// How far back times must fall, in nanoseconds, without an event that tells of it. Less is normal: records are
/// numbered when they are written and stamped when they are made, and what the kernel buffers while the computer
/// starts is written minutes later.
const FALL: i64 = 15 * 60 * SECOND;
/// How many records in a row must stay behind. A single old stamp is no jump: a wake from sleep is stamped with
/// the moment of falling asleep.
const RUN: usize = 16;
/// How many records before must all be ahead. A single late stamp is no jump: a record that was torn while the
/// log was copied may carry another's time.
const BEFORE: usize = 4;
/// The least jump that is believed on the word of an event, in nanoseconds. Synchronisation moves clocks by less
/// all the time.
const TOLD: u64 = 2 * SECOND.unsigned_abs();
/// A told jump this many records after a seen one is the same jump: the event comes after the first records
/// with the new time.
const SAME: usize = 8;
/// Those first records lie no further from the event than this, in nanoseconds.
const RACE: u64 = SECOND.unsigned_abs();

/// Splits the records of a log, given by number and time in order of their numbers, at each jump. `jumps` are
/// the records that tell of one, with its nanoseconds, in the same order; `None` if nothing is to be split.
pub(super) fn split(records: &[(u64, Timestamp)], jumps: Option<&[(u64, i64)]>) -> Vec<Piece> {
    let Some(jumps) = jumps else { return build(records, &[(0, None)]) };
    let mut told = jumps.iter().filter(|(_, nanos)| nanos.unsigned_abs() >= TOLD).peekable();
    let mut starts: Vec<(usize, Option<i64>)> = vec![(0, None)];
    let mut last = Timestamp::MIN;
    for (at, (number, time)) in records.iter().enumerate() {
        let falls = *time < last;
        last = *time;
        let start = starts.last().map_or(0, |(start, _)| *start);
        let before = |count: usize| records.get(at.saturating_sub(count).max(start)..at).unwrap_or_default();
        let mut jump = None;
        while let Some((_, nanos)) = told.next_if(|(record, _)| record <= number) {
            jump = Some(*nanos).filter(|_| at - start >= SAME || (start == 0 && at > 0));
        }
        if let Some(nanos) = jump {
            let near = (nanos.unsigned_abs() / 2).min(RACE);
            let is_new = |(_, other): &&(u64, Timestamp)| other.since(*time).unsigned_abs() < near;
            let already = before(SAME).iter().rev().take_while(is_new).count();
            starts.push(((at - already).max(start + 1), jump));
        } else if falls
            && let Some(least) = before(BEFORE).iter().map(|(_, time)| *time).min()
            && *time < least.shifted(-FALL)
            && let ahead = greatest_ahead(records, at)
            && ahead < least.shifted(-FALL)
        {
            starts.push((at, Some(ahead.since(least))));
        }
    }
    build(records, &starts)
}

/// The pieces that begin at the given places of the records.
fn build(records: &[(u64, Timestamp)], starts: &[(usize, Option<i64>)]) -> Vec<Piece> {
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([records.len()]);
    let piece = |((start, jump), end): (&(usize, Option<i64>), usize)| {
        let ((first_record, time), rest) = records.get(*start..end)?.split_first()?;
        let mut window = Window::at(*time);
        for (_, time) in rest {
            window.include(*time);
        }
        let last_record = rest.last().map_or(*first_record, |(number, _)| *number);
        Some(Piece { first_record: *first_record, last_record, window, jump: *jump })
    };
    starts.iter().zip(ends).filter_map(piece).collect()
}

/// The greatest time among a record and the [`RUN`] − 1 after it: what all of them stay below. The last record alone
/// proves nothing, so a run is at least two long.
fn greatest_ahead(records: &[(u64, Timestamp)], at: usize) -> Timestamp {
    let ahead = records.get(at..).unwrap_or_default();
    let greatest = ahead.iter().take(RUN).map(|(_, time)| *time).max();
    greatest.filter(|_| ahead.len() > 1).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(seconds: &[i64]) -> Vec<(u64, Timestamp)> {
        (1..).zip(seconds.iter().map(|second| Timestamp::from_nanos(second * SECOND))).collect()
    }

    fn firsts(stamps: &[(u64, Timestamp)], jumps: &[(u64, i64)]) -> Vec<u64> {
        split(stamps, Some(jumps)).iter().map(|piece| piece.first_record).collect()
    }

    #[test]
    fn a_steady_log_is_one_piece() {
        let stamps = records(&(0..100).collect::<Vec<_>>());
        let pieces = split(&stamps, Some(&[]));
        assert_eq!(pieces.len(), 1);
        assert_eq!((pieces[0].first_record, pieces[0].last_record), (1, 100));
        assert_eq!(pieces[0].window.end, Timestamp::from_nanos(99 * SECOND));
        assert!(split(&[], Some(&[])).is_empty());
    }

    #[test]
    fn splits_where_times_fall_and_stay_behind() {
        let seconds: Vec<i64> = (40_000..40_050).chain(7_600..7_650).collect();
        assert_eq!(firsts(&records(&seconds), &[]), [1, 51]);
        assert_eq!(split(&records(&seconds), None).len(), 1, "not in a collected log");
        // Also with few records behind it, but not on one alone.
        assert_eq!(firsts(&records(&[10_000, 20_000, 30_000, 20, 30]), &[]), [1, 4]);
        assert_eq!(firsts(&records(&[10_000, 20_000, 30_000, 20]), &[]), [1]);
    }

    #[test]
    fn single_odd_stamps_are_no_jump() {
        let mut seconds: Vec<i64> = (10_000..10_060).collect();
        seconds[30] = 5;
        seconds[31] = 6;
        seconds[50] = 900_000;
        assert_eq!(firsts(&records(&seconds), &[]), [1]);
    }

    #[test]
    fn splits_where_an_event_tells_of_a_jump() {
        let seconds: Vec<i64> = (0..50).chain([5_000; 3]).chain(5_000..5_050).collect();
        let stamps = records(&seconds);
        assert_eq!(firsts(&stamps, &[]), [1], "forward steps are not seen in times alone");
        assert_eq!(firsts(&stamps, &[(51, 4_950 * SECOND)]), [1, 51]);
        assert_eq!(firsts(&stamps, &[(53, 4_950 * SECOND)]), [1, 51], "the event comes after the first ones");
        let jump = 4_950 * SECOND;
        assert_eq!(split(&stamps, Some(&[(51, jump)])).last().map(|piece| piece.jump), Some(Some(jump)));
        assert_eq!(firsts(&stamps, &[(51, SECOND)]), [1], "small corrections are normal");
    }

    #[test]
    fn absurd_times_and_jumps_are_only_numbers() {
        let stamps = [(1, Timestamp::MIN), (2, Timestamp::MAX), (4, Timestamp::MIN)];
        assert_eq!(split(&stamps, Some(&[(2, i64::MIN), (4, i64::MAX)])).len(), 2);
    }

    #[test]
    fn one_jump_that_is_seen_and_told_splits_once() {
        let seconds: Vec<i64> = (40_000..40_050).chain(7_600..7_650).collect();
        assert_eq!(firsts(&records(&seconds), &[(53, -32_400 * SECOND)]), [1, 51]);
    }
}
