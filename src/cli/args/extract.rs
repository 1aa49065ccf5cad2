//! What the user typed to get the frames of an incident.

use std::path::PathBuf;

use super::{Reading, Selection, Unpacking};
use rdpscan::base::Zone;

const EXTRACT_EXAMPLES: &str = "\
Examples:
  The frames that the first incident stands on, into a file, or into Wireshark:
    rdpscan extract --incident 1 case-4711/ -o incident-1.pcapng
    rdpscan extract --incident 1 case-4711/ | wireshark -k -i -

  Frames that prove something have a comment. In Wireshark: the filter frame.comment.

Ends with 2 if there is no such incident, or if only logs speak of it.
";

/// The options of `extract`.
#[derive(Debug, clap::Args)]
#[command(max_term_width = 100, after_help = EXTRACT_EXAMPLES)]
pub struct Extract {
    /// What was given to `analyze`: captures, event logs, folders or archives of them; - is standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// The number of the incident, as `analyze` tells it for the same inputs and options.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub incident: u32,

    /// Write to FILE instead of standard output. Where several captures show the incident, each gets a file: FILE,
    /// then FILE with -2, -3 before its extension.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Keep the TLS secrets that the capture holds. Whoever has the file can then read what was typed and shown.
    #[arg(long)]
    pub keep_secrets: bool,

    /// Which incidents are counted.
    #[command(flatten)]
    pub selection: Selection,

    /// The zone of a time without an offset in --around, as in `analyze`.
    #[arg(
        long,
        value_name = "ZONE",
        default_value = "UTC",
        allow_hyphen_values = true,
        hide_default_value = true,
        help_heading = "Selection"
    )]
    pub tz: Zone,

    /// The name that the user typed into the client: tells failed name lookups from others.
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub target: Option<String>,

    /// How inputs are read.
    #[command(flatten)]
    pub reading: Reading,

    /// What archives may cost.
    #[command(flatten)]
    pub unpacking: Unpacking,

    /// Say nothing on standard error but errors.
    #[arg(short, long)]
    pub quiet: bool,
}
