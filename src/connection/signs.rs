//! When hosts were there: of all their signs so many that one near any moment is known.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::{Observed, Window, time};

/// How a host shows that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It accepted a TCP connection on this port, another one than those that are looked at.
    Accepted(u16),
    /// It answered a ping.
    Echoed,
    /// It told its hardware address.
    Told([u8; 6]),
}

impl Life {
    /// The less, the more it tells.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Accepted(_) => 0,
            Self::Echoed => 1,
            Self::Told(_) => 2,
        }
    }

    /// As a fragment.
    pub fn says(self) -> String {
        match self {
            Self::Accepted(port) => format!("the server accepts TCP connections on port {port}"),
            Self::Echoed => "the server answers ping".into(),
            Self::Told(address) => {
                format!("the server answers ARP or neighbour discovery ({})", hardware(address))
            }
        }
    }
}

/// A hardware address as text.
pub fn hardware(address: [u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

/// How long a span is, as long as there is room.
const SPAN: i64 = 10 * time::SECOND;
/// A span so long holds all of time.
const LONGEST: i64 = i64::MAX / 4;

/// A host, which of its spans, and how it showed itself: the rank.
type Key = (IpAddr, i64, u8);

/// The first and the last sign of one kind within each span of time. Where there are too many, spans become twice as
/// long, those of all hosts: what is kept depends on what was seen and in which order, and on nothing else.
#[derive(Clone, Debug)]
pub(super) struct Signs {
    by_span: BTreeMap<Key, [Observed<Life>; 2]>,
    span: i64,
    most: usize,
}

impl Signs {
    /// At most so many spans.
    pub(super) const fn within(most: usize) -> Self {
        Self { by_span: BTreeMap::new(), span: SPAN, most }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_span.len()
    }

    /// Takes one sign. Time is linear: spans become longer a few dozen times at most, however many signs there are.
    pub(super) fn take(&mut self, ip: IpAddr, sign: Observed<Life>) {
        if let Some(ends) = self.by_span.get_mut(&self.key(ip, &sign)) {
            include(ends, &sign);
            return;
        }
        while self.by_span.len() >= self.most && self.span < LONGEST {
            self.lengthen();
        }
        let room = self.by_span.len() < self.most;
        if let Some(ends) = self.by_span.get_mut(&self.key(ip, &sign)) {
            include(ends, &sign);
        } else if room {
            self.by_span.insert(self.key(ip, &sign), [sign; 2]);
        }
    }

    fn key(&self, ip: IpAddr, sign: &Observed<Life>) -> Key {
        (ip, sign.time.nanos().div_euclid(self.span), sign.value.rank())
    }

    fn lengthen(&mut self) {
        self.span *= 2;
        for ((ip, span, rank), ends) in std::mem::take(&mut self.by_span) {
            let longer = self.by_span.entry((ip, span.div_euclid(2), rank)).or_insert(ends);
            for sign in &ends {
                include(longer, sign);
            }
        }
    }

    /// The signs of a host within a window that were kept, in no order.
    pub(super) fn of(&self, ip: IpAddr, within: Window) -> impl Iterator<Item = Observed<Life>> {
        let [from, to] = [within.start, within.end].map(|end| end.nanos().div_euclid(self.span));
        // A window that ends before it begins holds nothing; a range of it would be none.
        let spans = (from <= to).then(|| self.by_span.range((ip, from, 0)..=(ip, to, u8::MAX)));
        let signs = spans.into_iter().flatten().flat_map(|(_, ends)| *ends);
        signs.filter(move |sign| within.contains(sign.time))
    }
}

/// Of signs of one moment the first that was seen stays.
fn include([first, last]: &mut [Observed<Life>; 2], sign: &Observed<Life>) {
    if sign.time < first.time {
        *first = *sign;
    }
    if sign.time > last.time {
        *last = *sign;
    }
}

#[cfg(test)]
mod tests {
    use super::super::room::Room;
    use super::*;
    use crate::base::{Locator, Mark, SourceId, Timestamp};

    fn ip(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    fn sign(second: i64, value: Life) -> Observed<Life> {
        let at = Locator::Frame { source: SourceId(0), number: u64::try_from(second + 1).unwrap() };
        Mark { time: Timestamp::from_nanos(second * time::SECOND), at }.of(value)
    }

    fn seconds(signs: &Signs, host: u8, from: i64, to: i64) -> Vec<i64> {
        let [start, end] = [from, to].map(|second| Timestamp::from_nanos(second * time::SECOND));
        let within = signs.of(ip(host), Window { start, end });
        let mut seconds: Vec<i64> = within.map(|sign| sign.time.nanos() / time::SECOND).collect();
        seconds.sort_unstable();
        seconds.dedup();
        seconds
    }

    #[test]
    fn each_span_has_its_first_and_its_last_sign() {
        let mut signs = Signs::within(Room::OF_ONE.signs);
        for second in [3, 1, 2, 7, 5, 12, 14, 13, 3600] {
            signs.take(ip(1), sign(second, Life::Echoed));
        }
        signs.take(ip(2), sign(4, Life::Echoed));
        signs.take(ip(1), sign(4, Life::Accepted(445)));
        assert_eq!(seconds(&signs, 1, 0, 4000), [1, 4, 7, 12, 14, 3600]);
        assert_eq!(seconds(&signs, 1, 2, 12), [4, 7, 12]);
        assert_eq!(seconds(&signs, 1, 12, 2), [0; 0]);
    }

    #[test]
    fn where_signs_are_many_all_are_thinned_alike() {
        let mut signs = Signs::within(64);
        for second in 0..10_000 {
            signs.take(ip(1), sign(second, Life::Echoed));
            if second % 500 == 0 {
                signs.take(ip(2), sign(second, Life::Told([2; 6])));
            }
        }
        assert!(signs.by_span.len() <= 64);
        // 10,000 seconds in 64 spans, of which the other host has some.
        assert_eq!(signs.span, 320 * time::SECOND);
        for second in (0..9_600).step_by(10) {
            assert!(!seconds(&signs, 1, second, second + 320).is_empty(), "{second}");
        }
        // A host that was seen seldom keeps the signs of all its spans.
        assert_eq!(seconds(&signs, 2, 0, 10_000).len(), 20);
    }

    #[test]
    fn more_hosts_than_there_is_room_for_are_left_out() {
        let mut signs = Signs::within(8);
        for n in 0..20 {
            signs.take(ip(n), sign(1, Life::Echoed));
            signs.take(ip(n), sign(2, Life::Echoed));
        }
        assert_eq!(signs.by_span.len(), 8);
        assert_eq!(seconds(&signs, 7, 0, 9), [1, 2]);
        assert_eq!(seconds(&signs, 8, 0, 9), [0; 0]);
    }
}
