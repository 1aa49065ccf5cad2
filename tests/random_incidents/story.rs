//! What an incident is, and what an honest reader may say of it with the evidence that is left.
//!
//! Taken from the reference only: the deciding evidence, the residuals and the grades of each cause.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::random::Random;
use super::super::support::bytes::{Nanos, SECOND, date};
use super::log::{Build, Who};
use super::pieces::Party;
use super::world::{Spot, World};

/// A piece of evidence that a proof needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    Packets,
    AtClient,
    AtServer,
    AtBoth,
    /// RdpCoreTS/Operational of the server.
    Core,
    /// RemoteConnectionManager/Operational of the server.
    Rcm,
    RcmAdmin,
    /// System and Security of the server.
    System,
    Security,
    /// The clock of the server's log can be compared with the capture's: connections of the noise stand in both.
    Clock,
    /// The clocks of both computers agree, though nothing compares them.
    RightClock,
    /// The server's log shows the address and port that the capture shows.
    Address,
    ClientRdp,
    ClientSystem,
    ClientSecurity,
    Gateway,
    /// The user told the name.
    Target,
}

/// Evidence that suffices to name the cause, and whether it makes more than a pattern.
pub struct Proof {
    pub needs: &'static [Need],
    pub strong: bool,
}

/// More than a pattern: a party says so, or two classes agree.
pub const fn strong(needs: &'static [Need]) -> Proof {
    Proof { needs, strong: true }
}

/// A pattern.
pub const fn weak(needs: &'static [Need]) -> Proof {
    Proof { needs, strong: false }
}

/// What happened.
pub struct Story {
    pub cause: &'static str,
    pub blame: &'static [&'static str],
    /// What may be said instead where no proof is complete; `undetermined` always may.
    pub lesser: &'static [&'static str],
    pub proofs: Vec<Proof>,
    /// Without a proof it may look like a session that nothing went wrong with.
    pub may_look_healthy: bool,
    /// Not a failure: the verdict is healthy.
    pub benign: bool,
    pub target: Option<&'static str>,
}

/// A failure.
pub fn failure(
    cause: &'static str,
    blame: &'static [&'static str],
    lesser: &'static [&'static str],
    proofs: Vec<Proof>,
) -> Story {
    Story { cause, blame, lesser, proofs, may_look_healthy: false, benign: false, target: None }
}

impl Story {
    pub fn may_look_healthy(mut self) -> Self {
        self.may_look_healthy = true;
        self
    }

    pub fn benign(mut self) -> Self {
        self.benign = true;
        self
    }

    pub fn target(mut self, name: &'static str) -> Self {
        self.target = Some(name);
        self
    }
}

/// When the healthy sessions around the incident run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noise {
    /// Before, during and after, to the same server.
    Around,
    /// To the same server, and over twenty minutes before.
    Before,
    /// To another server: this one serves nobody at the time.
    Elsewhere,
}

/// Where the story is told.
pub struct Scene {
    pub w: World,
    pub party: Party,
    /// A third computer: name server, other client, other server.
    pub third: usize,
    pub begin: Nanos,
}

const USERS: &[&str] = &["alice", "bob", "carol", "erin", "frank", "grace", "heidi", "ivan"];

impl Scene {
    pub fn new(mut random: Random, dated: &str, six: bool) -> Self {
        let day = random.below(20) as Nanos * 86_400 * SECOND;
        let begin = date(dated) + day + random.below(36_000_000) as Nanos * 1_000_000;
        let client = Ipv4Addr::new(10, 30, random.below(250) as u8, 1 + random.below(250) as u8);
        let server = Ipv4Addr::new(172, 20, random.below(30) as u8, 1 + random.below(250) as u8);
        let third = Ipv4Addr::new(10, 31, random.below(250) as u8, 1 + random.below(250) as u8);
        let outside =
            random.one_in(3).then(|| IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1 + random.below(250) as u8)));
        let shifts_ports = random.one_in(2);
        let user = USERS[random.below(USERS.len())];
        let build = if random.one_in(5) { Build::Server2012R2 } else { Build::Windows10 };
        let mut w = World::new(random, begin);
        let address = |ip: Ipv4Addr| if six { in_six(ip) } else { ip.into() };
        let client = w.computer(address(client), 128);
        let server = w.computer(address(server), 128);
        let third = w.computer(address(third), 64);
        let outside = outside.filter(|_| !six);
        let party = Party { client, server, outside, shifts_ports, user, build };
        Self { w, party, third, begin }
    }
}

/// The IPv6 address of a computer that has this one of IPv4.
pub fn in_six(ip: Ipv4Addr) -> IpAddr {
    let [a, b, c, d] = ip.octets().map(u16::from);
    Ipv6Addr::new(0x2001, 0xdb8, a, b, 0, 0, c, d + 0x100).into()
}

/// What is left of the evidence.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    pub spots: &'static [Spot],
    pub logs: Logs,
    /// Of the server's logs.
    pub clock: Nanos,
    pub told: bool,
    /// The captures begin late or end early: nothing has to be found, and still nothing else may be said.
    pub part: bool,
}

/// Which logs are left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Logs {
    None,
    All,
    Server,
    OnlyCore,
    OnlySecurity,
    OnlySystem,
    Client,
}

impl Logs {
    pub fn keeps(self, who: Who, channel: &str) -> bool {
        let core = channel == "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";
        match self {
            Self::None => false,
            Self::All => true,
            Self::Server => who != Who::Client,
            Self::OnlyCore => who == Who::Server && core,
            Self::OnlySecurity => who == Who::Server && channel == "Security",
            Self::OnlySystem => who == Who::Server && channel == "System",
            Self::Client => who == Who::Client,
        }
    }
}

/// What a scene makes possible, besides the evidence that is left.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub noise: Noise,
    pub sessions: usize,
    pub nat: bool,
}

impl Evidence {
    pub fn has(&self, need: Need, setting: &Setting) -> bool {
        let at = |spot| self.spots.contains(&spot);
        let server_seen = at(Spot::Server) || (at(Spot::Client) && !setting.nat);
        let keeps = |who, channel: &str| self.logs.keeps(who, channel);
        match need {
            Need::Packets => !self.spots.is_empty(),
            Need::AtClient => at(Spot::Client),
            Need::AtServer => at(Spot::Server),
            Need::AtBoth => at(Spot::Client) && at(Spot::Server),
            Need::Core => keeps(Who::Server, "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"),
            Need::Rcm => keeps(Who::Server, "RCM"),
            Need::RcmAdmin => keeps(Who::Server, "RCM/Admin"),
            Need::System => keeps(Who::Server, "System"),
            Need::Security => keeps(Who::Server, "Security"),
            // The noise is not behind the NAT.
            Need::Clock => {
                !self.spots.is_empty()
                    && setting.sessions >= 3
                    && setting.noise != Noise::Elsewhere
                    && self.has(Need::Core, setting)
            }
            Need::RightClock => self.clock.abs() < 300 * SECOND,
            Need::Address => server_seen,
            Need::ClientRdp => keeps(Who::Client, "RDPClient"),
            Need::ClientSystem => keeps(Who::Client, "System"),
            Need::ClientSecurity => keeps(Who::Client, "Security"),
            Need::Gateway => keeps(Who::Gateway, "Gateway"),
            Need::Target => self.told,
        }
    }

    /// The best proof of the story that is complete.
    pub fn proof<'a>(&self, story: &'a Story, setting: &Setting) -> Option<&'a Proof> {
        if self.part {
            return None;
        }
        let complete = |proof: &&Proof| proof.needs.iter().all(|need| self.has(*need, setting));
        story.proofs.iter().filter(complete).max_by_key(|proof| proof.strong)
    }
}
