//! All integration tests, in one binary. This file is the table of contents.

/// Every cause file is listed, agrees with the reference, and has a sample that shows it.
mod catalogue;
/// Exit codes, arguments, `--help`, where the report goes.
mod cli;
/// Event logs made by others: counts, damage, and the same fields as another reader finds.
mod eventlog;
/// Damaged and hostile files.
mod hostile;
/// Imports point one way.
mod layers;
/// Less evidence tells no other story.
mod neighbours;
/// Captures and logs made by others, where they are present.
mod public_data;
/// Numbers that look random and are the same on every run.
mod random;
/// What the README says of causes, exit codes and options.
mod readme;
/// Random segments against a naive array.
mod reassembly;
/// Every sample against its expectation, and the reports against those that were looked at.
mod samples;
/// Range size, threads and wrapping do not change one byte of the report.
mod split;
mod support;
