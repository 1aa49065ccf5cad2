//! Stage session: how a session that was up came to an end.

pub mod abrupt;
pub mod admin_or_user_disconnect;
pub mod client_internal_fault;
pub mod client_network_change;
pub mod decision;
pub mod ended_abruptly_by_client;
pub mod ended_abruptly_by_server;
pub mod high_latency;
pub mod host_shutdown_or_crash;
pub mod idle_or_time_limit;
pub mod logoff_or_window_closed;
pub mod logon_refused_in_session;
pub mod protocol_error;
pub mod segments_corrupted;
pub mod session_limit;
pub mod slept_mid_session;
pub mod stateful_idle_timeout;
pub mod taken_over;
pub mod udp_fallback;
pub mod udp_half_working;
pub mod zero_window;
