//! The whole pipeline on one page: files to bytes, frames, flows, connections, incidents, verdicts, report.
//!
//! The only library file that sees every layer. Decides nothing itself.

use std::path::PathBuf;

use crate::base::{Error, Timestamp};
use crate::report::model::Report;

/// What to analyse, and what of it to report.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Captures, logs, folders and archives. `-` is standard input.
    pub inputs: Vec<PathBuf>,
    /// Server ports to take for RDP besides 3389.
    pub ports: Vec<u16>,
    /// Only incidents of this client: address or name.
    pub client: Option<String>,
    /// Only incidents with this server: address, or address and port.
    pub server: Option<String>,
    /// Only incidents of this user.
    pub user: Option<String>,
    /// Only incidents around this moment.
    pub around: Option<Timestamp>,
    /// The name that the user typed into the client.
    pub target: Option<String>,
    /// Read files by position instead of mapping them.
    pub no_mmap: bool,
    /// Worker threads; one per core if not given.
    pub threads: Option<usize>,
    /// Bytes per range of a capture; chosen by the reader if not given. Never changes the report.
    pub range_size: Option<usize>,
}

/// Analyses the inputs.
pub fn analyze(options: &Options) -> Result<Report, Error> {
    let reasons = options.inputs.iter().map(|path| format!("{}: not read yet", path.display())).collect();
    Err(Error::NoUsableInput { reasons })
}
