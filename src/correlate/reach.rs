//! How far a connection came, where a log knows better than the packets: encryption hides the later stages, and
//! of a connection without packets the log knows all there is.

use super::attempt::Attempt;
use super::keys;
use crate::base::Mark;
use crate::connection::{Outcome, Stage, StageResult, Transport};
use crate::eventlog::{Event, Provider, rdp_core_ts};

/// Lets the events of each attempt correct the stage it reached.
pub fn refine(attempts: &mut [Attempt]) {
    for attempt in attempts {
        // What may be another's log corrects no packets.
        if let Some((stage, mark)) = told(attempt).filter(|_| !attempt.is_by_order()) {
            settle(attempt, stage, mark);
        }
    }
}

/// errorInfo values of licensing. [MS-RDPBCGR] 2.2.5.1.1
const LICENSING: std::ops::RangeInclusive<u32> = 0x100..=0x10a;

/// The stage that the log tells, and where.
fn told(attempt: &Attempt) -> Option<(Stage, Mark)> {
    let mark = |event: &Event| Mark { time: event.time, at: event.at };
    let licensing = attempt
        .events
        .iter()
        .find(|joined| rdp_core_ts::error_info(&joined.event).is_some_and(|code| LICENSING.contains(&code)));
    let logged_on = attempt.events.iter().any(|joined| keys::let_in(&joined.event));
    if let Some(joined) = licensing.filter(|_| !logged_on) {
        return Some((Stage::Licensing, mark(&joined.event)));
    }
    if attempt.connection.transport != Transport::Unseen {
        return ended_before_session(attempt);
    }
    let furthest =
        attempt.events.iter().filter_map(|joined| Some((stage_of(&joined.event)?, mark(&joined.event))));
    furthest.max_by_key(|(stage, mark)| (*stage, std::cmp::Reverse(*mark)))
}

/// Where the server's log follows a connection step by step and tells that the server ended it for a reason before
/// it was ready: what looks like a session by the number of its records was none.
fn ended_before_session(attempt: &Attempt) -> Option<(Stage, Mark)> {
    let is = |event: &Event, ids: &[u32]| event.provider == Provider::RdpCoreTs && ids.contains(&event.id);
    let step = |name: &str| {
        attempt.events.iter().any(|joined| {
            matches!(rdp_core_ts::meaning(&joined.event),
                Some(rdp_core_ts::Meaning::Method { name: own, .. }) if own == name)
        })
    };
    let ended = attempt
        .events
        .iter()
        .find(|joined| rdp_core_ts::error_info(&joined.event).is_some_and(|code| code != 0))?;
    let ready = step("ProtocolComplete")
        || attempt.events.iter().any(|joined| {
            is(&joined.event, &[66, 68, 98, 100]) || joined.event.provider == Provider::LocalSessionManager
        });
    if !attempt.connection.reached_session() || !step("AcceptConnection") || ready {
        return None;
    }
    // The client info comes last before licensing.
    let info = attempt.events.iter().any(|joined| is(&joined.event, &[104]));
    let stage = if info { Stage::Licensing } else { Stage::Settings };
    Some((stage, Mark { time: ended.event.time, at: ended.event.at }))
}

/// The stage that an event shows to have been entered.
fn stage_of(event: &Event) -> Option<Stage> {
    match (&event.provider, event.id) {
        (Provider::RdpCoreTs, 131) | (Provider::Security, 5152 | 5157) => Some(Stage::Transport),
        (Provider::RdpCoreTs, 65 | 141) => Some(Stage::Negotiation),
        (Provider::RdpCoreTs, 139) | (Provider::Schannel, 36870 | 36871 | 36874 | 36887 | 36888) => {
            Some(Stage::Tls)
        }
        (Provider::RdpCoreTs, 140) | (Provider::Security, 4625) => Some(Stage::Authentication),
        (Provider::RdpCoreTs, 101) | (Provider::RemoteConnectionManager, 1149) => Some(Stage::Settings),
        (Provider::RdpCoreTs, 66 | 68) | (Provider::LocalSessionManager, 21 | 22 | 24 | 25) => {
            Some(Stage::Session)
        }
        (Provider::Gateway, _) => Some(Stage::Gateway),
        // Who logs on at the server's own logon screen has a session.
        _ => keys::audited_from(event).map(|_| Stage::Session),
    }
}

/// Whether an event tells that a connection ended, or why.
fn tells_the_end(event: &Event) -> bool {
    match event.provider {
        Provider::RdpCoreTs => {
            matches!(event.id, 67 | 97 | 99 | 102 | 103 | 107 | 139 | 140 | 142..=145 | 148 | 226)
                || rdp_core_ts::error_info(event).is_some()
        }
        Provider::LocalSessionManager => matches!(event.id, 23 | 24 | 40),
        Provider::Security => matches!(event.id, 4625 | 4634 | 4647 | 4779 | 5152 | 5157),
        Provider::Schannel | Provider::Gateway | Provider::RdpClient => true,
        _ => false,
    }
}

fn settle(attempt: &mut Attempt, stage: Stage, mark: Mark) {
    let ended = attempt.connection.transport != Transport::Unseen
        || attempt.events.iter().any(|joined| tells_the_end(&joined.event));
    let connection = &mut attempt.connection;
    connection.stages.retain(|result| result.stage < stage);
    connection.stages.push(StageResult {
        stage,
        outcome: if ended { Outcome::Cut } else { Outcome::Unseen },
        at: Some(mark),
        detail: Some(
            if ended { "as the server's log tells" } else { "the last that the log tells of it" }.into(),
        ),
    });
    connection.reached = stage;
}
