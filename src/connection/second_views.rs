//! Connections that two captures may show, where one of these shows few: the capture of a client, beside that of a
//! server in a flood.
//!
//! What is folded is judged by one view and counted for each: these must stay single until both views are compared.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::ended::Ended;
use crate::base::SourceId;
use crate::base::keyed::Keyed;
use crate::packet::Segment;
use crate::stream::Kept;

/// Initial sequence numbers, of clients and servers, that a capture shows.
#[derive(Debug, Default)]
pub(super) struct Openings {
    numbers: HashSet<u32, Keyed>,
}

/// Those of all captures that show few, together.
const FEW: usize = 8192;

impl Openings {
    /// Takes the next segment.
    pub(super) fn take(&mut self, segment: &Segment) {
        // One beyond the bound tells that there are more.
        if (segment.flags.opens() || segment.flags.accepts()) && self.numbers.len() <= FEW {
            self.numbers.insert(segment.seq);
        }
    }
}

/// Which connections may have a second view.
#[derive(Debug, Default)]
pub struct SecondViews {
    /// Captures that show few connections, and packets that another one shows.
    sources: BTreeSet<SourceId>,
    numbers: HashSet<u32, Keyed>,
}

impl SecondViews {
    /// As captures that show the same packets were opened: those with the fewest connections, as far as they are few.
    pub(super) fn of(openings: BTreeMap<SourceId, Openings>) -> Self {
        let mut all: Vec<(SourceId, Openings)> = openings.into_iter().collect();
        all.sort_by_key(|(source, own)| (own.numbers.len(), *source));
        let mut views = Self::default();
        for (source, own) in all {
            if views.numbers.len() + own.numbers.len() > FEW {
                break;
            }
            views.sources.insert(source);
            views.numbers.extend(own.numbers);
        }
        views
    }

    /// Whether a capture shows few connections, so that all of them are known.
    pub fn are_few(&self, source: SourceId) -> bool {
        self.sources.contains(&source)
    }

    /// Whether a connection that was seen being opened stands in one of these captures, or may do so.
    pub fn may_hold(&self, ended: &Ended<'_>) -> bool {
        if self.numbers.is_empty() {
            return false;
        }
        // Where several captures are read, every flow is one.
        let Kept::Grown(flow) = ended.flow() else { return false };
        let mut openings = flow.syns.iter().chain(&flow.syn_acks);
        openings.any(|opening| self.numbers.contains(&opening.isn))
    }
}
