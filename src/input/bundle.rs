//! The user's paths to the captures, logs and texts behind them.
//!
//! Folders are walked in name order, archives and compressed files are unpacked within limits, and what cannot be used
//! is named in a note. Nothing is ever written under a name that came from the input.

use std::fs;
use std::path::{Path, PathBuf};

use super::format::Format;
use super::limits::Limits;
use super::map::{Bytes, Change};
use super::trouble::Trouble;
use super::unpack::{Found, IsEvidence, Unpacker};
use crate::base::progress::{Phase, Progress};
use crate::base::{Error, NoteKind, Notes, SourceId};

/// One usable input.
#[derive(Debug)]
pub struct Input {
    /// Its number in the report.
    pub id: SourceId,
    /// Its path as given, or `-`; inside of an archive `bundle.zip!folder/member.evtx`.
    pub path: PathBuf,
    /// Capture, log or text.
    pub kind: InputKind,
    /// The format in words: `pcapng`, `pcap.gz`.
    pub format: String,
    /// Its bytes, unpacked.
    pub bytes: Bytes,
    /// Where it is told how much of it was read.
    pub progress: Progress,
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
    /// What commands of a computer printed.
    Text,
}

/// How inputs are opened.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Map files instead of reading them.
    pub mapped: bool,
    /// What archives may cost.
    pub limits: Limits,
    /// Which texts are evidence: the others are left out.
    pub is_evidence: IsEvidence<'a>,
    /// Where it is told how much was unpacked, and later read.
    pub progress: &'a Progress,
}

/// Everything that was handed over.
#[derive(Debug)]
pub struct Bundle {
    inputs: Vec<Input>,
    /// What could not be used.
    pub notes: Notes,
}

/// Folders deeper than this are not entered: links can make circles. The help of `analyze` names it.
const MAX_DEPTH: usize = 16;
/// Files in one run: more is a mistaken path.
const MAX_FILES: usize = 100_000;

impl Bundle {
    /// Opens all paths. Fails only if nothing at all can be analysed.
    pub fn open(paths: &[PathBuf], opening: Opening<'_>) -> Result<Self, Error> {
        let mut notes = Notes::new();
        let mut found: Vec<Found> = Vec::new();
        let mut reasons = Vec::new();
        let mut unpacker = Unpacker::new(opening);
        opening.progress.begin(Phase::Opening, 0);
        for path in paths {
            let before = (found.len(), reasons.len());
            let below = Below::of(path);
            below.troubles.into_iter().for_each(|trouble| say(trouble, &mut notes, &mut reasons));
            for file in below.files {
                let unread = unpacker.unread.clone();
                let (usable, troubles) = unpacker.path(&file);
                // What is no evidence is worth a word only if it is all that was given.
                let is_all = usable.is_empty() && *path == file;
                if is_all {
                    unpacker.unread = unread;
                }
                found.extend(usable);
                for trouble in troubles.into_iter().filter(|trouble| trouble.worth_saying || is_all) {
                    say(trouble, &mut notes, &mut reasons);
                }
            }
            if (found.len(), reasons.len()) == before {
                let place = if path.is_dir() { "folder" } else { "file" };
                let says = format!("{}: no capture and no event log in this {place}", path.display());
                reasons.push(format!("{says}; give .pcap, .pcapng or .evtx files"));
                notes.add_detail(NoteKind::NotUnderstood, None, says);
            }
        }
        unpacker.unread.note(&mut notes);
        let input = |(id, found)| Input::of(SourceId(id), found, opening.progress);
        let inputs: Vec<Input> = (0..).zip(found).map(input).collect();
        if inputs.iter().all(|input| input.kind == InputKind::Text) {
            reasons.extend(inputs.first().map(|text| {
                let path = text.path.display();
                format!("{path}: says something of a computer, and nothing of a connection: a capture or a log is needed")
            }));
            return Err(Error::NoUsableInput { reasons });
        }
        Ok(Self { inputs, notes })
    }

    /// All inputs.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Notes the inputs that others wrote to since they were opened. Call it when everything was read.
    pub fn note_changes(&self, notes: &mut Notes) {
        for input in self.inputs.iter().filter(|input| input.bytes.change() == Some(Change::Written)) {
            notes.add(NoteKind::InputWritten, Some(input.id), None);
        }
    }

    /// Fails if an input lost bytes since it was opened: then what was read of it may be anything.
    pub fn check(&self) -> Result<(), Error> {
        let shrank = self.inputs.iter().find(|input| input.bytes.change() == Some(Change::Shrank));
        shrank.map_or(Ok(()), |input| Err(Error::Shrank { path: input.path.clone() }))
    }

    /// The captures.
    pub fn captures(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().filter(|input| matches!(input.kind, InputKind::Pcap | InputKind::PcapNg))
    }

    /// The event logs.
    pub fn logs(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().filter(|input| input.kind == InputKind::Evtx)
    }

    /// The texts.
    pub fn texts(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().filter(|input| input.kind == InputKind::Text)
    }
}

impl Input {
    fn of(id: SourceId, found: Found, progress: &Progress) -> Self {
        let kind = match found.format {
            Format::Pcap => InputKind::Pcap,
            Format::PcapNg => InputKind::PcapNg,
            Format::Evtx => InputKind::Evtx,
            _ => InputKind::Text,
        };
        let format = format!("{}{}", found.format.name(), found.wrapping);
        Self { id, path: found.path, kind, format, bytes: found.bytes, progress: progress.clone() }
    }
}

/// Whether a file is one of those that are read when these paths are given: itself, or in a folder, by whatever name.
///
/// Of a folder's texts only those count that are evidence: a report may lie in it.
pub fn is_input(file: &Path, paths: &[PathBuf], is_evidence: IsEvidence<'_>) -> bool {
    let Ok(target) = fs::canonicalize(file) else { return false };
    let is_target = |path: &Path| fs::canonicalize(path).is_ok_and(|path| path == target);
    paths.iter().any(|path| {
        if path == Path::new("-") {
            return cfg!(unix) && is_target(Path::new("/dev/stdin"));
        }
        if !path.is_dir() {
            return is_target(path);
        }
        Below::of(path).files.iter().any(|below| is_target(below)) && is_read(&target, is_evidence)
    })
}

/// The path itself, or every file below it that is looked at when it is given, in name order.
pub fn files(path: &Path) -> Vec<PathBuf> {
    Below::of(path).files
}

/// Whether a file of a folder is worth reading.
fn is_read(file: &Path, is_evidence: IsEvidence<'_>) -> bool {
    let Ok(bytes) = Bytes::open(file, true) else { return true };
    match Format::of(&bytes) {
        Format::Text => is_evidence(&bytes),
        Format::Empty => false,
        _ => true,
    }
}

fn say(trouble: Trouble, notes: &mut Notes, reasons: &mut Vec<String>) {
    notes.add_many(trouble.kind, None, trouble.says.clone(), trouble.count, None);
    reasons.push(trouble.says);
}

/// The path itself, or every file below it, in name order; and what could not be entered.
struct Below {
    files: Vec<PathBuf>,
    troubles: Vec<Trouble>,
}

impl Below {
    fn of(path: &Path) -> Self {
        let mut own = Self { files: Vec::new(), troubles: Vec::new() };
        if path == Path::new("-") || !path.is_dir() {
            own.files.push(path.to_path_buf());
            return own;
        }
        let mut folders = vec![(path.to_path_buf(), 0)];
        let mut too_deep: Vec<PathBuf> = Vec::new();
        while let Some((folder, depth)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    own.troubles.push(Trouble::unreadable(&folder, &error));
                    continue;
                }
            };
            for entry in entries.flatten() {
                let below = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => folders.push((below, depth + 1)),
                    Ok(kind) if kind.is_dir() => too_deep.push(below),
                    Ok(kind) if !kind.is_dir() && below.is_file() && own.files.len() < MAX_FILES => {
                        own.files.push(below);
                    }
                    _ => {}
                }
            }
        }
        own.files.sort();
        let first = too_deep.iter().min();
        own.troubles.extend(first.map(|first| Trouble::too_deep(first, MAX_DEPTH, too_deep.len())));
        own
    }
}
