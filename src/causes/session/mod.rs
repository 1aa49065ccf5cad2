//! Stage session: how a session that was up came to an end.

pub mod client_network_change;
