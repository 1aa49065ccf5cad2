//! TPKT, X.224, the negotiation, and what else begins a connection.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rdpscan::oracle::negotiation(bytes));
