//! Whose the texts of a bundle are: from what they say themselves, from the logs beside them, and from the connections
//! that those logs name.

use std::collections::BTreeSet;

use crate::base::{NoteKind, Notes};
use crate::correlate::{Attempt, Joined, MatchKey};
use crate::eventlog::{LogIndex, Provider};
use crate::host::{self, Fact, Hosts, Stated};
use crate::input::Bundle;

/// Where the computers are, now that connections have their events.
pub(super) fn settle(attempts: &[Attempt], hosts: &mut Hosts, notes: &mut Notes) {
    if !hosts.computers.is_empty() {
        reach_of_logs(attempts, hosts);
        note_contested(attempts, hosts, notes);
    }
}

/// Computers that wrote logs are at the server's address of connections that they name.
fn reach_of_logs(attempts: &[Attempt], hosts: &mut Hosts) {
    for attempt in attempts.iter().filter(|attempt| !attempt.connection.server.ip.is_unspecified()) {
        let sure = |joined: &&Joined| {
            matches!(joined.by, MatchKey::Address | MatchKey::Activity)
                && matches!(joined.event.provider, Provider::RdpCoreTs | Provider::RemoteConnectionManager)
        };
        if let Some(joined) = attempt.events.iter().find(sure) {
            hosts.learn(attempt.connection.server.ip, joined.event.at.source());
        }
    }
}

/// Says of which connections the texts are not used, since two computers claim to be an end of them.
fn note_contested(attempts: &[Attempt], hosts: &Hosts, notes: &mut Notes) {
    let ends =
        attempts.iter().flat_map(|attempt| [attempt.connection.client.ip, attempt.connection.server.ip]);
    for ip in ends.collect::<BTreeSet<_>>() {
        if let Some(names) = hosts.contenders(ip) {
            let names: Vec<String> = names.into_iter().map(str::to_uppercase).collect();
            let names = names.join(" and ");
            notes.add_detail(NoteKind::AddressContested, None, format!("{ip}: {names}"));
        }
    }
}

/// What the texts say, and of which computer: logs name theirs.
pub(super) fn hosts(bundle: &Bundle, indexes: &[LogIndex<'_>], notes: &mut Notes) -> Hosts {
    let texts: Vec<host::Source<'_>> = bundle
        .texts()
        .map(|text| host::Source {
            id: text.id,
            path: &text.path,
            facts: host::read(&text.bytes),
            is_log: false,
        })
        .collect();
    if texts.is_empty() {
        return Hosts::default();
    }
    let logs = bundle.logs().filter_map(|input| {
        let log = indexes.iter().map(LogIndex::log).find(|log| log.source == input.id)?;
        let name = |name: &std::sync::Arc<str>| Stated { fact: Fact::Name(name.to_string()), line: 0 };
        let facts = log.computers.iter().map(name).collect();
        Some(host::Source { id: input.id, path: &input.path, facts, is_log: true })
    });
    let hosts = Hosts::gather(logs.chain(texts).collect());
    for unknown in &hosts.unknown {
        notes.add(NoteKind::TextOfUnknown, Some(*unknown), None);
    }
    hosts
}
