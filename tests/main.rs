//! All integration tests, in one binary. This file is the table of contents.

mod support;
