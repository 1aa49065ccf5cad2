//! What one incident cannot know alone: other attempts and how they ended, hosts that answered, events that
//! explain from far away, what captures and logs can speak for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::attempt::{Attempt, Joined};
use super::coverage::Coverage;
use super::side::SideConnection;
use crate::base::{Mark, Timestamp, Window};
use crate::connection::observations::{Host, Observations};
use crate::eventlog::{Guid, Provider};
use crate::host::Hosts;
use crate::packet::Endpoint;

mod joint;
mod lists;
mod newcomers;
mod other;
mod others;

pub use lists::Shows;
pub use other::{ALONE, LONG_SILENCE, Other};
pub use others::{BACK, Others, Own, SILENT, TOGETHER};

/// What all incidents share.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Per capture.
    pub captures: Vec<Arc<Observations>>,
    /// Every attempt.
    pub others: Others,
    /// Events that explain from far away, in order of time.
    pub far: Vec<Joined>,
    /// Attempts that the client's log tells and no connection stands for.
    untied: Vec<Untied>,
    /// What the logs can speak for.
    pub coverage: Coverage,
    /// What texts say of the computers.
    pub hosts: Hosts,
    /// The name of the server that the user looks for.
    pub target: Option<String>,
    /// Pairs of attempts of which the second goes on from the first.
    pub links: Vec<(usize, usize)>,
    /// Where the client went on to, by the first sign of the connection that it left for that.
    goes_on: BTreeMap<Mark, Endpoint>,
    /// UDP connections, each with the connection it stands beside.
    pub sides: Vec<SideConnection>,
    /// Indices of `sides` by the first sign of their owner.
    by_owner: BTreeMap<Mark, Vec<usize>>,
}

impl Surroundings {
    /// Gathers what all incidents share. `rest` are the events that belong to no connection.
    pub fn new(
        captures: Vec<Observations>,
        others: Others,
        rest: Vec<Joined>,
        coverage: Coverage,
        target: Option<String>,
    ) -> Self {
        let mut far = rest;
        far.sort_by_key(Joined::mark);
        let untied = Untied::all(&far);
        let captures = captures.into_iter().map(Arc::new).collect();
        Self { far, untied, coverage, target, ..Self::of_packets(captures, others) }
    }

    /// What packets alone tell.
    pub fn of_packets(captures: Vec<Arc<Observations>>, others: Others) -> Self {
        Self { captures, others, ..Self::default() }
    }

    /// What of them is of no attempt's moment: which captures were taken at one point.
    #[must_use]
    pub fn alone(&self) -> Self {
        let nothing = |own: &Arc<Observations>| Arc::new(Observations::nothing(own.source, own.point));
        let captures = self.captures.iter().map(nothing);
        Self { captures: captures.collect(), ..Self::default() }
    }

    /// Puts what texts say of the computers beside them.
    #[must_use]
    pub fn with_hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// Adds the UDP connections.
    #[must_use]
    pub fn with_sides(mut self, sides: Vec<SideConnection>) -> Self {
        for (at, side) in sides.iter().enumerate() {
            if let Some(owner) = side.owner {
                self.by_owner.entry(owner.first).or_default().push(at);
            }
        }
        self.sides = sides;
        self
    }

    /// Adds which connection goes on from which.
    #[must_use]
    pub fn with_links(mut self, links: Vec<(usize, usize)>, attempts: &[Attempt]) -> Self {
        for (from, to) in &links {
            let ends = attempts.get(*from).zip(attempts.get(*to));
            if let Some((from, to)) = ends.map(|(from, to)| (&from.connection, &to.connection))
                && from.client.ip == to.client.ip
                && from.server.ip != to.server.ip
                && !to.server.ip.is_unspecified()
            {
                self.goes_on.insert(from.first, to.server);
            }
        }
        self.links = links;
        self
    }

    /// The host to which the client of the connection that begins at `own` was sent on.
    pub fn goes_on(&self, own: Mark) -> Option<Endpoint> {
        self.goes_on.get(&own).copied()
    }

    /// The UDP connections beside the connection that begins at `own`, in order of time.
    pub fn beside(&self, own: Mark) -> impl Iterator<Item = &SideConnection> {
        let places = self.by_owner.get(&own).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|at| self.sides.get(*at))
    }

    /// What was seen of a host, in any capture.
    pub fn hosts(&self, ip: IpAddr) -> impl Iterator<Item = &Host> {
        self.captures.iter().filter_map(move |capture| capture.hosts.of(ip))
    }

    /// The capture that holds a place, and the others of the same ring buffer.
    pub fn captures_at(&self, mark: Mark) -> impl Iterator<Item = &Observations> {
        let own = self.captures.iter().find(|capture| capture.source == mark.at.source());
        let point = own.map(|own| own.point);
        self.captures.iter().map(|own| &**own).filter(move |capture| Some(capture.point) == point)
    }

    /// Whether two places were captured at one point: in one capture, or in files of one ring buffer.
    pub fn is_one_point(&self, one: Mark, other: Mark) -> bool {
        let source = other.at.source();
        one.at.source() == source || self.captures_at(one).any(|capture| capture.source == source)
    }

    /// When an event happened, as far as that can be relied on: by its corrected time; as written only where the
    /// clock could not be compared and the log as written covers the captured time.
    pub fn reliable_time(&self, joined: &Joined) -> Option<Timestamp> {
        joined.corrected.or_else(|| {
            let log = self.coverage.logs.iter().find(|log| log.source == joined.event.at.source())?;
            let covered = log.window?;
            let captured = self.captures.iter().filter_map(|capture| capture.window);
            captured
                .into_iter()
                .all(|window| covered.contains(window.start) && covered.contains(window.end))
                .then_some(joined.event.time)
        })
    }

    /// Whether the logs are of other servers than this host: they hold the time of attempts that its service let past
    /// security, and know of none.
    pub fn logs_are_strangers_to(&self, ip: IpAddr, own: Mark) -> bool {
        let mut unknown = false;
        for other in self.others.at_host(ip, own) {
            if other.logged {
                return false;
            }
            unknown |= (other.tls_passed.is_some() || other.session)
                && self.coverage.unbroken(&Provider::RdpCoreTs, &other.window).is_some();
        }
        unknown
    }

    /// The ActivityID of the client's attempt, known from its log alone, in which an event of that computer falls.
    pub fn falls_in(&self, joined: &Joined) -> Option<Guid> {
        let same =
            |own: &&Untied| own.computer == joined.event.computer && own.window.contains(joined.event.time);
        self.untied.iter().find(same).map(|own| own.activity)
    }

    /// Far events within a window, in order: looked up, as every connection asks.
    pub fn far_near(&self, window: Window) -> impl DoubleEndedIterator<Item = &Joined> {
        let from = self.far.partition_point(|joined| joined.time() < window.start);
        let to = self.far.partition_point(|joined| joined.time() <= window.end);
        self.far.get(from..to).unwrap_or_default().iter()
    }
}

/// An attempt that only the client's log tells, from its first to its last event, as written.
#[derive(Clone, Debug)]
struct Untied {
    computer: Arc<str>,
    activity: Guid,
    window: Window,
}

impl Untied {
    fn all(far: &[Joined]) -> Vec<Self> {
        let mut by_activity: BTreeMap<(Arc<str>, Guid), Window> = BTreeMap::new();
        for joined in far.iter().filter(|joined| joined.event.provider == Provider::RdpClient) {
            if let Some(activity) = joined.event.activity {
                let key = (Arc::clone(&joined.event.computer), activity);
                let window = by_activity.entry(key).or_insert(Window::at(joined.event.time));
                window.include(joined.event.time);
            }
        }
        by_activity
            .into_iter()
            .map(|((computer, activity), window)| Self { computer, activity, window })
            .collect()
    }
}
