//! The server ended a running session without saying why.

use super::{abrupt, decision};
use crate::causes::case::{ending_says, forgery_signs};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::eventlog::Provider;
use crate::stream::{CloseKind, Side};

cause! {
    /// The server ended the running session abruptly; why is not visible.
    ///
    /// ## Why
    /// The server's side closed the connection with neither a goodbye of RDP nor one of TLS. A service or process
    /// that crashed or was restarted, a host that went down, and an administrator who cut the connection look like
    /// this. Sequence number and TTL fit the server: no sign of a device in between.
    ///
    /// ## What to do
    /// - Read System of the server at that time: 7031 or 7034 (a service crashed), 1074, 6006, 6008, 41 (the host went
    ///   down).
    /// - Read RdpCoreTS/Operational: 103 carries the reason, 97 and 226 an error.
    /// - `Get-WinEvent -FilterHashtable @{LogName='Application';Id=1000,1001}` lists crashed processes.
    /// - If it repeats at round intervals, suspect a device on the path: capture at both ends.
    /// - To verify: a session lives longer than this one did, and none of these events is written meanwhile.
    ///
    /// ## Seen as
    /// FIN or RST of the server without an MCS Disconnect Provider Ultimatum ([MS-RDPBCGR] 2.2.2.3) and without a
    /// TLS close_notify.
    "ended-abruptly-by-server", stage: Session, severity: Failure, blames: [Server, Unknown],
    residual: true,
    client_code: "0x904",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (_, flow, close) = abrupt::ended_by(case, Side::Server)?;
    if decision::ended_in_order(case) || !abrupt::sizes_tell(case) {
        return None;
    }
    let mut evidence = vec![Evidence::at(
        close.mark,
        format!("{}, in the middle of the session and without a goodbye", ending_says(close)),
    )];
    let lost = decision::transport_lost(case);
    evidence
        .extend(lost.map(|joined| Evidence::event(&joined.event, "the server's log says: transport lost")));
    // A device can forge a RST well; a FIN that fits is the server's.
    let in_line = close.kind == CloseKind::Fin || forgery_signs(flow, close).is_empty();
    let blame = if in_line && lost.is_none() { Blame::Server } else { Blame::Unknown };
    let mut finding = Finding::new(&CAUSE, Strength::Inferred, blame, evidence);
    if !case.around.coverage.has(&Provider::RdpCoreTs) {
        finding = finding.missing("RdpCoreTS/Operational of the server: 103 carries the reason of the end");
    }
    Some(
        finding.missing(
            "System of the server: service crashes (7031, 7034) and shutdowns (1074, 6006, 6008, 41)",
        ),
    )
}
