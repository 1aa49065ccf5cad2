//! Who writes events, and which of them bear on RDP.
//!
//! Only names and ids: what an event means is said in the file of its provider.

use std::fmt;
use std::sync::Arc;

macro_rules! providers {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A provider of events. Unknown ones keep their names.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Provider {
            $($(#[doc = $doc])+ $variant,)+
            /// Any other, by its name.
            Other(Arc<str>),
        }

        impl Provider {
            /// The provider of that name, in any case.
            pub fn named(name: &str) -> Self {
                $(if name.eq_ignore_ascii_case($name) {
                    return Self::$variant;
                })+
                // The classic source of the service, where the manifest is not registered.
                if name.eq_ignore_ascii_case("TermService") {
                    return Self::RemoteConnectionManager;
                }
                Self::Other(name.into())
            }

            /// Its full name, as events carry it.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }
        }
    };
}

providers! {
    /// The server's RDP transport and protocol.
    RdpCoreTs = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS",
    /// The server's listener and logon (1149, 261; 1056 … in System).
    RemoteConnectionManager = "Microsoft-Windows-TerminalServices-RemoteConnectionManager",
    /// The server's sessions.
    LocalSessionManager = "Microsoft-Windows-TerminalServices-LocalSessionManager",
    /// The client, mstsc and its relatives; its channel is called RDPClient.
    RdpClient = "Microsoft-Windows-TerminalServices-ClientActiveXCore",
    /// The RD Gateway.
    Gateway = "Microsoft-Windows-TerminalServices-Gateway",
    /// The connection broker of a farm.
    SessionBroker = "Microsoft-Windows-TerminalServices-SessionBroker",
    /// The broker's client, on each session host of the farm.
    SessionBrokerClient = "Microsoft-Windows-TerminalServices-SessionBroker-Client",
    /// TLS, of either side.
    Schannel = "Schannel",
    /// The audit events of the Security log.
    Security = "Microsoft-Windows-Security-Auditing",
    /// Services.
    ServiceControlManager = "Service Control Manager",
    /// Sleep and wake.
    KernelPower = "Microsoft-Windows-Kernel-Power",
    /// The true times of a sleep.
    PowerTroubleshooter = "Microsoft-Windows-Power-Troubleshooter",
    /// Boot, shutdown, the system clock.
    KernelGeneral = "Microsoft-Windows-Kernel-General",
    /// Time synchronisation.
    TimeService = "Microsoft-Windows-Time-Service",
    /// The RDP driver of Windows 7 and older.
    TermDd = "TermDD",
    /// The event log service, classic source: start and stop of the computer.
    EventLog = "EventLog",
    /// The event log service, manifest: logs that were cleared.
    EventLogService = "Microsoft-Windows-Eventlog",
    /// Requested shutdowns.
    User32 = "User32",
    /// Networks coming and going.
    NetworkProfile = "Microsoft-Windows-NetworkProfile",
    /// Rules and profiles of the Windows firewall.
    Firewall = "Microsoft-Windows-Windows Firewall With Advanced Security",
    /// The IP stack.
    Tcpip = "Tcpip",
    /// Domain controller lookup.
    Netlogon = "NETLOGON",
    /// The local security authority.
    LsaSrv = "LsaSrv",
    /// NTLM restrictions.
    Ntlm = "Microsoft-Windows-NTLM",
    /// Kerberos on the client's side of a logon.
    Kerberos = "Microsoft-Windows-Security-Kerberos",
    /// Certificate chains.
    Capi2 = "Microsoft-Windows-CAPI2",
    /// Name resolution.
    DnsClient = "Microsoft-Windows-DNS-Client",
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How an event bears on RDP: what decides when it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bearing {
    /// Names an address or the start of an attempt: ties a log to a capture, so it is decoded wherever it is.
    Anchor,
    /// Tells of a change of the clock: decoded wherever it is, for the clock pieces.
    Clock,
    /// Explains from far away: power, service, listener, boot, certificate, firewall, network.
    Far,
    /// Speaks of a connection or its session, by a name of its own: a session may begin and end far outside of what
    /// was captured of it.
    Session,
    /// Speaks of what happens at its own time.
    Near,
}

/// How event `id` of `provider` bears on RDP; `None` if not at all.
///
/// The providers that are RDP's own bear with every id, since new builds add some; of the others only chosen
/// ids do.
pub fn bearing(provider: &Provider, id: u32) -> Option<Bearing> {
    if is_anchor(provider, id) {
        Some(Bearing::Anchor)
    } else if is_clock(provider, id) {
        Some(Bearing::Clock)
    } else if is_far(provider, id) {
        Some(Bearing::Far)
    } else if is_of_session(provider) {
        Some(Bearing::Session)
    } else {
        is_near(provider, id).then_some(Bearing::Near)
    }
}

/// Whether such an event may be the sign of an attempt where nothing else shows one; of a logon its kind tells. The others
/// that bear are of every service of a computer: they count beside an attempt.
pub const fn may_begin(provider: &Provider, id: u32) -> bool {
    match provider {
        Provider::RdpCoreTs
        | Provider::RemoteConnectionManager
        | Provider::LocalSessionManager
        | Provider::RdpClient
        | Provider::Gateway
        | Provider::SessionBroker
        | Provider::SessionBrokerClient
        | Provider::TermDd
        | Provider::DnsClient => true,
        Provider::Security => matches!(id, 4624 | 4625 | 4778 | 5152 | 5157),
        _ => false,
    }
}

/// What an audit event can be found by, besides its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Audit {
    /// Nothing, or it is no audit event.
    #[default]
    Other,
    /// Both ends of a connection, which the filtering platform names.
    Ends,
    /// A logon that succeeded.
    Logon,
}

impl Audit {
    /// That of event `id` of `provider`.
    pub const fn of(provider: &Provider, id: u32) -> Self {
        match (provider, id) {
            (Provider::Security, 5152 | 5156 | 5157) => Self::Ends,
            (Provider::Security, 4624) => Self::Logon,
            _ => Self::Other,
        }
    }
}

const fn is_anchor(provider: &Provider, id: u32) -> bool {
    matches!(
        (provider, id),
        (Provider::RdpCoreTs, 131)
            | (Provider::RemoteConnectionManager, 261)
            | (Provider::RdpClient, 1024 | 1102)
    )
}

const fn is_clock(provider: &Provider, id: u32) -> bool {
    matches!(
        (provider, id),
        (Provider::KernelGeneral, 1 | 24) | (Provider::TimeService, 34 | 52) | (Provider::Security, 4616)
    )
}

const fn is_far(provider: &Provider, id: u32) -> bool {
    match provider {
        // Listener, service, certificate.
        Provider::RdpCoreTs => matches!(id, 69 | 70 | 105 | 106 | 129 | 229),
        Provider::RemoteConnectionManager => {
            matches!(id, 258..=260 | 262 | 263 | 1056..=1058 | 1067 | 1136 | 1155 | 20523)
        }
        Provider::LocalSessionManager => matches!(id, 32 | 33 | 54),
        Provider::ServiceControlManager => {
            matches!(id, 7000 | 7001 | 7009 | 7011 | 7022..=7024 | 7031 | 7034 | 7036 | 7040)
        }
        // Power and boot.
        Provider::KernelPower => matches!(id, 41 | 42 | 107 | 109 | 172 | 187 | 506 | 507 | 566),
        Provider::PowerTroubleshooter => id == 1,
        Provider::KernelGeneral => matches!(id, 12 | 13),
        Provider::EventLog => matches!(id, 6005 | 6006 | 6008),
        Provider::User32 => id == 1074,
        // Logs that were cleared or closed: what is missing in them is missing for that reason.
        Provider::EventLogService => matches!(id, 104 | 1100 | 1102),
        // Network. A name that nobody answers for keeps the attempt from ever reaching a capture.
        Provider::NetworkProfile => matches!(id, 10000 | 10001),
        Provider::Firewall => matches!(id, 2003..=2006 | 2010 | 2033 | 2052 | 2059 | 2071 | 2097),
        Provider::Tcpip => id == 4199,
        Provider::Netlogon => id == 5719,
        Provider::DnsClient => id == 1014,
        _ => false,
    }
}

const fn is_of_session(provider: &Provider) -> bool {
    matches!(
        provider,
        Provider::RdpCoreTs
            | Provider::RemoteConnectionManager
            | Provider::LocalSessionManager
            | Provider::RdpClient
            | Provider::Gateway
    )
}

const fn is_near(provider: &Provider, id: u32) -> bool {
    match provider {
        Provider::SessionBroker | Provider::SessionBrokerClient | Provider::Schannel => true,
        Provider::Security => matches!(
            id,
            4624 | 4625
                | 4634
                | 4647
                | 4648
                | 4740
                | 4768
                | 4769
                | 4771
                | 4776
                | 4778
                | 4779
                | 4825
                | 5152
                | 5156
                | 5157
        ),
        Provider::TermDd => matches!(id, 50 | 56),
        Provider::TimeService => matches!(id, 35..=37 | 50 | 129 | 134),
        Provider::LsaSrv => matches!(id, 6033 | 6037 | 6041 | 40960 | 40961),
        Provider::Ntlm => matches!(id, 4001..=4003 | 4020..=4023 | 8001..=8004),
        Provider::Kerberos => matches!(id, 3..=5 | 7),
        Provider::Capi2 => matches!(id, 11 | 30 | 41 | 70),
        Provider::DnsClient => matches!(id, 3008 | 3018 | 3020),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for name in ["Microsoft-Windows-RemoteDesktopServices-RdpCoreTS", "TermDD", "Some-Thing Else"] {
            assert_eq!(Provider::named(name).name(), name);
        }
        assert_eq!(Provider::named("SCHANNEL"), Provider::Schannel);
        assert_ne!(Provider::named("EventLog"), Provider::named("Microsoft-Windows-Eventlog"));
    }

    #[test]
    fn ids_bear_only_with_their_provider() {
        assert_eq!(bearing(&Provider::RdpCoreTs, 131), Some(Bearing::Anchor));
        assert_eq!(bearing(&Provider::KernelGeneral, 1), Some(Bearing::Clock));
        assert_eq!(bearing(&Provider::ServiceControlManager, 7036), Some(Bearing::Far));
        assert_eq!(bearing(&Provider::Security, 4625), Some(Bearing::Near));
        assert_eq!(bearing(&Provider::Security, 4688), None);
        assert_eq!(bearing(&Provider::Other("x".into()), 131), None);
        assert!(may_begin(&Provider::Security, 5157) && may_begin(&Provider::RdpClient, 1024));
        assert!(!may_begin(&Provider::Security, 4776), "of any service of the computer");
    }
}
