//! `rdpscan compare`: two analyses, and where they part, to where it was asked for.

use std::path::{Path, PathBuf};

use rdpscan::report::compare::{Which, compare};
use rdpscan::{Error, Options, Report};

use super::args::Compare;
use super::exit::Exit;
use super::{misused, output, progress, say};

/// Analyses both, writes the comparison, and says by the exit code whether they differ.
pub fn run(args: &Compare) -> Result<Exit, Error> {
    let Some((good, bad)) = sides(args) else {
        let text = "give one good and one bad PATH, or the files of the bad side after --with";
        return Ok(misused(text));
    };
    let all = [good, bad].concat();
    if all.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Ok(misused("standard input (-) can be read only once"));
    }
    if let Some(file) = &args.output {
        output::check(file, &all)?;
    }
    let comparison = match compare(&analyzed(args, good)?, &analyzed(args, bad)?) {
        Ok(comparison) => comparison,
        Err(which) => {
            let (word, paths) = if which == Which::Good { ("good", good) } else { ("bad", bad) };
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            let paths = paths.join(", ");
            say(&format!("error: no RDP connection in the {word} input, so nothing to compare: {paths}"));
            return Ok(Exit::CouldNotRun);
        }
    };
    let style = output::style(&args.look, args.output.is_none());
    let text = comparison.render(args.format.into(), style);
    match &args.output {
        Some(file) => {
            output::write_text(file, &text)?;
            if !args.quiet {
                say(&format!("comparison written to {}", file.display()));
            }
        }
        None if output::print(&text)?.is_break() => return Ok(Exit::Analysed),
        None => {}
    }
    Ok(if comparison.differs { Exit::Differ } else { Exit::Analysed })
}

/// The two sides: all before `--with` and all after it; without it, exactly two paths.
fn sides(args: &Compare) -> Option<(&[PathBuf], &[PathBuf])> {
    match (args.paths.as_slice(), args.with.as_slice()) {
        ([good, bad], []) => Some((std::slice::from_ref(good), std::slice::from_ref(bad))),
        (_, []) => None,
        (good, bad) => Some((good, bad)),
    }
}

fn analyzed(args: &Compare, inputs: &[PathBuf]) -> Result<Report, Error> {
    let options = args.reading.options(inputs);
    let report = progress::shown(args.quiet, |progress| {
        rdpscan::analyze(&Options { target: args.target.clone(), progress: progress.clone(), ..options })
    })?;
    Ok(output::in_zone(report, args.format.into(), &args.times.tz))
}
