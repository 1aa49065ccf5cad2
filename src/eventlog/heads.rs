//! What each record of a chunk is, without reading its fields: who wrote it, its id, when.
//!
//! Records in a row are alike: provider, channel and computer repeat, and id and time stand at the same places. So of a
//! record only those are read, once its like was read in full by [`Reader::record`]. Whatever is not as usual is read
//! in full.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::decode::{Found, Reader};
use super::evtx::{Chunk, RECORD_HEADER, RecordHeader, u32_at};
use super::plan::{Part, Place, Plan, Target};
use super::provider::{Audit, Bearing, Provider, bearing, may_begin};
use super::templates::Templates;
use super::value::{Value, kind};
use crate::base::Timestamp;

/// What a record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub bearing: Option<Bearing>,
    /// Whether it may be the sign of an attempt by itself.
    pub begins: bool,
    pub audit: Audit,
    /// When the event was made, or, where it does not say, written.
    pub time: Option<Timestamp>,
}

impl Head {
    /// What events of that kind are, without a time.
    fn of(provider: &Provider, id: u32) -> Self {
        Self {
            bearing: bearing(provider, id),
            begins: may_begin(provider, id),
            audit: Audit::of(provider, id),
            time: None,
        }
    }
}

/// A kind of event that was met.
#[derive(Clone, Debug)]
pub(super) struct Met {
    pub provider: Provider,
    pub id: u32,
    pub count: u64,
    head: Head,
}

/// What a worker learns from heads, chunk by chunk. Nothing in it depends on the order of the chunks.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Each kind once.
    pub kinds: Kinds,
    /// The channels that were named.
    pub channels: BTreeSet<Arc<str>>,
    /// The computers that were named.
    pub computers: BTreeSet<Arc<str>>,
    /// How often a record names another computer than the one before it in its chunk.
    pub switches: u64,
    shapes: Vec<Shape>,
    templates: Templates,
}

/// So many shapes are kept; a real log has a handful.
const SHAPES: usize = 32;

impl Heads {
    /// Tells what each record of a chunk is; `None` where it cannot be read.
    pub fn read(&mut self, chunk: &Chunk<'_>, mut take: impl FnMut(&RecordHeader, Option<Head>)) {
        let Self { kinds, channels, computers, switches, shapes, templates } = self;
        let mut reader = Reader::of(chunk, None, templates);
        let mut last: Option<Arc<str>> = None;
        // Template and plan of the record before.
        let mut usual: Option<(usize, Arc<Plan>)> = None;
        let mut shape = 0;
        for record in &chunk.records {
            let instance = Instance::of(chunk.bytes, record);
            if let Some(instance) = &instance
                && usual.as_ref().is_none_or(|(template, _)| *template != instance.template)
            {
                usual = reader.plan(instance.template, Place::Document).map(|plan| (instance.template, plan));
            }
            let like = instance.as_ref().zip(usual.as_ref());
            let known = like.and_then(|(instance, (_, plan))| {
                let fits = |shape: &Shape| shape.read(instance, plan);
                if let Some(read) = shapes.get(shape).and_then(fits) {
                    return Some(read);
                }
                let (at, read) =
                    shapes.iter().enumerate().find_map(|(at, shape)| Some((at, fits(shape)?)))?;
                shape = at;
                Some(read)
            });
            if let Some(((kind, time), own)) = known.zip(shapes.get(shape)) {
                // As much as in full: what a chunk may cost does not depend on which chunks were read before.
                let count = like.map_or(0, |(instance, _)| instance.count());
                if reader.spend(own.cost + count).is_none() {
                    take(record, None);
                    continue;
                }
                if last != own.computer {
                    *switches += u64::from(last.is_some());
                    last.clone_from(&own.computer);
                }
                let head = kinds.count(own.provider, kind);
                take(record, Some(Head { time: time.or(record.written), ..head }));
                continue;
            }
            let budget = reader.budget;
            let Some(found) = reader.record(record) else {
                take(record, None);
                continue;
            };
            *switches += u64::from(last.is_some() && last != found.computer);
            last.clone_from(&found.computer);
            let Some((provider, id)) = found.provider.as_ref().zip(found.id) else {
                take(record, None);
                continue;
            };
            let provider = kinds.provider(provider);
            let head = kinds.count(provider, id);
            take(record, Some(Head { time: found.time.or(record.written), ..head }));
            if let Some((instance, (_, plan))) = like
                && let Some(learned) = Shape::of(instance, plan, provider, &found)
            {
                let cost = (budget - reader.budget).saturating_sub(instance.count());
                let learned = Shape { cost, ..learned };
                if shapes.len() >= SHAPES {
                    shapes.clear();
                }
                shape = shapes.len();
                shapes.push(learned);
            }
        }
        channels.append(&mut reader.channels.all);
        computers.append(&mut reader.computers.all);
    }
}

/// The kinds of events that were met.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// Each once, in no order that means anything.
    pub all: Vec<Met>,
    providers: Vec<Provider>,
    by_provider: FxHashMap<Provider, usize>,
    /// By the number of the provider and the id.
    places: FxHashMap<(usize, u32), usize>,
}

impl Kinds {
    /// The number of a provider.
    fn provider(&mut self, provider: &Provider) -> usize {
        if let Some(known) = self.by_provider.get(provider) {
            return *known;
        }
        let number = self.providers.len();
        self.providers.push(provider.clone());
        self.by_provider.insert(provider.clone(), number);
        number
    }

    /// Counts one event in; gives what it is, without a time.
    fn count(&mut self, provider: usize, id: u32) -> Head {
        let Self { all, providers, places, .. } = self;
        let known = places.get(&(provider, id)).copied();
        let place = known.unwrap_or_else(|| {
            let place = all.len();
            let named = providers.get(provider).cloned().unwrap_or_else(|| Provider::named(""));
            all.push(Met { head: Head::of(&named, id), provider: named, id, count: 0 });
            places.insert((provider, id), place);
            place
        });
        let Some(met) = all.get_mut(place) else { return Head::default() };
        met.count += 1;
        met.head
    }
}

/// A record that is one instance of a template, and nothing else.
struct Instance<'a> {
    template: usize,
    /// Of each value size and type, four bytes.
    descriptors: &'a [u8],
    values: &'a [u8],
}

impl<'a> Instance<'a> {
    /// Reads it as [`Reader::record`] does.
    fn of(chunk: &'a [u8], record: &RecordHeader) -> Option<Self> {
        let header = usize::try_from(record.at).ok()?;
        let at = header + RECORD_HEADER;
        let end = header.checked_add(usize::try_from(record.size).ok()?)?.checked_sub(4)?;
        let bytes = chunk.get(at..end)?;
        let [0x0f, _, _, _, 0x0c, ..] = bytes else { return None };
        let number = |at: usize| usize::try_from(u32_at(bytes, at)?).ok();
        let template = number(10)?;
        let mut next = 14_usize;
        if template == at + next {
            next = next.checked_add(24)?.checked_add(number(next + 20)?)?;
        }
        let size = number(next)?.checked_mul(4)?;
        let (descriptors, values) = bytes.get(next + 4..)?.split_at_checked(size)?;
        let sizes =
            descriptors.chunks_exact(4).map(|own| own.first_chunk().map_or(0, |size| size_of_value(*size)));
        let after = values.get(sizes.sum()..)?;
        after.first().is_none_or(|token| *token == 0).then_some(Self { template, descriptors, values })
    }
}

impl Instance<'_> {
    /// How many values it has.
    const fn count(&self) -> usize {
        self.descriptors.len() / 4
    }
}

fn size_of_value(size: [u8; 2]) -> usize {
    usize::from(u16::from_le_bytes(size))
}

/// A value by its place among the values of a record.
#[derive(Clone, Copy, Debug)]
struct At {
    kind: u8,
    start: usize,
    end: usize,
}

impl At {
    fn of<'a>(&self, values: &'a [u8]) -> Option<Value<'a>> {
        // Where it stands in the chunk is only asked of XML.
        Some(Value { kind: self.kind, at: 0, bytes: values.get(self.start..self.end)? })
    }
}

/// What was found in a record, and what another one must have in common with it to be of the same provider, channel
/// and computer.
#[derive(Debug)]
struct Shape {
    plan: Arc<Plan>,
    /// Sizes and types of all values up to the last that tells what the record is.
    descriptors: Box<[u8]>,
    /// The values that make provider, channel and computer.
    texts: Vec<(At, Box<[u8]>)>,
    id: At,
    time: Option<At>,
    provider: usize,
    computer: Option<Arc<str>>,
    /// What it costs to read one in full, but for the number of its values.
    cost: usize,
}

impl Shape {
    /// Id and time of a record of this shape.
    fn read(&self, record: &Instance<'_>, plan: &Arc<Plan>) -> Option<(u32, Option<Timestamp>)> {
        let is_same = |(at, text): &(At, Box<[u8]>)| record.values.get(at.start..at.end) == Some(text);
        let fits = Arc::ptr_eq(plan, &self.plan)
            && record.descriptors.starts_with(&self.descriptors)
            && self.texts.iter().all(is_same);
        if !fits {
            return None;
        }
        let id = u32::try_from(self.id.of(record.values)?.number()?).ok()?;
        Some((id, self.time.and_then(|time| time.of(record.values)?.moment())))
    }

    /// The shape of a record that was read in full; `None` where more than these values decide what it is.
    fn of(record: &Instance<'_>, plan: &Arc<Plan>, provider: usize, found: &Found) -> Option<Self> {
        let mut at = 0;
        let descriptors = record.descriptors.chunks_exact(4).filter_map(<[u8]>::first_chunk::<4>);
        let places: Vec<At> = descriptors
            .map(|[low, high, kind, _]| {
                let start = at;
                at += size_of_value([*low, *high]);
                At { kind: *kind, start, end: at }
            })
            .collect();
        let place = |index: &u16| places.get(usize::from(*index)).copied();
        let (mut asked, mut texts, mut id, mut time) = (0, Vec::new(), None, None);
        for step in &plan.steps {
            let mut ask = |index: &u16| {
                asked = asked.max(usize::from(*index) + 1);
                place(index)
            };
            let mut is_left_out = false;
            for index in &step.depends {
                is_left_out |= ask(index)?.kind == kind::NULL;
            }
            if is_left_out {
                continue;
            }
            let values = step.parts.iter().filter_map(|part| match part {
                Part::Value(index) => Some(index),
                Part::Text(_) => None,
            });
            match (&step.target, &*step.parts) {
                (Target::Provider | Target::Channel | Target::Computer, _) => {
                    for index in values {
                        let own = ask(index)?;
                        texts.push((own, record.values.get(own.start..own.end)?.into()));
                    }
                }
                (Target::Id, [Part::Value(index)]) if id.is_none() => {
                    id = Some(ask(index)?).filter(|own| {
                        own.of(record.values).and_then(|value| value.number()) == found.id.map(u64::from)
                    });
                    id?;
                }
                (Target::Time, [Part::Value(index)]) if time.is_none() => {
                    time = Some(ask(index)?).filter(|own| own.kind == kind::FILETIME);
                    time?;
                }
                (Target::Known(_), _) => {}
                // XML in a value is looked into only for what is not known yet.
                (Target::Nothing, _) if id.is_some() => {}
                _ => return None,
            }
        }
        let descriptors = record.descriptors.get(..asked * 4)?.into();
        let (plan, computer) = (Arc::clone(plan), found.computer.clone());
        Some(Self { plan, descriptors, texts, id: id?, time, provider, computer, cost: 0 })
    }
}

#[cfg(test)]
mod tests;
