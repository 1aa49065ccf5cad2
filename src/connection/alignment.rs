//! Which captures show the same packets, and how far apart their clocks are.
//!
//! Found before the captures are read, since times of all of them must be told by one clock. A packet is the same by
//! its numbers, whatever an address translation made of its ends. The clocks of two captures are compared by packets
//! of both directions: half of what is left between them is the way from one to the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::anchors::{self, Read};
use super::links::{Link, PLAUSIBLE};
use super::matches::{self, Match, are_two_views};
use super::rings::{self, Rings};
use super::second_views::{Openings, SecondViews};
use crate::base::shift::near_whole_hours;
use crate::base::{NoteKind, Notes, Shift, SourceId, Timestamp, time};
use crate::capture::Capture;
use crate::capture::split::Split;
use crate::packet::Interest;

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

/// Smaller differences are left as they are.
const LEAST: i64 = time::MILLISECOND;

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
        let mut matches = matches::of_all(&by_key, captures.len());
        matches.retain(|(one, other), matches| {
            let alike = rings::are_alike(paths, *one, *other);
            let extents = extents.get(one).zip(extents.get(other));
            extents.is_some_and(|(one, other)| are_two_views(one, other, alike, matches))
        });
        let rings = Rings::of(&matches, &extents, paths);
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
