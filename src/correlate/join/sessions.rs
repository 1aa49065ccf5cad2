//! What the session manager tells: some of its events lost their ActivityID, and name a session. Where it alone was
//! exported, its logons are all that tells of connections.

use super::{
    Arc, BTreeMap, BTreeSet, Chain, Endpoint, Event, IpAddr, Item, MatchKey, Timestamp, Window, Work, keys,
    time,
};

/// Who takes a session over, and the end of it for who had it before, are told this near to each other, in either order.
const TOGETHER: i64 = time::SECOND;

/// From the acceptance of a connection to its session, where the user types his password at the logon screen.
const LOGS_ON_WITHIN: i64 = 120 * time::SECOND;
/// A logoff that ends a connection is told this near to its end. A session that was left is logged off by a limit, an
/// administrator or a shutdown, hours later.
const WITH_THE_END: i64 = 10 * time::SECOND;

/// A session of a computer. Its number is given anew after a boot, and to others.
type Session = (Arc<str>, u32);

/// When a session is begun to be used, and by which connection, from where, if that is known.
type Begun = (Timestamp, Option<(usize, IpAddr)>);

/// A session while it was one connection's.
struct Use {
    window: Window,
    /// The connection.
    at: usize,
    /// Whose address its events carry, where they do: known of logons, not behind an address translation.
    client: Option<IpAddr>,
}

/// The session of an item's computer by its number.
fn of_number(item: &Item<'_>, number: u32) -> Session {
    (Arc::clone(&item.event.computer), number)
}

/// The uses of each session.
#[derive(Default)]
struct Uses(BTreeMap<Session, Vec<Use>>);

impl Uses {
    fn add(&mut self, session: Session, one: Use) {
        self.0.entry(session).or_default().push(one);
    }

    /// In order of their beginning, each with the last end up to it: many may be of one session.
    fn in_order(self) -> BTreeMap<Session, Vec<(Use, Timestamp)>> {
        let in_order = |mut uses: Vec<Use>| {
            uses.sort_by_key(|one| one.window.start);
            let mut reach = Timestamp::MIN;
            let reaching = |one: Use| {
                reach = reach.max(one.window.end);
                (one, reach)
            };
            uses.into_iter().map(reaching).collect()
        };
        self.0.into_iter().map(|(session, uses)| (session, in_order(uses))).collect()
    }
}

/// The use that holds a moment, the earliest if there are several.
fn holds(uses: &[(Use, Timestamp)], moment: Timestamp) -> Option<&Use> {
    let at = uses.partition_point(|(_, reach)| *reach < moment);
    uses.get(at).map(|(one, _)| one).filter(|one| one.window.contains(moment))
}

impl Work<'_> {
    /// The logons of which no better event tells (RdpCoreTS 131, RemoteConnectionManager 1149), by item: logs reach back
    /// to different days.
    pub(super) fn known_by_session_alone(&self) -> BTreeMap<usize, Endpoint> {
        let mut chains: BTreeSet<Chain> = BTreeSet::new();
        let mut moments: BTreeMap<Arc<str>, Vec<Timestamp>> = BTreeMap::new();
        for item in &self.items {
            if keys::accepted_from(item.event).or_else(|| keys::passed_from(item.event)).is_some() {
                chains.insert(item.chain());
                moments.entry(Arc::clone(&item.event.computer)).or_default().push(item.event.time);
            }
        }
        for moments in moments.values_mut() {
            moments.sort_unstable();
        }
        let is_told = |item: &Item<'_>| {
            let known = item.event.activity.is_some() && chains.contains(&item.chain());
            let moments = moments.get(&item.event.computer).map(Vec::as_slice).unwrap_or_default();
            let next = moments.partition_point(|moment| *moment < item.event.time.shifted(-LOGS_ON_WITHIN));
            known || moments.get(next).is_some_and(|moment| *moment <= item.event.time.shifted(TOGETHER))
        };
        let logons = self.items.iter().enumerate();
        let logons = logons.filter_map(|(at, item)| Some((at, item, keys::let_in_from(item.event)?)));
        logons.filter(|(_, item, _)| !is_told(item)).map(|(at, _, client)| (at, client)).collect()
    }

    /// Events without an ActivityID go by their session's number and time.
    pub(super) fn by_session(&mut self) {
        let own = self.own_windows();
        let mut uses = Uses::default();
        for item in &self.items {
            let Some((at, _)) = item.taken else { continue };
            if let Some(session) = keys::bound_session(item.event)
                && let Some(window) = own.get(&(at, Arc::clone(&item.event.computer)))
            {
                uses.add(of_number(item, session), Use { window: *window, at, client: None });
            }
        }
        self.by_their_logons(&mut uses);
        let uses = uses.in_order();
        self.take_where(MatchKey::Session, |item| {
            let uses = uses.get(&of_number(item, keys::session(item.event)?))?;
            let from = keys::left_session(item.event).and_then(|left| left.from.remote());
            let is_its = |one: &&Use| one.client.is_none() || from.is_none() || one.client == from;
            let time = item.event.time;
            let before = keys::ends_session(item.event).then(|| time.shifted(-TOGETHER));
            let before = before.and_then(|moment| holds(uses, moment)).filter(|one| one.client.is_some());
            before.filter(is_its).or_else(|| holds(uses, time).filter(is_its)).map(|one| one.at)
        });
        self.without_later_ends();
    }

    /// What is told of a session long after its connection ended (LocalSessionManager 24, RdpCoreTS 102, 103) is not the
    /// connection's end.
    fn without_later_ends(&mut self) {
        let ends_connection =
            |event: &Event| keys::left_session(event).is_some() || keys::disconnected(event);
        let ends_session = |event: &Event| keys::ends_session(event) || keys::logs_off(event);
        // The channels of a computer are logs of their own: in order of time only when they are sorted.
        let tells = |event: &Event| keys::let_in(event) || ends_connection(event) || ends_session(event);
        let mut telling: Vec<(usize, &mut Item<'_>)> = self
            .items
            .iter_mut()
            .filter_map(|item| Some((item.taken?.0, item)))
            .filter(|(_, item)| tells(item.event))
            .collect();
        telling.sort_by_key(|(_, item)| item.event.time);
        let mut ended: BTreeMap<(usize, Arc<str>), Timestamp> = BTreeMap::new();
        for (at, item) in telling {
            let own = (at, Arc::clone(&item.event.computer));
            if keys::let_in(item.event) {
                ended.remove(&own);
                continue;
            }
            let first = if ends_connection(item.event) {
                Some(*ended.entry(own).or_insert(item.event.time))
            } else {
                ended.get(&own).copied()
            };
            let is_late = first.is_some_and(|first| item.event.time - first > WITH_THE_END);
            if is_late && ends_session(item.event) {
                item.taken = None;
            }
        }
    }

    /// A session that a logon or reconnection alone makes known is that connection's until somebody uses it anew, also at
    /// the console.
    fn by_their_logons(&self, uses: &mut Uses) {
        let known: BTreeMap<usize, usize> =
            self.accepted.iter().map(|(at, item_at)| (*item_at, *at)).collect();
        let mut begun: BTreeMap<Session, Vec<Begun>> = BTreeMap::new();
        for (item_at, item) in self.items.iter().enumerate() {
            let Some(session) = keys::begun_session(item.event) else { continue };
            let Some(number) = session.number else { continue };
            let one = known.get(&item_at).copied().zip(session.from.remote());
            begun.entry(of_number(item, number)).or_default().push((item.event.time, one));
        }
        for (session, mut begun) in begun {
            begun.sort_unstable();
            let next = begun.iter().skip(1).map(|(time, _)| time.shifted(-1)).chain([Timestamp::MAX]);
            for ((start, one), end) in begun.iter().zip(next) {
                let Some((at, client)) = *one else { continue };
                let window = Window { start: *start, end };
                uses.add(session.clone(), Use { window, at, client: Some(client) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_use_that_holds_a_moment() {
        let at = Timestamp::from_nanos;
        let mut uses = Uses::default();
        let session: Session = ("srv".into(), 2);
        for (one, (start, end)) in [(30, 40), (0, 10), (5, 35)].into_iter().enumerate() {
            let window = Window { start: at(start), end: at(end) };
            uses.add(session.clone(), Use { window, at: one, client: None });
        }
        let uses = uses.in_order();
        let of = |moment| holds(uses.get(&session).unwrap(), at(moment)).map(|one| one.at);
        assert_eq!([0, 7, 11, 33, 36, 41].map(of), [Some(1), Some(1), Some(2), Some(2), Some(0), None]);
    }
}
