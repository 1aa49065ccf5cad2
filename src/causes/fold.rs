//! Ended connections beyond a fixed number are judged as they come, and those that are alike folded into groups.
//!
//! A capture of an attack has millions of connections; a report has room for some thousands. Of each kind some stay
//! single, so that what is unlike the rest is seen. Judged from packets alone: logs are joined to single ones only,
//! which is why those that a log names must stay single.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::batch::{self, Brief, Patterns};
use super::transport::firewall_drop;
use super::verdicts::Verdicts;
use crate::base::keyed::Keyed;
use crate::base::{Locator, Mark, NoteKind, Notes, SourceId, time};
use crate::connection::alignment::Alignment;
use crate::connection::ended::{Ended, Seen, Sink, traced};
use crate::connection::observations::Observations;
use crate::connection::second_views::{FEW, SecondViews};
use crate::connection::{Connection, Stage};
use crate::correlate::Surroundings;
use crate::correlate::join::Blocked;
use crate::correlate::surroundings::{Other, Others, Own};
use crate::packet::Endpoint;
use crate::packet::segment::number;

/// Connections that are reported one by one, whatever they are.
const SINGLES: usize = 2048;
/// Beyond these, the first so many of each kind (server, stage, cause) stay single.
const OF_A_KIND: u32 = 8;
/// Those of [`OF_A_KIND`] altogether.
const KINDS: usize = 1024;
/// Connections that another capture may show as well stay single up to this number: what both show is compared.
const SECOND_VIEWS: usize = 3 * FEW;
/// Sessions that came up stay single up to this number.
const SESSIONS: usize = 8192;
/// Groups by client and server. Beyond these, connections are grouped without the client, then without the server.
const GROUPS: usize = 1024;
/// Attempts of the batch before that the next batch is judged beside.
const BEFORE: usize = 2048;
/// Spans of all servers together of which attempts are kept that all others are judged beside, the latest ones.
const SPANS: usize = 8192;
/// Whoever is not answered asks for some seconds: one of these lies within.
const SPAN: i64 = time::SECOND;
/// Connections that run on of which is known how far they came.
const RUNNING: usize = 8192;
/// Attempts that single ones are judged beside because these tell what they are a part of, or why they ended.
const TOLD: usize = 65_536;

/// Connections that are alike.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The client; none where it is one of several.
    pub client: Option<IpAddr>,
    /// The server; none where it is one of several.
    pub server: Option<Endpoint>,
    /// The last stage that was entered.
    pub reached: Stage,
    /// The cause they share.
    pub cause: Option<&'static str>,
    /// How many.
    pub count: u64,
    /// The first sign of the first.
    pub first: Mark,
    /// The last sign of the last.
    pub last: Mark,
}

impl Group {
    const fn key(&self) -> Key {
        (self.server, self.client, self.reached, self.cause)
    }
}

/// Adds the attempts that the server's firewall kept out, by source.
pub fn with_blocked(mut groups: Vec<Group>, blocked: &[Blocked], notes: &mut Notes) -> Vec<Group> {
    for own in blocked {
        groups.push(Group {
            client: own.client,
            server: Some(own.server),
            reached: Stage::Transport,
            cause: Some(firewall_drop::CAUSE.id),
            count: own.count,
            first: own.first,
            last: own.last,
        });
        notes.add_many(
            NoteKind::FoldedBlocked,
            Some(own.first.at.source()),
            "",
            own.count,
            Some(own.first.at),
        );
    }
    groups
}

type Cause = Option<&'static str>;
type Key = (Option<Endpoint>, Option<IpAddr>, Stage, Cause);

/// What is known of all connections that share a verdict.
#[derive(Clone, Copy, Debug, Default)]
struct Alike {
    cause: Cause,
    /// Whether enough of that kind stay single.
    enough: bool,
    /// The group of those whose client has none.
    group: Option<usize>,
}

/// Takes connections as they end.
#[derive(Debug, Default)]
pub struct Fold {
    /// Client endpoints that a log names.
    named: BTreeSet<Endpoint>,
    /// The client that the user asked for.
    client: Option<IpAddr>,
    /// Lower bound than [`SINGLES`], if memory is short.
    bound: Option<usize>,
    /// Connections that another capture may show as well.
    second_views: Arc<SecondViews>,
    singles: usize,
    sessions: usize,
    /// Those of `second_views` that stayed single.
    viewed: usize,
    kinds: usize,
    of_a_kind: BTreeMap<(Endpoint, Stage, Cause), u32>,
    /// How many ended there with that cause, at whatever server.
    outcomes: BTreeMap<(Stage, Cause), u32>,
    groups: Vec<Group>,
    /// Where each group stands.
    places: FxHashMap<Key, usize>,
    /// Clients that groups name.
    clients: HashSet<u128, Keyed>,
    /// Groups that name a client, and those that name a server alone.
    counts: (usize, usize),
    before: Vec<Other>,
    /// Those of `before` that are single: what tells of them may be in the next batch.
    recent: Vec<Other>,
    /// Connections that ran on, as they were when they were shown last.
    running: BTreeMap<Mark, Other>,
    /// What each server did in each [`SPAN`].
    did: BTreeMap<(i64, Endpoint), Did>,
    /// What tells of single ones.
    told: BTreeMap<Mark, Other>,
    folded: BTreeMap<SourceId, (u64, Locator)>,
}

impl Fold {
    /// Connections of these clients stay single; `singles` lowers the number of those that stay so anyway.
    pub fn new(named: BTreeSet<Endpoint>, client: Option<IpAddr>, singles: Option<usize>) -> Self {
        Self { named, client, bound: singles, ..Self::default() }
    }

    /// Counts what was folded.
    pub fn note(&self, alignment: &Alignment, notes: &mut Notes) {
        for (source, (count, first)) in &self.folded {
            notes.add_many(NoteKind::Folded, Some(*source), "", *count, Some(*first));
        }
        // Where the other captures show few connections, what is folded is in none of them.
        let is_full = self.viewed >= self.most_viewed();
        let may_be_apart =
            |source| alignment.sharing(source).any(|other| is_full || !self.second_views.are_few(other));
        let apart = self.folded.iter().filter(|(source, _)| may_be_apart(**source));
        notes.add_many(NoteKind::FoldedApart, None, "", apart.map(|(_, (count, _))| count).sum(), None);
    }

    /// Ends the work: the groups in order of server and client, and the attempts that single ones are judged beside.
    pub fn finish(self) -> (Vec<Group>, Vec<Other>) {
        if self.groups.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let mut beside = self.told;
        for other in self.did.into_values().flat_map(Did::finish) {
            beside.entry(other.first).or_insert(other);
        }
        let mut groups = self.groups;
        groups.sort_unstable_by_key(Group::key);
        (groups, beside.into_values().collect())
    }

    /// What connections are judged beside: of those that were taken before, those that run on, and the new single ones.
    fn beside(&mut self, singles: &[Connection]) -> Vec<Other> {
        let mut others = std::mem::take(&mut self.before);
        let known: BTreeSet<Mark> = others.iter().map(|other| other.first).collect();
        let did = self.did.values().flat_map(Did::all).filter(|other| !known.contains(&other.first));
        others.extend(did.cloned());
        others.extend(self.running.values().cloned());
        others.extend(singles.iter().map(Other::of));
        others
    }

    /// What lies around connections, which of them share a verdict, and the verdicts: by packets and by what lies around.
    fn judge(
        &mut self,
        (later, briefs): (&[Ended<'_>], &[Brief]),
        (beside, own): (Vec<Other>, Vec<Other>),
        seen: Vec<Arc<Observations>>,
    ) -> (Surroundings, Vec<usize>, Vec<Alike>) {
        let (all, places) = in_order(beside, own);
        let (others, patterns) = rayon::join(|| Others::of(all), || Patterns::of(briefs));
        let around = Surroundings::of_packets(seen, others);
        self.remember(&around.others, &places);
        let verdicts = Verdicts::of(&patterns, &places, &around, &|at| Some(later.get(at)?.connection()));
        let alike = verdicts.causes.into_iter().map(|cause| Alike { cause, ..Alike::default() });
        (around, verdicts.of, alike.collect())
    }

    /// Remembers what runs on, the last ones that began.
    fn run_on(&mut self, running: &[Connection]) {
        self.running.extend(running.iter().map(|own| (own.first, Other::of(own))));
        while self.running.len() > RUNNING {
            self.running.pop_first();
        }
    }

    fn stays_single(&mut self, (ended, brief): (&Ended<'_>, &Brief), alike: &mut Alike) -> bool {
        if self.is_named(brief.client) {
            return true;
        }
        if self.viewed < self.most_viewed() && self.second_views.may_hold(ended) {
            self.viewed += 1;
            return true;
        }
        if brief.session && self.sessions < SESSIONS {
            self.sessions += 1;
            return true;
        }
        if alike.enough {
            return false;
        }
        // Whichever servers a flood names: what ended otherwise than the flood is seen.
        let count = self.outcomes.entry((brief.reached, alike.cause)).or_default();
        *count = count.saturating_add(1);
        let is_rare = *count <= OF_A_KIND;
        if self.kinds >= KINDS {
            alike.enough = !is_rare;
            return is_rare;
        }
        let seen = self.of_a_kind.entry((brief.server, brief.reached, alike.cause)).or_default();
        *seen = seen.saturating_add(1);
        let is_one_of_few = *seen <= OF_A_KIND;
        self.kinds += usize::from(is_one_of_few);
        alike.enough = !is_rare && !is_one_of_few;
        is_one_of_few
    }

    fn most_viewed(&self) -> usize {
        self.bound.map_or(SECOND_VIEWS, |bound| bound.saturating_mul(3).min(SECOND_VIEWS))
    }

    fn is_named(&self, client: Endpoint) -> bool {
        self.named.contains(&client) || self.client == Some(client.ip)
    }

    fn fold(&mut self, brief: &Brief, alike: &mut Alike) {
        let (first, last) = (brief.first, brief.last);
        let at = self.place(brief, alike);
        if let Some(group) = self.groups.get_mut(at) {
            group.count += 1;
            group.first = group.first.min(first);
            group.last = group.last.max(last);
        }
        let source = self.folded.entry(first.at.source()).or_insert((0, first.at));
        *source = (source.0 + 1, source.1.min(first.at));
    }

    /// The group that a connection belongs to, or that is begun with it.
    fn place(&mut self, brief: &Brief, alike: &mut Alike) -> usize {
        let (server, client, reached, cause) = (brief.server, brief.client.ip, brief.reached, alike.cause);
        let exact = (Some(server), Some(client), reached, cause);
        if self.counts.0 < GROUPS {
            let (at, is_new) = self.begin(exact, brief);
            self.counts.0 += usize::from(is_new);
            self.clients.insert(number(client));
            return at;
        }
        if self.clients.contains(&number(client))
            && let Some(at) = self.places.get(&exact)
        {
            return *at;
        }
        if let Some(at) = alike.group {
            return at;
        }
        let of_server = (Some(server), None, reached, cause);
        let has_room = self.counts.1 < GROUPS || self.places.contains_key(&of_server);
        let (at, is_new) = self.begin(if has_room { of_server } else { (None, None, reached, cause) }, brief);
        self.counts.1 += usize::from(is_new && has_room);
        alike.group = Some(at);
        at
    }

    /// Where the group of that key stands, and whether it is begun now.
    fn begin(&mut self, key: Key, brief: &Brief) -> (usize, bool) {
        let at = *self.places.entry(key).or_insert(self.groups.len());
        let is_new = at == self.groups.len();
        if is_new {
            let (server, client, reached, cause) = key;
            let (first, last) = (brief.first, brief.last);
            self.groups.push(Group { client, server, reached, cause, count: 0, first, last });
        }
        (at, is_new)
    }

    /// Remembers the last attempts of a batch, and which servers accepted connections, and when: what shows that a host is
    /// up. Likewise when they fell silent.
    fn remember(&mut self, others: &Others, places: &[usize]) {
        let own: Vec<&Other> = places.iter().filter_map(|at| others.all.get(*at)).collect();
        let last = own.get(own.len().saturating_sub(BEFORE)..).unwrap_or_default();
        self.before = last.iter().map(|other| others.kept(other)).collect();
        for other in own {
            if other.accepted.is_none() && other.server_silent.is_none() {
                continue;
            }
            let span = (other.first.time.nanos() / SPAN, other.server);
            self.did.entry(span).or_default().take(other, others);
        }
        while self.did.len() > SPANS {
            self.did.pop_first();
        }
    }

    /// Remembers what tells of single ones, and of those that run on, which may become that.
    fn tell(&mut self, others: &Others, singles: &[Connection]) {
        let single: Vec<Own<'_>> = singles.iter().filter_map(|single| others.known(single)).collect();
        let recent = std::mem::take(&mut self.recent);
        let before = recent.iter().chain(self.running.values()).filter_map(|own| others.again(own));
        let all = before.chain(single.iter().copied());
        for own in all {
            let itself = others.was_there(own).then_some(own.other());
            for other in itself.into_iter().chain(others.told_by(own)) {
                if self.told.len() < TOLD {
                    self.told.entry(other.first).or_insert_with(|| others.kept(other));
                }
            }
        }
        let since = self.before.first().map(|other| other.first);
        let stays = single.iter().filter(|own| Some(own.first) >= since);
        self.recent = stays.map(|own| Other::clone(own)).collect();
    }
}

/// Attempts that show what a server did: of each kind the first of two clients, as what one client is told by its own
/// attempts says nothing.
#[derive(Debug, Default)]
struct Did {
    accepted: [Option<Other>; 2],
    silent: [Option<Other>; 2],
}

impl Did {
    fn take(&mut self, other: &Other, others: &Others) {
        let kinds = [
            (&mut self.accepted, other.accepted.is_some()),
            (&mut self.silent, other.server_silent.is_some()),
        ];
        for (kept, _) in kinds.into_iter().filter(|(_, is_one)| *is_one) {
            match kept {
                [first @ None, _] => *first = Some(others.kept(other)),
                [Some(first), second @ None] if first.client != other.client => {
                    *second = Some(others.kept(other));
                }
                _ => {}
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Other> {
        let accepted = self.accepted.iter().flatten();
        // One that is both stands once.
        let twice = |own: &&Other| self.accepted.iter().flatten().all(|other| other.first != own.first);
        accepted.chain(self.silent.iter().flatten().filter(twice))
    }

    fn finish(self) -> impl Iterator<Item = Other> {
        self.accepted.into_iter().chain(self.silent).flatten()
    }
}

/// Both, in order of start, and where those of `own` are. What a batch brings is so already, and too much to be moved again
/// and again.
fn in_order(mut beside: Vec<Other>, own: Vec<Other>) -> (Vec<Other>, Vec<usize>) {
    beside.sort_by_key(|other| other.first);
    let mut all = Vec::with_capacity(beside.len() + own.len());
    let mut places = Vec::with_capacity(own.len());
    let mut beside = beside.into_iter().peekable();
    for other in own {
        while let Some(before) = beside.next_if(|before| before.first <= other.first) {
            all.push(before);
        }
        places.push(all.len());
        all.push(other);
    }
    all.extend(beside);
    (all, places)
}

impl Sink for Fold {
    fn begin(&mut self, second_views: &Arc<SecondViews>) {
        let new = Self::new(std::mem::take(&mut self.named), self.client, self.bound);
        *self = Self { second_views: Arc::clone(second_views), ..new };
    }

    fn take(&mut self, mut ended: Vec<Ended<'_>>, seen: &dyn Fn() -> Seen) -> Vec<Connection> {
        if !self.running.is_empty() {
            for own in &ended {
                self.running.remove(&own.first());
            }
        }
        let bound = self.bound.map_or(SINGLES, |bound| bound.min(SINGLES));
        let later = ended.split_off(bound.saturating_sub(self.singles).min(ended.len()));
        self.singles += ended.len();
        let mut singles = traced(ended);
        if later.is_empty() {
            return singles;
        }
        let seen = seen();
        self.run_on(&seen.running);
        let beside = self.beside(&singles);
        let (briefs, own) = batch::read(&later);
        let (around, verdicts, mut alike) = self.judge((&later, &briefs), (beside, own), seen.captures);
        let stays = later.iter().zip(&briefs).zip(verdicts).map(|((ended, brief), verdict)| {
            let alike = alike.get_mut(verdict)?;
            let stays = self.stays_single((ended, brief), alike);
            if !stays {
                self.fold(brief, alike);
            }
            Some(stays)
        });
        let stays: Vec<bool> = stays.map(|stays| stays == Some(true)).collect();
        let more = later.into_par_iter().zip(stays).filter(|(_, stays)| *stays).map(|(one, _)| one.trace());
        singles.par_extend(more);
        self.tell(&around.others, &singles);
        singles
    }
}
