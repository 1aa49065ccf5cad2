//! A capture of fifty gibibytes runs through within the memory that a small one needs.
//!
//! Ignored: it takes minutes, and Linux. `cargo test --release --test main -- --ignored huge`, or with `RDPSCAN_BIN` naming
//! an optimised program. The file is sparse, so it takes no room: between long blocks of a kind that nobody knows there
//! are scans of port 3389, a thousand connections each, from addresses and ports of their own.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Gibibytes of the file, if the environment says nothing else.
const SIZE: u64 = 50;
/// A long block, and what lies between two of them.
const BLOCK: u32 = 64 << 20;
const CONNECTIONS: u32 = 1000;
/// What the process may need beyond the file's own pages: the bound of a flood.
const MOST: u64 = 512 << 20;

#[test]
#[ignore = "takes minutes"]
fn memory_does_not_grow_with_the_file() {
    let size = std::env::var("RDPSCAN_HUGE_GIB").ok().map_or(SIZE, |size| size.parse().unwrap()) << 30;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.pcapng");
    let connections = write(&mut File::create(&path).unwrap(), size);
    let report = folder.path().join("report.json");
    let program = std::env::var("RDPSCAN_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rdpscan").to_owned());
    let mut child = Command::new(program)
        .args(["analyze", "--format", "json", "-o"])
        .args([&report, &path])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let peak = peak(&mut child);
    println!("{} GiB, {connections} connections: at most {} KiB of anonymous memory", size >> 30, peak >> 10);
    assert!(peak < MOST, "{peak} bytes");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let list = |name: &str| report[name].as_array().unwrap();
    let grouped: u64 = list("groups").iter().map(|group| group["count"].as_u64().unwrap()).sum();
    assert_eq!(grouped + u64::try_from(list("connections").len()).unwrap(), u64::from(connections));
}

/// The most anonymous memory that a process has until it ends, as far as looking every few milliseconds tells.
fn peak(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let now = fs::read_to_string(&status).unwrap_or_default();
        let line = now.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kibibytes.unwrap_or(0) << 10);
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

/// Writes the capture; gives how many connections are in it.
fn write(file: &mut File, size: u64) -> u32 {
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let mut head = Vec::new();
    block(&mut head, 0x0a0d_0d0a, &section);
    block(&mut head, 1, &[1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    file.write_all(&head).unwrap();
    let mut connections = 0;
    while file.stream_position().unwrap() < size {
        let mut scan = Vec::new();
        for number in connections..connections + CONNECTIONS {
            packet(&mut scan, number, true);
            packet(&mut scan, number, false);
        }
        connections += CONNECTIONS;
        // A block of a reserved kind: its length at both ends, nothing between.
        scan.extend_from_slice(&0x0fff_u32.to_le_bytes());
        scan.extend_from_slice(&BLOCK.to_le_bytes());
        file.write_all(&scan).unwrap();
        file.seek(SeekFrom::Current(i64::from(BLOCK) - 12)).unwrap();
        file.write_all(&BLOCK.to_le_bytes()).unwrap();
    }
    connections
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    let total = u32::try_from(padded + 12).unwrap().to_le_bytes();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&total);
    out.extend_from_slice(body);
    out.resize(out.len() + padded - body.len(), 0);
    out.extend_from_slice(&total);
}

/// A SYN, or its refusal.
fn packet(out: &mut Vec<u8>, number: u32, opens: bool) {
    let [_, high, middle, low] = number.to_be_bytes();
    let (client, server) = ([10, 64 + high, middle, low], [198, 51, 100, low & 0x3f]);
    let (client_port, server_port) = (40_000 + u16::from(low), 3389_u16);
    let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    data.extend_from_slice(&[0x45, 0, 0, 40, middle, low, 0x40, 0, 64, 6, 0, 0]);
    let ends = [(client, client_port), (server, server_port)];
    let [from, to] = if opens { ends } else { [ends[1], ends[0]] };
    data.extend_from_slice(&from.0);
    data.extend_from_slice(&to.0);
    data.extend_from_slice(&from.1.to_be_bytes());
    data.extend_from_slice(&to.1.to_be_bytes());
    let (seq, ack, flags) = if opens { (1000_u32, 0_u32, 0x02) } else { (0, 1001, 0x14) };
    data.extend_from_slice(&seq.to_be_bytes());
    data.extend_from_slice(&ack.to_be_bytes());
    data.extend_from_slice(&[0x50, flags, 4, 0, 0, 0, 0, 0]);
    let time = 1_767_225_600_000_000_000 + u64::from(number) * 5_000_000 + u64::from(!opens) * 1_000_000;
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let (high, low) = (u32::try_from(time >> 32).unwrap(), u32::try_from(time & 0xffff_ffff).unwrap());
    let body = [&[0; 4][..], &high.to_le_bytes(), &low.to_le_bytes(), &length, &length, &data].concat();
    block(out, 6, &body);
}
