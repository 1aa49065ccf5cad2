//! The report as one HTML file that opens from a mail attachment on a locked-down PC: no script, nothing loaded, and a
//! content security policy that allows neither.
//!
//! Templates escape by context; whatever came from the wire or a log is also a [`Text`], without hidden characters.
//! Judges nothing.

mod across;
pub(super) mod bundles;
mod incident;
mod ladder;
mod strips;
mod svg;

use askama::Template;
use sha2::{Digest, Sha256};

use super::model::Report;
use super::page::{self, Block, Piece};
use super::rows::{self, State};
use super::text::{Ink, Text};
use incident::View;
use svg::Shape;

const STYLE: &str = include_str!("style.css");

#[derive(Template)]
#[template(path = "page.html", config = "src/report/html/askama.toml")]
struct Page<'a> {
    report: &'a Report,
    csp: String,
    style: &'static str,
    title: String,
    tally: Text,
    times: String,
    client_code: Option<Text>,
    overview: Vec<OverviewRow>,
    incidents: Vec<View>,
    /// What is not told in full, or that nothing was found.
    opening: Vec<Block>,
    more: Vec<Block>,
    healthy: Vec<Block>,
    groups: Vec<Block>,
    limits: Vec<Block>,
    sources: Vec<Block>,
    hashes: Vec<(u32, &'a str)>,
}

impl Page<'_> {
    /// What follows the incidents and comes before the sources.
    fn rest(&self) -> [&[Block]; 4] {
        [&self.more, &self.healthy, &self.groups, &self.limits]
    }
}

/// A row of the overview.
struct OverviewRow {
    id: u32,
    told: bool,
    state: State,
    cells: Vec<(&'static str, Text)>,
}

impl OverviewRow {
    /// Whether the cell of that name leads to the incident.
    fn links(&self, name: &str) -> bool {
        self.told && name == "id"
    }
}

/// Any blocks, under a title.
#[derive(Template)]
#[template(path = "plain.html", config = "src/report/html/askama.toml")]
struct Plain<'a> {
    csp: String,
    style: &'static str,
    title: &'a str,
    blocks: &'a [Block],
}

/// The report as a page that ends with a line break.
pub(super) fn render(report: &Report) -> String {
    let chosen = page::incident::chosen(report);
    let told: Vec<u32> = chosen.in_full.iter().map(|incident| incident.id).collect();
    let none = report.incidents.is_empty() && report.groups.is_empty();
    let page = Page {
        csp: policy(),
        style: STYLE,
        title: title(report),
        tally: page::overview::tally(report),
        times: page::overview::times(report),
        client_code: report.client_code.as_ref().map(page::overview::client_code),
        overview: overview(report, &told),
        incidents: chosen.in_full.iter().map(|incident| incident::view(report, incident)).collect(),
        opening: if none { page::overview::nothing_found(report) } else { Vec::new() },
        more: chosen.more,
        healthy: page::overview::healthy(report),
        groups: page::overview::groups(report),
        limits: page::inputs::limits(report),
        sources: page::inputs::sources(report),
        hashes: report.sources.iter().filter_map(|own| Some((own.id, own.sha256.as_deref()?))).collect(),
        report,
    };
    finished(page.render())
}

/// Any blocks, as a page of the same looks.
pub(super) fn draw(title: &str, blocks: &[Block]) -> String {
    finished(Plain { csp: policy(), style: STYLE, title, blocks }.render())
}

/// A template over values in memory cannot fail.
fn finished(page: Result<String, askama::Error>) -> String {
    let mut page = page.unwrap_or_default();
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// Nothing may be loaded, run, sent or framed; only this one style sheet holds.
fn policy() -> String {
    let hash = base64(&Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let whole = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let sextet = whole >> (18 - 6 * place) & 63;
            let letter = LETTERS.get(crate::base::bytes::index(sextet)).copied().unwrap_or(b'A');
            out.push(if usize::try_from(place).unwrap_or(0) <= three.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

fn title(report: &Report) -> String {
    let [only] = report.incidents.as_slice() else {
        return "Remote Desktop connection analysis".to_owned();
    };
    let what = rows::title(&only.verdict).unwrap_or_else(|| State::of(&only.verdict).word().to_owned());
    super::visible(&format!("{what} · Remote Desktop connection analysis"))
}

fn overview(report: &Report, told: &[u32]) -> Vec<OverviewRow> {
    let header = page::overview::HEADER;
    page::overview::ordered(report)
        .into_iter()
        .map(|(incident, cells)| OverviewRow {
            id: incident.id,
            told: told.contains(&incident.id),
            state: State::of(&incident.verdict),
            cells: header.into_iter().zip(cells).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_everywhere() {
        // RFC 4648 10
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
