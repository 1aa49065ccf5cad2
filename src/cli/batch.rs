//! `rdpscan batch`: every bundle for itself, several at once; one result file each, then an overview.
//!
//! INVARIANT: a result file is complete or not there. It is written under another name and renamed, so a run that was
//! ended at any moment is taken up by `--resume` with nothing lost and nothing done twice.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use rdpscan::input::{Format, looks_named_as_evidence};
use rdpscan::report::batch::{self, Row, outcome, render};
use rdpscan::report::redact::Key;
use rdpscan::report::{self, Style};
use rdpscan::{Error, Options, Report};

use super::args::{Batch, Shard};
use super::exit::Exit;
use super::{chain, misused, output, say};

/// One bundle to be analysed.
#[derive(Debug)]
struct Job {
    path: PathBuf,
    /// Its path with `/`: the same on every system.
    name: String,
    /// The name of its result file.
    result: String,
}

impl Job {
    /// The name of its page.
    fn page(&self) -> String {
        format!("{}.html", self.result.trim_end_matches(".json"))
    }
}

/// Analyses what is not done yet, and prints the overview of all.
pub fn run(args: &Batch) -> Result<Exit, Error> {
    if args.redact && args.redact_key.is_none() && args.resume {
        return Ok(misused("--resume goes on with the pseudonyms of before: name their key (--redact-key)"));
    }
    let mut jobs = jobs(&args.paths, &args.out, args.shard)?;
    let key = redaction(args, &mut jobs)?;
    if jobs.is_empty() {
        say("error: nothing to analyse: give folders of bundles, or archives");
        return Ok(Exit::CouldNotRun);
    }
    fs::create_dir_all(&args.out).map_err(|source| Error::Unwritable { path: args.out.clone(), source })?;
    if let Some(file) = &args.output {
        output::check(file, &args.paths)?;
        not_a_result(file, args, &jobs)?;
    }
    let rows = work(args, &jobs, key)?;
    if args.html {
        write_index(args, &jobs, &rows)?;
    }
    let failed = rows.iter().filter(|row| row.reason.is_some()).count();
    let style = output::style(&args.look, args.output.is_none());
    let text = render(&rows, args.format.into(), style);
    match &args.output {
        Some(file) => output::write_text(file, &text)?,
        None if output::print(&text)?.is_break() => return Ok(Exit::Analysed),
        None => {}
    }
    Ok(if failed > 0 { Exit::SomeFailed } else { Exit::Analysed })
}

/// The key of the pseudonyms, if there are to be any: one for all bundles, whose own names get some first.
fn redaction(args: &Batch, jobs: &mut [Job]) -> Result<Option<Key>, Error> {
    let mut key = match &args.redact_key {
        Some(file) => {
            output::check(file, &[args.paths.as_slice(), args.output.as_slice()].concat())?;
            output::read_key(file)?
        }
        None if args.redact => Key::default(),
        None => return Ok(None),
    };
    for job in jobs {
        job.result = format!("bundle-{:016x}.json", hash(&raw(&job.path)));
        job.name = key.file(&job.name);
    }
    Ok(Some(key))
}

/// The page that leads to the pages of the bundles. A part of all bundles has one of its own.
fn write_index(args: &Batch, jobs: &[Job], rows: &[Row]) -> Result<(), Error> {
    let page = |(row, job): (&Row, &Job)| (row.clone(), row.reason.is_none().then(|| job.page()));
    let rows: Vec<(Row, Option<String>)> = rows.iter().zip(jobs).map(page).collect();
    output::write_text(&args.out.join(index_name(args)), &batch::page(&rows))
}

fn index_name(args: &Batch) -> String {
    args.shard.map_or_else(|| "index.html".to_owned(), |shard| format!("index-{shard}.html"))
}

/// Refuses to put the overview in the place of a result or of the page that leads to them.
fn not_a_result(file: &Path, args: &Batch, jobs: &[Job]) -> Result<(), Error> {
    let is_out = fs::canonicalize(output::folder(file)).ok() == fs::canonicalize(&args.out).ok();
    let name = file.file_name().unwrap_or_default();
    let is_page = |page: String| args.html && name == page.as_str();
    let is_own = |job: &Job| name == job.result.as_str() || is_page(job.page());
    if is_out && (is_page(index_name(args)) || jobs.iter().any(is_own)) {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is one of the results");
        return Err(Error::Unwritable { path: file.to_owned(), source });
    }
    Ok(())
}

/// The bundles: archives, captures and logs that were given, and of a folder each entry that is one or is a folder,
/// save that of the results. Of several folders one that itself holds captures or logs is a bundle: `cases/*`.
fn jobs(paths: &[PathBuf], out: &Path, shard: Option<Shard>) -> Result<Vec<Job>, Error> {
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
            if below.is_dir() && !is_out(&below) || is_bundle(&below) {
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
fn raw(path: &Path) -> Vec<u8> {
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
    if !path.is_file() {
        return false;
    }
    let mut head = Vec::new();
    let read =
        File::open(path).and_then(|file| io::Read::read_to_end(&mut io::Read::take(file, 1024), &mut head));
    let is_one = matches!(
        Format::of(&head),
        Format::Archive(_) | Format::Compressed(_) | Format::Pcap | Format::PcapNg | Format::Evtx
    );
    read.is_ok() && is_one || looks_named_as_evidence(path)
}

/// Whether captures or logs lie in a folder itself.
fn holds_evidence(folder: &Path) -> bool {
    let is_one = |path: &Path| {
        let mut head = Vec::new();
        let read = path.is_file().then(|| File::open(path)).and_then(Result::ok);
        let read = read.map(|file| io::Read::read_to_end(&mut io::Read::take(file, 1024), &mut head));
        read.is_some() && matches!(Format::of(&head), Format::Pcap | Format::PcapNg | Format::Evtx)
    };
    fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| is_one(&entry.path())))
}

/// FNV-1a: the same on every machine and in every version.
fn hash(raw: &[u8]) -> u64 {
    raw.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The rows of all jobs, in their order.
fn work(args: &Batch, jobs: &[Job], key: Option<Key>) -> Result<Vec<Row>, Error> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = args.reading.threads.map_or(cores, usize::from);
    // One after the other, where each learns from the one before: pseudonyms are the same in every run.
    let most = if key.is_some() { 1 } else { jobs.len() };
    let workers = args.jobs.map_or(threads, usize::from).min(most).max(1);
    let key = Mutex::new(key);
    let options = Options {
        limits: args.unpacking.into(),
        threads: Some((threads / workers).max(1)),
        ..args.reading.options(&[])
    };
    let bar = progress(args.quiet, jobs.len());
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<Row, Error>)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                // An analysis has no state to share, so a queue is a number.
                while let Some((at, job)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, jobs.get(at)?)))
                {
                    let row = one(args, job, &options, &key);
                    let stop = row.is_err();
                    if let Ok(mut done) = done.lock() {
                        done.push((at, row));
                    }
                    bar.inc(1);
                    if stop {
                        // The results cannot be written: the next would fail in the same way.
                        next.store(jobs.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, row)| row).collect()
}

/// On a terminal only: on a pipe nothing is drawn.
fn progress(quiet: bool, length: usize) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(u64::try_from(length).ok(), target);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} bundles, {elapsed}, {eta} to go");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The report; with pseudonyms, whose key is kept before the report is written, which is worth nothing without it.
fn analysed(args: &Batch, options: &Options, key: &Mutex<Option<Key>>) -> Result<Report, Error> {
    if !args.is_redacted() {
        return rdpscan::analyze(options);
    }
    let mut key = key.lock().unwrap_or_else(PoisonError::into_inner);
    let key = key.get_or_insert_default();
    let report = rdpscan::analyze_redacted(options, key)?;
    if let Some(file) = &args.redact_key {
        output::write_private(file, &key.to_json())?;
    }
    Ok(report)
}

/// Analyses one bundle, or takes what an earlier run found. Fails only if the result cannot be written.
fn one(args: &Batch, job: &Job, options: &Options, key: &Mutex<Option<Key>>) -> Result<Row, Error> {
    let file = args.out.join(&job.result);
    if args.resume
        && let Some(row) = File::open(&file).ok().and_then(|file| Row::read(BufReader::new(file)))
        && row.bundle == job.name
        && (!args.html || row.reason.is_some() || args.out.join(job.page()).exists())
    {
        return Ok(row);
    }
    let options = Options { inputs: vec![job.path.clone()], ..options.clone() };
    // One bundle that finds a fault of the program must not take the others along.
    let analysed = catch_unwind(AssertUnwindSafe(|| analysed(args, &options, key)));
    let (row, report) = match analysed {
        Ok(Ok(report)) => (Row::of(job.name.clone(), job.result.clone(), &report), Some(report)),
        Ok(Err(error)) => {
            // Its words are about files.
            let hidden =
                args.is_redacted().then(|| "it cannot be analysed; why is told without --redact".to_owned());
            let reason = hidden.unwrap_or_else(|| chain(&error));
            (Row::failed(job.name.clone(), job.result.clone(), reason), None)
        }
        Err(_) => {
            let reason = "the analysis ended unexpectedly: a fault of rdpscan".to_owned();
            (Row::failed(job.name.clone(), job.result.clone(), reason), None)
        }
    };
    if let Some(report) = report.as_ref().filter(|_| args.html) {
        // Before the result, which says that all is done.
        let report = output::in_zone(report.clone(), report::Format::Html, &args.times.tz);
        output::write_file(&args.out.join(job.page()), &report, report::Format::Html, Style::default())?;
    }
    output::write_text(&file, &outcome(&row, report.as_ref()))?;
    Ok(row)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
