//! Captures to connections: windows of frames to segments, segments to flows, flows to connections.
//!
//! Each byte is touched once, unless RDP turns up on a port where nobody looked for it: then the captures are
//! read a second time for those endpoints from frame 1.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::alignment::Alignment;
use super::continued::{self, Again};
use super::ended::{self, Ended, Epoch, Seen, Sink};
use super::observations::{Hosts, Observations};
use super::reading::{Handed, Into, Reading, Rooms, Sequence};
use super::room::Room;
use super::udp::UdpTable;
use super::{Connection, lookup, twins};
use crate::base::keyed::Keyed;
use crate::base::progress::Phase;
use crate::base::{NoteKind, Notes, SourceId, Timestamp, time};
use crate::capture::Capture;
use crate::capture::split::{Split, Windows};
use crate::input::Input;
use crate::packet::{Endpoint, Interest, Packets};
use crate::stream::{FlowTable, Kept, limits};

/// What was found in all captures.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Connections, in order of their first frame's time.
    pub connections: Vec<Connection>,
    /// What else each capture shows, in order of sources.
    pub observations: Vec<Observations>,
    /// Size of each capture, in order of sources.
    pub sizes: Vec<CaptureSize>,
    /// Whose clock all times are told by.
    pub alignment: Alignment,
}

/// Frames and interfaces of a capture.
#[derive(Clone, Copy, Debug)]
pub struct CaptureSize {
    /// The capture.
    pub source: SourceId,
    /// Its frames.
    pub frames: u64,
    /// Its interfaces.
    pub interfaces: u32,
}

/// How to scan.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Server ports besides 3389.
    pub ports: Vec<u16>,
    /// How captures are cut up.
    pub split: Split,
    /// Flows at once, below which none is taken out and beyond which the oldest is given up.
    pub flows: FlowBounds,
}

/// How many flows a table holds.
#[derive(Clone, Copy, Debug)]
pub struct FlowBounds {
    /// Below this none is taken out before the capture ends.
    pub undisturbed: usize,
    /// Beyond this the oldest are given up.
    pub at_most: usize,
    /// Likewise, in bytes of memory that they take.
    pub bytes: usize,
}

impl Default for FlowBounds {
    fn default() -> Self {
        Self { undisturbed: limits::FLOWS, at_most: limits::FLOWS_AT_MOST, bytes: limits::FLOW_BYTES }
    }
}

impl FlowBounds {
    /// Bounds for so many MiB; never more than usual.
    pub fn within(mebibytes: u32) -> Self {
        /// Flows that a MiB holds: one with a handshake and its certificate takes some 8 KiB.
        const PER_MEBIBYTE: usize = 128;
        let mebibytes = crate::base::bytes::index(mebibytes);
        let at_most = mebibytes.saturating_mul(PER_MEBIBYTE).clamp(PER_MEBIBYTE, limits::FLOWS_AT_MOST);
        let bytes = mebibytes.saturating_mul(1 << 20).min(limits::FLOW_BYTES);
        Self { undisturbed: limits::FLOWS.min(at_most / 2), at_most, bytes }
    }
}

/// A file of a ring buffer may begin this much before the one before it ends.
const RING_OVERLAP: i64 = time::SECOND;
/// The next file of a ring buffer begins with the next packet: that may be this much later.
const RING_PAUSE: i64 = 60 * time::SECOND;
/// Endpoints found by content, at most: more is a scan of the whole network.
pub(super) const MAX_FOUND: usize = 1024;

/// Scans all captures. Connections go through `sink`; what it gives back is among [`Scanned::connections`].
pub fn scan(inputs: &[&Input], options: &ScanOptions, sink: &mut dyn Sink, notes: &mut Notes) -> Scanned {
    let paths = inputs.iter().map(|input| (input.id, input.path.clone())).collect();
    let mut captures: Vec<(SourceId, Capture<'_>)> = distinct(inputs, notes)
        .into_iter()
        .filter_map(|input| {
            let capture = Capture::open(&input.bytes, input.kind);
            let capture = capture.map(|capture| capture.watched(&input.progress));
            if capture.is_none() {
                notes.add(NoteKind::TruncatedCapture, Some(input.id), None);
            }
            Some((input.id, capture?))
        })
        .collect();
    let mut interest = Interest::new(&options.ports);
    let mut own = Notes::new();
    let mut pass = run_pass((&mut captures, &paths), &interest, options, sink, &mut own);
    if !pass.found.is_empty() {
        interest.endpoints = std::mem::take(&mut pass.found).into_iter().take(MAX_FOUND).collect();
        own = Notes::new();
        pass = run_pass((&mut captures, &paths), &interest, options, sink, &mut own);
        for endpoint in &interest.endpoints {
            own.add_detail(NoteKind::RdpElsewhere, None, endpoint.to_string());
        }
        // What was not read again is found again.
        let beyond = u64::try_from(pass.found.len()).unwrap_or(u64::MAX).saturating_add(pass.found_beyond);
        own.add_many(NoteKind::ElsewhereBound, None, "", beyond, None);
    }
    notes.merge(own);
    pass.finish(&interest, sink, notes)
}

/// Each capture once, however often it is given: what stands in two captures would be taken for two views.
fn distinct<'a>(inputs: &[&'a Input], notes: &mut Notes) -> Vec<&'a Input> {
    /// So many of one length are compared with each other, up to where they differ; of more all is read, once.
    const FEW: usize = 8;
    let mut of_length: BTreeMap<usize, usize> = BTreeMap::new();
    for input in inputs {
        *of_length.entry(input.bytes.len()).or_default() += 1;
    }
    let many = |input: &Input| of_length.get(&input.bytes.len()).is_some_and(|count| *count > FEW);
    let hash = |input: &&Input| if many(input) { Keyed::default().hash_one(&*input.bytes) } else { 0 };
    let hashes: Vec<u64> = inputs.par_iter().map(hash).collect();
    let mut known: BTreeMap<(usize, u64), Vec<&Input>> = BTreeMap::new();
    let mut is_new = |input: &'a Input, hash: u64| {
        let alike = known.entry((input.bytes.len(), hash)).or_default();
        let is_new = alike.iter().all(|own| *own.bytes != *input.bytes);
        if is_new {
            alike.push(input);
        } else {
            notes.add(NoteKind::SameCapture, Some(input.id), None);
        }
        is_new
    };
    inputs
        .iter()
        .copied()
        .zip(hashes)
        .filter(|(input, hash)| is_new(input, *hash))
        .map(|(input, _)| input)
        .collect()
}

/// Tells that captures are read from their beginning.
pub(super) fn begin<'c, 'b: 'c>(
    phase: Phase,
    captures: impl IntoIterator<Item = &'c (SourceId, Capture<'b>), IntoIter: Clone>,
) {
    let captures = captures.into_iter();
    let bytes = captures.clone().map(|(_, capture)| capture.bytes.len()).sum::<usize>();
    if let Some((_, first)) = captures.into_iter().next() {
        first.progress.begin(phase, u64::try_from(bytes).unwrap_or(0));
    }
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

struct Pass<'b> {
    alignment: Alignment,
    /// Of each capture.
    paths: BTreeMap<SourceId, PathBuf>,
    bounds: FlowBounds,
    sequences: Vec<Sequence<'b>>,
    observations: Vec<Arc<Observations>>,
    sizes: Vec<CaptureSize>,
    found: std::collections::BTreeSet<Endpoint>,
    /// Requests to endpoints beyond those.
    found_beyond: u64,
    /// Connections that ended early and are reported one by one.
    singles: Vec<Connection>,
}

fn run_pass<'b>(
    (captures, paths): (&mut [(SourceId, Capture<'b>)], &BTreeMap<SourceId, PathBuf>),
    interest: &Interest,
    options: &ScanOptions,
    sink: &mut dyn Sink,
    notes: &mut Notes,
) -> Pass<'b> {
    sink.begin();
    let interest = Arc::new(interest.clone());
    if captures.len() > 1 {
        begin(Phase::Comparing, &*captures);
    }
    let alignment = Alignment::of(captures, &interest, options.split);
    begin(Phase::Captures, &*captures);
    alignment.note(notes);
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
        found: std::collections::BTreeSet::new(),
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
        let (read, room) = ((*source, capture), pass.room());
        let mut reading = Reading::new(read, &mut sequence, Arc::clone(&interest), options.flows, room);
        let clock = alignment.shift(*source);
        let mut into = Into { table: &mut sequence.table, notes };
        let rooms = Rooms::default();
        let new =
            || Packets::new(Arc::clone(&interest), capture.bytes).by_clock(clock).with_room(rooms.take());
        let mut windows = Windows::of(capture, options.split, &new);
        let mut hand_on = |Handed { ended, seen, running }: Handed<'b>| {
            if !ended.is_empty() {
                let seen = Arc::new(seen);
                let seen = || Seen {
                    captures: [&*pass.observations, std::slice::from_ref(&seen)].concat(),
                    running: running.par_iter().map(Ended::connection).collect(),
                };
                pass.singles.extend(sink.take(ended, &seen));
            }
        };
        let mut goes_on = true;
        while goes_on {
            let handed = reading.take_over(into.table);
            let is_alone = reading.is_alone;
            let mut read_on = || reading.read_on(&mut windows, &rooms, &mut into);
            goes_on = if is_alone {
                hand_on(handed);
                read_on()
            } else {
                // Meanwhile the capture is read until as much has ended again.
                rayon::join(|| hand_on(handed), read_on).1
            };
        }
        reading.end(&rooms, &mut into, &mut hand_on);
        let summary = windows.end();
        pass.found.append(&mut reading.found);
        pass.found_beyond += reading.found_beyond;
        pass.sizes.push(CaptureSize {
            source: *source,
            frames: summary.frames,
            interfaces: summary.interfaces,
        });
        let tallies = reading.finish(&mut sequence, &mut pass.observations);
        tallies.note(*source, notes);
        pass.sequences.push(sequence);
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
    /// The flows that a capture goes on with: of the files of a ring buffer the one that ended last before it
    /// begins. Captures of the same packets are never one.
    fn take_sequence(&mut self, source: SourceId, begins: Timestamp, watched: bool) -> Sequence<'b> {
        let open = (0..)
            .zip(&self.sequences)
            .filter(|(_, sequence)| {
                sequence.end.shifted(-RING_OVERLAP) <= begins
                    && begins < Timestamp::MAX
                    && sequence.sources.iter().all(|other| !self.alignment.share(*other, source))
            })
            // Ring buffers of two points may change files at once: those of one have names alike.
            .max_by_key(|(_, sequence)| {
                let is_next = begins - sequence.end <= RING_PAUSE;
                (is_next, self.likeness(sequence, source), sequence.end)
            })
            .map(|(at, _)| at);
        let mut sequence = match open {
            Some(at) => self.sequences.swap_remove(at),
            None => Sequence {
                table: FlowTable::new(watched),
                epoch: Epoch::within(self.bounds.bytes),
                held: 0,
                over: Vec::new(),
                over_bytes: 0,
                end: begins,
                sources: Vec::new(),
                point: source,
                hosts: Hosts::within(self.room()),
                udp: UdpTable::within(self.room()),
            },
        };
        sequence.sources.push(source);
        sequence
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
        let held = |own: &Sequence<'_>| own.held + own.over_bytes;
        if self.sequences.iter().map(held).sum::<usize>() <= at_most {
            return;
        }
        let share = at_most / self.sequences.len();
        let mut flows: Vec<(Kept<'b>, Timestamp)> = Vec::new();
        for own in self.sequences.iter_mut().filter(|own| held(own) > share) {
            flows.append(&mut own.over);
            own.over_bytes = 0;
            let given_up = own.table.give_up(usize::MAX, Some(share));
            own.held = own.table.held();
            let count = u64::try_from(given_up.len()).unwrap_or(0);
            notes.add_many(NoteKind::FlowBound, Some(own.point), "", count, None);
            flows.extend(given_up.into_iter().map(|flow| (flow, own.end)));
        }
        self.hand_over(flows.into_iter(), (interest, sink), notes);
    }

    fn hand_over(
        &mut self,
        mut flows: impl Iterator<Item = (Kept<'b>, Timestamp)>,
        (interest, sink): (&Interest, &mut dyn Sink),
        notes: &mut Notes,
    ) {
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

    fn finish(mut self, interest: &Interest, sink: &mut dyn Sink, notes: &mut Notes) -> Scanned {
        let mut flows: Vec<(Kept<'b>, Timestamp)> = Vec::new();
        // What goes on in another capture ends with that one.
        let mut ends: Vec<Timestamp> = self.sequences.iter().map(|sequence| sequence.end).collect();
        ends.sort_unstable();
        for sequence in std::mem::take(&mut self.sequences) {
            flows.extend(sequence.over);
            flows.extend(sequence.table.in_order().into_iter().map(|flow| {
                let behind = ends.partition_point(|end| *end < flow.last());
                let end = ends.get(behind).copied().unwrap_or(sequence.end).max(sequence.end);
                (flow, end)
            }));
        }
        self.hand_over(flows.into_iter(), (interest, sink), notes);
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
