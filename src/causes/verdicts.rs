//! The causes of a batch: connections that are alike in themselves, and whose surroundings answer them the same, are
//! judged once.
//!
//! What a judged connection asked, and was answered, makes a tree: the others of its pattern go down it by their own
//! answers. Who comes to where nobody was before is judged itself.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Case;
use super::asked::{Asked, Asking};
use super::batch::Patterns;
use super::judge::cause_of;
use crate::connection::Connection;
use crate::correlate::surroundings::Own;
use crate::correlate::{Attempt, Surroundings};

type Cause = Option<&'static str>;

/// Connections that one thread takes down the trees in one go.
const PIECE: usize = 256;

/// Who shares which verdict.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// Of each connection which of the causes.
    pub of: Vec<usize>,
    /// The causes.
    pub causes: Vec<Cause>,
}

impl Verdicts {
    /// Those of connections that have these patterns and places among the others of `around`; each is read by its number.
    pub fn of(
        patterns: &Patterns,
        places: &[usize],
        around: &Surroundings,
        read: &(dyn Fn(usize) -> Option<Connection> + Sync),
    ) -> Self {
        let alone = around.alone();
        let own = |at: usize| around.others.own(*places.get(at)?);
        let judge = |at: usize| {
            let attempt = Attempt { connection: read(at)?, events: Vec::new() };
            let asked = Asked::new(own(at)?, around);
            let cause = cause_of(&Case::asking(&attempt, &alone, &asked)).map(|cause| cause.id);
            Some(Judged { asked: asked.finish(), cause })
        };
        let mut trees = Trees::new(patterns.count);
        let mut of = vec![usize::MAX; patterns.of.len()];
        let mut left: Vec<usize> = (0..of.len()).collect();
        // Each time all that are left come further down, and no tree is deeper than there are questions.
        while !left.is_empty() {
            let walk = |at: &usize| trees.walk(*patterns.of.get(*at)?, own(*at)?, around);
            let ends: Vec<Option<End>> = left.par_iter().with_min_len(PIECE).map(walk).collect();
            let mut open: BTreeMap<Open, usize> = BTreeMap::new();
            let mut later = Vec::new();
            for (at, end) in left.into_iter().zip(ends) {
                match (end, of.get_mut(at)) {
                    (Some(End::Cause(cause)), Some(own)) => *own = cause,
                    (Some(End::Open(end)), _) => {
                        open.entry(end).or_insert(at);
                        later.push(at);
                    }
                    _ => {}
                }
            }
            left = later;
            let judged: Vec<_> = open.into_par_iter().map(|(end, at)| (end, judge(at))).collect();
            for (end, judged) in judged {
                trees.grow(end, judged.unwrap_or_default());
            }
        }
        Self { of, causes: trees.causes }
    }
}

/// What a connection asked, in order, and its cause.
#[derive(Debug, Default)]
struct Judged {
    asked: Vec<(Asking, bool)>,
    cause: Cause,
}

/// What comes next for a connection.
#[derive(Debug)]
enum Node {
    /// One of the causes.
    Cause(usize),
    /// A question, and what comes next without an answer and with one.
    Asks(Asking, [Option<usize>; 2]),
}

/// Where nobody was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In a pattern.
    Pattern(usize),
    /// Behind a question with this answer.
    Behind(usize, bool),
}

/// The same, and how many questions lead there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    place: Place,
    depth: usize,
}

/// Where a connection comes to.
enum End {
    Cause(usize),
    Open(Open),
}

/// One tree for each pattern.
#[derive(Debug)]
struct Trees {
    /// Where each begins.
    roots: Vec<Option<usize>>,
    nodes: Vec<Node>,
    causes: Vec<Cause>,
}

impl Trees {
    fn new(patterns: usize) -> Self {
        Self { roots: vec![None; patterns], nodes: Vec::new(), causes: Vec::new() }
    }

    /// Down the tree of a pattern, by what is answered of `own`.
    fn walk(&self, pattern: usize, own: Own<'_>, around: &Surroundings) -> Option<End> {
        let mut next = *self.roots.get(pattern)?;
        let mut open = Open { place: Place::Pattern(pattern), depth: 0 };
        while let Some(at) = next {
            match self.nodes.get(at)? {
                Node::Cause(cause) => return Some(End::Cause(*cause)),
                Node::Asks(asking, [no, yes]) => {
                    let is_answered = asking.is_answered(own, around);
                    open = Open { place: Place::Behind(at, is_answered), depth: open.depth + 1 };
                    next = if is_answered { *yes } else { *no };
                }
            }
        }
        Some(End::Open(open))
    }

    /// Grows by what a connection asked that was judged since it came to where nobody was before.
    fn grow(&mut self, open: Open, judged: Judged) {
        let mut place = open.place;
        for (asking, is_answered) in judged.asked.into_iter().skip(open.depth) {
            let at = self.put(place, Node::Asks(asking, [None; 2]));
            place = Place::Behind(at, is_answered);
        }
        let cause = self.causes.len();
        self.causes.push(judged.cause);
        self.put(place, Node::Cause(cause));
    }

    fn put(&mut self, place: Place, node: Node) -> usize {
        let at = self.nodes.len();
        self.nodes.push(node);
        let free = match place {
            Place::Pattern(pattern) => self.roots.get_mut(pattern),
            Place::Behind(behind, is_answered) => match self.nodes.get_mut(behind) {
                Some(Node::Asks(_, [no, yes])) => Some(if is_answered { yes } else { no }),
                _ => None,
            },
        };
        if let Some(free) = free {
            *free = Some(at);
        }
        at
    }
}
