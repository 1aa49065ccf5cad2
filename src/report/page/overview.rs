//! The top of the page, and what is told by one line or by count: healthy incidents and folded connections.

use std::collections::BTreeSet;

use super::{Block, Grid, points};
use crate::base::NoteKind;
use crate::report::model::{ClientCode, Incident, Report};
use crate::report::rows::{self, State};
use crate::report::text::{Ink, Text};

/// Rows of the overview that are not healthy.
const ROWS: usize = 40;
/// The same on a page that is scrolled.
const PAGE_ROWS: usize = 400;
/// Healthy rows of the overview: they have a list of their own.
const HEALTHY_ROWS: usize = 5;
/// Healthy incidents without a remark that get a line of their own.
const HEALTHY_LINES: usize = 200;

/// What a reader of a redacted report must know.
pub(in crate::report) const REDACTED: &str = "addresses, names and certificate subjects are pseudonyms, the same one for \
                                              the same thing; only the key file of this report turns them back.";

/// What was found, in one line.
pub(in crate::report) fn opening(report: &Report) -> Vec<Block> {
    let heading = Text::plain("Remote Desktop connection analysis");
    let mut line = Text::new();
    if !report.incidents.is_empty() {
        line = tally(report).and(". ");
    }
    line = line.and_dim(&times(report));
    let tool = format!(" {} {}", report.tool.name, report.tool.version);
    let mut page = vec![Block::Heading(1, heading), Block::Paragraph(line.and_dim(&tool))];
    if report.redacted {
        page.push(Block::Paragraph(Text::new().ink(Ink::Bold, "Redacted").and(": ").and(REDACTED)));
    }
    page.extend(report.client_code.as_ref().map(|told| Block::Paragraph(client_code(told))));
    page
}

/// The code that the user saw, and the incidents that it can belong to.
pub(in crate::report) fn client_code(told: &ClientCode) -> Text {
    let means = told.means.unwrap_or("not a code that is known");
    let text = Text::plain("The user saw ").and_code(&told.text).and(": ").and_prose(means).and(". ");
    let ids: Vec<String> = told.fits.iter().map(ToString::to_string).collect();
    text.and(&match ids.as_slice() {
        [] => "It belongs to no incident that failed in these files.".to_owned(),
        [only] => format!("It can belong to incident {only}."),
        many => format!("It can belong to one of the incidents {}.", many.join(", ")),
    })
}

/// `Times are UTC, on 2024-05-06.`
pub(in crate::report) fn times(report: &Report) -> String {
    let days = days(report);
    let zones: BTreeSet<String> =
        report.incidents.iter().map(|incident| rows::zone(&incident.start)).collect();
    let zones: Vec<String> = zones.into_iter().collect();
    let read = || report.sources.iter().find_map(|source| source.first_time.as_deref());
    let zones = if zones.is_empty() { rows::zone(read().unwrap_or_default()) } else { zones.join(" and ") };
    match (days.first(), days.len()) {
        (Some(day), 1) => format!("Times are {zones}, on {day}."),
        _ => format!("Times are {zones}."),
    }
}

/// `3 incidents: 1 failed, 2 healthy`.
pub(in crate::report) fn tally(report: &Report) -> Text {
    let mut text = Text::plain(&rows::counted(length(report.incidents.len()), "incident"));
    let mut separator = ": ";
    for state in [State::Failed, State::Warning, State::Undetermined, State::Healthy] {
        let many = report.incidents.iter().filter(|incident| State::of(&incident.verdict) == state).count();
        if many > 0 {
            let ink = state.ink();
            text = text.and(separator).ink(ink, &format!("{} {}", rows::count(length(many)), state.word()));
            separator = ", ";
        }
    }
    let folded = report.groups.iter().fold(0_u64, |sum, group| sum.saturating_add(group.count));
    if folded > 0 {
        text = text.and(&format!("; {} folded into groups", rows::counted(folded, "more connection")));
    }
    text
}

fn days(report: &Report) -> Vec<&str> {
    let days: BTreeSet<&str> =
        report.incidents.iter().filter_map(|incident| rows::day(&incident.start)).collect();
    days.into_iter().collect()
}

/// All incidents as a table, failures first; nothing for a single one.
pub(in crate::report) fn table(report: &Report) -> Vec<Block> {
    if report.incidents.len() < 2 {
        return Vec::new();
    }
    let one_day = days(report).len() < 2;
    let mut order: Vec<&Incident> = report.incidents.iter().collect();
    order.sort_by_key(|incident| State::of(&incident.verdict));
    let healthy = order.partition_point(|incident| State::of(&incident.verdict) != State::Healthy);
    let (bad, good) = order.split_at(healthy);
    let shown = bad.iter().take(ROWS).chain(good.iter().take(HEALTHY_ROWS));
    let mut page = vec![
        Block::Gap,
        Block::Grid(Grid {
            header: HEADER.to_vec(),
            rows: shown.map(|incident| row(report, incident, one_day)).collect(),
            stacked: &[
                &[&[0], &[1], &[2], &[3], &[4], &[5], &[6], &[7, 8]],
                &[&[0], &[1], &[2, 3], &[5, 4], &[6, 7, 8]],
            ],
        }),
    ];
    if let Some(more) = bad.len().checked_sub(ROWS).filter(|more| *more > 0) {
        let text = format!("… and {} more that are not healthy: narrow with ", rows::count(length(more)));
        let text =
            Text::plain(&text).and_prose("`--client`, `--server` or `--around`, or see `--format json`.");
        page.push(Block::Paragraph(text));
    }
    if let Some(more) = good.len().checked_sub(HEALTHY_ROWS).filter(|more| *more > 0) {
        let text = format!("… and {} more, all healthy: see Healthy below.", rows::count(length(more)));
        page.push(Block::Paragraph(Text::new().and_dim(&text)));
    }
    page
}

/// The columns of a list of incidents.
pub(in crate::report) const HEADER: [&str; 9] =
    ["id", "start", "client", "server", "reached", "verdict", "cause", "strength", "blame"];

/// Every incident that is not healthy with its row, failures first, then the healthy ones; of each so many that a
/// page can hold them.
pub(in crate::report) fn ordered(report: &Report) -> Vec<(&Incident, Vec<Text>)> {
    let one_day = days(report).len() < 2;
    let mut order: Vec<&Incident> = report.incidents.iter().collect();
    order.sort_by_key(|incident| State::of(&incident.verdict));
    let healthy = order.partition_point(|incident| State::of(&incident.verdict) != State::Healthy);
    let (bad, good) = order.split_at(healthy);
    let shown = bad.iter().take(PAGE_ROWS).chain(good.iter().take(PAGE_ROWS / 4));
    shown.map(|incident| (*incident, row(report, incident, one_day))).collect()
}

fn row(report: &Report, incident: &Incident, one_day: bool) -> Vec<Text> {
    let verdict = &incident.verdict;
    let start = start(report, incident, one_day);
    let word = |word: Option<&'static str>| Text::plain(word.unwrap_or("-"));
    vec![
        Text::plain(&incident.id.to_string()),
        Text::plain(&start),
        rows::name(&incident.client),
        rows::name(&incident.server),
        Text::plain(Some(rows::reached(report, incident)).filter(|stage| !stage.is_empty()).unwrap_or("-")),
        State::of(verdict).text(),
        verdict.cause.map_or_else(|| Text::plain("-"), Text::code),
        word(verdict.strength),
        word(verdict.blame),
    ]
}

/// Healthy incidents, a line each, with their remarks.
pub(in crate::report) fn healthy(report: &Report) -> Vec<Block> {
    if report.incidents.len() < 2 {
        // A single one is told in full.
        return Vec::new();
    }
    let one_day = days(report).len() < 2;
    let (mut plain, mut left_out) = (0, 0);
    let mut lines = Vec::new();
    for incident in report.incidents.iter().filter(|incident| State::of(&incident.verdict) == State::Healthy)
    {
        if incident.verdict.remarks.is_empty() {
            plain += 1;
            if plain > HEALTHY_LINES {
                left_out += 1;
                continue;
            }
        }
        lines.push(healthy_line(report, incident, one_day));
    }
    if left_out > 0 {
        let rest = format!("… and {} more without remarks: see --format json.", rows::count(left_out));
        lines.push(Text::new().and_dim(&rest));
    }
    points(lines).map_or_else(Vec::new, |list| vec![Block::Heading(2, Text::plain("Healthy")), list])
}

/// When an incident began, with the offset from UTC where it is another than the first one's.
fn start(report: &Report, incident: &Incident, one_day: bool) -> String {
    let time =
        if one_day { rows::clock_to_second(&incident.start) } else { rows::to_second(&incident.start) };
    let head = report.incidents.first().map_or("", |first| first.start.as_str());
    format!("{time}{}", rows::other_offset(&incident.start, head))
}

fn healthy_line(report: &Report, incident: &Incident, one_day: bool) -> Text {
    let start = start(report, incident, one_day);
    let line = Text::plain(&format!("{}: {start}, ", incident.id)).then(rows::who(incident));
    incident.verdict.remarks.iter().fold(line, |line, remark| {
        line.and("; ").ink(Ink::Bold, "remark").and(" ").and_code(remark.cause).and(": ").and(&remark.says)
    })
}

/// Folded connections as a table.
pub(in crate::report) fn groups(report: &Report) -> Vec<Block> {
    let cells = report.groups.iter().map(|group| {
        vec![
            Text::plain(&rows::count(group.count)),
            rows::name(&group.client),
            rows::name(&group.server),
            Text::plain(group.reached),
            group.cause.map_or_else(|| Text::plain("-"), Text::code),
            Text::plain(&rows::to_second(&group.first_time)),
            Text::plain(&rows::to_second(&group.last_time)),
            Text::plain(&match group.first_record.zip(group.last_record) {
                Some((first, last)) => format!("records {first} to {last}"),
                None => format!("{} to {}", group.first_frame, group.last_frame),
            }),
        ]
    });
    let grid = Block::Grid(Grid {
        header: vec!["count", "client", "server", "reached", "cause", "first", "last", "frames"],
        rows: cells.collect(),
        stacked: &[&[&[0], &[1, 2], &[3, 4], &[5, 6], &[7]]],
    });
    if report.groups.is_empty() {
        return Vec::new();
    }
    let why = "Ended connections that are alike, by count.";
    let heading = Block::Heading(2, Text::plain("Groups"));
    vec![heading, Block::Paragraph(Text::new().and_dim(why)), grid]
}

/// What to say and to do where no RDP was found.
pub(in crate::report) fn nothing_found(report: &Report) -> Vec<Block> {
    let read = |kind: &str| report.sources.iter().filter(|source| source.kind == kind).count();
    let (captures, logs) = (length(read("capture")), length(read("event-log")));
    let frames = report.sources.iter().filter_map(|source| source.frames).fold(0_u64, u64::saturating_add);
    let records = report.sources.iter().filter_map(|source| source.records).fold(0_u64, u64::saturating_add);
    let mut parts = Vec::new();
    if captures > 0 {
        parts.push(format!("{} ({})", rows::counted(captures, "capture"), rows::counted(frames, "frame")));
    }
    if logs > 0 {
        parts.push(format!("{} ({})", rows::counted(logs, "event log"), rows::counted(records, "record")));
    }
    let read = if parts.is_empty() { "nothing could be read".to_owned() } else { parts.join(" and ") };
    let left_out = report.notes.iter().find(|note| note.note == NoteKind::FilteredOut.text());
    if let Some(note) = left_out {
        let incidents = rows::counted(note.count, "incident");
        return vec![
            Block::Headline(Text::new().ink(Ink::Open, "No incident passes the filters")),
            Block::Paragraph(Text::plain(&format!(
                "Read: {read}. It holds {incidents}; none fits what was asked for."
            ))),
            Block::Paragraph(Text::prose(
                "Try without `--client`, `--server`, `--user` or `--around`, or with fewer of them.",
            )),
        ];
    }
    let mut page = vec![
        Block::Headline(Text::new().ink(Ink::Open, "No RDP connection was found")),
        Block::Paragraph(Text::plain(&format!(
            "Read: {read}. This says nothing about whether a connection was tried: only that these files do not show it."
        ))),
    ];
    let steps = [
        "If RDP listens on another port than 3389, name it: `--port 3390`.",
        "Capture again on the client or the server while the failure happens, with the filter `tcp port 3389 or udp port 3389 or icmp or arp or port 53`.",
        "Add the logs of the server for that time: RdpCoreTS, RemoteConnectionManager, LocalSessionManager, Security and System; from the client: RDPClient.",
    ];
    page.push(Block::Heading(2, Text::plain("What to do next")));
    page.extend(points(steps.into_iter().map(Text::prose).collect()));
    page
}

fn length(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
