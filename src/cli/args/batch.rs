//! The options of `batch`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;

use rdpscan::report::batch::Format;

use super::{Look, Reading, Times, Unpacking};

const BATCH_EXAMPLES: &str = "\
Examples:
  Every bundle in a folder, one result each, and an overview:
    rdpscan batch cases/ --out results

  The same after an interruption; what is done is not done again:
    rdpscan batch cases/ --out results --resume

  On the second of four computers, with the overview for a spreadsheet:
    rdpscan batch cases/ --out results --shard 2/4 --format csv -o overview-2.csv

Ends with 0 if every bundle was analysed, with 3 if some were not, with 2 if it could not run.
";

/// The options of `batch`.
#[derive(Debug, clap::Args)]
#[command(max_term_width = 100, after_help = BATCH_EXAMPLES)]
pub struct Batch {
    /// Folders of bundles, or bundles. Of several folders one that itself holds captures or logs is one bundle, so
    /// that `cases/*` are as many as there are cases.
    #[arg(required = true, value_name = "DIR|ARCHIVE")]
    pub paths: Vec<PathBuf>,

    /// The folder for the result files; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Also write a page for a browser per bundle, and index.html, which leads to them.
    #[arg(long)]
    pub html: bool,

    /// Put pseudonyms in the place of addresses and names, also of the bundles: the same in all of them.
    #[arg(long)]
    pub redact: bool,

    /// Keep what the pseudonyms stand for in FILE, and go on with those that are in it. Implies --redact.
    #[arg(long, value_name = "FILE")]
    pub redact_key: Option<PathBuf>,

    /// Leave out the bundles that have a result already and did not change since it was written.
    #[arg(long)]
    pub resume: bool,

    /// Only the I-th part of N: the same on every computer, by the paths as given.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Bundles at once [default: one per core].
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    /// How the overview is written.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Overview")]
    pub format: OverviewName,

    /// Write the overview to FILE instead of standard output.
    #[arg(short, long, value_name = "FILE", help_heading = "Overview")]
    pub output: Option<PathBuf>,

    /// How the page looks.
    #[command(flatten)]
    pub look: Look,

    /// How times are told.
    #[command(flatten)]
    pub times: Times,

    /// How inputs are read. Threads are shared among the bundles that are analysed at once.
    #[command(flatten)]
    pub reading: Reading,

    /// What archives may cost.
    #[command(flatten)]
    pub unpacking: Unpacking,

    /// Say nothing on standard error but errors.
    #[arg(short, long)]
    pub quiet: bool,
}

impl Batch {
    /// Whether there are to be pseudonyms.
    pub const fn is_redacted(&self) -> bool {
        self.redact || self.redact_key.is_some()
    }
}

/// A part of all bundles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    part: u64,
    /// Of how many.
    of: u64,
}

impl Shard {
    /// Whether a bundle of this hash belongs to it.
    pub const fn holds(self, hash: u64) -> bool {
        hash % self.of == self.part - 1
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-of-{}", self.part, self.of)
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers =
            text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((part, of)) if (1..=of).contains(&part) => Ok(Self { part, of }),
            _ => Err("expected a part and their number, such as 2/4"),
        }
    }
}

/// The formats of an overview by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OverviewName {
    /// For reading on a terminal.
    Table,
    /// For a spreadsheet.
    Csv,
    /// For scripts: one JSON object a line.
    Ndjson,
}

impl From<OverviewName> for Format {
    fn from(name: OverviewName) -> Self {
        match name {
            OverviewName::Table => Self::Table,
            OverviewName::Csv => Self::Csv,
            OverviewName::Ndjson => Self::Ndjson,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_several() {
        assert!("2/4".parse::<Shard>().is_ok());
        for bad in ["0/4", "5/4", "1/0", "1", "a/b"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
