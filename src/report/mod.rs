//! Layer 10: verdicts to pages. One format, one file; the cells are formatted once, in `rows`, and their order
//! on a page for people is set once, in `page`.
//!
//! Decides nothing: everything printed was decided below. Whatever came from the wire or a log is escaped before
//! it reaches a terminal or page (`escape`).

mod acceptance;
pub mod batch;
pub mod build;
pub mod compare;
mod escape;
mod event_words;
pub mod explain;
#[cfg(test)]
mod fixture;
mod grid;
mod html;
mod json;
mod lines;
mod markdown;
pub mod model;
mod page;
mod place;
pub mod redact;
mod rows;
mod schema;
mod side;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod wrap;
pub mod zone;

use std::io::{self, Write};

pub use escape::visible;
pub use lines::IncidentRow;
use model::Report;
pub use schema::{batch_schema, bundle_schema, compare_schema, explain_schema, incident_schema, schema};

/// What a report is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    #[default]
    Table,
    /// One JSON document, see [`model`].
    Json,
    /// For an incident ticket.
    Markdown,
    /// One file for a browser, for mail and for paper.
    Html,
    /// The incidents as a table for a spreadsheet.
    Csv,
    /// The incidents, one JSON object a line.
    Ndjson,
}

/// How a report for a terminal looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns; no line is longer. Below [`Style::NARROWEST`] that many are used.
    pub width: usize,
    /// Whether to use ANSI colours.
    pub color: bool,
}

impl Style {
    /// The narrowest page that is still laid out.
    pub const NARROWEST: usize = 40;
}

impl Default for Style {
    /// 80 columns without colour: fit for a pipe.
    fn default() -> Self {
        Self { width: 80, color: false }
    }
}

/// The report as text that ends with a line break.
pub fn render(report: &Report, format: Format, style: Style) -> String {
    match format {
        Format::Table => table::render(report, style),
        Format::Json => json::render(report),
        Format::Markdown => markdown::render(report),
        Format::Html => html::render(report),
        Format::Csv => lines::csv(report),
        Format::Ndjson => lines::ndjson(report),
    }
}

/// Writes the report to `out`; JSON without holding all of it in memory.
pub fn write(report: &Report, format: Format, style: Style, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Json => json::write(report, out),
        _ => out.write_all(render(report, format, style).as_bytes()),
    }
}
