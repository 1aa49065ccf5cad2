//! `rdpscan remedy`: one incident of a report to a script, and the script to where it was asked for.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use rdpscan::Error;
use rdpscan::remedy::{Order, Refusal, script};

use super::args::Remedy;
use super::exit::Exit;
use super::output;
use super::say;

/// Writes the script; where there is nothing to remedy, says so.
pub fn run(args: &Remedy) -> Result<Exit, Error> {
    if let Some(file) = &args.output {
        output::check(file, std::slice::from_ref(&args.report))?;
    }
    let json =
        read(&args.report).map_err(|source| Error::Unreadable { path: args.report.clone(), source })?;
    let order = match Order::read(&json, args.incident) {
        Ok(order) => order,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    match &args.output {
        Some(file) => write(file, &order, args.quiet)?,
        None => {
            // A reader that has left is no failure.
            let _ = output::print(&script(&order))?;
        }
    }
    Ok(Exit::Analysed)
}

/// Writes a script to a file, and says for which incident.
pub fn write(file: &Path, order: &Order, quiet: bool) -> Result<(), Error> {
    output::write_text(file, &script(order))?;
    if !quiet {
        let Order { incident, cause, .. } = order;
        say(&format!("remedy of incident {incident} ({cause}) written to {}", file.display()));
    }
    Ok(())
}

/// Says why there is no script.
pub fn refused(refusal: &Refusal) -> Exit {
    say(&format!("error: {refusal}"));
    Exit::CouldNotRun
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut all = Vec::new();
        io::stdin().lock().read_to_end(&mut all)?;
        return Ok(all);
    }
    fs::read(path)
}
