//! Layer 1: files, folders and archives to bytes, told apart by content.
//!
//! Knows magic numbers and nothing of what is inside. What a file is called never decides what it is.

mod archive;
pub mod bundle;
pub mod digest;
pub mod format;
pub mod limits;
pub mod map;
mod name;
mod trouble;
mod unpack;
mod zstd;

pub use bundle::{Bundle, Input, InputKind, Opening, files, is_input};
pub use format::{Compression, Format};
pub use limits::Limits;
pub use map::{Bytes, Change};
pub use trouble::looks_named_as_evidence;
pub use unpack::IsEvidence;
