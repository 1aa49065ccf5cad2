//! The client moved to another network: its old address falls silent, and it comes back from a new one.

use super::decision;
use crate::base::{Window, time};
use crate::causes::transport::packet_loss::timed_out;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::Stage;
use crate::correlate::Surroundings;
use crate::correlate::clock::seconds;
use crate::correlate::surroundings::{BACK, Other, Own, SILENT};
use crate::eventlog::{Provider, network};
use crate::stream::Side;

cause! {
    /// The client changed its network: Wi-Fi, VPN or address.
    ///
    /// ## Why
    /// Nothing comes from the client's address any more, the server repeats its data in vain, and the same user
    /// connects again from another address a little later. A laptop changed from cable to Wi-Fi, the VPN was cut or
    /// set up, or the address lease was lost.
    ///
    /// ## What to do
    /// - On the client: Microsoft-Windows-NetworkProfile/Operational 10000 and 10001, and
    ///   Microsoft-Windows-WLAN-AutoConfig/Operational, at that second.
    /// - VPN: look at its idle and rekey time-outs and at its log on the client.
    /// - Keep the adapter from sleeping: `Disable-NetAdapterPowerManagement -Name Wi-Fi`, and set roaming
    ///   aggressiveness of the Wi-Fi adapter to its lowest.
    /// - To verify: the session lives through the same move, or the client's address stays the same.
    ///
    /// ## Seen as
    /// Silence of the client's address, repeats of the server without an answer, then a SYN from another address
    /// with the same cookie; client NetworkProfile 10001 and 10000; LocalSessionManager 25.
    "client-network-change", stage: Session, severity: Failure, blames: [Client],
    more_specific_than: ["packet-loss", "stateful-idle-timeout", "ended-abruptly-by-server",
        "ended-abruptly-by-client"],
    client_code: "0x904, or the reconnect bar",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let Some((connection, flow)) = case.both() else { return logged_only(case) };
    let up = connection.reached >= Stage::Settings || decision::was_used(case);
    let running = up && connection.goodbye.is_none();
    if !running || flow.closes.iter().any(|close| close.from == Side::Client) {
        return None;
    }
    let last = flow.client_habits.last?;
    let alone = flow.fell_silent(Side::Client, SILENT)?;
    let lost = flow.swallowed(Side::Server).into_iter().find(|lost| lost.last.time > last.time)?;
    let back = Window { start: last.time, end: last.time.shifted(BACK) };
    let next = case.ask(came_back)?;
    let mut evidence = vec![
        Evidence::at(last, format!("the last sign of the client at {}", connection.client.ip)),
        Evidence::at(lost.last, format!("the server repeats {} bytes; nothing answers", lost.length)),
        Evidence::at(next.first, format!("the same user connects from {}", next.client)),
    ];
    let moved = moved(case, back);
    // The server's transport that timed out over the old address tells the same from its side.
    let timed_out = timed_out(case);
    // That times out for any loss: only a log that also knows the new connection tells the same story.
    let logged = moved.is_some() || !timed_out.is_empty() && next.logged;
    let strength = if logged { Strength::Corroborated } else { Strength::Inferred };
    evidence.extend(moved);
    evidence.extend(timed_out);
    let detail = format!(
        "the client falls silent at {} and is back from {} after {:.1} s",
        connection.client.ip,
        next.client,
        seconds(next.window.start - last.time)
    );
    let finding = Finding::new(&CAUSE, strength, Blame::Client, evidence)
        .detail(format!("{detail}; the server repeated its data for {:.1} s", seconds(alone.value)));
    Some(finding.missing("the client's NetworkProfile/Operational log: 10001 and 10000 at that second"))
}

/// Whether the log that knows this connection holds the other's time, and not the other: it is of another server.
fn is_missed_by_the_log(own: Own<'_>, other: &Other, around: &Surroundings) -> bool {
    own.logged && !other.logged && around.coverage.unbroken(&Provider::RdpCoreTs, &other.window).is_some()
}

/// The same user, from another address: of those that a log should know, one that it does. Who is soon back where he was
/// did not move.
fn came_back(own: Own<'_>, around: &Surroundings) -> Option<Other> {
    let [last, _] = own.heard;
    let soon = last.map(|last| Window { start: last.shifted(1), end: last.shifted(BACK) })?;
    if around.others.of_same_pair(own, soon).next().is_some() {
        return None;
    }
    around.others.back_elsewhere(own).find(|other| !is_missed_by_the_log(own, other, around)).cloned()
}

/// Somebody of whom nothing tells that it is another user.
fn may_have_come_back(own: Own<'_>, around: &Surroundings) -> Option<()> {
    let mut new = around.others.back_elsewhere(own).chain(around.others.may_be_back_elsewhere(own));
    new.find(|other| !is_missed_by_the_log(own, other, around)).map(|_| ())
}

/// Whether the client that fell silent may be back from another address: somebody is, and nothing tells that it is
/// another user; and no more can be said of it.
pub(in crate::causes) fn may_be_back(case: &Case<'_>) -> bool {
    detect(case).is_none() && case.ask(may_have_come_back).is_some()
}

/// From the server's log alone: its transport to the old address timed out, and the same user had come back from
/// another address by then, or came soon after.
fn logged_only(case: &Case<'_>) -> Option<Finding> {
    let connection = case.connection()?;
    let timed_out = timed_out(case);
    if timed_out.is_empty() || !decision::was_used(case) || decision::ended_in_order(case) {
        return None;
    }
    let own = Other::of_attempt(case.attempt?);
    let back = Window { start: connection.first.time, end: connection.last.time.shifted(BACK) };
    let next = case.around.others.begun_within(back).find(|other| {
        other.first > connection.first
            && other.client != connection.client.ip
            && other.tls_passed.is_some()
            && other.is_unseen()
            && own.name.is_some()
            && other.name == own.name
    })?;
    let mut evidence = timed_out;
    evidence.push(Evidence::at(next.first, format!("the same user connects from {}", next.client)));
    evidence.extend(case.accepted());
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Client, evidence).detail(format!(
        "the server hears no more of {}, and the same user is back from {}",
        connection.client.ip, next.client
    ));
    Some(finding.missing("the client's NetworkProfile/Operational log: 10001 and 10000 at that time"))
}

/// The client's own log of a network that went or came.
fn moved(case: &Case<'_>, back: Window) -> Option<Evidence> {
    let joined = case
        .around
        .far_near(back.widened(5 * time::SECOND))
        .filter(|joined| case.reliable_time(joined).is_some())
        .find(|joined| {
            matches!(
                network::meaning(&joined.event),
                Some(
                    network::Meaning::NetworkConnected { .. } | network::Meaning::NetworkDisconnected { .. }
                )
            )
        })?;
    Some(Evidence::event(&joined.event, "a network was connected or lost on this computer"))
}
