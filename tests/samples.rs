//! Every folder in `samples/`: what the analysis says of it against what a careful reader expects of it.
//!
//! The expectation (`case.toml`) was written by someone who had not read the detectors. All differences of all folders are shown
//! at once, as one table. The reports themselves are kept beside it (`report.txt`, `report.json`) and compared byte by byte:
//! `RDPSCAN_BLESS=1` writes them again, `RDPSCAN_STRICT=1` makes a missing one a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rayon::prelude::*;
use rdpscan::report::model::{Evidence, Incident, Verdict};
use rdpscan::report::{Format, Style, render};
use rdpscan::{Options, Report, causes};
use serde::Deserialize;

/// `case.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// `recorded`, `written` or `mixed`.
    pub origin: String,
    /// Arguments of `analyze` besides the files.
    pub args: Vec<String>,
    /// In the order of their start.
    #[serde(default)]
    pub incidents: Vec<Expected>,
}

/// What one incident should be found to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub client: String,
    pub server: Option<String>,
    pub kind: String,
    pub cause: Option<String>,
    /// Absent where there is no cause.
    pub strength: Option<String>,
    /// Absent where it may be either of two.
    pub blame: Option<String>,
    /// The stage that the deciding connection reached.
    pub reached: String,
    /// At least one of these frames of the capture must be cited.
    #[serde(default)]
    pub frames: Vec<u64>,
    /// At least one of these, `file:record`, must be cited.
    #[serde(default)]
    pub records: Vec<String>,
    /// Causes that must be among the remarks.
    #[serde(default)]
    pub remarks: Vec<String>,
}

impl Expectation {
    /// Whether this sample is about a cause: as a verdict, or as a remark.
    pub fn names(&self, id: &str) -> bool {
        self.incidents.iter().any(|incident| {
            incident.cause.as_deref() == Some(id) || incident.remarks.iter().any(|remark| remark == id)
        })
    }
}

/// One folder, analysed.
pub struct Sample {
    pub name: String,
    pub expected: Expectation,
    pub options: Options,
    pub report: Result<Report, String>,
}

/// Holds every sample against `judge`, which gives how many runs it made and what is wrong with them: nothing may be, of
/// more than `least` runs.
pub fn none_complains(least: usize, judge: impl Fn(&Sample) -> (usize, Vec<String>) + Send + Sync) {
    let counted: Vec<(usize, Vec<String>)> = all().par_iter().map(judge).collect();
    let count: usize = counted.iter().map(|(count, _)| count).sum();
    let complaints: Vec<String> = counted.into_iter().flat_map(|(_, complaints)| complaints).collect();
    println!("{count} runs");
    assert!(count > least);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Every sample, analysed once for all tests.
pub fn all() -> &'static [Sample] {
    static ALL: OnceLock<Vec<Sample>> = OnceLock::new();
    ALL.get_or_init(|| names().into_iter().map(|name| Sample::analysed(&name)).collect())
}

/// The folder names, in order.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir("samples")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 30, "only {} samples: is this the root of the repository?", names.len());
    names
}

impl Sample {
    fn analysed(name: &str) -> Self {
        let text = fs::read_to_string(format!("samples/{name}/case.toml"))
            .unwrap_or_else(|error| panic!("samples/{name}/case.toml: {error}"));
        let expected: Expectation =
            toml::from_str(&text).unwrap_or_else(|error| panic!("samples/{name}/case.toml: {error}"));
        let options = options(inputs(name), &expected.args);
        let report = analysed(&options);
        Self { name: name.to_owned(), expected, options, report }
    }
}

/// The report, or why there is none. A panic is a reason too, so that one sample does not hide the others.
pub fn analysed(options: &Options) -> Result<Report, String> {
    match catch_unwind(AssertUnwindSafe(|| rdpscan::analyze(options))) {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(error)) => Err(format!("error: {error}")),
        Err(_) => Err("panic".into()),
    }
}

/// The captures, logs and text evidence of a folder: all but what tells about them. Paths as a reader of the
/// repository would type them, since the report repeats them.
fn inputs(name: &str) -> Vec<PathBuf> {
    let folder = format!("samples/{name}");
    let mut files: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| !file.starts_with("case.") && !file.starts_with("report."))
        .collect();
    files.sort();
    files.into_iter().map(|file| PathBuf::from(format!("{folder}/{file}"))).collect()
}

/// The options that `analyze` makes of these arguments.
fn options(inputs: Vec<PathBuf>, args: &[String]) -> Options {
    let mut options = Options { inputs, ..Options::default() };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        let value = args.next().unwrap_or_else(|| panic!("{name} without a value"));
        match name.as_str() {
            "--target" => options.target = Some(value.clone()),
            "--client" => options.client = Some(value.clone()),
            "--server" => options.server = Some(value.clone()),
            "--user" => options.user = Some(value.clone()),
            "--port" => options.ports.push(value.parse().unwrap()),
            other => panic!("samples cannot use {other} yet"),
        }
    }
    options
}

/// Where the analysis and the expectation part.
#[derive(Debug)]
pub struct Difference {
    pub sample: String,
    pub field: String,
    pub expected: String,
    pub got: String,
}

/// A table that can be read in a terminal.
pub fn table(differences: &[Difference]) -> String {
    let widths = [
        differences.iter().map(|row| row.sample.len()).max().unwrap_or(0),
        differences.iter().map(|row| row.field.len()).max().unwrap_or(0),
        differences.iter().map(|row| row.expected.len()).max().unwrap_or(0).min(60),
    ];
    let mut text = String::new();
    let [sample, field, expected] = widths;
    writeln!(text, "{:sample$}  {:field$}  {:expected$}  got", "sample", "field", "expected").unwrap();
    for row in differences {
        writeln!(
            text,
            "{:sample$}  {:field$}  {:expected$}  {}",
            row.sample, row.field, row.expected, row.got
        )
        .unwrap();
    }
    text
}

/// Where the report of a sample parts from its expectation.
fn differences(sample: &Sample) -> Vec<Difference> {
    let mut rows = Rows { sample: sample.name.clone(), rows: Vec::new() };
    let report = match &sample.report {
        Ok(report) => report,
        Err(error) => {
            rows.push("report", "a report", error);
            return rows.rows;
        }
    };
    let expected = &sample.expected.incidents;
    if expected.len() != report.incidents.len() {
        let found: Vec<String> = report.incidents.iter().map(one_line).collect();
        rows.push(
            "incidents",
            &expected.len().to_string(),
            &format!("{}: {}", found.len(), found.join("; ")),
        );
    }
    for (index, (expected, incident)) in expected.iter().zip(&report.incidents).enumerate() {
        rows.incident(index, expected, incident, report);
    }
    rows.rows
}

struct Rows {
    sample: String,
    rows: Vec<Difference>,
}

impl Rows {
    fn push(&mut self, field: &str, expected: &str, got: &str) {
        self.rows.push(Difference {
            sample: self.sample.clone(),
            field: field.to_owned(),
            expected: expected.to_owned(),
            got: got.to_owned(),
        });
    }

    fn incident(&mut self, index: usize, expected: &Expected, incident: &Incident, report: &Report) {
        let verdict = &incident.verdict;
        let mut compare = |field: &str, expected: Option<&str>, got: Option<&str>| {
            if expected != got {
                let (expected, got) = (expected.unwrap_or("-"), got.unwrap_or("-"));
                self.push(&format!("{}.{field}", index + 1), expected, got);
            }
        };
        compare("client", Some(&expected.client), Some(&incident.client));
        if expected.server.is_some() {
            compare("server", expected.server.as_deref(), Some(&incident.server));
        }
        compare("kind", Some(&expected.kind), Some(verdict.kind));
        compare("cause", expected.cause.as_deref(), verdict.cause);
        // A wrong cause has another strength and blame: one row is enough.
        if expected.cause.as_deref() == verdict.cause {
            if expected.strength.is_some() || expected.cause.is_none() {
                compare("strength", expected.strength.as_deref(), verdict.strength);
            }
            if expected.blame.is_some() {
                compare("blame", expected.blame.as_deref(), verdict.blame);
            }
            self.citations(index, expected, incident, report);
        }
        let reached = reached(incident, report);
        if expected.reached != reached {
            self.push(&format!("{}.reached", index + 1), &expected.reached, reached);
        }
        for remark in &expected.remarks {
            if !verdict.remarks.iter().any(|found| found.cause == *remark) {
                let found: Vec<&str> = verdict.remarks.iter().map(|found| found.cause).collect();
                self.push(&format!("{}.remarks", index + 1), remark, &found.join(", "));
            }
        }
    }

    fn citations(&mut self, index: usize, expected: &Expected, incident: &Incident, report: &Report) {
        let cited = cited(incident);
        let frames: Vec<u64> = cited.iter().filter_map(|evidence| evidence.frame).collect();
        if !expected.frames.is_empty() && !expected.frames.iter().any(|frame| frames.contains(frame)) {
            let one_of = format!("one of {:?}", expected.frames);
            self.push(&format!("{}.frames", index + 1), &one_of, &format!("{frames:?}"));
        }
        let records: Vec<String> = cited
            .iter()
            .filter_map(|evidence| {
                let source = report.sources.iter().find(|source| source.id == evidence.source)?;
                let file = Path::new(&source.path).file_name()?.to_str()?;
                Some(format!("{file}:{}", evidence.record?))
            })
            .collect();
        if !expected.records.is_empty() && !expected.records.iter().any(|record| records.contains(record)) {
            let one_of = format!("one of {}", expected.records.join(", "));
            self.push(&format!("{}.records", index + 1), &one_of, &records.join(", "));
        }
    }
}

/// What the verdict stands on. A healthy one also stands on what its remarks and exonerations say.
fn cited(incident: &Incident) -> Vec<&Evidence> {
    let verdict = &incident.verdict;
    let mut cited: Vec<&Evidence> = verdict.evidence.iter().collect();
    if verdict.kind == "healthy" {
        cited.extend(verdict.remarks.iter().flat_map(|remark| &remark.evidence));
        cited.extend(verdict.exonerated.iter().flat_map(|party| &party.evidence));
    }
    cited
}

/// The stage of the deciding connection; of the cause, where the incident never came to a connection.
pub fn reached<'a>(incident: &Incident, report: &'a Report) -> &'a str {
    let deciding = incident.deciding_connection.and_then(|id| report.connections.iter().find(|c| c.id == id));
    match (deciding, incident.verdict.cause.and_then(causes::by_id)) {
        (Some(connection), _) => connection.reached,
        (None, Some(cause)) => cause.stage.name(),
        (None, None) => "-",
    }
}

/// `192.0.2.10 → 198.51.100.20:3389 cause no-cc`.
pub fn one_line(incident: &Incident) -> String {
    let verdict = &incident.verdict;
    format!("{} → {} {} {}", incident.client, incident.server, verdict.kind, verdict.cause.unwrap_or("-"))
}

#[test]
fn every_sample_is_judged_as_a_careful_reader_would() {
    let differences: Vec<Difference> = all().iter().flat_map(differences).collect();
    let mut wrong: Vec<&str> = differences.iter().map(|row| row.sample.as_str()).collect();
    wrong.dedup();
    println!("{} of {} samples are judged as expected", all().len() - wrong.len(), all().len());
    assert!(
        differences.is_empty(),
        "{} of {} samples are judged otherwise:\n{}",
        wrong.len(),
        all().len(),
        table(&differences)
    );
}

#[test]
fn what_is_expected_is_possible() {
    for sample in all() {
        let at = &sample.name;
        assert!(["recorded", "written", "mixed"].contains(&sample.expected.origin.as_str()), "{at}: origin");
        assert!(Path::new("samples").join(at).join("case.md").is_file(), "{at}: no case.md");
        assert!(!sample.options.inputs.is_empty(), "{at}: no capture and no log");
        for incident in &sample.expected.incidents {
            let with_cause = incident.cause.is_some();
            match incident.kind.as_str() {
                "healthy" => {
                    assert!(!with_cause && incident.strength.is_none(), "{at}: healthy has no cause");
                }
                "cause" => assert!(with_cause && incident.strength.is_some(), "{at}: a cause has a strength"),
                "undetermined" => assert_eq!(with_cause, incident.strength.is_some(), "{at}: strength"),
                other => panic!("{at}: {other} is no kind of verdict"),
            }
            let of_what = incident.frames.len() + incident.records.len();
            assert!(of_what > 0 || incident.kind != "cause", "{at}: a cause without evidence");
            for record in &incident.records {
                let (file, _) = record.rsplit_once(':').unwrap();
                assert!(Path::new("samples").join(at).join(file).is_file(), "{at}: no {file}");
            }
        }
    }
}

#[test]
fn reports_agree_with_themselves() {
    let mut complaints = Vec::new();
    for sample in all() {
        let Ok(report) = &sample.report else { continue };
        let mut complain = |what: String| complaints.push(format!("samples/{}: {what}", sample.name));
        for incident in &report.incidents {
            let own = |id: &u32| {
                report
                    .connections
                    .iter()
                    .any(|connection| connection.id == *id && connection.incident == incident.id)
            };
            if !incident.connections.iter().all(own) {
                complain(format!("incident {} has connections of another", incident.id));
            }
            if incident.deciding_connection.is_some_and(|id| !incident.connections.contains(&id)) {
                complain(format!("incident {} is decided by another's connection", incident.id));
            }
            if incident.start > incident.end {
                complain(format!("incident {} ends before it begins", incident.id));
            }
        }
        let of_incidents = report.incidents.iter().map(|incident| &incident.verdict);
        let of_connections = report.connections.iter().map(|connection| &connection.verdict);
        for verdict in of_incidents.chain(of_connections) {
            for what in contradictions(verdict, report) {
                complain(what);
            }
        }
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// What a verdict says against itself, or cites and is not there.
fn contradictions(verdict: &Verdict, report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    let cause = verdict.cause.and_then(causes::by_id);
    let complete = verdict.strength.is_some() && verdict.blame.is_some() && !verdict.evidence.is_empty();
    match (verdict.kind, cause) {
        ("healthy" | "undetermined", None) => {}
        ("cause", Some(cause)) if !cause.residual && complete => {
            if !["failure", "warning"].contains(&verdict.severity) || verdict.remedy.is_empty() {
                found.push(format!(
                    "{}: severity {}, {} remedies",
                    cause.id,
                    verdict.severity,
                    verdict.remedy.len()
                ));
            }
        }
        ("undetermined", Some(cause)) if cause.residual && complete => {
            if verdict.missing.is_empty() {
                found.push(format!("{}: nothing is said to settle it", cause.id));
            }
        }
        (kind, _) => found.push(format!("{kind} with cause {:?}", verdict.cause)),
    }
    if verdict.summary.is_empty() {
        found.push(format!("{} without a summary", verdict.kind));
    }
    let remarks = verdict.remarks.iter().flat_map(|remark| &remark.evidence);
    let exonerated = verdict.exonerated.iter().flat_map(|party| &party.evidence);
    for fact in verdict.evidence.iter().chain(remarks).chain(exonerated) {
        let source = report.sources.iter().find(|source| source.id == fact.source);
        let exists = source.is_some_and(|source| match (fact.frame, fact.record) {
            (None, None) => source.kind == "text" && fact.line.is_some(),
            (Some(frame), None) => source.frames.is_some_and(|frames| (1..=frames).contains(&frame)),
            (None, Some(_)) => source.records.is_some(),
            _ => false,
        });
        if !exists {
            found.push(format!("cites what is not there: {}", fact.says));
        }
    }
    let exonerates = |blame: &str| verdict.exonerated.iter().any(|party| party.party == blame);
    if let Some(blame) = verdict.blame.filter(|blame| exonerates(blame)) {
        found.push(format!("blames and exonerates {blame}"));
    }
    found
}

#[test]
fn a_report_that_contradicts_itself_is_noticed() {
    let report = all().iter().find_map(|sample| {
        let report = sample.report.as_ref().ok()?;
        (report.incidents.first()?.verdict.kind == "cause").then_some(report)
    });
    let report = report.unwrap();
    let sound = &report.incidents[0].verdict;
    assert_eq!(contradictions(sound, report), Vec::<String>::new());
    let spoilt: [fn(&mut Verdict); 5] = [
        |verdict| verdict.kind = "healthy",
        |verdict| verdict.evidence.clear(),
        |verdict| verdict.remedy.clear(),
        |verdict| verdict.summary.clear(),
        |verdict| verdict.evidence[0].source = 99,
    ];
    for spoil in spoilt {
        let mut verdict = sound.clone();
        spoil(&mut verdict);
        assert_eq!(contradictions(&verdict, report).len(), 1);
    }
}

#[test]
fn reports_are_those_that_were_looked_at() {
    let bless = std::env::var_os("RDPSCAN_BLESS").is_some();
    let strict = std::env::var_os("RDPSCAN_STRICT").is_some();
    let mut wrong = String::new();
    let mut missing = 0;
    for sample in all() {
        let Ok(report) = &sample.report else { continue };
        for (format, file) in [(Format::Table, "report.txt"), (Format::Json, "report.json")] {
            let path = Path::new("samples").join(&sample.name).join(file);
            let text = render(report, format, Style::default());
            match fs::read_to_string(&path) {
                _ if bless => fs::write(&path, text).unwrap(),
                Ok(golden) if golden == text => {}
                Ok(golden) => wrong.push_str(&first_difference(&path, &golden, &text)),
                Err(_) if strict => writeln!(wrong, "{}: missing", path.display()).unwrap(),
                Err(_) => missing += 1,
            }
        }
    }
    if missing > 0 {
        println!("{missing} golden files are missing: RDPSCAN_BLESS=1 writes them");
    }
    assert!(wrong.is_empty(), "not the reports that were looked at (RDPSCAN_BLESS=1 writes them):\n{wrong}");
}

/// The first line that differs.
pub fn first_difference(path: &Path, golden: &str, text: &str) -> String {
    let (mut old, mut new) = (golden.lines(), text.lines());
    for line in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (old, new) if old == new => {}
            (old, new) => {
                let [old, new] = [old, new].map(|line| line.unwrap_or("(end)"));
                return format!("{}:{line}\n  was {old}\n  now {new}\n", path.display());
            }
        }
    }
    format!("{}: line ends differ\n", path.display())
}
