//! Stage authentication: CredSSP inside TLS.

pub mod account_locked;
pub mod account_or_password_expired_disabled_hours_workstation;
pub mod account_restriction;
pub mod bad_password_or_unknown_user;
pub mod brute_force_storm;
pub mod clock_skew;
pub mod credssp_oracle_remediation;
pub mod delegation_or_ntlm_policy;
pub mod fresh_credentials_required;
pub mod logon_type_not_granted;
pub mod nla_refused_reason_not_visible;
pub mod no_domain_controller_or_selective_auth;
pub mod refused;
