//! Nothing at the server's address, or no way there.

use super::{icmp_evidence, icmp_of, syn_evidence, unanswered};
use crate::base::Mark;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::observations::Unanswered;
use crate::correlate::Surroundings;
use crate::correlate::surroundings::Own;
use crate::packet::icmp::IcmpMeaning;

cause! {
    /// The server's address cannot be reached: no host answers there, or no route leads there.
    ///
    /// ## Why
    /// A router says that it cannot deliver, or nobody answers for the address in its own segment (ARP, neighbour
    /// discovery). The host is off, asleep, in another VLAN, has another address, or the route is missing. Remote
    /// Desktop itself was never asked.
    ///
    /// ## What to do
    /// - Check power, cable, virtual machine state and switch port of the server; is the address still its own
    ///   (`ipconfig /all` at its console)?
    /// - From the client: `Test-NetConnection ADDRESS -TraceRoute` and `route print`; behind a VPN: is the server's
    ///   network routed into the tunnel?
    /// - The device whose address sent the ICMP message is the place to look at first.
    /// - To verify: `Test-NetConnection ADDRESS -Port 3389`.
    ///
    /// ## Seen as
    /// ICMP 3/0, 3/1 or 11/0 (ICMPv6 1/0, 1/3) quoting the SYN; ARP requests or neighbour solicitations without an
    /// answer; no record on the server.
    "host-unreachable", stage: Transport, severity: Failure, blames: [Server, Network, Unknown],
    client_code: "0x204 or 0x108",
}

/// Questions for the hardware address that must stay unanswered.
const ASKED: u32 = 3;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if case.connection().is_none() {
        return nobody_there(case);
    }
    let (_, flow) = unanswered(case)?;
    if let Some(error) = icmp_of(flow, &[IcmpMeaning::Unreachable, IcmpMeaning::Loop]) {
        let says = if error.meaning() == IcmpMeaning::Loop {
            "the packet went in circles"
        } else {
            "it cannot deliver to the server"
        };
        let mut evidence = vec![icmp_evidence(flow, &error, says)];
        evidence.extend(syn_evidence(flow));
        let blame = if error.meaning() == IcmpMeaning::Loop { Blame::Network } else { Blame::Unknown };
        let finding = Finding::new(&CAUSE, Strength::Stated, blame, evidence);
        return Some(finding.located(format!("beyond {}", error.reporter)));
    }
    // The capture stands in the server's own segment if somebody asks there for its hardware address.
    let (first, last, count) = case.ask(asked_in_vain)?;
    let mut evidence = vec![
        Evidence::at(
            first,
            format!("the server's hardware address is asked for {count} times; nobody answers"),
        ),
        Evidence::at(last, "the last question"),
    ];
    evidence.extend(syn_evidence(flow));
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::Unknown, evidence))
}

/// The first and the last question for the server's hardware address, and how many there were, if nobody answers.
fn asked_in_vain(own: Own<'_>, around: &Surroundings) -> Option<(Mark, Mark, u32)> {
    let host = around.hosts(own.server.ip).find(|host| host.asked.is_some())?;
    host.asked.filter(|(_, _, count)| *count >= ASKED && !host.was_there())
}

/// In the client's own segment not even a SYN is sent: the hardware address is missing.
fn nobody_there(case: &Case<'_>) -> Option<Finding> {
    let Unanswered { ip, first, last, count, .. } = case.unanswered_host?;
    let evidence = vec![
        Evidence::at(
            first,
            format!("the hardware address of {ip} is asked for {count} times; nobody answers"),
        ),
        Evidence::at(last, "the last question; no SYN could be sent"),
    ];
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Unknown, evidence);
    Some(finding.detail(format!("nobody answers for {ip} in this segment")))
}
