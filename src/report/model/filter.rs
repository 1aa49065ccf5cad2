//! Of the report: what to type into Wireshark to see what a verdict stands on.

use schemars::JsonSchema;
use serde::Serialize;

use super::Evidence;

/// Frames that one filter names: what goes beyond is in the list of the evidence.
const FRAMES: usize = 24;

/// A Wireshark display filter for one capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DisplayFilter {
    /// The capture.
    pub source: u32,
    /// Shows the frames of the evidence: `frame.number in {12, 14}`.
    pub filter: String,
}

impl DisplayFilter {
    /// One for each capture that evidence lies in.
    pub fn of(evidence: &[Evidence]) -> Vec<Self> {
        // In the order of the evidence, whatever the order of the files.
        let mut frames: Vec<(u32, Vec<u64>)> = Vec::new();
        for (source, frame) in evidence.iter().filter_map(|fact| Some((fact.source, fact.frame?))) {
            match frames.iter_mut().find(|(own, _)| *own == source) {
                Some((_, own)) => own.push(frame),
                None => frames.push((source, vec![frame])),
            }
        }
        frames.into_iter().map(|(source, frames)| Self { source, filter: filter(frames) }).collect()
    }
}

fn filter(mut frames: Vec<u64>) -> String {
    frames.sort_unstable();
    frames.dedup();
    match frames.as_slice() {
        [frame] => format!("frame.number == {frame}"),
        several => {
            let list: Vec<String> = several.iter().take(FRAMES).map(u64::to_string).collect();
            format!("frame.number in {{{}}}", list.join(", "))
        }
    }
}
