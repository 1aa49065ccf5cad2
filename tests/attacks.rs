//! Files that are made to cost time or memory: each is borne within bounds, and what lies in the middle of it is found.
//!
//! The program runs as a process of its own, so that its memory can be watched (on Linux). Sizes are a part of those
//! that are meant; `RDPSCAN_HOSTILE=full` makes them whole, for a release build.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

mod logs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::capture::file::{self, Frame};
use super::support::capture::read;

/// Nothing here may take longer, in seconds of one processor where they can be told. Unbounded work takes hours.
const PATIENCE: Duration = Duration::from_secs(100);
/// And in seconds of the clock, whoever else uses the machine.
const DEADLINE: Duration = Duration::from_secs(900);
/// Anonymous memory, in MiB.
const MEMORY: u64 = 400;

/// This many, or a part of it.
fn scaled(full: usize, part: usize) -> usize {
    if std::env::var("RDPSCAN_HOSTILE").is_ok_and(|value| value == "full") { full } else { full / part }
}

/// The frames of the connection that is to be found, and its verdict without anything around it.
fn sample() -> Vec<Frame> {
    let bytes = fs::read("samples/bad-password--windows/capture.pcapng").unwrap();
    read::frames(&bytes)
        .into_iter()
        .map(|frame| Frame { time: frame.time, data: frame.data.to_vec() })
        .collect()
}

/// What a run gave, and what it cost.
struct Outcome {
    report: Value,
    taken: Duration,
    /// Most anonymous memory that was seen, in MiB; 0 where it cannot be seen.
    memory: u64,
}

impl Outcome {
    fn noted(&self, text: &str) -> u64 {
        let notes = self.report["notes"].as_array().unwrap().iter();
        notes.filter(|note| note.to_string().contains(text)).map(|note| note["count"].as_u64().unwrap()).sum()
    }
}

/// Runs the program, watches it, and ends it when it takes too long.
fn run(inputs: &[PathBuf]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report.json");
    let begin = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rdpscan"))
        .arg("analyze")
        .args(inputs)
        .args(["--format", "json", "--quiet", "-o"])
        .arg(&out)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let (mut memory, mut work) = (0, Duration::ZERO);
    let status = loop {
        memory = memory.max(anonymous(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let taken = worked(child.id()).unwrap_or_default();
        if taken > PATIENCE || begin.elapsed() > DEADLINE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{inputs:?} takes {taken:?} of a processor, {:?} in all, {memory} KiB", begin.elapsed());
        }
        work = work.max(taken);
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{status}");
    let report = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    Outcome { report, taken: if work.is_zero() { begin.elapsed() } else { work }, memory: memory / 1024 }
}

/// KiB of anonymous memory of a process.
fn anonymous(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// What a process has used of the processors: fields 14 and 15 of its `stat`, in hundredths.
fn worked(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 10))
}

/// The verdict on the client of the sample.
fn verdict(report: &Value) -> (String, Value) {
    let own =
        report["incidents"].as_array().unwrap().iter().find(|incident| incident["client"] == "192.0.2.10");
    let verdict = &own.unwrap_or_else(|| panic!("the connection in the middle is not found"))["verdict"];
    (verdict["kind"].as_str().unwrap().to_owned(), verdict["cause"].clone())
}

/// Connections of a report, one by one and in groups.
fn reported(report: &Value) -> u64 {
    let groups = report["groups"].as_array().unwrap();
    let folded: u64 = groups.iter().map(|group| group["count"].as_u64().unwrap()).sum();
    folded + u64::try_from(report["connections"].as_array().unwrap().len()).unwrap()
}

/// Runs over the files; the sample in them must be judged as it is alone.
fn borne(name: &str, inputs: &[PathBuf], alone: &[PathBuf]) -> Outcome {
    let expected = verdict(&run(alone).report);
    let outcome = run(inputs);
    let size: u64 = inputs.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    println!("{name}: {size} bytes, {:?}, {} MiB", outcome.taken, outcome.memory);
    assert_eq!(verdict(&outcome.report), expected, "{name}: what lies in the middle is judged otherwise");
    assert!(outcome.memory < MEMORY, "{name}: {} MiB", outcome.memory);
    outcome
}

/// The same for a capture: half of the attack, the sample, the other half.
fn borne_capture(name: &str, attack: Vec<Frame>) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attack.pcap");
    let plain = folder.path().join("plain.pcap");
    let own = sample();
    fs::write(&plain, file::pcap(&own)).unwrap();
    let mut frames = attack;
    let rest = frames.split_off(frames.len() / 2);
    let (first, last) = (own[0].time, own[own.len() - 1].time);
    let before = i64::try_from(frames.len()).unwrap();
    for (number, frame) in (0..).zip(&mut frames) {
        frame.time = first - 60_000_000_000 - (before - number) * 1_000;
    }
    frames.extend(own);
    frames.extend(
        (0..)
            .zip(rest)
            .map(|(number, frame)| Frame { time: last + 60_000_000_000 + number * 1_000, ..frame }),
    );
    fs::write(&path, file::pcap(&frames)).unwrap();
    drop(frames);
    borne(name, &[path], &[plain])
}

fn frame(data: Vec<u8>) -> Frame {
    Frame { time: 0, data }
}

type End = ([u8; 4], u16);
const ATTACKER: End = ([10, 0, 0, 1], 40_000);
const VICTIM: End = ([10, 9, 9, 9], 3389);

/// An Ethernet frame of an IPv4 packet.
fn ipv4(from: [u8; 4], to: [u8; 4], protocol: u8, id: u16, fragment: u16, payload: &[u8]) -> Frame {
    let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    data.extend(u16::try_from(20 + payload.len()).unwrap().to_be_bytes());
    data.extend(id.to_be_bytes());
    data.extend(fragment.to_be_bytes());
    data.extend([64, protocol, 0, 0]);
    data.extend([from, to].concat());
    data.extend(payload);
    frame(data)
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 0x10;

fn tcp(from: End, to: End, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Frame {
    let mut segment = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
    segment.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    ipv4(from.0, to.0, 6, u16::try_from(seq & 0xffff).unwrap(), 0, &segment)
}

/// The three segments that open a connection; its bytes begin at 1001 and 2001.
fn opening() -> Vec<Frame> {
    vec![
        tcp(ATTACKER, VICTIM, 1000, 0, SYN, &[]),
        tcp(VICTIM, ATTACKER, 2000, 1001, SYN | ACK, &[]),
        tcp(ATTACKER, VICTIM, 1001, 2001, ACK, &[]),
    ]
}

/// Request and confirm of a negotiation that ends in TLS.
fn negotiated() -> Vec<Frame> {
    const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 0, 0];
    const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0];
    let mut frames = opening();
    frames.push(tcp(ATTACKER, VICTIM, 1001, 2001, ACK, &REQUEST));
    frames.push(tcp(VICTIM, ATTACKER, 2001, 1020, ACK, &CONFIRM));
    frames
}

/// A stream of the server as segments of the usual size.
fn from_server(bytes: &[u8]) -> Vec<Frame> {
    let at = |number: usize| 2020_u32.wrapping_add(u32::try_from(number * 1440).unwrap());
    bytes.chunks(1440).enumerate().map(|(n, part)| tcp(VICTIM, ATTACKER, at(n), 1020, ACK, part)).collect()
}

#[test]
fn one_byte_segments_in_reverse_order() {
    let count = u32::try_from(scaled(1_000_000, 10)).unwrap();
    let mut frames = opening();
    frames.extend((0..count).rev().map(|at| tcp(ATTACKER, VICTIM, 1001 + at, 2001, ACK, &[3])));
    borne_capture("reverse", frames);
}

#[test]
fn segments_that_overlap() {
    let count = u32::try_from(scaled(200_000, 10)).unwrap();
    let mut frames = opening();
    let content = |at: u32| vec![u8::try_from(at & 0xff).unwrap(); 1000];
    // Each a byte further, then the same from behind: none of them fits between two others.
    frames.extend((0..count).map(|at| tcp(ATTACKER, VICTIM, 1001 + at, 2001, ACK, &content(at))));
    frames.extend((0..count).rev().map(|at| tcp(VICTIM, ATTACKER, 2003 + at * 3, 1001, ACK, &content(at))));
    borne_capture("overlap", frames);
}

#[test]
fn fragments_that_never_make_a_packet() {
    const MORE: u16 = 0x2000;
    let count = u16::try_from(scaled(65_535, 1)).unwrap();
    // One packet, of which the end never comes.
    let mut frames: Vec<Frame> =
        (0..count).map(|n| ipv4(ATTACKER.0, VICTIM.0, 17, 7, MORE | (n % 8190), &[0; 8])).collect();
    // As many packets, of which only the beginning comes.
    frames.extend((0..count).map(|id| ipv4(ATTACKER.0, VICTIM.0, 6, id, MORE, &[0; 64])));
    // Large ones that overlap, and one beyond what a packet can be.
    frames
        .extend((0..count / 8).map(|n| ipv4(ATTACKER.0, VICTIM.0, 6, n / 200, MORE | (n % 200), &[1; 1480])));
    frames.push(ipv4(ATTACKER.0, VICTIM.0, 6, 9, 8191, &[1; 1480]));
    let outcome = borne_capture("fragments", frames);
    let lost = outcome.noted("missing fragments");
    assert!(lost > u64::from(count) && lost < 2 * u64::from(count), "{lost} datagrams are counted as lost");
}

#[test]
fn addresses_and_ports_that_sum_up_alike() {
    let count = u32::try_from(scaled(60_000, 4)).unwrap();
    let syn = |n: u32| {
        let [_, _, high, low] = n.to_be_bytes();
        let port = u16::try_from(60_000 - n % 60_000).unwrap();
        tcp(([10, 0, high, low], port), ([10, 9, 255 - high, 255 - low], 3389), n, 0, SYN, &[])
    };
    let outcome = borne_capture("alike", (0..count).map(syn).collect());
    assert_eq!(reported(&outcome.report), u64::from(count) + 1, "nobody is lost");
}

/// What waits for a byte that never comes is held; of many connections it is more than there is room for.
#[test]
fn connections_with_holes_that_nobody_fills() {
    const SEGMENTS: u32 = 40;
    let count = u32::try_from(scaled(6000, 10)).unwrap();
    let segment = |n: u32| {
        let [_, _, high, low] = (n % count).to_be_bytes();
        let client = ([10, 8, high, low], 40_000);
        let begin = n % count * 100_003;
        // All but the first byte.
        match n / count {
            0 => tcp(client, VICTIM, begin, 0, SYN, &[]),
            1 => tcp(VICTIM, client, !begin, begin + 1, SYN | ACK, &[]),
            step => {
                tcp(client, VICTIM, begin + 2 + (step - 2) * 1400, (!begin).wrapping_add(1), ACK, &[7; 1400])
            }
        }
    };
    let outcome = borne_capture("holes", (0..count * SEGMENTS).map(segment).collect());
    assert!(count < 6000 || outcome.noted("given up") > 0);
    let timed = |n: u32| Frame { time: i64::from(n) * 1000, ..segment(n) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holes.pcap");
    fs::write(&path, file::pcap(&(0..count * SEGMENTS).map(timed).collect::<Vec<_>>())).unwrap();
    let outcome = run(&[path, "--max-memory".into(), "8".into()]);
    let all = reported(&outcome.report);
    assert!(all >= u64::from(count), "{all}: {}", outcome.report["notes"]);
    assert!(outcome.noted("given up") > 100, "{}", outcome.report["notes"]);
    assert!(outcome.memory < 100, "{} MiB", outcome.memory);
}

/// A file of a ring buffer may be too small for running connections to be looked through within it.
#[test]
fn a_flood_in_a_ring_of_small_files() {
    const FLOWS: u32 = 12_000;
    let files = i64::try_from(scaled(60, 5)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let flow = |n: u32| {
        let [_, a, b, c] = n.to_be_bytes();
        let client = ([10, a, b, c], 40_000);
        [
            tcp(client, VICTIM, n, 0, SYN, &[]),
            tcp(VICTIM, client, !n, n + 1, SYN | ACK, &[]),
            tcp(client, VICTIM, n + 1, (!n).wrapping_add(1), ACK, &[]),
            tcp(client, VICTIM, n + 1, (!n).wrapping_add(1), ACK | FIN, &[]),
        ]
    };
    let mut all = 0;
    for file in 0..files {
        let frames = (all..all + FLOWS).flat_map(flow).zip(0_i64..);
        // Thirty seconds each: who is closed for that long is over.
        let time = |at: i64| (file * 30_000_000 + at * 500) * 1000;
        let frames: Vec<Frame> = frames.map(|(frame, at)| Frame { time: time(at), ..frame }).collect();
        all += FLOWS;
        fs::write(folder.path().join(format!("{file:03}.pcap")), file::pcap(&frames)).unwrap();
    }
    let outcome = run(&[folder.path().into()]);
    println!("ring: {all} connections, {:?}, {} MiB", outcome.taken, outcome.memory);
    assert_eq!(reported(&outcome.report), u64::from(all), "nobody is lost");
    assert!(outcome.memory < MEMORY, "{} MiB", outcome.memory);
}

/// What captures show besides connections is bounded for all of them together.
#[test]
fn names_in_many_captures() {
    const NAMES: u32 = 20_000;
    let folder = tempfile::tempdir().unwrap();
    for file in 0..6 {
        let query = |n: u32| {
            let name = format!("{:07}", file * NAMES + n);
            let message =
                [&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7], name.as_bytes(), &[0, 0, 1, 0, 1]].concat();
            let length = u16::try_from(8 + message.len()).unwrap().to_be_bytes();
            let header = [&[0x9c, 0x40, 0, 53], &length[..], &[0, 0]].concat();
            let frame = ipv4(ATTACKER.0, VICTIM.0, 17, 1, 0, &[header, message].concat());
            Frame { time: i64::from(file * 100) * 1_000_000_000 + i64::from(n) * 1000, ..frame }
        };
        let frames: Vec<Frame> = (0..NAMES).map(query).collect();
        fs::write(folder.path().join(format!("{file}.pcap")), file::pcap(&frames)).unwrap();
    }
    let outcome = run(&[folder.path().into()]);
    assert_eq!(outcome.noted("name lookups"), 40_000, "{}", outcome.report["notes"]);
}

#[test]
fn requests_on_many_other_ports() {
    const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 0, 0];
    let count = u32::try_from(scaled(100_000, 10)).unwrap();
    let request = |n: u32| {
        let [_, a, b, c] = n.to_be_bytes();
        tcp(ATTACKER, ([10, a, b, c], 4000), 1, 1, ACK, &REQUEST)
    };
    let outcome = borne_capture("elsewhere", (0..count).map(request).collect());
    assert!(outcome.noted("beyond the 1,024") > 1000);
}

/// The bytes in TLS records of `size` bytes.
fn records(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / size * (size + 5));
    for part in bytes.chunks(size) {
        out.extend([22, 3, 3]);
        out.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        out.extend(part);
    }
    out
}

/// A handshake message of the server's certificates, of so many certificates of a few bytes each.
fn chain(count: usize) -> Vec<u8> {
    let list: Vec<u8> = [0, 0, 8, 0x30, 6, 2, 1, 1, 2, 1, 2].repeat(count);
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
    [vec![11], length(list.len() + 3), length(list.len()), list].concat()
}

#[test]
fn a_handshake_in_one_byte_records() {
    let size = scaled(16 << 20, 32);
    let mut message = vec![11, 0xff, 0xff, 0xff];
    message.resize(size, 0x30);
    let mut frames = negotiated();
    frames.extend(from_server(&records(&message, 1)));
    borne_capture("one-byte records", frames);
}

#[test]
fn a_chain_of_many_certificates() {
    for (name, count, size) in
        [("chain", 10_000, 16_000), ("chain in pieces", 10_000, 50), ("short chain", 5000, 9)]
    {
        let mut frames = negotiated();
        frames.extend(from_server(&records(&chain(count), size)));
        borne_capture(name, frames);
    }
}

#[test]
fn headers_of_maximal_length() {
    let count = scaled(50_000, 10);
    // A TCP header of options only, each of one byte and then one that claims more than there is.
    let mut segment = [ATTACKER.1.to_be_bytes(), VICTIM.1.to_be_bytes(), [0, 0], [0, 1]].concat();
    segment.extend([0, 0, 0, 0, 0xf0, SYN, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend([1; 38]);
    segment.extend([2, 40]);
    let options = ipv4(ATTACKER.0, VICTIM.0, 6, 1, 0, &segment);
    // An IPv6 packet of extension headers only, as long as they can be, and many short ones.
    let extended = |headers: &[u8]| {
        let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0];
        data.extend(u16::try_from(headers.len()).unwrap().to_be_bytes());
        data.extend([0, 64]);
        data.extend([0x20; 32]);
        data.extend(headers);
        frame(data)
    };
    let long = extended(&[&[0, 255][..], &[0; 2046]].concat().repeat(3));
    let short = extended(&[0; 8].repeat(180));
    // Tunnels in tunnels: IPv4 in IPv4.
    let inner = (0..40).fold(options.data[14..].to_vec(), |inner, _| {
        ipv4(ATTACKER.0, VICTIM.0, 4, 1, 0, &inner).data[14..].to_vec()
    });
    let tunnels = frame([&options.data[..14], &inner].concat());
    let all = [options, long, short, tunnels];
    borne_capture("headers", all.iter().cycle().take(count).cloned().collect());
}

/// A pcapng block of little-endian byte order.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}

fn section(options: &[u8]) -> Vec<u8> {
    block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8], options].concat())
}

fn interface(options: &[u8]) -> Vec<u8> {
    block(1, &[&[1, 0, 0, 0, 0, 0, 4, 0][..], options].concat())
}

/// A packet of an interface; times in microseconds.
fn packet(interface: u32, frame: &Frame, options: &[u8]) -> Vec<u8> {
    let time = u64::try_from(frame.time / 1000).unwrap();
    let time = time.to_le_bytes();
    let (low, high) = time.split_at(4);
    let length = u32::try_from(frame.data.len()).unwrap().to_le_bytes();
    let mut body = [&interface.to_le_bytes()[..], high, low, &length, &length, &frame.data].concat();
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(options);
    block(6, &body)
}

/// An option as long as an option can be.
fn longest(code: u16) -> Vec<u8> {
    let mut option = [code.to_le_bytes(), 65_532_u16.to_le_bytes()].concat();
    option.resize(4 + 65_532, b'x');
    option
}

/// The attack, then the sample in a section of its own.
fn borne_pcapng(name: &str, attack: &[u8]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attack.pcapng");
    let plain = Path::new("samples/bad-password--windows/capture.pcapng").to_owned();
    let own = fs::read(&plain).unwrap();
    fs::write(&path, [attack, &own, attack].concat()).unwrap();
    borne(name, &[path], &[plain])
}

#[test]
fn many_interfaces_and_many_sections() {
    let count = u32::try_from(scaled(100_000, 5)).unwrap();
    let ping = ipv4(ATTACKER.0, VICTIM.0, 1, 1, 0, &[8, 0, 0, 0, 0, 0, 0, 0]);
    let mut interfaces = section(&[]);
    interfaces.extend((0..count).flat_map(|_| interface(&[])));
    interfaces.extend((0..count).flat_map(|number| packet(number, &ping, &[])));
    let outcome = borne_pcapng("interfaces", &interfaces);
    assert_eq!(outcome.noted("does not describe"), 0, "frames of every interface are read");
    let one = [section(&[]), interface(&[]), packet(0, &ping, &[])].concat();
    borne_pcapng("sections", &one.repeat(usize::try_from(count).unwrap()));
    // Interfaces that nobody described, and counts of dropped packets for as many.
    let strange: Vec<u8> = (0..count).flat_map(|number| packet(number, &ping, &[])).collect();
    let dropped = |number: u32| {
        block(5, &[&number.to_le_bytes()[..], &[0; 8], &[5, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0]].concat())
    };
    let statistics: Vec<u8> = (0..count).flat_map(dropped).collect();
    let outcome = borne_pcapng("strangers", &[section(&[]), strange, statistics].concat());
    assert_eq!(outcome.noted("description is missing"), 2, "frames that look like Ethernet are read as such");
    // Each could be the first that looks like something.
    let other = Frame { time: ping.time, data: vec![3; 60] };
    let others: Vec<u8> = (0..count).flat_map(|number| packet(number, &other, &[])).collect();
    let outcome = borne_pcapng("others", &[section(&[]), others].concat());
    assert_eq!(outcome.noted("does not describe"), 2 * u64::from(count));
}

#[test]
fn options_of_maximal_length() {
    let count = scaled(1000, 10);
    // Comments and names.
    let (comment, name) = (longest(1), longest(2));
    let ping = ipv4(ATTACKER.0, VICTIM.0, 1, 1, 0, &[8, 0, 0, 0, 0, 0, 0, 0]);
    let mut attack = section(&comment.repeat(4));
    attack.extend(interface(&name).repeat(count));
    attack.extend(packet(0, &ping, &comment).repeat(count));
    borne_pcapng("options", &attack);
}
