//! What connections are made of.

use rdpscan::stream::Side;

use super::connection::Step;
use super::random::Random;
use super::recorded::{Message, Recorded};

/// Bytes of a full segment.
const SEGMENT: u16 = 1460;
/// Bytes of a session's records: of the server, of the client. Each is a segment.
const PICTURE: u16 = 1400;
const INPUT: u16 = 60;

/// SYN, SYN-ACK, ACK.
pub fn open() -> [Step; 3] {
    [Step::Syn, Step::SynAck, Step::Ack(Side::Client)]
}

/// Recorded messages. Where nobody answers one, it is acknowledged alone.
pub fn said<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut messages = messages.into_iter().peekable();
    while let Some((from, bytes)) = messages.next() {
        steps.push(Step::Bytes(*from, bytes.clone()));
        if messages.peek().is_none_or(|(next, _)| next == from) {
            steps.push(Step::Ack(from.other()));
        }
    }
    steps
}

/// A session until it is up.
pub fn begin(recorded: &Recorded) -> Vec<Step> {
    let parts = [&recorded.negotiation, &recorded.handshake, &recorded.inside];
    open().into_iter().chain(parts.into_iter().flat_map(said)).collect()
}

/// A TLS record of so many bytes, in as many segments as it takes.
pub fn record(from: Side, length: u16) -> Vec<Step> {
    let starts = (0..length).step_by(usize::from(SEGMENT));
    starts.map(|start| Step::Record(from, length, start..length.min(start + SEGMENT))).collect()
}

/// Segments with an acknowledgement after every second one and after the last.
pub fn acknowledged(from: Side, segments: &[Step]) -> Vec<Step> {
    let pair = |pair: &[Step]| [pair, &[Step::Ack(from.other())]].concat();
    segments.chunks(2).flat_map(pair).collect()
}

/// A moment of a session: some of the screen, often after some input.
pub fn moment(random: &mut Random) -> Vec<Step> {
    let mut steps = Vec::new();
    if random.of(0..3) == 0 {
        steps.extend(record(Side::Client, INPUT));
    }
    let picture: Vec<Step> = (0..random.of(1..9)).flat_map(|_| record(Side::Server, PICTURE)).collect();
    steps.extend(acknowledged(Side::Server, &picture));
    steps
}

/// FIN of both, the client's first.
pub fn close() -> [Step; 4] {
    [Step::Fin(Side::Client), Step::Ack(Side::Server), Step::Fin(Side::Server), Step::Ack(Side::Client)]
}
