//! What several causes share that rest on a log beside the connection's own: events near the attempt, and whether
//! they speak of it.
//!
//! Such an event names no address and carries no ActivityID. By time alone it says little: the packets of the
//! connection, or the name of its server, must agree.

use super::authentication::refused::is_tied;
use super::{Case, Evidence, Strength};
use crate::base::{Window, time};
use crate::connection::{Nla, Outcome, Stage};
use crate::correlate::surroundings::Own;
use crate::correlate::{Joined, Surroundings, keys};
use crate::eventlog::{Provider, rdp_client};
use crate::stream::Side;

/// When the attempt took place: by its packets, or by the client's events where there are none.
pub fn window(case: &Case<'_>) -> Option<Window> {
    if let Some(connection) = case.connection() {
        return Some(connection.window());
    }
    let times = case.events.iter().map(Joined::time);
    Some(Window { start: times.clone().min()?, end: times.max()? })
}

/// Its own events, then those near it that belong to no connection.
pub fn near<'a>(case: &Case<'a>, before: i64, after: i64) -> Vec<&'a Joined> {
    let around = case.around;
    let others = window(case).into_iter().flat_map(move |own| {
        around.far_near(Window { start: own.start.shifted(-before), end: own.end.shifted(after) })
    });
    // A connection's events are its own; those of an attempt without one stand among the others too.
    let is_own = |joined: &&Joined| case.events.iter().any(|own| own.event.at == joined.event.at);
    // What falls in another attempt of that client is that attempt's.
    let is_strange = |joined: &&Joined| {
        let other = around.falls_in(joined);
        other.is_some_and(|other| !case.all_events().any(|own| own.event.activity == Some(other)))
    };
    case.all_events().chain(others.filter(|joined| !is_own(joined) && !is_strange(joined))).collect()
}

/// How sure an event makes a finding: its own word where it is tied to the connection, or where the client's log
/// is all there is and the event is of that computer; two classes where packets agree and the clock is known.
pub fn strength(case: &Case<'_>, joined: &Joined, packets_agree: bool) -> Strength {
    let own_log =
        case.attempt.is_none() && case.events.iter().any(|own| own.event.computer == joined.event.computer);
    if is_tied(joined) && case.attempt.is_some() || own_log {
        Strength::Stated
    } else if packets_agree && case.reliable_time(joined).is_some() {
        Strength::Corroborated
    } else {
        Strength::Inferred
    }
}

/// The names and addresses under which the server is known here, in lower case.
pub fn server_names(case: &Case<'_>) -> Vec<String> {
    let connection = case.connection();
    let hello = connection.and_then(|own| own.tls.client_hello.as_ref());
    let spoken = hello.and_then(|hello| hello.value.server_name.clone());
    let address = connection.map(|own| own.server.ip);
    let lookups = case.around.captures.iter().flat_map(|capture| &capture.lookups);
    let resolved = lookups.flat_map(|lookup| {
        let its = lookup
            .answers
            .iter()
            .filter(|answer| address.is_some_and(|ip| answer.value.addresses.contains(&ip)));
        its.flat_map(|answer| std::iter::once(&lookup.name).chain(&answer.value.aliased))
    });
    let typed = case.all_events().filter_map(|joined| keys::target(&joined.event));
    spoken
        .into_iter()
        .chain(address.map(|ip| ip.to_string()))
        .chain(resolved.cloned())
        .chain(typed)
        .chain(case.around.target.clone())
        .map(|name| bare(&name))
        .collect()
}

/// Whether a service or server that an event names is the one of this attempt.
pub fn is_of_server(case: &Case<'_>, target: &str) -> bool {
    let target = bare(target);
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let is_address = |name: &str| name.parse::<std::net::IpAddr>().is_ok();
    server_names(case).iter().any(|name| {
        *name == target
            || !is_address(name)
                && !is_address(&target)
                && (!name.contains('.') || !target.contains('.'))
                && short(name) == short(&target)
    })
}

/// `TERMSRV/host@REALM` and `host:3390` to `host`.
fn bare(name: &str) -> String {
    let name = name.trim().trim_end_matches('.').to_ascii_lowercase();
    let name = name.strip_prefix("termsrv/").unwrap_or(&name);
    let name = name.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => host.to_owned(),
        _ => name.to_owned(),
    }
}

/// The client's own code, if it is one of `codes`.
pub fn client_code<'a>(case: &Case<'a>, codes: &[u32]) -> Option<(&'a Joined, u32)> {
    case.all_events().find_map(|joined| match rdp_client::meaning(&joined.event)? {
        rdp_client::Meaning::Disconnected(Some(code)) if codes.contains(&code) => Some((joined, code)),
        _ => None,
    })
}

/// How sure the client's code makes a finding. The client's own message about this connection, where its log names
/// the server's address (all events of one attempt share an ActivityID) or is all there is; else packets must agree.
/// All clients of a server name the same address: where another one came at the time, or only a shifted clock makes the
/// two meet, the log may be another client's.
pub fn code_strength(case: &Case<'_>, coded: &Joined, packets_agree: bool) -> Strength {
    /// Clocks of one computer, or of two that are set.
    const SET: i64 = 5 * time::SECOND;
    if case.attempt.is_none() || is_tied(coded) {
        return Strength::Stated;
    }
    let server = case.connection().map(|own| own.server.ip.to_string());
    let addressed = case.all_events().any(|joined| {
        joined.event.activity == coded.event.activity
            && joined.event.computer == coded.event.computer
            && keys::target(&joined.event)
                .is_some_and(|target| server.as_deref() == Some(bare(&target).as_str()))
    });
    let shifted = (coded.time() - coded.event.time).abs() > SET;
    match (addressed, packets_agree) {
        (true, _) if shifted || has_rival(case) => Strength::Inferred,
        (true, _) => Strength::Stated,
        (false, true) => Strength::Corroborated,
        (false, false) => Strength::Inferred,
    }
}

/// Whether another client came to the same server at the time of this connection.
fn has_rival(case: &Case<'_>) -> bool {
    const AT_THE_TIME: i64 = 30 * time::SECOND;
    let Some(own) = case.connection() else { return false };
    let near = own.window().widened(AT_THE_TIME);
    let mut others = case.around.others.at_server(own.server, own.first);
    others.any(|other| other.client != own.client.ip && near.contains(other.first.time))
}

/// The client's code as evidence.
pub fn of_code((joined, code): (&Joined, u32), says: &str) -> Evidence {
    Evidence::event(&joined.event, format!("the client ends the attempt with code {code:#X}: {says}"))
}

/// The client left in the logon although it was its turn, and sent no credentials. Not if it came back with
/// a session: then it was a probe.
pub fn left_before_credentials(case: &Case<'_>) -> Option<Evidence> {
    let (connection, _) = case.both()?;
    let close = case.ended_by(Side::Client)?;
    let before = match connection.reached {
        Stage::Negotiation => connection.confirm.is_some() && connection.negotiation_failure().is_none(),
        Stage::Tls => connection.outcome(Stage::Tls) == Outcome::Passed,
        Stage::Authentication => {
            matches!(connection.encrypted.nla, Some(Nla::ClientLeft(_)))
                && connection.encrypted.from_client <= 1
        }
        _ => false,
    };
    let came_back = case.ask(has_session_later).is_some();
    let refused = case.event(&Provider::RdpCoreTs, 140).is_some();
    (before && !came_back && !refused && case.forged(close).is_none()).then(|| {
        Evidence::at(close.mark, "the client ends the connection in the logon and sends no credentials")
    })
}

/// A session of the same client soon after: then nothing was wrong.
pub fn has_session_later(own: Own<'_>, around: &Surroundings) -> Option<()> {
    const LATER: i64 = 30 * time::SECOND;
    around.others.got_in(own, LATER).map(|_| ())
}

/// Whether there are no packets that could tell.
pub fn is_blind(case: &Case<'_>) -> bool {
    case.flow().is_none()
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn services_and_ports_are_stripped() {
        assert_eq!(bare("TERMSRV/Srv01.Example.test@EXAMPLE.TEST"), "srv01.example.test");
        assert_eq!((bare("srv01:3390"), bare("192.0.2.1")), ("srv01".into(), "192.0.2.1".into()));
        assert_eq!(bare("2001:db8::1"), "2001:db8::1");
    }
}
