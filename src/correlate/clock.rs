//! One clock per computer and clock piece, and its offset from the capture's, from exact matches.
//!
//! The offset may be hours. Nothing is corrected silently: what was found, from how many pairs and with which
//! spread, is in the report. Procedure: pairs of equal client address and port, the largest cluster of their
//! differences, its median.

mod names;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::shift::near_whole_hours;
use crate::base::{NoteKind, Notes, Shift, SourceId, Timestamp, Window, time};
use crate::connection::Connection;
use crate::connection::alignment::Alignment;
use crate::connection::lookup::Lookup;
use crate::eventlog::{Event, Log, Wanted};

use super::keys;
use crate::packet::Endpoint;
use crate::stream::Opening;

/// How sure an offset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// No pair.
    Unknown,
    /// One or two pairs, or pairs by name.
    Estimated,
    /// Three or more pairs by address and port agree.
    Exact,
}

impl Quality {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Estimated => "estimated",
            Self::Exact => "exact",
        }
    }
}

/// What is known of one clock.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The computer.
    pub computer: Arc<str>,
    /// The logs that share it.
    pub sources: Vec<SourceId>,
    /// The capture it was compared with.
    pub against: Option<SourceId>,
    /// This clock minus the capture's, nanoseconds.
    pub offset: Option<i64>,
    /// Half the width of the cluster that gave the offset.
    pub spread: i64,
    /// Pairs that agree.
    pub pairs: u32,
    /// How sure it is.
    pub quality: Quality,
    /// How it walks away from the capture's, where that was seen.
    pub drift: Option<Shift>,
}

/// All clocks.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    /// One per computer and piece, in order of computer, then time.
    pub clocks: Vec<Clock>,
    /// The clocks of captures, where there are several of the same packets.
    pub captures: Alignment,
    /// Which clock a log's piece runs by.
    by_piece: BTreeMap<(SourceId, usize), usize>,
}

/// Differences within this width are one cluster.
const CLUSTER: i64 = 250 * time::MILLISECOND;
/// Events this much before and after a capture may speak of its connections.
const AROUND: i64 = 120 * time::SECOND;
/// A pair or two show a clock that is off by minutes, or by whole hours of a time zone. What is further apart is another
/// day's: addresses stay, and ports come again.
pub const PLAUSIBLE: i64 = 26 * 3600 * time::SECOND;
/// An estimated offset above this is worth a note.
const NOTABLE: i64 = 5 * time::SECOND;

/// One pair: an event and a packet that are the same moment, nearly.
#[derive(Clone, Copy, Debug)]
struct Pair {
    difference: i64,
    /// When, by the capture's clock.
    time: Timestamp,
    capture: SourceId,
    /// By address and port, or only by a name.
    exact: bool,
    /// Whether address and port, or the name, stand once on both sides.
    unique: bool,
}

impl Clocks {
    /// Compares the anchors of all logs with the connections.
    pub fn estimate(
        connections: &[Connection],
        lookups: &[Lookup],
        logs: &[(&Log, Vec<Event>)],
        notes: &mut Notes,
    ) -> Self {
        let by_client = connections_by_client(connections);
        let mut clocks = Self::default();
        // Pieces of one computer that overlap as written run by the same clock.
        let mut groups: BTreeMap<Arc<str>, Vec<(SourceId, usize, Window)>> = BTreeMap::new();
        for (log, _) in logs {
            let computer = log.computers.first().cloned().unwrap_or_else(|| Arc::from(""));
            for (piece, bounds) in log.pieces.iter().enumerate() {
                groups.entry(Arc::clone(&computer)).or_default().push((log.source, piece, bounds.window));
            }
        }
        for (computer, pieces) in groups {
            for members in by_overlap(pieces) {
                let pairs: Vec<Pair> = logs
                    .iter()
                    .flat_map(|(log, anchors)| {
                        let mine: Vec<&Event> = anchors
                            .iter()
                            .filter(|event| {
                                log.piece_of(event.record())
                                    .is_some_and(|piece| members.contains(&(log.source, piece)))
                            })
                            .collect();
                        pairs_of(&mine, &by_client, connections, lookups)
                    })
                    .collect();
                let sources = members.iter().map(|(source, _)| *source).collect();
                let clock = settle(Arc::clone(&computer), sources, &pairs);
                let at = clocks.clocks.len();
                clocks.by_piece.extend(members.into_iter().map(|member| (member, at)));
                clocks.clocks.push(clock);
            }
        }
        if !connections.is_empty() {
            clocks.note_doubts(notes);
        }
        clocks
    }

    /// Adds the clocks of captures: connections are told by the one that the others were compared with.
    #[must_use]
    pub fn with_captures(mut self, captures: Alignment) -> Self {
        for clock in &mut self.clocks {
            clock.against = clock.against.map(|source| captures.reference(source));
        }
        self.captures = captures;
        self
    }

    /// The time of an event by the capture's clock.
    pub fn corrected(&self, event: &Event, log: &Log) -> Option<Timestamp> {
        let piece = log.piece_of(event.record())?;
        let clock = self.clocks.get(*self.by_piece.get(&(log.source, piece))?)?;
        let offset = clock.offset?;
        Some(clock.drift.map_or(event.time.shifted(-offset), |drift| drift.away(event.time)))
    }

    /// Which events of a log may speak of what was captured: where an offset is missing, those within what clocks are
    /// apart.
    pub fn wanted(&self, source: SourceId, captures: &[Window], connections: &[Connection]) -> Wanted {
        let lasting: Vec<Window> = lasting(captures, connections).collect();
        Wanted {
            near: self.windows_in(source, captures),
            sessions: self.windows_in(source, &lasting),
            close: None,
        }
    }

    /// The same, where all logs are audits alone, and all connections were captured. No clock can be compared then, and
    /// nothing ties an event to a connection but the address and port of both ends. By its time as written alone an event
    /// is asked for only near a connection, which is inside of what was captured.
    pub fn wanted_of_audit(
        &self,
        source: SourceId,
        captures: &[Window],
        connections: &[Connection],
    ) -> Wanted {
        let all = self.wanted(source, captures, connections);
        let are_captured =
            !connections.is_empty() && connections.iter().all(|connection| connection.flow.is_some());
        // By the clock of another capture, a connection may lie outside of its own.
        let inside = |own: &Window| {
            captures.iter().any(|window| window.contains(own.start) && window.contains(own.end))
        };
        let others = connections.iter().map(Connection::window).filter(|own| !inside(own));
        let close = captures.iter().copied().chain(others).map(|window| window.widened(AROUND)).collect();
        Wanted { close: Some(close).filter(|_| are_captured), ..all }
    }

    /// Windows of the captures' clock by a log's own, a little wider.
    fn windows_in(&self, source: SourceId, captures: &[Window]) -> Option<Vec<Window>> {
        if captures.is_empty() {
            return None;
        }
        let mut windows = Vec::new();
        for (_, clock) in self.by_piece.range((source, 0)..=(source, usize::MAX)) {
            let offset = self.clocks.get(*clock).and_then(|clock| clock.offset);
            let margin = if offset.is_some() { AROUND } else { PLAUSIBLE + AROUND };
            windows.extend(captures.iter().map(|window| {
                let offset = offset.unwrap_or(0);
                Window { start: window.start.shifted(offset), end: window.end.shifted(offset) }
                    .widened(margin)
            }));
        }
        Some(windows)
    }

    /// The offset of a log's last piece: good enough to tell what the log covers.
    pub fn offset_of_source(&self, source: SourceId) -> Option<i64> {
        let last = self.by_piece.range((source, 0)..=(source, usize::MAX)).next_back()?;
        self.clocks.get(*last.1)?.offset
    }

    fn note_doubts(&self, notes: &mut Notes) {
        for clock in &self.clocks {
            let source = clock.sources.first().copied();
            match clock.offset {
                None => notes.add_detail(NoteKind::ClockUnknown, source, clock.computer.to_string()),
                Some(offset) => {
                    let says =
                        format!("{}: {:+.3} s from {} pairs", clock.computer, seconds(offset), clock.pairs);
                    if clock.quality == Quality::Estimated && offset.abs() > NOTABLE {
                        notes.add_detail(NoteKind::ClockEstimated, source, says.clone());
                    }
                    if near_whole_hours(offset) {
                        notes.add_detail(NoteKind::ClockWholeHours, source, says);
                    }
                }
            }
        }
    }
}

/// Nanoseconds as seconds for people.
pub fn seconds(nanos: i64) -> f64 {
    // Millisecond precision is all that is printed, and 2^53 ms are 285,000 years.
    let millis = nanos / time::MILLISECOND;
    f64::from(i32::try_from(millis.clamp(-2_000_000_000, 2_000_000_000)).unwrap_or(0)) / 1000.0
}

/// The captures' windows, as far as the connections in them last: one whose end or beginning was not captured has them
/// in its log.
fn lasting<'a>(captures: &'a [Window], connections: &[Connection]) -> impl Iterator<Item = Window> + 'a {
    let flows = || connections.iter().filter_map(|connection| connection.flow.as_deref());
    let runs_on = flows().any(|flow| flow.closes.is_empty() && flow.is_established());
    let began_before = flows().any(|flow| flow.opening == Opening::MidStream);
    captures.iter().map(move |window| Window {
        start: if began_before { Timestamp::MIN } else { window.start },
        end: if runs_on { Timestamp::MAX } else { window.end },
    })
}

fn connections_by_client(connections: &[Connection]) -> BTreeMap<Endpoint, Vec<usize>> {
    let mut by_client: BTreeMap<Endpoint, Vec<usize>> = BTreeMap::new();
    for (at, connection) in connections.iter().enumerate() {
        for client in connection.known_clients() {
            by_client.entry(client).or_default().push(at);
        }
    }
    by_client
}

/// Groups pieces whose windows overlap.
fn by_overlap(pieces: Vec<(SourceId, usize, Window)>) -> Vec<Vec<(SourceId, usize)>> {
    let mut groups: Vec<(Window, Vec<(SourceId, usize)>)> = Vec::new();
    for (source, piece, window) in pieces {
        // Two pieces of one log are two clocks, however they overlap.
        let fits = groups.iter_mut().find(|(other, members)| {
            other.overlaps(&window) && members.iter().all(|(member, _)| *member != source)
        });
        match fits {
            Some((other, members)) => {
                other.include(window.start);
                other.include(window.end);
                members.push((source, piece));
            }
            None => groups.push((window, vec![(source, piece)])),
        }
    }
    // A log that overlaps nothing still shares the computer's clock where that has only one piece.
    if let [(_, only), rest @ ..] = groups.as_mut_slice()
        && rest
            .iter()
            .all(|(_, members)| members.iter().all(|(source, _)| only.iter().all(|(own, _)| own != source)))
    {
        let others: Vec<(SourceId, usize)> =
            rest.iter().flat_map(|(_, members)| members.iter().copied()).collect();
        let distinct = others
            .iter()
            .enumerate()
            .all(|(at, (source, _))| others.iter().skip(at + 1).all(|(other, _)| other != source));
        if distinct {
            only.extend(others);
            let only = std::mem::take(only);
            return vec![only];
        }
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

fn pairs_of(
    anchors: &[&Event],
    by_client: &BTreeMap<Endpoint, Vec<usize>>,
    connections: &[Connection],
    lookups: &[Lookup],
) -> Vec<Pair> {
    let mut seen: BTreeMap<Endpoint, u32> = BTreeMap::new();
    let accepted: Vec<(&Event, Endpoint)> =
        anchors.iter().filter_map(|event| Some((*event, keys::accepted_client(event)?))).collect();
    for (_, client) in &accepted {
        *seen.entry(*client).or_default() += 1;
    }
    let mut pairs = Vec::new();
    for (event, client) in accepted {
        let candidates = by_client.get(&client).map_or(&[][..], Vec::as_slice);
        let unique = candidates.len() == 1 && seen.get(&client) == Some(&1);
        for connection in candidates.iter().filter_map(|at| connections.get(*at)) {
            let flow = connection.flow.as_deref();
            // How long before the first frame a running connection was accepted is not known.
            if flow.is_some_and(|flow| flow.opening == Opening::MidStream) {
                continue;
            }
            let moment = flow.and_then(|flow| flow.handshake).unwrap_or(connection.first);
            pairs.push(Pair {
                difference: event.time - moment.time,
                time: moment.time,
                capture: moment.at.source(),
                exact: true,
                unique,
            });
        }
    }
    pairs.extend(names::pairs(anchors, connections, lookups));
    pairs
}

/// The median of the largest cluster.
fn settle(computer: Arc<str>, sources: Vec<SourceId>, pairs: &[Pair]) -> Clock {
    let mut clock = Clock {
        computer,
        sources,
        against: None,
        offset: None,
        spread: 0,
        pairs: 0,
        quality: Quality::Unknown,
        drift: None,
    };
    clock.sources.sort_unstable();
    clock.sources.dedup();
    let has_exact = pairs.iter().any(|pair| pair.exact);
    let width = if has_exact { CLUSTER } else { names::CLUSTER };
    let mut usable: Vec<&Pair> = pairs.iter().filter(|pair| pair.exact == has_exact).collect();
    usable.sort_by_key(|pair| (pair.difference, pair.capture));
    let Some((start, length)) = largest_cluster(&usable, width) else { return clock };
    let cluster = usable.get(start..start + length).unwrap_or_default();
    let (Some(least), Some(greatest), Some(median)) =
        (cluster.first(), cluster.last(), cluster.get(cluster.len() / 2))
    else {
        return clock;
    };
    let quality = match (has_exact, cluster.len()) {
        (true, 3..) => Quality::Exact,
        (true, _) if cluster.iter().all(|pair| pair.unique) || usable.len() == cluster.len() => {
            Quality::Estimated
        }
        (false, _) => Quality::Estimated,
        _ => Quality::Unknown,
    };
    let plausible = quality == Quality::Exact || median.difference.saturating_abs() <= PLAUSIBLE;
    if quality > Quality::Unknown && plausible {
        clock.offset = Some(median.difference);
        clock.against = Some(median.capture);
        clock.spread = (greatest.difference - least.difference) / 2;
        clock.pairs = u32::try_from(cluster.len()).unwrap_or(u32::MAX);
        clock.quality = quality;
    }
    if let Some((drift, spread, agree)) = walking(&usable, cluster.len()).filter(|_| has_exact) {
        clock.offset = Some(drift.offset);
        clock.spread = spread;
        clock.pairs = u32::try_from(agree).unwrap_or(u32::MAX);
        clock.quality = Quality::Exact;
        clock.against = usable.first().map(|pair| pair.capture);
        clock.drift = Some(drift);
    }
    clock
}

/// A line through the differences, where it holds more of them than one offset does: half of their spread around it,
/// and how many there are.
fn walking(pairs: &[&Pair], agree: usize) -> Option<(Shift, i64, usize)> {
    /// Fewer pairs, or within a shorter time, show no drift.
    const ENOUGH: usize = 4;
    const LONG: i64 = 1800 * time::SECOND;
    const HOUR: i64 = 3600 * time::SECOND;
    /// Less is what any two clocks do.
    const NOTABLE: i64 = 100 * time::MILLISECOND;
    let mut by_time: Vec<&Pair> = pairs.to_vec();
    by_time.sort_by_key(|pair| (pair.time, pair.difference));
    let (first, last) = by_time.first().zip(by_time.last())?;
    let span = last.time - first.time;
    if by_time.len() < ENOUGH || span < LONG {
        return None;
    }
    let grown =
        (i128::from(last.difference) - i128::from(first.difference)) * i128::from(HOUR) / i128::from(span);
    let line =
        Shift { offset: first.difference, per_hour: i64::try_from(grown).ok()?, since: Some(first.time) };
    let mut around: Vec<Pair> = by_time
        .iter()
        .map(|pair| Pair { difference: pair.difference.saturating_sub(line.at(pair.time)), ..**pair })
        .collect();
    around.sort_by_key(|pair| pair.difference);
    let sorted: Vec<&Pair> = around.iter().collect();
    let (start, length) = largest_cluster(&sorted, CLUSTER)?;
    let cluster = sorted.get(start..start + length)?;
    let middle = cluster.get(length / 2)?.difference;
    let spread = cluster.last()?.difference.saturating_sub(cluster.first()?.difference) / 2;
    let line = Shift { offset: line.offset.saturating_add(middle), ..line };
    (line.per_hour.saturating_abs() >= NOTABLE && length > agree && length >= ENOUGH)
        .then_some((line, spread, length))
}

/// Start and length of the longest stretch of sorted differences within `width`; the first of equals.
fn largest_cluster(sorted: &[&Pair], width: i64) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    let mut end = 0;
    for (start, first) in sorted.iter().enumerate() {
        while sorted.get(end).is_some_and(|pair| pair.difference.saturating_sub(first.difference) <= width) {
            end += 1;
        }
        if best.is_none_or(|(_, length)| end - start > length) {
            best = Some((start, end - start));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(millis: i64) -> Pair {
        let (time, difference) = (Timestamp::default(), millis * time::MILLISECOND);
        Pair { difference, time, capture: SourceId(0), exact: true, unique: true }
    }

    #[test]
    fn a_clock_that_walks_away_is_followed() {
        let minutes = [0, 31, 65, 90, 120];
        // A fifth of a second an hour more than five seconds.
        let pairs = minutes.map(|minute| Pair {
            time: Timestamp::from_nanos(minute * 60 * time::SECOND),
            ..pair(5_000 + minute * 200 / 60)
        });
        let clock = settle(Arc::from("SRV"), vec![SourceId(1)], &pairs);
        let drift = clock.drift.unwrap();
        assert_eq!((drift.per_hour, clock.pairs), (200 * time::MILLISECOND, 5));
        let still = minutes.map(|minute| Pair {
            time: Timestamp::from_nanos(minute * 60 * time::SECOND),
            ..pair(5_000 + minute % 3)
        });
        assert!(settle(Arc::from("SRV"), vec![SourceId(1)], &still).drift.is_none());
    }

    #[test]
    fn the_largest_cluster_decides() {
        let pairs = [pair(5_000), pair(3_600_010), pair(3_600_020), pair(3_600_030), pair(9_000_000)];
        let clock = settle(Arc::from("SRV"), vec![SourceId(1)], &pairs);
        assert_eq!(clock.quality, Quality::Exact);
        assert_eq!(clock.offset, Some(3_600_020 * time::MILLISECOND));
        assert_eq!(clock.pairs, 3);
    }

    #[test]
    fn one_pair_is_an_estimate_and_none_is_unknown() {
        assert_eq!(settle(Arc::from("SRV"), vec![], &[pair(7)]).quality, Quality::Estimated);
        assert_eq!(settle(Arc::from("SRV"), vec![], &[]).quality, Quality::Unknown);
    }
}
