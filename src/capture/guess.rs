//! What its first frames tell of an interface that is described wrongly, or not at all.
//!
//! The one place of this layer that looks into frames: whether an Ethernet header and a network header that fits the
//! frame stand at their beginning, and whether a clock makes dates of our time of their stamps. Both are rarely met by
//! chance, and never by nearly all frames.

use std::ops::Range;

use super::interface::{Interface, LinkType, Resolution};
use crate::base::bytes::{array, be16};
use crate::base::{Timestamp, time};

/// Blocks or records that are looked at.
pub(super) const LOOKED_AT: usize = 64;
/// Frames that have to look like those of an Ethernet, at least.
const FRAMES: u32 = 2;
/// The seconds from 1990 to 2100.
pub(super) const OUR_TIME: Range<u32> = 631_152_000..4_102_444_800;
/// How clocks count: in seconds and thousandths. What one makes a date of our time, no other does.
const CLOCKS: [Resolution; 4] =
    [Resolution::MICROSECONDS, Resolution::Decimal(9), Resolution::Decimal(3), Resolution::Decimal(0)];

/// Picoseconds, and about as much as a power of two.
const FINEST: (u8, u8) = (12, 40);

/// The frames so far.
#[derive(Debug, Default)]
pub(super) struct Look {
    frames: u32,
    ethernet: u32,
    /// The least and the greatest stamp.
    stamps: Option<(u64, u64)>,
}

impl Look {
    /// One more frame. A stamp of 0 is none.
    pub(super) fn take(&mut self, data: &[u8], original: u32, stamp: u64) {
        self.frames += 1;
        self.ethernet += u32::from(is_ethernet(data, original).unwrap_or(false));
        if stamp > 0 {
            let (least, most) = self.stamps.unwrap_or((stamp, stamp));
            self.stamps = Some((least.min(stamp), most.max(stamp)));
        }
    }

    /// Whether nearly all of them begin as Ethernet frames do.
    pub(super) fn is_ethernet(&self) -> bool {
        self.ethernet >= FRAMES && u64::from(self.ethernet) * 8 >= u64::from(self.frames) * 7
    }

    /// The interface, where nothing describes it.
    pub(super) fn interface(&self) -> Option<Interface> {
        let clock = if self.stamps.is_none() { Some(Resolution::MICROSECONDS) } else { self.clock() };
        clock.filter(|_| self.is_ethernet()).map(ethernet)
    }

    /// The interface, where its description cannot be true: nearly all frames begin as those of an Ethernet, or its
    /// clock is beyond 2100, or counts in parts as no clock does. A clock that was set wrong, or that counts from the start
    /// of its computer, is believed, however it counts.
    pub(super) fn correct(&self, described: &Interface) -> Option<Interface> {
        let mut own = described.clone();
        if self.is_ethernet() {
            own.link = LinkType::ETHERNET;
        }
        let is_possible = match own.resolution {
            Resolution::Decimal(places) => places <= FINEST.0,
            Resolution::Binary(places) => places <= FINEST.1,
        };
        let is_beyond = self.stamps.is_some_and(|(_, most)| own.time(most) > second(OUR_TIME.end));
        if (is_beyond || !is_possible)
            && !self.is_of_our_time(&own)
            && let Some(resolution) = self.clock()
        {
            own.resolution = resolution;
            own.offset_seconds = 0;
        }
        (own != *described).then_some(own)
    }

    fn clock(&self) -> Option<Resolution> {
        CLOCKS.into_iter().find(|resolution| self.is_of_our_time(&ethernet(*resolution)))
    }

    fn is_of_our_time(&self, interface: &Interface) -> bool {
        let [from, until] = [OUR_TIME.start, OUR_TIME.end].map(second);
        self.stamps
            .is_some_and(|(least, most)| interface.time(least) >= from && interface.time(most) <= until)
    }
}

/// An Ethernet of which nothing is known but how its clock counts.
const fn ethernet(resolution: Resolution) -> Interface {
    Interface { link: LinkType::ETHERNET, snaplen: 0, resolution, offset_seconds: 0, name: None }
}

fn second(seconds: u32) -> Timestamp {
    Timestamp::from_nanos(i64::from(seconds) * time::SECOND)
}

/// Whether an Ethernet header leads, over tags, to a network header whose length fits the frame.
fn is_ethernet(data: &[u8], original: u32) -> Option<bool> {
    /// VLAN tags that are stepped over.
    const TAGS: usize = 2;
    let mut at = 12;
    for _ in 0..=TAGS {
        let kind = be16(data, at)?;
        let network = at + 2;
        // Without what segmentation offload leaves out of lengths: nothing then, not too much.
        let room = crate::base::bytes::index(original).saturating_sub(network);
        let [first] = array(data, network)?;
        match kind {
            0x8100 | 0x88a8 => at += 4,
            0x0800 => {
                let (header, total) = (usize::from(first & 0xf) * 4, usize::from(be16(data, network + 2)?));
                return Some(
                    first >> 4 == 4 && header >= 20 && (total == 0 || header <= total && total <= room),
                );
            }
            0x86dd => return Some(first >> 4 == 6 && usize::from(be16(data, network + 4)?) + 40 <= room),
            // Ethernet and IPv4, in its own words.
            0x0806 => return Some(array(data, network) == Some([0, 1, 8, 0, 6, 4])),
            _ => return Some(false),
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look at so many Ethernet frames and others, stamped thus.
    fn look(ethernet: usize, others: usize, stamps: [u64; 2]) -> Look {
        let mut arp = [0; 42];
        arp[12..20].copy_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4]);
        let mut look = Look::default();
        let frames = [vec![arp; ethernet], vec![[3; 42]; others]].concat();
        for (frame, stamp) in frames.iter().zip(stamps.iter().cycle()) {
            look.take(frame, 42, *stamp);
        }
        look
    }

    const MICROS: [u64; 2] = [1_700_000_000_000_000, 1_700_000_100_000_000];

    fn described(link: u16, resolution: Resolution) -> Interface {
        Interface { link: LinkType(link), snaplen: 96, resolution, offset_seconds: 0, name: None }
    }

    #[test]
    fn nearly_all_frames_have_to_be_of_an_ethernet() {
        let found = |ethernet, others| look(ethernet, others, MICROS).interface().map(|own| own.link);
        assert_eq!(found(14, 2), Some(LinkType::ETHERNET));
        assert_eq!(found(13, 3), None);
        assert_eq!(found(1, 0), None);
        assert_eq!(found(0, 0), None);
    }

    #[test]
    fn a_clock_gives_dates_of_our_time() {
        let found = |stamps| look(9, 0, stamps).interface().map(|own| own.resolution);
        assert_eq!(found(MICROS), Some(Resolution::MICROSECONDS));
        assert_eq!(found(MICROS.map(|stamp| stamp * 1000)), Some(Resolution::Decimal(9)));
        assert_eq!(found([0, 0]), Some(Resolution::MICROSECONDS), "no stamps at all");
        assert_eq!(found([1, MICROS[0]]), None);
    }

    #[test]
    fn a_description_is_corrected_only_where_it_cannot_be_true() {
        let look = look(9, 0, MICROS);
        assert_eq!(look.correct(&described(1, Resolution::MICROSECONDS)), None);
        assert_eq!(
            look.correct(&described(147, Resolution::Binary(20))),
            Some(described(1, Resolution::Binary(20))),
            "binary clocks are rare, and give a date"
        );
        let corrected = Some(described(1, Resolution::MICROSECONDS));
        assert_eq!(look.correct(&described(1, Resolution::Binary(60))), corrected);
        assert_eq!(look.correct(&described(1, Resolution::Decimal(0))), corrected);
        // As if the computer had been started 19 days ago, also where the clock is an unusual one.
        assert_eq!(look.correct(&described(1, Resolution::Decimal(9))), None);
        assert_eq!(look.correct(&described(1, Resolution::Decimal(10))), None);
        assert_eq!(look.correct(&described(1, Resolution::Binary(32))), None);
        let zone = Interface { offset_seconds: -3600, ..described(1, Resolution::Decimal(9)) };
        assert_eq!(look.correct(&zone), None);
    }
}
