//! Frames of every link type to segments, fragments and flows.
#![no_main]

libfuzzer_sys::fuzz_target!(init: rdpscan_fuzz::alone(), |bytes: &[u8]| rdpscan::oracle::packets(bytes));
