//! Events that speak of one connection and have no like for the other.
//!
//! That an event is missing says something only of a log that would hold it: one that speaks of the connection, or
//! that was running before and after it.

use std::collections::{BTreeMap, BTreeSet};

use super::subject::Subject;
use super::{Difference, NotCompared, Seen, Spot};
use crate::base::{Timestamp, Window};
use crate::report::model::{JoinedEvent, Place, Source};
use crate::report::rows;

/// Events of the bad one that the good one lacks, then the other way round, each by its first record.
pub(super) fn compare(
    good: &Subject<'_>,
    bad: &Subject<'_>,
    not_compared: &mut Vec<NotCompared>,
) -> Vec<Difference> {
    let (left, right) = (by_name(good), by_name(bad));
    let mut differences: Vec<((Option<Timestamp>, usize), Difference)> = Vec::new();
    let mut uncovered: [BTreeMap<&str, BTreeSet<u32>>; 2] = Default::default();
    let [in_good, in_bad] = &mut uncovered;
    let passes = [(bad, good, &right, &left, in_good), (good, bad, &left, &right, in_bad)];
    for (side, (own, other, events, others, unseen)) in passes.into_iter().enumerate() {
        for (key, (order, event)) in events.iter().filter(|(key, _)| !others.contains_key(*key)) {
            if !covers(other, &event.channel) {
                unseen.entry(rows::channel(&event.channel)).or_default().insert(key.1);
                continue;
            }
            let (shown, none) = (seen(own, event), Seen::new("none", None));
            let (good, bad) = if side == 0 { (none, shown) } else { (shown, none) };
            let what = rows::event_name(event);
            differences.push(((*order, side), Difference { stage: None, what, matters: false, good, bad }));
        }
    }
    for (subject, channels) in [good, bad].into_iter().zip(&uncovered) {
        not_compared.extend(channels.iter().map(|(channel, ids)| missing(subject, channel, ids)));
    }
    // One side after the other, each as it happened.
    differences.sort_by_key(|((order, side), _)| (*side, *order));
    differences.into_iter().map(|(_, difference)| difference).collect()
}

/// The first event of each channel and id, with its time.
fn by_name<'a>(subject: &Subject<'a>) -> BTreeMap<(&'a str, u32), (Option<Timestamp>, &'a JoinedEvent)> {
    let mut all = BTreeMap::new();
    for event in subject.connection.iter().flat_map(|connection| &connection.events) {
        let time = event.time_corrected.as_deref().unwrap_or(&event.time).parse().ok();
        all.entry((rows::channel(&event.channel), event.event_id)).or_insert((time, event));
    }
    all
}

fn seen(subject: &Subject<'_>, event: &JoinedEvent) -> Seen {
    let place =
        Place { source: event.source, frame: None, record: Some(event.record), time: event.time.clone() };
    Seen::new(&event.says, Some(Spot::of(subject.report, &place)))
}

fn missing(subject: &Subject<'_>, channel: &str, ids: &BTreeSet<u32>) -> NotCompared {
    let has_log = subject.report.sources.iter().any(|source| holds(source, channel));
    let why = match (subject.connection, has_log) {
        (None, _) => "it has no connection",
        (Some(_), true) => "its log does not cover the connection",
        (Some(_), false) => "no such log was given",
    };
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    NotCompared {
        what: format!("events of {channel}"),
        unseen_in: subject.which,
        why: why.to_owned(),
        other: ids.join(", "),
    }
}

/// Whether a log of that channel would hold what there was to log of the connection.
fn covers(subject: &Subject<'_>, channel: &str) -> bool {
    let Some(connection) = subject.connection else { return false };
    let name = rows::channel(channel);
    if connection.events.iter().any(|event| rows::channel(&event.channel) == name) {
        return true;
    }
    let lifetime = (connection.start.parse::<Timestamp>(), connection.end.parse::<Timestamp>());
    let (Ok(start), Ok(end)) = lifetime else { return false };
    let logs = subject.report.sources.iter().filter(|source| holds(source, name));
    logs.filter_map(|log| running(subject, log)).any(|log| log.start <= start && end <= log.end)
}

fn holds(source: &Source, name: &str) -> bool {
    let channels = source.channel.as_deref().unwrap_or_default();
    channels.split(", ").any(|channel| rows::channel(channel) == name)
}

/// From when to when a log was written, by the clock of the connection; unknown if the clocks could not be compared.
fn running(subject: &Subject<'_>, log: &Source) -> Option<Window> {
    let start: Timestamp = log.first_time.as_deref()?.parse().ok()?;
    let end: Timestamp = log.last_time.as_deref()?.parse().ok()?;
    let clock = subject.report.clocks.iter().find(|clock| clock.sources.contains(&log.id));
    let ahead = match clock {
        None => return Some(Window { start, end }).filter(|_| subject.seen().is_none()),
        Some(clock) if clock.against == log.id => 0,
        Some(clock) if clock.quality == "unknown" => return None,
        // By way of decimals: there is no checked conversion from a float.
        Some(clock) => format!("{:.0}", clock.offset_ms? * 1e6).parse::<i64>().ok()?,
    };
    Some(Window { start: start.shifted(ahead.saturating_neg()), end: end.shifted(ahead.saturating_neg()) })
}
