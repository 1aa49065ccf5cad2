//! Name resolution: queries and what came of them. The stage before any connection.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use super::observations::Observations;
use super::room::Room;
use crate::base::keyed::KeyedMap;
use crate::base::{Locator, Mark, Observed, SourceId, Window, time};
use crate::packet::Datagram;
use crate::packet::interest::NAME_PORTS;
use crate::protocol::dns::{self, AnswerData, Message, Rcode, RecordType};

/// What a name server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Response code.
    pub rcode: Rcode,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// The names that they belong to, lower case, where what was asked for is an alias (CNAME) of them.
    pub aliased: Vec<String>,
    /// Who answered.
    pub resolver: IpAddr,
}

/// All queries of one client for one name, and their answers.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The name, lower case, without a final dot.
    pub name: String,
    /// Who asked.
    pub client: IpAddr,
    /// The first query.
    pub first: Mark,
    /// The last query or answer.
    pub last: Mark,
    /// Queries sent.
    pub queries: u32,
    /// Answers, in order.
    pub answers: Vec<Observed<Answer>>,
}

/// Answers of one name that are remembered.
const MAX_ANSWERS: usize = 16;

/// Puts together what several captures hold of the same queries: the files of a ring buffer each hold a part of them,
/// two capture points each hold them all. Captures are in order of sources.
pub fn together(captures: &mut [Observations]) {
    /// The same queries are seen this near to each other at two points.
    const NEAR: i64 = 5 * time::SECOND;
    if captures.len() < 2 {
        return;
    }
    let mut known: BTreeMap<(IpAddr, String), Vec<(SourceId, Lookup)>> = BTreeMap::new();
    for capture in captures.iter_mut() {
        for lookup in std::mem::take(&mut capture.lookups) {
            let same = known.entry((lookup.client, lookup.name.clone())).or_default();
            let window = Window { start: lookup.first.time, end: lookup.last.time }.widened(NEAR);
            let part = same.iter_mut().find(|(point, own)| {
                *point == capture.point
                    || window.overlaps(&Window { start: own.first.time, end: own.last.time })
            });
            match part {
                None => same.push((capture.point, lookup)),
                Some((point, own)) if *point == capture.point => own.go_on(lookup),
                Some((_, own)) if own.answers.is_empty() => own.answers = lookup.answers,
                Some(_) => {}
            }
        }
    }
    let mut all: Vec<(SourceId, Lookup)> = known.into_values().flatten().collect();
    all.sort_by_key(|(_, lookup)| (lookup.first, lookup.client));
    for (point, lookup) in all {
        let at = captures.binary_search_by_key(&point, |capture| capture.source);
        if let Some(capture) = at.ok().and_then(|at| captures.get_mut(at)) {
            capture.lookups.push(lookup);
        }
    }
}

impl Lookup {
    /// Takes the rest, from the next file of a ring buffer.
    fn go_on(&mut self, next: Self) {
        self.first = self.first.min(next.first);
        self.last = self.last.max(next.last);
        self.queries = self.queries.saturating_add(next.queries);
        let room = MAX_ANSWERS.saturating_sub(self.answers.len());
        self.answers.extend(next.answers.into_iter().take(room));
    }

    /// Whether this is about `name`: the same, or the same with a search suffix.
    pub fn is_for(&self, name: &str) -> bool {
        let name = plain(name);
        self.name == name
            || (!name.contains('.')
                && self.name.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The first answer with an address.
    pub fn resolved(&self) -> Option<&Observed<Answer>> {
        self.answers.iter().find(|answer| !answer.value.addresses.is_empty())
    }

    /// The answer that says why there is no address.
    pub fn refusal(&self) -> Option<&Observed<Answer>> {
        self.answers
            .iter()
            .find(|answer| answer.value.addresses.is_empty() && answer.value.rcode != Rcode(0))
            .or_else(|| self.answers.first())
    }

    /// Whether nothing usable came of it.
    pub fn failed(&self) -> bool {
        self.resolved().is_none()
    }
}

/// What one datagram says of a lookup.
#[derive(Debug)]
pub struct Said {
    client: IpAddr,
    name: String,
    mark: Mark,
    /// None of a query.
    answer: Option<Answer>,
}

impl Said {
    /// Reads a datagram. Reverse lookups and service records are not how a client finds a server.
    pub fn of(source: SourceId, datagram: &Datagram) -> Option<Self> {
        if !NAME_PORTS.contains(&datagram.to.port) && !NAME_PORTS.contains(&datagram.from.port) {
            return None;
        }
        let message = dns::message(&datagram.head).ok()?;
        let question = message.questions.first()?;
        if !matches!(question.kind, RecordType::A | RecordType::AAAA) {
            return None;
        }
        let name = plain(&question.name);
        let answer = message.is_response.then(|| Answer {
            rcode: message.rcode,
            addresses: message.addresses().collect(),
            aliased: aliased(&message, &name),
            resolver: datagram.from.ip,
        });
        Some(Self {
            client: if message.is_response { datagram.to.ip } else { datagram.from.ip },
            name,
            mark: Mark { time: datagram.time, at: Locator::Frame { source, number: datagram.frame } },
            answer,
        })
    }
}

/// A name as lookups are compared: lower case, without a final dot.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The owners of the addresses in an answer, each once, besides the name that was asked for.
fn aliased(message: &Message, asked: &str) -> Vec<String> {
    let of_addresses = message.answers.iter().filter(|answer| matches!(answer.data, AnswerData::Address(_)));
    let owners = of_addresses.map(|answer| plain(&answer.name));
    let mut names: Vec<String> = owners.filter(|owner| owner != asked).collect();
    names.sort();
    names.dedup();
    names
}

/// The lookups of a capture, as its datagrams come.
#[derive(Debug)]
pub struct Lookups {
    by_key: KeyedMap<(IpAddr, String), Lookup>,
    most: usize,
    /// Queries and answers that found no room.
    pub left_out: u64,
}

impl Lookups {
    /// None yet, and room for so many.
    pub fn within(most: usize) -> Self {
        Self { by_key: KeyedMap::default(), most, left_out: 0 }
    }

    /// Takes what the next datagram says.
    pub fn take(&mut self, said: Said) {
        let Said { client, name, mark, answer } = said;
        let is_full = self.by_key.len() >= self.most;
        let lookup = match self.by_key.entry((client, name)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => {
                self.left_out += 1;
                return;
            }
            Entry::Vacant(new) => {
                let name = new.key().1.clone();
                new.insert(Lookup { name, client, first: mark, last: mark, queries: 0, answers: Vec::new() })
            }
        };
        lookup.last = mark;
        match answer {
            None => lookup.queries = lookup.queries.saturating_add(1),
            Some(answer) if lookup.answers.len() < MAX_ANSWERS => lookup.answers.push(mark.of(answer)),
            Some(_) => {}
        }
    }

    /// All of them, in order of their first datagram.
    pub fn finish(self) -> Vec<Lookup> {
        let mut all: Vec<Lookup> = self.by_key.into_values().collect();
        all.sort_by(|one, next| {
            (one.first, one.client, &one.name).cmp(&(next.first, next.client, &next.name))
        });
        all
    }
}

/// Reads the lookups of a few datagrams.
pub fn lookups(source: SourceId, datagrams: &[Datagram]) -> Vec<Lookup> {
    let mut lookups = Lookups::within(Room::OF_ONE.lookups);
    datagrams.iter().filter_map(|datagram| Said::of(source, datagram)).for_each(|said| lookups.take(said));
    lookups.finish()
}
