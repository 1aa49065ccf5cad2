//! What was judged, as plain data: ids, times and words. Chooses nothing but the order.

mod identities;
mod steps;

use rayon::prelude::*;

use super::model::{
    Certificate, Clock, Connection, Considered, DisplayFilter, Endpoint, Evidence, Exonerated, Facts, Group,
    Incident, JoinedEvent, Note, Place, Remark, Report, SCHEMA, Source, StageRow, Tool, Verdict,
};
use super::{acceptance, event_words, place, redact, side};
use crate::base::{Mark, Notes, SourceId, Timestamp, time};
use crate::causes::client_code::{Told, Weighed};
use crate::causes::{self, Finding, Severity};
use crate::connection::alignment::{Alignment, CaptureClock};
use crate::connection::scan::CaptureSize;
use crate::connection::{self, Transport};
use crate::correlate::acceptance::Shown;
use crate::correlate::clock::Clocks;
use crate::correlate::{self, Attempt, Joined, Surroundings};
use crate::eventlog::Log;
use crate::eventlog::guid::Guid;
use crate::host::Computer;
use crate::input::{Input, InputKind};
use crate::protocol::x509;
use crate::stream::{Flow, Side};

/// Everything that a report is built from.
#[derive(Debug)]
pub struct Material<'a> {
    /// The inputs, in order of their ids.
    pub inputs: &'a [Input],
    /// Sizes of the captures.
    pub sizes: &'a [CaptureSize],
    /// What the logs hold.
    pub logs: &'a [&'a Log],
    /// Their clocks.
    pub clocks: &'a Clocks,
    /// Connections with their events.
    pub attempts: &'a [Attempt],
    /// A verdict for each.
    pub verdicts: &'a [causes::Verdict],
    /// Incidents, each with its verdict and its deciding connection.
    pub incidents: &'a [(correlate::Incident, causes::Verdict, Option<usize>)],
    /// The code that the user saw, weighed against each incident.
    pub client_code: Option<(Told, &'a [Weighed])>,
    /// Connections that were folded.
    pub groups: &'a [causes::fold::Group],
    /// What they share.
    pub around: &'a Surroundings,
    /// What limits all of it.
    pub notes: &'a Notes,
}

/// Puts pseudonyms in the place of what tells who and where.
pub fn redact(report: &mut Report, material: &Material<'_>, key: &mut redact::Key) {
    redact::redact(report, identities::identities(material), key);
}

/// Builds the report.
pub fn report(material: &Material<'_>) -> Report {
    let captures = &material.clocks.captures;
    let mut incident_of = vec![0_u32; material.attempts.len()];
    for (number, (incident, ..)) in (1_u32..).zip(material.incidents) {
        for at in &incident.connections {
            if let Some(slot) = incident_of.get_mut(*at) {
                *slot = number;
            }
        }
    }
    let shown = Shown::of(material.attempts);
    let mut connections: Vec<Connection> = material
        .attempts
        .par_iter()
        .zip(material.verdicts)
        .enumerate()
        .with_min_len(TOGETHER)
        .filter(|(at, _)| incident_of.get(*at).is_some_and(|number| *number > 0))
        .map(|(at, (attempt, verdict))| connection(at, attempt, verdict, &incident_of, (captures, &shown)))
        .collect();
    steps::add(&mut connections, material);
    connections.extend(sides(material, captures));
    // What clocks are compared with, where none fits: the first capture, else the first log.
    let capture =
        material.inputs.iter().find(|input| matches!(input.kind, InputKind::Pcap | InputKind::PcapNg));
    let reference = capture.map_or(0, |input| input.id.0);
    Report {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        sources: sources(material),
        clocks: captures
            .clocks
            .iter()
            .map(capture_clock)
            .chain(material.clocks.clocks.iter().filter_map(|own| clock(own, reference)))
            .collect(),
        client_code: material.client_code.map(|(told, weighed)| {
            let verdicts = (1_u32..).zip(material.incidents).zip(weighed);
            acceptance::client_code(told, verdicts.map(|((id, (_, verdict, _)), own)| (id, verdict, own)))
        }),
        incidents: incidents(material),
        connections,
        groups: material.groups.iter().map(group).collect(),
        notes: material.notes.iter().map(Note::from).collect(),
        redacted: false,
        zone: crate::base::Zone::default(),
    }
}

/// Connections or incidents that one thread describes in one go.
const TOGETHER: usize = 64;

/// The incidents, numbered from 1.
fn incidents(material: &Material<'_>) -> Vec<Incident> {
    let all = material.incidents.par_iter().enumerate().with_min_len(TOGETHER);
    all.map(|(at, item)| incident(u32::try_from(at + 1).unwrap_or(u32::MAX), item, material)).collect()
}

/// The UDP connections of all incidents, in order of their numbers.
fn sides(material: &Material<'_>, captures: &Alignment) -> Vec<Connection> {
    let mut found: Vec<(usize, u32)> = (1_u32..)
        .zip(material.incidents)
        .flat_map(|(number, (incident, ..))| incident.sides.iter().map(move |at| (*at, number)))
        .collect();
    found.sort_unstable();
    let attempts = material.attempts.len();
    found
        .into_iter()
        .filter_map(|(at, incident)| {
            let side = material.around.sides.get(at)?;
            let owner =
                side.owner.and_then(|owner| Some((id_of(owner.at), material.verdicts.get(owner.at)?)));
            Some(side::connection((side::id_of(attempts, at), incident), side, owner, captures))
        })
        .collect()
}

fn id_of(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

pub(super) fn text(stamp: Timestamp) -> String {
    stamp.to_string()
}

fn sources(material: &Material<'_>) -> Vec<Source> {
    material.inputs.iter().map(|input| source(input, material)).collect()
}

fn source(input: &Input, material: &Material<'_>) -> Source {
    let mut source = Source {
        id: input.id.0,
        path: input.path.display().to_string(),
        kind: match input.kind {
            InputKind::Evtx => "event-log",
            InputKind::Text => "text",
            InputKind::Pcap | InputKind::PcapNg => "capture",
        },
        format: input.format.clone(),
        role: "unknown",
        first_time: None,
        last_time: None,
        frames: None,
        records: None,
        interfaces: None,
        channel: None,
        host: None,
        sha256: None,
    };
    if let Some(size) = material.sizes.iter().find(|size| size.source == input.id) {
        source.frames = Some(size.frames);
        source.interfaces = Some(size.interfaces);
        source.role = place::of_capture(input.id, material.attempts);
    }
    let window =
        material.around.captures.iter().find(|capture| capture.source == input.id).and_then(|c| c.window);
    if let Some(window) = window {
        let clock = material.clocks.captures.shift(input.id);
        source.first_time = Some(text(clock.back(window.start)));
        source.last_time = Some(text(clock.back(window.end)));
    }
    if let Some(log) = material.logs.iter().find(|log| log.source == input.id) {
        source.records = Some(log.records);
        source.first_time = log.first_time.map(text);
        source.last_time = log.last_time.map(text);
        let list = |names: &[std::sync::Arc<str>]| (!names.is_empty()).then(|| names.join(", "));
        source.channel = list(&log.channels);
        source.host = list(&log.computers);
        source.role = place::of_log(log);
    }
    if let Some(computer) = material.around.hosts.with_text(input.id) {
        source.host = Some(computer.name.to_uppercase());
        source.role = computer_role(computer, material.attempts);
    }
    source
}

/// What a computer was in the connections that were seen.
fn computer_role(computer: &Computer, attempts: &[Attempt]) -> &'static str {
    let is_there = |pick: fn(&connection::Connection) -> std::net::IpAddr| {
        attempts.iter().any(|attempt| computer.has_address(pick(&attempt.connection)))
    };
    match (is_there(|own| own.client.ip), is_there(|own| own.server.ip)) {
        (true, false) => "client",
        (false, true) => "server",
        _ => "unknown",
    }
}

fn clock(clock: &correlate::Clock, reference: u32) -> Option<Clock> {
    let millis = |nanos: i64| correlate::clock::seconds(nanos) * 1000.0;
    let sources: Vec<u32> = clock.sources.iter().map(|source| source.0).collect();
    // Where nothing was captured, the logs of the reference's own computer run by its clock.
    let is_reference = clock.offset.is_none() && sources.contains(&reference);
    Some(Clock {
        sources,
        against: clock.against.map_or(reference, |source| source.0),
        offset_ms: if is_reference { Some(0.0) } else { clock.offset.map(millis) },
        spread_ms: clock.offset.map(|_| millis(clock.spread)),
        pairs: clock.pairs,
        quality: if is_reference { correlate::clock::Quality::Exact.name() } else { clock.quality.name() },
        drift_ms_per_hour: clock.drift.map(|drift| micros(drift.per_hour) / 1000.0),
    })
    .filter(|_| !clock.sources.is_empty())
}

/// Nanoseconds as milliseconds, with microseconds.
fn millis(nanos: i64) -> f64 {
    let whole = i32::try_from(nanos / time::SECOND).unwrap_or(i32::MAX);
    f64::from(whole) * 1000.0 + micros(nanos % time::SECOND) / 1000.0
}

/// The clock of a capture, compared with another one by packets that both hold.
fn capture_clock(clock: &CaptureClock) -> Clock {
    Clock {
        sources: clock.sources.iter().map(|source| source.0).collect(),
        against: clock.against.0,
        offset_ms: Some(millis(clock.shift.offset)),
        spread_ms: Some(micros(clock.spread) / 1000.0),
        pairs: clock.pairs,
        quality: if clock.both_ways { "exact" } else { "estimated" },
        drift_ms_per_hour: (clock.shift.per_hour != 0).then(|| micros(clock.shift.per_hour) / 1000.0),
    }
}

fn incident(
    id: u32,
    (incident, verdict, deciding): &(correlate::Incident, causes::Verdict, Option<usize>),
    material: &Material<'_>,
) -> Incident {
    let own: Vec<&Attempt> =
        incident.connections.iter().filter_map(|at| material.attempts.get(*at)).collect();
    let zero =
        Mark { time: Timestamp::MIN, at: crate::base::Locator::Frame { source: SourceId(0), number: 0 } };
    let first = incident.first(material.attempts).unwrap_or(zero);
    let last = incident.last(material.attempts).unwrap_or(first);
    let (client, server) = correlate::incident::parties(incident, &own);
    let mut verdict = self::verdict(verdict, &material.clocks.captures);
    let number = usize::try_from(id).unwrap_or(0).saturating_sub(1);
    let weighed = material.client_code.and_then(|(_, weighed)| weighed.get(number));
    verdict.client_code = weighed.map(acceptance::weighed);
    Incident {
        id,
        client,
        server,
        start: text(first.time),
        end: text(last.time),
        user: correlate::incident::user(&own),
        connections: own_ids(incident, material.attempts.len()),
        deciding_connection: deciding.map(id_of),
        verdict,
    }
}

/// The numbers of its connections, those over UDP last.
fn own_ids(incident: &correlate::Incident, attempts: usize) -> Vec<u32> {
    let sides = incident.sides.iter().map(|at| side::id_of(attempts, *at));
    incident.connections.iter().map(|at| id_of(*at)).chain(sides).collect()
}

fn connection(
    at: usize,
    attempt: &Attempt,
    own: &causes::Verdict,
    incident_of: &[u32],
    (captures, shown): (&Alignment, &Shown),
) -> Connection {
    let connection = &attempt.connection;
    let flow = connection.flow.as_deref();
    let mut sources: Vec<u32> =
        [connection.first, connection.last].iter().map(|mark| mark.at.source().0).collect();
    sources.extend(attempt.events.iter().map(|joined| joined.event.at.source().0));
    sources.extend(connection.also_in.iter().map(|source| source.0));
    // The one that its frames are counted in first, then by number.
    let holds_it = connection.first.at.source().0;
    sources.sort_unstable_by_key(|source| (*source != holds_it, *source));
    sources.dedup();
    Connection {
        id: id_of(at),
        incident: incident_of.get(at).copied().unwrap_or(0),
        beside: None,
        beside_by: None,
        sources,
        transport: connection.transport.name(),
        client: Endpoint { ip: connection.client.ip.to_string(), port: connection.client.port },
        server: Endpoint { ip: connection.server.ip.to_string(), port: connection.server.port },
        start: text(connection.first.time),
        end: text(connection.last.time),
        first_frame: connection.first.at.frame(),
        last_frame: connection.last.at.frame(),
        last_source: connection
            .last
            .at
            .frame()
            .map(|_| connection.last.at.source().0)
            .filter(|at| *at != holds_it),
        conn_state: flow.map_or("OTH", Flow::conn_state),
        history: flow.map(|flow| flow.history.clone()).unwrap_or_default(),
        reached: connection.reached.name(),
        stages: connection.stages.iter().map(|result| stage(result, captures)).collect(),
        facts: Facts {
            acceptance: shown.acceptance(at, connection).map(|own| acceptance::acceptance(&own, id_of)),
            ..facts(connection)
        },
        steps: Vec::new(),
        events: attempt.events.iter().map(joined).collect(),
        views: connection.views.as_deref().map(place::views),
        verdict: verdict(own, captures),
        display_filter: display_filter(connection),
    }
}

fn group(own: &causes::fold::Group) -> Group {
    Group {
        client: own.client.map_or_else(|| "several".into(), |client| client.to_string()),
        server: own.server.map_or_else(|| "several".into(), |server| server.to_string()),
        reached: own.reached.name(),
        cause: own.cause,
        count: own.count,
        first_frame: own.first.at.frame().unwrap_or(0),
        last_frame: own.last.at.frame().unwrap_or(0),
        first_record: own.first.at.record(),
        last_record: own.last.at.record(),
        first_time: text(own.first.time),
        last_time: text(own.last.time),
    }
}

fn stage(result: &connection::StageResult, captures: &Alignment) -> StageRow {
    StageRow {
        stage: result.stage.name(),
        outcome: result.outcome.name(),
        at: result.at.map(|mark| place_of(mark, captures)),
        detail: result.detail.clone(),
    }
}

/// When, by the clock of the source itself.
pub(super) fn own_time(mark: Mark, captures: &Alignment) -> String {
    text(captures.shift(mark.at.source()).back(mark.time))
}

pub(super) fn place_of(mark: Mark, captures: &Alignment) -> Place {
    Place {
        source: mark.at.source().0,
        frame: mark.at.frame(),
        record: mark.at.record(),
        time: own_time(mark, captures),
    }
}

fn facts(connection: &connection::Connection) -> Facts {
    let tls = &connection.tls;
    let mut facts = Facts {
        requested: connection.requested().map(|seen| seen.value.to_string()),
        selected: connection.selected().map(|seen| seen.value.to_string()),
        failure: connection.negotiation_failure().map(|seen| seen.value.to_string()),
        correlation_id: correlation(connection),
        cookie: connection.cookie().map(|seen| seen.value.to_owned()),
        tls_version: tls.version().map(|version| version.to_string()),
        cipher: tls.cipher().map(|cipher| cipher.to_string()),
        sni: tls.client_hello.as_ref().and_then(|hello| hello.value.server_name.clone()),
        certificate: tls.certificate.as_ref().map(|seen| certificate(&seen.value)),
        alerts: tls
            .alerts
            .iter()
            .map(|seen| {
                let alert = seen.value.alert;
                format!(
                    "{}: {} {} ({})",
                    seen.value.from.name(),
                    alert.level,
                    alert.description,
                    alert.description.0
                )
            })
            .collect(),
        client_name: connection
            .settings
            .connect_initial
            .as_ref()
            .and_then(|initial| initial.value.settings.name.clone()),
        ..Facts::default()
    };
    if let Some(flow) = connection.flow.as_deref() {
        add_health(&mut facts, flow);
    }
    facts
}

/// The id of the attempt, which UDP and the client's log share. [MS-RDPBCGR] 2.2.1.1.2
fn correlation(connection: &connection::Connection) -> Option<String> {
    let id = connection.request.as_ref()?.value.correlation?;
    Some(Guid(id).to_string())
}

fn add_health(facts: &mut Facts, flow: &Flow) {
    let seconds = correlate::clock::seconds;
    facts.rtt_ms = flow.handshake_round_trip().map(|nanos| micros(nanos) / 1000.0);
    facts.mss_client = flow.client_habits.mss;
    facts.mss_server = flow.server_habits.mss;
    facts.mss = [facts.mss_client, facts.mss_server].into_iter().flatten().min();
    facts.bytes_to_server = flow.to_server.bytes;
    facts.bytes_to_client = flow.to_client.bytes;
    facts.retransmissions_client = flow.to_server.retransmissions;
    facts.retransmissions_server = flow.to_client.retransmissions;
    facts.retransmissions = facts.retransmissions_client.saturating_add(facts.retransmissions_server);
    facts.largest_passed_to_server = flow.to_server.largest_passed;
    facts.largest_passed_to_client = flow.to_client.largest_passed;
    facts.smallest_lost = [Side::Client, Side::Server]
        .iter()
        .flat_map(|side| flow.swallowed(*side))
        .map(|repeat| repeat.length)
        .min();
    facts.zero_windows = flow.client_habits.zero_windows + flow.server_habits.zero_windows;
    facts.longest_silence_s = flow.silence.map(|silence| seconds(silence.length()));
    facts.closed_by = flow.closed_by();
}

fn micros(nanos: i64) -> f64 {
    f64::from(i32::try_from(nanos / 1000).unwrap_or(i32::MAX))
}

fn certificate(own: &x509::Certificate) -> Certificate {
    let name = |name: &Option<x509::Name>| name.as_ref().map(|name| name.full.clone()).unwrap_or_default();
    let algorithm = |own: &x509::Algorithm| own.name.clone().unwrap_or_else(|| own.oid.clone());
    let key = own.key.as_ref().map(|key| {
        let kind = if key.is_rsa() { "RSA".to_owned() } else { algorithm(&key.algorithm) };
        key.bits.map_or(kind.clone(), |bits| format!("{kind} {bits}"))
    });
    let mut names = own.dns_names.clone();
    names.extend(own.ip_addresses.iter().map(ToString::to_string));
    Certificate {
        subject: name(&own.subject),
        issuer: name(&own.issuer),
        names,
        not_before: own.not_before.map(text),
        not_after: own.not_after.map(text),
        key: key.unwrap_or_default(),
        signature: own.signature.as_ref().map(algorithm).unwrap_or_default(),
        self_signed: own.is_self_issued(),
        thumbprint: own.thumbprint.clone(),
    }
}

pub(super) fn joined(joined: &Joined) -> JoinedEvent {
    let event = &joined.event;
    JoinedEvent {
        source: event.at.source().0,
        record: event.record(),
        channel: event.channel.to_string(),
        event_id: event.id,
        says: event_words::says(event),
        time: text(event.time),
        time_corrected: joined.corrected.map(text),
        matched_by: joined.by.name(),
    }
}

/// Shows the connection in Wireshark, and nothing else.
fn display_filter(connection: &connection::Connection) -> String {
    if connection.transport == Transport::Unseen {
        return String::new();
    }
    // By the addresses of the capture that its frames are counted in.
    let ends = connection.flow.as_deref().map(|flow| (flow.client, flow.server));
    let (client, server) = ends.unwrap_or((connection.client, connection.server));
    let ip = if client.ip.is_ipv4() { "ip" } else { "ipv6" };
    format!(
        "{ip}.addr == {} && {ip}.addr == {} && tcp.port == {} && tcp.port == {}",
        client.ip, server.ip, client.port, server.port
    )
}

pub(super) fn verdict(own: &causes::Verdict, captures: &Alignment) -> Verdict {
    let finding = own.finding.as_ref();
    let severity = finding.map_or_else(
        || if own.kind == causes::Kind::Healthy { Severity::Benign } else { Severity::Failure },
        |finding| finding.severity,
    );
    let from_finding = finding.map(|finding| finding.evidence.as_slice()).unwrap_or_default();
    let evidence = listed(from_finding.iter().chain(&own.evidence), captures);
    Verdict {
        kind: own.kind.name(),
        title: finding.map(|finding| finding.title().to_owned()),
        cause: finding.map(|finding| finding.cause.id),
        strength: finding.map(|finding| finding.strength.name()),
        blame: finding.map(|finding| finding.blame.name()),
        severity: severity.name(),
        summary: own.summary.clone(),
        display_filters: DisplayFilter::of(&evidence),
        evidence,
        remarks: own.remarks.iter().map(|finding| remark(finding, captures)).collect(),
        also_considered: own
            .also_considered
            .iter()
            .map(|(cause, why_not)| Considered { cause: cause.id, why_not: why_not.clone() })
            .collect(),
        exonerated: own
            .exonerated
            .iter()
            .map(|own| Exonerated {
                party: own.party.name(),
                says: own.says.clone(),
                evidence: listed(&own.evidence, captures),
            })
            .collect(),
        ruled_out: own.ruled_out.clone(),
        missing: own.missing.clone(),
        location: finding.and_then(|finding| finding.location.clone()),
        expected_client_code: finding.and_then(|finding| finding.cause.client_code).map(str::to_owned),
        client_code: None,
        remedy: finding.map(Finding::remedy).unwrap_or_default(),
    }
}

fn listed<'a>(own: impl IntoIterator<Item = &'a causes::Evidence>, captures: &Alignment) -> Vec<Evidence> {
    own.into_iter().map(|fact| evidence(fact, captures)).collect()
}

fn evidence(own: &causes::Evidence, captures: &Alignment) -> Evidence {
    Evidence {
        says: own.says.clone(),
        source: own.mark.at.source().0,
        frame: own.mark.at.frame(),
        record: own.mark.at.record(),
        line: own.mark.at.line(),
        channel: own.event.as_ref().map(|(channel, _)| channel.to_string()),
        event_id: own.event.as_ref().map(|(_, id)| *id),
        time: if own.mark.at.line().is_some() { String::new() } else { own_time(own.mark, captures) },
    }
}

fn remark(finding: &Finding, captures: &Alignment) -> Remark {
    let says = finding.detail.clone().unwrap_or_else(|| finding.title().to_owned());
    let evidence = listed(&finding.evidence, captures);
    Remark {
        cause: finding.cause.id,
        strength: finding.strength.name(),
        says,
        display_filters: DisplayFilter::of(&evidence),
        evidence,
    }
}
