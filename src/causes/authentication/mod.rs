//! Stage authentication: CredSSP inside TLS.

pub mod brute_force_storm;
pub mod client_left_or_probe;
