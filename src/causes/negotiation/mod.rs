//! Stage negotiation: X.224 connection request and confirm.

pub mod failure;
pub mod neg_failure_5_nla_required;
pub mod no_cc;
