//! What a bundle was when its result was written, without reading it: names, sizes and times of its files, and what was
//! asked of the analysis.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rdpscan::{Options, input};

use super::job::{hash, raw};

/// A number, in hexadecimal, that is another where a file came, went, or was written, or other options were given. The
/// results in the bundle's own folder do not count.
pub fn of(path: &Path, results: &Path, options: &Options, look: &str) -> String {
    let results = fs::canonicalize(results).ok();
    let is_result = |file: &Path| {
        let results = results.as_deref();
        results.is_some_and(|results| fs::canonicalize(file).is_ok_and(|file| file.starts_with(results)))
    };
    let (version, Options { ports, limits, .. }) = (env!("CARGO_PKG_VERSION"), options);
    let mut said = format!("{version} {ports:?} {limits:?} {look}").into_bytes();
    for file in input::files(path).iter().filter(|file| !is_result(file)) {
        let about = fs::metadata(file);
        let size = about.as_ref().map_or(0, fs::Metadata::len);
        let written = about.and_then(|about| about.modified()).map_or(0, nanoseconds);
        said.extend(raw(file.strip_prefix(path).unwrap_or(file)));
        said.push(0);
        said.extend(size.to_le_bytes());
        said.extend(written.to_le_bytes());
    }
    format!("{:016x}", hash(&said))
}

/// Since 1970; also before.
fn nanoseconds(time: SystemTime) -> i128 {
    let number = |nanos: u128| i128::try_from(nanos).unwrap_or(i128::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => number(after.as_nanos()),
        Err(before) => -number(before.duration().as_nanos()),
    }
}
