//! The report for an incident ticket: the blocks of the page as CommonMark with tables (GitHub, GitLab, Azure
//! DevOps).
//!
//! Foreign text cannot become markup: names and addresses stand in code spans, where nothing is linked or
//! mentioned, and in sentences every character that Markdown or HTML would act on is escaped.

use std::fmt::Write as _;

use super::model::Report;
use super::page::{self, Block, Grid, Moment, Piece};
use super::text::{Ink, Span, Text};

pub(super) fn render(report: &Report) -> String {
    draw(&page::blocks(report))
}

/// Any blocks, in the same way.
pub(super) fn draw(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        if matches!(block, Block::Gap) {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        write_block(&mut out, block);
    }
    out
}

fn write_block(out: &mut String, block: &Block) {
    // Writing to a string cannot fail.
    let _ = match block {
        Block::Gap => Ok(()),
        Block::Heading(level, text) => {
            writeln!(out, "{} {}", "#".repeat(usize::from(*level)), words(text, false))
        }
        Block::Headline(text) => writeln!(out, "**{}**", words(text, true)),
        Block::Paragraph(text) => writeln!(out, "{}", line(text)),
        Block::Points(points) => points.iter().try_for_each(|point| writeln!(out, "- {}", line(point))),
        Block::Steps(steps) => {
            steps.iter().zip(1..).try_for_each(|(step, number)| write_step(out, number, step))
        }
        Block::Moments { rows, legend } => {
            write_moments(out, rows);
            legend.iter().try_for_each(|text| write!(out, "\n{}\n", line(text)))
        }
        Block::Labelled(lines) => {
            lines.iter().try_for_each(|(label, text)| writeln!(out, "- **{label}**: {}", words(text, false)))
        }
        Block::Grid(grid) => {
            write_grid(out, grid);
            Ok(())
        }
    };
}

fn write_step(out: &mut String, number: usize, step: &[Piece]) -> std::fmt::Result {
    let lead = format!("{number}. ");
    let indent = " ".repeat(lead.len());
    for (index, piece) in step.iter().enumerate() {
        let lead = if index == 0 { &lead } else { &indent };
        match piece {
            Piece::Words(text) => writeln!(out, "{lead}{}", line(text))?,
            Piece::Command(text) => {
                let command: String = text.spans().iter().map(Span::text).collect();
                let fence = "`".repeat(longest_run(&command).max(2) + 1);
                writeln!(out, "{lead}{fence}\n{indent}{command}\n{indent}{fence}")?;
            }
        }
    }
    Ok(())
}

fn write_moments(out: &mut String, rows: &[Moment]) {
    let plain = |text: &str| Text::plain(text);
    let rows = rows.iter().map(|row| vec![plain(&row.time), row.says.clone(), plain(&row.place)]);
    write_rows(out, &["time", "what", "where"], rows);
}

fn write_grid(out: &mut String, grid: &Grid) {
    write_rows(out, &grid.header, grid.rows.iter().cloned());
}

fn write_rows(out: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<Text>>) {
    let _ = writeln!(out, "| {} |", header.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(header.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

/// Inside a table a pipe ends the cell, even in a code span.
fn cell(text: &Text) -> String {
    let code = |span: &Span| match span.ink {
        Ink::Code | Ink::Quoted => code_span(span.text()).replace('|', "\\|"),
        _ => plain(span, false),
    };
    text.spans().iter().map(code).collect()
}

/// A line of its own: what would begin a list, heading or rule there is escaped too.
fn line(text: &Text) -> String {
    let line = words(text, false);
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let after = line.get(digits..).unwrap_or_default();
    if digits > 0 && after.starts_with(['.', ')']) {
        return format!("{}\\{after}", line.get(..digits).unwrap_or_default());
    }
    if line.starts_with(['-', '+', '=', ':']) { format!("\\{line}") } else { line }
}

/// `strong`: whether the whole already is.
fn words(text: &Text, strong: bool) -> String {
    let piece = |span: &Span| match span.ink {
        Ink::Code | Ink::Quoted => code_span(span.text()),
        _ => plain(span, strong),
    };
    text.spans().iter().map(piece).collect::<String>().trim().to_owned()
}

fn plain(span: &Span, strong: bool) -> String {
    let text = escaped(span.text());
    let inner = text.trim();
    if strong || inner.is_empty() || !matches!(span.ink, Ink::Bold | Ink::Bad | Ink::Open | Ink::Good) {
        return text;
    }
    // Emphasis may not touch a space inside.
    text.replacen(inner, &format!("**{inner}**"), 1)
}

/// `text` so that it reads as itself.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' | '!' | '@' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    // Bare addresses become links on most ticket systems; an attacker's name must not.
    out.replace("://", ":\\//").replace("www.", "www\\.")
}

/// A code span whose fence is longer than any run of backticks inside.
fn code_span(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        let hostile =
            Text::plain("<img src=x onerror=alert(1)> **b** [a](http://evil) | `x` _y_ #1 @all $x$ & ~~z~~");
        assert_eq!(
            words(&hostile, false),
            "&lt;img src=x onerror=alert(1)&gt; \\*\\*b\\*\\* \\[a\\](http:\\//evil) \\| \\`x\\` \\_y\\_ \\#1 \\@all \\$x\\$ &amp; \\~\\~z\\~\\~"
        );
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(code_span("a`b"), "``a`b``");
        assert_eq!(code_span("``"), "``` `` ```");
        assert_eq!(cell(&Text::code("a|b")), "`a\\|b`");
    }

    #[test]
    fn a_line_begins_no_list_or_heading() {
        for (text, shown) in [("- x", "\\- x"), ("12. x", "12\\. x"), ("# x", "\\# x"), ("=== x", "\\=== x")]
        {
            assert_eq!(line(&Text::plain(text)), shown);
        }
    }

    #[test]
    fn emphasis_touches_its_word() {
        assert_eq!(plain(&Text::new().ink(Ink::Bad, "failed ").spans()[0].clone(), false), "**failed** ");
    }
}
