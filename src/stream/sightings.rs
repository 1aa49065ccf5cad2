//! Which segments of a flow each capture point saw: what two points are compared by.
//!
//! Kept only where there are several points. Bounded: of a long flow the first and the last segments, and what lies
//! between them is never said to be missing. Compares nothing.

use std::collections::VecDeque;

use super::{Side, limits};
use crate::base::{Locator, Mark, SourceId, Timestamp};
use crate::packet::{Segment, TcpFlags};

/// A capture point: one interface of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vantage {
    /// The file.
    pub source: SourceId,
    /// The interface.
    pub interface: u32,
}

/// One segment as one capture point saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Where it was seen.
    pub vantage: Vantage,
    /// Who sent it, by its address.
    pub from: Side,
    /// When.
    pub time: Timestamp,
    /// Its frame.
    pub frame: u64,
    /// Sequence number, as on the wire.
    pub seq: u32,
    /// Acknowledgement number, as on the wire.
    pub ack: u32,
    /// Payload bytes.
    pub length: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// IPv4 identification, if the sender counts.
    pub ip_id: Option<u16>,
    /// Time to live.
    pub ttl: u8,
}

impl Sighting {
    /// Of `segment`, which `from` sent.
    pub fn of(from: Side, segment: &Segment, mark: Mark) -> Self {
        Self {
            vantage: Vantage { source: mark.at.source(), interface: segment.interface },
            from,
            time: segment.time,
            frame: segment.frame,
            seq: segment.seq,
            ack: segment.ack,
            length: segment.length,
            flags: segment.flags,
            ip_id: segment.ip_id.filter(|id| *id != 0),
            ttl: segment.ttl,
        }
    }

    /// Where and when.
    pub const fn mark(&self) -> Mark {
        let at = Locator::Frame { source: self.vantage.source, number: self.frame };
        Mark { time: self.time, at }
    }

    /// Whether it carries data that counts: not the byte of a keep-alive or a window probe.
    pub const fn has_data(&self) -> bool {
        self.length > 1
    }
}

/// The sightings of one flow.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    first: Vec<Sighting>,
    last: VecDeque<Sighting>,
    left_out: bool,
}

impl Sightings {
    /// Bytes of memory that they take.
    pub(super) fn held(&self) -> usize {
        (self.first.len() + self.last.len()) * size_of::<Sighting>()
    }

    /// Takes the next one, in file order.
    pub fn push(&mut self, sighting: Sighting) {
        if self.first.len() < limits::FIRST_SIGHTINGS {
            self.first.push(sighting);
            return;
        }
        if self.last.len() >= limits::LAST_SIGHTINGS {
            self.last.pop_front();
            self.left_out = true;
        }
        self.last.push_back(sighting);
    }

    /// Stretches without a hole, in order: all, or the first and the last.
    pub fn stretches(self) -> Vec<Vec<Sighting>> {
        let mut first = self.first;
        if self.left_out {
            return vec![first, self.last.into()];
        }
        first.extend(self.last);
        vec![first]
    }
}
