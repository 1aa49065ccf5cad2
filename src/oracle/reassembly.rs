//! Reassembly beside a model too simple to be wrong: an array that remembers what came first for each byte.

use std::net::{IpAddr, Ipv4Addr};

use super::Script;
use crate::base::{Locator, Mark, SourceId, Timestamp};
use crate::packet::{Endpoint, Payload, Segment, TcpFlags, TcpOptions};
use crate::stream::{Flow, Opening, Stream};

const CLIENT: Endpoint = Endpoint { ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)), port: 50123 };
const SERVER: Endpoint = Endpoint { ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 20)), port: 3389 };
/// Bytes of the stream, at most: what is kept of a direction and a little more.
const LONGEST: usize = 70_000;
/// Segments with data below which no bound on waiting pieces is met.
const UNBOUNDED: usize = 120;

/// What came first for a byte of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Nothing,
    /// A frame that was cut before it.
    Cut,
    Byte(u8),
}

/// A segment in the words of the model.
struct Piece {
    start: usize,
    length: usize,
    captured: usize,
    lie: u8,
}

/// Takes a number that begins the stream, then steps: data anywhere, cut or not, acknowledgements, pauses, endings.
pub fn reassembly(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let isn = u32::from(script.u16()) << 16 | u32::from(script.u16());
    let mut world = World::new(isn);
    while !script.is_empty() && world.number < 2_000 {
        let step = script.u8();
        match step & 7 {
            0..=4 => {
                let start = usize::from(script.u16());
                let length = match step >> 3 & 3 {
                    0 => usize::from(script.u8()),
                    1 => usize::from(script.u8()) * 8,
                    2 => 1,
                    _ => usize::from(script.u16()) & 0x3fff,
                };
                let captured = if step & 0x20 != 0 { usize::from(script.u8()).min(length) } else { length };
                // Mostly near what was sent last, as segments are.
                let start =
                    if step & 0x40 != 0 { start } else { world.end.saturating_sub(2000) + start % 4000 };
                world.data(&Piece { start, length, captured, lie: step >> 7 });
            }
            5 => world.acknowledge(u32::from(script.u16())),
            6 => world.now += i64::from(script.u8()) * 20_000_000,
            _ => world.finish(step),
        }
    }
    world.compare();
}

struct World {
    flow: Flow,
    isn: u32,
    /// As far as anything was sent.
    first: Vec<First>,
    end: usize,
    number: u64,
    now: i64,
    pieces: usize,
    /// Whether the model knows all: no bound was met, and nobody acknowledged what the capture lacks.
    exact: bool,
}

impl World {
    fn new(isn: u32) -> Self {
        let syn = Segment { seq: isn, ..segment(TcpFlags(TcpFlags::SYN)) };
        let mut flow = Flow::new(CLIENT, SERVER, Opening::Syn, 0, mark(0, 0));
        flow.apply(&syn, &[], mark(0, 0));
        Self { flow, isn, first: Vec::new(), end: 0, number: 0, now: 0, pieces: 0, exact: true }
    }

    fn apply(&mut self, segment: Segment, bytes: &[u8]) {
        self.number += 1;
        self.now += 100_000;
        let mark = mark(self.number, self.now);
        self.flow.apply(&Segment { frame: self.number, time: mark.time, ..segment }, bytes, mark);
    }

    fn data(&mut self, piece: &Piece) {
        let start = piece.start.min(LONGEST - 1);
        let length = piece.length.clamp(1, LONGEST - start);
        let captured = piece.captured.min(length);
        if self.first.len() < start + length {
            self.first.resize(start + length, First::Nothing);
        }
        let content: Vec<u8> = (start..start + captured).map(|at| byte(at) ^ piece.lie).collect();
        for (at, first) in self.first.iter_mut().enumerate().skip(start).take(length) {
            if *first == First::Nothing {
                *first = content.get(at - start).map_or(First::Cut, |byte| First::Byte(*byte));
            }
        }
        self.end = self.end.max(start + length);
        self.pieces += 1;
        self.exact &= self.pieces <= UNBOUNDED;
        let segment = Segment {
            seq: self.isn.wrapping_add(1).wrapping_add(u32::try_from(start).unwrap_or(0)),
            length: u32::try_from(length).unwrap_or(0),
            captured: u32::try_from(captured).unwrap_or(0),
            ..segment(TcpFlags(TcpFlags::ACK))
        };
        self.apply(segment, &content);
    }

    fn acknowledge(&mut self, offset: u32) {
        self.exact = false;
        let ack = self.isn.wrapping_add(1).wrapping_add(offset);
        self.apply(Segment { from: SERVER, to: CLIENT, ack, ..segment(TcpFlags(TcpFlags::ACK)) }, &[]);
    }

    fn finish(&mut self, step: u8) {
        let flags = if step & 8 == 0 { TcpFlags::FIN } else { TcpFlags::RST };
        let seq = self.isn.wrapping_add(1).wrapping_add(u32::try_from(self.end).unwrap_or(0));
        self.apply(Segment { seq, ..segment(TcpFlags(flags)) }, &[]);
    }

    fn compare(mut self) {
        self.flow.finish();
        let stream = &self.flow.to_server;
        let delivered = self.delivered(stream);
        let end = u64::try_from(self.end).unwrap_or(0);
        assert_eq!(stream.sent_end, end, "end of what was sent");
        let known = self.first.iter().filter(|first| **first != First::Nothing).count();
        let known = u64::try_from(known).unwrap_or(0);
        if !self.exact {
            assert!(stream.bytes <= end && stream.data_segments <= self.number);
            return;
        }
        assert_eq!(stream.bytes, known, "each byte is counted once");
        assert!(!stream.beyond_pending, "a bound was met by {} pieces", self.pieces);
        let missing: u64 = stream.gaps.iter().map(|gap| gap.length).sum();
        let kept = u64::try_from(self.first.iter().filter(|first| matches!(first, First::Byte(_))).count())
            .unwrap_or(0);
        if stream.gaps_uncounted == 0 {
            assert_eq!(missing, end - kept, "what is missing is what nobody brought");
        }
        if !stream.beyond_head {
            for (at, (first, delivered)) in self.first.iter().zip(delivered).enumerate() {
                assert_eq!(matches!(first, First::Byte(_)), delivered, "byte {at} is {first:?}");
            }
        }
    }

    /// Which bytes were delivered; fails where one is not what came first, or comes twice.
    fn delivered(&self, stream: &Stream) -> Vec<bool> {
        let mut delivered = vec![false; self.first.len()];
        for run in &stream.runs {
            let start = usize::try_from(run.offset).unwrap_or(usize::MAX);
            for (at, byte) in run.bytes.iter().enumerate() {
                let place = start + at;
                let before = delivered.get_mut(place).map(|known| std::mem::replace(known, true));
                assert_eq!(before, Some(false), "byte {place} twice, or beyond the end");
                assert_eq!(
                    self.first.get(place),
                    Some(&First::Byte(*byte)),
                    "byte {place} is not what came first"
                );
            }
            assert!(run.bytes.is_empty() || run.mark(run.bytes.len() - 1).is_some());
        }
        delivered
    }
}

/// What stands at a place of the stream.
fn byte(at: usize) -> u8 {
    let [low, high, ..] = at.wrapping_mul(0x9e37).to_le_bytes();
    low ^ high
}

const fn mark(number: u64, nanos: i64) -> Mark {
    Mark { time: Timestamp::from_nanos(nanos), at: Locator::Frame { source: SourceId(0), number } }
}

fn segment(flags: TcpFlags) -> Segment {
    Segment {
        time: Timestamp::from_nanos(0),
        frame: 0,
        interface: 0,
        from: CLIENT,
        to: SERVER,
        seq: 0,
        ack: 0,
        flags,
        window: 1024,
        options: TcpOptions::default(),
        ttl: 64,
        ip_id: None,
        dont_fragment: true,
        length: 0,
        captured: 0,
        payload: Payload::Source(0),
        head_sum: 0,
    }
}
