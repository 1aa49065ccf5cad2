//! Connections that end while a capture is still being read: traced at once, so that memory holds the running ones.
//!
//! Decides when to look, never what becomes of a connection: that is the [`Sink`]'s.

use std::collections::VecDeque;
use std::sync::Arc;

use rayon::prelude::*;

use super::Connection;
use super::observations::Observations;
use super::second_views::SecondViews;
use super::trace::{speaks_rdp, trace};
use crate::base::bytes::index;
use crate::base::{Mark, NoteKind, Notes, Timestamp};
use crate::packet::{Endpoint, IcmpError, Interest, Neighbour, Segment};
use crate::stream::{FlowTable, Kept, Opening, Young, limits};

/// A flow that has ended and is RDP, its messages not yet read.
#[derive(Debug)]
pub struct Ended<'a> {
    flow: Kept<'a>,
    capture_end: Timestamp,
}

impl Ended<'_> {
    /// Who opened it.
    pub const fn client(&self) -> Endpoint {
        self.flow.client()
    }

    /// Who was addressed.
    pub const fn server(&self) -> Endpoint {
        self.flow.server()
    }

    /// The flow.
    pub(super) const fn flow(&self) -> &Kept<'_> {
        &self.flow
    }

    /// Its first segment.
    pub fn first(&self) -> Mark {
        self.flow.first()
    }

    /// Its segments, if it is kept as such; and the last stamp of the capture that holds it.
    pub const fn young(&self) -> Option<(&Young<'_>, Timestamp)> {
        match &self.flow {
            Kept::Young(young) => Some((young, self.capture_end)),
            Kept::Grown(_) => None,
        }
    }

    /// Its last segment.
    pub fn last(&self) -> Mark {
        match &self.flow {
            Kept::Young(young) => young.end(),
            Kept::Grown(flow) => flow.last,
        }
    }

    /// Reads its messages and keeps it.
    pub fn connection(&self) -> Connection {
        let flow = match &self.flow {
            Kept::Young(young) => Kept::Grown(young.grow()),
            grown @ Kept::Grown(_) => grown.clone(),
        };
        trace(flow.finished(), self.capture_end)
    }

    /// Reads its messages.
    pub fn trace(self) -> Connection {
        trace(self.flow.finished(), self.capture_end)
    }
}

/// What is known of the captures when connections end.
#[derive(Debug, Default)]
pub struct Seen {
    /// What else each capture showed by then.
    pub captures: Vec<Arc<Observations>>,
    /// Connections that run on and came far.
    pub running: Vec<Connection>,
}

/// What takes connections as they end.
pub trait Sink: Send {
    /// A pass over the captures begins: what an earlier one brought is forgotten. `second_views` tells which connections
    /// another capture may show as well.
    fn begin(&mut self, second_views: &Arc<SecondViews>);

    /// Takes connections that have ended, in order of their first frame. `seen` tells what is known by then.
    /// Gives back those that are to be reported one by one.
    fn take(&mut self, ended: Vec<Ended<'_>>, seen: &dyn Fn() -> Seen) -> Vec<Connection>;
}

/// Reads all of them.
pub fn traced(ended: Vec<Ended<'_>>) -> Vec<Connection> {
    ended.into_par_iter().map(Ended::trace).collect()
}

/// Keeps every connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeepAll;

impl Sink for KeepAll {
    fn begin(&mut self, _: &Arc<SecondViews>) {}

    fn take(&mut self, ended: Vec<Ended<'_>>, _: &dyn Fn() -> Seen) -> Vec<Connection> {
        traced(ended)
    }
}

/// Where in the sequence of segments a flow table is looked through.
///
/// INVARIANT: depends on the segments alone, never on the windows they come in.
#[derive(Debug)]
pub struct Epoch {
    since: usize,
    /// By how much flows may have grown since, and by how much at most.
    bytes: usize,
    at_most: usize,
    now: Option<Timestamp>,
    frame: u64,
    icmp: Vec<IcmpError>,
    neighbours: VecDeque<Neighbour>,
    /// ICMP errors that found no room.
    pub left_out: u64,
}

/// An epoch that has ended.
#[derive(Debug)]
pub struct Over {
    /// The newest time stamp so far.
    pub now: Timestamp,
    /// ICMP errors whose turn has come.
    pub icmp: Vec<IcmpError>,
    /// Signs of hosts whose turn has come.
    pub neighbours: Vec<Neighbour>,
    /// Bytes of memory that flows took for it at most.
    pub bytes: usize,
}

impl Epoch {
    /// Bytes that are kept of a segment at most, its payload aside: it is watched for repetition, ends a record, leaves a
    /// gap.
    const BESIDE: usize = 512;

    /// For flows that may take so many bytes of memory: they may not grow by more than half of that unseen.
    pub fn within(bytes: usize) -> Self {
        Self {
            since: 0,
            bytes: 0,
            at_most: bytes / 2,
            now: None,
            frame: 0,
            icmp: Vec::new(),
            neighbours: VecDeque::new(),
            left_out: 0,
        }
    }

    /// Takes a window's ICMP errors and signs of hosts: they wait for the end of the epoch. Gives back the signs that
    /// find no room: many of them stand where hardly a segment does.
    pub fn wait(&mut self, errors: Vec<IcmpError>, signs: Vec<Neighbour>) -> impl Iterator<Item = Neighbour> {
        let room = limits::ICMP_WAITING.saturating_sub(self.icmp.len());
        self.left_out += u64::try_from(errors.len().saturating_sub(room)).unwrap_or(0);
        self.icmp.extend(errors.into_iter().take(room));
        self.neighbours.extend(signs);
        let beyond = self.neighbours.len().saturating_sub(limits::SIGNS_WAITING);
        self.neighbours.drain(..beyond)
    }

    /// The segments that still belong to this epoch, and those behind it.
    pub fn split<'a>(&mut self, segments: &'a [Segment]) -> (&'a [Segment], &'a [Segment]) {
        let mut room = limits::EPOCH.saturating_sub(self.since).min(segments.len());
        for (at, segment) in segments.iter().take(room).enumerate() {
            self.now = self.now.max(Some(segment.time));
            self.frame = self.frame.max(segment.frame);
            self.bytes += index(segment.captured) + Self::BESIDE;
            if self.bytes >= self.at_most {
                room = at + 1;
                break;
            }
        }
        self.since += room;
        segments.split_at(room)
    }

    /// At the end of an epoch: what it brought.
    pub fn end(&mut self) -> Option<Over> {
        if self.since < limits::EPOCH && self.bytes < self.at_most {
            return None;
        }
        self.since = 0;
        let bytes = std::mem::take(&mut self.bytes);
        let (icmp, later) =
            std::mem::take(&mut self.icmp).into_iter().partition(|error| error.frame <= self.frame);
        self.icmp = later;
        let behind = self.neighbours.partition_point(|sign| sign.frame <= self.frame);
        let neighbours = self.neighbours.drain(..behind).collect();
        Some(Over { now: self.now?, icmp, neighbours, bytes })
    }

    /// The last frame of the epochs so far.
    pub const fn frame(&self) -> u64 {
        self.frame
    }

    /// The same epoch in the next file of a ring buffer, of which the frames are counted anew.
    #[must_use]
    pub const fn in_next_file(&self) -> Self {
        let Self { since, bytes, at_most, now, .. } = *self;
        Self {
            since,
            bytes,
            at_most,
            now,
            frame: 0,
            icmp: Vec::new(),
            neighbours: VecDeque::new(),
            left_out: 0,
        }
    }

    /// What still waits at the end of a capture.
    pub fn rest(&mut self) -> (Vec<IcmpError>, VecDeque<Neighbour>) {
        (std::mem::take(&mut self.icmp), std::mem::take(&mut self.neighbours))
    }
}

/// Flows that are RDP, in order of their first segment's time, with what limits what is known of them.
pub fn ended<'a>(
    flows: Vec<(Kept<'a>, Timestamp)>,
    interest: &Interest,
    notes: &mut Notes,
) -> Vec<Ended<'a>> {
    let mut ended: Vec<(Mark, Ended<'a>)> = flows
        .into_par_iter()
        .filter_map(|(mut flow, capture_end)| {
            let is_rdp = is_rdp(&mut flow, interest);
            if let Kept::Young(young) = &flow
                && young.may_be_one_sided()
            {
                flow = Kept::Grown(young.grow());
            }
            if let Kept::Grown(flow) = &mut flow {
                flow.finish();
            }
            is_rdp.then(|| (flow.first(), Ended { flow, capture_end }))
        })
        .collect();
    // The first segment stands beside: it says all, and a flow need not be fetched from memory to be compared.
    let ends = |ended: &Ended<'_>| (ended.client(), ended.server());
    ended.par_sort_unstable_by(|(first, own), (other_first, other)| {
        first.cmp(other_first).then_with(|| ends(own).cmp(&ends(other)))
    });
    let ended: Vec<Ended<'a>> = ended.into_iter().map(|(_, ended)| ended).collect();
    note_flows(&ended, notes);
    ended
}

/// Flows that run on, came far and are RDP, as far as they are known by `now`: so many as take less than `bytes`.
pub fn running<'a>(
    table: &FlowTable<'a>,
    bytes: usize,
    interest: &Interest,
    now: Timestamp,
) -> Vec<Ended<'a>> {
    let far = table.far(bytes).into_iter().map(Kept::Grown);
    far.filter_map(|mut flow| is_rdp(&mut flow, interest).then_some(Ended { flow, capture_end: now }))
        .collect()
}

/// By its port, or by what was said.
fn is_rdp(flow: &mut Kept<'_>, interest: &Interest) -> bool {
    let server = flow.server();
    interest.is_server(server.ip, server.port) || flow.with_flow(|flow| speaks_rdp(flow))
}

/// What is kept as its segments has nothing to be noted: all of it is there, once and in order.
fn note_flows(ended: &[Ended<'_>], notes: &mut Notes) {
    for Ended { flow, .. } in ended {
        let Kept::Grown(flow) = flow else { continue };
        let source = Some(flow.first.at.source());
        let mut add = |kind, count| notes.add_many(kind, source, "", count, Some(flow.first.at));
        let holes = [&flow.to_server, &flow.to_client];
        add(NoteKind::DuplicateFrames, flow.duplicates);
        add(NoteKind::MidStream, u64::from(flow.opening == Opening::MidStream));
        add(NoteKind::OneDirection, u64::from(flow.is_one_sided()));
        for stream in holes {
            let unseen = stream.gaps.iter().filter(|gap| gap.acknowledged && !gap.cut).count();
            add(NoteKind::CaptureLoss, u64::try_from(unseen).unwrap_or(0));
            add(NoteKind::ReorderBound, u64::from(stream.beyond_pending));
        }
    }
}
