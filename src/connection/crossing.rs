//! What one side sent, counted at two capture points: which segments crossed the path between them.
//!
//! Segments are joined and cut by the adapters of the capturing hosts, so a segment is lost only where its bytes
//! did not come otherwise. Names no cause.

use std::collections::BTreeMap;

use super::views::Pair;
use crate::base::{Mark, Observed};
use crate::packet::TcpFlags;
use crate::stream::seq::SeqSpace;
use crate::stream::{Side, Sighting};

/// Lost segments that are remembered one by one.
const REMEMBERED: usize = 16;

/// Bytes that left one point and never came to the other, however often they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeverCame {
    /// Where it stands in the stream, counted from the first segment that was seen.
    pub start: i64,
    /// Length of the segment.
    pub length: u32,
    /// How often it was sent.
    pub times: u32,
    /// First sending.
    pub first: Mark,
    /// Last sending.
    pub last: Mark,
}

/// Segments of any kind after which none came any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vanished {
    /// How many.
    pub count: u32,
    /// The first.
    pub first: Mark,
    /// The last.
    pub last: Mark,
}

/// What became of one side's segments between two points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crossing {
    /// Segments with data that left the sender's point while the other one captured.
    pub sent: u64,
    /// Of these, those that did not come.
    pub lost: u64,
    /// The first of those that did not come.
    pub examples: Vec<Observed<u32>>,
    /// Data that never came.
    pub never: Vec<NeverCame>,
    /// The largest segment that came, and its sending.
    pub largest: Option<Observed<u32>>,
    /// Opening segments (SYN or SYN-ACK) that left, and those that did not come.
    pub openings: (u64, Vec<Mark>),
    /// The last sending of data that came.
    pub last_came: Option<Mark>,
    /// The last sending of data.
    pub last_sent: Option<Mark>,
    /// What the sender sent after the last segment of any kind that came.
    pub vanished: Option<Vanished>,
    /// Whether data came that the sender's point does not hold.
    pub appeared: bool,
    /// Whether the receiver's point captured without loss, so that what it lacks did not come.
    pub is_proof: bool,
}

impl Crossing {
    /// Segments that are proven to have been lost between the points.
    pub const fn proven(&self) -> u64 {
        if self.is_proof { self.lost } else { 0 }
    }

    /// Openings that are proven to have been lost between the points.
    pub fn openings_lost(&self) -> &[Mark] {
        if self.is_proof { &self.openings.1 } else { &[] }
    }
}

/// A segment with its place in the stream.
#[derive(Clone, Copy)]
struct Placed<'a> {
    own: &'a Sighting,
    start: i64,
    end: i64,
    /// Whether its like was found at the other point.
    matched: bool,
}

/// Compares what `from` sent at both points.
pub(super) fn cross(pair: &Pair<'_>, from: Side) -> Crossing {
    let mut crossing = Crossing::default();
    openings(pair, from, &mut crossing);
    crossing.vanished = vanished(pair, from);
    let Some(base) = pair.sightings(from, from).next().map(|own| own.seq) else { return crossing };
    let mut near = placed(pair, from, from, base);
    let mut far = placed(pair, from.other(), from, base);
    crossing.appeared = appeared(pair, &near, &far, from);
    let identified = match_up(&mut near, &mut far, true);
    if !identified {
        match_up(&mut near, &mut far, false);
    }
    let spare: Vec<(i64, i64)> =
        far.iter().filter(|own| !own.matched).map(|own| (own.start, own.end)).collect();
    let all: Vec<(i64, i64)> = far.iter().map(|own| (own.start, own.end)).collect();
    for own in near.iter().filter(|own| pair.covers(from.other(), own.own)) {
        crossing.sent += 1;
        crossing.last_sent = crossing.last_sent.max(Some(own.own.mark()));
        if own.matched || is_covered(own, &spare) {
            crossing.last_came = crossing.last_came.max(Some(own.own.mark()));
            if own.matched && crossing.largest.is_none_or(|largest| largest.value < own.own.length) {
                crossing.largest = Some(own.own.mark().of(own.own.length));
            }
            continue;
        }
        crossing.lost += 1;
        if crossing.examples.len() < REMEMBERED {
            crossing.examples.push(own.own.mark().of(own.own.length));
        }
        if !is_covered(own, &all) {
            never(&mut crossing.never, own);
        }
    }
    crossing
}

fn placed<'a>(pair: &Pair<'a>, point: Side, from: Side, base: u32) -> Vec<Placed<'a>> {
    let mut space = SeqSpace::new(base);
    pair.sightings(point, from)
        .filter(|own| own.has_data() && !own.flags.has(TcpFlags::RST))
        .map(|own| {
            let start = space.offset(own.seq);
            space.seen(start);
            Placed { own, start, end: start + i64::from(own.length), matched: false }
        })
        .collect()
}

/// Finds each segment of `near` among `far`: by identification, then, where the senders do not count or a device
/// counts anew, the last sendings first, as a sender stops when one has come. Gives whether identifications serve.
fn match_up(near: &mut [Placed<'_>], far: &mut [Placed<'_>], by_id: bool) -> bool {
    let mut places: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for (at, own) in far.iter().enumerate() {
        places.entry((own.start, own.end)).or_default().push(at);
    }
    let (mut serves, mut like) = (false, false);
    for own in near.iter_mut().rev().filter(|own| !own.matched) {
        let Some(list) = places.get_mut(&(own.start, own.end)) else { continue };
        like = true;
        let same = |at: &usize| {
            !by_id
                || far.get(*at).is_some_and(|far| far.own.ip_id.is_some() && far.own.ip_id == own.own.ip_id)
        };
        let Some(found) = list.iter().rposition(same) else { continue };
        let at = list.remove(found);
        if let Some(far) = far.get_mut(at) {
            far.matched = true;
        }
        own.matched = true;
        serves = true;
    }
    serves || !like
}

/// Whether the bytes of a segment came in other segments.
fn is_covered(own: &Placed<'_>, ranges: &[(i64, i64)]) -> bool {
    let mut at = own.start;
    let mut touching: Vec<(i64, i64)> =
        ranges.iter().copied().filter(|(start, end)| *start < own.end && *end > own.start).collect();
    touching.sort_unstable();
    for (start, end) in touching {
        if start > at {
            return false;
        }
        at = at.max(end);
    }
    at >= own.end
}

/// Whether the receiver's point saw data that the sender's should have seen before.
fn appeared(pair: &Pair<'_>, near: &[Placed<'_>], far: &[Placed<'_>], from: Side) -> bool {
    let sent: Vec<(i64, i64)> = near.iter().map(|own| (own.start, own.end)).collect();
    let known: BTreeMap<(i64, i64), ()> = sent.iter().map(|range| (*range, ())).collect();
    far.iter().any(|own| {
        !known.contains_key(&(own.start, own.end)) && pair.covers(from, own.own) && !is_covered(own, &sent)
    })
}

fn never(list: &mut Vec<NeverCame>, own: &Placed<'_>) {
    let mark = own.own.mark();
    let length = own.own.length;
    if let Some(known) = list.iter_mut().find(|known| known.start == own.start) {
        known.times += 1;
        known.last = known.last.max(mark);
    } else if list.len() < REMEMBERED {
        list.push(NeverCame { start: own.start, length, times: 1, first: mark, last: mark });
    }
}

/// What left after the last segment of this side that came.
fn vanished(pair: &Pair<'_>, from: Side) -> Option<Vanished> {
    let last = pair.sightings(from.other(), from).map(|own| own.time).max()?;
    let mut found: Option<Vanished> = None;
    for own in pair.sightings(from, from) {
        let late = pair.at_receiver(from, own.time) > last.shifted(pair.margin());
        if late && pair.covers(from.other(), own) {
            let mark = own.mark();
            let known = found.get_or_insert(Vanished { count: 0, first: mark, last: mark });
            known.count += 1;
            known.last = mark;
        }
    }
    found
}

/// SYNs of the client, SYN-ACKs of the server.
fn openings(pair: &Pair<'_>, from: Side, crossing: &mut Crossing) {
    let opens = |own: &&Sighting| own.flags.has(TcpFlags::SYN);
    let mut far: Vec<&Sighting> = pair.sightings(from.other(), from).filter(opens).collect();
    let near: Vec<&Sighting> =
        pair.sightings(from, from).filter(opens).filter(|own| pair.covers(from.other(), own)).collect();
    crossing.openings.0 = u64::try_from(near.len()).unwrap_or(u64::MAX);
    for own in near.into_iter().rev() {
        let identified = |other: &&Sighting| other.seq == own.seq && other.ip_id == own.ip_id;
        let found = far
            .iter()
            .rposition(identified)
            .or_else(|| far.iter().rposition(|other| other.seq == own.seq && other.ip_id.is_none()));
        match found {
            Some(at) => {
                far.remove(at);
            }
            None if crossing.openings.1.len() < REMEMBERED => crossing.openings.1.push(own.mark()),
            None => {}
        }
    }
    crossing.openings.1.reverse();
}
