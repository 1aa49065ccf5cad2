//! Requests of one source, or of many, that no user makes: passwords are being guessed.
//!
//! Counts and groups. Blames nobody.

use super::attempt::Attempt;
use super::surroundings::Other;
use crate::base::keyed::KeyedMap;
use crate::base::{Timestamp, time};
use crate::connection::{Connection, Stage};
use crate::packet::Endpoint;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// More requests than this within a minute are no user's.
pub const STORM: usize = 10;
/// More requests than this within [`MINUTE`] are no user's under any name: more than one a second.
const RELENTLESS: usize = 60;
/// Names below which it may be one user, or a monitoring program.
const NAMES: usize = 3;
/// Within it requests are counted.
pub const MINUTE: i64 = 60 * time::SECOND;

/// Whether the requests of one source, in order of time and with the names of their cookies, are a storm: too many
/// within a minute, under several names; or under one name, so many that no user makes them.
pub fn is_storm<'a>(requests: &(impl Iterator<Item = (Timestamp, Option<&'a str>)> + Clone)) -> bool {
    let times = || requests.clone().map(|(time, _)| time);
    let mut named = requests.clone().filter_map(|(_, name)| name);
    // In this order the first of many tell it.
    named.next().is_some()
        && (is_dense(times(), RELENTLESS)
            || is_dense(times(), STORM) && names(requests.clone().filter_map(|(_, name)| name)) >= NAMES)
}

/// How many different names there are, as far as it matters.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    let mut known = BTreeSet::new();
    for name in names {
        known.insert(name);
        if known.len() == NAMES {
            break;
        }
    }
    known.len()
}

/// Whether more than `count` of these times lie within a minute. The first of them tell it in a flood.
fn is_dense(times: impl Iterator<Item = Timestamp> + Clone, count: usize) -> bool {
    times.clone().zip(times.skip(count)).any(|(a, b)| b - a <= MINUTE)
}

/// Whether the attempts of one source are a storm. Of those that only a log knows, a name is not always told: then the
/// server's word that it refused counts, or so many that no user makes them.
pub fn is_storm_of<'a>(own: &(impl Iterator<Item = &'a Other> + Clone)) -> bool {
    let asked = own.clone().filter_map(|other| Some((other.asked()?.time, other.name.as_deref())));
    let unseen = || own.clone().filter(|other| other.is_unseen());
    let all = || unseen().filter_map(|other| Some(other.asked()?.time));
    let refused = || {
        let refused = unseen().filter(|other| other.refused.is_some() && other.name.is_none());
        refused.filter_map(|other| Some(other.asked()?.time))
    };
    is_storm(&asked) || is_dense(refused(), STORM * 2) || is_dense(all(), RELENTLESS)
}

/// Logons of one source, refused or broken off, within an hour, that no user has the patience for.
const PATIENT: usize = 20;
const HOUR: i64 = 60 * MINUTE;
/// Whoever tries again and again does not pause for longer.
const PAUSE: i64 = 15 * MINUTE;

/// Whether the attempts of one source, in order of time, go on for so long that a program makes them: slowly, lest it
/// be noticed, or with a password that is no longer right.
pub fn is_patient<'a>(own: impl Iterator<Item = &'a Other> + Clone) -> bool {
    let times = own.filter(|other| tried(other)).map(|other| other.first.time);
    times.clone().zip(times.skip(PATIENT)).any(|(a, b)| b - a <= HOUR)
}

/// What all attempts of one source at one server may be, whichever of them are looked at: a flood asks of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct MayBe {
    /// Some of them may be a storm, by their names.
    pub storm: bool,
    /// Some of them may be [patient](is_patient).
    pub patient: bool,
    /// So many of the nearest on each side tell whether one of them is a part of that.
    pub told_by: usize,
}

impl MayBe {
    /// Of all of them.
    pub fn of<'a>(own: &(impl Iterator<Item = &'a Other> + Clone)) -> Self {
        let named = own.clone().filter_map(|other| other.name.as_deref());
        let count = || own.clone().filter(|other| !other.session).count();
        let (storm, told_by) = match names(named) {
            0 => (own.clone().any(Other::is_unseen), RELENTLESS),
            few if few < NAMES => (count() > RELENTLESS || own.clone().any(Other::is_unseen), RELENTLESS),
            _ => (count() > STORM, STORM),
        };
        let patient = own.clone().filter(|other| tried(other)).count() > PATIENT;
        let told_by = if storm { told_by } else { 0 }.max(if patient { PATIENT } else { 0 });
        Self { storm, patient, told_by: told_by * 5 / 4 }
    }
}

/// A logon that was tried and came to nothing. Who monitors a server sends no credentials.
fn tried(other: &Other) -> bool {
    other.reached == Stage::Authentication && !other.session
}

/// Names that so many sources share are no users': each has a name of his own.
const SHARED: usize = 3;

/// The names under which several sources try, where that makes a storm: several such names, and more than [`STORM`]
/// attempts under them within a minute. Attempts are in order of time.
pub fn joint_storm<'a>(attempts: &[(Timestamp, IpAddr, &'a str)]) -> BTreeSet<&'a str> {
    let mut sources: KeyedMap<&str, [Option<IpAddr>; SHARED]> = KeyedMap::default();
    let mut shared: BTreeSet<&str> = BTreeSet::new();
    for &(_, source, name) in attempts {
        let own = sources.entry(name).or_default();
        // The first place that is its own or free; none where it is known that the name is shared.
        let is_place = |known: &Option<IpAddr>| known.is_none_or(|known| known == source);
        let Some(at) = own.iter().position(is_place) else { continue };
        if let Some(place) = own.get_mut(at) {
            *place = Some(source);
        }
        if at + 1 == SHARED {
            shared.insert(name);
        }
    }
    if shared.len() < NAMES {
        return BTreeSet::new();
    }
    let times = attempts.iter().filter(|(.., name)| shared.contains(name)).map(|(time, ..)| *time);
    let dense = times.clone().zip(times.skip(STORM)).any(|(a, b)| b - a <= MINUTE);
    if dense { shared } else { BTreeSet::new() }
}

/// Sources that are refused within [`TOGETHER`] and that no users are: they never get in.
const CROWD: usize = 5;
const TOGETHER: i64 = 5 * MINUTE;

/// Whether refused attempts at one server, in order of time, are of too many sources of the Internet to be its users.
fn is_crowd(refused: &[&Other]) -> bool {
    refused.iter().enumerate().any(|(at, first)| {
        let near =
            refused.iter().skip(at).take_while(|other| other.first.time - first.first.time <= TOGETHER);
        near.map(|other| other.client).collect::<BTreeSet<_>>().len() >= CROWD
    })
}

/// Whether the server's word refuses an attempt from the Internet.
fn is_refused_stranger(other: &Other) -> bool {
    other.refused.is_some() && !other.session && is_of_the_internet(other.client)
}

/// Whether an address is one of the Internet, and not of a private network.
pub const fn is_of_the_internet(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            // 100.64.0.0/10 is shared by the customers of a provider [RFC 6598].
            let shared = matches!(ip.octets(), [100, 64..=127, ..]);
            !(ip.is_private() || ip.is_link_local() || ip.is_loopback() || ip.is_unspecified() || shared)
        }
        IpAddr::V6(ip) => {
            !(ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback() || ip.is_unspecified())
        }
    }
}

/// The attempts of each crowd, by place: each crowd is of one server, and none of its sources ever gets in there.
/// Attempts are in order of start.
pub fn crowds(attempts: &[Other]) -> Vec<Vec<usize>> {
    if !attempts.iter().any(is_refused_stranger) {
        return Vec::new();
    }
    let mut by_server: BTreeMap<Endpoint, Vec<usize>> = BTreeMap::new();
    for (at, other) in attempts.iter().enumerate() {
        by_server.entry(other.server).or_default().push(at);
    }
    by_server.into_values().flat_map(|own| crowds_at(attempts, &own)).collect()
}

/// Servers that no user of the Internet has all of.
pub const SWEEP: usize = 10;

/// The attempts of each sweep, by place: one address of the Internet that tries many servers of another network, at any
/// pace, and never gets in. Servers that did not answer, and attempts that say themselves why they failed, may as well
/// be those of somebody who manages them.
pub fn sweeps(attempts: &[Other]) -> Vec<Vec<usize>> {
    let mut strangers: Vec<(IpAddr, usize)> = Vec::new();
    let mut inside: BTreeSet<IpAddr> = BTreeSet::new();
    for (at, other) in attempts.iter().enumerate() {
        if other.session {
            inside.insert(other.client);
        }
        let strange = is_of_the_internet(other.client) && !is_one_network(other.client, other.server.ip);
        if strange && other.accepted.is_some() && !other.says_why && !other.is_unseen() {
            strangers.push((other.client, at));
        }
    }
    strangers.sort_unstable();
    let servers = |own: &[(IpAddr, usize)]| -> BTreeSet<IpAddr> {
        own.iter().filter_map(|(_, at)| attempts.get(*at)).map(|other| other.server.ip).collect()
    };
    strangers
        .chunk_by(|one, next| one.0 == next.0)
        .filter(|own| own.len() >= SWEEP && own.first().is_some_and(|(client, _)| !inside.contains(client)))
        .filter(|own| servers(own).len() >= SWEEP)
        .map(|own| own.iter().map(|(_, at)| *at).collect())
        .collect()
}

/// Whether two addresses may be of one organisation: they share what is given to one.
fn is_one_network(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.octets()[..2] == other.octets()[..2],
        (IpAddr::V6(one), IpAddr::V6(other)) => one.segments()[..3] == other.segments()[..3],
        _ => false,
    }
}

fn crowds_at(attempts: &[Other], own: &[usize]) -> Vec<Vec<usize>> {
    let others =
        |places: &[usize]| -> Vec<&Other> { places.iter().filter_map(|at| attempts.get(*at)).collect() };
    let sources = |which: fn(&Other) -> bool| -> BTreeSet<IpAddr> {
        others(own).into_iter().filter(|other| which(other)).map(|other| other.client).collect()
    };
    let strangers = sources(is_refused_stranger);
    if strangers.len() < CROWD {
        return Vec::new();
    }
    let inside = sources(|other| other.session);
    let is_part = |other: &Other| strangers.contains(&other.client) && !inside.contains(&other.client);
    let part: Vec<usize> = own.iter().copied().filter(|at| attempts.get(*at).is_some_and(is_part)).collect();
    let start = |at: &usize| attempts.get(*at).map(|other| other.first.time);
    part.chunk_by(|before, next| start(before).zip(start(next)).is_some_and(|(a, b)| b - a <= PAUSE))
        .filter(|burst| {
            is_crowd(
                &others(burst).into_iter().filter(|other| is_refused_stranger(other)).collect::<Vec<_>>(),
            )
        })
        .map(<[usize]>::to_vec)
        .collect()
}

/// Whether attempts without a session are so many beside the sessions of the same source that guessing explains them:
/// each client of many users behind one address makes a probe or two beside its session.
pub const fn outnumbers(without: usize, sessions: usize) -> bool {
    without > STORM && without / 4 >= sessions
}

/// The connections of each burst in which a source storms a server, save those that became a session. A burst with a
/// session for every few of the others is left as it is: behind the address may be many users, whose clients probe.
pub fn storms(attempts: &[Attempt]) -> Vec<BTreeSet<usize>> {
    let connection = |at: &usize| attempts.get(*at).map(|attempt| &attempt.connection);
    // Those that only logs know stand log by log.
    let mut order: Vec<usize> = (0..attempts.len()).collect();
    order.sort_by_key(|at| connection(at).map(|own| own.first));
    let mut by_source: BTreeMap<(IpAddr, Endpoint), Vec<usize>> = BTreeMap::new();
    for at in &order {
        if let Some(own) = connection(at) {
            by_source.entry((own.client.ip, own.server)).or_default().push(*at);
        }
    }
    let mut storms: Vec<BTreeSet<usize>> = Vec::new();
    let others = |own: &[usize]| {
        own.iter().filter_map(|at| attempts.get(*at)).map(Other::of_attempt).collect::<Vec<_>>()
    };
    for own in by_source.values().flat_map(|own| bursts(attempts, own, MINUTE)) {
        if own.len() <= STORM {
            continue;
        }
        let (sessions, own): (Vec<usize>, Vec<usize>) =
            own.iter().copied().partition(|at| connection(at).is_some_and(Connection::reached_session));
        if !outnumbers(own.len(), sessions.len()) {
            continue;
        }
        if is_storm_of(&others(&own).iter()) {
            storms.push(own.into_iter().collect());
        }
    }
    for own in by_source.values().flat_map(|own| bursts(attempts, own, PAUSE)) {
        let is_free = |at: &usize| storms.iter().all(|storm| !storm.contains(at));
        let has_session = own.iter().any(|at| connection(at).is_some_and(Connection::reached_session));
        if own.len() > PATIENT && !has_session && own.iter().all(is_free) && is_patient(others(own).iter()) {
            storms.push(own.iter().copied().collect());
        }
    }
    // Others are made of all attempts: only where it is worth it.
    let strangers = || attempts.iter().filter(|attempt| is_of_the_internet(attempt.connection.client.ip));
    if strangers().take(CROWD).count() < CROWD {
        return storms;
    }
    let all: Vec<Other> = order.iter().filter_map(|at| attempts.get(*at)).map(Other::of_attempt).collect();
    for joint in crowds(&all).into_iter().chain(sweeps(&all)) {
        let is_free = |at: &usize| storms.iter().all(|storm| !storm.contains(at));
        let joint = joint.into_iter().filter_map(|place| order.get(place).copied());
        let free: BTreeSet<usize> = joint.filter(is_free).collect();
        storms.push(free);
    }
    storms.retain(|storm| !storm.is_empty());
    storms
}

/// Cuts a source's connections, in order of start, where it paused for longer than a storm does.
fn bursts<'a>(attempts: &[Attempt], own: &'a [usize], pause: i64) -> Vec<&'a [usize]> {
    let start = |at: &usize| attempts.get(*at).map(|attempt| attempt.connection.first.time);
    own.chunk_by(|before, next| start(before).zip(start(next)).is_some_and(|(a, b)| b - a <= pause)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Locator, Mark};

    #[test]
    fn many_sources_with_the_same_names_are_one_storm() {
        let attempts = |names: &'static [&'static str], sources: u8| -> Vec<_> {
            let one = |at: u8| {
                let name = names.get(usize::from(at) % names.len()).copied().unwrap();
                let source = IpAddr::from([203, 0, 113, at % sources]);
                (Timestamp::from_nanos(i64::from(at) * time::SECOND), source, name)
            };
            (0..40).map(one).collect()
        };
        assert_eq!(joint_storm(&attempts(&["admin", "test", "user"], 10)).len(), 3);
        assert!(joint_storm(&attempts(&["kiosk"], 10)).is_empty(), "thin clients share one name");
        assert!(joint_storm(&attempts(&["alice", "bob", "carol"], 3)).is_empty(), "one source for each name");
        assert!(joint_storm(&[]).is_empty());
    }

    fn refused_of(client: IpAddr, first: Mark) -> Other {
        Other {
            client,
            client_port: 50_000,
            server: Endpoint { ip: IpAddr::from([0; 4]), port: 0 },
            window: crate::base::Window::at(first.time),
            first,
            came: first.time,
            reached: Stage::Authentication,
            cookie: None,
            name: None,
            logged: true,
            refused: Some(first),
            request: None,
            hidden: false,
            accepted: None,
            tls_passed: None,
            certificate: None,
            says_why: false,
            session: false,
            cut_at: None,
            heard: [None; 2],
            server_silent: None,
            server_ttl: None,
            idle_before_end: None,
        }
    }

    #[test]
    fn refused_strangers_are_a_crowd_and_refused_colleagues_are_not() {
        let attempt = |at: u8, net: [u8; 2], gap: i64| {
            let time = Timestamp::from_nanos(i64::from(at) * gap);
            let source = crate::base::SourceId(0);
            let first = Mark { time, at: Locator::Record { source, number: u64::from(at) } };
            refused_of(IpAddr::from([net[0], net[1], 7, at]), first)
        };
        let attempts = |count: u8, net: [u8; 2], gap: i64| -> Vec<Other> {
            (0..count).map(|at| attempt(at, net, gap)).collect()
        };
        assert_eq!(crowds(&attempts(8, [198, 18], 5 * time::SECOND)).len(), 1);
        assert!(
            crowds(&attempts(8, [10, 1], 5 * time::SECOND)).is_empty(),
            "an office without its controller"
        );
        assert!(crowds(&attempts(4, [198, 18], 5 * time::SECOND)).is_empty(), "too few to tell");
        assert!(crowds(&attempts(8, [198, 18], 3 * MINUTE)).is_empty(), "users come over the day");
        let mut own = attempts(8, [198, 18], 5 * time::SECOND);
        for at in 0..4 {
            let inside = attempt(at, [198, 18], 600 * time::SECOND);
            own.push(Other { refused: None, session: true, ..inside });
        }
        assert!(crowds(&own).is_empty(), "four of them get in later: four are too few to tell");
    }

    #[test]
    fn a_sweep_is_one_address_of_the_internet_at_many_servers() {
        let attempts = |client: [u8; 4], servers: u8| -> Vec<Other> {
            (0..servers)
                .map(|at| {
                    let time = Timestamp::from_nanos(i64::from(at) * 60 * time::SECOND);
                    let source = crate::base::SourceId(0);
                    let first = Mark { time, at: Locator::Frame { source, number: u64::from(at) } };
                    let server = Endpoint { ip: IpAddr::from([198, 18, 0, at + 1]), port: 3389 };
                    let accepted = Some(first);
                    Other { server, accepted, refused: None, ..refused_of(IpAddr::from(client), first) }
                })
                .collect()
        };
        assert_eq!(sweeps(&attempts([203, 0, 113, 7], 12)).len(), 1);
        assert!(sweeps(&attempts([203, 0, 113, 7], 9)).is_empty());
        assert!(sweeps(&attempts([10, 0, 0, 7], 12)).is_empty(), "who manages servers visits them all");
        assert!(sweeps(&attempts([198, 18, 7, 7], 12)).is_empty(), "also in a network of public addresses");
        let mut inside = attempts([203, 0, 113, 7], 12);
        inside[3].session = true;
        assert!(sweeps(&inside).is_empty(), "who gets in is no stranger");
        let mut telling = attempts([203, 0, 113, 7], 12);
        for other in &mut telling {
            other.says_why = true;
        }
        assert!(sweeps(&telling).is_empty(), "each of them has a cause of its own");
    }

    #[test]
    fn tells_a_storm_from_users() {
        const NAMES: &[&str] = &["admin", "test", "user"];
        let requests = |count: i64, gap: i64, names: &'static [&'static str]| -> Vec<_> {
            let name = |at: i64| names.get(usize::try_from(at).unwrap() % names.len()).copied();
            (0..count).map(|at| (Timestamp::from_nanos(at * gap), name(at))).collect()
        };
        assert!(is_storm(&requests(11, time::SECOND, NAMES).into_iter()));
        assert!(!is_storm(&requests(10, time::SECOND, NAMES).into_iter()), "ten a minute may be people");
        assert!(!is_storm(&requests(40, 10 * time::SECOND, NAMES).into_iter()), "six a minute");
        assert!(!is_storm(&requests(40, time::SECOND, &["alice"]).into_iter()), "one who does not give up");
        assert!(!is_storm(&requests(40, time::SECOND, &["alice", "bob"]).into_iter()));
        assert!(!is_storm(&std::iter::empty()));
    }
}
