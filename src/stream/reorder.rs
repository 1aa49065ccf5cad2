//! File order is not time order in a capture of several interfaces: a bounded reorder by time.
//!
//! What is released depends on the sequence of segments alone, never on how it was cut into windows.

use std::collections::BTreeMap;

use crate::base::{Timestamp, time};
use crate::packet::Segment;

/// Segments are held until one this much younger has been seen.
const HELD: i64 = time::SECOND;
/// Segments held at most; past it the oldest are released early.
const MAX_HELD: usize = 65_536;

/// Holds segments of a capture until their order by time is known.
#[derive(Debug, Default)]
pub struct Reorder {
    held: BTreeMap<(Timestamp, u64), Segment>,
    newest: Option<Timestamp>,
    /// Whether more than one interface was seen: only then is anything held.
    several: bool,
    /// Segments that came later than the bound allows: the clock stepped back.
    pub late: u64,
    /// The first of them.
    pub first_late: Option<u64>,
}

impl Reorder {
    /// Takes segments in file order; gives those whose turn has come.
    pub fn push(&mut self, segments: Vec<Segment>) -> Vec<Segment> {
        if self.is_in_order(&segments) {
            return segments;
        }
        let mut out = Vec::with_capacity(segments.len());
        for segment in segments {
            self.several |= segment.interface != 0;
            let behind = self.newest.is_some_and(|newest| newest - segment.time > HELD);
            if behind {
                self.late += 1;
                self.first_late.get_or_insert(segment.frame);
            }
            self.newest = Some(self.newest.map_or(segment.time, |newest| newest.max(segment.time)));
            if !self.several || behind {
                out.push(segment);
                if behind {
                    // A step back of the clock: what follows counts from here.
                    self.newest = out.last().map(|segment| segment.time);
                    out.extend(std::mem::take(&mut self.held).into_values());
                }
                continue;
            }
            self.held.insert((segment.time, segment.frame), segment);
            while let Some(entry) = self.held.first_entry() {
                let due = self.newest.is_some_and(|newest| newest - entry.key().0 >= HELD);
                if !due && self.held.len() <= MAX_HELD {
                    break;
                }
                out.extend(self.held.pop_first().map(|(_, segment)| segment));
            }
        }
        out
    }

    /// Whether all go on as they came: one interface, no step back of the clock. Mostly so, and then nothing is moved.
    fn is_in_order(&mut self, segments: &[Segment]) -> bool {
        let mut newest = self.newest;
        let plain = !self.several
            && segments.iter().all(|segment| {
                let behind = newest.is_some_and(|newest| newest - segment.time > HELD);
                newest = newest.max(Some(segment.time));
                segment.interface == 0 && !behind
            });
        if plain {
            self.newest = newest;
        }
        plain
    }

    /// What is still held, in order.
    pub fn finish(&mut self) -> Vec<Segment> {
        std::mem::take(&mut self.held).into_values().collect()
    }
}
