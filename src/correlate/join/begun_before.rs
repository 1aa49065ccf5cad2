//! Sessions that were left, and of whose beginning no log tells: one lasts longer than a log reaches back.

use super::acceptances::user_of;
use super::{
    Arc, BTreeMap, BTreeSet, Chain, Endpoint, Event, IpAddr, Item, NoteKind, Notes, Timestamp, Work, keys,
};

impl Work<'_> {
    /// Connections of which the session manager tells the end alone (24), by item: of clients of which the computer
    /// tells nothing before.
    pub(super) fn begun_before(&self) -> Vec<(usize, Endpoint)> {
        // Of a user who is not told it may be the first word of any.
        let mut first_word: BTreeMap<(&str, IpAddr, Option<String>), Timestamp> = BTreeMap::new();
        let mut left: Vec<(Timestamp, usize, u32, IpAddr)> = Vec::new();
        let ended: BTreeSet<Chain> =
            self.items.iter().filter(|item| keys::disconnected(item.event)).map(Item::chain).collect();
        for (at, item) in self.items.iter().enumerate() {
            let time = item.event.time;
            // One that was over came to no session that could be left later.
            let is_over = item.event.activity.is_some() && ended.contains(&item.chain());
            let accepted = keys::accepted_from(item.event).filter(|_| !is_over);
            if let Some(client) = accepted.or_else(|| began_from(item.event)) {
                let first =
                    first_word.entry((&item.event.computer, client.ip, user_of(item))).or_insert(time);
                *first = (*first).min(time);
            } else if let Some(session) = keys::left_session(item.event)
                && let Some((number, client)) = session.number.zip(session.from.remote())
            {
                left.push((time, at, number, client));
            }
        }
        left.sort_unstable();
        // Who left twice came between, and the log does not tell it: it is filtered.
        let mut known: BTreeSet<(Arc<str>, u32, IpAddr, Option<String>)> = BTreeSet::new();
        let mut found = Vec::new();
        for (time, at, number, client) in left {
            let Some(item) = self.items.get(at) else { continue };
            let computer = &item.event.computer;
            let user = user_of(item);
            let has_begun = |user: Option<String>| {
                first_word.get(&(&**computer, client, user)).is_some_and(|began| *began <= time)
            };
            let began = has_begun(None) || has_begun(user.clone());
            if !began && known.insert((Arc::clone(computer), number, client, user)) {
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

/// Where from an event tells that a connection has passed security.
fn began_from(event: &Event) -> Option<Endpoint> {
    keys::passed_from(event)
        .or_else(|| keys::let_in_from(event))
        .or_else(|| keys::audited_from(event).filter(|_| event.id != 4625))
}
