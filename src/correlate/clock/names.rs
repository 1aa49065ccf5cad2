//! Pairs by name: the client logs the address that it is about to use (1102), and the name that it is about to
//! resolve (1024). Neither names a port, so that several connections may be meant.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Pair;
use crate::base::{Mark, Timestamp, Window, time};
use crate::connection::Connection;
use crate::connection::lookup::Lookup;
use crate::correlate::keys;
use crate::eventlog::Event;

/// Pairs by name are less sharp than by port: the client logs before it opens the connection.
pub(super) const CLUSTER: i64 = 2 * time::SECOND;
/// Connections of one client this near to each other are one attempt: probe, fallback, retry.
const ATTEMPT: i64 = 5 * time::SECOND;

/// Computers whose clocks differ by more cannot log on with Kerberos: the default of `Maximum tolerance for computer clock
/// synchronization`. What lies further apart is more likely another attempt, or another client's.
const UNSET: i64 = 300 * time::SECOND;

/// Every event that names a server beside the attempts at that server that it can mean. Where the name stands once
/// on both sides, that is the one, as far apart as clocks may be. Where it does not, any attempt may be meant: then only clocks
/// that agree, nearly, are a fair guess.
pub(super) fn pairs(anchors: &[&Event], connections: &[Connection], lookups: &[Lookup]) -> Vec<Pair> {
    let mut named: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for event in anchors {
        if let Some(name) = keys::target(event) {
            named.entry(name).or_default().push(event.time);
        }
    }
    let by_address_or_lookup = |name: &str| {
        let address: Option<IpAddr> = name.parse().ok();
        let resolved = lookups.iter().filter(|lookup| lookup.is_for(name)).map(|lookup| lookup.first);
        attempts(|connection| Some(connection.server.ip) == address, connections, resolved)
    };
    let pairs = pairs_of(&named, by_address_or_lookup);
    if !pairs.is_empty() {
        return pairs;
    }
    // What the client says in its first message of TLS comes later, and only where it came so far.
    pairs_of(&named, |name| attempts(|connection| connection.calls(name), connections, std::iter::empty()))
}

fn pairs_of(named: &BTreeMap<String, Vec<Timestamp>>, attempts: impl Fn(&str) -> Vec<Mark>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (name, times) in named {
        let seen = attempts(name);
        let is_far = |mark: &Mark| times.iter().any(|time| (*time - mark.time).abs() > UNSET);
        let unique = seen.len() == 1 && is_one_attempt(times) && !seen.iter().any(is_far);
        for time in times {
            let all = seen.iter().map(|mark| Pair {
                difference: *time - mark.time,
                time: mark.time,
                capture: mark.at.source(),
                exact: false,
                unique,
            });
            if unique {
                pairs.extend(all);
            } else {
                // One event is one attempt's.
                let near = all.filter(|pair| pair.difference.abs() <= CLUSTER);
                pairs.extend(near.min_by_key(|pair| (pair.difference.abs(), pair.time)));
            }
        }
    }
    if pairs.iter().any(|pair| pair.unique) {
        pairs.retain(|pair| pair.unique);
    }
    pairs
}

fn is_one_attempt(times: &[Timestamp]) -> bool {
    let mut all: Option<Window> = None;
    for time in times {
        all.get_or_insert(Window::at(*time)).include(*time);
    }
    all.is_some_and(|window| window.end - window.start <= ATTEMPT)
}

/// The beginnings of the attempts at a server, in any capture, and the lookups of it.
fn attempts(
    is_called: impl Fn(&Connection) -> bool,
    connections: &[Connection],
    lookups: impl Iterator<Item = Mark>,
) -> Vec<Mark> {
    let mut begun: Vec<(IpAddr, Mark)> = connections
        .iter()
        .filter(|connection| is_called(connection))
        .map(|connection| (connection.client.ip, connection.first))
        .collect();
    begun.sort_unstable();
    begun.dedup_by(|later, earlier| later.0 == earlier.0 && later.1.time - earlier.1.time <= ATTEMPT);
    begun.into_iter().map(|(_, mark)| mark).chain(lookups).collect()
}
