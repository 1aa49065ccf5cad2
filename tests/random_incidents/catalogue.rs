//! All scenarios, with what each allows around it.

use super::story::Noise::{self, Around, Before, Elsewhere};
use super::story::{Scene, Story};
use super::{logon, reach, security, trouble};

/// How one incident is told.
pub struct Entry {
    pub cause: &'static str,
    pub tell: fn(&mut Scene) -> Story,
    pub noise: Noise,
    /// Also on a server of 2012 R2, whose logs say less.
    pub old: bool,
    pub dated: &'static str,
    /// Not told over IPv6: ICMP, ARP, or other hosts of IPv4 are part of it.
    pub only_four: bool,
}

const fn entry(cause: &'static str, tell: fn(&mut Scene) -> Story, noise: Noise) -> Entry {
    Entry { cause, tell, noise, old: false, dated: "2026-04-02T06:00:00Z", only_four: false }
}

impl Entry {
    const fn old(mut self) -> Self {
        self.old = true;
        self
    }

    const fn four(mut self) -> Self {
        self.only_four = true;
        self
    }

    const fn dated(mut self, dated: &'static str) -> Self {
        self.dated = dated;
        self
    }
}

/// Causes without a scenario, and why.
pub const UNTOLD: &[(&str, &str)] = &[
    (
        "certificate-weak",
        "the writer has one certificate, and that is sound; recorded in samples/certificate-weak",
    ),
    ("ip-fragments-lost", "recorded in samples/ip-fragments-lost"),
    ("gateway-udp-blocked", "written in samples/gateway-udp-blocked"),
];

pub const ALL: &[Entry] = &[
    entry("dns-failure", reach::dns_failure, Around),
    entry("wrong-address", reach::wrong_address, Elsewhere).four(),
    entry("host-unreachable", reach::unreachable_by_icmp, Before).four(),
    entry("host-unreachable", reach::unreachable_on_link, Elsewhere).four(),
    entry("host-asleep", reach::asleep, Before),
    entry("firewall-drop", reach::dropped_on_path, Around),
    entry("firewall-drop", reach::dropped_by_host, Around),
    entry("firewall-reject", reach::rejected, Around).four(),
    entry("port-closed-or-device-reset", reach::port_closed, Elsewhere),
    entry("port-closed-or-device-reset", reach::device_resets, Around),
    entry("service-down", reach::service_down, Before),
    entry("rdp-disabled-or-other-port", reach::disabled, Before),
    entry("rdp-disabled-or-other-port", reach::other_port, Before),
    entry("too-many-incomplete-connections", reach::too_many_incomplete, Before).four(),
    entry("brute-force-storm", reach::storm, Around),
    entry("syn-ack-lost", reach::syn_ack_lost, Around),
    entry("client-outbound-rule", reach::outbound_rule, Around),
    entry("data-dropped-after-handshake", reach::data_dropped, Around),
    entry("not-rdp", reach::not_rdp, Elsewhere),
    entry("neg-failure-1-ssl-required", security::failure_1, Around).old(),
    entry("neg-failure-2-ssl-not-allowed", security::failure_2, Elsewhere).old(),
    entry("neg-failure-3-no-certificate", security::failure_3, Before).old(),
    entry("neg-failure-4-inconsistent-flags", security::failure_4, Around).old(),
    entry("neg-failure-5-nla-required", security::failure_5, Around).old(),
    entry("neg-failure-6-tls-client-certificate-required", security::failure_6, Elsewhere).old(),
    entry("security-layer-mismatch", security::layer_mismatch, Around),
    entry("no-cc", security::no_confirm, Before),
    entry("tls-version-mismatch", security::version_mismatch, Around).old(),
    entry("tls-no-shared-cipher", security::no_shared_cipher, Around).old(),
    entry("certificate-dates", security::certificate_dates, Elsewhere).dated("2027-06-02T06:00:00Z"),
    entry("certificate-untrusted", security::certificate_untrusted, Around),
    entry("certificate-name", security::certificate_name, Around),
    entry("private-key-unreadable", security::key_unreadable, Before).old(),
    entry("certificate-missing-or-stale-binding", security::certificate_missing, Before),
    entry("tls-inspection", security::inspection, Elsewhere),
    entry("fips", security::fips, Around),
    entry("closed-inside-tls-reason-not-visible", security::closed_inside, Before).old(),
    entry("tls-alert-other", security::other_alert, Around),
    entry("mtu-black-hole", security::black_hole, Around),
    entry("mtu-icmp-ignored", security::icmp_ignored, Around).four(),
    entry("server-hung", security::hung, Before),
    entry("bad-password-or-unknown-user", logon::bad_password, Around).old(),
    entry("account-locked", logon::locked, Around).old(),
    entry("account-or-password-expired-disabled-hours-workstation", logon::expired, Around).old(),
    entry("logon-type-not-granted", logon::type_not_granted, Around).old(),
    entry("account-restriction", logon::restricted, Around).old(),
    entry("no-domain-controller-or-selective-auth", logon::no_authority, Around).old(),
    entry("nla-refused-reason-not-visible", logon::refused_without_reason, Around),
    entry("clock-skew", logon::skew, Around),
    entry("credssp-oracle-remediation", logon::oracle, Around),
    entry("delegation-or-ntlm-policy", logon::delegation, Around),
    entry("client-left-or-probe", logon::probe_then_session, Around).old(),
    entry("fresh-credentials-required", logon::fresh_credentials, Around),
    entry("licensing", logon::licence, Around),
    entry("session-limit", logon::limit, Around),
    entry("taken-over", logon::taken, Around).old(),
    entry("admin-or-user-disconnect", logon::disconnected, Around),
    entry("idle-or-time-limit", logon::time_limit, Around),
    entry("logoff-or-window-closed", logon::logoff, Around).old(),
    entry("protocol-error", logon::protocol_error, Around),
    entry("logon-refused-in-session", logon::refused_in_session, Around),
    entry("host-shutdown-or-crash", logon::host_restarts, Before),
    entry("client-security-software", logon::security_software, Around),
    entry("client-internal-fault", logon::internal_fault, Around),
    entry("ended-abruptly-by-server", trouble::abrupt_server, Around),
    entry("ended-abruptly-by-client", trouble::abrupt_client, Around),
    entry("rst-injected", trouble::injected, Around),
    entry("stateful-idle-timeout", trouble::idle_timeout, Around),
    entry("packet-loss", trouble::loss, Around),
    entry("zero-window", trouble::frozen, Around),
    entry("slept-mid-session", trouble::client_sleeps, Around),
    entry("client-network-change", trouble::network_changes, Around).four(),
    entry("segments-corrupted", trouble::corrupted, Around),
    entry("high-latency", trouble::long_way, Around),
    entry("udp-fallback", trouble::udp_fallback, Around),
    entry("udp-half-working", trouble::udp_half, Around),
    entry("gateway-certificate", trouble::gateway_certificate, Elsewhere),
    entry("gateway-logon", trouble::gateway_logon, Elsewhere),
    entry("gateway-cap-denied", trouble::gateway_cap, Elsewhere),
    entry("gateway-rap-denied", trouble::gateway_rap, Elsewhere),
    entry("gateway-target-unreachable", trouble::gateway_target, Elsewhere),
    entry("gateway-limit-or-timeout", trouble::gateway_limit, Elsewhere),
    entry("gateway-proxy-breaks-upgrade", trouble::gateway_proxy, Elsewhere),
];
