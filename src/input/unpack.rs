//! One file or member to what is usable in it: looked at by its first bytes, unpacked if it is an archive, kept if it
//! is evidence, left if it is neither.
//!
//! Members go to memory if they are small and to an unlinked temporary file if not. Nothing is ever written under a name
//! that came from the input.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::archive::{self, Opened};
use super::bundle::Opening;
use super::format::{Archive, Compression, Format};
use super::limits::{ALWAYS, Budget, Limits, Metered, Over};
use super::map::{self, Bytes};
use super::name;
use super::trouble::{Trouble, Troubles, Unread};
use super::zstd::Frames;

/// Tells every format, text included; and what is no larger is kept in memory.
const HEAD: u64 = 64 * 1024;
/// Longer texts are read up to here: a log of a firewall has at most this.
const LONGEST_TEXT: u64 = 32 << 20;

/// Something usable.
#[derive(Debug)]
pub(super) struct Found {
    /// Its path, or its label inside of an archive.
    pub path: PathBuf,
    /// What it is.
    pub format: Format,
    /// `.gz` or `.zst`, if it was wrapped.
    pub wrapping: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Says of a text whether it is evidence.
pub type IsEvidence<'a> = &'a dyn Fn(&[u8]) -> bool;

/// Takes files and members, and keeps what is usable.
pub(super) struct Unpacker<'a> {
    limits: Limits,
    mapped: bool,
    is_evidence: IsEvidence<'a>,
    budget: Rc<Budget>,
    found: Vec<Found>,
    troubles: Troubles,
    /// Texts of which nothing is understood.
    pub unread: Unread,
    /// Bytes that may yet be kept of members that are cut by their ratio.
    spared: u64,
}

impl std::fmt::Debug for Unpacker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacker").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// How a stream stands among archives and wrappers.
#[derive(Clone, Copy, Debug, Default)]
struct Nesting {
    /// Archives around it.
    depth: u32,
    wrapping: &'static str,
}

impl<'a> Unpacker<'a> {
    pub fn new(opening: Opening<'a>) -> Self {
        let Opening { limits, mapped, is_evidence, progress } = opening;
        let budget = Budget::new(limits, progress.clone());
        let (found, troubles, unread) = (Vec::new(), Troubles::default(), Unread::default());
        Self { limits, mapped, is_evidence, budget, found, troubles, unread, spared: ALWAYS }
    }

    /// A path that the user gave, or that lies in a folder that he gave. What is no file (standard input, a named
    /// pipe, a device) is a stream.
    pub fn path(&mut self, path: &Path) -> (Vec<Found>, Vec<Trouble>) {
        match self.whole(path) {
            Ok(bytes) => {
                self.budget.next_file(bytes.len());
                self.bytes(path, bytes, Nesting::default());
            }
            Err(error) => self.troubles.file(Trouble::unreadable(path, &error)),
        }
        (std::mem::take(&mut self.found), self.troubles.take())
    }

    fn whole(&self, path: &Path) -> io::Result<Bytes> {
        if path == Path::new("-") {
            return self.spooled(&mut io::stdin().lock());
        }
        let mut file = File::open(path)?;
        let mapped = self.mapped && !map::is_remote(path);
        if file.metadata()?.is_file() { Bytes::of_file(file, mapped) } else { self.spooled(&mut file) }
    }

    /// A stream that the user gave; of one that is no evidence, only the beginning: it may have no end.
    fn spooled(&self, stream: &mut impl Read) -> io::Result<Bytes> {
        let head = head(stream)?;
        let limit = if is_worth_all(Format::of(&head)) { self.limits.member } else { 0 };
        self.kept(&head, &mut stream.take(limit)).map(|(bytes, _)| bytes)
    }

    /// Whether one more member may be looked at. Says so, once, if not.
    pub fn next_member(&mut self, archive: &Path, name: &str) -> bool {
        if !self.budget.member() {
            let says = format!("more than {} members in all (--max-members)", self.limits.members);
            self.troubles.over(archive, "", &says);
            return false;
        }
        if name::leads_out(name) {
            self.troubles.odd_name(archive, name);
        }
        true
    }

    /// What is left to spend.
    pub const fn budget(&self) -> &Rc<Budget> {
        &self.budget
    }

    /// A member as a stream. Reads of it what is needed.
    pub fn member(&mut self, archive: &Path, name: &str, stream: &mut dyn Read, depth: u32) {
        self.budget.next_member();
        let path = name::inside(archive, name);
        self.stream(&path, stream, Nesting { depth, wrapping: "" });
    }

    /// A member that cannot be read.
    pub fn unreadable(&mut self, archive: &Path, name: &str, why: &str) {
        self.troubles.member(archive, name, why);
    }

    /// An archive that cannot be read to its end.
    pub fn damaged_archive(&mut self, archive: &Path, why: &str) {
        self.troubles.damaged(archive, why);
    }

    /// What lies in memory or in a mapped file.
    fn bytes(&mut self, path: &Path, bytes: Bytes, nesting: Nesting) {
        match Format::of(&bytes) {
            Format::Archive(kind) if self.may_open(path, nesting) => {
                archive::read(kind, &bytes, &mut Opened { path, depth: nesting.depth + 1, to: self });
                self.unchanged(path, &bytes);
            }
            Format::Archive(_) => {}
            Format::Compressed(_) => {
                self.stream(path, &mut Cursor::new(&*bytes), nesting);
                self.unchanged(path, &bytes);
            }
            format => self.keep(Found { path: path.to_owned(), format, wrapping: nesting.wrapping, bytes }),
        }
    }

    /// Says if an archive is not what it was when it was opened: what came out of it may be damaged by that.
    fn unchanged(&mut self, path: &Path, bytes: &Bytes) {
        if bytes.change().is_some() {
            self.troubles
                .damaged(path, "was written to while it was read: unpack a copy that nobody writes to");
        }
    }

    fn stream(&mut self, path: &Path, stream: &mut dyn Read, nesting: Nesting) {
        let head = match head(stream) {
            Ok(head) => head,
            Err(error) => return self.broken(path, 0, &error),
        };
        let format = Format::of(&head);
        match format {
            Format::Compressed(compression) => {
                let inner = Cursor::new(head).chain(stream);
                self.wrapped(path, compression, inner, nesting);
            }
            Format::Archive(Archive::Tar) => {
                if self.may_open(path, nesting) {
                    let mut opened = Opened { path, depth: nesting.depth + 1, to: self };
                    archive::read_tar(Cursor::new(head).chain(stream), &mut opened);
                }
            }
            _ => self.whole_stream(path, &head, stream, format, nesting),
        }
    }

    /// A compressed stream. Two wrappers around each other count as an archive: they can have no end.
    fn wrapped(&mut self, path: &Path, compression: Compression, inner: impl Read, nesting: Nesting) {
        let wrapping = if compression == Compression::Gzip { ".gz" } else { ".zst" };
        let twice = !nesting.wrapping.is_empty();
        if twice && !self.may_open(path, nesting) {
            return;
        }
        let nesting = Nesting { depth: nesting.depth + u32::from(twice), wrapping };
        match compression {
            Compression::Gzip => {
                let mut stream = Metered::new(flate2::read::MultiGzDecoder::new(inner), &self.budget);
                self.stream(path, &mut stream, nesting);
            }
            Compression::Zstandard => {
                let mut stream = Metered::new(Frames::new(inner), &self.budget);
                self.stream(path, &mut stream, nesting);
            }
        }
    }

    /// What is needed as a whole, or not at all.
    fn whole_stream(
        &mut self,
        path: &Path,
        head: &[u8],
        stream: &mut dyn Read,
        format: Format,
        nesting: Nesting,
    ) {
        let limit = match format {
            Format::Text => LONGEST_TEXT.min(self.limits.member),
            _ if is_worth_all(format) => self.limits.member,
            _ => 0,
        };
        let is_opened = matches!(format, Format::Archive(_));
        if is_opened && !self.may_open(path, nesting) {
            return;
        }
        match self.kept(head, &mut stream.take(limit.saturating_sub(length(head)))) {
            // What a damaged stream gave before it broke is kept: part of a capture is worth more than none.
            Ok((bytes, trouble)) => {
                if let Some(error) = trouble {
                    self.broken(path, length(&bytes), &error);
                    // Of a bomb of archives nothing is opened, and of many bombs only the first is looked at.
                    if matches!(Over::of(&error), Some(Over::Ratio(_) | Over::Total(_))) {
                        let left = self.spared.checked_sub(length(&bytes)).filter(|_| !is_opened);
                        let Some(left) = left else { return };
                        self.spared = left;
                    }
                } else if limit > 0
                    && length(&bytes) >= limit
                    && stream.read(&mut [0]).is_ok_and(|more| more > 0)
                {
                    if format == Format::Text {
                        self.troubles.over(path, "", "text of more than 32 MiB: the rest was not read");
                    } else {
                        self.broken(path, length(&bytes), &io::Error::other(Over::Member(limit)));
                    }
                }
                self.bytes(path, bytes, nesting);
            }
            Err(error) => self.broken(path, 0, &error),
        }
    }

    /// Head and rest, in memory if small, else in an unlinked temporary file; with what ended it early. Fails if there
    /// is no room.
    fn kept(&self, head: &[u8], rest: &mut dyn Read) -> io::Result<(Bytes, Option<io::Error>)> {
        if length(head) < HEAD {
            // All of it, unless it broke off.
            let trouble = rest.read(&mut [0]).err();
            return Ok((Bytes::Owned(head.to_owned()), trouble));
        }
        let mut file: File = tempfile::tempfile()?;
        file.write_all(head)?;
        let mut buffer = vec![0; 64 * 1024];
        let mut trouble = None;
        // What is filled up with zeros packs beyond any limit, and nothing is in them.
        let (mut all, mut used) = (length(head), length(head));
        loop {
            match rest.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => {
                    let got = buffer.get(..got).unwrap_or_default();
                    let filled = got.iter().rposition(|byte| *byte != 0);
                    used = filled.and_then(|last| got.get(..=last)).map_or(used, |got| all + length(got));
                    all += length(got);
                    file.write_all(got)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    trouble = Some(error);
                    break;
                }
            }
        }
        if trouble.as_ref().is_some_and(|error| Over::of(error).is_some()) {
            file.set_len(all.min(used.saturating_add(HEAD)))?;
        }
        file.rewind()?;
        Ok((Bytes::of_file(file, self.mapped)?, trouble))
    }

    fn may_open(&mut self, path: &Path, nesting: Nesting) -> bool {
        if nesting.depth >= self.limits.depth {
            let says = format!("nested deeper than {} archives (--max-depth)", self.limits.depth);
            self.troubles.over(path, "", &says);
        }
        nesting.depth < self.limits.depth
    }

    fn broken(&mut self, path: &Path, after: u64, error: &io::Error) {
        if let Some(over) = Over::of(error) {
            self.troubles.over(path, "", &over.to_string());
        } else {
            let says =
                if after == 0 { error.to_string() } else { format!("damaged after {after} bytes: {error}") };
            self.troubles.member(path, "", &says);
        }
    }

    fn keep(&mut self, found: Found) {
        let is_unread = found.format == Format::Text && !(self.is_evidence)(&found.bytes);
        if is_unread {
            self.unread.add(&found.path, &found.bytes);
        }
        if is_unread || !matches!(found.format, Format::Pcap | Format::PcapNg | Format::Evtx | Format::Text) {
            self.troubles.file(Trouble::of_format(&found.path, found.format));
        } else {
            self.found.push(found);
        }
    }
}

fn head(stream: &mut (impl Read + ?Sized)) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    match stream.take(HEAD).read_to_end(&mut head) {
        Err(error) if head.is_empty() => Err(error),
        // The rest fails in the same way, and is told then.
        _ => Ok(head),
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Whether something of this format is needed as a whole. Of text, its length is limited elsewhere.
const fn is_worth_all(format: Format) -> bool {
    matches!(
        format,
        Format::Pcap
            | Format::PcapNg
            | Format::Evtx
            | Format::Text
            | Format::Compressed(_)
            | Format::Archive(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Progress;

    #[test]
    fn a_stream_without_end_that_is_no_evidence_is_left() {
        let opening = Opening {
            mapped: false,
            limits: Limits::default(),
            is_evidence: &|_| false,
            progress: &Progress::default(),
        };
        let unpacker = Unpacker::new(opening);
        let bytes = unpacker.spooled(&mut io::repeat(0)).unwrap();
        assert!(bytes.len() < 1 << 20);
        assert_eq!(Format::of(&bytes), Format::Unknown);
    }
}
