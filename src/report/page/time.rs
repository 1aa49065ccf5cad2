//! One clock for the page: times of a log are shown by the capture's clock where its offset is known, with a mark.
//!
//! Estimates nothing: offsets come from the report.

use std::collections::BTreeMap;

use crate::base::{Timestamp, Zone};
use crate::report::model::{Clock, Incident, Report};
use crate::report::rows;
use crate::report::text::Text;

/// How a time was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Mark {
    /// As its source has it.
    AsIs,
    /// Moved by the offset of its source.
    Corrected,
    /// By a clock that could not be compared.
    Alone,
}

/// A time ready to be shown and sorted.
#[derive(Clone, Debug)]
pub(in crate::report) struct Moment {
    pub time: String,
    pub mark: Mark,
}

impl Moment {
    /// For sorting; stamps that cannot be read come last.
    pub fn order(&self) -> Timestamp {
        self.time.parse().unwrap_or(Timestamp::MAX)
    }

    /// With its mark, and with the day and the offset from UTC where they are others than those of `head`.
    pub fn shown(&self, head: &str) -> String {
        // A line of a text has no time.
        if self.time.is_empty() {
            return String::new();
        }
        let day = rows::day(head);
        let same_day = day.is_some() && rows::day(&self.time) == day;
        let time = if same_day { rows::clock(&self.time) } else { rows::date_time(&self.time) };
        let mark = match self.mark {
            Mark::AsIs => "",
            Mark::Corrected => "*",
            Mark::Alone => "?",
        };
        format!("{time}{}{mark}", rows::other_offset(&self.time, head))
    }
}

/// The clocks of a report, and the corrected times of one incident's events.
pub(in crate::report) struct Clocks<'a> {
    /// Nanoseconds by which a source is ahead; `None` if that could not be found out.
    ahead: BTreeMap<u32, Option<i64>>,
    corrected: BTreeMap<(u32, u64), &'a str>,
    zone: &'a Zone,
    /// Whether times of captures are moved, too.
    captures: bool,
    /// What the clocks were to be compared with.
    others: &'static str,
}

impl<'a> Clocks<'a> {
    pub fn new(report: &'a Report, incident: &Incident) -> Self {
        let mut ahead = BTreeMap::new();
        for clock in report.clocks.iter().filter(|clock| !is_negligible(report, clock)) {
            let known = if clock.quality == "unknown" { None } else { clock.offset_ms.and_then(nanoseconds) };
            ahead.extend(clock.sources.iter().filter(|id| **id != clock.against).map(|id| (*id, known)));
        }
        let connections = incident.connections.iter().filter_map(|id| rows::connection(report, *id));
        let events = connections.flat_map(|connection| &connection.events);
        let corrected = events
            .filter_map(|event| Some(((event.source, event.record), event.time_corrected.as_deref()?)))
            .collect();
        let is_capture = |id: &u32| rows::source(report, *id).is_some_and(|source| source.kind == "capture");
        let captures = ahead.keys().any(is_capture);
        let is_any = report.sources.iter().any(|source| source.kind == "capture");
        let others = if is_any { "the capture" } else { "the other logs" };
        Self { ahead, corrected, zone: &report.zone, captures, others }
    }

    /// A time that is told by the capture's clock already, of something that `source` saw.
    pub fn told(&self, source: Option<u32>, time: &str) -> Moment {
        let moved = source.is_some_and(|source| self.ahead.contains_key(&source));
        Moment { time: time.to_owned(), mark: if moved { Mark::Corrected } else { Mark::AsIs } }
    }

    /// A time of `source` by the capture's clock, if that can be had.
    pub fn moment(&self, source: u32, record: Option<u64>, time: &str) -> Moment {
        if let Some(corrected) = record.and_then(|record| self.corrected.get(&(source, record))) {
            return Moment { time: (*corrected).to_owned(), mark: Mark::Corrected };
        }
        match (self.ahead.get(&source), time.parse::<Timestamp>()) {
            (Some(Some(0)) | None, _) | (Some(Some(_)), Err(_)) => {
                Moment { time: time.to_owned(), mark: Mark::AsIs }
            }
            (Some(Some(ahead)), Ok(stamp)) => {
                let time = self.zone.stamp(stamp.shifted(ahead.saturating_neg()));
                Moment { time, mark: Mark::Corrected }
            }
            (Some(None), _) => Moment { time: time.to_owned(), mark: Mark::Alone },
        }
    }

    /// What the marks mean, for those that were used.
    pub fn legend<'m>(&self, moments: impl Iterator<Item = &'m Moment>) -> Vec<Text> {
        const LOGGED: &str = "* logged time, moved to the clock of the capture (offsets: see Sources)";
        const SEVERAL: &str = "* moved to the clock of one capture (which, and the offsets: see Sources)";
        let (mut corrected, mut alone) = (false, false);
        for moment in moments {
            corrected |= moment.mark == Mark::Corrected;
            alone |= moment.mark == Mark::Alone;
        }
        let of_alone =
            || format!("? by the log's own clock, which could not be compared with {}", self.others);
        let corrected = corrected.then(|| Text::new().and_dim(if self.captures { SEVERAL } else { LOGGED }));
        [corrected, alone.then(|| Text::new().and_dim(&of_alone()))].into_iter().flatten().collect()
    }
}

/// Whether a clock is that of a capture which is so near to another one that its times were left as they are.
fn is_negligible(report: &Report, clock: &Clock) -> bool {
    let of_capture = clock
        .sources
        .iter()
        .all(|id| rows::source(report, *id).is_some_and(|source| source.kind == "capture"));
    of_capture && clock.offset_ms.is_some_and(|offset| offset.abs() < 1.0)
}

/// By way of decimals: there is no checked conversion from a float.
fn nanoseconds(milliseconds: f64) -> Option<i64> {
    format!("{:.0}", milliseconds * 1e6).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_keep_what_matters() {
        assert_eq!(nanoseconds(0.25), Some(250_000));
        assert_eq!(nanoseconds(-7_200_000.4), Some(-7_200_000_400_000));
        assert_eq!(nanoseconds(f64::INFINITY), None);
        assert_eq!(nanoseconds(1e300), None);
    }
}

#[cfg(test)]
mod offsets {
    use super::*;

    #[test]
    fn a_row_tells_its_offset_where_it_is_another() {
        let moment = Moment { time: "2026-10-25T02:00:03.000000000+01:00".into(), mark: Mark::Corrected };
        assert_eq!(moment.shown("2026-10-25T02:59:50.000000000+02:00"), "02:00:03.000+01:00*");
        assert_eq!(moment.shown("2026-10-25T02:00:00.000000000+01:00"), "02:00:03.000*");
    }
}
