//! Layer 1: files and folders to bytes, told apart by content.
//!
//! Knows magic numbers and nothing of what is inside. What a file is called never decides what it is.

pub mod bundle;
pub mod digest;
pub mod format;
pub mod map;

pub use bundle::{Bundle, Input, InputKind};
pub use format::{Compression, Format};
pub use map::Bytes;
