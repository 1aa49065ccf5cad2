//! Connections of a flood, read in pieces: of each what a group needs to know, of each pattern a few whole.
//!
//! A batch has thousands of connections, a connection kilobytes: the rest is dropped as soon as it is read. Decides
//! nothing; that is [`super::fold`].

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::pattern::{Pair, Pattern};
use crate::base::Mark;
use crate::connection::ended::Ended;
use crate::connection::{Connection, Stage};
use crate::correlate::Attempt;
use crate::correlate::surroundings::Other;
use crate::packet::Endpoint;

/// Connections that are read in one go by one thread.
const PIECE: usize = 256;

/// What is kept of every connection.
#[derive(Debug)]
pub(super) struct Brief {
    pub client: Endpoint,
    pub server: Endpoint,
    pub reached: Stage,
    pub first: Mark,
    pub last: Mark,
    pub session: bool,
    /// Which of [`Batch::patterns`] it has.
    pub pattern: usize,
    /// Where in [`Batch::whole`] it is, if it was kept whole.
    pub whole: Option<usize>,
}

/// Connections that were read.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Every one, in order.
    pub briefs: Vec<Brief>,
    /// The same, for the others to know.
    pub others: Vec<Other>,
    /// Those that were kept whole: all that must be, and of each pattern at least the first few.
    pub whole: Vec<Option<Box<Attempt>>>,
    /// The first of each pattern, by its place in `whole`.
    pub patterns: Vec<usize>,
}

/// The bytes that tell a pattern from all others.
type Code = Box<[u8]>;

/// What one thread read.
#[derive(Default)]
struct Piece {
    batch: Batch,
    codes: Vec<Code>,
}

/// Reads connections. Whole stay those that `keep` names, and of the others the first `few` of each pattern.
/// `joint` are the names that several sources try.
pub(super) fn read(
    ended: Vec<Ended>,
    few: u32,
    joint: &BTreeSet<String>,
    keep: &(impl Fn(&Connection) -> bool + Sync),
) -> Batch {
    let mut of_pair: FxHashMap<(IpAddr, Endpoint), usize> = FxHashMap::default();
    for one in &ended {
        *of_pair.entry((one.client().ip, one.server())).or_default() += 1;
    }
    let pair = |at: usize, one: &Ended| {
        let count = of_pair.get(&(one.client().ip, one.server())).copied();
        Pair::of(at, one.client().ip, count.unwrap_or(0))
    };
    let pieces: Vec<Piece> = ended
        .into_par_iter()
        .chunks(PIECE)
        .enumerate()
        .map(|(piece, ended)| {
            let first = piece * PIECE;
            read_piece(
                ended.into_iter().enumerate().map(|(at, one)| (pair(first + at, &one), one)),
                few,
                joint,
                keep,
            )
        })
        .collect();
    joined(pieces)
}

fn read_piece(
    ended: impl Iterator<Item = (Pair, Ended)>,
    few: u32,
    joint: &BTreeSet<String>,
    keep: &impl Fn(&Connection) -> bool,
) -> Piece {
    let mut piece = Piece::default();
    let mut known: FxHashMap<Code, (usize, u32)> = FxHashMap::default();
    let mut code = Bytes::default();
    for (pair, one) in ended {
        let connection = one.trace();
        code.0.clear();
        let other = Other::of(&connection);
        let is_joint = other.name.as_ref().is_some_and(|name| joint.contains(name));
        Pattern::of(&connection, pair, is_joint).hash(&mut code);
        let Piece { batch, codes } = &mut piece;
        let is_new = !known.contains_key(code.0.as_slice());
        if is_new {
            codes.push(code.0.as_slice().into());
            known.insert(code.0.as_slice().into(), (batch.patterns.len(), 0));
            batch.patterns.push(batch.whole.len());
        }
        let Some((pattern, kept)) = known.get_mut(code.0.as_slice()) else { continue };
        let named = keep(&connection);
        let whole = (named || *kept < few).then_some(batch.whole.len());
        *kept += u32::from(!named);
        batch.others.push(other);
        batch.briefs.push(Brief {
            client: connection.client,
            server: connection.server,
            reached: connection.reached,
            first: connection.first,
            last: connection.last,
            session: connection.reached_session(),
            pattern: *pattern,
            whole,
        });
        if whole.is_some() {
            batch.whole.push(Some(Box::new(Attempt { connection, events: Vec::new() })));
        }
    }
    piece
}

/// All pieces in order: what one thread calls its first pattern is another's third.
fn joined(pieces: Vec<Piece>) -> Batch {
    let mut all = Batch::default();
    let mut known: FxHashMap<Code, usize> = FxHashMap::default();
    for Piece { batch, codes } in pieces {
        let shift = all.whole.len();
        let places: Vec<usize> = codes
            .into_iter()
            .zip(batch.patterns)
            .map(|(code, first)| {
                *known.entry(code).or_insert_with(|| {
                    all.patterns.push(first + shift);
                    all.patterns.len() - 1
                })
            })
            .collect();
        all.briefs.extend(batch.briefs.into_iter().map(|brief| Brief {
            pattern: places.get(brief.pattern).copied().unwrap_or(usize::MAX),
            whole: brief.whole.map(|at| at + shift),
            ..brief
        }));
        all.others.extend(batch.others);
        all.whole.extend(batch.whole);
    }
    all
}

/// Takes what is hashed as it is: equal bytes mean equal values, not just equal sums.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
