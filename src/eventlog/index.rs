//! Which events of a log to decode: by what they are and when, chunk by chunk.
//!
//! Keeps no record, only what kinds of them each chunk holds and when: a chunk that is wanted is walked again, and of a
//! large log beside a capture few are.

use rayon::prelude::*;

use super::decode::{self, Decoded};
use super::event::Event;
use super::evtx::{self, Chunk, RecordHeader};
use super::heads::{Head, Heads};
use super::log::Log;
use super::provider::{Audit, Bearing, Provider, bearing, may_begin};
use super::templates::{Shelf, Templates};
use super::{security, system};
use crate::base::{Locator, NoteKind, Notes, Progress, Timestamp, Window};

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

/// Whether times may lie in one of the windows, if there are any to lie in. Times that are not known may lie in all.
fn lie_in(windows: Option<&[Window]>, times: Option<Window>) -> bool {
    let inside = |times: Window| windows.is_none_or(|all| all.iter().any(|window| window.overlaps(&times)));
    times.is_none_or(inside)
}

/// A log that was walked once: what it holds, and where the records that bear on RDP are.
#[derive(Clone, Debug)]
pub struct LogIndex<'a> {
    pub(super) log: Log,
    /// Those with records that bear on RDP.
    pub(super) chunks: Vec<IndexedChunk<'a>>,
    pub(super) progress: Progress,
}

/// What a chunk holds of records that bear on RDP.
#[derive(Clone, Debug)]
pub(super) struct IndexedChunk<'a> {
    pub bytes: &'a [u8],
    /// Each kind once.
    pub entries: Vec<Entry>,
    /// From the least to the greatest time of their events; `None` if one of them has none.
    pub times: Option<Window>,
}

/// What decides whether and when an event is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub bearing: Bearing,
    /// Whether it may be the sign of an attempt by itself.
    pub begins: bool,
    pub audit: Audit,
}

impl Entry {
    /// That of a record, with the time of its event, if it bears on RDP.
    pub fn of(head: Head) -> Option<(Self, Option<Timestamp>)> {
        let Head { bearing, begins, audit, time } = head;
        Some((Self { bearing: bearing?, begins, audit }, time))
    }

    const fn is_anchor(self) -> bool {
        matches!(self.bearing, Bearing::Anchor | Bearing::Clock)
    }
}

/// What a worker keeps from chunk to chunk.
#[derive(Default)]
struct Kept {
    heads: Heads,
    templates: Templates,
}

/// The records of a chunk that bear on RDP.
struct Bearers<'a> {
    chunk: Chunk<'a>,
    /// With the times of their events as those of writing.
    records: Vec<(RecordHeader, Entry)>,
}

impl<'a> Bearers<'a> {
    fn of(bytes: &'a [u8], heads: &mut Heads) -> Self {
        let chunk = evtx::chunk(bytes);
        let mut records = Vec::with_capacity(chunk.records.len());
        heads.read(&chunk, |record, head| {
            if let Some((entry, time)) = head.and_then(Entry::of) {
                records.push((RecordHeader { written: time, ..*record }, entry));
            }
        });
        Self { chunk, records }
    }
}

impl LogIndex<'_> {
    /// What the log holds.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// How many bytes are read for its events.
    pub fn size(&self) -> usize {
        self.chunks.iter().map(|indexed| indexed.bytes.len()).sum()
    }

    /// Whether any of its events is the sign of an attempt by itself, see [`may_begin`]. What the others say is of
    /// interest only beside an attempt that something else shows.
    pub fn tells_of_attempts(&self) -> bool {
        let mut kinds = self.log.kinds.iter().filter(|kind| may_begin(&kind.provider, kind.id));
        // What the firewall kept out is mostly not RDP, nor are most logons.
        kinds.clone().any(|kind| kind.provider != Provider::Security)
            || kinds.next().is_some() && self.audits_an_attempt()
    }

    fn audits_an_attempt(&self) -> bool {
        let shelf: Shelf<Kept> = Shelf::new();
        self.chunks.par_iter().any(|indexed| {
            let (decoded, _) = shelf.with(|kept| self.decode_chunk(indexed, |_, entry| entry.begins, kept));
            decoded.events.iter().any(|event| security::bears(event) && security::is_attempt(event))
        })
    }

    /// Whether it holds nothing that bears on RDP but audit events.
    pub fn is_audit(&self) -> bool {
        let mut bearing = self.log.kinds.iter().filter(|kind| bearing(&kind.provider, kind.id).is_some());
        bearing.all(|kind| matches!(kind.provider, Provider::Security | Provider::EventLogService))
    }

    /// The events that tie this log to others, wherever they stand: accepted connections and started attempts
    /// (RdpCoreTS 131, RCM 261, RDPClient 1024 and 1102) and changes of the clock. In record order.
    pub fn anchors(&self, notes: &mut Notes) -> Vec<Event> {
        self.decode(|_, entry| entry.is_anchor(), |entry| entry.is_anchor(), notes)
    }

    /// The events that bear on RDP and lie inside the wanted windows, by their own times as logged, and those that
    /// explain from far away, wherever they stand. In record order. An anchor that cannot be decoded is noted by
    /// [`LogIndex::anchors`], not here again.
    pub fn events(&self, wanted: &Wanted, notes: &mut Notes) -> Vec<Event> {
        let near = |times| lie_in(wanted.near.as_deref(), times);
        let is_wanted = |times, entry: &Entry| match entry.bearing {
            Bearing::Far | Bearing::Clock => true,
            Bearing::Anchor | Bearing::Session => lie_in(wanted.sessions.as_deref(), times),
            Bearing::Near => {
                near(times) && (entry.audit == Audit::Ends || lie_in(wanted.close.as_deref(), times))
            }
        };
        let mut events = self.decode(is_wanted, |entry| !entry.is_anchor(), notes);
        if wanted.close.is_some() && !events.iter().any(security::is_logon) {
            events.extend(self.first_logon(near));
            events.sort_by_key(Event::record);
        }
        events
    }

    /// The first logon that RDP may have made, in the order of the file.
    fn first_logon(&self, near: impl Fn(Option<Window>) -> bool + Sync) -> Option<Event> {
        let is_wanted = |times, entry: &Entry| entry.audit == Audit::Logon && near(times);
        let shelf: Shelf<Kept> = Shelf::new();
        self.chunks.par_iter().find_map_first(|indexed| {
            let (decoded, _) = shelf.with(|kept| self.decode_chunk(indexed, is_wanted, kept));
            decoded.events.into_iter().find(security::bears)
        })
    }

    /// Decodes what is wanted of a chunk; gives also all records that bear on RDP, if any was wanted.
    fn decode_chunk(
        &self,
        indexed: &IndexedChunk<'_>,
        wanted: impl Fn(Option<Window>, &Entry) -> bool,
        kept: &mut Kept,
    ) -> (Decoded, Vec<(RecordHeader, Entry)>) {
        if !indexed.entries.iter().any(|entry| wanted(indexed.times, entry)) {
            return Default::default();
        }
        let Bearers { chunk, records } = Bearers::of(indexed.bytes, &mut kept.heads);
        let is_wanted =
            |(record, entry): &&(RecordHeader, Entry)| wanted(record.written.map(Window::at), entry);
        let chosen: Vec<RecordHeader> = records.iter().filter(is_wanted).map(|(record, _)| *record).collect();
        let source = self.log.source;
        let decoded = decode::decode(&chunk, source, &chosen, security::is_of_no_use, &mut kept.templates);
        (decoded, records)
    }

    /// Decodes what is `wanted`, by the time of an event or by the times of many; of what cannot be, only the `noted`
    /// kinds are counted.
    fn decode(
        &self,
        wanted: impl Fn(Option<Window>, &Entry) -> bool + Sync,
        noted: impl Fn(&Entry) -> bool + Sync,
        notes: &mut Notes,
    ) -> Vec<Event> {
        let source = self.log.source;
        let shelf: Shelf<Kept> = Shelf::new();
        let parts: Vec<Decoded> = self
            .chunks
            .par_iter()
            .map(|indexed| {
                self.progress.add(indexed.bytes.len());
                let (mut decoded, records) = shelf.with(|kept| self.decode_chunk(indexed, &wanted, kept));
                decoded.lost.retain(|number| {
                    records.iter().any(|(record, entry)| record.number == *number && noted(entry))
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

const LOST: &str = "an event that bears on RDP, its fields could not be read";
