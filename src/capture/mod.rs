//! Layer 2: bytes of a capture file to frames, in parallel, each byte touched once.
//!
//! Knows the containers (pcap, pcapng) and nothing of what is inside a frame, unless what describes the frames is
//! damaged. A range of a file can be walked without what came before it; `split` proves afterwards that the ranges met
//! (architecture, section 4).

mod guess;
pub mod interface;
pub mod pcap;
pub mod pcapng;
pub mod raw;
pub mod split;
pub mod write;

use std::sync::Arc;

use crate::base::bytes::{index, leading_zeros};
use crate::base::{NoteKind, Progress, Timestamp};
use crate::input::InputKind;
pub use interface::{Interface, LinkType};

/// One captured link-layer record.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its place among the frames of the range, from 0. Frame numbers as Wireshark counts them are made by
    /// `split`, which knows how many frames came before.
    pub index: u64,
    /// When it was captured, by the capture's clock.
    pub time: Timestamp,
    /// Which interface of the file, counted over all sections.
    pub interface: u32,
    /// What its first header is.
    pub link: LinkType,
    /// Bytes on the wire.
    pub original: u32,
    /// Bytes captured.
    pub data: &'a [u8],
}

/// What a walk has to know at its beginning, and knows at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Byte order of the section.
    pub big_endian: bool,
    /// Nanosecond fractions (classic files only).
    pub nanoseconds: bool,
    /// Bytes of a record header (classic files only): 16, or 24 in "modified" ones.
    pub record_header: usize,
    /// What records are measured by (classic files only).
    pub measure: Measure,
    /// The interfaces described so far in this section.
    pub interfaces: Arc<Vec<Interface>>,
    /// What the frames of interfaces that this section does not describe show them to be.
    pub undescribed: Option<Interface>,
    /// How many interfaces earlier sections had: makes interface numbers unique in the file.
    pub interfaces_before: u32,
}

impl State {
    /// The interface of this number in the section: as described, or as its frames show it.
    pub fn interface(&self, number: u32) -> Option<&Interface> {
        self.interfaces.get(index(number)).or(self.undescribed.as_ref())
    }
}

/// What the records of a classic file have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// Where the first record begins: behind the file header, unless that lost bytes or has some too many.
    pub start: usize,
    /// The second of a record that others agree with; `None` in a file without records.
    pub second: Option<u32>,
    /// Longest captured length.
    pub longest: u32,
    /// Whether the link type is what the frames look like, not what the file says.
    pub is_guessed: bool,
}

/// Something wrong with the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What kind.
    pub kind: NoteKind,
    /// Where in the file.
    pub offset: usize,
}

/// How a walk over a range ended.
#[derive(Clone, Debug)]
pub struct Walked {
    /// Where the next block would begin.
    pub next: usize,
    /// What is known there.
    pub state: State,
    /// Frames seen.
    pub frames: u64,
    /// What was wrong on the way: the first [`MAX_DAMAGE`] places.
    pub damage: Vec<Damage>,
    /// Damaged places beyond those.
    pub damage_uncounted: u64,
    /// Whether the walk stopped because the next sound block is not within its reach.
    pub is_lost: bool,
    /// Frames that could not be given out because their interface is unknown.
    pub orphans: u64,
    /// Key logs found in decryption-secrets blocks: places of their data.
    pub secrets: Vec<std::ops::Range<usize>>,
    /// Packets that statistics count as dropped, by interface; a later count holds an earlier one.
    pub drops: Vec<(u32, u64)>,
}

impl Walked {
    /// Nothing yet.
    const fn at(next: usize, state: State) -> Self {
        Self {
            next,
            state,
            frames: 0,
            damage: Vec::new(),
            damage_uncounted: 0,
            is_lost: false,
            orphans: 0,
            secrets: Vec::new(),
            drops: Vec::new(),
        }
    }

    fn damaged(&mut self, kind: NoteKind, offset: usize) {
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(Damage { kind, offset });
        } else {
            self.damage_uncounted += 1;
        }
    }

    /// Goes on after damage where a search up to `reach` found a sound block. What follows each search is at least
    /// as sound as it is long, and no byte is searched twice: time stays linear however much is damaged.
    const fn resume(&mut self, found: Option<usize>, reach: usize, end: usize) {
        self.is_lost = found.is_none() && reach < end;
        self.next = match found {
            Some(found) => found,
            None => end,
        };
    }
}

/// The first that is found in a range, at every `step`, of what begins with so many bytes that are not all 0.
fn search<T>(
    bytes: &[u8],
    range: std::ops::Range<usize>,
    (step, header): (usize, usize),
    found: impl Fn(usize) -> Option<T>,
) -> Option<T> {
    let end = range.end.min(bytes.len());
    let mut at = range.start;
    while at < end {
        // Nothing begins within nothing, of which a file that was not written to its end may have much.
        let zeros = leading_zeros(bytes.get(at..end.saturating_add(header).min(bytes.len()))?);
        at += (zeros + 1).saturating_sub(header) / step * step;
        if at < end
            && let Some(found) = found(at)
        {
            return Some(found);
        }
        at += step;
    }
    None
}

/// Damaged places listed one by one; the rest is counted.
pub const MAX_DAMAGE: usize = 64;

/// One opened capture.
#[derive(Debug)]
pub struct Capture<'a> {
    /// All bytes of the file.
    pub bytes: &'a [u8],
    /// Which container.
    pub kind: InputKind,
    /// Where the first record begins.
    pub start: usize,
    /// What is known there.
    pub state: State,
    /// Where it is told how much of it was read.
    pub progress: Progress,
}

impl<'a> Capture<'a> {
    /// Reads the file header. `None` where not even that can be read.
    pub fn open(bytes: &'a [u8], kind: InputKind) -> Option<Self> {
        let (start, state) = match kind {
            InputKind::Pcap => pcap::open(bytes)?,
            InputKind::PcapNg => pcapng::open(bytes),
            InputKind::Evtx | InputKind::Text => return None,
        };
        Some(Self { bytes, kind, start, state, progress: Progress::default() })
    }

    /// The same, telling how much of it was read.
    #[must_use]
    pub fn watched(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Walks the blocks that begin in `start..end`. After damage, the next sound block is looked for in the whole
    /// rest of the file.
    pub fn walk(&self, start: usize, end: usize, state: State, visit: &mut dyn FnMut(Frame<'a>)) -> Walked {
        self.walk_within(start..end, self.bytes.len(), state, visit)
    }

    /// The same, with the next sound block looked for only before `reach`.
    fn walk_within(
        &self,
        range: std::ops::Range<usize>,
        reach: usize,
        state: State,
        visit: &mut dyn FnMut(Frame<'a>),
    ) -> Walked {
        match self.kind {
            InputKind::Pcap => pcap::walk(self.bytes, range, reach, state, visit),
            _ => pcapng::walk(self.bytes, range, reach, state, visit),
        }
    }

    /// The first place in `from..end` where a block seems to begin.
    pub fn guess_start(&self, from: usize, end: usize, state: &State) -> Option<usize> {
        match self.kind {
            InputKind::Pcap => pcap::guess_start(self.bytes, from, end, state),
            _ => pcapng::guess_start(self.bytes, from, end, state.big_endian),
        }
    }
}
