//! TCP opens, and then no data gets through, small or large.

use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::stream::{CloseKind, Opening, Side};

cause! {
    /// TCP opens, but no data of one side gets through, not even a small packet.
    ///
    /// ## Why
    /// The handshake passes and every data segment of one direction is repeated without ever being acknowledged.
    /// An application filter that only lets connections open, a proxy that answers for a dead server, or a path
    /// that broke at that moment looks like this. A too small packet size does not: small segments would pass.
    ///
    /// ## What to do
    /// - Look for a device with application inspection on the path and exempt TCP 3389 between the two.
    /// - Capture on the server: if its own handshake is there and the data is not, it is dropped on the way; if
    ///   not even the handshake is there, a device answered in its name.
    /// - To verify: the connection request is acknowledged and a connection confirm follows.
    ///
    /// ## Seen as
    /// SYN, SYN-ACK, ACK, then the X.224 connection request again and again; no ICMP.
    "data-dropped-after-handshake", stage: Transport, severity: Failure, blames: [Middlebox, Network, Unknown],
    more_specific_than: ["packet-loss"],
    client_code: "0x904 or 0x108",
}

/// Sendings of one segment that must have been in vain.
const TIMES: u32 = 3;
/// They must span at least this long: shorter is a hiccup.
const SPAN: i64 = time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (_, flow) = case.both()?;
    if flow.opening == Opening::MidStream
        || !flow.is_established()
        || flow.is_half_open()
        || !flow.icmp.is_empty()
    {
        return None;
    }
    let side = [Side::Client, Side::Server].into_iter().find(|side| {
        let stream = flow.stream(*side);
        stream.bytes > 0 && stream.acked_end.unwrap_or(0) == 0 && stream.sacked_end.is_none()
    })?;
    // Data of the other side would have carried an acknowledgement: then something did get through.
    let lost = flow.swallowed(side).into_iter().find(|repeat| repeat.offset == 0 && repeat.times >= TIMES)?;
    let answered = flow.close_of(side.other(), CloseKind::Rst).is_some_and(|reset| reset.mark < lost.last);
    if lost.last.time - lost.first.time < SPAN
        || flow.stream(side.other()).bytes > 0 && side == Side::Client
        || answered
    {
        return None;
    }
    let evidence = vec![
        Evidence::at(lost.first, format!("the {} sends its first data, {} bytes", side.name(), lost.length)),
        Evidence::at(
            lost.last,
            format!("the same data, sent {} times; it was never acknowledged", lost.times),
        ),
    ];
    Some(
        Finding::new(&CAUSE, Strength::Inferred, Blame::Unknown, evidence)
            .missing("a capture at the other end: does the data arrive there?"),
    )
}
