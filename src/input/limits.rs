//! How much an archive may cost. Counted in bytes that really come out, never in sizes that a header claims.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use crate::base::Progress;

/// Bounds on unpacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one member, unpacked.
    pub member: u64,
    /// Bytes of one run, unpacked.
    pub total: u64,
    /// Unpacked bytes of one member per byte of the file that was given; of all of them eight times that.
    pub ratio: u64,
    /// Members of one run.
    pub members: u64,
    /// Archives inside of archives; the outermost is the first.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { member: 64 << 30, total: 256 << 30, ratio: 100, members: 50_000, depth: 4 }
    }
}

/// So many bytes may come out of any file, whatever the ratio: a nearly empty log packs to a thousandth.
pub(super) const ALWAYS: u64 = 256 << 20;
/// Every member has a count of its own, so that one costs the others nothing; so many such counts are all that a file gets.
const BRAKE: u64 = 8;

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// [`Limits::member`].
    Member(u64),
    /// [`Limits::total`].
    Total(u64),
    /// [`Limits::ratio`].
    Ratio(u64),
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(limit) => write!(f, "more than {} of one member (--max-member)", size(*limit)),
            Self::Total(limit) => write!(f, "more than {} in all (--max-total)", size(*limit)),
            Self::Ratio(limit) => write!(f, "more than {limit} times its packed size (--max-ratio)"),
        }
    }
}

impl Error for Over {}

impl Over {
    /// The limit behind an error of a metered stream.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

/// `64 GiB`, or the largest smaller unit that is whole.
fn size(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes >= 1 << shift && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

/// What is left to spend.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    total: Cell<u64>,
    of_file: Cell<u64>,
    of_member: Cell<u64>,
    /// What `of_member` begins with.
    each: Cell<u64>,
    members: Cell<u64>,
    progress: Progress,
}

impl Budget {
    pub fn new(limits: Limits, progress: Progress) -> Rc<Self> {
        Rc::new(Self {
            limits,
            total: Cell::new(limits.total),
            of_file: Cell::new(ALWAYS.saturating_mul(BRAKE)),
            of_member: Cell::new(ALWAYS),
            each: Cell::new(ALWAYS),
            members: Cell::new(limits.members),
            progress,
        })
    }

    /// A new file that was given, of this packed size.
    pub fn next_file(&self, packed: usize) {
        let packed = u64::try_from(packed).unwrap_or(u64::MAX);
        let each = packed.saturating_mul(self.limits.ratio).max(ALWAYS);
        self.each.set(each);
        self.of_file.set(each.saturating_mul(BRAKE));
        self.next_member();
    }

    /// A new member, with a count of its own.
    pub fn next_member(&self) {
        self.of_member.set(self.each.get());
    }

    /// How many members may yet be looked at.
    pub fn members_left(&self) -> u64 {
        self.members.get()
    }

    /// Whether one more member may be looked at.
    pub fn member(&self) -> bool {
        let left = self.members_left();
        self.members.set(left.saturating_sub(1));
        left > 0
    }

    /// Whether nothing may be unpacked any more.
    pub fn is_spent(&self) -> bool {
        self.total.get() == 0 || self.of_file.get() == 0
    }

    fn spend(&self, bytes: u64) {
        self.total.set(self.total.get().saturating_sub(bytes));
        for count in [&self.of_file, &self.of_member] {
            count.set(count.get().saturating_sub(bytes));
        }
    }

    fn left(&self) -> Result<u64, Over> {
        match (self.total.get(), self.of_file.get().min(self.of_member.get())) {
            (0, _) => Err(Over::Total(self.limits.total)),
            (_, 0) => Err(Over::Ratio(self.limits.ratio)),
            (total, of_member) => Ok(total.min(of_member)),
        }
    }

    /// Reads a stream to its end, so that what lies behind it can be read: that costs nobody's count but the last brake.
    pub fn skip(&self, stream: &mut impl Read) -> io::Result<()> {
        loop {
            self.next_member();
            match io::copy(stream, &mut io::sink()) {
                Ok(_) => return Ok(()),
                Err(error) if Over::of(&error).is_some() && !self.is_spent() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A stream whose bytes are paid for: what a decompressor gives.
#[derive(Debug)]
pub(super) struct Metered<R> {
    inner: R,
    budget: Rc<Budget>,
}

impl<R: Read> Metered<R> {
    pub fn new(inner: R, budget: &Rc<Budget>) -> Self {
        Self { inner, budget: Rc::clone(budget) }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = match self.budget.left() {
            Ok(left) => left,
            // The end of a stream that is just as long as what is left is no trouble.
            Err(over) => {
                return match self.inner.read(&mut [0]) {
                    Ok(0) => Ok(0),
                    Ok(_) => Err(io::Error::other(over)),
                    Err(error) => Err(error),
                };
            }
        };
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let got = self.inner.read(buffer.get_mut(..length).unwrap_or_default())?;
        self.budget.spend(u64::try_from(got).unwrap_or(u64::MAX));
        self.budget.progress.add(got);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_ends_where_the_budget_does() {
        let budget = Budget::new(Limits { total: 10, ..Limits::default() }, Progress::default());
        let mut bytes = Vec::new();
        assert_eq!(Metered::new(&[1_u8; 10][..], &budget).read_to_end(&mut bytes).unwrap(), 10);
        let error = Metered::new(&[1_u8; 1][..], &budget).read_to_end(&mut bytes).unwrap_err();
        assert_eq!(Over::of(&error), Some(Over::Total(10)));
        assert!(budget.is_spent());
    }

    #[test]
    fn a_small_file_may_always_unpack_to_something() {
        let budget = Budget::new(Limits { ratio: 2, ..Limits::default() }, Progress::default());
        budget.next_file(10);
        assert_eq!(budget.left(), Ok(ALWAYS));
        budget.next_file(1 << 30);
        assert_eq!(budget.left(), Ok(2 << 30));
    }

    #[test]
    fn a_member_costs_the_next_one_nothing_up_to_the_brake() {
        let budget = Budget::new(Limits { ratio: 2, ..Limits::default() }, Progress::default());
        budget.next_file(10);
        for _ in 0..BRAKE {
            budget.next_member();
            assert_eq!(budget.left(), Ok(ALWAYS));
            budget.spend(ALWAYS);
            assert_eq!(budget.left(), Err(Over::Ratio(2)));
        }
        budget.next_member();
        assert_eq!(budget.left(), Err(Over::Ratio(2)));
        assert!(budget.is_spent());
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(
            [size(64 << 30), size(3 << 20), size(1000)],
            ["64 GiB".to_owned(), "3 MiB".to_owned(), "1000 bytes".to_owned()]
        );
    }
}
