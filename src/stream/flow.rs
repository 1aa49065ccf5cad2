//! One flow: all segments between two endpoints from one opening.

use super::close::{self, Close, CloseKind};
use super::habits::{Habits, was_sent_before};
use super::limits;
use super::reassemble::{Arrival, Chunk, Stream};
use super::records::Records;
use super::sightings::{Sighting, Sightings};
use crate::base::{Mark, time};
use crate::packet::{Endpoint, IcmpError, Segment, TcpFlags};

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Who opened it.
    Client,
    /// Who was addressed.
    Server,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// `client` or `server`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// How a flow was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// With its SYN.
    Syn,
    /// With the answer to a SYN that was not captured.
    SynAck,
    /// Already running.
    MidStream,
}

/// A SYN or SYN-ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningSegment {
    /// Where and when.
    pub mark: Mark,
    /// Initial sequence number.
    pub isn: u32,
    /// Time to live.
    pub ttl: u8,
}

/// A time without any segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The last segment before.
    pub from: Mark,
    /// The first segment after.
    pub to: Mark,
}

impl Silence {
    /// How long, in nanoseconds.
    pub const fn length(&self) -> i64 {
        self.to.time.since(self.from.time)
    }
}

/// A short memory of segments, to recognise copies of the same packet.
#[derive(Clone, Copy, Debug)]
struct Fingerprint {
    seq: u32,
    ack: u32,
    length: u32,
    flags: TcpFlags,
    ip_id: Option<u16>,
    ttl: u8,
    interface: u32,
    time: crate::base::Timestamp,
}

/// Where a segment was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copied {
    /// At the same interface: a mirror port or several capture components.
    Here,
    /// At another one: two capture points.
    Elsewhere,
}

/// One flow.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Who opened it.
    pub client: Endpoint,
    /// Who was addressed.
    pub server: Endpoint,
    /// How it was first seen.
    pub opening: Opening,
    /// At which interface of the capture.
    pub interface: u32,
    /// Its first segment.
    pub first: Mark,
    /// Its last segment.
    pub last: Mark,
    /// What the client sent.
    pub to_server: Stream,
    /// What the server sent.
    pub to_client: Stream,
    /// What is typical of the client's segments.
    pub client_habits: Habits,
    /// What is typical of the server's segments.
    pub server_habits: Habits,
    /// SYNs.
    pub syns: Vec<OpeningSegment>,
    /// SYN-ACKs.
    pub syn_acks: Vec<OpeningSegment>,
    /// The client's acknowledgement of the SYN-ACK.
    pub handshake: Option<Mark>,
    /// FINs and RSTs, in the order of the file, but a FIN before the close that acknowledges it.
    pub closes: Vec<Close>,
    /// ICMP errors that quote this flow.
    pub icmp: Vec<IcmpError>,
    /// How its bytes are cut into records.
    pub records: Records,
    /// The longest silence.
    pub silence: Option<Silence>,
    /// Zeek's history: a letter per kind of event, capitals for the client.
    pub history: String,
    /// Copies of segments: mirror ports, several capture components.
    pub duplicates: u64,
    /// Copies of segments that were seen at another interface.
    pub second_vantage: u64,
    /// Keep-alive and window probes.
    pub keep_alives: u64,
    /// What each capture point saw, where there are several.
    pub sightings: Option<Box<Sightings>>,
    /// Segments of each side since the other was last heard.
    recent: [std::collections::VecDeque<Fingerprint>; 2],
}

/// Copies of one packet are captured within this time of each other.
const COPY_WINDOW: i64 = time::SECOND;
/// Where packets carry no identification, only copies within this time are taken for copies.
const BLIND_COPY_WINDOW: i64 = 200_000;
/// A segment this much later than a RST was sent after it, not captured out of order.
pub const WENT_ON_AFTER: i64 = 100_000;
/// Segments that crossed on the way, or were captured in two queues, stand this much out of order.
pub const OUT_OF_ORDER: i64 = 10 * time::MILLISECOND;
/// Who did not send the RST sends again what was not acknowledged, but soon; what comes later and is not new may be
/// another view of what was said before it, by a clock that is ahead.
const SENT_AGAIN_WITHIN: i64 = 20 * time::SECOND;
/// Every system repeats a SYN for the first time after one to three seconds; the same one that comes much later and was
/// not repeated meanwhile is another view of it, by a clock that is ahead.
const FIRST_REPEAT_WITHIN: i64 = 10 * time::SECOND;

impl Flow {
    /// A flow that begins with `segment`.
    pub fn new(client: Endpoint, server: Endpoint, opening: Opening, interface: u32, mark: Mark) -> Self {
        Self {
            client,
            server,
            opening,
            interface,
            first: mark,
            last: mark,
            to_server: Stream::new(Side::Client),
            to_client: Stream::new(Side::Server),
            client_habits: Habits::default(),
            server_habits: Habits::default(),
            syns: Vec::new(),
            syn_acks: Vec::new(),
            handshake: None,
            closes: Vec::new(),
            icmp: Vec::new(),
            records: Records::default(),
            silence: None,
            history: String::new(),
            duplicates: 0,
            second_vantage: 0,
            keep_alives: 0,
            sightings: None,
            recent: Default::default(),
        }
    }

    /// What `side` sent.
    pub const fn stream(&self, side: Side) -> &Stream {
        match side {
            Side::Client => &self.to_server,
            Side::Server => &self.to_client,
        }
    }

    /// The same, to go on with.
    pub const fn stream_mut(&mut self, side: Side) -> &mut Stream {
        match side {
            Side::Client => &mut self.to_server,
            Side::Server => &mut self.to_client,
        }
    }

    /// What is typical of `side`.
    pub const fn habits(&self, side: Side) -> &Habits {
        match side {
            Side::Client => &self.client_habits,
            Side::Server => &self.server_habits,
        }
    }

    const fn habits_mut(&mut self, side: Side) -> &mut Habits {
        match side {
            Side::Client => &mut self.client_habits,
            Side::Server => &mut self.server_habits,
        }
    }

    /// Whether a SYN with this initial sequence number opens another connection on the same ports.
    pub fn is_reopened_by(&self, isn: u32) -> bool {
        let seen_before = self.syns.iter().any(|syn| syn.isn == isn) || self.was_answered_before(isn);
        !seen_before && (!self.syns.is_empty() || !self.closes.is_empty() || self.opening != Opening::Syn)
    }

    /// Whether the flow began with the answer to a SYN of this number: a tap that merges two directions may show that first.
    fn was_answered_before(&self, isn: u32) -> bool {
        self.opening == Opening::SynAck && self.to_server.first_number() == Some(isn.wrapping_add(1))
    }

    /// Takes the next segment in file order.
    pub fn apply(&mut self, segment: &Segment, bytes: &[u8], mark: Mark) {
        let side = if segment.from == self.client { Side::Client } else { Side::Server };
        let copy = self.copy(side, segment);
        if copy != Some(Copied::Here)
            && let Some(sightings) = &mut self.sightings
        {
            sightings.push(Sighting::of(side, segment, mark));
        }
        if copy.is_some() {
            return;
        }
        self.note_time(mark);
        let late = was_sent_before(segment.ip_id, self.habits(side).ip_id);
        if self.habits_mut(side).note(segment, mark) {
            self.write_history(side, 'w');
        }
        let flags = segment.flags;
        if flags.has(TcpFlags::RST) {
            self.close(side, CloseKind::Rst, segment, mark);
            // A reset still tells what its sender had received.
            if flags.has(TcpFlags::ACK) {
                self.acknowledge_data(side, segment, mark);
            }
            return;
        }
        self.note_going_on(side, segment, mark);
        if flags.has(TcpFlags::SYN) {
            self.open(side, segment, mark);
        }
        if flags.has(TcpFlags::ACK) {
            self.acknowledge(side, segment, mark);
        }
        if segment.length > 0 {
            self.data(side, segment, bytes, late, mark);
        } else if !flags.has(TcpFlags::SYN) {
            self.claim(side, segment.seq);
        }
        if flags.has(TcpFlags::FIN) {
            self.close(side, CloseKind::Fin, segment, mark);
        }
    }

    /// Takes the next segment from another capture point than the flow's own: what that one sees is compared elsewhere.
    pub fn apply_elsewhere(&mut self, segment: &Segment, bytes: &[u8], mark: Mark) {
        let sightings = self.sightings.take();
        self.apply(segment, bytes, mark);
        self.sightings = sightings;
    }

    /// Notes of a reset of `side` that its sender goes on, if this segment of it shows so.
    fn note_going_on(&mut self, side: Side, segment: &Segment, mark: Mark) {
        let is_last_word =
            |close: &Close| close.from == side && close.kind == CloseKind::Rst && close.went_on.is_none();
        let Some(at) = self.closes.iter().position(is_last_word) else { return };
        let Some(reset) = self.closes.get(at).copied() else { return };
        let later = mark.time - reset.mark.time;
        let sent_before = was_sent_before(segment.ip_id, reset.ip_id);
        let stream = self.stream_mut(side);
        let sent = i64::try_from(stream.sent_end.max(stream.fin_at.unwrap_or(0))).unwrap_or(i64::MAX);
        let is_beyond = stream.is_placed()
            && segment.length > 0
            && stream.offset(segment.seq) + i64::from(segment.length) > sent.max(reset.offset);
        // What was said before the reset may be captured after it.
        let is_late = later <= OUT_OF_ORDER && sent_before.is_none() && !is_beyond;
        let is_repeat = later > SENT_AGAIN_WITHIN && !self.is_news(segment);
        if later > WENT_ON_AFTER
            && sent_before != Some(true)
            && !is_late
            && !is_repeat
            && let Some(reset) = self.closes.get_mut(at)
        {
            reset.went_on = Some(mark);
        }
    }

    /// Whether a segment brings data, an acknowledgement or an end that was not seen yet.
    pub fn is_news(&mut self, segment: &Segment) -> bool {
        let (side, own, other) = if segment.from == self.client {
            (Side::Client, &mut self.to_server, &mut self.to_client)
        } else {
            (Side::Server, &mut self.to_client, &mut self.to_server)
        };
        let kind = if segment.flags.has(TcpFlags::RST) { CloseKind::Rst } else { CloseKind::Fin };
        let ends = segment.flags.has(TcpFlags::RST) || segment.flags.has(TcpFlags::FIN);
        let is_beyond = |offset: i64, seen: u64| u64::try_from(offset).is_ok_and(|offset| offset > seen);
        ends && !self.closes.iter().any(|close| close.from == side && close.kind == kind)
            || own.is_placed() && is_beyond(own.offset(segment.seq) + i64::from(segment.length), own.sent_end)
            || segment.flags.has(TcpFlags::ACK)
                && other.is_placed()
                && is_beyond(other.offset(segment.ack), other.acked_end.unwrap_or(0))
    }

    /// Bytes of memory that it takes.
    pub fn held(&self) -> usize {
        size_of::<Self>()
            + self.to_server.held()
            + self.to_client.held()
            + self.records.held()
            + self.sightings.as_ref().map_or(0, |sightings| sightings.held())
    }

    /// Keeps less of what both sides said first.
    pub(super) fn shorten(&mut self) {
        self.to_server.shorten();
        self.to_client.shorten();
    }

    /// Whether it was ended: aborted by one side, or closed by both.
    pub fn is_closed(&self) -> bool {
        let closed = |from, kind| self.closes.iter().any(|close| close.from == from && close.kind == kind);
        let both = closed(Side::Client, CloseKind::Fin) && closed(Side::Server, CloseKind::Fin);
        both || self.closes.iter().any(|close| close.kind == CloseKind::Rst)
    }

    /// Takes an ICMP error that quotes a segment of this flow.
    pub fn icmp(&mut self, error: IcmpError) {
        if self.icmp.len() < limits::ICMP {
            self.icmp.push(error);
        }
    }

    /// No more segments will come.
    pub fn finish(&mut self) {
        self.to_server.close(&mut self.records);
        self.to_client.close(&mut self.records);
        self.recent = Default::default();
    }

    fn copy(&mut self, side: Side, segment: &Segment) -> Option<Copied> {
        let recent = match side {
            Side::Client => &mut self.recent[0],
            Side::Server => &mut self.recent[1],
        };
        // Each SYN of several is answered, maybe all at once; the one answer to one SYN is not repeated so soon.
        let opens_once = segment.flags.has(TcpFlags::SYN) && self.syns.len() < 2;
        let copy = recent.iter().find(|seen| {
            let same = seen.seq == segment.seq
                && seen.ack == segment.ack
                && seen.length == segment.length
                && seen.flags == segment.flags
                && seen.ip_id == segment.ip_id;
            let elsewhere = seen.interface != segment.interface || seen.ttl != segment.ttl;
            // A sender that repeats itself counts its identification on; without one, only time can tell.
            let identified = segment.ip_id.is_some_and(|id| id != 0);
            let within = if identified || elsewhere { COPY_WINDOW } else { BLIND_COPY_WINDOW };
            same && (segment.time - seen.time).abs() <= within
                && (identified || elsewhere || segment.length > 0 || opens_once)
        });
        match copy.map(|seen| seen.interface == segment.interface) {
            Some(true) => {
                self.duplicates += 1;
                Some(Copied::Here)
            }
            Some(false) => {
                self.second_vantage += 1;
                Some(Copied::Elsewhere)
            }
            None => {
                if recent.len() >= limits::FINGERPRINTS {
                    recent.pop_front();
                }
                recent.push_back(Fingerprint {
                    seq: segment.seq,
                    ack: segment.ack,
                    length: segment.length,
                    flags: segment.flags,
                    ip_id: segment.ip_id,
                    ttl: segment.ttl,
                    interface: segment.interface,
                    time: segment.time,
                });
                None
            }
        }
    }

    fn note_time(&mut self, mark: Mark) {
        let silence = Silence { from: self.last, to: mark };
        if silence.length() > self.silence.map_or(0, |longest| longest.length()) {
            self.silence = Some(silence);
        }
        if mark.time < self.first.time {
            self.first = mark;
        }
        if mark.time >= self.last.time {
            self.last = mark;
        }
    }

    fn open(&mut self, side: Side, segment: &Segment, mark: Mark) {
        if side == Side::Client && self.was_answered_before(segment.seq) {
            self.opening = Opening::Syn;
            self.to_server.from_start = true;
        }
        let opening = OpeningSegment { mark, isn: segment.seq, ttl: segment.ttl };
        let accepts = segment.flags.has(TcpFlags::ACK);
        let list = if accepts { &mut self.syn_acks } else { &mut self.syns };
        let is_late = matches!(list.as_slice(), [only] if mark.time - only.mark.time >= FIRST_REPEAT_WITHIN);
        if list.len() < limits::OPENINGS && !is_late {
            // Mostly the only one; a flood has millions.
            list.reserve_exact(usize::from(list.is_empty()));
            list.push(opening);
        }
        self.stream_mut(side).open(segment.seq);
        self.write_history(side, if accepts { 'h' } else { 's' });
    }

    /// What a reset acknowledges, if it lies within what was sent: a forged one may say anything.
    fn acknowledge_data(&mut self, side: Side, segment: &Segment, mark: Mark) {
        let other = self.stream_mut(side.other());
        let sent = i64::try_from(other.sent_end).unwrap_or(i64::MAX);
        if other.is_placed() && (0..=sent).contains(&other.offset(segment.ack)) {
            other.acknowledge(segment.ack, None, mark);
        }
    }

    fn acknowledge(&mut self, side: Side, segment: &Segment, mark: Mark) {
        let other = self.stream_mut(side.other());
        // A SYN-ACK acknowledges the SYN: stream byte 0 is next.
        if segment.flags.has(TcpFlags::SYN) && !other.is_placed() {
            other.open(segment.ack.wrapping_sub(1));
            other.from_start = false;
        }
        other.acknowledge(segment.ack, segment.options.sack, mark);
        if side == Side::Client
            && self.handshake.is_none()
            && !self.syn_acks.is_empty()
            && !segment.flags.has(TcpFlags::SYN)
        {
            self.handshake = Some(mark);
        }
        if segment.length == 0 && !segment.flags.has(TcpFlags::SYN) && !segment.flags.has(TcpFlags::FIN) {
            self.write_history(side, 'a');
        }
    }

    fn data(&mut self, side: Side, segment: &Segment, bytes: &[u8], late: Option<bool>, mark: Mark) {
        let stream = match side {
            Side::Client => &mut self.to_server,
            Side::Server => &mut self.to_client,
        };
        // Data in a SYN (fast open) begins behind the SYN's own number.
        let seq = segment.seq.wrapping_add(u32::from(segment.flags.has(TcpFlags::SYN)));
        let chunk =
            Chunk { seq, length: segment.length, bytes, dont_fragment: segment.dont_fragment, late, mark };
        let arrival = stream.data(&chunk, &mut self.records);
        let agreed = self.habits(side.other()).mss;
        self.habits_mut(side).check(segment, bytes, arrival, agreed, mark);
        match arrival {
            Arrival::New => self.write_history(side, 'd'),
            Arrival::Repeated => self.write_history(side, 't'),
            Arrival::KeepAlive => self.keep_alives += 1,
            Arrival::Outside => {}
        }
    }

    fn claim(&mut self, side: Side, seq: u32) {
        let (stream, habits) = match side {
            Side::Client => (&mut self.to_server, &mut self.client_habits),
            Side::Server => (&mut self.to_client, &mut self.server_habits),
        };
        // A stream of which no byte was seen has no beginning to count from.
        if stream.is_placed()
            && let Ok(offset) = u64::try_from(stream.offset(seq))
        {
            habits.claimed = habits.claimed.max(Some(offset));
        }
    }

    fn close(&mut self, side: Side, kind: CloseKind, segment: &Segment, mark: Mark) {
        let (stream, other) = match side {
            Side::Client => (&mut self.to_server, &mut self.to_client),
            Side::Server => (&mut self.to_client, &mut self.to_server),
        };
        let acknowledges =
            (segment.flags.has(TcpFlags::ACK) && other.is_placed()).then(|| other.offset(segment.ack));
        let placed = stream.is_placed();
        let offset = if placed { stream.offset(segment.seq) } else { 0 };
        let end = i64::try_from(stream.sent_end).unwrap_or(i64::MAX);
        // The FIN counts as a byte.
        let fin_end = offset.saturating_add(i64::from(segment.length)).saturating_add(1);
        let is_answered = kind == CloseKind::Fin && stream.acked_end.map(i64::try_from) == Some(Ok(fin_end));
        let answered = stream.acked_at.filter(|_| is_answered);
        let fin = stream.fin_at.and_then(|at| i64::try_from(at).ok()).map_or(0, |at| at + 1);
        if kind == CloseKind::Fin {
            stream.finish_at(segment.seq, segment.length);
        }
        self.write_history(side, if kind == CloseKind::Fin { 'f' } else { 'r' });
        let close = Close {
            from: side,
            kind,
            mark,
            ttl: segment.ttl,
            ip_id: segment.ip_id,
            has_ack: segment.flags.has(TcpFlags::ACK),
            has_timestamp: segment.options.timestamp,
            offset,
            expected: end.max(fin),
            acked: self.stream(side).acked_end,
            acknowledges,
            answered,
            went_on: None,
        };
        close::put(&mut self.closes, close, fin_end);
    }

    /// Writes a letter once per side: small for the server, capital for the client.
    fn write_history(&mut self, side: Side, letter: char) {
        let letter = if side == Side::Client { letter.to_ascii_uppercase() } else { letter };
        if self.history.len() < limits::HISTORY && !self.history.contains(letter) {
            self.history.push(letter);
        }
    }
}
