//! The server's sessions: provider LocalSessionManager.
//!
//! Comes after the connection stood: logon, reconnection, end. Some records lack their ActivityID; those are
//! joined by session and time elsewhere.

use std::net::IpAddr;

use super::address::ClientAddress;
use super::event::Event;
use super::provider::Provider;

/// A user's session, as far as the event names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session<'a> {
    /// `DOMAIN\user`.
    pub user: Option<&'a str>,
    /// The number of the session, unique until the next boot.
    pub number: Option<u32>,
    /// Where from.
    pub from: Origin,
}

/// Where a session is used from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The console: `LOCAL`.
    Local,
    /// An address, without port.
    Remote(IpAddr),
    /// Not said.
    Unsaid,
}

impl Origin {
    /// The address, if it is used from one.
    pub const fn remote(self) -> Option<IpAddr> {
        match self {
            Self::Remote(ip) => Some(ip),
            Self::Local | Self::Unsaid => None,
        }
    }
}

/// What an event of this provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// 21: logon succeeded.
    LoggedOn(Session<'a>),
    /// 22: the shell was started.
    ShellStarted(Session<'a>),
    /// 23: logged off.
    LoggedOff(Session<'a>),
    /// 24: disconnected.
    Disconnected(Session<'a>),
    /// 25: reconnected to a session that was there.
    Reconnected(Session<'a>),
    /// 39: a session was disconnected by another.
    DisconnectedBy {
        /// The session that was disconnected.
        target: Option<u32>,
        /// The session that did it.
        by: Option<u32>,
    },
    /// 40: why a session was disconnected, see `lsm40_reason` among the disconnect codes. 0 is both a lost
    /// transport and a closed window; RdpCoreTS 103 tells them apart.
    Reason {
        /// The session.
        session: Option<u32>,
        /// The reason.
        code: Option<u32>,
    },
    /// 41: which session the user gets is being settled.
    ArbitrationBegins(Session<'a>),
    /// 42: it is settled.
    ArbitrationEnds(Session<'a>),
    /// 36, 37: an error between states of a session.
    StateError {
        /// The session.
        session: Option<u32>,
        /// The state, by name.
        state: Option<&'a str>,
        /// What happened, by name.
        event: Option<&'a str>,
        /// HRESULT.
        code: Option<u32>,
    },
    /// 43 to 53: a component takes too long.
    Slow {
        /// The session.
        session: Option<u32>,
    },
    /// 54: the session manager was told to stop.
    Stopping,
    /// 59: which process asked for an action.
    AskedBy {
        /// The session.
        session: Option<u32>,
        /// The function.
        function: Option<&'a str>,
        /// The program.
        program: Option<&'a str>,
    },
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    if event.provider != Provider::LocalSessionManager {
        return None;
    }
    let fields = &event.fields;
    Some(match event.id {
        21 => Meaning::LoggedOn(session(event)),
        22 => Meaning::ShellStarted(session(event)),
        23 => Meaning::LoggedOff(session(event)),
        24 => Meaning::Disconnected(session(event)),
        25 => Meaning::Reconnected(session(event)),
        36 | 37 => Meaning::StateError {
            session: fields.code("SessionId"),
            state: fields.said("StateName"),
            event: fields.said("EventName"),
            code: fields.code("ErrorCode"),
        },
        39 => Meaning::DisconnectedBy { target: fields.code("TargetSession"), by: fields.code("Source") },
        40 => Meaning::Reason { session: fields.code("Session"), code: fields.code("Reason") },
        41 => Meaning::ArbitrationBegins(session(event)),
        42 => Meaning::ArbitrationEnds(session(event)),
        43..=53 => Meaning::Slow { session: fields.code("Session") },
        54 => Meaning::Stopping,
        59 => Meaning::AskedBy {
            session: fields.code("SessionId"),
            function: fields.said("Function"),
            program: fields.said("CallerImageName"),
        },
        _ => return None,
    })
}

fn session(event: &Event) -> Session<'_> {
    let fields = &event.fields;
    let from = match fields.said("Address") {
        Some(text) if text.eq_ignore_ascii_case("LOCAL") => Origin::Local,
        Some(text) => {
            text.parse::<ClientAddress>().map_or(Origin::Unsaid, |address| Origin::Remote(address.ip))
        }
        None => Origin::Unsaid,
    };
    Session { user: fields.said("User"), number: fields.code("SessionID"), from }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    #[test]
    fn reads_sessions_and_their_origin() {
        let at = |address| {
            let fields = [("User", "C137\\Administrator"), ("SessionID", "2"), ("Address", address)];
            let logon = event(Provider::LocalSessionManager, 21, &fields);
            let Some(Meaning::LoggedOn(session)) = meaning(&logon) else { panic!() };
            assert_eq!((session.user, session.number), (Some("C137\\Administrator"), Some(2)));
            session.from
        };
        assert_eq!(at("LOCAL"), Origin::Local);
        assert_eq!(at("194.61.24.102"), Origin::Remote("194.61.24.102".parse().unwrap()));
        assert_eq!(at(""), Origin::Unsaid);
    }

    #[test]
    fn reads_why_a_session_ended() {
        let reason = event(Provider::LocalSessionManager, 40, &[("Session", "2"), ("Reason", "12")]);
        assert_eq!(meaning(&reason), Some(Meaning::Reason { session: Some(2), code: Some(12) }));
    }
}
