//! What detectors look at in a connection, without what tells it from its like: ports, numbers, moments.
//!
//! Decides nothing; [`super::fold`] judges once what has one pattern.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::case::{forgery_signs, went_on_with_data};
use super::tls::handshake;
use super::transport::answers_the_syn;
use crate::base::{Observed, Timestamp, time};
use crate::connection::encrypted::SESSION_RECORDS;
use crate::connection::tls::Sealed;
use crate::connection::{Connection, Nla, Outcome, Stage};
use crate::protocol::nego::Protocols;
use crate::protocol::tls::{CipherSuite, TlsVersion};
use crate::stream::{CloseKind, Flow, Opening, Side, Stream};

/// One FIN or RST.
#[derive(Debug, PartialEq, Eq, Hash)]
struct End {
    client: bool,
    reset: bool,
    ttl: u8,
    has_ack: bool,
    answers_the_syn: bool,
    has_timestamp: bool,
    /// Whether its sender went on, and so late that nothing was under way any more.
    went_on: [bool; 2],
    signs: usize,
}

/// What can be read of the TLS handshake.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Handshake<'a> {
    offered: Option<(TlsVersion, &'a [CipherSuite])>,
    chosen: (Option<TlsVersion>, Option<CipherSuite>),
    certificate: Option<&'a str>,
    alerts: Vec<(bool, u8)>,
    sealed_alerts: usize,
    finished: (bool, bool),
    /// Records of data of both sides, as far as their number says something.
    records: (u64, u64),
    nla: u8,
    steps: [bool; 5],
    last: [Option<u32>; 2],
    had_time: [Option<bool>; 2],
}

/// Stands for all that a [`Pattern`] is made of: nobody can make two that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape([u64; 4]);

impl Shape {
    /// That of a connection.
    pub fn of(connection: &Connection) -> Self {
        let mut told = Told::default();
        Pattern::of(connection).hash(&mut told);
        let sum: [u8; 32] = told.0.finalize().into();
        let (words, _) = sum.as_chunks::<8>();
        Self(std::array::from_fn(|at| words.get(at).copied().map_or(0, u64::from_le_bytes)))
    }
}

/// Sums up what is hashed.
#[derive(Default)]
struct Told(Sha256);

impl Hasher for Told {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// The pattern of a connection.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Pattern<'a> {
    stages: Vec<(Stage, Outcome, Option<&'a str>)>,
    requested: Option<Protocols>,
    odd: bool,
    foreign: Option<&'static str>,
    goodbye: bool,
    handshake: Option<Handshake<'a>>,
    flow: Option<FlowPattern<'a>>,
    /// What is told in clear: an ultimatum, an error.
    said: (Option<bool>, Option<u32>),
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FlowPattern<'a> {
    running: bool,
    state: &'static str,
    history: &'a str,
    opening: (usize, usize, bool),
    ends: Vec<End>,
    ttl: [Option<(u8, u8)>; 2],
    icmp: Vec<(IpAddr, u8, u8)>,
    /// Of each side: whether it sent data, whether the capture lacks some of it, and some of its end.
    sizes: [(bool, bool, bool); 2],
    /// How much the capture lacks of both.
    lost: u32,
    counts: [u64; 8],
    spans: [u32; 5],
    views: [bool; 4],
    apart: Vec<u8>,
    ways: [Way; 2],
}

/// What is told of one direction beside its size.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Way {
    acknowledged: Option<bool>,
    beyond: bool,
    overtaken: bool,
    spurious: bool,
    segments: u32,
    largest_passed: Option<u32>,
    swallowed: Vec<Swallowed>,
}

/// A segment that was sent again and never acknowledged.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Swallowed {
    length: u32,
    /// How often, as far as detectors count.
    times: u32,
    /// The limits that lie between its first and its last sending.
    span: u8,
    /// Whether one as large passed.
    passed: bool,
}

impl<'a> Pattern<'a> {
    fn of(connection: &'a Connection) -> Self {
        let stages = connection
            .stages
            .iter()
            .map(|result| (result.stage, result.outcome, result.detail.as_deref()))
            .collect();
        Self {
            stages,
            requested: connection.requested().map(|seen| seen.value),
            odd: connection.request.as_ref().is_some_and(|seen| seen.value.oddity.is_some()),
            foreign: connection.foreign.as_ref().map(|seen| seen.value.looks_like),
            goodbye: connection.goodbye.is_some(),
            handshake: spoken(connection),
            flow: connection.flow.as_deref().map(|own| flow(connection, own)),
            said: (
                connection.settings.ultimatum.map(|said| said.value == Side::Client),
                connection.settings.error_info.map(|said| said.value),
            ),
        }
    }
}

fn spoken(connection: &Connection) -> Option<Handshake<'_>> {
    let tls = &connection.tls;
    if !tls.is_used() {
        return None;
    }
    let hello = tls.client_hello.as_ref().map(|seen| &seen.value);
    Some(Handshake {
        offered: hello.map(|hello| (hello.version, hello.cipher_suites.as_slice())),
        chosen: (tls.version(), tls.cipher()),
        certificate: tls.certificate.as_ref().map(|seen| seen.value.thumbprint.as_str()),
        alerts: tls
            .alerts
            .iter()
            .map(|seen| (seen.value.from == Side::Client, seen.value.alert.description.0))
            .collect(),
        sealed_alerts: tls.sealed_alerts.len(),
        finished: (tls.client_finished.is_some(), tls.server_finished.is_some()),
        records: (connection.encrypted.from_client.min(MANY), connection.encrypted.from_server.min(MANY)),
        nla: match connection.encrypted.nla {
            None => 0,
            Some(Nla::RefusedByStatus(_)) => 1,
            Some(Nla::RefusedByClosing(_)) => 2,
            Some(Nla::ResultThenEnd(_)) => 3,
            Some(Nla::ClientLeft(_)) => 4,
            Some(Nla::Passed(_)) => 5,
            Some(Nla::Open) => 6,
        },
        steps: [
            tls.cut_client_hello.is_some(),
            tls.cut_server_hello.is_some(),
            tls.retry.is_some(),
            tls.server_done.is_some(),
            tls.midstream,
        ],
        last: [connection.encrypted.last_of_client, connection.encrypted.last_of_server]
            .map(|last| last.map(|sealed| sealed.record.body).filter(|body| *body <= SHORT)),
        had_time: had_time(connection),
    })
}

/// Whether who closed first can have received each message that a detector asks it of, see [`handshake::had_time`].
fn had_time(connection: &Connection) -> [Option<bool>; 2] {
    let tls = &connection.tls;
    let first = connection.flow.as_deref().and_then(|flow| Some((flow, flow.first_close()?)));
    let Some((flow, close)) = first else { return [None; 2] };
    let messages = match close.from {
        Side::Server => [tls.offered(), None],
        Side::Client => [tls.answered(), tls.certificate.as_ref().map(Observed::mark)],
    };
    messages.map(|message| message.map(|message| handshake::had_time(connection, flow, close, message)))
}

fn flow<'a>(connection: &Connection, flow: &'a Flow) -> FlowPattern<'a> {
    let end = |close: &crate::stream::Close| End {
        client: close.from == Side::Client,
        reset: close.kind == CloseKind::Rst,
        ttl: close.ttl,
        has_ack: close.has_ack,
        answers_the_syn: answers_the_syn(close),
        has_timestamp: close.has_timestamp,
        went_on: [close.went_on.is_some(), went_on_with_data(flow, close)],
        signs: if close.kind == CloseKind::Rst { forgery_signs(flow, close).len() } else { 0 },
    };
    let streams = [&flow.to_server, &flow.to_client];
    let [to_server, to_client] = streams;
    FlowPattern {
        running: flow.opening == Opening::MidStream,
        state: flow.conn_state(),
        history: &flow.history,
        opening: (flow.syns.len(), flow.syn_acks.len(), flow.handshake.is_some()),
        ends: flow.closes.iter().map(end).collect(),
        ttl: [flow.client_habits.ttl, flow.server_habits.ttl],
        icmp: flow.icmp.iter().map(|error| (error.reporter, error.kind, error.code)).collect(),
        sizes: [size(flow, Side::Client), size(flow, Side::Server)],
        lost: lost(flow),
        counts: [
            to_server.retransmissions,
            to_client.retransmissions,
            count(to_server.gaps.len() + to_client.gaps.len()),
            count(to_server.unacknowledged().count()),
            count(to_client.unacknowledged().count()),
            flow.client_habits.zero_windows + flow.server_habits.zero_windows,
            flow.keep_alives,
            u64::from(flow.second_vantage > 0),
        ],
        spans: [
            magnitude(flow.last.time - flow.first.time),
            magnitude(flow.silence.map_or(0, |silence| silence.length())),
            magnitude(flow.handshake_round_trip().unwrap_or(0)),
            magnitude(alone(flow, Side::Client)),
            magnitude(alone(flow, Side::Server)),
        ],
        views: [flow.is_half_open(), flow.is_one_sided(), flow.is_cut(), flow.client_habits.bare_syn],
        apart: apart(connection, flow),
        ways: streams.map(way),
    }
}

/// Lengths of time within a connection that detectors tell from shorter ones. Whoever adds one adds it here: what lies on
/// both sides of it would be judged once.
const LIMITS: [i64; 11] = [
    200 * time::MILLISECOND,
    700 * time::MILLISECOND,
    SHORTEST_LIMIT,
    1500 * time::MILLISECOND,
    2 * time::SECOND,
    3 * time::SECOND,
    5 * time::SECOND,
    10 * time::SECOND,
    15 * time::SECOND,
    30 * time::SECOND,
    60 * time::SECOND,
];
/// The shortest of them that is asked for in a flow that does not last for as long: the two before it are of a round trip
/// that uses up a client's patience, and of segments that are sent again.
pub(super) const SHORTEST_LIMIT: i64 = time::SECOND;

/// How many of the limits a length of time reaches.
pub(super) fn limits_of(nanos: i64) -> u8 {
    LIMITS.into_iter().map(|limit| u8::from(nanos >= limit)).sum()
}

/// How far the moments of a connection lie apart that anybody asks for, by the limits.
fn apart(connection: &Connection, flow: &Flow) -> Vec<u8> {
    let ends = |marks: &[crate::stream::flow::OpeningSegment]| {
        [marks.first(), marks.last()].map(|opening| opening.map(|opening| opening.mark))
    };
    let repeated = |stream: &Stream| {
        let largest = stream.unacknowledged_repeats().max_by_key(|repeat| repeat.length);
        [largest.map(|repeat| repeat.first), largest.map(|repeat| repeat.last)]
    };
    let last = |sealed: Option<Sealed>| sealed.map(|sealed| sealed.record.end);
    let own = [
        ends(&flow.syns),
        ends(&flow.syn_acks),
        repeated(&flow.to_server),
        repeated(&flow.to_client),
        [flow.client_habits.last, flow.server_habits.last],
        [connection.request.as_ref().map(Observed::mark), connection.tls.offered()],
        [last(connection.encrypted.last_of_client), last(connection.encrypted.last_of_server)],
    ];
    let own = own.into_iter().flatten().map(|mark| mark.map(|mark| mark.time));
    let closes = flow.closes.iter().map(|close| Some(close.mark.time));
    let moments: Vec<Option<Timestamp>> = own.chain(closes).collect();
    // How the capture goes on says something only where nobody ended the flow.
    let end = flow.closes.is_empty().then_some(connection.capture_end);
    let waited = moments.iter().map(|own| own.zip(end).map_or(0, |(own, end)| limits_of(end - own)));
    let mut apart: Vec<u8> = waited.collect();
    if flow.last.time - flow.first.time >= SHORTEST_LIMIT {
        let pairs = moments.iter().enumerate();
        let pairs = pairs.flat_map(|(at, own)| moments.iter().skip(at + 1).map(move |other| own.zip(*other)));
        apart.extend(pairs.map(|pair| pair.map_or(u8::MAX, |(own, other)| limits_of((other - own).abs()))));
    }
    apart
}

/// Records of one side beyond these say no more: a session is up.
const MANY: u64 = SESSION_RECORDS + 1;

/// Records of data no longer than this may be a status, an alert or a goodbye.
pub(super) const SHORT: u32 = 48;

fn way(stream: &Stream) -> Way {
    /// Sendings in vain beyond which nobody counts.
    const TIMES: u32 = 3;
    let swallowed = stream.unacknowledged_repeats().map(|repeat| Swallowed {
        length: length(repeat.length),
        times: repeat.times.min(TIMES),
        span: limits_of(repeat.last.time - repeat.first.time),
        passed: stream.largest_passed >= Some(repeat.length),
    });
    Way {
        acknowledged: stream.acked_end.map(|end| end > 0),
        beyond: stream.sacked_end.is_some(),
        overtaken: stream.overtaken > 0,
        spurious: stream.spurious > 0,
        segments: u64::BITS - stream.data_segments.leading_zeros(),
        largest_passed: stream.largest_passed.map(length),
        swallowed: swallowed.collect(),
    }
}

/// A segment's length by what path limits distinguish: short ones all alike, then to a factor of two.
pub(super) const fn length(bytes: u32) -> u32 {
    u32::BITS - (bytes / 450).leading_zeros()
}

/// How long a side was heard alone at the end.
fn alone(flow: &Flow, side: Side) -> i64 {
    let (own, other) = (flow.habits(side).last, flow.habits(side.other()).last);
    own.zip(other).map_or(0, |(own, other)| (own.time - other.time).max(0))
}

fn size(flow: &Flow, side: Side) -> (bool, bool, bool) {
    let stream = flow.stream(side);
    (stream.bytes > 0, stream.acked_unseen() > 0, flow.unseen_at_end(side) > 0)
}

/// The share that the capture lacks, cut where what it can prove changes: at one in a thousand and one in five.
fn lost(flow: &Flow) -> u32 {
    let unseen = flow.to_server.acked_unseen() + flow.to_client.acked_unseen();
    let seen = flow.to_server.bytes + flow.to_client.bytes;
    u32::from(unseen.saturating_mul(1000) > seen) + u32::from(unseen.saturating_mul(5) > seen)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A length of time to a factor of two, short ones all alike.
pub const fn magnitude(nanos: i64) -> u32 {
    u64::BITS - (nanos / (16 * time::MILLISECOND)).unsigned_abs().leading_zeros()
}

#[cfg(test)]
mod tests;
