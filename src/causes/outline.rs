//! Connections of a flood whose segments are alike are read once.
//!
//! The outline of a short flow is all of its segments without what differs from one to the next and says nothing:
//! addresses, ports, where its numbers begin, moments. What has one outline has one [`Pattern`]. Decides nothing.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::pattern::{Pattern, magnitude};
use crate::base::keyed::KeyedMap;
use crate::base::{Mark, Timestamp, Window};
use crate::connection::ended::Ended;
use crate::connection::stages::PATIENCE;
use crate::connection::{Connection, Stage};
use crate::correlate::surroundings::{ALONE, LONG_SILENCE, Other};
use crate::packet::TcpFlags;
use crate::stream::flow::WENT_ON_AFTER;
use crate::stream::{Side, Young};

/// Takes what is hashed as it is: equal bytes mean equal values, not just equal sums.
#[derive(Debug, Default)]
pub struct Bytes(pub Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// What is read of a connection, but for addresses and moments.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The bytes of its pattern.
    pub pattern: Box<[u8]>,
    /// How far it came.
    pub reached: Stage,
    /// What the others are to know of it, by the addresses and moments of the one that was read.
    other: Other,
    /// Which segment showed these: its request, that it was accepted, when the server fell silent.
    request: Option<usize>,
    accepted: Option<usize>,
    silent: Option<usize>,
}

/// What a thread has read.
#[derive(Default)]
struct Known {
    /// By outline; nothing where an outline does not tell all.
    readings: KeyedMap<Box<[u8]>, Option<Rc<Reading>>>,
    /// Room for the next outline.
    outline: Vec<u8>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Outlines that are kept. Past it they are read anew.
const MOST: usize = 8192;
/// Segments of an outline at most.
const SEGMENTS: usize = 12;
/// Payload of an outline at most: a negotiation, never a TLS handshake.
const PAYLOAD: u64 = 512;

impl Reading {
    /// What was read of a connection with the same outline, or is read now.
    pub fn of(ended: &Ended<'_>) -> Option<Rc<Self>> {
        KNOWN.with_borrow_mut(|known| {
            let (young, capture_end) = ended.young()?;
            let Known { readings, outline } = known;
            self::outline(young, capture_end, outline)?;
            if let Some(read) = readings.get(outline.as_slice()) {
                return read.clone();
            }
            let read = Self::new(young, &ended.connection()).map(Rc::new);
            if readings.len() >= MOST {
                readings.clear();
            }
            readings.insert(outline.as_slice().into(), read.clone());
            read
        })
    }

    /// Nothing if more bears on the connection than its outline tells.
    fn new(young: &Young<'_>, connection: &Connection) -> Option<Self> {
        let other = Other::of(connection);
        let plain = !connection.tls.is_used()
            && !connection.reached_session()
            && other.idle_before_end.is_none()
            && other.tls_passed.is_none()
            && other.certificate.is_none()
            && other.cut_at.is_none()
            && other.refused.is_none()
            && connection.first == young.first()
            && connection.last == young.end();
        let found = |mark: Option<Mark>| match mark {
            Some(mark) => young.find(mark.at).map(Some),
            None => Some(None),
        };
        let silent = other.server_silent.and(connection.flow.as_ref()?.server_habits.last);
        let mut pattern = Bytes::default();
        Pattern::of(connection).hash(&mut pattern);
        plain.then_some(())?;
        Some(Self {
            pattern: pattern.0.into(),
            reached: connection.reached,
            request: found(other.request)?,
            accepted: found(other.accepted)?,
            silent: found(silent)?,
            other,
        })
    }

    /// What the others are to know of `ended`, which is alike.
    pub fn other(&self, ended: &Ended<'_>) -> Other {
        let mark = |at: Option<usize>| ended.young()?.0.mark_at(at?);
        Other {
            client: ended.client().ip,
            client_port: ended.client().port,
            server: ended.server(),
            window: Window { start: ended.first().time, end: ended.last().time },
            first: ended.first(),
            request: mark(self.request),
            accepted: mark(self.accepted),
            server_silent: mark(self.silent).map(|mark| mark.time),
            ..self.other.clone()
        }
    }
}

/// The outline of a flow; nothing if it is too long for one.
fn outline(young: &Young<'_>, capture_end: Timestamp, out: &mut Vec<u8>) -> Option<()> {
    let items = young.items();
    let payload: u64 = items.iter().map(|item| u64::from(item.length)).sum();
    if items.len() > SEGMENTS || payload > PAYLOAD {
        return None;
    }
    out.clear();
    // Where the numbers of each side begin: at the first that is heard of.
    let mut begins: [Option<u32>; 2] = [None; 2];
    for (at, item) in items.iter().enumerate() {
        let [client, server] = &mut begins;
        let (own, other) = if item.side == Side::Client { (client, server) } else { (server, client) };
        let seq = item.seq.wrapping_sub(*own.get_or_insert(item.seq));
        let acks = item.flags.has(TcpFlags::ACK);
        let ack = if acks { item.ack.wrapping_sub(*other.get_or_insert(item.ack)) } else { 0 };
        let bits = [
            item.side == Side::Client,
            item.dont_fragment,
            item.window == 0,
            item.timestamp.is_some(),
            item.ip_id.is_some(),
            item.ip_id == Some(0),
            item.without_options,
            capture_end - item.time >= PATIENCE,
        ];
        out.push(bits.into_iter().fold(0, |all, bit| all << 1 | u8::from(bit)));
        out.extend_from_slice(&[item.flags.0, item.ttl]);
        out.extend_from_slice(&seq.to_le_bytes());
        out.extend_from_slice(&ack.to_le_bytes());
        out.extend_from_slice(&item.length.to_le_bytes());
        out.extend_from_slice(&item.mss.map_or([0; 3], |mss| with(mss.to_le_bytes())));
        out.extend_from_slice(&item.window_scale.map_or([0; 2], |scale| [1, scale]));
        out.extend_from_slice(young.payload(item));
        for before in items.iter().take(at) {
            out.push(span(item.time - before.time));
            if before.side == item.side {
                out.push(distance(item.ip_id, before.ip_id));
            }
        }
    }
    Some(())
}

/// A value that is there.
const fn with([low, high]: [u8; 2]) -> [u8; 3] {
    [1, low, high]
}

/// A length of time, told from others where somebody tells them apart.
fn span(nanos: i64) -> u8 {
    let beyond = [nanos > WENT_ON_AFTER, nanos >= ALONE, nanos >= PATIENCE, nanos >= LONG_SILENCE];
    let beyond: u32 = beyond.into_iter().map(u32::from).sum();
    u8::try_from(magnitude(nanos.max(0)) + beyond).unwrap_or(u8::MAX)
}

/// How far an identification lies from an earlier one of the same sender, as far as that says who sent first or that
/// it was forged.
fn distance(own: Option<u16>, before: Option<u16>) -> u8 {
    let (Some(own), Some(before)) = (own, before) else { return 0 };
    match own.wrapping_sub(before) {
        0 => 1,
        1..=4095 => 2,
        4096 => 3,
        4097..=61440 => 4,
        61441..=65535 => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Locator, Notes, SourceId, time};
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

    const REQUEST: &[u8] = b"\x03\x00\x00\x2a\x25\xe0\x00\x00\x00\x00\x00Cookie: mstshash=bob\r\n\x01\x00\x08\x00\x03\x00\x00\x00";
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
        let mut seqs =
            [u32::try_from(dice.of(1 << 31)).unwrap() * 2, u32::try_from(dice.of(1 << 31)).unwrap()];
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
        for (side, flags) in steps {
            let payload: &[u8] = match (flags & 8, side) {
                (0, _) => &[],
                (_, 0) => REQUEST,
                _ => CONFIRM,
            };
            now += if dice.of(5) == 0 { dice.one(&long) } else { dice.one(&gaps) };
            ids[side] = ids[side].wrapping_add(dice.one(&[1, 1, 1, 5000]));
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
                window: dice.one(&[1024, 1024, 1024, 0]),
                options: TcpOptions { none: dice.of(5) == 0, mss: Some(1460), ..TcpOptions::default() },
                ttl: dice.one(&[128, 128, 128, 64]),
                ip_id: Some(dice.one(&[ids[side], ids[side], ids[side], 0])),
                dont_fragment: true,
                length,
                captured: length,
                payload: Payload::Source(script.bytes.len()),
                head_sum: 0,
            });
            script.bytes.extend(payload);
            if !repeats {
                seqs[side] = seqs[side].wrapping_add(length + u32::from(flags & (syn | fin) > 0));
            }
        }
        script
    }

    fn young(script: &Script) -> Option<Box<Young<'_>>> {
        let source = SourceId(0);
        let (first, rest) = script.segments.split_first()?;
        let mark = Mark { time: first.time, at: Locator::Frame { source, number: first.frame } };
        let mut young = Young::begin(first, source, &script.bytes, mark)?;
        rest.iter().all(|segment| young.take(segment, source)).then(|| Box::new(young))
    }

    #[test]
    fn what_has_one_outline_is_read_the_same_by_itself() {
        let mut dice = Dice(4);
        let scripts: Vec<Script> = (0..4000).map(|number| script(&mut dice, number)).collect();
        let interest = Interest::new(&[]);
        let mut by_outline: BTreeMap<Vec<u8>, (u64, Vec<u8>)> = BTreeMap::new();
        let (mut all, mut alike) = (0, 0);
        for script in &scripts {
            let Some(young) = young(script) else { continue };
            let over = young.last().shifted(dice.one(&[0, 4 * time::SECOND, 6 * time::SECOND]));
            let flows = vec![(Kept::Young(young), over)];
            let ended = ended::ended(flows, &interest, &mut Notes::new()).pop().unwrap();
            let Some((young, _)) = ended.young() else { continue };
            all += 1;
            let mut own = Vec::new();
            outline(young, over, &mut own).unwrap();
            let Some(reading) = Reading::of(&ended) else { continue };
            let connection = ended.connection();
            let mut pattern = Bytes::default();
            Pattern::of(&connection).hash(&mut pattern);
            assert_eq!(*reading.pattern, *pattern.0, "{:#?}", script.segments);
            assert_eq!(reading.reached, connection.reached);
            let (told, alone) = (reading.other(&ended), Other::of(&connection));
            assert_eq!(format!("{told:?}"), format!("{alone:?}"), "{:#?}", script.segments);
            assert_eq!((ended.first(), ended.last()), (connection.first, connection.last));
            let known = by_outline.entry(own).or_insert((0, pattern.0));
            known.0 += 1;
            alike += u64::from(known.0 > 1);
        }
        assert!(all > 1500, "{all} are in order");
        assert!(alike > 100, "{alike} have the outline of another");
        assert!(by_outline.len() > 100);
    }
}
