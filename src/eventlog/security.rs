//! The audit events of the Security log: logons, Kerberos, and what the Windows firewall let through.
//!
//! Most events of this log have nothing to do with RDP: `bears` says which to keep. A logon under NLA mostly
//! names no address, so it is joined by time.

use std::net::IpAddr;

use super::address::ClientAddress;
use super::event::Event;
use super::provider::Provider;

/// The kind of a logon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogonType(pub u32);

impl LogonType {
    /// Over the network: the NLA part of a connection.
    pub const NETWORK: Self = Self(3);
    /// Unlock, also on reconnection.
    pub const UNLOCK: Self = Self(7);
    /// By RDP.
    pub const REMOTE_INTERACTIVE: Self = Self(10);
    /// By RDP with cached credentials.
    pub const CACHED_REMOTE: Self = Self(12);

    /// Whether a connection by RDP makes such logons.
    pub const fn is_remote(self) -> bool {
        matches!(self, Self::NETWORK) || self.is_at_screen()
    }

    /// Whether nothing else makes such logons.
    pub const fn is_by_rdp(self) -> bool {
        matches!(self, Self::REMOTE_INTERACTIVE | Self::CACHED_REMOTE)
    }

    /// Whether it is made inside the session, at the server's own logon screen or after NLA on its behalf.
    pub const fn is_at_screen(self) -> bool {
        matches!(self, Self::UNLOCK | Self::REMOTE_INTERACTIVE | Self::CACHED_REMOTE)
    }
}

/// A logon that succeeded or failed (4624, 4625, 4648).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logon<'a> {
    /// The user who was to log on.
    pub user: Option<&'a str>,
    /// The domain.
    pub domain: Option<&'a str>,
    /// The kind; none on 4648.
    pub kind: Option<LogonType>,
    /// Where from, if said; the port is 0 or missing on most.
    pub client: Option<ClientAddress>,
    /// The name of the client's computer, as it gave it.
    pub workstation: Option<&'a str>,
    /// `NtLmSsp`, `Kerberos`, `User32`.
    pub process: Option<&'a str>,
    /// `NTLM`, `Kerberos`, `Negotiate`.
    pub package: Option<&'a str>,
    /// The logon's number, which 4634 and 4647 repeat.
    pub logon_id: Option<u64>,
    /// NTSTATUS of a failure.
    pub status: Option<u32>,
    /// NTSTATUS that tells why: `0xc000006a`.
    pub sub_status: Option<u32>,
}

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To this host: `%%14592`.
    Inbound,
    /// From this host: `%%14593`.
    Outbound,
}

/// A packet or connection as the Windows Filtering Platform saw it (5152, 5156, 5157).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filtered<'a> {
    /// Which way.
    pub direction: Option<Direction>,
    /// The program, by its device path.
    pub program: Option<&'a str>,
    /// From where.
    pub source: Option<ClientAddress>,
    /// To where.
    pub destination: Option<ClientAddress>,
    /// IP protocol: 6 TCP, 17 UDP.
    pub protocol: Option<u32>,
    /// Number of the filter, to be found in an export of the filters.
    pub filter: Option<u64>,
}

/// A request for a Kerberos ticket on a domain controller (4768, 4769, 4771).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket<'a> {
    /// The user.
    pub user: Option<&'a str>,
    /// The service: `TERMSRV/…` or `krbtgt`.
    pub service: Option<&'a str>,
    /// Where from.
    pub client: Option<ClientAddress>,
    /// Kerberos error; 0 is none, 0x18 a wrong password, 0x25 a clock skew.
    pub status: Option<u32>,
}

/// What an event of this provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// 4624: a logon succeeded.
    LoggedOn(Logon<'a>),
    /// 4625: a logon failed.
    LogonFailed(Logon<'a>),
    /// 4648: a logon with explicit credentials was tried.
    Explicit(Logon<'a>),
    /// 4634: a logon ended. 4647: the user logged off.
    LoggedOff {
        /// The user.
        user: Option<&'a str>,
        /// The logon's number.
        logon_id: Option<u64>,
        /// Whether the user asked for it (4647).
        asked: bool,
    },
    /// 4776: NTLM credentials were checked, on this host or this domain controller.
    Validated {
        /// The user.
        user: Option<&'a str>,
        /// The name of the client's computer.
        workstation: Option<&'a str>,
        /// NTSTATUS; 0 is good.
        status: Option<u32>,
    },
    /// 4768, 4769: a ticket was asked for. 4771: pre-authentication failed.
    Ticket(Ticket<'a>),
    /// 4740: an account was locked.
    LockedOut {
        /// The account.
        user: Option<&'a str>,
        /// The computer from which, which this event carries in the field of the domain.
        from: Option<&'a str>,
    },
    /// 4778: a session was reconnected.
    Reconnected(SessionChange<'a>),
    /// 4779: a session was disconnected.
    Disconnected(SessionChange<'a>),
    /// 4825: the user may not log on by RDP: not in the Remote Desktop Users group.
    Denied {
        /// The user.
        user: Option<&'a str>,
        /// Where from.
        ip: Option<IpAddr>,
    },
    /// 5156: a connection was let through.
    Allowed(Filtered<'a>),
    /// 5157: a connection was blocked.
    Blocked(Filtered<'a>),
    /// 5152: a packet was dropped.
    Dropped(Filtered<'a>),
}

/// A session that changed hands (4778, 4779).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionChange<'a> {
    /// The user.
    pub user: Option<&'a str>,
    /// The domain.
    pub domain: Option<&'a str>,
    /// `RDP-Tcp#8`, as in RdpCoreTS 65.
    pub session: Option<&'a str>,
    /// The name of the client's computer.
    pub client_name: Option<&'a str>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// The logon's number.
    pub logon_id: Option<u64>,
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    if event.provider != Provider::Security {
        return None;
    }
    let fields = &event.fields;
    let user = fields.said("TargetUserName");
    Some(match event.id {
        4624 => Meaning::LoggedOn(logon(event)),
        4625 => Meaning::LogonFailed(logon(event)),
        4648 => Meaning::Explicit(logon(event)),
        4634 | 4647 => {
            Meaning::LoggedOff { user, logon_id: fields.number("TargetLogonId"), asked: event.id == 4647 }
        }
        4776 => Meaning::Validated {
            user,
            workstation: fields.said("Workstation"),
            status: fields.code("Status"),
        },
        4768 | 4769 | 4771 => Meaning::Ticket(Ticket {
            user,
            service: fields.said("ServiceName"),
            client: address(event, "IpAddress", "IpPort"),
            status: fields.code("Status"),
        }),
        4740 => Meaning::LockedOut { user, from: fields.said("TargetDomainName") },
        4778 => Meaning::Reconnected(session_change(event)),
        4779 => Meaning::Disconnected(session_change(event)),
        4825 => Meaning::Denied { user: fields.said("AccountName"), ip: client_ip(event) },
        5152 => Meaning::Dropped(filtered(event)),
        5156 => Meaning::Allowed(filtered(event)),
        5157 => Meaning::Blocked(filtered(event)),
        _ => return None,
    })
}

/// Whether an event is worth keeping. An audit of a busy host holds a logon for each service that starts and an
/// event for each connection of each program; of those only the ones that RDP can have made are kept.
pub(super) fn bears(event: &Event) -> bool {
    if event.provider != Provider::Security {
        return true;
    }
    match event.id {
        4624 => event.fields.code("LogonType").map(LogonType).is_none_or(LogonType::is_remote),
        5152 | 5156 | 5157 => filtered(event).may_be_rdp(),
        _ => true,
    }
}

/// Whether an event that may be the sign of an attempt is one: of logons those that RDP alone makes.
pub(super) fn is_attempt(event: &Event) -> bool {
    match meaning(event) {
        Some(Meaning::LoggedOn(logon) | Meaning::LogonFailed(logon)) => {
            logon.kind.is_some_and(LogonType::is_by_rdp)
        }
        _ => true,
    }
}

/// Whether an event is a logon that succeeded.
pub(super) fn is_logon(event: &Event) -> bool {
    event.id == 4624 && event.provider == Provider::Security
}

/// Whether an event cannot bear, by one of its numbers alone: told before the rest of it is read.
pub(super) fn is_of_no_use(provider: &Provider, id: u32, field: &str, value: u64) -> bool {
    id == 4624
        && *provider == Provider::Security
        && field == "LogonType"
        && !u32::try_from(value).is_ok_and(|kind| LogonType(kind).is_remote())
}

impl Filtered<'_> {
    /// Whether the connection may be one of RDP: by a port of RDP or of its gateway's side transport, or by a
    /// program of it, whatever the port. Port 443 alone says nothing.
    pub fn may_be_rdp(&self) -> bool {
        let port = |end: Option<ClientAddress>| end.and_then(|end| end.port);
        let known = |port: Option<u16>| matches!(port, Some(3389 | 3391));
        let program = self.program.and_then(|path| path.rsplit(['\\', '/']).next()).unwrap_or_default();
        let local_port = match self.direction {
            Some(Direction::Inbound) => port(self.destination),
            _ => None,
        };
        known(port(self.source))
            || known(port(self.destination))
            || ["mstsc.exe", "msrdc.exe", "tsgateway.exe"]
                .iter()
                .any(|name| program.eq_ignore_ascii_case(name))
            // TermService lives in svchost. On another port than 3389 it is one of these; the well-known ports
            // of other services in svchost are not its.
            || (program.eq_ignore_ascii_case("svchost.exe") && self.protocol == Some(6) && local_port.is_some_and(|port| port > 1023))
    }
}

fn logon(event: &Event) -> Logon<'_> {
    let fields = &event.fields;
    Logon {
        user: fields.said("TargetUserName"),
        domain: fields.said("TargetDomainName"),
        kind: fields.code("LogonType").map(LogonType),
        client: address(event, "IpAddress", "IpPort"),
        workstation: fields.said("WorkstationName"),
        process: fields.said("LogonProcessName"),
        package: fields.said("AuthenticationPackageName"),
        logon_id: fields.number("TargetLogonId"),
        status: fields.code("Status"),
        sub_status: fields.code("SubStatus"),
    }
}

fn session_change(event: &Event) -> SessionChange<'_> {
    let fields = &event.fields;
    SessionChange {
        user: fields.said("AccountName"),
        domain: fields.said("AccountDomain"),
        session: fields.said("SessionName"),
        client_name: fields.said("ClientName"),
        ip: client_ip(event),
        logon_id: fields.number("LogonID"),
    }
}

fn filtered(event: &Event) -> Filtered<'_> {
    let fields = &event.fields;
    Filtered {
        direction: match fields.said("Direction") {
            Some("%%14592") => Some(Direction::Inbound),
            Some("%%14593") => Some(Direction::Outbound),
            _ => None,
        },
        program: fields.said("Application"),
        source: address(event, "SourceAddress", "SourcePort"),
        destination: address(event, "DestAddress", "DestPort"),
        protocol: fields.code("Protocol"),
        filter: fields.number("FilterRTID"),
    }
}

fn address(event: &Event, ip: &str, port: &str) -> Option<ClientAddress> {
    let port = event.fields.number(port).and_then(|port| u16::try_from(port).ok());
    ClientAddress::of(event.fields.said(ip)?, port)
}

fn client_ip(event: &Event) -> Option<IpAddr> {
    Some(event.fields.said("ClientAddress")?.parse::<ClientAddress>().ok()?.ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    fn of(id: u32, fields: &[(&str, &str)]) -> Event {
        event(Provider::Security, id, fields)
    }

    #[test]
    fn reads_a_refused_logon_without_address() {
        let failed = of(
            4625,
            &[
                ("TargetUserName", "Administrator"),
                ("Status", "0xc000006d"),
                ("SubStatus", "0xc000006a"),
                ("LogonType", "3"),
                ("WorkstationName", "kali"),
                ("IpAddress", "-"),
                ("IpPort", "-"),
            ],
        );
        let Some(Meaning::LogonFailed(logon)) = meaning(&failed) else { panic!() };
        assert_eq!((logon.user, logon.workstation), (Some("Administrator"), Some("kali")));
        assert_eq!((logon.status, logon.sub_status), (Some(0xc000_006d), Some(0xc000_006a)));
        assert_eq!((logon.kind, logon.client), (Some(LogonType::NETWORK), None));
    }

    #[test]
    fn keeps_only_logons_that_rdp_makes() {
        let kept = |kind| bears(&of(4624, &[("LogonType", kind)]));
        assert!(kept("3") && kept("10") && kept("7"));
        assert!(!kept("5") && !kept("2"));
        assert!(bears(&of(4624, &[])), "a kind that is not said may be any");
        assert!(bears(&of(4625, &[("LogonType", "2")])), "failures are few and may explain a lockout");
    }

    #[test]
    fn reads_what_the_firewall_saw() {
        let blocked = of(
            5157,
            &[
                ("Application", "\\device\\harddiskvolume2\\windows\\system32\\svchost.exe"),
                ("Direction", "%%14592"),
                ("SourceAddress", "192.0.2.10"),
                ("SourcePort", "50123"),
                ("DestAddress", "192.0.2.20"),
                ("DestPort", "3389"),
                ("Protocol", "6"),
            ],
        );
        let Some(Meaning::Blocked(filtered)) = meaning(&blocked) else { panic!() };
        assert_eq!(filtered.direction, Some(Direction::Inbound));
        assert_eq!(filtered.source.unwrap().to_string(), "192.0.2.10:50123");
        assert_eq!(filtered.destination.unwrap().port, Some(3389));
        assert!(bears(&blocked));
        assert!(!bears(&of(5156, &[("Application", "chrome.exe"), ("DestPort", "443")])));
    }

    #[test]
    fn reads_sessions_and_denials() {
        let fields =
            [("AccountName", "admmarsid"), ("SessionName", "RDP-Tcp#8"), ("ClientAddress", "10.23.23.9")];
        let back = of(4778, &fields);
        let Some(Meaning::Reconnected(change)) = meaning(&back) else { panic!() };
        assert_eq!((change.user, change.session), (Some("admmarsid"), Some("RDP-Tcp#8")));
        assert_eq!(change.ip, "10.23.23.9".parse().ok());
        let denied = of(4825, &[("AccountName", "alice"), ("ClientAddress", "192.0.2.10")]);
        assert_eq!(
            meaning(&denied),
            Some(Meaning::Denied { user: Some("alice"), ip: "192.0.2.10".parse().ok() })
        );
    }
}
