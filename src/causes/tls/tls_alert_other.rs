//! A fatal alert that does not say why.

use super::handshake;
use crate::base::Observed;
use crate::causes::{Blame, Case, Finding, Strength, cause};
use crate::connection::Connection;
use crate::connection::tls::ClearAlert;
use crate::eventlog::schannel::{Meaning, meaning};
use crate::protocol::tls::AlertDescription;
use crate::stream::Side;

cause! {
    /// The TLS handshake was ended by an alert that does not name the reason.
    ///
    /// ## Why
    /// One side gave up and said so, but with a number that many faults share. Who gave up, and at which step, is
    /// certain; why is not.
    ///
    /// ## What to do
    /// - Look at the System log of the side that sent the alert, at that second: Schannel 36870 (key), 36874 (cipher
    ///   suites), 36882 (certificate), 36888 (the alert itself).
    /// - If nothing is there, raise Schannel's logging for one attempt, then take it back:
    ///   `reg add "HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL" /v EventLogging /t REG_DWORD /d 7 /f`
    ///   (default: 1).
    /// - Alert 80 of the server at the ClientHello is often a key that it cannot use: see
    ///   `rdpscan explain private-key-unreadable`.
    /// - Alerts 20, 21, 50 and 51 mean that bytes did not arrive as they were sent or were made wrongly: capture at
    ///   both ends and compare.
    /// - On Linux, run the client with more output: `xfreerdp /log-level:DEBUG`.
    /// - To verify: with the cause mended a new capture shows no alert before the session ends.
    ///
    /// ## Seen as
    /// A fatal TLS alert (RFC 8446 6.2); Schannel 36888 where it was sent, 36887 where it was received.
    "tls-alert-other", stage: Tls, severity: Failure, blames: [Client, Server, Unknown],
    residual: true,
    client_code: "0x904",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let connection = handshake::stopped(case)?;
    let alert = handshake::fatal_alert(case)?;
    if names_a_cause(case, connection, &alert) {
        return None;
    }
    let ClearAlert { from, alert: said } = alert.value;
    let mut evidence = vec![handshake::of_alert(&alert)];
    evidence.extend(handshake::offer(connection));
    evidence.extend(handshake::choice(connection));
    evidence.extend(case.all_events().filter_map(|joined| {
        let says = match meaning(&joined.event)? {
            Meaning::AlertSent { alert: Some(alert), .. } if alert == said.description.0 => "sent",
            Meaning::AlertReceived { alert: Some(alert) } if alert == said.description.0 => "received",
            _ => return None,
        };
        let says = format!("Schannel {says} the fatal alert {}", said.description.0);
        Some(crate::causes::Evidence::event(&joined.event, says))
    }));
    let step = handshake::step(connection, alert.mark());
    let detail =
        format!("alert {} ({}) of the {}, {step}", said.description.0, said.description, from.name());
    let log = match from {
        Side::Server => "the server's System log: Schannel 36870, 36874, 36888",
        Side::Client => "the client's System log: Schannel 36881, 36882, 36888; or its own output",
    };
    Some(Finding::new(&CAUSE, Strength::Stated, blame(&alert), evidence).detail(detail).missing(log))
}

/// Whether the number, at this step and from this side, is the word of another cause.
fn names_a_cause(case: &Case<'_>, connection: &Connection, alert: &Observed<ClearAlert>) -> bool {
    match alert.value.alert.description {
        AlertDescription::PROTOCOL_VERSION => true,
        AlertDescription::HANDSHAKE_FAILURE | AlertDescription::INSUFFICIENT_SECURITY => {
            handshake::alert_to_hello(case).is_some()
        }
        AlertDescription::UNKNOWN_CA => alert.value.from == Side::Client,
        AlertDescription::CERTIFICATE_EXPIRED => {
            // With dates that hold, the client's clock or the chain is wrong, and the number alone names neither.
            let certificate = connection.tls.certificate.as_ref();
            let hold = certificate.and_then(|seen| seen.value.is_valid_at(seen.time)).unwrap_or(false);
            alert.value.from == Side::Client && !hold
        }
        _ => false,
    }
}

/// The side that gave up. Where its words are about the other's bytes, it is neither.
fn blame(alert: &Observed<ClearAlert>) -> Blame {
    let damaged = [10, 20, 21, 22, 30, 47, 50, 51].contains(&alert.value.alert.description.0);
    match alert.value.from {
        _ if damaged => Blame::Unknown,
        Side::Client => Blame::Client,
        Side::Server => Blame::Server,
    }
}
