//! Logons of which no better event tells (RdpCoreTS 131, RemoteConnectionManager 1149): logs reach back to different
//! days, and often one of them alone was exported.

use super::acceptances::{Acceptances, LOGS_ON_WITHIN, TOGETHER, are_two, user_of};
use super::{BTreeMap, Endpoint, IpAddr, Item, Timestamp, Work, keys};

/// The logons that alone tell of connections, by item.
#[derive(Default)]
pub(super) struct LogonsAlone {
    /// The first of each connection, with its client.
    pub begin: BTreeMap<usize, Endpoint>,
    /// The later ones, each with the first.
    pub go_on: Vec<(usize, usize)>,
}

/// What an audit tells of one user at one client.
#[derive(Default)]
struct Audited {
    /// Logons that failed, since the last that did not.
    failed: Vec<(Timestamp, usize)>,
    /// The last that did not, and the first event of its connection.
    logon: Option<(Timestamp, usize)>,
}

/// Who mistypes his password more often than this in a row is guessing.
const MISTYPED: usize = 3;

impl LogonsAlone {
    /// One more of an audit.
    fn add(&mut self, own: &mut Audited, (at, item): (usize, &Item<'_>), client: Endpoint) {
        let time = item.event.time;
        let is_soon = |before: Timestamp| (-TOGETHER..=LOGS_ON_WITHIN).contains(&(time - before));
        match item.event.id {
            4625 => own.failed.push((time, at)),
            4624 => {
                let failed: Vec<usize> =
                    own.failed.drain(..).filter(|(before, _)| is_soon(*before)).map(|(_, at)| at).collect();
                // An administrator logs on twice at once: as such, and as anybody.
                let twin = own.logon.filter(|(before, _)| (time - *before).abs() <= TOGETHER);
                let first = match (twin, failed.as_slice()) {
                    (Some((_, first)), _) => Some(first),
                    (None, [first, later @ ..]) if failed.len() <= MISTYPED => {
                        for at in later {
                            self.begin.remove(at);
                            self.go_on.push((*at, *first));
                        }
                        Some(*first)
                    }
                    _ => None,
                };
                own.logon = Some((time, first.unwrap_or(at)));
                if let Some(first) = first {
                    self.go_on.push((at, first));
                    return;
                }
            }
            // A session that was left is found.
            _ => {
                if let Some((_, first)) = own.logon.take().filter(|(before, _)| is_soon(*before)) {
                    self.go_on.push((at, first));
                    return;
                }
            }
        }
        self.begin.insert(at, client);
    }
}

/// When, from where, and whose.
type Logon = (Timestamp, IpAddr, Option<String>);

/// The session manager's logons of each computer.
#[derive(Default)]
struct LetIn<'a>(BTreeMap<&'a str, Vec<Logon>>);

impl<'a> LetIn<'a> {
    fn of(items: &'a [Item<'a>]) -> Self {
        let mut all = Self::default();
        for item in items {
            if let Some(client) = keys::let_in_from(item.event) {
                let own = all.0.entry(&item.event.computer).or_default();
                own.push((item.event.time, client.ip, user_of(item)));
            }
        }
        for own in all.0.values_mut() {
            own.sort_unstable();
        }
        all
    }

    /// Whether one of them is the same logon as that of an audit, which comes before it. Of refusals it tells nothing, but
    /// whose password was mistyped is let in soon after.
    fn tells(&self, item: &Item<'_>, client: IpAddr) -> bool {
        let time = item.event.time;
        let is_refusal = item.event.id == 4625;
        if is_refusal && !keys::refuses_credentials(item.event) {
            return false;
        }
        let from = if is_refusal { time } else { time.shifted(-LOGS_ON_WITHIN) };
        let all = self.0.get(&*item.event.computer).map(Vec::as_slice).unwrap_or_default();
        let next = all.partition_point(|(moment, ..)| *moment < from);
        let mut near =
            all.iter().skip(next).take_while(|(moment, ..)| *moment <= time.shifted(LOGS_ON_WITHIN));
        let user = user_of(item);
        near.any(|(_, from, own)| {
            let is_known = !is_refusal || user.is_some() && own.is_some();
            *from == client && is_known && !are_two(user.as_deref(), own.as_deref())
        })
    }
}

/// Logons that failed at the server's own logon screen, by user and client, in order of time.
struct Failures<'a>(BTreeMap<Key<'a>, Vec<Timestamp>>);

/// A computer, a client, a user.
type Key<'a> = (&'a str, IpAddr, Option<String>);

impl<'a> Failures<'a> {
    fn of(items: &'a [Item<'a>]) -> Self {
        let mut all: BTreeMap<Key<'a>, Vec<Timestamp>> = BTreeMap::new();
        for item in items.iter().filter(|item| item.event.id == 4625) {
            if let Some(client) = keys::audited_from(item.event) {
                let key = (&*item.event.computer, client.ip, user_of(item));
                all.entry(key).or_default().push(item.event.time);
            }
        }
        for own in all.values_mut() {
            own.sort_unstable();
        }
        Self(all)
    }

    /// Whether a failure is one of more than a user makes.
    fn are_many(&self, item: &Item<'_>, client: IpAddr) -> bool {
        let key = (&*item.event.computer, client, user_of(item));
        let all = self.0.get(&key).map(Vec::as_slice).unwrap_or_default();
        let from = all.partition_point(|own| *own < item.event.time.shifted(-LOGS_ON_WITHIN));
        let to = all.partition_point(|own| *own <= item.event.time.shifted(LOGS_ON_WITHIN));
        to - from > MISTYPED
    }
}

impl Work<'_> {
    /// The logons that alone tell of connections. Of those that the session manager tells, its events are better than those
    /// of an audit.
    pub(super) fn known_by_logon_alone(&self) -> LogonsAlone {
        let accepted = Acceptances::of(&self.items);
        let let_in = LetIn::of(&self.items);
        let failures = Failures::of(&self.items);
        let mut found = LogonsAlone { begin: self.begun_before().into_iter().collect(), go_on: Vec::new() };
        let mut audited: BTreeMap<Key<'_>, Audited> = BTreeMap::new();
        for (at, item) in self.items.iter().enumerate() {
            if let Some(client) = keys::let_in_from(item.event) {
                let mut before = accepted.before(item, client.ip);
                if !accepted.have_chain_of(item) && before.next().is_none() {
                    found.begin.insert(at, client);
                }
                continue;
            }
            let Some(client) = keys::audited_from(item.event) else { continue };
            let is_let_in = || {
                let are_many = item.event.id == 4625 && failures.are_many(item, client.ip);
                !are_many && let_in.tells(item, client.ip)
            };
            let mut before = accepted.before(item, client.ip);
            match (before.next(), before.next()) {
                (Some(own), None) => {
                    found.go_on.push((at, own.item_at));
                    continue;
                }
                (Some(_), Some(_)) => continue,
                (None, _) if is_let_in() => continue,
                (None, _) => {}
            }
            let own = audited.entry((&item.event.computer, client.ip, user_of(item))).or_default();
            found.add(own, (at, item), client);
        }
        found
    }
}
