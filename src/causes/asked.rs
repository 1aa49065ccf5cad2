//! What detectors ask of a connection's surroundings, and what connections that are alike are answered.
//!
//! A connection of a flood is judged for all that are alike. What lies around each of them differs: others before and
//! after it, signs that its host was there. So a detector asks: a plain function, that knows of the connection what the
//! others know of it. Whoever is answered the same to the same questions has the same cause.

use std::cell::RefCell;
use std::fmt;

use crate::correlate::Surroundings;
use crate::correlate::surroundings::Own;

/// What the surroundings tell of one of the attempts.
pub type Question<T> = fn(Own<'_>, &Surroundings) -> Option<T>;

type IsAnswered = dyn Fn(Own<'_>, &Surroundings) -> bool + Send + Sync;

/// A question, of which only counts whether there is an answer.
pub(super) struct Asking {
    /// Where its function stands: what is asked twice is kept once. Functions that stand at one place do the same.
    place: usize,
    is_answered: Box<IsAnswered>,
}

impl Asking {
    /// Whether there is an answer for `own`.
    pub fn is_answered(&self, own: Own<'_>, around: &Surroundings) -> bool {
        (self.is_answered)(own, around)
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Asking").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Answers a connection's questions, and keeps them, each once and in order.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    own: Own<'a>,
    around: &'a Surroundings,
    kept: RefCell<Vec<(Asking, bool)>>,
}

impl<'a> Asked<'a> {
    /// For the connection that the others know as `own`.
    pub const fn new(own: Own<'a>, around: &'a Surroundings) -> Self {
        Self { own, around, kept: RefCell::new(Vec::new()) }
    }

    /// Answers, and keeps.
    pub fn ask<T: 'static>(&self, question: Question<T>) -> Option<T> {
        let answer = question(self.own, self.around);
        #[expect(clippy::as_conversions, reason = "there is no other way from a function to its place")]
        let place = question as usize;
        let mut kept = self.kept.borrow_mut();
        if kept.iter().all(|(asking, _)| asking.place != place) {
            let is_answered =
                Box::new(move |own: Own<'_>, around: &Surroundings| question(own, around).is_some());
            kept.push((Asking { place, is_answered }, answer.is_some()));
        }
        answer
    }

    /// What was asked.
    pub fn finish(self) -> Vec<(Asking, bool)> {
        self.kept.into_inner()
    }
}
