//! How far the clocks of two captures are apart, by the packets that both hold.

use std::collections::BTreeMap;

use super::matches::{CLUSTER, Match};
use crate::base::{Shift, SourceId, Timestamp, time};
use crate::packet::Endpoint;

/// Stretches of one connection that are compared by themselves.
const STRETCH: i64 = 30 * time::SECOND;
/// No two clocks that anybody set are further apart: the time zones, and an hour.
pub(super) const PLAUSIBLE: i64 = 27 * 3600 * time::SECOND;
/// A drift is believed of clocks that were compared for so long, and if it is larger than this in that time.
const LONG: i64 = 600 * time::SECOND;
const WALKED: i64 = 5 * time::MILLISECOND;

/// Two captures that share packets, by their first files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) one: SourceId,
    pub(super) other: SourceId,
    /// The second clock minus the first.
    shift: Shift,
    pub(super) spread: i64,
    pub(super) pairs: u32,
    pub(super) both_ways: bool,
    /// Above zero if the first is nearer to the clients, below if the second is.
    first_is_nearer: i64,
}

/// What one stretch of a connection tells of two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sample {
    offset: i64,
    time: Timestamp,
    spread: i64,
    nearer: i64,
}

impl Link {
    pub(super) fn of(one: SourceId, other: SourceId, matches: &[Match]) -> Option<Self> {
        let mut stretches: BTreeMap<((Endpoint, Endpoint), i64), Vec<&Match>> = BTreeMap::new();
        for own in matches {
            stretches.entry((own.flow, own.time.nanos() / STRETCH)).or_default().push(own);
        }
        let mut samples: Vec<Sample> = stretches.values().filter_map(|list| Sample::of(list)).collect();
        let both_ways = !samples.is_empty();
        if !both_ways {
            // Packets of one direction only: the way is in the difference.
            samples.extend(matches.iter().map(|own| Sample {
                offset: own.difference,
                time: own.time,
                spread: 0,
                nearer: 0,
            }));
        }
        samples.sort_unstable();
        let cluster = largest_cluster(&samples)?;
        // Numbers that are drawn by lot come again; clocks that are days apart need more than a few of them.
        let middle = cluster.get(cluster.len() / 2)?;
        if middle.offset.saturating_abs() > PLAUSIBLE && !(both_ways && is_sure(matches, middle.offset)) {
            return None;
        }
        let least = cluster.iter().map(|sample| sample.spread).min().unwrap_or(0);
        Some(Self {
            one,
            other,
            shift: drift(cluster).unwrap_or(Shift::constant(middle.offset)),
            spread: least,
            pairs: u32::try_from(cluster.len()).unwrap_or(u32::MAX),
            both_ways,
            first_is_nearer: cluster.iter().map(|sample| sample.nearer).sum(),
        })
    }

    /// Whether `source` is nearer to the clients than what it is compared with: 1, or -1 if it is farther.
    pub(super) fn ahead(&self, source: SourceId) -> i64 {
        match source {
            source if source == self.one => self.first_is_nearer.signum(),
            source if source == self.other => -self.first_is_nearer.signum(),
            _ => 0,
        }
    }

    /// The other capture, and its clock minus that of `from`.
    pub(super) fn from(&self, from: SourceId) -> Option<(SourceId, Shift)> {
        if from == self.one {
            Some((self.other, self.shift))
        } else if from == self.other {
            let since = self.shift.since.map(|since| self.shift.back(since));
            let back = Shift {
                offset: self.shift.offset.saturating_neg(),
                per_hour: self.shift.per_hour.saturating_neg(),
                since,
            };
            Some((self.one, back))
        } else {
            None
        }
    }
}

/// Whether so many packets agree on a difference that no chance explains it: a clock of 1970 is that of an empty battery.
fn is_sure(matches: &[Match], offset: i64) -> bool {
    const SURE: usize = 5;
    let near = |own: &&Match| own.difference.saturating_sub(offset).saturating_abs() <= CLUSTER;
    matches.iter().filter(near).count() >= SURE
}

impl Sample {
    /// Of the packets of one connection, if there are some of both directions.
    fn of(list: &[&Match]) -> Option<Self> {
        let sorted = |to_server: bool| {
            let way = list.iter().filter(|own| own.to_server == to_server);
            let mut differences: Vec<i64> = way.map(|own| own.difference).collect();
            differences.sort_unstable();
            differences
        };
        let (forth, back) = (sorted(true), sorted(false));
        let apart = forth.get(forth.len() / 2)?.saturating_sub(*back.get(back.len() / 2)?);
        // The quickest packet each way waited least.
        let (forth, back) =
            if apart >= 0 { (*forth.first()?, *back.last()?) } else { (*forth.last()?, *back.first()?) };
        Some(Self {
            offset: i64::midpoint(forth, back),
            time: list.first()?.time,
            spread: forth.saturating_sub(back).saturating_abs() / 2,
            nearer: apart.signum(),
        })
    }
}

/// The longest stretch of sorted offsets within [`CLUSTER`]; the first of equals.
fn largest_cluster(sorted: &[Sample]) -> Option<&[Sample]> {
    let mut best: Option<&[Sample]> = None;
    let mut end = 0;
    for (start, first) in sorted.iter().enumerate() {
        while sorted.get(end).is_some_and(|sample| sample.offset.saturating_sub(first.offset) <= CLUSTER) {
            end += 1;
        }
        if best.is_none_or(|best| end - start > best.len()) {
            best = sorted.get(start..end);
        }
    }
    best
}

/// A line through the offsets, where the clocks were compared long enough and moved.
fn drift(cluster: &[Sample]) -> Option<Shift> {
    let mut by_time: Vec<&Sample> = cluster.iter().collect();
    by_time.sort_unstable_by_key(|sample| (sample.time, sample.offset));
    let part = by_time.len() / 4;
    let early = by_time.get(part / 2)?;
    let late = by_time.get(by_time.len().checked_sub(part / 2 + 1)?)?;
    let (span, walked) = (late.time - early.time, late.offset.saturating_sub(early.offset));
    if span < LONG || walked.saturating_abs() < WALKED.max(early.spread.saturating_add(late.spread)) {
        return None;
    }
    let per_hour = i128::from(walked) * i128::from(3600 * time::SECOND) / i128::from(span);
    Some(Shift { offset: early.offset, per_hour: i64::try_from(per_hour).ok()?, since: Some(early.time) })
}
