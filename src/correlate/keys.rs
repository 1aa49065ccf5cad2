//! What an event names that packets name too: addresses, ports, sessions, servers.

use std::net::IpAddr;

use crate::eventlog::address::ClientAddress;
use crate::eventlog::{
    Event, Provider, local_session_manager as lsm, rdp_client, rdp_core_ts, security, system,
};
use crate::packet::Endpoint;

fn endpoint(address: ClientAddress) -> Option<Endpoint> {
    Some(Endpoint { ip: address.ip, port: address.port? })
}

/// The client's address and port of a TCP connection that RdpCoreTS accepted (131).
pub fn accepted_client(event: &Event) -> Option<Endpoint> {
    let accepted = rdp_core_ts::accepted(event)?;
    (accepted.transport == rdp_core_ts::Transport::Tcp).then(|| endpoint(accepted.client)).flatten()
}

/// The same, with port 0 where the event gives none.
pub fn accepted_from(event: &Event) -> Option<Endpoint> {
    let accepted = rdp_core_ts::accepted(event)?;
    (accepted.transport == rdp_core_ts::Transport::Tcp)
        .then_some(Endpoint { ip: accepted.client.ip, port: accepted.client.port.unwrap_or(0) })
}

/// The client's address and port of a UDP connection that RdpCoreTS accepted (131).
pub fn accepted_udp(event: &Event) -> Option<Endpoint> {
    let accepted = rdp_core_ts::accepted(event)?;
    (accepted.transport == rdp_core_ts::Transport::Udp)
        .then_some(Endpoint { ip: accepted.client.ip, port: accepted.client.port.unwrap_or(0) })
}

/// Both ends of a connection that the filtering platform allowed, blocked or dropped (5152, 5156, 5157).
pub fn filtered_ends(event: &Event) -> impl Iterator<Item = Endpoint> {
    use security::Meaning::{Allowed, Blocked, Dropped};
    // Most events of an audit are others, and to read one for nothing is dear.
    let seen = matches!(event.id, 5152 | 5156 | 5157).then(|| security::meaning(event)).flatten();
    let ends = match seen {
        Some(Allowed(filtered) | Blocked(filtered) | Dropped(filtered)) => {
            [filtered.source, filtered.destination]
        }
        _ => [None, None],
    };
    ends.into_iter().flatten().filter_map(endpoint)
}

/// The address of the client that a logon names (4624, 4625).
pub fn logon_address(event: &Event) -> Option<IpAddr> {
    match security::meaning(event)? {
        security::Meaning::LoggedOn(logon) | security::Meaning::LogonFailed(logon) => Some(logon.client?.ip),
        _ => None,
    }
}

/// The server that the client's log names: a name or an address (1024), an address (1102).
pub fn target(event: &Event) -> Option<String> {
    match rdp_client::meaning(event)? {
        rdp_client::Meaning::Started(name) => name.map(str::to_owned),
        rdp_client::Meaning::Server(ip) => ip.map(|ip| ip.to_string()),
        _ => None,
    }
}

/// The session that a connection was bound to (RdpCoreTS 66).
pub fn bound_session(event: &Event) -> Option<u32> {
    match rdp_core_ts::meaning(event)? {
        rdp_core_ts::Meaning::BoundToSession { session, .. } => session,
        _ => None,
    }
}

/// The session that an event of the session manager is about.
pub fn session(event: &Event) -> Option<u32> {
    use lsm::Meaning;
    match lsm::meaning(event)? {
        Meaning::DisconnectedBy { target, .. } => target,
        Meaning::Reason { session, .. } => session,
        _ => told_of_session(event)?.number,
    }
}

/// What an event of the session manager tells of the session it is about: whose, and where it is used from.
pub fn told_of_session(event: &Event) -> Option<lsm::Session<'_>> {
    use lsm::Meaning;
    match lsm::meaning(event)? {
        Meaning::LoggedOn(session)
        | Meaning::ShellStarted(session)
        | Meaning::LoggedOff(session)
        | Meaning::Disconnected(session)
        | Meaning::Reconnected(session)
        | Meaning::ArbitrationBegins(session)
        | Meaning::ArbitrationEnds(session) => Some(session),
        _ => None,
    }
}

/// Whether the server says that name or password are wrong (RdpCoreTS 140, Security 4625).
pub fn refuses_credentials(event: &Event) -> bool {
    /// STATUS_WRONG_PASSWORD, STATUS_NO_SUCH_USER, STATUS_LOGON_FAILURE. [MS-ERREF] 2.3.1
    const WRONG: [u32; 3] = [0xc000_006a, 0xc000_0064, 0xc000_006d];
    if matches!(rdp_core_ts::meaning(event), Some(rdp_core_ts::Meaning::LogonRefused { .. })) {
        return true;
    }
    match security::meaning(event) {
        Some(security::Meaning::LogonFailed(logon)) => {
            let said = logon.sub_status.filter(|code| *code != 0).or(logon.status);
            said.is_some_and(|code| WRONG.contains(&code))
        }
        _ => false,
    }
}

/// The user that a server's event names.
pub fn user(event: &Event) -> Option<String> {
    use crate::eventlog::remote_connection_manager as rcm;
    if let Some(rcm::Meaning::SecurityPassed { user, .. }) = rcm::meaning(event) {
        return user.map(str::to_owned);
    }
    match security::meaning(event)? {
        security::Meaning::LogonFailed(logon) | security::Meaning::LoggedOn(logon) => {
            logon.user.map(str::to_owned)
        }
        security::Meaning::Reconnected(session) => session.user.map(str::to_owned),
        _ => None,
    }
}

/// The session that somebody begins to use, from afar or at the console (LocalSessionManager 21, 25).
pub fn begun_session(event: &Event) -> Option<lsm::Session<'_>> {
    match lsm::meaning(event)? {
        lsm::Meaning::LoggedOn(session) | lsm::Meaning::Reconnected(session) => Some(session),
        _ => None,
    }
}

/// The session that is left: it goes on without a connection (LocalSessionManager 24).
pub fn left_session(event: &Event) -> Option<lsm::Session<'_>> {
    match lsm::meaning(event)? {
        lsm::Meaning::Disconnected(session) => Some(session),
        _ => None,
    }
}

/// The user of a session that the session manager logged on, reconnected, or saw left.
pub fn session_user(event: &Event) -> Option<&str> {
    begun_session(event).or_else(|| left_session(event))?.user
}

/// The client's address of a connection that passed security (RemoteConnectionManager 1149); the port is not told.
pub fn passed_from(event: &Event) -> Option<Endpoint> {
    use crate::eventlog::remote_connection_manager as rcm;
    match rcm::meaning(event)? {
        rcm::Meaning::SecurityPassed { ip, .. } => Some(Endpoint { ip: ip?, port: 0 }),
        _ => None,
    }
}

/// The client's address of a session that the session manager logged on or reconnected (LocalSessionManager 21, 25); the
/// port is not told.
pub fn let_in_from(event: &Event) -> Option<Endpoint> {
    Some(Endpoint { ip: begun_session(event)?.from.remote()?, port: 0 })
}

/// The client's address of a logon that RDP alone makes, or of a session that is taken up again (Security 4624 and 4625 of
/// types 10 and 12, 4778); the port is not told.
pub fn audited_from(event: &Event) -> Option<Endpoint> {
    use security::{LogonType, Meaning};
    let ip = match security::meaning(event)? {
        Meaning::LoggedOn(logon) | Meaning::LogonFailed(logon)
            if logon.kind.is_some_and(LogonType::is_by_rdp) =>
        {
            logon.client?.ip
        }
        Meaning::Reconnected(session) => session.ip?,
        _ => return None,
    };
    Some(Endpoint { ip, port: 0 })
}

/// Whether an event is of an audit.
pub fn is_audit(event: &Event) -> bool {
    event.provider == Provider::Security
}

/// Whether a session is left, or why (LocalSessionManager 24, 39, 40).
pub fn ends_session(event: &Event) -> bool {
    use lsm::Meaning::{Disconnected, DisconnectedBy, Reason};
    matches!(lsm::meaning(event), Some(Disconnected(_) | DisconnectedBy { .. } | Reason { .. }))
}

/// Whether a session was taken over by another connection (LocalSessionManager 40, reason 5).
pub fn is_taken_over(event: &Event) -> bool {
    matches!(lsm::meaning(event), Some(lsm::Meaning::Reason { code: Some(5), .. }))
}

/// Whether it is told why a session was left (LocalSessionManager 40).
pub fn is_reason(event: &Event) -> bool {
    matches!(lsm::meaning(event), Some(lsm::Meaning::Reason { .. }))
}

/// Whether a session is left or ends, and not why (LocalSessionManager 23, 24).
pub fn leaves(event: &Event) -> bool {
    logs_off(event) || left_session(event).is_some()
}

/// Whether the end of the use of a session is told, or why (LocalSessionManager 23, 24, 39, 40).
pub fn tells_of_end(event: &Event) -> bool {
    logs_off(event) || ends_session(event)
}

/// Whether it is being settled which session a user gets (LocalSessionManager 41).
pub fn is_settled(event: &Event) -> bool {
    matches!(lsm::meaning(event), Some(lsm::Meaning::ArbitrationBegins(_)))
}

/// Whether a computer has started: none of its sessions is left (Kernel-General 12, EventLog 6005 and 6008, Kernel-Power
/// 41).
pub fn starts_anew(event: &Event) -> bool {
    use system::Meaning::{Started, StoppedUnexpectedly};
    matches!(system::meaning(event), Some(Started(_) | StoppedUnexpectedly))
}

/// Whether the server's log tells that a connection is over (RdpCoreTS 102, 103).
pub fn disconnected(event: &Event) -> bool {
    event.provider == Provider::RdpCoreTs && matches!(event.id, 102 | 103)
}

/// Whether a session ends (LocalSessionManager 23).
pub fn logs_off(event: &Event) -> bool {
    matches!(lsm::meaning(event), Some(lsm::Meaning::LoggedOff(_)))
}

/// Whether the session manager was told to stop, which ends all sessions (LocalSessionManager 54).
pub fn stops_sessions(event: &Event) -> bool {
    lsm::meaning(event) == Some(lsm::Meaning::Stopping)
}

/// Whether the session manager let a user in: logged on, shell started, reconnected.
pub fn let_in(event: &Event) -> bool {
    event.provider == Provider::LocalSessionManager && matches!(event.id, 21 | 22 | 25)
}

/// Whether the server's log says that a connection has passed security.
pub fn passed_security(event: &Event) -> bool {
    matches!(
        (&event.provider, event.id),
        (Provider::RdpCoreTs, 66 | 68 | 98 | 100 | 101 | 104 | 132)
            | (Provider::RemoteConnectionManager, 1149)
    ) || let_in(event)
        || left_session(event).is_some()
}
