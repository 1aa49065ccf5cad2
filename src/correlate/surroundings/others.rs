//! Every attempt of all files, for each of them to know of the others: looked up by host, by client, by name, by time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use super::joint::{self, Joint};
use super::lists::{self, AtHosts, OfPairs, Parts, Places, Shows};
use super::newcomers::Newcomers;
use super::other::Other;
use crate::base::{Mark, Timestamp, Window, time};
use crate::connection::Connection;
use crate::correlate::attempt::Attempt;
use crate::correlate::storm::{self, MINUTE, MayBe};
use crate::packet::Endpoint;

/// The attempts, and their places in lists: every judged connection asks.
#[derive(Clone, Debug, Default)]
pub struct Others {
    /// Every attempt that was seen, in order of start.
    pub all: Vec<Other>,
    /// Whether any of them was accepted.
    pub accepts: bool,
    /// Whether there were more of them: those that were folded into groups.
    pub is_part: bool,
    /// By the host they went to, in order of start.
    at_hosts: AtHosts,
    /// The same by client and server.
    of_pairs: OfPairs,
    /// Sources of the Internet that a server refuses one after the other: their places, crowd by crowd.
    crowds: Parts,
    /// Sources of the Internet that try many servers, in the same way.
    sweeps: Parts,
    /// What several sources try together.
    joint: joint::Found,
    /// By server and name: few ask.
    newcomers: OnceLock<Newcomers>,
}

/// One of the attempts, and where it stands among all.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    other: &'a Other,
    place: Option<usize>,
}

impl<'a> Own<'a> {
    /// What the others know of it.
    pub const fn other(&self) -> &'a Other {
        self.other
    }

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
/// What happens to several clients of one server within this time happens to the server.
pub const TOGETHER: i64 = 10 * time::SECOND;
/// Who fell silent is back from another address within this time.
pub const BACK: i64 = 60 * time::SECOND;

impl Others {
    /// Of attempts in order of start.
    pub fn of(all: Vec<Other>) -> Self {
        let lists = || rayon::join(|| OfPairs::of(&all), || AtHosts::of(&all));
        let parts = || rayon::join(|| Parts::of(storm::crowds(&all)), || Parts::of(storm::sweeps(&all)));
        let ((of_pairs, at_hosts), (crowds, sweeps)) = rayon::join(lists, parts);
        let accepts = at_hosts.lists.iter().any(|own| !own.accepted.is_empty());
        Self { all, accepts, at_hosts, of_pairs, crowds, sweeps, ..Self::default() }
    }

    /// Those that are reported one by one, and some that were folded.
    pub fn of_attempts(attempts: &[Attempt], folded: Vec<Other>) -> Self {
        let is_part = !folded.is_empty();
        let mut all: Vec<Other> = attempts.iter().map(Other::of_attempt).collect();
        let mut folded: BTreeMap<Mark, Other> =
            folded.into_iter().map(|other| (other.first, other)).collect();
        for own in &mut all {
            // What was seen of it in the flood tells whether its client was there before.
            if let Some(same) = folded.remove(&own.first) {
                own.came = own.came.min(same.came);
            }
        }
        all.extend(folded.into_values());
        all.sort_by_key(|other| other.first);
        Self { is_part, ..Self::of(all) }
    }

    /// The attempt at a place of them all.
    pub fn own(&self, place: usize) -> Option<Own<'_>> {
        Some(Own { other: self.all.get(place)?, place: Some(place) })
    }

    /// A connection as one of them all.
    pub fn known(&self, own: &Connection) -> Option<Own<'_>> {
        self.find(own.first, (own.client.ip, own.client.port, own.server))
    }

    /// An attempt of another gathering as one of these.
    pub fn again(&self, own: &Other) -> Option<Own<'_>> {
        self.find(own.first, (own.client, own.client_port, own.server))
    }

    fn find(&self, first: Mark, from: (IpAddr, u16, Endpoint)) -> Option<Own<'_>> {
        let at = self.all.partition_point(|other| other.first < first);
        let mut same = (at..).zip(self.all.get(at..)?).take_while(|(_, other)| other.first == first);
        let (place, other) =
            same.find(|(_, other)| (other.client, other.client_port, other.server) == from)?;
        Some(Own { other, place: Some(place) })
    }

    /// An attempt for those who will not see the others of its client.
    pub fn kept(&self, other: &Other) -> Other {
        let came = self.came(other.client, other.server).unwrap_or(other.came);
        Other { came, ..other.clone() }
    }

    /// Whether its client was there before.
    pub fn was_there(&self, own: Own<'_>) -> bool {
        self.came(own.client, own.server).is_some_and(|came| came < own.first.time)
    }

    /// When a client first came to a server.
    fn came(&self, client: IpAddr, server: Endpoint) -> Option<Timestamp> {
        match self.of_pairs.get(client, server)? {
            Places::Many(busy) => busy.came,
            few @ Places::Few(..) => self.several(few.as_slice()).map(|other| other.came).min(),
        }
    }

    /// Attempts that begin within a window, in order of start.
    pub fn begun_within(&self, window: Window) -> impl Iterator<Item = &Other> {
        let from = self.all.partition_point(|other| other.first.time < window.start);
        let to = self.all.partition_point(|other| other.first.time <= window.end);
        self.all.get(from..to).unwrap_or_default().iter()
    }

    /// The nearest attempts at a host, in order of start, without the one that begins at `own`.
    pub fn at_host(&self, ip: IpAddr, own: Mark) -> impl Iterator<Item = &Other> {
        let places = self.at_hosts.get(ip).map_or(&[][..], |host| &host.places);
        let here = places.partition_point(|at| self.all.get(*at).is_some_and(|other| other.first < own));
        let near = here.saturating_sub(NEAREST)..places.len().min(here + NEAREST);
        self.several(places.get(near).unwrap_or_default()).filter(move |other| other.first != own)
    }

    /// The same at one endpoint.
    pub fn at_server(&self, server: Endpoint, own: Mark) -> impl Iterator<Item = &Other> {
        self.at_host(server.ip, own).filter(move |other| other.server == server)
    }

    /// Attempts at the same host that it accepted within a window, and when, in order of that.
    pub fn accepted_at_host(
        &self,
        own: Own<'_>,
        window: Window,
    ) -> impl DoubleEndedIterator<Item = (&Other, Mark)> {
        let accepted = self.at_hosts.get(own.server.ip).map_or(&[][..], |host| host.accepted.within(window));
        let others = accepted.iter().filter_map(|(_, at)| self.all.get(*at));
        others.filter_map(|other| Some((other, other.accepted?)))
    }

    /// The first attempt of another client that the same host accepted within a window.
    pub fn accepted_of_another(&self, own: Own<'_>, window: Window) -> Option<&Other> {
        let accepted = &self.at_hosts.get(own.server.ip)?.accepted;
        self.all.get(accepted.of_another(own.client, window, &self.all)?)
    }

    /// The first attempt of another client in which the same host fell silent within a window.
    pub fn silent_of_another(&self, own: Own<'_>, window: Window) -> Option<&Other> {
        let silent = &self.at_hosts.get(own.server.ip)?.silent;
        self.all.get(silent.of_another(own.client, window, &self.all)?)
    }

    /// What the attempts at the host of one of them show, all together.
    pub fn shown_at_host(&self, own: Own<'_>) -> Shows {
        self.at_hosts.get(own.server.ip).map(|host| host.shows).unwrap_or_default()
    }

    /// Least and greatest TTL of what a host sent in other connections.
    pub fn ttl_of(&self, ip: IpAddr) -> Option<(u8, u8)> {
        self.at_hosts.get(ip)?.ttl
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

    /// Attempts of the same client at the same server that begin within a window, in order of start.
    pub fn of_same_pair(&self, own: Own<'_>, window: Window) -> impl Iterator<Item = &Other> + Clone {
        self.begun_in(self.pair_of(own).map_or(&[][..], Places::as_slice), window)
    }

    /// Later ones of the same user, as far as that is told, that begin within `nanos` of the end of `own`.
    pub fn follow_ups<'a>(&'a self, own: Own<'a>, nanos: i64) -> impl Iterator<Item = &'a Other> {
        let window = Window { start: own.window.start, end: own.window.end.shifted(nanos) };
        let later = self.of_same_pair(own, window).filter(move |other| other.first > own.first);
        later.filter(move |other| !other.is_another_user_than(own.other()))
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
        let soon = |other: &&Other| other.first.time <= own.window.end.shifted(nanos);
        self.all.get(place).filter(soon).filter(|other| !other.is_another_user_than(own.other()))
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

    /// The crowd of strangers that an attempt is one of, in order of start.
    pub fn crowd_of(&self, own: Own<'_>) -> Option<impl Iterator<Item = &Other>> {
        Some(self.several(self.crowds.list_of(own.place?)?))
    }

    /// The sweep over many servers that it is a part of.
    pub fn sweep_of(&self, own: Own<'_>) -> Option<impl Iterator<Item = &Other>> {
        Some(self.several(self.sweeps.list_of(own.place?)?))
    }

    /// What several sources try together at the server of `own` in its minute, the one before and the one after, if its
    /// name is one of theirs: of attempts that became no session.
    pub fn joint_of(&self, own: Own<'_>) -> Option<Arc<Joint>> {
        let name = own.name.as_ref()?;
        if !self.joint.names_of(&self.all).contains(name) {
            return None;
        }
        // By the clock, so that all attempts of a minute share what is found.
        let minute = own.first.time.nanos().div_euclid(MINUTE);
        let joint = self.joint.of((own.server, minute), || {
            let places = self.at_hosts.get(own.server.ip).map_or(&[][..], |host| &host.places);
            let minute_of = |at: &usize| {
                self.all.get(*at).map_or(i64::MAX, |other| other.first.time.nanos().div_euclid(MINUTE))
            };
            let from = places.partition_point(|at| minute_of(at) < minute - 1);
            let to = places.partition_point(|at| minute_of(at) <= minute + 1);
            let others = self.several(places.get(from..to).unwrap_or_default());
            Joint::of(others.filter(|other| other.server == own.server && !other.session))
        });
        joint.names.contains(name).then_some(joint)
    }

    /// Where the user of an attempt is back within [`BACK`] after its client was last heard: clients that were not there
    /// before come under the same name.
    pub fn back_elsewhere<'a>(&'a self, own: Own<'a>) -> impl Iterator<Item = &'a Other> {
        let name = own.name.as_ref().filter(|_| own.tells_its_user());
        let named = name.map(|name| self.listed().under(own.server, Some(name)));
        self.new_of(own, named.unwrap_or_default())
    }

    /// The same where nothing tells that it is another user: one of the two names is unknown, or both are cut alike.
    pub fn may_be_back_elsewhere<'a>(&'a self, own: Own<'a>) -> impl Iterator<Item = &'a Other> {
        let listed = self.listed();
        let who = if own.name.is_none() { listed.first(own.server) } else { listed.under(own.server, None) };
        let cut = own.name.as_ref().filter(|_| !own.tells_its_user());
        let alike = cut.map(|name| listed.under(own.server, Some(name)));
        self.new_of(own, who).chain(self.new_of(own, alike.unwrap_or_default()))
    }

    fn listed(&self) -> &Newcomers {
        self.newcomers.get_or_init(|| Newcomers::of(&self.all, &self.of_pairs))
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
    /// client's next that went further, and its sessions; its user from another address; another that the server left at
    /// the same time; and one that was let in while it was not.
    pub fn told_by<'a>(&'a self, own: Own<'a>) -> Vec<&'a Other> {
        /// Under other names so many on each side are looked at.
        const TOLD: usize = 96;
        /// However late: who asks says how soon.
        const EVER: i64 = i64::MAX;
        let mut told = Vec::new();
        if let Some(all) = self.may_be(own).filter(|all| all.storm || all.patient) {
            let pair = self.pair_of(own).map_or(&[][..], Places::as_slice);
            told.extend(self.several(lists::around(pair, own.place, all.told_by)));
            // Of those that try many names some do so one after the other.
            let mut names = BTreeSet::new();
            let other_names = self.several(lists::around(pair, own.place, TOLD));
            told.extend(other_names.filter(|other| names.len() < all.told_by && names.insert(&other.name)));
        }
        if let Some(joint) = self.joint_of(own) {
            let named = |other: &&Other| other.name.as_ref().is_some_and(|name| joint.names.contains(name));
            let host = self.at_hosts.get(own.server.ip).map_or(&[][..], |host| &host.places);
            told.extend(self.several(lists::around(host, own.place, TOLD)).filter(named));
        }
        if let Some(sweep) = own.place.and_then(|place| self.sweeps.list_of(place)) {
            told.extend(self.several(lists::around(sweep, own.place, storm::SWEEP * 2)));
        }
        if own.accepted.is_none() {
            told.extend(self.accepted_of_another(own, own.window));
        }
        if let (Some(_), [_, Some(last)]) = (own.server_silent, own.heard) {
            told.extend(self.silent_of_another(own, Window::at(last).widened(TOGETHER)));
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

    fn several(&self, places: &'_ [usize]) -> impl Iterator<Item = &Other> + Clone {
        places.iter().filter_map(|at| self.all.get(*at))
    }

    fn begun_in(&self, places: &'_ [usize], window: Window) -> impl Iterator<Item = &Other> + Clone {
        let begins = |at: &usize| self.all.get(*at).map(|other| other.first.time);
        let from = places.partition_point(|at| begins(at) < Some(window.start));
        let behind = places.get(from..).unwrap_or_default();
        let count = behind.partition_point(|at| begins(at) <= Some(window.end));
        self.several(behind.get(..count).unwrap_or_default())
    }
}
