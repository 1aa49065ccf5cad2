//! Layer 10: verdicts to pages. One format, one file; the cells are formatted once, in `rows`.
//!
//! Decides nothing: everything printed was decided below.

pub mod model;
