//! A small network in which incidents happen: hosts, one path, TCP flows with right numbers, and two capture points.
//!
//! Every packet is made once, by its sender, and rendered at each capture point with the address (NAT), the TTL and
//! the time that it has there. Knows no cause; the library under test is not used.

use std::net::{IpAddr, SocketAddr};

use super::super::random::Random;
use super::super::support::bytes::{Nanos, SECOND};
use super::super::support::capture::conversation::{ACK, FIN, PSH, RST, SYN, Way};
use super::super::support::capture::file::Frame;
use super::super::support::capture::udp::{self, Host};
use super::log::Record;

/// One millisecond.
pub const MS: Nanos = 1_000_000;

/// Where a capture is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spot {
    Client,
    Server,
}

/// What happens to a packet on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Arrives,
    /// Lost in the middle: only its sender's side sees it.
    Lost,
    /// Made in the middle, with this TTL where it arrives: only the receiver's side sees it.
    Forged(u8),
    /// Damaged in the middle: its receiver drops it.
    Damaged,
}

/// A computer.
pub struct Computer {
    pub ip: IpAddr,
    ttl: u8,
    id: u16,
}

struct End {
    next: u32,
    received: u32,
    window: u16,
    owes: Option<Nanos>,
    last: (u32, Vec<u8>),
}

/// One TCP connection.
pub struct Flow {
    pub client: SocketAddr,
    pub server: SocketAddr,
    /// The client as the server sees it.
    pub outside: SocketAddr,
    hosts: [usize; 2],
    ends: [End; 2],
    pub mss: u16,
    /// When the server's side had the last segment of the handshake.
    pub accepted: Nanos,
    answered: bool,
    /// A leg that only this capture point sees, as of a device that ends connections and opens its own.
    pub only: Option<Spot>,
}

/// Hosts, flows, what the capture points saw, and what the logs hold.
pub struct World {
    pub random: Random,
    /// The moment that the story has come to.
    pub now: Nanos,
    /// From end to end, one way.
    pub delay: Nanos,
    hops: u8,
    pub computers: Vec<Computer>,
    pub flows: Vec<Flow>,
    seen: [Vec<Frame>; 2],
    /// Added to the stamps of each capture.
    pub clocks: [Nanos; 2],
    pub records: Vec<Record>,
    made: u64,
}

impl World {
    pub fn new(mut random: Random, start: Nanos) -> Self {
        let delay = (1 + random.below(24) as Nanos) * MS + random.below(900_000) as Nanos;
        let hops = 2 + random.below(12) as u8;
        Self {
            random,
            now: start,
            delay,
            hops,
            computers: Vec::new(),
            flows: Vec::new(),
            seen: [Vec::new(), Vec::new()],
            clocks: [0, 0],
            records: Vec::new(),
            made: 0,
        }
    }

    /// A number of its own for each call, to seed filler bytes.
    pub fn fresh(&mut self) -> u64 {
        self.made += 1;
        self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    pub fn computer(&mut self, ip: IpAddr, ttl: u8) -> usize {
        let id = self.random.next() as u16;
        self.computers.push(Computer { ip, ttl, id });
        self.computers.len() - 1
    }

    pub fn flow(&mut self, client: (usize, u16), server: (usize, u16), outside: Option<SocketAddr>) -> usize {
        let address = |(host, port): (usize, u16)| SocketAddr::new(self.computers[host].ip, port);
        let (from, to) = (address(client), address(server));
        let mut end = || End {
            next: self.random.next() as u32,
            received: 0,
            window: 1020 + self.random.below(8) as u16,
            owes: None,
            last: (0, Vec::new()),
        };
        let ends = [end(), end()];
        self.flows.push(Flow {
            client: from,
            server: to,
            outside: outside.unwrap_or(from),
            hosts: [client.0, server.0],
            ends,
            mss: 1460,
            accepted: 0,
            answered: false,
            only: None,
        });
        self.flows.len() - 1
    }

    pub fn wait(&mut self, time: Nanos) {
        self.now += time;
    }

    /// Some time between the two, in milliseconds.
    pub fn pause(&mut self, least: i64, most: i64) {
        let span = ((most - least) * 1000).max(1) as usize;
        self.now += least * MS + self.random.below(span) as Nanos * 1000;
    }

    // Segments.

    pub fn syn(&mut self, flow: usize, fate: Fate) {
        let sequence = self.flows[flow].ends[0].next;
        self.segment(flow, Way::ToServer, SYN, sequence, &[], fate);
        self.flows[flow].ends[1].received = sequence.wrapping_add(1);
    }

    pub fn syn_ack(&mut self, flow: usize, fate: Fate) {
        let sequence = self.flows[flow].ends[1].next;
        self.segment(flow, Way::ToClient, SYN | ACK, sequence, &[], fate);
    }

    /// The three-way handshake; afterwards it is the moment when the client has sent its ACK.
    pub fn open(&mut self, flow: usize) {
        self.syn(flow, Fate::Arrives);
        self.now += self.delay + 60_000;
        self.syn_ack(flow, Fate::Arrives);
        self.established(flow);
        self.now += self.delay + 40_000;
        self.bare(flow, Way::ToServer, ACK, Fate::Arrives);
        self.flows[flow].accepted = self.now + self.delay;
    }

    pub fn established(&mut self, flow: usize) {
        let it = &mut self.flows[flow];
        for end in &mut it.ends {
            end.next = end.next.wrapping_add(1);
        }
        it.ends[0].received = it.ends[1].next;
        it.answered = true;
    }

    /// Data that arrives; afterwards it is the moment of its arrival.
    pub fn say(&mut self, flow: usize, way: Way, bytes: &[u8]) {
        self.settle(flow);
        let mss = usize::from(self.flows[flow].mss);
        let pieces: Vec<Vec<u8>> = bytes.chunks(mss).map(<[u8]>::to_vec).collect();
        let count = pieces.len();
        for (at, piece) in pieces.into_iter().enumerate() {
            let last = at + 1 == count;
            let end = &mut self.flows[flow].ends[way as usize];
            let sequence = end.next;
            end.next = sequence.wrapping_add(piece.len() as u32);
            self.segment(flow, way, if last { PSH | ACK } else { ACK }, sequence, &piece, Fate::Arrives);
            self.flows[flow].ends[way as usize].last = (sequence, piece);
            if !last {
                self.now += 20_000;
            }
        }
        self.now += self.delay;
        let end = self.flows[flow].ends[way as usize].next;
        let back = way.back();
        self.flows[flow].ends[back as usize].received = end;
        self.flows[flow].ends[back as usize].owes = Some(self.now);
        if count > 1 {
            self.bare(flow, back, ACK, Fate::Arrives);
        }
    }

    /// Data that does not arrive; afterwards it is the moment of sending.
    pub fn say_in_vain(&mut self, flow: usize, way: Way, bytes: &[u8], fate: Fate) {
        self.settle(flow);
        let mss = usize::from(self.flows[flow].mss);
        let first = bytes.len().min(mss);
        let end = &mut self.flows[flow].ends[way as usize];
        let sequence = end.next;
        end.next = sequence.wrapping_add(bytes.len() as u32);
        end.last = (sequence, bytes[..first].to_vec());
        let mut at = 0;
        while at < bytes.len() {
            let piece = bytes[at..(at + mss).min(bytes.len())].to_vec();
            self.segment(flow, way, PSH | ACK, sequence.wrapping_add(at as u32), &piece, fate);
            at += piece.len();
        }
    }

    /// Data of which the first segment is lost and the rest, shorter, arrives and is answered by a duplicate ACK.
    pub fn say_first_lost(&mut self, flow: usize, way: Way, bytes: &[u8]) {
        self.settle(flow);
        let mss = usize::from(self.flows[flow].mss);
        let sequence = self.flows[flow].ends[way as usize].next;
        self.flows[flow].ends[way as usize].last = (sequence, bytes[..mss].to_vec());
        self.segment(flow, way, ACK, sequence, &bytes[..mss], Fate::Lost);
        self.now += 20_000;
        let tail = sequence.wrapping_add(mss as u32);
        self.segment(flow, way, PSH | ACK, tail, &bytes[mss..], Fate::Arrives);
        self.flows[flow].ends[way as usize].next = tail.wrapping_add((bytes.len() - mss) as u32);
        let back = self.delay;
        self.now += back;
        self.bare(flow, way.back(), ACK, Fate::Arrives);
    }

    /// The last data again, `times` times, the gaps doubling.
    pub fn ladder(&mut self, flow: usize, way: Way, times: usize, first_gap: Nanos, fate: Fate) {
        let mut gap = first_gap;
        for _ in 0..times {
            self.now += gap;
            gap *= 2;
            let (sequence, piece) = self.flows[flow].ends[way as usize].last.clone();
            self.segment(flow, way, PSH | ACK, sequence, &piece, fate);
        }
    }

    /// The last data again, and this time it arrives.
    pub fn again(&mut self, flow: usize, way: Way) {
        let (sequence, piece) = self.flows[flow].ends[way as usize].last.clone();
        self.segment(flow, way, PSH | ACK, sequence, &piece, Fate::Arrives);
        self.now += self.delay;
        let next = self.flows[flow].ends[way as usize].next;
        let end = &mut self.flows[flow].ends[way.back() as usize];
        end.received = next;
        end.owes = Some(self.now);
    }

    /// A segment without data.
    pub fn bare(&mut self, flow: usize, way: Way, flags: u8, fate: Fate) {
        let it = &mut self.flows[flow];
        let refuses = flags & RST != 0 && way == Way::ToClient && !it.answered;
        let sequence = if refuses { 0 } else { it.ends[way as usize].next };
        self.segment(flow, way, flags, sequence, &[], fate);
        if flags & FIN != 0 {
            let it = &mut self.flows[flow];
            it.ends[way as usize].next = sequence.wrapping_add(1);
            if fate == Fate::Arrives {
                it.ends[way.back() as usize].received = sequence.wrapping_add(1);
            }
        }
    }

    pub fn rst(&mut self, flow: usize, way: Way) {
        self.settle(flow);
        self.bare(flow, way, RST | ACK, Fate::Arrives);
    }

    pub fn fin(&mut self, flow: usize, way: Way) {
        self.settle(flow);
        self.bare(flow, way, FIN | ACK, Fate::Arrives);
        self.now += self.delay;
    }

    pub fn ack(&mut self, flow: usize, way: Way) {
        self.bare(flow, way, ACK, Fate::Arrives);
    }

    /// The window that this side announces from now on, in units of 256 bytes.
    pub fn window(&mut self, flow: usize, way: Way, units: u16) {
        self.flows[flow].ends[way as usize].window = units;
    }

    /// Acknowledgments whose timer has ended.
    pub fn settle(&mut self, flow: usize) {
        let now = self.now;
        for way in [Way::ToServer, Way::ToClient] {
            let Some(since) = self.flows[flow].ends[way as usize].owes else { continue };
            if since + 50 * MS < now {
                self.now = since + 45 * MS;
                self.bare(flow, way, ACK, Fate::Arrives);
            }
        }
        self.now = now;
    }

    /// One byte already acknowledged, as a probe.
    pub fn probe(&mut self, flow: usize, way: Way, fate: Fate) {
        let sequence = self.flows[flow].ends[way as usize].next.wrapping_sub(1);
        self.segment(flow, way, ACK, sequence, &[0], fate);
    }

    fn segment(&mut self, flow: usize, way: Way, flags: u8, sequence: u32, payload: &[u8], fate: Fate) {
        let it = &mut self.flows[flow];
        let end = &it.ends[way as usize];
        let ack = if flags & ACK == 0 { 0 } else { end.received };
        let window = match flags {
            _ if flags & SYN != 0 => 64_240,
            _ if flags & RST != 0 => 0,
            _ => end.window,
        };
        let options: Vec<u8> = if flags & SYN == 0 {
            Vec::new()
        } else {
            [&[2, 4][..], &it.mss.to_be_bytes(), &[1, 3, 3, 8, 1, 1, 4, 2]].concat()
        };
        let mut tail = sequence.to_be_bytes().to_vec();
        tail.extend_from_slice(&ack.to_be_bytes());
        tail.extend_from_slice(&[(5 + options.len() as u8 / 4) << 4, flags]);
        tail.extend_from_slice(&window.to_be_bytes());
        tail.extend_from_slice(&[0, 0, 0, 0]);
        tail.extend_from_slice(&options);
        tail.extend_from_slice(payload);
        if flags & ACK != 0 && fate != Fate::Lost {
            it.ends[way as usize].owes = None;
        }
        let (hosts, only) = (it.hosts, it.only);
        let (inside, outside, server) = (it.client, it.outside, it.server);
        self.transmit(hosts, way, 6, 16, fate, only, |spot| {
            let client = if spot == Spot::Client { inside } else { outside };
            let (from, to) = if way == Way::ToServer { (client, server) } else { (server, client) };
            let mut tcp = from.port().to_be_bytes().to_vec();
            tcp.extend_from_slice(&to.port().to_be_bytes());
            tcp.extend_from_slice(&tail);
            (from.ip(), to.ip(), tcp)
        });
    }

    /// A datagram between the hosts of a flow, from and to ports of its own. `outside` is the client's port and
    /// address behind a NAT.
    pub fn datagram(&mut self, flow: usize, way: Way, ports: (u16, u16), payload: &[u8], fate: Fate) {
        let it = &self.flows[flow];
        let hosts = it.hosts;
        let (inside, outside, server) = (it.client.ip(), it.outside.ip(), it.server.ip());
        self.transmit(hosts, way, 17, 6, fate, None, |spot| {
            let client = if spot == Spot::Client { inside } else { outside };
            let ((from, from_port), (to, to_port)) = if way == Way::ToServer {
                ((client, ports.0), (server, ports.1))
            } else {
                ((server, ports.1), (client, ports.0))
            };
            let mut datagram = from_port.to_be_bytes().to_vec();
            datagram.extend_from_slice(&to_port.to_be_bytes());
            datagram.extend_from_slice(&(payload.len() as u16 + 8).to_be_bytes());
            datagram.extend_from_slice(&[0, 0]);
            datagram.extend_from_slice(payload);
            (from, to, datagram)
        });
    }

    /// A datagram beside the path, as the name server's: seen at one capture point only.
    pub fn local_datagram(&mut self, spot: Spot, from: (usize, u16), to: (usize, u16), payload: &[u8]) {
        let mut sender = self.host(from.0, 0);
        let receiver = self.host(to.0, 0);
        let data = udp::datagram(&mut sender, from.1, &receiver, to.1, payload);
        self.computers[from.0].id = sender.next_id;
        self.put(spot, self.now, data);
    }

    fn host(&self, at: usize, hops: u8) -> Host {
        let computer = &self.computers[at];
        let mut host = Host::new(&format!("computer {at}"), computer.ip, computer.ttl - hops);
        host.next_id = computer.id;
        host
    }

    #[allow(clippy::too_many_arguments)] // a packet has that many parts
    fn transmit(
        &mut self,
        hosts: [usize; 2],
        way: Way,
        protocol: u8,
        checksum_at: usize,
        fate: Fate,
        only: Option<Spot>,
        packet: impl Fn(Spot) -> (IpAddr, IpAddr, Vec<u8>),
    ) {
        let (sender, receiver) = (hosts[way as usize], hosts[way.back() as usize]);
        let (near, far) =
            if way == Way::ToServer { (Spot::Client, Spot::Server) } else { (Spot::Server, Spot::Client) };
        let build = |world: &Self, spot: Spot, ttl: u8, id: u16| {
            let (source, destination, transport) = packet(spot);
            let mut from = world.host(sender, 0);
            (from.ip, from.ttl, from.next_id) = (source, ttl, id);
            let mut to = world.host(receiver, 0);
            to.ip = destination;
            udp::frame(&mut from, &to, protocol, transport, checksum_at)
        };
        let id =
            if let Fate::Forged(_) = fate { self.random.next() as u16 } else { self.computers[sender].id };
        let ttl = self.computers[sender].ttl;
        if !matches!(fate, Fate::Forged(_)) {
            self.computers[sender].id = id.wrapping_add(1);
            if only != Some(far) {
                let data = build(self, near, ttl, id);
                self.put(near, self.now, data);
            }
        }
        if only == Some(near) {
            return;
        }
        match fate {
            Fate::Lost => {}
            Fate::Arrives => {
                let data = build(self, far, ttl - self.hops, id);
                self.put(far, self.now + self.delay, data);
            }
            Fate::Damaged => {
                let mut data = build(self, far, ttl - self.hops, id);
                let at = data.len() - 1 - self.random.below(3);
                data[at] ^= 0x41;
                self.put(far, self.now + self.delay, data);
            }
            Fate::Forged(ttl) => {
                let data = build(self, far, ttl, id);
                self.put(far, self.now + self.delay / 2, data);
            }
        }
    }

    /// The sequence number of the client's SYN, before the connection is established.
    pub fn initial(&self, flow: usize) -> u32 {
        self.flows[flow].ends[0].next
    }

    /// Sequence number of the last data segment of this direction.
    pub fn last_sequence(&self, flow: usize, way: Way) -> u32 {
        self.flows[flow].ends[way as usize].last.0
    }

    /// A frame that only this capture point sees.
    pub fn put(&mut self, spot: Spot, time: Nanos, data: Vec<u8>) {
        self.seen[spot as usize].push(Frame { time: time + self.clocks[spot as usize], data });
    }

    /// Ends the story: the capture of each side, in order of time.
    pub fn finish(&mut self) -> [Vec<Frame>; 2] {
        self.now += SECOND;
        let mut seen = std::mem::take(&mut self.seen);
        for frames in &mut seen {
            frames.sort_by_key(|frame| frame.time);
        }
        seen
    }
}
