//! Packets that can be told from all others, in whatever capture they are seen: by these captures are compared.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::second_views::Openings;
use crate::base::keyed::Keyed;
use crate::base::{SourceId, Timestamp, Window, time};
use crate::capture::Capture;
use crate::capture::split::{Split, for_each_window};
use crate::packet::{Endpoint, Interest, Packets, Segment, TcpFlags};

/// Packets that are remembered of each capture, and of all of them: of more, a sample that is the same in every capture.
const ANCHORS: usize = 32_768;
const ALL_ANCHORS: usize = 1 << 19;
/// Connections that are known of all captures: of the smallest, as the others hold more than few anyway.
const ALL_OPENINGS: usize = 1 << 16;
/// Packets of the smallest captures that are looked for in all others.
const WANTED: usize = 1 << 16;

/// A file of a ring buffer may begin this much before the one before it ends.
pub(super) const OVERLAP: i64 = time::SECOND;

/// What is the same of a packet wherever it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    seq: u32,
    ack: u32,
    length: u32,
    flags: u8,
}

impl Key {
    fn of(segment: &Segment) -> Option<Self> {
        let flags = segment.flags.0 & (TcpFlags::SYN | TcpFlags::ACK | TcpFlags::FIN | TcpFlags::PSH);
        let opens = segment.flags.has(TcpFlags::SYN);
        // A keep-alive repeats a byte: its like comes again and again.
        let wanted = opens || segment.length > 1 && segment.flags.has(TcpFlags::ACK);
        let ack = if segment.flags.has(TcpFlags::ACK) { segment.ack } else { 0 };
        wanted.then_some(Self { seq: segment.seq, ack, length: segment.length, flags })
    }

    /// What it acknowledges.
    pub(super) const fn ack(&self) -> Option<u32> {
        if self.flags & TcpFlags::ACK == 0 { None } else { Some(self.ack) }
    }

    /// The number behind its last byte.
    pub(super) const fn next(&self) -> u32 {
        self.seq.wrapping_add(self.length).wrapping_add(if self.opens() { 1 } else { 0 })
    }

    /// Whether it opens a connection.
    pub(super) const fn opens(&self) -> bool {
        self.flags & TcpFlags::SYN != 0
    }

    /// Whether only its sender's number tells it.
    pub(super) const fn is_weak(&self) -> bool {
        self.ack().is_none()
    }

    /// Whether it is in a sample that was halved so often.
    const fn is_chosen(&self, level: u32) -> bool {
        self.lot().leading_zeros() >= level
    }

    /// A number that is as good as drawn by lot, and the same in every capture.
    const fn lot(&self) -> u32 {
        let mixed = self.seq ^ self.ack.rotate_left(16) ^ self.length.wrapping_mul(0x9e37_79b1);
        mixed.wrapping_mul(0x85eb_ca6b)
    }
}

/// A packet to compare clocks by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub(super) time: Timestamp,
    pub(super) interface: u32,
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    pub(super) to_server: bool,
    pub(super) ip_id: Option<u16>,
}

impl Anchor {
    /// Whether it is the same packet, and not the same bytes sent again: at another interface of the capture, or passed on
    /// at the same one, as a mirror port or a device that translates addresses does.
    fn is_same(&self, other: &Self) -> bool {
        const PASSED_ON: i64 = 10 * time::MILLISECOND;
        self.interface != other.interface
            || self.ip_id == other.ip_id && (other.time - self.time).saturating_abs() <= PASSED_ON
    }

    fn of(segment: &Segment, interest: &Interest) -> Self {
        let opens = segment.flags.opens();
        let accepts = segment.flags.accepts();
        let to_server = opens || !accepts && interest.is_server(segment.to.ip, segment.to.port);
        let (client, server) =
            if to_server { (segment.from, segment.to) } else { (segment.to, segment.from) };
        let ip_id = segment.ip_id.filter(|id| *id != 0);
        Self { time: segment.time, interface: segment.interface, client, server, to_server, ip_id }
    }
}

/// A packet, and a capture that shows it.
pub(super) type Sighted = (Key, SourceId, Anchor);

/// Those of several captures. Where all together have too many, those with the most keep fewer; what a smaller capture
/// shows is kept of every larger one, so that the capture of one client finds its like in a hundred files of a server.
#[derive(Debug, Default)]
struct Anchors {
    all: Vec<(SourceId, Sample)>,
    /// Those of captures that have all of theirs.
    wanted: HashSet<Key, Keyed>,
}

/// When a capture was taken, and how many of its packets can be told from all others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) window: Window,
    pub(super) anchors: usize,
}

/// What is read of captures to compare them.
#[derive(Debug)]
pub(super) struct Read {
    /// In order of packets, and of captures.
    pub(super) by_key: Vec<Sighted>,
    /// Of each from the first to the last frame, and how many packets of it are among those.
    pub(super) extents: BTreeMap<SourceId, Extent>,
    /// The connections of each.
    pub(super) openings: BTreeMap<SourceId, Openings>,
}

/// Reads captures to compare them.
pub(super) fn read(captures: &[(SourceId, Capture<'_>)], interest: &Arc<Interest>, split: Split) -> Read {
    let mut order: Vec<&(SourceId, Capture<'_>)> = captures.iter().collect();
    order.sort_by_key(|(source, capture)| (capture.bytes.len(), *source));
    let mut anchors = Anchors::default();
    let (mut openings, mut extents) = (BTreeMap::new(), BTreeMap::new());
    let (mut most, mut known) = (ANCHORS, 0);
    for (source, capture) in order {
        let mut own = Openings::default();
        let mut sample = Sample { room: anchors.room(), ..Sample::default() };
        for_each_window(capture, split, &|| Packets::new(Arc::clone(interest), capture.bytes), |parts| {
            for (first, last) in parts.iter().filter_map(|part| part.collected.span) {
                let extent: &mut Extent =
                    extents.entry(*source).or_insert(Extent { window: Window::at(first), anchors: 0 });
                extent.window.include(first);
                extent.window.include(last);
            }
            for segment in parts.iter().flat_map(|part| &part.collected.segments) {
                own.take(segment);
                let Some(key) = Key::of(segment) else { continue };
                sample.take(key, || Anchor::of(segment, interest), (&anchors.wanted, most));
            }
        });
        anchors.take(*source, sample);
        known += own.len();
        openings.insert(*source, if known > ALL_OPENINGS { Openings::beyond() } else { own });
        while anchors.chosen() > ALL_ANCHORS && most > 1 {
            most /= 2;
            anchors.all.iter_mut().for_each(|(_, own)| own.thin_out(most));
        }
    }
    let by_key = anchors.finish();
    for (_, source, _) in &by_key {
        if let Some(extent) = extents.get_mut(source) {
            extent.anchors += 1;
        }
    }
    Read { by_key, extents, openings }
}

impl Anchors {
    fn chosen(&self) -> usize {
        self.all.iter().map(|(_, own)| own.chosen.len()).sum()
    }

    /// How many more may be kept because they are wanted.
    fn room(&self) -> usize {
        ALL_ANCHORS.saturating_sub(self.all.iter().map(|(_, own)| own.wanted.len()).sum())
    }

    fn take(&mut self, source: SourceId, mut sample: Sample) {
        sample.chosen.retain(|_, anchor| anchor.is_some());
        if sample.level == 0 && self.wanted.len() + sample.chosen.len() <= WANTED {
            self.wanted.extend(sample.chosen.keys());
        }
        self.all.push((source, sample));
    }

    fn finish(self) -> Vec<Sighted> {
        let of_one = |(source, sample): (SourceId, Sample)| {
            let own = sample.chosen.into_iter().chain(sample.wanted);
            own.filter_map(move |(key, anchor)| Some((key, source, anchor?)))
        };
        let mut all: Vec<Sighted> = self.all.into_iter().flat_map(of_one).collect();
        all.par_sort_unstable_by_key(|(key, source, _)| (*key, *source));
        all
    }
}

/// The packets of a capture: SYNs, SYN-ACKs and data that was sent once. A packet that was sent twice stays, as none, so
/// that a third one is not taken for the first.
#[derive(Debug, Default)]
struct Sample {
    chosen: BTreeMap<Key, Option<Anchor>>,
    /// Halved so often.
    level: u32,
    /// Those that a smaller capture shows, and how many more of them may be kept.
    wanted: BTreeMap<Key, Option<Anchor>>,
    room: usize,
}

impl Sample {
    fn take(
        &mut self,
        key: Key,
        anchor: impl FnOnce() -> Anchor,
        (wanted, most): (&HashSet<Key, Keyed>, usize),
    ) {
        let is_wanted = wanted.contains(&key) && (self.room > 0 || self.wanted.contains_key(&key));
        if !is_wanted && !key.is_chosen(self.level) {
            return;
        }
        let anchor = anchor();
        let kept = if is_wanted { &mut self.wanted } else { &mut self.chosen };
        let before = kept.len();
        kept.entry(key)
            .and_modify(|known| {
                *known = known.filter(|known| known.is_same(&anchor));
            })
            .or_insert(Some(anchor));
        if is_wanted {
            self.room -= kept.len() - before;
        }
        self.thin_out(most);
    }

    fn thin_out(&mut self, most: usize) {
        while self.chosen.len() > most && self.level < u32::BITS {
            self.level += 1;
            self.chosen.retain(|key, _| key.is_chosen(self.level));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(count: u32, wanted: &HashSet<Key, Keyed>, most: usize) -> Sample {
        let ends = Endpoint { ip: std::net::Ipv4Addr::LOCALHOST.into(), port: 1 };
        let (time, interface, ip_id) = (Timestamp::from_nanos(0), 0, None);
        let anchor = Anchor { time, interface, client: ends, server: ends, to_server: true, ip_id };
        let mut sample = Sample { room: 1000, ..Sample::default() };
        for seq in 0..count {
            let key = Key { seq: seq.wrapping_mul(0x9e37_79b9), ack: 0, length: 0, flags: TcpFlags::SYN };
            sample.take(key, || anchor, (wanted, most));
        }
        sample
    }

    #[test]
    fn of_two_samples_of_the_same_the_smaller_is_in_the_larger() {
        let none = HashSet::default();
        let (one, other) = (sample(10_000, &none, 1000), sample(10_000, &none, 100));
        assert!((250..=1000).contains(&one.chosen.len()) && (25..=100).contains(&other.chosen.len()));
        assert!(other.chosen.keys().all(|key| one.chosen.contains_key(key)));
        assert_eq!(sample(90, &none, 100).chosen.len(), 90);
    }

    #[test]
    fn what_a_smaller_capture_shows_is_kept_of_a_larger_one() {
        let mut anchors = Anchors::default();
        anchors.take(SourceId(0), sample(90, &HashSet::default(), 100));
        let larger = sample(10_000, &anchors.wanted, 100);
        assert!(larger.wanted.len() == 90 && larger.level > 0);
        // One that is thinned out itself says nothing of what else is to be kept.
        anchors.take(SourceId(1), larger);
        assert_eq!(anchors.wanted.len(), 90);
        assert_eq!(anchors.room(), ALL_ANCHORS - 90);
    }
}
