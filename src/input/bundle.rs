//! The user's paths to the captures and logs behind them.
//!
//! Folders are walked in name order, compressed files are unpacked to an unlinked temporary file, and what
//! cannot be used is named in a note. Nothing is ever written under a name that came from the input.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::format::{Compression, Format};
use super::map::Bytes;
use crate::base::{Error, NoteKind, Notes, SourceId};

/// One usable input.
#[derive(Debug)]
pub struct Input {
    /// Its number in the report.
    pub id: SourceId,
    /// Its path as given, or `-`.
    pub path: PathBuf,
    /// Capture or log.
    pub kind: InputKind,
    /// The format in words: `pcapng`, `pcap.gz`.
    pub format: String,
    /// Its bytes, unpacked.
    pub bytes: Bytes,
}

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Frames in classic format.
    Pcap,
    /// Frames in next-generation format.
    PcapNg,
    /// Event records.
    Evtx,
}

/// Everything that was handed over.
#[derive(Debug)]
pub struct Bundle {
    inputs: Vec<Input>,
    /// What could not be used.
    pub notes: Notes,
}

/// Folders deeper than this are not entered: links can make circles.
const MAX_DEPTH: usize = 16;
/// Files in one run: more is a mistaken path.
const MAX_FILES: usize = 100_000;
/// Bytes that a compressed capture may unpack to.
const MAX_UNPACKED: u64 = 256 << 30;

impl Bundle {
    /// Opens all paths. Fails only if nothing at all can be analysed.
    pub fn open(paths: &[PathBuf], mapped: bool) -> Result<Self, Error> {
        let mut notes = Notes::new();
        let mut inputs = Vec::new();
        let mut reasons = Vec::new();
        for path in paths {
            let before = inputs.len() + reasons.len();
            for file in files_below(path, &mut reasons) {
                let id = SourceId(u32::try_from(inputs.len()).unwrap_or(u32::MAX));
                match open_one(id, &file, mapped) {
                    Ok(input) => inputs.push(input),
                    Err(refusal) => {
                        // A folder holds many things that are no evidence: only what was named, or what looks
                        // like evidence, is worth a word.
                        if refusal.worth_saying || *path == file {
                            let says = format!("{}: {}", file.display(), refusal.says);
                            notes.add_detail(refusal.kind, None, says.clone());
                            reasons.push(says);
                        }
                    }
                }
            }
            if inputs.len() + reasons.len() == before {
                reasons.push(format!(
                    "{}: no capture and no event log in this folder; give .pcap, .pcapng or .evtx files",
                    path.display()
                ));
                notes.add_detail(
                    NoteKind::NotUnderstood,
                    None,
                    format!("{}: no capture and no event log in this folder", path.display()),
                );
            }
        }
        if inputs.is_empty() {
            return Err(Error::NoUsableInput { reasons });
        }
        Ok(Self { inputs, notes })
    }

    /// All inputs.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The captures.
    pub fn captures(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().filter(|input| input.kind != InputKind::Evtx)
    }

    /// The event logs.
    pub fn logs(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().filter(|input| input.kind == InputKind::Evtx)
    }
}

/// Why a file is not used.
struct Refusal {
    kind: NoteKind,
    says: String,
    worth_saying: bool,
}

impl Refusal {
    fn unreadable(error: &io::Error) -> Self {
        Self { kind: NoteKind::UnreadableInput, says: format!("cannot be read: {error}"), worth_saying: true }
    }
}

/// The path itself, or every file below it, in name order.
fn files_below(path: &Path, reasons: &mut Vec<String>) -> Vec<PathBuf> {
    if path == Path::new("-") || !path.is_dir() {
        return vec![path.to_path_buf()];
    }
    let mut files = Vec::new();
    let mut folders = vec![(path.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                reasons.push(format!("{}: cannot be listed: {error}", folder.display()));
                continue;
            }
        };
        for entry in entries.flatten() {
            let below = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => folders.push((below, depth + 1)),
                Ok(kind) if !kind.is_dir() && below.is_file() && files.len() < MAX_FILES => files.push(below),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

fn open_one(id: SourceId, path: &Path, mapped: bool) -> Result<Input, Refusal> {
    let mut bytes = whole(path, mapped).map_err(|error| Refusal::unreadable(&error))?;
    let mut wrapping = "";
    let mut format = Format::of(&bytes);
    if let Format::Compressed(compression) = format {
        bytes = unpack(&bytes, compression, mapped).map_err(|error| Refusal::unreadable(&error))?;
        wrapping = if compression == Compression::Gzip { ".gz" } else { ".zst" };
        format = Format::of(&bytes);
    }
    let kind = kind_of(format, path)?;
    Ok(Input { id, path: path.to_path_buf(), kind, format: format!("{}{wrapping}", format.name()), bytes })
}

/// The bytes of a path. What is no file (standard input, a named pipe, a device) is a stream.
fn whole(path: &Path, mapped: bool) -> io::Result<Bytes> {
    if path == Path::new("-") {
        return spool(&mut io::stdin().lock(), mapped);
    }
    let mut file = File::open(path)?;
    if file.metadata()?.is_file() { Bytes::of_file(file, mapped) } else { spool(&mut file, mapped) }
}

/// What a format holds, or why it is not used.
fn kind_of(format: Format, path: &Path) -> Result<InputKind, Refusal> {
    Ok(match format {
        Format::Pcap => InputKind::Pcap,
        Format::PcapNg => InputKind::PcapNg,
        Format::Evtx => InputKind::Evtx,
        Format::Foreign(foreign) => {
            return Err(Refusal {
                kind: NoteKind::NeedsConversion,
                says: format!("is a {}: {}", foreign.name, foreign.convert),
                worth_saying: true,
            });
        }
        Format::Empty => {
            return Err(Refusal {
                kind: NoteKind::NotUnderstood,
                says: "is empty (0 bytes): export or capture it again".to_owned(),
                worth_saying: looks_named_as_evidence(path),
            });
        }
        Format::Text => {
            return Err(Refusal {
                kind: NoteKind::NotUnderstood,
                says: "is a text file, not a capture and not an event log: give the .pcapng or .evtx file itself".to_owned(),
                worth_saying: looks_named_as_evidence(path),
            });
        }
        Format::Unknown | Format::Compressed(_) => {
            return Err(Refusal {
                kind: NoteKind::NotUnderstood,
                says: "is not a capture (pcap, pcapng) and not an event log (evtx): its first bytes are of no known format".to_owned(),
                worth_saying: looks_named_as_evidence(path),
            });
        }
    })
}

/// The name never decides what a file is; it only decides whether a file that is *not* evidence deserves a word.
fn looks_named_as_evidence(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
        ["pcap", "pcapng", "cap", "evtx", "etl", "gz", "zst"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Unpacks to an unlinked temporary file. What a damaged stream gave before it broke is kept: part of a capture
/// is worth more than none, and its container notes the cut end.
fn unpack(packed: &[u8], compression: Compression, mapped: bool) -> io::Result<Bytes> {
    match compression {
        Compression::Gzip => spool(&mut flate2::read::MultiGzDecoder::new(packed), mapped),
        Compression::Zstandard => {
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(io::Error::other)?;
            spool(&mut decoder, mapped)
        }
    }
}

/// Copies a stream to an unlinked temporary file and opens that; of a stream that is no evidence, only the beginning:
/// it may have no end.
fn spool(stream: &mut impl Read, mapped: bool) -> io::Result<Bytes> {
    /// Tells every format, text included.
    const HEAD: u64 = 64 * 1024;
    let mut file: File = tempfile::tempfile()?;
    let mut head = Vec::new();
    let begun = stream.take(HEAD).read_to_end(&mut head);
    file.write_all(&head)?;
    let wanted =
        matches!(Format::of(&head), Format::Pcap | Format::PcapNg | Format::Evtx | Format::Compressed(_));
    let copied = match begun {
        Ok(_) if wanted => io::copy(&mut stream.take(MAX_UNPACKED), &mut file).map(|_| ()),
        other => other.map(|_| ()),
    };
    let length = file.stream_position()?;
    match copied {
        Err(error) if length == 0 => return Err(error),
        _ => file.rewind()?,
    }
    Bytes::of_file(file, mapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_without_end_that_is_no_evidence_is_left() {
        let bytes = spool(&mut io::repeat(0), false).unwrap();
        assert!(bytes.len() < 1 << 20);
        assert_eq!(Format::of(&bytes), Format::Unknown);
    }
}
