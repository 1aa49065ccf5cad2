//! Which event speaks of which connection: keys, strongest first.
//!
//! Address and port, then the ActivityID chain, then the session id, then names, then time alone. An event that
//! fits two connections by time is given to none, and counted.

mod acceptances;
mod begun_before;
mod blocked;
mod broker;
mod client_log;
mod gateway;
mod logon;
mod logons_alone;
mod sessions;
mod side;
mod translated;
mod uses;
mod windows;

pub use blocked::Blocked;
pub use logon::{ONE_REFUSAL, are_of_two_users, bare, fits_cookie, tells_a_user};

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use logons_alone::LogonsAlone;
use windows::Spans;

use super::attempt::{Attempt, Joined, MatchKey};
use super::clock::{Clocks, PLAUSIBLE};
use super::keys;
use super::side::SideConnection;
use crate::base::{Mark, NoteKind, Notes, Timestamp, Window, time};
use crate::connection::lookup::Lookup;
use crate::connection::udp::UdpConnection;
use crate::connection::{Connection, Transport};
use crate::eventlog::guid::Guid;
use crate::eventlog::{Event, Log, Provider, rdp_client, rdp_core_ts};
use crate::packet::Endpoint;
use crate::stream::{Opening, Side};

/// A log with its decoded events.
#[derive(Debug)]
pub struct DecodedLog<'a> {
    /// What it holds.
    pub log: &'a Log,
    /// Its events, in record order.
    pub events: Vec<Event>,
}

/// An accepted connection in a log and its packets are at most this far apart once the clock is known.
pub const RESIDUAL: i64 = 5 * time::SECOND;
/// The same where the clock is not known: a clock of a domain is not further off, and ports repeat.
const UNCOMPARED: i64 = 600 * time::SECOND;
/// Events of the same tick as a connection's own may be stamped this much earlier or later.
const TICK: i64 = 50 * time::MILLISECOND;
/// Events about the end of a connection may follow it by this much.
const AFTERMATH: i64 = 3 * time::SECOND;

/// What was tied.
#[derive(Debug)]
pub struct Tied {
    /// Connections with their events.
    pub attempts: Vec<Attempt>,
    /// UDP connections with theirs.
    pub sides: Vec<SideConnection>,
    /// Events that are tied to none.
    pub rest: Vec<Joined>,
    /// Pairs of connections of which the second goes on from the first: to the host that a broker names, or behind a
    /// gateway.
    pub links: Vec<(usize, usize)>,
    /// Attempts that the server's firewall kept out, beyond those that are connections.
    pub blocked: Vec<Blocked>,
}

/// Ties events to connections, and UDP connections to those they stand beside.
pub fn join(
    connections: Vec<Connection>,
    udp: Vec<UdpConnection>,
    logs: Vec<DecodedLog<'_>>,
    clocks: &Clocks,
    capture_windows: &[Window],
    lookups: &[Lookup],
    notes: &mut Notes,
) -> Tied {
    let mut work = Work::new(connections, &logs, clocks);
    work.by_address(notes);
    work.unseen(capture_windows, notes);
    work.blocked();
    work.gateway(capture_windows, notes);
    work.by_activity();
    work.by_client_log(lookups, notes);
    work.by_side(udp);
    work.by_session();
    work.by_time(notes);
    work.by_broker();
    work.redirections();
    work.note_ends_alone(notes);
    let (tied, owners) = work.finish();
    tied.hand_over(logs.into_iter().flat_map(|decoded| decoded.events).zip(owners))
}

/// Where an event goes, and its time by the capture's clock.
#[derive(Clone, Copy, Debug)]
struct Owner {
    taken: Option<(usize, MatchKey)>,
    /// It has been given already, or is of an attempt that is shown by count.
    spent: bool,
    corrected: Option<Timestamp>,
}

impl Tied {
    /// Gives every event to its owner; those without one are left over.
    fn hand_over(mut self, events: impl Iterator<Item = (Event, Owner)>) -> Self {
        for (event, Owner { taken, spent, corrected }) in events {
            match taken.and_then(|(at, by)| Some((self.attempts.get_mut(at)?, by))) {
                Some((attempt, by)) => attempt.events.push(Joined { event, corrected, by }),
                None if spent => {}
                None => self.rest.push(Joined { event, corrected, by: MatchKey::Time }),
            }
        }
        for attempt in &mut self.attempts {
            attempt.events.sort_by_key(|joined| (joined.event.time, joined.event.at));
        }
        self
    }
}

/// One event on its way to a connection.
struct Item<'a> {
    event: &'a Event,
    corrected: Option<Timestamp>,
    taken: Option<(usize, MatchKey)>,
    /// It is a UDP connection's own, or of an attempt that is shown by count.
    spent: bool,
}

/// What the events of one connection on one computer share.
type Chain = (Arc<str>, Option<Guid>);

impl Item<'_> {
    fn chain(&self) -> Chain {
        (Arc::clone(&self.event.computer), self.event.activity)
    }

    /// When, by the capture's clock as far as it is known.
    fn time(&self) -> Timestamp {
        self.corrected.unwrap_or(self.event.time)
    }
}

struct Work<'a> {
    attempts: Vec<Attempt>,
    items: Vec<Item<'a>>,
    /// Connections whose acceptance a log tells: which item, and on which computer.
    accepted: BTreeMap<usize, usize>,
    /// Of these, those that are tied by time and order alone.
    by_order: BTreeSet<usize>,
    sides: Vec<SideConnection>,
    links: Vec<(usize, usize)>,
    blocked: Vec<Blocked>,
    /// Connections of which the server's firewall alone knows: nothing else happened in them.
    kept_out: BTreeSet<usize>,
}

impl<'a> Work<'a> {
    fn new(connections: Vec<Connection>, logs: &'a [DecodedLog<'a>], clocks: &Clocks) -> Self {
        let items = logs
            .iter()
            .flat_map(|decoded| {
                decoded.events.iter().map(|event| Item {
                    event,
                    corrected: clocks.corrected(event, decoded.log),
                    taken: None,
                    spent: false,
                })
            })
            .collect();
        let attempts =
            connections.into_iter().map(|connection| Attempt { connection, events: Vec::new() }).collect();
        Self {
            attempts,
            items,
            accepted: BTreeMap::new(),
            by_order: BTreeSet::new(),
            sides: Vec::new(),
            links: Vec::new(),
            blocked: Vec::new(),
            kept_out: BTreeSet::new(),
        }
    }

    /// RdpCoreTS 131 and the filtering platform's events carry the client's address and port.
    fn by_address(&mut self, notes: &mut Notes) {
        let mut by_client: BTreeMap<Endpoint, Vec<usize>> = BTreeMap::new();
        for (at, attempt) in self.attempts.iter().enumerate() {
            for client in attempt.connection.known_clients() {
                by_client.entry(client).or_default().push(at);
            }
        }
        let ends = self.ends();
        let mut pairs: Vec<(i64, usize, usize)> = Vec::new();
        for (item_at, item) in self.items.iter().enumerate() {
            let Some(client) = keys::accepted_client(item.event) else {
                continue;
            };
            for at in by_client.get(&client).into_iter().flatten() {
                let Some(attempt) = self.attempts.get(*at) else { continue };
                let moment = handshake(&attempt.connection);
                // A port repeats: what was over before the first frame was another connection.
                let lasted =
                    || ends.get(&item.chain()).is_none_or(|end| *end >= moment.time.shifted(-RESIDUAL));
                match item.corrected {
                    Some(corrected) if (corrected - moment.time).abs() <= RESIDUAL => {
                        pairs.push(((corrected - moment.time).abs(), *at, item_at));
                    }
                    Some(corrected)
                        if corrected < moment.time && ran_before(&attempt.connection) && lasted() =>
                    {
                        pairs.push((moment.time - corrected, *at, item_at));
                    }
                    // A clock jump that was not found, or a clock that could not be: the address alone decides
                    // only where it stands once.
                    None if (item.event.time - moment.time).saturating_abs() <= PLAUSIBLE => {
                        pairs.push((i64::MAX, *at, item_at));
                    }
                    None | Some(_) => {}
                }
            }
        }
        pairs.sort_unstable();
        let mut used: BTreeSet<usize> = BTreeSet::new();
        for (_, at, item_at) in pairs {
            if !self.accepted.contains_key(&at) && used.insert(item_at) {
                self.accepted.insert(at, item_at);
                self.take(item_at, at, MatchKey::Address);
            }
        }
        let told = translated::Told::of(self);
        self.by_port(&told, notes);
        self.by_order(&told, notes);
        self.by_filter_event(&by_client);
    }

    /// When connections ended by a log, by the captures' clock.
    fn ends(&self) -> BTreeMap<Chain, Timestamp> {
        let ended = self.items.iter().filter(|item| {
            item.event.activity.is_some()
                && matches!(rdp_core_ts::meaning(item.event), Some(rdp_core_ts::Meaning::Disconnected(_)))
        });
        ended.filter_map(|item| Some((item.chain(), item.corrected?))).collect()
    }

    /// Security 5152, 5156, 5157 name both ends.
    fn by_filter_event(&mut self, by_client: &BTreeMap<Endpoint, Vec<usize>>) {
        let mut found = Vec::new();
        for (item_at, item) in self.items.iter().enumerate() {
            for client in keys::filtered_ends(item.event) {
                let near = by_client.get(&client).into_iter().flatten().find(|at| {
                    self.attempts.get(**at).is_some_and(|attempt| {
                        let window = attempt.connection.window().widened(RESIDUAL);
                        match item.corrected {
                            Some(corrected) => window.contains(corrected),
                            None => window.widened(PLAUSIBLE).contains(item.event.time),
                        }
                    })
                });
                if let Some(at) = near {
                    found.push((item_at, *at));
                    break;
                }
            }
        }
        for (item_at, at) in found {
            self.take(item_at, at, MatchKey::Address);
        }
    }

    /// Connections that only a log knows. Where a capture shows RDP, only those that it should have shown too:
    /// the rest of a long log is other people's business.
    fn unseen(&mut self, capture_windows: &[Window], notes: &mut Notes) {
        let captured = self.attempts.iter().any(|attempt| attempt.connection.transport == Transport::Tcp);
        let accepted: BTreeSet<Chain> = self
            .items
            .iter()
            .filter(|item| keys::accepted_from(item.event).is_some())
            .map(Item::chain)
            .collect();
        let logons = if captured { LogonsAlone::default() } else { self.known_by_logon_alone() };
        let mut fresh = Vec::new();
        for (item_at, item) in self.items.iter().enumerate() {
            if item.taken.is_some() {
                continue;
            }
            // Without RdpCoreTS the connection manager still tells of those that passed security.
            let known = || accepted.contains(&item.chain());
            let passed = || keys::passed_from(item.event).filter(|_| !known());
            // Without both the session manager tells of those that came to a session, and an audit of those that tried. A
            // capture shows them itself.
            let by_logon = || logons.begin.get(&item_at).copied();
            let client = keys::accepted_from(item.event).or_else(passed).or_else(by_logon);
            let Some(client) = client else { continue };
            let inside = item
                .corrected
                .is_some_and(|corrected| capture_windows.iter().any(|window| window.contains(corrected)));
            if captured && !inside {
                notes.add(NoteKind::NotInCapture, Some(item.event.at.source()), Some(item.event.at));
                continue;
            }
            fresh.push((item_at, client, mark(item)));
        }
        // In whichever order the logs are given.
        fresh.sort_by_key(|(item_at, _, first)| (first.time, *item_at));
        for (item_at, client, first) in fresh {
            let server = Endpoint { ip: IpAddr::from([0, 0, 0, 0]), port: 0 };
            let at = self.attempts.len();
            self.attempts
                .push(Attempt { connection: Connection::unseen(client, server, first), events: Vec::new() });
            self.accepted.insert(at, item_at);
            self.take(item_at, at, MatchKey::Address);
        }
        for (item_at, first) in logons.go_on {
            if let Some((at, _)) = self.items.get(first).and_then(|item| item.taken) {
                self.take(item_at, at, MatchKey::Address);
            }
        }
    }

    /// All channels of one computer share the ActivityID of a connection. Where several do, it is that of the latest; what
    /// names a session goes by that.
    fn by_activity(&mut self) {
        let mut owners: BTreeMap<Chain, Vec<(Timestamp, usize)>> = BTreeMap::new();
        for (at, item_at) in &self.accepted {
            // That of an audit is another thing: of the service that checks logons.
            let is_chain = |event: &Event| event.activity.is_some() && !keys::is_audit(event);
            if let Some(item) = self.items.get(*item_at).filter(|item| is_chain(item.event)) {
                owners.entry(item.chain()).or_default().push((item.event.time, *at));
            }
        }
        for owners in owners.values_mut() {
            owners.sort_unstable();
        }
        for item in self.items.iter_mut().filter(|item| item.taken.is_none()) {
            if item.event.activity.is_none() {
                continue;
            }
            let Some(owners) = owners.get(&item.chain()) else { continue };
            let is_shared = owners.len() > 1;
            if is_shared && keys::session(item.event).is_some() {
                continue;
            }
            let latest = owners.partition_point(|(time, _)| *time <= item.event.time.shifted(TICK));
            let owner = owners.get(latest.saturating_sub(1)).map(|(_, at)| *at);
            // What follows from a join by time is no better than that.
            let by = |at| if self.by_order.contains(&at) { MatchKey::Time } else { MatchKey::Activity };
            item.taken = owner.map(|at| (at, by(at)));
        }
    }

    /// Events that name no connection: the only one that was under way on that computer has them.
    fn by_time(&mut self, notes: &mut Notes) {
        let own = self.own_windows();
        let under_way = (0..self.attempts.len()).filter(|at| !self.kept_out.contains(at));
        let windows = Spans::new(under_way.filter_map(|at| self.span_of(at, &own)).collect());
        if windows.is_empty() {
            return;
        }
        let told = self.told_of_logons();
        let mut found = Vec::new();
        for (item_at, item) in self.items.iter().enumerate() {
            if item.taken.is_some() || !speaks_of_a_connection(item.event) {
                continue;
            }
            let address = keys::logon_address(item.event);
            let moments = [Some(item.event.time), item.corrected.filter(|time| *time != item.event.time)];
            let fits: BTreeSet<usize> = moments
                .into_iter()
                .flatten()
                .flat_map(|moment| windows.around(moment))
                .filter(|(_, computer, window)| match computer {
                    Some(computer) => *computer == item.event.computer && window.contains(item.event.time),
                    None => item.corrected.is_some_and(|corrected| window.contains(corrected)),
                })
                .map(|(at, ..)| *at)
                .filter(|at| {
                    let client = self.attempts.get(*at).map(|attempt| attempt.connection.client.ip);
                    address.is_none() || address == client
                })
                .collect();
            let mut fits = told.narrow(item.event, address.is_some(), fits).into_iter();
            match (fits.next(), fits.next()) {
                (Some(at), None) => {
                    let by = if address.is_some() { MatchKey::Address } else { MatchKey::Time };
                    found.push((item_at, at, by));
                }
                (Some(_), Some(_)) => {
                    notes.add(NoteKind::AmbiguousJoin, Some(item.event.at.source()), Some(item.event.at));
                }
                (None, _) => {}
            }
        }
        for (item_at, at, by) in found {
            self.take(item_at, at, by);
        }
    }

    fn take(&mut self, item_at: usize, at: usize, by: MatchKey) {
        if let Some(item) = self.items.get_mut(item_at) {
            item.taken.get_or_insert((at, by));
        }
    }

    fn take_where(&mut self, by: MatchKey, owner: impl Fn(&Item<'_>) -> Option<usize>) {
        for item in &mut self.items {
            if item.taken.is_none() && !item.spent {
                item.taken = owner(item).map(|at| (at, by));
            }
        }
    }

    /// The owner of each item, in order.
    fn finish(mut self) -> (Tied, Vec<Owner>) {
        for item in &self.items {
            if let Some((at, _)) = item.taken
                && let Some(Attempt { connection, .. }) = self.attempts.get_mut(at)
                && connection.transport == Transport::Unseen
            {
                connection.last = connection.last.max(mark(item));
                // Known by its end: what else is told of it came before.
                let known_by = self.accepted.get(&at).and_then(|item_at| self.items.get(*item_at));
                if known_by.is_some_and(|known_by| keys::left_session(known_by.event).is_some()) {
                    connection.first = connection.first.min(mark(item));
                }
            }
        }
        let owner =
            |item: Item<'_>| Owner { taken: item.taken, spent: item.spent, corrected: item.corrected };
        let owners = self.items.into_iter().map(owner).collect();
        let Self { attempts, sides, links, blocked, .. } = self;
        (Tied { attempts, sides, rest: Vec::new(), links, blocked }, owners)
    }
}

/// Whether it was running when its capture began.
fn ran_before(connection: &Connection) -> bool {
    connection.flow.as_deref().is_some_and(|flow| flow.opening == Opening::MidStream)
}

fn handshake(connection: &Connection) -> Mark {
    connection.flow.as_ref().and_then(|flow| flow.handshake).unwrap_or(connection.first)
}

fn mark(item: &Item<'_>) -> Mark {
    Mark { time: item.corrected.unwrap_or(item.event.time), at: item.event.at }
}

/// Whether an event is about one connection though it does not name it.
fn speaks_of_a_connection(event: &Event) -> bool {
    match event.provider {
        Provider::Schannel | Provider::TermDd => true,
        Provider::Security => matches!(event.id, 4624 | 4625 | 4776),
        // 2012 R2 gives no ActivityID to these.
        Provider::RdpCoreTs => matches!(event.id, 139 | 140) && event.activity.is_none(),
        _ => false,
    }
}
