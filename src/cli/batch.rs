//! `rdpscan batch`: every bundle for itself, several at once; one result file each, then an overview.
//!
//! INVARIANT: a result file is complete or not there. It is written under another name and renamed, so a run that was
//! ended at any moment is taken up by `--resume` with nothing lost and nothing done twice.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use rdpscan::report::batch::{self, Earlier, Row, outcome, render};
use rdpscan::report::redact::Key;
use rdpscan::report::{self, Style};
use rdpscan::{Error, Options, Report};

use super::args::Batch;
use super::exit::Exit;
use super::{chain, misused, output, say};
use job::{Job, jobs};

mod job;
mod state;

/// Analyses what is not done yet, and prints the overview of all.
pub fn run(args: &Batch) -> Result<Exit, Error> {
    if args.redact && args.redact_key.is_none() && args.resume {
        return Ok(misused("--resume goes on with the pseudonyms of before: name their key (--redact-key)"));
    }
    if let Some(result) = args.is_redacted().then(|| job::result_with_names(&args.out)).flatten() {
        return Ok(misused(&format!(
            "{} names its bundle: redacted results and others do not belong into one folder, give another --out",
            result.display()
        )));
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
    // The parts of several computers may lie in one folder, each with numbers of its own.
    let part = args.shard.map_or_else(String::new, |shard| format!("-{shard}"));
    for job in jobs {
        job.name = key.file(&job.name);
        let number = job.name.trim_start_matches("file-");
        job.result = format!("bundle-{number}{part}.json");
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

/// The row of an earlier run, if the bundle is still what it was then.
fn done_before(result: &Path, state: &str) -> Option<Row> {
    let earlier = Earlier::read(BufReader::new(File::open(result).ok()?))?;
    (earlier.state == state).then_some(earlier.row)
}

/// Analyses one bundle, or takes what an earlier run found. Fails only if the result cannot be written.
fn one(args: &Batch, job: &Job, options: &Options, key: &Mutex<Option<Key>>) -> Result<Row, Error> {
    let file = args.out.join(&job.result);
    let look = if args.html { format!("{:?}", args.times.tz) } else { String::new() };
    let state = state::of(&job.path, &args.out, options, &look);
    if args.resume
        && let Some(row) = done_before(&file, &state)
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
            let reason = if args.is_redacted() { error.in_short().to_owned() } else { chain(&error) };
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
    output::write_text(&file, &outcome(&row, &state, report.as_ref()))?;
    Ok(row)
}
