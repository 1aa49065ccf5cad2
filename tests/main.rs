//! All integration tests, in one binary. This file is the table of contents.

/// Exit codes, arguments, `--help`, where the report goes.
mod cli;
/// Event logs made by others: counts, damage, and the same fields as another reader finds.
#[cfg(test)]
mod eventlog;
/// Every sample against its expectation, and the reports against those that were looked at.
mod samples;
mod support;
