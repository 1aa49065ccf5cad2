//! The UDP side channel did not come up; TCP carries the session. Not a failure.

use crate::base::{Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::eventlog::Provider;

cause! {
    /// UDP is blocked on the way; the session uses TCP alone.
    ///
    /// ## Why
    /// The client offers the faster UDP transport beside the session and gets no answer. It goes on over TCP:
    /// nothing fails, but sound, video and long paths are worse, and the start may take some seconds longer.
    ///
    /// ## What to do
    /// - Nothing, if TCP is good enough.
    /// - To use UDP: `Enable-NetFirewallRule -DisplayGroup "Remote Desktop"` has the rule for UDP 3389 on the server;
    ///   open it on the firewalls of the path too.
    /// - To save the wait, switch it off on the client:
    ///   `reg add "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\Client" /v fClientDisableUDP /t REG_DWORD /d 1 /f`.
    /// - To verify: the connection bar's information shows that UDP is enabled; RdpCoreTS 131 with UDP.
    ///
    /// ## Seen as
    /// RDPEUDP SYN (1232 bytes) at 0, 3.5 and 6.2 s unanswered while TCP goes on ([MS-RDPEUDP] 3.1.5.1.1); RdpCoreTS
    /// 135, 136; client 1104.
    "udp-fallback", stage: Session, severity: Benign, blames: [None],
}

/// Datagrams that must have been in vain.
const TRIED: u64 = 2;
/// A side channel begins this much before the session is seen to be up, or after its end, at most.
const EDGE: i64 = 5 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if !connection.reached_session() {
        return None;
    }
    let during: Window = connection.window().widened(EDGE);
    let own = case.around.capture_of(flow.first)?;
    let mut evidence = Vec::new();
    let mut tried = 0;
    for ((client, server), channel) in &own.side_channels {
        if client.ip != connection.client.ip
            || server.ip != connection.server.ip
            || !during.contains(channel.first.time)
        {
            continue;
        }
        // One that is answered is enough.
        if channel.to_client > 0 {
            return None;
        }
        tried += channel.to_server;
        let says = format!("the client offers UDP, {} times; no answer", channel.to_server);
        evidence.push(Evidence::at(channel.first, says));
        evidence.push(Evidence::at(channel.last, "the last offer; the session goes on over TCP"));
    }
    if tried < TRIED {
        return None;
    }
    let logged = case.event(&Provider::RdpCoreTs, 136);
    let strength = if logged.is_some() { Strength::Corroborated } else { Strength::Inferred };
    evidence
        .extend(logged.map(|joined| Evidence::event(&joined.event, "the server's log: UDP did not come up")));
    Some(Finding::new(&CAUSE, strength, Blame::None, evidence))
}
