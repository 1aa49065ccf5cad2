//! The TLS handshake of a connection: what is in clear, and when the rest began.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use crate::base::{Mark, Observed, bytes};
use crate::protocol::tls::{
    Alert, CipherSuite, ClientHello, HandshakeJoiner, HandshakeMessage, HandshakeType, PlaintextLen,
    ServerHello, TlsVersion, alert, begins_retry, certificate_list, client_hello, looks_like_ssl2,
    plaintext_len, server_hello, ssl2_client_hello,
};
use crate::protocol::x509::{self, Certificate};
use crate::stream::{Flow, Framing, Record, Side, Stream};

/// Body of an alert in TLS 1.3: two bytes, the inner content type, a 16-byte tag.
pub const SEALED_ALERT: u32 = 19;

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
    /// The client's first hello, where the capture holds its beginning alone.
    pub cut_client_hello: Option<Mark>,
    /// The server's hello, where the capture holds its beginning alone.
    pub cut_server_hello: Option<Mark>,
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
    pub sealed_alerts: Vec<Record>,
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

    /// When the client's hello was sent, whether or not its contents were captured.
    pub fn offered(&self) -> Option<Mark> {
        self.client_hello.as_ref().map(Observed::mark).or(self.cut_client_hello)
    }

    /// When the server's hello was sent, whether or not its contents were captured.
    pub fn answered(&self) -> Option<Mark> {
        self.server_hello.as_ref().map(Observed::mark).or(self.cut_server_hello)
    }

    /// Whether a handshake was captured, or the beginning of one.
    pub fn is_begun(&self) -> bool {
        self.offered().is_some() || self.answered().is_some()
    }

    /// Whether what flows is TLS, however much of its handshake was captured.
    pub fn is_used(&self) -> bool {
        self.is_begun() || self.midstream
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
        let body = Body::of(flow.stream(record.from), record);
        let [client, server] = &mut directions;
        let direction = if record.from == Side::Client { client } else { server };
        match kind {
            // After a retry request, as in all of TLS 1.3, the change of cipher means nothing.
            20 => direction.sealed |= !is_1_3(&tls) && tls.retry.is_none(),
            21 => take_alert(&mut tls, direction, record, body.whole()),
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
    if tls.answered().is_some() && tls.finished().is_none() {
        // An alert of TLS 1.3 looks the same, and completes nothing.
        let is_data = |item: &&Sealed| tls.server_hello.is_some() || item.record.body != SEALED_ALERT;
        let both = [Side::Client, Side::Server]
            .map(|side| sealed.iter().filter(is_data).find(|item| item.record.from == side));
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
    Body::of(stream, record).whole()
}

/// What is kept of a record's body.
#[derive(Clone, Copy)]
struct Body<'a> {
    /// Its bytes up to the first that is not there.
    head: &'a [u8],
    /// How many follow.
    lost: usize,
}

impl<'a> Body<'a> {
    fn of(stream: &'a Stream, record: &Record) -> Self {
        let start = record.offset + u64::from(record.header);
        let length = bytes::index(record.body);
        let run = stream.runs.iter().rev().find(|run| run.offset <= start);
        let kept = run.and_then(|run| run.bytes.get(usize::try_from(start - run.offset).ok()?..));
        let kept = kept.unwrap_or_default();
        let head = kept.get(..length).unwrap_or(kept);
        Self { head, lost: length - head.len() }
    }

    fn whole(self) -> Option<&'a [u8]> {
        (self.lost == 0).then_some(self.head)
    }
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
        None => tls.sealed_alerts.push(*record),
    }
}

fn take_handshake(tls: &mut Tls, direction: &mut Direction, record: &Record, body: Body<'_>) {
    if direction.sealed {
        let finished = match record.from {
            Side::Client => &mut tls.client_finished,
            Side::Server => &mut tls.server_finished,
        };
        finished.get_or_insert(record.end);
        return;
    }
    let messages = if let Some(body) = body.whole() {
        direction.joiner.push(body)
    } else {
        take_cut_hello(tls, record, body.head);
        direction.joiner.push_cut(body.head, body.lost)
    };
    for message in messages {
        take_message(tls, record, &message);
    }
}

/// Of a hello whose rest was not captured: that it was sent.
fn take_cut_hello(tls: &mut Tls, record: &Record, head: &[u8]) {
    let Some((kind, rest)) = head.split_first() else { return };
    let mark = record.end;
    match (record.from, HandshakeType(*kind)) {
        (Side::Client, HandshakeType::CLIENT_HELLO) if tls.client_hello.is_none() => {
            tls.cut_client_hello.get_or_insert(mark);
        }
        (Side::Server, HandshakeType::SERVER_HELLO) if tls.server_hello.is_none() => {
            // Three bytes of length come before the body.
            if begins_retry(rest.get(3..).unwrap_or_default()) == Some(true) {
                tls.retry = Some(mark);
            } else {
                tls.cut_server_hello.get_or_insert(mark);
            }
        }
        _ => {}
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
    if tls.client_finished.is_some() {
        return false;
    }
    match record.from {
        Side::Server => {
            tls.server_finished = Some(record.end);
        }
        Side::Client if record.body == SEALED_ALERT => tls.sealed_alerts.push(*record),
        Side::Client => tls.client_finished = Some(record.end),
    }
    true
}
