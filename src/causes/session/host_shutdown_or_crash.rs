//! The host went down under the session.

use super::decision;
use crate::base::{Mark, Timestamp, Window, time};
use crate::causes::authentication::refused::is_tied;
use crate::causes::case::ending_says;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, computers, told};
use crate::connection::Transport;
use crate::correlate::{Joined, keys};
use crate::eventlog::system::{self, Meaning};
use crate::eventlog::{Provider, rdp_core_ts};
use crate::stream::{Flow, Side};

cause! {
    /// The server was shut down, restarted or crashed under the session.
    ///
    /// ## Why
    /// The session ended because its host did: somebody or something asked for a restart, updates were installed,
    /// the host crashed or lost its power, or a part of Windows that every session needs crashed.
    ///
    /// ## What to do
    /// - System of the server tells which: 1074 names who asked for it and why, 41 and 6008 are a crash or a loss
    ///   of power, 1001 (BugCheck) a stop error.
    /// - `Get-WinEvent -FilterHashtable @{LogName='System';Id=41,1001,1074,6006,6008}`; dumps lie in
    ///   `%SystemRoot%\Minidump` and `%SystemRoot%\MEMORY.DMP`.
    /// - If it was an update: set active hours or a maintenance window, and tell the users before.
    /// - To verify: `(Get-CimInstance Win32_OperatingSystem).LastBootUpTime` is older than the session.
    ///
    /// ## Seen as
    /// User32 1074; EventLog 6006, 6008; Kernel-Power 41, 109; Kernel-General 12, 13; LocalSessionManager 54 beside
    /// 23; all sessions end together.
    "host-shutdown-or-crash", stage: Session, severity: Failure, blames: [Server],
    more_specific_than: [
        "ended-abruptly-by-server", "ended-abruptly-by-client", "stateful-idle-timeout", "logoff-or-window-closed"
    ],
    client_code: "0x904 or 0x3",
}

/// errorInfo: graphics, winlogon or csrss of the session crashed. [MS-RDPBCGR] 2.2.5.1.1
const CRASHES: &[u32] = &[0x10, 0x11, 0x12, 0x17, 0x18];
/// A shutdown is asked for this long before it ends sessions, at most.
const ASKED_BEFORE: i64 = 120 * time::SECOND;
/// The system's own stop and the end of its sessions lie this near.
const NEAR: i64 = 60 * time::SECOND;
/// Where the end itself is known, they lie nearer.
const SOON: i64 = 30 * time::SECOND;
/// The next start, which is when a crash is logged, follows within this.
const STARTS_WITHIN: i64 = 30 * 60 * time::SECOND;
/// What a computer writes this much later was not written before the end.
const AFTERWARDS: i64 = 10 * time::SECOND;
/// A computer that starts writes this long before it notes that it had crashed.
const STARTS_FOR: i64 = 120 * time::SECOND;
/// Sendings in vain that show a sender who waits.
const IN_VAIN: u32 = 3;
/// The server says nothing any more, while the client goes on for this long.
const SILENT: i64 = 2 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let words = |_| Some("a part of Windows that the session needs crashed");
    if let Some(finding) = decision::detect(case, &CAUSE, CRASHES, Blame::Server, words) {
        return Some(finding);
    }
    if !decision::was_used(case) || waited_in_vain(case) {
        return None;
    }
    if decision::ended_in_order(case) {
        return logged_off_by_stop(case);
    }
    let connection = case.connection()?;
    let unseen = connection.transport == Transport::Unseen;
    let (end, seen) = match abrupt_end(case) {
        Some((end, seen)) => (end, Some(seen)),
        None if unseen => (connection.last, None),
        // The capture stops before the end: the log alone tells it.
        None if case.flow()?.closes.is_empty() && !logged_end(case) => (last_sign(case)?, None),
        None => return None,
    };
    let ended = logged_end(case);
    let closed = ended || case.ended_by(Side::Server).is_some();
    // Of a crash the log tells by what it lacks: no end of this connection before the next start.
    let open = unseen && !ended;
    let lived = |joined: &Joined| {
        if open { started_before(case, joined, end.time) } else { lived_on(case, joined, end.time) }
    };
    let went_down = |joined: &Joined| !ended && !lived(joined);
    let stopped = |joined: &Joined| !closed || !was_asked_later(case, joined, end.time);
    let told = |joined: &Joined| {
        let within_all = || open && would_tell(case, joined);
        let is_filtered = || open && !case.around.coverage.tells_ends(&joined.event.computer, None);
        let said = record(joined, end.time, within_all, closed)?;
        let is_crash = matches!(system::meaning(&joined.event), Some(Meaning::StoppedUnexpectedly));
        let fits = if is_crash { went_down(joined) && !is_filtered() } else { stopped(joined) };
        (fits && computers::of_server(case)(&joined)).then_some(said)
    };
    let is_compared = |joined: &&Joined| unseen || joined.corrected.is_some();
    let last = if open { Timestamp::MAX } else { end.time.shifted(STARTS_WITHIN) };
    let near = Window { start: end.time.shifted(-ASKED_BEFORE), end: last };
    let far = || case.around.far_near(near);
    // A start alone does not tell that the host was down because of it.
    let decides = |records: &[(bool, Evidence)]| records.iter().any(|(decides, _)| *decides);
    let mut records: Vec<(bool, Evidence)> = far().filter(is_compared).filter_map(told).collect();
    let sure = seen.is_some() && decides(&records);
    if !decides(&records) {
        let named = |joined: &Joined| told(joined).filter(|_| is_named(case, joined));
        records = far().filter(|joined| !is_compared(joined)).filter_map(named).collect();
    }
    if !decides(&records) {
        return None;
    }
    records.sort_by_key(|(decides, evidence)| (!decides, evidence.mark));
    let strength = if sure { Strength::Corroborated } else { Strength::Inferred };
    let mut evidence: Vec<Evidence> = records.into_iter().map(|(_, evidence)| evidence).collect();
    evidence.insert(
        1.min(evidence.len()),
        seen.unwrap_or_else(|| Evidence::at(end, "the last sign of this connection")),
    );
    // What the client repeated in vain is what a reader of the capture sees first.
    let in_vain = case.flow().and_then(|flow| flow.to_server.unacknowledged_repeats().next());
    evidence.extend(in_vain.map(|lost| {
        let says = format!(
            "the client repeats {} bytes, {} times, to a server that is gone",
            lost.length, lost.times
        );
        Evidence::at(lost.last, says)
    }));
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence))
}

/// A computer that stops logs its users off, in a row. A session that was left before the stop, or with a reason, its
/// user had logged off himself.
fn logged_off_by_stop(case: &Case<'_>) -> Option<Finding> {
    let by_client = case.all_events().any(|joined| {
        matches!(
            rdp_core_ts::meaning(&joined.event),
            Some(rdp_core_ts::Meaning::ClientClosed | rdp_core_ts::Meaning::Disconnected(Some(11..=13)))
        )
    });
    let was_left = case.all_events().any(|joined| keys::left_session(&joined.event).is_some());
    let off = case.all_events().find(|joined| keys::logs_off(&joined.event))?;
    if by_client || was_left || !decision::statements(case).is_empty() {
        return None;
    }
    let began = case.connection()?.window().start;
    // Who asks for a stop may ask for it hours ahead: the stop itself decides.
    let stops = |joined: &Joined| {
        let after = joined.event.time - off.event.time;
        let (decides, says) = match system::meaning(&joined.event) {
            Some(Meaning::StopAsked { by, .. })
                if (-ASKED_BEFORE..=0).contains(&after) && joined.time() > began =>
            {
                (false, asked_for(by))
            }
            Some(Meaning::Stops(_)) if (0..=NEAR).contains(&after) => (true, SHUTS_DOWN.into()),
            _ if keys::stops_sessions(&joined.event) && (-AFTERWARDS..=NEAR).contains(&after) => {
                (true, "the session manager is told to stop".into())
            }
            _ => return None,
        };
        let is_own = joined.event.computer == off.event.computer;
        (is_own && !was_asked_later(case, joined, off.event.time))
            .then(|| (decides, Evidence::event(&joined.event, says)))
    };
    let near = Window { start: off.time().shifted(-ASKED_BEFORE), end: off.time().shifted(NEAR) };
    let records: Vec<(bool, Evidence)> = case.around.far_near(near).filter_map(stops).collect();
    if !records.iter().any(|(decides, _)| *decides) {
        return None;
    }
    let mut evidence: Vec<Evidence> = records.into_iter().map(|(_, evidence)| evidence).collect();
    evidence.push(Evidence::event(&off.event, "the session manager logs the user off"));
    evidence.sort_by_key(|evidence| evidence.mark);
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Server, evidence);
    Some(finding.detail("its users are logged off"))
}

/// Whether one log of the server's sessions holds all from the session to the record of a crash, and would tell their
/// ends: one that is filtered to logons, or was exported before, tells nothing of a session by its silence.
fn would_tell(case: &Case<'_>, crash: &Joined) -> bool {
    let Some(began) = case.connection().map(|own| own.first.time) else { return false };
    let lasted = Window { start: began, end: crash.time().shifted(-STARTS_FOR).max(began) };
    case.around.coverage.tells_ends(&crash.event.computer, Some(&lasted))
}

/// Whether the server waited for the client in vain: then it was there to the end.
fn waited_in_vain(case: &Case<'_>) -> bool {
    let repeated = |flow: &Flow| flow.swallowed(Side::Server).iter().any(|lost| lost.times >= IN_VAIN);
    decision::socket_error(case, Some(decision::TIMED_OUT)).is_some() || case.flow().is_some_and(repeated)
}

/// Whether the computer of a record that tells of a crash wrote anything between the end and the start after that crash.
fn lived_on(case: &Case<'_>, crash: &Joined, end: Timestamp) -> bool {
    // It may have been idle until the client said something that was not answered.
    let asked = case.flow().and_then(|flow| flow.to_server.unacknowledged_repeats().next());
    let dead = asked.map_or(end, |asked| asked.first.time.max(end));
    let between =
        Window { start: dead.shifted(AFTERWARDS), end: crash.time().shifted(-STARTS_FOR).max(dead) };
    let own = case.all_events().filter(|joined| between.contains(joined.time()));
    case.around.far_near(between).chain(own).any(|joined| joined.event.computer == crash.event.computer)
}

/// Whether the computer of a record that tells of a crash had started anew before: then its sessions had ended by then.
fn started_before(case: &Case<'_>, crash: &Joined, end: Timestamp) -> bool {
    let between = Window { start: end, end: crash.time().shifted(-STARTS_FOR) };
    tells(case, crash, between, |meaning| matches!(meaning, Meaning::Started(_)))
}

/// Whether somebody asked for the stop that a record tells of after the end: then it did not end the session.
fn was_asked_later(case: &Case<'_>, stop: &Joined, end: Timestamp) -> bool {
    let later = Window { start: end.shifted(AFTERWARDS), end: stop.time() };
    tells(case, stop, later, |meaning| matches!(meaning, Meaning::StopAsked { .. }))
}

/// Whether the computer of a record tells something within a time.
fn tells(case: &Case<'_>, of: &Joined, within: Window, is: impl Fn(Meaning<'_>) -> bool) -> bool {
    let mut near = case.around.far_near(within);
    near.any(|joined| {
        joined.event.computer == of.event.computer && system::meaning(&joined.event).is_some_and(&is)
    })
}

/// When the server ended the session, or was last heard of it.
fn abrupt_end(case: &Case<'_>) -> Option<(Mark, Evidence)> {
    let flow = case.flow()?;
    if let Some(close) = case.ended_by(Side::Server) {
        return Some((close.mark, Evidence::at(close.mark, ending_says(close))));
    }
    flow.fell_silent(Side::Server, SILENT)?;
    let last = flow.habits(Side::Server).last?;
    Some((last, Evidence::at(last, "the last that is heard of the server, while the client goes on")))
}

/// The last that the capture or the server's log tells of the connection, by the capture's clock.
fn last_sign(case: &Case<'_>) -> Option<Mark> {
    let logged = case.all_events().filter(|joined| is_tied(joined) && joined.corrected.is_some());
    let logged = logged.map(Joined::mark).max();
    let seen = case.flow()?.last;
    Some(logged.map_or(seen, |logged| logged.max(seen)))
}

/// What a record says of the host's going down, and whether it decides. A crash may come long after the last that is
/// told of a session whose end would be: `within_all`.
fn record(
    joined: &Joined,
    end: Timestamp,
    within_all: impl Fn() -> bool,
    closed: bool,
) -> Option<(bool, Evidence)> {
    let moment = joined.time();
    let after = moment - end;
    let said = |decides, says: String| Some((decides, Evidence::event(&joined.event, says)));
    match system::meaning(&joined.event)? {
        Meaning::StopAsked { by, .. } if (-ASKED_BEFORE..=NEAR).contains(&after) => said(true, asked_for(by)),
        Meaning::Stops(_) if after.abs() <= if closed { SOON } else { NEAR } => said(true, SHUTS_DOWN.into()),
        Meaning::StoppedUnexpectedly
            if (0..=STARTS_WITHIN).contains(&after) || after >= 0 && within_all() =>
        {
            said(true, "the server notes that it went down unexpectedly".into())
        }
        Meaning::Started(_) if (0..=STARTS_WITHIN).contains(&after) => {
            said(false, "the server starts".into())
        }
        _ => None,
    }
}

const SHUTS_DOWN: &str = "the server shuts down";

/// That somebody asked for a stop.
fn asked_for(by: Option<&str>) -> String {
    let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
    format!("a shutdown or restart of the server is asked for{by}")
}

/// Whether an event by a clock that could not be compared is of the computer that the client called.
fn is_named(case: &Case<'_>, joined: &Joined) -> bool {
    case.reliable_time(joined).is_some() && told::is_of_server(case, &joined.event.computer)
}

/// Whether the server's log tells the end of the connection.
fn logged_end(case: &Case<'_>) -> bool {
    case.all_events().any(|joined| {
        matches!(
            rdp_core_ts::meaning(&joined.event),
            Some(rdp_core_ts::Meaning::Ended | rdp_core_ts::Meaning::Disconnected(_))
        ) || joined.event.provider == Provider::LocalSessionManager && matches!(joined.event.id, 23 | 24 | 40)
    })
}
