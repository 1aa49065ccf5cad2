//! The UDP side transport came up and then lost its data.

use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::connection::udp::UdpConnection;
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

/// The server's log tells of it within this time.
const EDGE: i64 = 5 * time::SECOND;
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
    // One that works is enough.
    if case.sides().any(|side| side.udp.works()) {
        return None;
    }
    let half = case.sides().map(|side| &side.udp).find(|udp| udp.stalls())?;
    let logged = told::near(case, 0, EDGE).into_iter().find_map(|joined| logged(case, joined));
    let evidence: Vec<Evidence> = of_channel(half).into_iter().chain(logged).collect();
    let strength = if evidence.len() > 2 { Strength::Corroborated } else { Strength::Inferred };
    Some(Finding::new(&CAUSE, strength, Blame::Network, evidence))
}

fn of_channel(udp: &UdpConnection) -> [Evidence; 2] {
    let lasted = seconds(udp.last.time - udp.first.time);
    let (to_server, to_client) = (udp.to_server.datagrams, udp.to_client.datagrams);
    let hello = udp.security.client_hello.as_ref();
    let unheard = match hello.filter(|_| udp.security.server_hello.is_none()) {
        Some(hello) => format!("the {} client hello is not answered", hello.value.name()),
        None => "no answers come any more".into(),
    };
    let says = format!(
        "{to_server} datagrams to the server and {to_client} to the client in {lasted:.1} s: {unheard}"
    );
    [Evidence::at(udp.first, "the client opens UDP, and the server answers"), Evidence::at(udp.last, says)]
}

/// The server's log of DTLS that failed.
fn logged(case: &Case<'_>, joined: &Joined) -> Option<Evidence> {
    let event = &joined.event;
    let dtls = matches!(rdp_core_ts::meaning(event), Some(rdp_core_ts::Meaning::DtlsFailed(_)));
    let schannel = event.provider == Provider::Schannel && matches!(event.id, 36896..=36899);
    let known = case.reliable_time(joined).is_some();
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
