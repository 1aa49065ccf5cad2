//! The client's own log: which attempt it speaks of.

use super::{
    AFTERMATH, Attempt, BTreeMap, BTreeSet, Chain, Connection, Event, IpAddr, Lookup, MatchKey, NoteKind,
    Notes,
};
use super::{Provider, RESIDUAL, Side, Timestamp, Work, keys, rdp_client, time};
use crate::codes::reason;

/// What a client sends may follow its word that it disconnected by no more than clocks and ticks differ.
const LAST_WORDS: i64 = 500 * time::MILLISECOND;

/// The server that a client called.
struct Called {
    addresses: BTreeSet<IpAddr>,
    /// What was typed, where no event tells the address.
    name: Option<String>,
}

/// The client's word that it disconnected (1026): when, and its code.
#[derive(Clone, Copy)]
struct End {
    time: Timestamp,
    code: Option<u32>,
}

impl End {
    /// Whether it comes before a connection began.
    fn is_before(self, connection: &Connection) -> bool {
        self.time < connection.first.time.shifted(-LAST_WORDS)
    }

    /// Whether a connection shows that it ended otherwise.
    fn contradicts(self, connection: &Connection) -> bool {
        let Some(flow) = connection.flow.as_deref() else { return false };
        let opened = flow.is_established() && !flow.is_half_open();
        let is_late = !flow.closes.is_empty() && self.time > connection.last.time.shifted(AFTERMATH);
        let is_before = self.code.is_some_and(|code| {
            reason::NAME_NOT_RESOLVED.contains(&code) || code == reason::NOT_OPENED && opened
        });
        is_late || is_before
    }
}

impl Called {
    /// Whether a connection goes to it: by address, or by the name that the client says in its first message of TLS.
    fn is_of(&self, connection: &Connection) -> bool {
        let is_called = self.name.as_deref().is_some_and(|name| connection.calls(name));
        is_called || self.addresses.contains(&connection.server.ip)
    }

    /// Whether a connection to it may be the one that ended so. A name alone is called by many, and again.
    fn may_have_ended(&self, end: End, connection: &Connection) -> bool {
        !end.is_before(connection) && (self.name.is_none() || !end.contradicts(connection))
    }
}

impl Work<'_> {
    /// The client's own log: its attempts are tied by the server's address, or by its name where no event of the attempt
    /// tells the address (1102 comes with UDP, late) and the capture knows the name, and by time.
    pub(super) fn by_client_log(&mut self, lookups: &[Lookup], notes: &mut Notes) {
        let mut ends: BTreeMap<Chain, End> = BTreeMap::new();
        let mut addressed: BTreeSet<Chain> = BTreeSet::new();
        for item in self.items.iter().filter(|item| item.event.provider == Provider::RdpClient) {
            match (rdp_client::meaning(item.event), item.corrected) {
                (Some(rdp_client::Meaning::Disconnected(code)), Some(time)) => {
                    ends.insert(item.chain(), End { time, code });
                }
                _ if address_of(item.event).is_some() => {
                    addressed.insert(item.chain());
                }
                _ => {}
            }
        }
        let mut owners: BTreeMap<Chain, usize> = BTreeMap::new();
        // Of those that a name ties, the nearest has a connection: it is one attempt of one client.
        let mut by_name: BTreeMap<usize, (i64, Chain)> = BTreeMap::new();
        for item in &self.items {
            if item.event.provider != Provider::RdpClient || item.taken.is_some() {
                continue;
            }
            let chain = item.chain();
            let (Some(_), Some(corrected)) = (item.event.activity, item.corrected) else { continue };
            let server = match address_of(item.event) {
                Some(ip) => Called { addresses: BTreeSet::from([ip]), name: None },
                None if addressed.contains(&chain) => continue,
                None => match keys::target(item.event) {
                    Some(name) => Called { addresses: resolved(&name, lookups), name: Some(name) },
                    None => continue,
                },
            };
            let end = ends.get(&chain).copied();
            let near = self.near_at(&server, corrected, end);
            match self.of_one_client(near, end.map(|end| end.time)) {
                Ok(Some(at)) if server.name.is_none() => {
                    owners.insert(chain, at);
                }
                Ok(Some(at)) => {
                    let Some(attempt) = self.attempts.get(at) else { continue };
                    let distance = distance(attempt, corrected);
                    if by_name.get(&at).is_none_or(|(known, _)| distance < *known) {
                        by_name.insert(at, (distance, chain));
                    }
                }
                Ok(None) => {}
                Err(()) => {
                    notes.add(NoteKind::AmbiguousJoin, Some(item.event.at.source()), Some(item.event.at));
                }
            }
        }
        let addressed: BTreeSet<usize> = owners.values().copied().collect();
        let named = by_name.into_iter().filter(|(at, _)| !addressed.contains(at));
        owners.extend(named.map(|(at, (_, chain))| (chain, at)));
        self.take_where(MatchKey::Name, |item| {
            let is_its = item.event.provider == Provider::RdpClient && item.event.activity.is_some();
            is_its.then(|| owners.get(&item.chain()).copied()).flatten()
        });
    }

    /// The attempts at a server that begin near a moment and may have ended so, the nearest first.
    fn near_at(&self, server: &Called, moment: Timestamp, end: Option<End>) -> Vec<usize> {
        let may_be = |attempt: &Attempt| {
            server.is_of(&attempt.connection)
                && end.is_none_or(|end| server.may_have_ended(end, &attempt.connection))
        };
        let all = self.attempts.iter().enumerate().filter(|(_, attempt)| may_be(attempt));
        let mut near: Vec<(i64, usize)> = all
            .map(|(at, attempt)| (distance(attempt, moment), at))
            .filter(|(distance, _)| *distance <= RESIDUAL)
            .collect();
        near.sort_unstable();
        near.into_iter().map(|(_, at)| at).collect()
    }

    /// The nearest of those that are one client's. Where several clients come at once, the end that the client logs
    /// tells whose log it is; where it does not, an error.
    fn of_one_client(&self, near: Vec<usize>, end: Option<Timestamp>) -> Result<Option<usize>, ()> {
        // Who had disconnected sends no more, and has closed.
        let went_on = |at: &usize| {
            let own = self.attempts.get(*at).map(|attempt| &attempt.connection);
            let last = own.and_then(|own| {
                let closed = own.flow.as_deref()?.closes.iter().find(|close| close.from == Side::Client);
                let said = own.encrypted.last_of_client.map(|last| last.record.end);
                said.max(closed.map(|close| close.mark))
            });
            end.zip(last).is_some_and(|(end, last)| last.time > end.shifted(LAST_WORDS))
        };
        let near: Vec<usize> = near.into_iter().filter(|at| !went_on(at)).collect();
        let client = |at: usize| self.attempts.get(at).map(|attempt| attempt.connection.client.ip);
        let is_one =
            |all: &[usize]| all.iter().all(|at| client(*at) == all.first().and_then(|at| client(*at)));
        if is_one(&near) {
            return Ok(near.first().copied());
        }
        let ended: Vec<usize> = near
            .into_iter()
            .filter(|at| {
                let last = self.attempts.get(*at).map(|attempt| attempt.connection.last.time);
                end.zip(last).is_some_and(|(end, last)| (end - last).saturating_abs() <= AFTERMATH)
            })
            .collect();
        if !ended.is_empty() && is_one(&ended) { Ok(ended.first().copied()) } else { Err(()) }
    }
}

/// How far an attempt's beginning is from a moment, in nanoseconds.
fn distance(attempt: &Attempt, moment: Timestamp) -> i64 {
    (attempt.connection.first.time - moment).saturating_abs()
}

/// The address of the server that the client's log names, if it names one.
fn address_of(event: &Event) -> Option<IpAddr> {
    keys::target(event)?.parse().ok()
}

/// The addresses to which the captures show a name to be resolved.
fn resolved(name: &str, lookups: &[Lookup]) -> BTreeSet<IpAddr> {
    let answers = lookups.iter().filter(|lookup| lookup.is_for(name)).flat_map(|lookup| &lookup.answers);
    answers.flat_map(|answer| answer.value.addresses.iter().copied()).collect()
}
