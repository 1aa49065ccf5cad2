//! Connections of a flood, each read only for what a group and the others need to know of it, and sorted by pattern.
//!
//! A batch has thousands of connections, a connection kilobytes: what was read is dropped at once, and read again of
//! the few that are judged or reported. Decides nothing; that is [`super::fold`].

use std::collections::hash_map::Entry;
use std::sync::Arc;

use rayon::prelude::*;

use super::outline::Reading;
use super::pattern::{Head, Pair, Shape};
use crate::base::Mark;
use crate::base::keyed::KeyedMap;
use crate::connection::Stage;
use crate::connection::ended::Ended;
use crate::correlate::surroundings::{Names, Other};
use crate::packet::{Endpoint, PairKey};

/// Connections that one thread reads in one go: they fit its cache.
const PIECE: usize = 128;

/// What is kept of every connection.
#[derive(Debug)]
pub(super) struct Brief {
    pub client: Endpoint,
    pub server: Endpoint,
    pub reached: Stage,
    pub first: Mark,
    pub last: Mark,
    pub session: bool,
    shape: Shape,
    name: Option<Arc<str>>,
}

impl Brief {
    /// What is to be known of `ended`; and what the others are to know of it.
    fn of(ended: &Ended<'_>) -> (Self, Other) {
        if let Some(read) = Reading::of(ended, |reading| {
            let other = reading.other(ended);
            (Self::new(ended, reading.reached, false, reading.shape, &other), other)
        }) {
            return read;
        }
        let connection = ended.connection();
        let other = Other::of(&connection);
        let (session, shape) = (connection.reached_session(), Shape::of(&connection));
        (Self::new(ended, connection.reached, session, shape, &other), other)
    }

    fn new(ended: &Ended<'_>, reached: Stage, session: bool, shape: Shape, other: &Other) -> Self {
        Self {
            client: ended.client(),
            server: ended.server(),
            reached,
            first: other.first,
            last: ended.last(),
            session,
            shape,
            name: other.name.clone(),
        }
    }
}

/// Reads connections: what is kept of each, and what the others are to know of it.
pub(super) fn read(ended: &[Ended<'_>]) -> (Vec<Brief>, Vec<Other>) {
    let (mut briefs, mut others) = (Vec::new(), Vec::new());
    ended.par_iter().with_min_len(PIECE).map(Brief::of).unzip_into_vecs(&mut briefs, &mut others);
    (briefs, others)
}

/// Connections by client and server.
#[derive(Debug)]
pub(super) struct Pairs {
    /// Of each connection its pair.
    of: Vec<usize>,
    /// How many are of each pair.
    counts: Vec<usize>,
}

impl Pairs {
    /// Those of `briefs`.
    pub fn of(briefs: &[Brief]) -> Self {
        let mut known: KeyedMap<PairKey, usize> = KeyedMap::default();
        known.reserve(briefs.len());
        let mut all = Self { of: Vec::with_capacity(briefs.len()), counts: Vec::new() };
        for brief in briefs {
            let next = all.counts.len();
            let pair = *known.entry(PairKey::new(brief.client.ip, brief.server)).or_insert(next);
            match all.counts.get_mut(pair) {
                Some(count) => *count += 1,
                None => all.counts.push(1),
            }
            all.of.push(pair);
        }
        all
    }
}

/// Connections by what detectors look at.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    /// Of each connection its pattern.
    pub of: Vec<usize>,
    /// Of each pattern the first connection that has it.
    pub first: Vec<usize>,
}

impl Patterns {
    /// Those of `briefs`. `joint` are the names that several sources try.
    pub fn of(briefs: &[Brief], pairs: &Pairs, joint: &Names) -> Self {
        let mut all = Self { of: Vec::with_capacity(briefs.len()), first: Vec::new() };
        let mut known: KeyedMap<(Shape, Head), usize> = KeyedMap::default();
        for ((at, brief), pair) in briefs.iter().enumerate().zip(&pairs.of) {
            let count = pairs.counts.get(*pair).copied().unwrap_or(0);
            let is_joint = brief.name.as_ref().is_some_and(|name| joint.contains(name));
            let pair = Pair::of(at, brief.client.ip, count);
            let head = Head::new(pair, is_joint, brief.server, brief.first.at.source());
            let pattern = match known.entry((brief.shape, head)) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    all.first.push(at);
                    *new.insert(all.first.len() - 1)
                }
            };
            all.of.push(pattern);
        }
        all
    }
}
