//! What several sources try together at one server: found once for all attempts that ask about the same time.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Other;
use crate::base::keyed::{Keyed, KeyedMap};
use crate::base::{Mark, Timestamp};
use crate::correlate::storm::joint_storm;
use crate::packet::Endpoint;

/// Names that several sources try.
type Names = HashSet<Arc<str>, Keyed>;

/// Attempts under names that several sources try.
#[derive(Debug, Default)]
pub struct Joint {
    /// The names.
    pub names: Names,
    /// How many sources.
    pub sources: usize,
    /// How many attempts.
    pub requests: usize,
    /// When the first and the last of them asked for a session.
    pub ends: Option<(Mark, Mark)>,
}

impl Joint {
    /// Of attempts in order of start.
    pub fn of<'a>(attempts: impl Iterator<Item = &'a Other>) -> Self {
        let named: Vec<(Mark, IpAddr, &Arc<str>)> =
            attempts.filter_map(|other| Some((other.asked()?, other.client, other.name.as_ref()?))).collect();
        let tried: Vec<(Timestamp, IpAddr, &str)> =
            named.iter().map(|(asked, client, name)| (asked.time, *client, &***name)).collect();
        let shared = joint_storm(&tried);
        if shared.is_empty() {
            return Self::default();
        }
        let part: Vec<_> = named.into_iter().filter(|(.., name)| shared.contains(&***name)).collect();
        Self {
            names: part.iter().map(|(.., name)| Arc::clone(name)).collect(),
            sources: part.iter().map(|(_, client, _)| *client).collect::<BTreeSet<_>>().len(),
            requests: part.len(),
            ends: part.first().zip(part.last()).map(|(first, last)| (first.0, last.0)),
        }
    }
}

/// A server, and a minute.
pub(super) type Part = (Endpoint, i64);

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Names that are tried jointly by all attempts together: others are at no server and at no time.
    names: OnceLock<Names>,
    parts: Mutex<KeyedMap<Part, Arc<Joint>>>,
}

/// What is found is looked for again soon or never.
const MOST: usize = 256;

impl Clone for Found {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Found {
    /// The names that all attempts together try jointly.
    pub fn names_of(&self, others: &[Other]) -> &Names {
        self.names.get_or_init(|| Joint::of(others.iter()).names)
    }

    /// That of a part, looked for if it is not known.
    pub fn of(&self, part: Part, look: impl FnOnce() -> Joint) -> Arc<Joint> {
        let known = || self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(joint) = known().get(&part) {
            return Arc::clone(joint);
        }
        let joint = Arc::new(look());
        let mut known = known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(part, Arc::clone(&joint));
        joint
    }
}
