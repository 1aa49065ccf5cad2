//! The server accepts, and its answer does not get back.

use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::Joined;
use crate::eventlog::address::ClientAddress;
use crate::eventlog::security::{self, Direction, Meaning};
use crate::packet::Endpoint;
use crate::stream::{Flow, Opening};

cause! {
    /// The server answers the SYN, and its answer does not reach the client.
    ///
    /// ## Why
    /// The server's SYN-ACK is repeated and never acknowledged: the way back is broken, by an asymmetric route, a
    /// translating device without state, or a filter on the client.
    ///
    /// ## What to do
    /// - Compare the way there and back: `Test-NetConnection CLIENT -TraceRoute` from the server,
    ///   `Test-NetConnection SERVER -TraceRoute` from the client.
    /// - On firewalls between them: is the connection in the state table of the same device both ways?
    /// - Capture on the client: does the SYN-ACK arrive there? If it does, it is the client's own filter
    ///   (`Get-NetFirewallProfile`, security software).
    /// - To verify: `Test-NetConnection SERVER -Port 3389` from the client.
    ///
    /// ## Seen as
    /// SYN-ACK repeated, no ACK; no RdpCoreTS 131; Security 5152 of the client for what comes in from port 3389.
    "syn-ack-lost", stage: Transport, severity: Failure, blames: [Network, Client, Middlebox],
    more_specific_than: ["firewall-drop"],
    client_code: "0x204",
}

/// SYN-ACKs that must be repeated in vain.
const REPEATED: usize = 2;
/// They must span at least this long.
const SPAN: i64 = 2 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let flow = case.flow()?;
    if let Some(dropped) = dropped_by_client(case).filter(|_| !flow.is_established()) {
        return Some(blocked(flow, dropped));
    }
    let repeated = flow.opening == Opening::Syn && flow.syn_acks.len() >= REPEATED && !flow.is_established();
    let spans = match flow.syn_acks.as_slice() {
        [first, .., last] => last.mark.time - first.mark.time >= SPAN,
        _ => false,
    };
    // A client that repeats its SYN has not seen the answer; one that is merely silent may have.
    let still_asking = match (flow.syn_acks.first(), flow.syns.last()) {
        (Some(answer), Some(question)) => question.mark > answer.mark,
        _ => false,
    };
    if !repeated || !spans || !still_asking || case.accepted().is_some() {
        return None;
    }
    Some(
        Finding::new(&CAUSE, Strength::Inferred, Blame::Network, answers(flow))
            .located("between this capture point and the client"),
    )
}

/// The server's answers, as far as they were captured.
fn answers(flow: &Flow) -> Vec<Evidence> {
    let says = format!("the server answers with SYN-ACK, {} times; no ACK follows", flow.syn_acks.len());
    let first = flow.syn_acks.first().map(|first| Evidence::at(first.mark, says));
    let last = flow.syn_acks.last().map(|last| Evidence::at(last.mark, "the last of them"));
    first.into_iter().chain(last).collect()
}

/// The client's own log has the answer, and says what became of it.
fn blocked(flow: &Flow, dropped: &Joined) -> Finding {
    let says = "the client's own filtering platform drops the server's answer";
    let evidence = std::iter::once(Evidence::event(&dropped.event, says)).chain(answers(flow)).collect();
    Finding::new(&CAUSE, Strength::Stated, Blame::Client, evidence).located("the client's own firewall")
}

/// Security 5152 or 5157 of the client: what came in from the server to the port of this connection was dropped.
fn dropped_by_client<'a>(case: &Case<'a>) -> Option<&'a Joined> {
    let connection = case.connection()?;
    let is = |end: Option<ClientAddress>, own: Endpoint| {
        end.is_some_and(|end| end.ip == own.ip && end.port == Some(own.port))
    };
    case.all_events().find(|joined| match security::meaning(&joined.event) {
        Some(Meaning::Dropped(filtered) | Meaning::Blocked(filtered)) => {
            filtered.direction == Some(Direction::Inbound)
                && is(filtered.source, connection.server)
                && is(filtered.destination, connection.client)
        }
        _ => false,
    })
}
