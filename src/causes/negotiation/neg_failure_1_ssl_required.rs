//! RDP_NEG_FAILURE 1, SSL_REQUIRED_BY_SERVER.

use super::failure;
use crate::causes::{Blame, Case, Finding, cause};
use crate::protocol::nego::FailureCode;

cause! {
    /// The server requires TLS, and the client offered only standard RDP security.
    ///
    /// ## Why
    /// The server's security layer is set to TLS. The client asked for RDP's own encryption alone: it is old, a
    /// thin client with old firmware, its security was set to RDP by hand, or this is its fallback after an
    /// attempt with TLS that failed.
    ///
    /// ## What to do
    /// - Use a client that speaks TLS: any current mstsc; `xfreerdp` without `/sec:rdp`; in Remmina set "Security
    ///   protocol negotiation" to automatic.
    /// - In a .rdp file remove `negotiate security layer:i:0`, and set `enablecredsspsupport:i:1`.
    /// - Thin clients: update the firmware, then try again.
    /// - If an attempt with TLS came just before, find out why that one failed: this refusal is its consequence.
    /// - Leave `SecurityLayer` of the server at 2: to lower it is no fix.
    /// - To verify: in a new capture the client offers SSL or HYBRID and the confirm selects one of them.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.1.2.2, failureCode 1; RdpCoreTS 131, 65, 141, then 102 and 103 without 101.
    "neg-failure-1-ssl-required", stage: Negotiation, severity: Failure, blames: [Client],
    client_code: "0x904 with some clients (reported, not certain)",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    failure::detect(case, &CAUSE, FailureCode::SSL_REQUIRED_BY_SERVER, Blame::Client)
}
