//! Stage authentication: CredSSP inside TLS.

pub mod client_left_or_probe;
