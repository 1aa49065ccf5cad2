//! The beginning of a flow as a list of its segments: most flows of a flood never become more.
//!
//! Says nothing of a flow that [`Flow`] does not say: the list is made one by taking its segments in order. Holds what
//! is in order, whole and seen once; whatever else comes, the list is made a flow before it.

use smallvec::SmallVec;

use super::flow::{Flow, Opening, Side};
use super::limits;
use crate::base::bytes::index;
use crate::base::{Locator, Mark, SourceId, Timestamp};
use crate::packet::segment::{Payload, TcpOptions};
use crate::packet::{Endpoint, Segment, TcpFlags};

/// One segment, without what all of a flow share; see [`Segment`].
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "as in Segment")]
pub struct Item {
    pub time: Timestamp,
    /// Counted from the first of the flow.
    frame: u32,
    /// Where its payload stands in the source, counted from that of the first.
    at: u32,
    pub seq: u32,
    pub ack: u32,
    pub length: u32,
    pub mss: Option<u16>,
    pub ip_id: Option<u16>,
    pub window: u16,
    pub head_sum: u16,
    pub window_scale: Option<u8>,
    pub flags: TcpFlags,
    pub ttl: u8,
    pub timestamp: bool,
    pub dont_fragment: bool,
    pub without_options: bool,
    pub side: Side,
}

/// Segments that stand in the flow itself: most flows of a flood have no more.
const INSIDE: usize = 5;

/// A flow that began with its SYN and is in order so far.
#[derive(Clone, Debug)]
pub struct Young<'a> {
    client: Endpoint,
    server: Endpoint,
    interface: u32,
    source: SourceId,
    bytes: &'a [u8],
    items: SmallVec<[Item; INSIDE]>,
    first: Timestamp,
    /// The frame of the first segment, and where its payload stands in the source.
    begins: (u64, usize),
    last: Timestamp,
    /// The next sequence number of the client, and of the server once it has accepted.
    next: [Option<u32>; 2],
    /// Which sides sent a FIN.
    finished: [bool; 2],
    is_reset: bool,
    has_data: bool,
    /// Whether the server was heard, resets aside.
    answered: bool,
    /// Whether the client acknowledged anything.
    acknowledged: bool,
}

const fn place(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

impl<'a> Young<'a> {
    /// A flow that begins with `segment`, if that is a plain SYN.
    pub fn begin(segment: &Segment, source: SourceId, bytes: &'a [u8]) -> Option<Box<Self>> {
        let plain = segment.flags.opens()
            && segment.from != segment.to
            && !segment.flags.has(TcpFlags::RST)
            && !segment.flags.has(TcpFlags::FIN);
        let Payload::Source(at) = segment.payload else { return None };
        if !plain {
            return None;
        }
        let mut young = Box::new(Self {
            client: segment.from,
            server: segment.to,
            interface: segment.interface,
            source,
            bytes,
            items: SmallVec::new(),
            first: segment.time,
            begins: (segment.frame, at),
            last: segment.time,
            next: [Some(segment.seq.wrapping_add(1)), None],
            finished: [false; 2],
            is_reset: false,
            has_data: false,
            answered: false,
            acknowledged: false,
        });
        young.take(segment, source).then_some(young)
    }

    /// Takes the next segment in file order, or leaves it: then this must be made a flow.
    pub fn take(&mut self, segment: &Segment, source: SourceId) -> bool {
        let side = if segment.from == self.client { Side::Client } else { Side::Server };
        let Some((frame, at)) = self.beyond_first(segment) else { return false };
        let alike = self.items.len() < limits::YOUNG
            && source == self.source
            && segment.interface == self.interface
            && segment.time >= self.last
            && segment.captured == segment.length
            && segment.options.sack.is_none();
        let is_copy = || {
            self.items.iter().any(|item| {
                item.seq == segment.seq
                    && item.side == side
                    && item.ack == segment.ack
                    && item.length == segment.length
                    && item.flags == segment.flags
                    && item.ip_id == segment.ip_id
            })
        };
        if !alike || is_copy() || !self.goes_on(side, segment) {
            return false;
        }
        self.items.push(Item {
            time: segment.time,
            frame,
            at,
            seq: segment.seq,
            ack: segment.ack,
            length: segment.length,
            mss: segment.options.mss,
            ip_id: segment.ip_id,
            window: segment.window,
            head_sum: segment.head_sum,
            window_scale: segment.options.window_scale,
            flags: segment.flags,
            ttl: segment.ttl,
            timestamp: segment.options.timestamp,
            dont_fragment: segment.dont_fragment,
            without_options: segment.options.none,
            side,
        });
        self.last = segment.time;
        true
    }

    /// How many frames and bytes a segment stands behind the first; nothing if that is too far for a young flow.
    fn beyond_first(&self, segment: &Segment) -> Option<(u32, u32)> {
        let Payload::Source(at) = segment.payload else { return None };
        let (first_frame, first_at) = self.begins;
        let frame = segment.frame.checked_sub(first_frame)?;
        let at = at.checked_sub(first_at)?;
        Some((u32::try_from(frame).ok()?, u32::try_from(at).ok()?))
    }

    /// Whether the segment stands where it must; then what is known of the flow is brought up to it.
    fn goes_on(&mut self, side: Side, segment: &Segment) -> bool {
        let flags = segment.flags;
        let [client, server] = &mut self.next;
        let next = if side == Side::Client { client } else { server };
        if flags.has(TcpFlags::RST) {
            self.is_reset = true;
            return true;
        }
        if flags.has(TcpFlags::SYN) {
            let plain = segment.length == 0 && !flags.has(TcpFlags::FIN);
            let begins = match side {
                Side::Client => flags.opens() && self.items.iter().all(|item| item.seq == segment.seq),
                Side::Server => flags.accepts() && next.is_none(),
            };
            if !plain || !begins {
                return false;
            }
            *next = Some(segment.seq.wrapping_add(1));
            self.answered |= side == Side::Server;
            return true;
        }
        let Some(next) = next else { return false };
        let ends = flags.has(TcpFlags::FIN);
        if segment.length > 0 || ends {
            let finished = self.finished.get(place(side)) == Some(&true);
            if *next != segment.seq || finished {
                return false;
            }
            *next = next.wrapping_add(segment.length);
            self.has_data |= segment.length > 0;
            if let Some(finished) = self.finished.get_mut(place(side)) {
                *finished = ends;
            }
        }
        self.answered |= side == Side::Server;
        self.acknowledged |= side == Side::Client && flags.has(TcpFlags::ACK);
        true
    }

    /// Whether a SYN with this initial sequence number may open another connection on the same ports.
    pub fn may_be_reopened_by(&self, segment: &Segment) -> bool {
        segment.flags.opens()
            && (segment.from != self.client
                || self.items.first().is_none_or(|first| first.seq != segment.seq))
    }

    /// Who opened it.
    pub const fn client(&self) -> Endpoint {
        self.client
    }

    /// Who was addressed.
    pub const fn server(&self) -> Endpoint {
        self.server
    }

    /// Its first segment.
    pub const fn first(&self) -> Mark {
        Mark { time: self.first, at: Locator::Frame { source: self.source, number: self.begins.0 } }
    }

    /// When its last segment was seen.
    pub const fn last(&self) -> Timestamp {
        self.last
    }

    /// Whether its opening was never answered, but maybe by a reset.
    pub fn is_unanswered(&self) -> bool {
        !self.has_data && self.next.get(place(Side::Server)) == Some(&None)
    }

    /// Whether anybody sent a FIN or a RST.
    pub fn has_close(&self) -> bool {
        self.is_reset || self.finished.contains(&true)
    }

    /// Whether it was ended: aborted by one side, or closed by both.
    pub fn is_closed(&self) -> bool {
        self.is_reset || self.finished == [true; 2]
    }

    /// When it ends, if nothing more comes: the end of time, if it waits for more. Grown, it would end then as well;
    /// see [`Kept::has_ended`].
    pub fn due(&self) -> Timestamp {
        if self.is_closed() {
            self.last.shifted(limits::LINGER)
        } else if self.is_unanswered() || self.has_close() {
            self.last.shifted(limits::UNANSWERED)
        } else {
            Timestamp::MAX
        }
    }

    /// Whether one side's segments may not have been captured.
    pub const fn may_be_one_sided(&self) -> bool {
        !self.answered && self.acknowledged
    }

    /// Its segments.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The payload of one of its segments.
    pub fn payload(&self, item: &Item) -> &'a [u8] {
        let at = self.at(item);
        self.bytes.get(at..at.saturating_add(index(item.length))).unwrap_or_default()
    }

    /// Where its segment number `at` stands.
    pub fn mark_at(&self, at: usize) -> Option<Mark> {
        self.items.get(at).map(|item| self.mark(item))
    }

    /// Which of its segments stands at a place.
    pub fn find(&self, at: Locator) -> Option<usize> {
        self.items.iter().position(|item| self.mark(item).at == at)
    }

    /// Its last segment.
    pub fn end(&self) -> Mark {
        self.items.last().map_or(self.first(), |item| self.mark(item))
    }

    /// Which segment the client said something in first.
    pub fn first_said(&self) -> Option<usize> {
        let said =
            |item: &Item| item.side == Side::Client && item.length > 0 && !item.flags.has(TcpFlags::RST);
        self.items.iter().position(said)
    }

    /// What the client said first, and where.
    pub fn first_data(&self) -> Option<(&'a [u8], Mark)> {
        let item = self.items.get(self.first_said()?)?;
        Some((self.payload(item), self.mark(item)))
    }

    /// Where one of its segments stands.
    pub fn mark(&self, item: &Item) -> Mark {
        Mark { time: item.time, at: Locator::Frame { source: self.source, number: self.frame(item) } }
    }

    fn frame(&self, item: &Item) -> u64 {
        self.begins.0 + u64::from(item.frame)
    }

    fn at(&self, item: &Item) -> usize {
        self.begins.1 + index(item.at)
    }

    /// The flow that its segments make.
    pub fn grow(&self) -> Box<Flow> {
        let mut flow =
            Box::new(Flow::new(self.client, self.server, Opening::Syn, self.interface, self.first()));
        for item in &self.items {
            let segment = self.segment(item);
            flow.apply(&segment, segment.bytes(self.bytes), self.mark(item));
        }
        flow
    }

    fn segment(&self, item: &Item) -> Segment {
        let (from, to) = match item.side {
            Side::Client => (self.client, self.server),
            Side::Server => (self.server, self.client),
        };
        Segment {
            time: item.time,
            frame: self.frame(item),
            interface: self.interface,
            from,
            to,
            seq: item.seq,
            ack: item.ack,
            flags: item.flags,
            window: item.window,
            options: TcpOptions {
                none: item.without_options,
                mss: item.mss,
                window_scale: item.window_scale,
                timestamp: item.timestamp,
                sack: None,
            },
            ttl: item.ttl,
            ip_id: item.ip_id,
            dont_fragment: item.dont_fragment,
            length: item.length,
            captured: item.length,
            payload: Payload::Source(self.at(item)),
            head_sum: item.head_sum,
        }
    }
}

/// A flow as a table keeps it.
#[derive(Clone, Debug)]
pub enum Kept<'a> {
    /// As its segments.
    Young(Box<Young<'a>>),
    /// As what they tell.
    Grown(Box<Flow>),
}

impl Kept<'_> {
    /// What its segments tell, when no more will come.
    pub fn finished(self) -> Box<Flow> {
        let mut flow = self.into_flow();
        flow.finish();
        flow
    }

    /// What its segments tell so far.
    pub fn into_flow(self) -> Box<Flow> {
        match self {
            Self::Young(young) => young.grow(),
            Self::Grown(flow) => flow,
        }
    }

    /// Makes it a flow and does something with that.
    pub fn with_flow<T>(&mut self, act: impl FnOnce(&mut Flow) -> T) -> T {
        match self {
            Self::Grown(flow) => act(flow),
            Self::Young(young) => {
                let mut flow = young.grow();
                let done = act(&mut flow);
                *self = Self::Grown(flow);
                done
            }
        }
    }

    /// Bytes of memory that it takes.
    pub fn held(&self) -> usize {
        match self {
            // With more segments than it has room for; which of them have is not worth a look at each.
            Self::Young(_) => size_of::<Young<'_>>() * 2,
            Self::Grown(flow) => flow.held(),
        }
    }

    /// Its first segment.
    pub fn first(&self) -> Mark {
        match self {
            Self::Young(young) => young.first(),
            Self::Grown(flow) => flow.first,
        }
    }

    /// When its last segment was seen.
    pub fn last(&self) -> Timestamp {
        match self {
            Self::Young(young) => young.last(),
            Self::Grown(flow) => flow.last.time,
        }
    }

    /// Who opened it.
    pub const fn client(&self) -> Endpoint {
        match self {
            Self::Young(young) => young.client(),
            Self::Grown(flow) => flow.client,
        }
    }

    /// Who was addressed.
    pub const fn server(&self) -> Endpoint {
        match self {
            Self::Young(young) => young.server(),
            Self::Grown(flow) => flow.server,
        }
    }

    /// Whether it has ended by `now`.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        match self {
            Self::Young(young) => now > young.due(),
            Self::Grown(flow) => {
                let silent = now - flow.last.time;
                let no_data = flow.to_client.data_segments == 0 && flow.to_server.data_segments == 0;
                let is_over = flow.syn_acks.is_empty() && no_data || !flow.closes.is_empty();
                silent > limits::UNANSWERED && is_over || silent > limits::LINGER && flow.is_closed()
            }
        }
    }
}
