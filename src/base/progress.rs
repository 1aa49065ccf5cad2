//! How far the work is, for somebody who waits: counted where it is done, read by whoever shows it.
//!
//! Counts whole ranges and chunks, never frames or records. Changes no result, and costs nothing where nobody looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Paths are opened, archives unpacked. Nobody knows how much comes out.
    #[default]
    Opening,
    /// Event logs are walked.
    Logs,
    /// Captures are compared with each other.
    Comparing,
    /// Captures are read.
    Captures,
    /// Events are read.
    Events,
    /// Verdicts are come to.
    Judging,
    /// Input files are hashed.
    Hashing,
    /// Frames are written.
    Writing,
}

impl Phase {
    const ALL: [Self; 8] = [
        Self::Opening,
        Self::Logs,
        Self::Comparing,
        Self::Captures,
        Self::Events,
        Self::Judging,
        Self::Hashing,
        Self::Writing,
    ];

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Opening => "opening files",
            Self::Logs => "reading logs",
            Self::Comparing => "comparing captures",
            Self::Captures => "reading captures",
            Self::Events => "reading events",
            Self::Judging => "judging",
            Self::Hashing => "hashing files",
            Self::Writing => "writing frames",
        }
    }
}

/// The state of the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What is being done.
    pub phase: Phase,
    /// Bytes done of it.
    pub done: u64,
    /// Bytes in all; 0 where that is not known.
    pub total: u64,
}

#[derive(Debug, Default)]
struct Counts {
    phase: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
}

/// A count that is shared between who works and who shows it. The default counts nothing.
#[derive(Clone, Debug, Default)]
pub struct Progress(Option<Arc<Counts>>);

impl Progress {
    /// One that counts.
    pub fn shown() -> Self {
        Self(Some(Arc::default()))
    }

    /// Something else begins, of so many bytes; 0 where that is not known.
    pub fn begin(&self, phase: Phase, total: u64) {
        if let Some(counts) = &self.0 {
            let place = Phase::ALL.iter().position(|own| *own == phase).and_then(|at| u8::try_from(at).ok());
            counts.done.store(0, Ordering::Relaxed);
            counts.total.store(total, Ordering::Relaxed);
            counts.phase.store(place.unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// So many bytes more are done.
    pub fn add(&self, bytes: usize) {
        if let Some(counts) = &self.0 {
            counts.done.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// How far the work is.
    pub fn state(&self) -> State {
        self.0.as_ref().map_or_else(State::default, |counts| State {
            phase: Phase::ALL
                .get(usize::from(counts.phase.load(Ordering::Relaxed)))
                .copied()
                .unwrap_or_default(),
            done: counts.done.load(Ordering::Relaxed),
            total: counts.total.load(Ordering::Relaxed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_seen_elsewhere() {
        let progress = Progress::shown();
        progress.begin(Phase::Captures, 100);
        progress.clone().add(40);
        assert_eq!(progress.state(), State { phase: Phase::Captures, done: 40, total: 100 });
        progress.begin(Phase::Judging, 0);
        assert_eq!(progress.state(), State { phase: Phase::Judging, done: 0, total: 0 });
        let none = Progress::default();
        none.add(1);
        assert_eq!(none.state(), State::default());
    }
}
