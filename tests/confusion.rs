//! What was expected against what was found, over all incidents of all samples: it must be the identity.
//!
//! `cargo test --test main confusion -- --nocapture` prints, per cause, how many samples show it.

#![allow(clippy::print_stdout, reason = "the table is for reading")]

use std::collections::BTreeMap;

use super::samples;

/// The name of a verdict: its cause, else its kind.
fn name<'a>(kind: &'a str, cause: Option<&'a str>) -> &'a str {
    cause.unwrap_or(kind)
}

#[test]
fn what_is_expected_is_what_is_found() {
    let mut cells: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for sample in samples::all() {
        let found = sample.report.as_ref().map_or(&[][..], |report| &report.incidents);
        for (at, expected) in sample.expected.incidents.iter().enumerate() {
            let found = found
                .get(at)
                .map_or("nothing", |incident| name(incident.verdict.kind, incident.verdict.cause));
            let expected = name(&expected.kind, expected.cause.as_deref());
            cells.entry((expected, found)).or_default().push(&sample.name);
        }
        for extra in found.iter().skip(sample.expected.incidents.len()) {
            let found = name(extra.verdict.kind, extra.verdict.cause);
            cells.entry(("nothing", found)).or_default().push(&sample.name);
        }
    }
    for ((expected, found), samples) in &cells {
        let off = if expected == found {
            String::new()
        } else {
            format!("  found: {found}: {}", samples.join(", "))
        };
        println!("{:4}  {expected}{off}", samples.len());
    }
    let off: Vec<_> = cells.iter().filter(|((expected, found), _)| expected != found).collect();
    assert!(cells.len() > 60, "only {} verdicts are told apart", cells.len());
    assert!(off.is_empty(), "off the diagonal: {off:?}");
}
