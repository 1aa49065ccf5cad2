//! Logons of which no better event tells (RdpCoreTS 131, RemoteConnectionManager 1149): logs reach back to different days,
//! and often one of them alone was exported.

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

    /// Whether one of them is the same logon as that of an audit, which comes before it. Of refusals it tells nothing.
    fn tells(&self, item: &Item<'_>, client: IpAddr) -> bool {
        let time = item.event.time;
        let from = if item.event.id == 4625 { time } else { time.shifted(-LOGS_ON_WITHIN) };
        let all = self.0.get(&*item.event.computer).map(Vec::as_slice).unwrap_or_default();
        let next = all.partition_point(|(moment, ..)| *moment < from);
        let near = all.iter().skip(next).take_while(|(moment, ..)| *moment <= time.shifted(LOGS_ON_WITHIN));
        let user = user_of(item);
        near.into_iter().any(|(_, from, own)| {
            let is_same_user = user.is_some() && user == *own;
            let is_same_client = *from == client && !are_two(user.as_deref(), own.as_deref());
            if item.event.id == 4625 {
                is_same_user && is_same_client
            } else {
                is_same_user || is_same_client
            }
        })
    }
}

impl Work<'_> {
    /// The logons that alone tell of connections. Of those that the session manager tells, its events are better than those
    /// of an audit.
    pub(super) fn known_by_logon_alone(&self) -> LogonsAlone {
        let accepted = Acceptances::of(&self.items);
        let let_in = LetIn::of(&self.items);
        let mut found = LogonsAlone { begin: self.begun_before().into_iter().collect(), go_on: Vec::new() };
        let mut audited: BTreeMap<(&str, IpAddr, Option<String>), Audited> = BTreeMap::new();
        for (at, item) in self.items.iter().enumerate() {
            let is_told = |client: IpAddr| accepted.before(item, client).next().is_some();
            if let Some(client) = keys::let_in_from(item.event) {
                if !accepted.have_chain_of(item) && !is_told(client.ip) {
                    found.begin.insert(at, client);
                }
            } else if let Some(client) = keys::audited_from(item.event)
                && !is_told(client.ip)
                && !let_in.tells(item, client.ip)
            {
                let own = audited.entry((&item.event.computer, client.ip, user_of(item))).or_default();
                found.add(own, (at, item), client);
            }
        }
        found
    }
}
