//! The client ended the connection for a fault of its own.

use crate::causes::{Blame, Case, Evidence, Finding, cause, told};
use crate::stream::Side;

cause! {
    /// The client ended the connection because of a fault of its own.
    ///
    /// ## Why
    /// The client's program reports that it ran out of memory or met an internal error. Server and network did their
    /// part; a driver, a plug-in or a lack of memory on the client is the usual reason.
    ///
    /// ## What to do
    /// - Update Windows, the Remote Desktop client and the display driver of the client.
    /// - `Get-WinEvent -FilterHashtable @{LogName='Application';Id=1000,1001}` on the client: a crash of mstsc.exe
    ///   names the faulty module.
    /// - Task Manager, Performance: is memory or the commit charge at its limit? Close programs, use fewer monitors or
    ///   a smaller resolution.
    /// - To verify: the same user connects to the same server from another computer, and then from this one.
    ///
    /// ## Seen as
    /// Client 1026 or 1033 with 0x106, 0x206, 0x306, 0x608, 0xC08, 0x1008 or 0x20A; a client RST or FIN with
    /// nothing odd before it.
    "client-internal-fault", stage: Session, severity: Failure, blames: [Client],
    more_specific_than: ["ended-abruptly-by-client"],
    client_code: "0x106, 0x306, 0x608, 0xC08, 0x1008 or 0x20A",
}

/// Out of memory (0x106, 0x206, 0x306) and internal errors of the client.
const CODES: &[u32] = &[0x106, 0x206, 0x306, 0x608, 0xc08, 0x1008, 0x20a];

fn detect(case: &Case<'_>) -> Option<Finding> {
    let coded = told::client_code(case, CODES)?;
    let ended = case.ended_by(Side::Client).and_then(|_| case.ending());
    // Another end is another's doing, whatever the client makes of it.
    if case.flow().is_some() && ended.is_none() {
        return None;
    }
    let strength = told::code_strength(case, coded.0, ended.is_some());
    let memory = matches!(coded.1, 0x106 | 0x206 | 0x306);
    let says = if memory { "it ran out of memory" } else { "an internal error" };
    let mut evidence = vec![told::of_code(coded, says)];
    evidence.extend::<Option<Evidence>>(ended);
    Some(
        Finding::new(&CAUSE, strength, Blame::Client, evidence)
            .detail(format!("{says} (client code {:#X})", coded.1)),
    )
}
