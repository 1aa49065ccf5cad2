//! Running flows, found by their ends.

use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::flow::Flow;
use super::limits;
use super::young::{Kept, Young};
use crate::base::Timestamp;
use crate::base::keyed::Keyed;
use crate::packet::segment::number;
use crate::packet::{Endpoint, Segment};

/// Both endpoints of a flow, as either side names them, with their hash: every segment is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    one: Endpoint,
    other: Endpoint,
    /// The same for both directions.
    pub hash: u64,
}

impl Ends {
    /// Of both endpoints in any order.
    pub fn of(one: Endpoint, other: Endpoint) -> Self {
        Self { one, other, hash: hash(one, other, Keyed::default().build_hasher()) }
    }

    /// Of a segment of which the hash is known.
    pub const fn known(segment: &Segment, hash: u64) -> Self {
        Self { one: segment.from, other: segment.to, hash }
    }

    /// The shard of a table that has the flows between them. The same in every run.
    pub fn shard(&self) -> usize {
        // The highest bits are the best mixed ones.
        usize::try_from(hash(self.one, self.other, FxHasher::default()) >> 48).unwrap_or(0) % limits::SHARDS
    }

    fn are_of(&self, running: &Running<'_>) -> bool {
        // Hardly ever the same of another flow, which need not be fetched from memory to be told apart.
        running.hash == self.hash && {
            let (client, server) = (running.kept.client(), running.kept.server());
            client == self.one && server == self.other || client == self.other && server == self.one
        }
    }
}

/// The same for both directions: the smaller end first. As numbers, those of IPv4 in two words.
fn hash(a: Endpoint, b: Endpoint, mut hasher: impl Hasher) -> u64 {
    if let (IpAddr::V4(ip), IpAddr::V4(other)) = (a.ip, b.ip) {
        let one = u64::from(u32::from(ip)) << 16 | u64::from(a.port);
        let two = u64::from(u32::from(other)) << 16 | u64::from(b.port);
        hasher.write_u64(one.min(two));
        hasher.write_u64(one.max(two));
    } else {
        let (one, two) = ((number(a.ip), a.port), (number(b.ip), b.port));
        let (one, two) = (one.min(two), one.max(two));
        for half in halves(one.0).into_iter().chain(halves(two.0)) {
            hasher.write_u64(half);
        }
        hasher.write_u32(u32::from(one.1) << 16 | u32::from(two.1));
    }
    hasher.finish()
}

fn halves(number: u128) -> [u64; 2] {
    let half = |shift: u32| u64::try_from(number >> shift & u128::from(u64::MAX)).unwrap_or(0);
    [half(64), half(0)]
}

/// A flow that runs.
#[derive(Debug)]
pub struct Running<'a> {
    /// The flow.
    pub kept: Kept<'a>,
    /// It has not ended before; see [`Young::due`].
    pub due: Timestamp,
    /// Of its ends.
    hash: u64,
}

impl Running<'_> {
    /// Whether it has ended by `now`. What is kept as its segments has when it is due: it need not be fetched from memory.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        now > self.due && (matches!(self.kept, Kept::Young(_)) || self.kept.has_ended(now))
    }

    /// Does something with the flow, of which then anything may be.
    pub fn with_flow<T>(&mut self, act: impl FnOnce(&mut Flow) -> T) -> T {
        self.due = Timestamp::MIN;
        self.kept.with_flow(act)
    }
}

/// Running flows by their ends.
#[derive(Debug, Default)]
pub struct Flows<'a>(HashTable<Running<'a>>);

impl<'a> Flows<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The flow between two ends.
    pub fn get(&self, ends: &Ends) -> Option<&Running<'a>> {
        self.0.find(ends.hash, |running| ends.are_of(running))
    }

    /// The flow between two ends.
    pub fn get_mut(&mut self, ends: &Ends) -> Option<&mut Running<'a>> {
        self.0.find_mut(ends.hash, |running| ends.are_of(running))
    }

    /// Begins a flow where there is none between these ends.
    pub fn begin(&mut self, ends: &Ends, young: Box<Young<'a>>) {
        let due = young.due();
        self.put(Running { kept: Kept::Young(young), due, hash: ends.hash });
    }

    /// Puts a flow in. Gives back the one that was there between the same ends.
    pub fn insert(&mut self, ends: &Ends, flow: Box<Flow>) -> Option<Kept<'a>> {
        let before = self.remove(ends);
        self.put(Running { kept: Kept::Grown(flow), due: Timestamp::MIN, hash: ends.hash });
        before
    }

    fn put(&mut self, running: Running<'a>) {
        self.0.insert_unique(running.hash, running, |running| running.hash);
    }

    /// Takes out the flow between two ends.
    pub fn remove(&mut self, ends: &Ends) -> Option<Kept<'a>> {
        let found = self.0.find_entry(ends.hash, |running| ends.are_of(running)).ok()?;
        Some(found.remove().0.kept)
    }

    /// All, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Running<'a>> {
        self.0.iter()
    }

    /// All, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Running<'a>> {
        self.0.iter_mut()
    }

    /// Takes out those of which something is true. In no order.
    pub fn take_where(&mut self, is_taken: impl Fn(&Running<'_>) -> bool) -> impl Iterator<Item = Kept<'a>> {
        self.0.extract_if(move |running| is_taken(running)).map(|running| running.kept)
    }

    /// Takes out all, in no order.
    pub fn into_kept(self) -> impl Iterator<Item = Kept<'a>> {
        self.0.into_iter().map(|running| running.kept)
    }
}
