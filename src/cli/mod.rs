//! The command line: one file per command, the exit codes, and where a report goes.
//!
//! Does no analysis: everything it knows of RDP comes out of the library.

mod analyze;
mod args;
mod batch;
mod compare;
mod exit;
mod explain;
mod extract;
mod manual;
mod output;
mod pager;
mod progress;
mod remedy;
mod schema;
mod unredact;

use std::error::Error as _;
use std::ffi::OsString;
use std::io::{self, Write};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use args::{Args, Command};
use exit::Exit;
use rdpscan::report::visible;

/// Runs one command line. Results go to stdout, everything else to stderr.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let outcome = match Args::try_parse_from(args) {
        Ok(args) => match args.command {
            Command::Analyze(args) => analyze::run(&args),
            Command::Batch(args) => batch::run(&args),
            Command::Compare(args) => compare::run(&args),
            Command::Extract(args) => extract::run(&args),
            Command::Completions(args) => manual::completions(&args),
            Command::Man(args) => manual::man(&args),
            Command::Explain(args) => explain::run(&args),
            Command::Remedy(args) => remedy::run(&args),
            Command::Unredact(args) => unredact::run(&args),
            Command::Schema(args) => schema::run(&args),
        },
        Err(usage) => {
            // Help and version go to stdout; a reader that has left is no failure.
            let _ = usage.print();
            return if usage.use_stderr() { Exit::CouldNotRun } else { Exit::Analysed };
        }
    };
    outcome.unwrap_or_else(|error| {
        say(&format!("error: {}", chain(&error)));
        Exit::CouldNotRun
    })
}

/// What was typed makes no sense together.
fn misused(text: &str) -> Exit {
    let _ = Args::command().error(ErrorKind::ArgumentConflict, text).print();
    Exit::CouldNotRun
}

/// One line for the user, on stderr.
fn say(text: &str) {
    // Nowhere is left to complain if stderr is closed.
    let _ = writeln!(io::stderr(), "rdpscan: {}", visible(text));
}

/// What went wrong, and why: `cannot read x.pcap: permission denied`.
fn chain(error: &rdpscan::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_causes() {
        let error = rdpscan::Error::Unwritable {
            path: "x/report.md".into(),
            source: io::Error::new(io::ErrorKind::StorageFull, "no space left"),
        };
        assert_eq!(chain(&error), "cannot write x/report.md: no space left");
    }
}
