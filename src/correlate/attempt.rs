//! One connection with the events that speak of it.

use crate::base::{Mark, Timestamp};
use crate::connection::Connection;
use crate::eventlog::{Event, Provider};

/// By what an event was tied to a connection, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchKey {
    /// The client's address and port.
    Address,
    /// The client's port alone: an address translation lies between.
    Port,
    /// The ActivityID of an event that was tied by address.
    Activity,
    /// The session id of an event that was tied.
    Session,
    /// A name: the server's, the user's.
    Name,
    /// Time alone: the only connection that was under way.
    Time,
}

impl MatchKey {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Port => "port",
            Self::Activity => "activity",
            Self::Session => "session",
            Self::Name => "name",
            Self::Time => "time",
        }
    }
}

/// An event that speaks of a connection.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The event.
    pub event: Event,
    /// Its time by the capture's clock, if the offset is known.
    pub corrected: Option<Timestamp>,
    /// What ties it.
    pub by: MatchKey,
}

impl Joined {
    /// When, by the capture's clock as far as it is known.
    pub fn time(&self) -> Timestamp {
        self.corrected.unwrap_or(self.event.time)
    }

    /// When, and in which record.
    pub fn mark(&self) -> Mark {
        Mark { time: self.time(), at: self.event.at }
    }
}

/// One connection with its events.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The connection.
    pub connection: Connection,
    /// Its events, in order of time.
    pub events: Vec<Joined>,
}

impl Attempt {
    /// The events of a provider with an id.
    pub fn events_of<'a>(&'a self, provider: &'a Provider, id: u32) -> impl Iterator<Item = &'a Joined> {
        self.events.iter().filter(move |joined| joined.event.id == id && joined.event.provider == *provider)
    }

    /// The first event of a provider with an id.
    pub fn event(&self, provider: &Provider, id: u32) -> Option<&Joined> {
        self.events.iter().find(|joined| joined.event.id == id && joined.event.provider == *provider)
    }

    /// Whether the log's connection is taken for this one by time and order alone: under an address that no capture
    /// shows.
    pub fn is_by_order(&self) -> bool {
        let accepted = self.events.iter().find(|joined| super::keys::accepted_from(&joined.event).is_some());
        accepted.is_some_and(|joined| joined.by == MatchKey::Time)
    }

    /// Whether its events name the user of its cookie.
    pub fn names_its_user(&self) -> bool {
        let cookie = self.connection.cookie().map(|cookie| cookie.value.to_lowercase());
        let mut users = self.events.iter().filter_map(|joined| super::keys::user(&joined.event));
        cookie.is_some_and(|cookie| users.any(|user| super::join::fits_cookie(&cookie, &user) == Some(true)))
    }

    /// Whether a log says that the server accepted this connection.
    pub fn was_accepted(&self) -> bool {
        self.events.iter().any(|joined| super::keys::accepted_from(&joined.event).is_some())
    }
}
