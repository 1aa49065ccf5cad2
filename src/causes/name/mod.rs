//! Stage name: the server's name becomes an address.

pub mod dns_failure;
