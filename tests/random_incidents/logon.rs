//! Incidents of the logon: NLA, licences, and decisions of the server. `causes.md`, sections D and E, J1, J3.

use super::super::support::bytes::SECOND;
use super::super::support::capture::conversation::RST;
use super::super::support::capture::udp;
use super::log::Who;
use super::pieces::{ALL_PROTOCOLS, DOWN, UP};
use super::story::Need::{
    Address, AtClient, ClientRdp, ClientSecurity, ClientSystem, Clock, Core, Packets, Security, System,
};
use super::story::{Scene, Story, failure, strong};
use super::world::{MS, Spot};

const REFUSED: &[&str] = &["nla-refused-reason-not-visible"];

/// NLA refused with this sub-status in Security.
fn refused(s: &mut Scene, cause: &'static str, blame: &'static [&'static str], statuses: &[&str]) -> Story {
    let it = s.w.up_to_tokens(&s.party);
    s.w.pause(90, 1_400);
    let status = statuses[s.w.random.below(statuses.len())];
    s.w.refused(&it, Some(status));
    s.w.status(it.flow);
    // In a log of 2012 R2 nothing but 4625 says that it was refused.
    let proofs = vec![strong(&[Core, Security])];
    failure(cause, blame, REFUSED, proofs).may_look_healthy()
}

pub fn bad_password(s: &mut Scene) -> Story {
    refused(s, "bad-password-or-unknown-user", &["client"], &["0xc000006a", "0xc0000064"])
}

pub fn locked(s: &mut Scene) -> Story {
    refused(s, "account-locked", &["client"], &["0xc0000234"])
}

pub fn expired(s: &mut Scene) -> Story {
    let statuses = ["0xc0000193", "0xc0000071", "0xc0000224", "0xc0000072", "0xc000006f", "0xc0000070"];
    refused(s, "account-or-password-expired-disabled-hours-workstation", &["client"], &statuses)
}

pub fn type_not_granted(s: &mut Scene) -> Story {
    refused(s, "logon-type-not-granted", &["server"], &["0xc000015b"])
}

pub fn restricted(s: &mut Scene) -> Story {
    refused(s, "account-restriction", &["client", "server"], &["0xc000006e"])
}

pub fn no_authority(s: &mut Scene) -> Story {
    let cause = "no-domain-controller-or-selective-auth";
    refused(s, cause, &["network", "server"], &["0xc0000413", "0xc000005e"])
}

pub fn refused_without_reason(s: &mut Scene) -> Story {
    let it = s.w.up_to_tokens(&s.party);
    s.w.pause(90, 1_400);
    s.w.refused(&it, None);
    s.w.status(it.flow);
    let blame = &["client", "server", "unknown"];
    failure("nla-refused-reason-not-visible", blame, &[], vec![strong(&[Packets])]).may_look_healthy()
}

/// The client leaves after the challenge, and its log tells why.
fn leaves_after_challenge(s: &mut Scene, code: Option<u32>, krb: bool) {
    let activity = s.w.client_starts("srv07.example.test");
    let flow = s.w.connect(&s.party, 3389);
    s.w.negotiate(flow, s.party.user, 8);
    let it = s.w.accepted(flow, s.party.user, s.party.build);
    let address = s.w.computers[s.party.server].ip.to_string();
    s.w.client_address(&activity, &address);
    s.w.tls(flow);
    if krb {
        let (client, dc) = (s.party.client, s.third);
        let request = udp::opaque("as-req", 214);
        s.w.local_datagram(Spot::Client, (client, 61_501), (dc, 88), &request);
        s.w.pause(1, 4);
        let answer = udp::krb_error("20260304092143Z", 37);
        s.w.local_datagram(Spot::Client, (dc, 88), (client, 61_501), &answer);
    }
    s.w.pause(2, 9);
    s.w.app(flow, UP, &[57]);
    s.w.pause(1, 4);
    s.w.app(flow, DOWN, &[295]);
    s.w.pause(1, 9);
    if code.is_none() {
        let values = [("TargetName", "TERMSRV/srv07.example.test"), ("TargetVersion", "4")];
        s.w.log(Who::Client, "LsaSrv/6041", &values);
    }
    s.w.rst(flow, UP);
    let delay = s.w.delay;
    s.w.wait(delay);
    s.w.socket_failed(&it, 64, false);
    if let Some(code) = code {
        s.w.client_ends(&activity, code);
    }
}

const LEFT: &[&str] = &["nla-refused-reason-not-visible", "client-left-or-probe"];

pub fn skew(s: &mut Scene) -> Story {
    leaves_after_challenge(s, Some(7431), true);
    let proofs = vec![strong(&[ClientRdp]), strong(&[AtClient])];
    failure("clock-skew", &["client", "server"], LEFT, proofs).may_look_healthy()
}

pub fn oracle(s: &mut Scene) -> Story {
    leaves_after_challenge(s, None, false);
    let proofs = vec![strong(&[ClientSystem])];
    let lesser = &["nla-refused-reason-not-visible", "client-left-or-probe", "delegation-or-ntlm-policy"];
    failure("credssp-oracle-remediation", &["client", "server"], lesser, proofs).may_look_healthy()
}

pub fn delegation(s: &mut Scene) -> Story {
    let code = [5639, 5895, 3848][s.w.random.below(3)];
    leaves_after_challenge(s, Some(code), false);
    let proofs = vec![strong(&[ClientRdp])];
    failure("delegation-or-ntlm-policy", &["client", "server"], LEFT, proofs).may_look_healthy()
}

pub fn probe_then_session(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    s.w.negotiate(flow, s.party.user, 8);
    let it = s.w.accepted(flow, s.party.user, s.party.build);
    if s.w.random.one_in(2) {
        s.w.hello(flow);
        s.w.flight(flow);
    }
    s.w.pause(2, 30);
    s.w.rst(flow, UP);
    let delay = s.w.delay;
    s.w.wait(delay);
    s.w.socket_failed(&it, 64, false);
    s.w.pause(1_200, 2_600);
    let it = s.w.session(&s.party);
    s.w.work(it.flow, 4, 3_000);
    s.w.close_window(&it);
    failure("client-left-or-probe", &["none"], &[], vec![strong(&[Packets])]).benign()
}

/// Up to the client info, before the session is active.
fn decided_early(s: &mut Scene, code: u32) {
    let it = s.w.up_to_tokens(&s.party);
    s.w.granted(it.flow);
    s.w.secured(&it);
    s.w.mcs(it.flow);
    s.w.ack(it.flow, DOWN);
    s.w.pause(300, 2_000);
    s.w.end_by_decision(&it, code, false);
}

fn decided_in_session(s: &mut Scene, code: u32) {
    let it = s.w.session(&s.party);
    let exchanges = 3 + s.w.random.below(6);
    s.w.work(it.flow, exchanges, 3_000);
    s.w.pause(300, 2_000);
    s.w.end_by_decision(&it, code, true);
}

/// A decision of the server: errorInfo in its log; without it, the packets show an orderly end.
fn decision(cause: &'static str, blame: &'static [&'static str]) -> Story {
    let proofs = vec![strong(&[Core])];
    failure(cause, blame, &["logoff-or-window-closed"], proofs).may_look_healthy()
}

pub fn fresh_credentials(s: &mut Scene) -> Story {
    decided_early(s, 10);
    decision("fresh-credentials-required", &["client"])
}

pub fn licence(s: &mut Scene) -> Story {
    let code = 0x100 + s.w.random.below(11) as u32;
    decided_early(s, code);
    decision("licensing", &["server"])
}

pub fn limit(s: &mut Scene) -> Story {
    decided_in_session(s, 7);
    decision("session-limit", &["server"])
}

pub fn taken(s: &mut Scene) -> Story {
    decided_in_session(s, 5);
    decision("taken-over", &["none"])
}

pub fn disconnected(s: &mut Scene) -> Story {
    let code = [1, 2, 11][s.w.random.below(3)];
    decided_in_session(s, code);
    decision("admin-or-user-disconnect", &["none"]).benign()
}

pub fn time_limit(s: &mut Scene) -> Story {
    let code = 3 + s.w.random.below(2) as u32;
    decided_in_session(s, code);
    decision("idle-or-time-limit", &["server"])
}

pub fn logoff(s: &mut Scene) -> Story {
    if s.w.random.one_in(2) {
        decided_in_session(s, 12);
    } else {
        let it = s.w.session(&s.party);
        s.w.work(it.flow, 4, 3_000);
        s.w.close_window(&it);
    }
    decision("logoff-or-window-closed", &["none"]).benign()
}

pub fn protocol_error(s: &mut Scene) -> Story {
    let code = 0x10c9 + s.w.random.below(0xc0) as u32;
    let it = s.w.session(&s.party);
    s.w.work(it.flow, 3, 2_000);
    let now = s.w.now;
    let values = [("ComponentName", "RDP_SHARE"), ("ErrorCode", "0x1")];
    s.w.log_at(now, Who::Server, "RdpCoreTS/97", &values, Some(&it.activity));
    s.w.end_by_decision(&it, code, true);
    decision("protocol-error", &["client", "server", "middlebox"])
}

pub fn refused_in_session(s: &mut Scene) -> Story {
    // Without NLA: the logon screen of the server.
    let flow = s.w.connect(&s.party, 3389);
    s.w.open(flow);
    let user = s.party.user;
    s.w.request(flow, user, Some(ALL_PROTOCOLS & 1));
    s.w.confirm(flow, 1);
    s.w.tls(flow);
    let it = s.w.accepted(flow, user, s.party.build);
    s.w.secured(&it);
    s.w.mcs(flow);
    s.w.picture(flow);
    s.w.work(flow, 3, 2_000);
    let ip = s.w.flows[flow].outside.ip().to_string();
    let values =
        [("TargetUserName", user), ("SubStatus", "0xc000006a"), ("LogonType", "10"), ("IpAddress", &*ip)];
    for _ in 0..5 {
        s.w.log(Who::Server, "Security/4625", &values);
        s.w.work(flow, 2, 2_000);
    }
    let now = s.w.now;
    s.w.log_at(now, Who::Server, "RdpCoreTS/147", &[("Error", "0x8007052e")], Some(&it.activity));
    s.w.log(Who::Server, "RCM/1012/classic", &[("Data", "CLIENT07")]);
    s.w.pause(100, 900);
    s.w.end_by_decision(&it, 9, false);
    let story = decision("logon-refused-in-session", &["client", "server"]);
    Story { lesser: &["logoff-or-window-closed", "logon-type-not-granted"], ..story }
}

pub fn host_restarts(s: &mut Scene) -> Story {
    let it = s.w.session(&s.party);
    let third = super::pieces::Party { client: s.third, outside: None, user: "mallory", ..s.party };
    let mut now = s.w.now;
    let other = s.w.session(&third);
    s.w.work(it.flow, 5, 2_000);
    s.w.work(other.flow, 5, 2_000);
    now = now.max(s.w.now);
    s.w.log_at(now - 20 * SECOND, Who::Server, "Kernel-Power/109", &[], None);
    s.w.log_at(now - 900 * MS, Who::Server, "EventLog/6006", &[], None);
    let stop = format!("@{now}");
    s.w.log_at(now + MS, Who::Server, "Kernel-General/13", &[("StopTime", &stop)], None);
    for flow in [it.flow, other.flow] {
        s.w.rst(flow, DOWN);
        s.w.wait(2 * MS);
    }
    let start = format!("@{}", now + 45 * SECOND);
    s.w.log_at(now + 50 * SECOND, Who::Server, "Kernel-General/12", &[("StartTime", &start)], None);
    let lesser = &["ended-abruptly-by-server", "service-down"];
    failure("host-shutdown-or-crash", &["server"], lesser, vec![strong(&[Packets, System, Clock])])
}

pub fn security_software(s: &mut Scene) -> Story {
    let activity = s.w.client_starts("srv07.example.test");
    for at in 0..3 {
        let flow = s.w.connect(&s.party, 3389);
        s.w.negotiate(flow, s.party.user, 8);
        let it = s.w.accepted(flow, s.party.user, s.party.build);
        s.w.hello(flow);
        s.w.flight(flow);
        s.w.wait(300_000);
        let (from, to) = (s.w.flows[flow].client, s.w.flows[flow].server);
        let (ip, port, server) = (from.ip().to_string(), from.port().to_string(), to.ip().to_string());
        let values = [
            ("Application", "\\device\\harddiskvolume3\\windows\\system32\\mstsc.exe"),
            ("Direction", "%%14593"),
            ("SourceAddress", &*ip),
            ("SourcePort", &*port),
            ("DestAddress", &*server),
            ("DestPort", "3389"),
        ];
        s.w.log(Who::Client, "Security/5157", &values);
        s.w.rst(flow, UP);
        let delay = s.w.delay;
        s.w.wait(delay);
        s.w.socket_failed(&it, 64, false);
        s.w.wait((if at < 2 { 8 } else { 1 }) * SECOND);
    }
    s.w.client_ends(&activity, 2308);
    // Without the packets, a block is all that 5157 says.
    let lesser = &[
        "closed-inside-tls-reason-not-visible",
        "client-left-or-probe",
        "certificate-name",
        "client-outbound-rule",
    ];
    let proofs = vec![strong(&[AtClient, ClientSecurity]), strong(&[Packets, ClientSecurity, Address])];
    failure("client-security-software", &["client"], lesser, proofs).may_look_healthy()
}

pub fn internal_fault(s: &mut Scene) -> Story {
    let activity = s.w.client_starts("srv07.example.test");
    let it = s.w.session(&s.party);
    let address = s.w.computers[s.party.server].ip.to_string();
    s.w.client_address(&activity, &address);
    s.w.work(it.flow, 5, 2_000);
    s.w.settle(it.flow);
    s.w.bare(
        it.flow,
        UP,
        RST | super::super::support::capture::conversation::ACK,
        super::world::Fate::Arrives,
    );
    let code = [262, 774, 1544, 3080, 4104][s.w.random.below(5)];
    s.w.client_ends(&activity, code);
    s.w.socket_failed(&it, 64, true);
    let lesser = &["ended-abruptly-by-client"];
    failure("client-internal-fault", &["client"], lesser, vec![strong(&[ClientRdp])])
}
