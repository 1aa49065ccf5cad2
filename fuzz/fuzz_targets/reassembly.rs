//! Segments in any order beside a naive model.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rdpscan::oracle::reassembly(bytes));
