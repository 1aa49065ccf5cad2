//! `rdpscan analyze`: options to the library, its report to where it was asked for.

use std::num::NonZeroUsize;
use std::path::Path;

use clap::CommandFactory;
use clap::error::ErrorKind;

use rdpscan::causes::client_code::Told;
use rdpscan::remedy::Order;
use rdpscan::report::redact::Key;
use rdpscan::{Error, Options, Report};

use super::args::{Analyze, Args};
use super::exit::Exit;
use super::{output, remedy, say};

/// Analyses, writes the report, and says how that ended.
pub fn run(args: &Analyze) -> Result<Exit, Error> {
    if args.paths.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        let text = "standard input (-) can be read only once";
        let _ = Args::command().error(ErrorKind::ArgumentConflict, text).print();
        return Ok(Exit::CouldNotRun);
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
    let (format, style) = (args.format.into(), output::style(args.width, args.color, args.output.is_none()));
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
        return rdpscan::analyze(&options(args));
    }
    let Some(file) = &args.redact_key else {
        return rdpscan::analyze_redacted(&options(args), &mut Key::default());
    };
    output::check(file, &[args.paths.as_slice(), args.output.as_slice()].concat())?;
    let mut key = output::read_key(file)?;
    let report = rdpscan::analyze_redacted(&options(args), &mut key)?;
    output::write_private(file, &key.to_json())?;
    if !args.quiet {
        say(&format!(
            "key of the pseudonyms written to {}: keep it, and do not send it along",
            file.display()
        ));
    }
    Ok(report)
}

fn options(args: &Analyze) -> Options {
    Options {
        inputs: args.paths.clone(),
        ports: args.ports.clone(),
        client: args.client.clone(),
        server: args.server.clone(),
        user: args.user.clone(),
        around: args.around,
        target: args.target.clone(),
        client_code: args.client_code.map(|code| Told { code, extended: args.extended }),
        no_mmap: args.no_mmap,
        threads: args.threads.map(NonZeroUsize::get),
        max_memory: args.max_memory,
        hash: args.hash,
        range_size: None,
    }
}
