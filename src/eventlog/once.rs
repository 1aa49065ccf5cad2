//! The same event handed over twice, in copies of a log or in exports that overlap, is one event.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::Event;
use crate::base::{SourceId, Timestamp};

/// What makes two events the same: computer, channel, number and time.
type Key = (Arc<str>, Arc<str>, u64, Timestamp);

/// Drops events that an earlier log has as well. Gives how many, by log.
///
/// Within one log nothing is dropped: record numbers begin anew where logs were joined.
pub fn once<'e>(logs: impl Iterator<Item = &'e mut Vec<Event>>) -> BTreeMap<SourceId, u64> {
    let mut owners: BTreeMap<Key, SourceId> = BTreeMap::new();
    let mut dropped = BTreeMap::new();
    let logs: Vec<&mut Vec<Event>> = logs.collect();
    if logs.len() < 2 {
        return dropped;
    }
    for events in logs {
        events.retain(|event| {
            let key = (Arc::clone(&event.computer), Arc::clone(&event.channel), event.record(), event.time);
            let source = event.at.source();
            let keep = *owners.entry(key).or_insert(source) == source;
            if !keep {
                *dropped.entry(source).or_default() += 1;
            }
            keep
        });
    }
    dropped
}
