//! Layer 0: the words that every layer uses.
//!
//! Knows no protocol, no file format and no file system. Everything here is small, `Copy` where it can be,
//! and ordered, because the report must be the same for any number of threads.

pub mod bytes;
pub mod error;
pub mod keyed;
pub mod note;
pub mod observed;
pub mod progress;
pub mod shift;
pub mod source;
pub mod time;
mod windows_zones;
pub mod zone;

pub use error::Error;
pub use note::{Note, NoteKind, Notes};
pub use observed::{Mark, Observed};
pub use progress::Progress;
pub use shift::Shift;
pub use source::{Locator, SourceId};
pub use time::{Timestamp, Window};
pub use zone::Zone;
