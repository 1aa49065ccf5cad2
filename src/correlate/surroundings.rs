//! What one incident cannot know alone: other attempts and how they ended, hosts that answered, events that
//! explain from far away, what captures and logs can speak for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use super::attempt::{Attempt, Joined};
use super::coverage::Coverage;
use super::side::SideConnection;
use super::storm::{self, MINUTE, MayBe};
use crate::base::{Mark, Timestamp, Window, time};
use crate::connection::Connection;
use crate::connection::observations::{Host, Observations};
use crate::eventlog::{Guid, Provider};
use crate::host::Hosts;
use crate::packet::Endpoint;
use lists::{AtHosts, OfPairs, Parts, Places};

mod joint;
mod lists;
mod newcomers;
mod other;

use joint::Joint;
use newcomers::Newcomers;

pub use lists::Shows;
pub use other::{ALONE, LONG_SILENCE, Other};

/// What all incidents share.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Per capture.
    pub captures: Vec<Observations>,
    /// Every attempt that was seen, in order of start.
    pub others: Vec<Other>,
    /// Whether any of them was accepted.
    pub accepts: bool,
    /// Whether there were more of them: those that were folded into groups.
    pub is_part: bool,
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
    /// `others` by the host they went to, in order of start.
    at_hosts: AtHosts,
    /// The same by client and server.
    of_pairs: OfPairs,
    /// Sources of the Internet that a server refuses one after the other: indices of `others`, crowd by crowd.
    crowds: Parts,
    /// Sources of the Internet that try many servers, in the same way.
    sweeps: Parts,
    /// What several sources try together.
    joint: joint::Found,
    /// `others` by server and name: few ask.
    newcomers: OnceLock<Newcomers>,
}

/// One of the attempts, and where it stands among all.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    other: &'a Other,
    place: Option<usize>,
}

impl<'a> Own<'a> {
    /// One that stands nowhere.
    pub const fn stranger(other: &'a Other) -> Self {
        Self { other, place: None }
    }
}

impl std::ops::Deref for Own<'_> {
    type Target = Other;

    fn deref(&self) -> &Other {
        self.other
    }
}

/// Other attempts at one host that are looked at before and after an attempt: a capture of an attack has millions,
/// and the nearest tell all there is.
const NEAREST: usize = 128;

/// A client that is not heard for so long while its server is fell silent.
pub const SILENT: i64 = time::SECOND;
/// Who fell silent is back from another address within this time.
pub const BACK: i64 = 60 * time::SECOND;

impl Surroundings {
    /// Gathers what all incidents share. `rest` are the events that belong to no connection.
    pub fn new(
        captures: Vec<Observations>,
        attempts: &[Attempt],
        rest: Vec<Joined>,
        coverage: Coverage,
        target: Option<String>,
    ) -> Self {
        let mut others: Vec<Other> = attempts.iter().map(Other::of_attempt).collect();
        others.sort_by_key(|other| other.first);
        let mut far = rest;
        far.sort_by_key(Joined::mark);
        let untied = Untied::all(&far);
        Self { captures, far, untied, coverage, target, ..Self::of_others(others) }
    }

    /// Only other attempts, which must be in order of start.
    pub fn of_others(others: Vec<Other>) -> Self {
        let lists = || rayon::join(|| OfPairs::of(&others), || AtHosts::of(&others));
        let parts =
            || rayon::join(|| Parts::of(storm::crowds(&others)), || Parts::of(storm::sweeps(&others)));
        let ((of_pairs, at_hosts), (crowds, sweeps)) = rayon::join(lists, parts);
        let accepts = at_hosts.lists.iter().any(|own| !own.accepted.is_empty());
        Self { others, accepts, at_hosts, of_pairs, crowds, sweeps, ..Self::default() }
    }

    /// What of them is of no attempt's moment: which captures were taken at one point.
    #[must_use]
    pub fn alone(&self) -> Self {
        let captures = self.captures.iter().map(|own| Observations::nothing(own.source, own.point));
        Self { captures: captures.collect(), ..Self::default() }
    }

    /// Puts attempts beside those that are reported one by one: of the ones that were folded, a few per server.
    #[must_use]
    pub fn with_folded(self, folded: Vec<Other>) -> Self {
        if folded.is_empty() {
            return self;
        }
        let mut others = self.others;
        let known: BTreeSet<Mark> = others.iter().map(|other| other.first).collect();
        others.extend(folded.into_iter().filter(|other| !known.contains(&other.first)));
        others.sort_by_key(|other| other.first);
        let Self { captures, far, untied, coverage, hosts, target, .. } = self;
        Self { captures, far, untied, coverage, hosts, target, is_part: true, ..Self::of_others(others) }
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

    /// Least and greatest TTL of what a host sent in other connections.
    pub fn ttl_of(&self, ip: IpAddr) -> Option<(u8, u8)> {
        self.at_hosts.get(ip)?.ttl
    }

    /// The attempt at a place of `others`.
    pub fn own(&self, place: usize) -> Option<Own<'_>> {
        Some(Own { other: self.others.get(place)?, place: Some(place) })
    }

    /// A connection as one of `others`.
    pub fn known(&self, own: &Connection) -> Option<Own<'_>> {
        self.find(own.first, (own.client.ip, own.client.port, own.server))
    }

    /// An attempt of other surroundings as one of these.
    pub fn again(&self, own: &Other) -> Option<Own<'_>> {
        self.find(own.first, (own.client, own.client_port, own.server))
    }

    fn find(&self, first: Mark, from: (IpAddr, u16, Endpoint)) -> Option<Own<'_>> {
        let at = self.others.partition_point(|other| other.first < first);
        let mut same = (at..).zip(self.others.get(at..)?).take_while(|(_, other)| other.first == first);
        let (place, other) =
            same.find(|(_, other)| (other.client, other.client_port, other.server) == from)?;
        Some(Own { other, place: Some(place) })
    }

    /// What the attempts at the host of one of them show, all together.
    pub fn shown_at_host(&self, own: Own<'_>) -> Shows {
        self.at_hosts.get(own.server.ip).map(|host| host.shows).unwrap_or_default()
    }

    /// Attempts at the same endpoint that begin within a window, in order of start.
    pub fn begun_at_server<'a>(&'a self, own: Own<'a>, window: Window) -> impl Iterator<Item = &'a Other> {
        let places = self.at_hosts.get(own.server.ip).map_or(&[][..], |host| &host.places);
        self.begun_in(places, window).filter(move |other| other.server == own.server)
    }

    /// Attempts at the same host that it accepted within a window, and when, in order of that.
    pub fn accepted_at_host(
        &self,
        own: Own<'_>,
        window: Window,
    ) -> impl DoubleEndedIterator<Item = (&Other, Mark)> {
        let accepted = self.at_hosts.get(own.server.ip).map_or(&[][..], |host| host.accepted.within(window));
        let others = accepted.iter().filter_map(|(_, at)| self.others.get(*at));
        others.filter_map(|other| Some((other, other.accepted?)))
    }

    /// The first attempt of another client that the same host accepted within a window.
    pub fn accepted_of_another(&self, own: Own<'_>, window: Window) -> Option<&Other> {
        let accepted = &self.at_hosts.get(own.server.ip)?.accepted;
        self.others.get(accepted.of_another(own.client, window, &self.others)?)
    }

    /// The first attempt of another client in which the same host fell silent within a window.
    pub fn silent_of_another(&self, own: Own<'_>, window: Window) -> Option<&Other> {
        let silent = &self.at_hosts.get(own.server.ip)?.silent;
        self.others.get(silent.of_another(own.client, window, &self.others)?)
    }

    /// When a client first came to a server.
    fn came(&self, client: IpAddr, server: Endpoint) -> Option<Timestamp> {
        match self.of_pairs.get(client, server)? {
            Places::Many(busy) => busy.came,
            few @ Places::Few(..) => self.several(few.as_slice()).map(|other| other.came).min(),
        }
    }

    /// An attempt for those who will not see the others of its client.
    pub fn kept(&self, other: &Other) -> Other {
        let came = self.came(other.client, other.server).unwrap_or(other.came);
        Other { came, ..other.clone() }
    }

    fn several(&self, places: &'_ [usize]) -> impl Iterator<Item = &Other> + Clone {
        places.iter().filter_map(|at| self.others.get(*at))
    }

    /// The nearest attempts at a host, in order of start, without the one that begins at `own`.
    pub fn at_host(&self, ip: IpAddr, own: Mark) -> impl Iterator<Item = &Other> {
        let places = self.at_hosts.get(ip).map_or(&[][..], |host| &host.places);
        let here = places.partition_point(|at| self.others.get(*at).is_some_and(|other| other.first < own));
        let near = here.saturating_sub(NEAREST)..places.len().min(here + NEAREST);
        self.several(places.get(near).unwrap_or_default()).filter(move |other| other.first != own)
    }

    /// The same at one endpoint.
    pub fn at_server(&self, server: Endpoint, own: Mark) -> impl Iterator<Item = &Other> {
        self.at_host(server.ip, own).filter(move |other| other.server == server)
    }

    /// Attempts of the same client at the same server that begin within a window, in order of start.
    pub fn of_same_pair(&self, own: Own<'_>, window: Window) -> impl Iterator<Item = &Other> + Clone {
        self.begun_in(self.pair_of(own).map_or(&[][..], Places::as_slice), window)
    }

    /// Later ones that begin within `nanos` of the end of `own`.
    pub fn follow_ups<'a>(&'a self, own: Own<'a>, nanos: i64) -> impl Iterator<Item = &'a Other> {
        let window = Window { start: own.window.start, end: own.window.end.shifted(nanos) };
        self.of_same_pair(own, window).filter(move |other| other.first > own.first)
    }

    /// The first of them that came further, or became a session.
    pub fn went_further<'a>(&'a self, own: Own<'a>, nanos: i64) -> Option<&'a Other> {
        match (self.pair_of(own)?, own.place) {
            (Places::Many(busy), Some(place)) => self.soon(own, busy.further(place, own.reached)?, nanos),
            _ => self.follow_ups(own, nanos).find(|other| other.reached > own.reached || other.session),
        }
    }

    /// The first of them that became a session.
    pub fn got_in<'a>(&'a self, own: Own<'a>, nanos: i64) -> Option<&'a Other> {
        match (self.pair_of(own)?, own.place) {
            (Places::Many(busy), Some(place)) => {
                self.soon(own, lists::first_behind(&busy.sessions, place)?, nanos)
            }
            _ => self.follow_ups(own, nanos).find(|other| other.session),
        }
    }

    fn soon(&self, own: Own<'_>, place: usize, nanos: i64) -> Option<&Other> {
        self.others.get(place).filter(|other| other.first.time <= own.window.end.shifted(nanos))
    }

    /// Sessions of the same client at the same server that begin within a window, in order of start.
    pub fn sessions_of_pair(&self, own: Own<'_>, window: Window) -> impl Iterator<Item = &Other> {
        let places = match self.pair_of(own) {
            Some(Places::Many(busy)) => &busy.sessions,
            Some(few) => few.as_slice(),
            None => &[],
        };
        self.begun_in(places, window).filter(|other| other.session)
    }

    /// What all attempts of its client at its server may be, if there are more than two.
    pub fn may_be(&self, own: Own<'_>) -> Option<MayBe> {
        match self.pair_of(own)? {
            Places::Few(..) => None,
            Places::Many(busy) => Some(busy.may_be),
        }
    }

    fn pair_of(&self, own: Own<'_>) -> Option<&Places> {
        match own.place {
            Some(place) => self.of_pairs.at(place),
            None => self.of_pairs.get(own.client, own.server),
        }
    }

    /// Attempts of one client at one server that begin within a window, in order of start.
    pub fn of_pair(
        &self,
        client: IpAddr,
        server: Endpoint,
        window: Window,
    ) -> impl Iterator<Item = &Other> + Clone {
        self.begun_in(self.of_pairs.get(client, server).map_or(&[][..], Places::as_slice), window)
    }

    fn begun_in(&self, places: &'_ [usize], window: Window) -> impl Iterator<Item = &Other> + Clone {
        let begins = |at: &usize| self.others.get(*at).map(|other| other.first.time);
        let from = places.partition_point(|at| begins(at) < Some(window.start));
        let behind = places.get(from..).unwrap_or_default();
        let count = behind.partition_point(|at| begins(at) <= Some(window.end));
        self.several(behind.get(..count).unwrap_or_default())
    }

    /// The crowd of strangers that an attempt is one of, in order of start.
    pub fn crowd_of(&self, own: Own<'_>) -> Option<impl Iterator<Item = &Other>> {
        Some(self.several(self.crowds.list_of(own.place?)?))
    }

    /// The sweep over many servers that it is a part of.
    pub fn sweep_of(&self, own: Own<'_>) -> Option<impl Iterator<Item = &Other>> {
        Some(self.several(self.sweeps.list_of(own.place?)?))
    }

    /// Where the user of an attempt is back within [`BACK`] after its client was last heard: clients that were not there
    /// before come under the same name.
    pub fn back_elsewhere<'a>(&'a self, own: Own<'a>) -> impl Iterator<Item = &'a Other> {
        let named = own.name.as_ref().map(|name| self.listed().under(own.server, Some(name)));
        self.new_of(own, named.unwrap_or_default())
    }

    /// The same where nothing tells that it is another user: one of the two names is unknown.
    pub fn may_be_back_elsewhere<'a>(&'a self, own: Own<'a>) -> impl Iterator<Item = &'a Other> {
        let listed = self.listed();
        let who = if own.name.is_none() { listed.first(own.server) } else { listed.under(own.server, None) };
        self.new_of(own, who)
    }

    fn listed(&self) -> &Newcomers {
        self.newcomers.get_or_init(|| Newcomers::of(&self.others, &self.of_pairs))
    }

    fn new_of<'a>(&'a self, own: Own<'a>, places: &'a [usize]) -> impl Iterator<Item = &'a Other> {
        let [last, _] = own.heard;
        last.into_iter().flat_map(move |moment| {
            let back = Window { start: moment, end: moment.shifted(BACK) };
            let was_there =
                move |client: IpAddr| self.came(client, own.server).is_some_and(|came| came < moment);
            let begun = self.begun_in(places, back).take(NEAREST * 2);
            begun.filter(move |other| other.client != own.client && !was_there(other.client))
        })
    }

    /// Others without which nobody sees what an attempt is a part of, or why it ended: the nearest of its storms; its
    /// client's next that went further, and its sessions; its user from another address; and one that was let in while
    /// it was not.
    pub fn told_by<'a>(&'a self, own: Own<'a>) -> Vec<&'a Other> {
        /// On each side: more than any storm is told by.
        const TOLD: usize = 24;
        /// However late: who asks says how soon.
        const EVER: i64 = i64::MAX;
        let mut told = Vec::new();
        if self.may_be(own).is_some_and(|all| all.storm || all.patient) {
            let pair = self.pair_of(own).map_or(&[][..], Places::as_slice);
            told.extend(self.several(lists::around(pair, own.place, TOLD)));
        }
        if let Some(joint) = self.joint_of(own) {
            let named = |other: &&Other| other.name.as_ref().is_some_and(|name| joint.names.contains(name));
            let host = self.at_hosts.get(own.server.ip).map_or(&[][..], |host| &host.places);
            told.extend(self.several(lists::around(host, own.place, TOLD * 4)).filter(named));
        }
        if let Some(sweep) = own.place.and_then(|place| self.sweeps.list_of(place)) {
            told.extend(self.several(lists::around(sweep, own.place, TOLD)));
        }
        if own.accepted.is_none() {
            told.extend(self.accepted_of_another(own, own.window));
        }
        told.extend(self.went_further(own, EVER));
        told.extend(self.got_in(own, EVER));
        if let Some(Places::Many(busy)) = self.pair_of(own) {
            told.extend(self.several(lists::around(&busy.sessions, own.place, 1)));
        }
        if let [Some(client), Some(server)] = own.heard
            && server - client >= SILENT
        {
            told.extend(self.back_elsewhere(own).next());
            told.extend(self.may_be_back_elsewhere(own).next());
        }
        told
    }

    /// Attempts that begin within a window, in order of start.
    pub fn begun_within(&self, window: Window) -> impl Iterator<Item = &Other> {
        let from = self.others.partition_point(|other| other.first.time < window.start);
        let to = self.others.partition_point(|other| other.first.time <= window.end);
        self.others.get(from..to).unwrap_or_default().iter()
    }

    /// What several sources try together at the server of `own` in its minute, the one before and the one after, if its
    /// name is one of theirs: of attempts that became no session.
    pub fn joint_of(&self, own: Own<'_>) -> Option<Arc<Joint>> {
        let name = own.name.as_ref()?;
        if !self.joint.names_of(&self.others).contains(name) {
            return None;
        }
        // By the clock, so that all attempts of a minute share what is found.
        let minute = own.first.time.nanos().div_euclid(MINUTE);
        let joint = self.joint.of((own.server, minute), || {
            let places = self.at_hosts.get(own.server.ip).map_or(&[][..], |host| &host.places);
            let minute_of = |at: &usize| {
                self.others.get(*at).map_or(i64::MAX, |other| other.first.time.nanos().div_euclid(MINUTE))
            };
            let from = places.partition_point(|at| minute_of(at) < minute - 1);
            let to = places.partition_point(|at| minute_of(at) <= minute + 1);
            let others = self.several(places.get(from..to).unwrap_or_default());
            Joint::of(others.filter(|other| other.server == own.server && !other.session))
        });
        joint.names.contains(name).then_some(joint)
    }

    /// The capture that holds a place, and the others of the same ring buffer.
    pub fn captures_at(&self, mark: Mark) -> impl Iterator<Item = &Observations> {
        let own = self.captures.iter().find(|capture| capture.source == mark.at.source());
        let point = own.map(|own| own.point);
        self.captures.iter().filter(move |capture| Some(capture.point) == point)
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
        for other in self.at_host(ip, own) {
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
