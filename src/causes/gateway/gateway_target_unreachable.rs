//! The gateway let the user through and did not reach the target.

use super::denied;
use crate::causes::transport::syn_evidence;
use crate::causes::{Blame, Case, Finding, Strength, cause};
use crate::eventlog::gateway::Meaning;

cause! {
    /// The RD Gateway could not connect to the server behind it.
    ///
    /// ## Why
    /// Both policies were met. The gateway then could not open TCP to the server: it does not resolve the name, a
    /// firewall between gateway and server drops the connection, or the server is off or does not listen.
    ///
    /// ## What to do
    /// - On the gateway: `Resolve-DnsName <server>` and `Test-NetConnection <server> -Port 3389`.
    /// - Open TCP (and UDP) 3389 from the gateway to the server on the firewalls between them, and in the server's own
    ///   rules (their remote addresses must hold the gateway).
    /// - A capture on the gateway tells which: SYNs without an answer, or a reset.
    /// - To verify: the gateway's log shows 302 for the server.
    ///
    /// ## Seen as
    /// Gateway 304 with error 23005 (0x59DD, [MS-TSGU] 2.2.6); client code 0x3000008; SYNs of the gateway in vain.
    "gateway-target-unreachable", stage: Gateway, severity: Failure, blames: [Network, Server],
    more_specific_than: ["firewall-drop", "port-closed-or-device-reset", "host-unreachable", "firewall-reject"],
    client_code: "0x3000008",
}

/// E_PROXY_TS_CONNECTFAILED. [MS-TSGU] 2.2.6
const ERROR: u32 = 23005;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let is_event = |meaning: &Meaning<'_>| matches!(meaning, Meaning::TargetUnreachable(_));
    let mut finding = denied(case, &CAUSE, is_event, ERROR, &[0x300_0008], "the target cannot be reached")?;
    // By the gateway's log alone the server is what was not there; packets show whether it answered.
    if let Some(flow) = case.flow() {
        if flow.is_established() {
            return None;
        }
        finding.evidence.extend(syn_evidence(flow));
        finding.evidence.extend(case.ending());
        finding.blame = if flow.closes.is_empty() { Blame::Network } else { Blame::Server };
        finding.strength = finding.strength.max(Strength::Inferred);
    } else {
        finding.blame = Blame::Network;
    }
    Some(finding)
}
