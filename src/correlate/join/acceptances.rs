//! Which connection a logon may belong to that names none: one from its address, accepted shortly before, which had not
//! ended and is no other user's.

use super::{Arc, BTreeMap, BTreeSet, Chain, Guid, IpAddr, Item, Timestamp, bare, keys, time};

/// From the acceptance of a connection to its session, where the user types his password at the logon screen.
pub(super) const LOGS_ON_WITHIN: i64 = 120 * time::SECOND;
/// What belongs together is written this near to each other, in either order.
pub(super) const TOGETHER: i64 = time::SECOND;

/// That a computer accepted a connection (RdpCoreTS 131, RemoteConnectionManager 1149).
pub(super) struct Acceptance {
    time: Timestamp,
    pub item_at: usize,
    activity: Option<Guid>,
    /// When the connection was over, where the log tells.
    ended: Option<Timestamp>,
    /// Without the domain, lower case.
    pub user: Option<String>,
}

/// All of them.
pub(super) struct Acceptances {
    chains: BTreeSet<Chain>,
    of: BTreeMap<(Arc<str>, IpAddr), Vec<Acceptance>>,
}

impl Acceptances {
    pub fn of(items: &[Item<'_>]) -> Self {
        let mut ends: BTreeMap<Chain, Timestamp> = BTreeMap::new();
        for item in
            items.iter().filter(|item| item.event.activity.is_some() && keys::disconnected(item.event))
        {
            let end = ends.entry(item.chain()).or_insert(item.event.time);
            *end = (*end).max(item.event.time);
        }
        let mut users: BTreeMap<Chain, String> = BTreeMap::new();
        for item in items.iter().filter(|item| item.event.activity.is_some() && !keys::is_audit(item.event)) {
            if let Some(user) = user_of(item) {
                users.entry(item.chain()).or_insert(user);
            }
        }
        let mut all = Self { chains: BTreeSet::new(), of: BTreeMap::new() };
        for (item_at, item) in items.iter().enumerate() {
            let from = keys::accepted_from(item.event).or_else(|| keys::passed_from(item.event));
            let Some(client) = from else { continue };
            let chain = item.chain();
            let acceptance = Acceptance {
                time: item.event.time,
                item_at,
                activity: item.event.activity,
                ended: ends.get(&chain).copied(),
                user: user_of(item).or_else(|| users.get(&chain).cloned()),
            };
            all.of.entry((Arc::clone(&chain.0), client.ip)).or_default().push(acceptance);
            all.chains.insert(chain);
        }
        for own in all.of.values_mut() {
            own.sort_by_key(|own| (own.time, own.item_at));
        }
        all
    }

    /// Whether any of them is of the chain of an event.
    pub fn have_chain_of(&self, item: &Item<'_>) -> bool {
        item.event.activity.is_some() && self.chains.contains(&item.chain())
    }

    /// Those to which a logon from `client` may belong.
    pub fn before(&self, item: &Item<'_>, client: IpAddr) -> impl Iterator<Item = &Acceptance> {
        let time = item.event.time;
        let all = self.of.get(&(Arc::clone(&item.event.computer), client)).map(Vec::as_slice);
        let all = all.unwrap_or_default();
        let from = all.partition_point(|own| own.time < time.shifted(-LOGS_ON_WITHIN));
        let to = all.partition_point(|own| own.time <= time.shifted(TOGETHER));
        // The ActivityID of an audit is that of the service that checks logons.
        let activity = item.event.activity.filter(|_| !keys::is_audit(item.event));
        let user = user_of(item);
        all.get(from..to).unwrap_or_default().iter().filter(move |own| {
            let is_of_another = activity.zip(own.activity).is_some_and(|(event, own)| event != own);
            let was_over = own.ended.is_some_and(|end| end < time);
            !is_of_another && !was_over && !are_two(user.as_deref(), own.user.as_deref())
        })
    }
}

/// Whether both users are known and are not one.
pub(super) fn are_two(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// The user of a logon, without the domain, lower case. Who logs on with an address of mail may have another name.
pub(super) fn user_of(item: &Item<'_>) -> Option<String> {
    let of_session = || keys::session_user(item.event).map(str::to_owned);
    let user = keys::user(item.event).or_else(of_session).filter(|user| !user.contains('@'));
    user.map(|user| bare(&user)).filter(|user| !user.is_empty())
}
