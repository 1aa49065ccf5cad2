//! UDP connections to their TCP connections, and the events that carry a UDP connection's own ActivityID.
//!
//! The server logs the acceptance of UDP (131) and some of what follows under the client's id of the attempt, which
//! is also the correlation id of the SYN.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::{Item, MatchKey, Provider, RESIDUAL, TICK, Work};
use crate::base::{Timestamp, Window, time};
use crate::connection::Transport;
use crate::connection::udp::{Kind, UdpConnection};
use crate::correlate::Joined;
use crate::correlate::keys;
use crate::correlate::side::{Owner, SideConnection, SideKey};
use crate::eventlog::Event;
use crate::eventlog::guid::Guid;

/// UDP is offered once the session is being built, and may be seen this much before what is seen of TCP, or after.
const EDGE: i64 = 5 * time::SECOND;
/// The same for the gateway's, of which the log knows when the tunnel stood.
const TUNNEL_EDGE: i64 = 10 * time::SECOND;
/// The server accepts UDP at most this long after TCP: the user may be asked for a password in between.
const LATE: i64 = 600 * time::SECOND;

/// Connections by client and server, in order of start.
type ByEnds = BTreeMap<(IpAddr, IpAddr), Vec<usize>>;
/// When each computer accepted connections of an address, by its own clock, and which.
type AcceptedByHost = BTreeMap<(Arc<str>, IpAddr), Vec<(Timestamp, usize)>>;

impl Work<'_> {
    /// Finds the owner of each UDP connection, then ties the events of UDP.
    pub(super) fn by_side(&mut self, udp: Vec<UdpConnection>) {
        let by_request: BTreeMap<[u8; 16], usize> = self
            .attempts
            .iter()
            .enumerate()
            .filter_map(|(at, attempt)| Some((attempt.connection.request.as_ref()?.value.correlation?, at)))
            .collect();
        let by_client_log: BTreeMap<[u8; 16], usize> = self
            .items
            .iter()
            .filter(|item| item.event.provider == Provider::RdpClient)
            .filter_map(|item| Some((item.event.activity?.0, item.taken?.0)))
            .collect();
        let mut by_ends = ByEnds::new();
        for (at, attempt) in self.attempts.iter().enumerate() {
            let own = &attempt.connection;
            if own.transport == Transport::Tcp {
                // On the device that translates addresses, UDP is seen with both as well.
                let ends = std::iter::once((own.client, own.server)).chain(own.also_as.iter().copied());
                let ends: BTreeSet<_> = ends.map(|(client, server)| (client.ip, server.ip)).collect();
                for ends in ends {
                    by_ends.entry(ends).or_default().push(at);
                }
            }
        }
        let tunnels = self.tunnel_windows();
        for udp in udp {
            let id = udp.correlation();
            let tied = id.and_then(|id| by_request.get(&id)).map(|at| (*at, SideKey::Correlation));
            let tied = tied.or_else(|| Some((*by_client_log.get(&id?)?, SideKey::Activity)));
            let near = || match udp.kind {
                Kind::Rdp => self.beside(&udp, &by_ends, EDGE),
                Kind::Gateway => {
                    tunnel_of(&udp, &tunnels).or_else(|| self.beside(&udp, &by_ends, TUNNEL_EDGE))
                }
            };
            let found = tied.or_else(|| near().map(|at| (at, SideKey::Address)));
            let owner = found
                .and_then(|(at, by)| Some(Owner { at, first: self.attempts.get(at)?.connection.first, by }));
            self.sides.push(SideConnection { udp, owner, events: Vec::new() });
        }
        self.udp_events();
    }

    /// The connection of the same two hosts that was under way: the latest that had begun, sessions first.
    fn beside(&self, udp: &UdpConnection, by_ends: &ByEnds, edge: i64) -> Option<usize> {
        let moment = udp.first.time;
        let own = by_ends.get(&(udp.client.ip, udp.server.ip))?.iter().copied();
        let under_way = own.filter_map(|at| Some((at, &self.attempts.get(at)?.connection)));
        under_way
            .filter(|(_, connection)| connection.window().widened(edge).contains(moment))
            .max_by_key(|(at, connection)| {
                let begun = connection.first.time <= moment;
                (begun, connection.reached_session(), connection.first, *at)
            })
            .map(|(at, _)| at)
    }

    /// When each tunnel of a gateway stood, by the client's address.
    fn tunnel_windows(&self) -> Vec<(IpAddr, usize, Window)> {
        let mut windows: BTreeMap<usize, Window> = BTreeMap::new();
        for item in self.items.iter().filter(|item| item.event.provider == Provider::Gateway) {
            if let Some((at, _)) = item.taken {
                windows.entry(at).or_insert(Window::at(item.time())).include(item.time());
            }
        }
        let client = |at: usize| self.attempts.get(at).map(|attempt| attempt.connection.client.ip);
        windows.into_iter().filter_map(|(at, window)| Some((client(at)?, at, window))).collect()
    }

    /// RdpCoreTS 131 of UDP, and all that shares its ActivityID.
    fn udp_events(&mut self) {
        let sessions = self.accepted_by_host();
        let mut owners: BTreeMap<(Arc<str>, Guid), usize> = BTreeMap::new();
        let mut used: BTreeSet<usize> = BTreeSet::new();
        let mut own_events: Vec<(usize, usize)> = Vec::new();
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for (item_at, item) in self.items.iter().enumerate().filter(|(_, item)| item.taken.is_none()) {
            let Some(client) = keys::accepted_udp(item.event) else { continue };
            let side = self.sides.iter().enumerate().position(|(at, side)| {
                side.udp.client == client && !used.contains(&at) && is_near(item, &side.udp)
            });
            let owner = side.and_then(|at| self.sides.get(at)).map_or_else(
                || latest_before(&sessions, item.event, client.ip),
                |side| side.owner.map(|owner| owner.at),
            );
            if let Some((activity, owner)) = item.event.activity.zip(owner) {
                owners.insert((Arc::clone(&item.event.computer), activity), owner);
            }
            match (side, owner) {
                (Some(side), _) => {
                    used.insert(side);
                    own_events.push((item_at, side));
                }
                (None, Some(owner)) => taken.push((item_at, owner)),
                (None, None) => {}
            }
        }
        for (item_at, owner) in taken {
            self.take(item_at, owner, MatchKey::Address);
        }
        for (item_at, side) in own_events {
            let Some(item) = self.items.get_mut(item_at) else { continue };
            item.spent = true;
            let joined =
                Joined { event: item.event.clone(), corrected: item.corrected, by: MatchKey::Address };
            if let Some(side) = self.sides.get_mut(side) {
                side.events.push(joined);
            }
        }
        self.take_where(MatchKey::Activity, |item| {
            owners.get(&(Arc::clone(&item.event.computer), item.event.activity?)).copied()
        });
    }

    /// The moments at which each computer accepted TCP connections of an address, in order, by its own clock.
    fn accepted_by_host(&self) -> AcceptedByHost {
        let mut found = AcceptedByHost::new();
        for (at, item_at) in &self.accepted {
            let Some(event) = self.items.get(*item_at).map(|item| item.event) else { continue };
            if let Some(client) = keys::accepted_from(event) {
                let key = (Arc::clone(&event.computer), client.ip);
                found.entry(key).or_default().push((event.time, *at));
            }
        }
        for accepted in found.values_mut() {
            accepted.sort_unstable();
        }
        found
    }
}

/// The TCP connection of that address which the same computer accepted last before an event.
fn latest_before(sessions: &AcceptedByHost, event: &Event, client: IpAddr) -> Option<usize> {
    let mut before = sessions.get(&(Arc::clone(&event.computer), client))?.iter().rev();
    before.find(|(time, _)| (-TICK..=LATE).contains(&(event.time - *time))).map(|(_, at)| *at)
}

fn tunnel_of(udp: &UdpConnection, tunnels: &[(IpAddr, usize, Window)]) -> Option<usize> {
    tunnels
        .iter()
        .filter(|(client, _, window)| {
            *client == udp.client.ip && window.widened(TUNNEL_EDGE).contains(udp.first.time)
        })
        .max_by_key(|(.., window)| window.start)
        .map(|(_, at, _)| *at)
}

/// Whether an event may be of a UDP connection by time, as far as the clock is known.
fn is_near(item: &Item<'_>, udp: &UdpConnection) -> bool {
    item.corrected.is_none_or(|corrected| (corrected - udp.first.time).abs() <= RESIDUAL)
}
