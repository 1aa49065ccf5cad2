//! The SYN is answered with RST.

use super::{ANSWERED_BY_HOST, refusal};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, hosts};
use crate::stream::Side;

cause! {
    /// The connection is refused: nothing listens on this port, or a device refuses in the server's name.
    ///
    /// ## Why
    /// The client's SYN is answered with a TCP reset. The host is reachable, but its Remote Desktop listener is
    /// not there (service stopped, Remote Desktop switched off, another port), or a firewall or a translating
    /// device in between refuses. A Windows host with its own firewall on stays silent instead.
    ///
    /// ## What to do
    /// - On the server: `qwinsta` must show rdp-tcp in state Listen; `sc.exe queryex TermService` must be RUNNING.
    /// - `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server" /v fDenyTSConnections` must be 0, and
    ///   `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v PortNumber` the
    ///   port that the client uses.
    /// - If the listener is there, capture on the server: a SYN that never arrives was refused by a device before
    ///   it (port forwarding, NAT, firewall).
    /// - To verify: `Test-NetConnection SERVER -Port 3389`.
    ///
    /// ## Seen as
    /// RST+ACK to the SYN with acknowledgement ISN + 1 (RFC 9293 3.10.7.1); no RdpCoreTS 131, no
    /// RemoteConnectionManager 261.
    "port-closed-or-device-reset", stage: Transport, severity: Failure, blames: [Server, Middlebox, Unknown],
    client_code: "0x204",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (_, flow) = case.both()?;
    let (reset, delay) = refusal(flow)?;
    // Data is sent only on an open connection: then the answer to the SYN was not captured.
    let sides = [Side::Client, Side::Server];
    if flow.is_established() || sides.iter().any(|side| flow.stream(*side).data_segments > 0) {
        return None;
    }
    let seconds = crate::correlate::clock::seconds(delay);
    let mut evidence =
        vec![Evidence::at(reset.mark, format!("the SYN is answered with RST after {seconds:.3} s"))];
    evidence.extend(flow.syns.first().map(|syn| Evidence::at(syn.mark, "the client sends a SYN")));
    if delay > ANSWERED_BY_HOST {
        let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Middlebox, evidence);
        return Some(
            finding
                .titled("Nobody answered, and a device on the path gave up and reset the connection")
                .detail(format!(
                    "the reset comes {seconds:.1} s after the SYN, the time-out of a proxy or a translating device; a \
                     host that refuses does so at once"
                ))
                .begin_with(
                    "On the client: `tracert -d SERVER` and the proxy or VPN in use show which device answers for \
                     the server; its log tells what it tried to reach at this second, and why that did not answer.",
                )
                .missing("a capture behind that device, or on the server: is the SYN passed on, and does the server answer?"),
        );
    }
    if case.accepted().is_some() {
        return None;
    }
    let (mut blame, location) = who(case, reset.ttl, flow.server.ip);
    let port = flow.server.port;
    let texts = hosts::server(case).and_then(|server| Some((hosts::name(server), server.listens(port)?)));
    match texts {
        Some((name, (false, place))) if blame != Blame::Middlebox => {
            evidence.push(hosts::line(place, format!("nothing listens on port {port} of {name}")));
            blame = Blame::Server;
        }
        Some((name, (true, place))) => {
            let says = format!("port {port} of {name} was open when its ports were listed");
            evidence.push(hosts::line(place, says));
        }
        _ => {}
    }
    let mut finding = Finding::new(&CAUSE, Strength::Stated, blame, evidence);
    finding.location = location;
    Some(finding)
}

/// A reset with the TTL of the host's other packets is its own; none to compare with says nothing.
pub(super) fn who(case: &Case<'_>, ttl: u8, server: std::net::IpAddr) -> (Blame, Option<String>) {
    let known = case.around.others.ttl_of(server);
    match known {
        Some((least, greatest)) if (least..=greatest).contains(&ttl) => {
            (Blame::Server, Some(format!("the server itself: TTL {ttl} as in its other packets")))
        }
        Some((least, _)) => (
            Blame::Middlebox,
            Some(format!("a device before the server: TTL {ttl}, the server's other packets have {least}")),
        ),
        None => (Blame::Unknown, None),
    }
}
