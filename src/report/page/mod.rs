//! The order of a report for people: which block follows which, and what is folded so that a failure is not
//! buried under healthy sessions.
//!
//! Draws nothing: `table` and `markdown` turn the same blocks into lines. Judges nothing: every word of judgement
//! comes from the model.

pub(super) mod comparison;
pub(super) mod explanation;
pub(super) mod facts;
pub(super) mod incident;
pub(super) mod inputs;
pub(super) mod overview;
pub(super) mod time;
pub(super) mod timeline;

use super::model::Report;
use super::text::Text;

/// A part of the page.
#[derive(Clone, Debug)]
pub(super) enum Block {
    /// A heading: 1 the page, 2 an incident or chapter, 3 a part of it.
    Heading(u8, Text),
    /// The verdict in one strong line.
    Headline(Text),
    /// Running text.
    Paragraph(Text),
    /// A list without order.
    Points(Vec<Text>),
    /// Steps to take, in order.
    Steps(Vec<Vec<Piece>>),
    /// What happened when.
    Moments { rows: Vec<Moment>, legend: Vec<Text> },
    /// Label and value, one per line.
    Labelled(Vec<(&'static str, Text)>),
    /// A table.
    Grid(Grid),
    /// An empty line, where a format has lines.
    Gap,
}

/// A part of a step.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Words(Text),
    /// Stands alone, to be copied.
    Command(Text),
}

/// One line of a timeline or one piece of evidence.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// With its mark, if it was corrected or cannot be compared.
    pub time: String,
    pub says: Text,
    /// Where to look it up.
    pub place: String,
}

/// A table with a second shape for narrow pages.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<Text>>,
    /// Shapes for pages too narrow for all columns side by side, widest first: which columns share a column, one
    /// under the other.
    pub stacked: &'static [&'static [&'static [usize]]],
}

impl Grid {
    /// The cells of a row with the names of their columns.
    pub fn labelled<'a>(&'a self, row: &'a [Text]) -> impl Iterator<Item = (&'static str, &'a Text)> {
        self.header.iter().copied().zip(row)
    }
}

/// The whole page, in order.
pub(super) fn blocks(report: &Report) -> Vec<Block> {
    let mut page = overview::opening(report);
    if report.incidents.is_empty() && report.groups.is_empty() {
        page.extend(overview::nothing_found(report));
    } else {
        page.extend(overview::table(report));
        page.extend(incident::details(report));
        page.extend(overview::healthy(report));
        page.extend(overview::groups(report));
    }
    page.extend(inputs::limits(report));
    page.extend(inputs::sources(report));
    page
}

/// A heading of a part, then the part; nothing at all if the part is empty.
pub(super) fn part(title: &str, block: Option<Block>) -> Vec<Block> {
    block.map_or_else(Vec::new, |block| vec![Block::Heading(3, Text::plain(title)), block])
}

pub(super) fn points(points: Vec<Text>) -> Option<Block> {
    if points.is_empty() { None } else { Some(Block::Points(points)) }
}
