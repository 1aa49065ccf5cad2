//! What the session manager tells: some of its events lost their ActivityID, and name a session. Where it alone was
//! exported, its logons are all that tells of connections.

use super::{
    AFTERMATH, Arc, BTreeMap, BTreeSet, Chain, Endpoint, Event, IpAddr, Item, MatchKey, Timestamp, Window,
    Work, bare, keys, time,
};
use crate::eventlog::local_session_manager::Origin;

/// Who takes a session over, and the end of it for who had it before, are told this near to each other, in either order.
const TOGETHER: i64 = time::SECOND;

/// From the acceptance of a connection to its session, where the user types his password at the logon screen.
const LOGS_ON_WITHIN: i64 = 120 * time::SECOND;
/// A logoff or reason that ends a connection is told this near to its end. A session that was left is logged off by a limit,
/// an administrator or a shutdown, hours later.
const WITH_THE_END: i64 = 10 * time::SECOND;

/// A session of a computer. Its number is given anew after a boot, and to others.
type Session = (Arc<str>, u32);

/// When a session is begun to be used, and by which event.
type Begun = (Timestamp, usize);

/// When connections were accepted, and which.
type Moments = Vec<(Timestamp, usize)>;

/// When the logs of each computer tell of connections, and under which chains.
#[derive(Default)]
struct Told {
    chains: BTreeSet<Chain>,
    moments: BTreeMap<Arc<str>, Vec<Timestamp>>,
}

impl Told {
    fn add(&mut self, item: &Item<'_>) {
        self.chains.insert(item.chain());
        self.moments.entry(Arc::clone(&item.event.computer)).or_default().push(item.event.time);
    }

    fn sort(&mut self) {
        for moments in self.moments.values_mut() {
            moments.sort_unstable();
        }
    }

    /// Whether the item's computer tells of its connection, or of any within a window.
    fn knows(&self, item: &Item<'_>, within: Window) -> bool {
        let moments = self.moments.get(&item.event.computer).map(Vec::as_slice).unwrap_or_default();
        let next = moments.partition_point(|moment| *moment < within.start);
        moments.get(next).is_some_and(|moment| *moment <= within.end)
            || item.event.activity.is_some() && self.chains.contains(&item.chain())
    }
}

/// The logons that alone tell of connections, by item.
#[derive(Default)]
pub(super) struct LogonsAlone {
    /// The first of each connection, with its client.
    pub begin: BTreeMap<usize, Endpoint>,
    /// The later ones, each with the first.
    pub go_on: Vec<(usize, usize)>,
}

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
    /// to different days. Of those that the session manager tells, its events are better than those of an audit.
    pub(super) fn known_by_logon_alone(&self) -> LogonsAlone {
        let mut accepted = Told::default();
        let mut let_in = Told::default();
        for item in &self.items {
            if keys::accepted_from(item.event).or_else(|| keys::passed_from(item.event)).is_some() {
                accepted.add(item);
            } else if keys::let_in_from(item.event).is_some() {
                let_in.add(item);
            }
        }
        accepted.sort();
        let_in.sort();
        let mut found = LogonsAlone { begin: self.begun_before().into_iter().collect(), go_on: Vec::new() };
        let mut audited: BTreeMap<(&str, IpAddr, Option<String>), (Timestamp, usize)> = BTreeMap::new();
        for (at, item) in self.items.iter().enumerate() {
            let time = item.event.time;
            let shortly = Window { start: time.shifted(-LOGS_ON_WITHIN), end: time.shifted(TOGETHER) };
            if let Some(client) = keys::let_in_from(item.event) {
                if !accepted.knows(item, shortly) {
                    found.begin.insert(at, client);
                }
            } else if let Some(client) = keys::audited_from(item.event) {
                // It comes before the session manager's word of the same logon.
                let around = Window { start: shortly.start, end: time.shifted(LOGS_ON_WITHIN) };
                if accepted.knows(item, shortly) || let_in.knows(item, around) {
                    continue;
                }
                let user = keys::user(item.event).map(|user| bare(&user));
                let first = audited.entry((&item.event.computer, client.ip, user)).or_insert((time, at));
                let before = self.items.get(first.1).filter(|_| first.1 != at).map(|item| item.event.id);
                let since = time - first.0;
                let goes_on = match (before, item.event.id) {
                    // An administrator logs on twice at once: as such, and as anybody.
                    (Some(4624), 4624) => since.abs() <= TOGETHER,
                    // The password was mistyped; a session that was left is found.
                    (Some(4625), 4624) | (Some(4624), 4778) => (-TOGETHER..=LOGS_ON_WITHIN).contains(&since),
                    _ => false,
                };
                if goes_on {
                    found.go_on.push((at, first.1));
                } else {
                    *first = (time, at);
                    found.begin.insert(at, client);
                }
            }
        }
        found
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
                uses.add(of_number(item, session), Use { window: *window, at, logon: None });
            }
        }
        self.take_by(&uses.in_order());
        self.logons_by_address();
        self.take_by(&self.by_their_logons().in_order());
        self.without_later_ends();
    }

    fn take_by(&mut self, uses: &BTreeMap<Session, Vec<(Use, Timestamp)>>) {
        self.take_where(MatchKey::Session, |item| {
            let uses = uses.get(&of_number(item, keys::session(item.event)?))?;
            let is_its = |one: &&Use| !one.is_denied_by(item.event);
            let time = item.event.time;
            let before = keys::ends_session(item.event).then(|| time.shifted(-TOGETHER));
            let before = before.and_then(|moment| holds(uses, moment)).filter(|one| one.logon.is_some());
            before.filter(is_its).or_else(|| holds(uses, time).filter(is_its)).map(|one| one.at)
        });
    }

    /// A logon without an ActivityID (2008 R2 gives none) is that of the only connection from its address that its computer
    /// accepted shortly before.
    fn logons_by_address(&mut self) {
        let mut accepted: BTreeMap<(Arc<str>, IpAddr), Moments> = BTreeMap::new();
        for (at, item_at) in &self.accepted {
            let Some(event) = self.items.get(*item_at).map(|item| item.event) else { continue };
            let from = keys::accepted_from(event).or_else(|| keys::passed_from(event));
            let Some(client) = from else { continue };
            accepted.entry((Arc::clone(&event.computer), client.ip)).or_default().push((event.time, *at));
        }
        for moments in accepted.values_mut() {
            moments.sort_unstable();
        }
        let has_session: BTreeSet<usize> = self
            .items
            .iter()
            .filter(|item| keys::let_in(item.event))
            .filter_map(|item| Some(item.taken?.0))
            .collect();
        self.take_where(MatchKey::Address, |item| {
            let client = keys::let_in_from(item.event)?;
            let moments = accepted.get(&(Arc::clone(&item.event.computer), client.ip))?;
            let time = item.event.time;
            let from = moments.partition_point(|(moment, _)| *moment < time.shifted(-LOGS_ON_WITHIN));
            let to = moments.partition_point(|(moment, _)| *moment <= time.shifted(TOGETHER));
            let mut near = moments.get(from..to)?.iter().filter(|(_, at)| !has_session.contains(at));
            let (_, at) = near.next().filter(|_| near.next().is_none())?;
            Some(*at)
        });
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

    /// A session that a logon or reconnection makes known is that connection's until somebody uses it anew, also at the
    /// console.
    fn by_their_logons(&self) -> Uses {
        let mut begun: BTreeMap<Session, Vec<Begun>> = BTreeMap::new();
        for (item_at, item) in self.items.iter().enumerate() {
            if let Some(number) = keys::begun_session(item.event).and_then(|session| session.number) {
                begun.entry(of_number(item, number)).or_default().push((item.event.time, item_at));
            }
        }
        let mut uses = Uses::default();
        // Of a session that began before the log, its leaving and what is told with that.
        for (at, item_at) in &self.accepted {
            let Some(item) = self.items.get(*item_at) else { continue };
            let Some(told) = keys::left_session(item.event) else { continue };
            if let Some((number, client)) = told.number.zip(told.from.remote()) {
                let logon = Some(Logon { client, user: told.user.map(bare) });
                let window = Window::at(item.event.time).widened(TOGETHER);
                uses.add(of_number(item, number), Use { window, at: *at, logon });
            }
        }
        for (session, mut begun) in begun {
            begun.sort_unstable();
            let next = begun.iter().skip(1).map(|(time, _)| time.shifted(-1)).chain([Timestamp::MAX]);
            for ((start, item_at), end) in begun.iter().zip(next) {
                let item = self.items.get(*item_at);
                let Some((item, (at, _))) = item.and_then(|item| Some((item, item.taken?))) else { continue };
                let told = keys::begun_session(item.event);
                let logon = told
                    .and_then(|told| Some(Logon { client: told.from.remote()?, user: told.user.map(bare) }));
                let end = self.last_moment(at, item).map_or(end, |last| last.min(end));
                if logon.is_some() {
                    uses.add(session.clone(), Use { window: Window { start: *start, end }, at, logon });
                }
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
