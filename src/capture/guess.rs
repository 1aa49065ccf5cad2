//! What its first frames tell of an interface that is described wrongly, or not at all.
//!
//! The one place of this layer that looks into frames: whether the header of a link type and a network header that fits
//! the frame stand at their beginning, and whether a clock makes dates of our time of their stamps. Both are rarely met
//! by chance, and by nearly all frames only where an address happens to read as an EtherType: so a description that
//! some of the frames fit is believed, whatever else they look like.

use std::ops::Range;

use super::interface::{Interface, LinkType, Resolution};
use crate::base::bytes::{array, be16, index};
use crate::base::{Timestamp, time};

/// Blocks or records that are looked at.
pub(super) const LOOKED_AT: usize = 64;
/// Frames that have to look like those of one link type, at least.
const FRAMES: u32 = 2;
/// Of every so many frames, one at most may not look like the others.
const NEARLY: u64 = 8;
/// Link types that are known by their frames. Those come first whose headers prove more: an address of raw IP, and one
/// in a cooked header, can read as the EtherType of an Ethernet frame, and hardly the other way round.
const KNOWN: [LinkType; 5] =
    [LinkType::RAW, LinkType::LINUX_SLL2, LinkType::LINUX_SLL, LinkType::ETHERNET, LinkType::NULL];
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
    /// What they are said to be.
    described: Option<LinkType>,
    frames: u32,
    /// How many are what they are said to be.
    fitting: u32,
    /// How many look like each of [`KNOWN`].
    alike: [u32; KNOWN.len()],
    /// The least and the greatest stamp.
    stamps: Option<(u64, u64)>,
}

impl Look {
    /// No frame yet, of an interface that is described thus.
    pub(super) fn at(described: &Interface) -> Self {
        Self { described: Some(described.link), ..Self::default() }
    }

    /// One more frame. A stamp of 0 is none.
    pub(super) fn take(&mut self, data: &[u8], original: u32, stamp: u64) {
        self.frames += 1;
        self.fitting += u32::from(self.described.is_some_and(|link| fits(link, data, original)));
        for (count, link) in self.alike.iter_mut().zip(KNOWN) {
            *count += u32::from(looks_like(link, data, original));
        }
        if stamp > 0 {
            let (least, most) = self.stamps.unwrap_or((stamp, stamp));
            self.stamps = Some((least.min(stamp), most.max(stamp)));
        }
    }

    /// What nearly all of them look like.
    fn link(&self) -> Option<LinkType> {
        let is_nearly_all = |count: u32| {
            count >= FRAMES && u64::from(count) * NEARLY >= u64::from(self.frames) * (NEARLY - 1)
        };
        self.alike.iter().zip(KNOWN).find(|(count, _)| is_nearly_all(**count)).map(|(_, link)| link)
    }

    /// Whether more than a few are what they are said to be.
    fn is_as_described(&self) -> bool {
        u64::from(self.fitting) * NEARLY > u64::from(self.frames)
    }

    /// The interface, where nothing describes it.
    pub(super) fn interface(&self) -> Option<Interface> {
        let clock = if self.stamps.is_none() { Some(Resolution::MICROSECONDS) } else { self.clock() };
        Some(plain(self.link()?, clock?))
    }

    /// The interface, where its description cannot be true: hardly a frame fits it and nearly all look like another, or
    /// its clock is beyond 2100, or counts in parts as no clock does. A clock that was set wrong, or that counts from the
    /// start of its computer, is believed, however it counts.
    pub(super) fn correct(&self, described: &Interface) -> Option<Interface> {
        let mut own = described.clone();
        if let Some(link) = self.link().filter(|_| !self.is_as_described()) {
            own.link = link;
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
        CLOCKS.into_iter().find(|resolution| self.is_of_our_time(&plain(LinkType::ETHERNET, *resolution)))
    }

    fn is_of_our_time(&self, interface: &Interface) -> bool {
        let [from, until] = [OUR_TIME.start, OUR_TIME.end].map(second);
        self.stamps
            .is_some_and(|(least, most)| interface.time(least) >= from && interface.time(most) <= until)
    }
}

/// Whether a frame is one of those by which an interface is guessed that nothing describes: of many that are not, each
/// costs no look at others.
pub(super) fn may_begin(data: &[u8], original: u32, stamp: u64) -> bool {
    let mut look = Look::default();
    look.take(data, original, stamp);
    look.alike.iter().any(|count| *count > 0) && (stamp == 0 || look.clock().is_some())
}

/// An interface of which nothing is known but its frames and how its clock counts.
const fn plain(link: LinkType, resolution: Resolution) -> Interface {
    Interface { link, snaplen: 0, resolution, offset_seconds: 0, name: None }
}

fn second(seconds: u32) -> Timestamp {
    Timestamp::from_nanos(i64::from(seconds) * time::SECOND)
}

/// Whether a frame is what it is said to be. Of link types that are not decoded nothing is known, and nothing is lost
/// with them. Lengths are not compared with the frame where the link header is nothing: some writers cut frames, and
/// keep no trace of it.
fn fits(link: LinkType, data: &[u8], original: u32) -> bool {
    match link {
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Ip::at(data, 0).is_some(),
        other if LinkType::RAW_OLD.contains(&other) => Ip::at(data, 0).is_some(),
        LinkType::ETHERNET => looks_like(link, data, original) || leads_on(data).unwrap_or(false),
        LinkType::LOOP => looks_like(LinkType::NULL, data, original),
        LinkType::C_HDLC => after_type(data, 2, 4, original).unwrap_or(false),
        LinkType::PPP => ppp(data, original).unwrap_or(false),
        other => looks_like(other, data, original),
    }
}

/// Whether the header of a link type leads to a network header that fits the frame.
fn looks_like(link: LinkType, data: &[u8], original: u32) -> bool {
    let found = match link {
        // Nothing is padded there, and nothing but the length tells it from other things.
        LinkType::RAW => Ip::at(data, 0).map(|ip| ip.length == index(original)),
        LinkType::LINUX_SLL2 => after_type(data, 0, 20, original),
        LinkType::LINUX_SLL => after_type(data, 14, 16, original),
        LinkType::ETHERNET => after_type(data, 12, 14, original),
        LinkType::NULL => loopback(data, original),
        _ => None,
    };
    found.unwrap_or(false)
}

/// The head of an IP packet.
struct Ip {
    version: u8,
    /// All of it; 0 where segmentation offload left it out.
    length: usize,
}

impl Ip {
    /// If one stands there.
    fn at(data: &[u8], at: usize) -> Option<Self> {
        let [first] = array(data, at)?;
        let version = first >> 4;
        let length = match version {
            4 => {
                let (header, total) = (usize::from(first & 0xf) * 4, usize::from(be16(data, at + 2)?));
                (header >= 20 && (total == 0 || header <= total)).then_some(total)?
            }
            6 => usize::from(be16(data, at + 4)?) + 40,
            _ => return None,
        };
        Some(Self { version, length })
    }

    /// Whether one of these versions stands there that the frame has room for.
    fn within(data: &[u8], at: usize, original: u32, versions: &[u8]) -> bool {
        let room = index(original).saturating_sub(at);
        Self::at(data, at).is_some_and(|ip| ip.length <= room && versions.contains(&ip.version))
    }
}

/// Whether an EtherType at `kind` leads, over tags, to what it names. The first header behind it begins at `next`.
fn after_type(data: &[u8], kind: usize, next: usize, original: u32) -> Option<bool> {
    /// VLAN tags that are stepped over.
    const TAGS: usize = 2;
    let (mut kind, mut next) = (be16(data, kind)?, next);
    for _ in 0..=TAGS {
        match kind {
            0x8100 | 0x88a8 => {
                kind = be16(data, next + 2)?;
                next += 4;
            }
            0x0800 => return Some(Ip::within(data, next, original, &[4])),
            0x86dd => return Some(Ip::within(data, next, original, &[6])),
            // Ethernet and IPv4, in its own words.
            0x0806 => return Some(array(data, next) == Some([0, 1, 8, 0, 6, 4])),
            _ => return Some(false),
        }
    }
    Some(false)
}

/// Whether an Ethernet header leads to what leads on to IP in more ways than are followed here: labels, sessions, rare
/// tags, LLC.
fn leads_on(data: &[u8]) -> Option<bool> {
    Some(match be16(data, 12)? {
        0x8847 | 0x8848 | 0x8864 | 0x8926 | 0x9100 | 0x9200 => true,
        0..=0x05dc => array(data, 14) == Some([0xaa, 0xaa, 0x03]),
        _ => false,
    })
}

/// Whether an address family, in any byte order, leads to IP.
fn loopback(data: &[u8], original: u32) -> Option<bool> {
    /// Of IPv4, and of IPv6 as the systems number it.
    const FAMILIES: [u8; 5] = [2, 10, 24, 28, 30];
    let is_ip = match array(data, 0)? {
        [family, 0, 0, 0] | [0, 0, 0, family] => FAMILIES.contains(&family),
        _ => false,
    };
    // Nothing is padded there either.
    Some(is_ip && Ip::at(data, 4).is_some_and(|ip| ip.length + 4 == index(original)))
}

/// Whether PPP, with or without address and control bytes, leads to IP.
fn ppp(data: &[u8], original: u32) -> Option<bool> {
    let at = if array(data, 0) == Some([0xff, 0x03]) { 2 } else { 0 };
    let [first, second] = array(data, at)?;
    Some(match (first, second) {
        (0x21 | 0x57, _) => Ip::within(data, at + 1, original, &[4, 6]),
        (0, 0x21 | 0x57) => Ip::within(data, at + 2, original, &[4, 6]),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look at so many Ethernet frames and others, stamped thus, of an interface that nothing describes.
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
