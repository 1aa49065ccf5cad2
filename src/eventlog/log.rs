//! One log as a whole: what it holds, which times it speaks for, and which events to decode.
//!
//! Compares no clock with any other: a piece here is a stretch of one log between two jumps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::decode;
use super::evtx::{self, Chunk, Container, RecordHeader};
use super::heads::{Heads, Met};
use super::index::{Entry, IndexedChunk, LogIndex};
use super::pieces;
use super::provider::{Bearing, Provider};
use super::stamps::{InOrder, Stamps};
use super::templates::{Shelf, Templates};
use super::{security, system};
use crate::base::{Locator, NoteKind, Notes, Progress, SourceId, Timestamp, Window};

/// What a log holds, learned from all of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The file.
    pub source: SourceId,
    /// The channels that its events name, sorted; more than one in a collected log.
    pub channels: Vec<Arc<str>>,
    /// The computers that its events name, sorted.
    pub computers: Vec<Arc<str>>,
    /// Whether its events come from several computers in turn, whose clocks may differ.
    pub collected: bool,
    /// How many records it holds that can be read.
    pub records: u64,
    /// How many of them bear on RDP.
    pub bearing: u64,
    /// How many there are of each kind, sorted; also of kinds that do not bear on RDP.
    pub kinds: Vec<Kind>,
    /// The least time of any event, as logged.
    pub first_time: Option<Timestamp>,
    /// The greatest time of any event, as logged.
    pub last_time: Option<Timestamp>,
    /// Where record numbers are missing, in order; at most [`Log::GAPS`] of them.
    pub gaps: Vec<Gap>,
    /// How many record numbers are missing between the first and the last.
    pub missing: u64,
    /// The stretches between clock jumps, in record order; one if the clock never jumped, none in an empty log.
    /// Always one in a collected log, where jumps cannot be told from late arrivals.
    pub pieces: Vec<Piece>,
}

/// A kind of event, with how often the log holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Who wrote it.
    pub provider: Provider,
    /// Its event id.
    pub id: u32,
    /// How often.
    pub count: u64,
}

/// Record numbers that a log lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The last record before it.
    pub after: u64,
    /// The first record behind it.
    pub before: u64,
}

/// A stretch of a log in which the clock ran on without a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// Its first record.
    pub first_record: u64,
    /// Its last record.
    pub last_record: u64,
    /// From its least to its greatest time, as logged.
    pub window: Window,
    /// By how many nanoseconds the clock jumped at its beginning: as an event told, or as far as times fell.
    /// `None` for the first piece. A jump ahead may be no more than a paused virtual machine that catches up:
    /// then the clock was right on both sides.
    pub jump: Option<i64>,
}

impl Piece {
    /// Whether the record of that number stands in this piece.
    pub const fn holds(&self, record: u64) -> bool {
        self.first_record <= record && record <= self.last_record
    }
}

impl Log {
    /// How many gaps are kept one by one; a filtered export has as many as records.
    pub const GAPS: usize = 4096;

    /// How many events of that kind it holds.
    pub fn count(&self, provider: &Provider, id: u32) -> u64 {
        self.kinds
            .iter()
            .filter(|kind| kind.id == id && kind.provider == *provider)
            .map(|kind| kind.count)
            .sum()
    }

    /// Whether it holds a channel of that name.
    pub fn has_channel(&self, name: &str) -> bool {
        self.channels.iter().any(|channel| channel.eq_ignore_ascii_case(name))
    }

    /// The piece in which a record stands.
    pub fn piece_of(&self, record: u64) -> Option<usize> {
        let at = self.pieces.partition_point(|piece| piece.last_record < record);
        self.pieces.get(at).is_some_and(|piece| piece.holds(record)).then_some(at)
    }
}

/// Walks the whole log: times, numbers and kinds of all records. `None` if the bytes are not an event log.
///
/// Damage is noted and passed over; a log of which nothing can be read is a log without records.
pub fn scan<'a>(source: SourceId, bytes: &'a [u8], notes: &mut Notes) -> Option<LogIndex<'a>> {
    scan_watched(source, bytes, &Progress::default(), notes)
}

/// The same, telling how much of it was read.
pub fn scan_watched<'a>(
    source: SourceId,
    bytes: &'a [u8],
    progress: &Progress,
    notes: &mut Notes,
) -> Option<LogIndex<'a>> {
    let shelf: Shelf<Learned> = Shelf::new();
    let container = evtx::open(bytes, &|chunk| {
        progress.add(chunk.bytes.len());
        shelf.with(|learned| survey(source, &chunk, learned))
    })?;
    note_damage(source, &container, notes);
    let mut whole = Whole::default();
    shelf.into_kept().into_iter().for_each(|learned| whole.learn(learned));
    let surveys: Vec<Survey<'a>> = container.chunks;
    let mut stamps = Vec::with_capacity(surveys.len());
    let mut chunks = Vec::with_capacity(surveys.len());
    for survey in surveys {
        whole.first_unread = whole.first_unread.or(survey.first_unread);
        stamps.push(survey.stamps);
        if !survey.chunk.entries.is_empty() {
            chunks.push(survey.chunk);
        }
    }
    notes.add_many(
        NoteKind::DamagedRecord,
        Some(source),
        "",
        whole.unread,
        whole.first_unread.map(|number| Locator::Record { source, number }),
    );
    let log = whole.into_log(source, &InOrder::of(&stamps));
    note_limits(&log, notes);
    Some(LogIndex { log, chunks, progress: progress.clone() })
}

/// What one chunk adds to the whole, in the order of the file.
struct Survey<'a> {
    stamps: Stamps,
    first_unread: Option<u64>,
    chunk: IndexedChunk<'a>,
}

/// What a worker learns from chunks in any order.
#[derive(Default)]
struct Learned {
    heads: Heads,
    bearing: u64,
    unread: u64,
    /// Records that tell of a jump of the clock, with its nanoseconds.
    jumps: Vec<(u64, i64)>,
    templates: Templates,
}

/// What is learned from all records.
#[derive(Default)]
struct Whole {
    channels: BTreeSet<Arc<str>>,
    computers: BTreeSet<Arc<str>>,
    kinds: BTreeMap<(Provider, u32), u64>,
    bearing: u64,
    records: u64,
    unread: u64,
    first_unread: Option<u64>,
    /// Records that tell of a jump of the clock, with its nanoseconds.
    jumps: Vec<(u64, i64)>,
    /// How often the computer changes from one record to the next.
    switches: u64,
}

fn survey<'a>(source: SourceId, chunk: &Chunk<'a>, learned: &mut Learned) -> Survey<'a> {
    let Learned { heads, bearing, unread, jumps, templates } = learned;
    let mut stamps = Stamps::with_room_for(chunk.records.len());
    let mut first_unread = None;
    let mut entries: Vec<Entry> = Vec::new();
    let mut times: Option<Window> = None;
    let mut is_timeless = false;
    let mut of_clock: Vec<RecordHeader> = Vec::new();
    heads.read(chunk, |record, head| {
        let Some(head) = head else {
            stamps.push(record.number, record.written);
            *unread += 1;
            first_unread.get_or_insert(record.number);
            return;
        };
        stamps.push(record.number, head.time);
        let Some((entry, time)) = Entry::of(head) else { return };
        *bearing += 1;
        if !entries.contains(&entry) {
            entries.push(entry);
        }
        match time {
            Some(time) => times.get_or_insert(Window::at(time)).include(time),
            None => is_timeless = true,
        }
        if entry.bearing == Bearing::Clock {
            of_clock.push(RecordHeader { written: time, ..*record });
        }
    });
    for event in decode::decode(chunk, source, &of_clock, security::is_of_no_use, templates).events {
        if let Some(jump) = system::clock_jump(&event) {
            jumps.push((event.record(), jump));
        }
    }
    let times = times.filter(|_| !is_timeless);
    Survey { stamps, first_unread, chunk: IndexedChunk { bytes: chunk.bytes, entries, times } }
}

impl Whole {
    fn learn(&mut self, learned: Learned) {
        let Learned { heads, bearing, unread, jumps, .. } = learned;
        self.channels.extend(heads.channels);
        self.computers.extend(heads.computers);
        for Met { provider, id, count, .. } in heads.kinds.all {
            *self.kinds.entry((provider, id)).or_default() += count;
            self.records += count;
        }
        self.bearing += bearing;
        self.unread += unread;
        self.jumps.extend(jumps);
        self.switches += heads.switches;
    }

    fn into_log(mut self, source: SourceId, stamps: &InOrder) -> Log {
        self.jumps.sort_unstable();
        let mut gaps = Vec::new();
        let mut missing = 0_u64;
        let mut last: Option<u64> = None;
        stamps.each_number(|before| {
            let after = last.replace(before).unwrap_or(before);
            let between = before.saturating_sub(after).saturating_sub(1);
            missing = missing.saturating_add(between);
            if between > 0 && gaps.len() < Log::GAPS {
                gaps.push(Gap { after, before });
            }
        });
        // A computer changes its name once; in a log that was collected from many, they take turns. There the
        // order of the records is that of their arrival, and says nothing about any clock.
        let hosts = u64::try_from(self.computers.len()).unwrap_or(u64::MAX);
        let collected = hosts > 1 && self.switches > hosts.saturating_add(8);
        let pieces = pieces::split(&stamps.timed, if collected { None } else { Some(&self.jumps) });
        let times = || stamps.timed.iter().map(|(_, time)| *time);
        Log {
            source,
            records: self.records,
            bearing: self.bearing,
            first_time: times().min(),
            last_time: times().max(),
            gaps,
            missing,
            collected,
            pieces,
            channels: self.channels.into_iter().collect(),
            computers: self.computers.into_iter().collect(),
            kinds: self
                .kinds
                .into_iter()
                .map(|((provider, id), count)| Kind { provider, id, count })
                .collect(),
        }
    }
}

fn note_damage(source: SourceId, container: &Container<Survey<'_>>, notes: &mut Notes) {
    let slots = u64::try_from(container.damaged_slots.len()).unwrap_or(u64::MAX);
    notes.add_many(NoteKind::DamagedChunk, Some(source), "", slots, None);
    if container.cut {
        notes.add_detail(NoteKind::DamagedChunk, Some(source), "the file ends inside a chunk");
    }
    let missing = "no record where one should be";
    notes.add_many(NoteKind::DamagedRecord, Some(source), missing, container.damaged_records, None);
}

fn note_limits(log: &Log, notes: &mut Notes) {
    let source = Some(log.source);
    let count = |items: usize| u64::try_from(items).unwrap_or(u64::MAX);
    let at = |number: u64| Some(Locator::Record { source: log.source, number });
    if log.bearing == 0 {
        notes.add(NoteKind::NoRdpEvents, source, None);
    }
    let first = log.gaps.first().and_then(|gap| at(gap.after));
    notes.add_many(NoteKind::RecordGap, source, "", count(log.gaps.len()), first);
    let jump = log.pieces.get(1).and_then(|piece| at(piece.first_record));
    notes.add_many(NoteKind::LogClockJump, source, "", count(log.pieces.len().saturating_sub(1)), jump);
}
