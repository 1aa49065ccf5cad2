//! Templates that were compiled in other chunks of the same log.
//!
//! Each chunk holds its templates again, mostly the same few, each with the offsets that the names have there. A plan
//! depends on nothing but what the template says, so that of an equal template is taken again: one with equal bytes
//! apart from those offsets, which lead to equal names. Changes no result, only how often templates are compiled.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::evtx::u32_at;
use super::names::{Named, Names};
use super::plan::{Cursor, Place, Plan};

/// A template's GUID, and where its XML stands. The GUID is only a way to find it: what it says is compared.
pub(super) type Id = ([u8; 16], Place);

/// Bytes of templates that are kept; real logs have a hundred templates of a few KiB.
const HELD: usize = 1 << 20;
/// Templates of one GUID that are looked through: where other names stand for the first time, others are inside.
const ALIKE: usize = 16;

/// What a worker keeps of templates from chunk to chunk.
#[derive(Debug, Default)]
pub(super) struct Templates {
    by_id: FxHashMap<Id, Vec<Template>>,
    held: usize,
}

#[derive(Debug)]
struct Template {
    body: Box<[u8]>,
    names: Box<[Name]>,
    /// What reading its names costs.
    cost: usize,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Name {
    /// Where its offset stands in the template.
    at: usize,
    is_here: bool,
    /// Its length and its characters.
    stored: Box<[u8]>,
}

impl Templates {
    /// The plan of an equal template, and what its names cost to read.
    pub fn find(&self, body: Cursor<'_>, id: Id) -> Option<(&Arc<Plan>, usize)> {
        let alike = self.by_id.get(&id)?;
        let found = alike.iter().find(|template| template.is_at(body).is_some())?;
        Some((&found.plan, found.cost))
    }

    /// Keeps the plan of a template for other chunks.
    pub fn keep(&mut self, body: Cursor<'_>, id: Id, plan: &Arc<Plan>, names: &[Named]) {
        let Some(template) = Template::of(body, plan, names) else { return };
        let size = template.body.len() + template.cost * 2;
        if self.held + size > HELD {
            *self = Self::default();
        }
        let alike = self.by_id.entry(id).or_default();
        if alike.len() < ALIKE {
            self.held += size;
            alike.push(template);
        }
    }
}

impl Template {
    fn of(body: Cursor<'_>, plan: &Arc<Plan>, names: &[Named]) -> Option<Self> {
        let name = |named: &Named| {
            Some(Name {
                at: named.at.checked_sub(body.at)?,
                is_here: named.is_here,
                stored: body.chunk.get(named.stored..)?.get(..2 + named.length * 2)?.into(),
            })
        };
        Some(Self {
            body: body.chunk.get(body.at..body.end)?.into(),
            names: names.iter().map(name).collect::<Option<_>>()?,
            cost: names.iter().map(|named| named.length).sum(),
            plan: Arc::clone(plan),
        })
    }

    /// Whether an equal template stands there.
    fn is_at(&self, other: Cursor<'_>) -> Option<()> {
        let body = other.chunk.get(other.at..other.end)?;
        if body.len() != self.body.len() {
            return None;
        }
        let is_same = |from: usize, to: usize| body.get(from..to) == self.body.get(from..to);
        let mut at = 0;
        for name in &self.names {
            let behind = name.at + 4;
            let offset = usize::try_from(u32_at(body, name.at)?).ok()?;
            let stored = other.chunk.get(offset.checked_add(Names::HEADER)?..)?;
            let fits = is_same(at, name.at)
                && (offset == other.at + behind) == name.is_here
                && stored.starts_with(&name.stored);
            if !fits {
                return None;
            }
            // Its characters were compared; where the next name stands is no part of it.
            at = if name.is_here { behind + Names::HEADER + name.stored.len() + 2 } else { behind };
        }
        is_same(at, body.len()).then_some(())
    }
}

/// What the workers that are not at work keep.
#[derive(Debug)]
pub(super) struct Shelf<T>(Mutex<Vec<T>>);

impl<T: Default> Shelf<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Does some work with what another piece of work has kept.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut kept = kept.unwrap_or_default();
        let done = work(&mut kept);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        done
    }

    /// All that was kept.
    pub fn into_kept(self) -> Vec<T> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
