//! The report for a terminal: the blocks of the page in lines of a given width, with colour if asked.
//!
//! INVARIANT: no line is wider than the width, and without colour there is no control character but the line
//! break. Colour changes no column: taken away, the same text remains.

use super::Style;
use super::grid;
use super::model::Report;
use super::page::{self, Block, Grid, Moment, Piece};
use super::text::{Ink, Text};
use super::wrap::{Line, width_of, wrap};

pub(super) fn render(report: &Report, style: Style) -> String {
    draw(&page::blocks(report), style)
}

/// Any blocks, in the same way.
pub(super) fn draw(blocks: &[Block], style: Style) -> String {
    let mut page = Page { out: String::new(), width: style.width.max(Style::NARROWEST), color: style.color };
    for block in blocks {
        page.block(block);
    }
    page.out
}

struct Page {
    out: String,
    width: usize,
    color: bool,
}

impl Page {
    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading(1, text) => self.text("", "", &bold(text)),
            Block::Heading(2, text) => {
                self.gap();
                self.rule(text);
            }
            Block::Heading(_, text) => {
                self.gap();
                self.text("", "", &bold(text));
            }
            Block::Gap => self.gap(),
            Block::Headline(text) | Block::Paragraph(text) => self.text("", "", text),
            Block::Points(points) => {
                for point in points {
                    self.text("  - ", "    ", point);
                }
            }
            Block::Steps(steps) => self.steps(steps),
            Block::Moments { rows, legend } => self.moments(rows, legend),
            Block::Labelled(lines) => self.labelled(lines),
            Block::Grid(grid) => self.grid(grid),
        }
    }

    /// An empty line, unless one is there or nothing is.
    fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn rule(&mut self, text: &Text) {
        let shown = Text::plain("── ").then(bold(text));
        for line in wrap(&shown, self.width) {
            let used: usize = line.iter().map(|(_, text)| width_of(text)).sum();
            self.paint(&line);
            if let Some(rest) = self.width.checked_sub(used + 1).filter(|rest| *rest > 0) {
                self.out.push(' ');
                self.out.push_str(&"─".repeat(rest));
            }
            self.out.push('\n');
        }
    }

    /// `text` in lines, the first after `first`, the others after `others`.
    fn text(&mut self, first: &str, others: &str, text: &Text) {
        let width = self.width.saturating_sub(width_of(first).max(width_of(others)));
        for (index, line) in wrap(text, width).iter().enumerate() {
            self.out.push_str(if index == 0 { first } else { others });
            self.paint(line);
            self.out.push('\n');
        }
    }

    fn steps(&mut self, steps: &[Vec<Piece>]) {
        for (number, step) in steps.iter().enumerate() {
            let mut lead = format!("{:>3}. ", number + 1);
            let indent = " ".repeat(lead.len());
            for piece in step {
                match piece {
                    Piece::Words(words) => self.text(&lead, &indent, words),
                    Piece::Command(command) => {
                        if lead != indent {
                            self.text(&lead, &indent, &Text::new().and("Run"));
                        }
                        self.command(command);
                    }
                }
                lead.clone_from(&indent);
            }
        }
    }

    /// A command on a line of its own: indented if it fits so, at the margin if it fits so, and only if it is
    /// wider than the page broken at spaces, which the line above it then says.
    fn command(&mut self, command: &Text) {
        let verbatim: String = command.spans().iter().map(super::text::Span::text).collect();
        let width = width_of(&verbatim);
        let indent = self.width.saturating_sub(width).min(9);
        if width <= self.width {
            self.out.push_str(&" ".repeat(indent));
            self.out.push_str(&verbatim);
            self.out.push('\n');
        } else {
            self.text("     ", "     ", &Text::new().and_dim("(one command, broken here to fit the page:)"));
            self.text("     ", "       ", command);
        }
    }

    fn moments(&mut self, rows: &[Moment], legend: &[Text]) {
        let column = rows.iter().map(|row| width_of(&row.time)).max().unwrap_or(0);
        let others = " ".repeat(column + 4);
        for row in rows {
            let first = format!("  {}{}  ", row.time, " ".repeat(column - width_of(&row.time)));
            let place = if row.place.is_empty() { String::new() } else { format!(" ({})", row.place) };
            self.text(&first, &others, &row.says.clone().and_dim(&place));
        }
        for line in legend {
            self.text("  ", "    ", line);
        }
    }

    fn labelled(&mut self, lines: &[(&str, Text)]) {
        let column = lines.iter().map(|(label, _)| width_of(label)).max().unwrap_or(0);
        let others = " ".repeat(column + 4);
        for (label, text) in lines {
            let first = format!("  {label}{}  ", " ".repeat(column - width_of(label)));
            self.text(&first, &others, text);
        }
    }

    fn grid(&mut self, grid: &Grid) {
        for line in grid::draw(grid, self.width, self.color) {
            self.out.push_str(line.trim_end());
            self.out.push('\n');
        }
    }

    fn paint(&mut self, line: &Line) {
        for (ink, text) in line {
            match ansi(*ink).filter(|_| self.color) {
                Some(code) => self.out.extend(["\x1b[", code, "m", text, "\x1b[0m"]),
                None => self.out.push_str(text),
            }
        }
    }
}

fn bold(text: &Text) -> Text {
    text.spans().iter().fold(Text::new(), |bold, span| bold.ink(Ink::Bold, span.text()))
}

/// The SGR code of a meaning: red, yellow and green for states, bold and dim, no more.
pub(super) const fn ansi(ink: Ink) -> Option<&'static str> {
    match ink {
        Ink::Bold => Some("1"),
        Ink::Bad => Some("1;31"),
        Ink::Open => Some("33"),
        Ink::Good => Some("32"),
        Ink::Dim => Some("2"),
        Ink::Plain | Ink::Code | Ink::Quoted => None,
    }
}
