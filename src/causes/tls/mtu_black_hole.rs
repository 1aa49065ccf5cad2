//! Large segments vanish, small ones pass, and nobody says why.

use crate::base::time;
use crate::causes::transport::packet_loss::timed_out;
use crate::causes::transport::{icmp_of, too_big_cut_off};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, hosts};
use crate::packet::icmp::IcmpMeaning;
use crate::stream::{CloseKind, Flow, Repeat, Side};

cause! {
    /// Packets above a certain size vanish on the path without a word (MTU black hole).
    ///
    /// ## Why
    /// Full-size segments that must not be fragmented are repeated and never acknowledged, while smaller ones get
    /// through. A link on the path (a tunnel, a VPN, PPPoE) takes less than the two ends believe, and the ICMP
    /// message that should say so is not sent or is filtered.
    ///
    /// ## What to do
    /// - Find the limit from the client: `ping -f -l 1472 SERVER`, downwards until it passes; the MTU is that
    ///   number plus 28.
    /// - Let ICMP type 3 code 4 (ICMPv6 type 2) pass on every firewall of the path: this is the cure.
    /// - Or clamp the TCP MSS on the VPN or tunnel device; or set the MTU of the adapter:
    ///   `netsh interface ipv4 set subinterface "Ethernet" mtu=1350 store=persistent`.
    /// - To verify: `netsh interface ipv4 show subinterfaces`, then a connection; the certificate flight of the server
    ///   must arrive.
    ///
    /// ## Seen as
    /// Full-size segments with DF repeated, SACK beyond them; no ICMP 3/4; RdpCoreTS 131, 65, 141, then 143 (121).
    /// [RFC 2923] 2.1
    "mtu-black-hole", stage: Tls, severity: Failure, blames: [Network, Middlebox],
    more_specific_than: ["packet-loss", "ended-abruptly-by-server", "ended-abruptly-by-client",
        "closed-inside-tls-reason-not-visible", "nla-refused-reason-not-visible", "client-left-or-probe",
        "data-dropped-after-handshake"],
    client_code: "0x904 or 0x108",
}

/// Sendings in vain of a large segment.
const TIMES: u32 = 3;
/// Segments below this pass through every tunnel that is in use.
const LARGE: u32 = 900;
/// After a hole the sender must still be heard this much later: TCP has repeated the missing part by then.
const HEARD_AFTER: i64 = 3 * time::SECOND;
/// They must span at least this long.
const SPAN: i64 = 700 * time::MILLISECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (_, flow) = case.both()?;
    let told = icmp_of(flow, &[IcmpMeaning::TooBig]).or_else(|| case.ask(too_big_cut_off));
    if !flow.is_established() || told.is_some() || !case.capture_is_fair() {
        return None;
    }
    let repeated =
        [Side::Client, Side::Server].into_iter().find_map(|side| Some((side, too_large(flow, side)?)));
    let Some((side, lost)) = repeated else {
        return case.capture_is_sound().then(|| beyond_the_hole(case, flow)).flatten();
    };
    // What came to the other capture point was not too large for the path.
    if case.all_came() {
        return None;
    }
    let mut evidence = vec![
        Evidence::at(
            lost.first,
            format!("the {} sends {} bytes in one segment{}", side.name(), lost.length, df(&lost)),
        ),
        Evidence::at(
            lost.last,
            format!("the same segment, sent {} times; it was never acknowledged", lost.times),
        ),
    ];
    let stream = flow.stream(side);
    if let Some((passed, at)) = stream.largest_passed.zip(stream.largest_passed_at) {
        evidence.push(Evidence::at(at, format!("the largest segment that passed had {passed} bytes")));
    }
    if let Some(last) = flow.habits(side.other()).last.filter(|last| last.time > lost.first.time) {
        evidence.push(Evidence::at(
            last,
            format!("the {} is still heard: smaller packets pass", side.other().name()),
        ));
    }
    let passed = stream.largest_passed.unwrap_or(0);
    // The server's transport times out over exactly this connection: its log agrees that nothing came back.
    let proof = gone_between(case, side);
    let logged = timed_out(case);
    let explains = explaining_mtu(case, flow, passed, lost.length);
    let strength = if logged.is_empty() && proof.is_none() && explains.is_none() {
        Strength::Inferred
    } else {
        Strength::Corroborated
    };
    evidence.extend(logged);
    evidence.extend(explains);
    let way = format!("on the way from the {} to the {}", side.name(), side.other().name());
    let between = case.between_points().filter(|_| proof.is_some());
    evidence.extend(proof);
    Some(
        Finding::new(&CAUSE, strength, Blame::Network, evidence)
            .detail(format!("segments of {} bytes do not pass, segments of {passed} bytes do", lost.length))
            .located(between.map_or(way.clone(), |between| format!("{between}, {way}"))),
    )
}

/// Two capture points agree: every large segment left the one and none came to the other, while small ones did.
fn gone_between(case: &Case<'_>, side: Side) -> Option<Evidence> {
    let crossing = case.views()?.crossing(side);
    let largest = crossing.largest.map_or(0, |largest| largest.value);
    let never = case.never_came(side).find(|never| never.length >= LARGE && never.length > largest)?;
    let rest = match largest {
        0 => "packets without data do".to_owned(),
        largest => format!("segments of up to {largest} bytes do"),
    };
    let says = format!(
        "it passes the capture on the {}'s side {} times and never comes to the one on the {}'s side; {rest}",
        side.name(),
        never.times,
        side.other().name()
    );
    Some(Evidence::at(never.last, says))
}

/// The interface of one of the two ends whose MTU is the limit that the packets show: what passed fits, what was lost does
/// not. Or one that is set to more than Ethernet carries, if as much was sent. An end that offers to take larger segments
/// than fit its interface uses another one.
fn explaining_mtu(case: &Case<'_>, flow: &Flow, passed: u32, lost: u32) -> Option<Evidence> {
    /// [RFC 894]
    const ETHERNET: u32 = 1500;
    // Headers of IP and TCP, with the option that every segment carries.
    let stamps = if flow.client_habits.timestamps && flow.server_habits.timestamps { 12 } else { 0 };
    let bare = if flow.server.ip.is_ipv6() { 60 } else { 40 };
    let (fits, too_large) = (passed.saturating_add(bare + stamps), lost.saturating_add(bare + stamps));
    let ends = [(hosts::client(case), Side::Client), (hosts::server(case), Side::Server)];
    ends.into_iter().find_map(|(computer, side)| {
        let computer = computer?;
        let own = if side == Side::Client { flow.client.ip } else { flow.server.ip };
        let offered = flow.habits(side).mss.map_or(0, |mss| u32::from(mss) + bare);
        let mut interfaces = computer.interfaces(own);
        let ((interface, mtu), place) = interfaces.find(|((_, mtu), _)| {
            let is_limit = passed > 0 && (fits..too_large).contains(mtu);
            let is_jumbo = *mtu > ETHERNET && *mtu < u32::from(u16::MAX) && too_large > ETHERNET;
            (is_limit || is_jumbo) && *mtu >= offered
        })?;
        let name = hosts::name(computer);
        Some(hosts::line(place, format!("the interface {interface} of {name} has an MTU of {mtu}")))
    })
}

/// Seen from the receiver: large segments never arrive, the smaller end of the same burst does, and the sender is
/// still heard.
fn beyond_the_hole(case: &Case<'_>, flow: &Flow) -> Option<Finding> {
    let (side, hole) = [Side::Client, Side::Server].into_iter().find_map(|side| {
        let stream = flow.stream(side);
        let hole =
            stream.gaps.iter().find(|gap| !gap.acknowledged && !gap.cut && gap.length >= u64::from(LARGE))?;
        let never_filled = stream.acked_end.is_none_or(|end| end <= hole.offset);
        let heard = flow.habits(side).last.is_some_and(|last| last.time - hole.mark.time >= HEARD_AFTER);
        let passed = stream.largest_passed.is_some_and(|passed| passed >= LARGE);
        (never_filled && heard && !passed).then_some((side, *hole))
    })?;
    let last = flow.habits(side).last?;
    let mut evidence = vec![
        Evidence::at(
            hole.mark,
            format!(
                "the end of a burst of the {} arrives, the {} bytes before it never do",
                side.name(),
                hole.length
            ),
        ),
        Evidence::at(last, format!("the {} is still heard: small packets pass", side.name())),
    ];
    // What was sent is as large as the receiver takes.
    let passed = flow.stream(side).largest_passed.unwrap_or(0);
    let sent = flow.habits(side.other()).mss.map_or(LARGE, u32::from);
    let explains = explaining_mtu(case, flow, passed, sent);
    let strength = if explains.is_some() { Strength::Corroborated } else { Strength::Inferred };
    evidence.extend(explains);
    Some(
        Finding::new(&CAUSE, strength, Blame::Network, evidence)
            .detail("the large segments of a burst never arrive, its small end and later small packets do")
            .located(format!("on the way from the {} to this capture point", side.name()))
            .missing(format!("a capture at the {}: it shows the large segments being repeated", side.name())),
    )
}

fn df(lost: &Repeat) -> &'static str {
    if lost.dont_fragment { " that must not be fragmented" } else { "" }
}

/// A large segment that was lost for good while smaller data of the same side got through after it, or the other
/// side was still heard.
fn too_large(flow: &Flow, side: Side) -> Option<Repeat> {
    let stream = flow.stream(side);
    let lost = stream.unacknowledged_repeats().find(|lost| {
        lost.times >= TIMES && lost.length >= LARGE && lost.last.time - lost.first.time >= SPAN
    })?;
    let passed_as_large = stream.largest_passed.is_some_and(|passed| passed >= lost.length);
    let is_sacked = |end: u64| stream.sacked_end.is_some_and(|sacked| sacked >= end);
    // A small one behind it that is repeated as well, and not even told to have come, did not pass either.
    let small_lost = stream.unacknowledged_repeats().any(|other| {
        let end = other.offset + u64::from(other.length);
        other.length < LARGE && (other.offset < lost.offset || !is_sacked(end))
    });
    let sacked_beyond = stream.sacked_end.is_some_and(|end| end > lost.offset + u64::from(lost.length));
    let heard = flow.habits(side.other()).last.is_some_and(|last| last.time > lost.first.time);
    let answered = flow
        .close_of(side.other(), CloseKind::Rst)
        .is_some_and(|reset| lost.first < reset.mark && reset.mark < lost.last);
    (!passed_as_large && !small_lost && !answered && (sacked_beyond || heard)).then_some(*lost)
}
