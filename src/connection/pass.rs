//! All captures read once, each after what it goes on with: files of a ring buffer one after the other, captures of the
//! same time beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::alignment::Alignment;
use super::continued::{self, Again};
use super::ended::{self, Ended, Seen, Sink};
use super::observations::{Hosts, Observations};
use super::reading::{Handed, Reading, Rooms};
use super::room::Room;
use super::scan::{CaptureSize, FlowBounds, ScanOptions, Scanned, begin};
use super::sequence::{Gone, Sequence};
use super::udp::UdpTable;
use super::{Connection, anchors, lookup, twins};
use crate::base::progress::Phase;
use crate::base::{NoteKind, Notes, SourceId, Timestamp, time};
use crate::capture::Capture;
use crate::capture::split::{Split, Windows};
use crate::packet::{Endpoint, Interest, Packets};
use crate::stream::limits;

/// The next file of a ring buffer begins with the next packet: that may be this much later.
const RING_PAUSE: i64 = 60 * time::SECOND;

/// What one pass found.
pub(super) struct Pass<'b> {
    alignment: Alignment,
    /// Of each capture.
    paths: BTreeMap<SourceId, PathBuf>,
    bounds: FlowBounds,
    sequences: Vec<Sequence<'b>>,
    observations: Vec<Arc<Observations>>,
    sizes: Vec<CaptureSize>,
    /// RDP where nobody looked for it.
    pub(super) found: BTreeSet<Endpoint>,
    /// Requests to endpoints beyond those.
    pub(super) found_beyond: u64,
    /// Connections that ended early and are reported one by one.
    singles: Vec<Connection>,
}

/// The first stamp in a capture, and how many interfaces are described before it.
fn beginning(capture: &Capture<'_>) -> (Timestamp, usize) {
    let mut first = None;
    let mut start = capture.start;
    let mut state = capture.state.clone();
    // Blocks without frames may come first; a few dozen kilobytes hold them.
    for _ in 0..64 {
        let walked = capture.walk(start, start + 1, state, &mut |frame| {
            first.get_or_insert(frame.time);
        });
        let goes_on = first.is_none() && walked.next > start;
        (start, state) = (walked.next, walked.state);
        if !goes_on {
            break;
        }
    }
    (first.unwrap_or(Timestamp::MAX), state.interfaces.len())
}

/// Reads all captures once.
pub(super) fn run<'b>(
    (captures, paths): (&mut [(SourceId, Capture<'b>)], &BTreeMap<SourceId, PathBuf>),
    interest: &Interest,
    options: &ScanOptions,
    sink: &mut dyn Sink,
    notes: &mut Notes,
) -> Pass<'b> {
    let interest = Arc::new(interest.clone());
    if captures.len() > 1 {
        begin(Phase::Comparing, &*captures);
    }
    let alignment = Alignment::of(captures, paths, &interest, options.split);
    begin(Phase::Captures, &*captures);
    alignment.note(notes);
    sink.begin(&alignment.second_views);
    let begins = |source: SourceId, capture: &Capture<'_>| {
        let (first, interfaces) = beginning(capture);
        let first = if first == Timestamp::MAX { first } else { alignment.shift(source).away(first) };
        (first, interfaces)
    };
    captures.sort_by_cached_key(|(source, capture)| (begins(*source, capture).0, *source));
    let mut pass = Pass {
        alignment: alignment.clone(),
        paths: paths.clone(),
        bounds: options.flows,
        sequences: Vec::new(),
        observations: Vec::new(),
        sizes: Vec::new(),
        found: BTreeSet::new(),
        found_beyond: 0,
        singles: Vec::new(),
    };
    let several = captures.len() > 1;
    for (source, capture) in captures.iter() {
        let (begins, interfaces) = begins(*source, capture);
        let mut sequence = pass.take_sequence(*source, begins, several || interfaces > 1);
        if begins - sequence.end > RING_PAUSE {
            pass.end_point(&mut sequence, *source, notes);
        }
        pass.read((*source, capture), sequence, (&interest, options.split), (&mut *sink, &mut *notes));
        pass.make_room(&interest, sink, notes);
    }
    for mut sequence in std::mem::take(&mut pass.sequences) {
        let point = sequence.point;
        pass.end_point(&mut sequence, point, notes);
        pass.sequences.push(sequence);
    }
    let again = Again { captures, alignment: &alignment, interest: &interest, split: options.split };
    continued::go_on(&mut pass.sequences, again);
    pass
}

impl<'b> Pass<'b> {
    /// Reads one capture, which goes on with a sequence. What ends on the way is judged while it is read on.
    fn read(
        &mut self,
        (source, capture): (SourceId, &Capture<'b>),
        sequence: Sequence<'b>,
        (interest, split): (&Arc<Interest>, Split),
        (sink, notes): (&mut dyn Sink, &mut Notes),
    ) {
        let mut reading = Reading::new((source, capture), sequence, Arc::clone(interest), self.room());
        let clock = self.alignment.shift(source);
        let rooms = Rooms::default();
        let new =
            || Packets::new(Arc::clone(interest), capture.bytes).by_clock(clock).with_room(rooms.take());
        let mut windows = Windows::of(capture, split, &new);
        let mut hand_on = |Handed { ended, seen, running }: Handed<'b>| {
            if !ended.is_empty() {
                let seen = Arc::new(seen);
                let seen = || Seen {
                    captures: [&*self.observations, std::slice::from_ref(&seen)].concat(),
                    running: running.par_iter().map(Ended::connection).collect(),
                };
                self.singles.extend(sink.take(ended, &seen));
            }
        };
        let mut goes_on = true;
        while goes_on {
            let handed = reading.take_over();
            let is_alone = reading.is_alone;
            let mut read_on = || reading.read_on(&mut windows, &rooms, notes);
            goes_on = if is_alone {
                hand_on(handed);
                read_on()
            } else {
                // Meanwhile the capture is read until as much has ended again.
                rayon::join(|| hand_on(handed), read_on).1
            };
        }
        reading.end(&rooms, notes, &mut hand_on);
        let summary = windows.end();
        self.found.append(&mut reading.found);
        self.found_beyond += reading.found_beyond;
        self.sizes.push(CaptureSize { source, frames: summary.frames, interfaces: summary.interfaces });
        let (sequence, tallies) = reading.finish(&mut self.observations);
        tallies.note(source, notes);
        self.sequences.push(sequence);
    }

    /// The flows that a capture goes on with: of the files of a ring buffer the one that ended last before it
    /// begins. Captures of the same packets are never one.
    fn take_sequence(&mut self, source: SourceId, begins: Timestamp, watched: bool) -> Sequence<'b> {
        let open = (0..)
            .zip(&self.sequences)
            .filter(|(_, sequence)| {
                sequence.end.shifted(-anchors::OVERLAP) <= begins
                    && begins < Timestamp::MAX
                    && sequence.sources.iter().all(|other| !self.alignment.share(*other, source))
            })
            // Ring buffers of two points may change files at once: those of one have names alike.
            .max_by_key(|(_, sequence)| {
                let is_next = begins - sequence.end <= RING_PAUSE;
                let ring = self.alignment.ring(source);
                let is_ring = sequence.sources.iter().any(|own| self.alignment.ring(*own) == ring);
                (is_ring, is_next, self.likeness(sequence, source), sequence.end)
            })
            .map(|(at, _)| at);
        match open {
            Some(at) => self.sequences.swap_remove(at),
            None => Sequence::new((source, begins), watched, self.bounds, self.room()),
        }
    }

    /// How many bytes the path of a capture shares with that of the last one in a sequence, at their beginnings.
    fn likeness(&self, sequence: &Sequence<'_>, source: SourceId) -> usize {
        let path = |source: SourceId| self.paths.get(&source).map(|path| path.as_os_str().as_encoded_bytes());
        let ends = sequence.sources.last().and_then(|last| path(*last)).zip(path(source));
        ends.map_or(0, |(one, other)| one.iter().zip(other).take_while(|(one, other)| one == other).count())
    }

    /// What one more capture may show besides connections.
    fn room(&self) -> Room {
        let told = self.observations.iter().map(|told| told.takes());
        let yet = self.sequences.iter().flat_map(|own| [own.hosts.takes(), own.udp.takes()]);
        Room::beside(told.chain(yet))
    }

    /// What was seen of hosts and UDP is told of the last file of a ring buffer; with `next` another one begins.
    fn end_point(&mut self, sequence: &mut Sequence<'b>, next: SourceId, notes: &mut Notes) {
        let last = self.observations.iter_mut().rev().find(|told| told.point == sequence.point);
        if let Some(last) = last.map(Arc::make_mut) {
            let udp = std::mem::take(&mut sequence.udp);
            notes.add_many(NoteKind::UdpBound, Some(last.source), "", udp.left_out, None);
            last.hosts = std::mem::take(&mut sequence.hosts);
            last.udp = udp.finish();
        }
        let room = self.room();
        (sequence.hosts, sequence.udp) = (Hosts::within(room), UdpTable::within(room));
        sequence.point = next;
    }

    /// Captures of the same time have running flows each, and each of them may have as many as one may. Where they take
    /// more memory than two of them may, all together, each gives up what was heard last the longest ago.
    fn make_room(&mut self, interest: &Interest, sink: &mut dyn Sink, notes: &mut Notes) {
        let at_most = self.bounds.bytes.saturating_mul(2);
        if self.sequences.iter().map(Sequence::held).sum::<usize>() <= at_most {
            return;
        }
        let share = at_most / self.sequences.len();
        let mut flows = Gone::new();
        for own in self.sequences.iter_mut().filter(|own| own.held() > share) {
            let (mut gone, given_up) = own.give_up(share);
            flows.append(&mut gone);
            let count = u64::try_from(given_up).unwrap_or(0);
            notes.add_many(NoteKind::FlowBound, Some(own.point), "", count, None);
        }
        self.hand_over(flows, (interest, sink), notes);
    }

    fn hand_over(
        &mut self,
        flows: Gone<'b>,
        (interest, sink): (&Interest, &mut dyn Sink),
        notes: &mut Notes,
    ) {
        let mut flows = flows.into_iter();
        loop {
            let some: Vec<_> = flows.by_ref().take(limits::TOGETHER).collect();
            if some.is_empty() {
                break;
            }
            let last = ended::ended(some, interest, notes);
            let seen = || Seen { captures: self.observations.clone(), ..Seen::default() };
            self.singles.extend(sink.take(last, &seen));
        }
    }

    /// What all captures show together.
    pub(super) fn finish(mut self, interest: &Interest, sink: &mut dyn Sink, notes: &mut Notes) -> Scanned {
        let mut ends: Vec<Timestamp> = self.sequences.iter().map(|sequence| sequence.end).collect();
        ends.sort_unstable();
        let sequences = std::mem::take(&mut self.sequences);
        let flows = sequences.into_iter().flat_map(|sequence| sequence.finish(&ends)).collect();
        self.hand_over(flows, (interest, sink), notes);
        let mut connections = self.singles;
        connections.sort_by_key(|connection| (connection.first, connection.client, connection.server));
        let mut observations: Vec<Observations> =
            self.observations.into_iter().map(Arc::unwrap_or_clone).collect();
        let connections = twins::once(connections, &self.alignment, &observations);
        observations.sort_by_key(|observations| observations.source);
        lookup::together(&mut observations);
        self.sizes.sort_by_key(|size| size.source);
        Scanned { connections, observations, sizes: self.sizes, alignment: self.alignment }
    }
}
