//! The server holds back new connections because too many are open that never finished their handshake.

use super::unanswered;
use crate::base::{Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::connection::{Connection, Stage};
use crate::correlate::surroundings::Other;
use crate::eventlog::remote_connection_manager as rcm;
use crate::stream::{Flow, Side};

cause! {
    /// The server has too many incomplete connections and turns new ones away.
    ///
    /// ## Why
    /// The Remote Desktop service limits the connections that have not yet passed security. Someone opens many and
    /// leaves them (password guessing, a scanner, a monitoring program, a broken load balancer), and honest clients
    /// find no place: their SYN or connection request is not answered, or the connection is closed at once.
    ///
    /// ## What to do
    /// - Cut the source first. RemoteConnectionManager (Admin) 1158 and RdpCoreTS 131 name the addresses; allow only
    ///   your own: `Set-NetFirewallRule -DisplayGroup "Remote Desktop" -RemoteAddress <your networks>`, better a VPN or
    ///   an RD Gateway in front.
    /// - If the many are your own (monitoring, load balancer): let them probe less often and close in order.
    /// - Only if honest load needs it, raise the limit:
    ///   `reg add "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server" /v MaxOutstandingConnections /t REG_DWORD /d 65536 /f`,
    ///   then restart TermService (which ends all sessions).
    /// - To verify: RemoteConnectionManager 1006 is no longer written, and a new connection is answered at once.
    ///
    /// ## Seen as
    /// RemoteConnectionManager (Admin) 1006; many connections at once that never pass TLS or NLA; new SYNs or
    /// connection requests without an answer.
    "too-many-incomplete-connections", stage: Transport, severity: Failure, blames: [Server, Network],
    more_specific_than: ["firewall-drop", "server-hung", "no-cc", "ended-abruptly-by-server", "brute-force-storm"],
    client_code: "0x904 or 0x204",
}

/// The service warns once and goes on throttling for a while.
const BEFORE: i64 = 5 * 60 * time::SECOND;
const AFTER: i64 = 60 * time::SECOND;
/// Codes of a client that got no connection, or one that was closed under it.
const CODES: &[u32] = &[0x904, 0x204];

fn detect(case: &Case<'_>) -> Option<Finding> {
    // Far events are many: look for them only where the attempt failed as it must.
    let failed = match case.both() {
        Some((connection, flow)) => turned_away(case, connection, flow)?,
        None if case.attempt.is_none() => {
            vec![told::of_code(told::client_code(case, CODES)?, "it got no connection, or lost it at once")]
        }
        None => return None,
    };
    let throttled = told::near(case, BEFORE, AFTER)
        .into_iter()
        .find(|joined| rcm::meaning(&joined.event) == Some(rcm::Meaning::Throttled))?;
    let says = "the service notes a large number of incomplete connections, and holds back new ones";
    let mut evidence = vec![Evidence::event(&throttled.event, says)];
    evidence.extend(failed);
    let Some(connection) = case.connection() else {
        return Some(Finding::new(&CAUSE, Strength::Inferred, Blame::Server, evidence));
    };
    let many = incomplete(case, connection);
    evidence.extend(many.last().map(|other| {
        let says = format!("{} other connections are open and incomplete at that time", many.len());
        Evidence::at(other.first, says)
    }));
    // By time alone the two classes agree only where the clocks are known.
    let known = case.reliable_time(throttled).is_some();
    let strength = if known { Strength::Corroborated } else { Strength::Inferred };
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence))
}

/// The SYN or the request stayed without an answer, or the server closed before it answered.
fn turned_away(case: &Case<'_>, connection: &Connection, flow: &Flow) -> Option<Vec<Evidence>> {
    if unanswered(case).is_some() {
        return (flow.icmp.is_empty() && flow.syns.len() >= 2).then(|| super::syn_evidence(flow));
    }
    if connection.confirm.is_some() || connection.foreign.is_some() || connection.reached > Stage::Negotiation
    {
        return None;
    }
    let closed = case.ended_by(Side::Server).is_some();
    let waited = connection
        .request
        .as_ref()
        .map(|request| Evidence::of(request, "the connection request is not answered"));
    (flow.is_established() && flow.to_client.bytes == 0 && (closed || waited.is_some()))
        .then(|| waited.into_iter().chain(case.ending()).collect())
}

/// Connections to the same server that were open when this one began and never passed security.
fn incomplete<'a>(case: &Case<'a>, connection: &Connection) -> Vec<&'a Other> {
    let moment = Window::at(connection.first.time).widened(time::SECOND);
    case.around
        .others
        .at_server(connection.server, connection.first)
        .filter(|other| other.accepted.is_some() && !other.session && other.reached <= Stage::Tls)
        .filter(|other| other.window.overlaps(&moment))
        .collect()
}
