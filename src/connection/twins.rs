//! Connections that two capture points saw are one: finds them, and has the views of both compared.
//!
//! What is said of a connection rests on the fuller view; what only the other holds and the end depends on (a reset)
//! is put beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Connection;
use super::alignment::Alignment;
use super::numbers::Span;
use super::observations::Observations;
use super::views::{self, Reset, Seen, Views};
use crate::base::{Mark, SourceId, Timestamp, time};
use crate::packet::{Endpoint, TcpFlags};
use crate::stream::{Close, CloseKind, Flow, Opening, Side, Sighting, Vantage};

/// Joins connections, which must be in order of their start, that are the same in several captures.
pub fn once(
    connections: Vec<Connection>,
    alignment: &Alignment,
    captures: &[Observations],
) -> Vec<Connection> {
    let groups = grouped(connections, alignment);
    let mut kept: Vec<Connection> = groups.into_iter().filter_map(|group| joined(group, captures)).collect();
    kept.sort_by_key(|connection| (connection.first, connection.client, connection.server));
    absences(&mut kept, captures);
    kept
}

/// By what the same connection is known in two captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// Ends and the client's initial sequence number.
    Opening(Endpoint, Endpoint, u32),
    /// Ends and the server's initial sequence number: the client's segments may not have been captured.
    Answer(Endpoint, Endpoint, u32),
    /// The server's initial sequence number alone, begun at the same time: the client's SYN may lack in one of them.
    Answered(u32),
    /// Both initial sequence numbers, or those with which both sides were first seen: the ends may be others, by an
    /// address translation.
    Numbers(u32, u32),
}

fn keys(connection: &Connection) -> Vec<Key> {
    let Some(flow) = &connection.flow else { return Vec::new() };
    let mut keys: Vec<Key> = Vec::new();
    if let Some(answer) = flow.syn_acks.first() {
        keys.push(Key::Answer(connection.client, connection.server, answer.isn));
        keys.push(Key::Answered(answer.isn));
    }
    if let Some(syn) = flow.syns.first() {
        keys.push(Key::Opening(connection.client, connection.server, syn.isn));
        keys.extend(flow.syn_acks.first().map(|answer| Key::Numbers(syn.isn, answer.isn)));
    }
    if flow.opening == Opening::MidStream {
        let numbers = flow.to_server.first_number().zip(flow.to_client.first_number());
        keys.extend(numbers.map(|(client, server)| Key::Numbers(client, server)));
    }
    keys
}

fn grouped(connections: Vec<Connection>, alignment: &Alignment) -> Vec<Vec<Connection>> {
    let mut by_key: BTreeMap<Key, usize> = BTreeMap::new();
    let mut running: BTreeMap<(Endpoint, Endpoint), Vec<usize>> = BTreeMap::new();
    let mut spans: BTreeMap<u32, Vec<(Span, usize)>> = BTreeMap::new();
    let mut groups: Vec<Vec<Connection>> = Vec::with_capacity(connections.len());
    for connection in connections {
        let source = connection.first.at.source();
        let keys = keys(&connection);
        let ends = (connection.client, connection.server);
        let is_new = |at: &usize| {
            groups.get(*at).is_some_and(|group| {
                group.iter().all(|own| own.first.at.source() != source || is_translation(own, &connection))
            })
        };
        // A SYN alone may stand in an older connection on the same ports; what runs already has no other key.
        let begins_with = |at: &usize| {
            groups
                .get(*at)
                .and_then(|group| group.first())
                .is_some_and(|own| begin_together(own, &connection))
        };
        let known = |key: &Key| {
            let at = by_key.get(key).copied().filter(is_new);
            let group = at.and_then(|at| groups.get(at));
            let near = group.and_then(|group| group.first()).is_some_and(|own| is_near(own, &connection));
            at.filter(|at| near && (!matches!(key, Key::Answered(_)) || begins_with(at)))
        };
        let is_midway = connection.flow.as_ref().is_none_or(|flow| flow.opening == Opening::MidStream);
        let twin = keys.iter().find_map(known).or_else(|| {
            let list = running.get(&ends).filter(|_| keys.is_empty() || is_midway)?;
            list.iter().copied().filter(is_new).find(|at| {
                groups.get(*at).and_then(|group| group.first()).is_some_and(|own| {
                    alignment.share(own.first.at.source(), source) && runs_with(own, &connection)
                })
            })
        });
        let span = connection.flow.as_deref().and_then(Span::of);
        // Under other addresses, and begun in the middle.
        let part = span.filter(|_| twin.is_none() && is_midway);
        let twin = twin.or_else(|| {
            let part = part?;
            let held = within(&spans, part.server()).filter(|(whole, at)| whole.holds(&part) && is_new(at));
            held.map(|(_, at)| *at).find(|at| {
                groups
                    .get(*at)
                    .and_then(|group| group.first())
                    .is_some_and(|own| alignment.share(own.first.at.source(), source))
            })
        });
        let at = twin.unwrap_or(groups.len());
        if let Some(span) = span {
            spans.entry(span.server()).or_default().push((span, at));
        }
        by_key.extend(keys.into_iter().map(|key| (key, at)));
        running.entry(ends).or_default().push(at);
        match groups.get_mut(at) {
            Some(group) => group.push(connection),
            None => groups.push(vec![connection]),
        }
    }
    groups
}

/// Spans that begin within some bytes of the server before a number.
fn within(spans: &BTreeMap<u32, Vec<(Span, usize)>>, number: u32) -> impl Iterator<Item = &(Span, usize)> {
    /// What a server sends in a session of minutes.
    const FAR: u32 = 64 << 20;
    let from = number.wrapping_sub(FAR);
    let (low, high) =
        if from <= number { (from..=number, None) } else { (0..=number, Some(from..=u32::MAX)) };
    spans.range(low).chain(high.into_iter().flat_map(|high| spans.range(high))).flat_map(|(_, list)| list)
}

/// Whether two connections of one capture, which have the same initial sequence numbers, are both legs of an address
/// translation: captured on the device that makes it.
fn is_translation(one: &Connection, other: &Connection) -> bool {
    /// A device passes a segment on within this.
    const PASSED_ON: i64 = 100 * time::MILLISECOND;
    (one.client.ip, one.server.ip) != (other.client.ip, other.server.ip)
        && (one.first.time - other.first.time).abs() <= PASSED_ON
}

/// Whether two connections begin at the same time, and one lacks its SYN.
fn begin_together(one: &Connection, other: &Connection) -> bool {
    let lacks_syn = |own: &Connection| own.flow.as_ref().is_some_and(|flow| flow.syns.is_empty());
    (lacks_syn(one) || lacks_syn(other)) && (one.first.time - other.first.time).abs() <= time::SECOND
}

/// Whether two connections may be one by their times: their clocks were compared where that could be done.
fn is_near(one: &Connection, other: &Connection) -> bool {
    const DAY: i64 = 24 * 3600 * time::SECOND;
    one.window().widened(DAY).overlaps(&other.window())
}

/// Whether two connections between the same ends ran at the same time.
fn runs_with(one: &Connection, other: &Connection) -> bool {
    one.window().widened(time::SECOND).overlaps(&other.window())
}

fn segments(connection: &Connection) -> u64 {
    connection.flow.as_ref().map_or(0, |flow| flow.client_habits.segments + flow.server_habits.segments)
}

fn has_beginning(connection: &Connection) -> bool {
    connection.flow.as_deref().is_some_and(|flow| flow.opening != Opening::MidStream)
}

fn has_end(connection: &Connection) -> bool {
    connection.flow.as_deref().is_some_and(|flow| !flow.closes.is_empty())
}

/// Whether another capture holds the end of a connection, and this one does not: it was stopped before, or lacks it.
fn goes_on(own: &Connection, other: &Connection) -> bool {
    /// Segments under way when a capture was stopped are its end.
    const STOPPED: i64 = time::SECOND;
    let later = other.last.time - own.last.time;
    !has_end(own) && (later > 0 && has_end(other) || later > STOPPED && own.capture_end < other.last.time)
}

/// One connection of all its views.
fn joined(mut group: Vec<Connection>, captures: &[Observations]) -> Option<Connection> {
    // Both legs of a translation in one capture are one sight.
    let mut sources = BTreeSet::new();
    let mut seen: Vec<Seen> = Vec::new();
    for own in &mut group {
        let sight = seen_by(own, captures);
        if sources.insert(own.first.at.source()) {
            seen.extend(sight);
        }
    }
    seen.sort_by_key(|own| own.vantage);
    let views = if seen.len() > 1 { views::compare(&seen) } else { None };
    // One that has the beginning and the end, or the beginning, then the fullest; of equals the one nearest to the
    // client, which is the same in any order of the files.
    let near = views.as_ref().map(|views| views.client_side.source);
    let own_ends = ends_of(&group);
    group.sort_by_key(|own| {
        let lacks = u8::from(!has_beginning(own)) + u8::from(!has_end(own));
        let away = Some(own.first.at.source()) != near;
        // A capture of one direction adds to another, and never leads.
        let half = own.flow.as_deref().is_some_and(Flow::is_one_sided);
        let ends = own_ends.filter(|ends| *ends != (own.client, own.server));
        (half, lacks, !has_beginning(own), std::cmp::Reverse(segments(own)), away, ends, own.first)
    });
    let mut group = group.into_iter();
    let mut whole = group.next()?;
    let mut ends = vec![(whole.client, whole.server)];
    for other in group {
        // The client knows itself and the server by the addresses that the user knows.
        let known = near.is_none() && own_ends == Some((other.client, other.server));
        if Some(other.first.at.source()) == near || known {
            (whole.client, whole.server) = (other.client, other.server);
        }
        add_damage(&mut whole, &other);
        if goes_on(&whole, &other) {
            whole.goes_on_in.get_or_insert(other.first.at.source());
        }
        if other.first.at.source() != whole.first.at.source() {
            whole.also_in.push(other.first.at.source());
        }
        ends.push((other.client, other.server));
    }
    whole.also_as = ends.into_iter().filter(|ends| *ends != (whole.client, whole.server)).collect();
    whole.also_as.sort_unstable();
    whole.also_as.dedup();
    whole.also_in.sort_unstable();
    whole.also_in.dedup();
    if let Some(views) = views {
        add_resets(&mut whole, &views);
        whole.views = Some(Box::new(views));
    }
    Some(whole)
}

/// Which of the ends in several captures a connection is told by, where these do not tell which is nearer to the client:
/// the same for all connections between two hosts, in any order of the files. An inner address is what its user knows.
fn ends_of(group: &[Connection]) -> Option<(Endpoint, Endpoint)> {
    let first = group.first()?.first.at.source();
    if group.iter().all(|own| own.first.at.source() == first) {
        return None;
    }
    let is_outer = |ip: IpAddr| !matches!(ip, IpAddr::V4(ip) if ip.is_private());
    let ends = group.iter().map(|own| (own.client, own.server));
    ends.min_by_key(|(client, server)| (is_outer(client.ip), *client, *server))
}

/// Segments that arrive damaged are seen behind the damage only.
fn add_damage(whole: &mut Connection, other: &Connection) {
    let (Some(own), Some(seen)) = (whole.flow.as_deref_mut(), other.flow.as_deref()) else { return };
    for (own, seen) in
        [(&mut own.client_habits, &seen.client_habits), (&mut own.server_habits, &seen.server_habits)]
    {
        if seen.checksums.wrong_again > own.checksums.wrong_again {
            own.checksums = seen.checksums;
        }
    }
}

/// What each capture point saw of a connection.
fn seen_by(connection: &mut Connection, captures: &[Observations]) -> Vec<Seen> {
    let Some(sightings) = connection.flow.as_mut().and_then(|flow| flow.sightings.take()) else {
        return Vec::new();
    };
    let mut by_vantage: BTreeMap<Vantage, Vec<Vec<Sighting>>> = BTreeMap::new();
    for (at, stretch) in sightings.stretches().into_iter().enumerate() {
        for sighting in stretch {
            // The files of a ring buffer are one point, where interfaces have the same numbers in all of them.
            let point = Observations::point_of(captures, sighting.vantage.source);
            let source = point.map_or(sighting.vantage.source, |(point, ..)| point);
            let stretches = by_vantage.entry(Vantage { source, ..sighting.vantage }).or_default();
            stretches.resize(stretches.len().max(at + 1), Vec::new());
            if let Some(list) = stretches.get_mut(at) {
                list.push(sighting);
            }
        }
    }
    by_vantage
        .into_iter()
        .filter_map(|(vantage, mut stretches)| {
            let (_, window, drops) = Observations::point_of(captures, vantage.source)?;
            for list in &mut stretches {
                list.sort_by_key(|own| (own.time, own.frame));
            }
            Some(Seen { vantage, stretches, window, drops: drops > 0 })
        })
        .collect()
}

/// Puts the resets that only the other view holds among the ends of the connection.
fn add_resets(connection: &mut Connection, views: &Views) {
    let Some(flow) = &mut connection.flow else { return };
    for reset in &views.resets {
        let known = flow.closes.iter().any(|close| {
            close.mark.at == reset.mark.at || reset.passed.is_some_and(|passed| passed.at == close.mark.at)
        });
        if known || reset.origin.is_none() || !reset.arrived {
            continue;
        }
        let close = close_of(reset, flow);
        let at = flow.closes.partition_point(|close| close.mark.time <= reset.mark.time);
        flow.closes.insert(at, close);
    }
}

fn close_of(reset: &Reset, flow: &mut Flow) -> Close {
    let own = &reset.sighting;
    let stream = flow.stream_mut(reset.from);
    let end = i64::try_from(stream.sent_end).unwrap_or(i64::MAX);
    Close {
        from: reset.from,
        kind: CloseKind::Rst,
        mark: reset.mark,
        ttl: own.ttl,
        ip_id: own.ip_id,
        has_ack: own.flags.has(TcpFlags::ACK),
        has_timestamp: false,
        offset: if stream.is_placed() { stream.offset(own.seq) } else { 0 },
        expected: end,
        acked: stream.acked_end,
        acknowledges: None,
        answered: None,
        went_on: None,
    }
}

/// A capture point that would have seen a connection and did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// The capture.
    pub source: SourceId,
    /// On whose side of the one that saw it.
    pub side: Side,
    /// What it saw between the same hosts, at the nearest time.
    pub witness: Option<Mark>,
}

/// Finds connections that never came to the other capture point: it captured before, meanwhile and after, and sees
/// the same host otherwise.
fn absences(connections: &mut [Connection], captures: &[Observations]) {
    /// A capture must go on for so long before and after.
    const AROUND: i64 = time::SECOND;
    /// A SYN and its translation are this near, and clocks are compared more sharply.
    const TRANSLATED: i64 = 3 * time::SECOND;
    let mut points: BTreeMap<(SourceId, Side, IpAddr), (SourceId, Vec<Mark>)> = BTreeMap::new();
    for connection in connections.iter() {
        let Some(views) = &connection.views else { continue };
        let (client, server) = (views.client_side.source, views.server_side.source);
        // Behind a translated address may be others: clients of one address, servers of a balancer.
        if client != server && connection.also_as.is_empty() {
            let [at_client, at_server] = views.last;
            for (key, other, mark) in [
                ((client, Side::Server, connection.server.ip), server, at_server),
                ((server, Side::Client, connection.client.ip), client, at_client),
            ] {
                points.entry(key).or_insert((other, Vec::new())).1.extend(mark);
            }
        }
    }
    if points.is_empty() {
        return;
    }
    let point_of = |own: &Connection| {
        let source = own.first.at.source();
        Observations::point_of(captures, source).map_or(source, |(point, ..)| point)
    };
    let mut single: Vec<(SourceId, Endpoint, Timestamp)> = connections
        .iter()
        .filter(|own| own.also_in.is_empty())
        .map(|own| (point_of(own), own.server, own.first.time))
        .collect();
    single.sort_unstable();
    // An attempt at the same server at the same time may be the same one, behind a translated address.
    let may_be_translated = |other: SourceId, own: &Connection| {
        let earliest = (other, own.server, own.first.time.shifted(-TRANSLATED));
        let latest = (other, own.server, own.first.time.shifted(TRANSLATED));
        let from = single.partition_point(|one| *one < earliest);
        single.get(from).is_some_and(|next| *next <= latest)
    };
    for connection in connections.iter_mut().filter(|own| own.also_in.is_empty()) {
        let source = point_of(connection);
        let window = connection.window().widened(AROUND);
        for (side, ip) in [(Side::Server, connection.server.ip), (Side::Client, connection.client.ip)] {
            let Some((other, marks)) = points.get(&(source, side, ip)) else { continue };
            let covers = Observations::point_of(captures, *other).is_some_and(|(_, own, drops)| {
                drops == 0 && own.contains(window.start) && own.contains(window.end)
            });
            if covers && !may_be_translated(*other, connection) {
                let distance = |mark: &&Mark| (mark.time - window.start).saturating_abs();
                let witness = marks.iter().min_by_key(distance).copied();
                connection.absent = Some(Absence { source: *other, side, witness });
                break;
            }
        }
    }
}
