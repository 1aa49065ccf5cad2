//! A file's bytes: mapped, or read into memory. All `unsafe` of the program is here and in `guard`: the mapping, and
//! what keeps a file that shrinks under it from ending the process.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;
use std::time::SystemTime;

use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;
#[cfg(unix)]
use rayon::prelude::*;

#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
mod guard;
/// Where no guard is needed: Windows lets nobody shorten a file that is mapped. Where there is none, nothing is mapped.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
mod guard {
    #[derive(Debug)]
    pub(super) struct Guard;

    impl Guard {
        pub(super) fn over(_: &[u8]) -> Option<Self> {
            cfg!(windows).then_some(Self)
        }

        #[expect(clippy::unused_self, reason = "as where there is something to guard")]
        pub(super) const fn was_hit(&self) -> bool {
            false
        }
    }
}

/// The bytes of one input.
#[derive(Debug)]
pub enum Bytes {
    /// A mapped file; pages come and go as they are touched.
    Mapped(Mapped),
    /// Bytes in memory: small files, and everything under `--no-mmap`.
    Owned(Vec<u8>),
}

/// A file that is mapped, and what it was when that was done.
#[derive(Debug)]
pub struct Mapped {
    /// Before the map: it must be gone when the pages are.
    guard: guard::Guard,
    map: Mmap,
    file: File,
    modified: Option<SystemTime>,
}

/// What happened to a file while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It lost bytes, or could not be read any more: what was taken for its end was nothing.
    Shrank,
    /// Others wrote to it: what was read may be old in one part and new in another.
    Written,
}

/// Files below this size are read: mapping costs more than copying them.
const READ_BELOW: u64 = 64 * 1024;

impl Bytes {
    /// Opens a file. `mapped` is the user's choice; small files are read either way.
    pub fn open(path: &Path, mapped: bool) -> io::Result<Self> {
        Self::of_file(File::open(path)?, mapped && !is_remote(path))
    }

    /// The bytes of an open file.
    pub fn of_file(mut file: File, mapped: bool) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if mapped && metadata.len() >= READ_BELOW {
            file = match Mapped::of(file, &metadata)? {
                Ok(map) => return Ok(Self::Mapped(map)),
                Err(file) => file,
            };
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        file.read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|read| read < metadata.len()) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"));
        }
        Ok(Self::Owned(bytes))
    }

    /// What happened to the file since it was opened. Nothing can happen to bytes in memory.
    pub fn change(&self) -> Option<Change> {
        match self {
            Self::Mapped(mapped) => mapped.change(),
            Self::Owned(_) => None,
        }
    }
}

impl Mapped {
    /// Maps a file; gives it back where nothing would guard the map.
    fn of(file: File, metadata: &Metadata) -> io::Result<Result<Self, File>> {
        let map = map(&file)?;
        let Some(guard) = guard::Guard::over(&map) else { return Ok(Err(file)) };
        Ok(Ok(Self { guard, map, file, modified: metadata.modified().ok() }))
    }

    fn change(&self) -> Option<Change> {
        let now = self.file.metadata();
        let mapped = u64::try_from(self.map.len()).unwrap_or(u64::MAX);
        let shrank = now.as_ref().map_or(true, |now| now.len() < mapped);
        if shrank || self.guard.was_hit() {
            return Some(Change::Shrank);
        }
        let modified = now.ok().and_then(|now| now.modified().ok());
        (modified != self.modified).then_some(Change::Written)
    }
}

/// Bytes whose pages one thread lets go of in one go.
#[cfg(unix)]
const RELEASE: usize = 32 << 20;

/// All threads let go of the pages: one alone takes a sixth of the time in which two of them read a large capture.
#[cfg(unix)]
impl Drop for Mapped {
    fn drop(&mut self) {
        let length = self.map.len();
        (0..length / RELEASE).into_par_iter().for_each(|part| release(&self.map, part * RELEASE, RELEASE));
    }
}

#[cfg(unix)]
#[allow(unsafe_code)]
fn release(map: &Mmap, offset: usize, length: usize) {
    // SAFETY: of a read-only map of a file, pages that are not needed come back from the file as they were; and the
    // caller is about to drop the map.
    let released = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, length) };
    // What is not let go of now goes with the map.
    drop(released);
}

/// Whether the file lies on another computer, where Windows cannot promise that it stays.
#[cfg(windows)]
pub(super) fn is_remote(path: &Path) -> bool {
    use std::path::{Component, Prefix};
    // The canonical form names the share behind the letter of a drive.
    let canonical = path.canonicalize();
    let first = canonical.as_deref().unwrap_or(path).components().next();
    matches!(first, Some(Component::Prefix(prefix)) if matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..)))
}

/// Elsewhere the guard serves for shares as well.
#[cfg(not(windows))]
pub(super) const fn is_remote(_: &Path) -> bool {
    false
}

#[allow(unsafe_code)]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is read-only and private to this process, and every reader treats its bytes as hostile:
    // no reference into it is ever taken to uphold an invariant, so bytes that another process changes under
    // us can alter what is reported but not break memory safety. Pages that vanish because the file is shortened
    // become zeroes, see `guard`; on Windows a mapped file cannot be shortened.
    unsafe { Mmap::map(file) }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(mapped) => &mapped.map,
            Self::Owned(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(length: usize) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![7; length]).unwrap();
        file
    }

    #[test]
    fn a_file_that_nobody_touches_has_not_changed() {
        let file = file(300_000);
        let bytes = Bytes::open(file.path(), true).unwrap();
        assert!(matches!(bytes, Bytes::Mapped(_)));
        assert_eq!(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 7 * 300_000);
        assert_eq!(bytes.change(), None);
        assert!(matches!(Bytes::open(file.path(), false).unwrap(), Bytes::Owned(_)));
    }

    #[test]
    #[cfg(not(windows))]
    fn where_a_file_was_shortened_its_bytes_are_zeroes() {
        let file = file(1 << 20);
        let bytes = Bytes::open(file.path(), true).unwrap();
        assert_eq!(bytes[0], 7);
        file.as_file().set_len(100_000).unwrap();
        assert_eq!((bytes[99_999], bytes[200_000], bytes[(1 << 20) - 1]), (7, 0, 0));
        assert!(
            bytes[..100_000].iter().all(|byte| *byte == 7) && bytes[100_000..].iter().all(|byte| *byte == 0)
        );
        assert_eq!(bytes.change(), Some(Change::Shrank));
        // Also when it has its length again.
        file.as_file().set_len(1 << 20).unwrap();
        assert_eq!(bytes.change(), Some(Change::Shrank));
        // Another file of the same process is none the worse, and neither is the next one.
        let other = self::file(100_000);
        assert_eq!(Bytes::open(other.path(), true).unwrap().change(), None);
    }

    #[test]
    fn a_file_that_grows_was_written_to() {
        let mut file = file(100_000);
        let bytes = Bytes::open(file.path(), true).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
        file.write_all(&[1; 10]).unwrap();
        file.flush().unwrap();
        assert_eq!(bytes.len(), 100_000);
        assert_eq!(bytes.change(), Some(Change::Written));
    }
}
