//! Frames of a pcapng file: Ethernet, IPv4, TCP, UDP or ICMP, with right checksums.

use std::io::{self, Write};

/// When the first frame was captured, in nanoseconds since 1970: 2026-11-21, a day after the recorded session, whose
/// certificate is not older.
const BEGIN: u64 = 1_795_248_000_000_000_000;
/// Where the checksum of a header is.
const IP_CHECKSUM: usize = 10;
const TCP_CHECKSUM: usize = 16;
const UDP_CHECKSUM: usize = 6;
const ICMP_CHECKSUM: usize = 2;
/// Protocol numbers.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;
pub const PUSH: u8 = 0x18;

/// An address and a port.
pub type End = ([u8; 4], u16);

/// A TCP segment.
pub struct Segment<'a> {
    /// Sender and receiver.
    pub ends: (End, End),
    /// Sequence and acknowledgement number.
    pub numbers: (u32, u32),
    pub flags: u8,
    /// A multiple of four bytes.
    pub options: &'a [u8],
    pub payload: &'a [u8],
}

/// A capture that is being written: as many nanoseconds between two frames as it was told.
pub struct Frames<'a, W> {
    out: &'a mut W,
    step: u64,
    number: u32,
    /// Bytes written.
    pub size: u64,
    /// The block that is being put together.
    block: Vec<u8>,
}

impl<'a, W: Write> Frames<'a, W> {
    /// The head of a file: a section, an interface whose clock counts nanoseconds.
    pub fn begin(out: &'a mut W, step: u64) -> io::Result<Self> {
        let mut frames = Self { out, step, number: 0, size: 0, block: Vec::new() };
        frames.block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]])?;
        frames.block(1, &[&[1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]])?;
        Ok(frames)
    }

    pub fn tcp(&mut self, segment: &Segment<'_>) -> io::Result<()> {
        let Segment { ends: (from, to), numbers: (seq, ack), flags, options, payload } = segment;
        let words = u8::try_from(5 + options.len() / 4).unwrap();
        let mut header = [0; 60];
        header[..2].copy_from_slice(&from.1.to_be_bytes());
        header[2..4].copy_from_slice(&to.1.to_be_bytes());
        header[4..8].copy_from_slice(&seq.to_be_bytes());
        header[8..12].copy_from_slice(&ack.to_be_bytes());
        header[12..16].copy_from_slice(&[words << 4, *flags, 4, 0]);
        header[20..20 + options.len()].copy_from_slice(options);
        let header = &mut header[..20 + options.len()];
        let sum = transport(TCP, (from.0, to.0), header, payload);
        header[TCP_CHECKSUM..TCP_CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
        self.packet(TCP, (from.0, to.0), header, payload)
    }

    pub fn udp(&mut self, (from, to): (End, End), payload: &[u8]) -> io::Result<()> {
        let mut header = [0; 8];
        header[..2].copy_from_slice(&from.1.to_be_bytes());
        header[2..4].copy_from_slice(&to.1.to_be_bytes());
        header[4..6].copy_from_slice(&u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
        // Zero would mean that there is none. RFC 768
        let sum = match transport(UDP, (from.0, to.0), &header, payload) {
            0 => u16::MAX,
            sum => sum,
        };
        header[UDP_CHECKSUM..].copy_from_slice(&sum.to_be_bytes());
        self.packet(UDP, (from.0, to.0), &header, payload)
    }

    /// An echo request, or the reply to it. RFC 792
    pub fn echo(&mut self, (from, to): (End, End), is_reply: bool) -> io::Result<()> {
        let mut header = [if is_reply { 0 } else { 8 }, 0, 0, 0, 0, 1, 0, 1];
        let payload = b"abcdefghijklmnopqrstuvwabcdefghi";
        let sum = checksum(add(add(0, &header), payload));
        header[ICMP_CHECKSUM..ICMP_CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
        self.packet(ICMP, (from.0, to.0), &header, payload)
    }

    fn packet(
        &mut self,
        protocol: u8,
        (from, to): ([u8; 4], [u8; 4]),
        header: &[u8],
        payload: &[u8],
    ) -> io::Result<()> {
        let mut ip = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let total = ip.len() + header.len() + payload.len();
        ip[2..4].copy_from_slice(&u16::try_from(total).unwrap().to_be_bytes());
        ip[4..6].copy_from_slice(&self.number.to_be_bytes()[2..]);
        ip[12..16].copy_from_slice(&from);
        ip[16..].copy_from_slice(&to);
        let sum = checksum(add(0, &ip));
        ip[IP_CHECKSUM..IP_CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());

        let time = BEGIN + u64::from(self.number) * self.step;
        let (high, low) = (u32::try_from(time >> 32).unwrap(), u32::try_from(time & 0xffff_ffff).unwrap());
        let ethernet = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        let length = u32::try_from(ethernet.len() + total).unwrap().to_le_bytes();
        self.number += 1;
        self.block(
            6,
            &[
                &[0; 4],
                &high.to_le_bytes(),
                &low.to_le_bytes(),
                &length,
                &length,
                &ethernet,
                &ip,
                header,
                payload,
            ],
        )
    }

    fn block(&mut self, kind: u32, body: &[&[u8]]) -> io::Result<()> {
        let padded = body.iter().map(|part| part.len()).sum::<usize>().next_multiple_of(4);
        let total = u32::try_from(padded + 12).unwrap();
        self.block.clear();
        self.block.extend_from_slice(&kind.to_le_bytes());
        self.block.extend_from_slice(&total.to_le_bytes());
        for part in body {
            self.block.extend_from_slice(part);
        }
        self.block.resize(8 + padded, 0);
        self.block.extend_from_slice(&total.to_le_bytes());
        self.size += u64::from(total);
        self.out.write_all(&self.block)
    }
}

/// The checksum of a TCP or UDP header, whose own is still zero, and its payload.
fn transport(protocol: u8, (from, to): ([u8; 4], [u8; 4]), header: &[u8], payload: &[u8]) -> u16 {
    let length = u64::try_from(header.len() + payload.len()).unwrap();
    checksum(add(add(add(add(u64::from(protocol) + length, &from), &to), header), payload))
}

/// Adds bytes up, 32 bits at a time: only the last ones may be fewer than four. RFC 1071
fn add(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).fold(sum, |sum, word| sum + u64::from(u32::from_be_bytes(*word)))
}

fn checksum(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}
