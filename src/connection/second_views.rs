//! Connections that two captures may show, where one of these shows few: the capture of a client, beside that of a
//! server in a flood.
//!
//! What is folded is judged by one view and counted for each: these must stay single until both views are compared.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::ended::Ended;
use crate::base::SourceId;
use crate::base::keyed::Keyed;
use crate::packet::{Endpoint, Segment};
use crate::stream::Kept;

type Set<T> = HashSet<T, Keyed>;

/// Connections of all captures that show few, together.
pub const FEW: usize = 2048;

/// By what the connections of a capture are known in another one, as far as they are [few](FEW).
#[derive(Debug, Default)]
pub(super) struct Openings {
    /// Their ends, the lesser first.
    ends: Set<(Endpoint, Endpoint)>,
    /// Initial sequence numbers of clients, and of clients and their servers: under other addresses these are the same.
    asked: Set<u32>,
    answered: Set<(u32, u32)>,
    last: Option<(Endpoint, Endpoint)>,
    /// There are more than are known.
    beyond: bool,
}

impl Openings {
    /// Takes the next segment.
    pub(super) fn take(&mut self, segment: &Segment) {
        if self.are_many() {
            return;
        }
        let ends = ends(segment.from, segment.to);
        if self.last != Some(ends) {
            self.ends.insert(ends);
            self.last = Some(ends);
        }
        if segment.flags.opens() {
            self.asked.insert(segment.seq);
        } else if segment.flags.accepts() {
            self.answered.insert((segment.ack.wrapping_sub(1), segment.seq));
        }
    }

    /// How many connections are known, at the least.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Of a capture that has more than there is room for.
    pub(super) fn beyond() -> Self {
        Self { beyond: true, ..Self::default() }
    }

    fn are_many(&self) -> bool {
        // Of one connection several attempts may have the same ends, or several ends the same numbers.
        self.beyond || self.ends.len().max(self.asked.len()).max(self.answered.len()) > FEW
    }

    fn are_many_with(&self, other: &Self) -> bool {
        let ends = self.ends.union(&other.ends).count();
        let asked = self.asked.union(&other.asked).count();
        let answered = self.answered.union(&other.answered).count();
        ends.max(asked).max(answered) > FEW
    }

    /// Those of the next file of a ring buffer.
    pub(super) fn add(&mut self, other: Self) {
        self.beyond |= other.beyond;
        if !self.are_many() {
            self.ends.extend(other.ends);
            self.asked.extend(other.asked);
            self.answered.extend(other.answered);
        }
    }
}

fn ends(one: Endpoint, other: Endpoint) -> (Endpoint, Endpoint) {
    (one.min(other), one.max(other))
}

/// Which connections may have a second view.
#[derive(Debug, Default)]
pub struct SecondViews {
    /// Captures that show few connections, and packets that another one shows; by their first files.
    rings: BTreeSet<SourceId>,
    all: Openings,
    /// Servers' numbers of those that were answered.
    answers: Set<u32>,
    /// Clients' numbers of those that were not.
    unanswered: Set<u32>,
}

impl SecondViews {
    /// Of captures that show the same packets: those with the fewest connections, as far as they are few together.
    pub(super) fn of(openings: BTreeMap<SourceId, Openings>) -> Self {
        let mut all: Vec<(SourceId, Openings)> = openings.into_iter().collect();
        all.sort_by_key(|(source, own)| (own.are_many(), own.ends.len(), *source));
        let mut views = Self::default();
        for (source, own) in all {
            if own.are_many() || views.all.are_many_with(&own) {
                break;
            }
            views.rings.insert(source);
            views.all.add(own);
        }
        views.answers = views.all.answered.iter().map(|(_, server)| *server).collect();
        let answered: Set<u32> = views.all.answered.iter().map(|(client, _)| *client).collect();
        views.unanswered = views.all.asked.difference(&answered).copied().collect();
        views
    }

    /// Whether a capture, which this is the first file of, shows few connections, so that all of them are known.
    pub fn are_few(&self, ring: SourceId) -> bool {
        self.rings.contains(&ring)
    }

    /// Whether a connection stands in one of these captures, or may do so.
    pub fn may_hold(&self, ended: &Ended<'_>) -> bool {
        if self.rings.is_empty() {
            return false;
        }
        // Where several captures are read, every flow is one.
        let Kept::Grown(flow) = ended.flow() else { return false };
        let numbers = [&flow.syns, &flow.syn_acks].map(|list| list.first().map(|opening| opening.isn));
        self.all.ends.contains(&ends(flow.client, flow.server))
            || match numbers {
                [Some(asked), Some(answered)] => {
                    self.all.answered.contains(&(asked, answered)) || self.unanswered.contains(&asked)
                }
                [Some(asked), None] => self.all.asked.contains(&asked),
                [None, Some(answered)] => self.answers.contains(&answered),
                [None, None] => false,
            }
    }
}
