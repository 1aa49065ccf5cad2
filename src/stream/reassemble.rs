//! One direction of a flow: segments in any order to bytes in order, with gaps as values.
//!
//! Where segments overlap, the bytes that came first stand. A gap never ends the work: it is handed on as a gap
//! and the stream goes on behind it. Bounds are in `limits`.

use std::collections::{BTreeMap, VecDeque};

use super::flow::Side;
use super::limits;
use super::records::{Records, Tracker};
use super::seq::SeqSpace;
use crate::base::{Mark, time};

/// Bytes of a stream that lie together.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Where it begins in the stream.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Which frame brought the bytes from each offset (within the run) on.
    pieces: Vec<(usize, Mark)>,
}

impl Run {
    /// The frame that brought the byte at `at` (within the run).
    pub fn mark(&self, at: usize) -> Option<Mark> {
        let after = self.pieces.partition_point(|(start, _)| *start <= at);
        self.pieces.get(after.checked_sub(1)?).map(|(_, mark)| *mark)
    }

    /// Where segments begin, within the run.
    pub fn piece_starts(&self) -> impl Iterator<Item = usize> + '_ {
        self.pieces.iter().map(|(start, _)| *start)
    }
}

/// Bytes that the capture lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where in the stream.
    pub offset: u64,
    /// How many.
    pub length: u64,
    /// Whether the receiver acknowledged them: then the capture lost them, not the network.
    pub acknowledged: bool,
    /// Whether the snapshot length cut them off: then they are not missing at all.
    pub cut: bool,
    /// The frame in which that showed.
    pub mark: Mark,
}

/// A segment with data that was sent more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Where its data stands in the stream.
    pub offset: u64,
    /// Its length.
    pub length: u32,
    /// First sending.
    pub first: Mark,
    /// Last sending.
    pub last: Mark,
    /// How often it was seen.
    pub times: u32,
    /// Whether it must not be fragmented.
    pub dont_fragment: bool,
    /// When it was acknowledged, if ever.
    pub acknowledged: Option<Mark>,
}

/// One direction: everything that one side sent.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Who sends.
    pub from: Side,
    /// Whether the SYN was seen, so that offset 0 is the first byte ever sent.
    pub from_start: bool,
    /// End of what was sent and captured.
    pub sent_end: u64,
    /// End of what the receiver acknowledged, if an acknowledgement was seen.
    pub acked_end: Option<u64>,
    /// The first segment that acknowledged so much.
    pub acked_at: Option<Mark>,
    /// Highest right edge of a SACK block that the receiver sent.
    pub sacked_end: Option<u64>,
    /// Where the FIN stands.
    pub fin_at: Option<u64>,
    /// Kept bytes, run by run.
    pub runs: Vec<Run>,
    /// Missing bytes.
    pub gaps: Vec<Gap>,
    /// Gaps beyond those remembered.
    pub gaps_uncounted: u64,
    /// Whether bytes beyond the kept ones went by.
    pub beyond_head: bool,
    /// Whether the bound on out-of-order data was met.
    pub beyond_pending: bool,
    /// Segments with data.
    pub data_segments: u64,
    /// Bytes of data, each counted once.
    pub bytes: u64,
    /// Segments whose data had been sent before.
    pub retransmissions: u64,
    /// Of these, repeats that the receiver told it had already (D-SACK, RFC 2883): nothing was lost.
    pub spurious: u64,
    /// Segments that filled a hole shortly after it opened: the network changed their order.
    pub reordered: u64,
    /// Segments that came after their own repeat: they were late, not lost, and the repeat was not needed.
    pub overtaken: u64,
    /// Repeated segments, remembered one by one.
    pub repeats: Vec<Repeat>,
    /// Length of the largest segment that was acknowledged.
    pub largest_passed: Option<u32>,
    /// The first frame with that segment.
    pub largest_passed_at: Option<Mark>,
    /// Framing of what was sent.
    pub tracker: Tracker,
    space: Option<SeqSpace>,
    next: u64,
    pending: BTreeMap<u64, Pending>,
    pending_bytes: usize,
    in_flight: VecDeque<Repeat>,
    kept: usize,
    /// Bytes to keep.
    room: usize,
}

#[derive(Clone, Debug)]
struct Pending {
    bytes: Box<[u8]>,
    /// Length on the wire.
    length: u32,
    mark: Mark,
}

/// The data of one segment.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Sequence number of its first byte.
    pub seq: u32,
    /// Length on the wire.
    pub length: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Whether it must not be fragmented.
    pub dont_fragment: bool,
    /// Whether its sender sent it before others that came first: the network changed their order. Nothing where
    /// the packets do not tell.
    pub late: Option<bool>,
    /// Where and when.
    pub mark: Mark,
}

/// What a data segment turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Bytes not seen before.
    New,
    /// Bytes sent before.
    Repeated,
    /// A probe of a sleeping or full connection: the byte before the next one, again.
    KeepAlive,
    /// Bytes from before the capture, or far outside of the window.
    Outside,
}

/// Data further ahead than this is of another connection or damaged (the largest TCP window is 1 GiB).
const WINDOW: i64 = 1 << 30;
/// A hole filled within this time was reordering, not loss.
const REORDERING: i64 = 3 * time::MILLISECOND;
/// An acknowledged hole is given up when nothing filled it for this long.
const PATIENCE: i64 = time::SECOND;

impl Stream {
    /// A direction of which nothing was seen.
    pub fn new(from: Side) -> Self {
        Self {
            from,
            from_start: false,
            sent_end: 0,
            acked_end: None,
            acked_at: None,
            sacked_end: None,
            fin_at: None,
            runs: Vec::new(),
            gaps: Vec::new(),
            gaps_uncounted: 0,
            beyond_head: false,
            beyond_pending: false,
            data_segments: 0,
            bytes: 0,
            retransmissions: 0,
            spurious: 0,
            reordered: 0,
            overtaken: 0,
            repeats: Vec::new(),
            largest_passed: None,
            largest_passed_at: None,
            tracker: Tracker::new(from, false),
            space: None,
            next: 0,
            pending: BTreeMap::new(),
            pending_bytes: 0,
            in_flight: VecDeque::new(),
            kept: 0,
            room: limits::HEAD_BYTES,
        }
    }

    /// The SYN (or SYN-ACK) of this direction.
    pub fn open(&mut self, isn: u32) {
        if self.space.is_none() {
            self.space = Some(SeqSpace::new(isn.wrapping_add(1)));
            self.from_start = true;
            self.tracker = Tracker::new(self.from, true);
        }
    }

    /// Whether a sequence number of this direction was ever seen.
    pub const fn is_placed(&self) -> bool {
        self.space.is_some()
    }

    /// The stream offset of a sequence number. The first one seen of a running connection becomes 0.
    pub fn offset(&mut self, seq: u32) -> i64 {
        self.space.get_or_insert(SeqSpace::new(seq)).offset(seq)
    }

    /// The sequence number of stream byte 0, if any was seen.
    pub fn first_number(&self) -> Option<u32> {
        self.space.map(SeqSpace::first)
    }

    /// The sequence number of the byte behind the last one that was sent.
    pub fn next_number(&self) -> Option<u32> {
        self.space.map(|space| space.number(self.sent_end))
    }

    /// Segments not acknowledged by the end, that were repeated: what the network (or a filter) swallowed.
    pub fn unacknowledged_repeats(&self) -> impl Iterator<Item = &Repeat> {
        self.in_flight.iter().filter(|segment| segment.times > 1)
    }

    /// Segments sent and not acknowledged so far.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &Repeat> {
        self.in_flight.iter()
    }

    /// Whether the snapshot length cut some of it off.
    pub fn is_cut(&self) -> bool {
        self.gaps.iter().any(|gap| gap.cut)
    }

    /// Bytes that were acknowledged and never captured.
    pub fn acked_unseen(&self) -> u64 {
        let beyond =
            self.acked_end.unwrap_or(0).saturating_sub(self.sent_end.max(self.fin_at.map_or(0, |at| at + 1)));
        let holes: u64 =
            self.gaps.iter().filter(|gap| gap.acknowledged && !gap.cut).map(|gap| gap.length).sum();
        beyond + holes
    }

    /// Bytes of memory that what is kept of it takes.
    pub fn held(&self) -> usize {
        let pieces: usize = self.runs.iter().map(|run| run.pieces.len()).sum();
        self.kept
            + pieces * size_of::<(usize, Mark)>()
            + self.pending_bytes
            + self.pending.len() * size_of::<(u64, Pending)>()
            + (self.in_flight.len() + self.repeats.len()) * size_of::<Repeat>()
            + self.gaps.len() * size_of::<Gap>()
    }

    /// Keeps less of what was said first.
    pub(super) fn shorten(&mut self) {
        self.room = limits::SHORT_HEAD_BYTES;
        let mut left = self.room;
        for run in &mut self.runs {
            let own = run.bytes.len().min(left);
            self.beyond_head |= own < run.bytes.len();
            run.bytes.truncate(own);
            run.bytes.shrink_to_fit();
            run.pieces.retain(|(start, _)| *start < own);
            run.pieces.shrink_to_fit();
            left -= own;
        }
        self.runs.retain(|run| !run.bytes.is_empty());
        self.kept = self.kept.min(self.room);
    }

    /// Takes a segment's data.
    pub fn data(&mut self, chunk: &Chunk<'_>, records: &mut Records) -> Arrival {
        let offset = self.offset(chunk.seq);
        let end = offset + i64::from(chunk.length);
        let next = i64::try_from(self.next).unwrap_or(i64::MAX);
        if offset - next > WINDOW || next - end > WINDOW || end <= 0 {
            return if end == 0 || offset == -1 { Arrival::KeepAlive } else { Arrival::Outside };
        }
        if chunk.length <= 1
            && self.sent_end > 0
            && end == i64::try_from(self.sent_end).unwrap_or(i64::MAX)
            && self.in_flight.is_empty()
        {
            return Arrival::KeepAlive;
        }
        // A running connection may bring bytes from before the first one seen: they have no offset.
        let before = usize::try_from(-offset.min(0)).unwrap_or(0);
        let bytes = chunk.bytes.get(before..).unwrap_or_default();
        let start = u64::try_from(offset.max(0)).unwrap_or(0);
        let end = u64::try_from(end).unwrap_or(0);
        if let Some(space) = &mut self.space {
            space.seen(offset);
        }
        self.data_segments += 1;
        let arrival = self.classify(start, end, chunk);
        self.sent_end = self.sent_end.max(end);
        self.place(start, end, bytes, chunk.mark, records);
        arrival
    }

    fn classify(&mut self, start: u64, end: u64, chunk: &Chunk<'_>) -> Arrival {
        if end > self.sent_end {
            self.watch(start, chunk);
            return Arrival::New;
        }
        let fills_hole = start >= self.next
            && self
                .pending
                .range(..=start)
                .next_back()
                .is_none_or(|(at, piece)| at + u64::from(piece.length) <= start);
        let soon = || {
            self.pending.values().next().is_some_and(|piece| chunk.mark.time - piece.mark.time <= REORDERING)
        };
        if fills_hole && chunk.late.unwrap_or_else(soon) {
            self.reordered += 1;
            self.watch(start, chunk);
            return Arrival::New;
        }
        if chunk.late == Some(true) {
            self.overtaken += 1;
            return Arrival::Repeated;
        }
        self.retransmissions += 1;
        let known = self
            .in_flight
            .iter_mut()
            .find(|segment| segment.offset <= start && start < segment.offset + u64::from(segment.length));
        match known {
            Some(segment) => {
                segment.times += 1;
                segment.last = chunk.mark;
                // A sender that obeys "too big", or whose segments were joined at the capture point, sends less at once.
                if segment.offset == start {
                    segment.length = segment.length.min(chunk.length);
                }
            }
            // Lost before the capture point: this is the first sending that got here.
            None if fills_hole => self.watch(start, chunk),
            None => {
                if let Some(repeat) = self.repeats.iter_mut().find(|repeat| repeat.offset == start) {
                    repeat.times += 1;
                    repeat.last = chunk.mark;
                }
            }
        }
        Arrival::Repeated
    }

    /// Watches a segment until it is acknowledged.
    fn watch(&mut self, offset: u64, chunk: &Chunk<'_>) {
        if self.in_flight.len() >= limits::IN_FLIGHT {
            self.in_flight.pop_front();
        }
        self.in_flight.push_back(Repeat {
            offset,
            length: chunk.length,
            first: chunk.mark,
            last: chunk.mark,
            times: 1,
            dont_fragment: chunk.dont_fragment,
            acknowledged: None,
        });
    }

    /// The receiver acknowledged everything before `seq`; `sack` is the first block it holds beyond.
    pub fn acknowledge(&mut self, seq: u32, sack: Option<(u32, u32)>, mark: Mark) {
        let offset = self.offset(seq);
        if let Some((_, right)) = sack
            && let Ok(right) = u64::try_from(self.offset(right))
        {
            if i64::try_from(right).is_ok_and(|right| right <= offset) {
                self.spurious += 1;
            } else {
                self.sacked_end = Some(self.sacked_end.map_or(right, |seen| seen.max(right)));
            }
        }
        let Ok(offset) = u64::try_from(offset) else { return };
        let sent = self.sent_end.max(self.next);
        if offset > sent.saturating_add(u64::try_from(WINDOW).unwrap_or(u64::MAX)) {
            return;
        }
        if let Some(space) = &mut self.space {
            space.seen(i64::try_from(offset).unwrap_or(i64::MAX));
        }
        if self.acked_end.is_none_or(|seen| seen < offset) {
            self.acked_end = Some(offset);
            self.acked_at = Some(mark);
        }
        let Self { in_flight, largest_passed, largest_passed_at, repeats, .. } = self;
        in_flight.retain(|segment| {
            if segment.offset + u64::from(segment.length) > offset {
                return true;
            }
            if *largest_passed < Some(segment.length) {
                *largest_passed = Some(segment.length);
                *largest_passed_at = Some(segment.first);
            }
            if segment.times > 1 && repeats.len() < limits::REPEATS {
                repeats.push(Repeat { acknowledged: Some(mark), ..*segment });
            }
            false
        });
    }

    /// The sender's FIN, behind `length` bytes of data at `seq`.
    pub fn finish_at(&mut self, seq: u32, length: u32) {
        let at = self.offset(seq) + i64::from(length);
        if let Ok(at) = u64::try_from(at) {
            self.fin_at.get_or_insert(at);
        }
    }

    /// No more segments will come: what still waits is handed on, with its gaps.
    pub fn close(&mut self, records: &mut Records) {
        while self.give_up_hole(records) {}
        self.pending_bytes = 0;
    }

    fn place(&mut self, start: u64, end: u64, bytes: &[u8], mark: Mark, records: &mut Records) {
        if end <= self.next {
            return;
        }
        if start > self.next {
            self.hold(start, end, bytes, mark);
            self.bound_pending(mark, records);
            return;
        }
        if self.pending.is_empty() {
            self.deliver(start, end, bytes, mark, records);
            return;
        }
        // What waits came earlier: where it overlaps the new bytes, it stands.
        let skip = usize::try_from(self.next - start).unwrap_or(usize::MAX);
        self.hold(self.next, end, bytes.get(skip..).unwrap_or_default(), mark);
        self.drain(records);
    }

    /// Keeps out-of-order data: of it, what no earlier piece covers.
    fn hold(&mut self, start: u64, end: u64, bytes: &[u8], mark: Mark) {
        let before = self.pending.range(..=start).next_back().map(|(at, piece)| at + u64::from(piece.length));
        let within: Vec<(u64, u64)> =
            self.pending.range(start..end).map(|(at, piece)| (*at, at + u64::from(piece.length))).collect();
        let mut cursor = start.max(before.unwrap_or(start));
        for (from, to) in within.into_iter().chain([(end, end)]) {
            if from > cursor && cursor < end {
                let part = |at: u64| usize::try_from(at - start).unwrap_or(usize::MAX).min(bytes.len());
                let own = bytes.get(part(cursor)..part(from.min(end))).unwrap_or_default();
                let length = u32::try_from(from.min(end) - cursor).unwrap_or(u32::MAX);
                self.pending_bytes += own.len();
                self.pending.insert(cursor, Pending { bytes: own.into(), length, mark });
            }
            cursor = cursor.max(to);
        }
    }

    /// Hands on what now lies in order.
    fn drain(&mut self, records: &mut Records) {
        while let Some(entry) = self.pending.first_entry() {
            if *entry.key() > self.next {
                return;
            }
            let (start, piece) = entry.remove_entry();
            self.pending_bytes -= piece.bytes.len();
            let end = start + u64::from(piece.length);
            if end > self.next {
                self.deliver(start, end, &piece.bytes, piece.mark, records);
            }
        }
    }

    /// Gives up the oldest hole where a bound is met, or where the receiver has it and nobody filled it here.
    fn bound_pending(&mut self, mark: Mark, records: &mut Records) {
        if self.pending.len() > limits::PENDING_PIECES || self.pending_bytes > limits::PENDING_BYTES {
            self.beyond_pending = true;
            self.give_up_hole(records);
            return;
        }
        let overdue = self.pending.first_key_value().is_some_and(|(start, piece)| {
            self.acked_end.is_some_and(|acked| acked >= *start) && mark.time - piece.mark.time > PATIENCE
        });
        if overdue {
            self.give_up_hole(records);
        }
    }

    fn give_up_hole(&mut self, records: &mut Records) -> bool {
        let Some((start, mark)) = self.pending.first_key_value().map(|(start, piece)| (*start, piece.mark))
        else {
            return false;
        };
        let length = start - self.next;
        self.gap(length, false, mark, records);
        self.drain(records);
        true
    }

    fn gap(&mut self, length: u64, cut: bool, mark: Mark, records: &mut Records) {
        if length == 0 {
            return;
        }
        let end = self.next + length;
        let acknowledged = self.acked_end.is_some_and(|acked| acked >= end);
        if self.gaps.len() < limits::GAPS {
            self.gaps.push(Gap { offset: self.next, length, acknowledged, cut, mark });
        } else {
            self.gaps_uncounted += 1;
        }
        self.tracker.gap(length, mark, records);
        self.next = end;
    }

    fn deliver(&mut self, start: u64, end: u64, bytes: &[u8], mark: Mark, records: &mut Records) {
        self.bytes += end - self.next;
        let skip = usize::try_from(self.next.saturating_sub(start)).unwrap_or(usize::MAX);
        let fresh = bytes.get(skip..).unwrap_or_default();
        if !fresh.is_empty() {
            self.keep(fresh, mark);
            self.tracker.data(self.next, fresh, mark, records);
            self.next += u64::try_from(fresh.len()).unwrap_or(u64::MAX);
        }
        self.gap(end.saturating_sub(self.next), true, mark, records);
    }

    fn keep(&mut self, bytes: &[u8], mark: Mark) {
        let room = self.room.saturating_sub(self.kept);
        let take = bytes.get(..room).unwrap_or(bytes);
        if take.len() < bytes.len() {
            self.beyond_head = true;
        }
        if take.is_empty() {
            return;
        }
        let joins = self
            .runs
            .last()
            .is_some_and(|run| run.offset + u64::try_from(run.bytes.len()).unwrap_or(u64::MAX) == self.next);
        if !joins {
            if self.runs.len() >= limits::HEAD_RUNS {
                self.beyond_head = true;
                return;
            }
            self.runs.push(Run { offset: self.next, ..Run::default() });
        }
        if let Some(run) = self.runs.last_mut() {
            run.pieces.push((run.bytes.len(), mark));
            run.bytes.extend_from_slice(take);
            self.kept += take.len();
        }
    }
}
