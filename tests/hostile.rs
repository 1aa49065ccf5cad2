//! Damaged and hostile files: every sample, cut and bit-flipped by a seeded generator, and files made to be tiresome.
//!
//! Whatever the bytes: no panic, an answer in time, and either a report or an error that says what is wrong.
//! `RDPSCAN_HOSTILE=20` runs twenty times as many variants as usual, `RDPSCAN_HOSTILE=full` all of every file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rdpscan::Options;
use rdpscan::report::{Format, Style, render};

use super::damage;
use super::random::Random;
use super::samples;
use super::support::capture::file::{Frame, pcap};

/// No small file may take longer, even where others use the machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a file that are damaged one by one; behind it lies more of the same.
const LARGEST: usize = 400_000;

fn times() -> usize {
    std::env::var("RDPSCAN_HOSTILE").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Analyses the file and renders what comes of it. Gives what is wrong with that.
fn suffer(path: &Path, others: &[std::path::PathBuf]) -> Option<String> {
    let inputs = std::iter::once(path.to_owned()).chain(others.iter().cloned()).collect();
    let begin = Instant::now();
    let result = samples::analysed(&Options { inputs, threads: Some(1), ..Options::default() });
    let rendered = std::panic::catch_unwind(|| {
        let Ok(report) = &result else { return };
        for format in [Format::Table, Format::Json, Format::Markdown] {
            assert!(!render(report, format, Style::default()).is_empty());
        }
    });
    match &result {
        Err(error) if error == "panic" => Some("panic".into()),
        Err(error) if error.len() < 20 => Some(format!("an error that says nothing: {error}")),
        _ if rendered.is_err() => Some("panic while rendering".into()),
        _ if begin.elapsed() > PATIENCE => Some(format!("took {:?}", begin.elapsed())),
        _ => None,
    }
}

/// A damaged copy, and how it was damaged.
fn damage(random: &mut Random, bytes: &[u8]) -> (Vec<u8>, String) {
    let mut bytes = bytes.to_vec();
    let length = bytes.len();
    match random.below(6) {
        0 => {
            let end = random.below(length);
            bytes.truncate(end);
            (bytes, format!("cut at {end}"))
        }
        1 => {
            let start = random.below(length);
            let end = (start + 1 + random.below(200)).min(length);
            bytes.drain(start..end);
            (bytes, format!("without {start}..{end}"))
        }
        2 => {
            let at = random.below(length.saturating_sub(4).max(1));
            let word = [0, 1, u32::MAX, 0x8000_0000, 0x7fff_ffff, 0xffff, 4][random.below(7)];
            for (place, byte) in bytes.iter_mut().skip(at).zip(word.to_le_bytes()) {
                *place = byte;
            }
            (bytes, format!("{word:#x} at {at}"))
        }
        3 => {
            let start = random.below(length);
            let piece: Vec<u8> = bytes[start..].iter().copied().take(random.below(3000)).collect();
            let at = random.below(length);
            bytes.splice(at..at, piece.iter().copied());
            (bytes, format!("{} bytes of {start} again at {at}", piece.len()))
        }
        _ => {
            let flips = 1 + random.below(40);
            for _ in 0..flips {
                let at = random.below(length);
                bytes[at] ^= 1 << random.below(8);
            }
            (bytes, format!("{flips} bits flipped"))
        }
    }
}

fn none(complaints: &[String], folder: tempfile::TempDir) {
    if complaints.is_empty() {
        return;
    }
    let kept = folder.keep();
    panic!("{} complaints (files in {}):\n{}", complaints.len(), kept.display(), complaints.join("\n"));
}

#[test]
fn damaged_samples_end_in_a_report_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut complaints = Vec::new();
    let mut variants = 0;
    for (number, sample) in (0_u64..).zip(samples::all()) {
        for (index, input) in sample.options.inputs.iter().enumerate() {
            let bytes = fs::read(input).unwrap();
            let mut random = Random::new(number * 100 + u64::try_from(index).unwrap());
            let file = input.file_name().unwrap().to_str().unwrap();
            let mut others = sample.options.inputs.clone();
            others.remove(index);
            let extra = if bytes.len() > LARGEST { 2 } else { 6 };
            for variant in 0..extra * times() {
                let (damaged, how) = damage(&mut random, &bytes);
                // With the sound files of the case on every other run: joins must bear it as well.
                let others = if variant % 2 == 0 { &others[..] } else { &[] };
                let name = format!("{}-{variant}-{file}", sample.name);
                let path = folder.path().join(&name);
                fs::write(&path, damaged).unwrap();
                variants += 1;
                match suffer(&path, others) {
                    Some(complaint) => complaints.push(format!("{name}, {how}: {complaint}")),
                    None => fs::remove_file(&path).unwrap(),
                }
            }
        }
    }
    println!("{variants} damaged files");
    assert!(variants > 200);
    none(&complaints, folder);
}

/// One variant in so many, and which: `RDPSCAN_SHARE=3/20`.
fn share() -> (usize, usize) {
    let share = std::env::var("RDPSCAN_SHARE").unwrap_or_default();
    let parsed = share.split_once('/').and_then(|(own, of)| Some((own.parse().ok()?, of.parse().ok()?)));
    parsed.unwrap_or((0, 1))
}

/// `RDPSCAN_HOSTILE=full`: each capture and log of the samples and of the public data is cut at 200 places and mutated
/// 500 times, and analysed. Hours, so that nobody waits for it: the tests above and below do a part of it.
#[test]
fn every_file_cut_and_mutated_ends_in_a_report_or_an_error() {
    let (cuts, mutations) = damage::counts((0, 0));
    if cuts + mutations == 0 {
        return;
    }
    let (own, of) = share();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    let mut complaints = Vec::new();
    let (mut variants, mut slowest) = (0, Duration::ZERO);
    let files = damage::evidence();
    for (number, (name, bytes)) in (0_u64..).zip(&files) {
        let mut random = Random::new(number);
        for variant in 0..cuts + mutations {
            let damaged = if variant < cuts {
                damage::cut(bytes, bytes.len() * variant / cuts)
            } else {
                damage::mutate(&mut random, bytes)
            };
            if (variant + usize::try_from(number).unwrap()) % of != own % of {
                continue;
            }
            fs::write(&path, &damaged.bytes).unwrap();
            variants += 1;
            let begin = Instant::now();
            let complaint = suffer(&path, &[]);
            slowest = slowest.max(begin.elapsed());
            complaints.extend(complaint.map(|says| format!("{}, {}: {says}", name.display(), damaged.how)));
        }
    }
    println!(
        "{variants} variants of {} files, the slowest {slowest:?}, {} complaints",
        files.len(),
        complaints.len()
    );
    none(&complaints, folder);
}

#[test]
fn a_file_cut_anywhere_near_its_head_is_borne() {
    let folder = tempfile::tempdir().unwrap();
    let mut complaints = Vec::new();
    for file in ["bad-password--windows/capture.pcapng", "bad-password--windows/events.evtx"] {
        let bytes = fs::read(Path::new("samples").join(file)).unwrap();
        let name = file.replace('/', "-");
        let ends = (0..200).chain((200..bytes.len()).step_by(bytes.len() / (60 * times()) + 1));
        for end in ends {
            let path = folder.path().join(&name);
            fs::write(&path, &bytes[..end]).unwrap();
            if let Some(complaint) = suffer(&path, &[]) {
                complaints.push(format!("{file} cut at {end}: {complaint}"));
            }
        }
    }
    none(&complaints, folder);
}

#[test]
fn files_that_are_only_tiresome_are_borne() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(1);
    let noise = |random: &mut Random, length: usize| -> Vec<u8> {
        (0..length).map(|_| random.next().to_le_bytes()[2]).collect()
    };
    let section: Vec<u8> = [
        &[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0][..],
        &[0xff; 8],
        &[28, 0, 0, 0],
    ]
    .concat();
    let interface = [1, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 20, 0, 0, 0];
    let pcap = [&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0][..], &[0; 8], &[0, 0, 4, 0, 1, 0, 0, 0]].concat();
    let evtx = fs::read("samples/bad-password--windows/events.evtx").unwrap();
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("empty.pcap", Vec::new()),
        ("zeros.pcapng", vec![0; 1 << 20]),
        ("noise.pcap", noise(&mut random, 1 << 20)),
        ("sections.pcapng", section.repeat(40_000)),
        ("interfaces.pcapng", [&section[..], &interface.repeat(60_000)].concat()),
        ("no-length.pcapng", [&section[..], &[6, 0, 0, 0, 0, 0, 0, 0].repeat(100_000)].concat()),
        ("empty-frames.pcap", [&pcap[..], &[0; 16].repeat(100_000)].concat()),
        ("noise-behind-a-head.pcap", [&pcap[..], &noise(&mut random, 1 << 20)].concat()),
        ("noise-behind-a-head.pcapng", [&section[..], &interface, &noise(&mut random, 1 << 20)].concat()),
        ("chunks.evtx", [&evtx[..4096], &evtx[4096..4096 + 65536].repeat(8)].concat()),
        ("noise-in-chunks.evtx", {
            let mut bytes = [&evtx[..4096], &evtx[4096..4096 + 65536].repeat(3)].concat();
            for at in (5000..bytes.len()).step_by(97) {
                bytes[at] = random.next().to_le_bytes()[1];
            }
            bytes
        }),
        ("gzip-of-nothing.gz", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0]),
        ("zip-of-nothing.zip", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
    ];
    let mut complaints = Vec::new();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let begin = Instant::now();
        if let Some(complaint) = suffer(&path, &[]) {
            complaints.push(format!("{name}: {complaint}"));
        }
        println!("{name}: {:?}", begin.elapsed());
    }
    none(&complaints, folder);
}

#[test]
fn a_small_archive_of_much_is_bounded() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zeros.pcap.gz");
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // A capture's head, then a frame that claims to be as long as what follows.
    writer
        .write_all(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0])
        .unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..8 {
        writer.write_all(&zeros).unwrap();
    }
    let bytes = writer.finish().unwrap();
    assert!(bytes.len() < 20_000);
    fs::write(&path, bytes).unwrap();
    assert_eq!(suffer(&path, &[]), None);
}

/// Frames of `count` connections, one every 20 ms: opened, a request, its confirm, closed.
fn many_connections(count: u32) -> Vec<u8> {
    const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
    const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 2, 0, 0, 0];
    let mut frames = Vec::new();
    for number in 0..count {
        let port = u16::try_from(1024 + number % 60_000).unwrap();
        let [client, server] = [([192, 0, 2, 10], port), ([198, 51, 100, 20], 3389)];
        let segments = [
            (client, server, 100_u32, 0_u32, 0x02, &[][..]),
            (server, client, 200, 101, 0x12, &[]),
            (client, server, 101, 201, 0x10, &[]),
            (client, server, 101, 201, 0x18, &REQUEST),
            (server, client, 201, 120, 0x18, &CONFIRM),
            (client, server, 120, 220, 0x11, &[]),
            (server, client, 220, 121, 0x11, &[]),
        ];
        for (step, (from, to, seq, ack, flags, payload)) in (0_i64..).zip(segments) {
            let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
            data.extend_from_slice(&u16::try_from(40 + payload.len()).unwrap().to_be_bytes());
            data.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
            data.extend_from_slice(&[from.0, to.0].concat());
            data.extend_from_slice(&[from.1.to_be_bytes(), to.1.to_be_bytes()].concat());
            data.extend_from_slice(&[seq.to_be_bytes(), ack.to_be_bytes()].concat());
            data.extend_from_slice(&[0x50, flags, 4, 0, 0, 0, 0, 0]);
            data.extend_from_slice(payload);
            let time = 1_767_225_600_000_000_000 + i64::from(number) * 20_000_000 + step * 100_000;
            frames.push(Frame { time, data });
        }
    }
    pcap(&frames)
}

#[test]
fn a_scan_of_many_connections_takes_time_in_proportion() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.pcap");
    let timed = |count: u32| {
        fs::write(&path, many_connections(count)).unwrap();
        let options = Options { inputs: vec![path.clone()], ..Options::default() };
        let begin = Instant::now();
        let report = samples::analysed(&options).unwrap();
        let folded: u64 = report.groups.iter().map(|group| group.count).sum();
        let seen = u64::try_from(report.connections.len()).unwrap() + folded;
        assert_eq!(seen, u64::from(count), "connections that are listed or counted in groups");
        begin.elapsed()
    };
    timed(100);
    let (few, many) = (timed(1_500), timed(12_000));
    println!("1,500 connections: {few:?}; 12,000: {many:?}");
    // Eight times as many: sixteen times as long is forgiven, sixty-four is not.
    assert!(many < few * 24 || many < Duration::from_secs(2), "1,500 in {few:?}, 12,000 in {many:?}");
}

#[test]
fn a_flood_is_folded_the_same_in_any_ranges_and_nobody_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flood.pcap");
    let count = 30_000;
    fs::write(&path, many_connections(count)).unwrap();
    let report = |range_size, threads| {
        let options =
            Options { inputs: vec![path.clone()], range_size, threads: Some(threads), ..Options::default() };
        samples::analysed(&options).unwrap()
    };
    let whole = report(None, 2);
    let folded: u64 = whole.groups.iter().map(|group| group.count).sum();
    assert_eq!(folded + u64::try_from(whole.connections.len()).unwrap(), u64::from(count));
    assert!(whole.connections.len() < 4096, "{} stay single", whole.connections.len());
    let whole = serde_json::to_string(&whole).unwrap();
    for (range, threads) in [(100_000, 1), (1 << 20, 2), (64 << 20, 4)] {
        let other = serde_json::to_string(&report(Some(range), threads)).unwrap();
        assert!(whole == other, "ranges of {range} and {threads} threads change the report");
    }
}
