//! One side met data that it could not make sense of.

use super::decision;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::correlate::Joined;
use crate::eventlog::{rdp_client, rdp_core_ts, system};

cause! {
    /// The session was ended because of a protocol error: one side could not make sense of the other's data.
    ///
    /// ## Why
    /// A message had a wrong length, came out of order, or could not be decrypted. A client that is outdated or
    /// faulty, a display or redirection feature that one side does badly, and a device on the path that alters data
    /// look alike; the number tells which message it was.
    ///
    /// ## What to do
    /// - Update the client (and, where it is not mstsc, try with mstsc), and the server's Windows.
    /// - As a test, one at a time: bitmap caching off (`bitmapcachepersistenable:i:0` in the .rdp file), redirections
    ///   off, UDP off (on the client: Computer Configuration > Administrative Templates > Windows Components > Remote
    ///   Desktop Services > Remote Desktop Connection Client, "Turn Off UDP On Client"). Set back what made no
    ///   difference.
    /// - Try from another network, without VPN or proxy: if the error is gone, a device on the path alters the data.
    /// - To verify: RdpCoreTS 97 and SetErrorInfo are no longer written in a long session.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 0x10C9 to 0x1196; RdpCoreTS 67, 97; TermDD 50, 56 (Windows 7 and older);
    /// client 1031, 0xD06.
    "protocol-error", stage: Session, severity: Failure, blames: [Client, Server, Middlebox],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client"],
    client_code: "0xD06, or extended 0x10C9 to 0x1196",
}

/// errorInfo of protocol errors. [MS-RDPBCGR] 2.2.5.1.1
const CODES: std::ops::RangeInclusive<u32> = 0x10c9..=0x1196;
/// The client's code for one.
const CLIENT: &[u32] = &[0xd06];

fn detect(case: &Case<'_>) -> Option<Finding> {
    let stated = decision::statements(case).into_iter().find(|said| CODES.contains(&said.code));
    let logged: Vec<(&Joined, Evidence, Blame)> =
        case.all_events().filter_map(|joined| logged(joined)).collect();
    if let Some(said) = stated {
        let mut finding = decision::detect(case, &CAUSE, &[said.code], Blame::Client, |_| None)?;
        finding.evidence.extend(logged.into_iter().map(|(_, evidence, _)| evidence));
        let code = said.code;
        return Some(
            finding.detail(format!("the server could not take what the client sent, errorInfo {code:#X}")),
        );
    }
    // A goodbye means that nobody ended it for an error; what is logged then was survived.
    let in_order = decision::ended_in_order(case);
    let coded = told::client_code(case, CLIENT);
    let first = logged.first().filter(|_| !in_order).map(|(joined, _, blame)| (*joined, *blame));
    let (joined, blame) = first.or_else(|| coded.map(|(joined, _)| (joined, Blame::Server)))?;
    let ended = case.ending();
    let strength = told::strength(case, joined, ended.is_some());
    let mut evidence: Vec<Evidence> = logged.into_iter().map(|(_, evidence, _)| evidence).collect();
    evidence.extend(coded.map(|coded| told::of_code(coded, "a protocol error")));
    evidence.extend(ended);
    let strength = if strength == Strength::Inferred && coded.is_some() && evidence.len() > 2 {
        Strength::Corroborated
    } else {
        strength
    };
    Some(Finding::new(&CAUSE, strength, blame, evidence))
}

/// An event that tells of a protocol error, and who made it.
fn logged(joined: &Joined) -> Option<(&Joined, Evidence, Blame)> {
    let event = &joined.event;
    if let Some(rdp_core_ts::Meaning::ProtocolError { of, code }) = rdp_core_ts::meaning(event) {
        let of = of.map(|of| format!(" in {of}")).unwrap_or_default();
        let code = code.map(|code| format!(", code {code:#010X}")).unwrap_or_default();
        let says = format!("the server ends the connection for a protocol error{of}{code}");
        return Some((joined, Evidence::event(event, says), Blame::Client));
    }
    if rdp_client::meaning(event) == Some(rdp_client::Meaning::BadPacket) {
        let says = "the client met a packet that it could not understand";
        return Some((joined, Evidence::event(event, says), Blame::Server));
    }
    let says = match system::meaning(event)? {
        system::Meaning::DriverProtocolError(of) => {
            let of = of.map(|of| format!(" in {of}")).unwrap_or_default();
            format!("the server's driver notes a protocol error{of} and ends the connection")
        }
        system::Meaning::DriverSecurityError { code: Some(code), .. } if code != TIMED_OUT => {
            format!("the server's driver notes an error of the security layer, code {code:#010X}")
        }
        _ => return None,
    };
    Some((joined, Evidence::event(event, says), Blame::Client))
}

/// STATUS_IO_TIMEOUT with the driver's customer bit: the network, not the protocol.
const TIMED_OUT: u32 = 0xd000_00b5;
