//! `rdpscan unredact`: a redacted report with the names and addresses again.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use rdpscan::Error;
use rdpscan::report::redact::unredact;

use super::args::Unredact;
use super::exit::Exit;
use super::{output, say};

/// Writes the report as it would be without pseudonyms.
pub fn run(args: &Unredact) -> Result<Exit, Error> {
    if let Some(file) = &args.output {
        output::check(file, &[args.report.clone(), args.redact_key.clone()])?;
    }
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Unreadable { path, source }
    };
    // A key that is not there is a slip here: a new one would turn nothing back.
    fs::metadata(&args.redact_key).map_err(unreadable(&args.redact_key))?;
    let key = output::read_key(&args.redact_key)?;
    let text = read(&args.report).map_err(unreadable(&args.report))?;
    let (text, count) = unredact(&text, &key);
    if count == 0 {
        say("no pseudonym of this key is in this report");
    }
    match &args.output {
        // Names are in it again.
        Some(file) => output::write_private(file, &text)?,
        // A reader that has left is no failure.
        None => output::print(&text).map(drop)?,
    }
    Ok(Exit::Analysed)
}

fn read(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path)
}
