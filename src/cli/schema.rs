//! `rdpscan schema`: prints what a script may rely on.

use rdpscan::Error;

use super::args::{Schema, SchemaName};
use super::exit::Exit;
use super::output;

/// Prints the schema.
pub fn run(args: &Schema) -> Result<Exit, Error> {
    let schema = match args.of {
        SchemaName::Report => rdpscan::report::schema(),
        SchemaName::Incident => rdpscan::report::incident_schema(),
        SchemaName::Batch => rdpscan::report::batch_schema(),
        SchemaName::Bundle => rdpscan::report::bundle_schema(),
        SchemaName::Compare => rdpscan::report::compare_schema(),
        SchemaName::Explain => rdpscan::report::explain_schema(),
    };
    // A reader that has left is no failure.
    let _ = output::print(&schema)?;
    Ok(Exit::Analysed)
}
