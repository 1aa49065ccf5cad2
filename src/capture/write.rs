//! Frames to a new next-generation capture file: one section, little-endian, an interface described before its first
//! frame.
//!
//! Keeps stamps as they were counted, so no resolution is lost. Chooses no frames. [draft-ietf-opsawg-pcapng]

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Frame;
use super::interface::Interface;
use super::raw::Raw;
use crate::base::bytes::length;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 0x0a;

/// Options of any block: its end, and a comment.
const END: u16 = 0;
const COMMENT: u16 = 1;
/// Of the section: the program that wrote it.
const APPLICATION: u16 = 4;
/// Of an interface: name, resolution and offset of its stamps.
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;
/// Of a packet: its flags word.
const FLAGS: u16 = 2;
/// Longest comment: the length of an option has 16 bits, and readers show less.
const LONGEST: usize = 8_000;

/// Writes one file.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// The numbers of the interfaces that were described, by those of the source.
    interfaces: BTreeMap<u32, u32>,
}

impl<W: Write> Writer<W> {
    /// Begins the file with its section header.
    pub fn new(out: W, application: &str, comment: &str) -> io::Result<Self> {
        let mut writer = Self { out, interfaces: BTreeMap::new() };
        let mut body = Vec::new();
        body.extend(0x1a2b_3c4d_u32.to_le_bytes());
        body.extend([1, 0, 0, 0]);
        // The length of the section is not known beforehand.
        body.extend((-1_i64).to_le_bytes());
        option(&mut body, COMMENT, comment.as_bytes());
        option(&mut body, APPLICATION, application.as_bytes());
        option(&mut body, END, &[]);
        writer.block(SECTION_HEADER, &body)?;
        Ok(writer)
    }

    /// Writes a frame with the comments of its source and new ones; describes its interface first if it is new.
    pub fn frame(
        &mut self,
        frame: &Frame<'_>,
        raw: &Raw<'_>,
        interface: &Interface,
        comments: &[String],
    ) -> io::Result<()> {
        let number = match self.interfaces.get(&frame.interface) {
            Some(number) => *number,
            None => self.describe(frame.interface, interface)?,
        };
        let [high, low] = [raw.ticks >> 32, raw.ticks & 0xffff_ffff];
        let mut body = Vec::with_capacity(frame.data.len() + 64);
        body.extend(number.to_le_bytes());
        for half in [high, low] {
            body.extend(u32::try_from(half).unwrap_or(0).to_le_bytes());
        }
        body.extend(length(frame.data).to_le_bytes());
        body.extend(frame.original.to_le_bytes());
        padded(&mut body, frame.data);
        let before = body.len();
        for comment in &raw.comments {
            option(&mut body, COMMENT, comment);
        }
        for comment in comments {
            option(&mut body, COMMENT, cut(comment).as_bytes());
        }
        if let Some(flags) = raw.flags {
            option(&mut body, FLAGS, &flags.to_le_bytes());
        }
        if body.len() > before {
            option(&mut body, END, &[]);
        }
        self.block(ENHANCED_PACKET, &body)
    }

    /// Writes secrets that decrypt the frames behind them, such as a TLS key log.
    pub fn secrets(&mut self, kind: u32, secrets: &[u8]) -> io::Result<()> {
        let mut body = Vec::new();
        body.extend(kind.to_le_bytes());
        body.extend(length(secrets).to_le_bytes());
        padded(&mut body, secrets);
        self.block(DECRYPTION_SECRETS, &body)
    }

    /// Hands over what is buffered.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn describe(&mut self, of_source: u32, interface: &Interface) -> io::Result<u32> {
        let number = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.interfaces.insert(of_source, number);
        let mut body = Vec::new();
        body.extend(interface.link.0.to_le_bytes());
        body.extend([0, 0]);
        body.extend(interface.snaplen.to_le_bytes());
        if let Some(name) = &interface.name {
            option(&mut body, NAME, cut(name).as_bytes());
        }
        option(&mut body, RESOLUTION, &[interface.resolution.to_option()]);
        if interface.offset_seconds != 0 {
            option(&mut body, OFFSET, &interface.offset_seconds.to_le_bytes());
        }
        option(&mut body, END, &[]);
        self.block(INTERFACE_DESCRIPTION, &body)?;
        Ok(number)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let total = length(body).saturating_add(12).to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&total)?;
        self.out.write_all(body)?;
        self.out.write_all(&total)
    }
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let Ok(size) = u16::try_from(value.len()) else { return };
    body.extend(code.to_le_bytes());
    body.extend(size.to_le_bytes());
    padded(body, value);
}

/// Bytes and what fills them up to a multiple of four.
fn padded(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
