//! The gateway's UDP side transport is not answered; the tunnel goes on over TCP. Not a failure.

use super::connected;
use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::connection::observations::SideChannel;
use crate::packet::interest::GATEWAY_UDP_PORT;

cause! {
    /// UDP 3391 to the RD Gateway is blocked; the session uses TCP alone.
    ///
    /// ## Why
    /// The client offers the gateway its UDP transport and gets no answer. It goes on over HTTPS: nothing fails, but
    /// long or lossy paths are slower.
    ///
    /// ## What to do
    /// - Nothing, if it is fast enough.
    /// - To use UDP: open UDP 3391 to the gateway on the firewalls of the path, and enable the transport in its
    ///   properties (Transport Settings).
    /// - To verify: the gateway's log shows connections with protocol UDP.
    ///
    /// ## Seen as
    /// Datagrams to UDP 3391 without an answer while the tunnel stands ([MS-TSGU] 3.8).
    "gateway-udp-blocked", stage: Gateway, severity: Benign, blames: [None],
}

/// Datagrams that must have been in vain.
const TRIED: u64 = 2;
/// UDP is offered this long before or after what the log tells of the tunnel.
const EDGE: i64 = 10 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if !connected(case) {
        return None;
    }
    let client = case.connection()?.client.ip;
    let window = told::window(case)?.widened(EDGE);
    let captures = case.around.captures.iter();
    let own: Vec<&SideChannel> = captures
        .flat_map(|capture| &capture.side_channels)
        .filter(|((from, to), channel)| {
            from.ip == client && to.port == GATEWAY_UDP_PORT && window.contains(channel.first.time)
        })
        .map(|(_, channel)| channel)
        .collect();
    let tried: u64 = own.iter().map(|channel| channel.to_server).sum();
    if tried < TRIED || own.iter().any(|channel| channel.to_client > 0) {
        return None;
    }
    let evidence = own
        .iter()
        .map(|channel| {
            let says = format!("the client offers the gateway UDP, {} times; no answer", channel.to_server);
            Evidence::at(channel.first, says)
        })
        .collect();
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::None, evidence))
}
