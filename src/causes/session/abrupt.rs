//! What the causes share that see a session end without a goodbye: whether that can be said at all, and whether
//! the path was dead before.

use crate::base::{Window, time};
use crate::causes::Case;
use crate::connection::ending::ULTIMATUM;
use crate::connection::tls::Sealed;
use crate::connection::{Connection, Outcome, Stage};
use crate::eventlog::system;
use crate::protocol::tls::PlaintextLen;
use crate::stream::{Close, Flow, Side};

/// A record body that is longer than this holds no ultimatum under any cipher suite: the largest block padding,
/// MAC and explicit nonce add less.
const MOST_OVER_ULTIMATUM: u32 = 96;
/// Repeats within this time are probes of the sender's, not a dead path.
const DEAD: i64 = time::SECOND;

/// The segment that ended a session without a goodbye, if `side` sent it itself and the path was alive.
pub fn ended_by<'a>(case: &Case<'a>, side: Side) -> Option<(&'a Connection, &'a Flow, &'a Close)> {
    let (connection, flow) = case.both()?;
    let close = case.ended_by(side)?;
    let cut = connection.reached_session() && connection.outcome(Stage::Session) == Outcome::Cut;
    let own = case.forged(close).is_none() && !flow.closes.iter().any(|other| other.went_on.is_some());
    let dead = is_starved(flow, Side::Client) || is_starved(flow, Side::Server);
    (cut && own && !dead).then_some((connection, flow, close))
}

/// Whether data of a side was repeated in vain.
fn is_starved(flow: &Flow, side: Side) -> bool {
    flow.swallowed(side).iter().any(|repeat| repeat.last.time - repeat.first.time >= DEAD)
}

/// Whether record sizes show that neither side's last record was a goodbye. With ranges (block ciphers), without
/// the handshake in the capture, or with bytes missing at the end, they do not.
pub fn sizes_tell(case: &Case<'_>) -> bool {
    let Some((connection, flow)) = case.both() else { return false };
    let framed =
        [Side::Client, Side::Server].into_iter().all(|side| flow.stream(side).tracker.is_known_to_the_end());
    let encrypted = &connection.encrypted;
    let is_tls = connection.tls.is_used();
    let tells = |last: Option<Sealed>| last.is_none_or(|last| is_no_ultimatum(&last));
    framed
        && case.capture_is_sound()
        && case.end_is_seen()
        && (!is_tls || tells(encrypted.last_of_client) && tells(encrypted.last_of_server))
}

/// Whether a side's last record is small enough for a goodbye, and the handshake that would tell its length is not
/// in the capture.
pub fn may_hide_goodbye(case: &Case<'_>) -> bool {
    let Some(connection) = case.connection() else { return false };
    let last = [connection.encrypted.last_of_client, connection.encrypted.last_of_server];
    last.into_iter().flatten().any(|last| !is_no_ultimatum(&last) && last.plaintext.exact().is_none())
}

fn is_no_ultimatum(last: &Sealed) -> bool {
    match last.plaintext {
        PlaintextLen::Unknown => last.record.body > MOST_OVER_ULTIMATUM,
        known => known.exact().is_some() || !known.may_be(ULTIMATUM),
    }
}

/// Whether all data that either side sent was acknowledged: nothing was lost by the end.
pub fn all_acknowledged(flow: &Flow) -> bool {
    [Side::Client, Side::Server].into_iter().all(|side| {
        let stream = flow.stream(side);
        stream.acked_end.is_some_and(|acked| acked >= stream.sent_end)
    })
}

/// Whether a computer slept within a window.
pub fn slept(case: &Case<'_>, window: &Window) -> bool {
    case.around.far.iter().any(|joined| {
        let moment = joined.time();
        match system::meaning(&joined.event) {
            Some(system::Meaning::Sleeps) => window.contains(moment),
            Some(system::Meaning::Slept(slept)) => {
                let shift = moment - joined.event.time;
                let (start, end) = (slept.start.shifted(shift), slept.end.shifted(shift));
                Window { start, end }.overlaps(window)
            }
            _ => false,
        }
    })
}
