//! The page of `rdpscan compare`: the first difference that matters, the stages side by side, then the rest.
//!
//! Draws nothing and compares nothing: every word comes from the comparison.

use super::{Block, Grid, part, points};
use crate::report::compare::{Comparison, Difference, NotCompared, OUTCOME, Party, Seen, StagePair};
use crate::report::rows::{self, State};
use crate::report::text::{Ink, Text};

/// Files of one side that are named.
const FILES: usize = 4;

/// The whole page, in order.
pub(in crate::report) fn blocks(comparison: &Comparison) -> Vec<Block> {
    let mut page = vec![
        Block::Heading(1, Text::plain("Remote Desktop connection comparison")),
        Block::Labelled(vec![("good", party(&comparison.good)), ("bad", party(&comparison.bad))]),
        Block::Heading(2, Text::plain("First difference that matters")),
    ];
    page.extend(first(comparison));
    page.extend(part("Stages", stages(&comparison.stages)));
    page.extend(part("Other differences", differences(&comparison.others)));
    page.extend(part("Events that only one has", events(&comparison.events)));
    page.extend(part("Could not be compared", points(not_compared(&comparison.not_compared))));
    page.push(Block::Heading(2, Text::plain("Verdict on the bad one")));
    page.push(Block::Headline(verdict(&comparison.bad)));
    page
}

/// `failed, alice, 10.0.0.5 → 10.0.0.9:3389, 2024-05-06 20:10:10.747 UTC, reached tls; capture.pcapng`.
fn party(party: &Party) -> Text {
    let mut text = State::of(&party.verdict).text().and(", ");
    if let Some(user) = &party.user {
        text = text.then(rows::name(user)).and(", ");
    }
    text = text.then(rows::name(&party.client)).and(" → ").then(rows::name(&party.server));
    text = text.and(&format!(", {}", rows::zoned_span(&party.start, &party.start)));
    if !party.reached.is_empty() {
        text = text.and(", reached ").and(party.reached);
    }
    if party.incidents > 1 {
        text = text.and(&format!(" (incident {} of {})", party.incident, party.incidents));
    }
    for (index, path) in party.paths.iter().take(FILES).enumerate() {
        text = text.and(if index == 0 { "; " } else { ", " }).and_code(path);
    }
    if let Some(more) = party.paths.len().checked_sub(FILES).filter(|more| *more > 0) {
        text = text.and_dim(&format!(" and {more} more"));
    }
    match party.doubt {
        Some(doubt) => text.and(". ").ink(Ink::Open, "Beware").and(": ").and(doubt),
        None => text,
    }
}

fn first(comparison: &Comparison) -> Vec<Block> {
    let Some(first) = &comparison.first else {
        let none = Text::new().ink(Ink::Good, "None").and(": what both show went the same way.");
        return vec![Block::Headline(none)];
    };
    let headline = match first.stage {
        Some(_) if first.what == OUTCOME => parting(first),
        Some(stage) => Text::new().ink(Ink::Bad, stage).and(": another ").and(&first.what),
        None => Text::new()
            .ink(Ink::Bad, "verdict")
            .and(": no stage that both show went another way, and yet they are judged differently"),
    };
    let mut page = vec![
        Block::Headline(headline),
        Block::Labelled(vec![("good", seen(&first.good)), ("bad", seen(&first.bad))]),
    ];
    // Both went on from there; a reader wants to know how far.
    if let Some(later) = comparison.others.iter().find(|other| other.what == OUTCOME) {
        page.push(Block::Gap);
        page.push(Block::Paragraph(Text::plain("After that, ").then(parting(later)).and(".")));
        page.push(Block::Labelled(vec![("good", seen(&later.good)), ("bad", seen(&later.bad))]));
    }
    page
}

/// `tls: passed in the good one, failed in the bad one`.
fn parting(difference: &Difference) -> Text {
    let word = |seen: &Seen| seen.value.split(':').next().unwrap_or_default().to_owned();
    let (good, bad) = (word(&difference.good), word(&difference.bad));
    let stops = |word: &str| matches!(word, "failed" | "cut");
    let words = if stops(&good) && stops(&bad) {
        ": both ended here, not for the same reason".to_owned()
    } else {
        format!(": {good} in the good one, {bad} in the bad one")
    };
    Text::new().ink(Ink::Bad, difference.stage.unwrap_or_default()).and(&words)
}

fn seen(seen: &Seen) -> Text {
    let text = Text::plain(&seen.value);
    match &seen.at {
        Some(at) if !at.words.is_empty() => text.and_dim(&format!(" ({})", at.words)),
        _ => text,
    }
}

fn stages(pairs: &[StagePair]) -> Option<Block> {
    let row = |pair: &StagePair| {
        let ink = if pair.differs { Ink::Bad } else { Ink::Plain };
        vec![Text::new().ink(ink, pair.stage), seen(&pair.good), seen(&pair.bad)]
    };
    grid(vec!["stage", "good", "bad"], pairs.iter().map(row).collect())
}

fn differences(all: &[Difference]) -> Option<Block> {
    // Where their ways part is told above.
    let others = all.iter().filter(|difference| difference.what != OUTCOME);
    let row = |difference: &Difference| {
        let ink = if difference.matters { Ink::Bad } else { Ink::Plain };
        vec![Text::new().ink(ink, &difference.what), seen(&difference.good), seen(&difference.bad)]
    };
    grid(vec!["what", "good", "bad"], others.map(row).collect())
}

fn events(all: &[Difference]) -> Option<Block> {
    let row = |event: &Difference| {
        let (side, own) = if event.good.at.is_some() { ("good", &event.good) } else { ("bad", &event.bad) };
        vec![Text::plain(&event.what), Text::plain(side), seen(own)]
    };
    grid(vec!["event", "only in", "what it says"], all.iter().map(row).collect())
}

fn grid(header: Vec<&'static str>, rows: Vec<Vec<Text>>) -> Option<Block> {
    if rows.is_empty() { None } else { Some(Block::Grid(Grid { header, rows, stacked: &[] })) }
}

/// One line for all that one side hides for one reason.
fn not_compared(all: &[NotCompared]) -> Vec<Text> {
    let mut lines: Vec<(&NotCompared, Text)> = Vec::new();
    for item in all {
        let shown = Text::plain(&item.what).and_dim(" (").and_dim(&item.other).and_dim(")");
        let line = lines.iter_mut().find(|(one, _)| one.unseen_in == item.unseen_in && one.why == item.why);
        if let Some((_, text)) = line {
            *text = std::mem::take(text).and(", ").then(shown);
        } else {
            let begin = format!("Missing in the {} one, {}: ", item.unseen_in.name(), item.why);
            lines.push((item, Text::plain(&begin).then(shown)));
        }
    }
    lines.into_iter().map(|(_, text)| text).collect()
}

/// The verdict in one line.
fn verdict(party: &Party) -> Text {
    let verdict = &party.verdict;
    let state = State::of(verdict);
    let text = Text::new().ink(state.ink(), &state.word().to_uppercase()).and(": ");
    let title = rows::title(verdict).filter(|_| state != State::Healthy);
    let mut text = match title {
        Some(title) => text.and(&title),
        None => text.and(verdict.summary.trim_end_matches('.')),
    };
    if let Some(cause) = verdict.cause {
        text = text.and(" (").and_code(cause).and(")");
    }
    if let Some(strength) = verdict.strength {
        text = text.and(", ").and(strength);
    }
    if let Some(blame) = verdict.blame {
        text = text.and(", blame: ").and(blame);
    }
    text.and(".")
}
