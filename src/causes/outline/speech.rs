//! What both sides of a short flow say under TLS, without what differs from one handshake to the next and says nothing:
//! randoms, sessions, keys, and whatever is sealed.
//!
//! INVARIANT: flows of which the same is told here differ in no byte that [`Pattern`](crate::causes::pattern) or
//! [`Other`](super::Other) are made of. What is not understood for sure is told as it is, or nothing at all.

use crate::causes::pattern::SHORT;
use crate::connection::encrypted::is_telling;
use crate::packet::TcpFlags;
use crate::packet::interest::looks_like_request;
use crate::protocol::tls::{
    CipherSuite, HandshakeType, LONGEST_FRAGMENT, PlaintextLen, TlsVersion, looks_like_ssl2, plaintext_len,
    server_hello,
};
use crate::protocol::tpkt;
use crate::protocol::x224::{TpduCode, tpdu};
use crate::stream::{Side, Young};

/// A longer record of a known suite says nothing by its length: no suite adds so much to what does.
const LONG: u16 = 320;
/// Longest alert in clear that is told.
const ALERT: usize = 64;
/// Segments of the client at whose beginning a hello of SSL 2 is looked for.
const SSL2_WITHIN: usize = 4;
/// Stands for a segment that is not there.
const NONE: u8 = u8::MAX;

/// Room that is used again.
#[derive(Debug, Default)]
pub(super) struct Room {
    said: Vec<u8>,
    /// Where each segment begins, and which one it is.
    begins: Vec<(usize, u8)>,
}

impl Room {
    /// Everything that `side` said, in order.
    fn listen(&mut self, young: &Young<'_>, side: Side) {
        self.said.clear();
        self.begins.clear();
        for (number, item) in (0_u8..).zip(young.items()) {
            if item.side == side && item.length > 0 && !item.flags.has(TcpFlags::RST) {
                self.begins.push((self.said.len(), number));
                self.said.extend_from_slice(young.payload(item));
            }
        }
    }
}

/// The server's first hello.
#[derive(Clone, Copy, Debug)]
enum Hello {
    /// None that was read.
    Unseen,
    /// It asks for another one of the client.
    Retry,
    /// What it chose, the segment that completed it, and whether lengths can be told of that suite.
    Chosen(TlsVersion, CipherSuite, u8, bool),
}

/// Tells what both sides say; nothing if that is no negotiation with TLS behind it.
pub(super) fn tell(young: &Young<'_>, room: &mut Room, out: &mut Vec<u8>) -> Option<()> {
    let mut hello = Hello::Unseen;
    for side in [Side::Server, Side::Client] {
        room.listen(young, side);
        let Room { said, begins } = &*room;
        let mut speech = Speech { side, said, begins, hello, changed: false, sealed: false, spans: false };
        speech.negotiation(out).and_then(|from| speech.records(from, out))?;
        hello = speech.hello;
    }
    Some(())
}

/// What one side says.
struct Speech<'s> {
    side: Side,
    said: &'s [u8],
    begins: &'s [(usize, u8)],
    hello: Hello,
    /// Whether the side changed its cipher.
    changed: bool,
    /// Whether that means that what follows is sealed.
    sealed: bool,
    /// Whether a handshake message went on in another record: then all of them are told as they are.
    spans: bool,
}

impl Speech<'_> {
    /// The request or its confirmation, as it is. Gives where it ends.
    fn negotiation(&self, out: &mut Vec<u8>) -> Option<usize> {
        out.push(u8::from(!self.said.is_empty()));
        if self.said.is_empty() {
            return (self.side == Side::Server).then_some(0);
        }
        let (rest, packet) = tpkt::tpkt(self.said).ok()?;
        let end = self.said.len() - rest.len();
        let first = match self.side {
            Side::Client => looks_like_request(self.said),
            Side::Server => tpdu(packet.payload).is_ok_and(|tpdu| tpdu.code == TpduCode::CONNECTION_CONFIRM),
        };
        let starts = self.begins.iter().take(SSL2_WITHIN);
        let old = starts.filter_map(|(start, _)| self.said.get(*start..)).any(looks_like_ssl2);
        if !first || old {
            return None;
        }
        out.push(self.segment_at(end.checked_sub(1)?));
        let said = self.said.get(..end)?;
        // The name is looked for in the first segment: that must hold the request and nothing else.
        let first = self.begins.get(1).map_or(self.said.len(), |(start, _)| *start);
        if first == end && self.side == Side::Client {
            super::name::tell_without(said, out);
        } else {
            out.push(0);
            out.extend_from_slice(said);
        }
        Some(end)
    }

    /// Which segment brought a byte.
    fn segment_at(&self, at: usize) -> u8 {
        let behind = self.begins.partition_point(|(start, _)| *start <= at);
        behind.checked_sub(1).and_then(|place| self.begins.get(place)).map_or(NONE, |(_, number)| *number)
    }

    /// The records behind it, to the first that is not whole.
    fn records(&mut self, from: usize, out: &mut Vec<u8>) -> Option<()> {
        let mut at = from;
        while let Some(rest) = self.said.get(at..).filter(|rest| !rest.is_empty()) {
            let [kind @ 20..=24, 3, minor @ 0..=4, high, low, body @ ..] = rest else {
                // Less than a header is told as it is; anything else is no TLS.
                let length = u8::try_from(rest.len()).ok().filter(|length| *length < 5)?;
                out.extend_from_slice(&[NONE, length]);
                out.extend_from_slice(rest);
                return Some(());
            };
            let length = u16::from_be_bytes([*high, *low]);
            if length > LONGEST_FRAGMENT {
                return None;
            }
            out.extend_from_slice(&[*kind, *minor, self.segment_at(at)]);
            let Some(body) = body.get(..usize::from(length)) else {
                // What is not whole is read by nobody.
                out.extend_from_slice(&[NONE, *high, *low]);
                return Some(());
            };
            let end = self.segment_at(at + 4 + body.len());
            out.push(end);
            self.record(*kind, length, body, end, out)?;
            at += 5 + body.len();
        }
        out.extend_from_slice(&[NONE, 0]);
        Some(())
    }

    fn record(&mut self, kind: u8, length: u16, body: &[u8], end: u8, out: &mut Vec<u8>) -> Option<()> {
        let tells = kind != 23 || self.is_told(length, end);
        out.extend_from_slice(&if tells { length } else { u16::MAX }.to_le_bytes());
        match kind {
            20 => {
                self.changed = true;
                self.sealed |= self.seals(end);
            }
            21 => out.extend_from_slice(Some(body).filter(|body| body.len() <= ALERT)?),
            22 if self.sealed => {}
            22 if self.changed || self.spans => out.extend_from_slice(body),
            22 => self.handshake(body, end, out),
            _ => {}
        }
        Some(())
    }

    /// Whether a change of cipher in the segment `end` seals what follows. In TLS 1.3 and where a hello is retried it
    /// means nothing; without the server's hello that cannot be told.
    fn seals(&self, end: u8) -> bool {
        self.chosen_before(end).is_some_and(|(version, ..)| !version.is_1_3())
    }

    /// What was chosen before the segment `end`.
    fn chosen_before(&self, end: u8) -> Option<(TlsVersion, CipherSuite, bool)> {
        match self.hello {
            // What the server says stands in the order in which it is read here.
            Hello::Chosen(version, cipher, at, is_known) if at < end || self.side == Side::Server => {
                Some((version, cipher, is_known))
            }
            _ => None,
        }
    }

    /// Whether the length of a sealed record may say what it is, or is told in a pattern.
    fn is_told(&self, length: u16, end: u8) -> bool {
        let Some((version, cipher, is_known)) =
            self.chosen_before(end).filter(|(version, ..)| !version.is_1_3())
        else {
            return true;
        };
        if is_known && length > LONG {
            return false;
        }
        u32::from(length) <= SHORT || is_telling(plaintext_len(length, version, cipher))
    }

    /// Handshake messages in clear: of each what is read of it.
    fn handshake(&mut self, body: &[u8], end: u8, out: &mut Vec<u8>) {
        let mut rest = body;
        while let [kind, high, mid, low, tail @ ..] = rest {
            let length = crate::base::bytes::index(u32::from_be_bytes([0, *high, *mid, *low]));
            let Some((message, after)) = tail.split_at_checked(length) else { break };
            out.extend_from_slice(&[1, *kind, *high, *mid, *low]);
            match (self.side, HandshakeType(*kind)) {
                (Side::Client, HandshakeType::CLIENT_HELLO) => offer(message, out),
                (Side::Server, HandshakeType::SERVER_HELLO) => self.choice(message, end, out),
                (Side::Server, HandshakeType::CERTIFICATE) => out.extend_from_slice(message),
                _ => {}
            }
            rest = after;
        }
        // A message that goes on in the next record, or nothing.
        out.push(0);
        out.extend_from_slice(&rest.len().to_le_bytes());
        out.extend_from_slice(rest);
        self.spans = !rest.is_empty();
    }

    /// What the server chose.
    fn choice(&mut self, message: &[u8], end: u8, out: &mut Vec<u8>) {
        let Ok(hello) = server_hello(message) else { return out.push(0) };
        let (version, cipher) = (hello.version(), hello.cipher);
        out.push(1 + u8::from(hello.is_retry()));
        out.extend_from_slice(&version.0.to_le_bytes());
        out.extend_from_slice(&cipher.0.to_le_bytes());
        self.hello = match self.hello {
            _ if hello.is_retry() => Hello::Retry,
            Hello::Unseen => {
                let long = plaintext_len(LONGEST_FRAGMENT, version, cipher);
                Hello::Chosen(version, cipher, end, long != PlaintextLen::Unknown)
            }
            known => known,
        };
    }
}

/// What the client offers: its version and its suites. RFC 5246 7.4.1.2
fn offer(message: &[u8], out: &mut Vec<u8>) {
    let suites = || {
        let (session, _) = message.get(35..)?.split_at_checked(usize::from(*message.get(34)?))?;
        let at = 35 + session.len();
        let length = usize::from(crate::base::bytes::be16(message, at)?);
        message.get(at..at + 2 + length)
    };
    if let (Some(version), Some(suites)) = (message.get(..2), suites()) {
        out.push(1);
        out.extend_from_slice(version);
        out.extend_from_slice(suites);
    } else {
        out.push(0);
        out.extend_from_slice(message);
    }
}
