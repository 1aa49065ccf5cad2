//! `rdpscan explain`: what was typed to the library, its answer to standard output.

use rdpscan::Error;
use rdpscan::report::explain::explain;

use super::args::{Explain, PageFormat};
use super::exit::Exit;
use super::{output, pager};

/// Prints the answers; a code that is not known is told with its nearest ones, and by the exit code.
pub fn run(args: &Explain) -> Result<Exit, Error> {
    let explanation = explain(&args.codes);
    let style = output::style(&args.look, true);
    let is_page = args.format == PageFormat::Table;
    pager::print(&explanation.render(args.format.into(), style), is_page && !args.no_pager)?;
    Ok(if explanation.is_complete() { Exit::Analysed } else { Exit::CouldNotRun })
}
