//! `rdpscan analyze`: options to the library, its report to where it was asked for.

use std::path::Path;

use rdpscan::base::Progress;
use rdpscan::causes::client_code::Told;
use rdpscan::remedy::Order;
use rdpscan::report::redact::Key;
use rdpscan::{Error, Options, Report};

use super::args::Analyze;
use super::exit::Exit;
use super::{misused, output, progress, remedy, say};

/// Analyses, writes the report, and says how that ended.
pub fn run(args: &Analyze) -> Result<Exit, Error> {
    if args.paths.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Ok(misused("standard input (-) can be read only once"));
    }
    if let Some(doubt) = args.selection.doubt(&args.times.tz) {
        return Ok(misused(&doubt));
    }
    if let Some(file) = &args.output {
        // Before an analysis that may take minutes, not after it.
        output::check(file, &args.paths)?;
    }
    if let Some(file) = &args.remedy_script {
        output::check(file, &args.paths)?;
    }

    let report = report(args)?;

    if let Some(file) = &args.remedy_script {
        match Order::first(&report) {
            Ok(order) => remedy::write(file, &order, args.quiet)?,
            Err(refusal) => say(&format!("no remedy script: {refusal}")),
        }
    }
    let format = args.format.into();
    let report = output::in_zone(report, format, &args.times.tz);
    let style = output::style(&args.look, args.output.is_none());
    match &args.output {
        Some(file) => {
            output::write_file(file, &report, format, style)?;
            if !args.quiet {
                say(&format!("report written to {}", file.display()));
            }
        }
        None if output::write_stdout(&report, format, style)?.is_break() => return Ok(Exit::Analysed),
        None => {}
    }
    Ok(Exit::of(&report, args.fail_on_finding))
}

/// With pseudonyms if they were asked for; their key is written before the report, which is worth nothing without it.
fn report(args: &Analyze) -> Result<Report, Error> {
    if !args.redact && args.redact_key.is_none() {
        return progress::shown(args.quiet, |progress| rdpscan::analyze(&options(args, progress)));
    }
    let redacted = |key: &mut Key| {
        progress::shown(args.quiet, |progress| rdpscan::analyze_redacted(&options(args, progress), key))
    };
    let Some(file) = &args.redact_key else {
        return redacted(&mut Key::default());
    };
    output::check(file, &[args.paths.as_slice(), args.output.as_slice()].concat())?;
    let mut key = output::read_key(file)?;
    let report = redacted(&mut key)?;
    output::write_private(file, &key.to_json())?;
    if !args.quiet {
        say(&format!(
            "key of the pseudonyms written to {}: keep it, and do not send it along",
            file.display()
        ));
    }
    Ok(report)
}

fn options(args: &Analyze, progress: &Progress) -> Options {
    let base = args.reading.options(&args.paths);
    Options {
        target: args.target.clone(),
        client_code: args.client_code.map(|code| Told { code, extended: args.extended }),
        max_memory: args.max_memory,
        hash: args.hash,
        progress: progress.clone(),
        limits: args.unpacking.into(),
        ..args.selection.restrict(base, &args.times.tz)
    }
}
