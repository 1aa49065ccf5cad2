//! What the user typed. Holds it, checks its form, and does no work with it.

mod batch;
mod extract;
mod look;
mod manual;
mod reading;
mod remedy;
mod unpacking;
mod unredact;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use rdpscan::report::Format;

pub use batch::{Batch, Shard};
pub use extract::Extract;
pub use look::{Color, Look, Times};
pub use manual::{Completions, Manual};
pub use reading::{Reading, Selection};
pub use remedy::Remedy;
use remedy::code;
pub use unpacking::Unpacking;
pub use unredact::Unredact;

const EXAMPLES: &str = "\
Examples:
  Both sides of one failure, as a report on the terminal:
    rdpscan analyze client.pcapng server-logs/

  A bundle from support, for one user's attempt, as text for the ticket:
    rdpscan analyze case-4711/ --client 10.20.0.5 --around 2024-05-06T20:10:10Z \\
        --format markdown -o verdict.md

  A capture from a pipe, with RDP on another port:
    zcat trace.pcap.gz | rdpscan analyze - --port 3390

  In a script:
    rdpscan analyze trace.pcapng --format json --fail-on-finding > report.json
";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  What the error box of mstsc shows:
    rdpscan explain 0x904 0x7

  One code of a family, in hexadecimal or decimal; an event; a symbol; a cause:
    rdpscan explain ntstatus:0xC000006A
    rdpscan explain rdpcorets:140
    rdpscan explain SEC_E_LOGON_DENIED
    rdpscan explain mtu-black-hole

A code that is not known ends with exit code 2, and the nearest ones are named.
";

const COMPARE_EXAMPLES: &str = "\
Examples:
  A capture of a computer that can connect, and of one that cannot:
    rdpscan compare good.pcapng bad.pcapng

  With the logs of the server on both sides:
    rdpscan compare good.pcapng good-logs/ --with bad.pcapng bad-logs/

Ends with 0 if no difference matters, with 1 if one does, with 2 if it could not run.
";

const EXIT_CODES: &str = "\
Exit codes:
  0  analysed, also if no RDP was found or some inputs could not be read; explained; compared, and no difference
     that matters
  1  analysed and a failure was found (only with --fail-on-finding); compared, and they differ
  2  could not run: bad arguments, no input that can be read, nothing to compare or to remedy, or a code that
     explain does not know
  3  some bundles of a batch could not be analysed
";

/// Names the root cause of a failed Remote Desktop connection.
///
/// Reads packet captures and exported Windows event logs, and says what went wrong, who is to blame, what that
/// rests on, and what to do. Works offline: it sends nothing and changes nothing.
///
/// Unrelated to the older BlueKeep scanner of the same name.
#[derive(Debug, Parser)]
#[command(name = "rdpscan", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One variant per command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge the RDP connections in captures and logs.
    ///
    /// Give all that belongs to one case at once: captures and logs, of the client and of the server. They are
    /// joined by address, port and time, and differing clocks are found out.
    Analyze(Analyze),
    /// Analyse many bundles, each for itself.
    ///
    /// A bundle is an archive, a capture, a log or a folder of them; of a folder that is given, each entry is one. Each
    /// gets one result file in the output folder: a JSON document with its row of the overview and the report of
    /// `analyze`. Result files appear when they are complete.
    Batch(Batch),
    /// Lay a connection that works beside one that does not: where they part.
    ///
    /// Of the good side the first healthy incident is taken, of the bad side the first that failed. They are compared
    /// stage by stage. What only one side shows is said, and never called a difference.
    Compare(Compare),
    /// Write the frames that an incident stands on as a capture for Wireshark.
    ///
    /// Those of its connections, those that the verdict names with the connections that they stand in, and what the
    /// network said of either. Times, interfaces and link types stay as they are; frames that prove something have a
    /// comment that says what. Nothing is made unrecognisable: a file for others may need more than leaving frames out.
    Extract(Extract),
    /// Say what a code, an event or a cause means, and what it does not mean.
    Explain(Explain),
    /// Write what to do about an incident as a PowerShell script for the computer that is to blame.
    ///
    /// The script reads first and prints what is there. It changes something only when it is run with -Apply: named
    /// registry values and the self-signed certificate, each kept before, and it prints how to undo that. All else it
    /// prints as steps.
    Remedy(Remedy),
    /// Turn the pseudonyms of a redacted report back, with the key that was kept.
    ///
    /// A name that a table broke over two lines stays a pseudonym: redact as JSON, Markdown or HTML.
    Unredact(Unredact),
    /// Print the completions of a shell.
    Completions(Completions),
    /// Print the manual page.
    Man(Manual),
    /// Print the JSON Schema of `analyze --format json`, or of other JSON.
    ///
    /// JSON Schema 2020-12, by default of the report rdpscan.report.v1. Keys may be added within v1; none is renamed or removed.
    Schema(Schema),
}

/// The options of `schema`.
#[derive(Debug, clap::Args)]
pub struct Schema {
    /// Of what.
    #[arg(value_name = "OF", default_value = "report")]
    pub of: SchemaName,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// `analyze --format json`.
    Report,
    /// A line of `analyze --format ndjson`.
    Incident,
    /// A result file of `batch`.
    Batch,
    /// A line of `batch --format ndjson`.
    Bundle,
    /// `compare --format json`.
    Compare,
    /// `explain --format json`.
    Explain,
}

/// The options of `analyze`.
#[derive(Debug, clap::Args)]
#[command(max_term_width = 100, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n{EXIT_CODES}"))]
pub struct Analyze {
    /// Captures (pcap, pcapng), event logs (evtx), folders or archives (zip, tar, cab, 7z) of them; - is standard input.
    ///
    /// Folders are entered 16 deep.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// How the report is written.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Report")]
    pub format: FormatName,

    /// Write the report to FILE instead of standard output.
    ///
    /// The file appears when it is complete; an older one stays until then.
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    pub output: Option<PathBuf>,

    /// Also write what to do as a PowerShell script: see `rdpscan help remedy`.
    ///
    /// For the first incident that names a cause. The script changes nothing unless it is run with -Apply.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub remedy_script: Option<PathBuf>,

    /// How the page looks.
    #[command(flatten)]
    pub look: Look,

    /// How times are told.
    #[command(flatten)]
    pub times: Times,

    /// Put pseudonyms in the place of addresses, user, host and domain names, and certificate subjects.
    #[arg(long, help_heading = "Report")]
    pub redact: bool,

    /// Keep what the pseudonyms stand for in FILE, and go on with those that are in it. Whoever has it can read the
    /// report: do not send it along. Implies --redact.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub redact_key: Option<PathBuf>,

    /// Name the SHA-256 of every input file. Of a large capture that takes longer than the analysis.
    #[arg(long, help_heading = "Report")]
    pub hash: bool,

    /// Which incidents.
    #[command(flatten)]
    pub selection: Selection,

    /// The name that the user typed into the client: tells failed name lookups from others.
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub target: Option<String>,

    /// The error code that the user saw, such as 0x904 or 2308: weighed as evidence for and against each verdict.
    #[arg(long, value_name = "CODE", value_parser = code, help_heading = "Reading")]
    pub client_code: Option<u32>,

    /// The extended error code beside it, such as 0x7.
    #[arg(long, value_name = "CODE", value_parser = code, requires = "client_code", help_heading = "Reading")]
    pub extended: Option<u32>,

    /// How inputs are read.
    #[command(flatten)]
    pub reading: Reading,

    /// Memory for running connections, at most 112; past it, those heard last the longest ago are given up and counted.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Reading")]
    pub max_memory: Option<u32>,

    /// What archives may cost.
    #[command(flatten)]
    pub unpacking: Unpacking,

    /// Exit with code 1 if a failure was found.
    #[arg(long)]
    pub fail_on_finding: bool,

    /// Say nothing on standard error but errors.
    #[arg(short, long)]
    pub quiet: bool,
}

/// The options of `compare`.
#[derive(Debug, clap::Args)]
#[command(max_term_width = 100, after_help = COMPARE_EXAMPLES)]
#[command(
    override_usage = "rdpscan compare [OPTIONS] GOOD BAD\n       rdpscan compare [OPTIONS] GOOD... --with BAD..."
)]
pub struct Compare {
    /// Captures, event logs, folders or archives of them. Two alone are the good and the bad one.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// The files of the bad side, if either side has more than one.
    #[arg(long, value_name = "BAD", num_args = 1..)]
    pub with: Vec<PathBuf>,

    /// How the comparison is written.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: PageFormat,

    /// Write to FILE instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// How the page looks.
    #[command(flatten)]
    pub look: Look,

    /// How times are told.
    #[command(flatten)]
    pub times: Times,

    /// The name that the user typed into the client: tells failed name lookups from others.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// How inputs are read.
    #[command(flatten)]
    pub reading: Reading,

    /// Say nothing on standard error but errors.
    #[arg(short, long)]
    pub quiet: bool,
}

/// The options of `explain`.
#[derive(Debug, clap::Args)]
#[command(max_term_width = 100, after_help = EXPLAIN_EXAMPLES)]
pub struct Explain {
    /// Two numbers are the error code and the extended error code of one box of mstsc. Else: FAMILY:CODE, a number
    /// (every family that has it is listed), a symbol, PROVIDER:EVENT, or the id of a cause. FAMILY: lists a family.
    #[arg(required = true, value_name = "CODE", allow_negative_numbers = true)]
    pub codes: Vec<String>,

    /// How the answer is written.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: PageFormat,

    /// Print a long answer as a whole, also on a terminal.
    #[arg(long, help_heading = "Look")]
    pub no_pager: bool,

    /// How the page looks.
    #[command(flatten)]
    pub look: Look,
}

/// The formats by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// For reading on a terminal.
    Table,
    /// For scripts: one document, stable keys.
    Json,
    /// For an incident ticket.
    Markdown,
    /// For a browser, for mail and for paper: one file without scripts.
    Html,
    /// For a spreadsheet: an incident a line.
    Csv,
    /// For scripts: an incident a line.
    Ndjson,
}

/// The formats of what is no list of incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PageFormat {
    /// For reading on a terminal.
    Table,
    /// For scripts: one document, stable keys.
    Json,
    /// For an incident ticket.
    Markdown,
    /// For a browser.
    Html,
}

impl From<PageFormat> for Format {
    fn from(name: PageFormat) -> Self {
        match name {
            PageFormat::Table => Self::Table,
            PageFormat::Json => Self::Json,
            PageFormat::Markdown => Self::Markdown,
            PageFormat::Html => Self::Html,
        }
    }
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Table => Self::Table,
            FormatName::Json => Self::Json,
            FormatName::Markdown => Self::Markdown,
            FormatName::Html => Self::Html,
            FormatName::Csv => Self::Csv,
            FormatName::Ndjson => Self::Ndjson,
        }
    }
}

#[cfg(test)]
mod tests {

    use clap::CommandFactory;

    use super::*;

    fn analyze(args: &[&str]) -> Result<Analyze, clap::Error> {
        let args = ["rdpscan", "analyze"].iter().chain(args);
        Args::try_parse_from(args).map(|args| match args.command {
            Command::Analyze(args) => args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_slip_in_an_address_is_refused() {
        for good in
            ["192.0.2.10", "192.0.2.10:3389", "[2001:db8::1]:3389", "2001:db8::1", "srv01:3389", "CLIENT-7"]
        {
            assert!(analyze(&["a.pcapng", "--server", good]).is_ok(), "{good}");
        }
        let mapped = analyze(&["a.pcapng", "--client", "::ffff:192.0.2.10"]).unwrap();
        assert_eq!(mapped.selection.client.as_deref(), Some("192.0.2.10"));
        for bad in ["192.0.2.010", "192.0.2", "192.0.2.10:99999", "2001:db8:::1", ""] {
            assert!(analyze(&["a.pcapng", "--client", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_code_of_an_error_box_is_a_number() {
        let args = analyze(&["a.pcapng", "--client-code", "2308", "--extended", "0x7"]).unwrap();
        assert_eq!((args.client_code, args.extended), (Some(0x904), Some(7)));
        for bad in [
            &["a.pcapng", "--client-code", "0x"][..],
            &["a.pcapng", "--client-code", "-1"],
            &["a.pcapng", "--client-code", "C000006D"],
            &["a.pcapng", "--client-code", "0x100000000"],
            &["a.pcapng", "--client-code", ""],
            &["a.pcapng", "--extended", "7"],
        ] {
            assert!(analyze(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_option_is_taken() {
        let args = analyze(&[
            "a.pcap",
            "-",
            "--format",
            "json",
            "-o",
            "out.json",
            "--client",
            "10.0.0.5",
            "--server",
            "10.0.0.9:3389",
            "--user",
            "alice",
            "--around",
            "2024-05-06T20:10:10+02:00",
            "--target",
            "srv01",
            "--port",
            "3390",
            "--port",
            "3391",
            "--width",
            "120",
            "--color",
            "always",
            "--no-mmap",
            "--threads",
            "2",
            "--max-memory",
            "64",
            "--fail-on-finding",
            "--quiet",
        ])
        .unwrap();
        assert_eq!(args.paths, [PathBuf::from("a.pcap"), PathBuf::from("-")]);
        assert_eq!(args.format, FormatName::Json);
        assert_eq!(args.reading.ports, [3390, 3391]);
        assert_eq!(
            args.selection.around.unwrap().of(&args.times.tz).to_string(),
            "2024-05-06T18:10:10.000000000Z"
        );
        assert_eq!((args.look.width, args.reading.threads), (Some(120), Some(2)));
        assert_eq!(args.max_memory, Some(64));
        assert!(args.reading.no_mmap && args.fail_on_finding && args.quiet);
    }

    #[test]
    fn times_may_be_written_with_a_space() {
        let args = analyze(&["a.pcap", "--around", "2024-05-06 20:10:10"]).unwrap();
        assert_eq!(
            args.selection.around.unwrap().of(&args.times.tz).to_string(),
            "2024-05-06T20:10:10.000000000Z"
        );
    }

    #[test]
    fn a_time_without_an_offset_is_of_the_zone_that_is_shown() {
        let args = analyze(&["a.pcap", "--around", "2024-05-06 20:10:10", "--tz", "-01:00"]).unwrap();
        assert_eq!(
            args.selection.around.unwrap().of(&args.times.tz).to_string(),
            "2024-05-06T21:10:10.000000000Z"
        );
        assert!(analyze(&["a.pcap", "--tz", "Mars"]).is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for args in [
            &[][..],
            &["a", "--port", "0"],
            &["a", "--port", "65536"],
            &["a", "--threads", "0"],
            &["a", "--threads", "257"],
            &["a", "--width", "39"],
            &["a", "--around", "yesterday"],
            &["a", "--format", "xml"],
            &["a", "--color", "sometimes"],
            &["a", "--nonsense"],
        ] {
            assert!(analyze(args).is_err(), "{args:?}");
        }
    }
}
