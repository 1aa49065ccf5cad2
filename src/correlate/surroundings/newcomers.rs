//! Who comes to a server, and under which name: to tell where a user that fell silent is back.

use std::sync::Arc;

use super::Other;
use super::lists::OfPairs;
use crate::base::keyed::KeyedMap;
use crate::packet::Endpoint;

/// Attempts by server and name, in order of start. Of the same client's attempts in a row under one name there is the
/// first: where it comes anew, that tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct Newcomers {
    by_name: KeyedMap<(Endpoint, Option<Arc<str>>), Vec<usize>>,
    /// The first of each client, whatever its name.
    first: KeyedMap<Endpoint, Vec<usize>>,
}

impl Newcomers {
    /// Those of attempts in order of start.
    pub fn of(others: &[Other], pairs: &OfPairs) -> Self {
        let mut all = Self::default();
        for places in pairs.all() {
            let mut before: Option<&Other> = None;
            for (at, own) in places.iter().filter_map(|at| Some((*at, others.get(*at)?))) {
                if before.is_none() {
                    all.first.entry(own.server).or_default().push(at);
                }
                if before.is_none_or(|before| before.name != own.name) {
                    all.by_name.entry((own.server, own.name.clone())).or_default().push(at);
                }
                before = Some(own);
            }
        }
        all.by_name.values_mut().chain(all.first.values_mut()).for_each(|places| places.sort_unstable());
        all
    }

    /// Those under a name, or under none.
    pub fn under(&self, server: Endpoint, name: Option<&Arc<str>>) -> &[usize] {
        self.by_name.get(&(server, name.cloned())).map_or(&[], Vec::as_slice)
    }

    /// The first of each client.
    pub fn first(&self, server: Endpoint) -> &[usize] {
        self.first.get(&server).map_or(&[], Vec::as_slice)
    }
}
