//! The path is slow, though it loses nothing.

use crate::base::{Mark, time};
use crate::causes::{Blame, Case, Evidence, Finding, Severity, Strength, cause};
use crate::connection::{Connection, Stage};
use crate::stream::{Flow, Opening, Side};

cause! {
    /// The round trip between client and server is very long.
    ///
    /// ## Why
    /// Each step of the connection costs a round trip, eight to twelve in all, and everything that the user does
    /// costs another. Nothing is lost: the way is long (satellite, a detour through a VPN concentrator) or a queue
    /// on it is full.
    ///
    /// ## What to do
    /// - Find where the time goes: `pathping SERVER`, `Test-NetConnection SERVER -TraceRoute`; once with the VPN and
    ///   once without.
    /// - A queue: look at the load of the slowest link; limit bulk transfers there, or give RDP precedence.
    /// - Let UDP 3389 through: RDP's UDP transport copes better with long paths.
    /// - In the client: connection speed set by hand to "satellite", fewer colours, no wallpaper.
    /// - To verify: the time between SYN and SYN-ACK in a capture on the client.
    ///
    /// ## Seen as
    /// More than 200 ms between SYN and the acknowledgement of the SYN-ACK, no repeats; RdpCoreTS 133, 137.
    "high-latency", stage: Session, severity: Remark, blames: [Network],
    more_specific_than: ["ended-abruptly-by-client", "client-left-or-probe"],
    client_code: "none; 0x108 or 0x704 where the client gave up",
}

/// A round trip that users feel.
const LONG: i64 = 200 * time::MILLISECOND;
/// A client that leaves sooner has not run out of patience.
const PATIENCE: i64 = 5 * time::SECOND;
/// Share of repeats above which the path loses packets, in thousandths.
const LOSSY: u64 = 50;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if flow.opening != Opening::Syn || !flow.is_established() || !case.capture_is_sound() {
        return None;
    }
    let (round_trip, from, to) = round_trip(connection, flow).filter(|(length, ..)| *length > LONG)?;
    let millis = round_trip / time::MILLISECOND;
    let mut evidence = vec![
        Evidence::at(to, format!("the answer arrives {millis} ms after the question")),
        Evidence::at(from, "the question"),
    ];
    if flow.syns.len() > 1 {
        let answer = flow.syn_acks.first().map(|answer| answer.mark);
        evidence.extend(
            answer.map(|mark| Evidence::at(mark, "the SYN-ACK; the client had repeated its SYN before")),
        );
    }
    let detail = format!("{millis} ms");
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Network, evidence).detail(detail);
    if connection.reached_session() {
        return Some(finding);
    }
    // It fails a connection only where it used up the client's patience.
    let close = case.ended_by(Side::Client)?;
    let building = matches!(connection.reached, Stage::Settings | Stage::Licensing);
    let ran_out = close.mark.time - flow.first.time >= PATIENCE && case.forged(close).is_none();
    let lost = [Side::Client, Side::Server]
        .into_iter()
        .any(|side| !flow.swallowed(side).is_empty() || flow.loss_per_mille(side) > LOSSY);
    if !building || !ran_out || lost || connection.goodbye.is_some_and(|bye| bye.value.from == Side::Server) {
        return None;
    }
    let mut finding = finding.graded(Severity::Failure);
    finding.evidence.extend(case.ending());
    let step = format!("{millis} ms; the client gives up in the stage {}", connection.reached);
    Some(finding.detail(step).missing("the client's time limit, or the error that the user saw"))
}

/// A round trip between both ends, with question and answer. Where an opening segment was repeated, the least of
/// the first two exchanges: a slow server is quick at one of them.
fn round_trip(connection: &Connection, flow: &Flow) -> Option<(i64, Mark, Mark)> {
    let syn = flow.syns.first()?.mark;
    if let Some(whole) = flow.handshake_round_trip() {
        // One slow opening may be a host that was looked for first. From request to hello is a round trip as well,
        // wherever the capture stands.
        let again = connection.request.as_ref().zip(connection.tls.offered());
        let quick = again.is_some_and(|(request, hello)| hello.time - request.time < LONG);
        return (!quick).then_some((whole, syn, flow.handshake?));
    }
    let negotiated = connection.request.as_ref()?.mark();
    let confirmed = connection.confirm.as_ref()?.mark();
    let offered = connection.tls.offered()?;
    let chosen = connection.tls.answered()?;
    [(negotiated, confirmed), (offered, chosen)]
        .into_iter()
        .map(|(from, to)| (to.time - from.time, from, to))
        .min_by_key(|(length, ..)| *length)
}
