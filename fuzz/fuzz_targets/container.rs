//! Capture files, pcap and pcapng: cut into ranges and read at once.
#![no_main]

libfuzzer_sys::fuzz_target!(init: rdpscan_fuzz::alone(), |bytes: &[u8]| rdpscan::oracle::container(bytes));
