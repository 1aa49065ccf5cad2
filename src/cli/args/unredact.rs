//! What the user typed to have pseudonyms turned back.

use std::path::PathBuf;

const UNREDACT_EXAMPLES: &str = "\
Examples:
  A report that somebody worked on, with its names again:
    rdpscan unredact answer.md --redact-key case.key.json -o answer-with-names.md
";

/// The options of `unredact`.
#[derive(Debug, clap::Args)]
#[command(max_term_width = 100, after_help = UNREDACT_EXAMPLES)]
pub struct Unredact {
    /// A redacted report of any format, or any text that names its pseudonyms; - is standard input.
    #[arg(value_name = "REPORT")]
    pub report: PathBuf,

    /// The key that was kept when it was redacted.
    #[arg(long, value_name = "FILE")]
    pub redact_key: PathBuf,

    /// Write to FILE instead of standard output. Only its owner can read it.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
