//! One side stopped reading: its window stayed closed to the end.

use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::clock::seconds;
use crate::stream::Side;

cause! {
    /// One side stopped taking data: it froze.
    ///
    /// ## Why
    /// Its TCP told the other side that its buffer is full (a window of zero), and its program never read on before
    /// the connection ended. The system and the network were fine: the system answered every probe. The program,
    /// or its machine, hung.
    ///
    /// ## What to do
    /// - The client froze: update its display driver and the client; look at processor and memory at that moment, at
    ///   Application log 1002 (hang), and at security software that scans the process.
    /// - The server froze: `resmon` (processor, memory, disk queue); System log, Resource-Exhaustion-Detector 2004;
    ///   RdpCoreTS 145 names the idle connection.
    /// - Let the client paint less for a test: lower colour depth, `/gfx` off in FreeRDP, another monitor count.
    /// - To verify: `tcp.analysis.zero_window` in Wireshark stays empty in a new capture.
    ///
    /// ## Seen as
    /// A window of zero for more than 10 s to the end, answered window probes. RFC 9293 3.8.6.1
    "zero-window", stage: Session, severity: Failure, blames: [Client, Server],
    more_specific_than: ["ended-abruptly-by-client", "ended-abruptly-by-server", "packet-loss",
        "stateful-idle-timeout", "high-latency"],
    client_code: "0x904",
}

/// A window that stays closed this long is a frozen program; a busy one opens it sooner.
const FROZEN: i64 = 10 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if connection.goodbye.is_some() || flow.closes.is_empty() || !case.capture_is_fair() {
        return None;
    }
    let (side, closed) = [Side::Client, Side::Server]
        .into_iter()
        .find_map(|side| Some((side, flow.habits(side).zero_window_open?)))?;
    let end = flow.first_close()?.mark;
    let lasted = end.time - closed.time;
    // It must be there to say so: one that is gone is another story.
    let last = flow.habits(side).last.filter(|last| last.time - closed.time >= FROZEN / 2)?;
    if lasted < FROZEN {
        return None;
    }
    let mut evidence = vec![
        Evidence::at(
            closed,
            format!("the {} announces a TCP receive window of 0 and never opens it again", side.name()),
        ),
        Evidence::at(
            last,
            format!(
                "its system still answers, {} times with a window of zero",
                flow.habits(side).zero_windows
            ),
        ),
    ];
    evidence.extend(case.ending());
    let blame = if side == Side::Client { Blame::Client } else { Blame::Server };
    let detail = format!("the {} took no data for the last {:.1} s", side.name(), seconds(lasted));
    Some(Finding::new(&CAUSE, Strength::Inferred, blame, evidence).detail(detail))
}
