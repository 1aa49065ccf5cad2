//! Writers for the test data that only Windows could record: event logs and captures, made from a shorthand.
//!
//! Must not use the library under test: what is written here comes from the formats and from the reference, so that a
//! misreading in `src/` cannot hide. The only outside help is `serde_json` (shapes), `jiff` (dates) and, in tests,
//! the `evtx` crate as a second reader. See README.md in this folder for the shorthand.

// The input of these writers is ours: a wrong shorthand must stop the test with its reason, and byte layouts are
// narrowed knowingly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code
)]

pub mod bytes;
pub mod capture;
pub mod case;
pub mod event;
pub mod evtx;
#[cfg(test)]
mod evtx_tests;
pub mod shapes;
