//! A file's bytes: mapped, or read into memory. The one unsafe block of the program is here.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// The bytes of one input.
#[derive(Debug)]
pub enum Bytes {
    /// A mapped file; pages come and go as they are touched.
    Mapped(Mmap),
    /// Bytes in memory: small files, and everything under `--no-mmap`.
    Owned(Vec<u8>),
}

/// Files below this size are read: mapping costs more than copying them.
const READ_BELOW: u64 = 64 * 1024;

impl Bytes {
    /// Opens a file. `mapped` is the user's choice; small files are read either way.
    pub fn open(path: &Path, mapped: bool) -> io::Result<Self> {
        Self::of_file(File::open(path)?, mapped)
    }

    /// The bytes of an open file.
    pub fn of_file(mut file: File, mapped: bool) -> io::Result<Self> {
        let length = file.metadata()?.len();
        if mapped && length >= READ_BELOW {
            return Ok(Self::Mapped(map(&file)?));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.read_to_end(&mut bytes)?;
        Ok(Self::Owned(bytes))
    }
}

#[allow(unsafe_code)]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is read-only and private to this process, and every reader treats its bytes as hostile:
    // no reference into it is ever taken to uphold an invariant, so bytes that another process changes under
    // us can alter what is reported but not break memory safety. Truncation by another process while mapped
    // raises a fault in the reader; `--no-mmap` avoids that for files on shares and removable media.
    unsafe { Mmap::map(file) }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}
