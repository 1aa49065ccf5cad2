//! rdpscan names the root cause of a failed Remote Desktop connection, with the evidence, from packet captures
//! and exported Windows event logs.
//!
//! The folder list is the data flow; a file uses its own layer and lower ones:
//!
//! | layer | |
//! |---|---|
//! | [`base`] 0 | time, places, observed values, notes, errors: the words of every layer |
//! | [`input`] 1 | paths to bytes, told apart by content |
//! | [`capture`] 2 | bytes to frames, in ranges, in parallel |
//! | [`packet`] 3 | frames to TCP segments, UDP, ICMP, ARP |
//! | [`stream`] 4 | segments to flows to ordered bytes, with gaps as values |
//! | [`protocol`] 5 | bytes to messages: pure functions (uses `base` only) |
//! | [`eventlog`] 6 | log bytes to events and what they mean (uses `base` and `input` only) |
//! | [`host`] 6 | texts of a bundle to what they say of a computer (uses `base` and `input` only) |
//! | [`connection`] 7 | one flow's messages to what happened, stage by stage |
//! | [`correlate`] 8 | connections and events to incidents; the only place where packets and logs meet |
//! | [`causes`] 9 | the catalogue: one cause, one file; and the judge |
//! | [`codes`] | the code tables behind `explain` (uses `base` only) |
//! | [`report`] 10 | verdicts to pages |
//! | [`extract`](mod@extract) 10 | a verdict to the frames that it stands on |
//! | [`remedy`] 11 | a verdict to a script that mends |
//!
//! [`analyze`](mod@analyze) is the whole pipeline on one page. Read it, then one file under `causes/`, and you have
//! understood the program.
//!
//! # Three kinds of trouble, never mixed
//!
//! - [`Error`]: the run cannot go on. The user sees it; exit code 2.
//! - [`protocol::Malformed`]: these bytes are not what they claim. The caller makes it a note or an outcome.
//! - [`base::Note`]: the analysis is limited. Counted, and listed in every report.
//!
//! A failed RDP connection is none of these: it is data.
//!
//! # Example
//!
//! ```no_run
//! use rdpscan::{Options, analyze};
//!
//! let options = Options { inputs: vec!["capture.pcapng".into(), "events.evtx".into()], ..Options::default() };
//! let report = analyze(&options)?;
//! for incident in &report.incidents {
//!     println!("{}: {}", incident.client, incident.verdict.summary);
//! }
//! # Ok::<(), rdpscan::Error>(())
//! ```

pub mod analyze;
pub mod base;
pub mod capture;
pub mod causes;
pub mod codes;
pub mod connection;
pub mod correlate;
pub mod eventlog;
pub mod extract;
pub mod host;
pub mod input;
pub mod packet;
pub mod protocol;
pub mod remedy;
pub mod report;
pub mod stream;

pub use analyze::{Options, analyze, analyze_redacted, extract};
pub use base::Error;
pub use report::model::Report;
