//! The overview of `rdpscan batch`: a line per bundle, and why some were not analysed.

use super::{Block, Grid, part, points};
use crate::report::batch::Row;
use crate::report::rows;
use crate::report::text::{Ink, Text};

pub(in crate::report) const TITLE: &str = "Remote Desktop connection analysis of bundles";

/// The columns.
pub(in crate::report) const HEADER: [&str; 6] =
    ["bundle", "incidents", "failed", "worst verdict", "causes", "limits"];

/// The whole page, in order.
pub(in crate::report) fn blocks(all: &[Row]) -> Vec<Block> {
    let all: Vec<&Row> = all.iter().collect();
    let mut page = vec![
        Block::Heading(1, Text::plain(TITLE)),
        Block::Paragraph(Text::plain(&summary(&all))),
        Block::Gap,
        Block::Grid(Grid {
            header: HEADER.to_vec(),
            rows: all.iter().map(|row| line(row)).collect(),
            stacked: &[&[&[0], &[1, 2], &[3, 4], &[5]]],
        }),
    ];
    page.extend(part("Not analysed", points(reasons(&all))));
    page
}

/// `3 bundles, 4 incidents, 2 failed.`
pub(in crate::report) fn summary(all: &[&Row]) -> String {
    let many = |count: usize, what: &str| rows::counted(u64::try_from(count).unwrap_or(u64::MAX), what);
    let incidents = all.iter().map(|row| row.incidents).sum();
    let broken = all.iter().map(|row| row.failed).sum::<usize>();
    let summary = format!("{}, {}, {broken} failed.", many(all.len(), "bundle"), many(incidents, "incident"));
    match all.iter().filter(|row| row.reason.is_some()).count() {
        0 => summary,
        left => format!("{summary} {} could not be analysed.", many(left, "bundle")),
    }
}

/// Why some were not analysed.
pub(in crate::report) fn reasons(all: &[&Row]) -> Vec<Text> {
    let reason = |row: &&Row| {
        let reason = row.reason.as_deref()?;
        Some(Text::new().and_code(&row.bundle).and(": ").and(reason))
    };
    all.iter().filter_map(reason).collect()
}

/// How a bundle looks.
pub(in crate::report) fn ink(row: &Row) -> Ink {
    match row.worst.as_str() {
        "healthy" => Ink::Good,
        _ if row.failed > 0 => Ink::Bad,
        _ => Ink::Open,
    }
}

/// The cells of a bundle.
pub(in crate::report) fn line(row: &Row) -> Vec<Text> {
    let verdict = if row.reason.is_some() { "not analysed" } else { &row.worst };
    vec![
        Text::code(&row.bundle),
        Text::plain(&row.incidents.to_string()),
        Text::plain(&row.failed.to_string()),
        Text::new().ink(ink(row), verdict),
        Text::plain(&row.causes.join(", ")),
        Text::plain(&row.limits.to_string()),
    ]
}
