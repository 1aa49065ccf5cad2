//! RDP over UDP in captures made by others, where they are present: which connection each UDP conversation stands beside,
//! what was agreed on, and that UDP alone is never called a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops with its reason"
)]

use rdpscan::report::model::Connection;
use rdpscan::{Options, Report};

use super::public_data::folder;
use super::samples::analysed;

fn report(name: &str) -> Option<Report> {
    let path = folder()?.join("pcap").join(name);
    Some(analysed(&Options { inputs: vec![path], ..Options::default() }).unwrap())
}

fn udp(report: &Report) -> Vec<&Connection> {
    report.connections.iter().filter(|own| own.transport == "udp").collect()
}

/// Version, security, correlation id.
fn agreed(own: &Connection) -> [Option<&str>; 3] {
    let facts = &own.facts;
    [facts.udp_version.as_deref(), facts.tls_version.as_deref(), facts.correlation_id.as_deref()]
}

#[test]
fn each_session_has_its_own_udp() {
    let Some(report) = report("sbousseaden_PCAP-ATTACK--LM_rdp_sharprdp.pcapng") else { return };
    let found: Vec<_> = udp(&report)
        .iter()
        .map(|own| (own.incident, own.beside, own.client.port, own.reached, own.verdict.kind))
        .collect();
    assert_eq!(found, [(1, Some(1), 52825, "session", "healthy"), (2, Some(2), 58365, "session", "healthy")]);
    assert_eq!(
        agreed(udp(&report)[0]),
        [Some("2"), Some("TLS 1.2"), Some("{ab14d068-0ac8-4e89-91d7-0a8359940000}")]
    );
    // The session decides, not what stands beside it.
    let incidents: Vec<_> =
        report.incidents.iter().map(|own| (own.connections.clone(), own.deciding_connection)).collect();
    assert_eq!(incidents, [(vec![1, 3], Some(1)), (vec![2, 4], Some(2))]);
}

/// Addresses and time fit both sessions: the correlation id alone tells.
#[test]
fn the_correlation_id_decides_between_two_sessions_of_one_client() {
    let input = "samples/healthy-udp--two-sessions/capture.pcapng".into();
    let report = analysed(&Options { inputs: vec![input], ..Options::default() }).unwrap();
    let found: Vec<_> = udp(&report)
        .iter()
        .map(|own| (own.client.port, own.incident, own.beside, own.beside_by.unwrap()))
        .collect();
    assert_eq!(found, [(56874, 2, Some(2), "correlation"), (56873, 1, Some(1), "correlation")]);
    let ids = |own: &Connection| own.facts.correlation_id.clone().unwrap();
    assert_eq!(ids(udp(&report)[1]), ids(&report.connections[0]));
}

#[test]
fn udp_without_its_tcp_is_shown_and_blames_nobody() {
    let Some(report) = report("zeek_zeek--rdpeudp-handshake-success.pcap") else { return };
    let [own] = udp(&report)[..] else { panic!() };
    assert_eq!((own.beside, own.verdict.kind, own.reached), (None, "healthy", "session"));
    assert_eq!(agreed(own), [Some("2"), Some("TLS 1.2"), Some("{7855d064-fbaf-43f0-b6e8-f8aadfad0000}")]);

    let Some(report) = self::report("zeek_zeek--rdpeudp-handshake-fail.pcap") else { return };
    let verdict = &report.incidents[0].verdict;
    assert_eq!((verdict.kind, verdict.cause, verdict.missing.len()), ("undetermined", None, 1));
    assert_eq!(udp(&report)[0].facts.datagrams_to_server, Some(3));
}

#[test]
fn all_versions_and_both_kinds_of_security_are_read() {
    let Some(report) = report("ntop_nDPI--rdp2.pcap") else { return };
    let found: Vec<_> = udp(&report)
        .iter()
        .map(|own| (own.first_frame.unwrap(), own.facts.udp_version.as_deref(), own.facts.udp_lossy))
        .collect();
    assert_eq!(found, [(1, Some("3"), Some(false)), (33, Some("2"), Some(true))]);
    let tls = |own: &Connection| own.stages.iter().find(|row| row.stage == "tls").unwrap().detail.clone();
    assert_eq!(tls(udp(&report)[0]).unwrap(), "TLS client hello 2 times, no server hello");
    assert_eq!(tls(udp(&report)[1]).unwrap(), "DTLS client hello 3 times, no server hello");
    // The one without a handshake is counted, not shown.
    assert!(report.notes.iter().any(|note| note.count == 1 && note.note.contains("without a handshake")));
}
