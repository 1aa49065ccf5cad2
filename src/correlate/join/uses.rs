//! Which connection a session of a computer was used by, and when.

use super::{Arc, BTreeMap, BTreeSet, Event, IpAddr, Item, Timestamp, Window, bare, keys, time};
use crate::eventlog::local_session_manager::{self as lsm, Origin};

/// A logoff or reason that ends a connection is told this near to its end. A session that was left is logged off by a limit,
/// an administrator or a shutdown, hours later.
pub(super) const WITH_THE_END: i64 = 10 * time::SECOND;

/// A session of a computer. Its number is given anew after a boot, and to others.
pub(super) type Session = (Arc<str>, u32);

/// A session while it was one connection's.
pub(super) struct Use {
    pub window: Window,
    /// The connection.
    pub at: usize,
    /// Where from and by whom, where a logon tells it.
    pub logon: Option<Logon>,
    /// It began while the session was another's: the end of that is told behind its beginning.
    pub takes_over: bool,
}

/// What a logon tells, and other events of its session repeat.
pub(super) struct Logon {
    client: IpAddr,
    /// Without the domain, lower case.
    user: Option<String>,
}

impl Logon {
    pub fn of(told: lsm::Session<'_>) -> Option<Self> {
        Some(Self { client: told.from.remote()?, user: told.user.map(bare) })
    }
}

impl Use {
    /// Whether an event tells of another use of the session: by its user or by where it is used from.
    pub fn is_denied_by(&self, event: &Event) -> bool {
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
pub(super) struct Leavings<'a> {
    of: BTreeMap<Session, Vec<Timestamp>>,
    told: BTreeSet<&'a str>,
}

impl<'a> Leavings<'a> {
    pub fn of(items: &[Item<'a>]) -> Self {
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
    pub fn lack(&self, item: &Item<'_>) -> bool {
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
pub(super) fn of_number(item: &Item<'_>, number: u32) -> Session {
    (Arc::clone(&item.event.computer), number)
}

/// The uses of each session.
#[derive(Default)]
pub(super) struct Uses(BTreeMap<Session, Vec<Use>>);

impl Uses {
    pub fn add(&mut self, session: Session, one: Use) {
        self.0.entry(session).or_default().push(one);
    }

    /// In order of their beginning, each with the last end up to it: many may be of one session.
    pub fn in_order(self) -> BTreeMap<Session, Vec<(Use, Timestamp)>> {
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

/// The last use that began up to a moment and holds it.
pub(super) fn last_begun(uses: &[(Use, Timestamp)], moment: Timestamp) -> Option<&Use> {
    /// More of one session at once are not to be told apart.
    const AT_ONCE: usize = 8;
    let begun = uses.partition_point(|(one, _)| one.window.start <= moment);
    let last = uses.get(..begun)?.iter().rev().take(AT_ONCE);
    last.map(|(one, _)| one).find(|one| one.window.contains(moment))
}

/// The use that ended last before a moment.
pub(super) fn before(uses: &[(Use, Timestamp)], moment: Timestamp) -> Option<&Use> {
    let at = uses.partition_point(|(_, reach)| *reach < moment).checked_sub(1)?;
    uses.get(at).map(|(one, _)| one)
}

/// The use that holds a moment, the earliest if there are several.
pub(super) fn holds(uses: &[(Use, Timestamp)], moment: Timestamp) -> Option<&Use> {
    let at = uses.partition_point(|(_, reach)| *reach < moment);
    uses.get(at).map(|(one, _)| one).filter(|one| one.window.contains(moment))
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
            uses.add(session.clone(), Use { window, at: one, logon: None, takes_over: false });
        }
        let uses = uses.in_order();
        let of = |moment| holds(uses.get(&session).unwrap(), at(moment)).map(|one| one.at);
        assert_eq!([0, 7, 11, 33, 36, 41].map(of), [Some(1), Some(1), Some(2), Some(2), Some(0), None]);
    }
}
