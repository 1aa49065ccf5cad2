//! Connections that the server's own firewall kept out: of these only its Security log knows (5152, 5157).
//!
//! A host on the Internet drops thousands a day. A few sources are shown one by one, those of the own network first;
//! the others by count, so that nobody's own attempt is buried.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::{Attempt, Connection, MatchKey, Transport, Work, mark};
use crate::base::{Mark, time};
use crate::eventlog::{ClientAddress, Event, rdp_core_ts, security};
use crate::packet::Endpoint;
use crate::packet::interest::RDP_PORT;

/// Attempts of one source at one server that are shown by count.
#[derive(Clone, Copy, Debug)]
pub struct Blocked {
    /// The source; none where it is one of several.
    pub client: Option<IpAddr>,
    /// The server.
    pub server: Endpoint,
    /// How many attempts.
    pub count: u64,
    /// The first event of the first.
    pub first: Mark,
    /// The last event of the last.
    pub last: Mark,
}

/// Sources of the own network that are shown one by one, and other ones.
const OWN: usize = 16;
const FOREIGN: usize = 3;
/// Attempts of one of these that are.
const OF_A_SOURCE: usize = 4;
/// Groups by source; beyond these, by server alone.
const GROUPS: usize = 1024;
/// Events of one source this close together are one attempt: SYNs are repeated for 21 s.
const ONE_ATTEMPT: i64 = 30 * time::SECOND;

/// One attempt: the client with the port of its first packet, and its events.
struct Try {
    client: Endpoint,
    first: Mark,
    last: Mark,
    items: Vec<usize>,
}

impl Work<'_> {
    /// Makes connections of them. Only where no capture shows RDP: a SYN that was captured has its own connection, and
    /// the rest of a long log is other people's business.
    pub(super) fn blocked(&mut self) {
        if self.attempts.iter().any(|attempt| attempt.connection.transport == Transport::Tcp) {
            return;
        }
        let by_source = self.tries();
        let mut sources: Vec<(Mark, IpAddr, Endpoint)> = by_source
            .iter()
            .filter_map(|((client, server), tries)| Some((tries.first()?.first, *client, *server)))
            .collect();
        sources.sort_unstable();
        let (own, foreign): (Vec<_>, Vec<_>) =
            sources.into_iter().partition(|(_, client, _)| is_own_network(*client));
        let chosen = own.into_iter().take(OWN).chain(foreign.into_iter().take(FOREIGN));
        let single: BTreeSet<(IpAddr, Endpoint)> =
            chosen.map(|(_, client, server)| (client, server)).collect();
        for ((client, server), tries) in by_source {
            let alone = if single.contains(&(client, server)) { OF_A_SOURCE } else { 0 };
            for (number, own) in tries.into_iter().enumerate() {
                if number < alone {
                    self.show(own, server);
                } else {
                    self.fold(client, server, &own);
                }
            }
        }
    }

    /// The attempts of each source at each server, in order of time.
    fn tries(&self) -> BTreeMap<(IpAddr, Endpoint), Vec<Try>> {
        let ports = self.listening_ports();
        let mut by_source: BTreeMap<(IpAddr, Endpoint), Vec<Try>> = BTreeMap::new();
        let mut events: Vec<(Mark, usize, Endpoint, Endpoint)> = self
            .items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.taken.is_none())
            .filter_map(|(at, item)| {
                let (client, server) = kept_out(item.event, &ports)?;
                Some((mark(item), at, client, server))
            })
            .collect();
        events.sort_unstable_by_key(|(mark, at, ..)| (*mark, *at));
        for (mark, at, client, server) in events {
            let tries = by_source.entry((client.ip, server)).or_default();
            match tries.last_mut().filter(|open| mark.time - open.last.time <= ONE_ATTEMPT) {
                Some(open) => {
                    open.last = mark;
                    open.items.push(at);
                }
                None => tries.push(Try { client, first: mark, last: mark, items: vec![at] }),
            }
        }
        by_source
    }

    /// The ports on which each computer's log says that its service listens.
    fn listening_ports(&self) -> BTreeSet<(Arc<str>, u16)> {
        let listening = self.items.iter().filter_map(|item| match rdp_core_ts::meaning(item.event)? {
            rdp_core_ts::Meaning::Listening { port, .. } => Some((Arc::clone(&item.event.computer), port?)),
            _ => None,
        });
        listening.collect()
    }

    fn show(&mut self, own: Try, server: Endpoint) {
        let at = self.attempts.len();
        let connection = Connection::unseen(own.client, server, own.first);
        self.attempts.push(Attempt { connection, events: Vec::new() });
        self.kept_out.insert(at);
        for item in own.items {
            self.take(item, at, MatchKey::Address);
        }
    }

    fn fold(&mut self, client: IpAddr, server: Endpoint, own: &Try) {
        let client = Some(client);
        let known = self.blocked.iter().position(|group| group.client == client && group.server == server);
        let room = self.blocked.len() < GROUPS;
        let client = client.filter(|_| known.is_some() || room);
        let place = known.or_else(|| {
            self.blocked.iter().position(|group| group.client == client && group.server == server)
        });
        match place.and_then(|at| self.blocked.get_mut(at)) {
            Some(group) => {
                group.count += 1;
                group.first = group.first.min(own.first);
                group.last = group.last.max(own.last);
            }
            None => {
                self.blocked.push(Blocked { client, server, count: 1, first: own.first, last: own.last });
            }
        }
        for at in &own.items {
            if let Some(item) = self.items.get_mut(*at) {
                item.spent = true;
            }
        }
    }
}

/// Client and server of a TCP connection to RDP that the firewall dropped or blocked on its way in.
fn kept_out(event: &Event, ports: &BTreeSet<(Arc<str>, u16)>) -> Option<(Endpoint, Endpoint)> {
    /// IP protocol.
    const TCP: u32 = 6;
    let (security::Meaning::Dropped(filtered) | security::Meaning::Blocked(filtered)) =
        security::meaning(event)?
    else {
        return None;
    };
    if filtered.direction == Some(security::Direction::Outbound)
        || filtered.protocol.is_some_and(|own| own != TCP)
    {
        return None;
    }
    let end = |address: ClientAddress| Some(Endpoint { ip: address.ip, port: address.port? });
    let (client, server) = (end(filtered.source?)?, end(filtered.destination?)?);
    let is_rdp = server.port == RDP_PORT || ports.contains(&(Arc::clone(&event.computer), server.port));
    is_rdp.then_some((client, server))
}

/// Whether an address is of a private network: the likelier user.
const fn is_own_network(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}
