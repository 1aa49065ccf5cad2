//! IP fragments: put together in file order, or reported as lost.
//!
//! Bounded in datagrams, bytes and pieces; what falls out of a bound is reported as lost with the pieces seen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::base::{Timestamp, time};

/// One fragment, copied out of its frame.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// When.
    pub time: Timestamp,
    /// Frame number in its source.
    pub frame: u64,
    /// Which interface of its source.
    pub interface: u32,
    /// Which datagram it is a part of.
    pub key: Key,
    /// Offset in the datagram's payload, bytes.
    pub offset: u32,
    /// Whether more follow.
    pub more: bool,
    /// Whether the frame was cut by the snapshot length.
    pub cut: bool,
    /// Time to live.
    pub ttl: u8,
    /// Its part of the payload.
    pub bytes: Box<[u8]>,
}

/// What makes fragments parts of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Sender.
    pub from: IpAddr,
    /// Receiver.
    pub to: IpAddr,
    /// Identification.
    pub id: u32,
    /// Protocol of the payload.
    pub protocol: u8,
}

/// A datagram of which fragments never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostDatagram {
    /// Which.
    pub key: Key,
    /// When its first fragment was captured.
    pub time: Timestamp,
    /// Frame of its first fragment.
    pub frame: u64,
    /// Fragments seen.
    pub fragments: u32,
    /// Source and destination port, if the first fragment was seen.
    pub ports: Option<(u16, u16)>,
    /// Whether its first fragment was seen.
    pub has_first: bool,
    /// Whether its last fragment was seen.
    pub has_last: bool,
    /// Whether a frame of it was cut: then the capture, not the network, lacks bytes.
    pub cut: bool,
}

/// A datagram that was put together.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The fragment that completed it: its frame and time name the datagram, as in Wireshark.
    pub last: Fragment,
    /// The payload of the IP packet.
    pub payload: Vec<u8>,
}

/// Datagrams under way at once. At the bound the oldest is reported as lost.
const MAX_DATAGRAMS: usize = 1024;
/// Fragments of one datagram.
const MAX_PIECES: usize = 256;
/// Bytes of all datagrams under way. At the bound the oldest is reported as lost: fragments overlap in a capture that
/// was made to have them do so.
const MAX_BYTES: usize = 16 << 20;
/// The largest payload of an IP packet. What lies beyond belongs to none.
const LARGEST: usize = 65_535;
/// A datagram is given up this long after its first fragment (RFC 791 suggests 15 s, RFC 8200 asks for 60 s).
const TIMEOUT: i64 = 60 * time::SECOND;
/// Lost datagrams that are remembered one by one.
pub const LOST: usize = 1024;

/// Puts datagrams together.
#[derive(Debug)]
pub struct Reassembler {
    under_way: BTreeMap<Key, Vec<Fragment>>,
    /// The same by the frame of their first fragment.
    by_age: BTreeSet<(u64, Key)>,
    /// Bytes of all of them.
    bytes: usize,
    lost: Vec<LostDatagram>,
    /// Of them so many are remembered one by one.
    most: usize,
    /// Datagrams lost beyond those remembered.
    lost_uncounted: u64,
}

impl Default for Reassembler {
    fn default() -> Self {
        Self::telling(LOST)
    }
}

impl Reassembler {
    /// One that tells of so many lost datagrams at most.
    pub const fn telling(most: usize) -> Self {
        Self {
            under_way: BTreeMap::new(),
            by_age: BTreeSet::new(),
            bytes: 0,
            lost: Vec::new(),
            most,
            lost_uncounted: 0,
        }
    }

    /// Takes the next fragment in file order; gives the datagram if this completes it.
    pub fn push(&mut self, fragment: Fragment) -> Option<Whole> {
        let key = fragment.key;
        let overdue = self
            .under_way
            .get(&key)
            .and_then(|pieces| pieces.first())
            .is_some_and(|first| fragment.time - first.time > TIMEOUT);
        if overdue {
            self.give_up(key);
        }
        if end(&fragment) > LARGEST {
            self.lost_uncounted += 1;
            return None;
        }
        // The same fragment at a second vantage, or repeated: the first copy stands.
        let is_known = |pieces: &Vec<Fragment>| {
            let same = |piece: &Fragment| {
                piece.offset == fragment.offset && piece.bytes.len() >= fragment.bytes.len()
            };
            pieces.len() >= MAX_PIECES || pieces.iter().any(same)
        };
        if self.under_way.get(&key).is_some_and(is_known) {
            return None;
        }
        while self.bytes + fragment.bytes.len() > MAX_BYTES && self.give_up_oldest() {}
        if !self.under_way.contains_key(&key) {
            if self.under_way.len() >= MAX_DATAGRAMS {
                self.give_up_oldest();
            }
            self.by_age.insert((fragment.frame, key));
        }
        self.bytes += fragment.bytes.len();
        let pieces = self.under_way.entry(key).or_default();
        pieces.push(fragment.clone());
        let payload = join(pieces)?;
        self.remove(key);
        Some(Whole { last: fragment, payload })
    }

    /// Ends the work: whatever is still under way is lost. Gives what was lost, and how many more.
    pub fn finish(mut self) -> (Vec<LostDatagram>, u64) {
        let keys: Vec<Key> = self.under_way.keys().copied().collect();
        for key in keys {
            self.give_up(key);
        }
        self.lost.sort_by_key(|lost| lost.frame);
        (self.lost, self.lost_uncounted)
    }

    /// Datagrams that began up to this frame and are lost by this time, whatever is still to come.
    pub fn lost_before(&self, frame: u64, now: Timestamp) -> Vec<LostDatagram> {
        let under_way = self.under_way.iter().filter_map(|(key, pieces)| lost(*key, pieces));
        let began = |lost: &LostDatagram| lost.frame <= frame && now - lost.time > TIMEOUT;
        let mut all: Vec<LostDatagram> = self.lost.iter().copied().chain(under_way).filter(began).collect();
        all.sort_by_key(|lost| lost.frame);
        all
    }

    fn give_up_oldest(&mut self) -> bool {
        let oldest = self.by_age.first().copied();
        if let Some((_, key)) = oldest {
            self.give_up(key);
        }
        oldest.is_some()
    }

    fn remove(&mut self, key: Key) -> Option<Vec<Fragment>> {
        let pieces = self.under_way.remove(&key)?;
        self.by_age.remove(&(pieces.first()?.frame, key));
        self.bytes -= pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        Some(pieces)
    }

    fn give_up(&mut self, key: Key) {
        let Some(pieces) = self.remove(key) else { return };
        if self.lost.len() >= self.most {
            self.lost_uncounted += 1;
            return;
        }
        self.lost.extend(lost(key, &pieces));
    }
}

/// What is told of a datagram of which these pieces came.
fn lost(key: Key, pieces: &[Fragment]) -> Option<LostDatagram> {
    let first_seen = pieces.iter().min_by_key(|piece| piece.frame)?;
    let first = pieces.iter().find(|piece| piece.offset == 0);
    let port = |at| first.and_then(|piece| crate::base::bytes::be16(&piece.bytes, at));
    Some(LostDatagram {
        key,
        time: first_seen.time,
        frame: first_seen.frame,
        fragments: u32::try_from(pieces.len()).unwrap_or(u32::MAX),
        ports: port(0).zip(port(2)),
        has_first: first.is_some(),
        has_last: pieces.iter().any(|piece| !piece.more),
        cut: pieces.iter().any(|piece| piece.cut),
    })
}

/// The payload, if the pieces cover it without a gap. Where pieces overlap, the earlier one stands.
fn join(pieces: &[Fragment]) -> Option<Vec<u8>> {
    let total = pieces.iter().filter(|piece| !piece.more).map(end).max()?;
    let mut ordered: Vec<&Fragment> = pieces.iter().collect();
    ordered.sort_by_key(|piece| piece.offset);
    let mut payload = Vec::new();
    for piece in ordered {
        let have = payload.len();
        let offset = crate::base::bytes::index(piece.offset);
        if offset > have {
            return None;
        }
        payload.extend_from_slice(piece.bytes.get(have - offset..).unwrap_or_default());
    }
    (payload.len() >= total).then_some(payload)
}

fn end(piece: &Fragment) -> usize {
    crate::base::bytes::index(piece.offset).saturating_add(piece.bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn piece(frame: u64, offset: u32, more: bool, bytes: &[u8]) -> Fragment {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Fragment {
            time: Timestamp::from_nanos(0),
            frame,
            interface: 0,
            key: Key { from: ip, to: ip, id: 7, protocol: 17 },
            offset,
            more,
            cut: false,
            ttl: 64,
            bytes: bytes.into(),
        }
    }

    #[test]
    fn any_order_gives_the_same_datagram() {
        let parts =
            [piece(1, 0, true, b"abcdefgh"), piece(2, 8, true, b"ijklmnop"), piece(3, 16, false, b"qr")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut reassembler = Reassembler::default();
            let whole =
                order.iter().filter_map(|at| reassembler.push(parts[*at].clone())).next_back().unwrap();
            assert_eq!(whole.payload, b"abcdefghijklmnopqr");
            assert!(reassembler.finish().0.is_empty());
        }
    }

    #[test]
    fn what_is_under_way_is_bounded_and_what_falls_out_is_counted() {
        let mut reassembler = Reassembler::default();
        // Each half a datagram, that begins at 0 again and again with one byte more: what overlaps is kept as well.
        for id in 0..2000_u32 {
            for size in 1..20_u32 {
                let mut piece = piece(
                    u64::from(id * 20 + size),
                    0,
                    true,
                    &vec![1; 3000 + usize::try_from(size).unwrap()],
                );
                piece.key.id = id;
                assert!(reassembler.push(piece).is_none());
                assert!(reassembler.bytes <= MAX_BYTES && reassembler.under_way.len() <= MAX_DATAGRAMS);
                assert_eq!(reassembler.under_way.len(), reassembler.by_age.len());
            }
        }
        assert!(
            reassembler.push(piece(90_000, 65_528, true, &[0; 64])).is_none(),
            "beyond what a packet can be"
        );
        let (lost, uncounted) = reassembler.finish();
        let lost = u64::try_from(lost.len()).unwrap();
        assert!(lost == u64::try_from(LOST).unwrap() && lost + uncounted == 2001, "{lost} {uncounted}");
    }

    #[test]
    fn what_never_comes_is_reported() {
        let mut reassembler = Reassembler::default();
        assert!(reassembler.push(piece(1, 0, true, &[0x0d, 0x3d, 0, 53, 1, 2, 3, 4])).is_none());
        let (lost, _) = reassembler.finish();
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].ports, Some((3389, 53)));
        assert!(lost[0].has_first && !lost[0].has_last);
    }
}
