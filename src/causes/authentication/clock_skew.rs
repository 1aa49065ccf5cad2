//! The clocks of client, server and domain controller are too far apart for Kerberos.

use super::refused::{self, Codes};
use crate::base::{Observed, Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::connection::Stage;
use crate::connection::kerberos::KerberosError;
use crate::correlate::surroundings::Own;
use crate::correlate::{Joined, Surroundings};
use crate::eventlog::{security, system};
use crate::protocol::kerberos::ErrorCode;

cause! {
    /// The clocks of client, server and domain controller differ too much for the logon.
    ///
    /// ## Why
    /// Kerberos refuses tickets and requests whose time is more than five minutes off. One of the three clocks is
    /// wrong: no time source, a virtual machine that was restored, a dead battery. Where the client may fall back to
    /// NTLM the logon works all the same, and the clock is no cause.
    ///
    /// ## What to do
    /// - On each of the three: `w32tm /query /status`, and against the domain controller
    ///   `w32tm /stripchart /computer:<dc> /samples:3 /dataonly`. The one with a large offset is wrong.
    /// - Mend it: `w32tm /resync /rediscover`; if it gets no source, `w32tm /query /configuration` and
    ///   `net start w32time`.
    /// - Virtual domain controllers: switch time synchronisation with the host off, and let the PDC emulator follow an
    ///   outer source.
    /// - To verify: `klist purge` on the client, then `klist get TERMSRV/<server>` gives a ticket.
    ///
    /// ## Seen as
    /// KRB-ERROR 37 (RFC 4120 7.5.9) from port 88; Security-Kerberos 3 with error 0x25; Security 4771 with status
    /// 0x25; Security 4625 with C0000133; Time-Service 34 and 52.
    "clock-skew", stage: Authentication, severity: Failure, blames: [Client, Server],
    more_specific_than: ["nla-refused-reason-not-visible"],
    client_code: "0x1D07",
}

/// STATUS_TIME_DIFFERENCE_AT_DC
const CODES: Codes = Codes { status: &[0xc000_0133], client: &[0x1d07] };
/// KRB_AP_ERR_SKEW. RFC 4120 7.5.9
const SKEW: u32 = 37;
/// The ticket is asked for this long before the logon fails, at most, or after the connection began.
const BEFORE: i64 = 30 * time::SECOND;
const AFTER: i64 = 5 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if refused::passed(case) {
        return None;
    }
    let failed = failed_in_logon(case);
    let coded = told::client_code(case, CODES.client);
    let known = refused::failure(case);
    if failed.is_none() && coded.is_none() && known.is_none() && !told::is_blind(case) {
        return None;
    }
    let wire = kerberos_error(case);
    let logged: Vec<(&Joined, Evidence)> =
        told::near(case, BEFORE, AFTER).into_iter().filter_map(|joined| logged(case, joined)).collect();
    if let Some(mut finding) = refused::detect(case, &CAUSE, CODES, Blame::Client) {
        if let Some((coded, _)) = coded {
            finding.strength = finding.strength.max(told::code_strength(case, coded, wire.is_some()));
        }
        finding.blame = blame(case);
        finding.evidence.extend(wire);
        finding.evidence.extend(logged.into_iter().map(|(_, evidence)| evidence));
        return Some(finding);
    }
    // Another reason is known, or the packets show no logon that failed.
    if known.is_some() || wire.is_none() && logged.is_empty() || failed.is_none() && !told::is_blind(case) {
        return None;
    }
    let strength = match (&wire, logged.first()) {
        (Some(_), Some(_)) => Strength::Corroborated,
        // The key distribution centre's own word, to this client, in this logon.
        (Some(_), None) => Strength::Stated,
        (None, Some((joined, _))) => told::strength(case, joined, failed.is_some()),
        (None, None) => return None,
    };
    let mut evidence: Vec<Evidence> = wire.into_iter().collect();
    evidence.extend(logged.into_iter().map(|(_, evidence)| evidence));
    evidence.extend(failed);
    evidence.extend(case.accepted());
    Some(Finding::new(&CAUSE, strength, blame(case), evidence))
}

/// A Kerberos error of the wire to the client or the server of this connection, and no ticket after it.
fn kerberos_error(case: &Case<'_>) -> Option<Evidence> {
    case.ask(too_great_a_skew).map(|seen| {
        let service =
            seen.value.error.service.as_deref().map(|name| format!(" for {name}")).unwrap_or_default();
        let off =
            seen.value.error.server_time.map(|stamp| seconds_off(stamp - seen.time)).unwrap_or_default();
        let says = format!(
            "{} answers the request{service} with KRB-ERROR 37, clock skew too great{off}",
            seen.value.from
        );
        Evidence::of(&seen, says)
    })
}

fn too_great_a_skew(own: Own<'_>, around: &Surroundings) -> Option<Observed<KerberosError>> {
    let Window { start, end } = own.window;
    let during = Window { start: start.shifted(-BEFORE), end: end.shifted(AFTER) };
    let mut errors = around.captures.iter().flat_map(|capture| &capture.kerberos).rev();
    let is_own = |seen: &&Observed<KerberosError>| {
        during.contains(seen.time)
            && [own.client, own.server.ip].contains(&seen.value.to)
            && seen.value.error.code == ErrorCode::KRB_AP_ERR_SKEW
    };
    errors.find(is_own).cloned()
}

fn seconds_off(nanos: i64) -> String {
    let seconds = nanos / time::SECOND;
    if seconds.abs() < 2 { String::new() } else { format!("; its clock is {seconds:+} s from the capture's") }
}

/// Events that tell of it: Kerberos itself, or a ticket refused by the domain controller for this client.
fn logged<'a>(case: &Case<'_>, joined: &'a Joined) -> Option<(&'a Joined, Evidence)> {
    if let Some(system::Meaning::KerberosError { client_time, server_time, code, target }) =
        system::meaning(&joined.event)
    {
        let times = client_time
            .zip(server_time)
            .map(|(client, server)| format!(" (client {client}, server {server})"))
            .unwrap_or_default();
        let about = target.is_none_or(|target| {
            told::is_of_server(case, target) || target.to_ascii_lowercase().starts_with("krbtgt")
        });
        let says = format!("Kerberos reports that the clocks differ too much{times}");
        return (code == Some(SKEW) && about).then(|| (joined, Evidence::event(&joined.event, says)));
    }
    let Some(security::Meaning::Ticket(ticket)) = security::meaning(&joined.event) else { return None };
    let client = case.connection().map(|own| own.client.ip);
    let same = ticket.client.is_none_or(|from| client.is_none_or(|client| client == from.ip));
    (ticket.status == Some(SKEW) && same).then(|| {
        (
            joined,
            Evidence::event(
                &joined.event,
                "the domain controller refuses a ticket: the clocks differ too much",
            ),
        )
    })
}

/// How the connection failed in its logon, by packets.
fn failed_in_logon(case: &Case<'_>) -> Option<Evidence> {
    let connection = case.connection()?;
    let at_logon = connection.reached == Stage::Authentication;
    refused::pattern(case)
        .or_else(|| told::left_before_credentials(case))
        .or_else(|| case.ending().filter(|_| at_logon))
}

/// Whose clock was wrong, where its own log says so; else the client, which is the one that is told.
fn blame(case: &Case<'_>) -> Blame {
    let server = case.all_events().find(|own| own.event.provider != crate::eventlog::Provider::RdpClient);
    let wrong = told::near(case, 24 * 3600 * time::SECOND, 3600 * time::SECOND).into_iter().find(|joined| {
        matches!(
            system::meaning(&joined.event),
            Some(system::Meaning::ClockTooWrong(_) | system::Meaning::ClockMoved(_))
        )
    });
    match (wrong, server) {
        (Some(wrong), Some(server)) if wrong.event.computer == server.event.computer => Blame::Server,
        _ => Blame::Client,
    }
}
