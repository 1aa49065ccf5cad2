//! Ranges of a capture, decoded in parallel, joined in order.
//!
//! Each range guesses its first block. A guess may be wrong (a capture copied inside a capture), so every join
//! is checked: a range must begin exactly where the one before it ended, with the same byte order and interface
//! table; otherwise it is decoded again from the true place. The result never depends on a guess.

use rayon::prelude::*;

use super::{Capture, Damage, Frame, MAX_DAMAGE, State, Walked};

/// How a capture is cut up. Neither number changes a result.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    /// Bytes of a range.
    pub range: usize,
    /// Ranges that are decoded before they are handed on: bounds the memory of one window. There are two at once.
    pub window: usize,
}

impl Default for Split {
    fn default() -> Self {
        Self { range: 1 << 20, window: 8 }
    }
}

/// What frames are turned into, range by range.
pub trait Collect: Send {
    /// Takes one frame. `frame.index` counts from the start of the range.
    fn frame(&mut self, frame: Frame<'_>);
}

/// One decoded range.
#[derive(Debug)]
pub struct Part<C> {
    /// Number of the first frame of the range, from 1.
    pub first_frame: u64,
    /// Frames in the range.
    pub frames: u64,
    /// What was collected.
    pub collected: C,
    /// What was wrong with the container: the first [`MAX_DAMAGE`] places.
    pub damage: Vec<Damage>,
    /// Damaged places beyond those.
    pub damage_uncounted: u64,
    /// Frames of undescribed interfaces.
    pub orphans: u64,
    /// Packets that statistics in the file count as dropped, by interface.
    pub drops: Vec<(u32, u64)>,
}

/// What is known after the last range.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Frames in the file.
    pub frames: u64,
    /// Interfaces described in the file.
    pub interfaces: u32,
    /// Places of TLS key logs.
    pub secrets: Vec<std::ops::Range<usize>>,
}

/// Decodes a capture window by window; `apply` gets the parts of each window in file order, while the next window is
/// being decoded.
pub fn for_each_window<C: Collect>(
    capture: &Capture<'_>,
    split: Split,
    new: &(dyn Fn() -> C + Sync),
    mut apply: impl FnMut(Vec<Part<C>>) + Send,
) -> Summary {
    let mut windows = Windows::of(capture, split, new);
    while windows.next(&mut apply) {}
    windows.end()
}

/// A capture that is decoded window by window.
pub struct Windows<'w, 'b, C> {
    decoder: Decoder<'w, 'b, C>,
    joined: Joined,
    ahead: Option<Window<C>>,
}

impl<'w, 'b, C: Collect> Windows<'w, 'b, C> {
    /// Begins with a capture; `new` makes what frames are collected in.
    pub fn of(capture: &'w Capture<'b>, split: Split, new: &'w (dyn Fn() -> C + Sync)) -> Self {
        let split = Split { range: split.range.max(64), window: split.window.max(1) };
        let head_end = capture.bytes.len().min(capture.start.saturating_add(split.range));
        let head = capture.walk(capture.start, head_end, capture.state.clone(), &mut |_| {});
        let decoder = Decoder { capture, split, new, assumed: head.state };
        let joined = Joined {
            start: capture.start,
            state: capture.state.clone(),
            summary: Summary { frames: 0, interfaces: 0, secrets: Vec::new() },
        };
        let ahead = decoder.window(capture.start);
        Self { decoder, joined, ahead }
    }

    /// `apply` gets the parts of the next window in file order, while the one behind it is being decoded. Nothing if
    /// there is no more.
    pub fn next(&mut self, apply: impl FnOnce(Vec<Part<C>>) + Send) -> bool {
        let Some(Window { guessed, ends, end }) = self.ahead.take() else { return false };
        let Self { decoder, joined, .. } = self;
        let guessed = guessed.into_iter().zip(ends);
        let parts = guessed.map(|(guess, (_, end))| joined.join(guess, end, decoder)).collect();
        ((), self.ahead) = rayon::join(|| apply(parts), || decoder.window(end));
        true
    }

    /// What is known when all have been applied.
    pub fn end(self) -> Summary {
        let last = u32::try_from(self.joined.state.interfaces.len()).unwrap_or(u32::MAX);
        let mut summary = self.joined.summary;
        summary.interfaces = self.joined.state.interfaces_before.saturating_add(last);
        summary
    }
}

/// Decodes ranges from guessed starts.
struct Decoder<'w, 'b, C> {
    capture: &'w Capture<'b>,
    split: Split,
    new: &'w (dyn Fn() -> C + Sync),
    /// What is known after the head of the file: what most ranges begin with.
    assumed: State,
}

impl<C: Collect> Decoder<'_, '_, C> {
    /// The window that begins at `start`.
    fn window(&self, start: usize) -> Option<Window<C>> {
        let Self { capture, split, .. } = self;
        let ends: Vec<(usize, usize)> = (0..split.window)
            .map(|n| start.saturating_add(n * split.range))
            .take_while(|from| *from < capture.bytes.len())
            .map(|from| (from, from.saturating_add(split.range).min(capture.bytes.len())))
            .collect();
        let end = ends.last().map(|(_, end)| *end)?;
        let guess = |(from, end): &(usize, usize)| {
            let guess = Guess::decode(capture, *from, *end, &self.assumed, self.new);
            capture.progress.add(end - from);
            guess
        };
        let guessed = ends.par_iter().map(guess).collect();
        Some(Window { guessed, ends, end })
    }
}

/// Ranges that were decoded in parallel, and where they end.
struct Window<C> {
    guessed: Vec<Guess<C>>,
    ends: Vec<(usize, usize)>,
    end: usize,
}

/// What is known for sure behind the ranges so far.
struct Joined {
    start: usize,
    state: State,
    summary: Summary,
}

impl Joined {
    /// The next range, decoded again if its guess was wrong.
    fn join<C: Collect>(&mut self, guess: Guess<C>, end: usize, decoder: &Decoder<'_, '_, C>) -> Part<C> {
        let Decoder { capture, new, .. } = decoder;
        let (walked, collected) = if guess.start == Some(self.start) && guess.state == self.state {
            (guess.walked, guess.collected)
        } else {
            decode(capture, self.start..end, capture.bytes.len(), self.state.clone(), *new)
        };
        self.start = walked.next;
        self.state = walked.state;
        let summary = &mut self.summary;
        let room = MAX_DAMAGE.saturating_sub(summary.secrets.len());
        summary.secrets.extend(walked.secrets.into_iter().take(room));
        let first_frame = summary.frames + 1;
        summary.frames += walked.frames;
        Part {
            first_frame,
            frames: walked.frames,
            collected,
            damage: walked.damage,
            damage_uncounted: walked.damage_uncounted,
            orphans: walked.orphans,
            drops: walked.drops,
        }
    }
}

/// A range decoded from a guessed start.
struct Guess<C> {
    start: Option<usize>,
    state: State,
    walked: Walked,
    collected: C,
}

impl<C: Collect> Guess<C> {
    fn decode(
        capture: &Capture<'_>,
        from: usize,
        end: usize,
        assumed: &State,
        new: &(dyn Fn() -> C + Sync),
    ) -> Self {
        // The first range is known, not guessed.
        let (start, state) = if from == capture.start {
            (Some(from), capture.state.clone())
        } else {
            (capture.guess_start(from, end, assumed), assumed.clone())
        };
        // What a guess leads to is not searched for in the whole rest of the file, by every range anew: a range that
        // would have to look further is decoded again, when it is known that it is this one that has to.
        let reach = end.saturating_add(end - from).min(capture.bytes.len());
        let (walked, collected) = decode(capture, start.unwrap_or(end)..end, reach, state.clone(), new);
        Self { start: start.filter(|_| !walked.is_lost), state, walked, collected }
    }
}

fn decode<C: Collect>(
    capture: &Capture<'_>,
    range: std::ops::Range<usize>,
    reach: usize,
    state: State,
    new: &(dyn Fn() -> C + Sync),
) -> (Walked, C) {
    let mut collected = new();
    let mut ahead = Ahead { bytes: capture.bytes, fetched: range.start, end: range.end };
    let walked = capture.walk_within(range, reach, state, &mut |frame| {
        ahead.follow(frame.data);
        collected.frame(frame);
    });
    (walked, collected)
}

/// Fetches a range's bytes a little ahead of the walk.
///
/// Where a block begins is known only when the one before it has been read, so a walk waits for memory at each block.
/// Lines in a row are fetched several times as fast.
struct Ahead<'a> {
    bytes: &'a [u8],
    fetched: usize,
    end: usize,
}

impl Ahead<'_> {
    /// Half of this is fetched at a time: it fits the cache of a core with room to spare.
    const WAY: usize = 64 << 10;
    /// A cache line.
    const LINE: usize = 64;

    /// The walk has come to `data`.
    fn follow(&mut self, data: &[u8]) {
        let at = data.as_ptr().addr().saturating_sub(self.bytes.as_ptr().addr());
        if at.saturating_add(Self::WAY / 2) < self.fetched || self.fetched >= self.end {
            return;
        }
        let from = self.fetched.max(at);
        let until = from.saturating_add(Self::WAY / 2).min(self.end);
        let lines = self.bytes.get(from..until).unwrap_or_default().iter().step_by(Self::LINE);
        std::hint::black_box(lines.fold(0, |sum, byte| sum ^ byte));
        self.fetched = until;
    }
}
