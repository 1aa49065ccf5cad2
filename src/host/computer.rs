//! Which texts are of one computer, and which computer that is.
//!
//! A registry export names no computer, and every computer has the keys of a server: one that is taken for another's
//! makes a wrong cause. So a text without a name belongs to a computer only if its own path or all that lies beside it
//! says so ([`super::owner`]). All others are left unused.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::fact::{Fact, Stated};
use super::owner::{Location, Owners};
use crate::base::{SourceId, Timestamp};

/// One input for [`Hosts::gather`].
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// The input.
    pub id: SourceId,
    /// Its path or label.
    pub path: &'a Path,
    /// What it says: of a log, the computer that wrote it.
    pub facts: Vec<Stated>,
    /// Whether it is a log.
    pub is_log: bool,
}

/// A line of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The text.
    pub source: SourceId,
    /// From 1.
    pub line: u64,
}

/// A value with its line.
pub type At<T> = (T, Place);

/// A drop of the firewall: when by local time, and where that stands.
type Drops = BTreeMap<(SocketAddr, SocketAddr), Vec<At<Timestamp>>>;

/// What the texts of one computer say.
#[derive(Clone, Debug, Default)]
pub struct Computer {
    /// Its name, the first part, lower case.
    pub name: String,
    /// The logs that it wrote.
    pub logs: Vec<SourceId>,
    /// The texts that are of it.
    pub texts: Vec<SourceId>,
    /// Addresses that packets and its own log agree on.
    seen_at: BTreeSet<IpAddr>,
    facts: Vec<At<Fact>>,
    drops: Drops,
}

/// All computers that a bundle tells of.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// In order of their names.
    pub computers: Vec<Computer>,
    /// Texts whose computer is not known.
    pub unknown: Vec<SourceId>,
}

impl Hosts {
    /// Finds out whose each text is.
    pub fn gather(sources: Vec<Source<'_>>) -> Self {
        let mut owners = Owners::default();
        for source in &sources {
            owners.add(Location::of(source.path), name_in(&source.facts));
        }
        let mut hosts = Self::default();
        let mut by_name: BTreeMap<String, Computer> = BTreeMap::new();
        for source in sources {
            let by_place = || owners.of(&Location::of(source.path)).map(str::to_owned);
            let Some(name) = name_in(&source.facts).or_else(by_place) else {
                if !source.is_log {
                    hosts.unknown.push(source.id);
                }
                continue;
            };
            let computer = by_name.entry(name.clone()).or_default();
            computer.name = name;
            computer.take(source);
        }
        hosts.computers = by_name.into_values().collect();
        hosts
    }

    /// A log speaks of a connection to this address: that is where its computer is reached.
    pub fn learn(&mut self, ip: IpAddr, log: SourceId) {
        for computer in self.computers.iter_mut().filter(|computer| computer.logs.contains(&log)) {
            computer.seen_at.insert(ip);
        }
    }

    /// The computer that has this address, if one alone says so.
    pub fn with_address(&self, ip: IpAddr) -> Option<&Computer> {
        let mut having = self.computers.iter().filter(|computer| computer.has_address(ip));
        having.next().filter(|_| having.next().is_none())
    }

    /// The names of the computers that all say that they have this address, if more than one does.
    pub fn contenders(&self, ip: IpAddr) -> Option<Vec<&str>> {
        let having = self.computers.iter().filter(|computer| computer.has_address(ip));
        let names: Vec<&str> = having.map(|computer| computer.name.as_str()).collect();
        (names.len() > 1).then_some(names)
    }

    /// The computer that a text is of.
    pub fn with_text(&self, text: SourceId) -> Option<&Computer> {
        self.computers.iter().find(|computer| computer.texts.contains(&text))
    }

    /// The computer that wrote a log, if it has texts.
    pub fn with_log(&self, log: SourceId) -> Option<&Computer> {
        self.computers.iter().find(|computer| computer.logs.contains(&log))
    }
}

/// The one name that a text gives; two are those of two computers, or of none.
fn name_in(facts: &[Stated]) -> Option<String> {
    let names: BTreeSet<String> = facts
        .iter()
        .filter_map(|stated| match &stated.fact {
            Fact::Name(name) => Some(short(name)),
            _ => None,
        })
        .collect();
    names.first().filter(|_| names.len() == 1).cloned()
}

fn short(name: &str) -> String {
    name.split('.').next().unwrap_or_default().to_ascii_lowercase()
}

impl Computer {
    fn take(&mut self, source: Source<'_>) {
        if source.is_log {
            self.logs.push(source.id);
            return;
        }
        self.texts.push(source.id);
        for Stated { fact, line } in source.facts {
            let place = Place { source: source.id, line };
            match fact {
                Fact::Dropped { local, from, to } => {
                    self.drops.entry((from, to)).or_default().push((local, place));
                }
                fact => self.facts.push((fact, place)),
            }
        }
    }

    fn all<'a, T>(&'a self, pick: impl Fn(&'a Fact) -> Option<T> + 'a) -> impl Iterator<Item = At<T>> + 'a {
        self.facts.iter().filter_map(move |(fact, place)| Some((pick(fact)?, *place)))
    }

    /// What all texts agree on: a value that two of them give differently was changed between them.
    fn agreed<'a, T: PartialEq>(&'a self, pick: impl Fn(&'a Fact) -> Option<T> + 'a) -> Option<At<T>> {
        let mut all = self.all(pick);
        let first = all.next()?;
        all.all(|other| other.0 == first.0).then_some(first)
    }

    /// Whether this is an address of it.
    pub fn has_address(&self, ip: IpAddr) -> bool {
        self.seen_at.contains(&ip)
            || self.all(|fact| (*fact == Fact::Address(ip)).then_some(())).next().is_some()
    }

    /// Whether Remote Desktop is switched off; a policy wins.
    pub fn denies(&self) -> Option<At<bool>> {
        let set = |wanted: bool| {
            self.agreed(move |fact| match fact {
                Fact::Denies { off, policy } if *policy == wanted => Some(*off),
                _ => None,
            })
        };
        let has_policy =
            self.all(|fact| matches!(fact, Fact::Denies { policy: true, .. }).then_some(())).next();
        if has_policy.is_some() { set(true) } else { set(false) }
    }

    /// The ports of all listeners, by the registry.
    pub fn listener_ports(&self) -> Vec<At<u16>> {
        self.all(|fact| match fact {
            Fact::ListenerPort { port, .. } => Some(*port),
            _ => None,
        })
        .collect()
    }

    /// The thumbprint that the listener is bound to.
    pub fn bound(&self) -> Option<At<&str>> {
        self.agreed(|fact| match fact {
            Fact::Bound(hash) => Some(hash.as_str()),
            _ => None,
        })
    }

    /// Where a certificate of this thumbprint is listed, or is the one that the service made.
    pub fn has_certificate(&self, thumbprint: &str) -> Option<Place> {
        self.all(|fact| match fact {
            Fact::Certificate(hash) | Fact::SelfSigned(hash) if hash == thumbprint => Some(()),
            _ => None,
        })
        .next()
        .map(|((), place)| place)
    }

    /// The day on which a certificate begins, at the latest.
    pub fn begins(&self, thumbprint: &str) -> Option<Timestamp> {
        self.all(|fact| match fact {
            Fact::Begins { thumbprint: own, day } if own == thumbprint => Some(*day),
            _ => None,
        })
        .map(|(day, _)| day)
        .max()
    }

    /// Whether the store of the computer's own certificates is known, and where it begins.
    pub fn own_store(&self) -> Option<Place> {
        self.all(|fact| (*fact == Fact::OwnStore).then_some(())).next().map(|((), place)| place)
    }

    /// The names of all interfaces, in use or not.
    pub fn interface_names(&self) -> impl Iterator<Item = &str> {
        self.all(|fact| match fact {
            Fact::Interface { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .map(|(name, _)| name)
    }

    /// Interfaces in use that may carry an address, name and MTU: the one of its adapter, where that is known.
    pub fn interfaces(&self, ip: IpAddr) -> impl Iterator<Item = At<(&str, u32)>> {
        let adapter = self.all(move |fact| match fact {
            Fact::Adapter { head, address } if *address == ip => Some(head.to_lowercase()),
            _ => None,
        });
        let adapters: Vec<String> = adapter.map(|(head, _)| head).collect();
        self.all(move |fact| match fact {
            Fact::Interface { name, mtu, in_use: true } if may_be(name, &adapters) => {
                Some((name.as_str(), *mtu))
            }
            _ => None,
        })
    }

    /// Whether something listens on a TCP port: by the list of ports if there is a whole one, else by the list of
    /// sessions. Nothing, if neither was collected.
    pub fn listens(&self, port: u16) -> Option<At<bool>> {
        let listed = self
            .all(move |fact| (*fact == Fact::Listens(port)).then_some(()))
            .next()
            .map(|((), place)| place);
        let whole = || self.all(|fact| (*fact == Fact::AllPorts).then_some(())).next();
        match listed {
            Some(place) => Some((true, place)),
            None => whole().map(|((), place)| (false, place)).or_else(|| {
                self.agreed(|fact| match fact {
                    Fact::SessionListener(there) => Some(*there),
                    _ => None,
                })
            }),
        }
    }

    /// Whether the service may read its key.
    pub fn key_readable(&self) -> Option<At<bool>> {
        self.agreed(|fact| match fact {
            Fact::KeyReadable(readable) => Some(*readable),
            _ => None,
        })
    }

    /// Whether the firewall's rules let a port in: only if all rules for it say the same.
    pub fn lets_in(&self, own: u16) -> Option<At<bool>> {
        self.agreed(move |fact| match fact {
            Fact::Rule { port, active, allows } if port.unwrap_or(3389) == own => Some(*active && *allows),
            _ => None,
        })
    }

    /// Whether the firewall dropped a segment between two endpoints within `nanos` of a moment. The local time of the
    /// log is not known, so `nanos` must leave room for a time zone.
    pub fn dropped(&self, from: SocketAddr, to: SocketAddr, moment: Timestamp, nanos: i64) -> Option<Place> {
        let drops = self.drops.get(&(from, to))?;
        drops.iter().find(|(local, _)| (*local - moment).abs() <= nanos).map(|(_, place)| *place)
    }
}

/// Whether an interface is one of these adapters, or none is known.
fn may_be(interface: &str, adapters: &[String]) -> bool {
    let name = interface.to_lowercase();
    let is =
        |head: &String| head.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with(' '));
    adapters.is_empty() || adapters.iter().any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(id: u32, path: &'static str, facts: &[Fact]) -> Source<'static> {
        let facts = facts.iter().map(|fact| Stated { fact: fact.clone(), line: 1 }).collect();
        Source { id: SourceId(id), path: Path::new(path), facts, is_log: false }
    }

    fn name(name: &str) -> Fact {
        Fact::Name(name.to_owned())
    }

    const OFF: Fact = Fact::Denies { off: true, policy: false };

    #[test]
    fn what_lies_beside_a_name_is_of_that_computer() {
        let hosts = Hosts::gather(vec![
            source(0, "s.zip!a/ip.txt", &[name("SRV01.x")]),
            source(1, "s.zip!a/r.txt", &[OFF]),
        ]);
        assert_eq!(hosts.computers[0].denies().map(|(off, _)| off), Some(true));
    }

    #[test]
    fn what_lies_beside_two_is_of_neither() {
        let hosts = Hosts::gather(vec![
            source(0, "a/ip1.txt", &[name("SRV01")]),
            source(1, "a/ip2.txt", &[name("PC7")]),
            source(2, "a/r.txt", &[OFF]),
        ]);
        assert_eq!(hosts.unknown, [SourceId(2)]);
    }

    #[test]
    fn the_other_bundle_of_a_case_names_nobody_here() {
        let hosts = Hosts::gather(vec![
            source(0, "case/client.zip!ip.txt", &[name("PC7")]),
            source(1, "case/server.zip!r.txt", &[OFF]),
            source(2, "case/server/r.txt", &[OFF]),
        ]);
        assert_eq!(hosts.unknown, [SourceId(1), SourceId(2)]);
    }

    #[test]
    fn a_path_that_carries_the_name_belongs_to_it() {
        let hosts = Hosts::gather(vec![
            source(0, "m.zip!SRV01_Networking/SRV01_Ipconfig.txt", &[name("SRV01")]),
            source(1, "m.zip!SRV01_RegistryKeys/SRV01_HKLM.txt", &[OFF]),
            source(2, "m.zip!SRV012_RegistryKeys/SRV012_HKLM.txt", &[OFF]),
        ]);
        assert_eq!(hosts.computers.len(), 1);
        assert_eq!(hosts.computers[0].denies(), Some((true, Place { source: SourceId(1), line: 1 })));
        assert_eq!(hosts.unknown, [SourceId(2)]);
    }

    #[test]
    fn all_in_a_folder_of_one_computer_is_of_it() {
        let hosts = Hosts::gather(vec![
            source(0, "m.zip!TSS_SRV01_261120-121500_x/SRV01_IPconfig_Info_Start_.txt", &[name("SRV01")]),
            source(1, "m.zip!TSS_SRV01_261120-121500_x/BasicLog/reg.txt", &[OFF]),
            source(2, "m.zip!TSS_PC7_261120-121500_x/BasicLog/reg.txt", &[OFF]),
            source(3, "m.zip!reg.txt", &[OFF]),
        ]);
        assert_eq!(hosts.computers[0].texts, [SourceId(0), SourceId(1)]);
        assert_eq!(hosts.unknown, [SourceId(2), SourceId(3)]);
        // A folder that a person named says nothing of what is in it.
        let hosts = Hosts::gather(vec![
            source(0, "cases/srv01/a/SRV01_Ipconfig.txt", &[name("SRV01")]),
            source(1, "cases/srv01/b/reg.txt", &[OFF]),
        ]);
        assert_eq!(hosts.unknown, [SourceId(1)]);
    }

    #[test]
    fn what_may_be_of_another_is_of_nobody() {
        let cases: [&[(&str, Option<&str>)]; 9] = [
            &[("x/SRV01_Ipconfig.txt", Some("SRV01")), ("x/PC7_HKLM.txt", None)],
            &[("x/SRV01_Ipconfig.txt", Some("SRV01")), ("x/reg.txt", None)],
            &[("x/SRV1_Ipconfig.txt", Some("SRV1")), ("x/SRV10_TS.txt", None), ("x/SRV1-OLD_TS.txt", None)],
            &[("x/server-ipconfig.txt", Some("SRV01")), ("x/client-ts.reg", None)],
            &[("x/ip.txt", Some("SRV01")), ("x/PC7_TS.txt", None), ("x/reg.txt", None)],
            &[("TSS_PC7_1/SRV01_Ipconfig.txt", Some("SRV01")), ("TSS_PC7_1/reg.txt", None)],
            &[
                ("z.zip!TSS_SRV01_1/SRV01_Ipconfig.txt", Some("SRV01")),
                ("z.zip!TSS_SRV01_1/MSRD-Results-PC7.zip!PC7_RegistryKeys/PC7_TS.txt", None),
                ("z.zip!TSS_SRV01_1/client-upload.zip!reg.txt", None),
                ("z.zip!TSS_SRV01_1/from_client/reg.txt", None),
            ],
            &[("z.zip!SRV01_ip.txt", Some("SRV01")), ("z.zip!SRV01-HOST2_reg.txt", None)],
            &[("x/SRV01_a.txt", Some("SRV01")), ("MSRD-Results-PC7/SRV01_reg.txt", None)],
        ];
        for files in cases {
            let sources = files.iter().zip(0..).map(|((path, own), id)| {
                source(id, path, &own.map_or_else(|| vec![OFF], |own| vec![name(own)]))
            });
            let hosts = Hosts::gather(sources.collect());
            assert_eq!(hosts.unknown.len(), files.len() - 1, "{files:?}");
        }
    }

    #[test]
    fn what_says_so_in_its_name_is_of_that_computer() {
        let paths = [
            "z.zip!TSS_SRV01_1.zip!TSS_SRV01_1/pfirewall.log",
            "MSRD-Results-SRV01-20261120_121500.zip!SRV01_RegistryKeys/SRV01_TS.txt",
            "z/SRV01_RegistryKeys/reg.txt",
            "z/srv01.example.test_reg.txt",
            "Collection-SRV01-2026-11-20T12_15_00Z.zip!uploads/auto/C%3A/Windows/pfirewall.log",
        ];
        for path in paths {
            let named = source(0, "somewhere/SRV01_Ipconfig.txt", &[name("SRV01")]);
            let hosts = Hosts::gather(vec![named, source(1, path, &[OFF])]);
            assert_eq!(hosts.unknown, [], "{path}");
        }
    }

    #[test]
    fn a_log_tells_where_its_computer_is() {
        let mut log = source(0, "m.zip!SRV01_EventLogs/a.evtx", &[name("SRV01.example.test")]);
        log.is_log = true;
        let mut hosts =
            Hosts::gather(vec![log, source(1, "m.zip!SRV01_RegistryKeys/SRV01_HKLM.txt", &[OFF])]);
        let ip = "198.51.100.20".parse().unwrap();
        assert!(hosts.with_address(ip).is_none());
        hosts.learn(ip, SourceId(0));
        assert_eq!(hosts.with_address(ip).and_then(Computer::denies).map(|(off, _)| off), Some(true));
    }

    #[test]
    fn a_policy_wins_and_a_change_says_nothing() {
        let on = |policy| Fact::Denies { off: false, policy };
        let hosts = Hosts::gather(vec![source(0, "a", &[name("S"), OFF, on(true)])]);
        assert_eq!(hosts.computers[0].denies().map(|(off, _)| off), Some(false));
        let hosts = Hosts::gather(vec![source(0, "a", &[name("S"), OFF, on(false)])]);
        assert_eq!(hosts.computers[0].denies(), None);
    }
}
