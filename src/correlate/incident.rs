//! Connections that are one attempt of one user: probe, fallback, retry.

use super::attempt::{Attempt, Joined};
use super::join;
use super::side::SideConnection;
use super::storm;
use super::surroundings::Surroundings;
use crate::base::{Mark, time};
use crate::connection::Connection;
use crate::connection::lookup::Lookup;
use crate::connection::observations::Unanswered;
use crate::connection::udp::{Kind, UdpConnection};
use crate::packet::Endpoint;
use crate::packet::interest::RDP_PORT;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a user experienced as one attempt.
#[derive(Clone, Debug, Default)]
pub struct Incident {
    /// Indices of its connections, in order of start.
    pub connections: Vec<usize>,
    /// Indices of the UDP connections beside these, in order of start.
    pub sides: Vec<usize>,
    /// A UDP connection of which no TCP connection is in these files.
    pub side_alone: Option<Box<UdpConnection>>,
    /// A name resolution that ended it before any connection.
    pub lookup: Option<Lookup>,
    /// A host that nobody answers for, so that not even a SYN could be sent.
    pub unanswered_host: Option<Unanswered>,
    /// Events of the client about an attempt that never became a connection.
    pub events: Vec<Joined>,
}

/// Attempts of one click follow each other within this time.
pub const CLICK: i64 = 5 * time::SECOND;

/// Groups connections, which must be ordered by start: by clicks, and all of a storm into one.
pub fn group(attempts: &[Attempt]) -> Vec<Incident> {
    let mut incidents = by_click(attempts);
    for storm in storm::storms(attempts) {
        for incident in &mut incidents {
            incident.connections.retain(|at| !storm.contains(at));
        }
        incidents.retain(|incident| !incident.connections.is_empty());
        incidents.push(Incident { connections: storm.iter().copied().collect(), ..Incident::default() });
    }
    incidents
}

fn by_click(attempts: &[Attempt]) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = Vec::new();
    // The last incident of each pair of client and server.
    let mut last: BTreeMap<(IpAddr, Endpoint), usize> = BTreeMap::new();
    for (at, attempt) in attempts.iter().enumerate() {
        let connection = &attempt.connection;
        let key = (connection.client.ip, connection.server);
        let open = last.get(&key).copied().filter(|incident| {
            let before = incidents.get(*incident).and_then(|incident| incident.connections.last());
            before
                .and_then(|before| attempts.get(*before))
                .is_some_and(|before| is_one_click(before, attempt))
        });
        if let Some(incident) = open.and_then(|incident| incidents.get_mut(incident)) {
            incident.connections.push(at);
        } else {
            last.insert(key, incidents.len());
            incidents.push(Incident { connections: vec![at], ..Incident::default() });
        }
    }
    incidents
}

/// Whether `next` belongs to the same click as `before`.
fn is_one_click(before: &Attempt, next: &Attempt) -> bool {
    let (a, b) = (&before.connection, &next.connection);
    if differing_users(a, b) {
        return false;
    }
    let gap = b.first.time - a.last.time;
    if gap < 0 {
        // Both at once: a probe beside the real one, or two people behind one address.
        return (b.first.time - a.first.time).abs() <= CLICK && !a.reached_session();
    }
    // What follows a session is a new click, or mstsc that takes up a session which was cut: that it was is no retry.
    gap <= CLICK && !a.reached_session()
}

fn differing_users(a: &Connection, b: &Connection) -> bool {
    match (a.cookie(), b.cookie()) {
        (Some(a), Some(b)) => join::are_of_two_users(a.value, b.value),
        _ => false,
    }
}

impl Incident {
    /// The first sign of it.
    pub fn first(&self, attempts: &[Attempt]) -> Option<Mark> {
        let connections =
            self.connections.iter().filter_map(|at| attempts.get(*at)).map(|a| a.connection.first);
        let lookup = self.lookup.iter().map(|lookup| lookup.first);
        let events = self.events.iter().map(Joined::mark);
        let alone = self.side_alone.iter().map(|udp| udp.first);
        let unanswered = self.unanswered_host.map(|host| host.first);
        connections.chain(lookup).chain(unanswered).chain(alone).chain(events).min()
    }

    /// The last sign of it.
    pub fn last(&self, attempts: &[Attempt]) -> Option<Mark> {
        let connections =
            self.connections.iter().filter_map(|at| attempts.get(*at)).map(|a| a.connection.last);
        let lookup = self.lookup.iter().map(|lookup| lookup.last);
        let events = self.events.iter().map(Joined::mark);
        let alone = self.side_alone.iter().map(|udp| udp.last);
        let unanswered = self.unanswered_host.map(|host| host.last);
        connections.chain(lookup).chain(unanswered).chain(alone).chain(events).max()
    }
}

/// Who tried to reach whom, as the report names them.
pub fn parties(incident: &Incident, attempts: &[&Attempt]) -> (String, String) {
    if let Some(attempt) = attempts.first() {
        let connection = &attempt.connection;
        let server = if connection.server.ip.is_unspecified() {
            // The client's own log names the client.
            let mut events = attempt.events.iter();
            let told =
                events.clone().find(|joined| joined.event.provider != crate::eventlog::Provider::RdpClient);
            let host = told.or(events.next()).map(|joined| joined.event.computer.to_string());
            host.unwrap_or_else(|| "unknown".into())
        } else {
            connection.server.to_string()
        };
        return (connection.client.ip.to_string(), server);
    }
    if let Some(udp) = &incident.side_alone {
        return (udp.client.ip.to_string(), udp.server.to_string());
    }
    let host = incident.events.first().map(|joined| joined.event.computer.to_string());
    if let Some(unanswered) = incident.unanswered_host {
        let client = unanswered.asker.map(|asker| asker.to_string()).or(host);
        let server = Endpoint { ip: unanswered.ip, port: RDP_PORT };
        return (client.unwrap_or_else(|| "unknown".into()), server.to_string());
    }
    if let Some(lookup) = &incident.lookup {
        (lookup.client.to_string(), format!("{}:{RDP_PORT}", lookup.name))
    } else {
        let target = incident.events.iter().find_map(|joined| super::keys::target(&joined.event));
        (host.unwrap_or_else(|| "unknown".into()), target.unwrap_or_else(|| "unknown".into()))
    }
}

/// The user, from the log where one says it, else from the cookie; whose the session was where that is all that is known.
/// A share or a service may be used from the same computer, by another name: then it is whose the session was.
pub fn user(attempts: &[&Attempt]) -> Option<String> {
    let events = || attempts.iter().flat_map(|attempt| &attempt.events).map(|joined| &joined.event);
    let logged = events().find_map(super::keys::user);
    let of_session = events().find_map(super::keys::session_user).map(str::to_owned);
    let cookie =
        || Some(attempts.iter().rev().find_map(|attempt| attempt.connection.cookie())?.value.to_owned());
    match (logged, of_session) {
        (Some(logged), Some(own)) if join::bare(&logged) != join::bare(&own) => Some(own),
        (Some(logged), _) => Some(logged),
        (None, own) => cookie().or(own),
    }
}

/// Whether a user is the one that is looked for: as logged, or as far as the cookie tells.
pub fn user_matches(attempts: &[&Attempt], wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    let account = wanted.rsplit(['\\', '/']).next().unwrap_or_default().split('@').next().unwrap_or_default();
    let logged = attempts.iter().flat_map(|attempt| &attempt.events).filter_map(|joined| {
        let of_session = || super::keys::session_user(&joined.event).map(str::to_owned);
        super::keys::user(&joined.event).or_else(of_session)
    });
    let cookies = attempts.iter().filter_map(|attempt| attempt.connection.cookie());
    logged.map(|user| user.to_lowercase()).any(|user| user == wanted || join::bare(&user) == account)
        || cookies.map(|cookie| cookie.value.to_lowercase()).any(|cookie| {
            // mstsc cuts the cookie to nine characters, domain included.
            !cookie.is_empty() && (wanted.starts_with(&cookie) || account.starts_with(&cookie))
        })
}

/// All incidents, in order of their first sign: connections, names that could not be resolved, and attempts of
/// which only the client's log knows.
pub fn all(attempts: &[Attempt], around: &Surroundings) -> Vec<Incident> {
    let mut incidents = group(attempts);
    linked(&mut incidents, &around.links);
    beside(&mut incidents, around);
    incidents.extend(without_connection(attempts, around));
    incidents.extend(nobody_there(attempts, around));
    incidents.sort_by_key(|incident| incident.first(attempts));
    incidents
}

/// What goes on from another connection is part of its incident: to the user they are one.
fn linked(incidents: &mut Vec<Incident>, links: &[(usize, usize)]) {
    for (from, to) in links {
        let place = |at: &usize| incidents.iter().position(|incident| incident.connections.contains(at));
        let (Some(from), Some(to)) = (place(from), place(to)) else { continue };
        if from == to {
            continue;
        }
        let later = incidents.get_mut(to).map(|incident| std::mem::take(&mut incident.connections));
        if let (Some(incident), Some(later)) = (incidents.get_mut(from), later) {
            incident.connections.extend(later);
        }
        incidents.remove(to);
    }
}

/// UDP connections belong to the incident of their TCP connection; of one that stands alone, what the server or the
/// client said of it is an incident, up to a number: anyone can send a SYN.
fn beside(incidents: &mut Vec<Incident>, around: &Surroundings) {
    /// Beyond these they are no user's.
    const ALONE: usize = 32;
    let owners: BTreeMap<usize, usize> = incidents
        .iter()
        .enumerate()
        .flat_map(|(place, incident)| incident.connections.iter().map(move |at| (*at, place)))
        .collect();
    let mut alone = Vec::new();
    for (at, side) in around.sides.iter().enumerate() {
        let place = side.owner.and_then(|owner| owners.get(&owner.at));
        if let Some(incident) = place.and_then(|place| incidents.get_mut(*place)) {
            incident.sides.push(at);
        } else if side.udp.is_certain() && side.udp.kind == Kind::Rdp && alone.len() < ALONE {
            let udp = Some(Box::new(side.udp.clone()));
            alone.push(Incident { sides: vec![at], side_alone: udp, ..Incident::default() });
        }
    }
    incidents.extend(alone);
}

/// UDP connections that were begun in order and belong to no incident.
pub fn sides_left_out(incidents: &[Incident], around: &Surroundings) -> u64 {
    let shown: usize = incidents.iter().map(|incident| incident.sides.len()).sum();
    let certain =
        |side: &&SideConnection| side.owner.is_some() || side.udp.is_certain() && side.udp.kind == Kind::Rdp;
    let all = around.sides.iter().filter(certain).count();
    u64::try_from(all.saturating_sub(shown)).unwrap_or(0)
}

/// Attempts that ended before any packet of TCP.
fn without_connection(attempts: &[Attempt], around: &Surroundings) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = Vec::new();
    for events in client_attempts(around) {
        incidents.push(Incident { events, ..Incident::default() });
    }
    for lookup in around.captures.iter().flat_map(|capture| &capture.lookups) {
        if !lookup.failed() || is_followed(lookup, attempts) {
            continue;
        }
        let logged = incidents.iter_mut().find(|incident| {
            incident.lookup.is_none()
                && incident
                    .events
                    .iter()
                    .filter_map(|joined| super::keys::target(&joined.event))
                    .any(|target| lookup.is_for(&target))
        });
        match logged {
            Some(incident) => incident.lookup = Some(lookup.clone()),
            None if is_about_rdp(lookup, attempts, around) => {
                incidents.push(Incident { lookup: Some(lookup.clone()), ..Incident::default() });
            }
            None => {}
        }
    }
    incidents
}

/// A host of the capture's own segment that nobody answers for. It is about RDP where the user says so, or where
/// the client's log names it.
fn nobody_there(attempts: &[Attempt], around: &Surroundings) -> Vec<Incident> {
    /// Questions that must stay unanswered.
    const ASKED: u32 = 3;
    let named: Vec<IpAddr> = around
        .target
        .iter()
        .cloned()
        .chain(around.far.iter().filter_map(|joined| super::keys::target(&joined.event)))
        .filter_map(|name| name.parse().ok())
        .collect();
    let wanted =
        |ip: IpAddr| named.contains(&ip) && attempts.iter().all(|attempt| attempt.connection.server.ip != ip);
    let mut found = Vec::new();
    for capture in &around.captures {
        for (ip, host) in capture.hosts.iter().filter(|(ip, _)| wanted(*ip)) {
            if let Some((first, last, count)) = host.asked.filter(|(.., count)| *count >= ASKED)
                && !host.was_there()
            {
                found.push(Incident {
                    unanswered_host: Some(Unanswered { ip, asker: host.asked_by, first, last, count }),
                    ..Incident::default()
                });
            }
        }
    }
    found
}

/// The client's events about one attempt each, that belong to no connection.
fn client_attempts(around: &Surroundings) -> Vec<Vec<Joined>> {
    use crate::eventlog::Provider;
    let mut by_activity: BTreeMap<_, Vec<Joined>> = BTreeMap::new();
    for joined in around.far.iter().filter(|joined| joined.event.provider == Provider::RdpClient) {
        if let Some(activity) = joined.event.activity {
            by_activity
                .entry((std::sync::Arc::clone(&joined.event.computer), activity))
                .or_default()
                .push(joined.clone());
        }
    }
    by_activity.into_values().filter(|events| events.iter().any(|joined| joined.event.id == 1024)).collect()
}

/// Whether the client went on to connect: another lookup rescued the name.
fn is_followed(lookup: &Lookup, attempts: &[Attempt]) -> bool {
    /// A client that has an address uses it within this time.
    const SOON: i64 = 15 * time::SECOND;
    attempts.iter().any(|attempt| {
        let connection = &attempt.connection;
        let after = connection.first.time - lookup.first.time;
        connection.client.ip == lookup.client && (0..=SOON).contains(&after)
    })
}

/// A name that could not be resolved is about RDP where the user says so, where a connection names it, or where
/// the capture holds no RDP and this is the one name that failed again and again.
fn is_about_rdp(lookup: &Lookup, attempts: &[Attempt], around: &Surroundings) -> bool {
    if around.target.as_deref().is_some_and(|target| lookup.is_for(target)) {
        return true;
    }
    let named = attempts
        .iter()
        .filter_map(|attempt| attempt.connection.tls.client_hello.as_ref())
        .any(|hello| hello.value.server_name.as_deref().is_some_and(|name| lookup.is_for(name)));
    if named {
        return true;
    }
    let mut failing =
        around.captures.iter().flat_map(|capture| &capture.lookups).filter(|other| other.failed());
    let only = failing
        .next()
        .is_some_and(|first| first.name == lookup.name && failing.all(|other| other.name == lookup.name));
    attempts.is_empty() && only && lookup.queries >= 2 && around.target.is_none()
}
