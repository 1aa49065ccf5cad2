//! A capture whose frames stand in another order than they were sent tells no other story: taps that merge two
//! directions, adapters with several queues.
//!
//! The captures are made here from the samples, not committed.

use rdpscan::report::model::Report;

use super::lesser::{Less, another_story, tcp_flags};
use super::random::Random;
use super::samples::{self, Sample};
use super::support::bytes::hash;
use super::support::capture::file::{self, Frame};

/// Nanoseconds in a microsecond.
const MICROSECOND: i64 = 1000;

/// The frames of a sample, each as much later as `late` says of one that goes to the server or not, in their new order.
fn shifted(less: &Less<'_>, mut late: impl FnMut(bool) -> i64) -> Vec<Frame> {
    let mut frames: Vec<Frame> = less
        .frames
        .iter()
        .map(|(frame, to_server)| Frame {
            time: frame.time + late(*to_server == Some(true)),
            ..frame.clone()
        })
        .collect();
    frames.sort_by_key(|frame| frame.time);
    frames
}

/// What is told otherwise where the frames stand so.
fn complaints(less: &Less<'_>, frames: &[Frame], how: &str) -> Vec<String> {
    let sample = less.sample;
    match less.with(&file::pcapng(frames)) {
        Ok(report) => {
            let other = report.incidents.iter().filter_map(|incident| {
                let why = another_story(sample, incident)?;
                Some(format!("samples/{} {how}: {why}: {}", sample.name, samples::one_line(incident)))
            });
            other.collect()
        }
        Err(error) => vec![format!("samples/{} {how}: {error}", sample.name)],
    }
}

#[test]
fn directions_out_of_step_tell_no_other_story() {
    samples::none_complains(400, |sample| {
        let Some(less) = Less::of(sample) else { return (0, Vec::new()) };
        let skews = [-500, 500].map(|skew| skew * MICROSECOND);
        let told = skews.into_iter().flat_map(|skew| {
            let frames = shifted(&less, |to_server| if to_server { skew } else { 0 });
            complaints(&less, &frames, &format!("with the client {skew} ns later"))
        });
        (skews.len(), told.collect())
    });
}

/// What a session ended in, whoever said it first, is told by the order of its last segments: only what is healthy must stay so.
#[test]
fn a_healthy_session_is_healthy_in_any_order_of_its_segments() {
    const SEEDS: u64 = 8;
    let is_healthy = |sample: &Sample| {
        sample
            .report
            .as_ref()
            .is_ok_and(|report| report.incidents.iter().all(|own| own.verdict.kind == "healthy"))
    };
    samples::none_complains(100, |sample| {
        let Some(less) = Less::of(sample).filter(|less| is_healthy(less.sample)) else {
            return (0, Vec::new());
        };
        let told = (0..SEEDS).flat_map(|seed| {
            let mut random = Random::new(hash(&sample.name) + seed);
            let frames = shifted(&less, |_| i64::try_from(random.below(2000)).unwrap_or(0) * MICROSECOND);
            complaints(&less, &frames, &format!("with seed {seed}"))
        });
        let complaints: Vec<String> = told.collect();
        (8, complaints)
    });
}

/// A tap that merges two directions may write, and even stamp, the answer to a SYN before the SYN.
#[test]
fn the_answer_before_the_syn_is_of_the_same_connection() {
    /// Two connections on one pair of ports, captured on both sides of a device: the SYN of the second tells them apart.
    const TOLD_BY_ITS_SYN: &str = "tls-inspection";
    let told = |report: &Report| {
        let incidents = report.incidents.iter();
        incidents.map(|own| (own.verdict.kind, own.verdict.cause, own.connections.len())).collect::<Vec<_>>()
    };
    samples::none_complains(100, |sample| {
        let Some(less) = Less::of(sample).filter(|_| sample.name != TOLD_BY_ITS_SYN) else {
            return (0, Vec::new());
        };
        let mut frames: Vec<Frame> = less.frames.iter().map(|(frame, _)| frame.clone()).collect();
        let pairs = (1..frames.len()).filter(|at| {
            frames.get(*at - 1).is_some_and(|syn| tcp_flags(syn) & 0x12 == 2)
                && frames.get(*at).is_some_and(|answer| tcp_flags(answer) & 0x12 == 0x12)
        });
        let pairs: Vec<usize> = pairs.collect();
        for at in &pairs {
            frames.swap(at - 1, *at);
        }
        let report = less.with(&file::pcapng(&frames));
        let same = report.as_ref().map(told).ok() == sample.report.as_ref().map(told).ok();
        (pairs.len(), if same { Vec::new() } else { vec![format!("samples/{}", sample.name)] })
    });
}
