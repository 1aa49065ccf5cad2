//! Tunnels of an RD Gateway: the events of one ActivityID. A tunnel whose leg to the target was captured speaks of
//! that connection; any other is a connection that only a log knows.

use super::{
    Attempt, Connection, Event, Item, Mark, NoteKind, Notes, Provider, RESIDUAL, TICK, Timestamp, UNCOMPARED,
};
use super::{BTreeMap, Endpoint, Guid, IpAddr, MatchKey, Transport, Window, Work, mark};
use crate::eventlog::gateway;
use crate::packet::interest::RDP_PORT;
use std::sync::Arc;

/// Whether an event tells that a gateway did not connect a client to the target.
fn denies(event: &Event) -> bool {
    matches!(
        gateway::meaning(event),
        Some(gateway::Meaning::ConnectionDenied(_) | gateway::Meaning::ResourceDenied(_))
    )
}

/// Whether a connection to the target ended when its tunnel did, as far as its capture tells.
fn ends_with(connection: &Connection, ended: Timestamp) -> bool {
    let last = connection.last.time;
    let closed = connection.flow.as_deref().is_some_and(|flow| !flow.closes.is_empty());
    last <= ended.shifted(RESIDUAL) && (!closed || last >= ended.shifted(-RESIDUAL))
}

/// One tunnel.
struct Tunnel {
    /// Its events, in order of records.
    items: Vec<usize>,
    /// The client; its port stands in 312 and 313 only.
    client: Endpoint,
    /// The target as it was asked for.
    resource: Option<String>,
}

impl Work<'_> {
    /// Ties the events of each tunnel, and those of the client that carry its id.
    pub(super) fn gateway(&mut self, capture_windows: &[Window], notes: &mut Notes) {
        let captured = self.attempts.iter().any(|attempt| attempt.connection.transport == Transport::Tcp);
        let mut tunnels: Vec<_> = self
            .tunnels()
            .into_iter()
            .filter_map(|(key, tunnel)| {
                let first = tunnel.items.iter().filter_map(|at| self.items.get(*at)).map(mark).min()?;
                Some((first, key, tunnel))
            })
            .collect();
        // Connections stand in order of their start.
        tunnels.sort_by_key(|(first, ..)| *first);
        let mut owners: BTreeMap<Guid, (usize, MatchKey)> = BTreeMap::new();
        for (first, (_, activity), tunnel) in tunnels {
            let leg = self.captured_leg(&tunnel);
            if leg.is_none() && captured && !self.may_be_inside(&tunnel, first, capture_windows) {
                notes.add(NoteKind::NotInCapture, Some(first.at.source()), Some(first.at));
                continue;
            }
            let at = leg.unwrap_or_else(|| {
                let server = Endpoint { ip: IpAddr::from([0, 0, 0, 0]), port: 0 };
                let connection = Connection::unseen(tunnel.client, server, first);
                self.attempts.push(Attempt { connection, events: Vec::new() });
                self.attempts.len() - 1
            });
            // The client's own leg, where it was captured as well.
            let own_leg = self.attempts.iter().position(|attempt| {
                let own = &attempt.connection;
                own.transport == Transport::Tcp && tunnel.client.port != 0 && own.client == tunnel.client
            });
            self.links.extend(own_leg.filter(|own| *own != at).map(|own| (own, at)));
            let by = if leg.is_some() { MatchKey::Time } else { MatchKey::Activity };
            for item_at in tunnel.items {
                self.take(item_at, at, by);
            }
            owners.insert(activity, (at, by));
        }
        // The client's own id of the attempt is the gateway's ActivityID.
        for item in &mut self.items {
            if item.taken.is_none() && item.event.provider == Provider::RdpClient {
                item.taken = item.event.activity.and_then(|activity| owners.get(&activity).copied());
            }
        }
    }

    /// Whether a tunnel stood while something was captured; where its clock is not known, nearly.
    fn may_be_inside(&self, tunnel: &Tunnel, first: Mark, capture_windows: &[Window]) -> bool {
        let mut items = tunnel.items.iter().filter_map(|at| self.items.get(*at));
        let slack = if items.all(|item| item.corrected.is_some()) { 0 } else { UNCOMPARED };
        capture_windows.iter().any(|window| window.widened(slack).contains(first.time))
    }

    /// The tunnels of all logs, by computer and ActivityID.
    fn tunnels(&self) -> BTreeMap<(Arc<str>, Guid), Tunnel> {
        let mut tunnels: BTreeMap<(Arc<str>, Guid), Tunnel> = BTreeMap::new();
        for (at, item) in self.items.iter().enumerate() {
            let (Some(meaning), Some(activity)) = (gateway::meaning(item.event), item.event.activity) else {
                continue;
            };
            let said = meaning.tunnel();
            let Some(client) = said.client else { continue };
            let client = Endpoint { ip: client.ip, port: client.port.unwrap_or(0) };
            let tunnel = tunnels
                .entry((Arc::clone(&item.event.computer), activity))
                .or_insert_with(|| Tunnel { items: Vec::new(), client, resource: None });
            tunnel.items.push(at);
            if tunnel.client.port == 0 {
                tunnel.client = client;
            }
            if tunnel.resource.is_none() {
                tunnel.resource = said.resource.map(str::to_owned);
            }
        }
        tunnels
    }

    /// The connection to the target that the gateway opened for a tunnel: the only captured one that began while the
    /// tunnel stood and is not the client's own.
    fn captured_leg(&self, tunnel: &Tunnel) -> Option<usize> {
        let mut items = tunnel.items.iter().filter_map(|at| self.items.get(*at));
        if items.clone().any(|item| denies(item.event)) {
            return None;
        }
        let ended = items
            .clone()
            .find(|item| {
                matches!(
                    gateway::meaning(item.event),
                    Some(gateway::Meaning::Disconnected { .. } | gateway::Meaning::TimedOut(_))
                )
            })
            .map(Item::time);
        let in_vain = items
            .any(|item| matches!(gateway::meaning(item.event), Some(gateway::Meaning::TargetUnreachable(_))));
        let times = tunnel.items.iter().filter_map(|at| self.items.get(*at)).map(Item::time);
        let window = Window { start: times.clone().min()?, end: times.max()? }.widened(TICK);
        let target: Option<IpAddr> = tunnel.resource.as_deref().and_then(|name| name.parse().ok());
        // Captured connections come first, in order of their start.
        let captured =
            self.attempts.partition_point(|attempt| attempt.connection.transport == Transport::Tcp);
        let captured = self.attempts.get(..captured).unwrap_or_default();
        let from = captured.partition_point(|attempt| attempt.connection.first.time < window.start);
        let to = captured.partition_point(|attempt| attempt.connection.first.time <= window.end);
        let during = captured.get(from..to).unwrap_or_default();
        let mut fits = (from..).zip(during).filter(|(_, attempt)| {
            let own = &attempt.connection;
            own.client.ip != tunnel.client.ip
                && own.server.port == RDP_PORT
                && target.is_none_or(|ip| ip == own.server.ip)
                && !(in_vain && own.tls.is_used())
                && ended.is_none_or(|ended| ends_with(own, ended))
        });
        match (fits.next(), fits.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }
}
