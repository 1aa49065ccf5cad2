//! What stops a run. Everything else is a note, an outcome or data: see the crate documentation.

use std::io;
use std::path::PathBuf;

/// Why a run could not go on. Each says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No input was given, or a folder held nothing.
    #[error("{}: no capture and no event log in here: give .pcap, .pcapng or .evtx files, or a folder that holds some", path.display())]
    NothingToRead {
        /// The folder or file that was given.
        path: PathBuf,
    },
    /// A path could not be opened at all and nothing else was given.
    #[error("cannot read {}: check the path and its permissions", path.display())]
    Unreadable {
        /// The path that was given.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// None of the inputs could be used.
    #[error("none of the inputs can be analysed: {}", reasons.join("; "))]
    NoUsableInput {
        /// One sentence per input: path, what it is, what to do.
        reasons: Vec<String>,
    },
    /// An input lost bytes while it was read: what was taken for its end may be anything.
    #[error("{}: became shorter, or could not be read any more, while it was read: nothing that was read of it can be trusted; make a copy that nobody writes to and analyse that, or read it into memory first (--no-mmap)", path.display())]
    Shrank {
        /// The path that was given.
        path: PathBuf,
    },
    /// The report could not be written.
    #[error("cannot write {}", path.display())]
    Unwritable {
        /// Where it should have gone.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// What happened, without a name of anything.
    pub const fn in_short(&self) -> &'static str {
        match self {
            Self::NothingToRead { .. } => "it holds no capture and no event log",
            Self::Unreadable { .. } => "it cannot be read: its path or its permissions",
            Self::NoUsableInput { .. } => {
                "nothing in it can be analysed: encrypted, damaged, or neither a capture nor an event log"
            }
            Self::Shrank { .. } => "it became shorter while it was read",
            Self::Unwritable { .. } => "the report cannot be written",
        }
    }
}
