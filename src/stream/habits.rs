//! What is typical of one side of a flow, and what its segments say of its state.

use super::checksums::Checksums;
use super::reassemble::Arrival;
use crate::base::Mark;
use crate::packet::{Segment, TcpFlags};

/// What is typical of one side's segments; a forged one differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// Least and greatest time to live, RST excepted.
    pub ttl: Option<(u8, u8)>,
    /// Last IPv4 identification, RST excepted.
    pub ip_id: Option<u16>,
    /// Whether its segments carry timestamps.
    pub timestamps: bool,
    /// Maximum segment size it announced.
    pub mss: Option<u16>,
    /// Whether its SYN had no options.
    pub bare_syn: bool,
    /// Segments seen.
    pub segments: u64,
    /// Times it advertised a window of zero.
    pub zero_windows: u64,
    /// When the first of these was.
    pub zero_window_first: Option<Mark>,
    /// When it first advertised zero without having opened again.
    pub zero_window_open: Option<Mark>,
    /// When it was last heard.
    pub last: Option<Mark>,
    /// Whether what it sent arrived undamaged.
    pub checksums: Checksums,
    /// How far its stream had got by the sequence numbers of its empty segments: beyond what was captured of it
    /// means that data did not get here.
    pub claimed: Option<u64>,
}

/// What fits into a packet on Ethernet.
const DEFAULT_MSS: u16 = 1460;

impl Habits {
    /// Takes the next segment of this side. Gives whether it advertises a window of zero.
    pub fn note(&mut self, segment: &Segment, mark: Mark) -> bool {
        if segment.flags.has(TcpFlags::RST) {
            return false;
        }
        self.segments += 1;
        self.last = Some(mark);
        self.ttl = Some(match self.ttl {
            None => (segment.ttl, segment.ttl),
            Some((least, greatest)) => (least.min(segment.ttl), greatest.max(segment.ttl)),
        });
        // The newest one: a packet that the network held back does not set the count back.
        if was_sent_before(segment.ip_id, self.ip_id) != Some(true) {
            self.ip_id = segment.ip_id.or(self.ip_id);
        }
        self.timestamps |= segment.options.timestamp;
        self.mss = segment.options.mss.or(self.mss);
        if segment.flags.has(TcpFlags::SYN) {
            self.bare_syn = segment.options.none;
            return false;
        }
        if segment.window > 0 {
            self.zero_window_open = None;
            return false;
        }
        self.zero_windows += 1;
        self.zero_window_first.get_or_insert(mark);
        self.zero_window_open.get_or_insert(mark);
        true
    }

    /// Checks a sample of the checksums. Larger segments than `agreed` (by the other side) were put together by the
    /// capturing host, which leaves their checksum as it was.
    pub fn check(
        &mut self,
        segment: &Segment,
        bytes: &[u8],
        arrival: Arrival,
        agreed: Option<u16>,
        mark: Mark,
    ) {
        let repeated = match arrival {
            Arrival::New => false,
            Arrival::Repeated => true,
            Arrival::KeepAlive | Arrival::Outside => return,
        };
        let largest = u32::from(agreed.unwrap_or(DEFAULT_MSS));
        if segment.length > largest || !self.checksums.wants(repeated) {
            return;
        }
        if let Some(holds) = segment.checksum_holds(bytes) {
            self.checksums.take(holds, repeated, mark);
        }
    }
}

/// Whether a packet left its sender before another one, by a counting identification: then the network changed
/// their order.
pub fn was_sent_before(own: Option<u16>, other: Option<u16>) -> Option<bool> {
    /// Identifications further apart say nothing.
    const NEAR: u16 = 4096;
    match (own, other) {
        (Some(own), Some(other)) if own != 0 && other != 0 => match other.wrapping_sub(own) {
            1..NEAR => Some(true),
            behind if behind.wrapping_neg() < NEAR => Some(false),
            _ => None,
        },
        _ => None,
    }
}
