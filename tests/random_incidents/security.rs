//! Incidents in negotiation and TLS. `causes.md`, sections B and C, F5, F6, F11.

use super::super::support::bytes::SECOND;
use super::super::support::capture::conversation::{ACK, FIN, RST, Way};
use super::super::support::capture::{rdp, tls};
use super::log::{Logged, Who};
use super::pieces::{ALL_PROTOCOLS, DOWN, UP};
use super::story::Need::{AtBoth, AtClient, AtServer, ClientRdp, ClientSystem, Clock, Core, Packets, System};
use super::story::{Scene, Story, failure, strong, weak};
use super::world::{Fate, MS, Spot};

/// The server ends with FIN; the client answers with a reset.
fn server_leaves(s: &mut Scene, flow: usize) {
    s.w.fin(flow, DOWN);
    s.w.wait(300_000);
    s.w.rst(flow, UP);
}

/// 131 to 141, then 102 and 103(0): what a refused negotiation leaves.
fn quietly_ended(s: &mut Scene, it: &Logged) {
    s.w.tls_failed(it, None, &[]);
}

fn negotiation_failure(s: &mut Scene, code: u32) -> usize {
    let flow = s.w.connect(&s.party, 3389);
    s.w.open(flow);
    let it = s.w.accepted(flow, s.party.user, s.party.build);
    let asked = match code {
        1 => Some(0),
        5 => Some(s.w.random.below(2) as u32),
        _ => Some(ALL_PROTOCOLS),
    };
    let user = s.party.user;
    s.w.request(flow, user, asked);
    s.w.pause(1, 15);
    quietly_ended(s, &it);
    s.w.say(flow, DOWN, &rdp::negotiation_failure(code));
    if s.w.random.one_in(2) {
        s.w.wait(300_000);
        s.w.rst(flow, UP);
    } else {
        server_leaves(s, flow);
    }
    flow
}

macro_rules! failures {
    ($($name:ident, $code:literal, $cause:literal, $blame:expr;)*) => {
        $(pub fn $name(s: &mut Scene) -> Story {
            negotiation_failure(s, $code);
            failure($cause, $blame, &["no-cc"], vec![strong(&[Packets])]).may_look_healthy()
        })*
    };
}

failures! {
    failure_1, 1, "neg-failure-1-ssl-required", &["client"];
    failure_2, 2, "neg-failure-2-ssl-not-allowed", &["client", "server"];
    failure_3, 3, "neg-failure-3-no-certificate", &["server"];
    failure_4, 4, "neg-failure-4-inconsistent-flags", &["client"];
    failure_5, 5, "neg-failure-5-nla-required", &["client"];
    failure_6, 6, "neg-failure-6-tls-client-certificate-required", &["client"];
}

pub fn layer_mismatch(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    s.w.open(flow);
    let it = s.w.accepted(flow, s.party.user, s.party.build);
    let user = s.party.user;
    s.w.request(flow, user, Some(1));
    s.w.confirm(flow, 2);
    s.w.pause(1, 5);
    s.w.rst(flow, UP);
    s.w.socket_failed(&it, 64, false);
    let lesser = &["client-left-or-probe"];
    failure("security-layer-mismatch", &["client", "server"], lesser, vec![weak(&[Packets])])
        .may_look_healthy()
}

pub fn no_confirm(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    s.w.open(flow);
    let user = s.party.user;
    s.w.request(flow, user, Some(ALL_PROTOCOLS));
    s.w.ack(flow, DOWN);
    s.w.wait(10 * SECOND);
    if s.w.random.one_in(2) {
        server_leaves(s, flow);
    } else {
        s.w.rst(flow, UP);
    }
    let blame = &["server", "middlebox", "unknown"];
    failure("no-cc", blame, &["server-hung"], vec![weak(&[Packets]), strong(&[Packets, Core, Clock])])
}

/// Up to the ClientHello, which has arrived.
fn up_to_hello(s: &mut Scene, suites: &[u16]) -> Logged {
    let flow = s.w.connect(&s.party, 3389);
    s.w.negotiate(flow, s.party.user, 8);
    let it = s.w.accepted(flow, s.party.user, s.party.build);
    s.w.pause(1, 6);
    let bytes = s.w.hello_bytes(Some("srv07.example.test"), suites);
    s.w.say(flow, UP, &bytes);
    s.w.pause(0, 3);
    it
}

pub fn version_mismatch(s: &mut Scene) -> Story {
    let it = up_to_hello(s, &[0x0035, 0x002f, 0x000a]);
    let schannel: &[(_, &[_])] = &[
        ("Schannel/36874", &[("Protocol", "TLS 1.0")]),
        ("Schannel/36888", &[("AlertDesc", "70"), ("ErrorState", "1203")]),
    ];
    s.w.tls_failed(&it, Some("0x80090331"), schannel);
    s.w.say(it.flow, DOWN, &tls::alert(70));
    server_leaves(s, it.flow);
    let lesser = &["tls-alert-other", "tls-no-shared-cipher", "closed-inside-tls-reason-not-visible"];
    let proofs = vec![strong(&[Packets]), strong(&[Core, System])];
    failure("tls-version-mismatch", &["client", "server"], lesser, proofs)
}

pub fn no_shared_cipher(s: &mut Scene) -> Story {
    let it = up_to_hello(s, &[0xc02c, 0xc02b]);
    let schannel: &[(_, &[_])] = &[
        ("Schannel/36874", &[("Protocol", "TLS 1.2")]),
        ("Schannel/36888", &[("AlertDesc", "40"), ("ErrorState", "1205")]),
    ];
    s.w.tls_failed(&it, Some("0x80090304"), schannel);
    let alert = s.w.random.one_in(2);
    if alert {
        s.w.say(it.flow, DOWN, &tls::alert(40));
    }
    server_leaves(s, it.flow);
    let lesser = &["tls-alert-other", "closed-inside-tls-reason-not-visible"];
    let mut proofs = vec![strong(&[Core, System])];
    if alert {
        proofs.push(strong(&[Packets]));
    }
    failure("tls-no-shared-cipher", &["client", "server"], lesser, proofs)
}

/// Up to the server's flight, which has arrived.
fn up_to_flight(s: &mut Scene, name: &str) -> Logged {
    let flow = s.w.connect(&s.party, 3389);
    s.w.negotiate(flow, s.party.user, 8);
    let it = s.w.accepted(flow, s.party.user, s.party.build);
    s.w.pause(1, 6);
    let bytes = s.w.hello_bytes(Some(name), tls::MODERN_SUITES);
    s.w.say(flow, UP, &bytes);
    s.w.flight(flow);
    it
}

/// The client does not like the certificate: an alert, and gone.
fn client_alerts(s: &mut Scene, it: &Logged, alert: u8) {
    s.w.pause(5, 3_000);
    s.w.say(it.flow, UP, &tls::alert(alert));
    let number = alert.to_string();
    s.w.tls_failed(it, Some("0x80090327"), &[("Schannel/36887", &[("AlertDesc", &*number)])]);
    s.w.wait(200_000);
    s.w.rst(it.flow, UP);
}

/// 139 with 0x80090327 stands for the user who said No, whatever the certificate lacked.
const IN_TLS: &[&str] = &[
    "closed-inside-tls-reason-not-visible",
    "tls-alert-other",
    "client-left-or-probe",
    "certificate-untrusted",
];

/// Told in summer 2027, when the certificate of these captures has expired.
pub fn certificate_dates(s: &mut Scene) -> Story {
    let activity = s.w.client_starts("srv07.example.test");
    let it = up_to_flight(s, "srv01.example.test");
    s.w.client_address(&activity, "172.20.0.1");
    s.w.log(Who::Client, "Schannel/36881", &[]);
    client_alerts(s, &it, 45);
    s.w.client_ends(&activity, 6919);
    let proofs = vec![strong(&[Packets]), strong(&[ClientRdp])];
    failure("certificate-dates", &["server"], IN_TLS, proofs)
}

pub fn certificate_untrusted(s: &mut Scene) -> Story {
    let it = up_to_flight(s, "srv01.example.test");
    s.w.log(Who::Client, "Schannel/36882", &[]);
    client_alerts(s, &it, 48);
    failure("certificate-untrusted", &["client", "server"], IN_TLS, vec![strong(&[Packets])])
}

pub fn certificate_name(s: &mut Scene) -> Story {
    let it = up_to_flight(s, "mail.example.test");
    s.w.log(Who::Client, "Schannel/36884", &[("Name", "mail.example.test")]);
    s.w.pause(1_500, 6_000);
    s.w.rst(it.flow, UP);
    s.w.socket_failed(&it, 64, false);
    let proofs = vec![weak(&[Packets, ClientSystem])];
    failure("certificate-name", &["server", "client"], IN_TLS, proofs).may_look_healthy()
}

pub fn key_unreadable(s: &mut Scene) -> Story {
    let flow = up_to_hello(s, tls::MODERN_SUITES);
    let values: &[(_, _)] = &[("Type", "server"), ("ErrorCode", "0x8009030d"), ("ErrorStatus", "10001")];
    let new = s.w.random.one_in(2);
    let shape = if new { "Schannel/36870/new" } else { "Schannel/36870" };
    s.w.tls_failed(&flow, Some("0x80090304"), &[(shape, values)]);
    if s.w.random.one_in(2) {
        server_leaves(s, flow.flow);
    } else {
        s.w.rst(flow.flow, DOWN);
    }
    let lesser = &["closed-inside-tls-reason-not-visible"];
    // 36870 at the tick of 139, in the logs of one computer.
    let proofs = vec![strong(&[Packets, System, Clock]), strong(&[Core, System])];
    failure("private-key-unreadable", &["server"], lesser, proofs)
}

pub fn certificate_missing(s: &mut Scene) -> Story {
    let at = s.w.now - 40 * SECOND;
    let text = [("Data", "Cannot find object or property.")];
    s.w.log_at(at, Who::Server, "RCM/1057/classic", &text, None);
    let it = up_to_hello(s, tls::MODERN_SUITES);
    quietly_ended(s, &it);
    server_leaves(s, it.flow);
    let lesser = &["closed-inside-tls-reason-not-visible", "private-key-unreadable"];
    let proofs = vec![strong(&[Packets, System, Clock])];
    failure("certificate-missing-or-stale-binding", &["server"], lesser, proofs)
}

/// A device ends TLS and opens its own: the certificates differ between the two captures.
pub fn inspection(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    let twin = s.w.connect(&s.party, 3389);
    let (client, outside) = (s.w.flows[flow].client, s.w.flows[flow].outside);
    (s.w.flows[twin].client, s.w.flows[twin].outside) = (client, outside);
    s.w.flows[flow].only = Some(Spot::Client);
    s.w.flows[twin].only = Some(Spot::Server);
    let begin = s.w.now;
    let user = s.party.user;
    for (at, leg) in [flow, twin].into_iter().enumerate() {
        s.w.now = begin + at as i64 * 400_000;
        s.w.negotiate(leg, user, 8);
        s.w.hello(leg);
        let mut flight = tls::server_flight(&format!("leg {at}"));
        // Behind the four messages' heads lies the certificate; its last byte is the signature's.
        let certificate = 5 + 4 + 2 + 32 + 1 + 32 + 2 + 1 + 2 + 4 + 5 + 4 + 3 + 3;
        flight[certificate + tls::CERTIFICATE.len() - 1] ^= at as u8;
        s.w.say(leg, DOWN, &flight);
        s.w.finish_tls(leg);
    }
    let it = s.w.accepted(twin, user, s.party.build);
    for leg in [flow, twin] {
        s.w.tokens(leg);
    }
    s.w.pause(20, 60);
    s.w.tls_failed(&it, Some("0x8009030f"), &[]);
    for leg in [flow, twin] {
        s.w.fin(leg, DOWN);
        s.w.rst(leg, UP);
    }
    let lesser = &["nla-refused-reason-not-visible", "closed-inside-tls-reason-not-visible"];
    failure("tls-inspection", &["middlebox"], lesser, vec![weak(&[AtBoth])])
}

pub fn fips(s: &mut Scene) -> Story {
    let activity = s.w.client_starts("srv07.example.test");
    let flow = s.w.connect(&s.party, 3389);
    s.w.negotiate(flow, s.party.user, 8);
    let it = s.w.accepted(flow, s.party.user, s.party.build);
    let address = s.w.computers[s.party.server].ip.to_string();
    s.w.client_address(&activity, &address);
    s.w.pause(1, 5);
    s.w.rst(flow, UP);
    s.w.socket_failed(&it, 64, false);
    s.w.client_ends(&activity, 3590);
    let lesser = &["client-left-or-probe"];
    failure("fips", &["client", "server"], lesser, vec![strong(&[ClientRdp])]).may_look_healthy()
}

pub fn closed_inside(s: &mut Scene) -> Story {
    let it = up_to_hello(s, tls::MODERN_SUITES);
    quietly_ended(s, &it);
    if s.w.random.one_in(2) {
        server_leaves(s, it.flow);
    } else {
        s.w.rst(it.flow, DOWN);
    }
    failure("closed-inside-tls-reason-not-visible", &["unknown"], &[], vec![weak(&[Packets])])
}

pub fn other_alert(s: &mut Scene) -> Story {
    let alert = [80, 50, 51, 47, 20][s.w.random.below(5)];
    let it = up_to_hello(s, tls::MODERN_SUITES);
    let number = alert.to_string();
    let schannel: &[(_, &[_])] = &[("Schannel/36888", &[("AlertDesc", &*number), ("ErrorState", "900")])];
    s.w.tls_failed(&it, Some("0x80090304"), schannel);
    s.w.say(it.flow, DOWN, &tls::alert(alert));
    server_leaves(s, it.flow);
    let lesser = &["closed-inside-tls-reason-not-visible"];
    failure("tls-alert-other", &["client", "server", "unknown"], lesser, vec![strong(&[Packets])])
}

/// Up to a flight of the server whose full-size segment does not pass.
fn hole(s: &mut Scene) -> Logged {
    let flow = s.w.connect(&s.party, 3389);
    // A client on a VPN; the flight is longer than that.
    s.w.flows[flow].mss = 1_200;
    s.w.negotiate(flow, s.party.user, 8);
    let it = s.w.accepted(flow, s.party.user, s.party.build);
    s.w.hello(flow);
    s.w.pause(1, 5);
    let flight = tls::server_flight("hole");
    s.w.say_first_lost(flow, Way::ToClient, &flight);
    it
}

pub fn black_hole(s: &mut Scene) -> Story {
    let it = hole(s);
    s.w.ladder(it.flow, DOWN, 5, 300 * MS, Fate::Lost);
    s.w.wait(9 * SECOND);
    s.w.socket_failed(&it, 121, false);
    s.w.bare(it.flow, DOWN, RST | ACK, Fate::Arrives);
    let lesser = &["packet-loss", "closed-inside-tls-reason-not-visible", "server-hung"];
    let two = strong(&[AtClient, AtServer]);
    let proofs = vec![weak(&[AtServer]), strong(&[AtServer, Core, Clock]), two];
    failure("mtu-black-hole", &["network", "middlebox"], lesser, proofs)
}

pub fn icmp_ignored(s: &mut Scene) -> Story {
    let it = hole(s);
    let router = std::net::IpAddr::from([10, 30, 0, 254]);
    for _ in 0..5 {
        let sequence = s.w.last_sequence(it.flow, DOWN);
        s.w.icmp(it.flow, router, 3, 4, [0, 0, 4, 20], UP, sequence);
        s.w.ladder(it.flow, DOWN, 1, 600 * MS, Fate::Lost);
    }
    s.w.wait(9 * SECOND);
    s.w.socket_failed(&it, 121, false);
    s.w.bare(it.flow, DOWN, RST | ACK, Fate::Arrives);
    let blame = &["middlebox", "client", "server"];
    let lesser = &["mtu-black-hole", "packet-loss", "closed-inside-tls-reason-not-visible", "server-hung"];
    failure("mtu-icmp-ignored", blame, lesser, vec![strong(&[AtServer])])
}

pub fn hung(s: &mut Scene) -> Story {
    let flow = s.w.connect(&s.party, 3389);
    s.w.negotiate(flow, s.party.user, 8);
    s.w.hello(flow);
    s.w.ack(flow, DOWN);
    s.w.pause(20_000, 50_000);
    s.w.bare(flow, UP, FIN | ACK, Fate::Arrives);
    let delay = s.w.delay;
    s.w.wait(delay);
    s.w.ack(flow, DOWN);
    s.w.pause(10, 900);
    s.w.rst(flow, UP);
    let lesser = &["closed-inside-tls-reason-not-visible"];
    failure("server-hung", &["server"], lesser, vec![weak(&[AtClient]), weak(&[Packets])])
}
