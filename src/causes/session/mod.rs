//! Stage session: how a session that was up came to an end.

pub mod client_network_change;
pub mod high_latency;
pub mod segments_corrupted;
pub mod udp_fallback;
pub mod zero_window;
