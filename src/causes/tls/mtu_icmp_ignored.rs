//! A router says that packets are too big, and the sender goes on at the old size.

use crate::causes::transport::{icmp_evidence, icmp_of};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::packet::icmp::IcmpMeaning;
use crate::stream::{Flow, Side};

cause! {
    /// A router says that packets are too big, and the sender keeps sending them.
    ///
    /// ## Why
    /// A link on the path takes less than the sender believes. The router says so by ICMP, but the message does not
    /// reach the sender's TCP: its own firewall drops it, or a device before it does.
    ///
    /// ## What to do
    /// - On the sender's host: allow ICMPv4 type 3 code 4 (ICMPv6 type 2) inbound:
    ///   `New-NetFirewallRule -DisplayName "ICMP fragmentation needed" -Protocol ICMPv4 -IcmpType 3:4 -Direction Inbound -Action Allow`.
    /// - On firewalls between the router and the sender: let ICMP errors of existing connections pass.
    /// - Or mend the cause: the MTU of the tunnel, or MSS clamping on it.
    /// - To verify: after the ICMP message the sender repeats the data in smaller segments, and they are acknowledged.
    ///
    /// ## Seen as
    /// ICMP 3/4 or ICMPv6 2/0 quoting this connection, and large segments repeated afterwards. [RFC 1191]
    "mtu-icmp-ignored", stage: Tls, severity: Failure, blames: [Middlebox, Client, Server],
    more_specific_than: ["packet-loss", "mtu-black-hole", "ended-abruptly-by-server", "ended-abruptly-by-client",
        "closed-inside-tls-reason-not-visible", "nla-refused-reason-not-visible", "client-left-or-probe",
        "data-dropped-after-handshake"],
    client_code: "0x904",
}

/// Sendings after the message that must have been in vain.
const TIMES: u32 = 2;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (_, flow) = case.both()?;
    let error = &icmp_of(flow, &[IcmpMeaning::TooBig])?;
    // The quoted packet's sender is who should shrink.
    let side = if error.quoted.from == flow.client { Side::Client } else { Side::Server };
    let lost = flow.swallowed(side).into_iter().find(|lost| {
        lost.times >= TIMES && lost.last.time > error.time && too_big(flow, lost.length, error.mtu)
    })?;
    let limit = error.mtu.map(|mtu| format!(" (the next link takes {mtu} bytes)")).unwrap_or_default();
    let evidence = vec![
        icmp_evidence(flow, error, &format!("a packet of the {} is too big{limit}", side.name())),
        Evidence::at(
            lost.last,
            format!(
                "the {} still sends {} bytes in one segment, {} times in all",
                side.name(),
                lost.length,
                lost.times
            ),
        ),
    ];
    let blame = if side == Side::Client { Blame::Client } else { Blame::Server };
    Some(
        Finding::new(&CAUSE, Strength::Stated, blame, evidence)
            .detail(format!("the {} does not heed the router's message", side.name()))
            .located(format!(
                "the limit is at {}; the message is lost on the way to the {}",
                error.reporter,
                side.name()
            )),
    )
}

/// Whether a segment of this payload cannot pass a link of this MTU. Headers are at least 40 bytes.
fn too_big(flow: &Flow, length: u32, mtu: Option<u32>) -> bool {
    let headers = if flow.client.ip.is_ipv4() { 40 } else { 60 };
    mtu.is_none_or(|mtu| length + headers > mtu)
}
