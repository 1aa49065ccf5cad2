//! RDP_NEG_FAILURE 4, INCONSISTENT_FLAGS.

use super::failure;
use crate::causes::{Blame, Case, Finding, cause};
use crate::protocol::nego::FailureCode;

cause! {
    /// The client's connection request contradicts itself: its flags do not fit the protocols it offers.
    ///
    /// ## Why
    /// A client of its own make sets a mode (restricted administration, redirected authentication) without the
    /// protocol that it needs, or a proxy on the way rewrites the request.
    ///
    /// ## What to do
    /// - Update the client; try mstsc from the same computer: if that works, it is the client program.
    /// - Try without `/restrictedAdmin` and `/remoteGuard`, and without `/restricted-admin` of xfreerdp.
    /// - If a proxy, load balancer or inspecting firewall stands in between, capture on both sides of it and compare
    ///   the connection requests byte by byte.
    /// - To verify: in a new capture the server answers the request with a connection confirm that selects a protocol.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.1.2.2, failureCode 4; the request's flags, [MS-RDPBCGR] 2.2.1.1.1.
    "neg-failure-4-inconsistent-flags", stage: Negotiation, severity: Failure, blames: [Client],
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    failure::detect(case, &CAUSE, FailureCode::INCONSISTENT_FLAGS, Blame::Client)
}
