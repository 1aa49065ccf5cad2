//! The causes of this stage (and of the negotiation) on scripted flows: bytes in, finding out.

use std::net::IpAddr;

use crate::base::{Locator, Mark, Observed, SourceId, Timestamp, time};
use crate::causes::{ALL, Case, Finding, Severity, Strength, judge};
use crate::connection::{Connection, Stage, trace::trace};
use crate::correlate::surroundings::{Other, Others, Surroundings};
use crate::correlate::{Attempt, Joined, MatchKey};
use crate::eventlog::{Event, Provider};
use crate::packet::segment::{Payload, Segment, TcpFlags, TcpOptions};
use crate::packet::{Endpoint, Interest};
use crate::protocol::x509::{Certificate, Name};
use crate::stream::table::{Batch, FlowTable};

const CLIENT: u8 = 1;
const SERVER: u8 = 9;

/// A flow, segment by segment, one millisecond apart.
struct Script {
    segments: Vec<Segment>,
    bytes: Vec<u8>,
    next: [u32; 2],
}

fn endpoint(last: u8) -> Endpoint {
    let port = if last == SERVER { 3389 } else { 50_000 };
    Endpoint { ip: IpAddr::from([10, 0, 0, last]), port }
}

fn at(frame: u64) -> Timestamp {
    let base: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    base.shifted(i64::try_from(frame).unwrap() * time::MILLISECOND)
}

impl Script {
    /// TCP is open.
    fn tcp() -> Self {
        let script = Self { segments: Vec::new(), bytes: Vec::new(), next: [1000, 5000] };
        script.push(CLIENT, TcpFlags::SYN, &[]).push(SERVER, TcpFlags::SYN | TcpFlags::ACK, &[]).push(
            CLIENT,
            TcpFlags::ACK,
            &[],
        )
    }

    /// TCP is open, and the client offered TLS and NLA.
    fn asked() -> Self {
        Self::tcp().client(&[3, 0, 0, 19, 14, 0xE0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0])
    }

    /// NLA was chosen, and the client sent its hello.
    fn hello() -> Self {
        let confirm = [3, 0, 0, 19, 14, 0xD0, 0, 0, 0x12, 0x34, 0, 2, 0x1F, 8, 0, 2, 0, 0, 0];
        Self::asked().server(&confirm).client(&handshake(1, &client_hello()))
    }

    /// The server chose a version.
    fn chosen(version: u16) -> Self {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([9; 32]);
        body.extend([0, 0xC0, 0x30, 0]);
        Self::hello().server(&handshake(2, &body))
    }

    fn client(self, bytes: &[u8]) -> Self {
        self.push(CLIENT, TcpFlags::ACK | TcpFlags::PSH, bytes).push(SERVER, TcpFlags::ACK, &[])
    }

    fn server(self, bytes: &[u8]) -> Self {
        self.push(SERVER, TcpFlags::ACK | TcpFlags::PSH, bytes).push(CLIENT, TcpFlags::ACK, &[])
    }

    fn alert(self, from: u8, number: u8) -> Self {
        let record = [21, 3, 3, 0, 2, 2, number];
        if from == CLIENT { self.client(&record) } else { self.server(&record) }.fin(from)
    }

    fn fin(self, from: u8) -> Self {
        self.push(from, TcpFlags::FIN | TcpFlags::ACK, &[])
    }

    fn push(mut self, from: u8, flags: u8, bytes: &[u8]) -> Self {
        let (own, other) = if from == CLIENT { (0, 1) } else { (1, 0) };
        let frame = u64::try_from(self.segments.len()).unwrap() + 1;
        let length = u32::try_from(bytes.len()).unwrap();
        self.segments.push(Segment {
            time: at(frame),
            frame,
            interface: 0,
            from: endpoint(from),
            to: endpoint(if from == CLIENT { SERVER } else { CLIENT }),
            seq: self.next[own],
            ack: self.next[other],
            flags: TcpFlags(flags),
            window: 64_000,
            options: TcpOptions::default(),
            ttl: 128,
            ip_id: Some(u16::try_from(frame).unwrap()),
            dont_fragment: true,
            length,
            captured: length,
            payload: Payload::Source(self.bytes.len()),
            head_sum: 0,
        });
        self.bytes.extend(bytes);
        self.next[own] += length + u32::from(flags & (TcpFlags::SYN | TcpFlags::FIN) != 0);
        self
    }

    fn connection(self) -> Connection {
        let mut table = FlowTable::default();
        table.apply(Batch {
            segments: &[&self.segments],
            icmp: &[],
            source: SourceId(0),
            bytes: &self.bytes,
            interest: &Interest::new(&[]),
        });
        let flows = table.finish();
        trace(flows.into_iter().next().unwrap(), at(20_000))
    }
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    let mut bytes = vec![22, 3, 3, 0, length + 4, kind, 0, 0, length];
    bytes.extend(body);
    bytes
}

/// TLS 1.3 and 1.2 with current suites.
fn client_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0x13, 0x01, 0xC0, 0x30, 1, 0]);
    body.extend([0, 9, 0, 0x2B, 0, 5, 4, 3, 4, 3, 3]);
    body
}

fn event(provider: Provider, id: u32, by: MatchKey, fields: &[(&str, &str)]) -> Joined {
    let event = Event {
        at: Locator::Record { source: SourceId(1), number: u64::from(id) },
        time: at(9),
        provider,
        channel: "".into(),
        computer: "SRV".into(),
        id,
        level: 4,
        activity: None,
        fields: fields.iter().copied().collect(),
    };
    Joined { event, corrected: Some(at(9)), by }
}

fn accepted() -> Joined {
    let fields = [("ConnType", "TCP"), ("ClientIP", "10.0.0.1:50000")];
    event(Provider::RdpCoreTs, 131, MatchKey::Address, &fields)
}

fn refused(code: &str) -> Joined {
    event(Provider::RdpCoreTs, 139, MatchKey::Activity, &[("ResultCode", code)])
}

fn key() -> Joined {
    let fields = [("Type", "server"), ("ErrorCode", "0x8009030D"), ("ErrorStatus", "10001")];
    event(Provider::Schannel, 36870, MatchKey::Time, &fields)
}

fn no_cipher() -> [Joined; 2] {
    let sent = [("AlertDesc", "40"), ("ErrorState", "1205")];
    [
        event(Provider::Schannel, 36874, MatchKey::Time, &[("Protocol", "TLS 1.2")]),
        event(Provider::Schannel, 36888, MatchKey::Time, &sent),
    ]
}

/// The verdict's finding, and every finding.
fn judged(
    connection: Connection,
    events: Vec<Joined>,
    around: &Surroundings,
) -> (Option<Finding>, Vec<Finding>) {
    let attempt = Attempt { connection, events };
    let case = Case::of(&attempt, around);
    let all = ALL.iter().filter_map(|cause| (cause.detect)(&case)).collect();
    (judge(&case).finding, all)
}

#[track_caller]
fn expect(connection: Connection, events: Vec<Joined>, wanted: Option<(&str, Strength)>) -> Option<Finding> {
    let (finding, all) = judged(connection, events, &Surroundings::default());
    let got = finding.as_ref().map(|finding| (finding.cause.id, finding.strength));
    assert_eq!(got, wanted);
    for finding in all {
        assert!(finding.cause.blames.contains(&finding.blame), "{}: {:?}", finding.cause.id, finding.blame);
        assert!(!finding.evidence.is_empty(), "{}", finding.cause.id);
    }
    finding
}

#[test]
fn alerts_that_name_the_cause() {
    use Strength::{Inferred, Stated};
    for (script, id, strength) in [
        (Script::hello().alert(SERVER, 70), "tls-version-mismatch", Stated),
        (Script::chosen(0x0302).alert(CLIENT, 70), "tls-version-mismatch", Stated),
        (Script::chosen(0x0301).alert(CLIENT, 80), "tls-version-mismatch", Inferred),
        (Script::chosen(0x0301).fin(CLIENT), "tls-version-mismatch", Inferred),
        (Script::hello().alert(SERVER, 40), "tls-no-shared-cipher", Stated),
        (Script::hello().alert(SERVER, 71), "tls-no-shared-cipher", Stated),
        (Script::chosen(0x0303).alert(CLIENT, 45), "certificate-dates", Stated),
        (Script::chosen(0x0303).alert(CLIENT, 48), "certificate-untrusted", Stated),
        (Script::chosen(0x0303).alert(CLIENT, 40), "tls-alert-other", Stated),
        (Script::chosen(0x0303).alert(CLIENT, 80), "tls-alert-other", Stated),
        (Script::chosen(0x0303).alert(SERVER, 20), "tls-alert-other", Stated),
        (Script::hello().alert(SERVER, 80), "tls-alert-other", Stated),
    ] {
        expect(script.connection(), vec![], Some((id, strength)));
    }
}

#[test]
fn closes_without_a_word_are_residual() {
    let id = "closed-inside-tls-reason-not-visible";
    for script in [Script::hello().fin(SERVER), Script::chosen(0x0303).fin(CLIENT)] {
        let finding = expect(script.connection(), vec![], Some((id, Strength::Inferred))).unwrap();
        assert!(!finding.missing.is_empty());
    }
    expect(Script::chosen(0x0303).connection(), vec![], None);
    let reset = Script::hello().push(SERVER, TcpFlags::RST | TcpFlags::ACK, &[]);
    expect(reset.connection(), vec![], Some((id, Strength::Inferred)));
}

#[test]
fn logs_settle_a_close_at_the_hello() {
    let closed = || Script::hello().fin(SERVER).connection();
    let with = |code, more: Vec<Joined>| [vec![accepted(), refused(code)], more].concat();
    let expected = |id| Some((id, Strength::Corroborated));
    expect(closed(), with("0x80090304", no_cipher().to_vec()), expected("tls-no-shared-cipher"));
    expect(closed(), with("0x80090304", vec![key()]), expected("private-key-unreadable"));
    expect(closed(), with("0x80090331", vec![]), expected("tls-version-mismatch"));
    let alert = Script::hello().alert(SERVER, 80).connection();
    expect(alert, vec![accepted(), key()], expected("private-key-unreadable"));
    // The same events, and the handshake went on.
    let on = || Script::chosen(0x0303).connection();
    expect(on(), with("0x80090304", no_cipher().to_vec()), None);
    expect(on(), with("0x80090304", vec![key()]), None);
    // 36871 belongs to the version where the refusal says so, to the key otherwise.
    let credential =
        event(Provider::Schannel, 36871, MatchKey::Time, &[("Type", "server"), ("ErrorState", "10013")]);
    expect(closed(), with("0x80090331", vec![credential.clone()]), expected("tls-version-mismatch"));
    expect(closed(), with("0x80090304", vec![credential]), expected("private-key-unreadable"));
}

#[test]
fn logs_alone_state_it_unless_security_passed() {
    let unseen = || {
        let first = Mark { time: at(9), at: Locator::Record { source: SourceId(1), number: 131 } };
        Connection::unseen(endpoint(CLIENT), Endpoint { ip: IpAddr::from([0; 4]), port: 0 }, first)
    };
    let cipher = || [vec![accepted(), refused("0x80090304")], no_cipher().to_vec()].concat();
    let keys = || vec![accepted(), refused("0x80090304"), key()];
    expect(unseen(), cipher(), Some(("tls-no-shared-cipher", Strength::Stated)));
    expect(unseen(), keys(), Some(("private-key-unreadable", Strength::Stated)));
    let passed = || event(Provider::RdpCoreTs, 101, MatchKey::Activity, &[]);
    expect(unseen(), [cipher(), vec![passed()]].concat(), None);
    expect(unseen(), [keys(), vec![passed()]].concat(), None);
    // CredSSP has the same code.
    expect(unseen(), vec![accepted(), refused("0x80090302")], None);
}

#[test]
fn another_good_handshake_clears_the_key_and_points_at_the_client() {
    let mut good = Script::chosen(0x0303).connection();
    good.client.ip = IpAddr::from([10, 0, 0, 77]);
    good.tls.client_finished = Some(good.last);
    good.tls.server_finished = Some(good.last);
    good.first.at = Locator::Frame { source: SourceId(0), number: 999 };
    let around = Surroundings::of_packets(vec![], Others::of(vec![Other::of(&good)]));
    let closed = Script::hello().fin(SERVER).connection();
    let (finding, _) = judged(closed, vec![accepted(), key()], &around);
    assert_eq!(finding.unwrap().cause.id, "closed-inside-tls-reason-not-visible");
    let (finding, _) = judged(Script::hello().alert(SERVER, 40).connection(), vec![], &around);
    assert_eq!(finding.unwrap().blame, crate::causes::Blame::Client);
}

fn expired(connection: &mut Connection) {
    let name = Name { full: "CN=srv".into(), common_name: Some("srv".into()) };
    let certificate = Certificate {
        subject: Some(name.clone()),
        issuer: Some(name),
        not_before: "2024-01-01T00:00:00Z".parse().ok(),
        not_after: "2024-06-30T00:00:00Z".parse().ok(),
        ..Certificate::default()
    };
    let hello = connection.tls.server_hello.as_ref().unwrap();
    connection.tls.certificate = Some(Observed::new(certificate, hello.at, hello.time));
}

#[test]
fn an_expired_certificate_fails_only_what_ends_at_it() {
    let mut left = Script::chosen(0x0303).fin(CLIENT).connection();
    expired(&mut left);
    expect(left.clone(), vec![], Some(("certificate-dates", Strength::Inferred)));
    let mut server = Script::chosen(0x0303).fin(SERVER).connection();
    expired(&mut server);
    let id = "closed-inside-tls-reason-not-visible";
    expect(server, vec![], Some((id, Strength::Inferred)));
    let mut on = left;
    on.tls.client_finished = Some(on.last);
    on.tls.server_finished = Some(on.last);
    on.encrypted.from_client = 3;
    let (finding, all) = judged(on, vec![], &Surroundings::default());
    assert!(finding.is_none_or(|finding| finding.severity < Severity::Warning));
    assert!(
        all.iter().any(|found| found.cause.id == "certificate-dates" && found.severity == Severity::Remark)
    );
}

#[test]
fn negotiation_failures_and_strangers() {
    for (code, id) in [
        (1, "neg-failure-1-ssl-required"),
        (2, "neg-failure-2-ssl-not-allowed"),
        (3, "neg-failure-3-no-certificate"),
        (4, "neg-failure-4-inconsistent-flags"),
        (6, "neg-failure-6-tls-client-certificate-required"),
    ] {
        let failure = [3, 0, 0, 19, 14, 0xD0, 0, 0, 0, 0, 0, 3, 0, 8, 0, code, 0, 0, 0];
        let script = Script::asked().server(&failure).fin(SERVER);
        expect(script.connection(), vec![], Some((id, Strength::Stated)));
    }
    for script in [
        Script::tcp().server(b"SSH-2.0-OpenSSH_9.6\r\n").fin(CLIENT),
        Script::asked().server(b"HTTP/1.1 400 Bad Request\r\n\r\n").fin(SERVER),
        Script::asked().server(&[21, 3, 3, 0, 2, 2, 10]).fin(SERVER),
    ] {
        expect(script.connection(), vec![], Some(("not-rdp", Strength::Stated)));
    }
}

#[test]
fn a_close_that_crossed_the_flight_does_not_answer_it() {
    // The client is 100 ms away: its answers to SYN-ACK (third segment) and confirm (eighth) take that long.
    let from = |answers: [usize; 2]| {
        let mut script = Script::chosen(0x0303).fin(CLIENT);
        for first in answers {
            for segment in script.segments.iter_mut().skip(first) {
                segment.time = segment.time.shifted(100 * time::MILLISECOND);
            }
        }
        let mut connection = script.connection();
        expired(&mut connection);
        connection
    };
    let residual = "closed-inside-tls-reason-not-visible";
    expect(from([2, 7]), vec![], Some((residual, Strength::Inferred)));
    expect(from([99, 99]), vec![], Some(("certificate-dates", Strength::Inferred)));
}

#[test]
fn who_comes_back_with_a_session_left_on_its_own_account() {
    let mut left = Script::chosen(0x0303).fin(CLIENT).connection();
    let mut back = Other::of(&left);
    back.first = Mark { time: left.last.time.shifted(time::SECOND), at: left.last.at };
    back.window.start = back.first.time;
    back.session = true;
    let around = Surroundings::of_packets(vec![], Others::of(vec![back]));
    let (finding, _) = judged(left.clone(), vec![], &around);
    assert!(finding.is_none());
    expired(&mut left);
    let (finding, all) = judged(left, vec![], &around);
    assert!(finding.is_none());
    assert!(all.iter().all(|found| found.severity < Severity::Warning));
    // An alert is its own word, whatever came later.
    let mut said = Script::chosen(0x0303).alert(CLIENT, 45).connection();
    expired(&mut said);
    let (finding, _) = judged(said, vec![], &around);
    assert_eq!(finding.unwrap().strength, Strength::Stated);
}

#[test]
fn every_cause_says_why_and_what_to_do() {
    for cause in ALL.iter().filter(|cause| matches!(cause.stage, Stage::Negotiation | Stage::Tls)) {
        assert!(cause.title().len() > 20 && !cause.title().ends_with('.'), "{}", cause.id);
        for section in ["Why", "What to do", "Seen as"] {
            assert!(!cause.section(section).is_empty(), "{}: {section}", cause.id);
        }
        assert!(
            cause.section("What to do").first().is_some_and(|line| line.starts_with("- ")),
            "{}",
            cause.id
        );
        assert!(cause.remedy().iter().all(|step| step.matches('`').count() % 2 == 0), "{}", cause.id);
    }
}
