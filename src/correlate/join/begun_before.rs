//! Sessions that were left, and of whose beginning no log tells: one lasts longer than a log reaches back.

use super::{
    Arc, BTreeMap, BTreeSet, Chain, Endpoint, Event, IpAddr, Item, NoteKind, Notes, Timestamp, Work, keys,
};

impl Work<'_> {
    /// Connections of which the session manager tells the end alone (24), by item: of clients of which the computer tells
    /// nothing before.
    pub(super) fn begun_before(&self) -> Vec<(usize, Endpoint)> {
        let mut first_word: BTreeMap<(&str, IpAddr), Timestamp> = BTreeMap::new();
        let mut left: Vec<(Timestamp, usize, u32, IpAddr)> = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            let time = item.event.time;
            if let Some(client) = begins_from(item.event) {
                let first = first_word.entry((&item.event.computer, client.ip)).or_insert(time);
                *first = (*first).min(time);
            } else if let Some(session) = keys::left_session(item.event)
                && let Some((number, client)) = session.number.zip(session.from.remote())
            {
                left.push((time, at, number, client));
            }
        }
        left.sort_unstable();
        // Who left twice came between, and the log does not tell it: it is filtered.
        let mut known: BTreeSet<(Arc<str>, u32, IpAddr)> = BTreeSet::new();
        let mut found = Vec::new();
        for (time, at, number, client) in left {
            let Some(item) = self.items.get(at) else { continue };
            let computer = &item.event.computer;
            let began = first_word.get(&(&**computer, client)).is_some_and(|began| *began <= time);
            if !began && known.insert((Arc::clone(computer), number, client)) {
                found.push((at, Endpoint { ip: client, port: 0 }));
            }
        }
        found
    }

    /// Counts the ends (RdpCoreTS 102, 103) that are nobody's, one of each connection.
    pub(super) fn note_ends_alone(&self, notes: &mut Notes) {
        let begins =
            |event: &Event| keys::accepted_from(event).or_else(|| keys::accepted_udp(event)).is_some();
        let began: BTreeSet<Chain> =
            self.items.iter().filter(|item| begins(item.event)).map(Item::chain).collect();
        let mut noted: BTreeSet<Chain> = BTreeSet::new();
        for item in self.items.iter().filter(|item| item.taken.is_none() && keys::disconnected(item.event)) {
            let chain = item.chain();
            if item.event.activity.is_some() && !began.contains(&chain) && noted.insert(chain) {
                notes.add(NoteKind::BeginningMissing, Some(item.event.at.source()), Some(item.event.at));
            }
        }
    }
}

/// Where from an event tells that a connection began.
fn begins_from(event: &Event) -> Option<Endpoint> {
    keys::accepted_from(event)
        .or_else(|| keys::passed_from(event))
        .or_else(|| keys::let_in_from(event))
        .or_else(|| keys::audited_from(event))
}
