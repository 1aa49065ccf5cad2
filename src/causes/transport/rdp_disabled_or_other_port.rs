//! The service runs, and Remote Desktop is switched off or on another port.

use super::port_closed_or_device_reset::who as sender;
use super::{
    ANSWERED_BY_HOST, firewall_drop, is_one_computer, refusal, service_down, syn_evidence, unanswered,
};
use crate::base::{Timestamp, Window, time};
use crate::causes::name::wrong_address;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, computers, hosts};
use crate::correlate::Joined;
use crate::eventlog::{Provider, rdp_core_ts, remote_connection_manager as rcm, system};
use crate::host::Computer;

cause! {
    /// Remote Desktop is switched off on the server, or listens on another port.
    ///
    /// ## Why
    /// The server's own log says that its listener was taken away without a crash of the service, or that it is
    /// bound to another port than the one the client uses.
    ///
    /// ## What to do
    /// - `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server" /v fDenyTSConnections` must be 0; a policy
    ///   overrides it:
    ///   `reg query "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services" /v fDenyTSConnections` (Computer
    ///   Configuration > Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop
    ///   Session Host > Connections, "Allow users to connect remotely by using Remote Desktop Services").
    /// - `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v PortNumber`: connect
    ///   to that port (`mstsc /v:SERVER:PORT`), or set it back to 3389 (0xd3d) and open the port in the firewall.
    /// - `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v fEnableWinStation` must
    ///   be 1.
    /// - After a change: `Restart-Service TermService -Force` (it ends the sessions).
    /// - To verify: `qwinsta` shows rdp-tcp in state Listen; RdpCoreTS 129 names the port.
    ///
    /// ## Seen as
    /// SYNs unanswered or refused; RemoteConnectionManager 259 or 262 without an end of the service, RdpCoreTS 106,
    /// RdpCoreTS 129 with another port; fDenyTSConnections 1 or another PortNumber in an export of the registry.
    "rdp-disabled-or-other-port", stage: Transport, severity: Failure, blames: [Server],
    more_specific_than: ["firewall-drop", "port-closed-or-device-reset", "service-down"],
    client_code: "0x204",
}

/// The listener's fate is looked for this far back.
const BEFORE: i64 = 30 * 24 * 3600 * time::SECOND;
/// A log that ended longer before the connection knows nothing of the port at that time.
const STILL_SO: i64 = 12 * 3600 * time::SECOND;
/// A service that let somebody in on the day of the attempt was not switched off.
const DAY: i64 = 24 * 3600 * time::SECOND;
/// An end of the service takes its listener along within this time.
const TOGETHER: i64 = 30 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    let refused = refusal(flow).filter(|_| !flow.is_established());
    let silent = unanswered(case).is_some() && flow.icmp.is_empty();
    if refused.is_none() && !silent || case.accepted().is_some() {
        return None;
    }
    let port = connection.server.port;
    let dropped = firewall_drop::word_of_server(case);
    // Beside the server's own word on this very connection, a text of another hour is a remark.
    let by_texts = || by_registry(case, port).filter(|_| dropped.is_none());
    let claim = by_texts()
        .or_else(|| other_port(case, port, flow.first.time))
        .or_else(|| switched_off(case, flow.first.time));
    let Some((mut evidence, detail, strength)) = claim else {
        return by_list(case, port, syn_evidence(flow)).filter(|_| silent && dropped.is_none());
    };
    match refused {
        Some((reset, _)) => evidence.push(Evidence::at(reset.mark, "the SYN is answered with RST")),
        None => evidence.extend(syn_evidence(flow)),
    }
    evidence.extend(dropped);
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence).detail(detail))
}

type Claim = (Vec<Evidence>, String, Strength);

/// The server's registry switches Remote Desktop off, or names other ports, and nothing says that the port is open all
/// the same.
fn by_registry(case: &Case<'_>, port: u16) -> Option<Claim> {
    let own = case.connection()?.server;
    let server = hosts::server(case)?;
    let (evidence, detail) = registered(case, server, port)?;
    // A host that nothing is heard of may as well be off.
    let refused = case.flow().and_then(refusal).is_some_and(|(reset, delay)| {
        delay <= ANSWERED_BY_HOST && sender(case, reset.ttl, own.ip).0 != Blame::Middlebox
    });
    let is_there = refused || case.ask(firewall_drop::alive).is_some();
    let strength = if is_there { Strength::Corroborated } else { Strength::Inferred };
    Some((evidence, detail, strength))
}

/// What the server's texts say against anybody listening on this port, and how: for who finds that a firewall drops.
pub(super) fn by_texts(case: &Case<'_>) -> Option<(Vec<Evidence>, String)> {
    let port = case.connection()?.server.port;
    let server = hosts::server(case)?;
    registered(case, server, port).or_else(|| {
        let nobody = nobody_listens(server, port)?;
        let says = nobody.says.clone();
        Some((vec![nobody], says))
    })
}

/// A list of the server's ports on which this one is missing.
fn nobody_listens(server: &Computer, port: u16) -> Option<Evidence> {
    let (_, place) = server.listens(port).filter(|(listens, _)| !listens)?;
    Some(hosts::line(place, format!("nothing listens on port {port} of {}", hosts::name(server))))
}

/// What the registry says, unless packets, logs or lists say that the port is open or why it is not.
fn registered(case: &Case<'_>, server: &Computer, port: u16) -> Option<(Vec<Evidence>, String)> {
    let name = hosts::name(server);
    if server.listens(port).is_some_and(|(listens, _)| listens) {
        return None;
    }
    // The texts are of another hour than the capture: what the packets or the log tell of this one counts more.
    let explained = service_down::is_logged(case) || wrong_address::is_the_reason(case);
    if explained || is_open_at_times(case, server) || case.syns_lost().is_some() {
        return None;
    }
    let nobody = nobody_listens(server, port);
    if let Some((true, place)) = server.denies() {
        let says = format!("the registry of {name} switches Remote Desktop off (fDenyTSConnections is 1)");
        let evidence = [hosts::line(place, says)].into_iter().chain(nobody).collect();
        return Some((evidence, "Remote Desktop is switched off in the server's registry".into()));
    }
    let ports = server.listener_ports();
    let (other, place) = *ports.first()?;
    if ports.iter().any(|(own, _)| *own == port) {
        return None;
    }
    let says = format!("the registry of {name} gives the listener port {other} (PortNumber)");
    let evidence = [hosts::line(place, says)].into_iter().chain(nobody).collect();
    Some((evidence, format!("the server listens on port {other}, the client uses {port}")))
}

/// Whether the server let anybody in on this port in the time that the files hold, by the packets or by its own log.
fn is_open_at_times(case: &Case<'_>, server: &Computer) -> bool {
    let Some(own) = case.connection() else { return false };
    let mut by_packets = case.around.others.at_server(own.server, own.first);
    let day = Window::at(own.first.time).widened(DAY);
    let by_log = || {
        let of_server = |joined: &&Joined| server.logs.contains(&joined.event.at.source());
        case.around.far_near(day).filter(of_server).any(service_down::was_served)
    };
    by_packets.any(|other| other.accepted.is_some() || other.logged || other.session) || by_log()
}

/// The host is up, and a list of it says that nothing listens: then its firewall is silent, and is not the reason.
fn by_list(case: &Case<'_>, port: u16, syns: Vec<Evidence>) -> Option<Finding> {
    let server = hosts::server(case)?;
    let nobody = nobody_listens(server, port)?;
    if service_down::is_logged(case) {
        return None;
    }
    let sign = case.ask(firewall_drop::alive)?;
    let mut evidence = vec![nobody, Evidence::of(&sign, sign.value.says())];
    evidence.extend(syns);
    Some(
        Finding::new(&CAUSE, Strength::Corroborated, Blame::Server, evidence)
            .titled("Nothing listens on this port of the server, and its firewall keeps silent about it")
            .detail("Remote Desktop is switched off, listens on another port, or its service does not run")
            .located("the server"),
    )
}

/// Far events of the time before a moment that tell something, in order.
fn before<'a, T>(
    case: &Case<'a>,
    moment: Timestamp,
    tells: impl Fn(&Joined) -> Option<T>,
) -> impl DoubleEndedIterator<Item = (&'a Joined, T)> {
    let near = case.around.far_near(Window { start: moment.shifted(-BEFORE), end: moment });
    let told = near.filter_map(move |joined| Some((joined, tells(joined)?)));
    told.filter(|(joined, _)| computers::of_server(case)(joined))
}

/// The last start of the listener bound other ports, and not this one.
fn other_port(case: &Case<'_>, port: u16, moment: Timestamp) -> Option<Claim> {
    let bound = |joined: &Joined| match rdp_core_ts::meaning(&joined.event)? {
        rdp_core_ts::Meaning::Listening { transport: Some(rdp_core_ts::Transport::Tcp), port } => port,
        _ => None,
    };
    let (last, _) = before(case, moment, bound).next_back()?;
    // One start binds several: addresses of both families, and several listeners.
    let ports: Vec<(&Joined, u16)> = before(case, moment, bound)
        .filter(|(joined, _)| {
            joined.event.computer == last.event.computer
                && (last.event.time - joined.event.time).abs() <= TOGETHER
        })
        .collect();
    if ports.iter().any(|(_, bound)| *bound == port) {
        return None;
    }
    let (event, other) = *ports.first()?;
    let evidence =
        vec![Evidence::event(&event.event, format!("the server's listener was bound to port {other}"))];
    let detail = format!("the server listens on port {other}, the client uses {port}");
    // A port that was bound stays bound: a few hours do not matter, whose log it is does.
    let source = event.event.at.source();
    let fresh = case.around.coverage.logs.iter().any(|log| {
        log.source == source && log.window.is_some_and(|window| window.end > moment.shifted(-STILL_SO))
    });
    let strength = if fresh && is_one_computer(case) { Strength::Corroborated } else { Strength::Inferred };
    Some((evidence, detail, strength))
}

/// The listener was taken away, by nobody's fault: the service had not ended.
fn switched_off(case: &Case<'_>, moment: Timestamp) -> Option<Claim> {
    let (off, _) = before(case, moment, is_off).next_back().filter(|(_, is_off)| *is_off)?;
    let disabled = matches!(rdp_core_ts::meaning(&off.event), Some(rdp_core_ts::Meaning::ListenerDisabled));
    // Only a System log that holds the moment can say that the service lived on.
    let at = Window::at(off.time()).widened(TOGETHER);
    let known = case.around.coverage.speaks_for(&Provider::ServiceControlManager, &at);
    if !disabled && (!known || service_ended(case, off)) {
        return None;
    }
    let evidence =
        vec![Evidence::event(&off.event, "the server's listener was switched off, and not on again")];
    let strength = if is_one_computer(case) && case.reliable_time(off).is_some() {
        Strength::Corroborated
    } else {
        Strength::Inferred
    };
    Some((evidence, "the listener was switched off while the service went on".into(), strength))
}

/// Whether an event tells that the listener went (true) or came (false).
fn is_off(joined: &Joined) -> Option<bool> {
    match joined.event.provider {
        Provider::RdpCoreTs => match rdp_core_ts::meaning(&joined.event)? {
            rdp_core_ts::Meaning::ListenerDisabled => Some(true),
            rdp_core_ts::Meaning::ListenerStarted | rdp_core_ts::Meaning::Listening { .. } => Some(false),
            _ => None,
        },
        Provider::RemoteConnectionManager => match rcm::meaning(&joined.event)? {
            rcm::Meaning::ListenerStopped(_) | rcm::Meaning::ListenerStopping(_) => Some(true),
            rcm::Meaning::ListenerStarted(_) => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the service itself, or the whole host, ended around the time at which the listener went.
fn service_ended(case: &Case<'_>, off: &Joined) -> bool {
    let moment = off.time();
    let together = Window::at(moment).widened(TOGETHER);
    // A service that starts again had ended, whether that was recorded or not.
    let again = Window { start: moment, end: moment.shifted(DAY) };
    let starts = case.around.far_near(again).any(|joined| {
        joined.event.computer == off.event.computer
            && joined.event.provider == Provider::ServiceControlManager
            && service_down::is_stop(joined) == Some(false)
    });
    starts
        || case.around.far_near(together).filter(|joined| joined.event.computer == off.event.computer).any(
            |joined| match system::meaning(&joined.event) {
                Some(system::Meaning::Service(service)) => service.is_rdp(),
                Some(
                    system::Meaning::Stops(_)
                    | system::Meaning::StoppedUnexpectedly
                    | system::Meaning::StopAsked { .. },
                ) => true,
                _ => false,
            },
        )
}
