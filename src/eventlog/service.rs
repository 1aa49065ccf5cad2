//! Services as the service control manager tells of them.
//!
//! They are known by their short names (`TermService`), wherever an event carries them: the names that are shown
//! are in the language of the host. Other kinds of System events are in `system`.

use std::borrow::Cow;

use super::event::{Event, code};
use super::provider::Provider;

/// What became of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceState {
    /// 7036: it stopped.
    Stopped,
    /// 7036: it runs.
    Running,
    /// 7036: another state.
    Changed,
    /// 7031, 7034: it ended without being asked to.
    Crashed,
    /// 7023, 7024: it ended with an error.
    EndedWithError,
    /// 7000, 7001, 7009: it did not start.
    NotStarted,
    /// 7011, 7022: it does not answer, or hangs while starting.
    Hangs,
    /// 7040: how it starts was changed; `detail` says to what.
    StartChanged,
}

/// A service of which the service control manager speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service<'a> {
    /// The name that is shown, in the language of the host.
    pub shown: Option<&'a str>,
    /// The short name, `TermService`, if the event carries it or it is known for the name that is shown.
    pub name: Option<Cow<'a, str>>,
    /// What became of it.
    pub state: ServiceState,
    /// Windows error, if one is given.
    pub code: Option<u32>,
    /// The new kind of start (7040), in the language of the host.
    pub detail: Option<&'a str>,
}

impl Service<'_> {
    /// Whether it is one that RDP needs.
    pub fn touches_rdp(&self) -> bool {
        let name = self.name.as_deref().or(self.shown).unwrap_or_default();
        SERVICES.iter().any(|(short, _)| short.eq_ignore_ascii_case(name))
    }

    /// Whether it is the RDP service itself.
    pub fn is_rdp(&self) -> bool {
        self.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("TermService"))
    }
}

/// What the event says about a service; `None` if it is of another provider or has no meaning here.
pub fn service(event: &Event) -> Option<Service<'_>> {
    if event.provider != Provider::ServiceControlManager {
        return None;
    }
    let fields = &event.fields;
    let [first, second] = ["param1", "param2"].map(|name| fields.said(name));
    let (state, shown, code) = match event.id {
        7000 => (ServiceState::NotStarted, first, second.and_then(error)),
        7001 => (ServiceState::NotStarted, first, fields.said("param3").and_then(error)),
        7009 => (ServiceState::NotStarted, second, None),
        7011 => (ServiceState::Hangs, second, None),
        7022 => (ServiceState::Hangs, first, None),
        7023 | 7024 => (ServiceState::EndedWithError, first, second.and_then(error)),
        7031 | 7034 => (ServiceState::Crashed, first, None),
        7036 => (ServiceState::Changed, first, None),
        7040 => (ServiceState::StartChanged, first, None),
        _ => return None,
    };
    let binary = fields.text("Binary").or_else(|| fields.text("BinaryData")).and_then(text_of_hex);
    let (stored, number) = match binary {
        Some(text) => match text.split_once('/') {
            Some((name, state)) => (Some(name.to_owned()), state.parse::<u32>().ok()),
            None => (Some(text), None),
        },
        None => (None, None),
    };
    let state = match (state, number, second) {
        // [MS-SCMR] 2.2.47: 1 stopped, 4 running. Without the number there is only the word.
        (ServiceState::Changed, Some(1), _) | (ServiceState::Changed, None, Some("stopped")) => {
            ServiceState::Stopped
        }
        (ServiceState::Changed, Some(4), _) | (ServiceState::Changed, None, Some("running")) => {
            ServiceState::Running
        }
        (state, ..) => state,
    };
    let named = if event.id == 7040 { fields.said("param4") } else { None };
    let name = named.map(Cow::Borrowed).or(stored.map(Cow::Owned));
    Some(Service {
        name: name.or_else(|| short_name(shown?).map(Cow::Borrowed)),
        shown,
        state,
        code,
        detail: if event.id == 7040 { fields.said("param3") } else { None },
    })
}

/// Services that RDP needs, with the names that are shown in English.
const SERVICES: [(&str, &str); 14] = [
    ("TermService", "Remote Desktop Services"),
    ("UmRdpService", "Remote Desktop Services UserMode Port Redirector"),
    ("SessionEnv", "Remote Desktop Configuration"),
    ("TSGateway", "Remote Desktop Gateway"),
    ("Tssdis", "Remote Desktop Connection Broker"),
    ("TermServLicensing", "Remote Desktop Licensing"),
    ("MpsSvc", "Windows Firewall"),
    ("BFE", "Base Filtering Engine"),
    ("KeyIso", "CNG Key Isolation"),
    ("CryptSvc", "Cryptographic Services"),
    ("Netlogon", "Netlogon"),
    ("Dnscache", "DNS Client"),
    ("W32Time", "Windows Time"),
    ("EventLog", "Windows Event Log"),
];

/// Other shown names: older and newer ones in English, and the service itself in some languages, for events that
/// carry no short name.
const ALSO_SHOWN: [(&str, &str); 12] = [
    ("TermService", "Terminal Services"),
    ("TermService", "Remotedesktopdienste"),
    ("TermService", "Services Bureau à distance"),
    ("TermService", "Servicios de Escritorio remoto"),
    ("TermService", "Servizi Desktop remoto"),
    ("TermService", "Serviços de Área de Trabalho Remota"),
    ("TermService", "Extern bureaublad-services"),
    ("TermService", "Службы удаленных рабочих столов"),
    ("TermService", "远程桌面服务"),
    ("TermService", "リモート デスクトップ サービス"),
    ("MpsSvc", "Windows Defender Firewall"),
    ("TSGateway", "Terminal Services Gateway"),
];

/// The short name of a service that is known by the name that is shown.
fn short_name(shown: &str) -> Option<&'static str> {
    let named = |(short, name): &&(&'static str, &'static str)| {
        name.eq_ignore_ascii_case(shown) || short.eq_ignore_ascii_case(shown)
    };
    SERVICES.iter().chain(&ALSO_SHOWN).find(named).map(|(short, _)| *short)
}

/// `%%1069`, `%%2147942414`, `1069`.
fn error(text: &str) -> Option<u32> {
    code(text.trim_start_matches("%%"))
}

/// Text that stands as UTF-16 in hex, up to its first zero.
fn text_of_hex(hex: &str) -> Option<String> {
    let (units, _) = hex.as_bytes().as_chunks::<4>();
    let units: Option<Vec<u16>> = units
        .iter()
        .map(|unit| u16::from_str_radix(std::str::from_utf8(unit).ok()?, 16).ok().map(u16::swap_bytes))
        .collect();
    let text = String::from_utf16(units?.split(|unit| *unit == 0).next()?).ok()?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::event::tests::event;

    fn service_of(id: u32, fields: &[(&str, &str)]) -> (Option<String>, ServiceState, Option<u32>) {
        let event = event(Provider::ServiceControlManager, id, fields);
        let service = service(&event).unwrap();
        (service.name.map(Cow::into_owned), service.state, service.code)
    }

    #[test]
    fn knows_services_in_any_language() {
        // `TermService/1` in UTF-16.
        let binary = "5400650072006D0053006500720076006900630065002F0031000000";
        let german = [("param1", "Remotedesktopdienste"), ("param2", "beendet"), ("Binary", binary)];
        let name = Some("TermService".to_owned());
        assert_eq!(service_of(7036, &german), (name.clone(), ServiceState::Stopped, None));
        let japanese = [("param1", "リモート デスクトップ サービス"), ("param2", "1")];
        assert_eq!(service_of(7031, &japanese), (name.clone(), ServiceState::Crashed, None));
        let english = [("param1", "Remote Desktop Services"), ("param2", "running")];
        assert_eq!(service_of(7036, &english), (name.clone(), ServiceState::Running, None));
        let disabled = [("param1", "x"), ("param2", "a"), ("param3", "disabled"), ("param4", "TermService")];
        assert_eq!(service_of(7040, &disabled), (name, ServiceState::StartChanged, None));
    }

    #[test]
    fn reads_why_a_service_does_not_start() {
        let failed = [("param1", "Remote Desktop Services"), ("param2", "%%1069")];
        assert_eq!(service_of(7000, &failed).2, Some(1069));
        let slow = [("param1", "30000"), ("param2", "TermService")];
        assert_eq!(service_of(7009, &slow), (Some("TermService".to_owned()), ServiceState::NotStarted, None));
    }

    #[test]
    fn keeps_only_services_that_rdp_needs() {
        let keeps = |shown| {
            service(&event(Provider::ServiceControlManager, 7036, &[("param1", shown)]))
                .unwrap()
                .touches_rdp()
        };
        assert!(keeps("Remote Desktop Services") && keeps("termservice"));
        assert!(!keeps("Virtual Disk"));
    }
}
