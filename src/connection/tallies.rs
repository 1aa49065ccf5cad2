//! What of a capture could not be used, counted.

use crate::base::{Locator, NoteKind, Notes, SourceId};
use crate::packet::decode::Tally;

/// Frames of a capture that could not be used, or not in full.
#[derive(Debug, Default)]
pub struct Tallies {
    /// Cut by the snapshot length.
    pub cut: Tally,
    /// With contradictory headers.
    pub malformed: Tally,
    /// Of unknown link types.
    pub unknown_link: Tally,
    /// Later than the bound of the reorder allows, and the first of them.
    pub late: (u64, Option<u64>),
    /// Datagrams of which fragments are missing.
    pub lost: u64,
}

impl Tallies {
    /// Counts them.
    pub fn note(&self, source: SourceId, notes: &mut Notes) {
        let frame = |number: Option<u64>| number.map(|number| Locator::Frame { source, number });
        let mut add =
            |kind, tally: &Tally| notes.add_many(kind, Some(source), "", tally.count, frame(tally.first));
        add(NoteKind::CutFrames, &self.cut);
        add(NoteKind::MalformedFrames, &self.malformed);
        add(NoteKind::UnknownLinkType, &self.unknown_link);
        notes.add_many(NoteKind::ClockStep, Some(source), "", self.late.0, frame(self.late.1));
        notes.add_many(NoteKind::FragmentsIncomplete, Some(source), "", self.lost, None);
    }
}

/// Adds what a part of the capture counted.
pub fn add(sum: &mut Tally, part: Tally) {
    sum.count += part.count;
    sum.first = sum.first.or(part.first);
}
