//! Connections of a flood whose segments are alike are read once.
//!
//! The outline of a short flow is all of its segments without what differs from one to the next and says nothing:
//! addresses, ports, where its numbers begin, moments, the user name that it asks for, under TLS also randoms, keys and
//! what is sealed. What has one outline has one [`Shape`]. Decides nothing.

mod name;
mod order;
mod speech;
mod turns;

use std::cell::RefCell;
use std::sync::Arc;

use super::pattern::{self, SHORTEST_LIMIT, Shape, limits_of, magnitude};
use crate::base::keyed::KeyedMap;
use crate::base::{Mark, Timestamp, Window};
use crate::connection::ended::Ended;
use crate::connection::{Connection, Stage};
use crate::correlate::surroundings::{LONG_SILENCE, Other};
use crate::packet::TcpFlags;
use crate::stream::young::Item;
use crate::stream::{Side, Young};
use order::Order;
use turns::Turns;

/// What is read of a connection, but for addresses and moments.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its pattern.
    pub shape: Shape,
    /// How far it came.
    pub reached: Stage,
    /// What the others are to know of it, by the addresses and moments of the one that was read.
    other: Other,
    /// Which segment showed these: its request, that it was accepted, when client and server were last heard.
    request: Option<usize>,
    accepted: Option<usize>,
    heard: [Option<usize>; 2],
    tls_passed: Option<usize>,
    certificate: Option<usize>,
}

/// What a thread has read.
#[derive(Default)]
struct Known {
    /// By outline; nothing where an outline does not tell all.
    readings: KeyedMap<Box<[u8]>, Option<Box<Reading>>>,
    /// Bytes of all outlines.
    size: usize,
    /// Room for the next outline.
    outline: Vec<u8>,
    room: Room,
}

/// What an outline is made in.
#[derive(Debug, Default)]
struct Room {
    speech: speech::Room,
    numbers: [Numbers; 2],
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Outlines that are kept. Past it they are read anew.
const MOST: usize = 8192;
/// Bytes of all that are kept. Past it they are forgotten.
const BYTES: usize = 16 << 20;
/// What an outline begins with, that tells what is said under TLS, and any other.
const TLS: u8 = 0;
const PLAIN: u8 = 1;
/// Segments of an outline at most where it tells all that they hold.
const SEGMENTS: usize = 12;
/// Payload of such an outline at most: a negotiation, never a TLS handshake.
const PAYLOAD: u64 = 512;
/// More is said under TLS, and never so much that a session may be up.
const SPEECH: std::ops::RangeInclusive<u64> = 128..=16 * 1024;

impl Reading {
    /// Shows what was read of a connection with the same outline, or is read now.
    pub fn of<T>(ended: &Ended<'_>, show: impl FnOnce(&Self) -> T) -> Option<T> {
        KNOWN.with_borrow_mut(|known| {
            let (young, capture_end) = ended.young()?;
            let Known { readings, size, outline, room } = known;
            self::outline(young, capture_end, room, outline)?;
            if let Some(read) = readings.get(outline.as_slice()) {
                return read.as_deref().map(show);
            }
            let read = Self::new(young, &ended.connection(), outline.first() == Some(&TLS)).map(Box::new);
            let shown = read.as_deref().map(show);
            if readings.len() >= MOST || *size >= BYTES {
                readings.clear();
                *size = 0;
            }
            *size += outline.len();
            readings.insert(outline.as_slice().into(), read);
            shown
        })
    }

    /// Nothing if more bears on the connection than its outline tells.
    fn new(young: &Young<'_>, connection: &Connection, tells_tls: bool) -> Option<Self> {
        let other = Other::of(connection);
        let name = young.first_data().and_then(|(said, _)| name::name_in(said));
        let plain = !connection.reached_session()
            && (name.is_none() || other.cookie == name)
            && other.idle_before_end.is_none()
            && other.cut_at.is_none()
            && other.refused.is_none()
            && connection.first == young.first()
            && connection.last == young.end()
            && (!connection.tls.is_used() || tells_tls && Turns::of(young.items()).are_of(young, connection));
        let found = |mark: Option<Mark>| match mark {
            Some(mark) => young.find(mark.at).map(Some),
            None => Some(None),
        };
        let flow = connection.flow.as_deref()?;
        let [of_client, of_server] = [Side::Client, Side::Server].map(|side| flow.habits(side).last);
        plain.then_some(())?;
        Some(Self {
            shape: Shape::of(connection),
            reached: connection.reached,
            request: found(other.request)?,
            accepted: found(other.accepted)?,
            heard: [found(of_client)?, found(of_server)?],
            tls_passed: found(other.tls_passed)?,
            certificate: found(other.certificate.as_ref().map(|(_, mark)| *mark))?,
            other,
        })
    }

    /// What the others are to know of `ended`, which is alike.
    pub fn other(&self, ended: &Ended<'_>) -> Other {
        let mark = |at: Option<usize>| ended.young()?.0.mark_at(at?);
        let name = || name::name_in(ended.young()?.0.first_data()?.0);
        let heard = self.heard.map(|at| mark(at).map(|mark| mark.time));
        let [_, of_server] = heard;
        let cookie = self.other.cookie.as_ref().map(|own| name().unwrap_or_else(|| Arc::clone(own)));
        Other {
            client: ended.client().ip,
            client_port: ended.client().port,
            server: ended.server(),
            window: Window { start: ended.first().time, end: ended.last().time },
            first: ended.first(),
            came: ended.first().time,
            name: cookie.clone(),
            cookie,
            request: mark(self.request),
            accepted: mark(self.accepted),
            heard,
            server_silent: self.other.server_silent.and(of_server),
            tls_passed: mark(self.tls_passed),
            certificate: self
                .other
                .certificate
                .as_ref()
                .and_then(|(thumbprint, _)| Some((thumbprint.clone(), mark(self.certificate)?))),
            ..self.other.clone()
        }
    }
}

/// The numbers of one side: only how they lie to where its segments end says something.
#[derive(Debug, Default)]
struct Numbers {
    /// The first that is heard of.
    begin: Option<u32>,
    /// Where its segments end, counted from there.
    ends: Vec<u32>,
}

impl Numbers {
    fn clear(&mut self) {
        self.begin = None;
        self.ends.clear();
        self.ends.push(0);
    }

    /// The last end that is not beyond `number`, and how far that lies behind it.
    fn place(&mut self, number: u32) -> (u8, u32) {
        let own = number.wrapping_sub(*self.begin.get_or_insert(number));
        let lies = |end: &u32| own.wrapping_sub(*end) < 1 << 31;
        match self.ends.iter().rposition(lies) {
            Some(at) => (
                u8::try_from(at).unwrap_or(u8::MAX),
                self.ends.get(at).map_or(own, |end| own.wrapping_sub(*end)),
            ),
            None => (u8::MAX, own),
        }
    }

    /// A segment of this side that begins with `number`.
    fn take(&mut self, item: &Item) {
        let begin = *self.begin.get_or_insert(item.seq);
        let counted = u32::from(item.flags.has(TcpFlags::SYN)) + u32::from(item.flags.has(TcpFlags::FIN));
        let end = item.seq.wrapping_sub(begin).wrapping_add(item.length).wrapping_add(counted);
        if !item.flags.has(TcpFlags::RST) && !self.ends.contains(&end) {
            self.ends.push(end);
        }
    }
}

/// The outline of a flow; nothing if it is too long for one.
fn outline(young: &Young<'_>, capture_end: Timestamp, room: &mut Room, out: &mut Vec<u8>) -> Option<()> {
    let items = young.items();
    let payload: u64 = items.iter().map(|item| u64::from(item.length)).sum();
    out.clear();
    out.push(TLS);
    let tls = SPEECH.contains(&payload) && speech::tell(young, &mut room.speech, out).is_some();
    if tls && Turns::of(items).may_cross(items) {
        return None;
    }
    if !tls {
        if items.len() > SEGMENTS || payload > PAYLOAD {
            return None;
        }
        out.clear();
        out.push(PLAIN);
    }
    let [client, server] = &mut room.numbers;
    client.clear();
    server.clear();
    let mut order = Order::default();
    let long =
        items.first().zip(items.last()).is_some_and(|(first, last)| last.time - first.time >= SHORTEST_LIMIT);
    let first_said = young.first_said();
    // How the capture goes on says something only where nobody ended the flow.
    let waits_until = (!young.has_close()).then_some(capture_end);
    for (at, item) in items.iter().enumerate() {
        let (own, other) = if item.side == Side::Client {
            (&mut *client, &mut *server)
        } else {
            (&mut *server, &mut *client)
        };
        let (seq, beyond) = own.place(item.seq);
        let acks = item.flags.has(TcpFlags::ACK);
        let (ack, ahead) = if acks { other.place(item.ack) } else { (0, 0) };
        own.take(item);
        out.extend_from_slice(&segment(item, waits_until));
        if tls {
            // How long sealed text is differs; where it ends does not.
            if beyond > 0 || ahead > 0 {
                return None;
            }
            out.extend_from_slice(&[seq, ack, size(item.length)]);
        } else {
            out.extend_from_slice(&[seq, ack]);
            out.extend_from_slice(&beyond.to_le_bytes());
            out.extend_from_slice(&ahead.to_le_bytes());
            out.extend_from_slice(&item.length.to_le_bytes());
            let said = young.payload(item);
            if first_said == Some(at) { name::tell_without(said, out) } else { out.extend_from_slice(said) }
        }
        order.tell(items.get(..at)?, item, long, out);
    }
    order.end(items, out);
    measured(items, out);
    Some(())
}

/// The lengths of time that are measured, not only compared with a limit; see [`Shape`]: of the whole, of the longest
/// silence, of the handshake, and for how long one side was heard alone.
fn measured(items: &[Item], out: &mut Vec<u8>) {
    let [Some(first), Some(last)] = [items.first(), items.last()] else { return };
    let (mut at, mut longest) = (0, 0);
    for (number, (own, next)) in (1_u8..).zip(items.iter().zip(items.iter().skip(1))) {
        // The first of several that are equally long.
        if next.time - own.time > longest {
            (at, longest) = (number, next.time - own.time);
        }
    }
    out.push(if longest >= LONG_SILENCE { at } else { u8::MAX });
    out.extend_from_slice(&[span(last.time - first.time), span(longest)]);
    let accepts = items.iter().position(|item| item.side == Side::Server && item.flags.accepts());
    let acknowledges = |item: &&Item| {
        item.side == Side::Client && item.flags.has(TcpFlags::ACK) && !item.flags.has(TcpFlags::RST)
    };
    let handshake = accepts.and_then(|at| items.iter().skip(at).find(acknowledges));
    out.push(handshake.map_or(u8::MAX, |item| span(item.time - first.time)));
    let heard = |side| items.iter().rev().find(|item| item.side == side && !item.flags.has(TcpFlags::RST));
    if let (Some(client), Some(server)) = (heard(Side::Client), heard(Side::Server)) {
        out.extend_from_slice(&[span(client.time - server.time), span(server.time - client.time)]);
    }
}

/// What a segment's headers say.
fn segment(item: &Item, waits_until: Option<Timestamp>) -> [u8; 8] {
    let bits = [
        item.side == Side::Client,
        item.dont_fragment,
        item.window == 0,
        item.timestamp,
        item.ip_id.is_some(),
        item.ip_id == Some(0),
        item.without_options,
    ];
    let bits = bits.into_iter().fold(0, |all, bit| all << 1 | u8::from(bit));
    let there = u8::from(item.mss.is_some()) << 1 | u8::from(item.window_scale.is_some());
    let [low, high] = item.mss.unwrap_or(0).to_le_bytes();
    let waited = waits_until.map_or(0, |until| limits_of(until - item.time));
    [bits, item.flags.0, item.ttl, there, low, high, item.window_scale.unwrap_or(0), waited]
}

/// The size of a segment, as far as somebody tells it from others: none, a single byte, what path limits distinguish.
fn size(length: u32) -> u8 {
    match length {
        0 | 1 => u8::from(length == 1),
        more => u8::try_from(2 + pattern::length(more)).unwrap_or(u8::MAX),
    }
}

/// A length of time, told from others where somebody tells them apart.
fn span(nanos: i64) -> u8 {
    limit(nanos).saturating_add(u8::try_from(magnitude(nanos.max(0))).unwrap_or(u8::MAX))
}

/// The same, where nobody measures it: only which limits it is beyond.
fn limit(nanos: i64) -> u8 {
    u8::from(nanos > 0) + limits_of(nanos)
}

#[cfg(test)]
mod tests;
