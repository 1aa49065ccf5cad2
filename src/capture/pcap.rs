//! The classic capture file: a 24-byte header, then records.
//!
//! Both byte orders, micro- and nanoseconds, and the "modified" form with 24-byte record headers.
//! [draft-ietf-opsawg-pcap]

use std::sync::Arc;

use super::interface::{Interface, LinkType, Resolution};
use super::{Damage, Frame, State, Walked};
use crate::base::bytes::{index, u16_in, u32_in};
use crate::base::{NoteKind, Timestamp};

/// Bytes of the file header.
const FILE_HEADER: usize = 24;
/// Longest record that is believed. Wireshark's own bound is 256 KiB; large segments offload reaches 512 KiB.
const MAX_RECORD: u32 = 1 << 20;
/// Records in a row that must be plausible before a guessed start is believed.
const CHAIN: usize = 32;
/// Stamps of one file are expected within this distance of each other when a start is guessed: ten years.
const PLAUSIBLE_SECONDS: u32 = 10 * 366 * 86_400;

/// Reads the file header.
pub fn open(bytes: &[u8]) -> Option<(usize, State)> {
    let magic: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    let (big_endian, nanoseconds, record_header) = match magic {
        [0xd4, 0xc3, 0xb2, 0xa1] => (false, false, 16),
        [0xa1, 0xb2, 0xc3, 0xd4] => (true, false, 16),
        [0x4d, 0x3c, 0xb2, 0xa1] => (false, true, 16),
        [0xa1, 0xb2, 0x3c, 0x4d] => (true, true, 16),
        [0x34, 0xcd, 0xb2, 0xa1] => (false, false, 24),
        [0xa1, 0xb2, 0xcd, 0x34] => (true, false, 24),
        _ => return None,
    };
    // The upper half of the link-type word tells of frame check sequences.
    let link = if big_endian { u16_in(bytes, 22, true)? } else { u16_in(bytes, 20, false)? };
    let interface = Interface {
        link: LinkType(link),
        snaplen: u32_in(bytes, 16, big_endian)?,
        resolution: if nanoseconds { Resolution::Decimal(9) } else { Resolution::MICROSECONDS },
        offset_seconds: 0,
        name: None,
    };
    let state = State {
        big_endian,
        nanoseconds,
        record_header,
        interfaces: Arc::new(vec![interface]),
        interfaces_before: 0,
    };
    Some((FILE_HEADER, state))
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
    start: usize,
    end: usize,
    state: State,
    visit: &mut dyn FnMut(Frame<'a>),
) -> Walked {
    let mut walked = Walked::at(start, state);
    let link = walked.state.interfaces.first().map_or(LinkType::ETHERNET, |interface| interface.link);
    while walked.next < end && walked.next < bytes.len() {
        let at = walked.next;
        let data_at = at + walked.state.record_header;
        let Some(record) = Record::at(bytes, at, &walked.state) else {
            walked.damage.push(Damage { kind: NoteKind::TruncatedCapture, offset: at });
            walked.next = bytes.len();
            break;
        };
        if record.captured > MAX_RECORD {
            walked.damage.push(Damage { kind: NoteKind::DamagedCapture, offset: at });
            match guess_start(bytes, at + 1, bytes.len(), &walked.state) {
                Some(found) if walked.damage.len() < super::MAX_DAMAGE => {
                    walked.next = found;
                    continue;
                }
                _ => walked.next = bytes.len(),
            }
            break;
        }
        let Some(data) = bytes.get(data_at..data_at.saturating_add(index(record.captured))) else {
            walked.damage.push(Damage { kind: NoteKind::TruncatedCapture, offset: at });
            walked.next = bytes.len();
            break;
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
    let reference = Record::at(bytes, FILE_HEADER, state)?.seconds;
    (from..end.min(bytes.len())).find(|at| chain_runs(bytes, *at, reference, state))
}

fn chain_runs(bytes: &[u8], start: usize, reference: u32, state: &State) -> bool {
    let snaplen = state.interfaces.first().map_or(0, |interface| interface.snaplen);
    let longest = if snaplen == 0 { MAX_RECORD } else { snaplen.clamp(256, MAX_RECORD) };
    let mut at = start;
    for link in 0..CHAIN {
        if at == bytes.len() {
            return link > 0;
        }
        let Some(record) = Record::at(bytes, at, state) else { return false };
        let fraction_limit = if state.nanoseconds { 1_000_000_000 } else { 1_000_000 };
        let plausible = record.captured <= longest
            && record.captured > 0
            && record.original >= record.captured
            && record.original <= MAX_RECORD
            && record.fraction < fraction_limit
            && record.seconds.abs_diff(reference) < PLAUSIBLE_SECONDS;
        if !plausible {
            return false;
        }
        at = at.saturating_add(state.record_header).saturating_add(index(record.captured));
        if at > bytes.len() {
            // The last record may be cut; alone it proves nothing.
            return link > 0;
        }
    }
    true
}
