//! The same event handed over twice, in copies of a log or in exports that overlap, is one event.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::Event;
use crate::base::{SourceId, Timestamp};

/// What makes two events the same: computer, channel, number and time.
type Key = (Arc<str>, Arc<str>, u64, Timestamp);

/// Drops events that an earlier log has as well, and what one log holds twice: one that was put together from what was found
/// on a disk. Gives how many, by log.
pub fn once<'e>(logs: impl Iterator<Item = &'e mut Vec<Event>>) -> BTreeMap<SourceId, u64> {
    let mut owners: BTreeMap<Key, SourceId> = BTreeMap::new();
    let mut dropped = BTreeMap::new();
    let mut logs: Vec<&mut Vec<Event>> = logs.collect();
    for events in &mut logs {
        if let Some(source) = events.first().map(|event| event.at.source())
            && let again @ 1.. = once_within(events)
        {
            dropped.insert(source, again);
        }
    }
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

/// Drops the second of two events that are alike in every word: record numbers alone begin anew where logs were joined.
fn once_within(events: &mut Vec<Event>) -> u64 {
    /// Different events of one number and moment beyond which the rest is kept.
    const ALIKE: usize = 16;
    // A log counts on; nothing is held of it.
    if events.is_sorted_by(|one, next| one.record() < next.record()) {
        return 0;
    }
    let mut order: Vec<(u64, Timestamp, usize)> =
        events.iter().enumerate().map(|(at, event)| (event.record(), event.time, at)).collect();
    order.sort_unstable();
    let mut again = vec![false; events.len()];
    for alike in order.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
        let mut kept: Vec<&Event> = Vec::new();
        for (.., at) in alike {
            let Some(event) = events.get(*at) else { continue };
            let is_known = kept.contains(&event);
            if !is_known && kept.len() < ALIKE {
                kept.push(event);
            }
            if let Some(again) = again.get_mut(*at) {
                *again = is_known;
            }
        }
    }
    let before = events.len();
    let mut again = again.into_iter();
    events.retain(|_| !again.next().unwrap_or(false));
    u64::try_from(before - events.len()).unwrap_or(u64::MAX)
}
