//! How much captures may show besides their TCP connections: of each so much, of all together four times that.
//!
//! A folder of files has as many captures as somebody puts into it; what each shows is kept to the end.

use crate::packet::fragment::LOST;

/// So many of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Hosts.
    pub hosts: usize,
    /// Spans of time in which a host showed itself, of all hosts together: some 20 MiB of one capture.
    pub signs: usize,
    /// Names that a client looked up.
    pub lookups: usize,
    /// Errors of Kerberos.
    pub kerberos: usize,
    /// Datagrams of which fragments are missing, told one by one.
    pub lost: usize,
    /// UDP conversations.
    pub udp: usize,
}

impl Room {
    /// What one capture may show.
    pub const OF_ONE: Self =
        Self { hosts: 65_536, signs: 1 << 17, lookups: 20_000, kerberos: 4096, lost: LOST, udp: 4096 };
    /// As much of all together as of so many.
    const CAPTURES: usize = 4;

    /// What one more capture may show, where these take so much.
    pub fn beside(taken: impl Iterator<Item = Self>) -> Self {
        let all = Self::OF_ONE.with(Self::default(), |own, _| own * Self::CAPTURES);
        let left = taken.fold(all, |left, taken| left.with(taken, usize::saturating_sub));
        Self::OF_ONE.with(left, usize::min)
    }

    fn with(self, other: Self, make: impl Fn(usize, usize) -> usize) -> Self {
        Self {
            hosts: make(self.hosts, other.hosts),
            signs: make(self.signs, other.signs),
            lookups: make(self.lookups, other.lookups),
            kerberos: make(self.kerberos, other.kerberos),
            lost: make(self.lost, other.lost),
            udp: make(self.udp, other.udp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_has_what_the_others_leave() {
        let full = Room::OF_ONE;
        assert_eq!(Room::beside(std::iter::empty()), full);
        assert_eq!(Room::beside([full; 3].into_iter()), full);
        assert_eq!(Room::beside([full; 5].into_iter()), Room::default());
        let some = Room { lost: full.lost / 2, ..full };
        let left = Room::beside([full, full, full, some].into_iter());
        assert_eq!(left, Room { lost: full.lost / 2, ..Room::default() });
    }
}
