//! What the benches read: a capture of mixed traffic, and a log of many chunks.

use std::fs;

/// Connections of 60 segments side by side, every twentieth to port 3389, the rest to 443; two sizes of segment.
pub fn capture(size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(size + 4096);
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    block(&mut out, 0x0a0d_0d0a, &section);
    block(&mut out, 1, &[1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    let mut number = 0_u32;
    while out.len() < size {
        // Forty connections run at a time, each a segment in turn.
        let connection = number / 2400 * 40 + number % 40;
        frame(&mut out, number, connection, number % 2400 / 40);
        number += 1;
    }
    out
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    let length = u32::try_from(padded + 12).unwrap().to_le_bytes();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&length);
    out.extend_from_slice(body);
    out.resize(out.len() + padded - body.len(), 0);
    out.extend_from_slice(&length);
}

/// Segment `step` of a connection: SYN, SYN-ACK, ACK, a connection request and its confirm, then data.
fn frame(out: &mut Vec<u8>, number: u32, connection: u32, step: u32) {
    const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
    const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0];
    let is_rdp = connection.is_multiple_of(20);
    let to_server = step != 1 && (step < 4 || step.is_multiple_of(3));
    let record = |length: u16| {
        let mut record = vec![23, 3, 3];
        record.extend_from_slice(&length.to_be_bytes());
        record.extend((0..length).map(|at| at.to_le_bytes()[0] ^ step.to_le_bytes()[0]));
        record
    };
    let (flags, payload) = match step {
        0 => (0x02, Vec::new()),
        1 => (0x12, Vec::new()),
        2 => (0x10, Vec::new()),
        3 if is_rdp => (0x18, REQUEST.to_vec()),
        4 if is_rdp => (0x18, CONFIRM.to_vec()),
        _ => (0x18, record(if to_server { 60 } else { 1400 })),
    };
    let port: u16 = if is_rdp { 3389 } else { 443 };
    let [_, _, high, low] = connection.to_be_bytes();
    let client = ([192, 0, 2, low], 20_000 + u16::from_be_bytes([high & 0x3f, low]));
    let server = ([198, 51, 100, high], port);
    let (from, to) = if to_server { (client, server) } else { (server, client) };
    // Sequence numbers as if every earlier step of this side had been of the same size: exact enough for a clock.
    let side = |size: u32| 1000 + if step > 4 { (step - 4) * size } else { step.min(1) };
    let (seq, ack) = if to_server { (side(65), side(1405)) } else { (side(1405), side(65)) };

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
    let data = [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0][..], &ip, &payload].concat();

    let time = 1_767_225_600_000_000_000 + u64::from(number) * 20_000;
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let (high, low) = (u32::try_from(time >> 32).unwrap(), u32::try_from(time & 0xffff_ffff).unwrap());
    let body = [&[0; 4][..], &high.to_le_bytes(), &low.to_le_bytes(), &length, &length, &data].concat();
    block(out, 6, &body);
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
