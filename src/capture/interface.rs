//! What a capture says of one interface: link type and clock resolution.

use crate::base::Timestamp;

/// The link-layer header type: a LINKTYPE_ number of the tcpdump registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: address family in host byte order.
    pub const NULL: Self = Self(0);
    /// IEEE 802.3 Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP.
    pub const PPP: Self = Self(9);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// Raw IP, version by the first nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture v1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture v2.
    pub const LINUX_SLL2: Self = Self(276);
    /// Raw IP as old BSDs numbered it (DLT 12 and 14 in files).
    pub const RAW_OLD: [Self; 2] = [Self(12), Self(14)];
}

/// One described interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What its frames begin with.
    pub link: LinkType,
    /// Longest captured length; 0 means no limit.
    pub snaplen: u32,
    /// How its clock counts.
    pub resolution: Resolution,
    /// Seconds to add to each stamp (`if_tsoffset`).
    pub offset_seconds: i64,
    /// Its name, if the file tells.
    pub name: Option<String>,
}

/// Units per second of a time stamp (`if_tsresol`): a power of ten or of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// 10⁻ⁿ seconds.
    Decimal(u8),
    /// 2⁻ⁿ seconds.
    Binary(u8),
}

impl Resolution {
    /// Microseconds, the default.
    pub const MICROSECONDS: Self = Self::Decimal(6);

    /// From the option's byte: the highest bit chooses the base.
    pub const fn from_option(byte: u8) -> Self {
        if byte & 0x80 == 0 { Self::Decimal(byte) } else { Self::Binary(byte & 0x7f) }
    }

    /// The option's byte.
    pub const fn to_option(self) -> u8 {
        match self {
            Self::Decimal(digits) => digits & 0x7f,
            Self::Binary(bits) => bits | 0x80,
        }
    }

    /// Ticks to nanoseconds. Ticks finer than a nanosecond are cut, not rounded: a later frame must not get
    /// the stamp of an earlier one.
    fn nanos(self, ticks: u64) -> i128 {
        let ticks = i128::from(ticks);
        match self {
            Self::Decimal(digits @ 0..=9) => ticks * 10_i128.pow(9 - u32::from(digits)),
            Self::Decimal(digits @ 10..=38) => ticks / 10_i128.pow((u32::from(digits) - 9).min(38)),
            // 2^64 ticks x 10^9 needs 94 bits: fits.
            Self::Binary(bits @ 0..=126) => (ticks * 1_000_000_000) >> bits,
            // Finer than anything that a clock counts: every stamp is the epoch.
            Self::Decimal(_) | Self::Binary(_) => 0,
        }
    }
}

impl Interface {
    /// The moment that a raw stamp of this interface names.
    pub fn time(&self, ticks: u64) -> Timestamp {
        if let Some(nanos) = self.usual(ticks) {
            return Timestamp::from_nanos(nanos);
        }
        let offset = i128::from(self.offset_seconds) * 1_000_000_000;
        Timestamp::saturating(self.resolution.nanos(ticks).saturating_add(offset))
    }

    /// Micro- and nanoseconds without an offset: nearly every frame of every capture.
    fn usual(&self, ticks: u64) -> Option<i64> {
        let factor = match self.resolution {
            Resolution::Decimal(9) => 1,
            Resolution::Decimal(6) => 1000,
            _ => return None,
        };
        let nanos = i64::try_from(ticks).ok()?.checked_mul(factor)?;
        (self.offset_seconds == 0).then_some(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(byte: u8, offset_seconds: i64) -> Interface {
        Interface {
            link: LinkType::ETHERNET,
            snaplen: 0,
            resolution: Resolution::from_option(byte),
            offset_seconds,
            name: None,
        }
    }

    #[test]
    fn every_resolution_gives_nanoseconds() {
        assert_eq!(interface(6, 0).time(1_500_000).nanos(), 1_500_000_000);
        assert_eq!(interface(9, 0).time(1_500_000_000).nanos(), 1_500_000_000);
        assert_eq!(interface(12, 0).time(1_500_000_000_000).nanos(), 1_500_000_000);
        assert_eq!(interface(0, 0).time(2).nanos(), 2_000_000_000);
        assert_eq!(interface(0x8a, 0).time(1536).nanos(), 1_500_000_000);
        assert_eq!(interface(0xbf, 0).time(1 << 62).nanos(), 500_000_000);
    }

    /// The quick way says the same as the long one, and leaves what does not fit to it.
    #[test]
    fn usual_clocks_are_no_exception() {
        for byte in [6, 9] {
            let plain = interface(byte, 0);
            for ticks in [0, 1, 1_700_000_000_123_456, i64::MAX.unsigned_abs(), u64::MAX] {
                assert_eq!(plain.time(ticks), Timestamp::saturating(plain.resolution.nanos(ticks)));
            }
        }
    }

    #[test]
    fn a_resolution_is_written_as_it_was_read() {
        for byte in 0..=255 {
            assert_eq!(Resolution::from_option(byte).to_option(), byte);
        }
    }

    #[test]
    fn offset_is_seconds_and_may_be_negative() {
        assert_eq!(interface(6, -3).time(1_000_000).nanos(), -2_000_000_000);
    }

    #[test]
    fn absurd_resolutions_do_not_overflow() {
        for byte in 0..=255 {
            let _ = interface(byte, i64::MAX).time(u64::MAX);
        }
    }
}
