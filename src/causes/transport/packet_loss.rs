//! Segments are lost until the connection dies.

use super::icmp_of;
use crate::base::{Window, time};
use crate::causes::case::routers_passed;
use crate::causes::session::client_network_change::may_be_back;
use crate::causes::session::decision;
use crate::causes::session::stateful_idle_timeout::FORGETS_AFTER;
use crate::causes::{Blame, Case, Evidence, Finding, Severity, Strength, cause};
use crate::connection::Connection;
use crate::correlate::Surroundings;
use crate::correlate::surroundings::{Own, TOGETHER};
use crate::eventlog::rdp_core_ts;
use crate::packet::icmp::IcmpMeaning;
use crate::stream::flow::OUT_OF_ORDER;
use crate::stream::{CloseKind, Flow, Repeat, Side, Stream};

cause! {
    /// The network loses packets until the connection dies.
    ///
    /// ## Why
    /// Segments are repeated again and again and never acknowledged, whatever their size: the path between the two
    /// is broken (cable, Wi-Fi, VPN, a link that is down), or loses so much that TCP gives up.
    ///
    /// ## What to do
    /// - Look at the link where the user sits first: `Get-NetAdapterStatistics`, Wi-Fi signal, VPN client log.
    /// - `pathping SERVER` while it happens; on Windows hosts `pktmon start -c` counts local drops with reasons.
    /// - Capture at both ends at once: what leaves one and does not reach the other was lost between them.
    /// - To verify: a session of ten minutes without repeated segments (`tcp.analysis.retransmission` in Wireshark).
    ///
    /// ## Seen as
    /// Retransmissions with doubling pauses until RST or silence; RdpCoreTS 143/142 (121), 226 (0x80070079), 228
    /// (0xD0000001), 103 (14).
    "packet-loss", stage: Transport, severity: Failure, blames: [Network],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client", "no-cc",
        "closed-inside-tls-reason-not-visible", "nla-refused-reason-not-visible"],
    client_code: "0x904, 0x404 or 0x304",
}

/// Sendings in vain with which a segment counts as lost for good.
const TIMES: u32 = 3;
/// They must span at least this long.
const SPAN: i64 = 1500 * time::MILLISECOND;
/// Share of repeated segments that is worth a remark on a connection that survived, in thousandths.
const NOTABLE: u64 = 20;
/// Data segments below which a share means nothing.
const ENOUGH: u64 = 20;
/// Losses that make a remark: one may happen on any path.
const SEVERAL: u64 = 2;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let Some((connection, flow)) = case.both() else { return logged_only(case) };
    if !case.capture_is_fair() || !flow.is_established() || flow.is_half_open() {
        return None;
    }
    match died(case, flow) {
        // What came to the other capture point was not lost on the way there.
        Some(_) if connection.goodbye.is_none() && case.all_came() => None,
        // Then the host went, or the network right before it.
        Some((Side::Client, _)) if case.ask(died_for_all).is_some() => None,
        // Then it went elsewhere, for all that is known.
        Some((Side::Server, _)) if may_be_back(case) => None,
        Some(_) if may_be_forgotten(case) => None,
        // What came to where the receiver is was not lost on the way there, unless the receiver's log misses it.
        Some((side, _))
            if connection.goodbye.is_none()
                && stands_at(flow, side.other())
                && timed_out(case).is_empty() =>
        {
            None
        }
        Some((side, lost)) if connection.goodbye.is_none() => {
            Some(failure(case, connection, flow, side, &lost))
        }
        _ => survived(connection, flow),
    }
}

/// Whether what is cut off hides a session that a device on the path forgot while it idled.
pub(in crate::causes) fn may_be_forgotten(case: &Case<'_>) -> bool {
    let cut = case.flow().filter(|flow| flow.is_cut());
    cut.is_some_and(|flow| died(case, flow).is_some_and(|(_, lost)| after_idling(flow, &lost)))
}

/// Whether the capture was made where a side is: the other's packets have passed routers, its own none.
fn stands_at(flow: &Flow, side: Side) -> bool {
    let passed = |side: Side| flow.habits(side).ttl.map(|(least, _)| routers_passed(least));
    passed(side) == Some(0) && passed(side.other()).is_some_and(|passed| passed > 0)
}

/// Whether other clients lost the same server at the same time.
fn died_for_all(own: Own<'_>, around: &Surroundings) -> Option<()> {
    let [_, last] = own.heard;
    around.others.silent_of_another(own, Window::at(last?).widened(TOGETHER)).map(|_| ())
}

/// The side and the segment with which the path died: repeated to the end, and the other side heard no more.
fn died(case: &Case<'_>, flow: &Flow) -> Option<(Side, Repeat)> {
    [Side::Client, Side::Server].into_iter().find_map(|side| {
        let lost = flow
            .swallowed(side)
            .into_iter()
            .find(|lost| lost.times >= TIMES && lost.last.time - lost.first.time >= SPAN)?;
        let other = flow.habits(side.other()).last;
        // The other side may repeat its own data, unheard as well; but it must not have acknowledged anything since.
        let alive = other.is_some_and(|last| last.time - lost.first.time > OUT_OF_ORDER)
            && flow.swallowed(side.other()).is_empty();
        let answered = flow
            .close_of(side.other(), CloseKind::Rst)
            .is_some_and(|reset| reset.mark > lost.first && case.reset(reset).is_none_or(|own| own.arrived));
        (!alive && !answered).then_some((side, lost))
    })
}

fn failure(case: &Case<'_>, connection: &Connection, flow: &Flow, side: Side, lost: &Repeat) -> Finding {
    let seconds = crate::correlate::clock::seconds(lost.last.time - lost.first.time);
    let mut evidence = vec![
        Evidence::at(lost.first, format!("the {} sends {} bytes", side.name(), lost.length)),
        Evidence::at(
            lost.last,
            format!(
                "the same bytes, sent {} times within {seconds:.1} s; they were never acknowledged",
                lost.times
            ),
        ),
    ];
    if let Some(silent) = flow.habits(side.other()).last {
        evidence.push(Evidence::at(silent, format!("the last sign of the {}", side.other().name())));
    }
    let gone = case.ask_to_tell(asked_in_vain);
    evidence.extend(gone.clone());
    let proof = case.lost_between(side);
    let logged = timed_out(case);
    // The server's 121 tells that it was up and heard nothing; so does a client that sleeps. It agrees on *loss* where
    // the client was up too, and sent: in what died, or in what was lost before.
    // Two capture points agree on it no better where nothing of the silent one left it any more.
    let heard = case.lost_between(side.other()).is_some_and(|loss| loss.side != side);
    let awake = side == Side::Client || lost_before(flow, side, lost) || heard;
    let agrees = !logged.is_empty() || proof.is_some();
    let strength = if awake && agrees && !after_idling(flow, lost) {
        Strength::Corroborated
    } else {
        Strength::Inferred
    };
    evidence.extend(logged);
    let silent = side.other().name();
    let gone = gone.map(|_| {
        format!(
            "; nobody answers for the {silent}'s hardware address: the {silent}, or the link to it, is gone"
        )
    });
    let what = format!(
        "from one moment on nothing of the {} is acknowledged, in the stage {}{}",
        side.name(),
        connection.reached,
        gone.unwrap_or_default()
    );
    let Some(proof) = proof else {
        let finding = Finding::new(&CAUSE, strength, Blame::Network, evidence)
            .detail(what)
            .missing("a capture at the other end, to tell where on the path the packets are lost");
        let vanished = !lost_before(flow, side, lost);
        return if vanished { finding.missing(may_have_gone(side.other())) } else { finding };
    };
    evidence.extend(proof.evidence);
    let ways = if case.lost_between(side.other()).is_some_and(|other| other.side != proof.side) {
        "in both directions".to_owned()
    } else {
        format!("on the way from the {} to the {}", proof.side.name(), proof.side.other().name())
    };
    let between = case.between_points().unwrap_or_default();
    Finding::new(&CAUSE, strength, Blame::Network, evidence)
        .detail(what)
        .located(format!("{between}, {ways}"))
}

/// Whether somebody in the capture's own segment asked again and again for the hardware address of the side that fell
/// silent, and nobody answered any more: then no router lies between.
fn asked_in_vain(own: Own<'_>, around: &Surroundings) -> Option<Evidence> {
    /// One question may be lost.
    const SEVERAL: u32 = 3;
    let [client, server] = own.heard;
    let (ip, last) = if client < server { (own.client, client?) } else { (own.server.ip, server?) };
    around.captures_at(own.first).find_map(|capture| {
        let (first, newest, count) = capture.hosts.of(ip)?.asked?;
        let since = Window { start: last, end: newest.time };
        let answered = capture.hosts.signs(ip, since).next().is_some();
        let says =
            format!("the last of {count} questions for the hardware address of {ip}; none was answered");
        (first.time > last && count >= SEVERAL && !answered).then(|| Evidence::at(newest, says))
    })
}

/// What would tell that a side was there and heard nothing, where nothing else was lost.
fn may_have_gone(side: Side) -> String {
    let name = side.name();
    format!(
        "whether the {name} was still there: who sleeps or crashes falls silent in the same way; its System log says so \
         (Kernel-Power 42 or 41, EventLog 6008)"
    )
}

/// Whether the connection had idled for as long as devices on the path forget connections.
fn after_idling(flow: &Flow, died: &Repeat) -> bool {
    flow.silence.is_some_and(|silence| {
        silence.length() >= FORGETS_AFTER && (died.first.time - silence.to.time).abs() <= time::SECOND
    })
}

/// Whether segments were lost besides the one with which the connection died. Where the slice hides the options of TCP,
/// what was repeated may have come: a receiver says so in one of them. RFC 2883
fn lost_before(flow: &Flow, side: Side, died: &Repeat) -> bool {
    if flow.is_cut() && flow.client_habits.mss.is_none() {
        return false;
    }
    let own = lost(flow.stream(side)).saturating_sub(u64::from(died.times)) > 0;
    own || lost(flow.stream(side.other())) > 0 || !flow.swallowed(side.other()).is_empty()
}

/// A connection that lost packets and lived: worth a word.
fn survived(connection: &Connection, flow: &Flow) -> Option<Finding> {
    if !connection.reached_session() {
        return None;
    }
    // What a sender repeats in smaller pieces after a router's message was not lost by accident.
    if icmp_of(flow, &[IcmpMeaning::TooBig]).is_some() {
        return None;
    }
    let sides = [Side::Client, Side::Server].map(|side| flow.stream(side));
    let losses: u64 = sides.iter().map(|stream| lost(stream)).sum();
    let sent: u64 = sides.iter().map(|stream| stream.data_segments).sum();
    if losses < SEVERAL || sent < ENOUGH || losses * 1000 <= sent * NOTABLE {
        return None;
    }
    let side = if lost(&flow.to_server) > lost(&flow.to_client) { Side::Client } else { Side::Server };
    let stream = flow.stream(side);
    let evidence = stream.repeats.iter().take(4).map(|repeat| {
        Evidence::at(repeat.last, format!("the {} repeats {} bytes", side.name(), repeat.length))
    });
    let says = format!(
        "{} of {} data segments of the {} are repeats; the session survived them",
        stream.retransmissions,
        stream.data_segments,
        side.name()
    );
    let evidence = evidence.collect();
    let crossing = connection.views.as_deref().map(|views| views.crossing(side));
    let finding = match crossing.filter(|crossing| crossing.proven() > 0) {
        None => Finding::new(&CAUSE, Strength::Inferred, Blame::Network, evidence).detail(says),
        Some(crossing) => Finding::new(&CAUSE, Strength::Corroborated, Blame::Network, evidence).detail(
            format!("{says}; {} of {} were lost between the two captures", crossing.lost, crossing.sent),
        ),
    };
    Some(finding.graded(Severity::Remark))
}

/// Repeats that the receiver did not have already. A late segment and the receiver's word for it are one event.
fn lost(stream: &Stream) -> u64 {
    stream.retransmissions.saturating_sub(stream.spurious.max(stream.overtaken))
}

/// The server's own words for a transport that timed out.
pub(in crate::causes) fn timed_out(case: &Case<'_>) -> Vec<Evidence> {
    decision::socket_error(case, Some(decision::TIMED_OUT))
        .into_iter()
        .map(|(joined, _)| Evidence::event(&joined.event, "the server's transport timed out (error 121)"))
        .collect()
}

/// From the log alone: the transport of a session timed out, and nobody decided to end it. A connection that did not
/// come so far may have met a black hole as well, and a client that sleeps or leaves its network looks the same.
fn logged_only(case: &Case<'_>) -> Option<Finding> {
    case.attempt?;
    if !decision::was_used(case) {
        return None;
    }
    let decided = case.all_events().any(|joined| {
        matches!(rdp_core_ts::meaning(&joined.event), Some(rdp_core_ts::Meaning::ClientClosed))
            || rdp_core_ts::error_info(&joined.event).is_some_and(|code| code != 0)
    });
    let mut evidence = timed_out(case);
    if evidence.is_empty() || decided || was_idle(case) {
        return None;
    }
    evidence.extend(case.accepted());
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Network, evidence).missing(
        "a capture at either end: the log tells that the transport timed out, not where the packets went",
    );
    Some(finding.missing(may_have_gone(Side::Client)))
}

/// Whether the server counts so long without output before the end that a device on the path may have forgotten the
/// session.
fn was_idle(case: &Case<'_>) -> bool {
    case.all_events().any(|joined| match rdp_core_ts::meaning(&joined.event) {
        Some(rdp_core_ts::Meaning::Idle(counts)) => {
            let seconds = counts.into_iter().flatten().min();
            seconds
                .and_then(|seconds| i64::try_from(seconds).ok())
                .is_some_and(|seconds| seconds >= FORGETS_AFTER / time::SECOND)
        }
        _ => false,
    })
}
