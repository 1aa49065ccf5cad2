//! A TCP connection as a sequence of steps, written with the numbers that belong to each.

use std::io::{self, Write};
use std::ops::Range;
use std::rc::Rc;

use rdpscan::stream::Side;

use super::frame::{ACK, End, FIN, Frames, PUSH, RST, SYN, Segment};
use super::random::Random;

/// Whom clients ask for names.
const RESOLVER: End = ([10, 2, 0, 2], 53);
/// Maximum segment size 1460, window scale 8, SACK permitted.
const OPTIONS: [u8; 12] = [2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
/// Bytes of a TLS record's header.
const HEADER: u16 = 5;

/// What happens next. Who sends, acknowledges all that the other side has sent.
#[derive(Clone)]
pub enum Step {
    /// The client asks the resolver.
    Question(Rc<[u8]>),
    /// The resolver answers.
    Answer(Rc<[u8]>),
    /// The client sends an ICMP echo request, the server replies.
    Ping,
    Pong,
    Syn,
    SynAck,
    Ack(Side),
    /// A segment with these bytes.
    Bytes(Side, Rc<[u8]>),
    /// A segment with some bytes of a TLS record of application data that is so long, its header counted.
    Record(Side, u16, Range<u16>),
    Fin(Side),
    Rst(Side),
    /// Nothing.
    Pause,
}

/// One connection.
pub struct Connection {
    pub client: End,
    pub server: End,
    /// Initial sequence numbers, of the client and of the server.
    pub initial: [u32; 2],
    pub steps: Box<dyn Iterator<Item = Step>>,
}

/// One that is being written.
pub struct Running {
    connection: Connection,
    /// The next sequence numbers; zero before the first.
    next: [u32; 2],
}

impl Running {
    pub const fn new(connection: Connection) -> Self {
        Self { connection, next: [0, 0] }
    }

    /// Writes the next step; `false` behind the last one.
    pub fn step(&mut self, frames: &mut Frames<'_, impl Write>, noise: &Noise) -> io::Result<bool> {
        let Some(step) = self.connection.steps.next() else { return Ok(false) };
        let Connection { client, server, initial, .. } = self.connection;
        match step {
            Step::Question(bytes) => frames.udp((client, RESOLVER), &bytes)?,
            Step::Answer(bytes) => frames.udp((RESOLVER, client), &bytes)?,
            Step::Ping => frames.echo((client, server), false)?,
            Step::Pong => frames.echo((server, client), true)?,
            Step::Syn => {
                self.next[0] = initial[0];
                self.segment(frames, Side::Client, SYN, &OPTIONS, &[])?;
            }
            Step::SynAck => {
                self.next[1] = initial[1];
                self.segment(frames, Side::Server, SYN | ACK, &OPTIONS, &[])?;
            }
            Step::Ack(from) => self.segment(frames, from, ACK, &[], &[])?,
            Step::Bytes(from, bytes) => self.segment(frames, from, PUSH, &[], &bytes)?,
            Step::Record(from, length, part) => {
                let mut bytes = noise.at(self.next[index(from)], part.len()).to_vec();
                if part.start == 0 {
                    let [high, low] = (length - HEADER).to_be_bytes();
                    bytes[..usize::from(HEADER)].copy_from_slice(&[23, 3, 3, high, low]);
                }
                let flags = if part.end == length { PUSH } else { ACK };
                self.segment(frames, from, flags, &[], &bytes)?;
            }
            Step::Fin(from) => self.segment(frames, from, FIN | ACK, &[], &[])?,
            Step::Rst(from) => self.segment(frames, from, RST | ACK, &[], &[])?,
            Step::Pause => {}
        }
        Ok(true)
    }

    fn segment(
        &mut self,
        frames: &mut Frames<'_, impl Write>,
        from: Side,
        flags: u8,
        options: &[u8],
        payload: &[u8],
    ) -> io::Result<()> {
        let Connection { client, server, .. } = self.connection;
        let ends = if from == Side::Client { (client, server) } else { (server, client) };
        let ack = if flags & ACK == 0 { 0 } else { self.next[index(from.other())] };
        let next = &mut self.next[index(from)];
        frames.tcp(&Segment { ends, numbers: (*next, ack), flags, options, payload })?;
        // SYN and FIN take a number like a byte.
        let length = u32::try_from(payload.len()).unwrap() + u32::from(flags & (SYN | FIN) != 0);
        *next = next.wrapping_add(length);
        Ok(())
    }
}

const fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

/// Bytes that look encrypted.
pub struct Noise(Vec<u8>);

impl Noise {
    /// Segments begin so far into it at most.
    const BEGINS: u32 = 0xffff;

    pub fn new() -> Self {
        let mut random = Random::new(0);
        Self((0..0x5000).flat_map(|_| random.next().to_le_bytes()).collect())
    }

    /// For a place in a stream, so many.
    fn at(&self, place: u32, length: usize) -> &[u8] {
        &self.0[usize::try_from(place & Self::BEGINS).unwrap()..][..length]
    }
}
