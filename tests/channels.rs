//! Logs without one of their channels, with one alone, exported before the end or filtered by event tell no other story:
//! a cause may become a residual of it, a more general cause, or nothing; never a different one, and a failure never
//! becomes a healthy session.
//!
//! One is seldom given all channels. The logs are made here from the shorthand of the samples, not committed.

#![allow(clippy::unwrap_used, reason = "a test stops with its reason")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rdpscan::Options;
use rdpscan::report::model::Incident;

use super::lesser::another_story;
use super::neighbours::is_log;
use super::samples::{self, Sample};
use super::support::case;

/// The channel of an event of the shorthand, and its number; none for other lines.
fn event(line: &str) -> Option<(&'static str, u32)> {
    let known =
        ["RdpCoreTS", "RemoteConnectionManager", "LocalSessionManager", "Security", "RDPClient", "Gateway"];
    case::words(line).into_iter().filter(|word| !word.contains('=')).find_map(|word| {
        let (provider, id) = word.split_once('/')?;
        let id: String = id.chars().take_while(char::is_ascii_digit).collect();
        let channel = known.into_iter().find(|name| provider.contains(name)).unwrap_or("System");
        Some((channel, id.parse().ok()?))
    })
}

/// The channel that an event of the shorthand stands in; none for other lines.
fn channel(line: &str) -> Option<&'static str> {
    event(line).map(|(channel, _)| channel)
}

/// What people ask for when they ask for a log: events by number.
const FILTERS: [(&str, &[u32]); 4] = [
    ("the connection", &[131, 98, 102, 103, 140, 143, 228]),
    ("the session", &[131, 98, 102, 103, 140, 143, 228, 1149, 21, 23, 24, 25, 39, 40]),
    ("the logon", &[131, 1149, 4625, 102, 103, 24, 40]),
    ("the errors", &[131, 139, 140, 142, 143, 4625, 1012, 36870, 36874, 36887, 36888]),
];

#[test]
fn a_log_filtered_by_event_tells_no_other_story() {
    samples::none_complains(400, filtered);
}

fn filtered(sample: &Sample) -> (usize, Vec<String>) {
    let folder = Path::new("samples").join(&sample.name);
    if case::log_lines(&folder).is_empty() || sample.name == LOGGED_OFF_BY_STOP {
        return (0, Vec::new());
    }
    let judge = Judge::of(sample);
    let (mut count, mut complaints) = (0, Vec::new());
    // Of a password that was mistyped once, the errors show no more than of one that was never right.
    let is_slip = |name: &str| sample.name == BEFORE_THE_SECOND_TRY && name == "the errors";
    for (name, ids) in FILTERS.into_iter().filter(|(name, _)| !is_slip(name)) {
        let kept = |line: &str| event(line).is_none_or(|(_, id)| ids.contains(&id));
        let (runs, found) = judge.complaints(&kept, &format!("only {name}"));
        count += runs;
        complaints.extend(found);
    }
    (count, complaints)
}

/// Exported before the user typed the right password.
const BEFORE_THE_SECOND_TRY: &str = "logon-refused-in-session--mistyped-once";

/// Without what tells of the stop, a logoff is its user's own.
const LOGGED_OFF_BY_STOP: &str = "host-shutdown-or-crash--logged-off";

/// What only packets show: the session went on, and its user closed it.
const BY_PACKETS: [&str; 2] = ["segments-corrupted--with-log", "udp-half-working"];

#[test]
fn a_channel_less_tells_no_other_story() {
    samples::none_complains(400, complaints);
}

#[test]
fn a_log_exported_early_tells_no_other_story() {
    samples::none_complains(1000, exported_early);
}

/// The session manager names no port and comes late, but may be all that was exported.
#[test]
fn the_log_of_the_session_manager_alone_tells_of_sessions() {
    let inputs = vec!["samples/healthy-windows-nla/events-lsm.evtx".into()];
    let report = rdpscan::analyze(&Options { inputs, ..Options::default() }).unwrap();
    let [incident] = report.incidents.as_slice() else { panic!("{} incidents", report.incidents.len()) };
    assert_eq!((incident.verdict.kind, incident.user.as_deref()), ("healthy", Some("EXAMPLE\\alice")));
    let remarks = incident.verdict.remarks.iter().map(|remark| remark.cause);
    assert_eq!(remarks.collect::<Vec<_>>(), ["logoff-or-window-closed"]);
}

/// Places at which the log of a sample is cut.
const PLACES: usize = 12;

fn exported_early(sample: &Sample) -> (usize, Vec<String>) {
    let folder = Path::new("samples").join(&sample.name);
    let events = case::log_lines(&folder).iter().filter(|line| channel(line).is_some()).count();
    if events < 2 || [BEFORE_THE_SECOND_TRY, LOGGED_OFF_BY_STOP].contains(&sample.name.as_str()) {
        return (0, Vec::new());
    }
    let judge = Judge::of(sample);
    let (mut count, mut complaints) = (0, Vec::new());
    let cuts: BTreeSet<usize> = (1..=PLACES).map(|place| events * place / (PLACES + 1)).collect();
    for cut in cuts.into_iter().filter(|cut| *cut > 0) {
        let seen = Cell::new(0);
        let kept = |line: &str| {
            seen.set(seen.get() + usize::from(channel(line).is_some()));
            seen.get() <= cut
        };
        let (runs, found) = judge.complaints(&kept, &format!("to event {cut} of {events}"));
        count += runs;
        complaints.extend(found);
    }
    (count, complaints)
}

fn complaints(sample: &Sample) -> (usize, Vec<String>) {
    let folder = Path::new("samples").join(&sample.name);
    let channels: BTreeSet<&str> = case::log_lines(&folder).iter().filter_map(|line| channel(line)).collect();
    if channels.len() < 2 {
        return (0, Vec::new());
    }
    let judge = Judge::of(sample);
    let (mut count, mut complaints) = (0, Vec::new());
    for own in channels {
        for only in [true, false] {
            let kept = |line: &str| channel(line).is_none_or(|channel| (channel == own) == only);
            let how = format!("{} {own}", if only { "with" } else { "without" });
            let (runs, found) = judge.complaints(&kept, &how);
            count += runs;
            complaints.extend(found);
        }
    }
    (count, complaints)
}

/// A sample, and what its capture alone tells.
struct Judge<'a> {
    sample: &'a Sample,
    captures: Vec<PathBuf>,
    is_healthy_without_logs: bool,
}

impl<'a> Judge<'a> {
    fn of(sample: &'a Sample) -> Self {
        let captures: Vec<PathBuf> =
            sample.options.inputs.iter().filter(|path| !is_log(path)).cloned().collect();
        let alone = samples::analysed(&Options { inputs: captures.clone(), ..sample.options.clone() });
        let is_healthy_without_logs = alone
            .is_ok_and(|report| report.incidents.iter().any(|incident| incident.verdict.kind == "healthy"));
        Self { sample, captures, is_healthy_without_logs }
    }

    /// How many times a lesser log was judged, with the captures and alone, and what other stories it told.
    fn complaints(&self, keep: &dyn Fn(&str) -> bool, how: &str) -> (usize, Vec<String>) {
        let place = tempfile::tempdir().unwrap();
        let folder = Path::new("samples").join(&self.sample.name);
        let written: Vec<PathBuf> = case::build_where(&folder, keep)
            .into_iter()
            .map(|(name, bytes)| (place.path().join(name), bytes))
            .filter(|(path, _)| is_log(path))
            .inspect(|(path, bytes)| fs::write(path, bytes).unwrap())
            .map(|(path, _)| path)
            .collect();
        let both: Vec<PathBuf> = self.captures.iter().chain(&written).cloned().collect();
        let mut complaints = Vec::new();
        for inputs in [both, written] {
            let options = Options { inputs, threads: Some(1), ..self.sample.options.clone() };
            match samples::analysed(&options) {
                Ok(report) => complaints.extend(report.incidents.iter().filter_map(|incident| {
                    let why = self.another_story(incident, &options)?;
                    let says = samples::one_line(incident);
                    let inputs = options.inputs.len();
                    Some(format!("samples/{} {how}, {inputs} inputs: {why}: {says}", self.sample.name))
                })),
                Err(error) if error != "panic" => {}
                Err(_) => complaints.push(format!("samples/{} {how}: panic", self.sample.name)),
            }
        }
        (2, complaints)
    }

    fn another_story(&self, incident: &Incident, options: &Options) -> Option<&'static str> {
        let why = another_story(self.sample, incident)?;
        // A capture that shows an end in order shows it beside any log.
        let has_capture = options.inputs.iter().any(|path| !is_log(path));
        let known = has_capture && self.is_healthy_without_logs
            || !has_capture && BY_PACKETS.contains(&self.sample.name.as_str())
            || incident.verdict.summary.contains("it still runs");
        (incident.verdict.kind != "healthy" || !known).then_some(why)
    }
}
