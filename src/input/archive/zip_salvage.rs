//! A zip whose directory is missing because its end is: the members are found by their own headers.

use std::io::Read;

use flate2::read::DeflateDecoder;

use super::Opened;
use crate::input::limits::Metered;
use crate::input::name;

/// APPNOTE.TXT 4.3.7
const SIGNATURE: &[u8] = b"PK\x03\x04";
const ENCRYPTED: u16 = 1;
/// The sizes stand behind the data. APPNOTE.TXT 4.4.4
const SIZES_FOLLOW: u16 = 1 << 3;
/// The size stands in an extra field. APPNOTE.TXT 4.5.3
const ZIP64: u32 = u32::MAX;

/// One local file header. APPNOTE.TXT 4.3.7
struct Header {
    flags: u16,
    method: u16,
    /// Bytes of data, where that is known.
    packed: Option<usize>,
    name: String,
    /// Where the data begins.
    data: usize,
}

/// Hands over every file up to where the archive breaks off.
pub(super) fn read(bytes: &[u8], opened: &mut Opened<'_, '_>) {
    opened.to.damaged_archive(opened.path, "its end with the list of members is missing");
    let mut at = 0;
    while let Some(found) = next(bytes, at) {
        let Some(header) = header(bytes, found) else {
            at = found + SIGNATURE.len();
            continue;
        };
        at = header.data;
        if let Some(packed) = header.packed {
            at = at.saturating_add(packed);
        }
        if header.name.ends_with('/') {
            continue;
        }
        if !opened.to.next_member(opened.path, &header.name) {
            return;
        }
        member(bytes, &header, opened);
    }
}

fn member(bytes: &[u8], header: &Header, opened: &mut Opened<'_, '_>) {
    let rest = bytes.get(header.data..).unwrap_or_default();
    let data = header.packed.and_then(|packed| rest.get(..packed));
    if header.flags & ENCRYPTED != 0 {
        return opened.to.unreadable(opened.path, &header.name, "is encrypted: give it without a password");
    }
    // Deflated data knows its own end.
    let stream: Box<dyn Read + '_> = match (header.method, data) {
        (0, Some(data)) => Box::new(data),
        (0, None) if header.packed.is_some() => Box::new(rest.chain(Cut)),
        (0, None) => Box::new(next(rest, 0).and_then(|end| rest.get(..end)).unwrap_or(rest)),
        (8, data) => Box::new(DeflateDecoder::new(data.unwrap_or(rest))),
        (method, _) => {
            let why = format!("is packed by method {method}, which is not read here");
            return opened.to.unreadable(opened.path, &header.name, &why);
        }
    };
    let mut stream = Metered::new(stream, opened.to.budget());
    opened.to.member(opened.path, &header.name, &mut stream, opened.depth);
}

/// What follows data that breaks off.
struct Cut;

impl Read for Cut {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }
}

fn next(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(SIGNATURE.len()).position(|window| window == SIGNATURE).map(|at| from + at)
}

fn header(bytes: &[u8], at: usize) -> Option<Header> {
    let header = bytes.get(at..)?;
    let word = |at: usize| Some(u16::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let packed = u32::from_le_bytes(*header.get(18..)?.first_chunk()?);
    let flags = word(6)?;
    let name_end = 30 + usize::from(word(26)?);
    let known = flags & SIZES_FOLLOW == 0 && packed != ZIP64;
    Some(Header {
        flags,
        method: word(8)?,
        packed: known.then(|| usize::try_from(packed).ok()).flatten(),
        name: name::decoded(header.get(30..name_end)?),
        data: at + name_end + usize::from(word(28)?),
    })
}
