//! The TLS handshake of a connection: what is in clear, and when the rest began.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use crate::base::{Mark, Observed, bytes};
use crate::protocol::tls::{
    Alert, CipherSuite, ClientHello, HandshakeJoiner, HandshakeMessage, HandshakeType, PlaintextLen,
    ServerHello, TlsVersion, alert, certificate_list, client_hello, looks_like_ssl2, plaintext_len,
    server_hello, ssl2_client_hello,
};
use crate::protocol::x509::{self, Certificate};
use crate::stream::{Flow, Framing, Record, Side, Stream};

/// An alert in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClearAlert {
    /// Who sent it.
    pub from: Side,
    /// Level and description.
    pub alert: Alert,
}

/// One record of the encrypted part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The record.
    pub record: Record,
    /// How long its plaintext is.
    pub plaintext: PlaintextLen,
}

/// Everything known of a TLS handshake.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The client's first hello.
    pub client_hello: Option<Observed<ClientHello>>,
    /// The server's hello; not a retry request.
    pub server_hello: Option<Observed<ServerHello>>,
    /// The server asked for another hello.
    pub retry: Option<Mark>,
    /// The server's certificate (not visible in TLS 1.3, not sent on resumption).
    pub certificate: Option<Observed<Certificate>>,
    /// Certificates that the server sent.
    pub chain: usize,
    /// ServerHelloDone.
    pub server_done: Option<Mark>,
    /// Alerts in clear.
    pub alerts: Vec<Observed<ClearAlert>>,
    /// The client's Finished.
    pub client_finished: Option<Mark>,
    /// The server's Finished.
    pub server_finished: Option<Mark>,
    /// Alerts that were sent encrypted, or look like it.
    pub sealed_alerts: Vec<Observed<Side>>,
    /// Whether application records were seen without a handshake: a running connection.
    pub midstream: bool,
}

impl Tls {
    /// The negotiated version.
    pub fn version(&self) -> Option<TlsVersion> {
        self.server_hello.as_ref().map(|hello| hello.value.version())
    }

    /// The negotiated cipher suite.
    pub fn cipher(&self) -> Option<CipherSuite> {
        self.server_hello.as_ref().map(|hello| hello.value.cipher)
    }

    /// Whether what flows is TLS, however much of its handshake was captured.
    pub const fn is_used(&self) -> bool {
        self.client_hello.is_some() || self.server_hello.is_some() || self.midstream
    }

    /// When the handshake was complete.
    pub fn finished(&self) -> Option<Mark> {
        match (self.client_finished, self.server_finished) {
            (Some(client), Some(server)) => Some(client.max(server)),
            _ => None,
        }
    }

    /// The first fatal alert in clear.
    pub fn fatal_alert(&self) -> Option<Observed<ClearAlert>> {
        self.alerts.iter().find(|alert| alert.value.alert.is_fatal()).copied()
    }
}

/// One side's reading position.
#[derive(Default)]
struct Direction {
    joiner: HandshakeJoiner,
    /// Everything from here on is encrypted.
    sealed: bool,
}

/// Reads the handshake out of a flow's records; gives the records of the encrypted part, in order.
pub fn read(flow: &Flow) -> (Tls, Vec<Sealed>) {
    let mut tls = Tls::default();
    let mut directions = [Direction::default(), Direction::default()];
    let mut sealed = Vec::new();
    read_ssl2_hello(flow, &mut tls);
    for record in flow.records.iter() {
        let Framing::Tls { kind, .. } = record.framing else { continue };
        let body = body_of(flow.stream(record.from), record);
        let [client, server] = &mut directions;
        let direction = if record.from == Side::Client { client } else { server };
        match kind {
            // After a retry request, as in all of TLS 1.3, the change of cipher means nothing.
            20 => direction.sealed |= !is_1_3(&tls) && tls.retry.is_none(),
            21 => take_alert(&mut tls, direction, record, body),
            22 => take_handshake(&mut tls, direction, record, body),
            23 => {
                if is_1_3(&tls) && take_1_3_finished(&mut tls, record) {
                    continue;
                }
                tls.midstream |= tls.client_hello.is_none();
                sealed.push(seal(&tls, record));
            }
            _ => {}
        }
    }
    // A resumed or half-captured handshake: data in both directions means that it was completed.
    if tls.server_hello.is_some() && tls.finished().is_none() {
        let both =
            [Side::Client, Side::Server].map(|side| sealed.iter().find(|item| item.record.from == side));
        if let [Some(client), Some(server)] = both {
            tls.client_finished.get_or_insert(client.record.start);
            tls.server_finished.get_or_insert(server.record.start);
        }
    }
    (tls, sealed)
}

fn is_1_3(tls: &Tls) -> bool {
    tls.version().is_some_and(TlsVersion::is_1_3)
}

fn seal(tls: &Tls, record: &Record) -> Sealed {
    let length = u16::try_from(record.body).unwrap_or(u16::MAX);
    let plaintext = match (tls.version(), tls.cipher()) {
        (Some(version), Some(cipher)) => plaintext_len(length, version, cipher),
        _ => PlaintextLen::Unknown,
    };
    Sealed { record: *record, plaintext }
}

/// The kept bytes of a record's body: all of it, or nothing.
pub fn body_of<'a>(stream: &'a Stream, record: &Record) -> Option<&'a [u8]> {
    let start = record.offset + u64::from(record.header);
    let run = stream.runs.iter().rev().find(|run| run.offset <= start)?;
    let from = usize::try_from(start - run.offset).ok()?;
    run.bytes.get(from..from.checked_add(bytes::index(record.body))?)
}

fn read_ssl2_hello(flow: &Flow, tls: &mut Tls) {
    let Some(run) = flow.to_server.runs.first() else { return };
    for start in run.piece_starts().take(4) {
        let head = run.bytes.get(start..).unwrap_or_default();
        if looks_like_ssl2(head)
            && let Ok((_, hello)) = ssl2_client_hello(head)
            && let Some(mark) = run.mark(start)
        {
            tls.client_hello = Some(mark.of(hello));
            return;
        }
    }
}

fn take_alert(tls: &mut Tls, direction: &Direction, record: &Record, body: Option<&[u8]>) {
    // Two bytes are an alert in clear even where encryption should have begun: OpenSSL sends its last words so.
    let clear = body.filter(|body| body.len() == 2 || !direction.sealed);
    match clear.and_then(|body| alert(body).ok()) {
        Some(alert) => tls.alerts.push(record.end.of(ClearAlert { from: record.from, alert })),
        None => tls.sealed_alerts.push(record.end.of(record.from)),
    }
}

fn take_handshake(tls: &mut Tls, direction: &mut Direction, record: &Record, body: Option<&[u8]>) {
    if direction.sealed {
        let finished = match record.from {
            Side::Client => &mut tls.client_finished,
            Side::Server => &mut tls.server_finished,
        };
        finished.get_or_insert(record.end);
        return;
    }
    let Some(body) = body else { return };
    for message in direction.joiner.push(body) {
        take_message(tls, record, &message);
    }
}

fn take_message(tls: &mut Tls, record: &Record, message: &HandshakeMessage<'_>) {
    let mark = record.end;
    match (record.from, message.kind) {
        (Side::Client, HandshakeType::CLIENT_HELLO) => {
            if let Ok(hello) = client_hello(&message.body) {
                tls.client_hello.get_or_insert(mark.of(hello));
            }
        }
        (Side::Server, HandshakeType::SERVER_HELLO) => {
            if let Ok(hello) = server_hello(&message.body) {
                if hello.is_retry() {
                    tls.retry = Some(mark);
                } else {
                    tls.server_hello.get_or_insert(mark.of(hello));
                }
            }
        }
        (Side::Server, HandshakeType::CERTIFICATE) => {
            let list = certificate_list(&message.body);
            tls.chain = list.certificates.len();
            if let Some(der) = list.certificates.first() {
                tls.certificate.get_or_insert_with(|| mark.of(known_certificate(der)));
            }
        }
        (Side::Server, HandshakeType::SERVER_HELLO_DONE) => tls.server_done = Some(mark),
        _ => {}
    }
}

thread_local! {
    /// Certificates that this thread has read: a flood shows the same one a thousand times a second.
    static KNOWN: RefCell<FxHashMap<Box<[u8]>, Certificate>> = RefCell::default();
}

/// The certificate, read once.
fn known_certificate(der: &[u8]) -> Certificate {
    /// More are not kept.
    const MOST: usize = 64;
    KNOWN.with_borrow_mut(|known| {
        if let Some(certificate) = known.get(der) {
            return certificate.clone();
        }
        if known.len() >= MOST {
            known.clear();
        }
        let certificate = x509::certificate(der);
        known.insert(der.into(), certificate.clone());
        certificate
    })
}

/// In TLS 1.3 the rest of the handshake looks like application data. The server's flight ends before the client
/// answers; the client's first such record is its Finished, or an alert of 19 bytes.
fn take_1_3_finished(tls: &mut Tls, record: &Record) -> bool {
    /// An alert: two bytes, the inner content type, the tag.
    const SEALED_ALERT: u32 = 19;
    if tls.client_finished.is_some() {
        return false;
    }
    match record.from {
        Side::Server => {
            tls.server_finished = Some(record.end);
        }
        Side::Client if record.body == SEALED_ALERT => tls.sealed_alerts.push(record.end.of(Side::Client)),
        Side::Client => tls.client_finished = Some(record.end),
    }
    true
}
