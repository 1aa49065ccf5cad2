//! The chunks of an event log, beside the evtx crate.
#![no_main]

#[path = "../../tests/eventlog/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(init: rdpscan_fuzz::alone(), |bytes: &[u8]| oracle::agree(bytes));
