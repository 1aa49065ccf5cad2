//! Name resolution: queries and what came of them. The stage before any connection.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::observations::Observations;
use crate::base::{Locator, Mark, Observed, SourceId, Window, time};
use crate::packet::Datagram;
use crate::packet::interest::NAME_PORTS;
use crate::protocol::dns::{self, Rcode, RecordType};

/// What a name server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Response code.
    pub rcode: Rcode,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
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

/// Names of one client that are remembered, and answers of one name.
const MAX_LOOKUPS: usize = 20_000;
const MAX_ANSWERS: usize = 16;

/// Puts together what several captures hold of the same queries: the files of a ring buffer each hold a part of them,
/// two capture points each hold them all.
pub fn together(captures: &mut [Observations]) {
    /// The same queries are seen this near to each other at two points.
    const NEAR: i64 = 5 * time::SECOND;
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
        if let Some(capture) = captures.iter_mut().find(|capture| capture.source == point) {
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
        let name = name.trim_end_matches('.').to_ascii_lowercase();
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

/// Reads the lookups of a capture.
pub fn lookups(source: SourceId, datagrams: &[Datagram]) -> Vec<Lookup> {
    let mut by_key: BTreeMap<(IpAddr, String), Lookup> = BTreeMap::new();
    for datagram in datagrams {
        if !NAME_PORTS.contains(&datagram.to.port) && !NAME_PORTS.contains(&datagram.from.port) {
            continue;
        }
        let Ok(message) = dns::message(&datagram.head) else { continue };
        let Some(question) = message.questions.first() else { continue };
        // Reverse lookups and service records are not how a client finds a server.
        if !matches!(question.kind, RecordType::A | RecordType::AAAA) {
            continue;
        }
        let name = question.name.trim_end_matches('.').to_ascii_lowercase();
        let mark = Mark { time: datagram.time, at: Locator::Frame { source, number: datagram.frame } };
        let client = if message.is_response { datagram.to.ip } else { datagram.from.ip };
        let key = (client, name);
        if !by_key.contains_key(&key) && by_key.len() >= MAX_LOOKUPS {
            continue;
        }
        let lookup = by_key.entry(key.clone()).or_insert_with(|| Lookup {
            name: key.1,
            client,
            first: mark,
            last: mark,
            queries: 0,
            answers: Vec::new(),
        });
        lookup.last = mark;
        if !message.is_response {
            lookup.queries += 1;
        } else if lookup.answers.len() < MAX_ANSWERS {
            let answer = Answer {
                rcode: message.rcode,
                addresses: message.addresses().collect(),
                resolver: datagram.from.ip,
            };
            lookup.answers.push(mark.of(answer));
        }
    }
    let mut all: Vec<Lookup> = by_key.into_values().collect();
    all.sort_by_key(|lookup| lookup.first);
    all
}
