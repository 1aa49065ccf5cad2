//! One capture being read: windows of frames to segments, segments into the flow table of their sequence, and what
//! else the frames show. Judges nothing, and knows of no other capture.

use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use super::ended::{self, Ended, Over};
use super::kerberos::{self, KerberosError};
use super::lookup::{Lookups, Said};
use super::observations::Observations;
use super::room::Room;
use super::scan::MAX_FOUND;
use super::sequence::Sequence;
use super::tallies::{self, Tallies};
use super::udp;
use crate::base::{Locator, NoteKind, Notes, Observed, SourceId, Timestamp, Window};
use crate::capture::split::{Part, Windows};
use crate::capture::{Capture, MAX_DAMAGE};
use crate::packet::icmp::IcmpMeaning;
use crate::packet::{Datagram, Endpoint, IcmpError, Interest, Neighbour, Packets, Reassembler, Segment};
use crate::stream::reorder::Reorder;
use crate::stream::table::Batch;

/// What is handed on together.
pub(super) struct Handed<'a> {
    /// Connections that have ended.
    pub(super) ended: Vec<Ended<'a>>,
    /// What else the capture showed by then.
    pub(super) seen: Observations,
    /// Connections that run on and came far, as they are by then.
    pub(super) running: Vec<Ended<'a>>,
}

/// Lists of segments that are not in use: they grow once, not for each window.
#[derive(Default)]
pub(super) struct Rooms(Mutex<Vec<Vec<Segment>>>);

impl Rooms {
    pub(super) fn take(&self) -> Vec<Segment> {
        self.0.lock().ok().and_then(|mut rooms| rooms.pop()).unwrap_or_default()
    }

    pub(super) fn give_back(&self, lists: Vec<Vec<Segment>>) {
        if let Ok(mut rooms) = self.0.lock() {
            rooms.extend(lists);
        }
    }
}

/// Segments that are still to be applied.
#[derive(Default)]
struct Waiting {
    lists: Vec<Vec<Segment>>,
    /// Which list is next, and how many of its segments have been applied.
    next: (usize, usize),
}

/// One capture being read.
pub(super) struct Reading<'a> {
    source: SourceId,
    bytes: &'a [u8],
    interest: Arc<Interest>,
    /// What it goes on with.
    sequence: Sequence<'a>,
    given_up: u64,
    /// The last frame and the newest time stamp of what has been applied, as far as anything is handed on.
    until: (u64, Timestamp),
    /// What is handed on next, together.
    ended: Vec<Ended<'a>>,
    /// Whether that takes so much memory that nothing else may grow beside it: it is judged alone.
    pub(super) is_alone: bool,
    waiting: Waiting,
    reorder: Reorder,
    fragments: Reassembler,
    lookups: Lookups,
    kerberos: Vec<Observed<KerberosError>>,
    /// For what it shows besides connections.
    room: Room,
    /// What found none.
    left_out: u64,
    timeouts: Vec<IcmpError>,
    window: Option<Window>,
    drops: std::collections::BTreeMap<u32, u64>,
    /// Damaged places so far.
    damage: usize,
    pub(super) found: std::collections::BTreeSet<Endpoint>,
    /// Requests to endpoints beyond the bound.
    pub(super) found_beyond: u64,
    tallies: Tallies,
}

/// Interfaces whose dropped packets are counted.
const MAX_INTERFACES: usize = 65_536;
/// Damaged places beyond those that are named one by one.
const MORE_DAMAGE: &str = "at more places";
/// ICMP errors about lost fragments that are kept.
const MAX_TIMEOUTS: usize = 256;

impl<'a> Reading<'a> {
    /// Goes on with a sequence, which it gives back when it is [finished](Self::finish).
    pub(super) fn new(
        (source, capture): (SourceId, &Capture<'a>),
        mut sequence: Sequence<'a>,
        interest: Arc<Interest>,
        room: Room,
    ) -> Self {
        sequence.go_on(source);
        Self {
            source,
            bytes: capture.bytes,
            interest,
            sequence,
            given_up: 0,
            until: (0, Timestamp::MIN),
            ended: Vec::new(),
            is_alone: false,
            waiting: Waiting::default(),
            reorder: Reorder::default(),
            fragments: Reassembler::telling(room.lost),
            lookups: Lookups::within(room.lookups),
            kerberos: Vec::new(),
            room,
            left_out: 0,
            timeouts: Vec::new(),
            window: None,
            drops: std::collections::BTreeMap::new(),
            damage: 0,
            found: std::collections::BTreeSet::new(),
            found_beyond: 0,
            tallies: Tallies::default(),
        }
    }

    /// Reads on until there is something to be handed on. Whether there may be more behind that.
    pub(super) fn read_on(
        &mut self,
        windows: &mut Windows<'_, '_, Packets>,
        rooms: &Rooms,
        notes: &mut Notes,
    ) -> bool {
        let mut has_all = self.apply(rooms, notes);
        while has_all && windows.next(|parts| self.window(parts, rooms, notes)) {
            has_all = self.ended.is_empty();
        }
        !has_all
    }

    /// Takes a window, and applies it as far as [`Reading::apply`] does.
    fn window(&mut self, mut parts: Vec<Part<Packets>>, rooms: &Rooms, notes: &mut Notes) {
        parts.par_iter_mut().for_each(|part| part.collected.renumber(part.first_frame));
        let mut ordered = Vec::with_capacity(parts.len());
        let (mut icmp, mut signs) = (Vec::new(), Vec::new());
        for part in parts {
            for damage in &part.damage {
                self.damage += 1;
                let place = if self.damage <= MAX_DAMAGE {
                    format!("at byte {}", damage.offset)
                } else {
                    MORE_DAMAGE.to_owned()
                };
                notes.add_many(damage.kind, Some(self.source), place, 1, None);
            }
            let more = part.damage_uncounted;
            notes.add_many(NoteKind::DamagedCapture, Some(self.source), MORE_DAMAGE, more, None);
            notes.add_many(NoteKind::UnknownInterface, Some(self.source), "", part.orphans, None);
            for (interface, dropped) in part.drops {
                if self.drops.len() >= MAX_INTERFACES && !self.drops.contains_key(&interface) {
                    continue;
                }
                let known = self.drops.entry(interface).or_default();
                *known = dropped.max(*known);
            }
            let mut packets = part.collected;
            self.put_together(&mut packets);
            self.take_rest(&mut packets, (&mut icmp, &mut signs));
            ordered.push(self.reorder.push(packets.segments));
        }
        let beyond = self.sequence.epoch.wait(icmp, signs);
        beyond.for_each(|sign| self.sequence.hosts.take(self.source, &sign));
        self.waiting = Waiting { lists: ordered, next: (0, 0) };
        self.apply(rooms, notes);
    }

    /// Resolves fragments; what comes out takes its place by frame number.
    fn put_together(&mut self, packets: &mut Packets) {
        let fragments = std::mem::take(&mut packets.fragments);
        if fragments.is_empty() {
            return;
        }
        for fragment in fragments {
            if let Some(whole) = self.fragments.push(fragment) {
                packets.reassembled(&whole);
            }
        }
        packets.segments.sort_by_key(|segment| segment.frame);
        packets.datagrams.sort_by_key(|datagram| datagram.frame);
    }

    fn take_rest(
        &mut self,
        packets: &mut Packets,
        (icmp, signs): (&mut Vec<IcmpError>, &mut Vec<Neighbour>),
    ) {
        signs.append(&mut packets.neighbours);
        self.sequence.udp.take(self.source, &packets.datagrams, &self.interest);
        self.take_words(&packets.datagrams);
        packets.datagrams.clear();
        for error in packets.icmp.drain(..) {
            if error.meaning() == IcmpMeaning::ReassemblyTimeout && self.timeouts.len() < MAX_TIMEOUTS {
                self.timeouts.push(error);
            }
            icmp.push(error);
        }
        for endpoint in packets.found.drain(..) {
            self.found.insert(endpoint);
            if self.found.len() > MAX_FOUND {
                self.found.pop_last();
                self.found_beyond += 1;
            }
        }
        tallies::add(&mut self.tallies.cut, packets.cut);
        tallies::add(&mut self.tallies.malformed, packets.malformed);
        tallies::add(&mut self.tallies.unknown_link, packets.unknown_link);
        if let Some((first, last)) = packets.span {
            let window = self.window.get_or_insert(Window { start: first, end: last });
            window.include(first);
            window.include(last);
        }
    }

    /// What datagrams say of names, and why a key distribution centre refused.
    fn take_words(&mut self, datagrams: &[Datagram]) {
        let source = self.source;
        let interest = &self.interest;
        let others = datagrams.par_iter().filter(|datagram| !udp::is_side(datagram, interest));
        let (said, refused): (Vec<_>, Vec<_>) = others
            .map(|datagram| (Said::of(source, datagram), kerberos::error(source, datagram)))
            .filter(|(said, refused)| said.is_some() || refused.is_some())
            .unzip();
        said.into_iter().flatten().for_each(|said| self.lookups.take(said));
        let mut refused = refused.into_iter().flatten();
        let room = self.room.kerberos.saturating_sub(self.kerberos.len());
        self.kerberos.extend(refused.by_ref().take(room));
        self.left_out += u64::try_from(refused.count()).unwrap_or(0);
    }

    /// Applies the segments that wait, until there is something to be handed on. Whether all have been applied.
    fn apply(&mut self, rooms: &Rooms, notes: &mut Notes) -> bool {
        let Waiting { lists, next: (mut list, mut at) } = std::mem::take(&mut self.waiting);
        let mut batch: Vec<&[Segment]> = Vec::with_capacity(lists.len());
        while let Some(rest) = lists.get(list).and_then(|list| list.get(at..)) {
            if rest.is_empty() {
                (list, at) = (list + 1, 0);
                continue;
            }
            let (own, _) = self.sequence.epoch.split(rest);
            at += own.len();
            batch.push(own);
            let Some(over) = self.sequence.epoch.end() else { continue };
            self.apply_batch(&batch, &[]);
            self.apply_batch(&[], &over.icmp);
            for sign in &over.neighbours {
                self.sequence.hosts.take(self.source, sign);
            }
            self.take_ended(&over, notes);
            batch.clear();
            if !self.ended.is_empty() {
                break;
            }
        }
        self.apply_batch(&batch, &[]);
        if lists.len() > list {
            self.waiting = Waiting { lists, next: (list, at) };
        } else {
            rooms.give_back(lists);
        }
        self.ended.is_empty()
    }

    fn apply_batch(&mut self, segments: &[&[Segment]], icmp: &[IcmpError]) {
        let (source, bytes, interest) = (self.source, self.bytes, &*self.interest);
        self.sequence.table.apply(Batch { segments, icmp, source, bytes, interest });
    }

    /// What has ended and is to be handed on now, and what was seen up to then.
    pub(super) fn take_over(&mut self) -> Handed<'a> {
        let sequence = &self.sequence;
        let ended = std::mem::take(&mut self.ended);
        let mut running = Vec::new();
        let mut seen = Observations::nothing(self.source, sequence.point);
        if !ended.is_empty() {
            // What else the window shows that they ended in lies behind them, more or less as windows are cut.
            let (until, now) = self.until;
            seen.hosts = sequence.hosts.clone();
            seen.orphans = sequence.table.orphans();
            seen.lost_datagrams = self.fragments.lost_before(until, now);
            seen.reassembly_timeouts =
                self.timeouts.iter().filter(|error| error.frame <= until).copied().collect();
            let is_before = |error: &&Observed<KerberosError>| {
                error.at <= Locator::Frame { source: self.source, number: until }
            };
            seen.kerberos = self.kerberos.iter().filter(is_before).cloned().collect();
            running = ended::running(&sequence.table, sequence.far_bytes(), &self.interest, now);
        }
        Handed { ended, seen, running }
    }

    /// What has ended is handed on, together, as soon as there is enough of it.
    fn take_ended(&mut self, over: &Over, notes: &mut Notes) {
        self.until = (self.sequence.epoch.frame(), over.now);
        let look = self.sequence.look_through(over);
        self.given_up += u64::try_from(look.given_up).unwrap_or(0);
        self.is_alone = look.is_heavy;
        if look.is_enough {
            self.ended = ended::ended(self.sequence.take_over(), &self.interest, notes);
        }
    }

    /// Ends the work, when all has been applied; what has ended is handed on, as far as there is enough of it.
    pub(super) fn end(&mut self, rooms: &Rooms, notes: &mut Notes, hand_on: &mut dyn FnMut(Handed<'a>)) {
        self.waiting = Waiting { lists: vec![self.reorder.finish()], next: (0, 0) };
        while !self.apply(rooms, notes) {
            hand_on(self.take_over());
        }
        let (icmp, signs) = self.sequence.epoch.rest();
        self.apply_batch(&[], &icmp);
        for sign in &signs {
            self.sequence.hosts.take(self.source, sign);
        }
        self.tallies.late = (self.reorder.late, self.reorder.first_late);
        let mut add = |kind, count| notes.add_many(kind, Some(self.source), "", count, None);
        add(NoteKind::CaptureDrops, self.drops.values().sum());
        add(NoteKind::FlowBound, self.given_up);
        add(NoteKind::IcmpBound, self.sequence.epoch.left_out);
        add(
            NoteKind::BesideBound,
            self.left_out + self.lookups.left_out + std::mem::take(&mut self.sequence.hosts.left_out),
        );
    }

    /// What it shows is told; what goes on in the next file of a ring buffer is given back.
    pub(super) fn finish(self, told: &mut Vec<Arc<Observations>>) -> (Sequence<'a>, Tallies) {
        let (mut sequence, mut tallies) = (self.sequence, self.tallies);
        let (lost_datagrams, uncounted) = self.fragments.finish();
        tallies.lost = uncounted + u64::try_from(lost_datagrams.len()).unwrap_or(0);
        sequence.end_file(self.window);
        told.push(Arc::new(Observations {
            window: self.window,
            drops: self.drops.values().sum(),
            lookups: self.lookups.finish(),
            orphans: sequence.table.take_orphans(),
            lost_datagrams,
            reassembly_timeouts: self.timeouts,
            kerberos: self.kerberos,
            ..Observations::nothing(self.source, sequence.point)
        }));
        (sequence, tallies)
    }
}
