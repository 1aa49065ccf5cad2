//! Handshake messages: their header, and joining them across records. RFC 8446 4, RFC 5246 7.4
//!
//! Does not look into bodies and does not know when encryption begins: the caller stops handing in fragments
//! after a direction's change_cipher_spec. In TLS 1.3 that record means nothing: a client sends one before its
//! second hello when it was told to retry, and the last clear message of a server is its hello.

use std::borrow::Cow;

use nom::bytes::streaming::take;
use nom::number::streaming::{be_u24, u8};

use crate::base::bytes;
use crate::protocol::wire::{Expected, Malformed, Parse, wire_code};

/// Longest message that is joined. Certificate chains stay far below.
pub const LONGEST_MESSAGE: u32 = 256 * 1024;
/// Bytes before a body.
const HEADER: usize = 4;

wire_code! {
    /// The type of a handshake message.
    pub struct HandshakeType(u8) {
        /// Server asks for a new handshake. RFC 5246 7.4.1.1
        HELLO_REQUEST = 0 "hello_request";
        /// Client hello.
        CLIENT_HELLO = 1 "client_hello";
        /// Server hello, and hello retry request.
        SERVER_HELLO = 2 "server_hello";
        /// Ticket for resumption.
        NEW_SESSION_TICKET = 4 "new_session_ticket";
        /// End of 0-RTT data.
        END_OF_EARLY_DATA = 5 "end_of_early_data";
        /// Hello retry request of the drafts.
        HELLO_RETRY_REQUEST = 6 "hello_retry_request";
        /// Encrypted in TLS 1.3.
        ENCRYPTED_EXTENSIONS = 8 "encrypted_extensions";
        /// Certificates, of either side.
        CERTIFICATE = 11 "certificate";
        /// Parameters of the key exchange.
        SERVER_KEY_EXCHANGE = 12 "server_key_exchange";
        /// The server asks for a client certificate.
        CERTIFICATE_REQUEST = 13 "certificate_request";
        /// End of the server's flight.
        SERVER_HELLO_DONE = 14 "server_hello_done";
        /// Proof of a certificate's key.
        CERTIFICATE_VERIFY = 15 "certificate_verify";
        /// The client's half of the key exchange.
        CLIENT_KEY_EXCHANGE = 16 "client_key_exchange";
        /// Finished; always encrypted.
        FINISHED = 20 "finished";
        /// RFC 6066
        CERTIFICATE_URL = 21 "certificate_url";
        /// Stapled OCSP response. RFC 6066
        CERTIFICATE_STATUS = 22 "certificate_status";
        /// New keys.
        KEY_UPDATE = 24 "key_update";
        /// RFC 8879
        COMPRESSED_CERTIFICATE = 25 "compressed_certificate";
        /// Digest in place of a hello; never on the wire.
        MESSAGE_HASH = 254 "message_hash";
    }
}

/// One whole handshake message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeMessage<'a> {
    /// What it is.
    pub kind: HandshakeType,
    /// Its body, borrowed unless it spanned records.
    pub body: Cow<'a, [u8]>,
}

/// Reads one message from bytes that hold it whole.
pub fn handshake_message(input: &[u8]) -> Parse<'_, HandshakeMessage<'_>> {
    let (rest, (kind, length)) = header(input)?;
    let (rest, body) = take(length)(rest)?;
    Ok((rest, HandshakeMessage { kind, body: Cow::Borrowed(body) }))
}

/// A message whose end has not been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished<'a> {
    /// Its type, once its first byte is there.
    pub kind: Option<HandshakeType>,
    /// Bytes of its whole body, once its header is there.
    pub length: Option<u32>,
    /// What is there of the body.
    pub body: &'a [u8],
}

/// Joins the handshake messages of one direction across records.
///
/// INVARIANT: holds at most one unfinished message, so at most [`LONGEST_MESSAGE`] and a header; a longer one
/// stops the joining for good, which [`HandshakeJoiner::stopped`] tells.
#[derive(Clone, Debug, Default)]
pub struct HandshakeJoiner {
    pending: Vec<u8>,
    /// Bytes to come of a message of which some were not captured.
    skip: usize,
    stopped: Option<Malformed>,
}

impl HandshakeJoiner {
    /// Nothing joined yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the fragment of the next handshake record; gives the messages that it completes, in order.
    pub fn push<'a>(&mut self, fragment: &'a [u8]) -> Vec<HandshakeMessage<'a>> {
        let mut messages = Vec::new();
        let skipped = self.skip.min(fragment.len());
        self.skip -= skipped;
        let mut rest = fragment.get(skipped..).unwrap_or_default();
        while self.stopped.is_none() && !rest.is_empty() {
            let next = if self.pending.is_empty() { self.borrow(rest) } else { self.fill(rest) };
            let Some((message, after)) = next else { break };
            messages.extend(message);
            rest = after;
        }
        messages
    }

    /// The same for a record of which only the beginning was captured: `head`, and `lost` bytes behind it. What
    /// is whole in it is given; of what is lost only its length counts, and a message that begins there is not seen.
    pub fn push_cut<'a>(&mut self, head: &'a [u8], lost: usize) -> Vec<HandshakeMessage<'a>> {
        let messages = self.push(head);
        let whole = header(&self.pending).ok().map_or(0, |(_, (_, length))| HEADER + bytes::index(length));
        let to_come = self.skip + whole.saturating_sub(self.pending.len());
        self.skip = to_come.saturating_sub(lost);
        self.pending.clear();
        messages
    }

    /// The message that is not complete yet, if there is one: what was lost when the stream ends here.
    pub fn unfinished(&self) -> Option<Unfinished<'_>> {
        let first = self.pending.first()?;
        let length = header(&self.pending).ok().map(|(_, (_, length))| length);
        let body = self.pending.get(HEADER..).unwrap_or_default();
        Some(Unfinished { kind: Some(HandshakeType(*first)), length, body })
    }

    /// Why nothing is joined any more, if so.
    pub fn stopped(&self) -> Option<Malformed> {
        self.stopped
    }

    /// A message out of the fragment itself; keeps a partial one for later.
    fn borrow<'a>(&mut self, fragment: &'a [u8]) -> Option<(Option<HandshakeMessage<'a>>, &'a [u8])> {
        match handshake_message(fragment) {
            Ok((rest, message)) => Some((Some(message), rest)),
            Err(nom::Err::Incomplete(_)) => {
                self.pending.extend_from_slice(fragment);
                None
            }
            Err(nom::Err::Error(malformed) | nom::Err::Failure(malformed)) => {
                self.stopped = Some(malformed);
                None
            }
        }
    }

    /// Adds to the partial message what it still lacks, header first.
    fn fill<'a>(&mut self, fragment: &'a [u8]) -> Option<(Option<HandshakeMessage<'a>>, &'a [u8])> {
        let whole = match header(&self.pending) {
            Ok((_, (_, length))) => HEADER + usize::try_from(length).ok()?,
            Err(nom::Err::Incomplete(_)) => HEADER,
            Err(nom::Err::Error(malformed) | nom::Err::Failure(malformed)) => {
                self.stopped = Some(malformed);
                return None;
            }
        };
        let (taken, rest) = fragment.split_at(whole.saturating_sub(self.pending.len()).min(fragment.len()));
        self.pending.extend_from_slice(taken);
        let Ok((_, message)) = handshake_message(&self.pending) else {
            return Some((None, rest));
        };
        let message = HandshakeMessage { kind: message.kind, body: Cow::Owned(message.body.into_owned()) };
        self.pending.clear();
        Some((Some(message), rest))
    }
}

fn header(input: &[u8]) -> Parse<'_, (HandshakeType, u32)> {
    let (rest, kind) = u8(input)?;
    let (rest, length) = be_u24(rest)?;
    if length > LONGEST_MESSAGE {
        return Malformed::new(
            "handshake length",
            1,
            Expected::AtMost(LONGEST_MESSAGE.into()),
            length.into(),
        )
        .stop();
    }
    Ok((rest, (HandshakeType(kind), length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(messages: &[HandshakeMessage<'_>]) -> Vec<(u8, Vec<u8>)> {
        messages.iter().map(|message| (message.kind.0, message.body.to_vec())).collect()
    }

    #[test]
    fn joins_the_same_however_it_is_cut() {
        // A message of 3 bytes, one of none, one of 5.
        let stream = [2, 0, 0, 3, 0xA, 0xB, 0xC, 14, 0, 0, 0, 11, 0, 0, 5, 1, 2, 3, 4, 5];
        let expected = vec![(2, vec![0xA, 0xB, 0xC]), (14, vec![]), (11, vec![1, 2, 3, 4, 5])];
        for size in 1..=stream.len() {
            let mut joiner = HandshakeJoiner::new();
            let messages: Vec<_> = stream.chunks(size).flat_map(|chunk| joiner.push(chunk)).collect();
            assert_eq!(kinds(&messages), expected, "cut every {size} bytes");
            assert_eq!(joiner.unfinished(), None);
        }
    }

    #[test]
    fn borrows_where_it_can() {
        let mut joiner = HandshakeJoiner::new();
        let messages = joiner.push(&[14, 0, 0, 1, 7, 11, 0]);
        assert!(matches!(messages.as_slice(), [HandshakeMessage { body: Cow::Borrowed([7]), .. }]));
        assert_eq!(joiner.unfinished().and_then(|left| left.kind), Some(HandshakeType::CERTIFICATE));
        assert!(joiner.push(&[0, 9, 1]).is_empty());
        let left = joiner.unfinished().unwrap();
        assert_eq!((left.length, left.body), (Some(9), [1].as_slice()));
    }

    #[test]
    fn steps_over_what_was_not_captured() {
        // A message of 3 bytes, one of 9 that is cut behind its second byte, one of none.
        let stream = [2, 0, 0, 3, 0xA, 0xB, 0xC, 11, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 0, 0, 0];
        for end in 13..=20 {
            let mut joiner = HandshakeJoiner::new();
            assert_eq!(kinds(&joiner.push_cut(&stream[..13], end - 13)), [(2, vec![0xA, 0xB, 0xC])]);
            assert_eq!(joiner.unfinished(), None);
            assert_eq!(kinds(&joiner.push(&stream[end..])), [(14, vec![])], "the record ends at {end}");
        }
        // Behind a record that was cut before a message begins, the next begins with one.
        let mut joiner = HandshakeJoiner::new();
        assert!(joiner.push_cut(&[], 40).is_empty());
        assert_eq!(kinds(&joiner.push(&stream[20..])), [(14, vec![])]);
    }

    #[test]
    fn gives_up_on_absurd_lengths() {
        for cut in 1..4 {
            let mut joiner = HandshakeJoiner::new();
            let bytes = [2, 0xFF, 0xFF, 0xFF, 0];
            assert!(joiner.push(&bytes[..cut]).is_empty());
            assert!(joiner.push(&bytes[cut..]).is_empty());
            assert!(joiner.push(&[0; 100]).is_empty());
            assert_eq!(joiner.stopped().map(|why| why.got), Some(0xFF_FFFF));
        }
    }
}
