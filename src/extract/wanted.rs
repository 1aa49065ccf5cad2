//! Which frames of a capture belong to an incident: those of its connections, those that the verdict names with the
//! connections that they stand in, and what the network said of either.
//!
//! Knows addresses, times and frame numbers only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::Judged;
use crate::base::{Locator, Shift, SourceId, Window, time};
use crate::capture::split::Collect;
use crate::capture::{Capture, Frame};
use crate::causes::{Evidence, Finding, Verdict};
use crate::connection::lookup::{self, Lookup};
use crate::correlate::Incident;
use crate::packet::interest::NAME_PORTS;
use crate::packet::neighbour::Sign;
use crate::packet::{Datagram, Endpoint, Interest, Packets};

/// What belongs to a connection comes no longer than this before and after it.
const MARGIN: i64 = time::SECOND;
/// Signs of the hosts are kept from so long before the incident until so long after it.
const AROUND: i64 = 60 * time::SECOND;

/// Both ends, the lesser first: the same for both directions.
type Ends = (Endpoint, Endpoint);

/// Both ends of a conversation and when it took place.
#[derive(Clone, Debug, Default)]
struct Conversations(BTreeMap<Ends, Vec<Window>>);

impl Conversations {
    fn add(&mut self, one: Endpoint, other: Endpoint, window: Window) {
        let windows = self.0.entry(ends(one, other)).or_default();
        let window = window.widened(MARGIN);
        if !windows.contains(&window) {
            windows.push(window);
        }
    }

    fn hold(&self, one: Endpoint, other: Endpoint, time: crate::base::Timestamp) -> bool {
        self.0
            .get(&ends(one, other))
            .is_some_and(|windows| windows.iter().any(|window| window.contains(time)))
    }
}

fn ends(one: Endpoint, other: Endpoint) -> Ends {
    (one.min(other), one.max(other))
}

/// An incident, before it is looked for in a capture.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    judged: &'a Judged<'a>,
    own: Conversations,
    hosts: BTreeSet<IpAddr>,
    lookups: Vec<&'a Lookup>,
    window: Option<Window>,
    /// By capture and frame.
    proofs: BTreeMap<(SourceId, u64), Vec<String>>,
}

impl<'a> Scene<'a> {
    pub fn of(incident: &'a Incident, verdict: &Verdict, judged: &'a Judged<'a>) -> Self {
        let window = incident.first(judged.attempts).zip(incident.last(judged.attempts));
        let window = window.map(|(first, last)| Window { start: first.time, end: last.time });
        let mut scene = Self {
            judged,
            own: Conversations::default(),
            hosts: BTreeSet::new(),
            lookups: Vec::new(),
            window,
            proofs: proofs(verdict),
        };
        for at in &incident.connections {
            scene.connection(*at);
        }
        let sides = incident.sides.iter().filter_map(|at| Some(&judged.around.sides.get(*at)?.udp));
        for udp in sides.chain(incident.side_alone.as_deref()) {
            let window = Window { start: udp.first.time, end: udp.last.time };
            scene.own.add(udp.client, udp.server, window);
            scene.hosts.extend([udp.client.ip, udp.server.ip]);
        }
        scene.hosts.extend(incident.unanswered_host.map(|host| host.ip));
        scene.lookups = lookups(incident, judged, &scene.hosts);
        scene
    }

    fn connection(&mut self, at: usize) {
        let Some(attempt) = self.judged.attempts.get(at) else { return };
        let connection = &attempt.connection;
        let flow = connection.flow.as_deref().map(|flow| (flow.client, flow.server));
        let known = std::iter::once((connection.client, connection.server)).chain(flow);
        for (client, server) in known.chain(connection.also_as.iter().copied()) {
            self.own.add(client, server, connection.window());
            self.hosts.extend([client.ip, server.ip].into_iter().filter(|ip| !ip.is_unspecified()));
        }
    }

    /// What a capture has of it; nothing if it has none.
    pub fn of_capture(
        &self,
        source: SourceId,
        capture: &Capture<'_>,
        interest: &Arc<Interest>,
    ) -> Option<Wanted> {
        let proofs = self.proofs.iter().filter(|((own, _), _)| *own == source);
        let mut wanted = Wanted {
            source,
            clock: self.judged.alignment.shift(source),
            conversations: self.own.clone(),
            hosts: self.hosts.clone(),
            around: self.window.map(|window| window.widened(AROUND)),
            names: self.names(source),
            proofs: proofs.map(|((_, frame), says)| (*frame, says.clone())).collect(),
        };
        self.add_named(&mut wanted, capture, interest);
        let shown = self.judged.attempts.iter().any(|attempt| {
            let own = &attempt.connection;
            (own.first.at.source() == source || own.also_in.contains(&source))
                && wanted.conversations.hold(own.client, own.server, own.first.time)
        });
        let beside = self.judged.around.sides.iter().any(|side| {
            let own = &side.udp;
            (own.first.at.source() == source || own.also_in.contains(&source))
                && wanted.conversations.hold(own.client, own.server, own.first.time)
        });
        (shown || beside || !wanted.proofs.is_empty()).then_some(wanted)
    }

    fn names(&self, source: SourceId) -> BTreeMap<(IpAddr, String), Window> {
        let own = self.lookups.iter().filter(|lookup| lookup.first.at.source() == source);
        own.map(|lookup| {
            let window = Window { start: lookup.first.time, end: lookup.last.time };
            ((lookup.client, lookup.name.clone()), window)
        })
        .collect()
    }

    /// The connections, of others as well, that the frames stand in which the verdict names.
    fn add_named(&self, wanted: &mut Wanted, capture: &Capture<'_>, interest: &Arc<Interest>) {
        let Some(last) = wanted.proofs.keys().next_back().copied() else { return };
        let (mut at, mut state, mut number) = (capture.start, capture.state.clone(), 1);
        while at < capture.bytes.len() && number <= last {
            let step = capture.step(at, state);
            if step.next <= at {
                break;
            }
            (at, state) = (step.next, step.state);
            if let Some((frame, _)) = step.frame.filter(|_| wanted.proofs.contains_key(&number)) {
                for (from, to, time) in wanted.pairs(&frame, interest, capture) {
                    for attempt in self.judged.attempts {
                        let own = &attempt.connection;
                        let is_it = ends(own.client, own.server) == ends(from, to);
                        if is_it && own.window().widened(MARGIN).contains(time) {
                            wanted.conversations.add(own.client, own.server, own.window());
                        }
                    }
                }
            }
            number += step.frames;
        }
    }
}

/// The lookups that led to the server, or that failed.
fn lookups<'a>(incident: &'a Incident, judged: &'a Judged<'a>, hosts: &BTreeSet<IpAddr>) -> Vec<&'a Lookup> {
    let all = judged.around.captures.iter().flat_map(|capture| &capture.lookups);
    all.filter(|lookup| {
        let failed = incident.lookup.as_ref();
        let is_it = failed.is_some_and(|own| own.client == lookup.client && own.name == lookup.name);
        let leads = lookup
            .answers
            .iter()
            .any(|answer| answer.value.addresses.iter().any(|address| hosts.contains(address)));
        let typed = judged.target.is_some_and(|target| lookup.is_for(target));
        is_it || hosts.contains(&lookup.client) && (leads || typed)
    })
    .collect()
}

/// What each frame proves, that the verdict, a remark or an exoneration names.
fn proofs(verdict: &Verdict) -> BTreeMap<(SourceId, u64), Vec<String>> {
    let mut proofs: BTreeMap<(SourceId, u64), Vec<String>> = BTreeMap::new();
    let mut add = |evidence: &[Evidence], lead: &str| {
        for fact in evidence {
            if let Locator::Frame { source, number } = fact.mark.at {
                let says = proofs.entry((source, number)).or_default();
                let text = format!("{lead}: {}", fact.says);
                if !says.contains(&text) {
                    says.push(text);
                }
            }
        }
    };
    let lead = |finding: &Finding| format!("{} ({})", finding.cause.id, finding.strength.name());
    if let Some(finding) = &verdict.finding {
        add(&finding.evidence, &lead(finding));
    }
    add(&verdict.evidence, verdict.kind.name());
    for remark in &verdict.remarks {
        add(&remark.evidence, &lead(remark));
    }
    for own in &verdict.exonerated {
        add(&own.evidence, &format!("{} exonerated", own.party.name()));
    }
    proofs
}

/// What of one capture is wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    pub source: SourceId,
    /// How far its clock is from the one that all times are told by.
    clock: Shift,
    conversations: Conversations,
    hosts: BTreeSet<IpAddr>,
    around: Option<Window>,
    names: BTreeMap<(IpAddr, String), Window>,
    proofs: BTreeMap<u64, Vec<String>>,
}

impl Wanted {
    /// Whether a frame belongs to the incident.
    pub fn wants(
        &self,
        number: u64,
        frame: &Frame<'_>,
        interest: &Arc<Interest>,
        capture: &Capture<'_>,
    ) -> bool {
        if self.proofs.contains_key(&number) {
            return true;
        }
        let packets = self.packets(frame, interest, capture);
        let around = self.around.is_some_and(|window| window.contains(self.clock.away(frame.time)));
        let both = |one: &IpAddr, other: &IpAddr| self.hosts.contains(one) && self.hosts.contains(other);
        packets.segments.iter().any(|own| self.conversations.hold(own.from, own.to, own.time))
            || packets
                .datagrams
                .iter()
                .any(|own| self.conversations.hold(own.from, own.to, own.time) || self.is_name(own))
            || packets.icmp.iter().any(|own| {
                self.conversations.hold(own.quoted.from, own.quoted.to, own.time)
                    || around && both(&own.quoted.from.ip, &own.quoted.to.ip)
            })
            || around && packets.fragments.iter().any(|own| both(&own.key.from, &own.key.to))
            || around
                && packets.neighbours.iter().any(|own| match own.sign {
                    Sign::Asked(ip, _) | Sign::Told(ip, _) | Sign::Echoed(ip) | Sign::Accepted(ip, _) => {
                        self.hosts.contains(&ip)
                    }
                })
    }

    /// What a frame proves, with its number in the capture.
    pub fn proofs(&self, number: u64) -> Vec<String> {
        let says = self.proofs.get(&number).into_iter().flatten();
        says.map(|says| format!("{says} (frame {number} of the capture)")).collect()
    }

    /// Both ends of what is in a frame, and its time.
    fn pairs(
        &self,
        frame: &Frame<'_>,
        interest: &Arc<Interest>,
        capture: &Capture<'_>,
    ) -> Vec<(Endpoint, Endpoint, crate::base::Timestamp)> {
        let packets = self.packets(frame, interest, capture);
        let segments = packets.segments.iter().map(|own| (own.from, own.to, own.time));
        let quoted = packets.icmp.iter().map(|own| (own.quoted.from, own.quoted.to, own.time));
        segments.chain(quoted).collect()
    }

    fn packets(&self, frame: &Frame<'_>, interest: &Arc<Interest>, capture: &Capture<'_>) -> Packets {
        let mut packets = Packets::new(Arc::clone(interest), capture.bytes).by_clock(self.clock);
        packets.frame(*frame);
        packets
    }

    fn is_name(&self, datagram: &Datagram) -> bool {
        let named = |port| NAME_PORTS.contains(&port);
        if self.names.is_empty() || !named(datagram.from.port) && !named(datagram.to.port) {
            return false;
        }
        lookup::lookups(self.source, std::slice::from_ref(datagram)).into_iter().any(|own| {
            self.names.get(&(own.client, own.name)).is_some_and(|window| window.contains(datagram.time))
        })
    }
}
