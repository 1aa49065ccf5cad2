//! One record of an event log: BinXML.
#![no_main]

libfuzzer_sys::fuzz_target!(init: rdpscan_fuzz::alone(), |bytes: &[u8]| rdpscan::oracle::record(bytes));
