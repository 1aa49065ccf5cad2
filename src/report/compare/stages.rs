//! Both connections, stage by stage: where one goes on and the other does not.

use super::subject::Subject;
use super::{Difference, NotCompared, OUTCOME, Seen, StagePair, place_of, reasons_differ};
use crate::connection::Stage;

/// How one side went through one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    Passed,
    Failed,
    Cut,
    /// It ended in an earlier stage.
    NotReached,
    /// Does not show, and a later stage does: passed, or no part of this connection.
    Behind,
    /// Does not show.
    Unseen,
}

/// How two walks through one stage compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Same,
    Differs,
    /// One side does not show it; which one.
    Unknown(Side),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Good,
    Bad,
}

impl Walk {
    fn of(subject: &Subject<'_>, stage: &str) -> Self {
        let outcome = subject.stage(stage).map(|row| row.outcome);
        match outcome {
            Some("passed") => return Self::Passed,
            Some("failed") => return Self::Failed,
            Some("cut") => return Self::Cut,
            _ => {}
        }
        // The leg through a gateway has an order of its own, and hides what is inside.
        let gateway = Stage::Gateway.name();
        if subject.reached.is_empty() || subject.reached == gateway || stage == gateway {
            return Self::Unseen;
        }
        match place_of(subject.reached).cmp(&place_of(stage)) {
            std::cmp::Ordering::Greater => Self::Behind,
            std::cmp::Ordering::Less if subject.has_ended() => Self::NotReached,
            _ => Self::Unseen,
        }
    }

    const fn is_stop(self) -> bool {
        matches!(self, Self::Failed | Self::Cut)
    }

    const fn words(self, has_row: bool) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Cut => "cut",
            Self::NotReached => "not reached",
            Self::Behind if !has_row => "-",
            Self::Behind | Self::Unseen => "not seen",
        }
    }
}

/// Two that stopped in one stage are alike here: failed or cut is a matter of what was captured.
fn relation(good: Walk, bad: Walk) -> Relation {
    let one = |a: Walk, b: Walk| match (a, b) {
        (Walk::Passed, Walk::NotReached) => Some(true),
        (stop, Walk::Passed | Walk::NotReached | Walk::Behind) if stop.is_stop() => Some(true),
        (seen, Walk::Unseen) if seen == Walk::Passed || seen.is_stop() => Some(false),
        _ => None,
    };
    match (one(good, bad), one(bad, good)) {
        (Some(true), _) | (_, Some(true)) => Relation::Differs,
        (Some(false), _) => Relation::Unknown(Side::Bad),
        (_, Some(false)) => Relation::Unknown(Side::Good),
        (None, None) => Relation::Same,
    }
}

/// All stages that one of them shows, and the first in which they part.
pub(super) fn compare(
    good: &Subject<'_>,
    bad: &Subject<'_>,
    not_compared: &mut Vec<NotCompared>,
) -> (Vec<StagePair>, Option<Difference>) {
    let mut pairs = Vec::new();
    let mut parting = None;
    for stage in Stage::ALL.map(Stage::name) {
        if good.stage(stage).is_none() && bad.stage(stage).is_none() {
            continue;
        }
        let walks = (Walk::of(good, stage), Walk::of(bad, stage));
        let both_stop = walks.0.is_stop() && walks.1.is_stop();
        let relation = match relation(walks.0, walks.1) {
            Relation::Same if both_stop && reasons_differ(good, bad) => Relation::Differs,
            relation => relation,
        };
        let parts = relation == Relation::Differs;
        let (left, right) = (seen(good, stage, walks.0, parts), seen(bad, stage, walks.1, parts));
        if parts && parting.is_none() {
            parting = Some(Difference {
                stage: Some(stage),
                what: OUTCOME.to_owned(),
                matters: true,
                good: left.clone(),
                bad: right.clone(),
            });
        }
        if let Relation::Unknown(side) = relation {
            let (unseen, other) = if side == Side::Good { (good, &right) } else { (bad, &left) };
            not_compared.push(NotCompared {
                what: format!("stage {stage}"),
                unseen_in: unseen.which,
                why: "not seen".to_owned(),
                other: other.value.clone(),
            });
        }
        pairs.push(StagePair { stage, differs: parts, good: left, bad: right });
    }
    (pairs, parting)
}

/// `failed: server alert protocol_version`, and where.
fn seen(subject: &Subject<'_>, stage: &str, walk: Walk, parts: bool) -> Seen {
    let row = subject.stage(stage);
    let words = match walk {
        Walk::Behind if parts => "got past",
        _ => walk.words(row.is_some()),
    };
    let detail = row.and_then(|row| row.detail.as_deref()).filter(|_| walk == Walk::Passed || walk.is_stop());
    let value = detail.map_or_else(|| words.to_owned(), |detail| format!("{words}: {detail}"));
    Seen::new(&value, subject.spot(stage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_does_not_show_is_no_difference() {
        use Walk::{Behind, Cut, Failed, NotReached, Passed, Unseen};
        for (good, bad) in [(Passed, Failed), (Passed, Cut), (Passed, NotReached), (Behind, Failed)] {
            assert_eq!(relation(good, bad), Relation::Differs, "{good:?} {bad:?}");
            assert_eq!(relation(bad, good), Relation::Differs, "{bad:?} {good:?}");
        }
        for seen in [Passed, Failed, Cut] {
            assert_eq!(relation(seen, Unseen), Relation::Unknown(Side::Bad), "{seen:?}");
            assert_eq!(relation(Unseen, seen), Relation::Unknown(Side::Good), "{seen:?}");
            assert_eq!(relation(seen, seen), Relation::Same, "{seen:?}");
        }
        assert_eq!(relation(Failed, Cut), Relation::Same);
        for (good, bad) in [(Behind, Passed), (Behind, NotReached), (Unseen, NotReached), (Unseen, Behind)] {
            assert_eq!(relation(good, bad), Relation::Same, "{good:?} {bad:?}");
        }
    }
}
