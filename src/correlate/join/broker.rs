//! Farms: the events of the connection broker, and which connection goes on from which.
//!
//! A redirected client leaves one host and connects to another within seconds; to its user that is one attempt.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{MatchKey, RESIDUAL, Transport, Work};
use crate::base::{Timestamp, Window, time};
use crate::connection::Connection;
use crate::correlate::keys;
use crate::eventlog::session_broker::{self, Meaning};
use crate::protocol::nego::RoutingLine;

/// A client follows a redirection within this time.
const FOLLOWS: i64 = 15 * time::SECOND;

impl Work<'_> {
    /// The broker names users, not connections: the only connection of that user that was under way has its events.
    pub(super) fn by_broker(&mut self) {
        let users: Vec<(usize, String, Window)> = self.users();
        let mut found = Vec::new();
        for (item_at, item) in self.items.iter().enumerate().filter(|(_, item)| item.taken.is_none()) {
            let Some(user) = session_broker::meaning(item.event).and_then(|meaning| meaning.user()) else {
                continue;
            };
            let user = account(user);
            let fits: BTreeSet<usize> = users
                .iter()
                .filter(|(_, own, window)| *own == user && window.widened(RESIDUAL).contains(item.time()))
                .map(|(at, ..)| *at)
                .collect();
            if let (Some(at), 1) = (fits.first(), fits.len()) {
                found.push((item_at, *at));
            }
        }
        for (item_at, at) in found {
            self.take(item_at, at, MatchKey::Name);
        }
    }

    /// The user of each connection as events tell, with the time it lasted.
    fn users(&self) -> Vec<(usize, String, Window)> {
        let mut windows: Vec<Window> = self.attempts.iter().map(|own| own.connection.window()).collect();
        let mut named: BTreeSet<(usize, String)> = BTreeSet::new();
        for item in &self.items {
            let Some((at, _)) = item.taken else { continue };
            if let Some(window) = windows.get_mut(at) {
                window.include(item.time());
            }
            named.extend(keys::user(item.event).map(|user| (at, account(&user))));
        }
        let of = |(at, user): (usize, String)| Some((at, user, *windows.get(at)?));
        named.into_iter().filter_map(of).collect()
    }

    /// Links each connection to the one that it goes on from: by the broker's word where it sent the user, or by the
    /// token that the client brings along.
    pub(super) fn redirections(&mut self) {
        let sent: Vec<(usize, Timestamp, Option<IpAddr>)> = self
            .items
            .iter()
            .filter_map(|item| match session_broker::meaning(item.event)? {
                Meaning::Redirected { ip, .. } => Some((item.taken?.0, item.time(), ip)),
                _ => None,
            })
            .collect();
        let mut links = Vec::new();
        for (at, attempt) in self.attempts.iter().enumerate() {
            let own = &attempt.connection;
            let by_word = sent.iter().find(|(from, when, ip)| {
                *ip == Some(own.server.ip)
                    && *from != at
                    && (0..=FOLLOWS).contains(&(own.first.time - *when))
                    && self.attempts.get(*from).is_some_and(|from| from.connection.client.ip == own.client.ip)
            });
            let from = by_word.map(|(from, ..)| *from).or_else(|| self.brought_from(at, own));
            links.extend(from.map(|from| (from, at)));
        }
        self.links.extend(links);
    }

    /// The connection before one that carries a broker's token: the same client's latest, to another host.
    fn brought_from(&self, at: usize, own: &Connection) -> Option<usize> {
        let line = own.request.as_ref()?.value.line.as_ref()?;
        let carries = match line {
            RoutingLine::Token { server, .. } => {
                server.is_some_and(|server| IpAddr::V4(*server.ip()) == own.server.ip)
            }
            _ => false,
        };
        let before = self.attempts.get(..at).unwrap_or_default();
        // Captured connections stand in order of their start; what lies far back is not asked.
        let mut near = before
            .iter()
            .enumerate()
            .rev()
            .take_while(|(_, other)| own.first.time - other.connection.first.time <= FOLLOWS * 8);
        near.find(|(_, other)| {
            let other = &other.connection;
            carries
                && other.transport == Transport::Tcp
                && other.client.ip == own.client.ip
                && other.server.ip != own.server.ip
                && (0..=FOLLOWS).contains(&(own.first.time - other.last.time))
        })
        .map(|(at, _)| at)
    }
}

/// The account without its domain, lower case.
fn account(user: &str) -> String {
    user.rsplit('\\').next().unwrap_or_default().split('@').next().unwrap_or_default().to_lowercase()
}
