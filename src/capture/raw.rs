//! What a record of a capture holds besides the frame: for who copies it.
//!
//! Read only of the few frames that are copied; the walk over a capture knows nothing of it.

use super::{Capture, State, pcap, pcapng};
use crate::input::InputKind;

/// A record, besides its frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw<'a> {
    /// The stamp as it was counted, in the resolution of its interface.
    pub ticks: u64,
    /// Comments on the frame.
    pub comments: Vec<&'a [u8]>,
    /// Direction, reception and errors of the link, as the file has them.
    pub flags: Option<u32>,
}

/// One block or record of a capture.
#[derive(Debug)]
pub struct Step<'a> {
    /// The frame in it, if there is one.
    pub frame: Option<(super::Frame<'a>, Raw<'a>)>,
    /// By how much the number of the next frame is higher.
    pub frames: u64,
    /// Secrets in it: their kind and they themselves.
    pub secrets: Option<(u32, &'a [u8])>,
    /// Where the next one begins.
    pub next: usize,
    /// What is known there.
    pub state: State,
}

impl<'a> Capture<'a> {
    /// The one block or record that begins at `at`.
    pub fn step(&self, at: usize, state: State) -> Step<'a> {
        let mut frame = None;
        let walked = self.walk(at, at.saturating_add(1), state, &mut |own| frame = Some(own));
        let frame = frame.map(|frame| {
            let block = self.bytes.get(at..walked.next).unwrap_or_default();
            let raw = match self.kind {
                InputKind::Pcap => Raw { ticks: pcap::ticks(block, &walked.state), ..Raw::default() },
                _ => pcapng::besides(block, walked.state.big_endian),
            };
            (frame, raw)
        });
        let secrets = walked.secrets.first().and_then(|place| {
            let kind = pcapng::secrets_kind(self.bytes, at, walked.state.big_endian)?;
            Some((kind, self.bytes.get(place.clone())?))
        });
        Step { frame, frames: walked.frames, secrets, next: walked.next, state: walked.state }
    }
}
