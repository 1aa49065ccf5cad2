//! Captures and logs made by others, where they are present (`RDPSCAN_DATA`, else `../shared/data`): every file is read, and
//! every RDP connection in them is judged as someone would who read it packet by packet.
//!
//! The truth (`truth/*.tsv`) tells what the packets of a connection show, not why. So each of its words allows a set of
//! judgements, and what no packet proves must stay undetermined.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rdpscan::report::model::{Connection, Endpoint, Incident};
use rdpscan::{Options, Report};

use super::samples::{Difference, analysed, one_line, table};

/// The folder, if it is there.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("RDPSCAN_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let present = folder.join("truth").is_dir();
    if !present {
        println!("skipped: no {}", folder.join("truth").display());
    }
    present.then_some(folder)
}

/// Each file of `pcap/` or `evtx/` by name, analysed alone.
type Reports = BTreeMap<String, Result<Report, String>>;

fn files(of: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(of).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path())).collect()
}

fn analyse_all(of: &Path) -> Reports {
    let one = |path: PathBuf| analysed(&Options { inputs: vec![path], ..Options::default() });
    files(of).into_iter().map(|(name, path)| (name, one(path))).collect()
}

/// Every capture, analysed once for all tests.
fn captures(folder: &Path) -> &'static Reports {
    static CAPTURES: OnceLock<Reports> = OnceLock::new();
    CAPTURES.get_or_init(|| analyse_all(&folder.join("pcap")))
}

/// The row of each file in the table of the data's README.
fn rows(folder: &Path) -> BTreeMap<String, String> {
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| {
        let name = line.strip_prefix("| `")?.split('`').next()?;
        Some((name.to_owned(), line.to_owned()))
    });
    rows.collect()
}

/// Where the README counts otherwise than TShark numbers: custom blocks have a number too, and blocks of a length that is no
/// multiple of four (a very old writer) are read by TShark, not by what counted for the README. The big-endian one TShark
/// refuses for its version; it is the twin of the other.
const NUMBERED_BY_TSHARK: &[(&str, u64)] = &[
    ("hadrielk_pcapng-test-generator--output_be__advanced__test102.pcapng", 8),
    ("hadrielk_pcapng-test-generator--output_le__advanced__test102.pcapng", 8),
    ("hadrielk_pcapng-test-generator--output_le__basic__test018.pcapng", 8),
    ("ajbanjara_Wireshark--http.littleendian.ntar", 43),
    ("ajbanjara_Wireshark--http.bigendian.ntar", 43),
    ("ajbanjara_Wireshark--icmp2.ntar", 8),
];

/// The number of frames that TShark finds: `; 71 frames, `.
fn frames(name: &str, row: &str) -> Option<u64> {
    if let Some((_, frames)) = NUMBERED_BY_TSHARK.iter().find(|(other, _)| *other == name) {
        return Some(*frames);
    }
    let (before, _) = row.split_once(" frames, ")?;
    before.rsplit("; ").next()?.parse().ok()
}

#[test]
fn every_capture_is_read_to_its_end() {
    let Some(folder) = folder() else { return };
    let rows = rows(&folder);
    let mut complaints = Vec::new();
    let mut counted = 0;
    for (name, report) in captures(&folder) {
        let row = rows.get(name).unwrap_or_else(|| panic!("{name} is not in the README"));
        let damaged = row.contains("damaged") || row.contains("cut short");
        match (report, frames(name, row)) {
            (Err(error), Some(frames)) => complaints.push(format!("{name}: {frames} frames, but {error}")),
            (Err(error), None) if error == "panic" => complaints.push(format!("{name}: panic")),
            (Err(_), None) => {}
            (Ok(report), frames) => {
                let found = report.sources.first().and_then(|source| source.frames).unwrap_or(0);
                let expected = frames.unwrap_or(0);
                counted += found;
                // Where TShark stops for damage, this reader may stop before the damaged block or go on behind it.
                if found != expected && !damaged {
                    complaints.push(format!("{name}: {found} frames, TShark finds {expected}"));
                }
            }
        }
    }
    println!("{} captures, {counted} frames", captures(&folder).len());
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn every_log_can_be_analysed_alone() {
    let Some(folder) = folder() else { return };
    let rows = rows(&folder);
    let mut complaints = Vec::new();
    let mut incidents = 0;
    for (name, report) in analyse_all(&folder.join("evtx")) {
        match report {
            Ok(report) => {
                incidents += report.incidents.len();
                complaints.extend(without_evidence(&name, &report));
                // A log alone shows no frames.
                let seen = report.connections.iter().filter(|connection| connection.transport != "unseen");
                complaints.extend(seen.map(|connection| format!("{name}: {}", line(connection))));
            }
            Err(error) if error != "panic" && rows[&name].contains("zero-length file") => {}
            Err(error) => complaints.push(format!("{name}: {error}")),
        }
    }
    println!("{incidents} incidents in logs alone");
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Verdicts that name a cause and nothing that shows it.
fn without_evidence(name: &str, report: &Report) -> Vec<String> {
    let bare = report.incidents.iter().filter(|incident| {
        incident.verdict.kind == "cause"
            && !incident.verdict.evidence.iter().any(|fact| fact.frame.or(fact.record).is_some())
    });
    bare.map(|incident| format!("{name}: {} without evidence", one_line(incident))).collect()
}

/// A line of `truth/*.tsv`.
struct Truth {
    client: String,
    server: String,
    first_frame: u64,
    verdict: String,
}

fn truth(folder: &Path) -> BTreeMap<String, Vec<Truth>> {
    let parse = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [client, server, first_frame, _, _, _, _, _, _, verdict, _] = cells[..] else {
                panic!("eleven cells: {line}")
            };
            let [client, server, verdict] = [client, server, verdict].map(str::to_owned);
            Truth { client, server, first_frame: first_frame.parse().unwrap(), verdict }
        });
        lines.collect::<Vec<_>>()
    };
    let files = files(&folder.join("truth")).into_iter();
    let truth: BTreeMap<_, _> =
        files.map(|(name, path)| (name.strip_suffix(".tsv").unwrap().to_owned(), parse(&path))).collect();
    assert!(truth.len() >= 35 && truth.values().map(Vec::len).sum::<usize>() >= 500);
    truth
}

/// One judgement that a careful reader would accept.
struct Allowed {
    kind: &'static str,
    cause: Option<&'static str>,
    reached: &'static [&'static str],
}

const fn healthy(reached: &'static [&'static str]) -> Allowed {
    Allowed { kind: "healthy", cause: None, reached }
}

const fn open(cause: Option<&'static str>, reached: &'static [&'static str]) -> Allowed {
    Allowed { kind: "undetermined", cause, reached }
}

const fn cause(cause: &'static str, reached: &'static [&'static str]) -> Allowed {
    Allowed { kind: "cause", cause: Some(cause), reached }
}

const CLOSED_IN_TLS: Option<&str> = Some("closed-inside-tls-reason-not-visible");
const REFUSED: Option<&str> = Some("nla-refused-reason-not-visible");
const TRANSPORT: &[&str] = &["transport"];
const NEGOTIATION: &[&str] = &["negotiation"];
/// Whether the last record of a hidden handshake is TLS's or already CredSSP's may be seen either way.
const SECURITY: &[&str] = &["tls", "authentication"];
const SESSION: &[&str] = &["session"];
/// Where bytes are missing, how far it came is open.
const ANY: &[&str] =
    &["transport", "negotiation", "tls", "authentication", "settings", "licensing", "session"];
const EARLY: &[&str] = &["transport", "negotiation"];

/// What may be said about a connection of which the truth says this.
fn allowed(verdict: &str) -> Vec<Allowed> {
    match verdict {
        "session" | "legacy_session" | "midstream" => vec![healthy(SESSION)],
        // Only the middle is in the capture, TLS from its first byte on.
        "tls_direct" => vec![healthy(SESSION), open(None, SESSION)],
        "neg_failure_2" => vec![cause("neg-failure-2-ssl-not-allowed", NEGOTIATION)],
        "neg_failure_5" => vec![cause("neg-failure-5-nla-required", NEGOTIATION)],
        // Healthy: the client went before it sent credentials, and came back.
        "nla_phase_end" => vec![open(REFUSED, SECURITY), open(None, SECURITY), healthy(SECURITY)],
        "tls_incomplete" => vec![
            open(CLOSED_IN_TLS, SECURITY),
            open(REFUSED, &["authentication"]),
            open(None, SECURITY),
            healthy(SECURITY),
        ],
        "cc_then_close" => vec![open(None, NEGOTIATION), healthy(NEGOTIATION)],
        "cc_then_other" => vec![open(None, NEGOTIATION), cause("security-layer-mismatch", NEGOTIATION)],
        "tcp_only" => vec![healthy(TRANSPORT), open(None, TRANSPORT), cause("syn-ack-lost", TRANSPORT)],
        "cr_no_reply" => {
            vec![open(Some("no-cc"), NEGOTIATION), cause("data-dropped-after-handshake", EARLY)]
        }
        "syn_rst" => vec![cause("port-closed-or-device-reset", TRANSPORT)],
        "syn_no_answer" => vec![
            open(None, TRANSPORT),
            cause("firewall-drop", TRANSPORT),
            cause("host-unreachable", TRANSPORT),
        ],
        "reply_missing_from_capture" | "gap_after_cc" | "cr_odd_reply" => {
            vec![open(None, ANY), open(CLOSED_IN_TLS, SECURITY), open(REFUSED, &["authentication"])]
        }
        // Only the request is missing; what follows may show that the client went by itself.
        "start_missing_from_capture" => vec![
            open(None, ANY),
            open(CLOSED_IN_TLS, SECURITY),
            open(REFUSED, &["authentication"]),
            healthy(SECURITY),
        ],
        "legacy_partial" => vec![open(None, ANY), healthy(&["settings", "licensing", "session"])],
        "not_rdp_start" => vec![open(None, ANY), healthy(ANY)],
        other => panic!("the truth has a new word: {other}"),
    }
}

/// Why a judgement is not one of those allowed.
fn complaint(truth: &Truth, found: &Connection) -> Option<String> {
    let verdict = &found.verdict;
    let fits = allowed(&truth.verdict).iter().any(|allowed| {
        allowed.kind == verdict.kind
            && allowed.cause == verdict.cause
            && allowed.reached.contains(&found.reached)
    });
    if !fits {
        return Some("not allowed".into());
    }
    let remarks: Vec<&str> = verdict.remarks.iter().map(|remark| remark.cause).collect();
    let unfinished =
        ["nla_phase_end", "tls_incomplete", "cc_then_close", "tcp_only", "start_missing_from_capture"];
    let gaps = ["reply_missing_from_capture", "start_missing_from_capture", "gap_after_cc", "cr_odd_reply"];
    let stated = ["neg_failure_2", "neg_failure_5"];
    let blames = verdict.blame.is_some_and(|blame| !["none", "unknown"].contains(&blame));
    let what = truth.verdict.as_str();
    if unfinished.contains(&what) && verdict.kind == "healthy" && !remarks.contains(&"client-left-or-probe") {
        Some("healthy without a word on who left".into())
    } else if gaps.contains(&what) && blames {
        Some("blames somebody for what the capture lacks".into())
    } else if stated.contains(&what) && verdict.strength != Some("stated") {
        Some("the server said so itself".into())
    } else if !stated.contains(&what) && verdict.strength == Some("stated") {
        Some("nobody said so".into())
    } else if verdict.cause == Some("syn-ack-lost") && found.history.contains('A') {
        Some("the client acknowledged the SYN-ACK".into())
    } else if verdict.kind == "cause" && !verdict.evidence.iter().any(|fact| fact.frame.is_some()) {
        Some("a cause without a frame".into())
    } else {
        None
    }
}

fn place(end: &Endpoint) -> String {
    if end.ip.contains(':') {
        format!("[{}]:{}", end.ip, end.port)
    } else {
        format!("{}:{}", end.ip, end.port)
    }
}

fn line(connection: &Connection) -> String {
    let verdict = &connection.verdict;
    format!(
        "frame {} {} → {} {} {} {} {}",
        connection.first_frame.unwrap_or(0),
        place(&connection.client),
        place(&connection.server),
        verdict.kind,
        verdict.cause.unwrap_or("-"),
        verdict.strength.unwrap_or("-"),
        connection.reached,
    )
}

/// One source, one name, a logon every two minutes for nine hours.
const GUESSING: [&str; 2] = [
    "initconf_RDP-bruteforce--RDP-sHost_sAccount_mPasswords.pcap",
    "initconf_RDP-bruteforce--RDP-bruteforce.pcap",
];

#[test]
fn every_connection_is_judged_as_a_careful_reader_would() {
    let Some(folder) = folder() else { return };
    let mut differences = Vec::new();
    let mut right = 0;
    for (name, truth) in truth(&folder) {
        let report = captures(&folder)[&name].as_ref().unwrap_or_else(|error| panic!("{name}: {error}"));
        for expected in &truth {
            let found = report.connections.iter().find(|connection| {
                connection.first_frame == Some(expected.first_frame)
                    && place(&connection.client) == expected.client
                    && place(&connection.server) == expected.server
            });
            let complaint = match found {
                // Port 443 is known as a gateway's only from what else is known of it; SOCKS wraps the request.
                None if !expected.server.ends_with(":3389") => None,
                None => Some("not found".to_owned()),
                Some(found) => {
                    let gateway = expected.server.ends_with(":443") && found.verdict.kind != "healthy";
                    // What each of them came to is part of one story: a source that tries hundreds of times.
                    let guessed =
                        GUESSING.contains(&name.as_str()) && found.verdict.cause == Some("brute-force-storm");
                    if gateway || guessed { None } else { complaint(expected, found) }
                }
            };
            let Some(complaint) = complaint else {
                right += 1;
                continue;
            };
            differences.push(Difference {
                sample: name.clone(),
                field: format!("frame {}", expected.first_frame),
                expected: format!("{} {} → {}", expected.verdict, expected.client, expected.server),
                got: format!("{complaint}: {}", found.map_or_else(String::new, line)),
            });
        }
    }
    println!("{right} connections are judged as expected");
    assert!(
        differences.is_empty(),
        "{} connections are judged otherwise, {right} as expected:\n{}",
        differences.len(),
        table(&differences)
    );
}

#[test]
fn no_other_connection_is_taken_for_rdp() {
    let Some(folder) = folder() else { return };
    let truth = truth(&folder);
    let mut complaints = Vec::new();
    for (name, report) in captures(&folder) {
        let Ok(report) = report else { continue };
        let known = truth.get(name).map_or(&[][..], Vec::as_slice);
        // RDP over UDP has no line in the truth: its captures are known by name.
        let udp = ["zeek_zeek--rdpeudp", "ntop_nDPI--rdp2", "ntop_nDPI--rdp3"]
            .iter()
            .any(|known| name.starts_with(known));
        // Beside a connection that is known, UDP is its side transport.
        let is_side = |own: &Connection| own.transport == "udp" && (udp || own.beside.is_some());
        for connection in report.connections.iter().filter(|connection| !is_side(connection)) {
            let is_known = known.iter().any(|truth| {
                truth.client == place(&connection.client) && truth.server == place(&connection.server)
            });
            if !is_known {
                complaints.push(format!("{name}: {}", line(connection)));
            }
        }
        // A failed name lookup of anybody is no incident of RDP.
        let nameless =
            |incident: &&Incident| incident.connections.is_empty() && incident.verdict.kind == "cause";
        complaints
            .extend(report.incidents.iter().filter(nameless).map(|i| format!("{name}: {}", one_line(i))));
        complaints.extend(without_evidence(name, report));
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn a_retry_is_part_of_the_same_incident() {
    let Some(folder) = folder() else { return };
    let of = |name: &str| captures(&folder)[name].as_ref().unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut complaints = Vec::new();
    // Refused TLS, then standard RDP security: normal, nobody saw a failure.
    for name in [
        "awakecoding_wireshark-rdp--rdp-no-tls-accepted1.pcapng",
        "zeek_zeek--rdp-proprietary-encryption.pcap",
    ] {
        let [incident] = &of(name).incidents[..] else {
            complaints.push(format!("{name}: {} incidents", of(name).incidents.len()));
            continue;
        };
        if incident.verdict.kind != "healthy" || incident.connections.len() != 2 {
            complaints.push(format!("{name}: {}", one_line(incident)));
        }
    }
    // Refused in CredSSP; mstsc then tries without NLA and is refused for that. The second refusal is a consequence.
    let name = "awakecoding_wireshark-rdp--rdp-nla-ntlm-rejected1.pcapng";
    match &of(name).incidents[..] {
        [incident] => {
            let first = incident.connections.first();
            let remark =
                incident.verdict.remarks.iter().any(|remark| remark.cause == "neg-failure-5-nla-required");
            if incident.verdict.kind != "undetermined"
                || incident.deciding_connection.as_ref() != first
                || !remark
            {
                complaints.push(format!("{name}: {}", one_line(incident)));
            }
        }
        other => complaints.push(format!("{name}: {} incidents", other.len())),
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
