//! Five hundred incidents that nobody wrote down: composed from pieces by a seed, each with an honest expectation that
//! follows from the reference and from what was taken away. None of the pieces was made after the detectors.
//!
//! `cargo test --test main random_incidents -- --nocapture` prints precision and recall per cause.
//! `RDPSCAN_INCIDENTS=5000` tells more of them; `RDPSCAN_INCIDENT=17` tells one, keeps its files and shows its report.

// Scenarios are ours: a wrong one must stop the test with its reason, and byte layouts are narrowed knowingly.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

mod catalogue;
mod judgement;
mod log;
mod logon;
mod pieces;
mod reach;
mod security;
mod story;
mod telling;
mod trouble;
mod world;

use rayon::prelude::*;

use judgement::Tally;

fn count() -> u64 {
    std::env::var("RDPSCAN_INCIDENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(500)
}

#[test]
fn random_incidents_are_judged_honestly() {
    if let Ok(seed) = std::env::var("RDPSCAN_INCIDENT") {
        return telling::show(seed.parse().unwrap());
    }
    let start = std::time::Instant::now();
    let outcomes: Vec<judgement::Outcome> = (0..count()).into_par_iter().map(telling::outcome).collect();
    println!("{:.1} s", start.elapsed().as_secs_f64());
    let tally = Tally::of(&outcomes);
    println!("{}", tally.table());
    let complaints = tally.complaints();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn every_cause_that_can_be_shown_is_told() {
    let told: Vec<&str> = catalogue::ALL.iter().map(|entry| entry.cause).collect();
    let untold: Vec<&str> = rdpscan::causes::ALL
        .iter()
        .map(|cause| cause.id)
        .filter(|id| !told.contains(id) && !catalogue::UNTOLD.iter().any(|(untold, _)| untold == id))
        .collect();
    assert!(untold.is_empty(), "no scenario, and no reason why: {untold:?}");
}
