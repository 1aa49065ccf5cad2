//! RDP_NEG_FAILURE 6, SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER.

use super::failure;
use crate::causes::{Blame, Case, Finding, cause};
use crate::protocol::nego::FailureCode;

cause! {
    /// The server requires TLS with a client certificate.
    ///
    /// ## Why
    /// This is not the Remote Desktop of a Windows host but a service that speaks its protocol: the console of
    /// virtual machines is one. It knows its clients by certificate.
    ///
    /// ## What to do
    /// - Check address and port: Remote Desktop of a Windows host listens on 3389 (`Test-NetConnection <server> -Port
    ///   3389`).
    /// - For the console of a virtual machine use the product's own client (Hyper-V: `vmconnect.exe <host> <machine>`).
    /// - If a gateway or broker gave this address, correct the target in its configuration.
    /// - To verify: the connection confirm of the corrected target selects SSL or HYBRID.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.1.2.2, failureCode 6.
    "neg-failure-6-tls-client-certificate-required", stage: Negotiation, severity: Failure, blames: [Client],
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    failure::detect(case, &CAUSE, FailureCode::SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER, Blame::Client)
}
