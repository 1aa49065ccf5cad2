//! Incidents before RDP begins: names, addresses, firewalls, listeners. `causes.md`, section A, J2.

use std::net::IpAddr;

use super::super::support::bytes::SECOND;
use super::super::support::capture::conversation::{ACK, FIN, RST};
use super::super::support::capture::udp;
use super::log::Who;
use super::pieces::{ALL_PROTOCOLS, DOWN, UP, request};
use super::story::Need::{
    AtBoth, AtClient, AtServer, ClientRdp, ClientSecurity, Clock, Core, Packets, Rcm, RcmAdmin, RightClock,
    Security, System, Target,
};
use super::story::{Scene, Story, failure, strong, weak};
use super::world::{Fate, MS, Spot};

const NAME: &str = "srv07.example.test";

pub fn dns_failure(s: &mut Scene) -> Story {
    let answered = !s.w.random.one_in(3);
    let code = [3, 2, 5][s.w.random.below(3)];
    let activity = s.w.client_starts(NAME);
    let (client, resolver) = (s.party.client, s.third);
    for at in 0..2_u16 {
        let id = s.w.random.next() as u16;
        let port = 50_000 + s.w.random.below(9_000) as u16;
        let kind = if at == 0 { 1 } else { 28 };
        let repeats = if answered { 1 } else { 4 };
        for _ in 0..repeats {
            let query = udp::dns_query(id, NAME, kind);
            s.w.local_datagram(Spot::Client, (client, port), (resolver, 53), &query);
            s.w.pause(if answered { 1 } else { 1_000 }, if answered { 9 } else { 2_000 });
        }
        if answered {
            let mut answer = udp::dns_no_such_name(id, NAME, kind);
            answer[3] = answer[3] & 0xf0 | code;
            s.w.local_datagram(Spot::Client, (resolver, 53), (client, port), &answer);
        }
    }
    if !answered {
        s.w.log(Who::Client, "DNS-Client/1014", &[("QueryName", NAME)]);
    }
    s.w.pause(20, 60);
    let code = [260, 520, 1288, 1540][s.w.random.below(4)];
    s.w.client_ends(&activity, code);
    let packets = if answered { strong(&[AtClient, Target]) } else { weak(&[AtClient, Target]) };
    let proofs = vec![strong(&[ClientRdp]), packets];
    failure("dns-failure", &["client", "network", "unknown"], &[], proofs).target(NAME)
}

fn arp(w: &mut Scene, ask: bool, from: (u8, IpAddr), to: IpAddr) {
    let (IpAddr::V4(source), IpAddr::V4(target)) = (from.1, to) else { return };
    let mac = [0, 0x15, 0x5d, 9, 9, from.0];
    let destination = if ask { [0xff; 6] } else { [0, 0x15, 0x5d, 9, 9, 1] };
    let mut data =
        [&destination[..], &mac, &[8, 6, 0, 1, 8, 0, 6, 4, 0, if ask { 1 } else { 2 }], &mac].concat();
    data.extend_from_slice(&source.octets());
    data.extend_from_slice(if ask { &[0; 6] } else { &destination });
    data.extend_from_slice(&target.octets());
    data.resize(60, 0);
    let now = w.w.now;
    w.w.put(Spot::Client, now, data);
}

pub fn wrong_address(s: &mut Scene) -> Story {
    let client = s.w.computers[s.party.client].ip;
    let server = s.w.computers[s.party.server].ip;
    arp(s, true, (1, client), server);
    s.w.pause(1, 2);
    arp(s, false, (2, server), client);
    s.w.pause(1, 3);
    arp(s, false, (3, server), client);
    s.w.pause(1, 2);
    let flow = s.w.connect(&s.party, 3389);
    s.w.resets(flow);
    let lesser = &["port-closed-or-device-reset"];
    failure("wrong-address", &["network", "client"], lesser, vec![weak(&[AtClient])])
}

pub fn unreachable_by_icmp(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    let code = s.w.random.below(2) as u8;
    let router = IpAddr::from([10, 30, 0, 254]);
    for at in 0..3 {
        s.w.wait(i64::from(at) * SECOND);
        s.w.syn(flow, Fate::Lost);
        let sequence = s.w.initial(flow);
        s.w.icmp(flow, router, 3, code, [0; 4], DOWN, sequence);
    }
    let proofs = vec![strong(&[AtClient])];
    failure("host-unreachable", &["server", "network", "unknown"], &["host-asleep"], proofs)
}

pub fn unreachable_on_link(s: &mut Scene) -> Story {
    let client = s.w.computers[s.party.client].ip;
    let server = s.w.computers[s.party.server].ip;
    let activity = s.w.client_starts("172.20.1.77");
    for _ in 0..4 {
        arp(s, true, (1, client), server);
        s.w.wait(SECOND);
    }
    s.w.client_ends(&activity, 516);
    let lesser = &["host-asleep"];
    failure("host-unreachable", &["server", "network", "unknown"], lesser, vec![])
}

pub fn asleep(s: &mut Scene) -> Story {
    let now = s.w.now;
    let slept = now - (120 + s.w.random.below(900) as i64) * SECOND;
    let woke = now + (600 + s.w.random.below(3000) as i64) * SECOND;
    s.w.log_at(slept, Who::Server, "Kernel-Power/42", &[("TargetState", "4")], None);
    let (from, to) = (format!("@{slept}"), format!("@{woke}"));
    let interval = [("SleepTime", &*from), ("WakeTime", &*to)];
    s.w.log_at(woke + 3 * SECOND, Who::Server, "Power-Troubleshooter/1", &interval, None);
    let flow = s.w.connect(&s.party, 3389);
    s.w.syns(flow, Fate::Arrives);
    let lesser = &["firewall-drop", "host-unreachable"];
    failure("host-asleep", &["server"], lesser, vec![strong(&[Packets, System, Clock])])
}

pub fn dropped_on_path(s: &mut Scene) -> Story {
    s.w.alive(&s.party);
    s.w.pause(500, 2_000);
    let flow = s.w.connect(&s.party, 3389);
    s.w.syns(flow, Fate::Lost);
    let blame = &["server", "middlebox", "network", "unknown"];
    // Two captures show that the SYNs left the one side and never came to the other.
    failure("firewall-drop", blame, &[], vec![weak(&[AtClient]), strong(&[AtBoth])])
}

pub fn dropped_by_host(s: &mut Scene) -> Story {
    s.w.alive(&s.party);
    s.w.pause(500, 2_000);
    let flow = s.w.connect(&s.party, 3389);
    let it = &s.w.flows[flow];
    let (from, port) = (it.outside.ip().to_string(), it.outside.port().to_string());
    let to = it.server.ip().to_string();
    let event = ["Security/5152", "Security/5157"][s.w.random.below(2)];
    let arrives = s.w.now + s.w.delay + 50_000;
    let values =
        [("SourceAddress", &*from), ("SourcePort", &*port), ("DestAddress", &*to), ("DestPort", "3389")];
    s.w.log_at(arrives, Who::Server, event, &values, None);
    s.w.syns(flow, Fate::Arrives);
    // 5152 and 5157 name both ends: certain alone.
    let proofs = vec![strong(&[Security]), weak(&[Packets])];
    failure("firewall-drop", &["server", "middlebox", "network", "unknown"], &[], proofs)
}

pub fn rejected(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    let code = [13, 10, 9, 3][s.w.random.below(4)];
    let router = IpAddr::from([10, 99, s.w.random.below(200) as u8, 1]);
    for at in 0..3 {
        s.w.wait(i64::from(at) * SECOND);
        s.w.syn(flow, Fate::Lost);
        let sequence = s.w.initial(flow);
        s.w.icmp(flow, router, 3, code, [0; 4], DOWN, sequence);
    }
    failure("firewall-reject", &["middlebox", "server"], &[], vec![strong(&[AtClient])])
}

pub fn port_closed(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    s.w.resets(flow);
    let blame = &["server", "middlebox", "unknown"];
    let lesser = &["rdp-disabled-or-other-port"];
    failure("port-closed-or-device-reset", blame, lesser, vec![strong(&[Packets])])
}

pub fn device_resets(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    let ttl = [252, 61, 250][s.w.random.below(3)];
    for at in 0..3 {
        s.w.wait(if at > 0 { 500 * MS } else { 0 });
        s.w.syn(flow, Fate::Lost);
        s.w.wait(60_000);
        s.w.bare(flow, DOWN, RST | ACK, Fate::Forged(ttl));
        let delay = s.w.delay;
        s.w.wait(delay);
    }
    let blame = &["server", "middlebox", "unknown"];
    let lesser = &["rst-injected"];
    failure("port-closed-or-device-reset", blame, lesser, vec![strong(&[AtClient])])
}

/// Nothing listens: a reset, or silence where the firewall of the server hides it. True if it is a reset.
fn nobody_listens(s: &mut Scene) -> bool {
    let flow = s.w.connect(&s.party, 3389);
    let speaks = s.w.random.one_in(2);
    if speaks {
        s.w.resets(flow);
    } else {
        s.w.syns(flow, Fate::Arrives);
    }
    speaks
}

pub fn service_down(s: &mut Scene) -> Story {
    let ago = (30 + s.w.random.below(400) as i64) * SECOND;
    let at = s.w.now - ago;
    match s.w.random.below(3) {
        0 => s.w.log_at(at, Who::Server, "SCM/7034", &[("param1", "Remote Desktop Services")], None),
        1 => s.w.log_at(at, Who::Server, "SCM/7031", &[("param1", "Remote Desktop Services")], None),
        _ => s.w.log_at(
            at,
            Who::Server,
            "SCM/7036",
            &[("param1", "Remote Desktop Services"), ("param2", "stopped")],
            None,
        ),
    }
    nobody_listens(s);
    let lesser = &["port-closed-or-device-reset", "firewall-drop", "rdp-disabled-or-other-port"];
    let proofs = vec![strong(&[Packets, System, Clock]), strong(&[Packets, System, RightClock])];
    failure("service-down", &["server"], lesser, proofs)
}

pub fn disabled(s: &mut Scene) -> Story {
    let ago = (30 + s.w.random.below(400) as i64) * SECOND;
    let at = s.w.now - ago;
    s.w.log_at(at, Who::Server, "RCM/262", &[("listenerName", "RDP-Tcp")], None);
    s.w.log_at(at + 30 * MS, Who::Server, "RCM/259", &[("listenerName", "RDP-Tcp")], None);
    nobody_listens(s);
    let lesser = &["port-closed-or-device-reset", "firewall-drop", "service-down"];
    failure("rdp-disabled-or-other-port", &["server"], lesser, vec![strong(&[Packets, Rcm, Clock])])
}

pub fn other_port(s: &mut Scene) -> Story {
    let at = s.w.now - (30 + s.w.random.below(400) as i64) * SECOND;
    for event in ["RCM/262", "RCM/259"] {
        s.w.log_at(at, Who::Server, event, &[("listenerName", "RDP-Tcp")], None);
    }
    s.w.log_at(at + SECOND, Who::Server, "RCM/258", &[], None);
    for transport in ["TCP", "TCP", "UDP", "UDP"] {
        let values = [("TransportProtocolName", transport), ("Port", "3391")];
        s.w.log_at(at + SECOND, Who::Server, "RdpCoreTS/129", &values, None);
    }
    nobody_listens(s);
    let lesser = &["port-closed-or-device-reset", "firewall-drop", "service-down"];
    failure(
        "rdp-disabled-or-other-port",
        &["server"],
        lesser,
        vec![strong(&[Packets, Rcm, Clock]), strong(&[Packets, Core])],
    )
}

pub fn too_many_incomplete(s: &mut Scene) -> Story {
    let begin = s.w.now;
    for at in 0..60 {
        s.w.now = begin + i64::from(at) * 100 * MS;
        let source = s.w.computer(IpAddr::from([10, 66, at, 9]), 60);
        let stranger = super::pieces::Party { client: source, outside: None, ..s.party };
        let flow = s.w.connect(&stranger, 3389);
        s.w.open(flow);
        s.w.accepted(flow, "alice", s.party.build);
    }
    s.w.log(Who::Server, "RCM/1006/admin", &[]);
    s.w.pause(200, 900);
    let flow = s.w.connect(&s.party, 3389);
    s.w.open(flow);
    let user = s.party.user;
    s.w.request(flow, user, Some(ALL_PROTOCOLS));
    s.w.ack(flow, DOWN);
    s.w.pause(300, 900);
    s.w.fin(flow, DOWN);
    s.w.rst(flow, UP);
    let lesser = &["no-cc", "server-hung"];
    let proofs = vec![strong(&[Packets, RcmAdmin, Clock])];
    failure("too-many-incomplete-connections", &["server", "network"], lesser, proofs)
}

pub fn storm(s: &mut Scene) -> Story {
    let names =
        ["admin", "test", "scan", "user1", "sql", "backup", "root", "guest", "pos", "kiosk", "oper", "sales"];
    let many = 26 + s.w.random.below(40);
    for at in 0..many {
        let flow = s.w.connect(&s.party, 3389);
        s.w.negotiate(flow, names[at % names.len()], 8);
        s.w.tls(flow);
        let it = s.w.accepted(flow, names[at % names.len()], s.party.build);
        s.w.tokens(flow);
        s.w.pause(90, 300);
        s.w.refused(&it, Some(if at % 3 == 0 { "0xc0000064" } else { "0xc000006a" }));
        s.w.status(flow);
        s.w.pause(100, 900);
    }
    let lesser = &["bad-password-or-unknown-user", "nla-refused-reason-not-visible"];
    let proofs = vec![weak(&[Packets]), strong(&[Packets, Core])];
    failure("brute-force-storm", &["client"], lesser, proofs)
}

pub fn syn_ack_lost(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    for at in 0..3 {
        s.w.wait(SECOND * i64::from(at));
        s.w.syn(flow, Fate::Arrives);
        let delay = s.w.delay;
        s.w.wait(delay + 50_000);
        s.w.syn_ack(flow, Fate::Lost);
        s.w.wait(SECOND);
        s.w.syn_ack(flow, Fate::Lost);
    }
    let lesser = &["firewall-drop"];
    failure("syn-ack-lost", &["network", "client", "middlebox"], lesser, vec![weak(&[AtServer])])
}

pub fn outbound_rule(s: &mut Scene) -> Story {
    let client = s.w.computers[s.party.client].ip.to_string();
    let server = s.w.computers[s.party.server].ip.to_string();
    let activity = s.w.client_starts(NAME);
    let values = [
        ("Application", "\\device\\harddiskvolume3\\windows\\system32\\mstsc.exe"),
        ("Direction", "%%14593"),
        ("SourceAddress", &*client),
        ("SourcePort", "50461"),
        ("DestAddress", &*server),
        ("DestPort", "3389"),
    ];
    s.w.log(Who::Client, "Security/5157", &values);
    s.w.pause(40, 200);
    s.w.client_ends(&activity, 516);
    let proofs = vec![strong(&[ClientRdp, ClientSecurity])];
    failure("client-outbound-rule", &["client"], &[], proofs)
}

pub fn data_dropped(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    s.w.open(flow);
    s.w.pause(0, 2);
    let bytes = request(s.party.user, Some(ALL_PROTOCOLS));
    s.w.say_in_vain(flow, UP, &bytes, Fate::Lost);
    s.w.ladder(flow, UP, 5, 300 * MS, Fate::Lost);
    s.w.wait(9 * SECOND);
    s.w.bare(flow, UP, RST | ACK, Fate::Lost);
    let blame = &["middlebox", "network", "unknown"];
    let lesser = &["client-left-or-probe", "no-cc", "packet-loss", "ended-abruptly-by-client"];
    failure("data-dropped-after-handshake", blame, lesser, vec![weak(&[AtClient])]).may_look_healthy()
}

pub fn not_rdp(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    s.w.open(flow);
    let http = s.w.random.one_in(2);
    if !http {
        s.w.pause(1, 9);
        s.w.say(flow, DOWN, b"SSH-2.0-OpenSSH_9.6\r\n");
    }
    let user = s.party.user;
    s.w.request(flow, user, Some(ALL_PROTOCOLS));
    if http {
        s.w.pause(1, 9);
        s.w.say(flow, DOWN, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    }
    s.w.bare(flow, DOWN, FIN | ACK, Fate::Arrives);
    let delay = s.w.delay;
    s.w.wait(delay);
    s.w.rst(flow, UP);
    failure("not-rdp", &["server", "client"], &[], vec![strong(&[Packets])])
}
