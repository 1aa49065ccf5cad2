//! How fast each layer and the whole is, as a multiple of the floor: adding up the same bytes on the same machine in
//! the same run. Where a layer reads no bytes, the floor is that of as many bytes as it has things, times 100.
//!
//! `cargo bench --bench throughput`. The inputs are made here: 64 MiB of mixed traffic, one connection in
//! seventy-five of it RDP, as much of eight long sessions, a flood of 100,000 connections, and 32 MiB of logs out of
//! `samples/`. Ratios travel between machines, seconds do not. `-- --write FOLDER MIB` writes the inputs instead, as
//! large as that, and `-- --floor FILE THREADS` adds up a file: `peers.sh` asks for both.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    clippy::vec_box,
    reason = "a bench stops with its reason"
)]

mod corpus;
mod layers;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use rdpscan::input::Bytes;
use rdpscan::{Options, analyze};

/// Bytes of the capture.
const SIZE: usize = 64 << 20;
/// Connections of the flood.
const FLOWS: u32 = 100_000;
/// Bytes of the log.
const LOG: usize = 32 << 20;
/// Each measure is the best of so many runs.
const RUNS: usize = 5;

/// One line of the table.
struct Measure {
    name: String,
    bytes: usize,
    time: Duration,
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--write") {
        corpus::write(Path::new(&arguments[at + 1]), arguments[at + 2].parse().unwrap()).unwrap();
        return;
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "--floor") {
        floor(Path::new(&arguments[at + 1]), arguments[at + 2].parse().unwrap());
        return;
    }
    let made = |make: &dyn Fn(&mut Vec<u8>) -> io::Result<()>| {
        let mut bytes = Vec::new();
        make(&mut bytes).unwrap();
        bytes
    };
    let size = u64::try_from(SIZE).unwrap();
    let capture = made(&|out| corpus::mixed(out, size));
    let log = corpus::log(LOG);
    let mut measures = layers::of_capture(&capture);
    measures.extend(layers::of_log(&log));
    measures.extend(layers::of_things());
    measures.extend(whole("mixed traffic", ".pcapng", &capture));
    measures.extend(whole("sessions", ".pcapng", &made(&|out| corpus::sessions(out, size))));
    measures.extend(whole("flood", ".pcapng", &made(&|out| corpus::flood(out, FLOWS))));
    measures.extend(whole("log", ".evtx", &log));

    let floor = best(|| sum(&capture)).as_secs_f64() / bytes_of(capture.len());
    println!("{} MiB of capture, {} MiB of log; floor {:.2} GB/s", SIZE >> 20, LOG >> 20, 1e-9 / floor);
    println!("{:44} {:>9} {:>9} {:>9}", "one thread, if not said otherwise", "ms", "GB/s", "x floor");
    for Measure { name, bytes, time } in measures {
        let seconds = time.as_secs_f64();
        let rate = bytes_of(bytes) / 1e9 / seconds;
        println!("{name:44} {:9.1} {rate:9.2} {:9.2}", seconds * 1e3, seconds / (floor * bytes_of(bytes)));
    }
}

fn bytes_of(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap())
}

/// The floor: the same code wherever it is measured.
#[inline(never)]
fn sum(bytes: &[u8]) {
    let words = bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    black_box(words.fold(0, u64::wrapping_add));
}

/// The floor of a whole file, as a process of its own: maps it and adds it up.
fn floor(file: &Path, threads: usize) {
    let bytes = Bytes::open(file, true).unwrap();
    thread::scope(|scope| {
        for part in bytes.chunks(bytes.len().div_ceil(threads).max(8).next_multiple_of(8)) {
            scope.spawn(|| sum(part));
        }
    });
}

/// A whole report, file to model.
fn whole(what: &str, suffix: &str, bytes: &[u8]) -> Vec<Measure> {
    let file = tempfile::Builder::new().suffix(suffix).tempfile().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let inputs = vec![file.path().to_owned()];
    let run = |threads| {
        best(|| {
            black_box(analyze(&Options { inputs: inputs.clone(), threads, ..Options::default() }).unwrap());
        })
    };
    [Some(1), None]
        .into_iter()
        .zip(["one thread", "every core"])
        .map(|(threads, on)| Measure {
            name: format!("whole report, {what}, {on}"),
            bytes: bytes.len(),
            time: run(threads),
        })
        .collect()
}

/// The best of some runs.
fn best(run: impl Fn()) -> Duration {
    best_with(|| (), |()| run())
}

/// The same, where each run uses something up.
fn best_with<T>(prepare: impl Fn() -> T, run: impl Fn(T)) -> Duration {
    let once = || {
        let input = prepare();
        let begin = Instant::now();
        run(input);
        begin.elapsed()
    };
    (0..RUNS).map(|_| once()).min().unwrap()
}
