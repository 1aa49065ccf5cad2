//! The code that a user saw, beside every sample: it may support a verdict or speak against it, never make up another story.
//!
//! The cases are made here from the samples, not committed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rdpscan::causes::by_id;
use rdpscan::causes::client_code::Told;
use rdpscan::report::model::{Incident, Verdict};
use rdpscan::report::{Format, Style, render};
use rdpscan::{Options, Report};

use super::samples::{self, Sample};

fn told(sample: &Sample, code: u32, extended: Option<u32>) -> Option<Report> {
    let client_code = Some(Told { code, extended });
    samples::analysed(&Options { client_code, ..sample.options.clone() }).ok()
}

/// What a verdict says, without what the code adds.
fn said(verdict: &Verdict) -> String {
    format!(
        "{} {:?} {:?} {:?} {}",
        verdict.kind, verdict.cause, verdict.strength, verdict.blame, verdict.summary
    )
}

/// Each incident before and after, and the report after.
fn each(
    code: impl Fn(&Sample) -> Option<(u32, Option<u32>)>,
    mut check: impl FnMut(&str, &Incident, &Incident, &Report),
) {
    let mut seen = 0;
    for sample in samples::all() {
        let (Ok(before), Some((number, extended))) = (&sample.report, code(sample)) else { continue };
        let Some(after) = told(sample, number, extended) else { panic!("samples/{}", sample.name) };
        assert_eq!(before.incidents.len(), after.incidents.len(), "samples/{}", sample.name);
        for (old, new) in before.incidents.iter().zip(&after.incidents) {
            assert!(new.verdict.client_code.is_some(), "samples/{}", sample.name);
            check(&sample.name, old, new, &after);
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen}");
}

#[test]
fn a_code_that_names_no_cause_changes_nothing() {
    each(
        |_| Some((0x904, Some(7))),
        |name, old, new, after| {
            assert_eq!(said(&old.verdict), said(&new.verdict), "samples/{name}");
            assert!(after.client_code.as_ref().unwrap().names.is_empty());
            let weighs = new.verdict.client_code.as_ref().unwrap().weighs;
            assert_ne!(weighs, "agrees", "samples/{name}: 0x904 supports {:?}", new.verdict.cause);
        },
    );
}

#[test]
fn a_code_that_names_another_cause_makes_no_other_story() {
    each(
        |_| Some((0xd07, None)),
        |name, old, new, after| {
            let fits = &after.client_code.as_ref().unwrap().fits;
            let refined = old.verdict.cause == Some("nla-refused-reason-not-visible")
                && new.verdict.cause == Some("account-locked")
                && fits.as_slice() == [new.id];
            let raised =
                old.verdict.cause == new.verdict.cause && new.verdict.cause == Some("account-locked");
            if !refined && !raised {
                assert_eq!(said(&old.verdict), said(&new.verdict), "samples/{name}");
            }
            if refined {
                assert_eq!(new.verdict.strength, Some("inferred"), "samples/{name}");
            }
            if old.verdict.kind == "healthy" {
                assert_eq!(new.verdict.client_code.as_ref().unwrap().weighs, "contradicts", "samples/{name}");
                assert!(!fits.contains(&new.id), "samples/{name}");
            }
        },
    );
}

/// The code that names the cause of the only incident that failed, by the catalogue.
fn own_code(sample: &Sample) -> Option<(u32, Option<u32>)> {
    let report = sample.report.as_ref().ok()?;
    let mut failed = report.incidents.iter().filter(|incident| incident.verdict.kind == "cause");
    let (Some(only), None) = (failed.next(), failed.next()) else { return None };
    let cause = by_id(only.verdict.cause?)?;
    CODES.get(cause.id).copied()
}

/// For each cause the first code that names it alone.
static CODES: LazyLock<BTreeMap<&'static str, (u32, Option<u32>)>> = LazyLock::new(|| {
    let gateway = 0x300_0001..0x300_0040;
    let codes = (0x100..0x2300).chain(gateway).map(|code| (code, None));
    let extended = (1..0x110).chain(0x10c9..0x10d0).map(|code| (3, Some(code)));
    let mut found = BTreeMap::new();
    for (code, extended) in codes.chain(extended) {
        if let [named] = (Told { code, extended }).names().as_slice() {
            found.entry(named.id).or_insert((code, extended));
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found
});

#[test]
fn the_code_of_the_cause_itself_agrees() {
    each(own_code, |name, old, new, _| {
        if old.verdict.kind != "cause" {
            return;
        }
        let weighed = new.verdict.client_code.as_ref().unwrap();
        // The client's log of the sample may show another code than the one that was chosen here.
        if !weighed.says.contains("the client's own log") {
            assert_eq!(weighed.weighs, "agrees", "samples/{name}: {}", weighed.says);
        }
        assert_eq!(old.verdict.cause, new.verdict.cause, "samples/{name}");
        let strengths = (old.verdict.strength, new.verdict.strength);
        let raised = strengths == (Some("inferred"), Some("corroborated"));
        assert!(raised || strengths.0 == strengths.1, "samples/{name}: {strengths:?}");
    });
}

#[test]
fn several_incidents_can_be_the_one() {
    let several = samples::all().iter().find(|sample| sample.name == "three-clients").unwrap();
    let report = told(several, 0x904, None).unwrap();
    let code = report.client_code.as_ref().unwrap();
    let failed = report.incidents.iter().filter(|incident| incident.verdict.kind != "healthy");
    for incident in failed {
        let contradicts = incident.verdict.client_code.as_ref().unwrap().weighs == "contradicts";
        assert_ne!(contradicts, code.fits.contains(&incident.id));
    }
    let page = render(&report, Format::Table, Style::default());
    assert!(page.contains("The user saw 0x904: "), "{page}");
}

#[test]
fn what_both_accept_is_what_each_does() {
    let mut seen = 0;
    for sample in samples::all() {
        let Ok(report) = &sample.report else { continue };
        for connection in &report.connections {
            let Some(own) = &connection.facts.acceptance else { continue };
            assert!(
                !connection.stages.iter().any(|stage| stage.stage == "session"),
                "samples/{}",
                sample.name
            );
            for kind in [&own.security, &own.tls_version, &own.cipher].into_iter().flatten() {
                seen += 1;
                let each = |one: &String| kind.client.list.contains(one) && kind.server.list.contains(one);
                assert!(kind.both.iter().all(each), "samples/{}: {}", sample.name, kind.says);
                assert!(!kind.both.iter().any(|one| kind.refused.contains(one)), "samples/{}", sample.name);
                assert_eq!(kind.server.extent == "unknown", kind.server.list.is_empty());
                let others =
                    report.connections.iter().filter(|other| other.server.ip == connection.server.ip);
                let others: Vec<u32> = others.map(|other| other.id).collect();
                assert!(kind.shown_by.iter().all(|id| *id != connection.id && others.contains(id)));
            }
        }
    }
    assert!(seen > 50, "only {seen}");
}

#[test]
fn a_code_that_cannot_be_is_contradicted() {
    // No TCP connection was opened, says the code.
    each(
        |_| Some((0x204, None)),
        |name, old, new, after| {
            let stages = ["tls", "authentication", "settings", "session"];
            let reached = samples::reached(new, after);
            let weighed = new.verdict.client_code.as_ref().unwrap();
            if stages.contains(&reached) {
                assert_eq!(weighed.weighs, "contradicts", "samples/{name}: {}", weighed.says);
            }
            assert_eq!(said(&old.verdict), said(&new.verdict), "samples/{name}");
        },
    );
}
