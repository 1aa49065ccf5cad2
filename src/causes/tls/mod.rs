//! Stage tls: the handshake, certificates and keys.

pub mod certificate_dates;
pub mod certificate_missing_or_stale_binding;
pub mod certificate_name;
pub mod certificate_untrusted;
pub mod certificate_weak;
pub mod closed_inside_tls_reason_not_visible;
pub mod fips;
pub mod handshake;
pub mod mtu_black_hole;
pub mod mtu_icmp_ignored;
pub mod private_key_unreadable;
pub mod schannel;
pub mod server_hung;
pub mod tls_alert_other;
pub mod tls_inspection;
pub mod tls_no_shared_cipher;
pub mod tls_version_mismatch;

#[cfg(test)]
mod tests;
