//! What detectors look at in a connection, without what tells it from its like: ports, numbers, moments.
//!
//! Decides nothing; [`super::fold`] judges once what has one pattern.

use std::net::IpAddr;

use super::case::forgery_signs;
use crate::base::time;
use crate::connection::{Connection, Nla, Outcome, Stage};
use crate::packet::Endpoint;
use crate::protocol::nego::Protocols;
use crate::protocol::tls::{CipherSuite, TlsVersion};
use crate::stream::{CloseKind, Flow, Opening, Side};

/// How a connection stands among those of the same client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pair {
    /// The only one.
    Alone,
    /// One of a few: its place among them matters.
    OneOf(usize),
    /// One of many of this client.
    Of(IpAddr),
}

impl Pair {
    /// The connection number `at` of a client that has `count` with the same server.
    pub const fn of(at: usize, client: IpAddr, count: usize) -> Self {
        /// More are a flood.
        const FEW: usize = 16;
        match count {
            0 | 1 => Self::Alone,
            2..=FEW => Self::OneOf(at),
            _ => Self::Of(client),
        }
    }
}

/// One FIN or RST.
#[derive(Debug, PartialEq, Eq, Hash)]
struct End {
    client: bool,
    reset: bool,
    ttl: u8,
    has_ack: bool,
    has_timestamp: bool,
    went_on: bool,
    signs: usize,
}

/// What can be read of the TLS handshake.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Handshake<'a> {
    offered: Option<(TlsVersion, &'a [CipherSuite])>,
    chosen: Option<(TlsVersion, CipherSuite)>,
    certificate: Option<&'a str>,
    alerts: Vec<(bool, u8)>,
    sealed_alerts: usize,
    finished: (bool, bool),
    records: (u64, u64),
    nla: u8,
}

/// The pattern of a connection.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Pattern<'a> {
    pair: Pair,
    /// Its name is one that several sources try.
    joint: bool,
    server: Endpoint,
    source: u32,
    stages: Vec<(Stage, Outcome, Option<&'a str>)>,
    requested: Option<Protocols>,
    odd: bool,
    foreign: Option<&'static str>,
    goodbye: bool,
    handshake: Option<Handshake<'a>>,
    flow: Option<FlowPattern<'a>>,
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
    sizes: [u64; 4],
    counts: [u64; 8],
    spans: [u32; 3],
}

impl<'a> Pattern<'a> {
    /// The pattern of `connection`.
    pub fn of(connection: &'a Connection, pair: Pair, joint: bool) -> Self {
        let stages = connection
            .stages
            .iter()
            .map(|result| (result.stage, result.outcome, result.detail.as_deref()))
            .collect();
        Self {
            pair,
            joint,
            server: connection.server,
            source: connection.first.at.source().0,
            stages,
            requested: connection.requested().map(|seen| seen.value),
            odd: connection.request.as_ref().is_some_and(|seen| seen.value.oddity.is_some()),
            foreign: connection.foreign.as_ref().map(|seen| seen.value.looks_like),
            goodbye: connection.goodbye.is_some(),
            handshake: handshake(connection),
            flow: connection.flow.as_deref().map(flow),
        }
    }
}

fn handshake(connection: &Connection) -> Option<Handshake<'_>> {
    let tls = &connection.tls;
    if tls.client_hello.is_none() && tls.server_hello.is_none() && !tls.midstream {
        return None;
    }
    let hello = tls.client_hello.as_ref().map(|seen| &seen.value);
    Some(Handshake {
        offered: hello.map(|hello| (hello.version, hello.cipher_suites.as_slice())),
        chosen: tls.version().zip(tls.cipher()),
        certificate: tls.certificate.as_ref().map(|seen| seen.value.thumbprint.as_str()),
        alerts: tls
            .alerts
            .iter()
            .map(|seen| (seen.value.from == Side::Client, seen.value.alert.description.0))
            .collect(),
        sealed_alerts: tls.sealed_alerts.len(),
        finished: (tls.client_finished.is_some(), tls.server_finished.is_some()),
        records: (connection.encrypted.from_client, connection.encrypted.from_server),
        nla: match connection.encrypted.nla {
            None => 0,
            Some(Nla::RefusedByStatus(_)) => 1,
            Some(Nla::RefusedByClosing(_)) => 2,
            Some(Nla::ResultThenEnd(_)) => 3,
            Some(Nla::ClientLeft(_)) => 4,
            Some(Nla::Passed(_)) => 5,
            Some(Nla::Open) => 6,
        },
    })
}

fn flow(flow: &Flow) -> FlowPattern<'_> {
    let end = |close: &crate::stream::Close| End {
        client: close.from == Side::Client,
        reset: close.kind == CloseKind::Rst,
        ttl: close.ttl,
        has_ack: close.has_ack,
        has_timestamp: close.has_timestamp,
        went_on: close.went_on.is_some(),
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
        sizes: [to_server.bytes, to_client.bytes, to_server.acked_unseen(), to_client.acked_unseen()],
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
        ],
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A length of time to a factor of two, short ones all alike.
const fn magnitude(nanos: i64) -> u32 {
    u64::BITS - (nanos / (16 * time::MILLISECOND)).unsigned_abs().leading_zeros()
}
