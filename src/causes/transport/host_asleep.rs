//! The server slept while the client tried.

use super::{is_one_computer, syn_evidence, unanswered};
use crate::base::{Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, computers};
use crate::correlate::Joined;
use crate::eventlog::{Provider, system};
use crate::stream::Side;

cause! {
    /// The server was asleep.
    ///
    /// ## Why
    /// The server's own log says that it slept (or hibernated, or was in modern standby) when the client tried.
    /// Its adapter may even have answered ARP and neighbour discovery in its sleep.
    ///
    /// ## What to do
    /// - On the server: `powercfg /change standby-timeout-ac 0` and `powercfg /change hibernate-timeout-ac 0`; laptops
    ///   also by their lid setting.
    /// - Who sends it to sleep, and what may wake it: `powercfg /requests`, `powercfg /lastwake`,
    ///   `powercfg /devicequery wake_armed`.
    /// - To wake it over the network:
    ///   `Set-NetAdapterPowerManagement -Name Ethernet -WakeOnMagicPacket Enabled`, and Wake-on-LAN in its firmware.
    /// - To verify: an attempt after the usual idle time connects.
    ///
    /// ## Seen as
    /// SYNs unanswered; Power-Troubleshooter 1 with an interval that holds the attempt; Kernel-Power 42 or 506 before
    /// it and nothing written since.
    "host-asleep", stage: Transport, severity: Failure, blames: [Server],
    more_specific_than: ["firewall-drop", "host-unreachable", "service-down", "rdp-disabled-or-other-port"],
    client_code: "0x204 or 0x108",
}

/// A fall asleep is looked for this far back.
const BEFORE: i64 = 7 * 24 * 3600 * time::SECOND;
/// Events of falling asleep and of waking are written this near to the moment itself.
const EDGE: i64 = 10 * time::SECOND;

/// A clock that could not be compared is not further off than this, if its computer is of a domain.
const UNCOMPARED: i64 = 15 * 60 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (_, flow) = unanswered(case)?;
    // A refusal needs somebody who is awake.
    if !flow.closes.is_empty() || flow.syns.len() < 2 {
        return None;
    }
    let holds = |slept: &Window| slept.contains(flow.first.time) && slept.contains(flow.last.time);
    let mut slept =
        case.around.far.iter().filter_map(|joined| Some((joined, interval(joined).filter(holds)?)));
    let told = slept.find(|(joined, _)| computers::of_server(case)(joined));
    let (joined, slept) = told.or_else(|| fell_asleep(case))?;
    let told = told.is_some();
    if was_awake(case, joined, slept) {
        return None;
    }
    let says = if told {
        format!("the server slept from {} to {}", slept.start, slept.end)
    } else {
        format!("the server falls asleep at {}, and nothing was written since", slept.start)
    };
    let mut evidence = vec![Evidence::event(&joined.event, says)];
    evidence.extend(syn_evidence(flow));
    let clock = joined.corrected.is_some()
        || case.reliable_time(joined).is_some()
            && slept.contains(flow.first.time.shifted(-UNCOMPARED))
            && slept.contains(flow.last.time.shifted(UNCOMPARED));
    let sure = told && is_one_computer(case) && clock;
    let strength = if sure { Strength::Corroborated } else { Strength::Inferred };
    let strength = computers::at_most(case, Side::Server, &joined.event, strength);
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence))
}

/// From when to when a host slept, by the capture's clock as far as it is known.
fn interval(joined: &Joined) -> Option<Window> {
    let Some(system::Meaning::Slept(slept)) = system::meaning(&joined.event) else { return None };
    let offset = joined.corrected.map_or(0, |corrected| joined.event.time - corrected);
    Some(Window { start: slept.start.shifted(-offset), end: slept.end.shifted(-offset) })
}

/// The last fall asleep before the attempt, with no sign of waking: to the end of the attempt.
fn fell_asleep<'a>(case: &Case<'a>) -> Option<(&'a Joined, Window)> {
    let window = case.connection()?.window();
    let before = Window { start: window.start.shifted(-BEFORE), end: window.start };
    let joined = case
        .around
        .far_near(before)
        .filter(|joined| matches!(system::meaning(&joined.event), Some(system::Meaning::Sleeps)))
        .rfind(computers::of_server(case))?;
    let start = joined.time();
    Some((joined, Window { start, end: window.end }))
}

/// Whether the same computer wrote anything in its sleep: then it did not sleep. Kernel-Power 107 is stamped with
/// the moment of falling asleep.
fn was_awake(case: &Case<'_>, own: &Joined, slept: Window) -> bool {
    let inside = Window { start: slept.start.shifted(EDGE), end: slept.end.shifted(-EDGE) };
    let inside = |joined: &&Joined| inside.contains(joined.time());
    let own_computer = |joined: &&Joined| joined.event.computer == own.event.computer;
    case.around.far.iter().chain(case.all_events()).filter(inside).filter(own_computer).any(|joined| {
        joined.event.provider != Provider::KernelPower
            || matches!(system::meaning(&joined.event), Some(system::Meaning::Woke))
    })
}
