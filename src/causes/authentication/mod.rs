//! Stage authentication: CredSSP inside TLS.

pub mod account_locked;
pub mod account_or_password_expired_disabled_hours_workstation;
pub mod account_restriction;
pub mod bad_password_or_unknown_user;
pub mod brute_force_storm;
pub mod logon_type_not_granted;
pub mod nla_refused_reason_not_visible;
pub mod refused;
