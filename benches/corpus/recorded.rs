//! The beginning and the end of a session, as they were recorded.

use std::fs;
use std::rc::Rc;

use rdpscan::packet::Interest;
use rdpscan::stream::Side;

use crate::layers::segments;

/// What one side sent in one segment.
pub type Message = (Side, Rc<[u8]>);

const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

/// Messages of a healthy session with NLA over TLS 1.2.
pub struct Recorded {
    /// Connection request and confirm.
    pub negotiation: Vec<Message>,
    /// The TLS handshake.
    pub handshake: Vec<Message>,
    /// What both sides say inside TLS until the session is up.
    pub inside: Vec<Message>,
    /// The TLS alert with which the client closes.
    pub goodbye: Message,
}

impl Recorded {
    /// Reads the sample.
    pub fn read() -> Self {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/healthy-nla/capture.pcapng");
        let bytes = fs::read(sample).unwrap();
        let segments = segments(&bytes, &Interest::new(&[]));
        let with_data = segments.iter().filter(|segment| segment.length > 0);
        let mut messages = with_data
            .map(|segment| {
                let side = if segment.to.port == 3389 { Side::Client } else { Side::Server };
                (side, Rc::from(segment.bytes(&bytes)))
            })
            .peekable();
        let mut until = |kind| {
            let mut taken = Vec::new();
            while let Some(message) = messages.next_if(|(_, bytes): &Message| bytes[0] != kind) {
                taken.push(message);
            }
            taken
        };
        let mut handshake = until(APPLICATION_DATA);
        let inside = until(ALERT);
        let negotiation = handshake.drain(..2).collect();
        Self { negotiation, handshake, inside, goodbye: messages.next().unwrap() }
    }
}
