//! Numbers and times of all records of a log, in order of their numbers.
//!
//! A log has millions of records, so that each must take little room: those of a chunk mostly have numbers in a row.

use rayon::prelude::*;

use crate::base::Timestamp;

/// Those of one chunk, in the order of the file.
pub(super) enum Stamps {
    /// Numbers in a row, all with a time.
    Row { first: u64, times: Vec<Timestamp> },
    /// Any others.
    Any(Vec<(u64, Option<Timestamp>)>),
}

impl Stamps {
    /// None yet.
    pub fn with_room_for(records: usize) -> Self {
        Self::Row { first: 0, times: Vec::with_capacity(records) }
    }

    /// One more.
    pub fn push(&mut self, number: u64, time: Option<Timestamp>) {
        match self {
            Self::Row { first, times } => {
                if times.is_empty() {
                    *first = number;
                }
                let next = u64::try_from(times.len()).ok().and_then(|count| first.checked_add(count));
                if let Some(time) = time.filter(|_| next == Some(number)) {
                    times.push(time);
                    return;
                }
                let mut all: Vec<_> = row(*first, times).map(|(number, time)| (number, Some(time))).collect();
                all.push((number, time));
                *self = Self::Any(all);
            }
            Self::Any(all) => all.push((number, time)),
        }
    }

    /// The least and the greatest number.
    fn span(&self) -> Option<(u64, u64)> {
        match self {
            Self::Row { first, times } => {
                let more = u64::try_from(times.len().checked_sub(1)?).ok()?;
                Some((*first, first.saturating_add(more)))
            }
            Self::Any(all) => {
                let numbers = || all.iter().map(|(number, _)| *number);
                Some((numbers().min()?, numbers().max()?))
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Row { times, .. } => times.len(),
            Self::Any(all) => all.len(),
        }
    }
}

/// Numbers in a row with their times; none of them is beyond the greatest there is.
fn row(first: u64, times: &[Timestamp]) -> impl Iterator<Item = (u64, Timestamp)> {
    (0_u64..).zip(times).map(move |(more, time)| (first.saturating_add(more), *time))
}

/// Those of a log, in order of their numbers; of equal ones in the order of the file.
#[derive(Default)]
pub(super) struct InOrder {
    pub timed: Vec<(u64, Timestamp)>,
    untimed: Vec<u64>,
}

impl InOrder {
    /// Of the chunks of a log, in the order of the file.
    pub fn of(chunks: &[Stamps]) -> Self {
        let mut all = Self::default();
        all.timed.reserve_exact(chunks.iter().map(Stamps::len).sum());
        let mut spans: Vec<(u64, u64, usize)> = Vec::with_capacity(chunks.len());
        let numbered = chunks.iter().enumerate();
        spans.extend(numbered.filter_map(|(at, chunk)| chunk.span().map(|(least, most)| (least, most, at))));
        spans.sort_unstable();
        // Chunks whose numbers lie apart from those of others need no sorting.
        let mut sizes = Vec::new();
        let mut rest = spans.as_mut_slice();
        while let Some((_, most, _)) = rest.first() {
            let mut most = *most;
            let count = rest.iter().take_while(|(least, end, _)| {
                let joins = *least <= most;
                most = most.max(*end);
                joins
            });
            let (together, others) = rest.split_at_mut(count.count());
            together.sort_unstable_by_key(|(.., at)| *at);
            let before = all.timed.len();
            together.iter().filter_map(|(.., at)| chunks.get(*at)).for_each(|chunk| all.add(chunk));
            sizes.push(all.timed.len() - before);
            rest = others;
        }
        let mut parts = Vec::with_capacity(sizes.len());
        let mut rest = all.timed.as_mut_slice();
        for size in sizes {
            let Some((part, others)) = rest.split_at_mut_checked(size) else { break };
            parts.push(part);
            rest = others;
        }
        let is_unsorted = |part: &&mut [(u64, Timestamp)]| !part.is_sorted_by_key(|(number, _)| *number);
        parts.into_par_iter().filter(is_unsorted).for_each(|part| part.sort_by_key(|(number, _)| *number));
        all.untimed.sort_unstable();
        all
    }

    fn add(&mut self, chunk: &Stamps) {
        match chunk {
            Stamps::Row { first, times } => {
                self.timed.extend(row(*first, times));
            }
            Stamps::Any(all) => {
                for (number, time) in all {
                    match time {
                        Some(time) => self.timed.push((*number, *time)),
                        None => self.untimed.push(*number),
                    }
                }
            }
        }
    }

    /// Tells every number, in order.
    pub fn each_number(&self, mut tell: impl FnMut(u64)) {
        let mut untimed = self.untimed.iter().copied().peekable();
        for (number, _) in &self.timed {
            while let Some(before) = untimed.next_if(|before| before <= number) {
                tell(before);
            }
            tell(*number);
        }
        untimed.for_each(tell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(stamps: &[(u64, Option<i64>)]) -> Stamps {
        let mut chunk = Stamps::with_room_for(stamps.len());
        for (number, time) in stamps {
            chunk.push(*number, time.map(Timestamp::from_nanos));
        }
        chunk
    }

    /// What is told of them, beside what sorting all of them tells.
    fn check(chunks: &[&[(u64, Option<i64>)]]) {
        let mut all: Vec<(u64, Option<i64>)> = chunks.concat();
        all.sort_by_key(|(number, _)| *number);
        let order = InOrder::of(&chunks.iter().map(|stamps| chunk(stamps)).collect::<Vec<_>>());
        let timed: Vec<_> = all
            .iter()
            .filter_map(|(number, time)| Some((*number, Timestamp::from_nanos((*time)?))))
            .collect();
        assert_eq!(order.timed, timed);
        let mut numbers = Vec::new();
        order.each_number(|number| numbers.push(number));
        assert_eq!(numbers, all.iter().map(|(number, _)| *number).collect::<Vec<_>>());
    }

    #[test]
    fn records_stand_in_order_whatever_the_chunks_are() {
        check(&[]);
        check(&[&[]]);
        check(&[&[(7, Some(1)), (8, Some(2))], &[(1, Some(3)), (2, Some(4))]]);
        check(&[
            &[(1, Some(1)), (2, Some(2))],
            &[(2, Some(3)), (3, None)],
            &[],
            &[(1, Some(5)), (9, Some(6))],
        ]);
        check(&[&[(5, None), (4, Some(1)), (4, Some(2))], &[(4, Some(3)), (5, Some(4)), (6, Some(5))]]);
        check(&[&[(u64::MAX - 1, Some(1)), (u64::MAX, Some(2)), (0, Some(3))], &[(u64::MAX, Some(4))]]);
        check(&[&[(3, Some(1))], &[(1, Some(2)), (2, Some(3)), (3, Some(4))], &[(4, Some(5))]]);
    }
}
