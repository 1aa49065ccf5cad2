//! Connections that two captures hold.

use std::collections::BTreeMap;

use super::Connection;
use crate::packet::Endpoint;

/// A connection that two captures hold is one connection: what is said of it rests on the fuller one. Equal ends
/// and an equal initial sequence number of the client make it the same.
pub fn once(connections: Vec<Connection>) -> Vec<Connection> {
    let mut by_opening: BTreeMap<(Endpoint, Endpoint, u32), usize> = BTreeMap::new();
    let mut kept: Vec<Connection> = Vec::with_capacity(connections.len());
    for mut connection in connections {
        let isn = connection.flow.as_ref().and_then(|flow| flow.syns.first()).map(|syn| syn.isn);
        let Some(isn) = isn else {
            kept.push(connection);
            continue;
        };
        let key = (connection.client, connection.server, isn);
        let twin = by_opening.get(&key).copied().and_then(|at| kept.get_mut(at));
        match twin.filter(|twin| twin.first.at.source() != connection.first.at.source()) {
            None => {
                by_opening.insert(key, kept.len());
                kept.push(connection);
            }
            Some(twin) => {
                if segments(&connection) > segments(twin) {
                    std::mem::swap(twin, &mut connection);
                    twin.also_in.append(&mut connection.also_in);
                }
                twin.also_in.push(connection.first.at.source());
            }
        }
    }
    kept
}

fn segments(connection: &Connection) -> u64 {
    connection.flow.as_ref().map_or(0, |flow| flow.client_habits.segments + flow.server_habits.segments)
}
