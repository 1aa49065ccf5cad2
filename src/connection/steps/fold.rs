//! Steps that are alike become one, and the middle of a long connection is counted.

use super::{Kind, Step};
use crate::connection::stage::Stage;

/// Steps of one connection; of more, the first and the last are kept.
const MOST: usize = 48;
/// Those of them that are from the beginning.
const FIRST: usize = 30;

/// Whether the second goes on where the first ends.
pub(super) fn joins(first: &Step, second: &Step) -> bool {
    let both = first.kind == Kind::Both && second.kind == Kind::Both;
    let flight = matches!(first.kind, Kind::Message | Kind::Lost)
        && second.kind == first.kind
        && first.from == second.from
        && first.stage == Stage::Tls;
    first.stage == second.stage && (both || flight)
}

pub(super) fn join(first: &mut Step, second: &Step) {
    // Of what was lost, how often it was sent counts.
    first.count += u64::from(first.kind != Kind::Lost);
    first.bytes += second.bytes;
    first.last = first.last.max(second.last);
    if matches!(first.kind, Kind::Message | Kind::Lost) {
        for name in second.says.split(", ") {
            if !first.says.split(", ").any(|known| known == name) {
                first.says.push_str(", ");
                first.says.push_str(name);
            }
        }
    }
}

/// Equal steps in a row are one.
pub(super) fn folded(steps: Vec<Step>) -> Vec<Step> {
    let mut folded: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        let alike = |last: &&mut Step| {
            last.kind == step.kind
                && (last.from, last.to) == (step.from, step.to)
                && last.says == step.says
                && last.kind != Kind::Both
                && last.kind != Kind::Lost
        };
        let syns = |last: &&mut Step| last.says == "SYN" && step.says == "SYN";
        match folded.last_mut().filter(|last| alike(last) || syns(last)) {
            Some(last) => {
                last.count += step.count;
                last.bytes += step.bytes;
                last.last = last.last.max(step.last);
            }
            None => folded.push(step),
        }
    }
    folded
}

pub(super) fn bounded(mut steps: Vec<Step>) -> Vec<Step> {
    let Some(surplus) = steps.len().checked_sub(MOST).filter(|surplus| *surplus > 0) else { return steps };
    let left_out: Vec<Step> = steps.drain(FIRST..=FIRST + surplus).collect();
    if let (Some(first), Some(last)) = (left_out.first(), left_out.last()) {
        let count = u64::try_from(left_out.len()).unwrap_or(u64::MAX);
        let says = format!("{count} steps left out");
        let step = Step { kind: Kind::LeftOut, says, count, bytes: 0, last: last.last, ..first.clone() };
        steps.insert(FIRST.min(steps.len()), step);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::one;
    use super::*;
    use crate::base::{Locator, Mark, SourceId, Timestamp, time};
    use crate::stream::Side;

    fn mark(number: u64) -> Mark {
        let time = Timestamp::from_nanos(i64::try_from(number).unwrap() * time::SECOND);
        Mark { time, at: Locator::Frame { source: SourceId(0), number } }
    }

    fn syn(number: u64) -> Step {
        one(Kind::Lost, Side::Client, Stage::Transport, "SYN", mark(number))
    }

    #[test]
    fn repeats_are_one_step_with_its_span() {
        let folded = folded(vec![syn(1), syn(2), syn(4)]);
        assert_eq!(folded.len(), 1);
        assert_eq!((folded[0].count, folded[0].first, folded[0].last), (3, mark(1), mark(4)));
    }

    #[test]
    fn a_long_connection_keeps_its_beginning_and_its_end() {
        let many: Vec<Step> = (0..200)
            .map(|n| {
                let side = if n % 2 == 0 { Side::Client } else { Side::Server };
                one(Kind::Message, side, Stage::Session, format!("step {n}"), mark(n))
            })
            .collect();
        let steps = bounded(folded(many));
        assert_eq!(steps.len(), MOST);
        assert_eq!(steps[0].says, "step 0");
        assert_eq!(steps[FIRST].says, "153 steps left out");
        assert_eq!(steps[MOST - 1].says, "step 199");
    }
}
