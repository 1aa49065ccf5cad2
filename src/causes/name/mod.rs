//! Stage name: the server's name becomes an address.

pub mod dns_failure;
pub mod wrong_address;
