//! Captures to connections: windows of frames to segments, segments to flows, flows to connections.
//!
//! Each byte is touched once, unless RDP turns up on a port where nobody looked for it: then the captures are
//! read a second time for those endpoints from frame 1.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use rayon::prelude::*;

use super::alignment::Alignment;
use super::ended::Sink;
use super::observations::Observations;
use super::{Connection, pass};
use crate::base::keyed::Keyed;
use crate::base::progress::Phase;
use crate::base::{NoteKind, Notes, SourceId};
use crate::capture::Capture;
use crate::capture::split::Split;
use crate::input::Input;
use crate::packet::Interest;
use crate::stream::limits;

/// What was found in all captures.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Connections, in order of their first frame's time.
    pub connections: Vec<Connection>,
    /// What else each capture shows, in order of sources.
    pub observations: Vec<Observations>,
    /// Size of each capture, in order of sources.
    pub sizes: Vec<CaptureSize>,
    /// Whose clock all times are told by.
    pub alignment: Alignment,
}

/// Frames and interfaces of a capture.
#[derive(Clone, Copy, Debug)]
pub struct CaptureSize {
    /// The capture.
    pub source: SourceId,
    /// Its frames.
    pub frames: u64,
    /// Its interfaces.
    pub interfaces: u32,
}

/// How to scan.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Server ports besides 3389.
    pub ports: Vec<u16>,
    /// How captures are cut up.
    pub split: Split,
    /// Flows at once, below which none is taken out and beyond which the oldest is given up.
    pub flows: FlowBounds,
}

/// How many flows a table holds.
#[derive(Clone, Copy, Debug)]
pub struct FlowBounds {
    /// Below this none is taken out before the capture ends.
    pub undisturbed: usize,
    /// Beyond this the oldest are given up.
    pub at_most: usize,
    /// Likewise, in bytes of memory that they take.
    pub bytes: usize,
}

impl Default for FlowBounds {
    fn default() -> Self {
        Self { undisturbed: limits::FLOWS, at_most: limits::FLOWS_AT_MOST, bytes: limits::FLOW_BYTES }
    }
}

impl FlowBounds {
    /// Bounds for so many MiB; never more than usual.
    pub fn within(mebibytes: u32) -> Self {
        /// Flows that a MiB holds, as usual: many are short. What long ones take is bounded in bytes.
        const PER_MEBIBYTE: usize = limits::FLOWS_AT_MOST.div_ceil(limits::FLOW_BYTES >> 20);
        let mebibytes = crate::base::bytes::index(mebibytes);
        let at_most = mebibytes.saturating_mul(PER_MEBIBYTE).clamp(PER_MEBIBYTE, limits::FLOWS_AT_MOST);
        let bytes = mebibytes.saturating_mul(1 << 20).min(limits::FLOW_BYTES);
        Self { undisturbed: limits::FLOWS.min(at_most / 2), at_most, bytes }
    }
}

/// Endpoints found by content, at most: more is a scan of the whole network.
pub(super) const MAX_FOUND: usize = 1024;

/// Scans all captures. Connections go through `sink`; what it gives back is among [`Scanned::connections`].
pub fn scan(inputs: &[&Input], options: &ScanOptions, sink: &mut dyn Sink, notes: &mut Notes) -> Scanned {
    let paths = inputs.iter().map(|input| (input.id, input.path.clone())).collect();
    let mut captures: Vec<(SourceId, Capture<'_>)> = distinct(inputs, notes)
        .into_iter()
        .filter_map(|input| {
            let capture = Capture::open(&input.bytes, input.kind);
            let capture = capture.map(|capture| capture.watched(&input.progress));
            if capture.is_none() {
                notes.add(NoteKind::TruncatedCapture, Some(input.id), None);
            }
            Some((input.id, capture?))
        })
        .collect();
    let mut interest = Interest::new(&options.ports);
    let mut own = Notes::new();
    let mut pass = pass::run((&mut captures, &paths), &interest, options, sink, &mut own);
    if !pass.found.is_empty() {
        interest.endpoints = std::mem::take(&mut pass.found).into_iter().take(MAX_FOUND).collect();
        own = Notes::new();
        pass = pass::run((&mut captures, &paths), &interest, options, sink, &mut own);
        for endpoint in &interest.endpoints {
            own.add_detail(NoteKind::RdpElsewhere, None, endpoint.to_string());
        }
        // What was not read again is found again.
        let beyond = u64::try_from(pass.found.len()).unwrap_or(u64::MAX).saturating_add(pass.found_beyond);
        own.add_many(NoteKind::ElsewhereBound, None, "", beyond, None);
    }
    notes.merge(own);
    pass.finish(&interest, sink, notes)
}

/// Each capture once, however often it is given: what stands in two captures would be taken for two views.
fn distinct<'a>(inputs: &[&'a Input], notes: &mut Notes) -> Vec<&'a Input> {
    /// So many of one length are compared with each other, up to where they differ; of more all is read, once.
    const FEW: usize = 8;
    let mut of_length: BTreeMap<usize, usize> = BTreeMap::new();
    for input in inputs {
        *of_length.entry(input.bytes.len()).or_default() += 1;
    }
    let many = |input: &Input| of_length.get(&input.bytes.len()).is_some_and(|count| *count > FEW);
    let hash = |input: &&Input| if many(input) { Keyed::default().hash_one(&*input.bytes) } else { 0 };
    let hashes: Vec<u64> = inputs.par_iter().map(hash).collect();
    let mut known: BTreeMap<(usize, u64), Vec<&Input>> = BTreeMap::new();
    let mut is_new = |input: &'a Input, hash: u64| {
        let alike = known.entry((input.bytes.len(), hash)).or_default();
        let is_new = alike.iter().all(|own| *own.bytes != *input.bytes);
        if is_new {
            alike.push(input);
        } else {
            notes.add(NoteKind::SameCapture, Some(input.id), None);
        }
        is_new
    };
    inputs
        .iter()
        .copied()
        .zip(hashes)
        .filter(|(input, hash)| is_new(input, *hash))
        .map(|(input, _)| input)
        .collect()
}

/// Tells that captures are read from their beginning.
pub(super) fn begin<'c, 'b: 'c>(
    phase: Phase,
    captures: impl IntoIterator<Item = &'c (SourceId, Capture<'b>), IntoIter: Clone>,
) {
    let captures = captures.into_iter();
    let bytes = captures.clone().map(|(_, capture)| capture.bytes.len()).sum::<usize>();
    if let Some((_, first)) = captures.into_iter().next() {
        first.progress.begin(phase, u64::try_from(bytes).unwrap_or(0));
    }
}
