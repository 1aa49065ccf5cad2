//! Which incident of a report is compared, and the connection that stands for it.

use super::{Party, Spot, Which};
use crate::causes;
use crate::report::model::{Connection, Evidence, Incident, Place, Report, StageRow};
use crate::report::rows;

/// One side of the comparison.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub which: Which,
    pub report: &'a Report,
    pub incident: &'a Incident,
    pub connection: Option<&'a Connection>,
    pub stages: Vec<StageRow>,
    pub reached: &'static str,
    doubt: Option<&'static str>,
}

impl<'a> Subject<'a> {
    /// The first healthy incident that came to a session; else the first healthy one, else the first.
    pub fn good(report: &'a Report) -> Option<Self> {
        let healthy = |incident: &&Incident| incident.verdict.kind == "healthy";
        let in_session = |incident: &&Incident| rows::reached(report, incident) == "session";
        let mut all = report.incidents.iter();
        let session = report.incidents.iter().filter(healthy).find(in_session);
        if let Some(incident) = session {
            return Some(Self::new(Which::Good, report, incident, None));
        }
        if let Some(incident) = report.incidents.iter().find(healthy) {
            let doubt =
                "no incident of these files came to a session; this one is the first without a failure";
            let doubt = Some(doubt).filter(|_| rows::reached(report, incident) != "gateway");
            return Some(Self::new(Which::Good, report, incident, doubt));
        }
        let doubt = "no incident of these files is healthy; this one is the first";
        all.next().map(|incident| Self::new(Which::Good, report, incident, Some(doubt)))
    }

    /// The first incident that failed, named or not; else the first with a warning, else the first.
    pub fn bad(report: &'a Report) -> Option<Self> {
        let rank = |incident: &&Incident| match (incident.verdict.kind, incident.verdict.severity) {
            ("healthy", _) => 2,
            (_, "failure") => 0,
            _ => 1,
        };
        let incident = report.incidents.iter().min_by_key(rank)?;
        let doubt = "no incident of these files failed; this one is the first";
        let doubt = Some(doubt).filter(|_| incident.verdict.kind == "healthy");
        Some(Self::new(Which::Bad, report, incident, doubt))
    }

    fn new(which: Which, report: &'a Report, incident: &'a Incident, doubt: Option<&'static str>) -> Self {
        let id = incident.deciding_connection.or_else(|| incident.connections.last().copied());
        let connection = id.and_then(|id| rows::connection(report, id));
        let (stages, reached) = match connection {
            Some(connection) => (connection.stages.clone(), connection.reached),
            None => unconnected(incident),
        };
        Self { which, report, incident, connection, stages, reached, doubt }
    }

    /// The row of a stage, if it was walked.
    pub fn stage(&self, stage: &str) -> Option<&StageRow> {
        self.stages.iter().find(|row| row.stage == stage)
    }

    /// Where a stage was decided.
    pub fn spot(&self, stage: &str) -> Option<Spot> {
        self.stage(stage)?.at.as_ref().map(|place| Spot::of(self.report, place))
    }

    /// The connection, if packets of it were seen.
    pub fn seen(&self) -> Option<&'a Connection> {
        self.connection.filter(|connection| connection.transport != "unseen")
    }

    /// Whether its end is known, so that a stage that does not show was not reached.
    pub fn has_ended(&self) -> bool {
        let stopped = self.stages.iter().any(|row| matches!(row.outcome, "failed" | "cut"));
        let closed = self.connection.is_some_and(|connection| connection.facts.closed_by.is_some());
        stopped || closed || self.incident.verdict.kind == "cause"
    }

    /// What the comparison says of it.
    pub fn party(&self) -> Party {
        Party {
            paths: self.report.sources.iter().map(|source| source.path.clone()).collect(),
            incident: self.incident.id,
            incidents: self.report.incidents.len(),
            connection: self.connection.map(|connection| connection.id),
            client: self.incident.client.clone(),
            server: self.incident.server.clone(),
            user: self.incident.user.clone(),
            start: self.incident.start.clone(),
            end: self.incident.end.clone(),
            reached: self.reached,
            verdict: self.incident.verdict.clone(),
            doubt: self.doubt,
        }
    }
}

/// An incident without a connection stopped in the stage of its cause.
fn unconnected(incident: &Incident) -> (Vec<StageRow>, &'static str) {
    let id = incident.verdict.cause.unwrap_or_default();
    let Some(cause) = causes::ALL.iter().find(|cause| cause.id == id) else {
        return (Vec::new(), "");
    };
    let at = incident.verdict.evidence.first().map(place);
    let failed = incident.verdict.kind != "healthy" && incident.verdict.severity == "failure";
    let row = StageRow {
        stage: cause.stage.name(),
        outcome: if failed { "failed" } else { "unseen" },
        at,
        detail: Some(incident.verdict.summary.clone()),
    };
    (vec![row], cause.stage.name())
}

/// Where a piece of evidence shows.
pub(super) fn place(fact: &Evidence) -> Place {
    Place { source: fact.source, frame: fact.frame, record: fact.record, time: fact.time.clone() }
}
