//! The classic capture file: a 24-byte header, then records.
//!
//! Both byte orders, micro- and nanoseconds, and the "modified" form with 24-byte record headers.
//! [draft-ietf-opsawg-pcap]

use std::sync::Arc;

use super::guess::{LOOKED_AT, Look, OUR_TIME};
use super::interface::{Interface, LinkType, Resolution};
use super::{Frame, Measure, State, Walked, search};
use crate::base::bytes::{array, index, u16_in, u32_in, wrong_bits};
use crate::base::{NoteKind, Timestamp};

/// Bytes of the file header.
const FILE_HEADER: usize = 24;
/// Bytes of the magic in it.
const MAGIC: usize = 4;
/// Where it tells the link type.
const LINK_TYPE: usize = 20;
/// The record header that all variants begin with.
const RECORD_HEADER: usize = 16;
/// Longest record that is believed. Wireshark's own bound is 256 KiB; large segments offload reaches 512 KiB.
const MAX_RECORD: u32 = 1 << 20;
/// Records in a row that must be plausible before a guessed start is believed.
const CHAIN: usize = 32;
/// The same at the beginning of the file, which is no guess.
const FEW: usize = 4;
/// Records, itself included, that have to fit behind one that looks odd.
const FOLLOWED_BY: usize = 2;
/// Stamps of one file are expected within this distance of each other when a start is guessed: ten years.
const PLAUSIBLE_SECONDS: u32 = 10 * 366 * 86_400;
/// Records from which the longest captured length is taken.
const MEASURED: usize = 1024;

/// Magics, and what they tell: whether big-endian, whether nanoseconds, bytes of a record header.
const VARIANTS: [([u8; 4], bool, bool, usize); 6] = [
    ([0xd4, 0xc3, 0xb2, 0xa1], false, false, 16),
    ([0xa1, 0xb2, 0xc3, 0xd4], true, false, 16),
    ([0x4d, 0x3c, 0xb2, 0xa1], false, true, 16),
    ([0xa1, 0xb2, 0x3c, 0x4d], true, true, 16),
    ([0x34, 0xcd, 0xb2, 0xa1], false, false, 24),
    ([0xa1, 0xb2, 0xcd, 0x34], true, false, 24),
];

/// Reads the file header, and of the records what they are measured by: the header may be damaged as well as any of
/// them.
pub fn open(bytes: &[u8]) -> Option<(usize, State)> {
    let magic = array(bytes, 0)?;
    // One wrong bit makes none of them another.
    let (_, big_endian, nanoseconds, record_header) =
        VARIANTS.into_iter().find(|(own, ..)| wrong_bits(*own, magic) <= 1)?;
    // The upper half of the link-type word tells of frame check sequences.
    let link = if big_endian { u16_in(bytes, 22, true)? } else { u16_in(bytes, 20, false)? };
    let interface = Interface {
        link: LinkType(link),
        snaplen: u32_in(bytes, 16, big_endian)?,
        resolution: if nanoseconds { Resolution::Decimal(9) } else { Resolution::MICROSECONDS },
        offset_seconds: 0,
        name: None,
    };
    let mut state = State {
        big_endian,
        nanoseconds,
        record_header,
        measure: Measure { longest: MAX_RECORD, ..Measure::default() },
        interfaces: Arc::new(Vec::new()),
        interfaces_before: 0,
        undescribed: None,
    };
    let interface = measure(bytes, interface, &mut state);
    state.interfaces = Arc::new(vec![interface]);
    Some((state.measure.start, state))
}

/// Whether the records from `start` on agree with each other: at the beginning of the file a few, elsewhere many. What
/// repeats within a frame can look like a few records in a row, though hardly with a date, and soon leads out of a short
/// file.
fn agree(bytes: &[u8], start: usize, state: &State) -> bool {
    let Some(first) = Record::at(bytes, start, state) else { return false };
    let is_head = start == FILE_HEADER;
    if !is_head && !OUR_TIME.contains(&first.seconds) {
        return false;
    }
    let mut at = start;
    for link in 0..if is_head { FEW } else { CHAIN } {
        let Some(record) = Record::at(bytes, at, state) else {
            // The last one may be cut; where it ends with the file, two prove as much. At the beginning one that is cut
            // is believed if nothing else is found: its length may lie.
            return if at == bytes.len() { is_head || link >= 2 } else { link >= 2 * FEW };
        };
        if !record.is_plausible(first.seconds, state) {
            return false;
        }
        at = record.end(at, state);
    }
    true
}

/// Takes the measure of the first records that agree with each other. Mostly that is the first of the file. Gives back
/// the interface as they show it, where the file header contradicts nearly all of them.
fn measure(bytes: &[u8], described: Interface, state: &mut State) -> Interface {
    let start = if agree(bytes, FILE_HEADER, state) {
        FILE_HEADER
    } else {
        // Of a header that lost bytes, records begin before its end.
        first_of(bytes, MAGIC..bytes.len(), state, |at| agree(bytes, at, state)).unwrap_or(FILE_HEADER)
    };
    state.measure.start = if is_misread(bytes, start, state) { start } else { FILE_HEADER };
    let start = dated(bytes, start, state).unwrap_or(start);
    let Some(second) = Record::at(bytes, start, state).map(|record| record.seconds) else { return described };
    let mut look = Look::at(&described);
    let mut longest = 0;
    let mut at = start;
    for number in 0..MEASURED {
        let Some(record) = Record::at(bytes, at, state) else { break };
        let data_at = at.saturating_add(state.record_header);
        let data = bytes.get(data_at..data_at.saturating_add(index(record.captured)));
        let Some(data) = data.filter(|_| record.is_plausible(second, state)) else { break };
        longest = record.captured.max(longest);
        if number < LOOKED_AT {
            look.take(data, record.original, 0);
        }
        at = data_at + data.len();
    }
    // A snap length that they exceed is none.
    let snaplen = described.snaplen;
    let is_bound = snaplen > 0 && longest <= snaplen;
    let interface = look.correct(&described);
    state.measure = Measure {
        start: state.measure.start,
        second: Some(second),
        longest: if is_bound { snaplen.clamp(256, MAX_RECORD) } else { MAX_RECORD },
        is_guessed: interface.is_some(),
    };
    interface.unwrap_or(described)
}

/// The first of the records from `start` on that has a date of our time. Where a clock was set only later, what repeats
/// within a frame looks like records of its beginning, and nothing like those of a date.
fn dated(bytes: &[u8], start: usize, state: &State) -> Option<usize> {
    let mut at = start;
    for _ in 0..MEASURED {
        let record = Record::at(bytes, at, state).filter(|record| record.captured <= MAX_RECORD)?;
        if OUR_TIME.contains(&record.seconds) && record.is_plausible(record.seconds, state) {
            return Some(at);
        }
        at = record.end(at, state);
    }
    None
}

/// Whether what stands behind the file header is no record: those that agree with each other begin within its header, or
/// within itself and no other follows it. One whose time is odd is a record.
fn is_misread(bytes: &[u8], start: usize, state: &State) -> bool {
    let Some(record) = Record::at(bytes, FILE_HEADER, state).filter(|_| start != FILE_HEADER) else {
        return false;
    };
    start < FILE_HEADER + RECORD_HEADER
        || start < record.end(FILE_HEADER, state) && !is_followed(bytes, FILE_HEADER, state)
}

/// One record header.
struct Record {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Record {
    fn at(bytes: &[u8], at: usize, state: &State) -> Option<Self> {
        let word = |n: usize| u32_in(bytes, at.checked_add(n)?, state.big_endian);
        Some(Self { seconds: word(0)?, fraction: word(4)?, captured: word(8)?, original: word(12)? })
    }

    /// Whether all of it looks right: lengths that fit each other and the file, a time near that of others.
    const fn is_plausible(&self, second: u32, state: &State) -> bool {
        let fraction_limit = if state.nanoseconds { 1_000_000_000 } else { 1_000_000 };
        self.captured <= state.measure.longest
            && self.captured > 0
            && self.original >= self.captured
            && self.original <= MAX_RECORD
            && self.fraction < fraction_limit
            && self.seconds.abs_diff(second) < PLAUSIBLE_SECONDS
    }

    /// Where it ends, if it begins at `at`.
    fn end(&self, at: usize, state: &State) -> usize {
        at.saturating_add(state.record_header).saturating_add(index(self.captured))
    }

    /// Whether it is what a file that was not written to its end is full of.
    const fn is_nothing(&self) -> bool {
        self.seconds == 0 && self.fraction == 0 && self.captured == 0 && self.original == 0
    }

    fn time(&self, nanoseconds: bool) -> Timestamp {
        let unit = if nanoseconds { 1 } else { 1_000 };
        Timestamp::from_nanos(i64::from(self.seconds) * 1_000_000_000 + i64::from(self.fraction) * unit)
    }
}

/// The stamp of a record, in units of the file.
pub(super) fn ticks(record: &[u8], state: &State) -> u64 {
    let units: u64 = if state.nanoseconds { 1_000_000_000 } else { 1_000_000 };
    Record::at(record, 0, state).map_or(0, |own| u64::from(own.seconds) * units + u64::from(own.fraction))
}

/// Walks the records that begin in `start..end`.
pub fn walk<'a>(
    bytes: &'a [u8],
    range: std::ops::Range<usize>,
    reach: usize,
    state: State,
    visit: &mut dyn FnMut(Frame<'a>),
) -> Walked {
    let mut walked = Walked::at(range.start, state);
    let Measure { start, is_guessed, .. } = walked.state.measure;
    if range.start == start && VARIANTS.iter().all(|(own, ..)| !bytes.starts_with(own)) {
        walked.damaged(NoteKind::DamagedCapture, 0);
    }
    if range.start == start && start != FILE_HEADER {
        walked.damaged(NoteKind::DamagedCapture, FILE_HEADER.min(start));
    }
    if range.start == start && is_guessed {
        walked.damaged(NoteKind::InterfaceGuessed, LINK_TYPE);
    }
    let second = walked.state.measure.second.unwrap_or(0);
    let link = walked.state.interfaces.first().map_or(LinkType::ETHERNET, |interface| interface.link);
    while walked.next < range.end && walked.next < bytes.len() {
        let at = walked.next;
        let data_at = at + walked.state.record_header;
        let Some(record) = Record::at(bytes, at, &walked.state) else {
            walked.damaged(NoteKind::TruncatedCapture, at);
            walked.next = bytes.len();
            break;
        };
        let data = bytes.get(data_at..data_at.saturating_add(index(record.captured)));
        let is_odd = !record.is_plausible(second, &walked.state);
        let beside = if is_odd { sound_beside(bytes, at, &record, &walked.state) } else { None };
        let is_sound = !is_odd || beside.is_none() && is_followed(bytes, at, &walked.state);
        let Some(data) = data.filter(|_| is_sound) else {
            // Either the file ends here, or a length lies: if records go on further down, the length lied.
            let found = beside.or_else(|| guess_start(bytes, at + 1, reach, &walked.state));
            let ends = found.is_none() && data.is_none() && record.captured <= MAX_RECORD;
            walked.damaged(if ends { NoteKind::TruncatedCapture } else { NoteKind::DamagedCapture }, at);
            walked.resume(found, reach, bytes.len());
            continue;
        };
        visit(Frame {
            index: walked.frames,
            time: record.time(walked.state.nanoseconds),
            interface: 0,
            link,
            original: record.original.max(record.captured),
            data,
        });
        walked.frames += 1;
        walked.next = data_at + data.len();
    }
    walked
}

/// Finds the first place from which a chain of plausible records runs.
pub fn guess_start(bytes: &[u8], from: usize, end: usize, state: &State) -> Option<usize> {
    let second = state.measure.second?;
    first_of(bytes, from..end, state, |at| chain_runs(bytes, at, second, state))
}

/// The first place that is a sound one.
fn first_of(
    bytes: &[u8],
    range: std::ops::Range<usize>,
    state: &State,
    is_sound: impl Fn(usize) -> bool,
) -> Option<usize> {
    // Most places are refused by one word.
    let may_begin = |at: usize| {
        let captured = at.checked_add(8).and_then(|at| u32_in(bytes, at, state.big_endian));
        captured.is_some_and(|captured| (1..=state.measure.longest).contains(&captured))
    };
    search(bytes, range, (1, RECORD_HEADER), |at| (may_begin(at) && is_sound(at)).then_some(at))
}

/// Where records go on that look right in everything, if they begin within one that looks odd, or in what the record
/// before it has taken of them. Where a few bytes were lost, headers can be read a word too far on and on: both lengths
/// are mostly the same.
fn sound_beside(bytes: &[u8], odd: usize, record: &Record, state: &State) -> Option<usize> {
    let from = odd.saturating_sub(RECORD_HEADER - 1).max(FILE_HEADER + 1);
    let until =
        odd.saturating_add(state.record_header).saturating_add(index(record.captured.min(MAX_RECORD)));
    guess_start(bytes, from, until, state).filter(|at| *at != odd)
}

/// Whether a record that looks odd is followed by others, so that its length at least is right. Writers put odd things
/// into times and original lengths.
fn is_followed(bytes: &[u8], start: usize, state: &State) -> bool {
    let mut at = start;
    for link in 0..FOLLOWED_BY {
        if at >= bytes.len() {
            return at == bytes.len();
        }
        match Record::at(bytes, at, state) {
            Some(record) if record.captured <= MAX_RECORD && !record.is_nothing() => {
                at = record.end(at, state);
            }
            // A header that is cut: the file ends here.
            None => return link > 0,
            Some(_) => return false,
        }
    }
    true
}

fn chain_runs(bytes: &[u8], start: usize, second: u32, state: &State) -> bool {
    let mut at = start;
    for link in 0..CHAIN {
        if at == bytes.len() {
            return link > 0;
        }
        let Some(record) = Record::at(bytes, at, state) else { return false };
        if !record.is_plausible(second, state) {
            return false;
        }
        at = record.end(at, state);
        if at > bytes.len() {
            // The last record may be cut; alone it proves nothing.
            return link > 0;
        }
    }
    true
}
