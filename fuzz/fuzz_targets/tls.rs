//! TLS records and handshake messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rdpscan::oracle::tls(bytes));
