//! Which input file something came from, and where in it.

use std::fmt;

/// One input file. Numbered from 0 in the order in which the report lists the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// Where a fact can be looked up by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Locator {
    /// A captured frame, numbered from 1 as Wireshark does.
    Frame {
        /// The capture.
        source: SourceId,
        /// Frame number in that file.
        number: u64,
    },
    /// An event record.
    Record {
        /// The log.
        source: SourceId,
        /// Its EventRecordID.
        number: u64,
    },
    /// A line of a text.
    Line {
        /// The text.
        source: SourceId,
        /// From 1.
        number: u64,
    },
}

impl Locator {
    /// The file that holds it.
    pub const fn source(&self) -> SourceId {
        match self {
            Self::Frame { source, .. } | Self::Record { source, .. } | Self::Line { source, .. } => *source,
        }
    }

    /// The frame number, if this is a frame.
    pub const fn frame(&self) -> Option<u64> {
        match self {
            Self::Frame { number, .. } => Some(*number),
            Self::Record { .. } | Self::Line { .. } => None,
        }
    }

    /// The line number, if this is a text.
    pub const fn line(&self) -> Option<u64> {
        match self {
            Self::Line { number, .. } => Some(*number),
            Self::Frame { .. } | Self::Record { .. } => None,
        }
    }

    /// The EventRecordID, if this is a record.
    pub const fn record(&self) -> Option<u64> {
        match self {
            Self::Record { number, .. } => Some(*number),
            Self::Frame { .. } | Self::Line { .. } => None,
        }
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame { number, .. } => write!(f, "frame {number}"),
            Self::Record { number, .. } => write!(f, "record {number}"),
            Self::Line { number, .. } => write!(f, "line {number}"),
        }
    }
}
