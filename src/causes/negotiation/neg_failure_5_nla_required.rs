//! RDP_NEG_FAILURE 5, HYBRID_REQUIRED_BY_SERVER.

use super::failure;
use crate::causes::{Blame, Case, Finding, cause};
use crate::protocol::nego::FailureCode;

cause! {
    /// The server accepts only network level authentication (NLA), and the client did not offer it.
    ///
    /// ## Why
    /// The server is set to require NLA (CredSSP). The client asked for TLS alone or for standard RDP security,
    /// because it is old, because NLA is switched off in its connection file, or because it fell back after an
    /// NLA attempt that failed.
    ///
    /// ## What to do
    /// - Use a client that speaks NLA: any current mstsc; in a .rdp file set `enablecredsspsupport:i:1`.
    /// - Linux clients: enable NLA (`xfreerdp /sec:nla`, in Remmina "Security protocol: NLA").
    /// - If an attempt with NLA came just before, find out why that one failed: this refusal is its consequence.
    /// - Do not switch off "Require Network Level Authentication" on the server as a fix.
    /// - To verify: in a new capture the request offers HYBRID, and RemoteConnectionManager 1149 follows on the server.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.1.2.2, failureCode 5; RdpCoreTS 131, then no RemoteConnectionManager 1149.
    "neg-failure-5-nla-required", stage: Negotiation, severity: Failure, blames: [Client],
    client_code: "0xB09",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    failure::detect(case, &CAUSE, FailureCode::HYBRID_REQUIRED_BY_SERVER, Blame::Client)
}
