//! Connections that are one attempt of one user: probe, fallback, retry.

use super::attempt::{Attempt, Joined};
use crate::base::{Mark, time};
use crate::connection::Connection;
use crate::connection::lookup::Lookup;
use crate::packet::Endpoint;
use std::net::IpAddr;

/// What a user experienced as one attempt.
#[derive(Clone, Debug, Default)]
pub struct Incident {
    /// Indices of its connections, in order of start.
    pub connections: Vec<usize>,
    /// A name resolution that ended it before any connection.
    pub lookup: Option<Lookup>,
    /// Events of the client about an attempt that never became a connection.
    pub events: Vec<Joined>,
}

/// Attempts of one click follow each other within this time.
const CLICK: i64 = 5 * time::SECOND;

/// Groups connections, which must be ordered by start.
pub fn group(attempts: &[Attempt]) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = Vec::new();
    // The last incident of each pair of client and server.
    let mut last: std::collections::BTreeMap<(IpAddr, Endpoint), usize> = std::collections::BTreeMap::new();
    for (at, attempt) in attempts.iter().enumerate() {
        let connection = &attempt.connection;
        let key = (connection.client.ip, connection.server);
        let open = last.get(&key).copied().filter(|incident| {
            let before = incidents.get(*incident).and_then(|incident| incident.connections.last());
            before
                .and_then(|before| attempts.get(*before))
                .is_some_and(|before| is_one_click(before, attempt))
        });
        match open.and_then(|incident| incidents.get_mut(incident)) {
            Some(incident) => incident.connections.push(at),
            None => {
                last.insert(key, incidents.len());
                incidents.push(Incident { connections: vec![at], ..Incident::default() });
            }
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
        return b.first.time - a.first.time <= CLICK && !a.reached_session();
    }
    // A session that ended in order is over: what follows is a new click.
    gap <= CLICK && !(a.reached_session() && a.goodbye.is_some())
}

fn differing_users(a: &Connection, b: &Connection) -> bool {
    match (a.cookie(), b.cookie()) {
        (Some(a), Some(b)) => a.value != b.value,
        _ => false,
    }
}

impl Incident {
    /// The first sign of it.
    pub fn first(&self, attempts: &[Attempt]) -> Option<Mark> {
        let connections =
            self.connections.iter().filter_map(|at| attempts.get(*at)).map(|a| a.connection.first);
        let lookup = self.lookup.iter().map(|lookup| lookup.first);
        let events = self
            .events
            .iter()
            .map(|joined| Mark { time: joined.corrected.unwrap_or(joined.event.time), at: joined.event.at });
        connections.chain(lookup).chain(events).min()
    }

    /// The last sign of it.
    pub fn last(&self, attempts: &[Attempt]) -> Option<Mark> {
        let connections =
            self.connections.iter().filter_map(|at| attempts.get(*at)).map(|a| a.connection.last);
        let lookup = self.lookup.iter().map(|lookup| lookup.last);
        let events = self
            .events
            .iter()
            .map(|joined| Mark { time: joined.corrected.unwrap_or(joined.event.time), at: joined.event.at });
        connections.chain(lookup).chain(events).max()
    }
}
