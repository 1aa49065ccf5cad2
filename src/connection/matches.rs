//! One packet in two captures, and what such packets tell of the captures: that they are two views of the same, or that
//! one goes on where the other ends.

use std::collections::BTreeMap;

use super::anchors::{Anchor, Extent, Key, OVERLAP, Sighted};
use super::views::median;
use crate::base::{SourceId, Timestamp, Window, time};
use crate::packet::Endpoint;
use crate::stream::seq::SeqSpace;

/// One packet in two captures, or what looks like it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) flow: (Endpoint, Endpoint),
    pub(super) to_server: bool,
    pub(super) time: Timestamp,
    /// The second capture's stamp minus the first's.
    pub(super) difference: i64,
    /// It opens a connection.
    opens: bool,
    /// The number behind its last byte, and what it acknowledges.
    next: u32,
    ack: Option<u32>,
    /// Whether its IP identification is the same; none where it has none.
    pub(super) same: Option<bool>,
    /// Under other addresses.
    translated: bool,
}

/// A packet that is in more captures is compared with so many behind each.
const NEXT: usize = 64;
/// Comparisons that are remembered of all pairs of captures, and at least of each.
const ALL_MATCHES: usize = 1 << 20;
const MATCHES: usize = 64;
/// Differences within this width are one.
pub(super) const CLUSTER: i64 = 500 * time::MILLISECOND;
/// What is sent again soon may be in two parts of a capture, whatever their names.
const SEAM: i64 = 10 * time::SECOND;
/// Packets of two views are more than one in so many of the larger: the last file of a ring buffer may hold hardly
/// anything.
const PART: usize = 4;
/// Packets of one clock agree within this, the way from one capture to the other included.
const AGREE: i64 = 100 * time::MILLISECOND;

impl Match {
    pub(super) fn of(key: &Key, one: &Anchor, other: &Anchor) -> Self {
        Self {
            flow: (one.client, one.server),
            to_server: one.to_server,
            time: one.time,
            difference: other.time - one.time,
            opens: key.opens(),
            next: key.next(),
            ack: key.ack(),
            same: one.ip_id.zip(other.ip_id).map(|(one, other)| one == other),
            translated: (one.client, one.server) != (other.client, other.server),
        }
    }

    /// Whether it may be the same packet, seen so much later or earlier.
    fn is_later(&self, than: i64) -> bool {
        self.same != Some(false) && self.difference.saturating_abs() > than
    }

    /// Whether another one is as much later.
    fn agrees(&self, other: &Self) -> bool {
        self.difference.abs_diff(other.difference) <= AGREE.unsigned_abs()
    }

    /// The same with the captures in the other order.
    pub(super) fn turn(&mut self) {
        self.time = self.time.shifted(self.difference);
        self.difference = self.difference.saturating_neg();
    }
}

/// Packets that two captures hold, by these in order.
pub(super) fn of_all(by_key: &[Sighted], captures: usize) -> BTreeMap<(SourceId, SourceId), Vec<Match>> {
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

/// Packets with the same identification that are no chance.
const IDENTIFIED: usize = 2;

/// How many are the same by their identification.
fn identified<'a>(matches: impl Iterator<Item = &'a Match>) -> usize {
    matches.filter(|own| own.same == Some(true)).count()
}

/// How far the second clock is ahead, where packets tell so: one that may have been sent again tells nothing by itself.
pub(super) fn clearly_ahead(matches: &[Match]) -> Option<i64> {
    const SEVERAL: usize = 3;
    let mut own: Vec<&Match> = matches.iter().filter(|own| own.same != Some(false)).collect();
    let mut differences: Vec<i64> = own.iter().map(|own| own.difference).collect();
    let middle = median(&mut differences)?;
    own.retain(|own| own.difference.abs_diff(middle) <= CLUSTER.unsigned_abs());
    (own.len() >= SEVERAL || identified(own.iter().copied()) >= IDENTIFIED).then_some(middle)
}

/// Whether two captures are two views of the packets that both hold.
///
/// Where they were taken at the same time they are. Where one begins as the other ends they may be two files of a ring
/// buffer: a packet that is sent again, or passes two interfaces, may be in both. Then it takes proof, and less of it
/// where their names are not `alike`.
pub(super) fn are_two_views(one: &Extent, other: &Extent, alike: bool, matches: &[Match]) -> bool {
    /// Packets that are on their way through a device that translates addresses, and captures on both sides, when a
    /// file ends.
    const ON_THE_WAY: usize = 3;
    is_at_once(&one.window, &other.window)
        || is_a_part(one.anchors.max(other.anchors), matches, if alike { AGREE } else { i64::MAX })
        || !alike
            && (matches.iter().any(|own| own.is_later(SEAM)) || identified(matches.iter()) >= IDENTIFIED)
        || is_a_later_part(one.anchors.max(other.anchors), matches)
        || matches.iter().filter(|own| own.translated).count() > ON_THE_WAY
        || are_the_same(matches)
        || are_spread(matches)
        || by_flow(matches).iter().any(|own| begins_and_goes_on(own) || is_a_talk(own))
}

/// Whether both were taken at the same time: for longer than two interfaces stamp their packets out of order.
fn is_at_once(one: &Window, other: &Window) -> bool {
    const OUT_OF_ORDER: i64 = 100 * time::MILLISECOND;
    let both = one.end.min(other.end) - one.start.max(other.start);
    let shorter = (one.end - one.start).min(other.end - other.start);
    both > OUT_OF_ORDER || both >= 0 && both.saturating_mul(2) >= shorter
}

/// Whether packets that are no more than this apart are a good part of both.
fn is_a_part(anchors: usize, matches: &[Match], apart: i64) -> bool {
    let near = |own: &&Match| own.same != Some(false) && own.difference.saturating_abs() <= apart;
    matches.iter().filter(near).count() * PART > anchors
}

/// Whether what both sides said is a good part of both, and later by more than what is sent again: an opening may be.
fn is_a_later_part(anchors: usize, matches: &[Match]) -> bool {
    let mut later: Vec<&Match> = matches.iter().filter(|own| own.is_later(SEAM)).collect();
    later.sort_unstable_by_key(|own| own.difference);
    later.chunk_by(|one, next| next.difference - one.difference <= AGREE).any(|alike| {
        let says = |to_server: bool| alike.iter().any(|own| own.to_server == to_server && !own.opens);
        says(true) && says(false) && alike.len() * PART > anchors
    })
}

/// Whether packets are the same by their identification and yet seconds apart: no packet lingers for so long.
fn are_the_same(matches: &[Match]) -> bool {
    const FEW: usize = 2;
    let away = matches.iter().filter(|own| own.difference.saturating_abs() > OVERLAP);
    agree(away.filter(|own| own.same == Some(true))) >= FEW
}

/// Whether packets of a longer time are all as much later: what is under way when a path fails is of one moment.
fn are_spread(matches: &[Match]) -> bool {
    const FEW: usize = 3;
    const MOMENT: i64 = 3 * time::SECOND;
    let mut away: Vec<&Match> = matches.iter().filter(|own| own.is_later(OVERLAP)).collect();
    away.sort_unstable_by_key(|own| own.difference);
    let alike = away.chunk_by(|one, next| next.difference - one.difference <= AGREE / 10);
    alike.filter(|alike| alike.len() >= FEW).any(|alike| {
        let times = alike.iter().map(|own| own.time);
        times.clone().max().zip(times.min()).is_some_and(|(last, first)| last - first > MOMENT)
    })
}

/// The packets of each connection that may be the same.
fn by_flow(matches: &[Match]) -> Vec<Vec<Match>> {
    let mut flows: BTreeMap<(Endpoint, Endpoint), Vec<Match>> = BTreeMap::new();
    for own in matches.iter().filter(|own| own.is_later(AGREE)) {
        flows.entry(own.flow).or_default().push(*own);
    }
    flows.into_values().collect()
}

/// Whether a connection is opened and goes on, each packet as much later: a SYN that is answered is not sent again, so
/// that no connection begins twice and says the same.
fn begins_and_goes_on(flow: &[Match]) -> bool {
    let mut openings = flow.iter().filter(|own| own.opens);
    openings.any(|opening| flow.iter().any(|own| !own.opens && own.agrees(opening)))
}

/// Whether one side says something, the other answers, and the first goes on behind the answer: then what it said first
/// had arrived, and is not sent again.
fn is_a_talk(flow: &[Match]) -> bool {
    let mut differences: Vec<i64> = flow.iter().map(|own| own.difference).collect();
    let Some(middle) = median(&mut differences) else { return false };
    let mut own: Vec<&Match> =
        flow.iter().filter(|own| own.difference.abs_diff(middle) <= AGREE.unsigned_abs()).collect();
    own.sort_unstable_by_key(|own| own.time);
    // What each side said, and what it said behind an answer: up to the least number.
    let (mut said, mut answered) = ([None; 2], [None; 2]);
    for own in own {
        let (side, other) = if own.to_server { (0, 1) } else { (1, 0) };
        let is_behind = |list: &[Option<u32>; 2]| {
            let next = list.get(other).copied().flatten();
            own.ack.zip(next).is_some_and(|(ack, next)| is_at_least(ack, next))
        };
        if is_behind(&answered) {
            return true;
        }
        if is_behind(&said) {
            lower(&mut answered, side, own.next);
        }
        lower(&mut said, side, own.next);
    }
    false
}

/// The least number of a side.
fn lower(least: &mut [Option<u32>; 2], side: usize, number: u32) {
    if let Some(least) = least.get_mut(side)
        && least.is_none_or(|least| !is_at_least(number, least))
    {
        *least = Some(number);
    }
}

/// Whether a number of the same side is no less than another one.
fn is_at_least(number: u32, other: u32) -> bool {
    SeqSpace::new(other).offset(number) >= 0
}

/// How many at the most differ alike.
fn agree<'a>(matches: impl Iterator<Item = &'a Match>) -> usize {
    let mut differences: Vec<i64> = matches.map(|own| own.difference).collect();
    differences.sort_unstable();
    let (mut from, mut most) = (0, 0);
    for (at, difference) in differences.iter().enumerate() {
        while differences.get(from).is_some_and(|first| difference.abs_diff(*first) > AGREE.unsigned_abs()) {
            from += 1;
        }
        most = most.max(at + 1 - from);
    }
    most
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// From one to another time, in milliseconds.
    fn taken(start: i64, end: i64) -> Extent {
        let [start, end] = [start, end].map(|at| Timestamp::from_nanos(at * time::MILLISECOND));
        Extent { window: Window { start, end }, anchors: 40 }
    }

    /// Packets of one connection, the first of which opens it, each so many milliseconds later in the other capture.
    fn matches(later: &[i64], same: Option<bool>) -> Vec<Match> {
        let ends = Endpoint { ip: Ipv4Addr::LOCALHOST.into(), port: 1 };
        let own = |(at, later): (i64, &i64)| Match {
            flow: (ends, ends),
            to_server: at % 2 == 0,
            time: Timestamp::from_nanos(at * time::MILLISECOND),
            difference: later * time::MILLISECOND,
            opens: at == 0,
            next: 0,
            ack: None,
            same,
            translated: false,
        };
        (0_i64..).zip(later).map(own).collect()
    }

    /// A SYN of the client's port, or the answer to one.
    fn opening(port: u16, to_server: bool, later: i64) -> Match {
        let [mut own, ..] = matches(&[later], None)[..] else { unreachable!() };
        own.flow.0.port = port;
        Match { to_server, ..own }
    }

    #[test]
    fn what_is_taken_at_the_same_time_is_two_views() {
        let one = matches(&[3], None);
        assert!(are_two_views(&taken(0, 5000), &taken(2000, 90_000), true, &one));
        assert!(are_two_views(&taken(0, 200), &taken(10, 205), true, &one));
        assert!(!are_two_views(&taken(0, 60_000), &taken(59_990, 90_000), true, &one));
        assert!(!are_two_views(&taken(0, 60_000), &taken(60_001, 60_003), true, &one));
        assert!(are_two_views(
            &taken(0, 60_000),
            &taken(59_990, 90_000),
            true,
            &matches(&[0; 12], Some(true))
        ));
    }

    #[test]
    fn a_clock_that_is_off_is_proven_by_more_than_what_is_sent_again() {
        let are = |matches: &[Match]| are_two_views(&taken(0, 2000), &taken(5000, 9000), true, matches);
        assert!(are(&matches(&[7000, 7000, 7001], None)), "a connection cannot begin twice");
        assert!(are(&matches(&[7000, 7001], Some(true))), "the same packets");
        let syns: Vec<Match> = (1..4).map(|port| opening(port, true, 7000)).collect();
        assert!(!are(&syns), "of one moment");
        assert!(!are(&[opening(1, true, 4000), opening(1, false, 4001)]), "the answer may be lost twice");
        let spread: Vec<Match> = (1..4)
            .map(|port| Match {
                time: Timestamp::from_nanos(i64::from(port) * 2 * time::SECOND),
                ..opening(port, true, 7000)
            })
            .collect();
        assert!(are(&spread), "of several moments");
        let mut talk = matches(&[7000, 7000, 7000, 7000], None);
        for (own, (next, ack)) in talk.iter_mut().zip([(0, 0), (50, 900), (950, 50), (80, 950)]) {
            (own.next, own.ack, own.opens) = (next, Some(ack), false);
        }
        assert!(are(&talk[1..]), "what is answered is not said again");
        assert!(!are(&talk[1..3]), "the answer may be lost");
        // Sent again: everything by a clock of its own, the opening while it was not answered.
        assert!(!are(&matches(&[1000, 1000, 1000], Some(false))));
        assert!(!are(&matches(&[1000, 5000, 5400], None)));
        let named = |matches: &[Match]| are_two_views(&taken(0, 2000), &taken(5000, 9000), false, matches);
        assert!(named(&matches(&[40_000], None)) && !named(&matches(&[4000], None)), "other names");
        let few = |later: i64| -> Vec<Match> {
            let opened = matches(&[later; 3], None);
            opened.iter().skip(1).map(|own| Match { opens: false, ..*own }).collect()
        };
        let short = Extent { anchors: 3, ..taken(0, 2000) };
        assert!(are_two_views(&short, &Extent { anchors: 3, ..taken(41_000, 43_000) }, true, &few(40_000)));
        assert!(!are_two_views(&short, &Extent { anchors: 3, ..taken(5000, 9000) }, true, &few(4000)));
        // Stamped at two interfaces.
        assert!(!are_two_views(
            &taken(0, 2000),
            &taken(2001, 9000),
            true,
            &matches(&[60, 60, 61, 60], Some(true))
        ));
    }
}
