//! The handshake was closed without a word.

use super::handshake;
use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::eventlog::Provider;
use crate::stream::Side;

cause! {
    /// The connection was closed inside the TLS handshake, and nothing that was sent says why.
    ///
    /// ## Why
    /// Windows often closes without an alert, and then only its log knows. A server that closes first: no version
    /// or cipher suite in common, or a key that it cannot use. A client that closes first: it, its user or security
    /// software did not accept the certificate.
    ///
    /// ## What to do
    /// - Server closed first: on the server, look at the second of the attempt into the System log (Schannel 36870,
    ///   36871, 36874, 36888; 1057, 1058) and into RdpCoreTS/Operational (139).
    /// - Client closed first: on the client, System log (Schannel 36881 to 36884), CAPI2/Operational (`wevtutil sl
    ///   Microsoft-Windows-CAPI2/Operational /e:true`, then try again), and the code that the user saw.
    /// - Capture at both ends: a close that only one of them shows was made on the way.
    /// - Try another client: if all fail, it is the server; if one fails, it is that client.
    /// - To verify: one of these logs names a reason at the second of the next attempt; its cause is then the one to
    ///   mend.
    ///
    /// ## Seen as
    /// FIN or RST between ClientHello and Finished, without an alert.
    "closed-inside-tls-reason-not-visible", stage: Tls, severity: Failure, blames: [Unknown],
    residual: true,
    client_code: "0x904",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let connection = handshake::stopped(case)?;
    let close = handshake::closed(case)?;
    // Who left and came back left on its own account.
    if close.from == Side::Client && handshake::came_back(case).is_some() {
        return None;
    }
    let hello = connection.tls.offered()?;
    let mut evidence = vec![Evidence::at(close.mark, crate::causes::case::ending_says(close))];
    evidence.extend(handshake::offer(connection));
    evidence.extend(handshake::choice(connection));
    evidence.extend(case.accepted());
    let step = handshake::step(connection, close.mark);
    let mut detail = format!(
        "the {} closes first, {step}, {} ms after the ClientHello",
        close.from.name(),
        (close.mark.time - hello.time) / time::MILLISECOND
    );
    let message = handshake::last_message(connection, close.from.other());
    if message.is_some_and(|message| !handshake::may_answer(case, close, message)) {
        detail.push_str("; it cannot have received the last message before that yet");
    }
    if connection.tls.sealed_alerts.iter().any(|alert| alert.from == close.from) {
        detail.push_str("; its last record is an encrypted alert");
    }
    let mut finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Unknown, evidence).detail(detail);
    for source in missing(case, close.from) {
        finding = finding.missing(source);
    }
    Some(finding)
}

/// Which sources would settle it.
fn missing(case: &Case<'_>, closer: Side) -> Vec<&'static str> {
    let coverage = &case.around.coverage;
    let mut missing = Vec::new();
    match closer {
        Side::Server => {
            if !case.is_covered(&Provider::RdpCoreTs) {
                missing.push("the server's RdpCoreTS/Operational: event 139 and its code");
            }
            if !case.is_covered(&Provider::Schannel) {
                missing.push("the server's System log: Schannel 36870, 36871, 36874, 36888; 1057, 1058");
            }
        }
        Side::Client => {
            missing.push("the client's System log: Schannel 36881 to 36884");
            if !coverage.has(&Provider::RdpClient) {
                missing.push("the client's RDPClient/Operational (1026), or the code that the user saw");
            }
        }
    }
    missing.push("a capture at the other end, to see whether the close came from there");
    missing
}
