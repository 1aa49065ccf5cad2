//! What fuzzing found stays found, without a fuzzer: its properties, over every input that ever broke one.
//!
//! `fuzz/README.md` says how to fuzz. The seeds are written by
//! `cargo test --test main write_seeds -- --ignored`, out of the samples and, where they are present, files made by
//! others.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rdpscan::base::SourceId;
use rdpscan::capture::Capture;
use rdpscan::capture::split::{Split, for_each_window};
use rdpscan::input::{Format, InputKind};
use rdpscan::oracle::{self, Oracle};
use rdpscan::packet::{Interest, Packets};
use rdpscan::protocol::tls::{HandshakeJoiner, HandshakeType, looks_like_tls, record};
use rdpscan::protocol::{tpkt, x224};
use rdpscan::stream::table::Batch;
use rdpscan::stream::{FlowTable, Stream};

use super::eventlog::oracle::agree;
use super::public_data;
use super::random::Random;
use super::support::capture::read;

/// Every target with its oracle; the one that needs another reader of logs is not in the library.
fn targets() -> Vec<(&'static str, Oracle)> {
    let agree: Oracle = agree;
    oracle::ALL.into_iter().chain([("evtx_crate", agree)]).collect()
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn what_fuzzing_found_stays_found() {
    let mut broken = Vec::new();
    let mut replayed = 0;
    for (name, oracle) in targets() {
        for path in files_in(&Path::new("fuzz/regressions").join(name)) {
            let bytes = fs::read(&path).unwrap();
            replayed += 1;
            if catch_unwind(|| oracle(&bytes)).is_err() {
                broken.push(path.display().to_string());
            }
        }
    }
    println!("{replayed} inputs");
    assert!(broken.is_empty(), "broken again:\n{}", broken.join("\n"));
}

#[test]
fn every_oracle_has_a_target_and_no_other_is_there() {
    let manifest = fs::read_to_string("fuzz/Cargo.toml").unwrap();
    let names: BTreeSet<String> = targets().iter().map(|(name, _)| (*name).to_owned()).collect();
    let files: BTreeSet<String> = files_in(Path::new("fuzz/fuzz_targets"))
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, files);
    for name in &names {
        assert!(manifest.contains(&format!("\nname = \"{name}\"\n")), "{name} is not in fuzz/Cargo.toml");
    }
    for entry in fs::read_dir("fuzz/regressions").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "fuzz/regressions/{name} belongs to no target");
    }
}

#[test]
fn seeds_hold_every_property() {
    let seeds = seeds();
    let mut broken = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, oracle) in targets() {
        // The whole program over whole files is what all other tests do.
        let most = if name == "whole" { 5 } else { usize::MAX };
        for seed in seeds.get(name).into_iter().flatten().take(most) {
            *counts.entry(name).or_default() += 1;
            if catch_unwind(|| oracle(seed)).is_err() {
                broken.push(format!(
                    "{name}: {} bytes that begin {:02x?}",
                    seed.len(),
                    &seed[..seed.len().min(24)]
                ));
            }
        }
    }
    println!("{counts:?}");
    assert_eq!(counts.len(), targets().len(), "a target without seeds: {counts:?}");
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
#[ignore = "writes fuzz/corpus"]
fn write_seeds() {
    for (name, seeds) in seeds() {
        let folder = Path::new("fuzz/corpus").join(name);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed).unwrap();
        }
        println!("{name}: {}", seeds.len());
    }
}

/// Seeds of a target, short ones first.
const MOST: usize = 160;

type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

fn seeds() -> Seeds {
    let mut seeds = Found::default();
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in files_of("samples") {
        let own = files_in(&folder);
        let whole: Vec<Vec<u8>> = own.iter().filter_map(|path| evidence(path)).collect();
        if let [first, second, ..] = &whole[..] {
            // The first records of a log do.
            let [first, second] = [first, second].map(|file| &file[..file.len().min(14_000)]);
            let [a, b, c, ..] = first.len().to_le_bytes();
            seeds.add("whole", &[&[a, b, c][..], first, second].concat());
        }
        files.extend(own);
    }
    if let Some(folder) = public_data::folder() {
        files.extend(files_in(&folder.join("pcap")));
        files.extend(files_in(&folder.join("evtx")));
    }
    for bytes in files.iter().filter_map(|path| evidence(path)) {
        match Format::of(&bytes) {
            Format::Evtx => seeds.log(&bytes),
            Format::Pcap => seeds.capture(&bytes, InputKind::Pcap),
            _ => seeds.capture(&bytes, InputKind::PcapNg),
        }
    }
    for number in 0..40 {
        let mut random = Random::new(number);
        let script: Vec<u8> = (0..400).map(|_| random.next().to_le_bytes()[2]).collect();
        seeds.add("reassembly", &script);
    }
    seeds.finish()
}

fn files_of(folder: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// The bytes of a capture or a log, unless it is large.
fn evidence(path: &Path) -> Option<Vec<u8>> {
    let small = fs::metadata(path).is_ok_and(|metadata| metadata.len() < 3 << 20);
    let bytes = if small { fs::read(path).ok()? } else { return None };
    matches!(Format::of(&bytes), Format::Pcap | Format::PcapNg | Format::Evtx).then_some(bytes)
}

#[derive(Default)]
struct Found {
    by_target: BTreeMap<&'static str, BTreeSet<(usize, Vec<u8>)>>,
}

impl Found {
    fn add(&mut self, target: &'static str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.by_target.entry(target).or_default().insert((bytes.len(), bytes.to_vec()));
        }
    }

    fn finish(self) -> Seeds {
        // Of many, some of every length.
        let some = |all: BTreeSet<(usize, Vec<u8>)>| {
            let step = all.len() / MOST + 1;
            all.into_iter().step_by(step).map(|(_, bytes)| bytes).collect()
        };
        self.by_target.into_iter().map(|(name, all)| (name, some(all))).collect()
    }

    fn log(&mut self, bytes: &[u8]) {
        let Some(chunk) = bytes.get(4096..) else { return };
        let few = &chunk[..chunk.len().min(9000)];
        self.add("chunk", few);
        self.add("evtx_crate", &chunk[..chunk.len().min(65_536)]);
        let size = chunk.get(516..520).map_or(0, |size| u32::from_le_bytes(size.try_into().unwrap()));
        let end = 512 + usize::try_from(size).unwrap();
        self.add("record", chunk.get(536..end.saturating_sub(4)).unwrap_or_default());
    }

    fn capture(&mut self, bytes: &[u8], kind: InputKind) {
        self.add("container", &bytes[..bytes.len().min(8000)]);
        let Some(capture) = Capture::open(bytes, kind) else { return };
        let frames = catch_unwind(|| read::frames(bytes)).unwrap_or_default();
        let mut script = vec![0];
        for frame in frames.iter().filter(|frame| frame.link == 1 && script_fits(frame.data)).take(40) {
            script.extend(u16::try_from(frame.data.len()).unwrap().to_le_bytes());
            script.push(0);
            script.extend(frame.data);
        }
        self.add("packets", &script);
        let interest = Arc::new(Interest::new(&[]));
        let mut table = FlowTable::default();
        let new = || Packets::new(Arc::clone(&interest), bytes);
        for_each_window(&capture, Split::default(), &new, |parts| {
            for mut part in parts {
                part.collected.renumber(part.first_frame);
                let segments = &part.collected.segments;
                table.apply(Batch {
                    segments: &[segments.as_slice()],
                    icmp: &[],
                    source: SourceId(0),
                    bytes,
                    interest: &interest,
                });
            }
        });
        for flow in table.finish().iter().take(4) {
            for stream in [&flow.to_server, &flow.to_client] {
                self.stream(stream);
            }
        }
    }

    fn stream(&mut self, stream: &Stream) {
        let Some(run) = stream.runs.first() else { return };
        self.add("negotiation", &run.bytes[..run.bytes.len().min(600)]);
        let mut rest = &run.bytes[..];
        while let Ok((after, packet)) = tpkt::tpkt(rest) {
            if let Ok(tpdu) = x224::tpdu(packet.payload) {
                self.add("mcs", tpdu.data);
            }
            rest = after;
        }
        let begins = run.piece_starts().find(|at| looks_like_tls(&run.bytes[*at..]));
        let Some(tls) = begins.map(|at| &run.bytes[at..]) else { return };
        self.add("tls", &tls[..tls.len().min(6000)]);
        let mut joiner = HandshakeJoiner::new();
        let mut rest = tls;
        while let Ok((after, record)) = record(rest) {
            for message in joiner.push(record.fragment) {
                if message.kind == HandshakeType::CERTIFICATE {
                    self.add("certificate", message.body.get(6..).unwrap_or_default());
                }
            }
            rest = after;
        }
    }
}

fn script_fits(frame: &[u8]) -> bool {
    frame.len() < 1600
}
