//! What sizes, directions and timing still tell after encryption begins.
//!
//! CredSSP is a fixed dance of few messages, so its outcome shows in the length of the server's last one:
//! [MS-CSSP] 2.2.1, 3.1.5. Everything here is a pattern, hence at most *inferred* until a log agrees.

use super::ending::{ERROR_INFO, ULTIMATUM};
use super::tls::Sealed;
use super::tls::Tls;
use crate::base::{Mark, Observed, time};
use crate::protocol::tls::PlaintextLen;
use crate::stream::{CloseKind, Flow, Side};

/// What the encrypted part shows.
#[derive(Clone, Debug, Default)]
pub struct Encrypted {
    /// Application records of the client, handshake excepted.
    pub from_client: u64,
    /// Application records of the server, handshake excepted.
    pub from_server: u64,
    /// How network level authentication went.
    pub nla: Option<Nla>,
    /// The first record behind authentication.
    pub settings_began: Option<Mark>,
    /// The last application record of the client.
    pub last_of_client: Option<Sealed>,
    /// The last application record of the server.
    pub last_of_server: Option<Sealed>,
}

/// How CredSSP ended, as far as sizes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nla {
    /// The server's last word is a message that carries a status and no more.
    RefusedByStatus(Observed<u16>),
    /// The server ended the connection when it had the client's credentials, without a word.
    RefusedByClosing(Mark),
    /// The server's early result (four bytes) came, and nothing followed.
    ResultThenEnd(Mark),
    /// The client left when it was its turn.
    ClientLeft(Mark),
    /// The dance went through: what follows is MCS.
    Passed(Mark),
    /// It was under way when the capture ended.
    Open,
}

/// Plaintext bytes of the early user authorization result. [MS-CSSP] 2.2.3
const EARLY_RESULT: u16 = 4;
/// Plaintext bytes of a TSRequest that carries a version and at most a status: 7 (FreeRDP) to 17 (a status with
/// leading zero, a long-form length).
const STATUS_ONLY: std::ops::RangeInclusive<u16> = 7..=17;
/// Application records that one side may need for CredSSP. Kerberos with a mutual round takes four.
const NLA_RECORDS: usize = 6;
/// Server records behind TLS with which the session is up for sure: connect response, attach, up to eight
/// channel joins, licence, demand active and the finalisation are more than this.
pub const SESSION_RECORDS: u64 = 12;
/// Bytes from the server with which the session is up for sure, however they are cut into records: a TLS flight
/// with a long chain, CredSSP and the connection sequence together are less.
pub const SESSION_BYTES: u64 = 48 * 1024;

/// Session tickets that are sent at once are captured within this time of each other.
pub const AT_ONCE: i64 = 5 * time::MILLISECOND;

/// Whether a record may be one that is known by its length: a status, a goodbye, the reason of a goodbye.
pub fn is_telling(length: PlaintextLen) -> bool {
    let mut known = STATUS_ONLY.chain([EARLY_RESULT, ULTIMATUM, ERROR_INFO]);
    known.any(|known| length.may_be(known))
}

/// Whether so much came from the server that the session must be up.
pub fn is_up(flow: &Flow, records_of_server: u64) -> bool {
    records_of_server > SESSION_RECORDS || flow.to_client.bytes > SESSION_BYTES
}

/// Reads the encrypted part. Whether network level authentication comes first may not be known.
pub fn read(flow: &Flow, tls: &Tls, nla: Option<bool>, sealed: &[Sealed]) -> Encrypted {
    let sealed = without_tickets(tls, sealed);
    let count =
        |side| u64::try_from(sealed.iter().filter(|item| item.record.from == side).count()).unwrap_or(0);
    let last = |side| sealed.iter().rev().find(|item| item.record.from == side).copied();
    // Records in the middle of a long session are only counted; without a handshake in them, all are data.
    let beyond = |all: u64, seen: u64| if flow.records.elided() { all.max(seen) } else { seen };
    let mut found = Encrypted {
        from_client: beyond(flow.records.application_client, count(Side::Client)),
        from_server: beyond(flow.records.application_server, count(Side::Server)),
        nla: None,
        settings_began: None,
        last_of_client: last(Side::Client),
        last_of_server: last(Side::Server),
    };
    if tls.finished().is_none() {
        return found;
    }
    if nla == Some(true) {
        let outcome = credssp(flow, tls, &sealed, found.from_server);
        found.settings_began = match outcome {
            Nla::Passed(mark) => Some(mark),
            _ => None,
        };
        found.nla = Some(outcome);
    } else if nla == Some(false) || is_up(flow, found.from_server) {
        found.settings_began = sealed.first().map(|item| item.record.start);
    }
    found
}

/// Session tickets of TLS 1.3 come as application records right behind the handshake, before the client has said
/// anything: not part of what RDP says.
fn without_tickets(tls: &Tls, sealed: &[Sealed]) -> Vec<Sealed> {
    if !tls.version().is_some_and(crate::protocol::tls::TlsVersion::is_1_3) {
        return sealed.to_vec();
    }
    let before_client =
        sealed.iter().position(|item| item.record.from == Side::Client).unwrap_or(sealed.len());
    let mut rest: Vec<Sealed> = sealed.get(before_client..).unwrap_or_default().to_vec();
    // Tickets may also cross the client's first message: two records of one size, sent at once.
    let crossing: Vec<usize> = rest
        .iter()
        .enumerate()
        .filter(|(_, item)| item.record.from == Side::Server)
        .take(3)
        .map(|(at, _)| at)
        .collect();
    if let [first, second, ..] = crossing.as_slice()
        && let (Some(a), Some(b)) = (rest.get(*first), rest.get(*second))
        && a.record.body == b.record.body
        && a.record.body > 150
        && b.record.end.time - a.record.end.time < AT_ONCE
        && rest.iter().filter(|item| item.record.from == Side::Client).count() >= 1
        && second - first == 1
    {
        rest.drain(*first..=*second);
    }
    rest
}

/// Walks the CredSSP dance: client token, server challenge, client token with credentials, server answer.
fn credssp(flow: &Flow, tls: &Tls, sealed: &[Sealed], from_server: u64) -> Nla {
    let finished = tls.finished().unwrap_or(flow.last);
    if is_up(flow, from_server) {
        return Nla::Passed(passed_at(sealed).unwrap_or(finished));
    }
    if let Some(mark) = passed_at(sealed) {
        return Nla::Passed(mark);
    }
    let last_server = sealed.iter().rev().find(|item| item.record.from == Side::Server);
    let last_client = sealed.iter().rev().find(|item| item.record.from == Side::Client);
    let tokens = sealed.iter().filter(|item| item.record.from == Side::Client).count();
    let ended = flow.first_close();
    let last_word = sealed.last();
    // Channel joins are as short as a status. Where nobody closed, only so few tokens are still the logon.
    let still_logon = ended.is_some() || tokens <= 3;
    if tokens >= 2
        && still_logon
        && let Some(last) = last_word.filter(|last| last.record.from == Side::Server)
    {
        if last.plaintext.exact() == Some(EARLY_RESULT) {
            return Nla::ResultThenEnd(last.record.end);
        }
        if let Some(length) = last.plaintext.exact().filter(|length| STATUS_ONLY.contains(length)) {
            return Nla::RefusedByStatus(last.record.end.of(length));
        }
    }
    let server_alert = tls.sealed_alerts.iter().find(|alert| alert.from == Side::Server);
    let client_turn_done = match (last_client, last_server) {
        (Some(client), Some(server)) => client.record.end > server.record.end,
        _ => false,
    };
    // The third message carries the credentials; a server that ends there has refused them.
    if tokens >= 2 && client_turn_done {
        if let Some(alert) = server_alert {
            return Nla::RefusedByClosing(alert.end);
        }
        if let Some(close) = ended.filter(|close| close.from == Side::Server) {
            return Nla::RefusedByClosing(close.mark);
        }
    }
    match ended {
        Some(close) if close.from == Side::Client => Nla::ClientLeft(close.mark),
        Some(close) if tokens == 0 && close.kind == CloseKind::Fin => Nla::ClientLeft(close.mark),
        _ => Nla::Open,
    }
}

/// Where MCS begins behind CredSSP: the early result of four bytes and a client record behind it, or more records
/// of the client than the dance has.
fn passed_at(sealed: &[Sealed]) -> Option<Mark> {
    let result = sealed
        .iter()
        .position(|item| item.record.from == Side::Server && item.plaintext.exact() == Some(EARLY_RESULT));
    if let Some(at) = result
        && let Some(next) = sealed.get(at + 1..)?.iter().find(|item| item.record.from == Side::Client)
    {
        return Some(next.record.start);
    }
    let clients: Vec<&Sealed> = sealed.iter().filter(|item| item.record.from == Side::Client).collect();
    let servers = sealed.len() - clients.len();
    (servers > NLA_RECORDS && clients.len() > NLA_RECORDS)
        .then(|| clients.get(3).map(|item| item.record.start))
        .flatten()
}
