//! Captures that follow each other: a ring buffer is one capture in several files. Its flows go on from file to file,
//! and so does what was seen of hosts and of UDP.

use super::alignment::Alignment;
use super::ended::{Epoch, Over};
use super::observations::Hosts;
use super::room::Room;
use super::scan::FlowBounds;
use super::udp::UdpTable;
use crate::base::{SourceId, Timestamp, Window};
use crate::stream::{FlowTable, Kept, limits};

/// Flows that have ended, and by when that was noticed.
pub(super) type Gone<'b> = Vec<(Kept<'b>, Timestamp)>;

/// One ring buffer, or a capture that stands alone.
pub(super) struct Sequence<'b> {
    /// The running flows.
    pub(super) table: FlowTable<'b>,
    /// How long they were not looked through.
    pub(super) epoch: Epoch,
    /// The bytes of memory that they take, at most.
    held: usize,
    /// What has ended, until there is enough of it; and the bytes of memory that it takes.
    over: Gone<'b>,
    over_bytes: usize,
    bounds: FlowBounds,
    pub(super) end: Timestamp,
    pub(super) sources: Vec<SourceId>,
    /// The first file of the ring buffer that goes on, and what is seen of hosts and of UDP in its files so far.
    pub(super) point: SourceId,
    pub(super) hosts: Hosts,
    pub(super) udp: UdpTable,
}

/// What a look through the flows found.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// Running flows that were given up.
    pub(super) given_up: usize,
    /// There is so much of what has ended that it is to be handed on.
    pub(super) is_enough: bool,
    /// It takes so much memory that nothing else may grow beside it.
    pub(super) is_heavy: bool,
}

impl<'b> Sequence<'b> {
    /// Nothing yet. Whether its flows are `watched` for a second view of them.
    pub(super) fn new(
        (source, begins): (SourceId, Timestamp),
        watched: bool,
        bounds: FlowBounds,
        room: Room,
    ) -> Self {
        Self {
            table: FlowTable::new(watched),
            epoch: Epoch::within(bounds.bytes),
            held: 0,
            over: Vec::new(),
            over_bytes: 0,
            bounds,
            end: begins,
            sources: Vec::new(),
            point: source,
            hosts: Hosts::within(room),
            udp: UdpTable::within(room),
        }
    }

    /// Goes on with the next file, of which the frames are counted anew.
    pub(super) fn go_on(&mut self, source: SourceId) {
        self.sources.push(source);
        self.epoch = self.epoch.in_next_file();
    }

    /// At the end of a file, which holds frames of this time.
    pub(super) fn end_file(&mut self, window: Option<Window>) {
        self.end = self.end.max(window.map_or(Timestamp::MIN, |window| window.end));
        self.held = self.table.held();
    }

    /// Bytes that running flows which came far may take, where they are shown to what ends meanwhile.
    pub(super) const fn far_bytes(&self) -> usize {
        self.bounds.bytes / limits::FAR_PART
    }

    /// Whether both hold the same packets.
    pub(super) fn shares_packets_with(&self, other: &Self, alignment: &Alignment) -> bool {
        self.sources.iter().any(|own| other.sources.iter().any(|source| alignment.share(*own, *source)))
    }

    /// Bytes of memory that its flows take, at most: those that run, and those that have ended.
    pub(super) const fn held(&self) -> usize {
        self.held + self.over_bytes
    }

    /// At the end of an epoch: in a flood, what has ended makes room; and what was heard last the longest ago, if that is
    /// not enough.
    pub(super) fn look_through(&mut self, over: &Over) -> Look {
        let Over { now, bytes, .. } = *over;
        let bounds = self.bounds;
        self.held = self.held.saturating_add(bytes);
        if self.held > bounds.bytes {
            self.held = self.table.held();
        }
        let is_heavy = self.held > bounds.bytes;
        if self.table.len() <= bounds.undisturbed && !is_heavy {
            return Look { given_up: 0, is_enough: false, is_heavy: false };
        }
        let ended = self.table.take_ended(now);
        let given_up = self.table.give_up(bounds.at_most, is_heavy.then_some(bounds.bytes));
        if is_heavy {
            self.held = self.table.held();
        }
        let count = given_up.len();
        let gone = ended.into_iter().chain(given_up);
        self.over.extend(gone.inspect(|flow| self.over_bytes += flow.held()).map(|flow| (flow, now)));
        // The more are judged together, the more each is seen beside.
        let is_many = self.over.len() >= limits::TOGETHER.min(bounds.at_most);
        let is_heavy = is_heavy || self.over_bytes >= limits::TOGETHER_BYTES.min(bounds.bytes);
        Look { given_up: count, is_enough: is_many || is_heavy, is_heavy }
    }

    /// Takes out what has ended.
    pub(super) fn take_over(&mut self) -> Gone<'b> {
        self.over_bytes = 0;
        std::mem::take(&mut self.over)
    }

    /// Gives up what was heard last the longest ago, until the rest takes so many bytes; takes out what has ended as well.
    /// How many were given up.
    pub(super) fn give_up(&mut self, bytes: usize) -> (Gone<'b>, usize) {
        let given_up = self.table.give_up(usize::MAX, Some(bytes));
        self.held = self.table.held();
        let count = given_up.len();
        let mut gone = self.take_over();
        gone.extend(given_up.into_iter().map(|flow| (flow, self.end)));
        (gone, count)
    }

    /// At the end of all captures, which ended at these times in order: every flow is over. What goes on in another
    /// capture ended with that one.
    pub(super) fn finish(self, ends: &[Timestamp]) -> Gone<'b> {
        let mut gone = self.over;
        gone.extend(self.table.in_order().into_iter().map(|flow| {
            let behind = ends.partition_point(|end| *end < flow.last());
            let end = ends.get(behind).copied().unwrap_or(self.end).max(self.end);
            (flow, end)
        }));
        gone
    }
}
