//! MCS, settings, licensing, errors.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rdpscan::oracle::mcs(bytes));
