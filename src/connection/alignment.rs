//! Which captures show the same packets, and how far apart their clocks are.
//!
//! Found before the captures are read, since times of all of them must be told by one clock. A packet is the same by
//! its numbers, whatever an address translation made of its ends. The clocks of two captures are compared by packets
//! of both directions: half of what is left between them is the way from one to the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::anchors::{self, Extent, Read, Sighted};
use super::matches::{Match, are_two_views};
use super::rings::{self, Rings};
use super::second_views::{Openings, SecondViews};
use super::views::median;
use crate::base::shift::near_whole_hours;
use crate::base::{NoteKind, Notes, Shift, SourceId, Timestamp, time};
use crate::capture::Capture;
use crate::capture::split::Split;
use crate::packet::{Endpoint, Interest};

/// How the clock of one capture compares with another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureClock {
    /// The capture, with all files of its ring buffer.
    pub sources: Vec<SourceId>,
    /// The capture that it was compared with.
    pub against: SourceId,
    /// This clock minus that one.
    pub shift: Shift,
    /// How wrong that may be: half of the shortest way there and back.
    pub spread: i64,
    /// Connections, or half minutes of them, that agree.
    pub pairs: u32,
    /// Whether packets of both directions were compared.
    pub both_ways: bool,
}

/// What captures have to do with each other.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    /// A clock for each capture that shares packets with another one, save the one that all are told by.
    pub clocks: Vec<CaptureClock>,
    rings: Rings,
    /// Captures that hold the same packets, by their first files.
    shared: BTreeSet<(SourceId, SourceId)>,
    /// Connections that may stand in two of them.
    pub second_views: Arc<SecondViews>,
}

/// A packet that is in more captures is compared with so many behind each.
const NEXT: usize = 64;
/// Comparisons that are remembered of all pairs of captures, and at least of each.
const ALL_MATCHES: usize = 1 << 20;
const MATCHES: usize = 64;
/// Differences within this width are one.
const CLUSTER: i64 = 500 * time::MILLISECOND;
/// Stretches of one connection that are compared by themselves.
const STRETCH: i64 = 30 * time::SECOND;
/// No two clocks that anybody set are further apart: the time zones, and an hour.
const PLAUSIBLE: i64 = 27 * 3600 * time::SECOND;
/// Smaller differences are left as they are.
const LEAST: i64 = time::MILLISECOND;
/// A drift is believed of clocks that were compared for so long, and if it is larger than this in that time.
const LONG: i64 = 600 * time::SECOND;
const WALKED: i64 = 5 * time::MILLISECOND;

impl Alignment {
    /// Compares captures; there is nothing to compare below two.
    pub fn of(
        captures: &[(SourceId, Capture<'_>)],
        paths: &BTreeMap<SourceId, PathBuf>,
        interest: &Arc<Interest>,
        split: Split,
    ) -> Self {
        if captures.len() < 2 {
            return Self::default();
        }
        let Read { by_key, extents, openings } = anchors::read(captures, interest, split);
        let mut matches = matches(&by_key, captures.len());
        matches.retain(|(one, other), matches| {
            let alike = rings::are_alike(paths, *one, *other);
            let extents = extents.get(one).zip(extents.get(other));
            extents.is_some_and(|(one, other)| are_two_views(one, other, alike, matches))
        });
        let rings = rings_of(&matches, &extents, paths);
        let mut of_rings: BTreeMap<(SourceId, SourceId), Vec<Match>> = BTreeMap::new();
        for ((one, other), mut own) in matches {
            let pair = (rings.ring(one), rings.ring(other));
            if pair.0 > pair.1 {
                own.iter_mut().for_each(Match::turn);
            }
            of_rings.entry((pair.0.min(pair.1), pair.0.max(pair.1))).or_default().append(&mut own);
        }
        of_rings.retain(|(one, other), _| one != other);
        let links: Vec<Link> = of_rings
            .into_iter()
            .filter_map(|((one, other), matches)| Link::of(one, other, &matches))
            .collect();
        let mut starts: BTreeMap<SourceId, Timestamp> = BTreeMap::new();
        for (source, extent) in &extents {
            let start = starts.entry(rings.ring(*source)).or_insert(extent.window.start);
            *start = extent.window.start.min(*start);
        }
        let mut alignment = Self { rings, ..Self::of_links(&links, &starts) };
        let mut opened: BTreeMap<SourceId, Openings> = BTreeMap::new();
        for (source, own) in openings {
            if alignment.sharing(source).next().is_some() {
                opened.entry(alignment.rings.ring(source)).or_default().add(own);
            }
        }
        alignment.second_views = Arc::new(SecondViews::of(opened));
        alignment.clocks.iter_mut().for_each(|clock| {
            clock.sources = clock.sources.iter().flat_map(|ring| alignment.rings.files(*ring)).collect();
        });
        alignment
    }

    /// Chooses in each group of captures the one nearest to the clients, and tells the others by its clock.
    fn of_links(links: &[Link], starts: &BTreeMap<SourceId, Timestamp>) -> Self {
        let shared = links.iter().map(|link| (link.one, link.other)).collect();
        let mut alignment = Self { shared, ..Self::default() };
        let mut ahead: BTreeMap<SourceId, i64> = BTreeMap::new();
        let mut next: BTreeMap<SourceId, Vec<(SourceId, Shift, &Link)>> = BTreeMap::new();
        for link in links {
            for source in [link.one, link.other] {
                *ahead.entry(source).or_default() += link.ahead(source);
                let step = link.from(source).map(|(to, step)| (to, step, link));
                next.entry(source).or_default().extend(step);
            }
        }
        let mut order: Vec<SourceId> = ahead.keys().copied().collect();
        order.sort_by_key(|source| {
            (ahead.get(source).copied().map(std::cmp::Reverse), starts.get(source).copied(), *source)
        });
        let mut known: BTreeMap<SourceId, (SourceId, Shift)> = BTreeMap::new();
        for reference in order {
            if known.contains_key(&reference) {
                continue;
            }
            known.insert(reference, (reference, Shift::default()));
            let mut open = vec![reference];
            while let Some(from) = open.pop() {
                let Some((_, base)) = known.get(&from).copied() else { continue };
                for (to, step, link) in next.get(&from).into_iter().flatten().copied() {
                    if known.contains_key(&to) {
                        continue;
                    }
                    let shift = joined(base, step);
                    known.insert(to, (reference, shift));
                    alignment.clocks.push(CaptureClock {
                        sources: vec![to],
                        against: reference,
                        shift,
                        spread: link.spread,
                        pairs: link.pairs,
                        both_ways: link.both_ways,
                    });
                    open.push(to);
                }
            }
        }
        alignment.clocks.sort_by(|one, other| one.sources.cmp(&other.sources));
        alignment
    }

    /// By how much the times of a capture are moved, so that all are told by one clock.
    pub fn shift(&self, source: SourceId) -> Shift {
        let shift = self.clock(source).map(|clock| clock.shift).unwrap_or_default();
        if shift.offset.saturating_abs() < LEAST && shift.per_hour == 0 { Shift::default() } else { shift }
    }

    /// The capture by whose clock the times of this one are told.
    pub fn reference(&self, source: SourceId) -> SourceId {
        self.clock(source).map_or(source, |clock| clock.against)
    }

    fn clock(&self, source: SourceId) -> Option<&CaptureClock> {
        self.clocks.iter().find(|clock| clock.sources.contains(&source))
    }

    /// The first file of the ring buffer that a capture is a file of; itself, where it stands alone.
    pub fn ring(&self, source: SourceId) -> SourceId {
        self.rings.ring(source)
    }

    /// Whether two captures hold the same packets: then they are no files of one ring buffer.
    pub fn share(&self, one: SourceId, other: SourceId) -> bool {
        let (one, other) = (self.rings.ring(one), self.rings.ring(other));
        self.shared.contains(&(one.min(other), one.max(other)))
    }

    /// The captures that hold packets which this one holds as well, by their first files.
    pub fn sharing(&self, source: SourceId) -> impl Iterator<Item = SourceId> {
        let source = self.rings.ring(source);
        self.shared.iter().filter_map(move |(one, other)| match source {
            source if source == *one => Some(*other),
            source if source == *other => Some(*one),
            _ => None,
        })
    }

    /// Says what was found, where it is odd.
    pub fn note(&self, notes: &mut Notes) {
        const NOTABLE: i64 = 5 * time::SECOND;
        for clock in &self.clocks {
            let offset = clock.shift.offset;
            let sign = if offset < 0 { "-" } else { "+" };
            let millis = offset.unsigned_abs() / time::MILLISECOND.unsigned_abs();
            let says = format!(
                "{sign}{}.{:03} s against another capture of the same packets",
                millis / 1000,
                millis % 1000
            );
            if offset.saturating_abs() > PLAUSIBLE {
                notes.add_detail(NoteKind::CaptureClockFar, clock.sources.first().copied(), says);
            } else if near_whole_hours(offset) {
                notes.add_detail(NoteKind::ClockWholeHours, clock.sources.first().copied(), says);
            } else if !clock.both_ways && offset.saturating_abs() > NOTABLE {
                notes.add_detail(NoteKind::ClockEstimated, clock.sources.first().copied(), says);
            }
        }
    }
}

/// The clock of a third capture, by way of a second one.
const fn joined(base: Shift, step: Shift) -> Shift {
    Shift {
        offset: base.offset.saturating_add(step.offset),
        per_hour: base.per_hour.saturating_add(step.per_hour),
        since: if step.since.is_some() { step.since } else { base.since },
    }
}

/// Which captures are files of one ring, where these are two views of others: a file by another clock begins another.
fn rings_of(
    matches: &BTreeMap<(SourceId, SourceId), Vec<Match>>,
    extents: &BTreeMap<SourceId, Extent>,
    paths: &BTreeMap<SourceId, PathBuf>,
) -> Rings {
    /// Where rings are cut the others are other ones; so often at most.
    const ROUNDS: usize = 4;
    let mut views: BTreeMap<SourceId, Vec<SourceId>> = BTreeMap::new();
    for (one, other) in matches.keys() {
        views.entry(*one).or_default().push(*other);
        views.entry(*other).or_default().push(*one);
    }
    let mut begins = BTreeSet::new();
    let mut rings = Rings::of(extents, paths, &views, &begins);
    for _ in 0..ROUNDS {
        let more = other_clocks(matches, extents, &rings);
        if more.is_empty() {
            break;
        }
        begins.extend(more);
        rings = Rings::of(extents, paths, &views, &begins);
    }
    rings
}

/// Files whose clock, against that of another ring, is another one than that of the file before.
fn other_clocks(
    matches: &BTreeMap<(SourceId, SourceId), Vec<Match>>,
    extents: &BTreeMap<SourceId, Extent>,
    rings: &Rings,
) -> Vec<SourceId> {
    /// No clock drifts so far from one file to the next.
    const ANOTHER: i64 = time::SECOND;
    /// Of each pair of rings the times of files of the first, and how far the other's clock is ahead.
    type Clocks = BTreeMap<(SourceId, SourceId), Vec<(Timestamp, SourceId, i64)>>;
    let mut clocks = Clocks::new();
    for ((one, other), own) in matches {
        let Some(middle) = clearly_ahead(own) else { continue };
        for (file, view, ahead) in [(*one, *other, middle), (*other, *one, middle.saturating_neg())] {
            let Some(extent) = extents.get(&file) else { continue };
            let pair = (rings.ring(file), rings.ring(view));
            clocks.entry(pair).or_default().push((extent.window.start, file, ahead));
        }
    }
    let mut begins = Vec::new();
    for list in clocks.values_mut() {
        list.sort_unstable();
        for files in list.windows(2) {
            if let [(_, before, one), (_, file, other)] = files
                && before != file
                && one.abs_diff(*other) > ANOTHER.unsigned_abs()
            {
                begins.push(*file);
            }
        }
    }
    begins
}

/// How far the second clock is ahead, where packets tell so: one that may have been sent again tells nothing by itself.
fn clearly_ahead(matches: &[Match]) -> Option<i64> {
    const SEVERAL: usize = 3;
    const IDENTIFIED: usize = 2;
    let mut own: Vec<&Match> = matches.iter().filter(|own| own.same != Some(false)).collect();
    let mut differences: Vec<i64> = own.iter().map(|own| own.difference).collect();
    let middle = median(&mut differences)?;
    own.retain(|own| own.difference.abs_diff(middle) <= CLUSTER.unsigned_abs());
    let identified = own.iter().filter(|own| own.same == Some(true)).count();
    (own.len() >= SEVERAL || identified >= IDENTIFIED).then_some(middle)
}

/// Packets that two captures hold, by these in order.
fn matches(by_key: &[Sighted], captures: usize) -> BTreeMap<(SourceId, SourceId), Vec<Match>> {
    let mut matches: BTreeMap<(SourceId, SourceId), Vec<Match>> = BTreeMap::new();
    let pairs = captures * captures.saturating_sub(1) / 2;
    let most = (ALL_MATCHES / pairs.max(1)).max(MATCHES);
    for seen in by_key.chunk_by(|(one, ..), (next, ..)| one == next) {
        for (at, (key, one, a)) in seen.iter().enumerate() {
            for (_, other, b) in seen.iter().skip(at + 1).take(NEXT) {
                // A SYN has 32 bits of its own; by these alone it is not known under other addresses.
                if key.is_weak() && (a.client, a.server) != (b.client, b.server) {
                    continue;
                }
                let matches = matches.entry((*one, *other)).or_default();
                if matches.len() < most {
                    matches.push(Match::of(key, a, b));
                }
            }
        }
    }
    matches
}

/// Two captures that share packets, by their first files.
#[derive(Clone, Copy, Debug)]
struct Link {
    one: SourceId,
    other: SourceId,
    /// The second clock minus the first.
    shift: Shift,
    spread: i64,
    pairs: u32,
    both_ways: bool,
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
    fn of(one: SourceId, other: SourceId, matches: &[Match]) -> Option<Self> {
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
    fn ahead(&self, source: SourceId) -> i64 {
        match source {
            source if source == self.one => self.first_is_nearer.signum(),
            source if source == self.other => -self.first_is_nearer.signum(),
            _ => 0,
        }
    }

    /// The other capture, and its clock minus that of `from`.
    fn from(&self, from: SourceId) -> Option<(SourceId, Shift)> {
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
