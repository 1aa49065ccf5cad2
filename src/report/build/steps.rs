//! The steps of the connections that decide an incident.
//!
//! Bounded: a flood has as many connections as incidents, and nobody follows all of them.

use super::{Material, id_of, text};
use crate::causes::{self, Kind};
use crate::connection::steps::{self, Lane};
use crate::report::model::{Connection, Step};

/// Incidents whose deciding connection is told step by step; those that are not healthy come first.
const TOLD: usize = 200;

/// Adds the steps to the connections that decide.
pub(super) fn add(connections: &mut [Connection], material: &Material<'_>) {
    let (bad, good): (Vec<_>, Vec<_>) =
        material.incidents.iter().partition(|(_, verdict, _)| verdict.kind != Kind::Healthy);
    for (incident, verdict, deciding) in bad.into_iter().chain(good).take(TOLD) {
        let Some(at) = deciding.or_else(|| incident.connections.last().copied()) else { continue };
        let place = connections.binary_search_by_key(&id_of(at), |connection| connection.id).ok();
        let connection = place.and_then(|place| connections.get_mut(place));
        let (Some(attempt), Some(connection)) = (material.attempts.get(at), connection) else { continue };
        connection.steps =
            steps::steps(&attempt.connection).iter().map(|step| model(step, verdict)).collect();
    }
}

fn model(step: &steps::Step, verdict: &causes::Verdict) -> Step {
    let frame = step.first.at.frame();
    Step {
        kind: step.kind.name(),
        from: if is_forged(step, verdict) { Lane::Path.name() } else { step.from.name() },
        to: step.to.name(),
        stage: step.stage.name(),
        says: step.says.clone(),
        count: step.count,
        bytes: step.bytes,
        source: step.first.at.source().0,
        frame,
        last_frame: step.last.at.frame().filter(|last| Some(*last) != frame),
        time: text(step.first.time),
        last_time: text(step.last.time),
    }
}

/// A reset that the verdict rests on and lays to a device on the path.
fn is_forged(step: &steps::Step, verdict: &causes::Verdict) -> bool {
    step.kind == steps::Kind::Reset
        && verdict.finding.as_ref().is_some_and(|finding| {
            finding.blame == causes::Blame::Middlebox
                && finding.evidence.iter().any(|fact| fact.mark.at == step.first.at)
        })
}
