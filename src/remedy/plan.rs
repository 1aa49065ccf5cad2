//! What a remedy consists of: on which computer, what to look at, what may be changed, what a person has to do.
//!
//! Knows no PowerShell. The texts are the catalogue's; what may be changed by a script is listed here, cause by
//! cause, and nothing else ever is.

use super::order::Order;
use crate::causes;

/// The computer that a remedy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The connecting computer.
    Client,
    /// The RDP host.
    Server,
    /// The RD Gateway.
    Gateway,
    /// None that runs Windows: a device on the path, or nobody knows.
    Elsewhere,
}

impl Host {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "the client",
            Self::Server => "the server",
            Self::Gateway => "the RD Gateway",
            Self::Elsewhere => "a device on the path, or a computer that is not known",
        }
    }
}

/// A REG_DWORD that a script may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dword {
    /// The key, as PowerShell writes it.
    pub key: &'static str,
    /// The value's name.
    pub name: &'static str,
    /// What it is set to.
    pub data: u32,
    /// The key of the policy that overrides it, if there is one.
    pub policy: Option<&'static str>,
    /// What it does, as a fragment.
    pub does: &'static str,
}

/// What a script may change under `-Apply`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One registry value.
    Set(Dword),
    /// The self-signed certificate is made anew, a binding to a missing one is removed.
    RenewCertificate,
}

/// One step of a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looks at something; changes nothing.
    Read(Reading),
    /// Changes something, under `-Apply` only.
    Change(Change),
    /// For a person to do.
    Tell(String),
}

/// What a script looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A registry value.
    Value(&'static str, &'static str),
    /// Services.
    Services(&'static [&'static str]),
    /// Port and listener of Remote Desktop.
    Listener,
    /// The certificate and its binding.
    Certificate,
    /// Firewall rules and network category.
    Firewall,
    /// The TLS versions that are set.
    TlsProtocols,
    /// The newest events of a log.
    Events(&'static str, &'static [u32]),
}

const RDP_TCP: &str = r"HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const TERMINAL_SERVER: &str = r"HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server";
const POLICY: &str = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const POLICY_CLIENT: &str = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\Client";
const TLS_SERVER: &str =
    r"HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server";
const TLS_CLIENT: &str =
    r"HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client";
const KERBEROS: &str = r"HKLM:\SYSTEM\CurrentControlSet\Control\Lsa\Kerberos\Parameters";

const fn set(key: &'static str, name: &'static str, data: u32, does: &'static str) -> Change {
    Change::Set(Dword { key, name, data, policy: None, does })
}

/// A setting of the listener, which a policy of the same name overrides.
const fn set_unless_ruled(key: &'static str, name: &'static str, data: u32, does: &'static str) -> Change {
    Change::Set(Dword { key, name, data, policy: Some(POLICY), does })
}

const SECURITY_LAYER: Change =
    set_unless_ruled(RDP_TCP, "SecurityLayer", 2, "the listener takes TLS and CredSSP only");
const NEEDS_NLA: Change =
    set_unless_ruled(RDP_TCP, "UserAuthentication", 1, "network level authentication is required");
const NEGOTIATES: Change =
    set_unless_ruled(RDP_TCP, "fAllowSecProtocolNegotiation", 1, "the listener negotiates its security");
const NO_UDP: Change = set(POLICY_CLIENT, "fClientDisableUDP", 1, "the client uses TCP alone");

/// Causes of which a script may change something: cause, computer, what. A cause may stand here once for each computer;
/// which is meant, the blame says, and where it says neither, the first.
///
/// INVARIANT: nothing here lowers security.
pub static CHANGES: &[(&str, Host, &[Change])] = &[
    ("neg-failure-2-ssl-not-allowed", Host::Server, &[SECURITY_LAYER]),
    ("security-layer-mismatch", Host::Server, &[SECURITY_LAYER, NEEDS_NLA, NEGOTIATES]),
    ("neg-failure-3-no-certificate", Host::Server, &[Change::RenewCertificate]),
    ("certificate-missing-or-stale-binding", Host::Server, &[Change::RenewCertificate]),
    ("certificate-dates", Host::Server, &[Change::RenewCertificate]),
    ("certificate-weak", Host::Server, &[Change::RenewCertificate]),
    (
        "tls-version-mismatch",
        Host::Server,
        &[
            set(TLS_SERVER, "Enabled", 1, "TLS 1.2 is on for servers (after a restart of Windows)"),
            set(TLS_SERVER, "DisabledByDefault", 0, "TLS 1.2 is offered without being asked for"),
        ],
    ),
    (
        "tls-version-mismatch",
        Host::Client,
        &[
            set(TLS_CLIENT, "Enabled", 1, "TLS 1.2 is on for clients (after a restart of Windows)"),
            set(TLS_CLIENT, "DisabledByDefault", 0, "TLS 1.2 is offered without being asked for"),
        ],
    ),
    (
        "rdp-disabled-or-other-port",
        Host::Server,
        &[
            set_unless_ruled(TERMINAL_SERVER, "fDenyTSConnections", 0, "Remote Desktop is on"),
            set(RDP_TCP, "fEnableWinStation", 1, "the listener is on"),
        ],
    ),
    (
        "stateful-idle-timeout",
        Host::Server,
        &[
            set(POLICY, "KeepAliveEnable", 1, "the server sends keep-alives"),
            set(POLICY, "KeepAliveInterval", 1, "one each minute"),
        ],
    ),
    ("udp-half-working", Host::Client, &[NO_UDP]),
    (
        "ip-fragments-lost",
        Host::Client,
        &[set(KERBEROS, "MaxPacketSize", 1, "Kerberos uses TCP, whose packets need no fragments")],
    ),
];

/// The steps for one incident, and the computer that they are for.
pub fn plan(order: &Order) -> (Host, Vec<Step>) {
    let listed = || CHANGES.iter().filter(|(cause, ..)| *cause == order.cause);
    let blamed = blamed(order);
    let entry = listed().find(|(_, host, _)| *host == blamed).or_else(|| listed().next());
    let host = entry.map_or(blamed, |(_, host, _)| *host);
    let changes = entry.map_or(&[][..], |(.., changes)| changes);

    let mut steps: Vec<Step> = readings(host, &order.cause).into_iter().map(Step::Read).collect();
    steps.extend(changes.iter().copied().map(Step::Change));
    let known = causes::by_id(&order.cause).map(causes::Cause::remedy);
    steps.extend(known.unwrap_or_else(|| order.steps.clone()).into_iter().map(Step::Tell));
    (host, steps)
}

fn blamed(order: &Order) -> Host {
    let at_gateway =
        causes::by_id(&order.cause).is_some_and(|cause| cause.stage == crate::connection::Stage::Gateway);
    match order.blame.as_str() {
        "client" => Host::Client,
        "server" if at_gateway => Host::Gateway,
        "server" => Host::Server,
        _ => Host::Elsewhere,
    }
}

const CORE_TS: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";
const CLIENT_LOG: &str = "Microsoft-Windows-TerminalServices-RDPClient/Operational";
const GATEWAY_LOG: &str = "Microsoft-Windows-TerminalServices-Gateway/Operational";

/// What tells the present state, by computer and stage.
fn readings(host: Host, cause: &str) -> Vec<Reading> {
    use crate::connection::Stage;
    let stage = causes::by_id(cause).map(|cause| cause.stage);
    match host {
        Host::Elsewhere => Vec::new(),
        Host::Gateway => vec![
            Reading::Services(&["TSGateway", "IAS"]),
            Reading::Events(GATEWAY_LOG, &[200, 201, 300, 301, 302, 303, 304, 312, 313]),
        ],
        Host::Client => {
            let mut found = vec![Reading::Events(CLIENT_LOG, &[1024, 1025, 1026, 1029, 1105])];
            match stage {
                Some(Stage::Tls) => found.extend([
                    Reading::TlsProtocols,
                    Reading::Events("System", &[36_871, 36_874, 36_881, 36_882, 36_884, 36_887, 36_888]),
                ]),
                Some(Stage::Session) => found.push(Reading::Value(POLICY_CLIENT, "fClientDisableUDP")),
                _ => {}
            }
            found
        }
        Host::Server => {
            let mut found = vec![
                Reading::Services(&["TermService", "SessionEnv", "UmRdpService", "KeyIso", "CryptSvc"]),
                Reading::Listener,
                Reading::Value(TERMINAL_SERVER, "fDenyTSConnections"),
                Reading::Value(POLICY, "fDenyTSConnections"),
                Reading::Value(RDP_TCP, "SecurityLayer"),
                Reading::Value(POLICY, "SecurityLayer"),
                Reading::Value(RDP_TCP, "UserAuthentication"),
                Reading::Value(POLICY, "UserAuthentication"),
            ];
            match stage {
                Some(Stage::Transport | Stage::Name) => found.push(Reading::Firewall),
                Some(Stage::Negotiation | Stage::Tls) => found.extend([
                    Reading::Certificate,
                    Reading::TlsProtocols,
                    Reading::Events("System", &[1056, 1057, 1058, 36_870, 36_871, 36_874, 36_887, 36_888]),
                ]),
                Some(Stage::Authentication) => found.push(Reading::Events("Security", &[4625, 4740])),
                _ => {}
            }
            found.push(Reading::Events(CORE_TS, &[97, 103, 131, 139, 140, 142, 143, 226]));
            found
        }
    }
}
