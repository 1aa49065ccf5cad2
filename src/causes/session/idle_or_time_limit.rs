//! The server ended the session because a limit was reached.

use super::decision;
use crate::causes::{Blame, Case, Evidence, Finding, cause};
use crate::eventlog::rdp_core_ts;

cause! {
    /// The server ended the session because its idle or time limit was reached.
    ///
    /// ## Why
    /// A policy or a setting of the account limits how long a session may be idle or active, and the server
    /// enforced it. The network and both computers did what they should.
    ///
    /// ## What to do
    /// - On the server: `reg query "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"` shows `MaxIdleTime`
    ///   and `MaxConnectionTime` (milliseconds; 0 or missing is no limit), and `gpresult /h gp.html` the policy that
    ///   sets them.
    /// - Without a policy, look at the Sessions tab of the account and at the collection of the session host.
    /// - Change the limit where it is set, if it is not meant: Computer Configuration > Administrative Templates >
    ///   Windows Components > Remote Desktop Services > Remote Desktop Session Host > Session Time Limits, "Set time
    ///   limit for active but idle Remote Desktop Services sessions" and "Set time limit for active Remote Desktop
    ///   Services sessions".
    /// - To verify: `gpupdate /force`, log on anew, and let the session idle longer than the old limit.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 3 (idle) or 4 (time); LocalSessionManager 40 reason 3 or 4; RdpCoreTS 145.
    "idle-or-time-limit", stage: Session, severity: Failure, blames: [Server],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client", "stateful-idle-timeout"],
    client_code: "extended 3 or 4",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let mut finding = decision::detect(case, &CAUSE, &[3, 4], Blame::Server, words)?;
    let idle = case.all_events().find_map(|joined| match rdp_core_ts::meaning(&joined.event)? {
        rdp_core_ts::Meaning::Idle(counts) => {
            let seconds = counts.into_iter().flatten().max()?;
            Some(Evidence::event(&joined.event, format!("{seconds} s without output before the end")))
        }
        _ => None,
    });
    finding.evidence.extend(idle);
    Some(finding)
}

fn words(code: u32) -> Option<&'static str> {
    match code {
        3 => Some("the idle limit"),
        4 => Some("the limit of the time that a session may be active"),
        _ => None,
    }
}
