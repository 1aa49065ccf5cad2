//! The host itself as its System log tells it: services, power, boot, the clock, the RDP driver of old.
//!
//! What becomes of services is in `service`; what the RDP service writes to System about its certificate is in
//! `remote_connection_manager`.

use super::event::{Event, code, number};
use super::provider::Provider;
use super::service::{Service, service};
use crate::base::time::{MILLISECOND, SECOND};
use crate::base::{Timestamp, Window};

/// A change of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockChange {
    /// What it showed before.
    pub from: Timestamp,
    /// What it showed then.
    pub to: Timestamp,
    /// Why, on newer builds: 1 a program set it, 2 it was read from the hardware, as after a sleep.
    pub reason: Option<u32>,
}

impl ClockChange {
    /// How far it was moved, in nanoseconds; negative if it was put back.
    pub const fn jump(&self) -> i64 {
        self.to.since(self.from)
    }
}

/// What an event says about the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// Service Control Manager 7000 to 7040.
    Service(Service<'a>),
    /// Kernel-Power 42, 506: falls asleep (506: modern standby).
    Sleeps,
    /// Kernel-Power 107, 507: woke. 107 is stamped with the moment of falling asleep: see `Slept`.
    Woke,
    /// Power-Troubleshooter 1: was asleep from and to, truly.
    Slept(Window),
    /// Kernel-General 12, EventLog 6005: started, at a time if it is said.
    Started(Option<Timestamp>),
    /// Kernel-General 13, Kernel-Power 109, EventLog 6006: stops.
    Stops(Option<Timestamp>),
    /// Kernel-Power 41, EventLog 6008: the last stop was not in order.
    StoppedUnexpectedly,
    /// User32 1074: a stop or restart was asked for.
    StopAsked {
        /// The program that asked.
        by: Option<&'a str>,
        /// The user for whom.
        user: Option<&'a str>,
    },
    /// Kernel-General 1, Security 4616: the clock was changed.
    ClockChanged(ClockChange),
    /// Kernel-General 24: the bias of the time zone in minutes (UTC = local time + bias).
    TimeZone(Option<i64>),
    /// Time-Service 34: the clock is wrong by so many seconds, which was too much to be corrected.
    ClockTooWrong(Option<i64>),
    /// Time-Service 52: the clock was moved by so many seconds; known to carry absurd figures.
    ClockMoved(Option<i64>),
    /// Time-Service 35, 37: synchronised with a source.
    Synchronised(Option<&'a str>),
    /// Time-Service 36, 50, 129, 134: not synchronised, or drifting.
    NotSynchronised,
    /// Security-Kerberos 3: a Kerberos error.
    KerberosError {
        /// The client's clock, as text.
        client_time: Option<&'a str>,
        /// The server's clock, as text.
        server_time: Option<&'a str>,
        /// Kerberos error, 0x25 for a clock skew.
        code: Option<u32>,
        /// The target.
        target: Option<&'a str>,
    },
    /// Security-Kerberos 4: a server could not read its ticket: wrong name or account.
    TicketUnreadable(Option<&'a str>),
    /// LsaSrv 6041, on a client: the server's CredSSP is too old for the policy (encryption oracle remediation).
    CredSspVersion {
        /// `TERMSRV/host`.
        target: Option<&'a str>,
        /// The server's version of CredSSP.
        version: Option<u32>,
    },
    /// LsaSrv 40960, 40961: authentication with a server failed.
    AuthenticationError(Option<&'a str>),
    /// NTLM 4001 and others: NTLM was blocked by policy.
    NtlmBlocked(Option<&'a str>),
    /// TermDD 50: a protocol error in a component (`X.224`, `WD`, `MCS`); Windows 7 and older.
    DriverProtocolError(Option<&'a str>),
    /// TermDD 56: an error of the security layer; Windows 7 and older.
    DriverSecurityError {
        /// The client, on some builds.
        client: Option<&'a str>,
        /// NTSTATUS or SSPI code, the last four bytes of the data.
        code: Option<u32>,
    },
    /// Eventlog 104, 1102: a log was cleared. 1102 names none: it is the Security log.
    LogCleared(Option<&'a str>),
}

/// What the event says; `None` if it is of another provider or has no meaning here.
pub fn meaning(event: &Event) -> Option<Meaning<'_>> {
    let fields = &event.fields;
    Some(match (&event.provider, event.id) {
        (Provider::ServiceControlManager, _) => Meaning::Service(service(event)?),
        (Provider::KernelPower, 42 | 506) => Meaning::Sleeps,
        (Provider::KernelPower, 107 | 507) => Meaning::Woke,
        (Provider::KernelPower, 41) | (Provider::EventLog, 6008) => Meaning::StoppedUnexpectedly,
        (Provider::KernelPower, 109) | (Provider::EventLog, 6006) => Meaning::Stops(None),
        (Provider::PowerTroubleshooter, 1) => {
            let (start, end) = (fields.moment("SleepTime")?, fields.moment("WakeTime")?);
            Meaning::Slept(Window { start, end })
        }
        (Provider::EventLog, 6005) => Meaning::Started(None),
        (Provider::KernelGeneral, 12) => Meaning::Started(fields.moment("StartTime")),
        (Provider::KernelGeneral, 13) => Meaning::Stops(fields.moment("StopTime")),
        (Provider::KernelGeneral, 1) | (Provider::Security, 4616) => {
            Meaning::ClockChanged(clock_change(event)?)
        }
        (Provider::KernelGeneral, 24) => Meaning::TimeZone(fields.signed("CurrentBias")),
        (Provider::User32, 1074) => Meaning::StopAsked {
            by: fields.said("param1").or_else(|| fields.said("Data")),
            user: fields.said("param7").or_else(|| fields.said("Data6")),
        },
        (Provider::TimeService | Provider::Kerberos | Provider::LsaSrv | Provider::Ntlm, _) => trust(event)?,
        (Provider::TermDd, 50) => Meaning::DriverProtocolError(fields.said("Data1")),
        (Provider::TermDd, 56) => Meaning::DriverSecurityError {
            client: fields.said("Data1"),
            code: fields.text("Binary").and_then(last_word),
        },
        (Provider::EventLogService, 104) => Meaning::LogCleared(fields.said("Channel")),
        (Provider::EventLogService, 1102) => Meaning::LogCleared(None),
        _ => return None,
    })
}

/// The change of the clock of which Kernel-General 1 or Security 4616 tells.
pub fn clock_change(event: &Event) -> Option<ClockChange> {
    let fields = &event.fields;
    let from = match (&event.provider, event.id) {
        (Provider::KernelGeneral, 1) => fields.moment("OldTime")?,
        (Provider::Security, 4616) => fields.moment("PreviousTime")?,
        _ => return None,
    };
    Some(ClockChange { from, to: fields.moment("NewTime")?, reason: fields.code("Reason") })
}

/// How far the event says that the clock jumped, in nanoseconds. Waking up is no jump: the clock stood still
/// while nothing was written, and is as right as before.
pub(super) fn clock_jump(event: &Event) -> Option<i64> {
    /// The reason of a change that is a reading of the hardware clock.
    const FROM_HARDWARE: u32 = 2;
    /// Time-Service 52 has been seen with 454 million years.
    const SANE: i64 = 20 * 365 * 86_400;
    match meaning(event)? {
        Meaning::ClockChanged(change) if change.reason == Some(FROM_HARDWARE) && change.jump() > 0 => None,
        Meaning::ClockChanged(change) => Some(change.jump()),
        Meaning::ClockMoved(Some(seconds)) if seconds.checked_abs()? <= SANE => seconds.checked_mul(SECOND),
        _ => None,
    }
}

/// Whether an event is worth keeping: of the services of a host only few touch RDP.
pub(super) fn bears(event: &Event) -> bool {
    match meaning(event) {
        Some(Meaning::Service(service)) => service.touches_rdp(),
        // Clocks are trimmed by fractions of a second all day long.
        Some(Meaning::ClockChanged(change)) => change.jump().unsigned_abs() >= MILLISECOND.unsigned_abs(),
        _ => true,
    }
}

fn trust(event: &Event) -> Option<Meaning<'_>> {
    let fields = &event.fields;
    Some(match (&event.provider, event.id) {
        (Provider::TimeService, 34) => Meaning::ClockTooWrong(fields.signed("SystemTimeChangeSeconds")),
        (Provider::TimeService, 52) => Meaning::ClockMoved(fields.signed("TimeOffsetSeconds")),
        (Provider::TimeService, 35 | 37) => Meaning::Synchronised(fields.said("TimeSource")),
        (Provider::TimeService, 36 | 50 | 129 | 134) => Meaning::NotSynchronised,
        (Provider::Kerberos, 3) => Meaning::KerberosError {
            client_time: fields.said("ClientTime"),
            server_time: fields.said("ServerTime"),
            code: fields.said("ErrorCode").and_then(|text| code(text.split_whitespace().next()?)),
            target: fields.said("TargetName").or_else(|| fields.said("ServerName")),
        },
        (Provider::Kerberos, 4) => Meaning::TicketUnreadable(fields.said("Server")),
        (Provider::LsaSrv, 6041) => Meaning::CredSspVersion {
            target: fields.said("TargetName").or_else(|| fields.said("Data")),
            version: fields.code("TargetVersion").or_else(|| fields.code("Data1")),
        },
        (Provider::LsaSrv, 40960 | 40961) => Meaning::AuthenticationError(fields.said("Target")),
        (Provider::Ntlm, 4001..=4003 | 4020..=4023) => Meaning::NtlmBlocked(fields.said("TargetName")),
        _ => return None,
    })
}

/// The last four bytes of hex digits as a little-endian number.
fn last_word(hex: &str) -> Option<u32> {
    let digits = hex.get(hex.len().checked_sub(8)?..)?;
    u32::try_from(number(&format!("0x{digits}"))?).ok().map(u32::swap_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    #[test]
    fn reads_jumps_of_the_clock() {
        let fields = [("NewTime", "2015-08-08T09:12:25.000Z"), ("OldTime", "2015-08-08T18:12:25.000Z")];
        let jump = event(Provider::KernelGeneral, 1, &fields);
        assert_eq!(clock_jump(&jump), Some(-9 * 3600 * SECOND));
        let fields = [("PreviousTime", "2015-08-08T09:00:00Z"), ("NewTime", "2015-08-08T10:00:00Z")];
        assert_eq!(clock_jump(&event(Provider::Security, 4616, &fields)), Some(3600 * SECOND));
        let woken =
            [("OldTime", "2015-08-08T09:00:00Z"), ("NewTime", "2015-08-08T10:00:00Z"), ("Reason", "2")];
        assert_eq!(clock_jump(&event(Provider::KernelGeneral, 1, &woken)), None);
        let moved = |seconds| event(Provider::TimeService, 52, &[("TimeOffsetSeconds", seconds)]);
        assert_eq!(clock_jump(&moved("-35999")), Some(-35_999 * SECOND));
        assert_eq!(clock_jump(&moved("14355438563950637")), None, "seen in a real log");
        let refused = event(Provider::TimeService, 34, &[("SystemTimeChangeSeconds", "-16938018")]);
        assert_eq!(meaning(&refused), Some(Meaning::ClockTooWrong(Some(-16_938_018))));
        assert_eq!(clock_jump(&refused), None, "a refused correction moved nothing");
    }

    #[test]
    fn reads_the_true_sleep() {
        let fields = [("SleepTime", "2022-02-07T05:52:03Z"), ("WakeTime", "2022-02-08T20:44:02Z")];
        let slept = event(Provider::PowerTroubleshooter, 1, &fields);
        let Some(Meaning::Slept(window)) = meaning(&slept) else { panic!() };
        assert_eq!(window.end - window.start, 139_919 * SECOND);
    }

    #[test]
    fn reads_the_status_at_the_end_of_driver_data() {
        let fields = [("Data", "\\Device\\Termdd"), ("Data1", "10.3.16.5"), ("Binary", "0000040032000AD0")];
        let failed = event(Provider::TermDd, 56, &fields);
        let error = Meaning::DriverSecurityError { client: Some("10.3.16.5"), code: Some(0xd00a_0032) };
        assert_eq!(meaning(&failed), Some(error));
        assert_eq!(last_word("12"), None);
    }
}
