//! All flows of a sequence of captures, in shards.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::flow::{Flow, Opening};
use super::limits;
use super::running::{Ends, Flows, Running};
use super::young::{Kept, Young};
use crate::base::{Locator, Mark, SourceId, Timestamp, time};
use crate::packet::{Endpoint, IcmpError, Interest, Segment, TcpFlags};

#[derive(Debug, Default)]
struct Shard<'a> {
    live: Flows<'a>,
    /// Flows between the same endpoints as a live one, seen at another interface: a device on the path opens the
    /// connection anew with the same ports.
    beside: Flows<'a>,
    done: Vec<Kept<'a>>,
    /// ICMP errors about flows that were not seen.
    orphans: Vec<IcmpError>,
    /// Whether ended flows were taken out: then what still comes of one is no flow of its own.
    thinned: bool,
    /// Whether what each capture point saw is kept.
    watched: bool,
}

/// Segments whose memory is waited for together: a processor has so many requests under way.
const TOGETHER: usize = 16;
/// A device opens its own connection within this time of the client's last segment.
const ANEW: i64 = 5 * time::SECOND;

/// Flows by their endpoints.
///
/// INVARIANT: a flow sees its segments in file order, whatever the number of threads: shards are chosen by
/// endpoints alone, and each shard is worked by one thread at a time.
#[derive(Debug)]
pub struct FlowTable<'a> {
    shards: Vec<Shard<'a>>,
}

impl Default for FlowTable<'_> {
    fn default() -> Self {
        Self { shards: (0..limits::SHARDS).map(|_| Shard::default()).collect() }
    }
}

/// What a window brings to a flow table, in file order.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a, 'b> {
    /// Segments, list by list.
    pub segments: &'a [&'a [Segment]],
    /// ICMP errors.
    pub icmp: &'a [IcmpError],
    /// The capture they come from.
    pub source: SourceId,
    /// Its bytes.
    pub bytes: &'b [u8],
    /// Which side of a running connection is the server.
    pub interest: &'a Interest,
}

impl<'b> FlowTable<'b> {
    /// An empty table; `watched` where several capture points are to be compared.
    pub fn new(watched: bool) -> Self {
        let mut table = Self::default();
        table.shards.iter_mut().for_each(|shard| shard.watched = watched);
        table
    }

    /// Applies a window's segments.
    pub fn apply(&mut self, batch: Batch<'_, 'b>) {
        let lists: Vec<ByShard<'_>> = batch.segments.par_iter().map(|list| ByShard::of(list)).collect();
        self.shards.par_iter_mut().enumerate().for_each(|(at, shard)| {
            for some in lists.iter().flat_map(|list| list.shard(at).chunks(TOGETHER)) {
                shard.fetch(some);
                for segment in some {
                    shard.segment(segment, &batch);
                }
            }
        });
        for error in batch.icmp {
            let ends = Ends::of(error.quoted.from, error.quoted.to);
            if let Some(shard) = self.shards.get_mut(ends.shard()) {
                shard.icmp(&ends, *error);
            }
        }
    }

    /// Flows in the table.
    pub fn len(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    /// Whether there is no flow.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Flows that came far and are not closed, the last ones that began: so many as take less than `bytes` of memory.
    pub fn far(&self, bytes: usize) -> Vec<Box<Flow>> {
        let is_far = |flow: &Flow| {
            flow.closes.is_empty() && flow.to_server.bytes.min(flow.to_client.bytes) >= limits::FAR_BYTES
        };
        let far = self.shards.iter().flat_map(Shard::flows).filter_map(|running| match &running.kept {
            Kept::Grown(flow) if is_far(flow) => Some(flow),
            _ => None,
        });
        let mut far: Vec<&Box<Flow>> = far.collect();
        far.sort_unstable_by_key(|flow| (Reverse(flow.first), flow.client, flow.server));
        let mut room = bytes;
        let fit = far.into_iter().take(limits::FAR).take_while(|flow| {
            room = room.saturating_sub(flow.held());
            room > 0
        });
        fit.cloned().collect()
    }

    /// Bytes of memory that its flows take.
    pub fn held(&self) -> usize {
        let of_shard = |shard: &Shard<'_>| shard.flows().map(|flow| flow.kept.held()).sum::<usize>();
        self.shards.par_iter().map(of_shard).sum()
    }

    /// Takes out the flows that have ended by `now`, in no order.
    pub fn take_ended(&mut self, now: Timestamp) -> Vec<Kept<'b>> {
        let ended = |flow: &Running<'_>| flow.has_ended(now);
        let taken: Vec<Vec<Kept<'b>>> =
            self.shards.par_iter_mut().map(|shard| shard.take_where(&ended)).collect();
        taken.into_iter().flatten().collect()
    }

    /// Keeps less of what was said first in each flow. Gives back when each was heard last, and the bytes that it takes
    /// then.
    fn shorten(&mut self) -> Vec<(Timestamp, usize)> {
        self.shards
            .par_iter_mut()
            .flat_map_iter(|shard| shard.live.iter_mut().chain(shard.beside.iter_mut()))
            .map(|running| {
                if let Kept::Grown(flow) = &mut running.kept {
                    flow.shorten();
                }
                (running.kept.last(), running.kept.held())
            })
            .collect()
    }

    /// Takes out running flows, in no order, those that were heard last the longest ago, until there are at most so many;
    /// and, where that is asked for and they take more bytes than that, though less is kept of each, until they take half
    /// of it.
    pub fn give_up(&mut self, at_most: usize, bytes: Option<usize>) -> Vec<Kept<'b>> {
        let is_heavy = bytes.is_some_and(|bytes| self.held() > bytes);
        let shortened = if is_heavy { self.shorten() } else { Vec::new() };
        let held: usize = shortened.iter().map(|(_, held)| held).sum();
        let mut beyond = self.len().saturating_sub(at_most);
        let mut too_many = bytes.filter(|bytes| held > *bytes).map_or(0, |bytes| held - bytes / 2);
        if beyond == 0 && too_many == 0 {
            return Vec::new();
        }
        let mut heard = if is_heavy {
            shortened
        } else {
            // What each weighs plays no part then.
            self.shards.iter().flat_map(Shard::flows).map(|flow| (flow.kept.last(), 0)).collect()
        };
        heard.sort_unstable();
        let mut until = None;
        for (last, held) in heard {
            if beyond == 0 && too_many == 0 {
                break;
            }
            beyond = beyond.saturating_sub(1);
            too_many = too_many.saturating_sub(held);
            until = Some(last);
        }
        let old = |flow: &Running<'_>| Some(flow.kept.last()) <= until;
        self.shards.iter_mut().flat_map(|shard| shard.take_where(&old)).collect()
    }

    /// Shows every running flow, in no order.
    pub fn for_each(&mut self, mut see: impl FnMut(&Flow)) {
        for running in self.shards.iter_mut().flat_map(|shard| shard.live.iter_mut()) {
            running.with_flow(|flow| see(flow));
        }
    }

    /// Does something with the flow between two endpoints, if it runs.
    pub fn with_running(&mut self, ends: (Endpoint, Endpoint), act: impl FnOnce(&mut Flow)) {
        let ends = Ends::of(ends.0, ends.1);
        let shard = self.shards.get_mut(ends.shard());
        if let Some(running) = shard.and_then(|shard| shard.live.get_mut(&ends)) {
            running.with_flow(act);
        }
    }

    /// ICMP errors so far about flows that do not run, in order of frames.
    pub fn orphans(&self) -> Vec<IcmpError> {
        let mut orphans: Vec<IcmpError> =
            self.shards.iter().flat_map(|shard| &shard.orphans).copied().collect();
        orphans.sort_by_key(|error| error.frame);
        orphans
    }

    /// The same, to be forgotten: those of the next capture are counted anew.
    pub fn take_orphans(&mut self) -> Vec<IcmpError> {
        let orphans = self.orphans();
        self.shards.iter_mut().for_each(|shard| shard.orphans.clear());
        orphans
    }

    /// Ends the work: every flow, in order of its first segment's place.
    pub fn in_order(self) -> Vec<Kept<'b>> {
        let mut flows: Vec<Kept<'b>> = Vec::new();
        for shard in self.shards {
            flows.extend(shard.done);
            flows.extend(shard.live.into_kept().chain(shard.beside.into_kept()));
        }
        flows.par_sort_by_cached_key(|flow| (flow.first().at, flow.client(), flow.server()));
        flows
    }

    /// What the segments of each tell, in the same order.
    pub fn finish(self) -> Vec<Box<Flow>> {
        self.in_order().into_par_iter().map(Kept::finished).collect()
    }
}

/// A segment, and the hash of its ends.
type Hashed<'s> = (&'s Segment, u64);

/// The segments of a list, shard by shard and in order.
struct ByShard<'s> {
    sorted: Vec<Hashed<'s>>,
    /// Where the segments of each shard end.
    ends: [usize; limits::SHARDS],
}

impl<'s> ByShard<'s> {
    fn of(segments: &'s [Segment]) -> Self {
        let place = |segment: &Segment| {
            let ends = Ends::of(segment.from, segment.to);
            (u8::try_from(ends.shard()).unwrap_or(0), ends.hash)
        };
        let places: Vec<(u8, u64)> = segments.iter().map(place).collect();
        let mut ends = [0; limits::SHARDS];
        for (shard, _) in &places {
            if let Some(count) = ends.get_mut(usize::from(*shard)) {
                *count += 1;
            }
        }
        // From how many there are to where each begins; with each that is placed, towards where they end.
        let mut begin = 0;
        for count in &mut ends {
            begin += std::mem::replace(count, begin);
        }
        let Some(any) = segments.first() else { return Self { sorted: Vec::new(), ends } };
        let mut sorted = vec![(any, 0); segments.len()];
        for (segment, (shard, hash)) in segments.iter().zip(places) {
            if let Some(at) = ends.get_mut(usize::from(shard))
                && let Some(place) = sorted.get_mut(*at)
            {
                *place = (segment, hash);
                *at += 1;
            }
        }
        Self { sorted, ends }
    }

    fn shard(&self, at: usize) -> &[Hashed<'s>] {
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|end| self.sorted.get(begin..*end)).unwrap_or_default()
    }
}

impl<'b> Shard<'b> {
    fn len(&self) -> usize {
        self.live.len() + self.beside.len() + self.done.len()
    }

    fn flows(&self) -> impl Iterator<Item = &Running<'b>> {
        self.live.iter().chain(self.beside.iter())
    }

    /// Takes out what is over, and running flows that are taken for it. In no order.
    fn take_where(&mut self, ended: &(impl Fn(&Running<'_>) -> bool + Sync)) -> Vec<Kept<'b>> {
        self.thinned = true;
        let mut out = std::mem::take(&mut self.done);
        for flows in [&mut self.live, &mut self.beside] {
            out.extend(flows.take_where(ended));
        }
        out
    }

    /// Fetches from memory what these segments need: all at once, not one after the other.
    fn fetch(&self, segments: &[Hashed<'_>]) {
        let touch = |(segment, hash): &Hashed<'_>| {
            let flow = self.live.get(&Ends::known(segment, *hash)).map(|running| &running.kept);
            let flow = flow.map_or(0, |kept| kept.first().time.nanos() ^ kept.last().nanos());
            let ends = u32::from(segment.from.port) ^ u32::from(segment.to.port);
            flow ^ segment.time.nanos() ^ i64::from(ends ^ u32::from(segment.flags.0))
        };
        std::hint::black_box(segments.iter().fold(0, |all, own| all ^ touch(own)));
    }

    fn segment(&mut self, (segment, hash): &Hashed<'_>, batch: &Batch<'_, 'b>) {
        let mark =
            Mark { time: segment.time, at: Locator::Frame { source: batch.source, number: segment.frame } };
        let ends = Ends::known(segment, *hash);
        if !self.is_of_young(&ends, segment, batch) {
            self.of_grown(&ends, segment, batch, mark);
        }
    }

    /// Puts the segment to the others of a flow that is kept as such, or begins one.
    fn is_of_young(&mut self, ends: &Ends, segment: &Segment, batch: &Batch<'_, 'b>) -> bool {
        if self.watched || !self.beside.is_empty() {
            return false;
        }
        match self.live.get_mut(ends) {
            Some(Running { kept: Kept::Young(young), due, .. }) => {
                let taken = !young.may_be_reopened_by(segment) && young.take(segment, batch.source);
                *due = young.due();
                taken
            }
            Some(Running { kept: Kept::Grown(_), .. }) => false,
            None => {
                let young = Young::begin(segment, batch.source, batch.bytes);
                young.map(|young| self.live.begin(ends, young)).is_some()
            }
        }
    }

    fn of_grown(&mut self, ends: &Ends, segment: &Segment, batch: &Batch<'_, 'b>, mark: Mark) {
        let interface = |running: &mut Running<'_>| running.with_flow(|flow| flow.interface);
        let is_beside = self.beside.get_mut(ends).is_some_and(|flow| interface(flow) == segment.interface);
        let flows = if is_beside { &mut self.beside } else { &mut self.live };
        let reopens = |running: &mut Running<'_>| running.with_flow(|flow| flow.is_reopened_by(segment.seq));
        if segment.flags.opens()
            && flows.get_mut(ends).is_some_and(reopens)
            && let Some(before) = flows.remove(ends)
        {
            let before = before.into_flow();
            let goes_on = !is_beside
                && before.interface != segment.interface
                && before.closes.is_empty()
                && (segment.time - before.last.time).abs() <= ANEW;
            let over = if goes_on { self.beside.insert(ends, before) } else { Some(Kept::Grown(before)) };
            self.done.extend(over);
        }
        let flows = if is_beside { &mut self.beside } else { &mut self.live };
        let says_something = segment.length > 0 || segment.flags.has(TcpFlags::SYN);
        let apply = |flow: &mut Flow| flow.apply(segment, segment.bytes(batch.bytes), mark);
        if let Some(running) = flows.get_mut(ends) {
            return running.with_flow(apply);
        }
        if self.thinned && !says_something {
            return;
        }
        let (client, server, opening) = orient(segment, batch.interest);
        let mut flow = Box::new(Flow::new(client, server, opening, segment.interface, mark));
        flow.sightings = self.watched.then(Box::default);
        apply(&mut flow);
        flows.insert(ends, flow);
    }

    fn icmp(&mut self, ends: &Ends, error: IcmpError) {
        match self.live.get_mut(ends) {
            Some(running) => running.with_flow(|flow| flow.icmp(error)),
            None if self.orphans.len() < limits::ICMP => self.orphans.push(error),
            None => {}
        }
    }
}

/// Who is the client: told by the SYN; in a running connection, the server is the side that is known as one.
fn orient(segment: &Segment, interest: &Interest) -> (Endpoint, Endpoint, Opening) {
    let (from, to) = (segment.from, segment.to);
    if segment.flags.opens() {
        (from, to, Opening::Syn)
    } else if segment.flags.accepts() {
        (to, from, Opening::SynAck)
    } else if interest.is_server(to.ip, to.port)
        && (!interest.is_server(from.ip, from.port) || to.port <= from.port)
    {
        (from, to, Opening::MidStream)
    } else {
        (to, from, Opening::MidStream)
    }
}
