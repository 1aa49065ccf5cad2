//! Six hundred incidents that nobody wrote down: composed from pieces by a seed, each with an honest expectation that
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
mod icmp;
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

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use judgement::{Outcome, Tally};

fn count() -> u64 {
    std::env::var("RDPSCAN_INCIDENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(600)
}

/// All seeds, on as many threads as there are cores. Each analysis brings a pool of its own, so this must not be one.
fn outcomes(count: u64) -> Vec<Outcome> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut own = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count {
                return own;
            }
            own.push(telling::outcome(seed));
        }
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let mut outcomes: Vec<Outcome> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

#[test]
fn random_incidents_are_judged_honestly() {
    if let Ok(seed) = std::env::var("RDPSCAN_INCIDENT") {
        return telling::show(seed.parse().unwrap());
    }
    let start = std::time::Instant::now();
    let outcomes = outcomes(count());
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
