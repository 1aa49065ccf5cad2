//! The overview of `rdpscan batch` as a page that leads to the page of each bundle.

use askama::Template;

use super::{STYLE, finished, policy};
use crate::report::batch::Row;
use crate::report::page::batch;
use crate::report::rows::State;
use crate::report::text::{Ink, Text};

#[derive(Template)]
#[template(path = "bundles.html", config = "src/report/html/askama.toml")]
struct Page<'a> {
    csp: String,
    style: &'static str,
    title: &'static str,
    summary: String,
    tool: &'static str,
    header: &'a [&'static str],
    rows: Vec<Line<'a>>,
    reasons: &'a [Text],
}

struct Line<'a> {
    state: State,
    cells: Vec<Text>,
    /// The page of the bundle, beside this one.
    leads_to: Option<&'a str>,
}

impl Line<'_> {
    fn labelled(&self, header: &[&'static str]) -> Vec<(&'static str, &Text)> {
        header.iter().copied().zip(&self.cells).collect()
    }

    fn page(&self, name: &str) -> Option<&str> {
        self.leads_to.filter(|_| name == "bundle")
    }
}

/// The page. Each row comes with the page of its bundle, by a name of letters, digits, `-`, `_` and `.`.
pub(in crate::report) fn render(rows: &[(Row, Option<String>)]) -> String {
    let all: Vec<&Row> = rows.iter().map(|(row, _)| row).collect();
    let reasons = batch::reasons(&all);
    let lines = rows.iter().map(|(row, page)| Line {
        state: state(row),
        cells: batch::line(row),
        leads_to: page.as_deref(),
    });
    let page = Page {
        csp: policy(),
        style: STYLE,
        title: batch::TITLE,
        summary: batch::summary(&all),
        tool: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
        header: &batch::HEADER,
        rows: lines.collect(),
        reasons: &reasons,
    };
    finished(page.render())
}

/// How a row looks: like its worst verdict.
fn state(row: &Row) -> State {
    match batch::ink(row) {
        Ink::Good => State::Healthy,
        Ink::Bad => State::Failed,
        _ => State::Undetermined,
    }
}
