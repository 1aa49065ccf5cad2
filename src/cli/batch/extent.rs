//! How much a bundle holds and how new it is: whether it changed since its result was written, without reading it.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rdpscan::input;

/// What tells without reading whether a bundle is the same as before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bytes in all of its files.
    pub size: u64,
    /// When the last of them was written.
    pub newest: Option<SystemTime>,
}

impl Extent {
    /// That of a file, or of a folder save the results in it.
    pub fn of(path: &Path, results: &Path) -> Self {
        let results = fs::canonicalize(results).ok();
        let is_result = |file: &Path| {
            let results = results.as_deref();
            results.is_some_and(|results| fs::canonicalize(file).is_ok_and(|file| file.starts_with(results)))
        };
        let mut extent = Self::default();
        for file in input::files(path).iter().filter(|file| !is_result(file)) {
            let Ok(about) = fs::metadata(file) else { continue };
            extent.size = extent.size.saturating_add(about.len());
            extent.newest = extent.newest.max(about.modified().ok());
        }
        extent
    }
}
