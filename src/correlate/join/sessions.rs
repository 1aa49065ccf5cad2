//! What the session manager tells: some of its events lost their ActivityID, and name a session.

use super::acceptances::{Acceptances, LOGS_ON_WITHIN, TOGETHER};
use super::uses::{Leavings, Logon, Session, Use, Uses, WITH_THE_END, before, holds, last_begun, of_number};
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
                uses.add(
                    of_number(item, session),
                    Use { window: *window, at, logon: None, takes_over: false },
                );
            }
        }
        let bound = uses.in_order();
        // Of two that are bound to a session it is the later one's; what ends it may be either's.
        self.take_where(MatchKey::Session, |item| {
            let session = of_number(item, keys::session(item.event)?);
            if keys::tells_of_end(item.event) {
                return None;
            }
            last_begun(bound.get(&session)?, item.event.time).map(|one| one.at)
        });
        self.logons_by_address();
        let leavings = Leavings::of(&self.items);
        self.take_by(&self.by_their_logons().in_order(), &leavings);
        self.take_by(&bound, &leavings);
        self.without_later_ends();
    }

    fn take_by(&mut self, uses: &BTreeMap<Session, Vec<(Use, Timestamp)>>, leavings: &Leavings<'_>) {
        self.take_where(MatchKey::Session, |item| {
            let uses = uses.get(&of_number(item, keys::session(item.event)?))?;
            if leavings.lack(item) {
                return None;
            }
            let time = item.event.time;
            let is_its = |one: &&Use| !one.is_denied_by(item.event);
            let own = if keys::tells_of_end(item.event) { holds(uses, time) } else { last_begun(uses, time) };
            let is_late = keys::is_taken_over(item.event) || keys::left_session(item.event).is_some();
            let within = if is_late { WITH_THE_END } else { TOGETHER };
            let just_begun = own.is_some_and(|own| own.takes_over && time - own.window.start <= within);
            if keys::ends_session(item.event) && (just_begun || own.is_none()) {
                let before = before(uses, time).filter(|one| time - one.window.end <= within);
                let before = before.filter(|one| one.logon.is_some());
                if let Some(one) = before.filter(is_its) {
                    return Some(one.at);
                }
                // Of somebody whose beginning no log tells.
                if just_begun && (keys::is_taken_over(item.event) || before.is_none()) {
                    return None;
                }
            }
            own.filter(is_its).map(|one| one.at)
        });
    }

    /// A logon without an ActivityID (2008 R2 gives none) is that of the connection from its address that its computer
    /// accepted shortly before.
    fn logons_by_address(&mut self) {
        let mut logons: Vec<(Timestamp, usize, IpAddr)> = (self.items.iter().enumerate())
            .filter(|(_, item)| item.taken.is_none())
            .filter_map(|(item_at, item)| Some((item.event.time, item_at, keys::let_in_from(item.event)?.ip)))
            .collect();
        if logons.is_empty() {
            return;
        }
        logons.sort_unstable();
        let accepted = Acceptances::of(&self.items);
        let connections: BTreeMap<usize, usize> =
            self.accepted.iter().map(|(at, item_at)| (*item_at, *at)).collect();
        let let_in = self.items.iter().filter(|item| keys::let_in(item.event));
        let mut has_session: BTreeSet<usize> = let_in.filter_map(|item| Some(item.taken?.0)).collect();
        for (_, item_at, client) in logons {
            let Some(item) = self.items.get(item_at) else { continue };
            let found = {
                let before = accepted.before(item, client);
                let free: Vec<(usize, bool)> = before
                    .filter_map(|own| Some((*connections.get(&own.item_at)?, own.user.is_some())))
                    .filter(|(at, _)| !has_session.contains(at))
                    .collect();
                // Of several of its own user it is the last one's.
                let are_told_apart = free.len() < 2 || free.iter().all(|(_, names_user)| *names_user);
                free.last().filter(|_| are_told_apart).map(|(at, _)| *at)
            };
            if let Some(at) = found {
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
        // The channels of a computer are logs of their own: in order of time only when they are sorted.
        let tells =
            |event: &Event| keys::let_in(event) || ends_connection(event) || keys::tells_of_end(event);
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
            if is_late && keys::tells_of_end(item.event) {
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
                let time = item.event.time;
                let window = Window { start: time.shifted(-WITH_THE_END), end: time.shifted(TOGETHER) };
                let one = Use { window, at: *at, logon: Some(logon), takes_over: false };
                uses.add(of_number(item, number), one);
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
        let (mut is_open, mut is_left) = (false, false);
        let mut arbitrated: Option<Timestamp> = None;
        for (time, item_at) in signs {
            let Some(item) = self.items.get(*item_at) else { continue };
            let open = uses.last_mut().filter(|_| is_open);
            let is_new = |one: &Use| *time - one.window.start <= WITH_THE_END;
            if keys::is_taken_over(item.event) {
                if let Some(one) = open.filter(|one| is_new(one)) {
                    one.takes_over = true;
                }
                continue;
            }
            if keys::leaves(item.event) {
                // The first that is told just behind a take-over is the end of who had it before.
                let is_anothers = |one: &Use| one.is_denied_by(item.event) || one.takes_over && is_new(one);
                if let Some(one) = open.filter(|one| !is_anothers(one)) {
                    one.window.end = one.window.end.min(time.shifted(WITH_THE_END));
                    is_left = true;
                }
                continue;
            }
            let takes_over = open.is_some() && !is_left;
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
                let last = self.last_moment(at, item).unwrap_or(Timestamp::MAX);
                let end = last.min(next_start(*time));
                let window = Window { start: settled.unwrap_or(*time), end };
                uses.push(Use { window, at, logon: Some(logon), takes_over });
                is_open = true;
                is_left = false;
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
    keys::begun_session(event).is_some()
        || keys::leaves(event)
        || keys::is_settled(event)
        || keys::is_taken_over(event)
}
