//! Datagrams arrive in pieces, and some pieces do not.

use std::net::IpAddr;

use crate::base::{Locator, Mark, Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::Connection;
use crate::connection::observations::Observations;
use crate::packet::{IcmpError, LostDatagram};

cause! {
    /// Fragments of IP packets are lost on the way.
    ///
    /// ## Why
    /// Packets larger than a link of the path are cut into fragments, and not all of them arrive: filters drop
    /// fragments that carry no port, and translating devices lose them. Large UDP datagrams (Kerberos tickets,
    /// name resolution) suffer first.
    ///
    /// ## What to do
    /// - Let IP fragments pass on the firewalls of the path, or let them be reassembled there.
    /// - Make the packets smaller: MSS clamping or a smaller MTU on the tunnel.
    /// - Kerberos over TCP instead of UDP:
    ///   `reg add "HKLM\SYSTEM\CurrentControlSet\Control\Lsa\Kerberos\Parameters" /v MaxPacketSize /t REG_DWORD /d 1 /f`.
    /// - To verify: `ip.flags.mf == 1 || ip.frag_offset > 0` in Wireshark shows complete datagrams at the receiver.
    ///
    /// ## Seen as
    /// Some fragments of one (source, destination, identification, protocol); ICMP 11/1 (ICMPv6 3/1) from the
    /// receiver. [RFC 791] 3.2, [RFC 8200] 4.5
    "ip-fragments-lost", stage: Transport, severity: Failure, blames: [Network, Middlebox],
    more_specific_than: ["packet-loss", "mtu-black-hole", "ended-abruptly-by-server", "ended-abruptly-by-client",
        "closed-inside-tls-reason-not-visible", "nla-refused-reason-not-visible", "client-left-or-probe",
        "data-dropped-after-handshake", "no-cc"],
    client_code: "0x904",
}

/// Fragments lost this much before or after belong to the attempt.
const NEAR: i64 = 60 * time::SECOND;
/// Datagrams that must be incomplete where no host says so: one may be an accident of the capture.
const SEVERAL: usize = 2;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if connection.reached_session() && connection.goodbye.is_some() {
        return None;
    }
    let window = connection.window().widened(NEAR);
    let captures = || case.around.captures_at(connection.first);
    if let Some((capture, error)) =
        captures().find_map(|capture| Some((capture, told(capture, connection, &window)?)))
    {
        let mark = frame(capture, error.time, error.frame);
        let says = format!(
            "{} sends {}: fragments of a packet did not arrive in time",
            error.reporter,
            error.label()
        );
        let mut evidence = vec![Evidence::at(mark, says)];
        let lost = captures().flat_map(|capture| incomplete(capture, connection, &window));
        evidence.extend(lost.take(4).map(|(capture, lost)| of_datagram(capture, lost)));
        return Some(Finding::new(&CAUSE, Strength::Stated, Blame::Network, evidence));
    }
    let lost: Vec<(&Observations, &LostDatagram)> = captures()
        .flat_map(|capture| incomplete(capture, connection, &window))
        .filter(|(_, lost)| !lost.cut)
        .collect();
    let suffers = flow
        .to_server
        .unacknowledged_repeats()
        .chain(flow.to_client.unacknowledged_repeats())
        .next()
        .is_some();
    // A capture filter on ports lets only first fragments through, one on directions only the others: then no datagram
    // is ever complete.
    let filtered = lost.iter().all(|(_, lost)| lost.fragments == 1) && !suffers;
    if lost.len() < SEVERAL || filtered || flow.is_one_sided() {
        return None;
    }
    let evidence = lost.iter().take(6).map(|(capture, lost)| of_datagram(capture, lost)).collect();
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::Network, evidence))
}

fn between(connection: &Connection, from: IpAddr, to: IpAddr) -> bool {
    let ends = [connection.client.ip, connection.server.ip];
    ends.contains(&from) && ends.contains(&to)
}

fn told<'a>(capture: &'a Observations, connection: &Connection, window: &Window) -> Option<&'a IcmpError> {
    capture.reassembly_timeouts.iter().find(|error| {
        window.contains(error.time) && between(connection, error.quoted.from.ip, error.quoted.to.ip)
    })
}

fn incomplete<'a>(
    capture: &'a Observations,
    connection: &'a Connection,
    window: &'a Window,
) -> impl Iterator<Item = (&'a Observations, &'a LostDatagram)> {
    capture
        .lost_datagrams
        .iter()
        .filter(|lost| window.contains(lost.time) && between(connection, lost.key.from, lost.key.to))
        .map(move |lost| (capture, lost))
}

fn of_datagram(capture: &Observations, lost: &LostDatagram) -> Evidence {
    let missing = match (lost.has_first, lost.has_last) {
        (true, false) => "the end is missing",
        (false, _) => "the beginning is missing",
        (true, true) => "the middle is missing",
    };
    let says = format!("a packet of {} in {} fragments: {missing}", lost.key.from, lost.fragments);
    Evidence::at(frame(capture, lost.time, lost.frame), says)
}

fn frame(capture: &Observations, time: crate::base::Timestamp, number: u64) -> Mark {
    Mark { time, at: Locator::Frame { source: capture.source, number } }
}
