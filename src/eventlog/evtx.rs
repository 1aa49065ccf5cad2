//! The container: an .evtx file as chunks of 64 KiB, a chunk as record headers.
//!
//! Reads no BinXML and trusts no header of the file: a log that was copied while in use says less than it holds,
//! so every slot is looked at. The layout is that of [MS-EVEN6] 2.2.12 and of the public descriptions of the
//! format. A record header has the record's number and the time of writing, but not the event id.

use rayon::prelude::*;

use crate::base::Timestamp;

/// Where the first chunk starts: after the file header's block.
const FILE_HEADER: usize = 4096;
/// Bytes from one chunk to the next.
pub(super) const CHUNK: usize = 65_536;
/// Where the first record of a chunk starts.
const CHUNK_HEADER: usize = 512;
/// About so many records are in a chunk.
const USUAL: usize = 128;
/// Magic, size, number, time.
pub(super) const RECORD_HEADER: usize = 24;
/// The copy of the size that ends a record.
const RECORD_TRAILER: usize = 4;
const FILE_MAGIC: &[u8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
const RECORD_MAGIC: &[u8] = b"**\0\0";

/// One record by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    /// Offset of the header in its chunk.
    pub at: u32,
    /// Size with header and trailer, in bytes; lies inside the chunk.
    pub size: u32,
    /// EventRecordID.
    pub number: u64,
    /// When it was written to this file; `None` where the stamp is no real time. In a log that was saved anew,
    /// or collected from other computers, that is not when the event was made.
    pub written: Option<Timestamp>,
}

/// One chunk with the headers of its records, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Chunk<'a> {
    /// Its bytes; fewer than [`CHUNK`] only if the file was cut.
    pub bytes: &'a [u8],
    /// Its records.
    pub records: Vec<RecordHeader>,
}

/// What was made of the chunks of a file, and what could not be read.
#[derive(Clone, Debug)]
pub(super) struct Container<T> {
    /// What each chunk that holds something became.
    pub chunks: Vec<T>,
    /// Places in all chunks where a record should have been and was not.
    pub damaged_records: u64,
    /// Slots with bytes in them that are no chunk, by their place in the file.
    pub damaged_slots: Vec<u32>,
    /// Whether the file ends inside a chunk.
    pub cut: bool,
}

/// Whether the bytes are an .evtx file, by its magic or by that of its first chunk.
pub fn is_evtx(bytes: &[u8]) -> bool {
    bytes.starts_with(FILE_MAGIC)
        || bytes.get(FILE_HEADER..).is_some_and(|rest| rest.starts_with(CHUNK_MAGIC))
}

/// Walks all slots, in parallel. `take` gets each chunk while its bytes are at hand: a log is read once.
pub(super) fn open<'a, T: Send>(
    bytes: &'a [u8],
    take: &(impl Fn(Chunk<'a>) -> T + Sync),
) -> Option<Container<T>> {
    if !is_evtx(bytes) {
        return None;
    }
    let body = bytes.get(FILE_HEADER..).unwrap_or_default();
    let slots = if is_aligned(body) { body.chunks(CHUNK).collect() } else { cut(body) };
    let slots: Vec<Slot<T>> =
        slots.into_par_iter().enumerate().map(|(index, slot)| read_slot(index, slot, take)).collect();
    // A log cut off between two chunks ends well, but short of what its header counts. [MS-EVEN6] leaves the layout to
    // the file: a 16-bit count of chunks at 0x2A.
    let counted =
        bytes.get(0x2a..).and_then(|rest| rest.first_chunk()).map(|count| u16::from_le_bytes(*count));
    let is_short =
        bytes.starts_with(FILE_MAGIC) && counted.is_some_and(|count| usize::from(count) > slots.len());
    let mut container = Container {
        chunks: Vec::with_capacity(slots.len()),
        damaged_records: 0,
        damaged_slots: Vec::new(),
        cut: is_short,
    };
    let last = slots.len().saturating_sub(1);
    for (index, slot) in slots.into_iter().enumerate() {
        match slot {
            Slot::Chunk { taken, damaged_records, cut } => {
                if cut && index < last {
                    container.damaged_slots.push(u32::try_from(index).unwrap_or(u32::MAX));
                } else {
                    container.cut |= cut;
                }
                container.damaged_records += damaged_records;
                container.chunks.push(taken);
            }
            Slot::Damaged(index) => container.damaged_slots.push(index),
            Slot::Unused => {}
        }
    }
    Some(container)
}

/// Walks a chunk again.
pub(super) fn chunk(bytes: &[u8]) -> Chunk<'_> {
    fetch(bytes);
    Chunk { bytes, records: Walk::of(bytes).records().0 }
}

/// Whether each slot begins a chunk's size after the one before: of a sound file, and told in parallel, since what is
/// read first of a mapped file is waited for.
fn is_aligned(body: &[u8]) -> bool {
    (0..body.len()).into_par_iter().step_by(CHUNK).all(|at| body.get(at..).is_none_or(is_sound))
}

/// Whether a slot has a chunk's size, as far as its beginning and its end tell.
fn is_sound(rest: &[u8]) -> bool {
    let aligned = rest.get(CHUNK..).unwrap_or_default();
    if rest.starts_with(CHUNK_MAGIC) {
        // What is unused behind it may be that of the next chunk, if bytes were added with such a magic among them.
        let is_last = || is_unused(aligned) && next_chunk(rest).is_none();
        aligned.len() < CHUNK_MAGIC.len() || aligned.starts_with(CHUNK_MAGIC) || is_last()
    } else {
        is_unused(rest)
    }
}

/// Cuts a file into slots: each has its chunk's size, unless bytes were lost or added on the way. Then the next chunk
/// begins elsewhere, and is looked for.
fn cut(body: &[u8]) -> Vec<&[u8]> {
    let mut slots = Vec::with_capacity(body.len().div_ceil(CHUNK));
    let mut rest = body;
    while !rest.is_empty() {
        let size = if is_sound(rest) { None } else { next_chunk(rest) };
        let (slot, after) = rest.split_at(size.unwrap_or(CHUNK).min(rest.len()));
        slots.push(slot);
        rest = after;
    }
    slots
}

/// Logs are grown by whole zeroed chunks.
fn is_unused(bytes: &[u8]) -> bool {
    bytes.iter().take(CHUNK).all(|byte| *byte == 0)
}

/// Where the next chunk begins within the slot from here, if one does.
fn next_chunk(rest: &[u8]) -> Option<usize> {
    let near = rest.get(1..rest.len().min(CHUNK + CHUNK_MAGIC.len() - 1))?;
    near.windows(CHUNK_MAGIC.len()).position(|eight| eight == CHUNK_MAGIC).map(|at| at + 1)
}

enum Slot<T> {
    Chunk { taken: T, damaged_records: u64, cut: bool },
    Damaged(u32),
    Unused,
}

fn read_slot<'a, T>(index: usize, bytes: &'a [u8], take: &impl Fn(Chunk<'a>) -> T) -> Slot<T> {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    if bytes.starts_with(CHUNK_MAGIC) {
        fetch(bytes);
        let (records, damaged_records) = Walk::of(bytes).records();
        let taken = take(Chunk { bytes, records });
        return Slot::Chunk { taken, damaged_records, cut: bytes.len() < CHUNK };
    }
    if is_unused(bytes) { Slot::Unused } else { Slot::Damaged(index) }
}

/// Fetches a chunk into the cache before the walk: where a record begins is known only when the one before it has been
/// read, so a walk waits for memory at each. Lines in a row are fetched several times as fast.
fn fetch(bytes: &[u8]) {
    /// A cache line.
    const LINE: usize = 64;
    std::hint::black_box(bytes.iter().step_by(LINE).fold(0, |sum, byte| sum ^ byte));
}

/// The way through one chunk's records.
struct Walk<'a> {
    bytes: &'a [u8],
    /// Where the chunk header says that the free space begins.
    free: usize,
    /// Where the chunk header says that the last record begins.
    last_at: usize,
    /// The least and greatest record number by the chunk header.
    numbers: std::ops::RangeInclusive<u64>,
}

impl<'a> Walk<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let word = |at| u32_at(bytes, at).and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
        let number = |at| u64_at(bytes, at).unwrap_or(0);
        Self { bytes, free: word(48).min(bytes.len()), last_at: word(44), numbers: number(24)..=number(32) }
    }

    /// All records, and how many places were damaged.
    fn records(&self) -> (Vec<RecordHeader>, u64) {
        let mut records: Vec<RecordHeader> = Vec::with_capacity(USUAL);
        let mut damaged = 0;
        let mut at = CHUNK_HEADER;
        let mut live = true;
        loop {
            live &= at < self.free;
            let found = record_at(self.bytes, at);
            match found {
                Some(record) if live || self.continues(&records, &record) => {
                    live &= record.number != *self.numbers.end();
                    at = end_of(&record);
                    records.push(record);
                }
                _ if !live => break,
                _ => {
                    let resumed = self.resume(at.saturating_add(1));
                    // Zeroes to the end are free space that the header counts in.
                    damaged += u64::from(resumed.is_some() || self.holds_something(at));
                    let Some(next) = resumed else { break };
                    at = next;
                }
            }
        }
        (records, damaged)
    }

    /// Whether the place where a record should start is anything but free space.
    fn holds_something(&self, at: usize) -> bool {
        self.bytes
            .get(at..self.free)
            .and_then(|rest| rest.first_chunk::<4>())
            .is_some_and(|magic| *magic != [0; 4])
    }

    /// Whether `next` lies beyond what the header counts in, but goes on where the last record ended: the
    /// header of a log in use is written later than its records. What an earlier round left there has lower
    /// numbers.
    fn continues(&self, records: &[RecordHeader], next: &RecordHeader) -> bool {
        records.last().is_some_and(|last| {
            next.number == last.number.wrapping_add(1)
                && ends_well(self.bytes, next)
                && next.written.is_some()
        })
    }

    /// The next sound record from `from` on that the chunk header counts in.
    fn resume(&self, from: usize) -> Option<usize> {
        let until = self.free.min(self.last_at.saturating_add(RECORD_MAGIC.len()));
        let mut at = from;
        loop {
            let rest = self.bytes.get(at..until)?;
            at += rest.windows(RECORD_MAGIC.len()).position(|four| four == RECORD_MAGIC)?;
            if let Some(record) = record_at(self.bytes, at)
                && end_of(&record) <= self.free
                && ends_well(self.bytes, &record)
                && self.numbers.contains(&record.number)
            {
                return Some(at);
            }
            at += 1;
        }
    }
}

/// The record header at `at`, if there is one and the record lies inside the chunk.
fn record_at(bytes: &[u8], at: usize) -> Option<RecordHeader> {
    if bytes.get(at..)?.get(..RECORD_MAGIC.len())? != RECORD_MAGIC {
        return None;
    }
    let size = u32_at(bytes, at + 4)?;
    let length = usize::try_from(size).ok()?;
    let fits = length >= RECORD_HEADER + RECORD_TRAILER && length <= bytes.len().checked_sub(at)?;
    fits.then_some(RecordHeader {
        at: u32::try_from(at).ok()?,
        size,
        number: u64_at(bytes, at + 8)?,
        written: real_time(u64_at(bytes, at + 16)?),
    })
}

/// A FILETIME as a moment, unless it cannot be one: event logs of this format exist since 2006.
pub(super) fn real_time(ticks: u64) -> Option<Timestamp> {
    /// 1990-01-01: a computer without a battery starts somewhere after it.
    const EARLIEST: u64 = 122_757_120_000_000_000;
    /// 2200-01-01.
    const LATEST: u64 = 189_025_920_000_000_000;
    (EARLIEST..LATEST).contains(&ticks).then(|| Timestamp::from_filetime(ticks))
}

fn end_of(record: &RecordHeader) -> usize {
    usize::try_from(u64::from(record.at) + u64::from(record.size)).unwrap_or(usize::MAX)
}

/// Whether the size is repeated at the end.
fn ends_well(bytes: &[u8], record: &RecordHeader) -> bool {
    end_of(record).checked_sub(RECORD_TRAILER).and_then(|at| u32_at(bytes, at)) == Some(record.size)
}

/// A little-endian 32-bit number.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

/// A little-endian 64-bit number.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk with records of 64 bytes each, numbered from 1.
    fn chunk(count: u64) -> Vec<u8> {
        let mut bytes = vec![0; CHUNK];
        bytes[..8].copy_from_slice(CHUNK_MAGIC);
        bytes[24..32].copy_from_slice(&1_u64.to_le_bytes());
        bytes[32..40].copy_from_slice(&count.to_le_bytes());
        let mut at = CHUNK_HEADER;
        for number in 1..=count {
            bytes[44..48].copy_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
            write_record(&mut bytes, at, number);
            at += 64;
        }
        bytes[48..52].copy_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
        bytes
    }

    fn write_record(bytes: &mut [u8], at: usize, number: u64) {
        bytes[at..at + 4].copy_from_slice(RECORD_MAGIC);
        bytes[at + 4..at + 8].copy_from_slice(&64_u32.to_le_bytes());
        bytes[at + 8..at + 16].copy_from_slice(&number.to_le_bytes());
        bytes[at + 16..at + 24].copy_from_slice(&131_000_000_000_000_000_u64.to_le_bytes());
        bytes[at + 60..at + 64].copy_from_slice(&64_u32.to_le_bytes());
    }

    fn numbers(bytes: &[u8]) -> (Vec<u64>, u64) {
        let (records, damaged) = Walk::of(bytes).records();
        (records.iter().map(|record| record.number).collect(), damaged)
    }

    #[test]
    fn walks_a_sound_chunk() {
        assert_eq!(numbers(&chunk(5)), ((1..=5).collect(), 0));
    }

    #[test]
    fn goes_on_behind_a_damaged_record() {
        let mut bytes = chunk(5);
        bytes[CHUNK_HEADER + 64] = b'X';
        assert_eq!(numbers(&bytes), (vec![1, 3, 4, 5], 1));
    }

    #[test]
    fn a_record_of_size_zero_ends_nothing_and_hangs_nothing() {
        let mut bytes = chunk(3);
        bytes[CHUNK_HEADER + 68..CHUNK_HEADER + 72].fill(0);
        assert_eq!(numbers(&bytes), (vec![1, 3], 1));
    }

    #[test]
    fn reads_records_that_a_stale_header_does_not_count_in() {
        let mut bytes = chunk(3);
        write_record(&mut bytes, CHUNK_HEADER + 3 * 64, 4);
        // What an earlier round of the log left behind does not follow on.
        write_record(&mut bytes, CHUNK_HEADER + 4 * 64, 2);
        assert_eq!(numbers(&bytes), (vec![1, 2, 3, 4], 0));
    }

    #[test]
    fn free_space_that_is_counted_in_is_no_damage() {
        let mut bytes = chunk(3);
        bytes[32..40].copy_from_slice(&9_u64.to_le_bytes());
        bytes[48..52].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(numbers(&bytes), (vec![1, 2, 3], 0));
    }

    #[test]
    fn chunks_that_moved_are_found_again() {
        let counts = |file: &[u8]| {
            let container = open(file, &|chunk| chunk.records.len()).unwrap();
            container.chunks
        };
        let mut file = vec![0; FILE_HEADER];
        file[..8].copy_from_slice(FILE_MAGIC);
        for records in 2..7 {
            file.extend(chunk(records));
        }
        assert_eq!(counts(&file), [2, 3, 4, 5, 6]);
        let second = FILE_HEADER + CHUNK;
        let mut lost = file.clone();
        lost.drain(second + 40_000..second + 41_000);
        assert_eq!(counts(&lost), [2, 3, 4, 5, 6]);
        let mut added = file.clone();
        added.splice(second + 40_000..second + 40_000, [9; 777]);
        assert_eq!(counts(&added), [2, 3, 4, 5, 6]);
        let mut gone = file.clone();
        gone.drain(second..second + 70_000);
        assert_eq!(counts(&gone), [2, 5, 6], "what is left of the third chunk has no beginning");
        // A slot of rubbish costs no other.
        file[second..second + CHUNK].fill(7);
        assert_eq!(counts(&file), [2, 4, 5, 6]);
    }

    #[test]
    fn tells_unused_slots_from_damaged_ones() {
        let mut file = vec![0; FILE_HEADER];
        file[..8].copy_from_slice(FILE_MAGIC);
        file.extend(chunk(2));
        file.extend(vec![0; CHUNK]);
        file.extend(vec![7; CHUNK]);
        file.extend(&chunk(2)[..1000]);
        let open = |bytes: &[u8]| open(bytes, &|chunk| chunk.records.len());
        let container = open(&file).unwrap();
        assert_eq!(container.damaged_slots, [2]);
        assert_eq!(container.chunks, [2, 2]);
        assert!(container.cut);
        let mut header = FILE_MAGIC.to_vec();
        header.resize(FILE_HEADER, 0);
        header[0x2a] = 1;
        assert!(open(&header).unwrap().cut, "the header counts a chunk");
        header[0x2a] = 0;
        assert!(!open(&header).unwrap().cut);
        assert!(open(b"ElfFile").is_none());
        assert!(open(FILE_MAGIC).unwrap().chunks.is_empty());
    }
}
