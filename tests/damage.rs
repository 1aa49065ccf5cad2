//! What is left of a damaged file is read: every frame and record that the damage did not touch.
//!
//! Of every sample, and of files made by others where they are present. `RDPSCAN_HOSTILE=full` cuts each at 200 places
//! and mutates it 500 times; without it, a few times.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use rdpscan::base::{NoteKind, Notes, SourceId};
use rdpscan::capture::{Capture, LinkType};
use rdpscan::eventlog::{Wanted, scan};
use rdpscan::input::{Format, InputKind};
use rdpscan::oracle;

use super::public_data;
use super::random::Random;
use super::support::capture::file::{self, Frame};

/// Frames behind damage that may be lost with it: so many in a row must look right before a place is believed.
const LOST: usize = 40;
const CHUNK: usize = 65_536;
const FILE_HEADER: usize = 4096;

/// How often each file is cut, and how often mutated.
pub fn counts(usual: (usize, usize)) -> (usize, usize) {
    match std::env::var("RDPSCAN_HOSTILE") {
        Ok(value) if value == "full" => (200, 500),
        _ => usual,
    }
}

/// Every capture and log of the samples and of the public data, by content.
pub fn evidence() -> Vec<(PathBuf, Vec<u8>)> {
    let mut folders: Vec<PathBuf> = fs::read_dir("samples")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.extend(
        public_data::folder().into_iter().flat_map(|folder| [folder.join("pcap"), folder.join("evtx")]),
    );
    folders.sort();
    let mut files = Vec::new();
    for folder in folders {
        let mut own: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        own.sort();
        files.extend(
            own.into_iter().filter(|path| path.is_file()).map(|path| (fs::read(&path).unwrap(), path)),
        );
    }
    let of_use = |(bytes, path): (Vec<u8>, PathBuf)| {
        matches!(Format::of(&bytes), Format::Pcap | Format::PcapNg | Format::Evtx).then_some((path, bytes))
    };
    files.into_iter().filter_map(of_use).collect()
}

/// A damaged copy: the bytes of the original that it touches, and how.
pub struct Damaged {
    pub bytes: Vec<u8>,
    pub touched: Range<usize>,
    pub how: String,
}

/// One seeded mutation of one place.
pub fn mutate(random: &mut Random, original: &[u8]) -> Damaged {
    let mut bytes = original.to_vec();
    let length = bytes.len();
    let start = random.below(length);
    match random.below(6) {
        0 => {
            let touched = start..(start + 1 + random.below(400)).min(length);
            bytes.drain(touched.clone());
            Damaged { bytes, how: format!("without {touched:?}"), touched }
        }
        1 => {
            let word = [0, 1, u32::MAX, 0x8000_0000, 0x7fff_ffff, 0xffff, 4][random.below(7)];
            let touched = start..(start + 4).min(length);
            for (place, byte) in bytes[touched.clone()].iter_mut().zip(word.to_le_bytes()) {
                *place = byte;
            }
            Damaged { bytes, how: format!("{word:#x} at {start}"), touched }
        }
        2 => {
            let from = random.below(length);
            let piece: Vec<u8> = bytes[from..].iter().copied().take(1 + random.below(3000)).collect();
            let how = format!("{} bytes of {from} again at {start}", piece.len());
            bytes.splice(start..start, piece);
            Damaged { bytes, how, touched: start..start }
        }
        3 => {
            let touched = start..(start + 1 + random.below(2000)).min(length);
            bytes[touched.clone()].iter_mut().for_each(|byte| *byte = random.next().to_le_bytes()[3]);
            Damaged { bytes, how: format!("noise in {touched:?}"), touched }
        }
        4 => {
            let touched = start..(start + 1 + random.below(4000)).min(length);
            bytes[touched.clone()].fill(0);
            Damaged { bytes, how: format!("zeroes in {touched:?}"), touched }
        }
        _ => {
            let bit = random.below(8);
            bytes[start] ^= 1 << bit;
            Damaged { bytes, how: format!("bit {bit} of {start}"), touched: start..start + 1 }
        }
    }
}

/// A frame: when, and what.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    time: i64,
    data: Vec<u8>,
    /// Where its bytes end in the file.
    end: usize,
}

/// The frames, and whether nothing is wrong with the file.
fn frames(bytes: &[u8]) -> (Vec<Seen>, bool) {
    let kind = if Format::of(bytes) == Format::Pcap { InputKind::Pcap } else { InputKind::PcapNg };
    let Some(capture) = Capture::open(bytes, kind) else { return (Vec::new(), false) };
    let origin = bytes.as_ptr().addr();
    let mut seen = Vec::new();
    let walked = capture.walk(capture.start, bytes.len(), capture.state.clone(), &mut |frame| {
        let end = frame.data.as_ptr().addr() - origin + frame.data.len();
        seen.push(Seen { time: frame.time.nanos(), data: frame.data.to_vec(), end });
    });
    (seen, walked.damage.is_empty())
}

fn same(a: &Seen, b: &Seen) -> bool {
    a.time == b.time && a.data == b.data
}

/// How many frames agree from the front, and from the back.
fn agree(a: &[Seen], b: &[Seen]) -> (usize, usize) {
    let front = a.iter().zip(b).take_while(|(a, b)| same(a, b)).count();
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| same(a, b)).count();
    (front, back)
}

/// Complains where a damaged capture gives fewer frames than the damage left.
fn capture(original: &[u8], damaged: &Damaged) -> Option<String> {
    let (sound, is_sound) = frames(original);
    if !is_sound {
        return None;
    }
    let (found, _) = frames(&damaged.bytes);
    let (front, back) = agree(&sound, &found);
    // A block ends behind its frame, with options and a trailer: certainly before the next frame.
    let ends = sound.iter().skip(1).map(|next| next.end - next.data.len()).chain([original.len()]);
    let before = ends.filter(|end| *end <= damaged.touched.start).count();
    // A frame that looks odd is believed if another follows: the last one before damage may not be.
    if front + 1 < before {
        return Some(format!("{}: {front} of the {before} frames before it", damaged.how));
    }
    // What describes the interfaces is needed by all that follows; and few frames prove nothing where a length lies.
    let described =
        sound.first().is_some_and(|first| first.end - first.data.len() < damaged.touched.start + 32);
    let after = sound.len() - sound.iter().filter(|frame| frame.end < damaged.touched.end + 64).count();
    if described && after > 2 * LOST && back + LOST < after {
        return Some(format!("{}: {back} of the {after} frames after it", damaged.how));
    }
    None
}

/// The records of each chunk of a log, by number.
fn records(bytes: &[u8]) -> BTreeMap<u64, u64> {
    let mut notes = Notes::new();
    let Some(index) = scan(SourceId(0), bytes, &mut notes) else { return BTreeMap::new() };
    let mut numbers = BTreeMap::new();
    for event in index.events(&Wanted::default(), &mut notes) {
        *numbers.entry(event.record()).or_default() += 1;
    }
    numbers
}

/// Complains where a damaged log lacks events of chunks that the damage did not touch.
fn log(original: &[u8], damaged: &Damaged, chunks: &[BTreeMap<u64, u64>]) -> Option<String> {
    let found = records(&damaged.bytes);
    let chunk_of = |at: usize| at.saturating_sub(FILE_HEADER) / CHUNK;
    let touched = chunk_of(damaged.touched.start)..=chunk_of(damaged.touched.end.max(1) - 1);
    if original.len() < FILE_HEADER || damaged.touched.start < FILE_HEADER {
        return None;
    }
    for (number, chunk) in chunks.iter().enumerate().filter(|(number, _)| !touched.contains(number)) {
        let lost = chunk.keys().filter(|record| !found.contains_key(record)).count();
        if lost > 0 {
            return Some(format!("{}: {lost} events of chunk {number} are lost", damaged.how));
        }
    }
    None
}

/// The bytes up to there.
pub fn cut(bytes: &[u8], end: usize) -> Damaged {
    Damaged { bytes: bytes[..end].to_vec(), touched: end..bytes.len(), how: format!("cut at {end}") }
}

#[test]
fn what_damage_leaves_is_read() {
    let (cuts, mutations) = counts((4, 6));
    let mut complaints = Vec::new();
    let (mut files, mut variants) = (0, 0);
    for (number, (path, bytes)) in (0..).zip(evidence()) {
        let mut random = Random::new(number);
        let is_log = Format::of(&bytes) == Format::Evtx;
        // Each chunk as a log of its own tells what is in it.
        let head = &bytes[..bytes.len().min(FILE_HEADER)];
        let body = bytes.get(FILE_HEADER..).unwrap_or_default();
        let chunks: Vec<_> = if is_log {
            body.chunks(CHUNK).map(|chunk| records(&[head, chunk].concat())).collect()
        } else {
            Vec::new()
        };
        let ends =
            (0..cuts).map(|n| cut(&bytes, bytes.len() * n / cuts + random.below(bytes.len() / cuts + 1)));
        let mut all: Vec<Damaged> = ends.filter(|damaged| damaged.bytes.len() < bytes.len()).collect();
        // A megabyte of frames is copied for each: of large files a part has to do.
        let times = if bytes.len() > 400_000 { mutations.div_ceil(10) } else { mutations };
        for _ in 0..times {
            all.push(mutate(&mut random, &bytes));
        }
        files += 1;
        variants += all.len();
        for damaged in &all {
            let complaint = if is_log { log(&bytes, damaged, &chunks) } else { capture(&bytes, damaged) };
            complaints.extend(complaint.map(|says| format!("{}, {says}", path.display())));
        }
    }
    println!("{variants} variants of {files} files");
    assert!(files > 100);
    let some: Vec<_> = complaints.iter().take(60).collect();
    assert!(complaints.is_empty(), "{} complaints:\n{some:#?}", complaints.len());
}

/// Both lengths of a frame are mostly the same: where four bytes are missing, each header can be read a word too far, to
/// the end of the file, and fits.
#[test]
fn headers_are_not_read_a_word_too_far() {
    let frame = |n: u8| Frame { time: i64::from(n) * 1_000_000, data: vec![n; 90] };
    let original = file::pcap(&(1..=200).map(frame).collect::<Vec<_>>());
    let place = 24 + 50 * (16 + 90) + 60;
    let damaged = [&original[..place], &original[place + 4..]].concat();
    let (sound, (found, _)) = (frames(&original).0, frames(&damaged));
    let (front, back) = agree(&sound, &found);
    assert_eq!((sound.len(), front, back), (200, 50, 149));
}

/// Frames that look like those of an Ethernet, a second apart from 2023 on.
fn datagrams(count: u32) -> Vec<Frame> {
    let frame = |n: u32| {
        let header = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        let network = [0x45, 0, 0, 76, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        let content = n.to_be_bytes().repeat(14);
        let time = (1_700_000_000 + i64::from(n)) * 1_000_000_000;
        Frame { time, data: [&header[..], &network, &content].concat() }
    };
    (1..=count).map(frame).collect()
}

/// How many of the frames are read of the damaged file as they stand in the sound one, and what the notes on
/// interfaces are. Reads them in several ranges as well.
fn read_in_spite(original: &[u8], damaged: &[u8]) -> (usize, Vec<NoteKind>) {
    oracle::container(damaged);
    let back = agree(&frames(original).0, &frames(damaged).0).1;
    let kind = if Format::of(damaged) == Format::Pcap { InputKind::Pcap } else { InputKind::PcapNg };
    let capture = Capture::open(damaged, kind).unwrap();
    let mut links = BTreeMap::new();
    let walked = capture.walk(capture.start, damaged.len(), capture.state.clone(), &mut |frame| {
        *links.entry(frame.link).or_insert(0) += 1;
    });
    assert!(back == 0 || links.keys().eq(&[LinkType::ETHERNET]), "{links:?}");
    let mut notes: Vec<_> = walked.damage.iter().map(|damage| damage.kind).collect();
    notes.retain(|kind| *kind != NoteKind::DamagedCapture);
    (back, notes)
}

/// The bytes with others in their place.
fn with(original: &[u8], at: usize, put: &[u8]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    bytes[at..at + put.len()].copy_from_slice(put);
    bytes
}

fn noise(count: usize) -> Vec<u8> {
    let mut random = Random::new(7);
    (0..count).map(|_| random.next().to_le_bytes()[3]).collect()
}

/// What the first record of a classic capture says holds for all others only where they agree with it.
#[test]
fn a_classic_capture_with_a_damaged_head_is_read() {
    let original = file::pcap(&datagrams(200));
    let record = original.len() / 200;
    // Time and lengths of the first record; and what is said of snap length and link type before it.
    let first = with(&original, 24, &noise(300));
    assert_eq!(read_in_spite(&original, &first), (200 - 301_usize.div_ceil(record), vec![]));
    let added = [&original[..26], &original[2952..5936], &original[26..]].concat();
    assert_eq!(read_in_spite(&original, &added), (199, vec![]));
    let all = with(&original, 13, &noise(882));
    let sound = 200 - 871_usize.div_ceil(record);
    assert_eq!(read_in_spite(&original, &all), (sound, vec![NoteKind::InterfaceGuessed]));
    // A snap length that the records exceed bounds none, where more is damaged further down.
    let short = with(&with(&original, 16, &[1, 0, 0, 0]), 24 + 20 * record, &noise(40));
    assert!(read_in_spite(&with(&original, 24 + 20 * record, &noise(40)), &short).0 >= 179);
    // Frames that look like none of an Ethernet leave the link type as it is.
    let others: Vec<Frame> =
        datagrams(200).into_iter().map(|frame| Frame { data: vec![3; 90], ..frame }).collect();
    let others = with(&file::pcap(&others), 20, &[147, 0]);
    let capture = Capture::open(&others, InputKind::Pcap).unwrap();
    assert_eq!(capture.state.interfaces[0].link, LinkType(147));
}

/// An interface whose description is damaged is described by what is left of it, and by its frames.
#[test]
fn a_description_that_is_damaged_costs_no_frames() {
    let original = file::pcapng(&datagrams(200));
    let guessed = vec![NoteKind::InterfaceGuessed];
    // Its trailer, with the block behind it; its length, too long and too short; its link type; its resolution.
    assert_eq!(read_in_spite(&original, &with(&original, 58, &noise(5))), (199, vec![]));
    assert_eq!(read_in_spite(&original, &with(&original, 32, &[0xff; 4])), (200, vec![]));
    assert_eq!(read_in_spite(&original, &with(&original, 32, &[12, 0, 0, 0])), (200, vec![]));
    assert_eq!(read_in_spite(&original, &with(&original, 36, &[147, 0])), (200, guessed.clone()));
    assert_eq!(read_in_spite(&original, &with(&original, 48, &[0xb1])), (200, guessed.clone()));
    assert_eq!(read_in_spite(&original, &with(&original, 44, &[8])), (200, guessed.clone()));
    // All of it, and its kind alone.
    assert_eq!(read_in_spite(&original, &with(&original, 28, &noise(32))), (200, guessed.clone()));
    assert_eq!(read_in_spite(&original, &with(&original, 28, &[5])), (200, guessed.clone()));
    // The section's own: its length.
    assert_eq!(read_in_spite(&original, &with(&original, 4, &[29])), (200, vec![]));
    // A second interface keeps its number.
    let second = [&original[..60], &original[28..60], &original[60..]].concat();
    assert_eq!(read_in_spite(&original, &with(&second, 58, &noise(2))), (200, vec![]));
}

/// Frames that look like none of an Ethernet are not decoded by guess.
#[test]
fn an_interface_is_guessed_only_where_its_frames_bear_it_out() {
    let mut others = datagrams(200);
    others.iter_mut().step_by(3).for_each(|frame| frame.data.fill(3));
    let capture = with(&file::pcapng(&others), 28, &noise(32));
    assert_eq!(read_in_spite(&capture, &capture), (0, vec![]));
    // Nor does a clock that is far off make an Ethernet another thing.
    let far: Vec<Frame> = datagrams(200)
        .into_iter()
        .map(|frame| Frame { time: frame.time - 1_690_000_000_000_000_000, ..frame })
        .collect();
    let far = file::pcapng(&far);
    assert_eq!(read_in_spite(&far, &far), (200, vec![]));
}

/// Bytes that were added to a chunk may hold the head of another one. The chunk behind them is no part of that.
#[test]
fn the_head_of_a_chunk_within_another_hides_none() {
    let log = fs::read("samples/no-cc--with-log/events.evtx").unwrap();
    let (head, body) = log.split_at(FILE_HEADER);
    assert!(body.len() == 2 * CHUNK, "a log of two chunks");
    let second = records(&[head, &body[CHUNK..]].concat());
    for place in [10_000, 40_000, 60_000] {
        let added = &body[CHUNK - 200..CHUNK + 100];
        let found = records(&[head, &body[..place], added, &body[place..]].concat());
        assert!(!second.is_empty() && second.keys().all(|record| found.contains_key(record)), "at {place}");
    }
}

/// What the frames are read as, and what is wrong with the file.
fn links(bytes: &[u8]) -> (BTreeMap<LinkType, usize>, Vec<NoteKind>) {
    oracle::container(bytes);
    let kind = if Format::of(bytes) == Format::Pcap { InputKind::Pcap } else { InputKind::PcapNg };
    let capture = Capture::open(bytes, kind).unwrap();
    let mut links = BTreeMap::new();
    let walked = capture.walk(capture.start, bytes.len(), capture.state.clone(), &mut |frame| {
        *links.entry(frame.link).or_default() += 1;
    });
    (links, walked.damage.iter().map(|damage| damage.kind).collect())
}

/// The same frames behind other link headers, and the captures of them that say this link type.
fn behind(header: &[u8], link: [u8; 2], from: [u8; 4]) -> [Vec<u8>; 2] {
    let mut frames = datagrams(200);
    for frame in &mut frames {
        frame.data.splice(..14, header.iter().copied());
        let ip = header.len();
        frame.data[ip + 12..ip + 16].copy_from_slice(&from);
        frame.data[ip + 16..ip + 20].copy_from_slice(&[10, 9, 0, 5]);
    }
    [with(&file::pcap(&frames), 20, &link), with(&file::pcapng(&frames), 36, &link)]
}

/// Sources in 134.221.96.0/20 and some hardware addresses read as an EtherType with IPv6 behind it.
const LIKE_IPV6: [u8; 4] = [0x86, 0xdd, 0x60, 7];
const COOKED_2: [u8; 20] =
    [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, LIKE_IPV6[0], LIKE_IPV6[1], LIKE_IPV6[2], 1, 0, 0, 0, 0];

#[test]
fn frames_that_fit_their_description_are_believed_whatever_else_they_look_like() {
    for link in [101, 12, 14, 228, 229] {
        for capture in behind(&[], [link, 0], LIKE_IPV6) {
            assert_eq!(links(&capture), (BTreeMap::from([(LinkType(link.into()), 200)]), vec![]));
        }
    }
    for capture in behind(&COOKED_2, 276_u16.to_le_bytes(), [192, 0, 2, 1]) {
        assert_eq!(links(&capture), (BTreeMap::from([(LinkType::LINUX_SLL2, 200)]), vec![]));
    }
}

#[test]
fn frames_of_other_links_than_ethernet_tell_what_they_are_as_well() {
    let cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0, 8, 0];
    let all: [(LinkType, &[u8], [u8; 4]); 5] = [
        (LinkType::RAW, &[], [192, 0, 2, 1]),
        (LinkType::RAW, &[], LIKE_IPV6),
        (LinkType::LINUX_SLL, &cooked, [192, 0, 2, 1]),
        (LinkType::LINUX_SLL2, &COOKED_2, [192, 0, 2, 1]),
        (LinkType::NULL, &[2, 0, 0, 0], [192, 0, 2, 1]),
    ];
    for (link, header, from) in all {
        // A type that is not decoded, and one that is.
        for said in [[100, 0], [9, 0]] {
            for capture in behind(header, said, from) {
                assert_eq!(
                    links(&capture),
                    (BTreeMap::from([(link, 200)]), vec![NoteKind::InterfaceGuessed]),
                    "{said:?}"
                );
            }
        }
    }
    // Where nothing describes them.
    let [_, capture] = behind(&[], [101, 0], LIKE_IPV6);
    let capture = with(&capture, 28, &[5]);
    assert_eq!(links(&capture), (BTreeMap::from([(LinkType::RAW, 200)]), vec![NoteKind::InterfaceGuessed]));
    // Lengths that are not those of the frames prove nothing.
    let mut frames = datagrams(200);
    for frame in &mut frames {
        frame.data.drain(..14);
        frame.data.push(0);
    }
    let capture = with(&file::pcap(&frames), 20, &[100, 0]);
    assert_eq!(links(&capture), (BTreeMap::from([(LinkType(100), 200)]), vec![]));
}

/// Records are read from where they begin, not from where the head should end.
#[test]
fn a_head_that_is_too_long_or_too_short_costs_no_frames() {
    for count in [40, 400] {
        let original = file::pcap(&datagrams(count));
        let all = usize::try_from(count).unwrap();
        for place in 4..=24 {
            let removed = [&original[..place], &original[place + 1..]].concat();
            let (found, _) = read_in_spite(&original, &removed);
            // The first byte of the first record is gone with it.
            assert_eq!(found, all - usize::from(place == 24), "{count} frames without {place}");
            for added in [&[0][..], &[0xa5], &[0, 0, 0], &[0x5a; 40]] {
                let added = [&original[..place], added, &original[place..]].concat();
                assert_eq!(read_in_spite(&original, &added).0, all, "{count} frames, added at {place}");
            }
        }
    }
    // Odd times at the beginning are the writer's business: as of a computer that has not set its clock yet.
    for odd in [1, 2, 3, 5, 40] {
        let mut frames = datagrams(60);
        frames.iter_mut().take(odd).for_each(|frame| frame.time = 7_000_000_000);
        let unset = file::pcap(&frames);
        assert_eq!(read_in_spite(&unset, &unset), (60, vec![]));
        assert_eq!(links(&unset).1, vec![]);
    }
}

/// A big-endian twin of what `file::pcapng` writes.
fn big_endian(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = file::pcapng(frames);
    let turn = |bytes: &mut Vec<u8>, at: usize, size: usize| bytes[at..at + size].reverse();
    let mut at = 0;
    while at < bytes.len() {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let (kind, size) = (word(at), usize::try_from(word(at + 4)).unwrap());
        let fields: &[(usize, usize)] = match kind {
            1 => &[(8, 2), (12, 4), (16, 2), (18, 2)],
            6 => &[(12, 4), (16, 4), (20, 4), (24, 4)],
            _ => &[(8, 4), (12, 2)],
        };
        for (field, size) in [(0, 4), (4, 4), (size - 4, 4)].iter().chain(fields) {
            turn(&mut bytes, at + field, *size);
        }
        at += size;
    }
    bytes
}

#[test]
fn the_order_of_bytes_is_found_where_the_word_is_damaged_that_tells_it() {
    let frames = datagrams(200);
    for original in [file::pcapng(&frames), big_endian(&frames)] {
        assert_eq!(read_in_spite(&original, &original), (200, vec![]));
        for bit in (0..32).chain(64..96) {
            let damaged = with(&original, bit / 8, &[original[bit / 8] ^ 1 << (bit % 8)]);
            assert_eq!(Format::of(&damaged), Format::PcapNg, "bit {bit}");
            assert_eq!(read_in_spite(&original, &damaged), (200, vec![]), "bit {bit}");
        }
        assert_eq!(read_in_spite(&original, &with(&original, 8, &noise(4))), (200, vec![]));
        for place in 0..12 {
            let removed = [&original[..place], &original[place + 1..]].concat();
            let added = [&original[..place], &[0xa5], &original[place..]].concat();
            for damaged in [removed, added] {
                // Of the type and the magic one at least has to be whole.
                assert_eq!(read_in_spite(&original, &damaged), (200, vec![]), "at {place}");
            }
        }
        // A second section keeps to its own order, and to its own interfaces.
        let two = [&file::pcapng(&frames)[..], &original].concat();
        let at = two.len() - original.len() + 9;
        assert_eq!(read_in_spite(&two, &with(&two, at, &[two[at] ^ 4])), (400, vec![]));
    }
}

#[test]
fn one_wrong_bit_in_its_magic_does_not_hide_a_classic_capture() {
    for magic in [[0xd4, 0xc3, 0xb2, 0xa1], [0x4d, 0x3c, 0xb2, 0xa1]] {
        let original = with(&file::pcap(&datagrams(200)), 0, &magic);
        for bit in 0..32 {
            let damaged = with(&original, bit / 8, &[original[bit / 8] ^ 1 << (bit % 8)]);
            assert_eq!(Format::of(&damaged), Format::Pcap, "bit {bit}");
            assert_eq!(read_in_spite(&original, &damaged), (200, vec![]), "bit {bit}");
            // Nothing but what all of them write makes one of it.
            for (place, byte) in [(4, 3), (6, 5), (8, 1), (36, 1)] {
                assert_ne!(Format::of(&with(&damaged, place, &[byte])), Format::Pcap, "{place}");
            }
        }
    }
}
