//! What two capture points prove of one connection, as evidence: loss between them, or a reset made between them.
//!
//! Decides no cause. Where there is one point only, it says nothing.

use super::{Case, Evidence};
use crate::base::time;
use crate::connection::Views;
use crate::connection::crossing::NeverCame;
use crate::connection::views::{Origin, Reset};
use crate::stream::{Close, CloseKind, Side};

/// Sendings that must have been lost between the points.
const TIMES: u32 = 2;
/// Segments of any kind of which none came any more.
const GONE: u32 = 3;
/// They must span at least this long.
const SPAN: i64 = time::SECOND;

/// What was lost between the points, and of whom.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Whose segments.
    pub side: Side,
    /// Where that shows.
    pub evidence: Vec<Evidence>,
}

impl<'a> Case<'a> {
    /// What two capture points saw of the connection.
    pub fn views(&self) -> Option<&'a Views> {
        self.connection()?.views.as_deref()
    }

    /// What two capture points know of a reset.
    pub fn reset(&self, close: &Close) -> Option<&'a Reset> {
        self.views().filter(|_| close.kind == CloseKind::Rst)?.reset_at(close.mark)
    }

    /// A reset that came out of the host, or its network segment, whose address it bears: where it left.
    pub fn own_reset(&self, close: &Close) -> Option<Evidence> {
        let reset = self.reset(close).filter(|reset| reset.origin == Some(Origin::Sent) && reset.own)?;
        let says = format!("it left the {} itself, by the capture on that side", reset.from.name());
        Some(Evidence::at(reset.passed?, says))
    }

    /// A reset that was made between the points: what the point on its alleged sender's side shows.
    pub fn injected(&self, close: &Close) -> Option<Vec<Evidence>> {
        let reset = self.reset(close).filter(|reset| reset.origin == Some(Origin::Injected))?;
        let says = format!(
            "the capture on the {}'s side goes on and holds no such reset; this is what it saw last before",
            reset.from.name()
        );
        Some(reset.witness.into_iter().map(|mark| Evidence::at(mark, says.clone())).collect())
    }

    /// Data of `side` that left its point again and again and never came to the other.
    pub fn never_came(&self, side: Side) -> impl Iterator<Item = &'a NeverCame> + use<'a> {
        let crossing = self.views().map(|views| views.crossing(side)).filter(|crossing| crossing.is_proof);
        crossing.into_iter().flat_map(|crossing| &crossing.never).filter(|never| never.times >= TIMES)
    }

    /// Proof that segments were lost between the points until the end: data that never came, or nothing of any kind.
    pub fn lost_between(&self, first: Side) -> Option<Loss> {
        [first, first.other()].into_iter().find_map(|side| {
            let crossing = self.views()?.crossing(side);
            let never = self.never_came(side).last();
            let gone = crossing.vanished.filter(|gone| {
                crossing.is_proof && gone.count >= GONE && gone.last.time - gone.first.time >= SPAN
            });
            let mut evidence = Vec::new();
            evidence.extend(never.map(|never| {
                let says = format!(
                    "{} bytes of the {} pass the capture on its side {} times and never come to the other one",
                    never.length,
                    side.name(),
                    never.times
                );
                Evidence::at(never.last, says)
            }));
            evidence.extend(gone.map(|gone| {
                let says = format!(
                    "from here on none of {} segments of the {} comes to the capture on the {}'s side",
                    gone.count,
                    side.name(),
                    side.other().name()
                );
                Evidence::at(gone.first, says)
            }));
            (!evidence.is_empty()).then_some(Loss { side, evidence })
        })
    }

    /// Whether two capture points show that all data of both sides crossed the path between them: then what was lost
    /// was not lost there.
    pub fn all_came(&self) -> bool {
        self.views().is_some_and(|views| {
            [Side::Client, Side::Server].into_iter().all(|side| {
                let crossing = views.crossing(side);
                crossing.is_proof && crossing.lost == 0 && crossing.vanished.is_none()
            })
        })
    }

    /// What shows that SYNs left the client's side and did not come to the capture on the server's side.
    pub fn syns_lost(&self) -> Option<Evidence> {
        let connection = self.connection()?;
        if let Some(absent) = connection.absent.filter(|absent| absent.side == Side::Server) {
            let says = "the capture on the server's side runs all the while and holds none of these SYNs; this is \
                        what it saw between both hosts at the nearest time";
            return absent.witness.map(|mark| Evidence::at(mark, says));
        }
        let crossing = &connection.views.as_deref()?.to_server;
        let (sent, lost) = (crossing.openings.0, crossing.openings_lost());
        let all = sent > 0 && u64::try_from(lost.len()).ok() == Some(sent);
        let says = "this SYN and the others do not come to the capture on the server's side";
        lost.first().filter(|_| all).map(|mark| Evidence::at(*mark, says))
    }

    /// Where the points stand, for a reader.
    pub fn between_points(&self) -> Option<String> {
        let views = self.views()?;
        let ends = match (views.at_client, views.at_server) {
            (true, true) => "between the client and the server",
            (true, false) => "between the client and the capture on the server's side",
            (false, true) => "between the capture on the client's side and the server",
            (false, false) => "between the two capture points",
        };
        let hops = match views.hops {
            None | Some(0) => String::new(),
            Some(1) => ", which are one router apart".into(),
            Some(hops) => format!(", which are {hops} routers apart"),
        };
        Some(format!("{ends}{hops}"))
    }

    /// Where a fault of the path lies, as far as one capture tells: on which side of it, and over how many routers.
    pub fn beyond_point(&self) -> Option<String> {
        let (connection, flow) = self.both()?;
        let hops = |side: Side| {
            let own = flow.habits(side).ttl.map(|(least, _)| least);
            let known = || self.around.others.ttl_of(connection.server.ip).map(|(least, _)| least);
            let ttl = own.or_else(|| known().filter(|_| side == Side::Server))?;
            [64, 128, 255].into_iter().find(|start| ttl <= *start).map(|start| start - ttl)
        };
        let far = match (hops(Side::Client)?, hops(Side::Server)?) {
            (0, 1..) => Side::Server,
            (1.., 0) => Side::Client,
            _ => return None,
        };
        let routers = match hops(far)? {
            1 => "one router".to_owned(),
            many => format!("{many} routers"),
        };
        let near = far.other().name();
        Some(format!("between the {near}, where this was captured, and the {}, {routers} away", far.name()))
    }

    /// A tunnel on the path, by the segment size that one side announces.
    pub fn tunnel(&self) -> Option<String> {
        /// What Ethernet, PPPoE and IPv6 leave is more; less is no tunnel but an old or odd host.
        const TUNNEL: std::ops::RangeInclusive<u16> = 1000..=1420;
        let flow = self.flow()?;
        [Side::Client, Side::Server].into_iter().find_map(|side| {
            let mss = flow.habits(side).mss.filter(|mss| TUNNEL.contains(mss))?;
            Some(format!(
                "a tunnel or VPN is on the path of the {}: its segments have at most {mss} bytes",
                side.name()
            ))
        })
    }
}

/// Causes that lie somewhere on the path.
const ON_THE_PATH: [&str; 6] = [
    "firewall-drop",
    "packet-loss",
    "data-dropped-after-handshake",
    "stateful-idle-timeout",
    "mtu-black-hole",
    "syn-ack-lost",
];

/// Adds where on the path a fault lies, as far as it goes.
pub fn locate(case: &Case<'_>, finding: &mut super::Finding) {
    if !ON_THE_PATH.contains(&finding.cause.id) || finding.severity < super::Severity::Warning {
        return;
    }
    let known = finding.location.take();
    let place = known.or_else(|| case.beyond_point());
    let parts: Vec<String> = place.into_iter().chain(case.tunnel()).collect();
    finding.location = Some(parts.join("; ")).filter(|text| !text.is_empty());
}
