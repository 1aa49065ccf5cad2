//! RDP over UDP: the conversations beside a TCP connection, and what they show in clear. [MS-RDPEUDP] 3.1.5
//!
//! Says what was offered, answered and exchanged; which TCP connection it belongs to is found in `correlate`.

use std::collections::BTreeMap;

use super::room::Room;
use super::stage::{Outcome, Stage};
use super::{StageResult, observations::Observations};
use crate::base::{Locator, Mark, Observed, SourceId, Window, time};
use crate::packet::interest::{GATEWAY_UDP_PORT, KERBEROS_PORT, NAME_PORTS};
use crate::packet::{Datagram, Endpoint, Interest};
use crate::protocol::dtls::{self, Layer, Message};
use crate::protocol::rdpeudp::{Syn, UdpFlags, UdpVersion, udp_header};
use crate::protocol::tls::{Alert, CipherSuite, TlsVersion};
use crate::stream::Side;

/// What speaks over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [MS-RDPEUDP], on the server's RDP port.
    Rdp,
    /// The side transport of an RD Gateway: DTLS on 3391. [MS-TSGU] 1.3.3
    Gateway,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// Datagrams.
    pub datagrams: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Bytes of the largest payload.
    pub largest: u32,
    /// The last of them.
    pub last: Option<Mark>,
}

/// What the server chose in its hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Version.
    pub version: TlsVersion,
    /// Suite.
    pub cipher: CipherSuite,
}

/// The security above it, as far as it is in clear.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// The first client hello.
    pub client_hello: Option<Observed<Layer>>,
    /// Client hellos, repeated ones as well.
    pub hellos: u64,
    /// The server's hello.
    pub server_hello: Option<Observed<Chosen>>,
    /// The first alert in clear, and who sent it.
    pub alert: Option<Observed<(Side, Alert)>>,
}

/// One UDP conversation.
#[derive(Clone, Debug)]
pub struct UdpConnection {
    /// What speaks over it.
    pub kind: Kind,
    /// Who opened it.
    pub client: Endpoint,
    /// Who was addressed.
    pub server: Endpoint,
    /// First datagram.
    pub first: Mark,
    /// Last datagram.
    pub last: Mark,
    /// Other captures that hold it; what is said rests on one.
    pub also_in: Vec<SourceId>,
    /// What the client sent.
    pub to_server: Way,
    /// What the server sent.
    pub to_client: Way,
    /// The client's first SYN.
    pub offer: Option<Observed<Syn>>,
    /// SYNs, repeated ones as well.
    pub offers: u64,
    /// The last SYN.
    pub last_offer: Option<Mark>,
    /// Whether the lossy transport was asked for.
    pub lossy: bool,
    /// The server's SYN+ACK.
    pub answer: Option<Observed<Syn>>,
    /// TLS or DTLS above it.
    pub security: Security,
}

/// The other side was heard no more often than this: SYN+ACK, and what it repeats.
const HANDSHAKE: u64 = 3;
/// One side sends so many more in vain, for so long.
const IN_VAIN: u64 = 4;
const LONG: i64 = 3 * time::SECOND;

impl UdpConnection {
    fn begun(kind: Kind, client: Endpoint, server: Endpoint, first: Mark) -> Self {
        Self {
            kind,
            client,
            server,
            first,
            last: first,
            also_in: Vec::new(),
            to_server: Way::default(),
            to_client: Way::default(),
            offer: None,
            offers: 0,
            last_offer: None,
            lossy: false,
            answer: None,
            security: Security::default(),
        }
    }

    fn take(&mut self, datagram: &Datagram, mark: Mark) {
        /// The handshake of TLS or DTLS is over within so many datagrams of a side.
        const IN_CLEAR: u64 = 32;
        let from = if datagram.from == self.client { Side::Client } else { Side::Server };
        let way = if from == Side::Client { &mut self.to_server } else { &mut self.to_client };
        way.datagrams += 1;
        way.bytes += u64::from(datagram.length);
        way.largest = way.largest.max(datagram.length);
        way.last = Some(mark);
        let early = way.datagrams <= IN_CLEAR;
        self.last = mark;
        if let Some((syn, flags)) = syn_of(datagram).filter(|_| self.kind == Kind::Rdp) {
            match from {
                Side::Client => {
                    self.offer.get_or_insert(mark.of(syn));
                    self.offers += 1;
                    self.last_offer = Some(mark);
                    self.lossy |= flags.contains(UdpFlags::SYNLOSSY);
                }
                Side::Server => {
                    self.answer.get_or_insert(mark.of(syn));
                }
            }
        } else if early && let Some((layer, message)) = dtls::message(&datagram.head) {
            self.secured(from, mark, layer, message);
        }
    }

    fn secured(&mut self, from: Side, mark: Mark, layer: Layer, message: Message) {
        let security = &mut self.security;
        match (from, message) {
            (Side::Client, Message::ClientHello) => {
                security.client_hello.get_or_insert(mark.of(layer));
                security.hellos += 1;
            }
            (Side::Server, Message::ServerHello { version, cipher }) => {
                security.server_hello.get_or_insert(mark.of(Chosen { version, cipher }));
            }
            (from, Message::Alert(alert)) => {
                security.alert.get_or_insert(mark.of((from, alert)));
            }
            _ => {}
        }
    }

    /// From the first to the last datagram.
    pub const fn window(&self) -> Window {
        Window { start: self.first.time, end: self.last.time }
    }

    /// The id that joins it to its TCP connection and to the client's log. [MS-RDPEUDP] 2.2.2.8
    pub fn correlation(&self) -> Option<[u8; 16]> {
        self.offer.as_ref()?.value.correlation
    }

    /// The version of the transport: the one agreed on, else the one offered.
    pub fn version(&self) -> Option<UdpVersion> {
        let of = |seen: &Option<Observed<Syn>>| seen.as_ref().and_then(|syn| syn.value.version);
        of(&self.answer).or_else(|| of(&self.offer))
    }

    /// From the offer that was answered to the answer, if it was not repeated.
    pub fn round_trip(&self) -> Option<i64> {
        let (offer, answer) = self.offer.as_ref().zip(self.answer.as_ref())?;
        (self.offers == 1).then(|| answer.time - offer.time)
    }

    /// Whether it is known to be what it seems: a handshake was seen, not only a port.
    pub const fn is_certain(&self) -> bool {
        match self.kind {
            Kind::Rdp => self.offer.is_some() || self.answer.is_some(),
            Kind::Gateway => self.security.client_hello.is_some(),
        }
    }

    /// Whether the server was heard at all.
    pub const fn is_answered(&self) -> bool {
        self.to_client.datagrams > 0
    }

    /// Whether both sides exchange data.
    pub const fn works(&self) -> bool {
        self.to_client.datagrams > HANDSHAKE && self.to_server.datagrams > HANDSHAKE
    }

    /// Both were heard, so UDP passes both ways; then one side repeats alone.
    pub fn stalls(&self) -> bool {
        let (a, b) = (self.to_client.datagrams, self.to_server.datagrams);
        let (less, more) = (a.min(b), a.max(b));
        (1..=HANDSHAKE).contains(&less) && more >= less + IN_VAIN && self.last.time - self.first.time >= LONG
    }

    /// The stages that it walked.
    pub fn stages(&self) -> Vec<StageResult> {
        let mut stages = vec![self.transport()];
        if !self.is_answered() {
            return stages;
        }
        if let Some(hello) = &self.security.client_hello {
            let chosen = self.security.server_hello.as_ref();
            let alert = self.security.alert.as_ref().filter(|alert| alert.value.1.is_fatal());
            let (outcome, at, detail) = match (alert, chosen) {
                (Some(alert), _) => {
                    let (from, alert_) = alert.value;
                    let detail = format!("{} alert {}", from.name(), alert_.description);
                    (Outcome::Failed, alert.mark(), Some(detail))
                }
                (None, Some(chosen)) => {
                    (Outcome::Passed, chosen.mark(), Some(chosen.value.version.to_string()))
                }
                (None, None) => {
                    let sent = times(self.security.hellos);
                    let detail = format!("{} client hello {sent}, no server hello", hello.value.name());
                    (if self.works() { Outcome::Unseen } else { Outcome::Cut }, hello.mark(), Some(detail))
                }
            };
            let detail = if outcome == Outcome::Unseen { None } else { detail };
            stages.push(StageResult { stage: Stage::Tls, outcome, at: Some(at), detail });
        }
        if self.works() {
            stages.push(StageResult {
                stage: Stage::Session,
                outcome: Outcome::Passed,
                at: None,
                detail: Some("both sides exchange data".into()),
            });
        }
        stages
    }

    fn transport(&self) -> StageResult {
        let version = self.version().map(|version| format!("RDPEUDP version {version}"));
        let result = |outcome, at, detail| StageResult { stage: Stage::Transport, outcome, at, detail };
        match (&self.offer, &self.answer) {
            (_, Some(answer)) => result(Outcome::Passed, Some(answer.mark()), version),
            (Some(offer), None) if !self.is_answered() => {
                let sent = times(self.offers);
                result(Outcome::Failed, Some(offer.mark()), Some(format!("offered {sent}, no answer")))
            }
            (None, None) if self.kind == Kind::Gateway && !self.is_answered() => {
                let sent = times(self.to_server.datagrams);
                result(Outcome::Failed, Some(self.first), Some(format!("tried {sent}, no answer")))
            }
            _ => result(Outcome::Unseen, None, None),
        }
    }

    /// The last stage that was entered.
    pub fn reached(&self) -> Stage {
        self.stages().last().map_or(Stage::Transport, |result| result.stage)
    }

    /// Zeek's conn_state of a UDP conversation.
    pub const fn conn_state(&self) -> &'static str {
        match (self.to_server.datagrams, self.to_client.datagrams) {
            (_, 0) => "S0",
            (0, _) => "SHR",
            _ => "SF",
        }
    }

    /// Zeek's history of a UDP conversation.
    pub const fn history(&self) -> &'static str {
        match (self.to_server.datagrams, self.to_client.datagrams) {
            (_, 0) => "D",
            (0, _) => "d",
            _ => "Dd",
        }
    }

    /// Goes on with what a later file of the same ring buffer holds.
    fn append(&mut self, later: &Self) {
        for (own, more) in [(&mut self.to_server, &later.to_server), (&mut self.to_client, &later.to_client)]
        {
            own.datagrams += more.datagrams;
            own.bytes += more.bytes;
            own.largest = own.largest.max(more.largest);
            own.last = more.last.or(own.last);
        }
        self.last = later.last;
        self.answer = self.answer.or(later.answer);
    }
}

/// How often, in words.
pub fn times(count: u64) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

/// A SYN or SYN+ACK, with its flags. The acknowledgement number, the flags and the sizes make it unlikely that
/// anything else is one; once version 3 is agreed on, other datagrams have headers of another kind.
fn syn_of(datagram: &Datagram) -> Option<(Syn, UdpFlags)> {
    let header = udp_header(&datagram.head).ok()?;
    let sizes = header.syn.is_some_and(|syn| {
        let range = 1000..=1500;
        range.contains(&syn.up_mtu) && range.contains(&syn.down_mtu)
    });
    let begins = header.is_syn() && header.source_ack == u32::MAX || header.is_syn_ack();
    (begins && sizes && header.flags.unknown() == 0).then_some((header.syn?, header.flags))
}

/// The conversations of one capture, as its datagrams come.
#[derive(Debug)]
pub struct UdpTable {
    connections: Vec<UdpConnection>,
    /// The latest of each pair of endpoints.
    latest: BTreeMap<(Endpoint, Endpoint), usize>,
    /// Datagrams of conversations that found no room.
    pub left_out: u64,
    most: usize,
}

impl Default for UdpTable {
    fn default() -> Self {
        Self::within(Room::OF_ONE)
    }
}

impl UdpTable {
    /// None yet, and room for so many.
    pub const fn within(room: Room) -> Self {
        Self { connections: Vec::new(), latest: BTreeMap::new(), left_out: 0, most: room.udp }
    }

    /// The room that they take.
    pub fn takes(&self) -> Room {
        Room { udp: self.connections.len(), ..Room::default() }
    }

    /// Takes datagrams on RDP ports, in order of frames.
    pub fn take(&mut self, source: SourceId, datagrams: &[Datagram], interest: &Interest) {
        for datagram in datagrams {
            let Some((kind, client, server)) = ends(datagram, interest) else { continue };
            let mark = Mark { time: datagram.time, at: Locator::Frame { source, number: datagram.frame } };
            let place = self.place(datagram, kind, client, server, mark);
            match place.and_then(|at| self.connections.get_mut(at)) {
                Some(connection) => connection.take(datagram, mark),
                None => self.left_out += 1,
            }
        }
    }

    /// The conversation that a datagram belongs to; a SYN with another initial number begins a new one.
    fn place(
        &mut self,
        datagram: &Datagram,
        kind: Kind,
        client: Endpoint,
        server: Endpoint,
        mark: Mark,
    ) -> Option<usize> {
        let known = self.latest.get(&(client, server)).copied();
        let offered = if datagram.from == client { syn_of(datagram) } else { None };
        let begins_anew = known.and_then(|at| self.connections.get(at)).is_some_and(|connection| {
            let initial = connection.offer.as_ref().map(|offer| offer.value.initial);
            offered.is_some_and(|(syn, _)| initial != Some(syn.initial))
        });
        if known.is_some() && !begins_anew {
            return known;
        }
        if self.connections.len() >= self.most {
            return None;
        }
        let at = self.connections.len();
        self.connections.push(UdpConnection::begun(kind, client, server, mark));
        self.latest.insert((client, server), at);
        Some(at)
    }

    /// All of them, in order of their first datagram.
    pub fn finish(self) -> Vec<UdpConnection> {
        self.connections
    }
}

/// Whether a datagram is of a side transport.
pub fn is_side(datagram: &Datagram, interest: &Interest) -> bool {
    ends(datagram, interest).is_some()
}

/// Kind, client and server of a datagram.
fn ends(datagram: &Datagram, interest: &Interest) -> Option<(Kind, Endpoint, Endpoint)> {
    let (from, to) = (datagram.from, datagram.to);
    // An answer about a name may go to any port.
    let other = |end: Endpoint| NAME_PORTS.contains(&end.port) || end.port == KERBEROS_PORT;
    if other(from) || other(to) {
        return None;
    }
    let is_rdp = |end: Endpoint| interest.is_server(end.ip, end.port);
    if is_rdp(to) {
        Some((Kind::Rdp, from, to))
    } else if is_rdp(from) {
        Some((Kind::Rdp, to, from))
    } else if to.port == GATEWAY_UDP_PORT {
        Some((Kind::Gateway, from, to))
    } else if from.port == GATEWAY_UDP_PORT {
        Some((Kind::Gateway, to, from))
    } else {
        None
    }
}

/// The conversations of all captures, in order of time: one that two captures hold is one, and goes on from one file
/// of a ring buffer to the next.
pub fn once(captures: &[Observations]) -> Vec<UdpConnection> {
    /// Longer than this a running transport is not silent: it keeps itself alive. [MS-RDPEUDP] 3.1.6.2
    const SILENT: i64 = 65 * time::SECOND;
    let mut all: Vec<UdpConnection> = captures.iter().flat_map(|capture| capture.udp.clone()).collect();
    all.sort_by_key(|own| (own.first, own.client, own.server));
    let mut kept: Vec<UdpConnection> = Vec::new();
    let mut latest: BTreeMap<(Endpoint, Endpoint), usize> = BTreeMap::new();
    for mut own in all {
        let key = (own.client, own.server);
        let Some(known) = latest.get(&key).copied().and_then(|at| kept.get_mut(at)) else {
            latest.insert(key, kept.len());
            kept.push(own);
            continue;
        };
        let elsewhere = known.first.at.source() != own.first.at.source();
        let initial = |of: &UdpConnection| of.offer.as_ref().map(|offer| offer.value.initial);
        let same = match (initial(known), initial(&own)) {
            (Some(a), Some(b)) => a == b,
            _ => own.first.time - known.last.time <= SILENT,
        };
        if !elsewhere || !same {
            latest.insert(key, kept.len());
            kept.push(own);
        } else if own.first.time > known.last.time && own.offer.is_none() {
            known.append(&own);
            known.also_in.push(own.first.at.source());
        } else {
            let count = |of: &UdpConnection| of.to_server.datagrams + of.to_client.datagrams;
            if count(&own) > count(known) {
                std::mem::swap(known, &mut own);
                known.also_in.append(&mut own.also_in);
            }
            known.also_in.push(own.first.at.source());
        }
    }
    kept
}
