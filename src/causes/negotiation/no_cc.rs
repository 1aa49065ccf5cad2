//! The server took the connection request and never confirmed it.

use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::{Outcome, Stage};
use crate::stream::{CloseKind, Flow, Opening, Side};

cause! {
    /// The server received the connection request and never answered it.
    ///
    /// ## Why
    /// TCP acknowledged the X.224 connection request, so the path carries data, but the service behind the port
    /// sent no connection confirm. A hung or overrun Remote Desktop service looks like this, as does a device
    /// that accepts connections on the server's behalf.
    ///
    /// ## What to do
    /// - On the server, look at RdpCoreTS/Operational at the time of the attempt: event 131 tells that the service took
    ///   the connection, its absence that it did not.
    /// - `sc.exe queryex TermService` and `qwinsta` (rdp-tcp must be in state Listen); if the service hangs:
    ///   `Restart-Service TermService -Force`.
    /// - `netstat -ano | findstr :3389` and `tasklist /svc /fi "imagename eq svchost.exe"`: the listener must be
    ///   TermService.
    /// - Capture on the server as well: if the request never arrives there, a device in between answers for it.
    /// - To verify: in a new capture the connection confirm follows the request within a second, and RdpCoreTS 131 is
    ///   written.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.1.1; RdpCoreTS 131 missing although the log covers the time.
    "no-cc", stage: Negotiation, severity: Failure, blames: [Server, Middlebox, Unknown],
    residual: true,
    client_code: "0x904, or 0x108 after a time-out",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    let request = connection.request.as_ref()?;
    let acknowledged = flow.to_server.acked_end.is_some_and(|end| end > 0);
    // Before a capture that begins in the middle the server may have spoken, and not RDP.
    let silent = flow.opening != Opening::MidStream
        && flow.to_client.bytes == 0
        && flow.unseen_at_end(Side::Server) == 0;
    if connection.reached != Stage::Negotiation || connection.outcome(Stage::Negotiation) != Outcome::Failed {
        return None;
    }
    if !silent || !acknowledged && flow.closes.is_empty() {
        return None;
    }
    let mut evidence =
        vec![Evidence::of(request, "the client sends its connection request; no confirm follows")];
    evidence.extend(case.ending());
    let accepted = case.accepted();
    let was_not_accepted = accepted.is_none() && case.was_not_accepted();
    evidence.extend(accepted);
    let finding = if was_not_accepted {
        Finding::new(&CAUSE, Strength::Corroborated, Blame::Server, evidence)
            .detail("the server's log covers the time and holds no event 131: the service did not take the connection")
            .missing(
                "System of the server: Service Control Manager 7011, 7031 or 7034 tells whether the service hung",
            )
    } else {
        Finding::new(&CAUSE, Strength::Inferred, Blame::Unknown, evidence).missing(
            "RdpCoreTS/Operational of the server: event 131 tells whether the service took the connection",
        )
    };
    Some(match instead(flow) {
        Some(did) => finding.titled(format!(
            "The server received the connection request and {did} the connection instead of answering"
        )),
        None => finding,
    })
}

/// What the server did to the connection, where it was the first to end it: that is no silence.
fn instead(flow: &Flow) -> Option<&'static str> {
    let close = flow.first_close().filter(|close| close.from == Side::Server)?;
    Some(match close.kind {
        CloseKind::Rst => "reset",
        CloseKind::Fin => "closed",
    })
}
