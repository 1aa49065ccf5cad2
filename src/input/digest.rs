//! SHA-256 of an input, so that a reader can tell that a report is of this very file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Input;
use crate::base::Progress;

/// Of the file as it was given, packed or not; of standard input and what stood in an archive, of the bytes read.
pub fn sha256(input: &Input) -> String {
    of_file(&input.path, &input.progress).unwrap_or_else(|| hex(&Sha256::digest(&*input.bytes)))
}

fn of_file(path: &Path, progress: &Progress) -> Option<String> {
    let mut file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|about| about.is_file()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(hex(&hash.finalize())),
            length => {
                progress.add(length);
                hash.update(buffer.get(..length)?);
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // A string takes every write.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
