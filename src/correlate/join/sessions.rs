//! What the session manager tells: some of its events lost their ActivityID, and name a session. Where it alone was
//! exported, its logons are all that tells of connections.

use super::acceptances::{Acceptances, LOGS_ON_WITHIN, TOGETHER};
use super::{
    AFTERMATH, Arc, BTreeMap, BTreeSet, Event, IpAddr, Item, MatchKey, Timestamp, Window, Work, bare, keys,
    time,
};
use crate::eventlog::local_session_manager::{self as lsm, Origin};

/// A logoff or reason that ends a connection is told this near to its end. A session that was left is logged off by a limit,
/// an administrator or a shutdown, hours later.
const WITH_THE_END: i64 = 10 * time::SECOND;

/// A session of a computer. Its number is given anew after a boot, and to others.
type Session = (Arc<str>, u32);

/// A session while it was one connection's.
struct Use {
    window: Window,
    /// The connection.
    at: usize,
    /// Where from and by whom, where a logon tells it.
    logon: Option<Logon>,
}

/// What a logon tells, and other events of its session repeat.
struct Logon {
    client: IpAddr,
    /// Without the domain, lower case.
    user: Option<String>,
}

impl Logon {
    fn of(told: lsm::Session<'_>) -> Option<Self> {
        Some(Self { client: told.from.remote()?, user: told.user.map(bare) })
    }
}

impl Use {
    /// Whether an event tells of another use of the session: by its user or by where it is used from.
    fn is_denied_by(&self, event: &Event) -> bool {
        let Some((logon, told)) = self.logon.as_ref().zip(keys::told_of_session(event)) else { return false };
        let elsewhere = match told.from {
            Origin::Remote(client) => client != logon.client,
            Origin::Local => true,
            Origin::Unsaid => false,
        };
        let user = told.user.map(bare);
        elsewhere || user.zip(logon.user.as_ref()).is_some_and(|(user, own)| user != *own)
    }
}

/// When sessions were left or logged off.
struct Leavings<'a> {
    of: BTreeMap<Session, Vec<Timestamp>>,
    told: BTreeSet<&'a str>,
}

impl<'a> Leavings<'a> {
    fn of(items: &[Item<'a>]) -> Self {
        let mut all = Self { of: BTreeMap::new(), told: BTreeSet::new() };
        for item in items.iter().filter(|item| keys::leaves(item.event)) {
            all.told.insert(&item.event.computer);
            if let Some(number) = keys::session(item.event) {
                all.of.entry(of_number(item, number)).or_default().push(item.event.time);
            }
        }
        for moments in all.of.values_mut() {
            moments.sort_unstable();
        }
        all
    }

    /// Whether an event is the reason of an end that is none: a session whose user did not log on, at the logon screen, is
    /// given up with a reason and is left by nobody.
    fn lack(&self, item: &Item<'_>) -> bool {
        if !keys::is_reason(item.event) || !self.told.contains(&*item.event.computer) {
            return false;
        }
        let Some(number) = keys::session(item.event) else { return false };
        let moments = self.of.get(&of_number(item, number)).map(Vec::as_slice).unwrap_or_default();
        let near = Window::at(item.event.time).widened(WITH_THE_END);
        let next = moments.partition_point(|moment| *moment < near.start);
        moments.get(next).is_none_or(|moment| *moment > near.end)
    }
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
            uses.add(session.clone(), Use { window, at: one, logon: None });
        }
        let uses = uses.in_order();
        let of = |moment| holds(uses.get(&session).unwrap(), at(moment)).map(|one| one.at);
        assert_eq!([0, 7, 11, 33, 36, 41].map(of), [Some(1), Some(1), Some(2), Some(2), Some(0), None]);
    }
}
