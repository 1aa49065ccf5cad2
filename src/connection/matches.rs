//! One packet in two captures, and what such packets tell of the captures: that they are two views of the same, or that
//! one goes on where the other ends.

use std::collections::BTreeMap;

use super::anchors::{Anchor, Extent};
use super::rings;
use crate::base::{Timestamp, Window, time};
use crate::packet::Endpoint;

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
    /// Whether its IP identification is the same; none where it has none.
    same: Option<bool>,
    /// Under other addresses.
    translated: bool,
}

/// Packets of one clock agree within this, the way from one capture to the other included.
const AGREE: i64 = 100 * time::MILLISECOND;

impl Match {
    pub(super) fn of(opens: bool, one: &Anchor, other: &Anchor) -> Self {
        Self {
            flow: (one.client, one.server),
            to_server: one.to_server,
            time: one.time,
            difference: other.time - one.time,
            opens,
            same: one.ip_id.zip(other.ip_id).map(|(one, other)| one == other),
            translated: (one.client, one.server) != (other.client, other.server),
        }
    }

    /// The same with the captures in the other order.
    pub(super) fn turn(&mut self) {
        self.time = self.time.shifted(self.difference);
        self.difference = self.difference.saturating_neg();
    }
}

/// Whether two captures are two views of the packets that both hold.
///
/// Where they were taken at the same time they are. Where one begins as the other ends they may be two files of a ring
/// buffer: a packet that is sent again, or passes two interfaces, may be in both. Then it takes proof.
pub(super) fn are_two_views(one: &Extent, other: &Extent, matches: &[Match]) -> bool {
    /// Packets that are on their way through a device that translates addresses, and captures on both sides, when a
    /// file ends.
    const ON_THE_WAY: usize = 3;
    is_at_once(&one.window, &other.window)
        || is_a_part(one.anchors.max(other.anchors), matches)
        || matches.iter().filter(|own| own.translated).count() > ON_THE_WAY
        || are_the_same(matches)
        || begin_and_go_on(matches)
        || are_many(matches)
}

/// Whether both were taken at the same time: for longer than two interfaces stamp their packets out of order.
fn is_at_once(one: &Window, other: &Window) -> bool {
    const OUT_OF_ORDER: i64 = 100 * time::MILLISECOND;
    let both = one.end.min(other.end) - one.start.max(other.start);
    let shorter = (one.end - one.start).min(other.end - other.start);
    both > OUT_OF_ORDER || both >= 0 && both.saturating_mul(2) >= shorter
}

/// Whether packets of the same moment are a good part of both.
fn is_a_part(anchors: usize, matches: &[Match]) -> bool {
    /// One in so many of the larger: the last file of a ring buffer may hold hardly anything.
    const PART: usize = 4;
    let at_once =
        matches.iter().filter(|own| own.difference.saturating_abs() <= AGREE && own.same != Some(false));
    at_once.count() * PART > anchors
}

/// Whether packets are the same by their identification and yet seconds apart: no packet lingers for so long.
fn are_the_same(matches: &[Match]) -> bool {
    const FEW: usize = 2;
    let away = matches.iter().filter(|own| own.difference.saturating_abs() > rings::OVERLAP);
    agree(away.filter(|own| own.same == Some(true))) >= FEW
}

/// Whether a connection is opened and goes on, each packet as much later: a SYN that is answered is not sent again, so
/// that no connection begins twice and says the same.
fn begin_and_go_on(matches: &[Match]) -> bool {
    let mut openings: BTreeMap<(Endpoint, Endpoint), Vec<i64>> = BTreeMap::new();
    let unlike = |own: &&Match| own.same != Some(false);
    for own in matches.iter().filter(unlike).filter(|own| own.opens) {
        openings.entry(own.flow).or_default().push(own.difference);
    }
    matches.iter().filter(unlike).filter(|own| !own.opens && own.difference.saturating_abs() > AGREE).any(
        |own| {
            let openings = openings.get(&own.flow).map_or(&[][..], Vec::as_slice);
            openings.iter().any(|opening| opening.abs_diff(own.difference) <= AGREE.unsigned_abs())
        },
    )
}

/// Whether so many packets of a connection agree, both ways, as are not sent again after an outage.
fn are_many(matches: &[Match]) -> bool {
    const MANY: usize = 8;
    const EACH_WAY: usize = 3;
    let mut flows: BTreeMap<(Endpoint, Endpoint), Vec<&Match>> = BTreeMap::new();
    for own in matches {
        if own.same != Some(false) && own.difference.saturating_abs() > AGREE {
            flows.entry(own.flow).or_default().push(own);
        }
    }
    flows.values().any(|own| {
        let way = |to_server: bool| agree(own.iter().copied().filter(|own| own.to_server == to_server));
        way(true).min(way(false)) >= EACH_WAY && agree(own.iter().copied()) >= MANY
    })
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
            same,
            translated: false,
        };
        (0_i64..).zip(later).map(own).collect()
    }

    #[test]
    fn what_is_taken_at_the_same_time_is_two_views() {
        let one = matches(&[3], None);
        assert!(are_two_views(&taken(0, 5000), &taken(2000, 90_000), &one));
        assert!(are_two_views(&taken(0, 200), &taken(10, 205), &one));
        assert!(!are_two_views(&taken(0, 60_000), &taken(59_990, 90_000), &one));
        assert!(!are_two_views(&taken(0, 60_000), &taken(60_001, 60_003), &one));
        assert!(are_two_views(&taken(0, 60_000), &taken(59_990, 90_000), &matches(&[0; 12], Some(true))));
    }

    #[test]
    fn a_clock_that_is_off_is_proven_by_more_than_what_is_sent_again() {
        let are = |matches: &[Match]| are_two_views(&taken(0, 2000), &taken(5000, 9000), matches);
        assert!(are(&matches(&[7000, 7000, 7001], None)), "a connection cannot begin twice");
        assert!(are(&matches(&[7000, 7001], Some(true))), "the same packets");
        let mut midway = matches(&[7000; 9], None);
        midway.remove(0);
        assert!(are(&midway), "in the middle of a session");
        // Sent again: everything by a clock of its own, the opening while it was not answered.
        assert!(!are(&matches(&[1000, 1000, 1000], Some(false))));
        assert!(!are(&matches(&[1000, 5000, 5400], None)));
        let mut again = matches(&[310; 6], None);
        again.remove(0);
        assert!(!are(&again));
        for (own, port) in midway.iter_mut().zip(1..) {
            own.flow.0.port = port;
        }
        assert!(!are(&midway), "of as many connections");
        // Stamped at two interfaces.
        assert!(!are_two_views(&taken(0, 2000), &taken(2001, 9000), &matches(&[60, 60, 61, 60], Some(true))));
    }
}
