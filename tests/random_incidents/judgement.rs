//! A report against the honest expectation, and the count of all: precision, recall, calibration.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rdpscan::Report;
use rdpscan::report::model::Verdict;

use super::catalogue::Entry;
use super::story::{Evidence, Logs, Setting, Story};
use super::telling::is_noise;

/// Who is meant.
pub struct Case {
    pub subjects: Vec<String>,
}

/// How one verdict compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rank {
    Right,
    /// Less than the truth, and nothing else.
    Less,
    Healthy,
    Wrong,
}

/// What came of one seed.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    pub cause: &'static str,
    /// The evidence suffices to name the cause.
    pub complete: bool,
    pub found: bool,
    /// The causes named of this incident, with their strength, and how they compare.
    pub named: Vec<(Rank, String, &'static str)>,
    pub noise: usize,
    /// What must not be.
    pub errors: Vec<String>,
    pub says: String,
}

/// What is true beside the cause, so that a party may have said it: the refusal itself, the orderly end.
const MAY_BE_STRONG: &[&str] = &[
    "port-closed-or-device-reset",
    "rst-injected",
    "no-cc",
    "tls-alert-other",
    "nla-refused-reason-not-visible",
    "bad-password-or-unknown-user",
    "ended-abruptly-by-client",
    "ended-abruptly-by-server",
    "client-outbound-rule",
    "logoff-or-window-closed",
];

fn is_strong(strength: Option<&str>) -> bool {
    matches!(strength, Some("stated" | "corroborated"))
}

/// A verdict in one line.
fn words(verdict: &Verdict) -> String {
    format!(
        "{} {} {} blame {}",
        verdict.kind,
        verdict.cause.unwrap_or("-"),
        verdict.strength.unwrap_or("-"),
        verdict.blame.unwrap_or("-")
    )
}

pub fn judge(
    seed: u64,
    entry: &Entry,
    story: &Story,
    setting: &Setting,
    evidence: &Evidence,
    case: &Case,
    report: Result<&Report, &String>,
) -> Outcome {
    assert_eq!(entry.cause, story.cause);
    let proof = evidence.proof(story, setting);
    let mut outcome = Outcome {
        seed,
        cause: story.cause,
        complete: proof.is_some(),
        found: false,
        named: Vec::new(),
        noise: 0,
        errors: Vec::new(),
        says: String::new(),
    };
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            // Nothing at all may be left.
            if error == "panic" || proof.is_some() {
                outcome.errors.push(error.clone());
            }
            return outcome;
        }
    };
    let mut says = Vec::new();
    let mut healthy = false;
    for incident in &report.incidents {
        if is_noise(&incident.client) {
            outcome.noise += 1;
            // Of a part, cut in the middle of a logon, nothing can be said.
            let open =
                evidence.part && incident.verdict.kind == "undetermined" && incident.verdict.cause.is_none();
            if incident.verdict.kind != "healthy" && !open {
                let what = words(&incident.verdict);
                outcome.errors.push(format!("healthy noise {} called {what}", incident.client));
            }
        } else if case.subjects.contains(&incident.client) {
            says.push(words(&incident.verdict));
            healthy |= incident.verdict.kind == "healthy";
            one(&mut outcome, story, proof.map(|proof| proof.strong), evidence, &incident.verdict);
        }
    }
    for group in report.groups.iter().filter(|group| case.subjects.contains(&group.client)) {
        outcome.found |= group.cause == Some(story.cause);
    }
    outcome.found |= story.benign && !says.is_empty() && outcome.errors.is_empty();
    // Behind a NAT, what the logs know may stand beside what the packets show.
    let may = evidence.part || (proof.is_none() && story.may_look_healthy);
    if healthy && !story.benign && !outcome.found && !may {
        outcome.errors.push("a failure, and called healthy".to_owned());
    }
    outcome.says = if says.is_empty() { "no incident".to_owned() } else { says.join("; ") };
    outcome
}

fn one(outcome: &mut Outcome, story: &Story, proof: Option<bool>, evidence: &Evidence, verdict: &Verdict) {
    let rank = match verdict.cause {
        _ if verdict.kind == "healthy" => Rank::Healthy,
        Some(cause) if cause == story.cause => Rank::Right,
        Some(cause) if !story.lesser.contains(&cause) => Rank::Wrong,
        _ => Rank::Less,
    };
    let is_strong = is_strong(verdict.strength);
    if let Some(cause) = verdict.cause {
        outcome.named.push((rank, cause.to_owned(), verdict.strength.unwrap_or("-")));
    }
    let mut error = |what: &str| outcome.errors.push(format!("{what}: {}", words(verdict)));
    match rank {
        Rank::Right => {
            outcome.found = true;
            if !verdict.blame.is_some_and(|blame| story.blame.contains(&blame)) {
                error("blame");
            }
            if verdict.strength == Some("corroborated") && evidence.logs == Logs::None {
                error("one class of evidence cannot corroborate");
            }
            // That something was refused may be certain where its cause is not.
            if is_strong && proof != Some(true) && !evidence.part && verdict.kind == "cause" {
                error("too strong for this evidence");
            }
            if story.benign {
                error("no failure, and called one");
            }
        }
        Rank::Wrong if is_strong => error("wrong"),
        Rank::Less if story.benign && evidence.part && verdict.cause.is_none() => {}
        Rank::Wrong | Rank::Less if story.benign => error("no failure, and called one"),
        Rank::Less if is_strong && !MAY_BE_STRONG.contains(&verdict.cause.unwrap_or_default()) => {
            error("another story, and too sure of it");
        }
        _ => {}
    }
}

/// What all seeds came to.
#[derive(Default)]
struct Row {
    told: usize,
    complete: usize,
    found_complete: usize,
    found: usize,
    named_elsewhere: usize,
}

/// The count.
pub struct Tally<'a> {
    outcomes: &'a [Outcome],
    rows: BTreeMap<&'static str, Row>,
    /// By strength: how often a cause was named, and how often it was another.
    strengths: BTreeMap<&'static str, (usize, usize)>,
    noise: usize,
}

impl<'a> Tally<'a> {
    pub fn of(outcomes: &'a [Outcome]) -> Self {
        let mut rows: BTreeMap<&'static str, Row> = BTreeMap::new();
        let mut strengths: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
        for outcome in outcomes {
            let row = rows.entry(outcome.cause).or_default();
            row.told += 1;
            row.complete += usize::from(outcome.complete);
            row.found += usize::from(outcome.found);
            row.found_complete += usize::from(outcome.found && outcome.complete);
            for (rank, _, strength) in &outcome.named {
                let of = strengths.entry(strength).or_default();
                of.0 += 1;
                of.1 += usize::from(*rank == Rank::Wrong);
            }
        }
        for outcome in outcomes {
            for (rank, cause, _) in &outcome.named {
                if let (Rank::Wrong, Some(cause)) = (rank, rdpscan::causes::by_id(cause)) {
                    rows.entry(cause.id).or_default().named_elsewhere += 1;
                }
            }
        }
        let noise = outcomes.iter().map(|outcome| outcome.noise).sum();
        Self { outcomes, rows, strengths, noise }
    }

    pub fn table(&self) -> String {
        let mut text = format!("{:56} told  found  of complete  precision\n", "cause");
        for (cause, row) in &self.rows {
            let all = row.found + row.named_elsewhere;
            let precision =
                if all == 0 { "-".to_owned() } else { format!("{:.2}", row.found as f64 / all as f64) };
            let of = format!("{}/{}", row.found_complete, row.complete);
            writeln!(text, "{cause:56} {:4}  {:5}  {of:>11}  {precision:>9}", row.told, row.found).unwrap();
        }
        for (strength, (named, wrong)) in &self.strengths {
            writeln!(text, "{strength}: {named} causes named, {wrong} of them another").unwrap();
        }
        let complete = self.outcomes.iter().filter(|outcome| outcome.complete).count();
        let found = self.outcomes.iter().filter(|outcome| outcome.complete && outcome.found).count();
        writeln!(
            text,
            "{} incidents; of {complete} with complete evidence {found} found; {} healthy incidents around",
            self.outcomes.len(),
            self.noise
        )
        .unwrap();
        text
    }

    /// Everything that must not be, at once.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = self
            .outcomes
            .iter()
            .flat_map(|outcome| {
                outcome.errors.iter().map(|error| format!("seed {} {}: {error}", outcome.seed, outcome.cause))
            })
            .collect();
        let (named, wrong) = self.strengths.get("inferred").copied().unwrap_or_default();
        if wrong * 20 > named {
            complaints.push(format!("inferred: {wrong} of {named} are another cause"));
        }
        for (cause, row) in &self.rows {
            if row.found_complete * 10 < row.complete * 9 {
                let missed: Vec<String> = self
                    .outcomes
                    .iter()
                    .filter(|outcome| outcome.cause == *cause && outcome.complete && !outcome.found)
                    .map(|outcome| format!("seed {}: {}", outcome.seed, outcome.says))
                    .collect();
                complaints.push(format!(
                    "{cause}: {} of {} found with complete evidence; {}",
                    row.found_complete,
                    row.complete,
                    missed.join(" | ")
                ));
            }
        }
        for outcome in self.outcomes {
            for (rank, cause, strength) in &outcome.named {
                if *rank == Rank::Wrong && *strength == "inferred" {
                    println!("seed {} {}: inferred {cause}", outcome.seed, outcome.cause);
                }
            }
        }
        complaints
    }
}
