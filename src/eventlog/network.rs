//! The network of the host as its logs tell it: name resolution, networks, firewall rules, address conflicts.
//!
//! Says what was found or changed; whether that touched an RDP connection is judged elsewhere.

use std::net::IpAddr;

use super::address::ClientAddress;
use super::event::Event;
use super::provider::Provider;

/// What was done to the firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleChange {
    /// 2004, 2071, 2097.
    Added,
    /// 2005.
    Changed,
    /// 2006, 2052.
    Deleted,
}

/// A rule of the firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// What was done to it.
    pub change: RuleChange,
    /// `RemoteDesktop-UserMode-In-TCP`, also where the name is localised.
    pub id: Option<&'a str>,
    /// Its name.
    pub name: Option<&'a str>,
    /// Whether it lets packets in (1) rather than out (2).
    pub inbound: Option<bool>,
    /// Whether it blocks (2) rather than allows (3).
    pub blocks: Option<bool>,
    /// Whether it is switched on.
    pub active: Option<bool>,
    /// IP protocol; 256 is any.
    pub protocol: Option<u32>,
    /// `3389`, `*`, lists and ranges.
    pub local_ports: Option<&'a str>,
    /// `*`, subnets.
    pub remote_addresses: Option<&'a str>,
    /// The program that changed it.
    pub by: Option<&'a str>,
}

/// What an event says about the network of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// DNS-Client 1014: no server answered for the name.
    NameTimedOut(Option<&'a str>),
    /// DNS-Client 3008, 3018, 3020: a query was answered, with a Windows error.
    NameQueried {
        /// The name.
        name: Option<&'a str>,
        /// Windows error; 0 is none, 9003 no such name.
        status: Option<u32>,
        /// The answers.
        results: Option<&'a str>,
    },
    /// NetworkProfile 10000: a network was connected.
    NetworkConnected {
        /// Its name.
        name: Option<&'a str>,
        /// Its category.
        category: Option<Category>,
    },
    /// NetworkProfile 10001: a network was disconnected.
    NetworkDisconnected {
        /// Its name.
        name: Option<&'a str>,
    },
    /// Firewall 2004, 2005, 2006, 2052, 2071, 2097: a rule was changed.
    Rule(Rule<'a>),
    /// Firewall 2033, 2059: all rules were deleted.
    AllRulesDeleted,
    /// Firewall 2010: an interface got another profile.
    ProfileChanged {
        /// The interface.
        interface: Option<&'a str>,
        /// Bits: 1 domain, 2 private, 4 public.
        from: Option<u32>,
        /// Bits.
        to: Option<u32>,
    },
    /// Firewall 2003: a setting of a profile was changed.
    SettingChanged {
        /// Bits of the profiles.
        profiles: Option<u32>,
        /// Which setting, by number.
        setting: Option<u32>,
        /// Its value as text.
        value: Option<&'a str>,
    },
    /// Tcpip 4199: another device has this address.
    AddressConflict {
        /// The address.
        ip: Option<IpAddr>,
        /// The other device's hardware address.
        hardware: Option<&'a str>,
    },
    /// NETLOGON 5719: no domain controller was found.
    NoDomainController {
        /// The domain.
        domain: Option<&'a str>,
    },
}

/// The category of a network, which chooses the firewall's profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category(pub u32);

impl Category {
    /// Public: RDP is mostly not let in.
    pub const PUBLIC: Self = Self(0);
    /// Private.
    pub const PRIVATE: Self = Self(1);
    /// Domain.
    pub const DOMAIN: Self = Self(2);
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    let fields = &event.fields;
    Some(match (&event.provider, event.id) {
        (Provider::DnsClient, 1014) => Meaning::NameTimedOut(fields.said("QueryName")),
        (Provider::DnsClient, 3008 | 3018 | 3020) => Meaning::NameQueried {
            name: fields.said("QueryName"),
            status: fields.code("QueryStatus").or_else(|| fields.code("Status")),
            results: fields.said("QueryResults"),
        },
        (Provider::NetworkProfile, 10000) => Meaning::NetworkConnected {
            name: fields.said("Name"),
            category: fields.code("Category").map(Category),
        },
        (Provider::NetworkProfile, 10001) => Meaning::NetworkDisconnected { name: fields.said("Name") },
        (Provider::Firewall, 2004 | 2071 | 2097) => Meaning::Rule(rule(event, RuleChange::Added)),
        (Provider::Firewall, 2005) => Meaning::Rule(rule(event, RuleChange::Changed)),
        (Provider::Firewall, 2006 | 2052) => Meaning::Rule(rule(event, RuleChange::Deleted)),
        (Provider::Firewall, 2033 | 2059) => Meaning::AllRulesDeleted,
        (Provider::Firewall, 2010) => Meaning::ProfileChanged {
            interface: fields.said("InterfaceName"),
            from: fields.code("OldProfile"),
            to: fields.code("NewProfile"),
        },
        (Provider::Firewall, 2003) => Meaning::SettingChanged {
            profiles: fields.code("Profiles"),
            setting: fields.code("SettingType"),
            value: fields.said("SettingValueString").or_else(|| fields.said("SettingValue")),
        },
        (Provider::Tcpip, 4199) => {
            // Unnamed data: the one that is an address, and the one of six pairs of digits.
            let values = || fields.iter().map(|(_, value)| value);
            Meaning::AddressConflict {
                ip: values().find_map(|text| Some(text.parse::<ClientAddress>().ok()?.ip)),
                hardware: values().find(|text| is_hardware_address(text)),
            }
        }
        (Provider::Netlogon, 5719) => Meaning::NoDomainController { domain: fields.said("Data") },
        _ => return None,
    })
}

fn rule(event: &Event, change: RuleChange) -> Rule<'_> {
    let fields = &event.fields;
    let either = |name, no: u32, yes: u32| match fields.code(name) {
        Some(code) if code == no => Some(false),
        Some(code) if code == yes => Some(true),
        _ => None,
    };
    Rule {
        change,
        id: fields.said("RuleId"),
        name: fields.said("RuleName"),
        inbound: either("Direction", 2, 1),
        blocks: either("Action", 3, 2),
        active: either("Active", 0, 1),
        protocol: fields.code("Protocol"),
        local_ports: fields.said("LocalPorts"),
        remote_addresses: fields.said("RemoteAddresses"),
        by: fields.said("ModifyingApplication"),
    }
}

impl Rule<'_> {
    /// Whether the rule speaks of RDP: by its id, or by a port among its local ports.
    pub fn is_about(&self, port: u16) -> bool {
        self.id.is_some_and(|id| id.to_ascii_lowercase().contains("remotedesktop"))
            || self.local_ports.is_some_and(|ports| ports.split(',').any(|range| holds(range.trim(), port)))
    }
}

/// Whether `3389`, `3380-3400` holds a port. `*` speaks of everything, not of RDP.
fn holds(range: &str, port: u16) -> bool {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => (first..=last).contains(&port),
        _ => false,
    }
}

fn is_hardware_address(text: &str) -> bool {
    let pairs = || text.split(['-', ':']);
    pairs().count() == 6 && pairs().all(|pair| pair.len() == 2 && u8::from_str_radix(pair, 16).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    #[test]
    fn reads_an_address_conflict_by_shape_not_by_place() {
        let fields = [("Data", ""), ("Data1", "192.168.1.2"), ("Data2", "00-0C-29-6D-99-5D")];
        let conflict = event(Provider::Tcpip, 4199, &fields);
        assert_eq!(
            meaning(&conflict),
            Some(Meaning::AddressConflict {
                ip: "192.168.1.2".parse().ok(),
                hardware: Some("00-0C-29-6D-99-5D")
            })
        );
    }

    #[test]
    fn reads_rules_about_rdp() {
        let fields = [
            ("RuleId", "{1234}"),
            ("Direction", "1"),
            ("Protocol", "6"),
            ("LocalPorts", "80, 3380-3400"),
            ("Action", "2"),
            ("Active", "1"),
        ];
        let added = event(Provider::Firewall, 2004, &fields);
        let Some(Meaning::Rule(rule)) = meaning(&added) else { panic!() };
        assert_eq!((rule.change, rule.inbound, rule.blocks), (RuleChange::Added, Some(true), Some(true)));
        assert!(rule.is_about(3389) && !rule.is_about(443));
        let deleted = event(Provider::Firewall, 2006, &[("RuleId", "RemoteDesktop-UserMode-In-TCP")]);
        let Some(Meaning::Rule(rule)) = meaning(&deleted) else { panic!() };
        assert!(rule.is_about(3389));
    }

    #[test]
    fn reads_names_and_networks() {
        let lost = event(Provider::DnsClient, 1014, &[("QueryName", "srv.example")]);
        assert_eq!(meaning(&lost), Some(Meaning::NameTimedOut(Some("srv.example"))));
        let public = event(Provider::NetworkProfile, 10000, &[("Name", "Network"), ("Category", "0")]);
        let connected = Meaning::NetworkConnected { name: Some("Network"), category: Some(Category::PUBLIC) };
        assert_eq!(meaning(&public), Some(connected));
    }
}
