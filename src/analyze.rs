//! The whole pipeline on one page: files to bytes, frames, flows, connections, incidents, verdicts, report.
//!
//! The only library file that sees every layer. Decides nothing itself.

use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::thread;

use rayon::prelude::*;

use crate::base::progress::Phase;
use crate::base::{Error, NoteKind, Progress, Timestamp, Window, time};
use crate::capture::split::Split;
use crate::causes::client_code::{self, Told};
use crate::causes::fold::{self, Fold, Group};
use crate::causes::{self, Case};
use crate::connection::lookup::Lookup;
use crate::connection::scan::{FlowBounds, ScanOptions, scan};
use crate::connection::udp;
use crate::correlate::join::{DecodedLog, Tied, join};
use crate::correlate::surroundings::Others;
use crate::correlate::{Attempt, Clocks, Coverage, Incident, Surroundings, incident, keys, reach};
use crate::eventlog::{self, Event, Log, LogIndex, Wanted};
use crate::extract::{self, Extraction};
use crate::host;
use crate::input::{Bundle, Input, Limits, Opening, digest};
use crate::report::build::{self, Material};
use crate::report::model::Report;
use crate::report::redact::Key;

mod texts;

/// What to analyse, and what of it to report.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Captures, logs, folders and archives. `-` is standard input.
    pub inputs: Vec<PathBuf>,
    /// Server ports to take for RDP besides 3389.
    pub ports: Vec<u16>,
    /// Only incidents of this client: address or name.
    pub client: Option<String>,
    /// Only incidents with this server: address, or address and port.
    pub server: Option<String>,
    /// Only incidents of this user.
    pub user: Option<String>,
    /// Only incidents around this moment.
    pub around: Option<Timestamp>,
    /// The name that the user typed into the client.
    pub target: Option<String>,
    /// The code that the user saw in the error box.
    pub client_code: Option<Told>,
    /// Read files into memory instead of mapping them.
    pub no_mmap: bool,
    /// Worker threads; one per core if not given.
    pub threads: Option<usize>,
    /// Memory for running connections, in MiB, if it is to be less than usual. What had to be given up is noted.
    pub max_memory: Option<u32>,
    /// Hash every input with SHA-256. Costs more than reading a large capture does.
    pub hash: bool,
    /// What archives may cost.
    pub limits: Limits,
    /// Bytes per range of a capture; chosen by the reader if not given. Never changes the report.
    pub range_size: Option<usize>,
    /// Told how far the work is.
    pub progress: Progress,
}

/// Analyses the inputs.
pub fn analyze(options: &Options) -> Result<Report, Error> {
    pooled(options, || run(options, None))
}

/// The same with pseudonyms in the place of addresses and names; `key` learns what they stand for.
pub fn analyze_redacted(options: &Options, key: &mut Key) -> Result<Report, Error> {
    pooled(options, || run(options, Some(key)))
}

/// The frames of one incident, ready to be written as captures; or why there are none.
pub fn extract(
    options: &Options,
    order: extract::Order,
) -> Result<Result<Extraction, extract::Refusal>, Error> {
    pooled(options, || {
        let bundle = open(options)?;
        let plan = trusted(&bundle, || {
            judged(options, &bundle, Reading::Needed, |material| {
                let judged = extract::Judged {
                    ports: &options.ports,
                    target: options.target.as_deref(),
                    attempts: material.attempts,
                    incidents: material.incidents,
                    around: material.around,
                    alignment: &material.clocks.captures,
                };
                extract::Plan::of(order, &judged, &bundle)
            })
        })?;
        Ok(plan.map(|plan| Extraction::new(bundle, plan)))
    })
}

fn pooled<T: Send>(options: &Options, work: impl FnOnce() -> T + Send) -> T {
    let pool = options.threads.map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build());
    let Some(Ok(pool)) = pool else { return work() };
    if rayon::current_thread_index().is_none() {
        return pool.install(work);
    }
    // A worker of another pool takes up other work while it waits: of a caller that analyses many inputs side by side,
    // one analysis inside of the other until its stack is full. A thread just waits.
    thread::scope(|scope| scope.spawn(|| pool.install(work)).join())
        .unwrap_or_else(|cause| panic::resume_unwind(cause))
}

fn open(options: &Options) -> Result<Bundle, Error> {
    let opening = Opening {
        mapped: !options.no_mmap,
        limits: options.limits,
        is_evidence: &host::is_evidence,
        progress: &options.progress,
    };
    Bundle::open(&options.inputs, opening)
}

fn run(options: &Options, key: Option<&mut Key>) -> Result<Report, Error> {
    let bundle = open(options)?;
    // What is to be hidden is learned from events, too.
    let reading = if key.is_some() { Reading::Names } else { Reading::Needed };
    trusted(&bundle, || judged(options, &bundle, reading, |material| report(options, &bundle, material, key)))
}

/// What came out of the inputs, if none of them lost bytes meanwhile: what a parser has just checked may be gone then, and
/// packages panic at that.
fn trusted<T>(bundle: &Bundle, work: impl FnOnce() -> T) -> Result<T, Error> {
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    bundle.check()?;
    done.or_else(|cause| panic::resume_unwind(cause))
}

fn size(parts: impl Iterator<Item = usize>) -> u64 {
    u64::try_from(parts.sum::<usize>()).unwrap_or(0)
}

/// The report of what was judged.
fn report(options: &Options, bundle: &Bundle, material: &Material<'_>, key: Option<&mut Key>) -> Report {
    let mut report = build::report(material);
    if options.hash {
        let bytes = size(bundle.inputs().iter().map(|input| input.bytes.len()));
        options.progress.begin(Phase::Hashing, bytes);
        let hashes: Vec<String> = bundle.inputs().par_iter().map(digest::sha256).collect();
        for (source, hash) in report.sources.iter_mut().zip(hashes) {
            source.sha256 = Some(hash);
        }
    }
    if let Some(key) = key {
        build::redact(&mut report, material, key);
    }
    report
}

/// How much of the logs is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// What can decide anything.
    Needed,
    /// Also what only holds names.
    Names,
}

/// Everything up to the verdicts; `end` makes of them what was asked for.
fn judged<T>(
    options: &Options,
    bundle: &Bundle,
    reading: Reading,
    end: impl FnOnce(&Material<'_>) -> T,
) -> T {
    let mut notes = bundle.notes.clone();

    let progress = &options.progress;
    progress.begin(Phase::Logs, size(bundle.logs().map(|input| input.bytes.len())));
    // Log records to events; bytes to flows to connections, of a flood folded as they end.
    let indexes: Vec<LogIndex<'_>> = bundle
        .logs()
        .filter_map(|input| eventlog::scan_watched(input.id, &input.bytes, progress, &mut notes))
        .collect();
    let events_to_read = size(indexes.iter().map(LogIndex::size));
    progress.begin(Phase::Events, events_to_read);
    let mut anchors: Vec<(&Log, Vec<Event>)> =
        indexes.iter().map(|index| (index.log(), index.anchors(&mut notes))).collect();
    eventlog::once(anchors.iter_mut().map(|(_, events)| events));
    let captures: Vec<&Input> = bundle.captures().collect();
    let mut fold = folding(options, &anchors);
    let mut scanned = scan(&captures, &scan_options(options), &mut fold, &mut notes);
    fold.note(&scanned.alignment, &mut notes);
    let (groups, folded) = fold.finish();

    let mut hosts = texts::hosts(bundle, &indexes, &mut notes);

    progress.begin(Phase::Events, events_to_read);
    // The clocks, from events that name what packets name too; then the events around the connections.
    let lookups: Vec<Lookup> =
        scanned.observations.iter().flat_map(|capture| capture.lookups.clone()).collect();
    let clocks = Clocks::estimate(&scanned.connections, &lookups, &anchors, &mut notes)
        .with_captures(std::mem::take(&mut scanned.alignment));
    let capture_windows: Vec<Window> =
        scanned.observations.iter().filter_map(|capture| capture.window).collect();
    // Logons and their like, of which a log has millions, say nothing where no file shows an attempt.
    let idle = captures.is_empty() && !indexes.iter().any(LogIndex::tells_of_attempts);
    let audits = reading == Reading::Needed && indexes.iter().all(LogIndex::is_audit);
    let mut logs: Vec<DecodedLog<'_>> = indexes
        .iter()
        .map(|index| {
            let windows = if audits { Clocks::wanted_of_audit } else { Clocks::wanted };
            let mut wanted = windows(&clocks, index.log().source, &capture_windows, &scanned.connections);
            if idle {
                wanted = Wanted { near: Some(Vec::new()), sessions: Some(Vec::new()), close: None };
            }
            DecodedLog { log: index.log(), events: index.events(&wanted, &mut notes) }
        })
        .collect();
    for (source, count) in eventlog::once(logs.iter_mut().map(|log| &mut log.events)) {
        notes.add_many(NoteKind::SameEvents, Some(source), "", count, None);
    }

    // Connections and events to incidents.
    progress.begin(Phase::Judging, 0);
    let connections = std::mem::take(&mut scanned.connections);
    let udp = udp::once(&scanned.observations);
    let Tied { mut attempts, sides, rest, links, blocked } =
        join(connections, udp, logs, &clocks, &capture_windows, &lookups, &mut notes);
    let groups = fold::with_blocked(groups, &blocked, &mut notes);
    reach::refine(&mut attempts);
    texts::settle(&attempts, &mut hosts, &mut notes);
    let coverage = Coverage::of(indexes.iter().map(LogIndex::log), &clocks);
    coverage.note_gaps(&capture_windows, &mut notes);
    let stray = sides.iter().filter(|side| side.owner.is_none() && !side.udp.is_certain());
    for side in stray {
        let at = side.udp.first.at;
        notes.add(NoteKind::UdpStray, Some(at.source()), Some(at));
    }
    let others = Others::of_attempts(&attempts, folded);
    let around = Surroundings::new(scanned.observations, others, rest, coverage, options.target.clone())
        .with_sides(sides)
        .with_links(links, &attempts)
        .with_hosts(hosts);
    let incidents = incident::all(&attempts, &around);
    notes.add_many(NoteKind::UdpBound, None, "", incident::sides_left_out(&incidents, &around), None);

    // Judge each connection alone, then each incident.
    let verdicts: Vec<causes::Verdict> =
        attempts.par_iter().map(|attempt| causes::judge(&Case::of(attempt, &around))).collect();
    let all = incidents.len();
    let mut judged: Vec<(Incident, causes::Verdict, Option<usize>)> = incidents
        .into_par_iter()
        .map(|incident| {
            let (verdict, deciding) = causes::judge_incident(&incident, &attempts, &verdicts, &around);
            (incident, verdict, deciding)
        })
        .filter(|(incident, ..)| is_wanted(options, incident, &attempts))
        .collect();
    notes.add_many(NoteKind::FilteredOut, None, "", u64::try_from(all - judged.len()).unwrap_or(0), None);
    let weighed = options.client_code.map(|told| (told, client_code::apply(told, &mut judged, &attempts)));
    let none_at_all = all == 0 && groups.is_empty();
    let groups: Vec<Group> = groups.into_iter().filter(|group| is_wanted_group(options, group)).collect();
    if none_at_all && !captures.is_empty() {
        notes.add(NoteKind::NoRdp, captures.first().map(|capture| capture.id), None);
    }

    // All is read: whatever happened to a file meanwhile is known now.
    bundle.note_changes(&mut notes);
    let material = Material {
        inputs: bundle.inputs(),
        sizes: &scanned.sizes,
        logs: &indexes.iter().map(LogIndex::log).collect::<Vec<_>>(),
        clocks: &clocks,
        attempts: &attempts,
        verdicts: &verdicts,
        incidents: &judged,
        client_code: weighed.as_ref().map(|(told, weighed)| (*told, weighed.as_slice())),
        groups: &groups,
        around: &around,
        notes: &notes,
    };
    end(&material)
}

fn scan_options(options: &Options) -> ScanOptions {
    let split = match options.range_size {
        Some(range) => Split { range, ..Split::default() },
        None => Split::default(),
    };
    let flows = options.max_memory.map_or_else(FlowBounds::default, FlowBounds::within);
    ScanOptions { ports: options.ports.clone(), split, flows }
}

/// What is to stay single: what a log names, and what the user asks for.
fn folding(options: &Options, anchors: &[(&Log, Vec<Event>)]) -> Fold {
    let named = anchors.iter().flat_map(|(_, events)| events).filter_map(keys::accepted_client).collect();
    Fold::new(named, options.client.as_deref().and_then(|client| client.parse().ok()), None)
}

/// `--around` means this much before and after.
const AROUND: i64 = 300 * time::SECOND;

/// The filters that the user gave, for connections that were folded. A user is not known of them.
fn is_wanted_group(options: &Options, group: &Group) -> bool {
    let names_server = |wanted: &str| {
        group.server.is_some_and(|server| server.to_string() == wanted || server.ip.to_string() == wanted)
    };
    let client_fits = options
        .client
        .as_deref()
        .is_none_or(|wanted| group.client.is_some_and(|client| client.to_string() == wanted));
    let lifetime = Window { start: group.first.time, end: group.last.time };
    client_fits
        && options.user.is_none()
        && options.server.as_deref().is_none_or(names_server)
        && options.around.is_none_or(|moment| Window::at(moment).widened(AROUND).overlaps(&lifetime))
}

/// The filters that the user gave.
fn is_wanted(options: &Options, incident: &Incident, attempts: &[Attempt]) -> bool {
    let own: Vec<&Attempt> = incident.connections.iter().filter_map(|at| attempts.get(*at)).collect();
    let (client, server) = incident::parties(incident, &own);
    let names_server = |wanted: &str| {
        server.eq_ignore_ascii_case(wanted)
            || own.iter().any(|attempt| attempt.connection.server.ip.to_string() == wanted)
    };
    let client_fits = options.client.as_deref().is_none_or(|wanted| client.eq_ignore_ascii_case(wanted));
    let server_fits = options.server.as_deref().is_none_or(names_server);
    let user_fits = options.user.as_deref().is_none_or(|wanted| incident::user_matches(&own, wanted));
    let time_fits = options.around.is_none_or(|moment| {
        let window = Window::at(moment).widened(AROUND);
        match (incident.first(attempts), incident.last(attempts)) {
            (Some(first), Some(last)) => window.overlaps(&Window { start: first.time, end: last.time }),
            _ => false,
        }
    });
    client_fits && server_fits && user_fits && time_fits
}
