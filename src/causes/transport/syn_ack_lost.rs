//! The server accepts, and its answer does not get back.

use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::stream::Opening;

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
    /// SYN-ACK repeated, no ACK; no RdpCoreTS 131.
    "syn-ack-lost", stage: Transport, severity: Failure, blames: [Network, Client, Middlebox],
    client_code: "0x204",
}

/// SYN-ACKs that must be repeated in vain.
const REPEATED: usize = 2;
/// They must span at least this long.
const SPAN: i64 = 2 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let flow = case.flow()?;
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
    let mut evidence: Vec<Evidence> = flow
        .syn_acks
        .first()
        .map(|first| {
            Evidence::at(
                first.mark,
                format!("the server answers with SYN-ACK, {} times; no ACK follows", flow.syn_acks.len()),
            )
        })
        .into_iter()
        .collect();
    evidence.extend(flow.syn_acks.last().map(|last| Evidence::at(last.mark, "the last of them")));
    Some(
        Finding::new(&CAUSE, Strength::Inferred, Blame::Network, evidence)
            .located("between this capture point and the client"),
    )
}
