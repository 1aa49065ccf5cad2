//! The containers: pcapng with nanoseconds, and classic pcap with microseconds.
//!
//! Knows frames as bytes with a time only.

use crate::support::bytes::Nanos;

/// A frame to be written.
#[derive(Clone)]
pub struct Frame {
    pub time: Nanos,
    pub data: Vec<u8>,
}

/// A little-endian pcapng file with one Ethernet interface, times in nanoseconds, frames in the given order.
pub fn pcapng(frames: &[Frame]) -> Vec<u8> {
    pcapng_cut(frames, usize::MAX)
}

/// The same with every frame cut at a snapshot length.
pub fn pcapng_cut(frames: &[Frame], snap: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend_from_slice(&[1, 0, 0, 0]);
    section.extend_from_slice(&(-1_i64).to_le_bytes());
    block(&mut out, 0x0a0d_0d0a, &section);
    // Ethernet, snap length 262144; if_tsresol 9; end of options.
    block(&mut out, 1, &[1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    for frame in frames {
        let time = u64::try_from(frame.time).expect("a time after 1970");
        let kept = &frame.data[..frame.data.len().min(snap)];
        let mut body = vec![0; 4];
        body.extend_from_slice(&((time >> 32) as u32).to_le_bytes());
        body.extend_from_slice(&(time as u32).to_le_bytes());
        body.extend_from_slice(&(kept.len() as u32).to_le_bytes());
        body.extend_from_slice(&(frame.data.len() as u32).to_le_bytes());
        body.extend_from_slice(kept);
        block(&mut out, 6, &body);
    }
    out
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    let length = (padded as u32 + 12).to_le_bytes();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&length);
    out.extend_from_slice(body);
    out.resize(out.len() + padded - body.len(), 0);
    out.extend_from_slice(&length);
}

/// A little-endian pcap file of Ethernet frames, times cut to microseconds.
pub fn pcap(frames: &[Frame]) -> Vec<u8> {
    let mut out = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    out.extend_from_slice(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
    for frame in frames {
        let micros = frame.time / 1000;
        let length = frame.data.len() as u32;
        for value in [(micros / 1_000_000) as u32, (micros % 1_000_000) as u32, length, length] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&frame.data);
    }
    out
}
