//! SHA-256 of an input, so that a reader can tell that a report is of this very file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Input;

/// Of the file as it was given, packed or not; of standard input and what stood in an archive, of the bytes read.
pub fn sha256(input: &Input) -> String {
    of_file(&input.path).unwrap_or_else(|| hex(&Sha256::digest(&*input.bytes)))
}

fn of_file(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|about| about.is_file()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(hex(&hash.finalize())),
            length => hash.update(buffer.get(..length)?),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
