//! The exit codes: the only place that knows them.

use std::process::ExitCode;

use rdpscan::Report;

/// How a run ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Analysed, also when no RDP was found, when some inputs were unreadable, and when the reader of the output
    /// has left. Explained. Compared, without a difference that matters.
    Analysed,
    /// Analysed, a verdict of severity failure was found, and `--fail-on-finding` was given.
    Found,
    /// Compared, and a difference that matters was found.
    Differ,
    /// Of several bundles, some could not be analysed.
    SomeFailed,
    /// Bad arguments, no input that could be read, no place for the report, nothing to compare or to
    /// remedy, or a code that is not known.
    CouldNotRun,
}

impl Exit {
    /// The code of an analysis that went through.
    pub fn of(report: &Report, fail_on_finding: bool) -> Self {
        let failure = |incident: &rdpscan::report::model::Incident| {
            incident.verdict.kind != "healthy" && incident.verdict.severity == "failure"
        };
        if fail_on_finding && report.incidents.iter().any(failure) { Self::Found } else { Self::Analysed }
    }

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Analysed => 0,
            Self::Found | Self::Differ => 1,
            Self::CouldNotRun => 2,
            Self::SomeFailed => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rdpscan::report::model::{Incident, Report, SCHEMA, Tool, Verdict};

    use super::*;

    /// A report with one incident per (kind, severity).
    pub fn report(verdicts: &[(&'static str, &'static str)]) -> Report {
        let verdict = |(kind, severity): (&'static str, &'static str)| Verdict {
            kind,
            cause: None,
            strength: None,
            blame: None,
            severity,
            title: None,
            summary: String::new(),
            evidence: Vec::new(),
            display_filters: Vec::new(),
            remarks: Vec::new(),
            also_considered: Vec::new(),
            exonerated: Vec::new(),
            ruled_out: Vec::new(),
            missing: Vec::new(),
            location: None,
            expected_client_code: None,
            client_code: None,
            remedy: Vec::new(),
        };
        let incident = |(id, shape): (u32, &(&'static str, &'static str))| Incident {
            id,
            client: String::new(),
            server: String::new(),
            start: String::new(),
            end: String::new(),
            user: None,
            connections: Vec::new(),
            deciding_connection: None,
            verdict: verdict(*shape),
        };
        Report {
            schema: SCHEMA,
            tool: Tool { name: "rdpscan", version: "0" },
            sources: Vec::new(),
            clocks: Vec::new(),
            client_code: None,
            incidents: (1..).zip(verdicts).map(incident).collect(),
            connections: Vec::new(),
            groups: Vec::new(),
            notes: Vec::new(),
            redacted: false,
            zone: rdpscan::base::Zone::default(),
        }
    }

    #[test]
    fn codes_are_what_scripts_rely_on() {
        let exits = [Exit::Analysed, Exit::Found, Exit::Differ, Exit::CouldNotRun, Exit::SomeFailed];
        assert_eq!(exits.map(Exit::code), [0, 1, 1, 2, 3]);
    }

    #[test]
    fn a_failure_counts_only_if_asked() {
        let failed = report(&[("healthy", "benign"), ("cause", "failure")]);
        assert_eq!(Exit::of(&failed, false), Exit::Analysed);
        assert_eq!(Exit::of(&failed, true), Exit::Found);
    }

    #[test]
    fn an_unexplained_failure_is_one_too() {
        assert_eq!(Exit::of(&report(&[("undetermined", "failure")]), true), Exit::Found);
    }

    #[test]
    fn warnings_remarks_and_nothing_at_all_are_no_failure() {
        for verdicts in
            [&[][..], &[("cause", "warning")], &[("healthy", "remark")], &[("undetermined", "benign")]]
        {
            assert_eq!(Exit::of(&report(verdicts), true), Exit::Analysed, "{verdicts:?}");
        }
    }
}
