//! Incidents of a running session: network, device, computer, UDP; and the RD Gateway. `causes.md`, sections E, F, H, I.

use std::net::IpAddr;

use super::super::support::bytes::SECOND;
use super::super::support::capture::conversation::{ACK, FIN, RST};
use super::super::support::capture::{tls, udp};
use super::log::{Logged, Who, guid};
use super::pieces::{DOWN, Party, UP};
use super::story::Need::{AtClient, AtServer, ClientRdp, ClientSystem, Clock, Core, Gateway, Packets};
use super::story::{Scene, Story, failure, strong, weak};
use super::world::{Fate, MS};

fn working(s: &mut Scene) -> Logged {
    let it = s.w.session(&s.party);
    let exchanges = 4 + s.w.random.below(6);
    s.w.work(it.flow, exchanges, 2_500);
    it
}

pub fn abrupt_server(s: &mut Scene) -> Story {
    let it = working(s);
    s.w.pause(100, 900);
    if s.w.random.one_in(2) {
        s.w.fin(it.flow, DOWN);
        s.w.rst(it.flow, UP);
    } else {
        s.w.rst(it.flow, DOWN);
    }
    failure("ended-abruptly-by-server", &["server", "unknown"], &[], vec![weak(&[Packets])])
        .may_look_healthy()
}

pub fn abrupt_client(s: &mut Scene) -> Story {
    let it = working(s);
    s.w.pause(2_000, 4_000);
    s.w.rst(it.flow, UP);
    let delay = s.w.delay;
    s.w.wait(delay);
    s.w.socket_failed(&it, 64, true);
    let proofs = vec![weak(&[Packets]), strong(&[Packets, Core])];
    failure("ended-abruptly-by-client", &["client", "unknown"], &[], proofs).may_look_healthy()
}

pub fn injected(s: &mut Scene) -> Story {
    let it = working(s);
    let ttl = 61 - s.w.random.below(3) as u8;
    s.w.pause(100, 400);
    s.w.settle(it.flow);
    s.w.bare(it.flow, DOWN, RST | ACK, Fate::Forged(ttl));
    s.w.bare(it.flow, UP, RST | ACK, Fate::Forged(ttl));
    let delay = s.w.delay;
    s.w.wait(delay);
    s.w.socket_failed(&it, 64, true);
    // The true ends know nothing of it.
    s.w.wait(30 * MS);
    let picture = s.w.app_bytes(&[700]);
    s.w.say_in_vain(it.flow, DOWN, &picture, Fate::Arrives);
    let lesser = &["ended-abruptly-by-server", "ended-abruptly-by-client"];
    let proofs = vec![weak(&[Packets]), strong(&[Packets, Core]), strong(&[AtClient, AtServer])];
    failure("rst-injected", &["middlebox"], lesser, proofs)
}

pub fn idle_timeout(s: &mut Scene) -> Story {
    let limit = [300, 600, 900, 1800][s.w.random.below(4)] * SECOND;
    for at in 0..2 {
        let it = working(s);
        s.w.wait(limit);
        s.w.pause(0, 900);
        let input = s.w.app_bytes(&[19]);
        s.w.say_in_vain(it.flow, UP, &input, Fate::Lost);
        s.w.ladder(it.flow, UP, 5, 300 * MS, Fate::Lost);
        s.w.wait(9 * SECOND);
        s.w.bare(it.flow, UP, RST | ACK, Fate::Lost);
        s.w.wait(20 * SECOND);
        s.w.socket_failed(&it, 121, true);
        s.w.wait(if at == 0 { 9 * SECOND } else { 0 });
    }
    let lesser =
        &["packet-loss", "ended-abruptly-by-client", "slept-mid-session", "ended-abruptly-by-server"];
    let proofs = vec![weak(&[AtClient]), strong(&[AtClient, Core, Clock])];
    failure("stateful-idle-timeout", &["middlebox"], lesser, proofs).may_look_healthy()
}

pub fn loss(s: &mut Scene) -> Story {
    let it = working(s);
    for _ in 0..4 {
        s.w.pause(50, 200);
        let picture = s.w.app_bytes(&[900]);
        s.w.say_in_vain(it.flow, DOWN, &picture, Fate::Lost);
        s.w.wait(250 * MS);
        s.w.again(it.flow, DOWN);
    }
    let picture = s.w.app_bytes(&[900]);
    s.w.say_in_vain(it.flow, DOWN, &picture, Fate::Lost);
    s.w.ladder(it.flow, DOWN, 5, 300 * MS, Fate::Lost);
    s.w.wait(9 * SECOND);
    s.w.bare(it.flow, DOWN, RST | ACK, Fate::Lost);
    s.w.socket_failed(&it, 121, true);
    let lesser = &["ended-abruptly-by-server", "ended-abruptly-by-client", "client-network-change"];
    let two = strong(&[AtClient, AtServer]);
    let proofs = vec![weak(&[AtServer]), strong(&[AtServer, Core, Clock]), two];
    failure("packet-loss", &["network"], lesser, proofs).may_look_healthy()
}

pub fn frozen(s: &mut Scene) -> Story {
    let it = working(s);
    let way = if s.w.random.one_in(3) { DOWN } else { UP };
    // The frozen end takes no more: window 0, and it answers probes with the same.
    s.w.app(it.flow, way.back(), &[700]);
    s.w.window(it.flow, way, 0);
    s.w.ack(it.flow, way);
    let mut gap = 300 * MS;
    for _ in 0..7 {
        s.w.wait(gap);
        gap = (gap * 2).min(10 * SECOND);
        s.w.probe(it.flow, way.back(), Fate::Arrives);
        let delay = s.w.delay;
        s.w.wait(delay + 50_000);
        s.w.ack(it.flow, way);
    }
    s.w.wait(2 * SECOND);
    s.w.rst(it.flow, way.back());
    let lesser = &["ended-abruptly-by-server", "ended-abruptly-by-client"];
    failure("zero-window", &["client", "server"], lesser, vec![weak(&[Packets])]).may_look_healthy()
}

pub fn client_sleeps(s: &mut Scene) -> Story {
    let activity = s.w.client_starts("srv07.example.test");
    let it = working(s);
    let address = s.w.computers[s.party.server].ip.to_string();
    let now = s.w.now;
    s.w.now = s.w.flows[it.flow].accepted;
    s.w.client_address(&activity, &address);
    s.w.now = now;
    s.w.pause(300, 900);
    let slept = s.w.now;
    s.w.log(Who::Client, "Kernel-Power/42", &[("TargetState", "4")]);
    s.w.pause(300, 900);
    let picture = s.w.app_bytes(&[900]);
    s.w.say_in_vain(it.flow, DOWN, &picture, Fate::Lost);
    s.w.ladder(it.flow, DOWN, 5, 300 * MS, Fate::Lost);
    s.w.wait(9 * SECOND);
    s.w.bare(it.flow, DOWN, RST | ACK, Fate::Lost);
    s.w.socket_failed(&it, 121, true);
    let woke = slept + 1_800 * SECOND;
    let (from, to) = (format!("@{slept}"), format!("@{woke}"));
    let interval = [("SleepTime", &*from), ("WakeTime", &*to)];
    s.w.log_at(woke + 3 * SECOND, Who::Client, "Power-Troubleshooter/1", &interval, None);
    let lesser = &["packet-loss", "client-network-change", "ended-abruptly-by-server"];
    let proofs = vec![strong(&[AtServer, ClientRdp, ClientSystem])];
    failure("slept-mid-session", &["client", "server"], lesser, proofs).may_look_healthy()
}

pub fn network_changes(s: &mut Scene) -> Story {
    let it = working(s);
    s.w.log(Who::Client, "NetworkProfile/10001", &[]);
    let picture = s.w.app_bytes(&[900]);
    s.w.say_in_vain(it.flow, DOWN, &picture, Fate::Lost);
    s.w.ladder(it.flow, DOWN, 2, 300 * MS, Fate::Lost);
    s.w.pause(1_000, 3_000);
    s.w.log(Who::Client, "NetworkProfile/10000", &[]);
    let IpAddr::V4(old) = s.w.computers[s.party.client].ip else { unreachable!() };
    let mut octets = old.octets();
    octets[3] ^= 0x40;
    let moved = s.w.computer(IpAddr::from(octets), 128);
    let again = Party { client: moved, outside: None, ..s.party };
    let late = s.w.now;
    s.w.ladder(it.flow, DOWN, 3, 2_400 * MS, Fate::Lost);
    s.w.wait(SECOND);
    s.w.bare(it.flow, DOWN, RST | ACK, Fate::Lost);
    s.w.socket_failed(&it, 121, true);
    s.w.now = late;
    let next = s.w.session(&again);
    s.w.work(next.flow, 12, 2_500);
    s.w.close_window(&next);
    let lesser = &["packet-loss", "ended-abruptly-by-server", "taken-over"];
    // Of the name a request shows the domain and a letter; who it is that comes back, the log tells.
    let proofs = vec![strong(&[AtServer, Core])];
    failure("client-network-change", &["client"], lesser, proofs).may_look_healthy()
}

pub fn corrupted(s: &mut Scene) -> Story {
    let it = working(s);
    for _ in 0..6 {
        s.w.pause(50, 200);
        let input = s.w.app_bytes(&[64]);
        s.w.say_in_vain(it.flow, UP, &input, Fate::Damaged);
        s.w.wait(250 * MS);
        s.w.again(it.flow, UP);
    }
    let input = s.w.app_bytes(&[64]);
    s.w.say_in_vain(it.flow, UP, &input, Fate::Damaged);
    s.w.ladder(it.flow, UP, 5, 300 * MS, Fate::Damaged);
    s.w.wait(9 * SECOND);
    s.w.bare(it.flow, UP, RST | ACK, Fate::Arrives);
    s.w.socket_failed(&it, 64, true);
    let lesser = &["packet-loss", "ended-abruptly-by-client"];
    failure("segments-corrupted", &["network"], lesser, vec![weak(&[AtServer])]).may_look_healthy()
}

pub fn long_way(s: &mut Scene) -> Story {
    s.w.delay = 650 * MS + s.w.random.below(200) as i64 * MS;
    let it = s.w.up_to_tokens(&s.party);
    s.w.granted(it.flow);
    s.w.secured(&it);
    s.w.pause(1, 4);
    s.w.app(it.flow, UP, &[462]);
    s.w.pause(1, 4);
    s.w.app(it.flow, DOWN, &[126]);
    s.w.app(it.flow, UP, &[12, 8]);
    s.w.app(it.flow, DOWN, &[11]);
    s.w.app(it.flow, UP, &[12]);
    s.w.wait(2 * MS);
    s.w.bare(it.flow, UP, FIN | ACK, Fate::Arrives);
    let delay = s.w.delay;
    s.w.wait(delay);
    s.w.socket_failed(&it, 64, false);
    let lesser = &["ended-abruptly-by-client", "client-left-or-probe"];
    failure("high-latency", &["network"], lesser, vec![]).may_look_healthy()
}

fn with_udp(s: &mut Scene, answers: bool) -> Logged {
    let it = s.w.session(&s.party);
    let port = 50_000 + s.w.random.below(9_000) as u16;
    let id = [0x51, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 1, 2, 3, 4, 5, 0, 0];
    let syn = udp::rdpeudp_syn(id);
    let fate = if answers { Fate::Arrives } else { Fate::Lost };
    let times = if answers { 1 } else { 3 };
    let mut hold = s.w.now;
    for gap in [0, 3_500, 2_700].into_iter().take(times) {
        hold += gap * MS;
        let now = s.w.now;
        s.w.now = hold;
        s.w.datagram(it.flow, UP, (port, 3389), &syn, fate);
        s.w.now = now;
    }
    if answers {
        s.w.pause(20, 30);
        s.w.datagram(it.flow, DOWN, (port, 3389), &udp::rdpeudp_syn_ack(), Fate::Arrives);
        s.w.pause(20, 30);
        let hello = s.w.hello_bytes(Some("srv07.example.test"), tls::MODERN_SUITES);
        for gap in [0, 1, 2, 4] {
            s.w.wait(gap * SECOND);
            let packet = udp::rdpeudp_data(1, 1, &hello);
            s.w.datagram(it.flow, UP, (port, 3389), &packet, Fate::Lost);
        }
        s.w.wait(3 * SECOND);
        let now = s.w.now;
        s.w.log_at(now, Who::Server, "RdpCoreTS/138", &[("ResultCode", "0x80070102")], Some(&it.activity));
    }
    let now = s.w.now;
    s.w.log_at(now + 10 * SECOND, Who::Server, "RdpCoreTS/136", &[], Some(&it.activity));
    s.w.work(it.flow, 8, 2_500);
    s.w.close_window(&it);
    it
}

pub fn udp_fallback(s: &mut Scene) -> Story {
    with_udp(s, false);
    failure("udp-fallback", &["none"], &["logoff-or-window-closed"], vec![strong(&[AtClient])]).benign()
}

pub fn udp_half(s: &mut Scene) -> Story {
    with_udp(s, true);
    let blame = &["network", "middlebox"];
    let lesser = &["udp-fallback", "logoff-or-window-closed"];
    let proofs = vec![weak(&[AtClient]), strong(&[AtClient, Core])];
    failure("udp-half-working", blame, lesser, proofs).may_look_healthy()
}

/// What the gateway logs of a client, up to an event that denies.
fn gateway(s: &mut Scene, granted: &[&'static str], last: &'static str, code: &str) -> String {
    let activity = guid(&mut s.w, "5");
    let ip = s.party.outside.unwrap_or(s.w.computers[s.party.client].ip);
    let port = 49_152 + s.w.random.below(16_000);
    let (address, with_port) = (ip.to_string(), format!("{ip}:{port}"));
    let user = format!("EXAMPLE\\{}", s.party.user);
    for event in ["Gateway/312", "Gateway/313"] {
        let at = s.w.now;
        let values = [("Username", &*user), ("IpAddress", &*with_port)];
        s.w.log_at(at, Who::Gateway, event, &values, Some(&activity));
        s.w.pause(20, 90);
    }
    for (event, code) in granted.iter().map(|event| (*event, "0")).chain([(last, code)]) {
        s.w.pause(50, 300);
        let values = [
            ("Username", &*user),
            ("IpAddress", &*address),
            ("AuthType", "NTLM"),
            ("Resource", "srv07.example.test"),
            ("ConnectionProtocol", "HTTP"),
            ("ErrorCode", code),
        ];
        let values =
            if event == "Gateway/303" { [&values[..4], &[values[5]]].concat() } else { values.to_vec() };
        let at = s.w.now;
        s.w.log_at(at, Who::Gateway, event, &values, Some(&activity));
    }
    activity
}

fn by_gateway(
    s: &mut Scene,
    cause: &'static str,
    blame: &'static [&'static str],
    codes: &[u32],
    granted: &[&'static str],
    last: Option<(&'static str, &str)>,
) -> Story {
    let activity = s.w.client_starts("srv07.example.test");
    if let Some((last, code)) = last {
        gateway(s, granted, last, code);
    }
    s.w.pause(200, 900);
    let code = codes[s.w.random.below(codes.len())];
    s.w.client_ends(&activity, code);
    let mut proofs = vec![strong(&[ClientRdp])];
    if last.is_some() {
        proofs.push(strong(&[Gateway]));
    }
    failure(cause, blame, &[], proofs)
}

pub fn gateway_certificate(s: &mut Scene) -> Story {
    let codes = [0x300_0003, 0x300_0004, 0x300_0005, 0x300_0006, 0x300_0007];
    by_gateway(s, "gateway-certificate", &["server"], &codes, &[], None)
}

pub fn gateway_logon(s: &mut Scene) -> Story {
    let codes = [0x300_0001, 0x300_0015, 0x300_0021];
    by_gateway(s, "gateway-logon", &["client", "server"], &codes, &[], None)
}

pub fn gateway_cap(s: &mut Scene) -> Story {
    by_gateway(s, "gateway-cap-denied", &["server"], &[0x300_001c], &[], Some(("Gateway/201", "23003")))
}

pub fn gateway_rap(s: &mut Scene) -> Story {
    let last = Some(("Gateway/301", "23002"));
    by_gateway(s, "gateway-rap-denied", &["server"], &[0x300_001b], &["Gateway/200"], last)
}

pub fn gateway_target(s: &mut Scene) -> Story {
    let granted = &["Gateway/200", "Gateway/300"];
    let last = Some(("Gateway/304", "23005"));
    by_gateway(s, "gateway-target-unreachable", &["network", "server"], &[0x300_0008], granted, last)
}

pub fn gateway_limit(s: &mut Scene) -> Story {
    let codes = [0x300_0022, 0x300_0032, 0x300_0033];
    by_gateway(s, "gateway-limit-or-timeout", &["server"], &codes, &[], None)
}

pub fn gateway_proxy(s: &mut Scene) -> Story {
    let codes = [0x300_0017, 0x300_0020, 0x300_002f, 0x300_004a];
    by_gateway(s, "gateway-proxy-breaks-upgrade", &["middlebox"], &codes, &[], None)
}
