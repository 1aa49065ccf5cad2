//! Which bundles a batch has: what was given, and what lies in the folders that were given.

use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use rdpscan::Error;
use rdpscan::input::{Format, looks_named_as_evidence};
use rdpscan::report::batch::Earlier;

use crate::cli::args::Shard;

/// One bundle to be analysed.
#[derive(Debug)]
pub struct Job {
    /// Where it is.
    pub path: PathBuf,
    /// Its path with `/`: the same on every system.
    pub name: String,
    /// The name of its result file.
    pub result: String,
}

impl Job {
    /// The name of its page.
    pub fn page(&self) -> String {
        format!("{}.html", self.result.trim_end_matches(".json"))
    }
}

/// The bundles: archives, captures and logs that were given, and of a folder each entry that is one or is a folder,
/// save that of the results. Of several folders one that itself holds captures or logs is a bundle: `cases/*`.
pub fn jobs(paths: &[PathBuf], out: &Path, shard: Option<Shard>) -> Result<Vec<Job>, Error> {
    let mut found: Vec<PathBuf> = Vec::new();
    let out = fs::canonicalize(out).ok();
    let is_out = |path: &Path| out.is_some() && fs::canonicalize(path).ok() == out;
    for path in paths {
        if !path.is_dir() || paths.len() > 1 && holds_evidence(path) {
            found.extend(Some(path.clone()).filter(|path| !is_out(path)));
            continue;
        }
        let unreadable = |source| Error::Unreadable { path: path.clone(), source };
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let below = entry.map_err(unreadable)?.path();
            let is_case = below.is_dir() && !is_out(&below) && !holds_results_alone(&below);
            if is_case || is_bundle(&below) {
                found.push(below);
            }
        }
    }
    found.sort();
    found.dedup();
    let jobs = found.into_iter().map(|path| {
        let raw = raw(&path);
        let (name, hash) = (shown(&raw), hash(&raw));
        let last = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let plain = |letter: char| {
            if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' }
        };
        let label: String = last.chars().map(plain).take(80).collect();
        (hash, Job { path, name, result: format!("{label}-{hash:016x}.json") })
    });
    Ok(jobs.filter(|(hash, _)| shard.is_none_or(|shard| shard.holds(*hash))).map(|(_, job)| job).collect())
}

/// A path in bytes, the same on every system where it is the same: names need not be UTF-8.
pub fn raw(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    // Elsewhere `\\` is a letter.
    bytes.map(|byte| if cfg!(windows) && *byte == b'\\' { b'/' } else { *byte }).collect()
}

/// A path for the reader; bytes that are no UTF-8 as `\xff`.
fn shown(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// Whether a file in a folder of bundles is one, by its first bytes; or is called so, and is none or cannot be read:
/// that is a row with the reason. Pipes, sockets and devices are not opened: they may have no end.
fn is_bundle(path: &Path) -> bool {
    let is_one = |format| {
        matches!(
            format,
            Format::Archive(_) | Format::Compressed(_) | Format::Pcap | Format::PcapNg | Format::Evtx
        )
    };
    path.is_file() && (format_of(path).is_some_and(is_one) || looks_named_as_evidence(path))
}

/// Whether captures or logs lie in a folder itself.
fn holds_evidence(folder: &Path) -> bool {
    let is_one = |format| matches!(format, Format::Pcap | Format::PcapNg | Format::Evtx);
    entries(folder).iter().any(|path| format_of(path).is_some_and(is_one))
}

/// What a file is, by its first bytes; nothing if it cannot be read or is none.
fn format_of(path: &Path) -> Option<Format> {
    let mut head = Vec::new();
    let file = path.is_file().then(|| File::open(path).ok()).flatten()?;
    file.take(1024).read_to_end(&mut head).ok()?;
    Some(Format::of(&head))
}

/// A result of an earlier run in a folder, if there is one whose bundle has no pseudonym.
pub fn result_with_names(folder: &Path) -> Option<PathBuf> {
    let mut results: Vec<PathBuf> = entries(folder);
    results.sort();
    results.into_iter().find(|path| earlier(path).is_some_and(|earlier| !is_pseudonym(&earlier.row.bundle)))
}

/// Whether a name is one that a key gives files.
fn is_pseudonym(name: &str) -> bool {
    name.strip_prefix("file-").is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Whether a folder is what an earlier run wrote: at least one result, and nothing to analyse.
fn holds_results_alone(folder: &Path) -> bool {
    let entries = entries(folder);
    entries.iter().any(|path| earlier(path).is_some())
        && !entries.iter().any(|path| path.is_dir() || is_bundle(path))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// What a file says, if it is a result.
fn earlier(path: &Path) -> Option<Earlier> {
    let is_json = path.is_file() && path.extension().is_some_and(|kind| kind == "json");
    is_json.then(|| File::open(path).ok()).flatten().and_then(|file| Earlier::read(BufReader::new(file)))
}

/// FNV-1a: the same on every machine and in every version.
pub fn hash(raw: &[u8]) -> u64 {
    raw.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_all_bundles_and_stay_the_same() {
        assert_eq!(hash(b"cases/a.zip"), 0x753a_c74e_66fb_361f);
        let folder = tempfile::tempdir().unwrap();
        for at in 0..40 {
            fs::create_dir(folder.path().join(format!("case-{at}"))).unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "no bundle").unwrap();
        let paths = [folder.path().to_owned()];
        let out = folder.path().join("case-0");
        assert_eq!(jobs(&paths, &out, None).unwrap().len(), 39, "the results are no bundle");
        let out = folder.path().join("out");
        let all = jobs(&paths, &out, None).unwrap();
        assert_eq!(all.len(), 40);
        let shard = |text: &str| jobs(&paths, &out, Some(text.parse().unwrap())).unwrap().len();
        let shares = [shard("1/3"), shard("2/3"), shard("3/3")];
        assert_eq!(shares.iter().sum::<usize>(), 40);
        assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
    }

    #[test]
    fn what_is_called_a_bundle_is_one_and_no_name_stands_for_two() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("empty.zip"), "").unwrap();
        fs::write(folder.path().join("page.evtx"), "<html>not found</html>").unwrap();
        fs::write(folder.path().join("empty.txt"), "").unwrap();
        let found = jobs(&[folder.path().to_owned()], Path::new("out"), None).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[cfg(unix)]
    #[test]
    fn names_are_bytes_and_what_is_no_file_is_left() {
        use std::collections::BTreeSet;
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("s.zip")).unwrap();
        let paths: Vec<PathBuf> = [&b"bad\xffx.zip"[..], b"bad\xfex.zip", b"a\\x.zip"]
            .map(|name| folder.path().join(OsStr::from_bytes(name)))
            .into();
        for path in &paths {
            fs::write(path, "").unwrap();
        }
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/x.zip"), "").unwrap();
        let paths = [folder.path().to_owned(), folder.path().join("a/x.zip")];
        let found = jobs(&paths, Path::new("out"), None).unwrap();
        let distinct = |of: fn(&Job) -> &String| found.iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!(
            (found.len(), distinct(|job| &job.name), distinct(|job| &job.result)),
            (5, 5, 5),
            "{found:?}"
        );
    }
}
