//! Bytes change on the way: segments arrive damaged and are dropped by the receiver.

use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::stream::Side;

cause! {
    /// Segments are damaged on the way.
    ///
    /// ## Why
    /// Segments arrive with a wrong TCP checksum, so the receiver's system drops them without a word, and the
    /// sender repeats them until it gives up. A device that rewrites packets, a bad memory or cable behind a device
    /// that computes the frame's own checksum anew, or a faulty driver does this.
    ///
    /// ## What to do
    /// - Compare with a capture at the sender: bytes that differ show what changes them, and where.
    /// - Cable, port and adapter on both ends: `Get-NetAdapterStatistics`, `ethtool -S`, error counters of the switch.
    /// - Update the adapter's driver; for a test, switch its offloads off:
    ///   `Disable-NetAdapterChecksumOffload -Name Ethernet` (take it back afterwards:
    ///   `Enable-NetAdapterChecksumOffload`).
    /// - VPN or tunnel on the path: once without it.
    /// - To verify: with "Validate the TCP checksum if possible" on, Wireshark's filter
    ///   `tcp.checksum.status == "Bad"` shows nothing at the receiver.
    ///
    /// ## Seen as
    /// Repeated segments of one side with a wrong TCP checksum, never acknowledged, while its other segments are
    /// right. All wrong from one side is checksum offload at the capturing host and no fault. RFC 9293 3.1
    "segments-corrupted", stage: Session, severity: Failure, blames: [Network],
    more_specific_than: ["packet-loss", "mtu-black-hole", "data-dropped-after-handshake", "ended-abruptly-by-client",
        "ended-abruptly-by-server", "closed-inside-tls-reason-not-visible", "client-left-or-probe"],
    client_code: "0x904 or 0x404",
}

/// Damaged repeats that are no accident.
const WRONG: u32 = 3;
/// Right segments that show that the sender's checksums are not left to its adapter.
const RIGHT: u32 = 3;
/// They must span at least this long.
const SPAN: i64 = time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (_, flow) = case.both()?;
    let (side, lost) = [Side::Client, Side::Server].into_iter().find_map(|side| {
        let sums = flow.habits(side).checksums;
        let damaged = sums.wrong_again >= WRONG && sums.wrong_again > sums.right_again;
        let known = sums.right >= RIGHT && sums.wrong == 0;
        let lost = flow
            .swallowed(side)
            .into_iter()
            .find(|lost| lost.times >= WRONG && lost.last.time - lost.first.time >= SPAN)?;
        (damaged && known).then_some((side, lost))
    })?;
    let sums = flow.habits(side).checksums;
    let name = side.name();
    let mut evidence = vec![
        Evidence::at(
            sums.first_wrong?,
            format!("a repeated segment of the {name} arrives with a wrong checksum"),
        ),
        Evidence::at(
            sums.last_wrong?,
            format!("the last of {} such segments; none was acknowledged", sums.wrong_again),
        ),
    ];
    evidence.push(Evidence::at(
        lost.first,
        format!("its data was sent {} times; the {name}'s earlier segments were right", lost.times),
    ));
    Some(
        Finding::new(&CAUSE, Strength::Inferred, Blame::Network, evidence)
            .located(format!("between the {name} and this capture point"))
            .missing(format!("a capture at the {name}: it shows the bytes as they were sent")),
    )
}
