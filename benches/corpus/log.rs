//! A log out of those of the samples.

use std::fs;

/// Where the first chunk starts.
const FILE_HEADER: usize = 4096;

/// A log of the size of a busy server's: the chunks of the samples' logs, again and again.
pub fn log(size: usize) -> Vec<u8> {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
    let mut folders: Vec<_> = fs::read_dir(samples).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let logs: Vec<Vec<u8>> =
        folders.iter().filter_map(|folder| fs::read(folder.join("events.evtx")).ok()).collect();
    let mut out = logs[0][..FILE_HEADER].to_vec();
    // As many chunks as the file header counts, so that none is said to be missing.
    out[0x2a..0x2c].copy_from_slice(&[0, 0]);
    for log in logs.iter().cycle() {
        if out.len() >= size {
            break;
        }
        out.extend_from_slice(&log[FILE_HEADER..]);
    }
    out
}
