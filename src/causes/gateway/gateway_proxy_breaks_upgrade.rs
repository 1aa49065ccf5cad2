//! A proxy between client and gateway does not let the tunnel through.

use super::{by_client, events, of_event};
use crate::causes::{Blame, Case, Finding, cause};
use crate::eventlog::gateway::Meaning;

cause! {
    /// A proxy or an inspecting device between client and RD Gateway breaks the tunnel.
    ///
    /// ## Why
    /// The tunnel is HTTPS that becomes a websocket, or two long-lived requests. A proxy that wants credentials of its
    /// own, that buffers requests, or that does not know the upgrade ends it.
    ///
    /// ## What to do
    /// - What the client uses: `netsh winhttp show proxy`, and the Internet options of the user.
    /// - Except the gateway from proxy and inspection: in the bypass list, and on the device.
    /// - If a proxy must be used, it has to pass HTTP/1.1 upgrades and requests that stay open for hours.
    /// - To verify: from a network without the proxy the connection works, and then from this one.
    ///
    /// ## Seen as
    /// Client codes 0x3000017, 0x3000020, 0x300002F, 0x300004A; gateway 312 without 300; HTTP 407.
    "gateway-proxy-breaks-upgrade", stage: Gateway, severity: Failure, blames: [Middlebox],
    client_code: "0x3000017, 0x3000020, 0x300002F or 0x300004A",
}

const CODES: &[u32] = &[0x300_0017, 0x300_0020, 0x300_002f, 0x300_004a];

fn detect(case: &Case<'_>) -> Option<Finding> {
    // A tunnel whose policies were looked at stood.
    if events(case).any(|(_, meaning)| !matches!(meaning, Meaning::OutChannel(_) | Meaning::InChannel(_))) {
        return None;
    }
    let mut finding = by_client(
        case,
        &CAUSE,
        CODES,
        Blame::Middlebox,
        "the tunnel to the gateway could not be opened through the proxy",
    )?;
    finding.evidence.extend(
        events(case).take(2).map(|(joined, meaning)| {
            of_event(joined, &meaning, "a channel was opened, and no tunnel followed")
        }),
    );
    Some(finding)
}
