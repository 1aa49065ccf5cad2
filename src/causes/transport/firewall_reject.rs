//! A filter says no, by ICMP.

use super::{icmp_evidence, icmp_of, syn_evidence, unanswered};
use crate::causes::{Blame, Case, Finding, Strength, cause};
use crate::packet::icmp::IcmpMeaning;

cause! {
    /// A firewall rejects the connection and says so by ICMP.
    ///
    /// ## Why
    /// A device answers the client's SYN with an ICMP message that a rule forbids the connection. A host without a
    /// listener would send a TCP reset instead; a port-unreachable message to a TCP SYN is a filter as well.
    ///
    /// ## What to do
    /// - The address that sent the ICMP message is the device: open TCP 3389 (and UDP 3389) from this client to
    ///   this server in its rules.
    /// - If the address is the server's own, it is the server's packet filter.
    /// - To verify: `Test-NetConnection SERVER -Port 3389` from the client.
    ///
    /// ## Seen as
    /// ICMP 3/9, 3/10, 3/13 or 3/3 (ICMPv6 1/1) quoting the SYN. [RFC 792], [RFC 1812] 5.2.7.1
    "firewall-reject", stage: Transport, severity: Failure, blames: [Middlebox, Server],
    client_code: "0x204",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = unanswered(case)?;
    let error = icmp_of(flow, &[IcmpMeaning::Prohibited])?;
    let mut evidence = vec![icmp_evidence(flow, &error, "the connection is prohibited")];
    evidence.extend(syn_evidence(flow));
    let own = error.reporter == connection.server.ip;
    let location =
        if own { "the server's own address".to_owned() } else { format!("the device {}", error.reporter) };
    // The server's address may be borne by a device in front of it; a host of Windows does not reject by ICMP.
    Some(Finding::new(&CAUSE, Strength::Stated, Blame::Middlebox, evidence).located(location))
}
