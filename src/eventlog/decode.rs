//! Records of one chunk to events, by the plans of their templates.
//!
//! Gives no meaning to any field, and decides nothing about which records are worth decoding.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::event::{Event, Fields, number};
use super::evtx::{Chunk, RECORD_HEADER, RecordHeader};
use super::guid::Guid;
use super::names::Names;
use super::plan::{Cursor, Part, Place, Plan, Step, Target, compile};
use super::provider::Provider;
use super::templates::Templates;
use super::value::{Value, kind};
use crate::base::{Locator, SourceId, Timestamp};

/// How deep XML may stand as a value inside XML.
const DEPTH: u32 = 8;
/// What one chunk may cost: a byte of a template or of text is 1, a step is [`STEP`]. Chunks of real logs stay
/// below a tenth; a chunk that was made to cost more is given up.
const BUDGET: usize = 1 << 21;
/// What a step of a plan costs.
const STEP: usize = 16;

/// What came out of one chunk.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// The events, in the order of the file.
    pub events: Vec<Event>,
    /// Numbers of records that were wanted and could not be decoded.
    pub lost: Vec<u64>,
}

/// Whether an event is of no use, told by one of its fields that is a number.
pub(super) type OfNoUse = fn(&Provider, u32, &str, u64) -> bool;

/// Decodes the `wanted` records of a chunk to events with all their fields. One that is `of_no_use` is neither
/// decoded nor lost.
pub(super) fn decode(
    chunk: &Chunk<'_>,
    source: SourceId,
    wanted: &[RecordHeader],
    of_no_use: OfNoUse,
    templates: &mut Templates,
) -> Decoded {
    let mut decoded = Decoded::default();
    if wanted.is_empty() {
        return decoded;
    }
    let mut reader = Reader::of(chunk, Some(of_no_use), templates);
    for record in wanted {
        let found = reader.record(record);
        if found.as_ref().is_some_and(|found| found.of_no_use) {
            reader.spare_fields = found.map(|found| found.fields).unwrap_or_default();
            continue;
        }
        match found.and_then(|found| reader.event(found, source, record)) {
            Some(event) => decoded.events.push(event),
            None => decoded.lost.push(record.number),
        }
    }
    decoded
}

/// What was found in one record so far.
#[derive(Default)]
pub(super) struct Found {
    pub provider: Option<Provider>,
    pub id: Option<u32>,
    level: u8,
    pub time: Option<Timestamp>,
    activity: Option<Guid>,
    channel: Option<Arc<str>>,
    pub computer: Option<Arc<str>>,
    fields: Fields,
    /// How many data had no name.
    unnamed: usize,
    /// Whether it was found to be of no use, and its fields were left alone.
    of_no_use: bool,
}

/// Texts of which a chunk has few, in one copy each.
#[derive(Default)]
pub(super) struct Shared<'a> {
    pub all: BTreeSet<Arc<str>>,
    last: Arc<str>,
    /// What `last` was made of, if it was a single value: mostly the next record has the same.
    last_value: Option<Value<'a>>,
}

impl<'a> Shared<'a> {
    /// The last text again, if it is made of the same: bytes of another kind make another one.
    fn again(&self, value: Option<Value<'a>>) -> Option<Arc<str>> {
        let (own, last) = (value?, self.last_value?);
        (own.kind == last.kind && own.bytes == last.bytes).then(|| self.last.clone())
    }

    fn copy(&mut self, text: &str, value: Option<Value<'a>>) -> Arc<str> {
        self.last_value = value;
        if *self.last == *text {
            return self.last.clone();
        }
        self.last = self.all.get(text).cloned().unwrap_or_else(|| text.into());
        if !text.is_empty() {
            self.all.insert(self.last.clone());
        }
        self.last.clone()
    }
}

/// Reads the records of one chunk.
pub(super) struct Reader<'a, 't> {
    chunk: &'a [u8],
    /// Whether fields are read, or only what the record is.
    fields: bool,
    of_no_use: OfNoUse,
    names: Names,
    /// By the place of the template in the chunk, and where its XML stands; `None`: not to be read.
    plans: FxHashMap<(usize, Place), Option<Arc<Plan>>>,
    /// Those of other chunks; of readers with the same `fields`.
    templates: &'t mut Templates,
    pub channels: Shared<'a>,
    pub computers: Shared<'a>,
    /// `Data`, `Data1`, …
    unnamed: Vec<Arc<str>>,
    scratch: String,
    /// Lists of values that are not in use.
    spare: Vec<Vec<Value<'a>>>,
    /// Fields that are not in use: they grow once, not for each record.
    spare_fields: Fields,
    pub budget: usize,
}

impl<'a, 't> Reader<'a, 't> {
    /// A reader of fields, where it is told which events are of no use; else of what records are.
    pub fn of(chunk: &Chunk<'a>, of_no_use: Option<OfNoUse>, templates: &'t mut Templates) -> Self {
        Self {
            chunk: chunk.bytes,
            fields: of_no_use.is_some(),
            of_no_use: of_no_use.unwrap_or(|_, _, _, _| false),
            names: Names::default(),
            plans: FxHashMap::default(),
            templates,
            channels: Shared::default(),
            computers: Shared::default(),
            unnamed: Vec::new(),
            scratch: String::new(),
            spare: Vec::new(),
            spare_fields: Fields::default(),
            budget: BUDGET,
        }
    }

    /// Reads one record; `None` if any of it is not what it should be.
    pub fn record(&mut self, record: &RecordHeader) -> Option<Found> {
        let at = usize::try_from(record.at).ok()?;
        let end = at.checked_add(usize::try_from(record.size).ok()?)?.checked_sub(4)?;
        let mut found = Found { fields: std::mem::take(&mut self.spare_fields), ..Found::default() };
        found.fields.clear();
        self.stream(
            Cursor { chunk: self.chunk, at: at + RECORD_HEADER, end },
            Place::Document,
            0,
            &mut found,
        )?;
        Some(found)
    }

    fn event(&mut self, mut found: Found, source: SourceId, record: &RecordHeader) -> Option<Event> {
        let fields = found.fields.take();
        self.spare_fields = found.fields;
        Some(Event {
            at: Locator::Record { source, number: record.number },
            time: found.time.or(record.written).unwrap_or_default(),
            provider: found.provider?,
            channel: found.channel.unwrap_or_default(),
            computer: found.computer.unwrap_or_default(),
            id: found.id?,
            level: found.level,
            activity: found.activity,
            fields,
        })
    }

    /// Reads a stretch of BinXML: an instance of a template, or, in forwarded and some exported logs, elements.
    fn stream(&mut self, mut cursor: Cursor<'a>, place: Place, depth: u32, found: &mut Found) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        while let Some(token) = cursor.chunk.get(cursor.at).filter(|_| cursor.at < cursor.end) {
            match token {
                0x00 => break,
                0x0f => cursor.take(4).map(drop)?,
                0x0c => self.instance(&mut cursor, place, depth, found)?,
                _ => {
                    self.spend(cursor.end - cursor.at)?;
                    let (plan, _) = compile(cursor, place, false, &mut self.names, &mut self.budget)?;
                    return self.run(&plan.steps, &[], depth, found);
                }
            }
        }
        Some(())
    }

    /// Reads an instance of a template, [MS-EVEN6] 2.2.12: where the template is, then the values. The template
    /// itself stands at its first use.
    fn instance(
        &mut self,
        cursor: &mut Cursor<'a>,
        place: Place,
        depth: u32,
        found: &mut Found,
    ) -> Option<()> {
        cursor.take(6)?;
        let template = cursor.offset()?;
        if template == cursor.at {
            cursor.take(20)?;
            let size = cursor.offset()?;
            cursor.take(size)?;
        }
        let count = cursor.offset()?;
        let (descriptors, _) = cursor.take(count.checked_mul(4)?)?.as_chunks::<4>();
        self.spend(STEP + count)?;
        let plan = self.plan(template, place)?;
        let mut values = self.spare.pop().unwrap_or_default();
        values.clear();
        // What no step asks for is stepped over.
        let (asked, rest) = descriptors.split_at(descriptors.len().min(plan.values));
        for [low, high, kind, _] in asked {
            let size = usize::from(u16::from_le_bytes([*low, *high]));
            values.push(Value { kind: *kind, at: cursor.at, bytes: cursor.take(size)? });
        }
        let rest = rest.iter().map(|[low, high, ..]| usize::from(u16::from_le_bytes([*low, *high])));
        cursor.take(rest.sum())?;
        self.run(&plan.steps, &values, depth, found)?;
        self.spare.push(values);
        Some(())
    }

    /// The plan of the template at an offset of the chunk.
    pub fn plan(&mut self, template: usize, place: Place) -> Option<Arc<Plan>> {
        if let Some(known) = self.plans.get(&(template, place)) {
            return known.clone();
        }
        let plan = self.template(template, place);
        self.plans.insert((template, place), plan.clone());
        plan
    }

    /// Reads a template: the offset of the next one, its GUID, its size, its XML.
    fn template(&mut self, at: usize, place: Place) -> Option<Arc<Plan>> {
        let mut cursor = Cursor { chunk: self.chunk, at, end: self.chunk.len() };
        cursor.take(4)?;
        let id = (*cursor.take(16)?.first_chunk()?, place);
        let size = cursor.offset()?;
        let body = Cursor { end: cursor.at.checked_add(size)?, ..cursor };
        cursor.take(size)?;
        self.spend(size)?;
        if let Some((plan, cost)) = self.templates.find(body, id) {
            let plan = Arc::clone(plan);
            self.spend(cost)?;
            return Some(plan);
        }
        let (mut plan, names) = compile(body, place, true, &mut self.names, &mut self.budget)?;
        if !self.fields {
            plan.retain(Target::tells_what_it_is);
        }
        let plan = Arc::new(plan);
        self.templates.keep(body, id, &plan, &names);
        Some(plan)
    }

    fn run(&mut self, plan: &[Step], values: &[Value<'a>], depth: u32, found: &mut Found) -> Option<()> {
        if self.is_of_no_use(plan, values, found) {
            found.of_no_use = true;
            return Some(());
        }
        for step in plan {
            self.spend(STEP)?;
            if step.depends.iter().any(|index| value(values, *index).is_some_and(|value| value.is_null())) {
                continue;
            }
            self.step(step, values, depth, found)?;
        }
        Some(())
    }

    fn is_of_no_use(&self, plan: &[Step], values: &[Value<'a>], found: &Found) -> bool {
        let (true, Some(provider), Some(id)) = (self.fields, &found.provider, found.id) else { return false };
        plan.iter().any(|step| match (&step.target, &*step.parts) {
            (Target::Field(name), [Part::Value(index)]) => value(values, *index)
                .and_then(|value| value.number())
                .is_some_and(|value| (self.of_no_use)(provider, id, name, value)),
            _ => false,
        })
    }

    fn step(&mut self, step: &Step, values: &[Value<'a>], depth: u32, found: &mut Found) -> Option<()> {
        let only = match &*step.parts {
            [Part::Value(index)] => value(values, *index),
            _ => None,
        };
        match &step.target {
            Target::Known(provider) => found.provider = Some(provider.clone()),
            Target::Provider => {
                let name = self.text(step, values)?;
                found.provider = (!name.is_empty()).then(|| Provider::named(name));
            }
            Target::Id => {
                let id = only.and_then(|value| value.number()).or_else(|| number(self.text(step, values)?));
                found.id = id.and_then(|id| u32::try_from(id).ok());
            }
            Target::Channel => {
                found.channel = match self.channels.again(only) {
                    None => {
                        self.write(step, values)?;
                        Some(self.channels.copy(&self.scratch, only))
                    }
                    Some(same) => {
                        self.spend(same.len())?;
                        Some(same)
                    }
                };
            }
            Target::Computer => {
                found.computer = match self.computers.again(only) {
                    None => {
                        self.write(step, values)?;
                        Some(self.computers.copy(&self.scratch, only))
                    }
                    Some(same) => {
                        self.spend(same.len())?;
                        Some(same)
                    }
                };
            }
            Target::Nothing => self.nested(step, values, depth, found)?,
            Target::Time => {
                found.time = match only {
                    Some(value) if value.kind == kind::FILETIME => value.moment(),
                    _ => self.text(step, values)?.parse().ok(),
                };
            }
            _ if !self.fields => {}
            Target::Level => {
                let level =
                    only.and_then(|value| value.number()).or_else(|| number(self.text(step, values)?));
                found.level = level.and_then(|level| u8::try_from(level).ok()).unwrap_or_default();
            }
            Target::Activity => {
                let guid = match only {
                    Some(value) if value.kind == kind::GUID => value.guid(),
                    _ => self.text(step, values)?.parse().ok(),
                };
                found.activity = guid.filter(|guid| !guid.is_nil());
            }
            Target::Field(_) | Target::Unnamed => match only {
                Some(value) if value.kind == kind::BINXML => self.nested(step, values, depth, found)?,
                Some(list) if list.is_list() => {
                    for member in list.members() {
                        self.scratch.clear();
                        member.write(&mut self.scratch);
                        self.spend(STEP + self.scratch.len())?;
                        self.field(step, found);
                    }
                }
                _ => {
                    self.write(step, values)?;
                    self.field(step, found);
                }
            },
        }
        Some(())
    }

    /// Reads XML that stands as a value.
    fn nested(&mut self, step: &Step, values: &[Value<'a>], depth: u32, found: &mut Found) -> Option<()> {
        for part in &step.parts {
            // What a record is stands before what it says.
            if let Part::Value(index) = part
                && let Some(value) = value(values, *index)
                && value.kind == kind::BINXML
                && (self.fields || found.id.is_none())
            {
                self.spend(value.bytes.len())?;
                let end = value.at.checked_add(value.bytes.len())?;
                let cursor = Cursor { chunk: self.chunk, at: value.at, end };
                self.stream(cursor, step.inside, depth + 1, found)?;
            }
        }
        Some(())
    }

    /// Adds the written text as a field.
    fn field(&mut self, step: &Step, found: &mut Found) {
        if step.optional && self.scratch.is_empty() {
            return;
        }
        let name = match &step.target {
            Target::Field(name) => name.clone(),
            _ => self.unnamed(found),
        };
        found.fields.push(name, &self.scratch);
    }

    fn unnamed(&mut self, found: &mut Found) -> Arc<str> {
        let index = found.unnamed;
        found.unnamed += 1;
        while self.unnamed.len() <= index {
            let name = match self.unnamed.len() {
                0 => "Data".to_owned(),
                more => format!("Data{more}"),
            };
            self.unnamed.push(name.into());
        }
        self.unnamed.get(index).cloned().unwrap_or_default()
    }

    /// Writes the text of a step.
    fn write(&mut self, step: &Step, values: &[Value<'a>]) -> Option<()> {
        self.scratch.clear();
        for part in &step.parts {
            match part {
                Part::Text(text) => self.scratch.push_str(text),
                Part::Value(index) => {
                    if let Some(value) = value(values, *index) {
                        value.write(&mut self.scratch);
                    }
                }
            }
            // A value is no longer than its record, but a template may name it again and again.
            if self.scratch.len() > self.budget {
                return None;
            }
        }
        self.spend(self.scratch.len())
    }

    fn text(&mut self, step: &Step, values: &[Value<'a>]) -> Option<&str> {
        self.write(step, values)?;
        Some(&self.scratch)
    }

    pub fn spend(&mut self, cost: usize) -> Option<()> {
        let left = self.budget.checked_sub(cost);
        self.budget = left.unwrap_or(0);
        left.map(drop)
    }
}

fn value<'a>(values: &[Value<'a>], index: u16) -> Option<Value<'a>> {
    values.get(usize::from(index)).copied()
}

#[cfg(test)]
mod tests;
