//! What a detector sees: one connection (or a failed name resolution), its events and its surroundings. No
//! packets, no files, no clock.

use super::asked::{Asked, Question};
use super::finding::Evidence;
use crate::base::{Mark, Timestamp, Window, time};
use crate::connection::lookup::Lookup;
use crate::connection::observations::Unanswered;
use crate::connection::udp::UdpConnection;
use crate::connection::{Connection, Stage};
use crate::correlate::surroundings::{Other, Own, Surroundings};
use crate::correlate::{Attempt, Joined, SideConnection, join, keys};
use crate::eventlog::Provider;
use crate::stream::{Close, CloseKind, Flow, Side};

/// One case to judge.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The connection, with its events.
    pub attempt: Option<&'a Attempt>,
    /// A name resolution that failed before any connection.
    pub lookup: Option<&'a Lookup>,
    /// Events of the client about an attempt without a connection.
    pub events: &'a [Joined],
    /// A host in the capture's own segment that nobody answers for.
    pub unanswered_host: Option<Unanswered>,
    /// A UDP connection of which no TCP connection is in these files.
    pub side_alone: Option<&'a UdpConnection>,
    /// What it cannot know alone. In a flood it holds which captures were taken at one point, and nothing else: what
    /// decides there is asked for, see [`Case::ask`].
    pub around: &'a Surroundings,
    /// What the others know of it.
    pub(super) own: Option<Own<'a>>,
    /// What is asked, where connections that are alike share a verdict.
    pub(super) asked: Option<&'a Asked<'a>>,
}

impl<'a> Case<'a> {
    /// The case of one connection.
    pub fn of(attempt: &'a Attempt, around: &'a Surroundings) -> Self {
        Self {
            attempt: Some(attempt),
            own: around.others.known(&attempt.connection),
            ..Self::without(around)
        }
    }

    /// The case of something that is no connection.
    pub const fn without(around: &'a Surroundings) -> Self {
        Self {
            attempt: None,
            lookup: None,
            events: &[],
            unanswered_host: None,
            side_alone: None,
            around,
            own: None,
            asked: None,
        }
    }

    /// The case of a connection of a flood: of its surroundings, it sees what it asks for.
    pub(super) fn asking(attempt: &'a Attempt, alone: &'a Surroundings, asked: &'a Asked<'a>) -> Self {
        Self { attempt: Some(attempt), asked: Some(asked), ..Self::without(alone) }
    }

    /// Asks the surroundings about this connection. What connections that are alike are answered to the same questions
    /// is all that can tell them apart.
    pub fn ask<T: 'static>(&self, question: Question<T>) -> Option<T> {
        if let Some(asked) = self.asked {
            return asked.ask(question);
        }
        match self.own {
            Some(own) => question(own, self.around),
            None => question(Own::stranger(&Other::of_attempt(self.attempt?)), self.around),
        }
    }

    /// The connection.
    pub fn connection(&self) -> Option<&'a Connection> {
        self.attempt.map(|attempt| &attempt.connection)
    }

    /// Its TCP flow.
    pub fn flow(&self) -> Option<&'a Flow> {
        self.connection()?.flow.as_deref()
    }

    /// Connection and flow: what most detectors begin with.
    pub fn both(&self) -> Option<(&'a Connection, &'a Flow)> {
        let connection = self.connection()?;
        Some((connection, connection.flow.as_deref()?))
    }

    /// The UDP connections beside it.
    pub fn sides(&self) -> impl Iterator<Item = &'a SideConnection> + use<'a> {
        let around = self.around;
        self.connection().into_iter().flat_map(move |own| around.beside(own.first))
    }

    /// The events that speak of it.
    pub fn all_events(&self) -> impl Iterator<Item = &'a Joined> + use<'a> {
        self.attempt.map_or(&[][..], |attempt| &attempt.events).iter().chain(self.events)
    }

    /// Events of a provider with one of these ids.
    pub fn events_of(
        &self,
        provider: &'a Provider,
        ids: &'a [u32],
    ) -> impl Iterator<Item = &'a Joined> + use<'a> {
        self.all_events()
            .filter(move |joined| ids.contains(&joined.event.id) && joined.event.provider == *provider)
    }

    /// The first event of a provider with this id.
    pub fn event(&self, provider: &Provider, id: u32) -> Option<&'a Joined> {
        self.all_events().find(|joined| joined.event.id == id && joined.event.provider == *provider)
    }

    /// The same where the answer decides no cause, only what is told of it: in a flood nobody reads that, and nobody is
    /// asked.
    pub fn ask_to_tell<T: 'static>(&self, question: Question<T>) -> Option<T> {
        if self.asked.is_some() { None } else { self.ask(question) }
    }

    /// The server's record that it accepted this connection, as evidence.
    pub fn accepted(&self) -> Option<Evidence> {
        let joined = self.all_events().find(|joined| keys::accepted_from(&joined.event).is_some())?;
        Some(Evidence::event(&joined.event, "the server accepted this connection"))
    }

    /// Whether the server's log covers the connection, so that a missing event means something.
    pub fn is_covered(&self, provider: &Provider) -> bool {
        let Some(connection) = self.connection() else { return false };
        self.around.coverage.speaks_for(provider, &connection.window())
    }

    /// Whether the logs are of other servers than the one of this connection.
    pub fn logs_are_strangers(&self) -> bool {
        self.connection().is_some_and(|own| self.around.logs_are_strangers_to(own.server.ip, own.first))
    }

    /// When an event happened, as far as that can be relied on: see [`Surroundings::reliable_time`]. A clock that could
    /// not be compared may be another host's.
    pub fn reliable_time(&self, joined: &Joined) -> Option<Timestamp> {
        self.around.reliable_time(joined).filter(|_| joined.corrected.is_some() || !self.logs_are_strangers())
    }

    /// Whether the server's log shows that its service did not take this connection: it holds the time without a
    /// hole, no event 131 of this client, and none nearby that may be this one's under another address (NAT).
    pub fn was_not_accepted(&self) -> bool {
        /// By a clock that could not be compared, a stranger's event this near may be this connection's.
        const UNCOMPARED: i64 = 60 * time::SECOND;
        let Some(connection) = self.connection() else { return false };
        let Some(log) = self.around.coverage.unbroken(&Provider::RdpCoreTs, &connection.window()) else {
            return false;
        };
        let margin = if log.corrected { join::RESIDUAL } else { UNCOMPARED };
        let near = Window::at(connection.first.time).widened(margin);
        let unjoined = self.around.far_near(near).any(|joined| keys::accepted_from(&joined.event).is_some());
        self.accepted().is_none()
            && !unjoined
            && !self.logs_are_strangers()
            && !self.around.others.begun_within(near).any(Other::is_unseen)
    }

    /// Whether the capture can prove that something was not sent: it saw both directions and lost nothing worth it.
    pub fn capture_is_sound(&self) -> bool {
        self.lost_by_capture().is_some_and(|(unseen, seen)| unseen * 1000 <= seen)
    }

    /// Whether the capture can prove what a party did again and again: a few lost frames do not change that.
    pub fn capture_is_fair(&self) -> bool {
        self.lost_by_capture().is_some_and(|(unseen, seen)| unseen * 5 <= seen)
    }

    /// Bytes that were acknowledged and not captured, and bytes that were. Nothing if it saw one side only.
    fn lost_by_capture(&self) -> Option<(u64, u64)> {
        let (connection, flow) = self.both().filter(|(_, flow)| !flow.is_one_sided())?;
        if connection.goes_on_in.is_some() {
            return None;
        }
        let unseen = flow.to_server.acked_unseen() + flow.to_client.acked_unseen();
        Some((unseen, flow.to_server.bytes + flow.to_client.bytes))
    }

    /// Whether the capture holds all that both sides sent up to the end.
    pub fn end_is_seen(&self) -> bool {
        self.both().is_some_and(|(connection, flow)| {
            connection.goes_on_in.is_none()
                && [Side::Client, Side::Server].into_iter().all(|side| flow.unseen_at_end(side) == 0)
        })
    }

    /// The segment that ended the connection, if it came from `side`.
    pub fn ended_by(&self, side: Side) -> Option<&'a Close> {
        self.flow()?.first_close().filter(|close| close.from == side)
    }

    /// How the connection ended, as evidence.
    pub fn ending(&self) -> Option<Evidence> {
        let flow = self.flow()?;
        let close = flow.first_close()?;
        Some(Evidence::at(close.mark, ending_says(close)))
    }

    /// Whether a close is probably the work of a device on the path: two signs of a forged segment, or the
    /// sender went on as if it had never sent it. Gives the signs.
    pub fn forged(&self, close: &Close) -> Option<Vec<String>> {
        let flow = self.flow()?;
        // A reset that came out of the host is its own, however odd it looks.
        if close.kind != CloseKind::Rst || self.own_reset(close).is_some() {
            return None;
        }
        // By the habits of what this capture saw; another capture point sees another time to live.
        let here = self.around.is_one_point(close.mark, flow.first);
        let signs = if here { forgery_signs(flow, close) } else { Vec::new() };
        if self.injected(close).is_some() {
            return Some(signs);
        }
        let proven = close.went_on.is_some() && went_on_with_data(flow, close);
        (proven || signs.len() >= 2).then_some(signs)
    }

    /// A connection that went no further than `stage`.
    pub fn stopped_in(&self, stage: Stage) -> Option<&'a Connection> {
        self.connection().filter(|connection| connection.reached == stage)
    }
}

/// How a close reads as evidence.
pub fn ending_says(close: &Close) -> String {
    let kind = if close.kind == CloseKind::Fin { "FIN" } else { "RST" };
    format!("the {} ends the connection with {kind}", close.from.name())
}

/// How many routers a packet passed, if its sender began with one of the numbers that systems begin with.
pub fn routers_passed(ttl: u8) -> u8 {
    let start = [32_u8, 64, 128, 255].into_iter().find(|start| ttl <= *start).unwrap_or(255);
    start - ttl
}

/// What speaks against a reset being its alleged sender's own.
pub fn forgery_signs(flow: &Flow, close: &Close) -> Vec<String> {
    let habits = flow.habits(close.from);
    let mut signs = Vec::new();
    if let Some((least, greatest)) = habits.ttl
        && (close.ttl.saturating_add(1) < least || close.ttl > greatest.saturating_add(1))
        // Adapters and host firewalls start at another number than the system does, and are as far away.
        && routers_passed(close.ttl) != routers_passed(least)
    {
        let usual = if least == greatest { least.to_string() } else { format!("{least} to {greatest}") };
        signs.push(format!(
            "its TTL is {}, the {}'s other segments have {usual}",
            close.ttl,
            close.from.name()
        ));
    }
    if let (Some(own), Some(last)) = (close.ip_id, habits.ip_id) {
        let ahead = own.wrapping_sub(last);
        // A counter moves on by little; a forger puts 0 or a random number. Zero is normal for answers of Linux
        // without a connection, not for resets inside of one that counts.
        if last != 0 && ahead > 4096 {
            signs.push(format!(
                "its IP identification {own} does not continue the {}'s ({last})",
                close.from.name()
            ));
        }
    }
    if habits.timestamps && !close.has_timestamp && close.has_ack {
        signs.push("it carries no TCP timestamp although this connection uses them".into());
    }
    // A sender that lost data on the way resets ahead of what was seen; only a device that saw old packets resets
    // behind. One byte is a FIN that was seen or not.
    if close.offset < close.expected - 1 && flow.stream(close.from).is_placed() {
        signs.push("its sequence number lies before what the sender had sent".into());
    }
    if let Some(mark) = close.went_on {
        signs.push(format!("the {} goes on afterwards ({})", close.from.name(), mark.at));
    }
    signs
}

/// Whether what follows the reset is more than what may have been under way.
pub fn went_on_with_data(flow: &Flow, close: &Close) -> bool {
    close.went_on.is_some_and(|mark: Mark| {
        mark.time - close.mark.time > flow.handshake_round_trip().unwrap_or(0).max(time::MILLISECOND) * 2
    })
}
