//! Archives: the layouts that collectors make, and archives that are made to hurt.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a test stops with its reason"
)]

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};
use rdpscan::base::NoteKind;
use rdpscan::input::Limits;
use rdpscan::{Error, Options, Report};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const CAPTURE: &str = "samples/bad-password--windows/capture.pcapng";
const LOG: &str = "samples/bad-password--windows/events.evtx";
const CAUSE: &str = "bad-password-or-unknown-user";

fn capture() -> Vec<u8> {
    fs::read(CAPTURE).unwrap()
}

fn log() -> Vec<u8> {
    fs::read(LOG).unwrap()
}

type Member<'a> = (&'a str, Vec<u8>);

fn zip(members: &[Member<'_>]) -> Vec<u8> {
    zip_by(members, CompressionMethod::Deflated)
}

fn zip_by(members: &[Member<'_>], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same with sizes behind the data, as tools write that cannot go back.
fn streamed_zip(members: &[Member<'_>]) -> Vec<u8> {
    let mut writer = ZipWriter::new_stream(Vec::new());
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn cab(members: &[Member<'_>]) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    let folder = builder.add_folder(cab::CompressionType::MsZip);
    for (name, _) in members {
        folder.add_file(*name);
    }
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    for (_, bytes) in members {
        writer.next_file().unwrap().unwrap().write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn sevenz(members: &[Member<'_>]) -> Vec<u8> {
    let mut writer = sevenz_rust2::ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    for (name, bytes) in members {
        let entry = sevenz_rust2::ArchiveEntry::new_file(name);
        writer.push_archive_entry(entry, Some(bytes.as_slice())).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A file of these bytes in a folder of its own.
fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn analyzed_with(bytes: &[u8], limits: Limits) -> Result<Report, Error> {
    let (_folder, path) = file("bundle.bin", bytes);
    rdpscan::analyze(&Options { inputs: vec![path], limits, threads: Some(1), ..Options::default() })
}

fn analyzed(bytes: &[u8]) -> Report {
    analyzed_with(bytes, Limits::default()).unwrap()
}

/// What the notes of a kind say.
fn notes(report: &Report, kind: NoteKind) -> Vec<String> {
    report.notes.iter().filter(|note| note.note == kind.text()).map(|note| format!("{note:?}")).collect()
}

fn cause(report: &Report) -> Option<&'static str> {
    report.incidents.first().and_then(|incident| incident.verdict.cause)
}

#[test]
fn every_kind_of_archive_is_read() {
    let members = || [("case/logs/events.evtx", log()), ("case/capture.pcapng", capture())];
    let kinds: [(&str, Vec<u8>); 9] = [
        ("zip", zip(&members())),
        ("zip, stored", zip_by(&members(), CompressionMethod::Stored)),
        ("zip, bzip2", zip_by(&members(), CompressionMethod::Bzip2)),
        ("zip, streamed", streamed_zip(&members())),
        ("tar", tar(&members())),
        ("tar.gz", gz(&tar(&members()))),
        ("tar.zst", zst(&tar(&members()))),
        ("cab", cab(&members())),
        ("7z", sevenz(&members())),
    ];
    for (kind, bytes) in kinds {
        let report = analyzed(&bytes);
        assert_eq!(cause(&report), Some(CAUSE), "{kind}");
        assert_eq!(report.incidents[0].verdict.strength, Some("corroborated"), "{kind}");
        let mut labels: Vec<&str> =
            report.sources.iter().map(|source| source.path.split_once('!').unwrap().1).collect();
        labels.sort_unstable();
        assert_eq!(labels, ["case/capture.pcapng", "case/logs/events.evtx"], "{kind}");
        assert_eq!(notes(&report, NoteKind::DamagedArchive), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn archives_in_archives_are_read_to_the_fourth() {
    let inner = zip(&[("SRV01_EventLogs\\SRV01_RdpCoreTS.evtx", log())]);
    let third = gz(&tar(&[("MS_DATA/MSRD-Results-SRV01.zip", inner)]));
    let second = sevenz(&[("tss.tar.gz", third), ("capture.pcapng.gz", gz(&capture()))]);
    let first = zip(&[("disk.7z", second)]);
    let report = analyzed(&first);
    assert_eq!(cause(&report), Some(CAUSE));
    assert_eq!(report.incidents[0].verdict.strength, Some("corroborated"));
    let log = report.sources.iter().find(|source| source.kind == "event-log").unwrap();
    assert!(
        log.path.ends_with(
            "!disk.7z!tss.tar.gz!MS_DATA/MSRD-Results-SRV01.zip!SRV01_EventLogs/SRV01_RdpCoreTS.evtx"
        ),
        "{}",
        log.path
    );
    // The fifth is named, and the rest goes on.
    let report = analyzed(&zip(&[("a.zip", first), ("b.pcapng", capture())]));
    let over = notes(&report, NoteKind::OverLimit);
    assert_eq!(over.len(), 1);
    assert!(over[0].contains("nested deeper"), "{over:?}");
}

#[test]
fn a_log_member_of_equal_name_is_not_lost() {
    // The writer refuses equal names: write others and change them.
    let mut bytes = zip_by(&[("a/1.evtx", log()), ("a/2.evtx", log())], CompressionMethod::Stored);
    for at in 0..bytes.len() - 8 {
        if &bytes[at..at + 8] == b"a/2.evtx" {
            bytes[at + 2] = b'1';
        }
    }
    let report = analyzed(&bytes);
    assert_eq!(report.sources.len(), 2);
}

#[test]
fn a_truncated_zip_gives_what_it_still_holds() {
    for whole in [
        zip(&[("a/events.evtx", log()), ("a/capture.pcapng", capture()), ("a/more.evtx", log())]),
        streamed_zip(&[("a/events.evtx", log()), ("a/capture.pcapng", capture()), ("a/more.evtx", log())]),
    ] {
        let third = whole.windows(11).position(|window| window == b"a/more.evtx").unwrap();
        let report = analyzed(&whole[..third + 400]);
        assert_eq!(cause(&report), Some(CAUSE));
        assert_eq!(report.incidents[0].verdict.strength, Some("corroborated"));
        assert_eq!(notes(&report, NoteKind::DamagedArchive).len(), 1);
        assert!(notes(&report, NoteKind::UnreadableMember)[0].contains("a/more.evtx"));
    }
}

#[test]
fn truncated_tars_and_cabinets_are_noted() {
    let members = [("1.pcapng", capture()), ("2.evtx", log())];
    let cabinet = cab(&members);
    let error = analyzed_with(&cabinet[..cabinet.len() * 9 / 10], Limits::default());
    assert!(error.is_ok_and(|report| !report.notes.is_empty()) || cabinet.len() < 1 << 20);
    for (kind, whole) in [("tar", tar(&members)), ("tar.gz", gz(&tar(&members)))] {
        let report = analyzed(&whole[..whole.len() * 9 / 10]);
        assert!(report.sources.iter().any(|source| source.path.ends_with("1.pcapng")), "{kind}");
        let noted =
            notes(&report, NoteKind::DamagedArchive).len() + notes(&report, NoteKind::UnreadableMember).len();
        assert!(noted > 0 || report.sources.len() == 2, "{kind}: {:?}", report.notes);
    }
}

#[test]
fn an_encrypted_member_is_named_and_the_rest_goes_on() {
    let mut bytes = zip(&[("secret.evtx", log()), ("capture.pcapng", capture())]);
    // Bit 0 of the flags, in the local header and in the directory. [APPNOTE] 4.4.4
    let at =
        |bytes: &[u8], signature: &[u8]| bytes.windows(4).position(|window| window == signature).unwrap();
    let local = at(&bytes, b"PK\x03\x04");
    bytes[local + 6] |= 1;
    let central = at(&bytes, b"PK\x01\x02");
    bytes[central + 8] |= 1;
    let report = analyzed(&bytes);
    let said = notes(&report, NoteKind::UnreadableMember);
    assert!(said[0].contains("secret.evtx") && said[0].contains("encrypted"), "{said:?}");
    assert_eq!(report.sources.len(), 1);
    assert!(!report.incidents.is_empty());
}

#[test]
fn names_that_lead_out_are_noted_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in").join("bundle.zip");
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(&path, zip(&[("../../evil.evtx", log()), ("..\\evil.pcapng", capture())])).unwrap();
    let report = rdpscan::analyze(&Options { inputs: vec![path], ..Options::default() }).unwrap();
    assert_eq!(cause(&report), Some(CAUSE));
    assert_eq!(notes(&report, NoteKind::OddMemberName).len(), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(folder.path().join("in")).unwrap().count(), 1);
}

/// Deflates `blocks` MiB, of which the first begins with `head` and all else is zero, without holding them.
fn deflated_zeros(head: &[u8], mebibytes: usize) -> (Vec<u8>, u32, u64) {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
    let mut sum = flate2::Crc::new();
    let mut block = vec![0_u8; 1 << 20];
    block[..head.len()].copy_from_slice(head);
    for at in 0..mebibytes {
        encoder.write_all(&block).unwrap();
        sum.update(&block);
        if at == 0 {
            block.fill(0);
        }
    }
    (encoder.finish().unwrap(), sum.sum(), mebibytes as u64 * (1 << 20))
}

/// A zip written byte by byte: entries may lie about everything. [APPNOTE] 4.3
fn raw_zip(bodies: &[u8], entries: &[(&str, u32, u32, u32)]) -> Vec<u8> {
    let mut bytes = bodies.to_vec();
    let directory = bytes.len() as u32;
    for (name, offset, packed, crc) in entries {
        bytes.extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0");
        bytes.extend(crc.to_le_bytes());
        bytes.extend(packed.to_le_bytes());
        bytes.extend(0x7fff_ffff_u32.to_le_bytes());
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0; 12]);
        bytes.extend(offset.to_le_bytes());
        bytes.extend(name.as_bytes());
    }
    let length = bytes.len() as u32 - directory;
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(directory.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

fn local(name: &str, packed: &[u8], crc: u32) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0".to_vec();
    bytes.extend(crc.to_le_bytes());
    bytes.extend((packed.len() as u32).to_le_bytes());
    bytes.extend(0x7fff_ffff_u32.to_le_bytes());
    bytes.extend((name.len() as u16).to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend(name.as_bytes());
    bytes.extend(packed);
    bytes
}

/// Ten GiB of zeros; a slow test machine deflates only a part of it, which shows the same.
#[test]
fn a_bomb_is_cut_and_named() {
    let mebibytes = if std::env::var_os("RDPSCAN_SLOW").is_some() { 10 * 1024 } else { 384 };
    let head = &capture()[..64];
    let (packed, crc, _) = deflated_zeros(head, mebibytes);
    let body = local("bomb.pcapng", &packed, crc);
    let mut bytes = body.clone();
    let (good, good_crc) = {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&capture()).unwrap();
        let mut sum = flate2::Crc::new();
        sum.update(&capture());
        (encoder.finish().unwrap(), sum.sum())
    };
    // Behind the bomb: what that costs is not taken from what follows.
    bytes.extend(local("good.pcapng", &good, good_crc));
    let entries = [
        ("bomb.pcapng", 0, packed.len() as u32, crc),
        ("good.pcapng", body.len() as u32, good.len() as u32, good_crc),
    ];
    let bytes = raw_zip(&bytes, &entries);
    println!("{} bytes unpack to {mebibytes} MiB", bytes.len());
    let started = Instant::now();
    let report = analyzed(&bytes);
    println!("{:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(60));
    let over = notes(&report, NoteKind::OverLimit);
    assert!(over.iter().any(|note| note.contains("bomb.pcapng")), "{:?}", report.notes);
    assert!(!report.incidents.is_empty());
}

/// A log that ends in the zeros that its file was made with: what it holds is read, however well it packs.
#[test]
fn what_lies_before_the_limit_is_read() {
    let head = log();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&head).unwrap();
    for _ in 0..300 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let gz = encoder.finish().unwrap();
    let report =
        analyzed(&zip_by(&[("a.evtx.gz", gz), ("capture.pcapng", capture())], CompressionMethod::Stored));
    assert_eq!(cause(&report), Some(CAUSE));
    assert_eq!(report.incidents[0].verdict.strength, Some("corroborated"));
    let over = notes(&report, NoteKind::OverLimit);
    assert!(over.iter().any(|note| note.contains("a.evtx.gz")), "{:?}", report.notes);
}

#[test]
fn zeros_that_are_no_evidence_cost_nothing() {
    let (packed, crc, _) = deflated_zeros(&[], 256);
    let bytes = raw_zip(&local("zeros.bin", &packed, crc), &[("zeros.bin", 0, packed.len() as u32, crc)]);
    let started = Instant::now();
    let error = analyzed_with(&bytes, Limits::default()).unwrap_err();
    assert!(matches!(error, Error::NoUsableInput { .. }));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn folders_that_lie_too_deep_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d/".repeat(20));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("events.evtx"), log()).unwrap();
    fs::write(folder.path().join("capture.pcapng"), capture()).unwrap();
    let inputs = vec![folder.path().to_owned()];
    let report = rdpscan::analyze(&Options { inputs, threads: Some(1), ..Options::default() }).unwrap();
    assert_eq!(report.sources.len(), 1);
    let said = notes(&report, NoteKind::FolderTooDeep);
    assert!(said.len() == 1 && said[0].contains("deeper than 16"), "{:?}", report.notes);
}

#[test]
fn overlapping_members_are_named() {
    let (packed, crc, _) = deflated_zeros(&capture()[..64], 1);
    let body = local("a.pcapng", &packed, crc);
    let names: Vec<String> = (0..500).map(|at| format!("{at:03}.pcapng")).collect();
    // All of them share one body.
    let entries: Vec<(&str, u32, u32, u32)> =
        names.iter().map(|name| (name.as_str(), 0, packed.len() as u32, crc)).collect();
    let started = Instant::now();
    let report = analyzed(&raw_zip(&body, &entries));
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(report.sources.len(), 1);
    let said = notes(&report, NoteKind::UnreadableMember);
    assert!(said[0].contains("overlaps"), "{said:?}");
}

/// Russ Cox's `r.zip` of 2010 holds itself. Made here in the simplest way: a gzip quine cannot be computed in a test, so
/// an archive of archives stands in for it, deeper than anyone packs and each level twice.
#[test]
fn archives_without_end_are_left_at_the_fourth() {
    let mut bytes = zip(&[("end.pcapng", capture())]);
    for _ in 0..12 {
        bytes = zip(&[("r.zip", bytes.clone()), ("r2.zip", bytes)]);
    }
    let bytes = zip(&[("capture.pcapng", capture()), ("r.zip", bytes)]);
    let started = Instant::now();
    let report = analyzed(&bytes);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(!notes(&report, NoteKind::OverLimit).is_empty());
    assert_eq!(report.sources.len(), 1);
}

/// Several frames, as `pzstd` and `cat` make them, and a stream that breaks off: what is there is read.
#[test]
fn all_of_a_zstd_stream_is_read() {
    let whole = capture();
    let (first, second) = whole.split_at(400);
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    let frames = [&skipped[..], &zst(first), &skipped, &zst(second)].concat();
    let report = analyzed(&zip(&[("capture.zst", frames)]));
    let expected = analyzed(&zip(&[("capture.pcapng", capture())]));
    assert_eq!(report.connections.len(), 1);
    assert_eq!(report.incidents[0].verdict.summary, expected.incidents[0].verdict.summary);
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    // Its second block is cut: the capture is in the first.
    let mut random = super::random::Random::new(3);
    let noise: Vec<u8> = (0..300_000).map(|_| random.below(256) as u8).collect();
    let stream = zst(&tar(&[("a/capture.pcapng", capture()), ("a/noise.bin", noise)]));
    let report = analyzed(&stream[..200_000]);
    assert!(!report.incidents.is_empty());
    assert_eq!(notes(&report, NoteKind::DamagedArchive).len(), 1, "{:?}", report.notes);
}

#[test]
fn a_hundred_thousand_members_are_counted_and_cut() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for at in 0..100_000 {
        writer.start_file(format!("m/{at}.txt"), options).unwrap();
        writer.write_all(b"x").unwrap();
    }
    // What is called a capture is looked at first, wherever it stands.
    writer.start_file("capture.pcapng", options).unwrap();
    writer.write_all(&capture()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let started = Instant::now();
    let report = analyzed(&bytes);
    println!("{:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(30));
    let over = notes(&report, NoteKind::OverLimit);
    assert!(over[0].contains("--max-members"), "{over:?}");
    assert!(!report.incidents.is_empty());
}

#[test]
fn damaged_archives_never_end_the_run() {
    let members = || [("a/events.evtx", log()), ("a/capture.pcapng", capture())];
    let archives =
        [zip(&members()), tar(&members()), cab(&members()), sevenz(&members()), gz(&tar(&members()))];
    let mut random = super::random::Random::new(7);
    for whole in &archives {
        for _ in 0..60 {
            let mut bytes = whole.clone();
            // The structure lies at the ends.
            for _ in 0..3 {
                let span = bytes.len().min(300);
                let at = random.below(span);
                let at = if random.below(2) == 0 { at } else { bytes.len() - 1 - at };
                bytes[at] = random.below(256) as u8;
            }
            let length = if random.below(3) == 0 { random.below(bytes.len()) } else { bytes.len() };
            let _ = analyzed_with(&bytes[..length], Limits::default());
        }
    }
}

/// The package takes room for as many files as a header claims, before it reads one.
#[test]
fn a_7z_that_claims_more_than_it_holds_is_refused() {
    // Header, files: 2^40 of them; and one as long as the claim of its length. [7zFormat.txt]
    let headers: [(&[u8], u64); 3] = [
        (&[1, 5, 0xfc, 0, 0, 0, 0, 0, 1, 0, 0], 11),
        (&[1, 4, 6, 0, 0xf0, 0, 0, 0, 0, 1, 0, 0], 12),
        (&[1, 0], 1 << 50),
    ];
    for (header, length) in headers {
        let mut bytes = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
        let mut start = 0_u64.to_le_bytes().to_vec();
        start.extend(length.to_le_bytes());
        start.extend(crc(header).to_le_bytes());
        bytes.extend(crc(&start).to_le_bytes());
        bytes.extend(start);
        bytes.extend(header);
        let report = analyzed(&zip(&[("a.7z", bytes), ("capture.pcapng", capture())]));
        assert_eq!(notes(&report, NoteKind::DamagedArchive).len(), 1, "{header:?}");
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

#[test]
fn a_folder_of_archives_is_one_case() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("server.zip"), zip(&[("events.evtx", log())])).unwrap();
    fs::write(folder.path().join("client.zip"), zip(&[("capture.pcapng", capture())])).unwrap();
    let report =
        rdpscan::analyze(&Options { inputs: vec![folder.path().to_owned()], ..Options::default() }).unwrap();
    assert_eq!(cause(&report), Some(CAUSE));
    assert_eq!(report.incidents[0].verdict.strength, Some("corroborated"));
    assert!(Path::new(&report.sources[0].path).starts_with(folder.path()));
}
