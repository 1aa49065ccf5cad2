//! Reports for the tests of the formats: written by hand, in the shape that the pipeline gives.

use super::model::*;

/// `2024-05-06T20:10:10.<millis>000000Z`, or that many milliseconds later.
pub(super) fn at(milliseconds: u32) -> String {
    let seconds = milliseconds / 1_000;
    format!(
        "2024-05-06T20:{:02}:{:02}.{:03}000000Z",
        10 + (10 + seconds) / 60,
        (10 + seconds) % 60,
        milliseconds % 1_000
    )
}

pub(super) fn report() -> Report {
    Report {
        schema: SCHEMA,
        tool: Tool { name: "rdpscan", version: "0.1.0" },
        sources: vec![capture(), log(1, "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational")],
        clocks: vec![Clock {
            sources: vec![1],
            against: 0,
            offset_ms: Some(2_013.0),
            spread_ms: Some(4.0),
            pairs: 5,
            quality: "exact",
            drift_ms_per_hour: None,
        }],
        client_code: None,
        incidents: Vec::new(),
        connections: Vec::new(),
        groups: Vec::new(),
        notes: vec![
            Note {
                note: "frames cut by the snapshot length".to_owned(),
                detail: None,
                count: 1_204,
                source: Some(0),
                first: Some("frame 9".to_owned()),
                costs: "contents beyond the cut are unknown, not missing".to_owned(),
            },
            Note {
                note: "input could not be read".to_owned(),
                detail: Some("/cases/4711/Security.evtx: permission denied".to_owned()),
                count: 1,
                source: None,
                first: None,
                costs: "nothing of this file was analysed".to_owned(),
            },
        ],
        redacted: false,
        zone: crate::base::Zone::default(),
    }
}

pub(super) fn capture() -> Source {
    Source {
        id: 0,
        path: "/cases/4711/client-side/trace-2024-05-06.pcapng".to_owned(),
        kind: "capture",
        format: "pcapng".to_owned(),
        role: "client",
        first_time: Some(at(0)),
        last_time: Some(at(90_000)),
        frames: Some(31_415),
        records: None,
        interfaces: Some(2),
        channel: None,
        host: None,
        sha256: None,
    }
}

pub(super) fn log(id: u32, channel: &str) -> Source {
    Source {
        id,
        path: format!("/cases/4711/server/{}.evtx", channel.replace('/', "%4")),
        kind: "event-log",
        format: "evtx".to_owned(),
        role: "server",
        first_time: Some("2024-04-30T06:00:00.000000000Z".to_owned()),
        last_time: Some(at(200_000)),
        frames: None,
        records: Some(5_812),
        interfaces: None,
        channel: Some(channel.to_owned()),
        host: Some("SRV01.corp.example".to_owned()),
        sha256: None,
    }
}

fn frame(says: &str, frame: u64, milliseconds: u32) -> Evidence {
    Evidence {
        says: says.to_owned(),
        source: 0,
        frame: Some(frame),
        record: None,
        line: None,
        channel: None,
        event_id: None,
        time: at(milliseconds),
    }
}

fn record(says: &str, record: u64, event_id: u32, milliseconds: u32) -> Evidence {
    Evidence {
        says: says.to_owned(),
        source: 1,
        frame: None,
        record: Some(record),
        line: None,
        channel: None,
        event_id: Some(event_id),
        time: at(milliseconds),
    }
}

fn stage(
    stage: &'static str,
    outcome: &'static str,
    frame: u64,
    milliseconds: u32,
    detail: &str,
) -> StageRow {
    let place = Place { source: 0, frame: Some(frame), record: None, time: at(milliseconds) };
    let detail = Some(detail.to_owned()).filter(|detail| !detail.is_empty());
    StageRow { stage, outcome, at: Some(place), detail }
}

pub(super) fn healthy_verdict() -> Verdict {
    Verdict {
        kind: "healthy",
        cause: None,
        strength: None,
        blame: None,
        severity: "benign",
        title: None,
        summary: "The session was established and ended by the user after 34 s.".to_owned(),
        evidence: vec![frame("the client closed the session in order", 88, 34_000)],
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
    }
}

fn step(kind: &'static str, from: &'static str, says: &str, frame: u64, milliseconds: u32) -> Step {
    Step {
        kind,
        from,
        to: if from == "client" { "server" } else { "client" },
        stage: if frame < 4 { "transport" } else { "negotiation" },
        says: says.to_owned(),
        count: 1,
        bytes: 0,
        source: 0,
        frame: Some(frame),
        last_frame: None,
        time: at(milliseconds),
        last_time: at(milliseconds),
    }
}

fn steps() -> Vec<Step> {
    vec![
        step("message", "client", "SYN", 1, 741),
        step("message", "server", "SYN-ACK", 2, 741),
        step("message", "client", "connection request: TLS", 4, 743),
        step("refusal", "server", "negotiation failure: HYBRID_REQUIRED_BY_SERVER (5)", 5, 751),
        step("reset", "server", "RST", 9, 790),
    ]
}

pub(super) fn connection(id: u32, incident: u32, verdict: Verdict) -> Connection {
    Connection {
        id,
        incident,
        beside: None,
        beside_by: None,
        sources: vec![0],
        transport: "tcp",
        client: Endpoint { ip: "10.20.0.5".to_owned(), port: 50_000 + u16::try_from(id).unwrap() },
        server: Endpoint { ip: "10.20.0.9".to_owned(), port: 3_389 },
        start: at(741),
        end: at(790),
        first_frame: Some(1),
        last_frame: Some(9),
        last_source: None,
        conn_state: "RSTR",
        history: "ShADadR".to_owned(),
        reached: "negotiation",
        stages: vec![
            stage("transport", "passed", 3, 742, ""),
            stage("negotiation", "failed", 5, 751, "HYBRID_REQUIRED_BY_SERVER (5)"),
        ],
        facts: Facts {
            requested: Some("TLS".to_owned()),
            failure: Some("HYBRID_REQUIRED_BY_SERVER (5)".to_owned()),
            cookie: Some("alice".to_owned()),
            rtt_ms: Some(0.42),
            mss: Some(1_460),
            mss_client: Some(1_460),
            mss_server: Some(1_460),
            bytes_to_server: 43,
            bytes_to_client: 19,
            retransmissions: 1,
            retransmissions_client: 1,
            closed_by: Some("server RST".to_owned()),
            ..Facts::default()
        },
        steps: steps(),
        events: vec![JoinedEvent {
            source: 1,
            record: 5_511,
            channel: "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational".to_owned(),
            event_id: 131,
            says: "the server accepted a TCP connection from 10.20.0.5:50001".to_owned(),
            time: at(2_756),
            time_corrected: Some(at(743)),
            matched_by: "address",
        }],
        verdict,
        views: None,
        display_filter:
            "ip.addr == 10.20.0.5 && tcp.port == 50001 && ip.addr == 10.20.0.9 && tcp.port == 3389".to_owned(),
    }
}

pub(super) fn incident(id: u32, verdict: Verdict) -> Incident {
    Incident {
        id,
        client: "10.20.0.5".to_owned(),
        server: "10.20.0.9:3389".to_owned(),
        start: at(741),
        end: at(790),
        user: Some("CORP\\alice".to_owned()),
        connections: Vec::new(),
        deciding_connection: None,
        verdict,
    }
}

pub(super) fn failed_verdict() -> Verdict {
    Verdict {
        kind: "cause",
        cause: Some("neg-failure-5-nla-required"),
        strength: Some("corroborated"),
        blame: Some("client"),
        severity: "failure",
        title: Some("The server accepts only NLA (CredSSP), and the client did not offer it.".to_owned()),
        summary: "The client offered TLS without CredSSP; the server demands Network Level Authentication and \
                  refused with negotiation failure 5."
            .to_owned(),
        evidence: vec![
            frame("connection request offers `PROTOCOL_SSL` only", 4, 743),
            frame("negotiation failure 5, `HYBRID_REQUIRED_BY_SERVER`", 5, 751),
            record("the server accepted a TCP connection from 10.20.0.5:50001 and logged no authentication", 5_511, 131, 2_756),
        ],
        display_filters: vec![DisplayFilter { source: 0, filter: "frame.number in {4, 5}".to_owned() }],
        remarks: vec![Remark {
            cause: "certificate-dates",
            strength: "stated",
            says: "the server's certificate expired 12 days ago".to_owned(),
            evidence: vec![frame("certificate not valid after 2024-04-24", 7, 760)],
            display_filters: vec![DisplayFilter { source: 0, filter: "frame.number == 7".to_owned() }],
        }],
        also_considered: vec![Considered {
            cause: "security-layer-mismatch",
            why_not: "the server named the reason itself".to_owned(),
        }],
        exonerated: vec![Exonerated {
            party: "network",
            says: "the handshake took 0.4 ms and no segment was lost".to_owned(),
            evidence: vec![frame("SYN-ACK", 2, 741)],
        }],
        ruled_out: vec!["a firewall between client and server: the port answered".to_owned()],
        missing: vec!["the client's own log (RDPClient/Operational) would tell its settings".to_owned()],
        location: Some("between the client's settings and the server's policy".to_owned()),
        expected_client_code: Some("0xB09 (2825)".to_owned()),
        client_code: None,
        remedy: vec![
            "In the `.rdp` file set `enablecredsspsupport:i:1`, or update the client.".to_owned(),
            "See what the server demands: `reg query \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp\" /v UserAuthentication`.".to_owned(),
            "After a change run\n    gpupdate /force\nand try again.".to_owned(),
        ],
    }
}

pub(super) fn undetermined_verdict() -> Verdict {
    Verdict {
        kind: "undetermined",
        cause: Some("closed-inside-tls-reason-not-visible"),
        strength: Some("inferred"),
        blame: Some("unknown"),
        severity: "failure",
        title: None,
        summary: "The server closed the connection inside TLS; the reason is encrypted.".to_owned(),
        evidence: vec![frame("server FIN after 412 bytes of application data", 9, 790)],
        missing: vec!["the server's RdpCoreTS log for 20:10 to 20:11 would name the reason".to_owned()],
        ..failed_verdict()
    }
}

fn add(report: &mut Report, verdict: Verdict) {
    let id = u32::try_from(report.incidents.len() + 1).unwrap();
    report.connections.push(connection(id, id, verdict.clone()));
    let mut incident = incident(id, verdict);
    incident.connections = vec![id];
    incident.deciding_connection = Some(id);
    let later = (id - 1) * 1_000 % 100_000;
    (incident.start, incident.end) = (at(741 + later), at(790 + later));
    report.incidents.push(incident);
}

/// One of each kind.
pub(super) fn mixed() -> Report {
    let mut report = report();
    add(&mut report, healthy_with_remark());
    add(&mut report, undetermined_verdict());
    add(&mut report, failed_verdict());
    report.groups.push(Group {
        client: "203.0.113.77".to_owned(),
        server: "10.20.0.9:3389".to_owned(),
        reached: "authentication",
        cause: Some("brute-force-storm"),
        count: 12_345,
        first_frame: 100,
        last_frame: 29_000,
        first_record: None,
        last_record: None,
        first_time: at(10),
        last_time: at(80_000),
    });
    report
}

fn healthy_with_remark() -> Verdict {
    Verdict { remarks: failed_verdict().remarks, ..healthy_verdict() }
}

/// One verdict, told in full.
pub(super) fn single(verdict: Verdict) -> Report {
    let mut report = report();
    add(&mut report, verdict);
    report
}

/// The failure is the last but one of many.
pub(super) fn crowd(healthy: usize, failed: usize) -> Report {
    let mut report = report();
    for _ in 0..healthy {
        add(&mut report, healthy_verdict());
    }
    for _ in 0..failed {
        add(&mut report, failed_verdict());
    }
    add(&mut report, healthy_with_remark());
    report
}

/// Every foreign string is an attack on the terminal, the page or the eye.
pub(super) fn hostile() -> Report {
    const EVIL: &str = "\x1b]0;owned\x07\x1b[2J\r\n# Incident 99\u{202e}\u{9b}31m|<script>alert(1)</script>`x y`**b**\u{200b}\u{2061}\0";
    let mut report = mixed();
    let evil = || EVIL.to_owned();
    for source in &mut report.sources {
        source.path.push_str(EVIL);
        source.host = Some(evil());
        source.channel = source.channel.as_ref().map(|_| evil());
    }
    for note in &mut report.notes {
        note.detail = Some(evil());
    }
    for incident in &mut report.incidents {
        incident.user = Some(evil());
        incident.client = EVIL.repeat(3);
        incident.server = "\u{4f0a}\u{85e4}".repeat(80);
        incident.verdict.summary.push_str(EVIL);
        incident.verdict.evidence.iter_mut().for_each(|fact| fact.says.push_str(EVIL));
        incident.verdict.missing.push(evil());
        incident.verdict.remedy.push(evil());
        incident.verdict.expected_client_code = Some(evil());
    }
    for connection in &mut report.connections {
        connection.events.iter_mut().for_each(|event| event.says.push_str(EVIL));
        connection.steps.iter_mut().for_each(|step| step.says.push_str(EVIL));
        connection.facts.cookie = Some(evil());
        connection.facts.sni = Some("x".repeat(5_000));
        connection.facts.certificate = Some(Certificate {
            subject: evil(),
            issuer: evil(),
            names: vec![evil(); 30],
            ..Certificate::default()
        });
        connection.display_filter.push_str(EVIL);
    }
    report.groups[0].client = evil();
    report
}

/// One attempt of three connections seen at two places, of which one is known from a log only; an attempt that
/// never came to a connection; and a clock that could not be compared.
pub(super) fn several() -> Report {
    let mut report = single(failed_verdict());
    let channel = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational";
    report.sources = vec![
        capture(),
        log(1, "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"),
        Source { id: 2, path: "/cases/4711/server.pcap".to_owned(), role: "server", ..capture() },
        log(3, channel),
    ];
    report.clocks.push(Clock {
        sources: vec![3],
        against: 0,
        offset_ms: None,
        spread_ms: None,
        pairs: 0,
        quality: "unknown",
        drift_ms_per_hour: None,
    });
    let second =
        Connection { sources: vec![2], start: at(900), end: at(990), ..connection(2, 1, failed_verdict()) };
    let mut unseen = connection(3, 1, undetermined_verdict());
    unseen.transport = "unseen";
    (unseen.first_frame, unseen.last_frame, unseen.sources) = (None, None, vec![3]);
    unseen.facts = Facts::default();
    unseen.stages = vec![StageRow {
        stage: "authentication",
        outcome: "unseen",
        at: None,
        detail: Some("no log of logons was given".to_owned()),
    }];
    unseen.events = vec![JoinedEvent {
        source: 3,
        record: 77,
        channel: channel.to_owned(),
        event_id: 261,
        says: "listener RDP-Tcp received a connection".to_owned(),
        time: at(950),
        time_corrected: None,
        matched_by: "time",
    }];
    report.connections.extend([second, unseen]);
    report.incidents[0].connections = vec![1, 2, 3];
    let nameless =
        Verdict { cause: Some("dns-failure"), title: None, evidence: Vec::new(), ..failed_verdict() };
    report.incidents.push(Incident { server: "srv01.corp.example".to_owned(), ..incident(2, nameless) });
    report
}
