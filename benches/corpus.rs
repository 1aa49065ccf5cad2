//! What the benches read: captures of mixed traffic, of sessions and of a flood, and a log of many chunks. The same
//! arguments give the same bytes.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Nanoseconds between two frames.
const STEP: u64 = 20_000;
/// Connections of a capture that run side by side, and the segments of each.
const SIDE_BY_SIDE: u32 = 40;
const SEGMENTS: u32 = 60;
/// Connections of a flood that run side by side.
const ROUND: u32 = 2000;

/// Connections of 60 segments side by side, every `nth` to port 3389, the rest to 443; two sizes of segment.
pub fn capture(out: &mut impl Write, size: u64, nth: u32) -> io::Result<()> {
    let mut written = begin(out)?;
    let mut number = 0_u32;
    while written < size {
        // Forty connections run at a time, each a segment in turn.
        let round = SIDE_BY_SIDE * SEGMENTS;
        let connection = number / round * SIDE_BY_SIDE + number % SIDE_BY_SIDE;
        let frame =
            segment(number, connection, number % round / SIDE_BY_SIDE, connection.is_multiple_of(nth));
        written += enhanced(out, number, &frame)?;
        number += 1;
    }
    Ok(())
}

/// Short connections to port 3389, each from another address: scans, refusals, resets, requests that are refused.
pub fn flood(out: &mut impl Write, flows: u32) -> io::Result<()> {
    begin(out)?;
    let mut number = 0_u32;
    for round in 0..flows.div_ceil(ROUND) {
        let connections = round * ROUND..flows.min((round + 1) * ROUND);
        for step in 0..6 {
            for connection in connections.clone() {
                if let Some(frame) = flood_segment(number, connection, step) {
                    enhanced(out, number, &frame)?;
                    number += 1;
                }
            }
        }
    }
    Ok(())
}

/// Writes all corpora to a folder, the captures of `mebibytes` each, the flood of a thousand flows for each of these.
pub fn write(folder: &Path, mebibytes: u32) -> io::Result<()> {
    let size = u64::from(mebibytes) << 20;
    let file =
        |name: &str| File::create(folder.join(name)).map(|file| BufWriter::with_capacity(1 << 20, file));
    capture(&mut file("mixed.pcapng")?, size, 20)?;
    capture(&mut file("rdp.pcapng")?, size, 1)?;
    flood(&mut file("flood.pcapng")?, mebibytes.saturating_mul(1000))?;
    file("log.evtx")?.write_all(&log(usize::try_from(size / 4).unwrap()))
}

fn begin(out: &mut impl Write) -> io::Result<u64> {
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let interface = [1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0];
    Ok(block(out, 0x0a0d_0d0a, &section)? + block(out, 1, &interface)?)
}

fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<u64> {
    let padded = body.len().next_multiple_of(4);
    let total = u32::try_from(padded + 12).unwrap();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&total.to_le_bytes())?;
    out.write_all(body)?;
    out.write_all(&[0; 3][..padded - body.len()])?;
    out.write_all(&total.to_le_bytes())?;
    Ok(u64::from(total))
}

fn enhanced(out: &mut impl Write, number: u32, data: &[u8]) -> io::Result<u64> {
    let time = 1_767_225_600_000_000_000 + u64::from(number) * STEP;
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let (high, low) = (u32::try_from(time >> 32).unwrap(), u32::try_from(time & 0xffff_ffff).unwrap());
    let body = [&[0; 4][..], &high.to_le_bytes(), &low.to_le_bytes(), &length, &length, data].concat();
    block(out, 6, &body)
}

const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0];
/// HYBRID_REQUIRED_BY_SERVER. [MS-RDPBCGR] 2.2.1.2.2
const REFUSAL: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 5, 0, 0, 0];
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const PUSH: u8 = 0x18;

/// Segment `step` of a connection: SYN, SYN-ACK, ACK, a connection request and its confirm, then data.
fn segment(number: u32, connection: u32, step: u32, is_rdp: bool) -> Vec<u8> {
    let to_server = step != 1 && (step < 4 || step.is_multiple_of(3));
    let record = |length: u16| {
        let mut record = vec![23, 3, 3];
        record.extend_from_slice(&length.to_be_bytes());
        record.extend((0..length).map(|at| at.to_le_bytes()[0] ^ step.to_le_bytes()[0]));
        record
    };
    let (flags, payload) = match step {
        0 => (SYN, Vec::new()),
        1 => (SYN | ACK, Vec::new()),
        2 => (ACK, Vec::new()),
        3 if is_rdp => (PUSH, REQUEST.to_vec()),
        4 if is_rdp => (PUSH, CONFIRM.to_vec()),
        _ => (PUSH, record(if to_server { 60 } else { 1400 })),
    };
    let port: u16 = if is_rdp { 3389 } else { 443 };
    let [_, _, high, low] = connection.to_be_bytes();
    let client = ([192, 0, 2, low], 20_000 + u16::from_be_bytes([high & 0x3f, low]));
    let server = ([198, 51, 100, high], port);
    // Sequence numbers as if every earlier step of this side had been of the same size: exact enough for a clock.
    let side = |size: u32| 1000 + if step > 4 { (step - 4) * size } else { step.min(1) };
    let numbers = if to_server { (side(65), side(1405)) } else { (side(1405), side(65)) };
    let ends = if to_server { (client, server) } else { (server, client) };
    frame(number, ends, numbers, flags, &payload)
}

/// Segment `step` of a connection of the flood, of which there are five kinds; none behind its last one.
fn flood_segment(number: u32, connection: u32, step: u32) -> Option<Vec<u8>> {
    let [_, high, middle, low] = connection.to_be_bytes();
    let client = ([10, 64 + high, middle, low], 40_000 + u16::from_be_bytes([middle & 0x3f, low]));
    let server = ([198, 51, 100, low & 0x3f], 3389);
    let (up, down) = ((client, server), (server, client));
    let length = 19;
    let (ends, numbers, flags, payload): (_, _, _, &[u8]) = match (connection % 20, step) {
        (_, 0) | (0..2, 1 | 2) => (up, (1000, 0), SYN, &[]),
        (2..9, 1) => (down, (0, 1001), RST | ACK, &[]),
        (9.., 1) => (down, (5000, 1001), SYN | ACK, &[]),
        (9.., 2) => (up, (1001, 5001), ACK, &[]),
        (9..14, 3) => (up, (1001, 5001), RST | ACK, &[]),
        (14.., 3) => (up, (1001, 5001), PUSH, &REQUEST),
        (14..17, 4) => (down, (5001, 1001 + length), RST | ACK, &[]),
        (17.., 4) => (down, (5001, 1001 + length), PUSH, &REFUSAL),
        (17.., 5) => (up, (1001 + length, 5001 + length), RST | ACK, &[]),
        _ => return None,
    };
    Some(frame(number, ends, numbers, flags, payload))
}

type End = ([u8; 4], u16);

fn frame(number: u32, (from, to): (End, End), (seq, ack): (u32, u32), flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x45, 0];
    ip.extend_from_slice(&u16::try_from(40 + payload.len()).unwrap().to_be_bytes());
    ip.extend_from_slice(&number.to_be_bytes()[2..]);
    ip.extend_from_slice(&[0x40, 0, 64, 6, 0, 0]);
    ip.extend_from_slice(&from.0);
    ip.extend_from_slice(&to.0);
    ip.extend_from_slice(&from.1.to_be_bytes());
    ip.extend_from_slice(&to.1.to_be_bytes());
    ip.extend_from_slice(&seq.to_be_bytes());
    ip.extend_from_slice(&ack.to_be_bytes());
    ip.extend_from_slice(&[0x50, flags, 4, 0, 0, 0, 0, 0]);
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0][..], &ip, payload].concat()
}

/// A log of the size of a busy server's: the chunks of the samples' logs, again and again.
pub fn log(size: usize) -> Vec<u8> {
    /// Where the first chunk starts.
    const FILE_HEADER: usize = 4096;
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
    let mut folders: Vec<_> = fs::read_dir(samples).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let logs: Vec<Vec<u8>> =
        folders.iter().filter_map(|folder| fs::read(folder.join("events.evtx")).ok()).collect();
    let mut out = logs[0][..FILE_HEADER].to_vec();
    // As many chunks as the file header counts, so that none is said to be missing.
    out[0x2a..0x2c].copy_from_slice(&[0, 0]);
    for log in logs.iter().cycle() {
        if out.len() >= size {
            break;
        }
        out.extend_from_slice(&log[FILE_HEADER..]);
    }
    out
}
