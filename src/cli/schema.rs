//! `rdpscan schema`: prints what a script may rely on.

use rdpscan::Error;

use super::exit::Exit;
use super::output;

/// Prints the schema.
pub fn run() -> Result<Exit, Error> {
    // A reader that has left is no failure.
    let _ = output::print(&rdpscan::report::schema())?;
    Ok(Exit::Analysed)
}
