//! Connections behind an address translation: the log knows them by another address, maybe by another port.
//!
//! By the port where it stands once; else by time and order, where there is only one way to pair them. Nothing of the
//! kind where the log knows some connection by its own address: then nothing is translated.

use super::{Arc, BTreeMap, BTreeSet, Connection, IpAddr, Item, MatchKey, Provider, Work, handshake, keys};
use super::{Chain, NoteKind, Notes, RESIDUAL, TICK, Timestamp, UNCOMPARED, rdp_core_ts, time};

/// Pauses between connections and between their events agree within this.
const PAUSES: i64 = 250 * time::MILLISECOND;
/// Pauses must be at least this long to be told from those of others.
const TELLING: i64 = time::SECOND;

impl Work<'_> {
    /// An address translation changes the client's address and often keeps its port: where a port stands once among
    /// what is left of both sides, at nearly the same time, it is the same connection.
    pub(super) fn by_port(&mut self, told: &Told, notes: &mut Notes) {
        let mut ends: BTreeMap<u16, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        let mut clients: BTreeSet<IpAddr> = BTreeSet::new();
        for (at, attempt) in self.attempts.iter().enumerate() {
            let established = attempt.connection.flow.as_ref().is_some_and(|flow| flow.is_established());
            clients.insert(attempt.connection.client.ip);
            if established && !self.accepted.contains_key(&at) {
                ends.entry(attempt.connection.client.port).or_default().0.push(at);
            }
        }
        for (item_at, item) in self.items.iter().enumerate().filter(|(_, item)| item.taken.is_none()) {
            let stranger = keys::accepted_client(item.event).filter(|client| !clients.contains(&client.ip));
            if let Some((_, items)) = stranger.and_then(|client| ends.get_mut(&client.port)) {
                items.push(item_at);
            }
        }
        for (attempts, items) in ends.into_values() {
            let ([at], [item_at]) = (&attempts[..], &items[..]) else { continue };
            let near = self.attempts.get(*at).zip(self.items.get(*item_at)).is_some_and(|(attempt, item)| {
                let moment = handshake(&attempt.connection).time;
                match item.corrected {
                    Some(corrected) => (corrected - moment).abs() <= RESIDUAL,
                    None => (item.event.time - moment).abs() <= UNCOMPARED,
                }
            });
            if near && told.agree(self, *at, *item_at) {
                if let Some(place) = self.items.get(*item_at).map(|item| item.event.at) {
                    notes.add(NoteKind::JoinedByPort, Some(place.source()), Some(place));
                }
                self.accepted.insert(*at, *item_at);
                self.take(*item_at, *at, MatchKey::Port);
            }
        }
    }

    /// Pairs what is left of both sides, computer by computer.
    pub(super) fn by_order(&mut self, told: &Told, notes: &mut Notes) {
        let mut clients: BTreeSet<IpAddr> = BTreeSet::new();
        let mut open: Vec<(Timestamp, usize)> = Vec::new();
        for (at, attempt) in self.attempts.iter().enumerate() {
            clients.extend(attempt.connection.known_clients().map(|client| client.ip));
            let established = attempt.connection.flow.as_ref().is_some_and(|flow| flow.is_established());
            if established && !self.accepted.contains_key(&at) {
                open.push((handshake(&attempt.connection).time, at));
            }
        }
        open.sort_unstable();
        for (computer, strangers) in self.strangers(&clients) {
            let known_as_it_is = self
                .accepted
                .values()
                .any(|item_at| self.items.get(*item_at).is_some_and(|item| item.event.computer == computer));
            if known_as_it_is || open.is_empty() {
                continue;
            }
            for (at, item_at) in paired(&open, &strangers) {
                if !told.agree(self, at, item_at) {
                    continue;
                }
                if let Some(place) = self.items.get(item_at).map(|item| item.event.at) {
                    notes.add(NoteKind::JoinedByOrder, Some(place.source()), Some(place));
                }
                self.accepted.insert(at, item_at);
                self.by_order.insert(at);
                self.take(item_at, at, MatchKey::Time);
            }
        }
    }

    /// Accepted connections of clients that no capture shows, by computer, in order of time.
    fn strangers(&self, clients: &BTreeSet<IpAddr>) -> BTreeMap<Arc<str>, Vec<Stranger>> {
        let mut found: BTreeMap<Arc<str>, Vec<Stranger>> = BTreeMap::new();
        for (item_at, item) in self.items.iter().enumerate().filter(|(_, item)| item.taken.is_none()) {
            let accepted = keys::accepted_client(item.event);
            if accepted.is_some_and(|client| !clients.contains(&client.ip)) {
                let own = Stranger { time: item.time(), item_at, compared: item.corrected.is_some() };
                found.entry(Arc::clone(&item.event.computer)).or_default().push(own);
            }
        }
        for list in found.values_mut() {
            list.sort_unstable();
        }
        found
    }
}

/// What logs tell of connections besides their beginning, by their chains.
pub(super) struct Told {
    ends: BTreeMap<Chain, Timestamp>,
    users: BTreeMap<Chain, String>,
    /// When security was refused (139, 140), and whether that was of the user.
    refused: BTreeMap<Chain, (Timestamp, bool)>,
    /// When the server decided to end it.
    decided: BTreeMap<Chain, Timestamp>,
    /// When security had passed.
    passed: BTreeMap<Chain, Timestamp>,
}

impl Told {
    /// A server may wait so long for a client that is gone.
    const PATIENCE: i64 = 60 * time::SECOND;

    pub fn of(work: &Work<'_>) -> Self {
        let mut told = Self {
            ends: BTreeMap::new(),
            users: BTreeMap::new(),
            refused: BTreeMap::new(),
            decided: BTreeMap::new(),
            passed: BTreeMap::new(),
        };
        for item in work.items.iter().filter(|item| item.event.activity.is_some()) {
            if matches!(rdp_core_ts::meaning(item.event), Some(rdp_core_ts::Meaning::Disconnected(_))) {
                told.ends.insert(item.chain(), item.event.time);
            }
            let (chain, time) = (item.chain(), item.event.time);
            if keys::passed_security(item.event) {
                told.passed.entry(chain.clone()).or_insert(time);
            }
            if item.event.provider == Provider::RdpCoreTs && matches!(item.event.id, 139 | 140) {
                told.refused.entry(chain.clone()).or_insert((time, item.event.id == 140));
            }
            if rdp_core_ts::error_info(item.event).is_some_and(|code| code != 0) {
                told.decided.entry(chain).or_insert(time);
            }
            if let Some(user) = keys::user(item.event) {
                told.users.entry(item.chain()).or_insert(user.to_lowercase());
            }
        }
        told
    }

    /// Whether a connection and an accepted one may be the same: they last as long, and have the same user.
    fn agree(&self, work: &Work<'_>, at: usize, item_at: usize) -> bool {
        let (Some(attempt), Some(item)) = (work.attempts.get(at), work.items.get(item_at)) else {
            return false;
        };
        let connection = &attempt.connection;
        let ended = connection.flow.as_deref().is_some_and(|flow| !flow.closes.is_empty());
        let lasts = self.ends.get(&item.chain()).is_none_or(|end| {
            let longer = (*end - item.event.time) - (connection.last.time - handshake(connection).time);
            longer >= -RESIDUAL && (!ended || longer <= Self::PATIENCE)
        });
        let named = connection.cookie().map(|cookie| cookie.value.to_lowercase());
        let same = named.zip(self.users.get(&item.chain())).is_none_or(|(cookie, user)| {
            // Cut to nine characters, domain included; other clients put other things there.
            let name = cookie.rsplit(['\\', '/']).next().unwrap_or_default();
            !name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c)) || user.starts_with(name)
        });
        lasts && same && self.in_order(connection, item)
    }

    /// Whether what the log tells can have happened in this connection: in the stage that the packets show, and before
    /// they end.
    fn in_order(&self, connection: &Connection, accepted: &Item<'_>) -> bool {
        let (Some(flow), chain) = (connection.flow.as_deref(), accepted.chain()) else { return true };
        let moment = handshake(connection).time;
        let slack = TICK + flow.handshake_round_trip().unwrap_or(0);
        let closed = flow.first_close().map(|close| close.mark.time - moment);
        let after = |time: &Timestamp| *time - accepted.event.time;
        let in_time = |time: &Timestamp| closed.is_none_or(|closed| after(time) <= closed + slack);
        let began = connection.encrypted.settings_began.map(|began| began.time - moment);
        let sees_all = !flow.is_cut() && !flow.is_one_sided();
        let refused = self.refused.get(&chain).is_none_or(|(time, of_user)| {
            let nla = connection.selected().is_none_or(|selected| selected.value.nla());
            in_time(time) && began.is_none() && (nla || !of_user)
        });
        let passed = self.passed.get(&chain).is_none_or(|time| {
            let early = began.is_some_and(|began| after(time) < began - slack - PAUSES);
            in_time(time) && !early && (began.is_some() || closed.is_none() || !sees_all)
        });
        refused && passed && self.decided.get(&chain).is_none_or(in_time)
    }
}

/// A connection that a log knows under an address that no capture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stranger {
    time: Timestamp,
    item_at: usize,
    /// Whether its time is told by the capture's clock.
    compared: bool,
}

/// The only way to pair connections with strangers in their order; none where there are several ways, or none.
fn paired(open: &[(Timestamp, usize)], strangers: &[Stranger]) -> Vec<(usize, usize)> {
    let Some((first, last)) = open.first().zip(open.last()) else { return Vec::new() };
    if strangers.iter().all(|stranger| stranger.compared) {
        let near = |stranger: &&Stranger| {
            stranger.time >= first.0.shifted(-RESIDUAL) && stranger.time <= last.0.shifted(RESIDUAL)
        };
        let near: Vec<&Stranger> = strangers.iter().filter(near).collect();
        let fits = near.len() == open.len()
            && open
                .iter()
                .zip(&near)
                .all(|((moment, _), own)| (own.time - *moment).saturating_abs() <= RESIDUAL);
        return if fits { pairs(open, near.into_iter()) } else { Vec::new() };
    }
    // By clocks that were not compared, the pauses must tell; of one connection there are none, and the clocks must
    // agree.
    if open.len() == 1 {
        let within =
            |nanos: i64| strangers.iter().filter(move |own| (own.time - first.0).saturating_abs() <= nanos);
        let alone = within(UNCOMPARED).count() == 1;
        return if alone { pairs(open, within(RESIDUAL)) } else { Vec::new() };
    }
    let same_pauses = |window: &&[Stranger]| {
        let differences = || window.iter().zip(open).map(|(own, (moment, _))| own.time - *moment);
        differences()
            .max()
            .zip(differences().min())
            .is_some_and(|(most, least)| most.saturating_sub(least) <= PAUSES)
    };
    let mut ways = strangers.windows(open.len()).filter(same_pauses);
    match (ways.next(), ways.next()) {
        (Some(only), None) if last.0 - first.0 >= TELLING => pairs(open, only.iter()),
        _ => Vec::new(),
    }
}

fn pairs<'a>(
    open: &[(Timestamp, usize)],
    strangers: impl Iterator<Item = &'a Stranger>,
) -> Vec<(usize, usize)> {
    open.iter().zip(strangers).map(|((_, at), own)| (*at, own.item_at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(seconds: &[i64]) -> Vec<(Timestamp, usize)> {
        seconds.iter().map(|at| Timestamp::from_nanos(at * time::SECOND)).zip(0..).collect()
    }

    fn strangers(seconds: &[i64], compared: bool) -> Vec<Stranger> {
        let own = moments(seconds).into_iter();
        own.map(|(time, at)| Stranger { time, item_at: at + 100, compared }).collect()
    }

    #[test]
    fn pauses_tell_whatever_the_clock_says() {
        let open = moments(&[10, 19, 40]);
        let log = strangers(&[3_600, 3_611, 3_620, 3_641, 3_700], false);
        assert_eq!(paired(&open, &log), [(0, 101), (1, 102), (2, 103)]);
        // Every second: which ten of twelve?
        let regular: Vec<i64> = (0..12).collect();
        assert!(paired(&moments(&regular[..10]), &strangers(&regular, false)).is_empty());
    }

    #[test]
    fn one_alone_is_joined_only_to_one_alone() {
        assert_eq!(paired(&moments(&[10]), &strangers(&[12], false)), [(0, 100)]);
        assert!(paired(&moments(&[10]), &strangers(&[12, 60], false)).is_empty());
        assert!(paired(&moments(&[10]), &strangers(&[47], false)).is_empty());
        assert!(paired(&moments(&[10]), &strangers(&[7_000], false)).is_empty());
        assert!(paired(&moments(&[10]), &strangers(&[47], true)).is_empty());
    }
}
