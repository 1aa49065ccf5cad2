//! Layer 9: the catalogue. One cause, one file; `ALL` is the list; `judge` weighs.
//!
//! A detector is pure: it sees one [`Case`] and says what it claims and on what that stands. To add a cause:
//! write `src/causes/<stage>/<id>.rs`, add a line to [`ALL`], record or write `samples/<id>/`. The tests name
//! whichever is missing.

pub mod case;
mod cause;
pub mod finding;
pub mod fold;
pub mod judge;
mod pattern;

pub mod authentication;
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
    &transport::syn_ack_lost::CAUSE,
    &transport::data_dropped_after_handshake::CAUSE,
    &transport::rst_injected::CAUSE,
    &transport::packet_loss::CAUSE,
    &transport::ip_fragments_lost::CAUSE,
    &transport::not_rdp::CAUSE,
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
    &authentication::nla_refused_reason_not_visible::CAUSE,
    &licensing::licensing::CAUSE,
    &session::taken_over::CAUSE,
    &session::admin_or_user_disconnect::CAUSE,
    &session::idle_or_time_limit::CAUSE,
    &session::logoff_or_window_closed::CAUSE,
    &session::host_shutdown_or_crash::CAUSE,
    &session::stateful_idle_timeout::CAUSE,
    &session::ended_abruptly_by_server::CAUSE,
    &session::ended_abruptly_by_client::CAUSE,
    &session::client_network_change::CAUSE,
    &session::segments_corrupted::CAUSE,
    &session::zero_window::CAUSE,
    &session::high_latency::CAUSE,
    &session::udp_fallback::CAUSE,
];

/// The cause of that id.
pub fn by_id(id: &str) -> Option<&'static Cause> {
    ALL.iter().copied().find(|cause| cause.id == id)
}
