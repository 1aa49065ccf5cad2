//! Many attempts of one source in a short time: somebody guesses passwords.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::{Mark, Timestamp, Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::{Connection, Transport};
use crate::correlate::storm::{is_patient, is_storm, is_storm_of, outnumbers};
use crate::correlate::surroundings::{Other, Own, Surroundings};
use crate::correlate::{Joined, keys};
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
    ///   `Set-NetFirewallRule -DisplayGroup "Remote Desktop" -RemoteAddress <your networks>`. The address from which you
    ///   administer must be among them: keep a console at hand. Better put the server behind a VPN or an RD Gateway.
    /// - Keep network level authentication on (`UserAuthentication` 1). When the attacker is out, lock accounts after
    ///   some failures: `net accounts /lockoutthreshold:10` for local ones, by policy for those of a domain. While he is
    ///   in, that locks the users out.
    /// - Check whether one of them succeeded: Security 4624 (type 3 or 10) and RemoteConnectionManager 1149 from
    ///   this address.
    /// - Keep more of the log: `wevtutil sl Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational /ms:67108864`.
    /// - To verify: the address is seen no more in RdpCoreTS 131.
    ///
    /// ## Seen as
    /// More than ten connection requests a minute of one source, several names, none of which becomes a session; or of
    /// many sources that share several names, or that are refused one after the other; one address of the
    /// Internet at ten servers or more; RdpCoreTS 140 and Security 4625 in series.
    "brute-force-storm", stage: Authentication, severity: Warning, blames: [Client],
    more_specific_than: ["bad-password-or-unknown-user", "nla-refused-reason-not-visible", "client-left-or-probe",
        "closed-inside-tls-reason-not-visible", "tls-alert-other", "logon-refused-in-session"],
    client_code: "for its victims 0x904 or 0xD07",
}

/// The others of the same source that are looked at.
const AROUND: i64 = 120 * time::SECOND;
/// More of them change nothing.
const ENOUGH: usize = 1000;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let connection = case.connection()?;
    if connection.reached_session() {
        return None;
    }
    if case.ask(is_in_storm).is_some() {
        return Some(storm(case, connection));
    }
    if case.ask(gets_in).is_some() {
        return None;
    }
    joint(case, connection)
        .or_else(|| patient(case, connection))
        .or_else(|| crowd(case))
        .or_else(|| sweep(case, connection))
        .or_else(|| begun_elsewhere(case, connection))
}

/// Attempts of the same source.
fn same<'a>(own: Own<'_>, around: &'a Surroundings, near: i64) -> impl Iterator<Item = &'a Other> + Clone {
    around.others.of_same_pair(own, Window::at(own.first.time).widened(near)).take(ENOUGH)
}

/// The same, to be told.
fn seen<'a>(
    case: &Case<'a>,
    connection: &Connection,
    near: i64,
) -> impl Iterator<Item = &'a Other> + use<'a> {
    let near = Window::at(connection.first.time).widened(near);
    case.around.others.of_pair(connection.client.ip, connection.server, near).take(ENOUGH)
}

/// Those of them that became no session are too many for a user.
fn is_in_storm(own: Own<'_>, around: &Surroundings) -> Option<()> {
    around.others.may_be(own).filter(|all| all.storm)?;
    let same = same(own, around, AROUND);
    let sessions = sessions(own, around, AROUND).count();
    let others = same.clone().filter(|other| !other.session);
    (outnumbers(same.count().saturating_sub(sessions), sessions) && is_storm_of(&others)).then_some(())
}

fn sessions<'a>(own: Own<'_>, around: &'a Surroundings, near: i64) -> impl Iterator<Item = &'a Other> {
    around.others.sessions_of_pair(own, Window::at(own.first.time).widened(near))
}

/// One of them became a session.
fn gets_in(own: Own<'_>, around: &Surroundings) -> Option<Mark> {
    sessions(own, around, AROUND).next().map(|session| session.first)
}

fn storm(case: &Case<'_>, connection: &Connection) -> Finding {
    let asked: Vec<&Other> =
        seen(case, connection, AROUND).filter(|other| !other.session && other.asked().is_some()).collect();
    let names: BTreeSet<&str> = asked.iter().filter_map(|other| other.name.as_deref()).collect();
    let mut evidence = first_and_last(&asked, "the first request seen of this source");
    let failed = refused(case);
    let corroborated = failed.is_some() && connection.transport == Transport::Tcp;
    evidence.extend(failed);
    let succeeded = case.ask_to_tell(gets_in).map(|session| {
        Evidence::at(session, "a connection of the same source became a session: check whose it is")
    });
    evidence.extend(succeeded);
    let under = if names.is_empty() { String::new() } else { format!(" under {} names", names.len()) };
    let detail = format!("{} requests{under} from {}", count(case, asked.len()), connection.client.ip);
    Finding::new(&CAUSE, strength(corroborated), Blame::Client, evidence).detail(detail)
}

/// Many sources that try the same names: this connection is one of them if its name is.
fn joint(case: &Case<'_>, connection: &Connection) -> Option<Finding> {
    let joint = case.ask(|own, around| around.others.joint_of(own))?;
    let (first, last) = joint.ends?;
    let mut evidence =
        vec![Evidence::at(first, "the first of these requests"), Evidence::at(last, "the last one")];
    let failed = refused(case);
    let corroborated = failed.is_some() && connection.transport == Transport::Tcp;
    evidence.extend(failed);
    let (requests, sources, names) = (count(case, joint.requests), joint.sources, joint.names.len());
    let detail = format!("{requests} requests from {sources} sources that try the same {names} names");
    let finding = Finding::new(&CAUSE, strength(corroborated), Blame::Client, evidence);
    Some(finding.titled("Many sources try the same names: passwords are being guessed").detail(detail))
}

/// An hour before and after.
const PATIENCE: i64 = 3600 * time::SECOND;

/// The source tries again and again, never fast, and is never let in.
fn is_one_of_patient(own: Own<'_>, around: &Surroundings) -> Option<()> {
    around.others.may_be(own).filter(|all| all.patient)?;
    let same = same(own, around, PATIENCE);
    (sessions(own, around, PATIENCE).next().is_none() && is_patient(same)).then_some(())
}

fn patient(case: &Case<'_>, connection: &Connection) -> Option<Finding> {
    case.ask(is_one_of_patient)?;
    let all: Vec<&Other> = seen(case, connection, PATIENCE).collect();
    let names: BTreeSet<&str> = all.iter().filter_map(|other| other.name.as_deref()).collect();
    let mut evidence = first_and_last(&all, "the first request of this source within an hour");
    let failed = refused(case);
    let corroborated = failed.is_some() && connection.transport == Transport::Tcp;
    evidence.extend(failed);
    let under = match names.len() {
        0 => String::new(),
        1 => " under one name: it may be a program with an old password".into(),
        many => format!(" under {many} names"),
    };
    let detail = format!("{} within an hour from {}{under}", count(case, all.len()), connection.client.ip);
    let finding = Finding::new(&CAUSE, strength(corroborated), Blame::Client, evidence);
    Some(finding.titled("One source tries to log on again and again, and is never let in").detail(detail))
}

/// Many sources of the Internet that the server refuses, one after the other, and that never get in.
fn crowd(case: &Case<'_>) -> Option<Finding> {
    case.ask(|own, around| around.others.crowd_of(own).map(|_| ()))?;
    let crowd: Vec<&Other> =
        case.own.and_then(|own| case.around.others.crowd_of(own)).into_iter().flatten().collect();
    let sources: BTreeSet<IpAddr> = crowd.iter().map(|other| other.client).collect();
    let mut evidence = first_and_last(&crowd, "the first of these attempts");
    evidence.extend(refused(case));
    let (attempts, sources) = (crowd.len(), sources.len());
    let detail =
        format!("{attempts} attempts from {sources} sources of the Internet, none of which ever gets in");
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Client, evidence);
    Some(
        finding
            .titled("Many sources are refused one after the other: passwords are being guessed")
            .detail(detail),
    )
}

/// One address of the Internet that tries one server after the other.
fn sweep(case: &Case<'_>, connection: &Connection) -> Option<Finding> {
    case.ask(|own, around| around.others.sweep_of(own).map(|_| ()))?;
    let sweep: Vec<&Other> =
        case.own.and_then(|own| case.around.others.sweep_of(own)).into_iter().flatten().collect();
    let servers: BTreeSet<IpAddr> = sweep.iter().map(|other| other.server.ip).collect();
    let ends = [sweep.first(), sweep.last()].into_iter().flatten();
    let evidence = ends
        .zip(["the first of these attempts", "the last one"])
        .map(|(other, says)| Evidence::at(other.first, says))
        .collect();
    let (attempts, servers) = (count(case, sweep.len()), servers.len());
    let detail = format!("{attempts} attempts of {} at {servers} servers", connection.client.ip);
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Client, evidence);
    Some(finding.titled("One address of the Internet tries one server after the other").detail(detail))
}

/// A storm of which the capture holds the beginning or the end alone, and the log all.
fn begun_elsewhere(case: &Case<'_>, connection: &Connection) -> Option<Finding> {
    case.accepted()?;
    let near = Window::at(connection.first.time).widened(AROUND);
    let far = || case.around.far_near(near).take(ENOUGH * 10);
    let of_source = |joined: &&Joined| {
        keys::accepted_from(&joined.event).is_some_and(|from| from.ip == connection.client.ip)
    };
    let mut asked: Vec<(Timestamp, Option<Arc<str>>)> =
        far().filter(of_source).map(|joined| (joined.time(), None)).collect();
    let more = asked.len();
    let first = far().find(of_source)?;
    asked.extend(
        seen(case, connection, AROUND).filter_map(|other| Some((other.asked()?.time, other.name.clone()))),
    );
    // Failed logons of the same address name whom it tried.
    let names = far().filter(|joined| keys::logon_address(&joined.event) == Some(connection.client.ip));
    let names: BTreeSet<Arc<str>> =
        names.filter_map(|joined| Some(keys::user(&joined.event)?.into())).collect();
    for (place, name) in asked.iter_mut().filter(|(_, name)| name.is_none()).zip(&names) {
        place.1 = Some(Arc::clone(name));
    }
    asked.sort();
    if !is_storm(&asked.iter().map(|(time, name)| (*time, name.as_deref()))) {
        return None;
    }
    let mut evidence =
        vec![Evidence::event(&first.event, "the first request of this source that the log knows of")];
    evidence.extend(refused(case));
    let detail = format!(
        "{} requests from {}, {more} of them outside of the capture",
        asked.len(),
        connection.client.ip
    );
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::Client, evidence).detail(detail))
}

fn first_and_last(own: &[&Other], first: &str) -> Vec<Evidence> {
    let ends = [own.first(), own.last()].into_iter().flatten().zip([first, "the last one"]);
    ends.filter_map(|(other, says)| Some(Evidence::at(other.asked()?, says))).collect()
}

/// So many, or more, where most of a flood are not told one by one.
fn count(case: &Case<'_>, seen: usize) -> String {
    if case.around.others.is_part || seen == ENOUGH { format!("at least {seen}") } else { seen.to_string() }
}

/// The server's word about this connection.
fn refused(case: &Case<'_>) -> Option<Evidence> {
    let joined = case.event(&Provider::RdpCoreTs, 140)?;
    Some(Evidence::event(&joined.event, "the server refuses the name or the password of this connection"))
}

/// Packets and log are two classes of evidence; of one alone it is a pattern.
const fn strength(corroborated: bool) -> Strength {
    if corroborated { Strength::Corroborated } else { Strength::Inferred }
}
