//! What a capture shows besides its RDP connections: hosts, names, lost fragments, side channels.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::kerberos::KerberosError;
use super::lookup::Lookup;
use super::room::Room;
use super::signs::{Life, Signs};
use super::udp::UdpConnection;
use crate::base::{Locator, Mark, Observed, SourceId, Window};
use crate::packet::neighbour::Sign;
use crate::packet::{IcmpError, LostDatagram, Neighbour};

/// What a capture shows besides its RDP connections.
#[derive(Clone, Debug)]
pub struct Observations {
    /// The capture.
    pub source: SourceId,
    /// The first file of the ring buffer that it is a file of; itself, where it stands alone. What is seen of hosts and
    /// UDP is told of the last file.
    pub point: SourceId,
    /// From its first to its last frame.
    pub window: Option<Window>,
    /// Packets that the capture itself says it dropped.
    pub drops: u64,
    /// Signs of hosts.
    pub hosts: Hosts,
    /// Name resolution.
    pub lookups: Vec<Lookup>,
    /// ICMP errors about flows that were not captured, or cut off before the ports.
    pub orphans: Vec<IcmpError>,
    /// Datagrams of which fragments are missing.
    pub lost_datagrams: Vec<LostDatagram>,
    /// ICMP errors that tell of fragments missing at the receiver.
    pub reassembly_timeouts: Vec<IcmpError>,
    /// UDP conversations on RDP ports, in order of their first datagram.
    pub udp: Vec<UdpConnection>,
    /// Errors of Kerberos, in order of frames.
    pub kerberos: Vec<Observed<KerberosError>>,
}

impl Observations {
    /// Of a capture that shows nothing.
    pub fn nothing(source: SourceId, point: SourceId) -> Self {
        Self {
            source,
            point,
            window: None,
            drops: 0,
            hosts: Hosts::default(),
            lookups: Vec::new(),
            orphans: Vec::new(),
            lost_datagrams: Vec::new(),
            reassembly_timeouts: Vec::new(),
            udp: Vec::new(),
            kerberos: Vec::new(),
        }
    }

    /// The room that it takes.
    pub fn takes(&self) -> Room {
        Room {
            lookups: self.lookups.len(),
            kerberos: self.kerberos.len(),
            lost: self.lost_datagrams.len(),
            udp: self.udp.len(),
            ..self.hosts.takes()
        }
    }

    /// What the point shows at which a capture was taken: its first file, from when to when, and how much it dropped.
    pub fn point_of(captures: &[Self], source: SourceId) -> Option<(SourceId, Window, u64)> {
        let point = captures.iter().find(|capture| capture.source == source)?.point;
        let files = captures.iter().filter(|capture| capture.point == point);
        let mut window: Option<Window> = None;
        let mut drops = 0_u64;
        for file in files {
            drops = drops.saturating_add(file.drops);
            if let Some(own) = file.window {
                let all = window.get_or_insert(own);
                all.include(own.start);
                all.include(own.end);
            }
        }
        Some((point, window?, drops))
    }
}

/// Which hosts are there, by what they said on the wire.
#[derive(Clone, Debug)]
pub struct Hosts {
    by_ip: BTreeMap<IpAddr, Host>,
    /// Whether any of them [is heard](Host::is_heard).
    heard: bool,
    /// Signs of life behind the first of each kind.
    later: Signs,
    most: usize,
    /// Signs of hosts that found no room.
    pub left_out: u64,
}

impl Default for Hosts {
    fn default() -> Self {
        Self::within(Room::OF_ONE)
    }
}

/// What was seen of one host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Times somebody asked for its hardware address since it was told last: first, last and how often.
    pub asked: Option<(Mark, Mark, u32)>,
    /// Who asked first.
    pub asked_by: Option<IpAddr>,
    /// Its hardware address, when it was told first.
    pub told: Option<Observed<[u8; 6]>>,
    /// Another hardware address for the same IP address.
    pub told_otherwise: Option<Observed<[u8; 6]>>,
    /// It answered a ping, for the first time.
    pub echoed: Option<Mark>,
    /// It accepted a TCP connection on another port, for the first time.
    pub accepted: Option<Observed<u16>>,
}

/// A host that nobody answers for in the capture's own segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Its address.
    pub ip: IpAddr,
    /// Who asked for its hardware address.
    pub asker: Option<IpAddr>,
    /// The first question.
    pub first: Mark,
    /// The last question.
    pub last: Mark,
    /// How many there were.
    pub count: u32,
}

impl Hosts {
    /// None yet, and room for so many.
    pub const fn within(room: Room) -> Self {
        Self {
            by_ip: BTreeMap::new(),
            heard: false,
            later: Signs::within(room.signs),
            most: room.hosts,
            left_out: 0,
        }
    }

    /// The room that they take.
    pub fn takes(&self) -> Room {
        Room { hosts: self.by_ip.len(), signs: self.later.len(), ..Room::default() }
    }

    /// Takes one sign.
    pub fn take(&mut self, source: SourceId, neighbour: &Neighbour) {
        let mark = Mark { time: neighbour.time, at: Locator::Frame { source, number: neighbour.frame } };
        let ip = match neighbour.sign {
            Sign::Asked(ip, _) | Sign::Told(ip, _) | Sign::Echoed(ip) | Sign::Accepted(ip, _) => ip,
        };
        if !self.by_ip.contains_key(&ip) && self.by_ip.len() >= self.most {
            self.left_out += 1;
            return;
        }
        let host = self.by_ip.entry(ip).or_default();
        let life = match neighbour.sign {
            Sign::Asked(_, by) => {
                host.asked_by.get_or_insert(by);
                let (first, count) = host.asked.map_or((mark, 0), |(first, _, count)| (first, count));
                host.asked = Some((first, mark, count + 1));
                return;
            }
            Sign::Told(_, address) => {
                host.asked = None;
                Life::Told(address)
            }
            Sign::Echoed(_) => Life::Echoed,
            Sign::Accepted(_, port) => Life::Accepted(port),
        };
        self.heard |= !matches!(life, Life::Told(_));
        if !host.keep_first(mark, life) {
            self.later.take(ip, mark.of(life));
        }
    }

    /// The signs that a host was there within a window, of each kind the first and the last of every few seconds; in no
    /// order. Of a long capture with many hosts fewer are kept.
    pub fn signs(&self, ip: IpAddr, within: Window) -> impl Iterator<Item = Observed<Life>> {
        let first = self.of(ip).into_iter().flat_map(Host::first_signs);
        first.filter(move |sign| within.contains(sign.time)).chain(self.later.of(ip, within))
    }

    /// Whether an IP packet of any of them was seen.
    pub const fn are_heard(&self) -> bool {
        self.heard
    }

    /// Every host, in order of addresses.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, &Host)> {
        self.by_ip.iter().map(|(ip, host)| (*ip, host))
    }

    /// What was seen of a host.
    pub fn of(&self, ip: IpAddr) -> Option<&Host> {
        self.by_ip.get(&ip)
    }
}

impl Host {
    /// Whether an IP packet of its own was seen: ARP alone is heard where the packets of one direction are not captured.
    pub const fn is_heard(&self) -> bool {
        self.accepted.is_some() || self.echoed.is_some()
    }

    /// Keeps the first sign of each kind, and the first of another hardware address. Whether this is of a kind that was
    /// not seen before.
    fn keep_first(&mut self, mark: Mark, life: Life) -> bool {
        let is_first = self.first_signs().all(|known| known.value.rank() != life.rank());
        match life {
            Life::Accepted(port) if is_first => self.accepted = Some(mark.of(port)),
            Life::Echoed if is_first => self.echoed = Some(mark),
            Life::Told(address) if is_first => self.told = Some(mark.of(address)),
            Life::Told(address) if self.told.is_some_and(|known| known.value != address) => {
                self.told_otherwise.get_or_insert(mark.of(address));
            }
            _ => {}
        }
        is_first
    }

    /// The first sign of each kind.
    fn first_signs(&self) -> impl Iterator<Item = Observed<Life>> + use<> {
        let accepted = self.accepted.map(|accepted| accepted.map(Life::Accepted));
        let echoed = self.echoed.map(|mark| mark.of(Life::Echoed));
        let told = self.told.map(|told| told.map(Life::Told));
        [accepted, echoed, told].into_iter().flatten()
    }

    /// Whether it was ever there.
    pub fn was_there(&self) -> bool {
        self.first_signs().next().is_some()
    }
}
