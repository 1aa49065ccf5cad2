//! What the ladder of a connection shows, row by row: steps, the log entries that speak of it, silences, stages.
//!
//! Chooses and orders; draws nothing (`svg`).

use std::collections::BTreeMap;

use crate::base::{Timestamp, time};
use crate::report::model::{Connection, Incident, Report, Step};
use crate::report::page::time::{Clocks, Mark, Moment};
use crate::report::rows;
use crate::report::text::{Ink, Text};

/// Log entries on one ladder; of more, those that the verdict cites and the first are shown.
const PINS: usize = 24;
/// A silence this long is shown as one.
const SILENCE: i64 = time::SECOND;
/// A log entry that a verdict cites stands on the ladder if it is this near to the connection.
const NEAR: i64 = 60 * time::SECOND;

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Client,
    Path,
    Server,
}

impl Lane {
    pub fn of(word: &str) -> Self {
        match word {
            "client" => Self::Client,
            "path" | "gateway" => Self::Path,
            _ => Self::Server,
        }
    }
}

/// One row, from top to bottom.
#[derive(Debug)]
pub(super) enum Row {
    Stage(&'static str),
    Silence(String),
    Arrow(Arrow),
    Pin(Pin),
}

/// A step.
#[derive(Debug)]
pub(super) struct Arrow {
    pub kind: &'static str,
    pub from: Lane,
    pub to: Lane,
    pub says: Text,
    /// Clock time.
    pub clock: String,
    /// `frame 7`.
    pub place: String,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// Number of the evidence that cites it.
    pub cited: Option<usize>,
}

/// A log entry.
#[derive(Debug)]
pub(super) struct Pin {
    pub side: Lane,
    /// `RdpCoreTS 131`.
    pub name: String,
    pub says: Text,
    pub clock: String,
    pub place: String,
    /// By the clock of the capture; none if the clocks could not be compared.
    pub at: Option<Timestamp>,
    /// By how much that may be wrong, nanoseconds.
    pub spread: i64,
    pub cited: Option<usize>,
}

/// Numbers of the evidence by source and frame or record.
pub(super) type Cited = BTreeMap<(u32, Option<u64>, Option<u64>), usize>;

/// Which frames and records the verdict stands on; numbers from 1.
pub(super) fn cited(incident: &Incident) -> Cited {
    let mut cited = Cited::new();
    for (number, fact) in (1..).zip(&incident.verdict.evidence) {
        cited.entry((fact.source, fact.frame, fact.record)).or_insert(number);
    }
    cited
}

/// The ladder of a connection; empty if there is nothing to draw.
pub(super) fn rows_of(
    report: &Report,
    incident: &Incident,
    connection: &Connection,
    clocks: &Clocks<'_>,
) -> Vec<Row> {
    let cited = cited(incident);
    let one = one_source(connection).is_some();
    let mut arrows: Vec<Arrow> =
        connection.steps.iter().map(|step| arrow(report, step, &incident.start, one, &cited)).collect();
    let mut pins = pins(report, incident, connection, clocks, &cited);
    if arrows.is_empty() && pins.is_empty() {
        return Vec::new();
    }
    arrows.sort_by_key(|arrow| arrow.first.unwrap_or(Timestamp::MAX));
    pins.sort_by_key(|pin| pin.at.unwrap_or(Timestamp::MAX));
    bundled(merged(arrows, pins, &connection.steps))
}

/// The file that all steps are from.
pub(super) fn one_source(connection: &Connection) -> Option<u32> {
    let first = connection.steps.first()?.source;
    connection.steps.iter().all(|step| step.source == first).then_some(first)
}

/// Log entries in a row, of one side, that the verdict does not cite: more than two are told by number.
fn bundled(rows: Vec<Row>) -> Vec<Row> {
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    let mut bundle: Vec<Pin> = Vec::new();
    for row in rows {
        match row {
            Row::Pin(pin) if pin.cited.is_none() => {
                if bundle
                    .last()
                    .is_some_and(|last| (last.side, last.at.is_none()) != (pin.side, pin.at.is_none()))
                {
                    end_bundle(&mut bundle, &mut out);
                }
                bundle.push(pin);
            }
            other => {
                end_bundle(&mut bundle, &mut out);
                out.push(other);
            }
        }
    }
    end_bundle(&mut bundle, &mut out);
    out
}

fn end_bundle(bundle: &mut Vec<Pin>, out: &mut Vec<Row>) {
    let pins = std::mem::take(bundle);
    if pins.len() > 2 {
        out.extend(one_pin(pins).map(Row::Pin));
    } else {
        out.extend(pins.into_iter().map(Row::Pin));
    }
}

/// `5 entries: RdpCoreTS 65, 72 ×2, 141; RemoteConnectionManager 261`.
fn one_pin(bundle: Vec<Pin>) -> Option<Pin> {
    let count = u64::try_from(bundle.len()).unwrap_or(u64::MAX);
    let mut logs: Vec<(String, Vec<(String, u64)>)> = Vec::new();
    for pin in &bundle {
        let (log, id) = pin.name.rsplit_once(' ').unwrap_or((pin.name.as_str(), ""));
        let at = logs.iter().position(|(name, _)| name == log).unwrap_or_else(|| {
            logs.push((log.to_owned(), Vec::new()));
            logs.len() - 1
        });
        let Some((_, ids)) = logs.get_mut(at) else { continue };
        match ids.iter_mut().find(|(known, _)| known == id) {
            Some((_, times)) => *times += 1,
            None => ids.push((id.to_owned(), 1)),
        }
    }
    let list = |ids: &[(String, u64)]| {
        let one =
            |(id, times): &(String, u64)| if *times > 1 { format!("{id} ×{times}") } else { id.clone() };
        ids.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let logs: Vec<String> = logs.iter().map(|(log, ids)| format!("{log} {}", list(ids))).collect();
    let says = Text::new().and_dim(&format!("{} entries: {}", rows::count(count), logs.join("; ")));
    let place = format!("{} records", rows::count(count));
    bundle.into_iter().next().map(|first| Pin { says, place, ..first })
}

/// By time, with stages and silences between.
fn merged(arrows: Vec<Arrow>, pins: Vec<Pin>, steps: &[Step]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut last: Option<Timestamp> = None;
    let mut stage = "";
    let mut pins = pins.into_iter().peekable();
    for (arrow, step) in arrows.into_iter().zip(steps) {
        while let Some(pin) = pins.next_if(|pin| pin.at.is_some_and(|at| Some(at) < arrow.first)) {
            silence(&mut rows, &mut last, pin.at, pin.at);
            rows.push(Row::Pin(pin));
        }
        silence(&mut rows, &mut last, arrow.first, arrow.last);
        if step.stage != stage {
            stage = step.stage;
            rows.push(Row::Stage(stage));
        }
        rows.push(Row::Arrow(arrow));
    }
    for pin in pins {
        silence(&mut rows, &mut last, pin.at, pin.at);
        rows.push(Row::Pin(pin));
    }
    rows
}

fn silence(
    rows: &mut Vec<Row>,
    last: &mut Option<Timestamp>,
    first: Option<Timestamp>,
    then: Option<Timestamp>,
) {
    if let (Some(before), Some(now)) = (*last, first)
        && now.since(before) >= SILENCE
    {
        rows.push(Row::Silence(rows::duration(milliseconds(now.since(before)))));
    }
    *last = (*last).max(then);
}

fn milliseconds(nanos: i64) -> f64 {
    crate::correlate::clock::seconds(nanos) * 1_000.0
}

fn arrow(report: &Report, step: &Step, head: &str, one_source: bool, cited: &Cited) -> Arrow {
    let (first, last) = (step.time.parse().ok(), step.last_time.parse().ok());
    let mut says = Text::plain(&step.says);
    match step.kind {
        "both" => says = says.and_dim(&format!(", {}", rows::counted(step.count, "record"))),
        // A flight of the handshake names its messages.
        "left-out" => {}
        "message" if step.stage == "tls" => {}
        _ if step.count > 1 => says = says.and_dim(&format!(" ×{}", rows::count(step.count))),
        _ => {}
    }
    if step.bytes > 0 {
        says = says.and_dim(&format!(", {}", rows::counted(step.bytes, "byte")));
    }
    if let Some(length) = span(first, last).filter(|length| *length >= SILENCE) {
        says = says.and_dim(&format!(", in {}", rows::duration(milliseconds(length))));
    }
    let frames = match (step.frame, step.last_frame) {
        (Some(first), Some(last)) => format!("frames {first} to {last}"),
        (Some(first), None) => format!("frame {first}"),
        _ => String::new(),
    };
    Arrow {
        kind: step.kind,
        from: Lane::of(step.from),
        to: Lane::of(step.to),
        says,
        clock: rows::clock_beside(&step.time, head),
        place: if one_source { frames } else { rows::in_file(report, &frames, step.source) },
        first,
        last,
        cited: citation(step, cited),
    }
}

fn span(first: Option<Timestamp>, last: Option<Timestamp>) -> Option<i64> {
    Some(last?.since(first?))
}

fn citation(step: &Step, cited: &Cited) -> Option<usize> {
    let first = step.frame?;
    let frames = first..=step.last_frame.unwrap_or(first);
    cited
        .iter()
        .filter(|((source, frame, _), _)| {
            *source == step.source && frame.is_some_and(|frame| frames.contains(&frame))
        })
        .map(|(_, number)| *number)
        .min()
}

/// The log entries that were joined to the connection, and those near it that the verdict cites.
fn pins(
    report: &Report,
    incident: &Incident,
    connection: &Connection,
    clocks: &Clocks<'_>,
    cited: &Cited,
) -> Vec<Pin> {
    let mut pins: Vec<Pin> = Vec::new();
    for event in &connection.events {
        let number = cited.get(&(event.source, None, Some(event.record))).copied();
        let says = Text::new().ink(Ink::Bold, &rows::event_name(event)).and(" ").and(&event.says);
        let moment = clocks.moment(event.source, Some(event.record), &event.time);
        let place = rows::in_file(report, &format!("record {}", event.record), event.source);
        let pin = pin(report, &incident.start, event.source, says, &moment, place, number);
        pins.push(Pin { name: rows::event_name(event), ..pin });
    }
    let around = (connection.start.parse::<Timestamp>().ok()).zip(connection.end.parse::<Timestamp>().ok());
    for (number, fact) in (1..).zip(&incident.verdict.evidence) {
        let (Some(record), Some((start, end))) = (fact.record, around) else { continue };
        if connection.events.iter().any(|event| event.source == fact.source && event.record == record) {
            continue;
        }
        let moment = clocks.moment(fact.source, fact.record, &fact.time);
        let near = moment.order() >= start.shifted(-NEAR) && moment.order() <= end.shifted(NEAR);
        if near && moment.mark != Mark::Alone {
            let place = rows::in_file(report, &format!("record {record}"), fact.source);
            let log = fact.channel.as_deref().map(rows::channel).zip(fact.event_id);
            let name = log.map_or_else(String::new, |(log, id)| format!("{log} {id} "));
            let says = Text::new().ink(Ink::Bold, &name).and(&fact.says);
            pins.push(pin(report, &incident.start, fact.source, says, &moment, place, Some(number)));
        }
    }
    let mut left = PINS.saturating_sub(pins.iter().filter(|pin| pin.cited.is_some()).count());
    pins.retain(|pin| {
        let kept = pin.cited.is_some() || left > 0;
        left = left.saturating_sub(usize::from(pin.cited.is_none()));
        kept
    });
    pins
}

fn pin(
    report: &Report,
    head: &str,
    source: u32,
    says: Text,
    moment: &Moment,
    place: String,
    cited: Option<usize>,
) -> Pin {
    let role = rows::source(report, source).map_or("unknown", |source| source.role);
    let clock = report.clocks.iter().find(|clock| clock.sources.contains(&source));
    let spread = clock.and_then(|clock| clock.spread_ms).and_then(nanoseconds).unwrap_or(0);
    let at = if moment.mark == Mark::Alone { None } else { moment.time.parse().ok() };
    let name = String::new();
    Pin {
        side: Lane::of(role),
        name,
        says,
        clock: moment.shown(&moment.time) + &rows::other_offset(&moment.time, head),
        place,
        at,
        spread,
        cited,
    }
}

/// By way of decimals: there is no checked conversion from a float.
fn nanoseconds(milliseconds: f64) -> Option<i64> {
    format!("{:.0}", milliseconds * 1e6).parse().ok()
}
