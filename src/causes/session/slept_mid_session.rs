//! One end went to sleep under a running session.

use super::decision;
use crate::base::{Mark, Timestamp, Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, computers};
use crate::correlate::Joined;
use crate::eventlog::system;
use crate::stream::Side;

cause! {
    /// One end of the session went to sleep.
    ///
    /// ## Why
    /// The computer that fell silent says itself that it went to sleep at that moment. The other end repeated its
    /// data for a while and gave up. Nothing is wrong with network, server or client but the power setting.
    ///
    /// ## What to do
    /// - The client: laptops sleep when their lid is closed or their battery is low. `powercfg /requests` while the
    ///   session runs shows whether anything keeps it awake; set the lid action and
    ///   `powercfg /change standby-timeout-ac 0`.
    /// - The server: `powercfg /change standby-timeout-ac 0` and `powercfg /change hibernate-timeout-ac 0`.
    /// - `powercfg /sleepstudy` (modern standby) and `powercfg /lastwake` tell when and why.
    /// - To verify: the session lives longer than the time after which it used to be cut.
    ///
    /// ## Seen as
    /// One end silent at once and the other repeating; Kernel-Power 42 or 506 or Power-Troubleshooter 1 on the silent
    /// end; RdpCoreTS 142/143 (121) on a server whose client sleeps.
    "slept-mid-session", stage: Session, severity: Failure, blames: [Client, Server],
    more_specific_than: ["packet-loss", "stateful-idle-timeout", "client-network-change", "ended-abruptly-by-server",
        "ended-abruptly-by-client", "data-dropped-after-handshake", "mtu-black-hole"],
    client_code: "0x904 or 0x404",
}

/// The silence and the fall asleep lie this near: the last data may be older than the sleep by a pause of the user.
const BEFORE: i64 = 5 * 60 * time::SECOND;
const AFTER: i64 = 5 * time::SECOND;
/// The awake side goes on for so long.
const ALONE: i64 = 2 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if !decision::was_used(case) || decision::ended_in_order(case) {
        return None;
    }
    match case.both() {
        Some(_) => [Side::Client, Side::Server].into_iter().find_map(|side| on_wire(case, side)),
        None => logs_only(case),
    }
}

/// A side falls silent on the wire, and its own computer says that it sleeps.
fn on_wire(case: &Case<'_>, side: Side) -> Option<Finding> {
    let flow = case.flow()?;
    let alone = flow.fell_silent(side, ALONE)?;
    // A side that closed was awake.
    if flow.closes.iter().any(|close| close.from == side) {
        return None;
    }
    let last = flow.habits(side).last?;
    let repeated = flow.swallowed(side.other()).into_iter().find(|lost| lost.last.time > last.time)?;
    let (joined, slept, sure) = sleeps(case).find(|(joined, slept, _)| {
        computers::may_be(case, side, &joined.event) && fits(*slept, last, last.time.shifted(alone.value))
    })?;
    let evidence = vec![
        of_sleep(joined, slept, side),
        Evidence::at(last, format!("the last sign of the {}", side.name())),
        Evidence::at(
            repeated.last,
            format!(
                "the {} repeats {} bytes, {} times; nothing answers",
                side.other().name(),
                repeated.length,
                repeated.times
            ),
        ),
    ];
    let strength = if sure { Strength::Corroborated } else { Strength::Inferred };
    let strength = computers::at_most(case, side, &joined.event, strength);
    let evidence = evidence.into_iter().chain(timed_out(case)).chain(case.ending()).collect();
    Some(Finding::new(&CAUSE, strength, blame(side), evidence).detail(format!("the {} slept", side.name())))
}

/// Without packets: the server's socket timed out while a computer slept, or its own log breaks off with its sleep.
fn logs_only(case: &Case<'_>) -> Option<Finding> {
    let (failed, _) = decision::socket_error(case, Some(decision::TIMED_OUT))?;
    let end = failed.time();
    let own = case.all_events().filter(|joined| joined.time() <= end);
    let last = own.filter(|joined| joined.event.at != failed.event.at).map(Joined::mark).max()?;
    let (joined, slept, side) = sleeps(case).find_map(|(joined, slept, _)| {
        let may_be = |side: &Side| computers::may_be(case, *side, &joined.event);
        let side = [Side::Server, Side::Client].into_iter().find(may_be)?;
        (slept.start > last.time.shifted(-AFTER) && slept.start <= end).then_some((joined, slept, side))
    })?;
    let evidence = std::iter::once(of_sleep(joined, slept, side)).chain(timed_out(case)).collect();
    let finding = Finding::new(&CAUSE, Strength::Inferred, blame(side), evidence);
    Some(finding.missing("a capture of the session: which side fell silent, and when"))
}

const fn blame(side: Side) -> Blame {
    match side {
        Side::Client => Blame::Client,
        Side::Server => Blame::Server,
    }
}

fn timed_out(case: &Case<'_>) -> Option<Evidence> {
    let (joined, _) = decision::socket_error(case, Some(decision::TIMED_OUT))?;
    Some(Evidence::event(&joined.event, "the server's socket timed out (error 121)"))
}

fn of_sleep(joined: &Joined, slept: Window, side: Side) -> Evidence {
    let says = if slept.end == Timestamp::MAX {
        format!("the {} falls asleep", side.name())
    } else {
        format!("the {} slept from {} to {}", side.name(), slept.start, slept.end)
    };
    Evidence::event(&joined.event, says)
}

/// Whether a sleep began when a side fell silent, and lasted to the end of the other's patience.
fn fits(slept: Window, last: Mark, end: Timestamp) -> bool {
    let began = Window { start: last.time.shifted(-AFTER), end: last.time.shifted(BEFORE) };
    began.contains(slept.start) && slept.start <= end && slept.end > last.time
}

/// Every sleep that a log tells of, by the capture's clock, and whether that clock is known.
fn sleeps<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Joined, Window, bool)> + use<'a> {
    let around = case.around;
    around.far.iter().filter_map(move |joined| {
        let sure = around.reliable_time(joined).is_some();
        match system::meaning(&joined.event)? {
            system::Meaning::Sleeps => {
                Some((joined, Window { start: joined.time(), end: Timestamp::MAX }, sure))
            }
            system::Meaning::Slept(slept) => {
                let shift = joined.time() - joined.event.time;
                let (start, end) = (slept.start.shifted(shift), slept.end.shifted(shift));
                Some((joined, Window { start, end }, sure))
            }
            _ => None,
        }
    })
}
