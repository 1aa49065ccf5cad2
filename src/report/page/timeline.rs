//! What happened when: evidence, and the timeline of an incident, by one clock.

use super::facts::outcome_ink;
use super::time::{self, Clocks};
use super::{Block, Moment};
use crate::report::model::{Connection, Incident, Report};
use crate::report::rows;
use crate::report::text::{Ink, Text};

/// Lines of a timeline; of a longer one, the first and the last are shown.
const LINES: usize = 60;

/// What a verdict stands on, in the order given.
pub(super) fn evidence(report: &Report, incident: &Incident, clocks: &Clocks<'_>) -> Option<Block> {
    let evidence = &incident.verdict.evidence;
    let times: Vec<time::Moment> =
        evidence.iter().map(|fact| clocks.moment(fact.source, fact.record, &fact.time)).collect();
    let rows = evidence.iter().zip(&times).map(|(fact, time)| Moment {
        time: time.shown(&incident.start),
        says: Text::plain(&fact.says),
        place: rows::place(report, fact),
    });
    let rows: Vec<Moment> = rows.collect();
    if rows.is_empty() { None } else { Some(Block::Moments { rows, legend: clocks.legend(times.iter()) }) }
}

/// Connections, their stages and their events, merged by time.
pub(in crate::report) fn timeline(
    report: &Report,
    incident: &Incident,
    clocks: &Clocks<'_>,
) -> Option<Block> {
    let mut entries = Vec::new();
    let several = incident.connections.len() > 1;
    for connection in incident.connections.iter().filter_map(|id| rows::connection(report, *id)) {
        let name = if several { format!("c{} ", connection.id) } else { String::new() };
        entries.extend(entries_of(report, connection, &name, clocks));
    }
    // Stable: entries of one moment stay in the order of the connection.
    entries.sort_by_key(|entry| entry.time.order());
    let legend = clocks.legend(entries.iter().map(|entry| &entry.time));
    let rows = entries.into_iter().map(|entry| Moment {
        time: entry.time.shown(&incident.start),
        says: entry.says,
        place: entry.place,
    });
    let rows = shortened(rows.collect());
    if rows.is_empty() { None } else { Some(Block::Moments { rows, legend }) }
}

struct Entry {
    time: time::Moment,
    says: Text,
    place: String,
}

fn entries_of(report: &Report, connection: &Connection, name: &str, clocks: &Clocks<'_>) -> Vec<Entry> {
    let source = connection.sources.first().copied();
    let frame =
        |number: Option<u64>| number.map_or_else(String::new, |number| rows::frame(report, number, source));
    let seen = connection.first_frame.is_some();
    let own = |time: &str| clocks.told(source, time);
    let mut entries = Vec::new();
    if seen {
        let says = Text::plain(name)
            .and(&format!("{} begins, ", connection.transport))
            .and_code(&rows::endpoint(&connection.client))
            .and(" → ")
            .and_code(&rows::endpoint(&connection.server));
        entries.push(Entry { time: own(&connection.start), says, place: frame(connection.first_frame) });
    }
    for stage in &connection.stages {
        let Some(at) = &stage.at else { continue };
        let mut says =
            Text::plain(name).and(stage.stage).and(" ").ink(outcome_ink(stage.outcome), stage.outcome);
        if let Some(detail) = &stage.detail {
            says = says.and(": ").and(detail);
        }
        let what = match (at.frame, at.record) {
            (Some(frame), _) => format!("frame {frame}"),
            (None, Some(record)) => format!("record {record}"),
            (None, None) => String::new(),
        };
        let place = rows::in_file(report, &what, at.source);
        entries.push(Entry { time: clocks.moment(at.source, at.record, &at.time), says, place });
    }
    for event in &connection.events {
        let mut says = Text::plain(name).ink(Ink::Bold, &rows::event_name(event)).and(": ").and(&event.says);
        if matches!(event.matched_by, "time" | "name") {
            says = says.and_dim(&format!(" (matched by {} only)", event.matched_by));
        }
        let place = rows::in_file(report, &format!("record {}", event.record), event.source);
        entries.push(Entry {
            time: clocks.moment(event.source, Some(event.record), &event.time),
            says,
            place,
        });
    }
    if seen {
        let closed = connection.facts.closed_by.as_deref();
        let says = match closed {
            Some(closed) => Text::plain(name).and("closed by ").and(closed),
            None if connection.transport == "udp" => Text::plain(name).and("last datagram"),
            None => Text::plain(name).and("last frame, not closed"),
        };
        let last = connection.last_source.or(source);
        let place = connection.last_frame.map(|number| rows::frame(report, number, last)).unwrap_or_default();
        entries.push(Entry { time: clocks.told(last, &connection.end), says, place });
    }
    entries
}

fn shortened(mut rows: Vec<Moment>) -> Vec<Moment> {
    let Some(surplus) = rows.len().checked_sub(LINES).filter(|surplus| *surplus > 0) else {
        return rows;
    };
    let says = Text::new().and_dim(&format!("… {surplus} more: see --format json"));
    let from = LINES * 2 / 3;
    let gap = Moment { time: String::new(), says, place: String::new() };
    rows.splice(from..from + surplus, [gap]);
    rows
}
