//! One chunk of 64 KiB: records behind a header with the name and template tables.
//!
//! Knows records and offsets, no event. Every offset inside a chunk counts from the chunk's first byte.

use super::binxml::{self, Instance, word_hash};
use crate::support::bytes::crc32;
use std::collections::HashMap;

/// Size of a chunk on disk.
pub const CHUNK_SIZE: usize = 65_536;
/// Header with both tables.
const HEADER: usize = 512;
const NAME_TABLE: usize = 128;
const TEMPLATE_TABLE: usize = 384;

/// A chunk under construction.
#[derive(Clone)]
pub struct Chunk {
    /// From the first byte of the chunk, header included.
    pub data: Vec<u8>,
    names: HashMap<String, u32>,
    templates: HashMap<[u8; 16], u32>,
    first: Option<u64>,
    last: u64,
    last_at: u32,
}

impl Chunk {
    /// A chunk without records.
    pub fn new() -> Self {
        Self {
            data: vec![0; HEADER],
            names: HashMap::new(),
            templates: HashMap::new(),
            first: None,
            last: 0,
            last_at: HEADER as u32,
        }
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Appends a record; `false` (and the chunk as it was) when it does not fit.
    pub fn push(&mut self, id: u64, time: u64, body: &Instance) -> bool {
        let before = self.clone();
        let start = self.data.len();
        self.data.extend_from_slice(b"**\0\0\0\0\0\0");
        self.data.extend_from_slice(&id.to_le_bytes());
        self.data.extend_from_slice(&time.to_le_bytes());
        binxml::write_fragment(self, body);
        // The size stands at both ends, and records are aligned to eight bytes.
        let size = (self.data.len() - start + 4).next_multiple_of(8);
        self.data.resize(start + size - 4, 0);
        self.data.extend_from_slice(&(size as u32).to_le_bytes());
        self.data[start + 4..start + 8].copy_from_slice(&(size as u32).to_le_bytes());
        if self.data.len() > CHUNK_SIZE {
            *self = before;
            return false;
        }
        self.first.get_or_insert(id);
        self.last = id;
        self.last_at = start as u32;
        true
    }

    /// The chunk as on disk. Record numbers in the file and record ids are the same, as in logs that were never cleared.
    pub fn finish(mut self) -> Vec<u8> {
        let free = self.data.len();
        let first = self.first.unwrap_or(u64::MAX);
        self.data[..8].copy_from_slice(b"ElfChnk\0");
        for (at, value) in [(8, first), (16, self.last), (24, first), (32, self.last)] {
            self.data[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        for (at, value) in [(40, 128), (44, self.last_at), (48, free as u32), (120, 1)] {
            self.data[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        let records = crc32(&[&self.data[HEADER..free]]);
        self.data[52..56].copy_from_slice(&records.to_le_bytes());
        let header = crc32(&[&self.data[..120], &self.data[128..HEADER]]);
        self.data[124..128].copy_from_slice(&header.to_le_bytes());
        self.data.resize(CHUNK_SIZE, 0);
        self.data
    }

    /// Where this name was written, if it was.
    pub fn name(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// Enters a name written at `at`; returns the next name of the same bucket.
    pub fn add_name(&mut self, name: &str, hash: u32, at: u32) -> u32 {
        self.names.insert(name.to_owned(), at);
        self.enter(NAME_TABLE + 4 * (hash as usize % 64), at)
    }

    /// Where this template was defined, if it was.
    pub fn template(&self, id: &[u8; 16]) -> Option<u32> {
        self.templates.get(id).copied()
    }

    /// Enters a template defined at `at`; returns the next template of the same bucket.
    pub fn add_template(&mut self, id: [u8; 16], at: u32) -> u32 {
        self.templates.insert(id, at);
        let words: Vec<u16> = id.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        self.enter(TEMPLATE_TABLE + 4 * (word_hash(&words) as usize % 32), at)
    }

    /// Appends a little-endian number.
    pub fn put_u32(&mut self, value: u32) {
        self.data.extend_from_slice(&value.to_le_bytes());
    }

    /// Room for the size of what follows.
    pub fn hole(&mut self) -> usize {
        self.put_u32(0);
        self.data.len()
    }

    /// Fills a hole with the number of bytes written since.
    pub fn fill(&mut self, hole: usize) {
        let size = (self.data.len() - hole) as u32;
        self.data[hole - 4..hole].copy_from_slice(&size.to_le_bytes());
    }

    fn enter(&mut self, bucket: usize, at: u32) -> u32 {
        let old = u32::from_le_bytes(self.data[bucket..bucket + 4].try_into().unwrap());
        self.data[bucket..bucket + 4].copy_from_slice(&at.to_le_bytes());
        old
    }
}
