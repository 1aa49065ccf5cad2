//! Connections of a flood, read in pieces: of each what a group needs to know, of each pattern a few whole.
//!
//! A batch has thousands of connections, a connection kilobytes: the rest is dropped as soon as it is read. Decides
//! nothing; that is [`super::fold`].

use std::collections::BTreeSet;
use std::hash::Hash;
use std::rc::Rc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::outline::{Bytes, Reading};
use super::pattern::{Head, Pair, Pattern};
use crate::base::Mark;
use crate::base::keyed::KeyedMap;
use crate::connection::ended::Ended;
use crate::connection::{Connection, Stage};
use crate::correlate::Attempt;
use crate::correlate::surroundings::Other;
use crate::packet::{Endpoint, PairKey};

/// Connections that are read in one go by one thread.
const PIECE: usize = 512;

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

/// A connection that was kept whole.
#[derive(Debug)]
pub(super) enum Whole<'a> {
    /// Read.
    Read(Box<Attempt>),
    /// To be read: its segments are less than what they tell.
    Ended(Ended<'a>),
}

impl Whole<'_> {
    /// What it tells.
    pub fn connection(self) -> Connection {
        match self {
            Self::Read(attempt) => attempt.connection,
            Self::Ended(ended) => ended.trace(),
        }
    }

    /// Does something with it as an attempt.
    pub fn with<T>(&self, act: impl FnOnce(&Attempt) -> T) -> T {
        match self {
            Self::Read(attempt) => act(attempt),
            Self::Ended(ended) => act(&alone(ended.connection())),
        }
    }
}

/// A connection of which no log speaks.
const fn alone(connection: Connection) -> Attempt {
    Attempt { connection, events: Vec::new() }
}

/// Connections that were read.
#[derive(Debug, Default)]
pub(super) struct Batch<'a> {
    /// Every one, in order.
    pub briefs: Vec<Brief>,
    /// The same, for the others to know.
    pub others: Vec<Other>,
    /// Those that were kept whole: all that must be, and of each pattern at least the first few.
    pub whole: Vec<Option<Whole<'a>>>,
    /// The first of each pattern, by its place in `whole`.
    pub patterns: Vec<usize>,
}

/// The bytes that tell a pattern from all others.
type Code = Box<[u8]>;

/// What one thread read.
#[derive(Default)]
struct Piece<'a> {
    batch: Batch<'a>,
    codes: Vec<Code>,
}

/// Reads connections. Whole stay those that `keep` names, and of the others the first `few` of each pattern.
/// `joint` are the names that several sources try.
pub(super) fn read<'a>(
    ended: Vec<Ended<'a>>,
    few: u32,
    joint: &BTreeSet<String>,
    keep: &(impl Fn(Endpoint, bool) -> bool + Sync),
) -> Batch<'a> {
    let mut of_pair: KeyedMap<PairKey, usize> = KeyedMap::default();
    for one in &ended {
        *of_pair.entry(PairKey::new(one.client().ip, one.server())).or_default() += 1;
    }
    let pair = |at: usize, one: &Ended<'_>| {
        let count = of_pair.get(&PairKey::new(one.client().ip, one.server())).copied();
        Pair::of(at, one.client().ip, count.unwrap_or(0))
    };
    let pieces: Vec<Piece<'a>> = ended
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

fn read_piece<'a>(
    ended: impl Iterator<Item = (Pair, Ended<'a>)>,
    few: u32,
    joint: &BTreeSet<String>,
    keep: &impl Fn(Endpoint, bool) -> bool,
) -> Piece<'a> {
    let mut piece = Piece::default();
    let mut known: FxHashMap<Code, (usize, u32)> = FxHashMap::default();
    let mut code = Bytes::default();
    for (pair, one) in ended {
        let read = One::of(one);
        let (mut brief, other) = read.brief();
        let is_joint = other.name.as_ref().is_some_and(|name| joint.contains(name));
        code.0.clear();
        Head::new(pair, is_joint, brief.server, brief.first.at.source()).hash(&mut code);
        read.pattern(&mut code);
        let Piece { batch, codes } = &mut piece;
        let is_new = !known.contains_key(code.0.as_slice());
        if is_new {
            codes.push(code.0.as_slice().into());
            known.insert(code.0.as_slice().into(), (batch.patterns.len(), 0));
            batch.patterns.push(batch.whole.len());
        }
        let Some((pattern, kept)) = known.get_mut(code.0.as_slice()) else { continue };
        let named = keep(brief.client, brief.session);
        brief.pattern = *pattern;
        brief.whole = (named || *kept < few).then_some(batch.whole.len());
        *kept += u32::from(!named);
        if brief.whole.is_some() {
            batch.whole.push(Some(read.whole(is_new)));
        }
        batch.others.push(other);
        batch.briefs.push(brief);
    }
    piece
}

/// One connection, read as far as needed.
enum One<'a> {
    /// As one with the same outline was.
    Alike(Ended<'a>, Rc<Reading>),
    /// By itself; and what it was read from, unless there is too much of it to be kept.
    Read(Box<Attempt>, Option<Ended<'a>>),
}

impl<'a> One<'a> {
    fn of(ended: Ended<'a>) -> Self {
        if let Some(reading) = Reading::of(&ended) {
            return Self::Alike(ended, reading);
        }
        if ended.young().is_some() {
            return Self::Read(Box::new(alone(ended.connection())), Some(ended));
        }
        Self::Read(Box::new(alone(ended.trace())), None)
    }

    fn brief(&self) -> (Brief, Other) {
        let (pattern, whole) = (usize::MAX, None);
        match self {
            Self::Alike(ended, reading) => {
                let other = reading.other(ended);
                let (client, server, first, last) =
                    (ended.client(), ended.server(), ended.first(), ended.last());
                let reached = reading.reached;
                (Brief { client, server, reached, first, last, session: false, pattern, whole }, other)
            }
            Self::Read(attempt, _) => {
                let own = &attempt.connection;
                let (client, server, first, last) = (own.client, own.server, own.first, own.last);
                let (reached, session) = (own.reached, own.reached_session());
                (Brief { client, server, reached, first, last, session, pattern, whole }, Other::of(own))
            }
        }
    }

    fn pattern(&self, code: &mut Bytes) {
        match self {
            Self::Alike(_, reading) => code.0.extend_from_slice(&reading.pattern),
            Self::Read(attempt, _) => Pattern::of(&attempt.connection).hash(code),
        }
    }

    /// The first of a pattern is judged at once, others hardly ever.
    fn whole(self, is_first: bool) -> Whole<'a> {
        match self {
            Self::Read(_, Some(ended)) if !is_first => Whole::Ended(ended),
            Self::Read(attempt, _) => Whole::Read(attempt),
            Self::Alike(ended, _) => Whole::Ended(ended),
        }
    }
}

/// All pieces in order: what one thread calls its first pattern is another's third.
fn joined(pieces: Vec<Piece<'_>>) -> Batch<'_> {
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
