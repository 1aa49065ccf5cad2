//! All integration tests, in one binary. This file is the table of contents.

/// Exit codes, arguments, `--help`, where the report goes.
mod cli;
