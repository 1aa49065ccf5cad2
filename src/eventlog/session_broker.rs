//! Load balancing: the connection broker, and its client on each session host (providers SessionBroker and
//! SessionBroker-Client).
//!
//! Fields are called `param1` and so on; which of them is what differs by event. Neither provider writes an
//! ActivityID of a connection: their events are tied by user and time elsewhere.

use std::net::IpAddr;

use super::address::ClientAddress;
use super::event::Event;
use super::provider::Provider;

/// A user as the broker names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct User<'a> {
    /// The domain, where it stands apart.
    pub domain: Option<&'a str>,
    /// The user.
    pub name: Option<&'a str>,
}

/// What an event of these providers says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// Client 1301, 1297; broker 800: a user's connection is to be placed.
    Asked(User<'a>),
    /// Client 1307, broker 801: the user was sent on to another host.
    Redirected {
        /// The user.
        user: User<'a>,
        /// The host's name.
        to: Option<&'a str>,
        /// Its address.
        ip: Option<IpAddr>,
    },
    /// Client 1308: the user stays on this host.
    StaysHere(User<'a>),
    /// Client 1296, 1306, 1309; broker 802: no host was given.
    Refused {
        /// The user.
        user: User<'a>,
        /// What is said of the reason: a text or a code.
        error: Option<&'a str>,
    },
    /// Client 1281, 1302, 1304: the host belongs to a farm.
    Joined,
    /// Client 1283: it left the farm.
    Left,
    /// Client 1280, 1282, 1284, 1298, 1299, 1303, 1305: host and broker cannot talk, or the broker cannot do its work.
    BrokerTrouble {
        /// The broker.
        broker: Option<&'a str>,
        /// What is said of the reason.
        error: Option<&'a str>,
    },
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    match event.provider {
        Provider::SessionBrokerClient => of_client(event),
        Provider::SessionBroker => of_broker(event),
        _ => None,
    }
}

fn of_client(event: &Event) -> Option<Meaning<'_>> {
    let said = |name| event.fields.said(name);
    let user = User { domain: said("param1"), name: said("param2") };
    Some(match event.id {
        1297 | 1301 => Meaning::Asked(user),
        1307 => Meaning::Redirected { user, to: said("param3"), ip: said("param4").and_then(ip) },
        1308 => Meaning::StaysHere(user),
        1296 | 1306 => Meaning::Refused { user, error: said("param3") },
        1309 => Meaning::Refused {
            user: User { domain: None, name: said("param1") },
            error: said("param3").or_else(|| said("param2")),
        },
        1281 | 1302 | 1304 => Meaning::Joined,
        1283 => Meaning::Left,
        1280 | 1282 | 1284 | 1298 | 1303 | 1305 => {
            Meaning::BrokerTrouble { broker: said("param1"), error: said("param2") }
        }
        1299 => Meaning::BrokerTrouble { broker: said("param1"), error: said("param4") },
        _ => return None,
    })
}

fn of_broker(event: &Event) -> Option<Meaning<'_>> {
    let said = |name| event.fields.said(name);
    let user = User { domain: None, name: said("param1") };
    Some(match event.id {
        800 => Meaning::Asked(user),
        801 => Meaning::Redirected { user, to: said("param2"), ip: said("param3").and_then(ip) },
        802 => Meaning::Refused { user, error: said("param3").or_else(|| said("param2")) },
        _ => return None,
    })
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse::<ClientAddress>().ok()?.ip)
}

impl<'a> Meaning<'a> {
    /// The user that it names.
    pub const fn user(&self) -> Option<&'a str> {
        match self {
            Self::Asked(user)
            | Self::StaysHere(user)
            | Self::Redirected { user, .. }
            | Self::Refused { user, .. } => user.name,
            Self::Joined | Self::Left | Self::BrokerTrouble { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    #[test]
    fn reads_where_a_user_was_sent() {
        let fields =
            [("param1", "EXAMPLE"), ("param2", "alice"), ("param3", "RDSH2"), ("param4", "10.0.0.2")];
        let sent = event(Provider::SessionBrokerClient, 1307, &fields);
        let user = User { domain: Some("EXAMPLE"), name: Some("alice") };
        let expected = Meaning::Redirected { user, to: Some("RDSH2"), ip: "10.0.0.2".parse().ok() };
        assert_eq!(meaning(&sent), Some(expected));
        assert_eq!(expected.user(), Some("alice"));
    }

    #[test]
    fn reads_refusals_and_tolerates_missing_fields() {
        let fields = [("param1", "EXAMPLE"), ("param2", "alice"), ("param3", "not ready for RPC")];
        let refused = event(Provider::SessionBrokerClient, 1296, &fields);
        assert!(matches!(meaning(&refused), Some(Meaning::Refused { error: Some("not ready for RPC"), .. })));
        let bare = event(Provider::SessionBroker, 802, &[]);
        assert_eq!(meaning(&bare), Some(Meaning::Refused { user: User::default(), error: None }));
        assert_eq!(meaning(&event(Provider::RdpCoreTs, 802, &[])), None);
    }
}
