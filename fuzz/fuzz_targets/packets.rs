//! Frames of every link type to segments, fragments and flows.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rdpscan::oracle::packets(bytes));
