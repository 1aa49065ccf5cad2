//! Something else than RDP listens on the port.

use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::{Connection, Foreign};

cause! {
    /// The service on this port does not speak RDP.
    ///
    /// ## Why
    /// Another program holds the port, a port forwarding leads to the wrong host or port, or the client was given
    /// the port of another service.
    ///
    /// ## What to do
    /// - Check the address and port that the client was given: `mstsc /v:<server>:<port>`.
    /// - On the server, see who listens: `netstat -ano | findstr :3389`, then `tasklist /svc /fi "pid eq <pid>"`: it
    ///   must be TermService.
    /// - See which port Remote Desktop uses:
    ///   `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v PortNumber` (0xd3d
    ///   is 3389).
    /// - On routers and load balancers, correct the target host and port of the forwarding.
    /// - To verify: connect again; in a new capture the first byte of the answer is 03.
    ///
    /// ## Seen as
    /// The server speaks before the client does, or its answer does not begin with a TPKT header ([T.123] 8).
    "not-rdp", stage: Transport, severity: Failure, blames: [Server, Client],
    client_code: "0x904 or 0xD06",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, _) = case.both()?;
    let foreign = connection.foreign.as_ref()?;
    let seen = &foreign.value;
    let proxied = !seen.spoke_first
        && connection.request.as_ref().is_some_and(|request| foreign.mark() < request.mark());
    // A client that was not captured may have spoken first.
    if connection.request.is_none() && !case.capture_is_sound() {
        return None;
    }
    // The answer of a proxy on the way is not the server's.
    if connection.reached_session() || proxied || seen.looks_like == "a SOCKS answer" {
        return None;
    }
    let when = if seen.spoke_first { "speaks first, with" } else { "answers with" };
    let says = format!("the server {when} {}: \"{}\"", seen.looks_like, seen.first_bytes);
    let mut evidence = vec![Evidence::of(foreign, says)];
    if let Some(request) = &connection.request {
        evidence.push(Evidence::of(request, "the client sends its RDP connection request"));
    }
    evidence.extend(case.ending());
    let (blame, whose) = if is_port_of(connection, seen) {
        (Blame::Client, "the usual service of this port: the client was given the wrong one")
    } else {
        (Blame::Server, "not what an RDP server says")
    };
    // Bytes that nothing is known of are the server's own words only where no RDP server would speak at all.
    let known = seen.spoke_first || !seen.looks_like.starts_with("no protocol");
    let strength = if known { Strength::Stated } else { Strength::Inferred };
    let detail = format!("port {} answers with {}, {whose}", connection.server.port, seen.looks_like);
    Some(Finding::new(&CAUSE, strength, blame, evidence).detail(detail))
}

/// Whether the protocol is at home on this port.
fn is_port_of(connection: &Connection, foreign: &Foreign) -> bool {
    let words = foreign.looks_like;
    match connection.server.port {
        21 | 25 | 587 => words.contains("SMTP"),
        22 => words.contains("SSH"),
        80 | 8080 => words.contains("HTTP"),
        443 | 8443 => words.contains("HTTP") || words.contains("TLS"),
        5900..=5910 => words.contains("VNC"),
        _ => false,
    }
}
