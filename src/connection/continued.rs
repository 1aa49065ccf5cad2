//! A connection that two captures hold in part: the one was stopped before its end, the other begun behind its
//! opening.
//!
//! Its flow in the first capture goes on with what the second holds behind that capture's end: the second is read
//! again for such flows alone. Only where the ends have the same addresses in both, and the second saw both
//! directions; of others it is told that they go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::alignment::Alignment;
use super::reading::Sequence;
use super::scan::begin;
use crate::base::progress::Phase;
use crate::base::{Locator, Mark, SourceId, Timestamp};
use crate::capture::Capture;
use crate::capture::split::{Split, for_each_window};
use crate::packet::{Endpoint, Interest, Packets, Segment};
use crate::stream::reorder::Reorder;
use crate::stream::{Flow, FlowTable, Opening};

/// Captures to read again, and how.
#[derive(Clone, Copy)]
pub(super) struct Again<'a, 'b> {
    pub captures: &'a [(SourceId, Capture<'b>)],
    pub alignment: &'a Alignment,
    pub interest: &'a Arc<Interest>,
    pub split: Split,
}

/// The ends of a flow, as the client and the server know them.
type Ends = (Endpoint, Endpoint);

/// Lets flows go on in captures that were stopped later.
pub(super) fn go_on<'b>(sequences: &mut [Sequence<'b>], again: Again<'_, 'b>) {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|at| sequences.get(*at).map(|own| (own.end, own.sources.first().copied())));
    for (place, later) in order.iter().enumerate() {
        for first in order.get(..place).unwrap_or_default() {
            let Some((first, later)) = pair(sequences, *first, *later) else { continue };
            if first.shares_packets_with(later, again.alignment) {
                let wanted = wanted(&mut first.table, &mut later.table);
                let sources = later.sources.clone();
                read(&mut first.table, &wanted, &sources, again);
            }
        }
    }
}

fn pair<'s, 'b>(
    sequences: &'s mut [Sequence<'b>],
    one: usize,
    other: usize,
) -> Option<(&'s mut Sequence<'b>, &'s mut Sequence<'b>)> {
    let [one, other] = sequences.get_disjoint_mut([one, other]).ok()?;
    Some((one, other))
}

/// A flow that has not ended.
struct Open {
    last: Timestamp,
    /// The numbers of the bytes that come next, the client's first.
    next: [Option<u32>; 2],
}

/// Flows of the first that have not ended there and whose end only the other has, each with its last segment's time.
fn wanted(first: &mut FlowTable<'_>, later: &mut FlowTable<'_>) -> BTreeMap<Ends, Timestamp> {
    let mut open: BTreeMap<Ends, Open> = BTreeMap::new();
    first.for_each(|flow| {
        if flow.opening != Opening::MidStream && !flow.is_closed() && !flow.is_one_sided() {
            let next = [flow.to_server.next_number(), flow.to_client.next_number()];
            open.insert((flow.client, flow.server), Open { last: flow.last.time, next });
        }
    });
    if open.is_empty() {
        return BTreeMap::new();
    }
    let mut wanted = BTreeMap::new();
    later.for_each(|flow| {
        let ends = (flow.client, flow.server);
        if let Some(own) = open.get(&ends)
            && flow.opening == Opening::MidStream
            && !flow.is_one_sided()
            && flow.client_habits.segments.min(flow.server_habits.segments) > 0
            && flow.last.time > own.last
            && (flow.first.time <= own.last || follows(own, flow))
        {
            wanted.insert(ends, own.last);
        }
    });
    wanted
}

/// Whether no byte is missing between what was sent before and what a flow begins with.
fn follows(own: &Open, flow: &Flow) -> bool {
    let begins = [flow.to_server.first_number(), flow.to_client.first_number()];
    own.next.into_iter().zip(begins).all(|(next, begin)| match (next, begin) {
        (Some(next), Some(begin)) => begin.wrapping_sub(next).cast_signed() <= 0,
        (None, Some(_)) => false,
        (_, None) => true,
    })
}

fn read<'b>(
    table: &mut FlowTable<'b>,
    wanted: &BTreeMap<Ends, Timestamp>,
    sources: &[SourceId],
    again: Again<'_, 'b>,
) {
    if wanted.is_empty() {
        return;
    }
    let own = again.captures.iter().filter(|(source, _)| sources.contains(source));
    begin(Phase::Captures, own.clone());
    for (source, capture) in own {
        let mut reorder = Reorder::default();
        let mut take = |segments: Vec<Segment>| {
            for segment in &segments {
                let ends = [(segment.from, segment.to), (segment.to, segment.from)];
                let Some((ends, seam)) = ends.iter().find_map(|ends| wanted.get_key_value(ends)) else {
                    continue;
                };
                let at = Locator::Frame { source: *source, number: segment.frame };
                let mark = Mark { time: segment.time, at };
                let bytes = segment.bytes(capture.bytes);
                table.with_running(*ends, |flow| proceed(flow, segment, bytes, mark, *seam));
            }
        };
        let clock = again.alignment.shift(*source);
        let new = || Packets::new(Arc::clone(again.interest), capture.bytes).by_clock(clock);
        for_each_window(capture, again.split, &new, |parts| {
            for mut part in parts {
                part.collected.renumber(part.first_frame);
                take(reorder.push(std::mem::take(&mut part.collected.segments)));
            }
        });
        take(reorder.finish());
    }
}

/// Around the seam both captures hold the same segments: there, only what brings news counts.
fn proceed(flow: &mut Flow, segment: &Segment, bytes: &[u8], mark: Mark, seam: Timestamp) {
    /// Longer than any way between two capture points.
    const SEAM: i64 = crate::base::time::SECOND;
    let distance = mark.time - seam;
    if distance > SEAM || distance > -SEAM && flow.is_news(segment) {
        flow.apply_elsewhere(segment, bytes, mark);
    }
}
