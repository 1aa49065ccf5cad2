//! Whether the counts in the header of a 7z archive are ones that a real archive has.
//!
//! The package that unpacks takes room for as many files, streams and coders as the header claims, before it reads the
//! first of them. So the claims are walked through first. Tells nothing else. [7zFormat.txt, of the LZMA SDK]

use std::io::Read;

use lzma_rust2::LzmaReader;

/// More files or streams than anyone packs.
const MOST: u64 = 1 << 18;
/// Coders of a folder, and streams of a coder: 7-Zip itself allows 32.
const FEW: u64 = 32;
/// Longer headers are no headers.
const LONGEST_HEADER: u64 = 64 << 20;
/// Dictionaries larger than this are refused.
const LARGEST_DICTIONARY: u64 = 1 << 30;

const SIGNATURE_HEADER: usize = 32;
const LZMA: &[u8] = &[3, 1, 1];
const LZMA2: &[u8] = &[0x21];
const AES: &[u8] = &[6, 0xf1, 7, 1];

mod id {
    pub const END: u8 = 0x00;
    pub const HEADER: u8 = 0x01;
    pub const ARCHIVE_PROPERTIES: u8 = 0x02;
    pub const MAIN_STREAMS: u8 = 0x04;
    pub const FILES: u8 = 0x05;
    pub const PACK: u8 = 0x06;
    pub const UNPACK: u8 = 0x07;
    pub const SUBSTREAMS: u8 = 0x08;
    pub const SIZE: u8 = 0x09;
    pub const CRC: u8 = 0x0a;
    pub const FOLDER: u8 = 0x0b;
    pub const CODERS_UNPACK_SIZE: u8 = 0x0c;
    pub const NUM_UNPACK_STREAM: u8 = 0x0d;
    pub const ENCODED_HEADER: u8 = 0x17;
}

type Checked<T> = Result<T, &'static str>;

const CUT: &str = "its header is cut short";
const COUNTS: &str = "its header claims more than an archive can hold";
const UNKNOWN: &str = "its header is of a kind that is not read";

/// Says why an archive must not be opened, if so.
pub(super) fn check(archive: &[u8]) -> Checked<()> {
    let number = |at: usize| archive.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let (offset, length) = (number(12).ok_or(CUT)?, number(20).ok_or(CUT)?);
    if length > LONGEST_HEADER {
        return Err(COUNTS);
    }
    let header = part(archive, offset, length).filter(|header| !header.is_empty()).ok_or(CUT)?;
    let mut walk = Walk(header);
    if walk.byte()? == id::HEADER {
        return walk.header();
    }
    if header.first() != Some(&id::ENCODED_HEADER) {
        return Err(UNKNOWN);
    }
    let streams = walk.streams()?;
    let decoded = decoded(archive, &streams)?;
    let mut walk = Walk(&decoded);
    if walk.byte()? == id::HEADER { walk.header() } else { Err(UNKNOWN) }
}

/// A range behind the signature header.
fn part(archive: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?.checked_add(SIGNATURE_HEADER)?;
    archive.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

/// The header that is packed itself: always by one LZMA coder, unless it is encrypted.
fn decoded(archive: &[u8], streams: &Streams) -> Checked<Vec<u8>> {
    let [folder] = streams.folders.as_slice() else { return Err(UNKNOWN) };
    let [coder] = folder.coders.as_slice() else { return Err(UNKNOWN) };
    let (Some(size), Some(packed)) = (streams.unpack_sizes.first(), streams.pack_sizes.first()) else {
        return Err(UNKNOWN);
    };
    let (Some(properties), LZMA) = (coder.lzma, coder.id.as_slice()) else { return Err(UNKNOWN) };
    if *size > LONGEST_HEADER {
        return Err(COUNTS);
    }
    let packed = part(archive, streams.pack_pos, *packed).ok_or(CUT)?;
    let mut bytes = Vec::new();
    let mut reader = LzmaReader::new_with_props(packed, *size, properties.0, properties.1, None)
        .map_err(|_| "its header cannot be unpacked")?;
    reader.by_ref().take(*size).read_to_end(&mut bytes).map_err(|_| "its header cannot be unpacked")?;
    Ok(bytes)
}

#[derive(Debug, Default)]
struct Streams {
    pack_pos: u64,
    pack_sizes: Vec<u64>,
    folders: Vec<Folder>,
    unpack_sizes: Vec<u64>,
}

#[derive(Debug)]
struct Folder {
    coders: Vec<Coder>,
    streams_out: u64,
    has_crc: bool,
}

#[derive(Debug)]
struct Coder {
    id: Vec<u8>,
    /// Property byte and size of the dictionary, of LZMA.
    lzma: Option<(u8, u32)>,
}

/// A cursor over a header.
struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    fn byte(&mut self) -> Checked<u8> {
        let (first, rest) = self.0.split_first().ok_or(CUT)?;
        self.0 = rest;
        Ok(*first)
    }

    fn bytes(&mut self, length: u64) -> Checked<&'a [u8]> {
        let (first, rest) =
            usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length)).ok_or(CUT)?;
        self.0 = rest;
        Ok(first)
    }

    /// A number of one to nine bytes: the leading ones of the first say how many follow.
    fn number(&mut self) -> Checked<u64> {
        let first = self.byte()?;
        let mut value = 0_u64;
        for at in 0..8 {
            let mask = 0x80_u8 >> at;
            if first & mask == 0 {
                return Ok(value | (u64::from(first & (mask - 1)) << (8 * at)));
            }
            value |= u64::from(self.byte()?) << (8 * at);
        }
        Ok(value)
    }

    fn count(&mut self, most: u64) -> Checked<u64> {
        let count = self.number()?;
        if count > most { Err(COUNTS) } else { Ok(count) }
    }

    fn header(&mut self) -> Checked<()> {
        let mut next = self.byte()?;
        if next == id::ARCHIVE_PROPERTIES {
            while self.byte()? != id::END {
                let length = self.number()?;
                self.bytes(length)?;
            }
            next = self.byte()?;
        }
        if next == id::MAIN_STREAMS {
            self.streams()?;
            next = self.byte()?;
        }
        match next {
            id::FILES => self.count(MOST).map(|_| ()),
            id::END => Ok(()),
            _ => Err(UNKNOWN),
        }
    }

    fn streams(&mut self) -> Checked<Streams> {
        let mut streams = Streams::default();
        loop {
            match self.byte()? {
                id::END => return Ok(streams),
                id::PACK => self.pack(&mut streams)?,
                id::UNPACK => self.unpack(&mut streams)?,
                id::SUBSTREAMS => self.substreams(&streams)?,
                _ => return Err(UNKNOWN),
            }
        }
    }

    fn pack(&mut self, streams: &mut Streams) -> Checked<()> {
        streams.pack_pos = self.number()?;
        let count = self.count(MOST)?;
        loop {
            match self.byte()? {
                id::END => return Ok(()),
                id::SIZE => {
                    for _ in 0..count {
                        let size = self.number()?;
                        streams.pack_sizes.push(size);
                    }
                }
                id::CRC => self.digests(count).map(|_| ())?,
                _ => return Err(UNKNOWN),
            }
        }
    }

    fn unpack(&mut self, streams: &mut Streams) -> Checked<()> {
        if self.byte()? != id::FOLDER {
            return Err(UNKNOWN);
        }
        let count = self.count(MOST)?;
        // Another place for the folders is possible by the format and never used.
        if self.byte()? != 0 {
            return Err(UNKNOWN);
        }
        for _ in 0..count {
            let folder = self.folder()?;
            streams.folders.push(folder);
        }
        if self.byte()? != id::CODERS_UNPACK_SIZE {
            return Err(UNKNOWN);
        }
        for _ in 0..streams.folders.iter().map(|folder| folder.streams_out).sum() {
            let size = self.number()?;
            streams.unpack_sizes.push(size);
        }
        loop {
            match self.byte()? {
                id::END => return Ok(()),
                id::CRC => {
                    let defined = self.digests(count)?;
                    for (folder, defined) in streams.folders.iter_mut().zip(defined) {
                        folder.has_crc = defined;
                    }
                }
                _ => return Err(UNKNOWN),
            }
        }
    }

    fn folder(&mut self) -> Checked<Folder> {
        let (mut streams_in, mut streams_out) = (0, 0);
        let mut coders = Vec::new();
        for _ in 0..self.count(FEW)? {
            let flags = self.byte()?;
            if flags & 0xc0 != 0 {
                return Err(UNKNOWN);
            }
            let id = self.bytes(u64::from(flags & 0xf))?.to_vec();
            let (into, out) = if flags & 0x10 == 0 { (1, 1) } else { (self.count(FEW)?, self.count(FEW)?) };
            streams_in += into;
            streams_out += out;
            let length = if flags & 0x20 == 0 { 0 } else { self.number()? };
            coders.push(coder(id, self.bytes(length)?)?);
        }
        let pairs = u64::checked_sub(streams_out, 1).ok_or(UNKNOWN)?;
        for _ in 0..pairs {
            self.number()?;
            self.number()?;
        }
        let packed = u64::checked_sub(streams_in, pairs).ok_or(UNKNOWN)?;
        if packed > 1 {
            for _ in 0..packed {
                self.number()?;
            }
        }
        Ok(Folder { coders, streams_out, has_crc: false })
    }

    fn substreams(&mut self, streams: &Streams) -> Checked<()> {
        let mut counts = vec![1_u64; streams.folders.len()];
        let mut next = self.byte()?;
        if next == id::NUM_UNPACK_STREAM {
            for count in &mut counts {
                *count = self.count(MOST)?;
            }
            next = self.byte()?;
        }
        if counts.iter().sum::<u64>() > MOST {
            return Err(COUNTS);
        }
        if next == id::SIZE {
            for _ in 0..counts.iter().map(|count| count.saturating_sub(1)).sum() {
                self.number()?;
            }
            next = self.byte()?;
        }
        if next == id::CRC {
            let known = |(folder, count): &(&Folder, &u64)| folder.has_crc && **count == 1;
            let open = streams
                .folders
                .iter()
                .zip(&counts)
                .filter(|pair| !known(pair))
                .map(|(_, count)| *count)
                .sum();
            self.digests(open)?;
            next = self.byte()?;
        }
        if next == id::END { Ok(()) } else { Err(UNKNOWN) }
    }

    /// Which of `count` have a checksum; the sums are passed over.
    fn digests(&mut self, count: u64) -> Checked<Vec<bool>> {
        let defined: Vec<bool> = if self.byte()? == 0 {
            let bits = self.bytes(count.div_ceil(8))?;
            let bits = bits.iter().flat_map(|byte| (0..8).map(move |at| byte & (0x80 >> at) != 0));
            bits.take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
        } else {
            (0..count).map(|_| true).collect()
        };
        let sums = defined.iter().filter(|defined| **defined).count();
        self.bytes(u64::try_from(sums).unwrap_or(u64::MAX).saturating_mul(4))?;
        Ok(defined)
    }
}

fn coder(id: Vec<u8>, properties: &[u8]) -> Checked<Coder> {
    if id == AES {
        return Err("it is encrypted: give it without a password");
    }
    let mut lzma = None;
    let dictionary = match (id.as_slice(), properties) {
        (LZMA, [first, size @ ..]) => {
            let size = u32::from_le_bytes(*size.first_chunk().ok_or(CUT)?);
            lzma = Some((*first, size));
            u64::from(size)
        }
        (LZMA, []) => return Err(CUT),
        (LZMA2, [bits]) if *bits <= 40 => u64::from(2 | (bits & 1)) << (bits / 2 + 11),
        (LZMA2, _) => return Err(UNKNOWN),
        _ => 0,
    };
    if dictionary > LARGEST_DICTIONARY { Err(COUNTS) } else { Ok(Coder { id, lzma }) }
}
