//! One incident for the page: the same words as in the other formats, put where a browser can show more.
//!
//! Judges nothing and formats no cell that another format has too.

use super::ladder::{self, Lane, Row};
use super::svg::{self, Heads, Picture};
use crate::base::Timestamp;
use crate::report::model::{Connection, Evidence, Incident, Report, Verdict};
use crate::report::page::incident as told;
use crate::report::page::time::{self, Clocks};
use crate::report::page::{Block, Piece, facts, timeline};
use crate::report::rows::{self, State};
use crate::report::text::Text;

/// Connections of one incident that have a bar, and whose facts are told.
const CONNECTIONS: usize = 24;
const FACTS: usize = 5;
/// The stages that every connection is to walk.
const WAY: [&str; 5] = ["transport", "negotiation", "tls", "authentication", "session"];
/// Units across of the bars.
const ACROSS: i64 = 1_000;

/// One incident.
pub(super) struct View {
    pub id: u32,
    pub state: State,
    pub title: Text,
    pub cause: Option<&'static str>,
    pub summary: Text,
    pub who: Text,
    pub when: String,
    pub strength: Option<(&'static str, &'static str, [bool; 3])>,
    pub blame: Option<&'static str>,
    pub stages: Vec<StageView>,
    pub more: Vec<(&'static str, Text)>,
    pub ladder: Option<Ladder>,
    pub bars: Vec<Bar>,
    pub span: Option<(String, String)>,
    pub timeline: Option<Block>,
    pub evidence: Vec<Fact>,
    pub legend: Vec<Text>,
    pub filters: Vec<(String, String)>,
    pub weighed: Vec<Text>,
    pub exonerated: Vec<Text>,
    pub remarks: Vec<Text>,
    pub missing: Vec<Text>,
    pub steps: Vec<Vec<Piece>>,
    pub connections: Vec<(String, Block)>,
    pub left_out: usize,
}

/// A stage on the way.
pub(super) struct StageView {
    pub name: &'static str,
    pub outcome: &'static str,
}

/// The ladder in two widths, and as a list.
pub(super) struct Ladder {
    pub connection: u32,
    pub who: Text,
    /// `frames of file 2`, where there are several captures.
    pub frames: String,
    pub wide: Picture,
    pub narrow: Picture,
    pub list: Vec<(String, Text)>,
    pub has_band: bool,
    pub has_unsure: bool,
}

/// A connection in time.
pub(super) struct Bar {
    pub name: String,
    pub decides: bool,
    pub transport: &'static str,
    pub who: Text,
    pub reached: &'static str,
    pub state: State,
    pub start: String,
    pub length: String,
    pub x: i64,
    pub width: i64,
}

/// A piece of evidence.
pub(super) struct Fact {
    pub number: usize,
    pub time: String,
    pub says: Text,
    pub place: String,
    pub filter: String,
}

/// Gathers what the page shows of an incident.
pub(super) fn view(report: &Report, incident: &Incident) -> View {
    let verdict = &incident.verdict;
    let clocks = Clocks::new(report, incident);
    let connections: Vec<&Connection> =
        incident.connections.iter().filter_map(|id| rows::connection(report, *id)).collect();
    let deciding = incident.deciding_connection.or_else(|| incident.connections.last().copied());
    let deciding = deciding.and_then(|id| rows::connection(report, id));
    let moments: Vec<time::Moment> =
        verdict.evidence.iter().map(|fact| clocks.moment(fact.source, fact.record, &fact.time)).collect();
    let facts = (1..).zip(&verdict.evidence).zip(&moments);
    View {
        id: incident.id,
        state: State::of(verdict),
        title: title(verdict),
        cause: verdict.cause,
        summary: summary(verdict),
        who: rows::who(incident),
        when: rows::zoned_span(&incident.start, &incident.end),
        strength: verdict.strength.map(strength),
        blame: verdict.blame,
        stages: stages(deciding),
        more: told::more(report, verdict),
        ladder: deciding.and_then(|connection| ladder(report, incident, connection, &clocks)),
        bars: bars(report, incident, &connections),
        span: span(incident),
        timeline: timeline::timeline(report, incident, &clocks),
        evidence: facts
            .map(|((number, fact), moment)| self::fact(report, number, fact, moment.shown(&incident.start)))
            .collect(),
        legend: clocks.legend(moments.iter()),
        filters: told::filters(report, verdict),
        weighed: told::weighed(incident),
        exonerated: told::exonerated(report, incident),
        remarks: told::remarks(report, incident),
        missing: verdict.missing.iter().map(|text| Text::prose(text)).collect(),
        steps: told::pieces_of(&verdict.remedy),
        connections: told(report, incident, &connections),
        left_out: connections.len().saturating_sub(CONNECTIONS),
    }
}

fn title(verdict: &Verdict) -> Text {
    match (rows::title(verdict), verdict.cause) {
        (Some(title), _) => Text::plain(&title),
        (None, Some(cause)) => Text::code(cause),
        (None, None) if State::of(verdict) == State::Healthy => Text::plain("No failure found"),
        (None, None) => Text::plain("The reason is not visible in these files"),
    }
}

/// What the summary says beyond the title that stands above it.
fn summary(verdict: &Verdict) -> Text {
    let title = rows::title(verdict).unwrap_or_default();
    let rest = verdict.summary.strip_prefix(title.as_str()).filter(|_| !title.is_empty());
    let Some(rest) = rest.map(|rest| rest.trim_start_matches([':', '.', ' '])) else {
        return Text::plain(&verdict.summary);
    };
    let mut letters = rest.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    Text::plain(&(first + letters.as_str()))
}

/// The word, what it means, and how many of three marks it has.
fn strength(word: &'static str) -> (&'static str, &'static str, [bool; 3]) {
    match word {
        "stated" => (word, "a party said so", [true; 3]),
        "corroborated" => (word, "independent sources agree", [true, true, false]),
        _ => (word, "from the pattern only", [true, false, false]),
    }
}

/// The stages that were walked, and those that were not reached.
fn stages(connection: Option<&Connection>) -> Vec<StageView> {
    let Some(connection) = connection else { return Vec::new() };
    let mut stages: Vec<StageView> = connection
        .stages
        .iter()
        .map(|stage| StageView { name: stage.stage, outcome: stage.outcome })
        .collect();
    let last = stages.iter().filter_map(|stage| WAY.iter().position(|way| *way == stage.name)).max();
    let rest = WAY.iter().skip(last.map_or(0, |at| at + 1));
    stages.extend(rest.map(|name| StageView { name, outcome: "not reached" }));
    stages
}

fn ladder(
    report: &Report,
    incident: &Incident,
    connection: &Connection,
    clocks: &Clocks<'_>,
) -> Option<Ladder> {
    let rows = ladder::rows_of(report, incident, connection, clocks);
    if rows.is_empty() {
        return None;
    }
    let first = connection.steps.first().and_then(|step| rows::source(report, step.source));
    let captured = first.filter(|source| source.role != "unknown").map(|source| Lane::of(source.role));
    let server = facts::server(report, connection);
    let pins = || rows.iter().filter_map(|row| if let Row::Pin(pin) = row { Some(pin) } else { None });
    // Logs of the path are a gateway's.
    let path = if pins().any(|pin| pin.side == Lane::Path) { "Gateway" } else { "Path" };
    let heads = Heads { client: rows::endpoint(&connection.client), server: server.clone(), path, captured };
    Some(Ladder {
        connection: connection.id,
        who: rows::name(&heads.client).and(" → ").then(rows::name(&server)),
        frames: ladder::one_source(connection)
            .map(|source| rows::in_file(report, "frames", source))
            .filter(|frames| frames != "frames")
            .unwrap_or_default(),
        wide: svg::wide(&rows, &heads),
        narrow: svg::narrow(&rows, &heads),
        has_band: pins().any(|pin| pin.at.is_some() && pin.spread > 0),
        has_unsure: pins().any(|pin| pin.at.is_none()),
        list: rows.iter().map(listed).collect(),
    })
}

/// A row in words.
fn listed(row: &Row) -> (String, Text) {
    let word = |lane: Lane| match lane {
        Lane::Client => "client",
        Lane::Path => "path",
        Lane::Server => "server",
    };
    match row {
        Row::Stage(stage) => (String::new(), Text::plain("Stage: ").and(stage)),
        Row::Silence(length) => (String::new(), Text::plain(length).and(" without a frame or entry")),
        Row::Arrow(arrow) => {
            let way = match arrow.kind {
                "both" => "client and server: ".to_owned(),
                "left-out" => String::new(),
                "lost" => format!("{}, lost: ", word(arrow.from)),
                _ => format!("{} to {}: ", word(arrow.from), word(arrow.to)),
            };
            (arrow.clock.clone(), Text::plain(&way).then(arrow.says.clone()).and_dim(&placed(&arrow.place)))
        }
        Row::Pin(pin) => {
            let lead = format!("log of the {}: ", word(pin.side));
            (pin.clock.clone(), Text::plain(&lead).then(pin.says.clone()).and_dim(&placed(&pin.place)))
        }
    }
}

fn placed(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(" ({place})") }
}

fn span(incident: &Incident) -> Option<(String, String)> {
    let same = incident.start == incident.end;
    (!same).then(|| (rows::clock(&incident.start), rows::clock_beside(&incident.end, &incident.start)))
}

fn bars(report: &Report, incident: &Incident, connections: &[&Connection]) -> Vec<Bar> {
    let moment = |text: &str| text.parse::<Timestamp>().unwrap_or(Timestamp::MIN);
    let (start, end) = (moment(&incident.start), moment(&incident.end));
    let place = |time: Timestamp| {
        let whole = i128::from(end.since(start)).max(1);
        let part = i128::from(time.since(start)).clamp(0, whole);
        i64::try_from(part * i128::from(ACROSS) / whole).unwrap_or(0)
    };
    let bar = |connection: &&Connection| {
        let (from, to) = (moment(&connection.start), moment(&connection.end));
        let x = place(from).min(ACROSS - 8);
        let nanos = to.since(from).max(0);
        Bar {
            name: format!("c{}", connection.id),
            decides: incident.deciding_connection == Some(connection.id),
            transport: connection.transport,
            who: rows::name(&rows::endpoint(&connection.client))
                .and(" → ")
                .then(rows::name(&facts::server(report, connection))),
            reached: connection.reached,
            state: State::of(&connection.verdict),
            start: rows::clock_beside(&connection.start, &incident.start),
            length: rows::duration(crate::correlate::clock::seconds(nanos) * 1_000.0),
            x,
            width: (place(to) - x).max(8),
        }
    };
    // The one that decides is always among them.
    let decides = |connection: &&Connection| incident.deciding_connection == Some(connection.id);
    let last = connections.iter().skip(CONNECTIONS).find(|connection| decides(connection));
    let first = CONNECTIONS - usize::from(last.is_some());
    connections.iter().take(first).chain(last).map(bar).collect()
}

fn fact(report: &Report, number: usize, fact: &Evidence, time: String) -> Fact {
    let filter = match (fact.frame, fact.record) {
        (Some(frame), _) => format!("frame.number == {frame}"),
        // What the filter of the Event Viewer takes under "XML".
        (None, Some(record)) => format!("*[System[EventRecordID={record}]]"),
        _ => String::new(),
    };
    Fact { number, time, says: Text::plain(&fact.says), place: rows::place(report, fact), filter }
}

fn told(report: &Report, incident: &Incident, connections: &[&Connection]) -> Vec<(String, Block)> {
    let mut all: Vec<&&Connection> = connections.iter().collect();
    all.sort_by_key(|connection| incident.deciding_connection != Some(connection.id));
    let decides = |connection: &Connection| {
        incident.deciding_connection == Some(connection.id) && connections.len() > 1
    };
    all.into_iter()
        .take(FACTS)
        .map(|connection| {
            let which = if decides(connection) { ", which decides" } else { "" };
            (format!("Connection c{}{which}", connection.id), facts::facts(report, connection))
        })
        .collect()
}
