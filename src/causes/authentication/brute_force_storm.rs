//! Many attempts of one source in a short time: somebody guesses passwords.

use crate::base::{Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::incident::{is_storm, outnumbers};
use crate::correlate::surroundings::Other;
use crate::eventlog::Provider;

cause! {
    /// One source attempts to log on again and again: passwords are being guessed.
    ///
    /// ## Why
    /// No user connects more than ten times a minute under changing names. It is a scanner or a guessing program.
    /// It fills the logs, locks accounts, and with enough connections keeps others out.
    ///
    /// ## What to do
    /// - Let only known addresses in:
    ///   `Set-NetFirewallRule -DisplayGroup "Remote Desktop" -RemoteAddress 10.0.0.0/8`, or put the server behind a VPN
    ///   or an RD Gateway.
    /// - Lock accounts after some failures: `net accounts /lockoutthreshold:10`; keep network level authentication on
    ///   (`UserAuthentication` 1).
    /// - Check whether one of them succeeded: Security 4624 (type 3 or 10) and RemoteConnectionManager 1149 from
    ///   this address.
    /// - Keep more of the log: `wevtutil sl Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational /ms:67108864`.
    /// - To verify: the address is seen no more in RdpCoreTS 131.
    ///
    /// ## Seen as
    /// More than ten connection requests a minute of one source, several names, none of which becomes a session;
    /// RdpCoreTS 140 and Security 4625 in series.
    "brute-force-storm", stage: Authentication, severity: Warning, blames: [Client],
    more_specific_than: ["bad-password-or-unknown-user", "nla-refused-reason-not-visible", "client-left-or-probe",
        "closed-inside-tls-reason-not-visible", "tls-alert-other"],
    client_code: "for its victims 0x904 or 0xD07",
}

/// The others of the same source that are looked at.
const AROUND: i64 = 120 * time::SECOND;
/// More of them change nothing.
const ENOUGH: usize = 1000;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, _) = case.both()?;
    if connection.reached_session() {
        return None;
    }
    let near = Window::at(connection.first.time).widened(AROUND);
    let same: Vec<&Other> =
        case.around.of_pair(connection.client.ip, connection.server, near).take(ENOUGH).collect();
    let (sessions, same): (Vec<&Other>, Vec<&Other>) = same.into_iter().partition(|other| other.session);
    let requests: Vec<(crate::base::Timestamp, Option<&str>)> =
        same.iter().filter_map(|other| Some((other.request?.time, other.cookie.as_deref()))).collect();
    if !outnumbers(same.len(), sessions.len()) || !is_storm(&requests) {
        return None;
    }
    let mut names: Vec<&str> = requests.iter().filter_map(|(_, name)| *name).collect();
    names.sort_unstable();
    names.dedup();
    let mut evidence: Vec<Evidence> = [same.first(), same.last()]
        .into_iter()
        .flatten()
        .zip(["the first request seen of this source", "the last one"])
        .filter_map(|(other, says)| Some(Evidence::at(other.request?, says)))
        .collect();
    evidence.extend(case.event(&Provider::RdpCoreTs, 140).map(|joined| {
        Evidence::event(&joined.event, "the server refuses the name or the password of this connection")
    }));
    let failed = evidence.iter().any(|item| item.event.is_some());
    let succeeded = sessions.first().map(|session| {
        Evidence::at(session.first, "a connection of the same source became a session: check whose it is")
    });
    evidence.extend(succeeded);
    let strength = if failed { Strength::Corroborated } else { Strength::Inferred };
    let detail =
        format!("{} requests under {} names from {}", requests.len(), names.len(), connection.client.ip);
    Some(Finding::new(&CAUSE, strength, Blame::Client, evidence).detail(detail))
}
