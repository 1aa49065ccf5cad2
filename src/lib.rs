//! rdpscan names the root cause of a failed Remote Desktop connection, with the evidence, from packet captures
//! and exported Windows event logs.

pub mod analyze;
pub mod base;
pub mod capture;
pub mod causes;
pub mod connection;
pub mod correlate;
pub mod eventlog;
pub mod input;
pub mod packet;
pub mod protocol;
pub mod report;
pub mod stream;

pub use analyze::{Options, analyze};
pub use base::Error;
pub use report::model::Report;
