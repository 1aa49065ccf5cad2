//! Captures written from nothing: files, Ethernet and IP, TCP conversations, and the RDP and TLS bytes in them.
//!
//! Must not use the parsers under test; every layout is taken from its specification.

pub mod conversation;
pub mod file;
pub mod rdp;
pub mod read;
pub mod tls;
pub mod udp;
pub mod view;
