//! Stage negotiation: X.224 connection request and confirm.

pub mod client_left_or_probe;
pub mod failure;
pub mod neg_failure_1_ssl_required;
pub mod neg_failure_2_ssl_not_allowed;
pub mod neg_failure_3_no_certificate;
pub mod neg_failure_4_inconsistent_flags;
pub mod neg_failure_5_nla_required;
pub mod neg_failure_6_tls_client_certificate_required;
pub mod no_cc;
pub mod security_layer_mismatch;
