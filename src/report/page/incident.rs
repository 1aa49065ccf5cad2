//! One incident: the verdict first, then what it stands on, what to do, and what was weighed.

use std::collections::BTreeMap;

use super::facts::facts;
use super::time::Clocks;
use super::timeline::{evidence, timeline};
use super::{Block, Piece, part, points};
use crate::report::model::{
    Connection, DisplayFilter, Evidence, Exonerated, Incident, Remark, Report, Verdict,
};
use crate::report::rows::{self, State};
use crate::report::text::{Ink, Text};

/// Incidents of one verdict that are told in full.
const IN_FULL: usize = 10;
/// Connections of one incident whose facts are told.
const CONNECTIONS: usize = 5;

/// What makes two verdicts the same for folding.
type Likeness = (State, Option<&'static str>);

/// The incidents that are told in full, and a word on the others.
pub(in crate::report) struct Chosen<'a> {
    pub in_full: Vec<&'a Incident>,
    pub more: Vec<Block>,
}

pub(super) fn details(report: &Report) -> Vec<Block> {
    let chosen = chosen(report);
    let mut page: Vec<Block> =
        chosen.in_full.into_iter().flat_map(|incident| in_full(report, incident)).collect();
    page.extend(chosen.more);
    page
}

/// Every incident that is not healthy, failures first; a single one also if it is healthy.
pub(in crate::report) fn chosen(report: &Report) -> Chosen<'_> {
    let single = report.incidents.len() == 1;
    let mut order: Vec<&Incident> = report.incidents.iter().collect();
    order.retain(|incident| single || State::of(&incident.verdict) != State::Healthy);
    order.sort_by_key(|incident| State::of(&incident.verdict));

    let mut in_full = Vec::new();
    let mut more: BTreeMap<Likeness, Vec<&Incident>> = BTreeMap::new();
    for incident in order {
        let alike = more.entry((State::of(&incident.verdict), incident.verdict.cause)).or_default();
        alike.push(incident);
        if alike.len() <= IN_FULL {
            in_full.push(incident);
        }
    }
    Chosen { in_full, more: folded(more) }
}

/// Says how many alike were not told, and how to see them.
fn folded(alike: BTreeMap<Likeness, Vec<&Incident>>) -> Vec<Block> {
    let mut lines = Vec::new();
    for ((state, cause), incidents) in alike {
        let Some((first, last)) = incidents.get(IN_FULL).zip(incidents.last()) else { continue };
        let many = rows::count(u64::try_from(incidents.len() - IN_FULL).unwrap_or(u64::MAX));
        let line = Text::plain(&format!("{many} more "))
            .then(state.text())
            .and(" with ")
            .and_code(cause.unwrap_or("no named cause"))
            .and(&format!(", ids {} to {}, {}: ", first.id, last.id, rows::span(&first.start, &last.end)))
            .and_prose("narrow with `--client` or `--around`, or see `--format json`.");
        lines.push(line);
    }
    points(lines).map_or_else(Vec::new, |list| vec![Block::Heading(2, Text::plain("More of the same")), list])
}

fn in_full(report: &Report, incident: &Incident) -> Vec<Block> {
    let verdict = &incident.verdict;
    let clocks = Clocks::new(report, incident);
    let mut page = verdict_first(report, incident);
    page.extend(part("Evidence", evidence(report, incident, &clocks)));
    page.extend(in_wireshark(report, verdict));
    page.extend(part("Timeline", timeline(report, incident, &clocks)));
    page.extend(part("What to do", steps(&verdict.remedy)));
    page.extend(part("Also considered, or ruled out", points(weighed(incident))));
    page.extend(part(
        "Could not be seen",
        points(verdict.missing.iter().map(|text| Text::prose(text)).collect()),
    ));
    page.extend(part("Not at fault", points(exonerated(report, incident))));
    page.extend(part("Remarks", points(remarks(report, incident))));
    page.extend(connections(report, incident));
    page
}

fn verdict_first(report: &Report, incident: &Incident) -> Vec<Block> {
    let verdict = &incident.verdict;
    let state = State::of(verdict);
    let headline = Text::new().ink(state.ink(), &state.word().to_uppercase()).and(": ");
    let headline = match (rows::title(verdict), verdict.cause) {
        (Some(title), Some(cause)) => headline.ink(Ink::Bold, &title).and(" (").and_code(cause).and(")"),
        (Some(title), None) => headline.ink(Ink::Bold, &title),
        (None, Some(cause)) => headline.and_code(cause),
        (None, None) if state == State::Healthy => headline.ink(Ink::Bold, "no failure found"),
        (None, None) => headline.ink(Ink::Bold, "the reason is not visible in these files"),
    };
    let mut line = Text::new();
    if let Some(word) = verdict.strength {
        line = line.ink(Ink::Bold, "Strength: ").and(rows::strength(word)).and(". ");
    }
    if let Some(word) = verdict.blame {
        line = line.ink(Ink::Bold, "Blame: ").and(word).and(". ");
    }
    let reached = rows::reached(report, incident);
    if !reached.is_empty() {
        line = line.ink(Ink::Bold, "Reached: ").and(reached).and(". ");
    }
    let who = rows::who(incident).and(", ").and(&rows::zoned_span(&incident.start, &incident.end)).and(".");
    let mut page = vec![
        Block::Heading(2, Text::plain(&format!("Incident {}", incident.id))),
        Block::Headline(headline),
        Block::Paragraph(line),
        Block::Paragraph(who),
        Block::Gap,
        Block::Paragraph(Text::plain(&verdict.summary)),
    ];
    let more = more(report, verdict);
    if !more.is_empty() {
        page.push(Block::Labelled(more));
    }
    page
}

/// What is known besides of a verdict, a label each.
pub(in crate::report) fn more(report: &Report, verdict: &Verdict) -> Vec<(&'static str, Text)> {
    let mut more = Vec::new();
    if let Some(code) = &verdict.expected_client_code {
        more.push(("The client shows", Text::prose(code)));
    }
    if let (Some(told), Some(own)) = (&report.client_code, &verdict.client_code) {
        let text = Text::code(&told.text).and(&format!(", which {}: ", own.weighs.replace('-', " ")));
        more.push(("The user saw", text.and_prose(&own.says)));
    }
    if let Some(location) = &verdict.location {
        more.push(("Where", Text::plain(location)));
    }
    more
}

/// What to type into Wireshark to see the evidence.
fn in_wireshark(report: &Report, verdict: &Verdict) -> Option<Block> {
    let lines = filters(report, verdict).into_iter().map(|(filter, file)| {
        let text = Text::code(&filter);
        ("In Wireshark", if file.is_empty() { text } else { text.and_dim(&format!(" ({file})")) })
    });
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() { None } else { Some(Block::Labelled(lines)) }
}

/// The display filters of a verdict, each with its file if there are several captures.
pub(in crate::report) fn filters(report: &Report, verdict: &Verdict) -> Vec<(String, String)> {
    let named = |own: &DisplayFilter| (own.filter.clone(), rows::in_file(report, "", own.source));
    verdict.display_filters.iter().map(named).collect()
}

pub(in crate::report) fn weighed(incident: &Incident) -> Vec<Text> {
    let considered = incident.verdict.also_considered.iter();
    let considered = considered.map(|other| Text::code(other.cause).and(": ").and(&other.why_not));
    let ruled_out = incident.verdict.ruled_out.iter().map(|text| Text::plain("Ruled out: ").and(text));
    considered.chain(ruled_out).collect()
}

pub(in crate::report) fn exonerated(report: &Report, incident: &Incident) -> Vec<Text> {
    let line = |party: &Exonerated| {
        Text::new()
            .ink(Ink::Good, &format!("{} exonerated", party.party))
            .and(": ")
            .and(&party.says)
            .then(short_evidence(report, &party.evidence))
    };
    incident.verdict.exonerated.iter().map(line).collect()
}

pub(in crate::report) fn remarks(report: &Report, incident: &Incident) -> Vec<Text> {
    let line = |remark: &Remark| {
        Text::code(remark.cause)
            .and(&format!(", {}: ", remark.strength))
            .and(&remark.says)
            .then(short_evidence(report, &remark.evidence))
    };
    incident.verdict.remarks.iter().map(line).collect()
}

/// ` (what it stands on, frame 7; …)`.
fn short_evidence(report: &Report, evidence: &[Evidence]) -> Text {
    let mut text = Text::new();
    for (index, fact) in evidence.iter().enumerate() {
        let place = rows::place(report, fact);
        let separator = if index == 0 { " (" } else { "; " };
        text = text.and_dim(separator).and(&fact.says);
        if !place.is_empty() {
            text = text.and_dim(", ").and_dim(&place);
        }
    }
    if text.is_empty() { text } else { text.and_dim(")") }
}

/// The deciding connection first, then the others in order of time.
fn connections(report: &Report, incident: &Incident) -> Vec<Block> {
    let deciding = |connection: &&Connection| Some(connection.id) == incident.deciding_connection;
    let mut all: Vec<&Connection> =
        incident.connections.iter().filter_map(|id| rows::connection(report, *id)).collect();
    all.sort_by_key(|connection| !deciding(connection));
    let mut page = Vec::new();
    for connection in all.iter().take(CONNECTIONS) {
        let mut name = format!("Connection c{}", connection.id);
        if deciding(connection) && all.len() > 1 {
            name.push_str(", which decides");
        }
        page.push(Block::Heading(3, Text::plain(&name)));
        page.push(facts(report, connection));
    }
    if let Some(rest) = all.len().checked_sub(CONNECTIONS).filter(|rest| *rest > 0) {
        let text = format!("… and {rest} more connections: see --format json.");
        page.push(Block::Paragraph(Text::new().and_dim(&text)));
    }
    page
}

pub(in crate::report) fn steps(remedy: &[String]) -> Option<Block> {
    let steps = pieces_of(remedy);
    if steps.is_empty() { None } else { Some(Block::Steps(steps)) }
}

/// Steps without those that say nothing.
pub(in crate::report) fn pieces_of(remedy: &[String]) -> Vec<Vec<Piece>> {
    remedy.iter().map(|step| pieces(step)).filter(|pieces| !pieces.is_empty()).collect()
}

/// Words and commands. A command is what stands in backticks with a space in it, or a line indented by four.
fn pieces(step: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for line in step.lines() {
        if line.starts_with("    ") || line.starts_with('\t') {
            pieces.push(Piece::Command(Text::code(line.trim())));
            continue;
        }
        let mut words = String::new();
        let parts: Vec<&str> = line.split('`').collect();
        for (index, part) in parts.iter().enumerate() {
            // A backtick without a partner sets off nothing.
            let quoted = index % 2 == 1 && index + 1 < parts.len();
            if index % 2 == 1 && !quoted {
                words.push('`');
            }
            if quoted && part.trim().contains(' ') {
                push_words(&mut pieces, &mut words);
                pieces.push(Piece::Command(Text::code(part.trim())));
            } else if quoted {
                words.push('`');
                words.push_str(part);
                words.push('`');
            } else {
                words.push_str(part);
            }
        }
        push_words(&mut pieces, &mut words);
    }
    pieces
}

/// What stands between commands, unless only a full stop is left of it.
fn push_words(pieces: &mut Vec<Piece>, words: &mut String) {
    let text = std::mem::take(words);
    let text = text.trim();
    let text = if pieces.is_empty() { text } else { text.trim_start_matches(['.', ',', ';']).trim_start() };
    if text.chars().any(char::is_alphanumeric) {
        pieces.push(Piece::Words(Text::prose(text)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(step: &str) -> Vec<String> {
        let text = |text: &Text| text.spans().iter().map(|span| span.text().to_owned()).collect::<String>();
        pieces(step)
            .iter()
            .map(|piece| match piece {
                Piece::Words(words) => text(words),
                Piece::Command(command) => format!("> {}", text(command)),
            })
            .collect()
    }

    #[test]
    fn commands_stand_alone() {
        assert_eq!(shown("Run `gpupdate /force`."), ["Run", "> gpupdate /force"]);
        assert_eq!(shown("Set `fDenyTSConnections` to 0."), ["Set fDenyTSConnections to 0."]);
        assert_eq!(
            shown("Open a shell:\n    net start TermService\nand try again."),
            ["Open a shell:", "> net start TermService", "and try again."]
        );
        assert_eq!(shown("First `a b`, then `c d`"), ["First", "> a b", "then", "> c d"]);
        assert_eq!(shown("tell user `del /s /q"), ["tell user `del /s /q"]);
        assert!(shown(" ").is_empty());
    }
}
