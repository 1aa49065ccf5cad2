//! The gateway's UDP side transport is not answered; the tunnel goes on over TCP. Not a failure.

use super::connected;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::udp::{Kind, UdpConnection};

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

fn detect(case: &Case<'_>) -> Option<Finding> {
    if !connected(case) {
        return None;
    }
    let gateway = case.sides().filter(|side| side.udp.kind == Kind::Gateway);
    let own: Vec<&UdpConnection> = gateway.map(|side| &side.udp).collect();
    let tried: u64 = own.iter().map(|udp| udp.to_server.datagrams).sum();
    if tried < TRIED || own.iter().any(|udp| udp.is_answered()) {
        return None;
    }
    let evidence = own
        .iter()
        .map(|udp| {
            let says =
                format!("the client offers the gateway UDP, {} times; no answer", udp.to_server.datagrams);
            Evidence::at(udp.first, says)
        })
        .collect();
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::None, evidence))
}
