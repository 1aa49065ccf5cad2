//! The gateway's resource authorization policy does not allow this target.

use super::denied;
use crate::causes::{Case, Finding, cause};
use crate::eventlog::gateway::Meaning;

cause! {
    /// The RD Gateway's resource authorization policy (RAP) does not allow this server for this user.
    ///
    /// ## Why
    /// The user may use the gateway, but no resource authorization policy allows the server as it was asked for. A
    /// policy that knows the short name does not know the full one or the address.
    ///
    /// ## What to do
    /// - Remote Desktop Gateway Manager, Policies, Resource Authorization Policies: user groups, and the group of network
    ///   resources. List the server by its full name, its short name and, if it is used, its address.
    /// - The allowed ports: only 3389 by default.
    /// - To verify: the gateway's log shows 300 with the server as it was asked for.
    ///
    /// ## Seen as
    /// Gateway 301 with error 23002 (0x59DA, [MS-TSGU] 2.2.6); client code 0x300001B.
    "gateway-rap-denied", stage: Gateway, severity: Failure, blames: [Server],
    client_code: "0x300001B",
}

/// E_PROXY_RAP_ACCESSDENIED. [MS-TSGU] 2.2.6
const ERROR: u32 = 23002;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let is_event = |meaning: &Meaning<'_>| matches!(meaning, Meaning::ResourceDenied(_));
    denied(case, &CAUSE, is_event, ERROR, &[0x300_001b], "the resource authorization policy is not met")
}
