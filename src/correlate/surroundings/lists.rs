//! Attempts by their indices, for lookups that every judged connection makes: small where a flood makes many.

use crate::correlate::storm::MayBe;

/// Indices, mostly a single one: a flood has as many pairs as attempts.
#[derive(Clone, Debug)]
pub(super) enum Places {
    Few(usize, [usize; 2]),
    /// With what all of them may be.
    Many(Vec<usize>, MayBe),
}

impl Default for Places {
    fn default() -> Self {
        Self::Few(0, [0; 2])
    }
}

impl Places {
    /// One more.
    pub fn push(&mut self, at: usize) {
        match self {
            Self::Few(count, few) => {
                if let Some(place) = few.get_mut(*count) {
                    *place = at;
                    *count += 1;
                } else {
                    let mut many = few.to_vec();
                    many.push(at);
                    *self = Self::Many(many, MayBe::default());
                }
            }
            Self::Many(many, _) => many.push(at),
        }
    }

    /// All, in the order in which they came.
    pub fn as_slice(&self) -> &[usize] {
        match self {
            Self::Few(count, few) => few.get(..*count).unwrap_or_default(),
            Self::Many(many, _) => many,
        }
    }
}

/// Lists of attempts that belong together, by their indices.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// As they were found.
    pub lists: Vec<Vec<usize>>,
    /// The first list that each attempt is in, in order of attempts: every judged connection asks.
    list_of: Vec<(usize, usize)>,
}

impl Parts {
    /// With the way back from each attempt.
    pub fn of(lists: Vec<Vec<usize>>) -> Self {
        let numbered = (0..).zip(&lists).flat_map(|(list, own)| own.iter().map(move |at| (*at, list)));
        let mut list_of: Vec<(usize, usize)> = numbered.collect();
        list_of.sort_unstable();
        Self { lists, list_of }
    }

    /// The first list that an attempt is in.
    pub fn list_of(&self, attempt: usize) -> Option<usize> {
        let place = self.list_of.partition_point(|(at, _)| *at < attempt);
        self.list_of.get(place).filter(|(at, _)| *at == attempt).map(|(_, list)| *list)
    }
}
