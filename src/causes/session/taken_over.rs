//! The server gave the session to another connection.

use super::decision;
use crate::base::{Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, cause};

cause! {
    /// Another connection took over the session.
    ///
    /// ## Why
    /// The same account logged on from another place, and the server gave it the session that was there: by
    /// default a user has one session. The connection that had it was ended in order. Nothing is broken.
    ///
    /// ## What to do
    /// - Find out who: RdpCoreTS 131 and RemoteConnectionManager 1149 just before the end name the address and the user
    ///   of the new connection; `qwinsta` shows who holds the session now.
    /// - Give each person an account of their own; do not share one.
    /// - If one person really needs several sessions on a session host:
    ///   `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server" /v fSingleSessionPerUser` shows whether one
    ///   is all that a user may have; the policy is Computer Configuration > Administrative Templates > Windows
    ///   Components > Remote Desktop Services > Remote Desktop Session Host > Connections, "Restrict Remote Desktop
    ///   Services users to a single Remote Desktop Services session".
    /// - If nobody of yours connected then, treat the account as compromised and change its password.
    /// - To verify: `qwinsta` shows one session for each person, and LocalSessionManager 40 with reason 5 is no longer
    ///   written.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.5.1.1 errorInfo 5; RdpCoreTS 228 (5), 72 SetErrorInfo(0x5), 103 (5);
    /// LocalSessionManager 40 reason 5.
    "taken-over", stage: Session, severity: Failure, blames: [None],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client", "stateful-idle-timeout"],
    client_code: "0x3, extended 5",
}

/// The new connection begins this long before the old one ends, at most: a logon lies between.
const LOGON: i64 = 60 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let mut finding = decision::detect(case, &CAUSE, &[5], Blame::None, |_| None)?;
    if let Some(connection) = case.connection() {
        let end = connection.last.time;
        let window = Window { start: end.shifted(-LOGON), end };
        // With several, which of them it was cannot be told.
        let mut others = case.around.others.at_server(connection.server, connection.first).filter(|other| {
            window.contains(other.window.start) && other.first > connection.first && other.window.end >= end
        });
        if let (Some(other), None) = (others.next(), others.next()) {
            let says = format!("a connection from {} begins, and goes on", other.client);
            finding.evidence.push(Evidence::at(other.first, says));
            if other.client == connection.client.ip {
                finding = finding.detail(
                    "by one of the same client, a second window or its own return after it had lost this one",
                );
            }
        }
    }
    Some(finding)
}
