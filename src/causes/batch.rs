//! Connections of a flood, each read only for what a group and the others need to know of it, and sorted by pattern.
//!
//! A batch has thousands of connections, a connection kilobytes: what was read is dropped at once, and read again of
//! the few that are judged or reported. Decides nothing; that is [`super::fold`].

use rayon::prelude::*;

use super::outline::Reading;
use super::pattern::Shape;
use crate::base::keyed::KeyedMap;
use crate::base::{Mark, SourceId};
use crate::connection::Stage;
use crate::connection::ended::Ended;
use crate::correlate::surroundings::Other;
use crate::packet::Endpoint;

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
        }
    }
}

/// Reads connections: what is kept of each, and what the others are to know of it.
pub(super) fn read(ended: &[Ended<'_>]) -> (Vec<Brief>, Vec<Other>) {
    let (mut briefs, mut others) = (Vec::new(), Vec::new());
    ended.par_iter().with_min_len(PIECE).map(Brief::of).unzip_into_vecs(&mut briefs, &mut others);
    (briefs, others)
}

/// Connections by what detectors look at in them.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    /// Of each connection its pattern.
    pub of: Vec<usize>,
    /// How many patterns there are.
    pub count: usize,
}

impl Patterns {
    /// Those of `briefs`.
    pub fn of(briefs: &[Brief]) -> Self {
        let mut known: KeyedMap<(Shape, Endpoint, SourceId), usize> = KeyedMap::default();
        let pattern = |brief: &Brief| {
            let next = known.len();
            *known.entry((brief.shape, brief.server, brief.first.at.source())).or_insert(next)
        };
        let of = briefs.iter().map(pattern).collect();
        Self { of, count: known.len() }
    }
}
