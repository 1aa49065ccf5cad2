//! Reassembly against a model too simple to be wrong: an array of bytes and an array of what was seen.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::net::{IpAddr, Ipv4Addr};

use rdpscan::base::{Locator, Mark, SourceId, Timestamp};
use rdpscan::packet::{Endpoint, Interest, Payload, Segment, TcpFlags, TcpOptions};
use rdpscan::stream::table::Batch;
use rdpscan::stream::{Flow, FlowTable, Opening, Stream};

use super::random::Random;

const CLIENT: Endpoint = Endpoint { ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)), port: 50123 };
const SERVER: Endpoint = Endpoint { ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 20)), port: 3389 };

/// One direction as it was sent, and what of it a segment brought.
struct Model {
    isn: u32,
    sent: Vec<u8>,
    seen: Vec<bool>,
}

impl Model {
    fn new(random: &mut Random, length: usize) -> Self {
        // Every other stream wraps.
        let isn = if random.one_in(2) {
            random.next()
        } else {
            u64::MAX - u64::try_from(random.below(2 * length + 1)).unwrap()
        };
        let isn = u32::try_from(isn & 0xffff_ffff).unwrap();
        let sent = (0..length).map(|_| random.next().to_le_bytes()[3]).collect();
        Self { isn, sent, seen: vec![false; length] }
    }

    /// Missing ranges up to the last byte that was seen.
    fn missing(&self) -> Vec<(u64, u64)> {
        let end = self.seen.iter().rposition(|seen| *seen).map_or(0, |last| last + 1);
        let mut found = Vec::new();
        let mut at = 0;
        while at < end {
            let length = self.seen[at..end].iter().take_while(|seen| !**seen).count();
            if length > 0 {
                found.push((u64::try_from(at).unwrap(), u64::try_from(length).unwrap()));
            }
            at += length.max(1);
        }
        found
    }

    /// Fails where what was delivered is not what was sent and seen.
    fn compare(&self, stream: &Stream, seed: u64) {
        let missing: Vec<(u64, u64)> = stream.gaps.iter().map(|gap| (gap.offset, gap.length)).collect();
        assert_eq!(missing, self.missing(), "seed {seed}: gaps");
        assert_eq!(stream.gaps_uncounted, 0, "seed {seed}");
        let mut delivered = vec![false; self.sent.len()];
        for run in &stream.runs {
            let start = usize::try_from(run.offset).unwrap();
            let end = start + run.bytes.len();
            assert!(
                run.bytes == self.sent[start..end],
                "seed {seed}: bytes {start}..{end} are not those sent"
            );
            assert!(delivered[start..end].iter().all(|before| !before), "seed {seed}: delivered twice");
            delivered[start..end].fill(true);
            assert!(run.mark(0).is_some() && run.mark(run.bytes.len() - 1).is_some(), "seed {seed}");
        }
        if stream.beyond_head {
            assert!(delivered.iter().zip(&self.seen).all(|(got, seen)| *seen || !got), "seed {seed}");
        } else {
            assert!(delivered == self.seen, "seed {seed}: delivered is not what was seen");
        }
        let end = self.seen.iter().rposition(|seen| *seen).map_or(0, |last| last + 1);
        assert_eq!(stream.sent_end, u64::try_from(end).unwrap(), "seed {seed}");
    }
}

/// A segment of `model`, from `start` to `end` of its stream.
fn data(model: &Model, start: usize, end: usize) -> Segment {
    let length = u32::try_from(end - start).unwrap();
    Segment {
        seq: model.isn.wrapping_add(1).wrapping_add(u32::try_from(start).unwrap()),
        length,
        captured: length,
        payload: Payload::Source(start),
        head_sum: 0,
        ..segment(TcpFlags(TcpFlags::ACK))
    }
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

/// The segments of one stream: cut anywhere, some lost, repeated, overlapping, and none far from its place.
fn traffic(random: &mut Random, model: &Model) -> Vec<(usize, usize)> {
    let length = model.sent.len();
    let mut segments = Vec::new();
    let mut at = 0;
    while at < length {
        let end = (at + 1 + random.below(1460)).min(length);
        segments.push((at, end));
        if random.one_in(6) {
            // The same once more, a part of it, or more than it.
            let start = at.saturating_sub(random.below(700));
            segments.push((start, (start + 1 + random.below(1460)).min(length)));
        }
        at = end;
    }
    if random.one_in(2) {
        let lost = 1 + random.below(4);
        for _ in 0..lost {
            if segments.len() > 2 {
                segments.remove(random.below(segments.len()));
            }
        }
    }
    let near = 1 + random.below(12);
    for group in segments.chunks_mut(near) {
        random.shuffle(group);
    }
    segments
}

/// Numbers the segments and gives each its moment, 0.1 ms apart.
fn number(segments: &mut [Segment]) {
    for (segment, number) in segments.iter_mut().zip(1_u32..) {
        segment.frame = u64::from(number);
        segment.time = Timestamp::from_nanos(i64::from(number) * 100_000);
        // As a sender counts; the copies made on purpose are sent again, not captured twice.
        segment.ip_id = Some(u16::try_from(number & 0xffff).unwrap());
    }
}

/// A stream's opening, its segments, and the acknowledgement of all that was sent.
fn conversation(random: &mut Random, length: usize) -> (Model, Vec<Segment>) {
    let mut model = Model::new(random, length);
    let mut segments = vec![Segment { seq: model.isn, ..segment(TcpFlags(TcpFlags::SYN)) }];
    for (start, end) in traffic(random, &model) {
        model.seen[start..end].fill(true);
        segments.push(data(&model, start, end));
    }
    let end = model.isn.wrapping_add(1).wrapping_add(u32::try_from(length).unwrap());
    segments.push(Segment { from: SERVER, to: CLIENT, ack: end, ..segment(TcpFlags(TcpFlags::ACK)) });
    number(&mut segments);
    (model, segments)
}

fn mark(segment: &Segment) -> Mark {
    Mark { time: segment.time, at: Locator::Frame { source: SourceId(0), number: segment.frame } }
}

#[test]
fn what_a_flow_delivers_is_what_was_sent_and_seen() {
    let (mut gaps, mut repeated, mut wrapped) = (0, 0, 0);
    for seed in 0..1500 {
        let mut random = Random::new(seed);
        let length = 1 + random.below(60_000);
        let (model, segments) = conversation(&mut random, length);
        let mut flow = Flow::new(CLIENT, SERVER, Opening::Syn, 0, mark(&segments[0]));
        for segment in &segments {
            flow.apply(segment, segment.bytes(&model.sent), mark(segment));
        }
        flow.finish();
        model.compare(&flow.to_server, seed);
        gaps += flow.to_server.gaps.len();
        repeated += usize::try_from(flow.to_server.retransmissions).unwrap();
        wrapped += usize::from(model.isn.checked_add(u32::try_from(length).unwrap()).is_none());
        // The other side has acknowledged all: what is missing was lost by the capture.
        assert!(flow.to_server.gaps.iter().all(|gap| gap.acknowledged && !gap.cut), "seed {seed}");
    }
    println!("{gaps} gaps, {repeated} repeated segments, {wrapped} streams that wrap");
    assert!(gaps > 500 && repeated > 1000 && wrapped > 100, "{gaps} {repeated} {wrapped}: too tame");
}

#[test]
fn every_byte_is_counted_once() {
    let mut wrong = Vec::new();
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let (model, segments) = conversation(&mut random, 10_000);
        let mut flow = Flow::new(CLIENT, SERVER, Opening::Syn, 0, mark(&segments[0]));
        for segment in &segments {
            flow.apply(segment, segment.bytes(&model.sent), mark(segment));
        }
        flow.finish();
        let seen = u64::try_from(model.seen.iter().filter(|seen| **seen).count()).unwrap();
        if flow.to_server.bytes != seen {
            wrong.push((seed, flow.to_server.bytes, seen));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of 500 streams count their bytes wrongly, such as (seed, counted, seen) {:?}",
        wrong.len(),
        wrong.first()
    );
}

#[test]
fn cut_frames_are_gaps_that_the_snapshot_length_made() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let length = 2000 + random.below(6000);
        let mut model = Model::new(&mut random, length);
        let mut segments = vec![Segment { seq: model.isn, ..segment(TcpFlags(TcpFlags::SYN)) }];
        for start in (0..length).step_by(1000) {
            let end = (start + 1000).min(length);
            let kept = 1 + random.below(1000);
            let piece = data(&model, start, end);
            let captured = piece.length.min(u32::try_from(kept).unwrap());
            model.seen[start..start + usize::try_from(captured).unwrap()].fill(true);
            segments.push(Segment { captured, ..piece });
        }
        number(&mut segments);
        let mut flow = Flow::new(CLIENT, SERVER, Opening::Syn, 0, mark(&segments[0]));
        for segment in &segments {
            flow.apply(segment, segment.bytes(&model.sent), mark(segment));
        }
        flow.finish();
        assert!(flow.to_server.gaps.iter().all(|gap| gap.cut), "seed {seed}");
        assert_eq!(flow.to_server.sent_end, u64::try_from(length).unwrap());
        for run in &flow.to_server.runs {
            let start = usize::try_from(run.offset).unwrap();
            assert!(run.bytes == model.sent[start..start + run.bytes.len()], "seed {seed}");
        }
        let missing: u64 = flow.to_server.gaps.iter().map(|gap| gap.length).sum();
        let unseen = model.seen.iter().filter(|seen| !**seen).count();
        assert_eq!(missing, u64::try_from(unseen).unwrap(), "seed {seed}");
    }
}

#[test]
fn where_segments_disagree_the_bytes_that_came_first_stand() {
    let mut wrong = Vec::new();
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let length = 500 + random.below(4000);
        let mut model = Model::new(&mut random, length);
        let mut first: Vec<Option<u8>> = vec![None; length];
        let mut segments = vec![Segment { seq: model.isn, ..segment(TcpFlags(TcpFlags::SYN)) }];
        let mut contents = vec![Vec::new()];
        let mut pieces: Vec<(usize, usize)> = Vec::new();
        for start in (0..length).step_by(400) {
            pieces.push((start, (start + 400).min(length)));
            let other = random.below(length);
            pieces.push((other, (other + 1 + random.below(600)).min(length)));
        }
        for group in pieces.chunks_mut(5) {
            random.shuffle(group);
        }
        for (start, end) in pieces {
            let lie = random.next().to_le_bytes()[0];
            let content: Vec<u8> = model.sent[start..end].iter().map(|byte| byte ^ lie).collect();
            for (at, byte) in (start..end).zip(&content) {
                first[at].get_or_insert(*byte);
            }
            segments.push(data(&model, start, end));
            contents.push(content);
        }
        number(&mut segments);
        let mut flow = Flow::new(CLIENT, SERVER, Opening::Syn, 0, mark(&segments[0]));
        for (segment, content) in segments.iter().zip(&contents) {
            flow.apply(segment, content, mark(segment));
        }
        flow.finish();
        model.sent = first.iter().map(|byte| byte.unwrap_or(0)).collect();
        let run = &flow.to_server.runs[0];
        assert_eq!((run.offset, run.bytes.len(), flow.to_server.runs.len()), (0, length, 1), "seed {seed}");
        if run.bytes != model.sent {
            wrong.push(seed);
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of 500 streams are not what came first, such as {:?}",
        wrong.len(),
        wrong.first()
    );
}

#[test]
fn a_table_keeps_flows_apart() {
    let mut random = Random::new(7);
    let mut models = Vec::new();
    let mut segments = Vec::new();
    let mut bytes = Vec::new();
    for index in 0..40_u16 {
        let (model, own) = conversation(&mut random, 20_000);
        let base = bytes.len();
        bytes.extend_from_slice(&model.sent);
        let client = Endpoint { port: 50_000 + index, ..CLIENT };
        for mut segment in own {
            if segment.from == CLIENT {
                segment.from = client;
            } else {
                segment.to = client;
            }
            if let Payload::Source(at) = &mut segment.payload {
                *at += base;
            }
            segments.push((usize::try_from(segment.frame).unwrap() * 50 + usize::from(index), segment));
        }
        models.push(model);
    }
    segments.sort_by_key(|(order, _)| *order);
    let mut segments: Vec<Segment> = segments.into_iter().map(|(_, segment)| segment).collect();
    number(&mut segments);
    let interest = Interest::default();
    let mut table = FlowTable::default();
    for window in segments.chunks(97) {
        table.apply(Batch {
            segments: &[window],
            icmp: &[],
            source: SourceId(0),
            bytes: &bytes,
            interest: &interest,
        });
    }
    let flows = table.finish();
    assert_eq!(flows.len(), models.len());
    for flow in &flows {
        let index = usize::from(flow.client.port - 50_000);
        models[index].compare(&flow.to_server, u64::from(flow.client.port));
    }
}

/// A device opened the connection anew with the same ports: both flows run, and less is kept of both.
#[test]
fn a_flow_beside_another_is_shortened_as_well() {
    const LENGTH: usize = 60_000;
    let mut random = Random::new(7);
    let model = Model::new(&mut random, LENGTH);
    let mut segments = Vec::new();
    for (interface, isn) in [(0, 1000_u32), (1, 900_000)] {
        segments.push(Segment { interface, seq: isn, ..segment(TcpFlags(TcpFlags::SYN)) });
        for start in (0..LENGTH).step_by(1000) {
            let seq = isn + 1 + u32::try_from(start).unwrap();
            segments.push(Segment { interface, seq, ..data(&model, start, start + 1000) });
        }
    }
    number(&mut segments);
    let mut table = FlowTable::default();
    table.apply(Batch {
        segments: &[&segments],
        icmp: &[],
        source: SourceId(0),
        bytes: &model.sent,
        interest: &Interest::default(),
    });
    let before = table.held();
    assert!(table.len() == 2 && before > 2 * LENGTH);
    assert!(table.give_up(usize::MAX, Some(before - 1)).is_empty());
    // 24 KiB of each.
    assert!(table.held() < before - 2 * (LENGTH - 25_000), "{before}, then {}", table.held());
}

/// A SYN, a byte and a reset, and `again` so many seconds after them.
fn once_more(again: &Segment, later: i64) -> Flow {
    let at = |seconds: i64, number: u64, segment: Segment| Segment {
        time: Timestamp::from_nanos(seconds * 1_000_000_000),
        frame: number,
        ..segment
    };
    let syn = segment(TcpFlags(TcpFlags::SYN));
    let byte = Segment { seq: 1, length: 1, captured: 1, ..segment(TcpFlags(TcpFlags::ACK)) };
    let reset = Segment { seq: 2, ..segment(TcpFlags(TcpFlags::RST)) };
    let mut flow = Flow::new(CLIENT, SERVER, Opening::Syn, 0, mark(&syn));
    let all = [at(0, 1, syn), at(1, 2, byte), at(2, 3, reset), at(2 + later, 4, again.clone())];
    for own in &all {
        flow.apply(own, own.bytes(b"abc"), mark(own));
    }
    flow
}

/// A clock that is ahead shows once more what was said; no sender repeats himself for the first time so late.
#[test]
fn what_comes_again_late_shows_no_sender_that_goes_on() {
    let syn = segment(TcpFlags(TcpFlags::SYN));
    let byte = |seq| Segment { seq, length: 1, captured: 1, ..segment(TcpFlags(TcpFlags::ACK)) };
    for (what, again, later, goes_on, syns) in [
        ("the SYN, soon", &syn, 3, true, 2),
        ("the SYN, late", &syn, 30, false, 1),
        ("the byte, soon", &byte(1), 3, true, 1),
        ("the byte, late", &byte(1), 30, false, 1),
        ("another byte, late", &byte(2), 30, true, 1),
    ] {
        let flow = once_more(again, later);
        assert_eq!((flow.closes[0].went_on.is_some(), flow.syns.len()), (goes_on, syns), "{what}");
    }
}
