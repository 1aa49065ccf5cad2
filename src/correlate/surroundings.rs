//! What one incident cannot know alone: other attempts and how they ended, hosts that answered, events that
//! explain from far away, what captures and logs can speak for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::attempt::Joined;
use super::coverage::Coverage;
use crate::base::{Locator, Mark, Observed, SourceId, Timestamp, Window, time};
use crate::connection::lookup::Lookup;
use crate::connection::{Connection, Outcome, Stage};
use crate::packet::neighbour::Sign;
use crate::packet::{Endpoint, IcmpError, LostDatagram, Neighbour};

/// What a capture shows besides its RDP connections.
#[derive(Clone, Debug)]
pub struct Observations {
    /// The capture.
    pub source: SourceId,
    /// From its first to its last frame.
    pub window: Option<Window>,
    /// Signs of hosts.
    pub hosts: Hosts,
    /// Name resolution.
    pub lookups: Vec<Lookup>,
    /// ICMP errors about flows that were not captured.
    pub orphans: Vec<IcmpError>,
    /// Datagrams of which fragments are missing.
    pub lost_datagrams: Vec<LostDatagram>,
    /// ICMP errors that tell of fragments missing at the receiver.
    pub reassembly_timeouts: Vec<IcmpError>,
    /// UDP datagrams of the side channel: endpoints, from the client's side, and how many each way.
    pub side_channels: BTreeMap<(Endpoint, Endpoint), SideChannel>,
}

/// One UDP conversation on an RDP port.
#[derive(Clone, Copy, Debug)]
pub struct SideChannel {
    /// First datagram.
    pub first: Mark,
    /// Last datagram.
    pub last: Mark,
    /// Datagrams to the server.
    pub to_server: u64,
    /// Datagrams to the client.
    pub to_client: u64,
}

/// Which hosts are there, by what they said on the wire.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    by_ip: BTreeMap<IpAddr, Host>,
}

/// What was seen of one host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Times somebody asked for its hardware address: first, last and how often.
    pub asked: Option<(Mark, Mark, u32)>,
    /// Its hardware address, when it was told.
    pub told: Option<Observed<[u8; 6]>>,
    /// Another hardware address for the same IP address.
    pub told_otherwise: Option<Observed<[u8; 6]>>,
    /// It answered a ping.
    pub echoed: Option<Mark>,
    /// It accepted a TCP connection on another port.
    pub accepted: Option<Observed<u16>>,
}

/// Hosts that are remembered.
const MAX_HOSTS: usize = 65_536;

impl Hosts {
    /// Takes one sign.
    pub fn take(&mut self, source: SourceId, neighbour: &Neighbour) {
        let mark = Mark { time: neighbour.time, at: Locator::Frame { source, number: neighbour.frame } };
        let ip = match neighbour.sign {
            Sign::Asked(ip) | Sign::Told(ip, _) | Sign::Echoed(ip) | Sign::Accepted(ip, _) => ip,
        };
        if !self.by_ip.contains_key(&ip) && self.by_ip.len() >= MAX_HOSTS {
            return;
        }
        let host = self.by_ip.entry(ip).or_default();
        match neighbour.sign {
            Sign::Asked(_) => {
                let (first, count) = host.asked.map_or((mark, 0), |(first, _, count)| (first, count));
                host.asked = Some((first, mark, count + 1));
            }
            Sign::Told(_, address) => match host.told {
                None => host.told = Some(mark.of(address)),
                Some(known) if known.value != address => {
                    host.told_otherwise.get_or_insert(mark.of(address));
                }
                Some(_) => {}
            },
            Sign::Echoed(_) => {
                host.echoed.get_or_insert(mark);
            }
            Sign::Accepted(_, port) => {
                host.accepted.get_or_insert(mark.of(port));
            }
        }
    }

    /// What was seen of a host.
    pub fn of(&self, ip: IpAddr) -> Option<&Host> {
        self.by_ip.get(&ip)
    }
}

impl Host {
    /// The best sign that the host is there: a fragment and its place.
    pub fn alive(&self) -> Option<(String, Mark)> {
        if let Some(accepted) = &self.accepted {
            return Some((
                format!("the server accepts TCP connections on port {}", accepted.value),
                accepted.mark(),
            ));
        }
        if let Some(echoed) = self.echoed {
            return Some(("the server answers ping".into(), echoed));
        }
        let told = self.told.as_ref()?;
        let mac = told.value.map(|byte| format!("{byte:02x}")).join(":");
        Some((format!("the server answers ARP or neighbour discovery ({mac})"), told.mark()))
    }
}

/// How one attempt ended, for the others to know.
#[derive(Clone, Debug)]
pub struct Other {
    /// Who.
    pub client: IpAddr,
    /// To whom.
    pub server: Endpoint,
    /// When.
    pub window: Window,
    /// Its first frame or record.
    pub first: Mark,
    /// How far it came.
    pub reached: Stage,
    /// Whether TCP was accepted.
    pub accepted: Option<Mark>,
    /// Whether a TLS handshake was completed.
    pub tls_passed: Option<Mark>,
    /// Whether the session came up.
    pub session: bool,
    /// Whether the server ended a session abruptly.
    pub cut_at: Option<Mark>,
    /// The silence before the end, nanoseconds, if the end followed a long one.
    pub idle_before_end: Option<i64>,
}

/// What all incidents share.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Per capture.
    pub captures: Vec<Observations>,
    /// Every attempt that was seen, in order of start.
    pub others: Vec<Other>,
    /// Events that explain from far away, in order of time.
    pub far: Vec<Joined>,
    /// What the logs can speak for.
    pub coverage: Coverage,
    /// The name of the server that the user looks for.
    pub target: Option<String>,
}

impl Surroundings {
    /// What was seen of a host, in any capture.
    pub fn hosts(&self, ip: IpAddr) -> impl Iterator<Item = &Host> {
        self.captures.iter().filter_map(move |capture| capture.hosts.of(ip))
    }

    /// The best sign that a host was there.
    pub fn alive(&self, ip: IpAddr) -> Option<(String, Mark)> {
        self.hosts(ip).find_map(Host::alive)
    }

    /// Other attempts at the same server endpoint, without the one that begins at `own`.
    pub fn at_server(&self, server: Endpoint, own: Mark) -> impl Iterator<Item = &Other> {
        self.others.iter().filter(move |other| other.server == server && other.first != own)
    }

    /// The capture that holds a place.
    pub fn capture_of(&self, mark: Mark) -> Option<&Observations> {
        self.captures.iter().find(|capture| capture.source == mark.at.source())
    }

    /// Far events within a window around a moment.
    pub fn far_near(&self, window: Window) -> impl Iterator<Item = &Joined> {
        self.far.iter().filter(move |joined| window.contains(joined.corrected.unwrap_or(joined.event.time)))
    }
}

/// A silence this long before the end may be why the connection ended.
const LONG_SILENCE: i64 = 30 * time::SECOND;

impl Other {
    /// What the others need to know of a connection.
    pub fn of(connection: &Connection) -> Self {
        let flow = connection.flow.as_ref();
        let cut = connection.reached_session() && connection.outcome(Stage::Session) == Outcome::Cut;
        let idle = flow.and_then(|flow| flow.silence).filter(|silence| silence.length() >= LONG_SILENCE);
        let accepted: Option<Mark> =
            flow.filter(|flow| flow.is_established()).map(|flow| flow.handshake.unwrap_or(flow.first));
        Self {
            client: connection.client.ip,
            server: connection.server,
            window: connection.window(),
            first: connection.first,
            reached: connection.reached,
            accepted,
            tls_passed: connection.tls.finished(),
            session: connection.reached_session(),
            cut_at: cut.then(|| flow.and_then(|flow| flow.first_close()).map(|close| close.mark)).flatten(),
            idle_before_end: idle
                .filter(|silence| connection.last.time - silence.to.time < LONG_SILENCE)
                .map(|silence| silence.length()),
        }
    }

    /// Whether this attempt began within `nanos` before or after a moment.
    pub fn is_near(&self, moment: Timestamp, nanos: i64) -> bool {
        Window::at(moment).widened(nanos).overlaps(&self.window)
    }
}
