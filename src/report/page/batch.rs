//! The overview of `rdpscan batch`: a line per bundle, and why some were not analysed.

use super::{Block, Grid, part, points};
use crate::report::batch::Row;
use crate::report::rows;
use crate::report::text::{Ink, Text};

/// The whole page, in order.
pub(in crate::report) fn blocks(all: &[Row]) -> Vec<Block> {
    let failed: Vec<&Row> = all.iter().filter(|row| row.reason.is_some()).collect();
    let many = |count: usize, what: &str| rows::counted(u64::try_from(count).unwrap_or(u64::MAX), what);
    let incidents = all.iter().map(|row| row.incidents).sum();
    let broken = all.iter().map(|row| row.failed).sum::<usize>();
    let summary = format!("{}, {}, {broken} failed.", many(all.len(), "bundle"), many(incidents, "incident"));
    let not_analysed = format!(" {} could not be analysed.", many(failed.len(), "bundle"));
    let text = if failed.is_empty() { summary } else { summary + &not_analysed };
    let mut page = vec![
        Block::Heading(1, Text::plain("Remote Desktop connection analysis of bundles")),
        Block::Paragraph(Text::plain(&text)),
        Block::Gap,
        Block::Grid(Grid {
            header: vec!["bundle", "incidents", "failed", "worst verdict", "causes", "limits"],
            rows: all.iter().map(line).collect(),
            stacked: &[&[&[0], &[1, 2], &[3, 4], &[5]], &[&[0, 1, 2], &[3, 4, 5]]],
        }),
    ];
    let reasons = failed.iter().map(|row| {
        Text::new().and_code(&row.bundle).and(": ").and(row.reason.as_deref().unwrap_or_default())
    });
    page.extend(part("Not analysed", points(reasons.collect())));
    page
}

fn line(row: &Row) -> Vec<Text> {
    let ink = match row.worst.as_str() {
        "healthy" => Ink::Good,
        _ if row.failed > 0 => Ink::Bad,
        _ => Ink::Open,
    };
    vec![
        Text::code(&row.bundle),
        Text::plain(&row.incidents.to_string()),
        Text::plain(&row.failed.to_string()),
        Text::new().ink(ink, if row.reason.is_some() { "not analysed" } else { &row.worst }),
        Text::plain(&row.causes.join(", ")),
        Text::plain(&row.limits.to_string()),
    ]
}
