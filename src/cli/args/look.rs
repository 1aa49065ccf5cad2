//! What the user says of how a page looks: the same in every command that prints one.

use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;

use rdpscan::base::Zone;
use rdpscan::report::Style;

/// How a page looks.
#[derive(Clone, Debug, clap::Args)]
pub struct Look {
    /// Columns of the table format [default: those of the terminal, at most 120; else 80].
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(40..=1000),
        help_heading = "Look")]
    pub width: Option<usize>,

    /// When to use colours. NO_COLOR is honoured.
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Look")]
    pub color: Color,
}

/// In which zone times are told.
#[derive(Clone, Debug, clap::Args)]
pub struct Times {
    /// The time zone of tables, Markdown and HTML: UTC, local, an offset such as +02:00, or a name such as
    /// Europe/Berlin or "W. Europe Standard Time". JSON, NDJSON and CSV stay UTC.
    #[arg(
        long,
        value_name = "ZONE",
        default_value = "UTC",
        allow_hyphen_values = true,
        hide_default_value = true,
        help_heading = "Look"
    )]
    pub tz: Zone,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Also in a pipe or file.
    Always,
    /// Not at all.
    Never,
}

// A page below this is not laid out, so asking for one is refused.
const _: () = assert!(Style::NARROWEST == 40);
