//! rdpscan names the root cause of a failed Remote Desktop connection, with the evidence, from packet captures
//! and exported Windows event logs.

pub mod base;
pub mod eventlog;
