//! A connection that two captures hold in part: the one was stopped before its end, the other begun behind its
//! opening.
//!
//! Its flow in the first capture goes on with what the second holds behind that capture's end: the second is read
//! again for such flows alone. Only where the second saw both directions; of others it is told that they go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::alignment::Alignment;
use super::numbers::Span;
use super::scan::begin;
use super::sequence::Sequence;
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

/// By their ends in the capture that is read again: flows that go on there, by their own ends, and when each of them was
/// seen last before.
type Wanted = BTreeMap<Ends, (Ends, Timestamp)>;

/// Flows at the end of one capture times flows at the beginning of the other, at most: of more, those under other
/// addresses are not looked for.
const PAIRS: usize = 10_000_000;

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

/// Flows of the first that have not ended there, and whose end only the other has.
fn wanted(first: &mut FlowTable<'_>, later: &mut FlowTable<'_>) -> Wanted {
    let mut open: BTreeMap<Ends, (Span, Timestamp)> = BTreeMap::new();
    first.for_each(|flow| {
        if flow.opening != Opening::MidStream && !flow.is_closed() && !flow.is_one_sided() {
            let span = Span::of(flow).map(|span| ((flow.client, flow.server), (span, flow.last.time)));
            open.extend(span);
        }
    });
    let mut parts: Vec<(Ends, Span, Timestamp)> = Vec::new();
    later.for_each(|flow| {
        let heard = flow.client_habits.segments.min(flow.server_habits.segments) > 0;
        if !open.is_empty() && flow.opening == Opening::MidStream && !flow.is_one_sided() && heard {
            parts.extend(Span::of(flow).map(|span| ((flow.client, flow.server), span, flow.last.time)));
        }
    });
    let few = open.len().saturating_mul(parts.len()) <= PAIRS;
    let mut wanted = Wanted::new();
    for (ends, part, last) in parts {
        let goes_on = |(own, until): &&(Span, Timestamp)| *until < last && own.holds(&part);
        let own = match open.get_key_value(&ends) {
            Some((own, state)) => Some(state).filter(goes_on).map(|state| (own, state)),
            None if few => open.iter().find(|(_, state)| goes_on(state)),
            None => None,
        };
        wanted.extend(own.map(|(own, (_, until))| (ends, (*own, *until))));
    }
    wanted
}

fn read<'b>(table: &mut FlowTable<'b>, wanted: &Wanted, sources: &[SourceId], again: Again<'_, 'b>) {
    if wanted.is_empty() {
        return;
    }
    let own = again.captures.iter().filter(|(source, _)| sources.contains(source));
    begin(Phase::Captures, own.clone());
    for (source, capture) in own {
        let mut reorder = Reorder::default();
        let mut take = |segments: Vec<Segment>| {
            for segment in &segments {
                let Some((ends, seam, own)) = translated(segment, wanted) else { continue };
                let at = Locator::Frame { source: *source, number: segment.frame };
                let mark = Mark { time: segment.time, at };
                let bytes = segment.bytes(capture.bytes);
                table.with_running(ends, |flow| proceed(flow, &own, bytes, mark, seam));
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

/// The flow that a segment goes on with, when that was seen last before, and the segment as its first capture would have
/// shown it.
fn translated(segment: &Segment, wanted: &Wanted) -> Option<(Ends, Timestamp, Segment)> {
    if let Some((own, seam)) = wanted.get(&(segment.from, segment.to)) {
        return Some((*own, *seam, Segment { from: own.0, to: own.1, ..segment.clone() }));
    }
    let (own, seam) = wanted.get(&(segment.to, segment.from))?;
    Some((*own, *seam, Segment { from: own.1, to: own.0, ..segment.clone() }))
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
