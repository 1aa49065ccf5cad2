//! A device on the path forgot the connection while it was idle.

use super::{abrupt, decision};
use crate::base::time;
use crate::causes::case::ending_says;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::clock::seconds;
use crate::eventlog::rdp_core_ts;
use crate::stream::flow::{OUT_OF_ORDER, Silence};
use crate::stream::{CloseKind, Flow, Side};

cause! {
    /// A device on the path dropped the session after it had been idle.
    ///
    /// ## Why
    /// Firewalls, NAT routers, VPN concentrators and load balancers forget a connection that carries nothing for
    /// their time limit, often 4, 5, 10, 15, 30 or 60 minutes. What comes next is swallowed or reset. A minimised
    /// mstsc tells the server to stop drawing, so a session is sooner idle than its user thinks.
    ///
    /// ## What to do
    /// - Make the server send keep-alives: policy Computer Configuration > Administrative Templates > Windows
    ///   Components > Remote Desktop Services > Remote Desktop Session Host > Connections, "Configure keep-alive
    ///   connection interval": one minute. In the registry:
    ///   `reg add "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services" /v KeepAliveEnable /t REG_DWORD /d 1 /f`
    ///   and
    ///   `reg add "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services" /v KeepAliveInterval /t REG_DWORD /d 1 /f`;
    ///   new connections have it.
    /// - Raise the idle time of the device for TCP 3389, or let it send a reset when it forgets (Azure:
    ///   `IdleTimeoutInMinutes` and `EnableTcpReset` of the load balancing rule).
    /// - To prove it, capture at both ends: the segment that ends the silence leaves one end and does not reach the
    ///   other.
    /// - To verify: leave a session alone for longer than the silence seen here.
    ///
    /// ## Seen as
    /// Silence of a minute or more, then a segment that is repeated unanswered or answered at once with RST;
    /// RdpCoreTS 143 (121), 145 with IdleSeconds about as long, 103 (14).
    "stateful-idle-timeout", stage: Session, severity: Failure, blames: [Middlebox],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client", "packet-loss", "rst-injected"],
    client_code: "0x904 or 0x404",
}

/// No device forgets connections sooner.
pub const FORGETS_AFTER: i64 = 60 * time::SECOND;
/// A RST that answers the first segment comes within a round trip.
const AT_ONCE: i64 = 2 * time::SECOND;
/// A sender that hears nothing for this long is not just waiting for a late acknowledgement.
const UNANSWERED: i64 = 2 * time::SECOND;
/// Two silences are the same time limit if they differ by less than this share: a twentieth.
const SAME: i64 = 20;
/// The server's count of idle seconds agrees with the silence within this.
const ABOUT: i64 = 15 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if !connection.reached_session() || !case.capture_is_fair() || decision::ended_in_order(case) {
        return None;
    }
    let silence = flow.silence.filter(|silence| silence.length() >= FORGETS_AFTER)?;
    let logged = logged(case, silence.length());
    let fate = fate(flow, &silence, !logged.is_empty())?;
    let around = crate::base::Window { start: silence.from.time, end: silence.to.time };
    if abrupt::slept(case, &around.widened(FORGETS_AFTER)) {
        return None;
    }
    let idle = seconds(silence.length());
    let mut evidence =
        vec![Evidence::at(silence.to, format!("the first segment after {idle:.0} s without any")), fate];
    let strength = if logged.is_empty() { Strength::Inferred } else { Strength::Corroborated };
    evidence.extend(logged);
    let again = same_elsewhere(case, silence.length());
    let repeated = if again.is_some() { "; another session ended after the same time" } else { "" };
    evidence.extend(again);
    let finding = Finding::new(&CAUSE, strength, Blame::Middlebox, evidence)
        .detail(format!("nothing was sent for {idle:.0} s, and nothing got through afterwards{repeated}"))
        .missing("a capture at the other end: whether the segments after the silence arrive there");
    Some(finding)
}

/// What became of the first segment after the silence: its receiver was never heard again, save by a RST.
fn fate(flow: &Flow, silence: &Silence, timed_out: bool) -> Option<Evidence> {
    let since = silence.to.time + -OUT_OF_ORDER;
    let heard = |side: Side| flow.habits(side).last.filter(|last| last.time >= since);
    let (sender, last) = match (heard(Side::Client), heard(Side::Server)) {
        (Some(last), None) => (Side::Client, last),
        (None, Some(last)) => (Side::Server, last),
        _ => return None,
    };
    let answer = flow.first_close().filter(|close| close.from == sender.other());
    if let Some(close) = answer {
        let at_once = close.mark.time - silence.to.time <= AT_ONCE;
        // mstsc resets when the server has said goodbye: a reset of the client proves nothing here.
        let foreign = sender == Side::Client || !crate::causes::case::forgery_signs(flow, close).is_empty();
        return (close.kind == CloseKind::Rst && at_once && foreign)
            .then(|| Evidence::at(close.mark, format!("it is answered with RST: {}", ending_says(close))));
    }
    let alone = last.time - silence.to.time;
    let swallowed: u32 = flow
        .swallowed(sender)
        .iter()
        .filter(|repeat| repeat.first.time >= silence.to.time)
        .map(|repeat| repeat.times)
        .sum();
    // Where the server's log tells how it ended, the capture need not hold the end.
    let unanswered = (alone >= UNANSWERED || timed_out) && (swallowed > 1 || flow.keep_alives > 0);
    unanswered.then(|| {
        let says = format!("the {} repeats it in vain for {:.1} s", sender.name(), seconds(alone));
        Evidence::at(last, says)
    })
}

/// What the server's log says of it.
fn logged(case: &Case<'_>, idle: i64) -> Vec<Evidence> {
    let timed_out = decision::socket_error(case, Some(decision::TIMED_OUT))
        .map(|(joined, _)| Evidence::event(&joined.event, "the server's socket timed out (121)"));
    let counted = case.all_events().find_map(|joined| match rdp_core_ts::meaning(&joined.event)? {
        rdp_core_ts::Meaning::Idle(counts) => {
            let near = counts.into_iter().flatten().find(|count| {
                let nanos = i64::try_from(*count).ok().and_then(|count| count.checked_mul(time::SECOND));
                nanos.is_some_and(|nanos| (nanos - idle).abs() <= (idle / SAME).max(ABOUT))
            })?;
            Some(Evidence::event(&joined.event, format!("the server counts {near} s without output")))
        }
        _ => None,
    });
    timed_out.into_iter().chain(counted).collect()
}

/// Another session that ended after a silence of the same length.
fn same_elsewhere(case: &Case<'_>, idle: i64) -> Option<Evidence> {
    let own = case.connection()?.first;
    case.around.others.all.iter().filter(|other| other.first != own && other.session).find_map(|other| {
        let length = other.idle_before_end?;
        let same = (length - idle).abs() <= idle / SAME;
        same.then(|| {
            let says =
                format!("another session, which begins here, ends after {:.0} s of silence", seconds(length));
            Evidence::at(other.first, says)
        })
    })
}
