//! `rdpscan extract`: the frames of one incident to where they were asked for.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use rdpscan::base::Progress;
use rdpscan::extract::{Extraction, Order, Written};
use rdpscan::{Error, Options};

use super::args::Extract;
use super::exit::Exit;
use super::{misused, output, progress, say};

/// Analyses, then writes a capture for each capture that shows the incident.
pub fn run(args: &Extract) -> Result<Exit, Error> {
    if args.paths.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Ok(misused("standard input (-) can be read only once"));
    }
    if let Some(doubt) = args.selection.doubt(&args.tz) {
        return Ok(misused(&doubt));
    }
    match &args.output {
        Some(file) => output::check(file, &args.paths)?,
        None if io::stdout().is_terminal() => {
            return Ok(misused("a capture is no text for a terminal: give -o FILE, or pipe it"));
        }
        None => {}
    }
    // What is to be said waits until the line of the progress is gone.
    let (exit, says) = progress::shown(args.quiet, |progress| extracted(args, progress))?;
    for line in says {
        say(&line);
    }
    Ok(exit)
}

fn extracted(args: &Extract, progress: &Progress) -> Result<(Exit, Vec<String>), Error> {
    let could_not_run = |text: String| Ok((Exit::CouldNotRun, vec![format!("error: {text}")]));
    let order = Order { incident: args.incident, secrets: args.keep_secrets };
    let extraction = match rdpscan::extract(&options(args, progress), order)? {
        Ok(extraction) => extraction,
        Err(refusal) => return could_not_run(refusal.to_string()),
    };
    let captures: Vec<&Path> = extraction.captures().collect();
    let mut says = Vec::new();
    match &args.output {
        Some(file) => {
            for (nth, capture) in captures.iter().enumerate() {
                let file = numbered(file, nth);
                let Written { frames, proofs } = to_file(args, &extraction, nth, &file)?;
                let (file, capture) = (file.display(), capture.display());
                says.push(format!(
                    "{frames} frames of {capture}, {proofs} of them with a comment, written to {file}"
                ));
            }
        }
        None if captures.len() > 1 => {
            return could_not_run(format!("{} captures show this incident: give -o FILE", captures.len()));
        }
        None => {
            // A reader that has left is no failure.
            let _ = output::stream(|out| extraction.write(0, out).map(drop))?;
        }
    }
    if args.quiet {
        says.clear();
    }
    Ok((Exit::Analysed, says))
}

fn to_file(args: &Extract, extraction: &Extraction, nth: usize, file: &Path) -> Result<Written, Error> {
    // From the second on, the name was made here.
    output::check(file, &args.paths)?;
    let mut written = Written::default();
    output::write_bytes(file, |out| {
        written = extraction.write(nth, out)?;
        Ok(())
    })?;
    Ok(written)
}

/// `incident.pcapng`, then `incident-2.pcapng`.
fn numbered(file: &Path, nth: usize) -> PathBuf {
    if nth == 0 {
        return file.to_owned();
    }
    let mut name = OsString::from(file.file_stem().unwrap_or_default());
    name.push(format!("-{}", nth + 1));
    if let Some(extension) = file.extension() {
        name.push(".");
        name.push(extension);
    }
    file.with_file_name(name)
}

fn options(args: &Extract, progress: &Progress) -> Options {
    let base = args.reading.options(&args.paths);
    Options {
        target: args.target.clone(),
        limits: args.unpacking.into(),
        progress: progress.clone(),
        ..args.selection.restrict(base, &args.tz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_files_are_numbered() {
        assert_eq!(numbered(Path::new("x/a.pcapng"), 0), Path::new("x/a.pcapng"));
        assert_eq!(numbered(Path::new("x/a.pcapng"), 1), Path::new("x/a-2.pcapng"));
        assert_eq!(numbered(Path::new("a"), 2), Path::new("a-3"));
    }
}
