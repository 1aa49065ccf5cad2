//! Layer 9: the catalogue. One cause, one file; `ALL` is the list; `judge` weighs.
//!
//! A detector is pure: it sees one [`Case`] and says what it claims and on what that stands. What packets show around the
//! connection it asks for ([`Case::ask`]): that is how connections of a flood that are alike share a verdict. To add a cause:
//! write `src/causes/<stage>/<id>.rs`, add a line to [`ALL`], record or write `samples/<id>/`. The tests name
//! whichever is missing.
//!
//! # What packets and logs cannot show
//!
//! Nothing here pretends to know these; they need evidence that is not read yet, or that nobody writes down:
//!
//! - A stale binding of the certificate without texts of the server: only its consequence is seen then, System 1057 and
//!   1058 with a handshake or negotiation that fails for want of a certificate.
//! - Security software on the client by its pattern alone (a reset at the same step each time): a user who cancels
//!   looks the same. The client's Security 5157 is needed.
//! - Too many incomplete connections by packets alone: silence is also a firewall's. RemoteConnectionManager 1006 is
//!   needed.
//! - What goes on inside the TLS of an RD Gateway (its certificate, its 401 rounds, a refused upgrade): the gateway's
//!   log or the client's code is needed.
//! - FIPS inside TLS, and a limit of sessions that the server states by closing: errorInfo, event 1151 or the client's
//!   code is needed. The pair 0x904, extended 7 is no such statement.
//!
//! The reference's "limits" (loss in the capture, one direction only, one vantage, artefacts) are no causes: they are
//! [notes](crate::base::note), and what they cost is taken off where a finding would rest on what is missing
//! ([`Case::capture_is_sound`], coverage of logs, forged resets). One vantage is no note: nearly every case has one,
//! and a finding that needs the other end says so itself.

mod asked;
mod batch;
pub mod case;
mod cause;
pub mod client_code;
mod computers;
pub mod finding;
pub mod fold;
mod hosts;
pub mod judge;
mod outline;
mod pattern;
pub mod points;
pub mod side;
pub mod told;
mod verdicts;
mod without_finding;

pub mod authentication;
pub mod gateway;
pub mod licensing;
pub mod name;
pub mod negotiation;
pub mod session;
pub mod tls;
pub mod transport;

pub use case::Case;
pub use cause::Cause;
pub(crate) use cause::cause;
pub use finding::{Blame, Evidence, Exoneration, Finding, Kind, Severity, Strength, Verdict};
pub use judge::{judge, judge_incident};

/// Every cause, in the order of the stages. The order decides only between findings that are equal in all else.
pub static ALL: &[&Cause] = &[
    &name::dns_failure::CAUSE,
    &name::wrong_address::CAUSE,
    &transport::host_asleep::CAUSE,
    &transport::host_unreachable::CAUSE,
    &transport::firewall_drop::CAUSE,
    &transport::firewall_reject::CAUSE,
    &transport::port_closed_or_device_reset::CAUSE,
    &transport::service_down::CAUSE,
    &transport::rdp_disabled_or_other_port::CAUSE,
    &transport::too_many_incomplete_connections::CAUSE,
    &transport::syn_ack_lost::CAUSE,
    &transport::data_dropped_after_handshake::CAUSE,
    &transport::rst_injected::CAUSE,
    &transport::packet_loss::CAUSE,
    &transport::ip_fragments_lost::CAUSE,
    &transport::not_rdp::CAUSE,
    &transport::client_outbound_rule::CAUSE,
    &transport::client_security_software::CAUSE,
    &negotiation::neg_failure_1_ssl_required::CAUSE,
    &negotiation::neg_failure_2_ssl_not_allowed::CAUSE,
    &negotiation::neg_failure_3_no_certificate::CAUSE,
    &negotiation::neg_failure_4_inconsistent_flags::CAUSE,
    &negotiation::neg_failure_5_nla_required::CAUSE,
    &negotiation::neg_failure_6_tls_client_certificate_required::CAUSE,
    &negotiation::security_layer_mismatch::CAUSE,
    &negotiation::no_cc::CAUSE,
    &negotiation::client_left_or_probe::CAUSE,
    &tls::server_hung::CAUSE,
    &tls::tls_version_mismatch::CAUSE,
    &tls::tls_no_shared_cipher::CAUSE,
    &tls::private_key_unreadable::CAUSE,
    &tls::certificate_missing_or_stale_binding::CAUSE,
    &tls::fips::CAUSE,
    &tls::tls_inspection::CAUSE,
    &tls::certificate_dates::CAUSE,
    &tls::certificate_untrusted::CAUSE,
    &tls::certificate_weak::CAUSE,
    &tls::certificate_name::CAUSE,
    &tls::tls_alert_other::CAUSE,
    &tls::closed_inside_tls_reason_not_visible::CAUSE,
    &tls::mtu_black_hole::CAUSE,
    &tls::mtu_icmp_ignored::CAUSE,
    &authentication::brute_force_storm::CAUSE,
    &authentication::bad_password_or_unknown_user::CAUSE,
    &authentication::account_locked::CAUSE,
    &authentication::account_or_password_expired_disabled_hours_workstation::CAUSE,
    &authentication::logon_type_not_granted::CAUSE,
    &authentication::account_restriction::CAUSE,
    &authentication::no_domain_controller_or_selective_auth::CAUSE,
    &authentication::clock_skew::CAUSE,
    &authentication::credssp_oracle_remediation::CAUSE,
    &authentication::delegation_or_ntlm_policy::CAUSE,
    &authentication::fresh_credentials_required::CAUSE,
    &authentication::nla_refused_reason_not_visible::CAUSE,
    &licensing::licensing::CAUSE,
    &session::taken_over::CAUSE,
    &session::admin_or_user_disconnect::CAUSE,
    &session::idle_or_time_limit::CAUSE,
    &session::logoff_or_window_closed::CAUSE,
    &session::host_shutdown_or_crash::CAUSE,
    &session::session_limit::CAUSE,
    &session::protocol_error::CAUSE,
    &session::logon_refused_in_session::CAUSE,
    &session::slept_mid_session::CAUSE,
    &session::client_internal_fault::CAUSE,
    &session::stateful_idle_timeout::CAUSE,
    &session::ended_abruptly_by_server::CAUSE,
    &session::ended_abruptly_by_client::CAUSE,
    &session::client_network_change::CAUSE,
    &session::segments_corrupted::CAUSE,
    &session::zero_window::CAUSE,
    &session::high_latency::CAUSE,
    &session::udp_fallback::CAUSE,
    &session::udp_half_working::CAUSE,
    &gateway::gateway_certificate::CAUSE,
    &gateway::gateway_logon::CAUSE,
    &gateway::gateway_cap_denied::CAUSE,
    &gateway::gateway_rap_denied::CAUSE,
    &gateway::gateway_target_unreachable::CAUSE,
    &gateway::gateway_limit_or_timeout::CAUSE,
    &gateway::gateway_proxy_breaks_upgrade::CAUSE,
    &gateway::gateway_udp_blocked::CAUSE,
];

/// The cause of that id.
pub fn by_id(id: &str) -> Option<&'static Cause> {
    ALL.iter().copied().find(|cause| cause.id == id)
}
