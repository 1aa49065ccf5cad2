//! Certificates, and the DER around them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rdpscan::oracle::certificate(bytes));
