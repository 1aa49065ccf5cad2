//! The end of the page: what limits the analysis, and the files and clocks that it rests on.

use std::collections::BTreeSet;

use super::{Block, Grid, points};
use crate::report::model::{Clock, Note, Report, Source};
use crate::report::rows;
use crate::report::text::Text;

/// Limits that get a line.
const LIMITS: usize = 40;
/// Sources up to which all get a row; of more, those that the report rests on.
const SOURCES: usize = 40;

/// `Limits of this analysis`.
pub(in crate::report) fn limits(report: &Report) -> Vec<Block> {
    let mut lines: Vec<Text> = report.notes.iter().take(LIMITS).map(|note| limit(report, note)).collect();
    if let Some(more) = report.notes.len().checked_sub(LIMITS).filter(|more| *more > 0) {
        lines.push(Text::new().and_dim(&format!("… and {more} more: see --format json")));
    }
    let list = points(lines);
    list.map_or_else(Vec::new, |list| vec![Block::Heading(2, Text::plain("Limits of this analysis")), list])
}

fn limit(report: &Report, note: &Note) -> Text {
    let mut text = Text::plain(&format!("{} × {}", rows::count(note.count), note.note));
    let file = note.source.and_then(|id| rows::source(report, id));
    let place = match (file, note.first.as_deref()) {
        (Some(file), Some(first)) => Text::code(rows::file_name(&file.path)).and(&format!(", first {first}")),
        (Some(file), None) => Text::code(rows::file_name(&file.path)),
        (None, Some(first)) => Text::plain(&format!("first {first}")),
        (None, None) => Text::new(),
    };
    if !place.is_empty() {
        text = text.and(" (").then(place).and(")");
    }
    if let Some(detail) = &note.detail {
        text = text.and(": ").and(detail);
    }
    text.and_dim(&format!("; {}", note.costs))
}

/// `Sources`, with the clock of each.
pub(in crate::report) fn sources(report: &Report) -> Vec<Block> {
    if report.sources.is_empty() {
        return Vec::new();
    }
    let cited = cited(report);
    let shown: Vec<&Source> = report
        .sources
        .iter()
        .filter(|source| report.sources.len() <= SOURCES || cited.contains(&source.id))
        .take(SOURCES)
        .collect();
    let grid = Block::Grid(Grid {
        header: vec!["file", "path", "role", "format", "content", "first", "last", "clock"],
        rows: shown.iter().map(|source| row(report, source)).collect(),
        stacked: &[&[&[0], &[1, 4], &[2, 3], &[5, 6], &[7]], &[&[0], &[1, 4], &[2, 3], &[5, 6, 7]]],
    });
    let mut page = vec![Block::Heading(2, Text::plain("Sources"))];
    if !shown.is_empty() {
        page.push(grid);
    }
    if let Some(more) = report.sources.len().checked_sub(shown.len()).filter(|more| *more > 0) {
        let text = format!("… and {more} more files, read and not cited above: see --format json");
        page.push(Block::Paragraph(Text::new().and_dim(&text)));
    }
    page
}

/// The sources that a connection, an event or a piece of evidence names, and those whose clocks they go by.
fn cited(report: &Report) -> BTreeSet<u32> {
    let mut ids: BTreeSet<u32> = BTreeSet::new();
    for connection in &report.connections {
        ids.extend(connection.sources.iter().copied());
        ids.extend(connection.events.iter().map(|event| event.source));
    }
    for incident in &report.incidents {
        ids.extend(incident.verdict.evidence.iter().map(|fact| fact.source));
    }
    ids.extend(report.clocks.iter().map(|clock| clock.against));
    ids
}

fn row(report: &Report, source: &Source) -> Vec<Text> {
    let time = |time: &Option<String>| {
        let Some(time) = time else { return Text::plain("-") };
        let head = report.incidents.first().map_or(time, |incident| &incident.start);
        Text::plain(&(rows::to_second(time) + &rows::other_offset(time, head)))
    };
    let clock = report.clocks.iter().find(|clock| clock.sources.contains(&source.id));
    vec![
        Text::plain(&source.id.to_string()),
        Text::code(&source.path),
        Text::plain(source.role),
        Text::plain(&source.format),
        content(source),
        time(&source.first_time),
        time(&source.last_time),
        clock.map_or_else(|| Text::plain("-"), |clock| offset(clock, source.id)),
    ]
}

/// `3,204 frames, 2 interfaces`; `RdpCoreTS of SRV01, 812 records`.
fn content(source: &Source) -> Text {
    let name = source.channel.as_deref().map(rows::channel);
    let mut text = match (name, source.host.as_deref()) {
        (Some(channel), Some(host)) => Text::plain(channel).and(" of ").then(rows::name(host)),
        (Some(channel), None) => Text::plain(channel),
        (None, Some(host)) => rows::name(host),
        (None, None) => Text::new(),
    };
    let counts = [
        source.frames.map(|frames| rows::counted(frames, "frame")),
        source.records.map(|records| rows::counted(records, "record")),
        source.interfaces.filter(|many| *many > 1).map(|many| rows::counted(u64::from(many), "interface")),
    ];
    for count in counts.into_iter().flatten() {
        text = if text.is_empty() { Text::plain(&count) } else { text.and(", ").and(&count) };
    }
    text
}

/// `+2.013 s against 0 (5 pairs, ± 4 ms)`.
fn offset(clock: &Clock, id: u32) -> Text {
    if clock.against == id {
        return Text::plain("reference");
    }
    if clock.sources.contains(&clock.against) {
        return Text::plain(&format!("the clock of file {}", clock.against));
    }
    let Some(ahead) = clock.offset_ms.filter(|_| clock.quality != "unknown") else {
        return Text::plain("offset unknown");
    };
    let spread = clock.spread_ms.map_or_else(String::new, |spread| format!(", ± {}", rows::duration(spread)));
    let pairs = rows::counted(u64::from(clock.pairs), "pair");
    let how = if clock.quality == "exact" { String::new() } else { format!("{}, ", clock.quality) };
    let drift = clock
        .drift_ms_per_hour
        .map_or_else(String::new, |drift| format!(", {} more each hour", rows::offset(drift)));
    Text::plain(&format!(
        "{} against file {} ({how}{pairs}{spread}{drift})",
        rows::offset(ahead),
        clock.against
    ))
}
