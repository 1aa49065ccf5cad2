//! A TCP conversation between two hosts, frame by frame, with correct numbers and checksums.
//!
//! Knows TCP only. Acknowledges as Windows does: with the next data, after two segments, or late by a timer.

use super::file::Frame;
use super::udp::{Host, frame};
use crate::support::bytes::{Nanos, hash};
use std::collections::BTreeMap;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;

/// After this a pure ACK is sent when nothing else carries it.
const DELAYED_ACK: Nanos = 50_000_000;
/// Between two segments of one flight.
const NEXT_SEGMENT: Nanos = 20_000;

/// The direction of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    ToServer,
    ToClient,
}

impl Way {
    /// The other direction.
    pub fn back(self) -> Self {
        if self == Self::ToServer { Self::ToClient } else { Self::ToServer }
    }
}

/// What one end of the conversation knows.
#[derive(Clone)]
struct End {
    host: String,
    port: u16,
    next: u32,
    received: u32,
    window: u16,
    /// Last data segment: its sequence number and bytes.
    last: (u32, Vec<u8>),
    /// Data came at this time and was not acknowledged yet.
    owes_ack: Option<Nanos>,
}

/// One TCP connection.
#[derive(Clone)]
pub struct Conversation {
    ends: [End; 2],
    mss: u16,
    /// From a frame at the capture point until what it causes at the far end is seen here, to the server and back.
    pub delay: [Nanos; 2],
    /// The server has answered the SYN.
    answered: bool,
    closed: bool,
}

impl Conversation {
    /// A connection that has not begun. `delay` is the round trip from the capture point to server and client.
    pub fn new(
        label: &str,
        client: (String, u16),
        server: (String, u16),
        mss: u16,
        delay: [Nanos; 2],
    ) -> Self {
        let end = |(host, port): (String, u16), side: &str| End {
            host,
            port,
            next: hash(&format!("{label} {side}")) as u32,
            received: 0,
            window: 1026,
            last: (0, Vec::new()),
            owes_ack: None,
        };
        Self {
            ends: [end(client, "client"), end(server, "server")],
            mss,
            delay,
            answered: false,
            closed: false,
        }
    }

    /// The three-way handshake; returns the time of its last frame.
    pub fn open(&mut self, hosts: &mut BTreeMap<String, Host>, out: &mut Vec<Frame>, time: Nanos) -> Nanos {
        self.syn(hosts, out, time);
        let answer = time + self.delay[0];
        self.syn_ack(hosts, out, answer);
        let ack = answer + self.delay[1];
        self.bare(hosts, out, ack, Way::ToServer, ACK);
        ack
    }

    /// A SYN; a second one repeats the first.
    pub fn syn(&mut self, hosts: &mut BTreeMap<String, Host>, out: &mut Vec<Frame>, time: Nanos) {
        let sequence = self.ends[0].next;
        self.emit(hosts, out, time, Way::ToServer, SYN, sequence, &[]);
        self.ends[1].received = sequence.wrapping_add(1);
    }

    /// The server's answer.
    pub fn syn_ack(&mut self, hosts: &mut BTreeMap<String, Host>, out: &mut Vec<Frame>, time: Nanos) {
        let sequence = self.ends[1].next;
        self.emit(hosts, out, time, Way::ToClient, SYN | ACK, sequence, &[]);
        for end in &mut self.ends {
            end.next = end.next.wrapping_add(1);
        }
        self.ends[0].received = self.ends[1].next;
        self.answered = true;
    }

    /// Sends `payload` in segments of at most the MSS; `delivered` tells whether the other end got them.
    /// Returns the time of the last frame.
    pub fn send(
        &mut self,
        hosts: &mut BTreeMap<String, Host>,
        out: &mut Vec<Frame>,
        time: Nanos,
        way: Way,
        payload: &[u8],
        delivered: bool,
    ) -> Nanos {
        let (from, to) = (way as usize, way.back() as usize);
        let mut now = time;
        let pieces: Vec<&[u8]> = payload.chunks(usize::from(self.mss)).collect();
        for (index, piece) in pieces.iter().enumerate() {
            now = time + index as Nanos * NEXT_SEGMENT;
            let sequence = self.ends[from].next;
            let flags = if index + 1 == pieces.len() { PSH | ACK } else { ACK };
            self.emit(hosts, out, now, way, flags, sequence, piece);
            self.ends[from].last = (sequence, piece.to_vec());
            self.ends[from].next = sequence.wrapping_add(piece.len() as u32);
        }
        if delivered {
            self.ends[to].received = self.ends[from].next;
            self.ends[to].owes_ack = Some(now);
            if pieces.len() > 1 {
                now += self.delay[from];
                self.bare(hosts, out, now, way.back(), ACK);
            }
        }
        now
    }

    /// Sends the last data segment of a direction again.
    pub fn again(
        &mut self,
        hosts: &mut BTreeMap<String, Host>,
        out: &mut Vec<Frame>,
        time: Nanos,
        way: Way,
        delivered: bool,
    ) {
        let (sequence, piece) = self.ends[way as usize].last.clone();
        self.emit(hosts, out, time, way, PSH | ACK, sequence, &piece);
        if delivered {
            let to = way.back() as usize;
            self.ends[to].received = sequence.wrapping_add(piece.len() as u32);
            self.ends[to].owes_ack = Some(time);
        }
    }

    /// A segment without data. FIN counts one; RST ends everything.
    pub fn bare(
        &mut self,
        hosts: &mut BTreeMap<String, Host>,
        out: &mut Vec<Frame>,
        time: Nanos,
        way: Way,
        flags: u8,
    ) {
        let (from, to) = (way as usize, way.back() as usize);
        // RFC 9293 3.10.7.1: a reset that refuses a SYN has sequence number zero.
        let refuses = flags & RST != 0 && way == Way::ToClient && !self.answered;
        let sequence = if refuses { 0 } else { self.ends[from].next };
        self.emit(hosts, out, time, way, flags, sequence, &[]);
        if flags & FIN != 0 {
            self.ends[from].next = sequence.wrapping_add(1);
            self.ends[to].received = self.ends[from].next;
            self.ends[to].owes_ack = Some(time);
        }
        self.closed |= flags & RST != 0;
    }

    /// A TCP keep-alive probe: one byte already acknowledged.
    pub fn keep_alive(
        &mut self,
        hosts: &mut BTreeMap<String, Host>,
        out: &mut Vec<Frame>,
        time: Nanos,
        way: Way,
    ) {
        let sequence = self.ends[way as usize].next.wrapping_sub(1);
        self.emit(hosts, out, time, way, ACK, sequence, &[0]);
    }

    /// Sends acknowledgments whose timer ends before `time`.
    pub fn settle(&mut self, hosts: &mut BTreeMap<String, Host>, out: &mut Vec<Frame>, time: Nanos) {
        for way in [Way::ToServer, Way::ToClient] {
            let Some(since) = self.ends[way as usize].owes_ack else { continue };
            let due = since + DELAYED_ACK + self.delay[way.back() as usize];
            if due < time && !self.closed {
                self.bare(hosts, out, due, way, ACK);
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // a segment has that many parts
    fn emit(
        &mut self,
        hosts: &mut BTreeMap<String, Host>,
        out: &mut Vec<Frame>,
        time: Nanos,
        way: Way,
        flags: u8,
        sequence: u32,
        payload: &[u8],
    ) {
        let (from, to) = (way as usize, way.back() as usize);
        let ack = if flags & ACK == 0 { 0 } else { self.ends[from].received };
        let window = match flags {
            _ if flags & SYN != 0 => 64_240,
            _ if flags & RST != 0 => 0,
            _ => self.ends[from].window,
        };
        // MSS, window scale 8, SACK permitted: the options of a Windows SYN. Windows sends no timestamps.
        let options: Vec<u8> = if flags & SYN == 0 {
            Vec::new()
        } else {
            [&[2, 4][..], &self.mss.to_be_bytes(), &[1, 3, 3, 8, 1, 1, 4, 2]].concat()
        };
        let mut tcp = self.ends[from].port.to_be_bytes().to_vec();
        tcp.extend_from_slice(&self.ends[to].port.to_be_bytes());
        tcp.extend_from_slice(&sequence.to_be_bytes());
        tcp.extend_from_slice(&ack.to_be_bytes());
        tcp.extend_from_slice(&[(5 + options.len() as u8 / 4) << 4, flags]);
        tcp.extend_from_slice(&window.to_be_bytes());
        tcp.extend_from_slice(&[0, 0, 0, 0]);
        tcp.extend_from_slice(&options);
        tcp.extend_from_slice(payload);
        let receiver = hosts[&self.ends[to].host].clone();
        let sender = hosts.get_mut(&self.ends[from].host).expect("a host line for both ends");
        out.push(Frame { time, data: frame(sender, &receiver, 6, tcp, 16) });
        if flags & ACK != 0 {
            self.ends[from].owes_ack = None;
        }
    }
}
