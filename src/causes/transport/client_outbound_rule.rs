//! The client's own firewall does not let Remote Desktop out.

use crate::base::time;
use crate::causes::authentication::refused::is_tied;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::correlate::Joined;
use crate::eventlog::security::{self, Direction, Filtered};

cause! {
    /// A rule of the client's own firewall blocks the connection before it leaves the computer.
    ///
    /// ## Why
    /// The Windows Filtering Platform of the client blocked the program or the port on the way out: an outbound rule of
    /// the Windows firewall, or a filter that a security product set. No packet was sent, so network and server have
    /// no part in it.
    ///
    /// ## What to do
    /// - On the client: `Get-NetFirewallRule -Direction Outbound -Action Block -Enabled True`, and the default:
    ///   `Get-NetFirewallProfile | ft Name,DefaultOutboundAction`.
    /// - `netsh wfp show filters`: the filter number of event 5157 is in the file that it writes, with the product that
    ///   set it.
    /// - Delete or narrow the rule, or allow it: `New-NetFirewallRule -DisplayName "RDP out" -Direction Outbound
    ///   -Protocol TCP -RemotePort 3389 -Action Allow` (a blocking rule is stronger: that has to go).
    /// - To verify: `Test-NetConnection <server> -Port 3389`, and no new 5157.
    ///
    /// ## Seen as
    /// Client Security 5157 or 5152 with direction %%14593 and the server's address and port; no SYN on the wire.
    "client-outbound-rule", stage: Transport, severity: Failure, blames: [Client],
    more_specific_than: ["firewall-drop"],
    client_code: "0x204",
}

/// The filter acts when the client tries.
const NEAR: i64 = 5 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    // A SYN on the wire was let out.
    if case.flow().is_some() {
        return None;
    }
    // A socket that was closed had been open: something was let out.
    if told::client_code(case, &[0x904]).is_some() {
        return None;
    }
    let (joined, filtered) = blocked_outbound(case, NEAR)?;
    // That nothing went out tells the client's code; without it, a later segment may have been the blocked one.
    let coded = told::client_code(case, &[0x204]);
    let strength = match coded {
        Some(_) if names_server(case, &filtered) => Strength::Stated,
        Some(_) => told::strength(case, joined, false),
        None => Strength::Inferred,
    };
    let missing =
        coded.is_none().then_some("the client's log RDPClient 1026: with 0x204 no connection was opened");
    let mut evidence = vec![of_block(joined, &filtered)];
    evidence.extend(coded.map(|coded| told::of_code(coded, "no connection")));
    let finding =
        Finding::new(&CAUSE, strength, Blame::Client, evidence).located("the client's own firewall");
    Some(match missing {
        Some(missing) => finding.missing(missing),
        None => finding,
    })
}

/// An event of the filtering platform that kept this client's connection from going out.
pub fn blocked_outbound<'a>(case: &Case<'a>, near: i64) -> Option<(&'a Joined, Filtered<'a>)> {
    told::near(case, near, near).into_iter().find_map(|joined| match security::meaning(&joined.event)? {
        security::Meaning::Blocked(filtered) | security::Meaning::Dropped(filtered)
            if filtered.direction == Some(Direction::Outbound)
                && (is_tied(joined) || is_of_case(case, joined, &filtered)) =>
        {
            Some((joined, filtered))
        }
        _ => None,
    })
}

/// Whether an event that is not tied is of this attempt: of the client's computer, or to its server; and not of another
/// of the client's ports.
fn is_of_case(case: &Case<'_>, joined: &Joined, filtered: &Filtered<'_>) -> bool {
    let port = case.connection().map(|connection| connection.client.port).filter(|port| *port != 0);
    let from = filtered.source.map(|end| end.port);
    if port.zip(from.flatten()).is_some_and(|(port, from)| from != 0 && from != port) {
        return false;
    }
    let own = case.events.iter().any(|own| own.event.computer == joined.event.computer);
    own || names_server(case, filtered)
}

fn names_server(case: &Case<'_>, filtered: &Filtered<'_>) -> bool {
    let destination = filtered.destination.map(|end| end.ip.to_string());
    destination.is_some_and(|ip| told::is_of_server(case, &ip))
}

/// The block as evidence.
pub fn of_block(joined: &Joined, filtered: &Filtered<'_>) -> Evidence {
    let program = filtered.program.and_then(|path| path.rsplit(['\\', '/']).next()).unwrap_or("a program");
    let filter = filtered.filter.map(|filter| format!(" (filter {filter})")).unwrap_or_default();
    Evidence::event(
        &joined.event,
        format!("the client's own filtering platform blocks {program} on the way out{filter}"),
    )
}
