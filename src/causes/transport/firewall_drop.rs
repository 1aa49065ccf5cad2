//! SYNs vanish although the host is there.

use super::{icmp_of, syn_evidence, unanswered};
use crate::base::{Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::eventlog::{Provider, security};
use crate::packet::icmp::IcmpMeaning;

cause! {
    /// A firewall drops the connection silently, or nothing listens behind one.
    ///
    /// ## Why
    /// The client's SYNs are not answered at all, although the host is up. A firewall on the path or on the server
    /// drops them; a Windows host with its firewall on is also silent where nothing listens (stealth mode), so
    /// silence alone does not tell a dropped packet from a stopped service.
    ///
    /// ## What to do
    /// - On the server: `qwinsta` (rdp-tcp must be in state Listen) and `netstat -ano | findstr :3389`. If nothing
    ///   listens, the service is the problem, not the firewall.
    /// - `Get-NetConnectionProfile`; in a domain or office network the category must not be Public:
    ///   `Set-NetConnectionProfile -InterfaceAlias Ethernet -NetworkCategory Private`.
    /// - `Enable-NetFirewallRule -DisplayGroup "Remote Desktop"`, then look at the addresses that the rules allow:
    ///   `Get-NetFirewallRule -DisplayGroup "Remote Desktop" | Get-NetFirewallAddressFilter`.
    /// - To prove who drops: capture on the server. If the SYN arrives there, it is this host; if not, the path.
    ///   `auditpol /set /subcategory:"Filtering Platform Packet Drop" /failure:enable` makes the host log event 5152.
    /// - To verify: `Test-NetConnection SERVER -Port 3389` from the client.
    ///
    /// ## Seen as
    /// SYNs with one sequence number, repeated, no SYN-ACK, no RST, no ICMP; Security 5152 or 5157 with the same
    /// addresses and ports; no RdpCoreTS 131.
    "firewall-drop", stage: Transport, severity: Failure, blames: [Server, Middlebox, Network, Unknown],
    client_code: "0x204",
}

/// For so long the SYNs must have been in vain: a round trip is never longer.
const IN_VAIN: i64 = 2 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = unanswered(case)?;
    if let Some(finding) = logged(case, syn_evidence(flow)) {
        return Some(finding);
    }
    let answered = !flow.closes.is_empty()
        || icmp_of(flow, &[IcmpMeaning::Unreachable, IcmpMeaning::Loop, IcmpMeaning::Prohibited]).is_some();
    let repeated = flow.syns.len() >= 2 && connection.capture_end - flow.first.time >= IN_VAIN;
    if answered || !repeated || case.accepted().is_some() {
        return None;
    }
    // Silence alone may as well be a host that is off.
    let (says, mark) = alive(case)?;
    let mut evidence = syn_evidence(flow);
    evidence.push(Evidence::at(mark, says));
    if let Some(lost) = case.syns_lost() {
        evidence.push(lost);
        return Some(
            Finding::new(&CAUSE, Strength::Corroborated, Blame::Middlebox, evidence)
                .detail("the SYNs leave the client's side and do not come to the server's")
                .located("between the capture on the client's side and the one on the server's side"),
        );
    }
    Some(
        Finding::new(&CAUSE, Strength::Inferred, Blame::Unknown, evidence)
            .detail("the host is up and does not answer on this port")
            .missing("a capture on the server: does the SYN arrive there?")
            .missing("`qwinsta` and `netstat -ano` of the server: does anything listen?"),
    )
}

/// The server's own firewall says that it dropped this connection.
fn logged(case: &Case<'_>, syns: Vec<Evidence>) -> Option<Finding> {
    let blocked = case.events_of(&Provider::Security, &[5152, 5157]).next()?;
    let outbound = matches!(
        security::meaning(&blocked.event),
        Some(security::Meaning::Blocked(filtered) | security::Meaning::Dropped(filtered))
            if filtered.direction == Some(security::Direction::Outbound)
    );
    if outbound {
        return None;
    }
    let mut evidence =
        vec![Evidence::event(&blocked.event, "the server's own firewall blocks this connection")];
    evidence.extend(syns);
    Some(Finding::new(&CAUSE, Strength::Stated, Blame::Server, evidence).located("the server's own firewall"))
}

/// A sign that the host is up, from this capture or from another client's connection.
fn alive(case: &Case<'_>) -> Option<(String, crate::base::Mark)> {
    /// A sign this much older still counts; one that comes later may be of a host that woke up meanwhile.
    const FRESH: i64 = 120 * time::SECOND;
    let connection = case.connection()?;
    let during = Window { start: connection.first.time.shifted(-FRESH), end: connection.last.time };
    let sign = case
        .around
        .alive(connection.server.ip)
        .filter(|(_, mark)| during.contains(mark.time))
        .min_by_key(|(_, mark)| mark.time);
    sign.or_else(|| {
        let other = case
            .around
            .at_host(connection.server.ip, connection.first)
            .filter_map(|other| other.accepted)
            .find(|accepted| during.contains(accepted.time))?;
        Some(("the same host accepts another connection".into(), other))
    })
}
