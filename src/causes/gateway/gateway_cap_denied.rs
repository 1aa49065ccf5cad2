//! The gateway's connection authorization policy does not let the user connect.

use super::denied;
use crate::causes::{Case, Finding, cause};
use crate::eventlog::gateway::Meaning;

cause! {
    /// The RD Gateway's connection authorization policy (CAP) does not let this user or computer connect.
    ///
    /// ## Why
    /// The logon at the gateway succeeded. No connection authorization policy holds the user's group, the computer's
    /// group or the way of logging on, or the policy server (NPS) could not decide.
    ///
    /// ## What to do
    /// - Remote Desktop Gateway Manager, Policies, Connection Authorization Policies: which groups may connect, and by
    ///   which authentication (password, smart card)? Is the policy enabled?
    /// - With a central NPS: is it reachable, and does its network policy match? Event 6273 in the Security log of the
    ///   NPS names the policy and the reason.
    /// - Put the user into the group that the policy names; the user logs off and on again.
    /// - To verify: the gateway's log shows 200 for the user.
    ///
    /// ## Seen as
    /// Gateway 201 with error 23003 (0x59DB, [MS-TSGU] 2.2.6); client code 0x300001C.
    "gateway-cap-denied", stage: Gateway, severity: Failure, blames: [Server],
    client_code: "0x300001C",
}

/// E_PROXY_NAP_ACCESSDENIED. [MS-TSGU] 2.2.6
const ERROR: u32 = 23003;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let is_event = |meaning: &Meaning<'_>| matches!(meaning, Meaning::ConnectionDenied(_));
    denied(case, &CAUSE, is_event, ERROR, &[0x300_001c], "the connection authorization policy is not met")
}
