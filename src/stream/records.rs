//! How the bytes of a flow are cut into records: TPKT, fast-path and TLS framing, by size and time.
//!
//! Does not decode a record; that is `protocol`. Works on bytes in order, tolerates gaps: a gap inside a record
//! body is stepped over by its length, a larger one makes the tracker wait for a segment that begins with a
//! record header.

use super::flow::Side;
use super::limits;
use crate::base::Mark;

/// What frames a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// TPKT (RFC 1006): length includes the 4-byte header.
    Tpkt,
    /// RDP fast-path ([MS-RDPBCGR] 2.2.9.1.2): length includes its header.
    FastPath,
    /// A TLS record: content type and the version in its header.
    Tls {
        /// Content type.
        kind: u8,
        /// Version in the record header, not the negotiated one.
        version: u16,
    },
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who sent it.
    pub from: Side,
    /// What frames it.
    pub framing: Framing,
    /// Where it begins in its stream.
    pub offset: u64,
    /// Header bytes.
    pub header: u32,
    /// Body bytes behind the header.
    pub body: u32,
    /// The frame with its first byte.
    pub start: Mark,
    /// The frame with its last byte.
    pub end: Mark,
}

impl Record {
    /// Bytes, with its header.
    pub fn length(&self) -> i64 {
        i64::from(self.header) + i64::from(self.body)
    }
}

/// The records of a flow, both directions, in the order in which they were complete.
#[derive(Clone, Debug, Default)]
pub struct Records {
    first: Vec<Record>,
    last: std::collections::VecDeque<Record>,
    /// Complete records of the client.
    pub from_client: u64,
    /// Complete records of the server.
    pub from_server: u64,
    /// Complete TLS application records of the client.
    pub application_client: u64,
    /// Complete TLS application records of the server.
    pub application_server: u64,
}

impl Records {
    /// Bytes of memory that what is kept of them takes.
    pub(super) fn held(&self) -> usize {
        (self.first.len() + self.last.len()) * size_of::<Record>()
    }

    pub(super) fn push(&mut self, record: Record) {
        let application = matches!(record.framing, Framing::Tls { kind: 23, .. });
        match record.from {
            Side::Client => {
                self.from_client += 1;
                self.application_client += u64::from(application);
            }
            Side::Server => {
                self.from_server += 1;
                self.application_server += u64::from(application);
            }
        }
        if self.first.len() < limits::FIRST_RECORDS {
            self.first.push(record);
            return;
        }
        if self.last.len() >= limits::LAST_RECORDS {
            self.last.pop_front();
        }
        self.last.push_back(record);
    }

    /// The records from the beginning of the flow, until the bound.
    pub fn first(&self) -> &[Record] {
        &self.first
    }

    /// The last records, newest first, across the bound.
    pub fn newest(&self) -> impl Iterator<Item = &Record> {
        self.last.iter().rev().chain(self.first.iter().rev())
    }

    /// All remembered records, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.first.iter().chain(self.last.iter())
    }

    /// Whether some in the middle were only counted.
    pub fn elided(&self) -> bool {
        let kept = u64::try_from(self.first.len() + self.last.len()).unwrap_or(u64::MAX);
        kept < self.from_client + self.from_server
    }
}

/// Longest TLS record body that is believed: 2¹⁴ + 2048 (RFC 5246 6.2.3).
const TLS_BODY: u32 = (1 << 14) + 2048;

/// One direction's place in its records.
#[derive(Clone, Debug)]
pub struct Tracker {
    from: Side,
    state: State,
    /// Header bytes gathered so far.
    header: Vec<u8>,
    header_at: Option<(u64, Mark)>,
    /// Whether TPKT was seen: only then can fast-path follow.
    tpkt_seen: bool,
    /// Whether TLS was seen: then nothing else follows.
    tls_seen: bool,
    /// Whether a boundary was lost, so that records may be unknown.
    was_lost: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// At a record boundary, gathering a header.
    Header,
    /// Inside a body.
    Body { left: u64, record: Record },
    /// The boundary is lost: wait for a segment that begins with a header.
    Lost,
    /// What flows is no known framing.
    Foreign,
}

impl Tracker {
    /// A tracker for what `from` sends. `known` tells that byte 0 of the stream is the beginning of a record.
    pub fn new(from: Side, known: bool) -> Self {
        let state = if known { State::Header } else { State::Lost };
        Self {
            from,
            state,
            header: Vec::new(),
            header_at: None,
            tpkt_seen: false,
            tls_seen: false,
            was_lost: !known,
        }
    }

    /// Whether every record up to the end is known: the framing was neither lost in a gap nor is it unknown.
    pub const fn is_known_to_the_end(&self) -> bool {
        matches!(self.state, State::Header)
    }

    /// Whether a gap hid the beginning of a record, so that some before the end may be unknown.
    pub const fn was_lost(&self) -> bool {
        self.was_lost
    }

    /// The record that was begun and not completed: bytes still to come, and its header.
    pub const fn partial(&self) -> Option<(u64, Record)> {
        match self.state {
            State::Body { left, record } => Some((left, record)),
            _ => None,
        }
    }

    /// Takes the next bytes, which begin at `offset`.
    pub fn data(&mut self, offset: u64, bytes: &[u8], mark: Mark, records: &mut Records) {
        let mut rest = bytes;
        let mut at = offset;
        if matches!(self.state, State::Lost) {
            if !begins_record(rest, self.tpkt_seen) {
                return;
            }
            self.state = State::Header;
        }
        while !rest.is_empty() {
            match self.state {
                State::Body { left, mut record } => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let left = left - to_u64(here);
                    record.end = mark;
                    (rest, at) = (rest.get(here..).unwrap_or_default(), at + to_u64(here));
                    self.state = State::Body { left, record };
                    if left == 0 {
                        records.push(record);
                        self.state = State::Header;
                    }
                }
                State::Header => {
                    if let Some((header, tail)) = self.whole_header(rest) {
                        self.header_at = Some((at, mark));
                        self.header.extend_from_slice(header);
                        (rest, at) = (tail, at + to_u64(header.len()));
                        self.header_byte(mark, records);
                        continue;
                    }
                    let Some((byte, tail)) = rest.split_first() else { return };
                    self.header_at.get_or_insert((at, mark));
                    self.header.push(*byte);
                    (rest, at) = (tail, at + 1);
                    self.header_byte(mark, records);
                }
                State::Lost | State::Foreign => return,
            }
        }
    }

    /// The next `length` bytes are not there.
    pub fn gap(&mut self, length: u64, mark: Mark, records: &mut Records) {
        self.state = match self.state {
            State::Body { left, mut record } => {
                record.end = mark;
                if length < left {
                    State::Body { left: left - length, record }
                } else {
                    records.push(record);
                    if length == left { State::Header } else { State::Lost }
                }
            }
            State::Foreign => State::Foreign,
            _ => State::Lost,
        };
        if matches!(self.state, State::Lost) {
            self.was_lost = true;
            self.header.clear();
            self.header_at = None;
        }
    }

    /// The header that lies whole at the beginning of `rest`, and what follows it: mostly so.
    fn whole_header<'a>(&self, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let length = match rest {
            [0x03, 0x00, ..] => 4,
            [20..=24, 3, ..] => 5,
            _ => return None,
        };
        if self.header.is_empty() { rest.split_at_checked(length) } else { None }
    }

    fn header_byte(&mut self, mark: Mark, records: &mut Records) {
        let parsed = parse_header(&self.header, self.tpkt_seen && !self.tls_seen);
        let (framing, header, body) = match parsed {
            Header::More => return,
            Header::Foreign => {
                self.state = State::Foreign;
                return;
            }
            Header::Known { framing, header, body } => (framing, header, body),
        };
        match framing {
            Framing::Tpkt => self.tpkt_seen = true,
            Framing::Tls { .. } => self.tls_seen = true,
            Framing::FastPath => {}
        }
        self.header.clear();
        let (offset, start) = self.header_at.take().unwrap_or((0, mark));
        let record = Record { from: self.from, framing, offset, header, body, start, end: mark };
        if body == 0 {
            records.push(record);
        } else {
            self.state = State::Body { left: u64::from(body), record };
        }
    }
}

enum Header {
    More,
    Foreign,
    Known { framing: Framing, header: u32, body: u32 },
}

fn parse_header(bytes: &[u8], fast_path: bool) -> Header {
    match bytes {
        [] | [0x03 | 20..=24] | [0x03, 0x00] | [0x03, 0x00, _] => Header::More,
        [0x03, 0x00, high, low, ..] => {
            let total = u32::from(u16::from_be_bytes([*high, *low]));
            if total < 4 {
                return Header::Foreign;
            }
            Header::Known { framing: Framing::Tpkt, header: 4, body: total - 4 }
        }
        [20..=24, 3, rest @ ..] => match rest {
            [minor, high, low, ..] => {
                let body = u32::from(u16::from_be_bytes([*high, *low]));
                if body > TLS_BODY || *minor > 4 {
                    return Header::Foreign;
                }
                let framing = Framing::Tls {
                    kind: bytes.first().copied().unwrap_or(0),
                    version: 0x0300 | u16::from(*minor),
                };
                Header::Known { framing, header: 5, body }
            }
            _ => Header::More,
        },
        // Fast-path: action bits 0, length of one or two bytes (highest bit of the first tells).
        [first, ..] if fast_path && first.trailing_zeros() >= 2 => match bytes {
            [_, length] if length & 0x80 == 0 => Header::Known {
                framing: Framing::FastPath,
                header: 2,
                body: u32::from(*length).saturating_sub(2),
            },
            [] | [_] | [_, _] => Header::More,
            [_, high, low, ..] => {
                let total = u32::from(high & 0x7f) << 8 | u32::from(*low);
                Header::Known { framing: Framing::FastPath, header: 3, body: total.saturating_sub(3) }
            }
        },
        _ => Header::Foreign,
    }
}

/// Whether a segment that begins with these bytes begins with a record header.
fn begins_record(bytes: &[u8], tpkt_seen: bool) -> bool {
    match bytes {
        [20..=23, 3, 0..=4, high, low, ..] => {
            let body = u32::from(u16::from_be_bytes([*high, *low]));
            body > 0 && body <= TLS_BODY
        }
        [3, 0, high, low, ..] => {
            let total = usize::from(u16::from_be_bytes([*high, *low]));
            (7..=bytes.len().max(1460)).contains(&total) && tpkt_seen || total == bytes.len()
        }
        _ => false,
    }
}

fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Locator, SourceId, Timestamp};

    fn mark(number: u64) -> Mark {
        Mark { time: Timestamp::from_nanos(0), at: Locator::Frame { source: SourceId(0), number } }
    }

    const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 8, 0, 0, 0];

    fn bytes() -> Vec<u8> {
        let mut bytes = CONFIRM.to_vec();
        bytes.extend([22, 3, 3, 0, 4, 1, 2, 3, 4, 23, 3, 3, 0, 2, 9, 9]);
        bytes
    }

    #[test]
    fn any_cut_gives_the_same_records() {
        for size in 1..40 {
            let mut records = Records::default();
            let mut tracker = Tracker::new(Side::Server, true);
            let mut offset = 0;
            for piece in bytes().chunks(size) {
                tracker.data(offset, piece, mark(offset), &mut records);
                offset += to_u64(piece.len());
            }
            let bodies: Vec<u32> = records.iter().map(|record| record.body).collect();
            assert_eq!(bodies, [15, 4, 2], "pieces of {size}");
            assert_eq!(records.application_server, 1);
        }
    }

    #[test]
    fn a_gap_inside_a_body_costs_nothing_and_a_larger_one_is_survived() {
        let mut records = Records::default();
        let mut tracker = Tracker::new(Side::Server, true);
        tracker.data(0, &CONFIRM[..8], mark(1), &mut records);
        tracker.gap(11, mark(2), &mut records);
        assert_eq!(records.from_server, 1);
        tracker.data(19, &[23, 3, 3, 0, 9, 1], mark(3), &mut records);
        tracker.gap(500, mark(4), &mut records);
        tracker.data(525, &[1, 2, 3], mark(5), &mut records);
        tracker.data(528, &[23, 3, 3, 0, 1, 7], mark(6), &mut records);
        // The record that ends somewhere in the gap was sent as well.
        assert_eq!(records.from_server, 3);
        assert!(tracker.was_lost());
    }
}
