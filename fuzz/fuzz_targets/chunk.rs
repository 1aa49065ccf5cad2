//! The chunks of an event log.
#![no_main]

libfuzzer_sys::fuzz_target!(init: rdpscan_fuzz::alone(), |bytes: &[u8]| rdpscan::oracle::chunk(bytes));
