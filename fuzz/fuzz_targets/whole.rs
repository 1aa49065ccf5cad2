//! The whole program over two files.
#![no_main]

libfuzzer_sys::fuzz_target!(init: rdpscan_fuzz::alone(), |bytes: &[u8]| rdpscan::oracle::whole(bytes));
