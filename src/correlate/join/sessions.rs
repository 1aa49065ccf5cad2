//! What the session manager tells: some of its events lost their ActivityID, and name a session.

use super::acceptances::{Acceptances, LOGS_ON_WITHIN, TOGETHER};
use super::uses::{Leavings, Logon, Session, Use, Uses, WITH_THE_END, holds, of_number};
use super::{
    AFTERMATH, Arc, BTreeMap, BTreeSet, Event, IpAddr, Item, MatchKey, Timestamp, Window, Work, keys,
};

impl Work<'_> {
    /// Events without an ActivityID go by their session's number and time.
    pub(super) fn by_session(&mut self) {
        let own = self.own_windows();
        let mut uses = Uses::default();
        for item in &self.items {
            let Some((at, _)) = item.taken else { continue };
            if let Some(session) = keys::bound_session(item.event)
                && let Some(window) = own.get(&(at, Arc::clone(&item.event.computer)))
            {
                uses.add(of_number(item, session), Use { window: *window, at, logon: None });
            }
        }
        self.take_by(&uses.in_order());
        self.logons_by_address();
        self.take_by(&self.by_their_logons().in_order());
        self.without_later_ends();
    }

    fn take_by(&mut self, uses: &BTreeMap<Session, Vec<(Use, Timestamp)>>) {
        let leavings = Leavings::of(&self.items);
        self.take_where(MatchKey::Session, |item| {
            let uses = uses.get(&of_number(item, keys::session(item.event)?))?;
            if leavings.lack(item) {
                return None;
            }
            let time = item.event.time;
            let by_logon = |ago: i64| holds(uses, time.shifted(-ago)).filter(|one| one.logon.is_some());
            // Who takes a session over, and the end of it for who had it before, are told near to each other, in either
            // order; on a busy server the end comes later, and tells by its reason or its address whose it is.
            let ends = keys::ends_session(item.event);
            let taken_over = keys::is_taken_over(item.event);
            let left = keys::left_session(item.event).is_some();
            let whose = [
                taken_over.then(|| by_logon(WITH_THE_END)).flatten(),
                ends.then(|| by_logon(TOGETHER)).flatten(),
                holds(uses, time),
                left.then(|| by_logon(WITH_THE_END)).flatten(),
            ];
            whose.into_iter().flatten().find(|one| !one.is_denied_by(item.event)).map(|one| one.at)
        });
    }

    /// A logon without an ActivityID (2008 R2 gives none) is that of the only connection from its address that its computer
    /// accepted shortly before.
    fn logons_by_address(&mut self) {
        let accepted = Acceptances::of(&self.items);
        let connections: BTreeMap<usize, usize> =
            self.accepted.iter().map(|(at, item_at)| (*item_at, *at)).collect();
        let is_let_in = |item: &Item<'_>| keys::let_in(item.event);
        let mut has_session: BTreeSet<usize> =
            self.items.iter().filter(|item| is_let_in(item)).filter_map(|item| Some(item.taken?.0)).collect();
        let mut logons: Vec<(Timestamp, usize, IpAddr)> = (self.items.iter().enumerate())
            .filter(|(_, item)| item.taken.is_none())
            .filter_map(|(item_at, item)| Some((item.event.time, item_at, keys::let_in_from(item.event)?.ip)))
            .collect();
        logons.sort_unstable();
        for (_, item_at, client) in logons {
            let Some(item) = self.items.get(item_at) else { continue };
            let found = {
                let before = accepted.before(item, client);
                let mut free = before
                    .filter_map(|own| connections.get(&own.item_at).copied())
                    .filter(|at| !has_session.contains(at));
                (free.next(), free.next())
            };
            if let (Some(at), None) = found {
                has_session.insert(at);
                self.take(item_at, at, MatchKey::Address);
            }
        }
    }

    /// What is told of a session long after its connection ended (LocalSessionManager 24, RdpCoreTS 102, 103) is not the
    /// connection's end. Who logs off himself does so before his session is left: a logoff behind that is another's work.
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
        let mut left: BTreeSet<(usize, Arc<str>)> = BTreeSet::new();
        for (at, item) in telling {
            let own = (at, Arc::clone(&item.event.computer));
            if keys::let_in(item.event) {
                ended.remove(&own);
                left.remove(&own);
                continue;
            }
            if keys::logs_off(item.event) && left.contains(&own) {
                item.taken = None;
                continue;
            }
            if keys::left_session(item.event).is_some() {
                left.insert(own.clone());
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

    /// A session that a logon or reconnection makes known is that connection's until it is left or logged off, the computer
    /// starts anew, or somebody uses it anew, also at the console.
    fn by_their_logons(&self) -> Uses {
        let mut uses = Uses::default();
        // Of a session that began before the log, its leaving and what is told with that.
        for (at, item_at) in &self.accepted {
            let Some(item) = self.items.get(*item_at) else { continue };
            let Some(told) = keys::left_session(item.event) else { continue };
            if let Some((number, logon)) = told.number.zip(Logon::of(told)) {
                let window = Window::at(item.event.time).widened(TOGETHER);
                uses.add(of_number(item, number), Use { window, at: *at, logon: Some(logon) });
            }
        }
        let mut signs: BTreeMap<Session, Vec<(Timestamp, usize)>> = BTreeMap::new();
        let mut starts: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
        for (item_at, item) in self.items.iter().enumerate() {
            if keys::starts_anew(item.event) {
                starts.entry(&item.event.computer).or_default().push(item.event.time);
            }
            if let Some(number) = keys::session(item.event).filter(|_| bounds_a_use(item.event)) {
                signs.entry(of_number(item, number)).or_default().push((item.event.time, item_at));
            }
        }
        for starts in starts.values_mut() {
            starts.sort_unstable();
        }
        for (session, mut signs) in signs {
            signs.sort_unstable();
            let starts = starts.get(&*session.0).map(Vec::as_slice).unwrap_or_default();
            let next_start = |after: Timestamp| {
                let next = starts.partition_point(|start| *start <= after);
                starts.get(next).map_or(Timestamp::MAX, |start| start.shifted(-1))
            };
            for one in self.uses_of(&signs, next_start) {
                uses.add(session.clone(), one);
            }
        }
        uses
    }

    /// The uses of one session, of what begins and ends them, in order of time.
    fn uses_of(&self, signs: &[(Timestamp, usize)], next_start: impl Fn(Timestamp) -> Timestamp) -> Vec<Use> {
        let mut uses: Vec<Use> = Vec::new();
        let mut is_open = false;
        let mut arbitrated: Option<Timestamp> = None;
        for (time, item_at) in signs {
            let Some(item) = self.items.get(*item_at) else { continue };
            let open = uses.last_mut().filter(|_| is_open);
            if keys::leaves(item.event) {
                if let Some(one) = open.filter(|one| !one.is_denied_by(item.event)) {
                    one.window.end = one.window.end.min(time.shifted(WITH_THE_END));
                }
                continue;
            }
            if let Some(one) = open {
                one.window.end = one.window.end.min(time.shifted(-1));
            }
            is_open = false;
            let Some(told) = keys::begun_session(item.event) else {
                arbitrated = Some(*time);
                continue;
            };
            // It is settled before the logon which session a user gets.
            let settled = arbitrated.take().filter(|settled| *time - *settled <= LOGS_ON_WITHIN);
            if let Some(((at, _), logon)) = item.taken.zip(Logon::of(told)) {
                let end =
                    self.last_moment(at, item).map_or(Timestamp::MAX, |last| last.min(next_start(*time)));
                let window = Window { start: settled.unwrap_or(*time), end };
                uses.push(Use { window, at, logon: Some(logon) });
                is_open = true;
            }
        }
        uses
    }

    /// Until when events may speak of a connection whose end was captured, by the clock of one of them.
    fn last_moment(&self, at: usize, item: &Item<'_>) -> Option<Timestamp> {
        let connection = &self.attempts.get(at)?.connection;
        connection.flow.as_deref().filter(|flow| !flow.closes.is_empty())?;
        let ahead = item.corrected.map_or(0, |corrected| item.event.time - corrected);
        Some(connection.window().end.shifted(ahead + AFTERMATH))
    }
}

/// Whether an event begins or ends the use of a session, or is of somebody who will get it.
fn bounds_a_use(event: &Event) -> bool {
    keys::begun_session(event).is_some() || keys::leaves(event) || keys::is_settled(event)
}
