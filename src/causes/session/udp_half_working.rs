//! The UDP side transport came up and then lost its data.

use crate::base::{Mark, Window, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::connection::observations::SideChannel;
use crate::correlate::Joined;
use crate::correlate::clock::seconds;
use crate::eventlog::{Provider, rdp_core_ts};
use crate::stream::Side;

cause! {
    /// UDP opens and then loses its data: the session stalls although TCP is fine.
    ///
    /// ## Why
    /// The first, small datagrams of the side transport pass, and what follows does not: large datagrams are too big
    /// for the path and are dropped, or a firewall forgets the UDP flow. Client and server believe in UDP and wait for
    /// it, so the picture freezes while the TCP connection idles.
    ///
    /// ## What to do
    /// - Switch UDP off on the client as a test, and as a remedy until the path is mended:
    ///   `reg add "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\Client" /v fClientDisableUDP /t REG_DWORD /d 1 /f`
    ///   (policy: Computer Configuration > Administrative Templates > Windows Components > Remote Desktop Services >
    ///   Remote Desktop Connection Client, "Turn Off UDP On Client").
    /// - Find the largest packet that passes: `ping -f -l 1204 <server>` downwards, plus 28; set it on the VPN's
    ///   adapter: `netsh interface ipv4 set subinterface "<adapter>" mtu=<bytes> store=persistent`.
    /// - On the firewall: a longer time-out for UDP 3389.
    /// - To verify: with UDP on again, RdpCoreTS 135 says UDP and the session does not stall.
    ///
    /// ## Seen as
    /// RDPEUDP SYN and SYN+ACK ([MS-RDPEUDP] 3.1.5), then datagrams of one side without an answer; RdpCoreTS 138;
    /// Schannel 36896 to 36899; client 1105.
    "udp-half-working", stage: Session, severity: Warning, blames: [Network, Middlebox],
    client_code: "a frozen picture, then 0x904",
}

/// A side channel begins this much before the session is seen to be up, or after its end, at most.
const EDGE: i64 = 5 * time::SECOND;
/// The other side was heard no more than this often: SYN+ACK, and what it repeats.
const HANDSHAKE: u64 = 3;
/// One side sends so many more in vain, for so long.
const IN_VAIN: u64 = 4;
const LONG: i64 = 3 * time::SECOND;
/// TCP loss above this is not UDP's trouble alone, per mille.
const LOSSY: u64 = 20;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if !connection.reached_session() {
        return None;
    }
    if [Side::Client, Side::Server].into_iter().any(|side| flow.loss_per_mille(side) > LOSSY) {
        return None;
    }
    let during: Window = connection.window().widened(EDGE);
    let own = case.around.capture_of(flow.first)?;
    let halves: Vec<&SideChannel> = own
        .side_channels
        .iter()
        .filter(|((client, server), channel)| {
            client.ip == connection.client.ip
                && server.ip == connection.server.ip
                && during.contains(channel.first.time)
        })
        .map(|(_, channel)| channel)
        .collect();
    // One that works is enough.
    if halves.is_empty() || halves.iter().any(|channel| works(channel)) {
        return None;
    }
    let half = halves.into_iter().find(|channel| stalls(channel));
    let logged = told::near(case, 0, EDGE).into_iter().find_map(|joined| logged(case, joined));
    let evidence: Vec<Evidence> = match (half, logged) {
        (Some(half), logged) => of_channel(half).into_iter().chain(logged).collect(),
        (None, _) => return None,
    };
    let strength = if evidence.len() > 2 { Strength::Corroborated } else { Strength::Inferred };
    Some(Finding::new(&CAUSE, strength, Blame::Network, evidence))
}

fn works(channel: &SideChannel) -> bool {
    channel.to_client > HANDSHAKE && channel.to_server > HANDSHAKE
}

/// Both were heard, so UDP passes both ways; then one side repeats alone.
fn stalls(channel: &SideChannel) -> bool {
    let (less, more) = (channel.to_client.min(channel.to_server), channel.to_client.max(channel.to_server));
    (1..=HANDSHAKE).contains(&less)
        && more >= less + IN_VAIN
        && channel.last.time - channel.first.time >= LONG
}

fn of_channel(channel: &SideChannel) -> [Evidence; 2] {
    let (last, first): (Mark, Mark) = (channel.last, channel.first);
    let lasted = seconds(last.time - first.time);
    [
        Evidence::at(first, "the client opens UDP, and the server answers"),
        Evidence::at(
            last,
            format!(
                "{} datagrams to the server and {} to the client in {lasted:.1} s: no answers come any more",
                channel.to_server, channel.to_client
            ),
        ),
    ]
}

/// The server's log of DTLS that failed.
fn logged(case: &Case<'_>, joined: &Joined) -> Option<Evidence> {
    let event = &joined.event;
    let dtls = matches!(rdp_core_ts::meaning(event), Some(rdp_core_ts::Meaning::DtlsFailed(_)));
    let schannel = event.provider == Provider::Schannel && matches!(event.id, 36896..=36899);
    let known = case.around.reliable_time(joined).is_some();
    (known && (dtls || schannel)).then(|| {
        Evidence::event(
            event,
            if dtls {
                "DTLS of the side transport failed"
            } else {
                "Schannel notes trouble with DTLS records"
            },
        )
    })
}
