//! Capture files, pcap and pcapng: cut into ranges and read at once.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rdpscan::oracle::container(bytes));
