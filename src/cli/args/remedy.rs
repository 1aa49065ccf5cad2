//! What the user typed about what they saw, and about what to do.

use std::path::PathBuf;

use rdpscan::codes::query;

const REMEDY_EXAMPLES: &str = "\
Examples:
  What to do about the second incident of a report:
    rdpscan analyze case-4711/ --format json -o report.json
    rdpscan remedy report.json --incident 2 -o remedy.ps1

  On the computer that the script names, first to look, then to mend:
    powershell.exe -ExecutionPolicy Bypass -File remedy.ps1
    powershell.exe -ExecutionPolicy Bypass -File remedy.ps1 -Apply

Ends with 2 if there is nothing to remedy.
";

/// The options of `remedy`.
#[derive(Debug, clap::Args)]
#[command(max_term_width = 100, after_help = REMEDY_EXAMPLES)]
pub struct Remedy {
    /// A report of `analyze --format json`; - is standard input.
    #[arg(value_name = "REPORT")]
    pub report: PathBuf,

    /// The incident [default: the first that names a cause].
    #[arg(long, value_name = "N")]
    pub incident: Option<u32>,

    /// Write the script to FILE instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Say nothing on standard error but errors.
    #[arg(short, long)]
    pub quiet: bool,
}

/// A code as the error box shows it.
pub(super) fn code(text: &str) -> Result<u32, String> {
    // Eight hexadecimal digits without 0x are a status of Windows, which mstsc never shows so.
    let is_number =
        text.starts_with("0x") || text.starts_with("0X") || text.bytes().all(|byte| byte.is_ascii_digit());
    query::number(text)
        .filter(|_| is_number)
        .ok_or_else(|| "expected a number as the error box shows it, such as 0x904 or 2308".to_owned())
}
