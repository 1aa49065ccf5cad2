//! What has one outline has one reading: flows that chance writes, read by outline and by themselves.

use super::*;
use crate::base::{Notes, SourceId, time};
use crate::connection::ended;
use crate::packet::{Endpoint, Interest, Payload, Segment, TcpOptions};
use crate::stream::Kept;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn of(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.of(u64::try_from(of.len()).unwrap())).unwrap()]
    }
}

const REQUEST: &[u8] =
    b"\x03\x00\x00\x2a\x25\xe0\x00\x00\x00\x00\x00Cookie: mstshash=bob\r\n\x01\x00\x08\x00\x03\x00\x00\x00";
const WHOLE_REQUEST: &[u8] =
    b"\x03\x00\x00\x2a\x25\xe0\x00\x00\x00\x00\x00Cookie: mstshash=anna\r\n\x01\x00\x08\x00\x03\x00\x00\x00";
const OF_ANOTHER: &[u8] =
    b"\x03\x00\x00\x2a\x25\xe0\x00\x00\x00\x00\x00Cookie: mstshash=Emma\r\n\x01\x00\x08\x00\x03\x00\x00\x00";
const CONFIRM: &[u8] = &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 5, 0, 0, 0];

struct Script {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
}

/// A short flow as floods have them, with whatever may differ.
fn script(dice: &mut Dice, number: u64) -> Script {
    let end = |ip: [u8; 4], port| Endpoint { ip: IpAddr::from(ip), port };
    let high = u8::try_from(number % 200).unwrap();
    let client = end([203, 0, 113, high], 40_000 + u16::try_from(number % 20_000).unwrap());
    let server = end([198, 51, 100, 1], 3389);
    let mut script = Script { bytes: vec![0; usize::from(high)], segments: Vec::new() };
    let mut seqs = [u32::try_from(dice.of(1 << 31)).unwrap() * 2, u32::try_from(dice.of(1 << 31)).unwrap()];
    let mut ids = [u16::try_from(dice.of(65_536)).unwrap(), u16::try_from(dice.of(65_536)).unwrap()];
    let mut now = i64::try_from(number).unwrap() * 7_777_777;
    let gaps = [1, 90_000, 100_001, 2 * time::MILLISECOND, 15_999_999, 16_000_000, 1_999_999_999];
    let long =
        [2 * time::SECOND, 5 * time::SECOND - 1, 5 * time::SECOND, 29 * time::SECOND, 31 * time::SECOND];
    let (syn, ack, rst, fin) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::RST, TcpFlags::FIN);
    let kinds = [
        (1, syn | ack),
        (0, ack),
        (0, rst),
        (1, rst | ack),
        (0, fin | ack),
        (1, fin | ack),
        (0, ack | 8),
        (1, ack | 8),
        (0, syn),
    ];
    let mut steps = vec![(0, syn)];
    for at in 0..dice.of(6) {
        // Mostly as it should be.
        let likely = [(1, syn | ack), (0, ack), (0, ack | 8), (1, ack | 8), (1, rst | ack)];
        let step = usize::try_from(at).unwrap();
        steps.push(if dice.of(4) > 0 && step < likely.len() { likely[step] } else { dice.one(&kinds) });
    }
    let steps = steps.into_iter().map(|(side, flags)| match (flags & 8, side) {
        (0, _) => (side, flags, Vec::new()),
        (_, 0) => (side, flags, dice.one(&[REQUEST, REQUEST, WHOLE_REQUEST, OF_ANOTHER]).to_vec()),
        _ => (side, flags, CONFIRM.to_vec()),
    });
    let steps: Vec<(usize, u8, Vec<u8>)> = steps.collect();
    // So much is said under TLS that little else may differ if any two are to be alike.
    let calm = dice.of(3) > 0;
    let steps = if calm { tls(dice, steps) } else { steps };
    // Nothing is long, and some of it on either side of the shortest of limits.
    let slow = dice.of(3) == 0;
    let odd = |dice: &mut Dice, often: u64| dice.of(if calm { 200 } else { often }) == 0;
    for (side, flags, payload) in steps {
        now += match (odd(dice, 5), calm) {
            (true, _) => dice.one(&long),
            (false, true) if slow => 64 * time::MILLISECOND + dice.one(&[0, 1, 5]) * time::MILLISECOND,
            (false, true) => 90_000,
            (false, false) => dice.one(&gaps),
        };
        ids[side] =
            ids[side].wrapping_add(if odd(dice, 4) { dice.one(&[5000, 4096, 65_533, 61_440]) } else { 1 });
        let repeats = side == 0 && flags == syn && !script.segments.is_empty();
        let seq = if repeats { script.segments[0].seq } else { seqs[side] };
        let length = u32::try_from(payload.len()).unwrap();
        script.segments.push(Segment {
            time: Timestamp::from_nanos(now),
            frame: number * 10 + u64::try_from(script.segments.len()).unwrap(),
            interface: 0,
            from: if side == 0 { client } else { server },
            to: if side == 0 { server } else { client },
            seq,
            ack: if flags & ack > 0 { seqs[1 - side] } else { 0 },
            flags: TcpFlags(flags),
            window: if odd(dice, 4) { 0 } else { 1024 },
            options: TcpOptions { none: odd(dice, 5), mss: Some(1460), ..TcpOptions::default() },
            ttl: if odd(dice, 4) { 64 } else { 128 },
            ip_id: Some(if odd(dice, 4) { 0 } else { ids[side] }),
            dont_fragment: true,
            length,
            captured: length,
            payload: Payload::Source(script.bytes.len()),
            head_sum: 0,
        });
        script.bytes.extend(&payload);
        if !repeats {
            seqs[side] = seqs[side].wrapping_add(length + u32::from(flags & (syn | fin) > 0));
        }
    }
    script
}

fn noise(dice: &mut Dice, length: usize) -> Vec<u8> {
    (0..length).map(|_| u8::try_from(dice.of(256)).unwrap()).collect()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 3, 3];
    record.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    record.extend(body);
    record
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    message[0] = kind;
    message.extend(body);
    message
}

const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

fn client_hello(dice: &mut Dice) -> Vec<u8> {
    let mut body = vec![3, dice.one(&[3, 3, 3, 1])];
    body.extend(noise(dice, 32));
    let session = dice.one(&[32, 32, 32, 0]);
    body.push(u8::try_from(session).unwrap());
    body.extend(noise(dice, session));
    body.extend([0, 4, 0xC0, dice.one(&[0x30, 0x30, 0x14]), 0x13, 0x02, 1, 0]);
    // A key share of noise.
    body.extend([0, 12, 0, 51, 0, 8, 0, 6, 0, 29, 0, 2]);
    body.extend(noise(dice, 2));
    message(1, &body)
}

fn server_hello(dice: &mut Dice) -> Vec<u8> {
    let mut body = vec![3, dice.one(&[3, 3, 1])];
    body.extend(if dice.of(8) == 0 { RETRY.to_vec() } else { noise(dice, 32) });
    body.push(4);
    body.extend(noise(dice, 4));
    body.extend(dice.one(&[[0xC0, 0x30], [0xC0, 0x14], [0x99, 0x99], [0x13, 0x02]]));
    body.extend([0, 0, 6, 0, 43, 0, 2, 3, dice.one(&[3, 4])]);
    message(2, &body)
}

/// What the two sides say behind the negotiation, mostly as it should be.
fn said(dice: &mut Dice) -> Vec<(usize, Vec<u8>)> {
    let changed = |dice: &mut Dice| {
        let mut said = record(20, &[1]);
        said.extend(record(22, &noise(dice, 40)));
        said
    };
    let mut hello = record(22, &client_hello(dice));
    if dice.of(12) == 0 {
        hello[5] = 9;
    }
    let mut flight = server_hello(dice);
    flight.extend(message(11, &[0, 0, 8, 0, 0, 5, dice.one(&[1, 2]), 2, 3, 4, 5]));
    flight.extend(message(12, &noise(dice, 20)));
    flight.extend(message(14, &[]));
    let answer = match dice.of(6) {
        0 => record(21, &[2, dice.one(&[40, 70])]),
        1 => [record(22, &flight[..60]), record(22, &flight[60..])].concat(),
        _ => record(22, &flight),
    };
    let key = [record(22, &message(16, &noise(dice, 8))), changed(dice)].concat();
    let mut said = vec![(0, hello), (1, answer), (0, key), (1, changed(dice))];
    said.truncate(usize::try_from(1 + dice.of(6)).unwrap());
    for at in 0..dice.of(5) {
        let side = usize::try_from(at % 2).unwrap();
        let lengths = [19, 19, 21, 25, 26, 28, 31, 33, 36, 40, 41, 42, 48, 53, 60, 64, 65, 80, 88, 89, 97];
        let longer = [100, 113, 129, 200, 300, 300, 301, 500, 1000];
        let length = if dice.of(5) == 0 { dice.one(&lengths) } else { dice.one(&longer) };
        said.push((
            side,
            record(if dice.of(16) == 0 { dice.one(&[21, 22]) } else { 23 }, &noise(dice, length)),
        ));
    }
    if dice.of(10) == 0 {
        let (_, last) = said.last_mut().unwrap();
        last.truncate(last.len().saturating_sub(dice.one(&[1, 3, 20])).max(1));
    }
    said
}

/// The same flow with TLS behind it, in segments that are cut anywhere.
fn tls(dice: &mut Dice, steps: Vec<(usize, u8, Vec<u8>)>) -> Vec<(usize, u8, Vec<u8>)> {
    let data = TcpFlags::ACK | 8;
    let none = Vec::new;
    let mut all = vec![(0, TcpFlags::SYN, none()), (1, TcpFlags::SYN | TcpFlags::ACK, none())];
    let mut request = dice.one(&[WHOLE_REQUEST, OF_ANOTHER]).to_vec();
    let mut said = said(dice);
    // Some do not wait for the answer.
    if dice.of(4) == 0 && said.first().is_some_and(|(side, _)| *side == 0) {
        request.extend(said.remove(0).1);
    }
    all.extend([(0, TcpFlags::ACK, none()), (0, data, request), (1, data, CONFIRM.to_vec())]);
    for (side, said) in said {
        let cut = if dice.of(20) == 0 {
            usize::try_from(dice.of(said.len().try_into().unwrap())).unwrap()
        } else {
            0
        };
        let (first, rest) = said.split_at(cut);
        all.extend(
            [first, rest].into_iter().filter(|part| !part.is_empty()).map(|part| (side, data, part.to_vec())),
        );
        if dice.of(20) == 0 {
            all.push((1 - side, TcpFlags::ACK, none()));
        }
    }
    // How it ends.
    all.extend(
        steps.into_iter().rev().take(1).filter(|(_, flags, _)| flags & (TcpFlags::RST | TcpFlags::FIN) > 0),
    );
    all
}

fn young(script: &Script) -> Option<Box<Young<'_>>> {
    let source = SourceId(0);
    let (first, rest) = script.segments.split_first()?;
    let mut young = Young::begin(first, source, &script.bytes)?;
    rest.iter().all(|segment| young.take(segment, source)).then_some(young)
}

#[test]
fn what_has_one_outline_is_read_the_same_by_itself() {
    let mut dice = Dice(4);
    let scripts: Vec<Script> = (0..20_000).map(|number| script(&mut dice, number)).collect();
    let interest = Interest::new(&[]);
    let mut by_outline: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let (mut all, mut alike, mut under_tls) = (0, 0, 0);
    for script in &scripts {
        let Some(young) = young(script) else { continue };
        let over = young.last().shifted(dice.one(&[
            0,
            1_500 * time::MILLISECOND,
            4 * time::SECOND,
            6 * time::SECOND,
        ]));
        let flows = vec![(Kept::Young(young), over)];
        let ended = ended::ended(flows, &interest, &mut Notes::new()).pop().unwrap();
        let Some((young, _)) = ended.young() else { continue };
        all += 1;
        let mut own = Vec::new();
        if outline(young, over, &mut Room::default(), &mut own).is_none() {
            continue;
        }
        let read = Reading::of(&ended, |reading| (reading.shape, reading.reached, reading.other(&ended)));
        let Some((told_shape, reached, told)) = read else { continue };
        let connection = ended.connection();
        let shape = Shape::of(&connection);
        assert_eq!(told_shape, shape, "{:#?}", script.segments);
        assert_eq!(reached, connection.reached);
        let alone = Other::of(&connection);
        assert_eq!(format!("{told:?}"), format!("{alone:?}"), "{:#?}", script.segments);
        assert_eq!((ended.first(), ended.last()), (connection.first, connection.last));
        let known = by_outline.entry(own).or_default();
        *known += 1;
        alike += u64::from(*known > 1);
        under_tls += u64::from(*known > 1 && connection.tls.is_used());
    }
    assert!(all > 1500, "{all} are in order");
    assert!(alike > 100, "{alike} have the outline of another");
    assert!(under_tls > 100, "{under_tls} of them speak TLS");
    assert!(by_outline.len() > 100);
}

/// Whether a flow in which the server resets right after the hello has an outline, if each step takes so many
/// milliseconds; and what is read of it.
fn reset_at_hello(steps: [i64; 6]) -> (bool, Shape) {
    let (server, rst) = (Endpoint { ip: IpAddr::from([198, 51, 100, 1]), port: 3389 }, TcpFlags::RST);
    let mut dice = Dice(9);
    let scripts = (0..100_000).map(|number| script(&mut dice, number));
    let is_such = |script: &Script| {
        let [_, _, _, request, confirm, hello, reset] = script.segments.as_slice() else { return false };
        let said = [request, confirm, hello].map(|segment| (segment.to == server, segment.length > 0));
        said == [(true, true), (false, true), (true, true)]
            && hello.bytes(&script.bytes).starts_with(&[22, 3, 3])
            && hello.bytes(&script.bytes).get(5) == Some(&1)
            && reset.from == server
            && reset.flags.has(rst)
            && young(script).is_some_and(|young| {
                outline(&young, young.last(), &mut Room::default(), &mut Vec::new()).is_some()
            })
    };
    let mut script = { scripts }.find(is_such).unwrap();
    let mut now = script.segments[0].time;
    for (segment, step) in script.segments.iter_mut().skip(1).zip(steps) {
        now = now.shifted(step * time::MILLISECOND);
        segment.time = now;
    }
    let young = young(&script).unwrap();
    let has_outline = outline(&young, now, &mut Room::default(), &mut Vec::new()).is_some();
    let ended = ended::ended(vec![(Kept::Young(young), now)], &Interest::new(&[]), &mut Notes::new());
    (has_outline, Shape::of(&ended.first().unwrap().connection()))
}

#[test]
fn what_may_have_crossed_is_read_by_itself() {
    let (told, answered) = reset_at_hello([100, 1, 1, 100, 1, 100]);
    let (untold, crossed) = reset_at_hello([124, 1, 1, 124, 1, 86]);
    assert!(told && !untold);
    assert_ne!(answered, crossed);
    let (told, answered_too) = reset_at_hello([102, 1, 1, 100, 1, 101]);
    assert!(told);
    assert_eq!(answered, answered_too);
}
