//! SYNs vanish although the host is there.

use std::net::SocketAddr;

use super::{icmp_of, rdp_disabled_or_other_port, syn_evidence, unanswered};
use crate::base::{Mark, Observed, Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, hosts};
use crate::connection::Transport;
use crate::connection::signs::Life;
use crate::correlate::Surroundings;
use crate::correlate::storm::is_of_the_internet;
use crate::correlate::surroundings::Own;
use crate::eventlog::{Provider, security};
use crate::packet::icmp::IcmpMeaning;

cause! {
    /// A firewall drops the connection silently, or nothing listens behind one.
    ///
    /// ## Why
    /// The client's SYNs are not answered at all, although the host is up. A firewall on the path or on the server
    /// drops them; a Windows host with its firewall on is also silent where nothing listens (stealth mode), so
    /// silence alone does not tell a dropped packet from a stopped service.
    ///
    /// ## What to do
    /// - To prove who drops: capture on the server. If the SYN arrives there, it is this host; if not, the path.
    ///   `auditpol /set /subcategory:"Filtering Platform Packet Drop" /failure:enable` makes the host log event 5152.
    /// - On the server: `qwinsta` (rdp-tcp must be in state Listen) and `netstat -ano | findstr :3389`. If nothing
    ///   listens, the service is the problem, not the firewall.
    /// - If it is the host's own firewall: `Get-NetConnectionProfile`; in your own office network, and nowhere else, the
    ///   category may be Private instead of Public:
    ///   `Set-NetConnectionProfile -InterfaceAlias <its name> -NetworkCategory Private`.
    /// - `Enable-NetFirewallRule -DisplayGroup "Remote Desktop"`, then look at the addresses that the rules allow:
    ///   `Get-NetFirewallRule -DisplayGroup "Remote Desktop" | Get-NetFirewallAddressFilter`.
    /// - To verify: `Test-NetConnection SERVER -Port 3389` from the client.
    ///
    /// ## Seen as
    /// SYNs with one sequence number, repeated, no SYN-ACK, no RST, no ICMP; Security 5152 or 5157 with the same
    /// addresses and ports, or DROP in `pfirewall.log`; no RdpCoreTS 131.
    "firewall-drop", stage: Transport, severity: Failure, blames: [Server, Middlebox, Network, Unknown],
    client_code: "0x204",
}

/// For so long the SYNs must have been in vain: a round trip is never longer.
const IN_VAIN: i64 = 2 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if case.connection().is_some_and(|own| own.transport == Transport::Unseen) {
        // Only the server's own log knows of it, and its word is enough.
        let word = blocked(case).filter(|_| case.accepted().is_none())?;
        return Some(of_word(case, word, Vec::new()));
    }
    let (connection, flow) = unanswered(case)?;
    if let Some(word) = word_of_server(case) {
        return Some(of_word(case, word, syn_evidence(flow)));
    }
    let answered = !flow.closes.is_empty()
        || icmp_of(flow, &[IcmpMeaning::Unreachable, IcmpMeaning::Loop, IcmpMeaning::Prohibited]).is_some();
    let repeated = flow.syns.len() >= 2 && connection.capture_end - flow.first.time >= IN_VAIN;
    if answered || !repeated || case.accepted().is_some() {
        return None;
    }
    let sign = case.ask(alive);
    let mut evidence = syn_evidence(flow);
    evidence.extend(sign.map(|sign| Evidence::of(&sign, sign.value.says())));
    if let Some(lost) = case.syns_lost() {
        evidence.push(lost);
        return Some(
            Finding::new(&CAUSE, Strength::Corroborated, Blame::Middlebox, evidence)
                .detail("the SYNs leave the client's side and do not come to the server's")
                .located("between the capture on the client's side and the one on the server's side"),
        );
    }
    // Silence alone may as well be a host that is off.
    sign?;
    if let Some(finding) = by_texts(case, connection.server.port, evidence.clone()) {
        return Some(finding);
    }
    Some(
        Finding::new(&CAUSE, Strength::Inferred, Blame::Unknown, evidence)
            .detail("the host is up and does not answer on this port")
            .missing("a capture on the server: does the SYN arrive there?")
            .missing("`qwinsta` and `netstat -ano` of the server: does anything listen?"),
    )
}

/// What the server's own firewall recorded of dropping this very connection.
pub(super) fn word_of_server(case: &Case<'_>) -> Option<Evidence> {
    blocked(case).or_else(|| in_own_log(case))
}

/// The server's Security log says so.
fn blocked(case: &Case<'_>) -> Option<Evidence> {
    let client = case.connection()?.client.ip;
    let blocked = case.events_of(&Provider::Security, &[5152, 5157]).find(|joined| {
        match security::meaning(&joined.event) {
            // What the client's own firewall keeps from going out, or its answer from coming in, is not of the server.
            Some(security::Meaning::Blocked(filtered) | security::Meaning::Dropped(filtered)) => {
                filtered.direction != Some(security::Direction::Outbound)
                    && filtered.destination.is_none_or(|end| end.ip != client)
            }
            _ => true,
        }
    })?;
    Some(Evidence::event(&blocked.event, "the server's own firewall blocks this connection"))
}

/// The server's `pfirewall.log` holds the very segment. It is written in local time, of any zone.
fn in_own_log(case: &Case<'_>) -> Option<Evidence> {
    /// Zones reach to 14 hours.
    const ANY_ZONE: i64 = 15 * 3600 * time::SECOND;
    let connection = case.connection()?;
    let server = hosts::server(case)?;
    let (from, to) = (connection.client, connection.server);
    let (from, to) = (SocketAddr::new(from.ip, from.port), SocketAddr::new(to.ip, to.port));
    let place = server.dropped(from, to, connection.first.time, ANY_ZONE)?;
    let says = format!("the firewall of {} drops this connection (pfirewall.log)", hosts::name(server));
    Some(hosts::line(place, says))
}

/// The server's own firewall says that it dropped this connection.
fn of_word(case: &Case<'_>, word: Evidence, syns: Vec<Evidence>) -> Finding {
    let mut evidence = vec![word];
    evidence.extend(syns);
    let mut finding = Finding::new(&CAUSE, Strength::Stated, Blame::Server, evidence)
        .titled("The server's own firewall blocks the connection")
        .located("the server's own firewall");
    // It records the same of a port that nobody listens on (stealth mode).
    if let Some((texts, says)) = rdp_disabled_or_other_port::by_texts(case) {
        finding.evidence.extend(texts);
        finding = finding
            .detail(format!("{says}, and the firewall records the same where nothing listens"))
            .begin_with(format!("See first whether that still holds: {says}. Then no rule of a firewall lets anybody in; the steps are those of `rdpscan explain rdp-disabled-or-other-port`."));
    }
    match case.connection().map(|own| own.client.ip).filter(|client| is_of_the_internet(*client)) {
        Some(client) => finding.begin_with(format!(
            "Is {client} the address of your user? If not, nothing is to be mended: the firewall kept a stranger out. \
             If so, add that address to those that the rule allows, and not the whole Internet."
        )),
        None => finding,
    }
}

/// The server's texts say that its firewall keeps the port shut, and something listens behind it, as far as is known.
fn by_texts(case: &Case<'_>, port: u16, packets: Vec<Evidence>) -> Option<Finding> {
    let server =
        hosts::server(case).filter(|server| server.listens(port).is_none_or(|(listens, _)| listens))?;
    let name = hosts::name(server);
    let (_, place) = server.lets_in(port).filter(|(lets_in, _)| !lets_in)?;
    let says = format!("no rule of the firewall of {name} that lets port {port} in is active");
    let mut evidence = vec![hosts::line(place, says)];
    evidence.extend(packets);
    Some(
        Finding::new(&CAUSE, Strength::Corroborated, Blame::Server, evidence)
            .detail("the server's firewall lets nothing in on this port")
            .located("the server"),
    )
}

/// How a host shows that it is up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sign {
    /// A sign of life of its own.
    Life(Life),
    /// It accepts another client's connection.
    Accepts,
}

impl Sign {
    /// As a fragment.
    pub fn says(self) -> String {
        match self {
            Self::Life(life) => life.says(),
            Self::Accepts => "the same host accepts another connection".into(),
        }
    }
}

/// The sign that the host is up which lies nearest to the attempt, from any capture, or else one from another client's
/// connection.
pub(super) fn alive(own: Own<'_>, around: &Surroundings) -> Option<Observed<Sign>> {
    /// A sign this much older still counts; one that comes later may be of a host that woke up meanwhile.
    const FRESH: i64 = 30 * time::SECOND;
    let meanwhile = own.window;
    let fresh = Window { start: meanwhile.start.shifted(-FRESH), ..meanwhile };
    // ARP is broadcast: it is heard where the packets of one direction are not captured.
    let answers_are_captured =
        || around.others.accepts || around.captures_at(own.first).any(|capture| capture.hosts.are_heard());
    let ip = own.server.ip;
    let sign = around
        .captures
        .iter()
        .filter(|own| own.hosts.of(ip).is_some_and(|host| host.is_heard() || answers_are_captured()))
        .flat_map(|own| own.hosts.signs(ip, fresh))
        .min_by_key(|sign| (meanwhile.gap(sign.time), sign.value.rank(), sign.time));
    sign.map(|sign| sign.map(Sign::Life))
        .or_else(|| Some(accepts_another(own, around, fresh)?.of(Sign::Accepts)))
}

/// When the same host accepted another client, or at another port.
fn accepts_another(own: Own<'_>, around: &Surroundings, fresh: Window) -> Option<Mark> {
    /// So many before are looked at.
    const ENOUGH: usize = 256;
    // A port that answered before tells of a service that went since, or of a host that fell asleep; and what keeps this
    // client out does not let it in.
    let meanwhile = around.others.accepted_of_another(own, own.window).and_then(|other| other.accepted);
    let before = || {
        around.others.shown_at_host(own).ports.then_some(())?;
        let mut before = around.others.accepted_at_host(own, fresh).rev().take(ENOUGH);
        before.find(|(other, _)| other.server != own.server).map(|(_, accepted)| accepted)
    };
    meanwhile.or_else(before)
}
