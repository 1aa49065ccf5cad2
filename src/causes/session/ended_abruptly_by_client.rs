//! The client ended a running session without a goodbye.

use super::{abrupt, decision};
use crate::causes::case::{ending_says, forgery_signs};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::Transport;
use crate::eventlog::Provider;
use crate::stream::{CloseKind, Side};

cause! {
    /// The client ended the running session abruptly; why is not visible.
    ///
    /// ## Why
    /// The client's side closed the connection and neither side had said goodbye. The client's program crashed or
    /// was killed, the computer went down, security software cut the connection, or the client met an error that
    /// it did not tell. A reset behind a goodbye would be normal: mstsc ends every connection so.
    ///
    /// ## What to do
    /// - On the client read Microsoft-Windows-TerminalServices-RDPClient/Operational: 1026 carries the code, and
    ///   `rdpscan explain <code>` its meaning.
    /// - `Get-WinEvent -FilterHashtable @{LogName='Application';Id=1000,1001}` on the client shows a crash of mstsc.exe
    ///   or of a plug-in.
    /// - Ask the user for the message, and whether they closed the window or shut the computer down.
    /// - If it repeats: update client and display driver, and try from another client.
    /// - To verify: a session lives longer than this one did, and ends with RdpCoreTS 103 and reason 12 or 13.
    ///
    /// ## Seen as
    /// FIN or RST of the client without an MCS Disconnect Provider Ultimatum ([MS-RDPBCGR] 2.2.2.3) or TLS
    /// close_notify; RdpCoreTS 142/143 (64) and 103 (14) without 107.
    "ended-abruptly-by-client", stage: Session, severity: Failure, blames: [Client, Unknown],
    residual: true,
}

/// Windows error: the peer reset the connection.
const RESET: u32 = 64;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if decision::ended_in_order(case) {
        return None;
    }
    // Only a loss of the transport that the log states itself speaks against a client that just left.
    let logged = decision::transport_lost(case).and_then(|lost| {
        let (failed, _) = decision::socket_error(case, Some(RESET))?;
        Some([
            Evidence::event(&failed.event, "the server's socket was reset, and no 107 came before"),
            Evidence::event(&lost.event, "the server's log says: transport lost"),
        ])
    });
    // A client that was sent on to another host leaves this one.
    if case.around.goes_on(case.connection()?.first).is_some() {
        return None;
    }
    if case.connection()?.transport == Transport::Unseen {
        let evidence = logged.filter(|_| decision::was_used(case))?;
        let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Unknown, evidence.into());
        return Some(finding.missing("a capture of the attempt: whether client or path sent the reset"));
    }
    let (_, flow, close) = abrupt::ended_by(case, Side::Client)?;
    let certain = abrupt::sizes_tell(case) && !is_plain_end(case, close.kind);
    if !certain && (logged.is_none() || abrupt::may_hide_goodbye(case)) {
        return None;
    }
    let strength = if logged.is_some() { Strength::Corroborated } else { Strength::Inferred };
    let in_line = close.kind == CloseKind::Fin || forgery_signs(flow, close).is_empty();
    let blame = if in_line { Blame::Client } else { Blame::Unknown };
    let mut evidence = vec![Evidence::at(
        close.mark,
        format!("{}, in the middle of the session and without a goodbye", ending_says(close)),
    )];
    evidence.extend(logged.into_iter().flatten());
    let mut finding = Finding::new(&CAUSE, strength, blame, evidence);
    if !case.around.coverage.has(&Provider::RdpClient) {
        finding = finding.missing("the client's log RDPClient/Operational: 1026 carries the code");
    }
    Some(finding.missing("Application of the client: 1000 or 1001 of mstsc.exe shows a crash"))
}

/// A FIN with all data acknowledged where no TLS handshake was seen: old clients end so, and nothing that could
/// be read would carry a goodbye.
fn is_plain_end(case: &Case<'_>, kind: CloseKind) -> bool {
    let Some((connection, flow)) = case.both() else { return false };
    kind == CloseKind::Fin && connection.tls.answered().is_none() && abrupt::all_acknowledged(flow)
}
