//! An event log file: the header block and its chunks.
//!
//! Takes finished record bodies; what an event is stands in `event.rs`. The layout follows logs written by Windows
//! (version 3.1, header block of 4096 bytes, chunks of 64 KiB, all four checksums).

pub mod binxml;
pub mod chunk;

use super::bytes::{Nanos, crc32, filetime};
use binxml::Instance;
use chunk::Chunk;

const HEADER_BLOCK: usize = 4096;

/// A log under construction.
pub struct Log {
    full: Vec<Chunk>,
    open: Chunk,
    next_id: u64,
}

impl Log {
    /// A log without records; `next_id` is what the header tells if none is written.
    pub fn new(next_id: u64) -> Self {
        Self { full: Vec::new(), open: Chunk::new(), next_id }
    }

    /// Appends a record. Ids must rise; they may leave gaps, as in a log that has wrapped.
    pub fn push(&mut self, id: u64, time: Nanos, body: &Instance) {
        assert!(id >= self.next_id, "record {id} after record {}", self.next_id - 1);
        let stamp = filetime(time);
        if !self.open.push(id, stamp, body) {
            self.start_chunk();
            assert!(self.open.push(id, stamp, body), "record {id} does not fit into a chunk");
        }
        self.next_id = id + 1;
    }

    /// Ends the chunk, as Windows does when it is full. Nothing happens in an empty one.
    pub fn start_chunk(&mut self) {
        if !self.open.is_empty() {
            self.full.push(std::mem::replace(&mut self.open, Chunk::new()));
        }
    }

    /// The file.
    pub fn finish(mut self) -> Vec<u8> {
        self.start_chunk();
        let chunks = self.full.len();
        let mut out = vec![0; HEADER_BLOCK];
        out[..8].copy_from_slice(b"ElfFile\0");
        out[16..24].copy_from_slice(&(chunks as u64).saturating_sub(1).to_le_bytes());
        out[24..32].copy_from_slice(&self.next_id.to_le_bytes());
        out[32..36].copy_from_slice(&128_u32.to_le_bytes());
        for (at, value) in [(36, 1_u16), (38, 3), (40, HEADER_BLOCK as u16), (42, chunks as u16)] {
            out[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        let crc = crc32(&[&out[..120]]);
        out[124..128].copy_from_slice(&crc.to_le_bytes());
        for chunk in self.full {
            out.extend(chunk.finish());
        }
        out
    }
}
