//! One log as a whole: what it holds, which times it speaks for, and which events to decode.
//!
//! Compares no clock with any other: a piece here is a stretch of one log between two jumps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::decode::{self, Decoded};
use super::event::Event;
use super::evtx::{self, Chunk, Container, RecordHeader};
use super::heads::{Head, Heads, Met};
use super::pieces;
use super::provider::{Audit, Bearing, Provider, bearing, may_begin};
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

/// Which events of a log are wanted, by their own times as logged. All, where there are no windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those that speak of what happens at their own time.
    pub near: Option<Vec<Window>>,
    /// Those of connections and sessions.
    pub sessions: Option<Vec<Window>>,
    /// Of those in `near`, the ones that do not name both ends of a connection, if fewer of them are wanted. One logon
    /// that RDP may have made is given all the same, if there is any in `near`: that it is there tells what the log holds.
    pub close: Option<Vec<Window>>,
}

/// Whether a moment lies in one of the windows, if there are any to lie in.
fn lies_in(windows: Option<&[Window]>, time: Option<Timestamp>) -> bool {
    let inside = |time| windows.is_none_or(|all| all.iter().any(|window| window.contains(time)));
    time.is_none_or(inside)
}

/// A log that was walked once: what it holds, and where the records that bear on RDP are.
#[derive(Clone, Debug)]
pub struct LogIndex<'a> {
    log: Log,
    chunks: Vec<IndexedChunk<'a>>,
    progress: Progress,
}

#[derive(Clone, Debug)]
struct IndexedChunk<'a> {
    /// Holds only the records that bear on RDP, with the times of their events as those of writing.
    chunk: Chunk<'a>,
    /// How, record by record.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    bearing: Bearing,
    /// Whether it may be the sign of an attempt by itself.
    begins: bool,
    audit: Audit,
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
        shelf.with(|learned| survey(source, chunk, learned))
    })?;
    note_damage(source, &container, notes);
    let mut whole = Whole::default();
    shelf.into_kept().into_iter().for_each(|learned| whole.learn(learned));
    let surveys: Vec<Survey<'a>> = container.chunks;
    whole.stamps.reserve(surveys.iter().map(|survey| survey.stamps.len()).sum());
    let mut chunks = Vec::with_capacity(surveys.len());
    for survey in surveys {
        whole.first_unread = whole.first_unread.or(survey.first_unread);
        whole.stamps.extend(survey.stamps);
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
    let log = whole.into_log(source);
    note_limits(&log, notes);
    Some(LogIndex { log, chunks, progress: progress.clone() })
}

impl LogIndex<'_> {
    /// What the log holds.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// How many bytes are read for its events.
    pub fn size(&self) -> usize {
        self.chunks.iter().map(|indexed| indexed.chunk.bytes.len()).sum()
    }

    /// Whether any of its events is the sign of an attempt by itself, see [`may_begin`]. What the others say is of
    /// interest only beside an attempt that something else shows.
    pub fn tells_of_attempts(&self) -> bool {
        let mut kinds = self.log.kinds.iter().filter(|kind| may_begin(&kind.provider, kind.id));
        // What the firewall kept out is mostly not RDP.
        kinds.clone().any(|kind| kind.provider != Provider::Security)
            || kinds.next().is_some()
                && !self.decode(|_, entry| entry.begins, |_| false, &mut Notes::new()).is_empty()
    }

    /// Whether it holds nothing that bears on RDP but audit events.
    pub fn is_audit(&self) -> bool {
        let mut bearing = self.log.kinds.iter().filter(|kind| bearing(&kind.provider, kind.id).is_some());
        bearing.all(|kind| matches!(kind.provider, Provider::Security | Provider::EventLogService))
    }

    /// The events that tie this log to others, wherever they stand: accepted connections and started attempts
    /// (RdpCoreTS 131, RCM 261, RDPClient 1024 and 1102) and changes of the clock. In record order.
    pub fn anchors(&self, notes: &mut Notes) -> Vec<Event> {
        self.decode(|_, entry| is_anchor(entry), is_anchor, notes)
    }

    /// The events that bear on RDP and lie inside the wanted windows, by their own times as logged, and those that
    /// explain from far away, wherever they stand. In record order. An anchor that cannot be decoded is noted by
    /// [`LogIndex::anchors`], not here again.
    pub fn events(&self, wanted: &Wanted, notes: &mut Notes) -> Vec<Event> {
        let near = |record: &RecordHeader| lies_in(wanted.near.as_deref(), record.written);
        let close = |record: &RecordHeader| lies_in(wanted.close.as_deref(), record.written);
        let is_wanted = |record: &RecordHeader, entry: &Entry| match entry.bearing {
            Bearing::Far | Bearing::Clock => true,
            Bearing::Anchor | Bearing::Session => lies_in(wanted.sessions.as_deref(), record.written),
            Bearing::Near => near(record) && (entry.audit == Audit::Ends || close(record)),
        };
        let mut events = self.decode(is_wanted, |entry| !is_anchor(entry), notes);
        if wanted.close.is_some() && !events.iter().any(security::is_logon) {
            events.extend(self.first_logon(near));
            events.sort_by_key(Event::record);
        }
        events
    }

    /// The first logon that RDP may have made, in the order of the file.
    fn first_logon(&self, near: impl Fn(&RecordHeader) -> bool + Sync) -> Option<Event> {
        let source = self.log.source;
        let shelf: Shelf<Templates> = Shelf::new();
        self.chunks.par_iter().find_map_first(|indexed| {
            let records = indexed.chunk.records.iter().zip(&indexed.entries);
            let logons = records.filter(|(record, entry)| entry.audit == Audit::Logon && near(record));
            let logons: Vec<RecordHeader> = logons.map(|(record, _)| *record).collect();
            let decoded = shelf.with(|templates| {
                decode::decode(&indexed.chunk, source, &logons, security::is_of_no_use, templates)
            });
            decoded.events.into_iter().find(security::bears)
        })
    }

    /// Decodes what is `wanted`; of what cannot be, only the `noted` kinds are counted.
    fn decode(
        &self,
        wanted: impl Fn(&RecordHeader, &Entry) -> bool + Sync,
        noted: impl Fn(&Entry) -> bool + Sync,
        notes: &mut Notes,
    ) -> Vec<Event> {
        let source = self.log.source;
        let shelf: Shelf<Templates> = Shelf::new();
        let parts: Vec<Decoded> = self
            .chunks
            .par_iter()
            .map(|indexed| {
                self.progress.add(indexed.chunk.bytes.len());
                let records = || indexed.chunk.records.iter().zip(&indexed.entries);
                let chosen: Vec<_> = records()
                    .filter(|(record, entry)| wanted(record, entry))
                    .map(|(record, _)| *record)
                    .collect();
                if chosen.is_empty() {
                    return Decoded::default();
                }
                let mut decoded = shelf.with(|templates| {
                    decode::decode(&indexed.chunk, source, &chosen, security::is_of_no_use, templates)
                });
                decoded.lost.retain(|number| {
                    records().any(|(record, entry)| record.number == *number && noted(entry))
                });
                decoded.events.retain(|event| security::bears(event) && system::bears(event));
                decoded
            })
            .collect();
        let mut events = Vec::with_capacity(parts.iter().map(|part| part.events.len()).sum());
        for part in parts {
            let first = part.lost.first().map(|number| Locator::Record { source, number: *number });
            let lost = u64::try_from(part.lost.len()).unwrap_or(u64::MAX);
            notes.add_many(NoteKind::DamagedRecord, Some(source), LOST, lost, first);
            events.extend(part.events);
        }
        // Chunks of a log that went round are not in record order. Stable: what a joined log repeats keeps
        // the order of the file.
        events.sort_by_key(Event::record);
        events
    }
}

const fn is_anchor(entry: &Entry) -> bool {
    matches!(entry.bearing, Bearing::Anchor | Bearing::Clock)
}

const LOST: &str = "an event that bears on RDP, its fields could not be read";

/// What one chunk adds to the whole, in the order of the file.
struct Survey<'a> {
    /// Number and time of every record.
    stamps: Vec<(u64, Option<Timestamp>)>,
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
    /// Empty; they grow once, not for each chunk.
    records: Vec<RecordHeader>,
    entries: Vec<Entry>,
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
    /// Number and time of every record.
    stamps: Vec<(u64, Option<Timestamp>)>,
    /// Records that tell of a jump of the clock, with its nanoseconds.
    jumps: Vec<(u64, i64)>,
    /// How often the computer changes from one record to the next.
    switches: u64,
}

fn survey<'a>(source: SourceId, mut chunk: Chunk<'a>, learned: &mut Learned) -> Survey<'a> {
    let Learned { heads, bearing: bear, unread, jumps, templates, records, entries } = learned;
    let mut stamps = Vec::with_capacity(chunk.records.len());
    let mut first_unread = None;
    heads.read(&chunk, |record, head| {
        let Some(Head { bearing, begins, audit, time }) = head else {
            stamps.push((record.number, record.written));
            *unread += 1;
            first_unread.get_or_insert(record.number);
            return;
        };
        stamps.push((record.number, time));
        if let Some(bearing) = bearing {
            *bear += 1;
            // An event that does not say when it was made has the time of writing.
            records.push(RecordHeader { written: time, ..*record });
            entries.push(Entry { bearing, begins, audit });
        }
    });
    let of_clock = records.iter().zip(&*entries).filter(|(_, entry)| entry.bearing == Bearing::Clock);
    let of_clock: Vec<RecordHeader> = of_clock.map(|(record, _)| *record).collect();
    for event in decode::decode(&chunk, source, &of_clock, security::is_of_no_use, templates).events {
        if let Some(jump) = system::clock_jump(&event) {
            jumps.push((event.record(), jump));
        }
    }
    chunk.records = records.as_slice().into();
    let chunk = IndexedChunk { chunk, entries: entries.as_slice().into() };
    records.clear();
    entries.clear();
    Survey { stamps, first_unread, chunk }
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

    fn into_log(mut self, source: SourceId) -> Log {
        self.stamps.sort_by_key(|(number, _)| *number);
        self.jumps.sort_unstable();
        let mut gaps = Vec::new();
        let mut missing = 0_u64;
        for ((after, _), (before, _)) in self.stamps.iter().zip(self.stamps.iter().skip(1)) {
            let (after, before) = (*after, *before);
            let between = before.saturating_sub(after).saturating_sub(1);
            missing = missing.saturating_add(between);
            if between > 0 && gaps.len() < Log::GAPS {
                gaps.push(Gap { after, before });
            }
        }
        // A computer changes its name once; in a log that was collected from many, they take turns. There the
        // order of the records is that of their arrival, and says nothing about any clock.
        let hosts = u64::try_from(self.computers.len()).unwrap_or(u64::MAX);
        let collected = hosts > 1 && self.switches > hosts.saturating_add(8);
        let pieces = pieces::split(&self.stamps, if collected { None } else { Some(&self.jumps) });
        let times = || self.stamps.iter().filter_map(|(_, time)| *time);
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
