//! Attempts by their places, for lookups that every judged connection makes: small where a flood makes many.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Other;
use crate::base::keyed::KeyedMap;
use crate::base::{Timestamp, Window};
use crate::connection::Stage;
use crate::correlate::storm::MayBe;
use crate::packet::{Endpoint, PairKey};

/// Those of `places` that lie nearest to one, so many on each side.
pub(super) fn around(places: &[usize], own: Option<usize>, count: usize) -> &[usize] {
    let here = places.partition_point(|at| Some(*at) < own);
    let end = places.len().min(here.saturating_add(count));
    places.get(here.saturating_sub(count)..end).unwrap_or_default()
}

/// Attempts by client and server.
#[derive(Clone, Debug, Default)]
pub(super) struct OfPairs {
    by_key: KeyedMap<PairKey, usize>,
    /// Of each attempt its list.
    of: Vec<usize>,
    lists: Vec<Places>,
}

impl OfPairs {
    /// Those of attempts in order of start.
    pub fn of(others: &[Other]) -> Self {
        let mut all = Self { of: Vec::with_capacity(others.len()), ..Self::default() };
        all.by_key.reserve(others.len());
        for (at, other) in others.iter().enumerate() {
            let next = all.lists.len();
            let list = *all.by_key.entry(PairKey::new(other.client, other.server)).or_insert(next);
            if list == next {
                all.lists.push(Places::default());
            }
            if let Some(own) = all.lists.get_mut(list) {
                own.push(at);
            }
            all.of.push(list);
        }
        for own in &mut all.lists {
            if let Places::Many(busy) = own {
                busy.look(others);
            }
        }
        all
    }

    /// Those of each.
    pub fn all(&self) -> impl Iterator<Item = &[usize]> {
        self.lists.iter().map(Places::as_slice)
    }

    /// Those of a client at a server.
    pub fn get(&self, client: IpAddr, server: Endpoint) -> Option<&Places> {
        self.lists.get(*self.by_key.get(&PairKey::new(client, server))?)
    }

    /// Those of the client and the server of an attempt.
    pub fn at(&self, place: usize) -> Option<&Places> {
        self.lists.get(*self.of.get(place)?)
    }
}

/// Attempts by the host they went to.
#[derive(Clone, Debug, Default)]
pub(super) struct AtHosts {
    by_ip: FxHashMap<IpAddr, usize>,
    pub lists: Vec<AtHost>,
}

/// The attempts at one host.
#[derive(Clone, Debug, Default)]
pub(super) struct AtHost {
    /// Their places, in order of start.
    pub places: Vec<usize>,
    /// Least and greatest TTL of what it sent.
    pub ttl: Option<(u8, u8)>,
    /// What they show.
    pub shows: Shows,
    /// When it accepted each, and when it fell silent in each: in order of time.
    pub accepted: Moments,
    pub silent: Moments,
    certificate: Option<Arc<str>>,
    port: Option<u16>,
}

/// Attempts at one host, by when it did something in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    /// In order of time, with the place of the attempt.
    all: Vec<(Timestamp, usize)>,
    /// Of each the next one that is another client's.
    others: Vec<usize>,
}

impl Moments {
    fn look(&mut self, others: &[Other]) {
        self.all.sort_unstable();
        let client = |at: usize| others.get(self.all.get(at)?.1).map(|other| other.client);
        let mut next = vec![self.all.len(); self.all.len()];
        for at in (1..self.all.len()).rev() {
            let behind = if client(at) == client(at - 1) { next.get(at).copied() } else { Some(at) };
            if let (Some(own), Some(behind)) = (next.get_mut(at - 1), behind) {
                *own = behind;
            }
        }
        self.others = next;
    }

    /// Whether it never did.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those within a window.
    pub fn within(&self, window: Window) -> &[(Timestamp, usize)] {
        let (from, to) = self.ends(window);
        self.all.get(from..to).unwrap_or_default()
    }

    fn ends(&self, window: Window) -> (usize, usize) {
        let from = self.all.partition_point(|(time, _)| *time < window.start);
        (from, self.all.partition_point(|(time, _)| *time <= window.end))
    }

    /// The first within a window that is not of this client.
    pub fn of_another(&self, client: IpAddr, window: Window, others: &[Other]) -> Option<usize> {
        let (from, to) = self.ends(window);
        let own = |at: usize| self.all.get(at).map(|(_, place)| *place);
        let is_another = |place: usize| others.get(place).is_some_and(|other| other.client != client);
        let first = own(from).filter(|_| from < to)?;
        if is_another(first) {
            return Some(first);
        }
        self.others.get(from).filter(|next| **next < to).and_then(|next| own(*next))
    }
}

/// What attempts at one host show, all together: what none of them shows need not be looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shows {
    /// It completed a TLS handshake.
    pub tls_passed: bool,
    /// It has more than one certificate.
    pub certificates: bool,
    /// They are at more than one port.
    pub ports: bool,
}

impl AtHosts {
    /// Those of attempts in order of start.
    pub fn of(others: &[Other]) -> Self {
        let mut all = Self::default();
        for (at, other) in others.iter().enumerate() {
            let next = all.lists.len();
            let list = *all.by_ip.entry(other.server.ip).or_insert(next);
            if list == next {
                all.lists.push(AtHost::default());
            }
            if let Some(host) = all.lists.get_mut(list) {
                host.push(at, other);
            }
        }
        for host in &mut all.lists {
            host.accepted.look(others);
            host.silent.look(others);
        }
        all
    }

    /// Those at a host.
    pub fn get(&self, ip: IpAddr) -> Option<&AtHost> {
        self.lists.get(*self.by_ip.get(&ip)?)
    }
}

impl AtHost {
    fn push(&mut self, at: usize, other: &Other) {
        self.places.push(at);
        if let Some((least, greatest)) = other.server_ttl {
            let known = self.ttl.get_or_insert((least, greatest));
            *known = (known.0.min(least), known.1.max(greatest));
        }
        let shows = &mut self.shows;
        shows.tls_passed |= other.tls_passed.is_some();
        shows.ports |= *self.port.get_or_insert(other.server.port) != other.server.port;
        self.accepted.all.extend(other.accepted.map(|mark| (mark.time, at)));
        self.silent.all.extend(other.server_silent.map(|silent| (silent, at)));
        if let Some((own, _)) = &other.certificate {
            shows.certificates |= self.certificate.get_or_insert_with(|| Arc::clone(own)) != own;
        }
    }
}

/// More than a few attempts of one client at one server: a flood asks of each what comes after it.
#[derive(Clone, Debug, Default)]
pub(super) struct Busy {
    pub places: Vec<usize>,
    /// What all of them may be.
    pub may_be: MayBe,
    /// When the client first came.
    pub came: Option<Timestamp>,
    /// Those that became sessions.
    pub sessions: Vec<usize>,
    /// Those that came so far and no further.
    by_stage: BTreeMap<Stage, Vec<usize>>,
}

impl Busy {
    fn look(&mut self, others: &[Other]) {
        let own = self.places.iter().filter_map(|at| others.get(*at));
        self.may_be = MayBe::of(&own.clone());
        self.came = own.clone().map(|other| other.came).min();
        for (at, other) in self.places.iter().zip(own) {
            if other.session {
                self.sessions.push(*at);
            }
            self.by_stage.entry(other.reached).or_default().push(*at);
        }
    }

    /// The first behind a place that came further than this, or became a session.
    pub fn further(&self, place: usize, reached: Stage) -> Option<usize> {
        let further = self.by_stage.range((Bound::Excluded(reached), Bound::Unbounded));
        let lists = further.map(|(_, list)| list).chain(std::iter::once(&self.sessions));
        lists.filter_map(|list| first_behind(list, place)).min()
    }
}

/// The first of `places` behind one.
pub(super) fn first_behind(places: &[usize], place: usize) -> Option<usize> {
    places.get(places.partition_point(|at| *at <= place)).copied()
}

/// Places, mostly a single one: a flood has as many pairs as attempts.
#[derive(Clone, Debug)]
pub(super) enum Places {
    Few(usize, [usize; 2]),
    Many(Box<Busy>),
}

impl Default for Places {
    fn default() -> Self {
        Self::Few(0, [0; 2])
    }
}

impl Places {
    /// One more.
    pub fn push(&mut self, at: usize) {
        match self {
            Self::Few(count, few) => {
                if let Some(place) = few.get_mut(*count) {
                    *place = at;
                    *count += 1;
                } else {
                    let mut many = few.to_vec();
                    many.push(at);
                    *self = Self::Many(Box::new(Busy { places: many, ..Busy::default() }));
                }
            }
            Self::Many(busy) => busy.places.push(at),
        }
    }

    /// All, in the order in which they came.
    pub fn as_slice(&self) -> &[usize] {
        match self {
            Self::Few(count, few) => few.get(..*count).unwrap_or_default(),
            Self::Many(busy) => &busy.places,
        }
    }
}

/// Lists of attempts that belong together, by their indices.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// As they were found.
    lists: Vec<Vec<usize>>,
    /// The first list that each attempt is in, in order of attempts: every judged connection asks.
    list_of: Vec<(usize, usize)>,
}

impl Parts {
    /// With the way back from each attempt.
    pub fn of(lists: Vec<Vec<usize>>) -> Self {
        let numbered = (0..).zip(&lists).flat_map(|(list, own)| own.iter().map(move |at| (*at, list)));
        let mut list_of: Vec<(usize, usize)> = numbered.collect();
        list_of.sort_unstable();
        Self { lists, list_of }
    }

    /// The first list that an attempt is in.
    pub fn list_of(&self, attempt: usize) -> Option<&[usize]> {
        let place = self.list_of.partition_point(|(at, _)| *at < attempt);
        let (_, list) = self.list_of.get(place).filter(|(at, _)| *at == attempt)?;
        self.lists.get(*list).map(Vec::as_slice)
    }
}
