//! The server gave no licence for the session.

use crate::base::{Window, time};
use crate::causes::authentication::refused::is_tied;
use crate::causes::session::decision;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::Stage;
use crate::correlate::Joined;
use crate::eventlog::{Provider, rdp_client};
use crate::stream::Side;

cause! {
    /// The server ended the connection because of Remote Desktop licensing.
    ///
    /// ## Why
    /// A session host needs a client access licence for each user or device. None could be had: no licence server
    /// is set or reachable, the grace period is over, no licence is left, or the licence that the client keeps is
    /// damaged. Name and password were right.
    ///
    /// ## What to do
    /// - On the session host: `$s = Get-WmiObject -Namespace root\cimv2\TerminalServices Win32_TerminalServiceSetting`,
    ///   then `$s.GetSpecifiedLicenseServerList()`, `$s.LicensingType` and `$s.GetGracePeriodDays()`.
    /// - Run `lsdiag.msc` (Remote Desktop Licensing Diagnoser), and set server and mode by policy: Computer
    ///   Configuration > Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop
    ///   Session Host > Licensing, "Use the specified Remote Desktop license servers" and "Set the Remote Desktop
    ///   licensing mode".
    /// - To get in meanwhile as an administrator: `mstsc /admin /v:<server>`.
    /// - If only one client fails: export and delete its `HKLM\SOFTWARE\Microsoft\MSLicensing\Store`, then run mstsc
    ///   there once as administrator.
    /// - To verify: the diagnoser shows no problem, and a user without administrative rights can connect.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 0x100 to 0x10A; RemoteConnectionManager (Admin) 1003, 1004, 1011.
    "licensing", stage: Licensing, severity: Failure, blames: [Server],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client"],
    client_code: "0x808 or 0x908, or extended 0x100 to 0x10B",
}

/// errorInfo of licensing. [MS-RDPBCGR] 2.2.5.1.1
const CODES: &[u32] = &[0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107, 0x108, 0x109, 0x10a];
/// An event of licensing that carries no ActivityID is written at the end of the connection.
const NEAR: i64 = 2 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if let Some(mut finding) = decision::detect(case, &CAUSE, CODES, Blame::Server, words) {
        finding.evidence.extend(case.all_events().find_map(logged).map(|(_, evidence)| evidence));
        return Some(finding);
    }
    // What follows names no code: only where the connection did stop before its session.
    if decision::was_used(case) {
        return None;
    }
    let connection = case.connection();
    let window = connection.map_or(Window::ALWAYS, |connection| connection.window().widened(NEAR));
    let near = connection.map(|_| case.around.far_near(window)).into_iter().flatten();
    let (joined, evidence) =
        case.all_events().find_map(logged).or_else(|| near.into_iter().find_map(logged))?;
    let stopped = stopped_by_server(case);
    let own = joined.event.provider == Provider::RemoteConnectionManager && is_tied(joined)
        || case.attempt.is_none();
    let strength = match (&stopped, own) {
        (_, true) => Strength::Stated,
        (Some(_), false) => Strength::Corroborated,
        (None, false) => Strength::Inferred,
    };
    let evidence = std::iter::once(evidence).chain(stopped).chain(case.accepted()).collect();
    let finding = Finding::new(&CAUSE, strength, Blame::Server, evidence);
    Some(finding.missing(
        "RdpCoreTS 72 SetErrorInfo or 228 of the server: the code tells what is wrong with licensing",
    ))
}

/// The server ended the connection where licensing has its place.
fn stopped_by_server(case: &Case<'_>) -> Option<Evidence> {
    let connection = case.connection()?;
    let place = matches!(connection.reached, Stage::Settings | Stage::Licensing);
    let by_server = case.ended_by(Side::Server).is_some() || decision::server_said_goodbye(case).is_some();
    (place && by_server).then(|| case.ending()).flatten()
}

/// An event that speaks of licensing without an errorInfo.
fn logged(joined: &Joined) -> Option<(&Joined, Evidence)> {
    let event = &joined.event;
    let says = match (&event.provider, event.id) {
        (Provider::RemoteConnectionManager, 1003) => "the client has provided an invalid licence",
        (Provider::RemoteConnectionManager, 1004) => "the server cannot issue a client licence",
        (Provider::RemoteConnectionManager, 1011) => "the client's temporary licence has expired",
        (Provider::RdpClient, _) => match rdp_client::meaning(event)? {
            rdp_client::Meaning::NoLicence(_) => "the client got no licence",
            rdp_client::Meaning::Disconnected(Some(0x808 | 0x908)) => {
                "the client ends the attempt with a code of licensing"
            }
            _ => return None,
        },
        _ => return None,
    };
    Some((joined, Evidence::event(event, says)))
}

fn words(code: u32) -> Option<&'static str> {
    Some(match code {
        0x101 => "no licence server was reachable (errorInfo 0x101)",
        0x102 => "no licence was left for this client (errorInfo 0x102)",
        0x103 => "a licensing message of the client was not understood (errorInfo 0x103)",
        0x104 => "the client's licence is another computer's (errorInfo 0x104)",
        0x105 => "the client's licence is not valid (errorInfo 0x105)",
        0x106 => "licensing did not come to its end (errorInfo 0x106)",
        0x107 => "the client ended licensing (errorInfo 0x107)",
        0x108 => "a licensing message was not encrypted as it should be (errorInfo 0x108)",
        0x109 => "the client's licence could not be upgraded (errorInfo 0x109)",
        0x10a => "the server has no licence for remote connections (errorInfo 0x10A)",
        0x100 => "an internal error of licensing (errorInfo 0x100)",
        _ => return None,
    })
}
