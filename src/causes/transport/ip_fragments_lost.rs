//! Datagrams arrive in pieces, and some pieces do not.

use std::net::IpAddr;

use crate::base::{Locator, Mark, SourceId, Timestamp, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::Surroundings;
use crate::correlate::surroundings::Own;
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
/// Of so many the evidence tells.
const SHOWN: usize = 6;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if connection.reached_session() && connection.goodbye.is_some() {
        return None;
    }
    if let Some((source, error)) = case.ask(told) {
        let mark = frame(source, error.time, error.frame);
        let says = format!(
            "{} sends {}: fragments of a packet did not arrive in time",
            error.reporter,
            error.label()
        );
        let mut evidence = vec![Evidence::at(mark, says)];
        let lost = case.ask_to_tell(lost_datagrams).unwrap_or_default();
        evidence.extend(lost.iter().take(4).map(of_datagram));
        return Some(Finding::new(&CAUSE, Strength::Stated, Blame::Network, evidence));
    }
    let suffers = flow
        .to_server
        .unacknowledged_repeats()
        .chain(flow.to_client.unacknowledged_repeats())
        .next()
        .is_some();
    // A capture filter on ports lets only first fragments through, one on directions only the others: then no datagram
    // is ever complete.
    let filtered = !suffers && case.ask(lost_in_the_middle).is_none();
    if filtered || flow.is_one_sided() {
        return None;
    }
    let lost = case.ask(lost_several)?;
    let evidence = lost.iter().map(of_datagram).collect();
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::Network, evidence))
}

type Lost = (SourceId, LostDatagram);

/// A host says that fragments of a packet between the two did not arrive.
fn told(own: Own<'_>, around: &Surroundings) -> Option<(SourceId, IcmpError)> {
    let window = own.window.widened(NEAR);
    around.captures_at(own.first).find_map(|capture| {
        let mut errors = capture.reassembly_timeouts.iter();
        let is_own = |error: &&IcmpError| {
            window.contains(error.time) && between(own, error.quoted.from.ip, error.quoted.to.ip)
        };
        errors.find(is_own).map(|error| (capture.source, *error))
    })
}

/// Incomplete datagrams between the two, around the attempt.
fn incomplete<'a>(own: Own<'a>, around: &'a Surroundings) -> impl Iterator<Item = Lost> {
    let window = own.window.widened(NEAR);
    around.captures_at(own.first).flat_map(move |capture| {
        let lost = capture.lost_datagrams.iter();
        lost.filter(move |lost| window.contains(lost.time) && between(own, lost.key.from, lost.key.to))
            .map(|lost| (capture.source, *lost))
    })
}

fn lost_datagrams(own: Own<'_>, around: &Surroundings) -> Option<Vec<Lost>> {
    let lost: Vec<Lost> = incomplete(own, around).take(SHOWN).collect();
    (!lost.is_empty()).then_some(lost)
}

/// Several that the capture itself did not cut.
fn lost_several(own: Own<'_>, around: &Surroundings) -> Option<Vec<Lost>> {
    let lost: Vec<Lost> = incomplete(own, around).filter(|(_, lost)| !lost.cut).take(SHOWN).collect();
    (lost.len() >= SEVERAL).then_some(lost)
}

/// One of which more than one fragment came.
fn lost_in_the_middle(own: Own<'_>, around: &Surroundings) -> Option<()> {
    incomplete(own, around).any(|(_, lost)| !lost.cut && lost.fragments != 1).then_some(())
}

fn between(own: Own<'_>, from: IpAddr, to: IpAddr) -> bool {
    let ends = [own.client, own.server.ip];
    ends.contains(&from) && ends.contains(&to)
}

fn of_datagram((source, lost): &Lost) -> Evidence {
    let missing = match (lost.has_first, lost.has_last) {
        (true, false) => "the end is missing",
        (false, _) => "the beginning is missing",
        (true, true) => "the middle is missing",
    };
    let plural = if lost.fragments == 1 { "" } else { "s" };
    let says =
        format!("a packet of {}, {} fragment{plural} of it seen: {missing}", lost.key.from, lost.fragments);
    Evidence::at(frame(*source, lost.time, lost.frame), says)
}

fn frame(source: SourceId, time: Timestamp, number: u64) -> Mark {
    Mark { time, at: Locator::Frame { source, number } }
}
