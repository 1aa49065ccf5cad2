//! One connection as two capture points saw it: what left the one and never reached the other.
//!
//! Says what crossed the path between the points and what did not; never why. What a point did not capture is
//! missing only where that point captured at the time, and lost nothing else of the connection.

use std::collections::BTreeMap;

use super::crossing::{Crossing, cross};
use crate::base::{Mark, Timestamp, Window, time};
use crate::packet::TcpFlags;
use crate::stream::seq::SeqSpace;
use crate::stream::{Side, Sighting, Vantage};

/// What one capture point saw of a connection.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which point.
    pub vantage: Vantage,
    /// Its sightings in order of time, in stretches without a hole.
    pub stretches: Vec<Vec<Sighting>>,
    /// When it captured anything at all.
    pub window: Window,
    /// Whether its file says that it dropped packets.
    pub drops: bool,
}

/// Where a reset came from, by what both points saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It passed the point on its sender's side: whoever made it stands there, not between the points.
    Sent,
    /// It never passed the point on its alleged sender's side: it was made between the points.
    Injected,
}

/// A reset that one or both points saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Whose address it bears.
    pub from: Side,
    /// Where it was seen: at its receiver's side, if it got there.
    pub mark: Mark,
    /// The same packet on its sender's side.
    pub passed: Option<Mark>,
    /// Where it came from, if that can be told.
    pub origin: Option<Origin>,
    /// Whether it reached the point on its receiver's side.
    pub arrived: bool,
    /// Whether it came out of its sender's own host or network segment.
    pub own: bool,
    /// What shows that the point on its sender's side was there and did not see it.
    pub witness: Option<Mark>,
    /// What it looked like.
    pub sighting: Sighting,
}

/// A connection that two capture points saw.
#[derive(Clone, Debug)]
pub struct Views {
    /// The point nearer to the client.
    pub client_side: Vantage,
    /// The point nearer to the server.
    pub server_side: Vantage,
    /// Whether the point is the client itself, or in its own network segment: its packets have not been routed.
    pub at_client: bool,
    /// The same for the server.
    pub at_server: bool,
    /// Routers between both points, by the time to live.
    pub hops: Option<u8>,
    /// From one point to the other, nanoseconds, half of the round trip.
    pub transit: i64,
    /// The clock of the server's side minus that of the client's side, as far as it was not corrected.
    pub offset: i64,
    /// What became of the client's segments.
    pub to_server: Crossing,
    /// What became of the server's segments.
    pub to_client: Crossing,
    /// Resets.
    pub resets: Vec<Reset>,
    /// The last segment that each point saw, the client's side first.
    pub last: [Option<Mark>; 2],
}

impl Views {
    /// What became of what `side` sent.
    pub const fn crossing(&self, side: Side) -> &Crossing {
        match side {
            Side::Client => &self.to_server,
            Side::Server => &self.to_client,
        }
    }

    /// The point on the side of `side`.
    pub const fn point(&self, side: Side) -> Vantage {
        match side {
            Side::Client => self.client_side,
            Side::Server => self.server_side,
        }
    }

    /// Whether the point on the side of `side` saw that host's packets as it sends them.
    pub const fn is_at(&self, side: Side) -> bool {
        match side {
            Side::Client => self.at_client,
            Side::Server => self.at_server,
        }
    }

    /// What is known of the reset that was seen in a frame.
    pub fn reset_at(&self, mark: Mark) -> Option<&Reset> {
        self.resets
            .iter()
            .find(|reset| reset.mark.at == mark.at || reset.passed.is_some_and(|passed| passed.at == mark.at))
    }
}

/// A pair of points in order on the path, with the clocks compared.
#[derive(Clone, Copy, Debug)]
struct Placed {
    /// Whether the first of the two is nearer to the client.
    first_near_client: bool,
    /// Second minus first.
    offset: i64,
    transit: i64,
    hops: Option<u8>,
}

/// Compares what the outermost points saw.
pub fn compare(seen: &[Seen]) -> Option<Views> {
    let mut best: Option<(i64, usize, usize, Placed)> = None;
    for (at, first) in seen.iter().enumerate() {
        for (other, second) in seen.iter().enumerate().skip(at + 1) {
            let Some(placed) = place(first, second) else { continue };
            if best.is_none_or(|(transit, ..)| placed.transit > transit) {
                best = Some((placed.transit, at, other, placed));
            }
        }
    }
    let (_, at, other, placed) = best?;
    let (first, second) = (seen.get(at)?, seen.get(other)?);
    let (client, server, offset) = if placed.first_near_client {
        (first, second, placed.offset)
    } else {
        (second, first, placed.offset.saturating_neg())
    };
    let pair = Pair { client, server, offset, margin: placed.transit.saturating_mul(4).max(MARGIN) };
    let complete = (pair.is_complete(Side::Client), pair.is_complete(Side::Server));
    let mut to_server = cross(&pair, Side::Client);
    let mut to_client = cross(&pair, Side::Server);
    // What the sender's point lacks and the receiver's has, the former did not capture: it may lack anything.
    let sound = (complete.0 && !to_server.appeared, complete.1 && !to_client.appeared);
    to_server.is_proof = sound.1;
    to_client.is_proof = sound.0;
    let resets = resets(&pair, sound);
    Some(Views {
        client_side: client.vantage,
        server_side: server.vantage,
        at_client: is_unrouted(client, Side::Client),
        at_server: is_unrouted(server, Side::Server),
        hops: placed.hops,
        transit: placed.transit,
        offset,
        to_server,
        to_client,
        resets,
        last: [client, server].map(|point| point.all().last().map(Sighting::mark)),
    })
}

/// A packet may need this long between the points, or the clocks be this wrong, at least.
const MARGIN: i64 = 50 * time::MILLISECOND;

/// Two points, the client's first.
pub(super) struct Pair<'a> {
    client: &'a Seen,
    server: &'a Seen,
    /// The clock of the server's side minus that of the client's.
    offset: i64,
    margin: i64,
}

impl<'a> Pair<'a> {
    const fn point(&self, side: Side) -> &'a Seen {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }

    /// All that `point` saw of what `from` sent.
    pub(super) fn sightings(&self, point: Side, from: Side) -> impl Iterator<Item = &'a Sighting> + use<'a> {
        self.point(point).all().filter(move |sighting| sighting.from == from)
    }

    /// Whether the point on `side` would have captured what the other one saw in `sighting`: before, where that side
    /// sent it, and after, where it was to receive it.
    pub(super) fn covers(&self, side: Side, sighting: &Sighting) -> bool {
        let shift = if side == Side::Server { self.offset } else { self.offset.saturating_neg() };
        let now = sighting.time.shifted(shift);
        let moment = if sighting.from == side {
            Window { start: now.shifted(self.margin.saturating_neg()), end: now }
        } else {
            Window { start: now, end: now.shifted(self.margin) }
        };
        self.point(side)
            .coverage()
            .iter()
            .any(|window| window.contains(moment.start) && window.contains(moment.end))
    }

    /// What the clock of the point on the other side than `from`'s showed when `from`'s point showed `moment`.
    pub(super) fn at_receiver(&self, from: Side, moment: Timestamp) -> Timestamp {
        moment.shifted(if from == Side::Client { self.offset } else { self.offset.saturating_neg() })
    }

    /// How much later a packet may be at the other point.
    pub(super) const fn margin(&self) -> i64 {
        self.margin
    }

    /// The last segment of the connection that the point on `side` saw before `moment`, or the first after it.
    fn witness(&self, side: Side, moment: Timestamp) -> Option<Mark> {
        let point = self.point(side);
        let before = point.all().filter(|own| own.time <= moment).last();
        before.or_else(|| point.all().next()).map(Sighting::mark)
    }

    /// Whether a segment bears the time to live with which systems send, where its sender's others do as well.
    fn is_own(&self, from: Side, sighting: &Sighting) -> bool {
        is_unrouted(self.point(from), from) && is_initial(sighting.ttl)
    }

    /// Whether the point on `side` holds everything that was acknowledged.
    fn is_complete(&self, side: Side) -> bool {
        let point = self.point(side);
        !point.drops && point.stretches.iter().all(|stretch| is_complete(stretch))
    }
}

impl Seen {
    fn all(&self) -> impl Iterator<Item = &Sighting> {
        self.stretches.iter().flatten()
    }

    /// The times of which it holds everything that passed.
    fn coverage(&self) -> Vec<Window> {
        match self.stretches.as_slice() {
            [first, .., last] => {
                let until = first.last().map_or(self.window.start, |sighting| sighting.time);
                let from = last.first().map_or(self.window.end, |sighting| sighting.time);
                vec![
                    Window { start: self.window.start, end: until },
                    Window { start: from, end: self.window.end },
                ]
            }
            _ => vec![self.window],
        }
    }
}

/// What makes a packet the same at two points; an address translation changes neither.
type Key = (Side, u32, u32, u32, u8);

const fn key(sighting: &Sighting) -> Key {
    (sighting.from, sighting.seq, sighting.ack, sighting.length, sighting.flags.0)
}

/// Packets that a point saw exactly once.
fn once(seen: &Seen) -> BTreeMap<Key, &Sighting> {
    let mut by_key: BTreeMap<Key, (&Sighting, u32)> = BTreeMap::new();
    for sighting in seen.all() {
        by_key.entry(key(sighting)).or_insert((sighting, 0)).1 += 1;
    }
    by_key.into_iter().filter(|(_, (_, count))| *count == 1).map(|(key, (own, _))| (key, own)).collect()
}

/// Where two points stand on the path. Nothing where they are one place, or where that cannot be told.
fn place(first: &Seen, second: &Seen) -> Option<Placed> {
    /// Less is the resolution of the clocks: the points are one.
    const APART: i64 = 3_000;
    let (one, other) = (once(first), once(second));
    let mut differences: [Vec<i64>; 2] = [Vec::new(), Vec::new()];
    let mut lived: [Vec<i16>; 2] = [Vec::new(), Vec::new()];
    for (key, own) in &one {
        let Some(there) = other.get(key) else { continue };
        let way = usize::from(own.from == Side::Server);
        if let (Some(times), Some(lives)) = (differences.get_mut(way), lived.get_mut(way)) {
            times.push(there.time - own.time);
            lives.push(i16::from(own.ttl) - i16::from(there.ttl));
        }
    }
    let [to_server, to_client] = &mut differences;
    // A packet of the client lives longer at the point that is nearer to it, one of the server less long.
    let [from_client, from_server] = lived.map(|mut lives| median(&mut lives));
    let by_hops = match (from_client.unwrap_or(0), from_server.unwrap_or(0)) {
        (0, 0) => None,
        (down, up) if down >= 0 && up <= 0 => Some(true),
        (down, up) if down <= 0 && up >= 0 => Some(false),
        _ => None,
    };
    let (forth, back) = (median(to_server), median(to_client));
    let by_time = forth
        .zip(back)
        .map(|(forth, back)| forth.saturating_sub(back))
        .filter(|apart| apart.saturating_abs() > APART);
    let first_near_client = by_hops.or(by_time.map(|apart| apart > 0))?;
    // The quickest packet each way waited least.
    let quickest = |list: &[i64], least: bool| {
        let quick = if least { list.iter().min() } else { list.iter().max() };
        quick.copied()
    };
    let forth = quickest(to_server, first_near_client);
    let back = quickest(to_client, !first_near_client);
    let (offset, transit) = match forth.zip(back) {
        Some((forth, back)) => (i64::midpoint(forth, back), forth.saturating_sub(back).saturating_abs() / 2),
        None => (0, 0),
    };
    let hops = [from_client, from_server].into_iter().flatten().map(i16::unsigned_abs).max();
    Some(Placed { first_near_client, offset, transit, hops: hops.and_then(|hops| u8::try_from(hops).ok()) })
}

/// The one in the middle.
pub(super) fn median<T: Ord + Copy>(list: &mut [T]) -> Option<T> {
    list.sort_unstable();
    list.get(list.len() / 2).copied()
}

/// Whether packets of `side` were seen with the time to live that systems begin with.
fn is_unrouted(seen: &Seen, side: Side) -> bool {
    let mut own = seen.all().filter(|sighting| sighting.from == side && !sighting.flags.has(TcpFlags::RST));
    let first = own.next().map(|sighting| sighting.ttl);
    first.is_some_and(|ttl| is_initial(ttl) && own.all(|sighting| sighting.ttl == ttl))
}

/// The values that systems begin with: Unix, Windows, network devices.
const fn is_initial(ttl: u8) -> bool {
    matches!(ttl, 64 | 128 | 255)
}

/// Whether every byte that was acknowledged is there, both ways.
fn is_complete(stretch: &[Sighting]) -> bool {
    [Side::Client, Side::Server].into_iter().all(|from| {
        let Some(base) = stretch.iter().find(|own| own.from == from).map(|own| own.seq) else {
            // Nothing of one side, while the other acknowledges it.
            return !stretch.iter().any(|own| own.from != from && own.flags.has(TcpFlags::ACK));
        };
        let mut space = SeqSpace::new(base);
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        let mut acked: Option<i64> = None;
        for own in stretch {
            if own.from == from {
                let start = space.offset(own.seq);
                space.seen(start);
                let control = i64::from(own.flags.has(TcpFlags::SYN) || own.flags.has(TcpFlags::FIN));
                ranges.push((start, start + i64::from(own.length) + control));
            } else if own.flags.has(TcpFlags::ACK) && !own.flags.has(TcpFlags::RST) {
                acked = acked.max(Some(space.offset(own.ack)));
            }
        }
        ranges.sort_unstable();
        let mut end = ranges.first().map_or(0, |range| range.0);
        let acked = acked.unwrap_or(end);
        for (start, stop) in ranges {
            if start > end && end < acked {
                return false;
            }
            end = end.max(stop);
        }
        end >= acked
    })
}

/// The same reset is seen at both points within this time.
const SAME_RESET: i64 = 2 * time::SECOND;

fn resets(pair: &Pair<'_>, (client_is_sound, server_is_sound): (bool, bool)) -> Vec<Reset> {
    let mut found = Vec::new();
    for from in [Side::Client, Side::Server] {
        let reset = |sighting: &&Sighting| sighting.flags.has(TcpFlags::RST);
        let mut near: Vec<&Sighting> = pair.sightings(from, from).filter(reset).collect();
        let near_is_sound = if from == Side::Client { client_is_sound } else { server_is_sound };
        let shift = if from == Side::Server { pair.offset } else { pair.offset.saturating_neg() };
        for far in pair.sightings(from.other(), from).filter(reset) {
            let passed = near.iter().position(|own| {
                let apart = far.time.shifted(shift) - own.time;
                own.seq == far.seq
                    && own.flags == far.flags
                    && (own.ack == far.ack || !own.flags.has(TcpFlags::ACK))
                    && apart.saturating_abs() <= SAME_RESET
            });
            let passed = passed.map(|at| near.remove(at));
            let injected = passed.is_none() && near_is_sound && pair.covers(from, far);
            let origin = match passed {
                Some(_) => Some(Origin::Sent),
                None => injected.then_some(Origin::Injected),
            };
            let witness = injected.then(|| pair.witness(from, far.time.shifted(shift))).flatten();
            found.push(Reset {
                from,
                mark: far.mark(),
                passed: passed.map(Sighting::mark),
                origin,
                arrived: true,
                own: passed.is_some_and(|own| pair.is_own(from, own)),
                witness,
                sighting: *far,
            });
        }
        for own in near {
            found.push(Reset {
                from,
                mark: own.mark(),
                passed: Some(own.mark()),
                origin: Some(Origin::Sent),
                arrived: false,
                own: pair.is_own(from, own),
                witness: None,
                sighting: *own,
            });
        }
    }
    found.sort_by_key(|reset| reset.mark);
    found
}
