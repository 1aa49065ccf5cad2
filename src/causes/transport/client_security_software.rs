//! Security software on the client cuts a connection that it had let begin.

use super::client_outbound_rule::{blocked_outbound, of_block};
use crate::base::time;
use crate::causes::authentication::refused::is_tied;
use crate::causes::told::has_session_later;
use crate::causes::{Blame, Case, Finding, Strength, cause};
use crate::stream::Side;

cause! {
    /// Security software on the client cuts the connection.
    ///
    /// ## Why
    /// The filtering platform of the client blocked the connection after its first packets had gone out: an antivirus,
    /// an endpoint firewall or a local proxy inspects it and stops it. Such a product mostly works with filters of its
    /// own, which stay active when its window says "disabled".
    ///
    /// ## What to do
    /// - `netsh wfp show filters` on the client: the filter number of event 5157 leads to the product that set it.
    /// - Read the product's own log of that second, and make an exception for mstsc.exe and TCP 3389 to this server.
    /// - If the exception does not help, take the filter number to the product's maker: its filters stay loaded when
    ///   its window says "disabled", so switching it off proves nothing.
    /// - To verify: the same client connects, and Security 5157 is no longer written for mstsc.exe.
    ///
    /// ## Seen as
    /// Client Security 5157 with mstsc.exe and direction %%14593 while packets of the connection are on the wire; a
    /// client RST or FIN at the same step each time; RdpCoreTS 131 to 143 (64) without 140.
    "client-security-software", stage: Transport, severity: Failure, blames: [Client],
    more_specific_than: ["firewall-drop", "ended-abruptly-by-client", "closed-inside-tls-reason-not-visible", "syn-ack-lost"],
    client_code: "0x904 or 0x204",
}

/// The filter acts while the connection is open.
const NEAR: i64 = 2 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    // Success, then or soon after, shows that the block was another's.
    if connection.reached_session() || case.ask(has_session_later).is_some() {
        return None;
    }
    let (joined, filtered) = blocked_outbound(case, NEAR)?;
    let of_client =
        flow.closes.first().is_none_or(|close| close.from == Side::Client && case.forged(close).is_none());
    if !of_client || connection.negotiation_failure().is_some() {
        return None;
    }
    let strength = if is_tied(joined) { Strength::Stated } else { Strength::Inferred };
    let evidence =
        std::iter::once(of_block(joined, &filtered)).chain(case.ending()).chain(case.accepted()).collect();
    Some(Finding::new(&CAUSE, strength, Blame::Client, evidence).located("the client"))
}
