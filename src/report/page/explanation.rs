//! The page of `rdpscan explain`: the literal meaning first, then what it does not mean, then what would decide.
//!
//! Draws nothing and knows nothing: every word comes from the answers.

use super::incident::steps;
use super::{Block, Grid, part, points};
use crate::report::explain::{Answer, CauseEntry, Explanation, Meaning};
use crate::report::text::{Ink, Text};

/// Causes that are shown with what they say.
const MANY: usize = 8;

/// All answers, in order.
pub(in crate::report) fn blocks(explanation: &Explanation) -> Vec<Block> {
    explanation.answers.iter().flat_map(answer).collect()
}

fn answer(answer: &Answer) -> Vec<Block> {
    let means = match answer.kind {
        "unknown" => Text::new().ink(Ink::Bad, &answer.means),
        _ => Text::prose(&answer.means),
    };
    let mut page = vec![Block::Heading(2, heading(answer)), Block::Headline(means)];
    match (answer.kind, answer.codes.as_slice()) {
        ("several" | "family", _) => page.extend(overview(answer)),
        ("pair", [reason, extended]) => {
            page.push(Block::Gap);
            page.push(Block::Labelled(vec![("reason", said(reason)), ("extended", said(extended))]));
        }
        ("code" | "event", [row]) => {
            page.push(Block::Gap);
            page.push(Block::Labelled(labels(row)));
        }
        (_, rows) => {
            let rows: Vec<Text> = rows.iter().map(said).collect();
            page.extend(part("Known of these", points(rows)));
        }
    }
    if let Some(cause) = &answer.cause {
        page.push(Block::Gap);
        page.push(Block::Labelled(cause_labels(cause)));
        page.extend(part("Why", Some(Block::Paragraph(Text::prose(&cause.why)))));
    }
    page.extend(part("What it does not mean", prose(&answer.does_not_mean)));
    let decides = if answer.cause.is_some() { "Seen as" } else { "What would decide" };
    page.extend(part(decides, prose(&answer.would_decide)));
    page.extend(part("Also known", prose(&answer.also)));
    if let Some(cause) = &answer.cause {
        page.extend(part("What to do", steps(&cause.remedy)));
    }
    page.extend(part(causes_title(answer), causes(answer)));
    page.extend(part("Nearest", prose(&answer.nearest)));
    page.extend(part("Sources", prose(&answer.sources)));
    page
}

fn heading(answer: &Answer) -> Text {
    match answer.codes.as_slice() {
        [row] if answer.kind != "unknown" => Text::code(&row.ask),
        _ => Text::code(&answer.asked),
    }
}

fn causes_title(answer: &Answer) -> &'static str {
    if answer.cause.is_some() { "Told apart from" } else { "Causes that show it" }
}

fn prose(lines: &[String]) -> Option<Block> {
    points(lines.iter().map(|line| Text::prose(line)).collect())
}

/// `0x904 (2308), disconnectReason…: what it means`.
fn said(row: &Meaning) -> Text {
    let text = Text::new().ink(Ink::Bold, &row.hex).and(&format!(" ({})", row.code));
    let text = match row.symbol {
        Some(symbol) => text.and(", ").and_code(symbol),
        None => text,
    };
    text.and(": ").and_prose(row.means)
}

fn labels(row: &Meaning) -> Vec<(&'static str, Text)> {
    let number = row.ask.rsplit_once(':').map_or("", |(_, number)| number);
    let number = match number.strip_prefix("0x") {
        Some(_) => Text::plain(number).and(" = ").and(&row.code.to_string()),
        None => Text::plain(number),
    };
    let mut lines = vec![("what", Text::plain(row.title)), ("number", number)];
    lines.extend(row.symbol.map(|symbol| ("name", Text::code(symbol))));
    lines.push(("met in", Text::prose(row.met)));
    lines.push(("known", Text::plain(row.known)));
    lines
}

fn cause_labels(cause: &CauseEntry) -> Vec<(&'static str, Text)> {
    let mut lines = vec![
        ("stage", Text::plain(cause.stage)),
        ("severity", Text::plain(cause.severity)),
        ("may blame", Text::plain(&cause.blames.join(", "))),
    ];
    lines.extend(cause.client_code.map(|code| ("client shows", Text::plain(code))));
    lines
}

/// The rows side by side, and how to ask for one.
fn overview(answer: &Answer) -> Vec<Block> {
    let row = |row: &Meaning| {
        vec![Text::code(&row.ask), Text::plain(row.symbol.unwrap_or("-")), Text::prose(row.means)]
    };
    let hint = match answer.codes.first() {
        Some(row) => format!("`rdpscan explain {}` says more.", row.ask),
        None => String::new(),
    };
    vec![
        Block::Gap,
        Block::Grid(Grid {
            header: vec!["code", "name", "means"],
            rows: answer.codes.iter().map(row).collect(),
            stacked: &[&[&[0], &[2, 1]]],
        }),
        Block::Gap,
        Block::Paragraph(Text::prose(&hint)),
    ]
}

/// With what they say; only their ids where a reader would choose from too many.
fn causes(answer: &Answer) -> Option<Block> {
    if answer.causes.len() > MANY && answer.cause.is_none() {
        let begin = format!("{} causes of the catalogue, all of them different: ", answer.causes.len());
        let ids = answer.causes.iter().enumerate();
        let text = ids.fold(Text::plain(&begin), |text, (index, cause)| {
            text.and(if index == 0 { "" } else { ", " }).and_code(cause.id)
        });
        return Some(Block::Paragraph(text.and(".")));
    }
    let rows: Vec<Vec<Text>> =
        answer.causes.iter().map(|cause| vec![Text::code(cause.id), Text::plain(cause.title)]).collect();
    let grid = Grid { header: vec!["cause", "what it says"], rows, stacked: &[] };
    if grid.rows.is_empty() { None } else { Some(Block::Grid(grid)) }
}
