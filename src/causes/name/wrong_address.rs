//! Two hosts bear the server's address.

use crate::base::{Observed, Window, time};
use crate::causes::transport::syn_evidence;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::signs::hardware;
use crate::correlate::Surroundings;
use crate::correlate::surroundings::Own;
use crate::eventlog::network;
use crate::stream::Opening;

cause! {
    /// Two devices claim the server's address: the client reached the wrong one.
    ///
    /// ## Why
    /// Two hardware addresses answer for one IP address. Whichever answers last gets the connection, so it works
    /// sometimes, ends in the middle, or meets a host that does not offer Remote Desktop.
    ///
    /// ## What to do
    /// - From a host in the server's segment: `arp -d ADDRESS`, `ping ADDRESS`, `arp -a ADDRESS`, several times: the
    ///   hardware address must not change. The two addresses are in the evidence; the switch tells their ports.
    /// - Take the address away from the device that should not have it (fixed address inside a DHCP range, a copied
    ///   virtual machine, a forgotten secondary address).
    /// - On the server: `ipconfig /all`, then `ipconfig /registerdns`; remove stale records of its name
    ///   (`Resolve-DnsName SERVER` must give one address, the server's).
    /// - Two addresses on purpose (cluster, VRRP, proxy ARP) are no conflict: then look at what each of the two answers.
    /// - To verify: `Test-NetConnection SERVER -Port 3389`, and `Get-NetNeighbor -IPAddress ADDRESS` shows the server's.
    ///
    /// ## Seen as
    /// ARP or neighbour advertisements for one IP address with two hardware addresses (RFC 5227); Tcpip 4199.
    "wrong-address", stage: Name, severity: Failure, blames: [Network, Client],
    more_specific_than: ["port-closed-or-device-reset", "firewall-drop", "host-unreachable", "rst-injected",
        "not-rdp", "no-cc", "packet-loss", "closed-inside-tls-reason-not-visible", "ended-abruptly-by-server",
        "ended-abruptly-by-client"],
    client_code: "any; 0x204 where the wrong host refuses",
}

/// The two answers are about the same connection only near to it.
const NEAR: i64 = 60 * time::SECOND;

/// Whether this cause fits: then it was not the server that answered, or kept silent.
pub fn is_the_reason(case: &Case<'_>) -> bool {
    detect(case).is_some()
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if connection.goodbye.is_some() && connection.reached_session() {
        return None;
    }
    // What runs on was answered by the right one, also where the slice or the beginning hides what it is.
    let runs_on =
        connection.reached_session() || flow.opening == Opening::MidStream && flow.to_client.bytes > 0;
    if runs_on && flow.closes.is_empty() {
        return None;
    }
    let ip = connection.server.ip;
    let told = case.ask(two_answers);
    let logged = conflict(case, connection.window().widened(NEAR));
    let mut evidence = Vec::new();
    if let Some([first, other]) = &told {
        evidence.push(Evidence::of(other, format!("{} answers for {ip}", hardware(other.value))));
        evidence.push(Evidence::of(first, format!("{} answers for the same address", hardware(first.value))));
    }
    let strength = match (&told, &logged) {
        (None, None) => return None,
        (Some(_), None) => Strength::Inferred,
        (None, Some(_)) => Strength::Stated,
        (Some(_), Some(_)) => Strength::Corroborated,
    };
    evidence.extend(logged);
    evidence.extend(case.ending());
    evidence.extend(syn_evidence(flow).into_iter().take(usize::from(flow.closes.is_empty())));
    Some(Finding::new(&CAUSE, strength, Blame::Network, evidence))
}

/// Two hardware addresses of the server, the second of them told near the attempt.
fn two_answers(own: Own<'_>, around: &Surroundings) -> Option<[Observed<[u8; 6]>; 2]> {
    let near = own.window.widened(NEAR);
    around.hosts(own.server.ip).find_map(|host| {
        let (first, other) = (host.told?, host.told_otherwise?);
        near.contains(other.time).then_some([first, other])
    })
}

/// Tcpip 4199 of the server: another device has its address.
fn conflict(case: &Case<'_>, near: Window) -> Option<Evidence> {
    let ip = case.connection()?.server.ip;
    case.around.far_near(near).filter(|joined| case.reliable_time(joined).is_some()).find_map(|joined| {
        match network::meaning(&joined.event)? {
            network::Meaning::AddressConflict { ip: Some(own), hardware } if own == ip => {
                let other = hardware.unwrap_or("another device");
                Some(Evidence::event(
                    &joined.event,
                    format!("the server finds its address in use by {other}"),
                ))
            }
            _ => None,
        }
    })
}
