//! The names that could tell who and where: of users, hosts and domains, from logs, captures and the command line.
//!
//! Only looks; what becomes of them is `redact`'s. Addresses are not among them: those are known by their form.

use super::Material;
use crate::connection::Connection;
use crate::eventlog::{Event, Provider};
use crate::report::redact::{Identities, What};

/// Fields by name that hold a user, whoever wrote the event.
const USERS: &[&str] = &[
    "TargetUserName",
    "SubjectUserName",
    "TargetOutboundUserName",
    "UserName",
    "User",
    "AccountName",
    "ClientUserName",
    "MappedName",
    "UserPrincipalName",
];
const DOMAINS: &[&str] = &[
    "TargetDomainName",
    "SubjectDomainName",
    "TargetOutboundDomainName",
    "DomainName",
    "Domain",
    "Realm",
    "DnsSuffix",
];
const HOSTS: &[&str] = &[
    "WorkstationName",
    "Workstation",
    "ClientName",
    "ClientAddressName",
    "ServerName",
    "Server",
    "TargetServerName",
    "TargetName",
    "Target",
    "TargetInfo",
    "QueryName",
    "Resource",
    "TimeSource",
    "ComputerName",
    "MachineName",
    "HostName",
    "DCName",
];

/// All of them.
pub(in crate::report) fn identities(material: &Material<'_>) -> Identities {
    let mut found = Identities::default();
    for attempt in material.attempts {
        of_connection(&mut found, &attempt.connection);
        for joined in &attempt.events {
            of_event(&mut found, &joined.event);
        }
    }
    for joined in &material.around.far {
        of_event(&mut found, &joined.event);
    }
    for log in material.logs {
        for computer in &log.computers {
            found.add(What::Host, computer);
        }
    }
    for computer in &material.around.hosts.computers {
        found.add(What::Host, &computer.name);
        for interface in computer.interface_names().filter(|name| !is_usual(name)) {
            found.add(What::Interface, interface);
        }
    }
    for capture in &material.around.captures {
        for lookup in &capture.lookups {
            found.add(What::Host, &lookup.name);
        }
        for error in capture.kerberos.iter().map(|seen| &seen.value.error) {
            error.service.iter().for_each(|service| found.add(What::Host, service));
            error.realm.iter().for_each(|realm| found.add(What::Domain, realm));
        }
    }
    if let Some(target) = &material.around.target {
        found.add(What::Host, target);
    }
    found
}

/// Whether Windows itself names an interface so: `Ethernet 2`.
fn is_usual(interface: &str) -> bool {
    const USUAL: [&str; 4] = ["ethernet", "wi-fi", "wlan", "local area connection"];
    let bare = interface.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '*'));
    USUAL.iter().any(|usual| bare.eq_ignore_ascii_case(usual))
}

fn of_connection(found: &mut Identities, connection: &Connection) {
    if let Some(cookie) = connection.cookie() {
        found.add(What::User, cookie.value);
    }
    if let Some(name) =
        connection.tls.client_hello.as_ref().and_then(|seen| seen.value.server_name.as_deref())
    {
        found.add(What::Host, name);
    }
}

fn of_event(found: &mut Identities, event: &Event) {
    found.add(What::Host, &event.computer);
    for (name, value) in event.fields.iter() {
        if let Some(what) = what(event, name) {
            found.add(what, value);
        }
    }
}

/// What the field of an event holds, if it tells who or where.
fn what(event: &Event, field: &str) -> Option<What> {
    let is = |list: &[&str]| list.iter().any(|name| name.eq_ignore_ascii_case(field));
    let named = |name: &str| field.eq_ignore_ascii_case(name);
    match event.provider {
        Provider::RemoteConnectionManager if named("Param1") => return Some(What::User),
        Provider::RemoteConnectionManager if named("Param2") => return Some(What::Domain),
        Provider::RemoteConnectionManager if named("Data") => return Some(What::Host),
        Provider::RdpClient if named("Value") || named("SettingValueString") => return Some(What::Host),
        Provider::RdpClient if named("TraceMessage") => return None,
        Provider::Netlogon if event.id == 5719 && named("Data") => return Some(What::Domain),
        Provider::SessionBrokerClient | Provider::SessionBroker => return of_broker(event, field),
        _ => {}
    }
    if is(USERS) {
        Some(What::User)
    } else if is(DOMAINS) {
        Some(What::Domain)
    } else if is(HOSTS) {
        Some(What::Host)
    } else {
        None
    }
}

/// Parameters of the broker and its client, which are numbered. See `eventlog::session_broker`.
fn of_broker(event: &Event, field: &str) -> Option<What> {
    let named = |name: &str| field.eq_ignore_ascii_case(name);
    match (&event.provider, event.id) {
        (Provider::SessionBroker, 800..=802) | (_, 1309) if named("param1") => Some(What::User),
        (Provider::SessionBroker, 801) if named("param2") => Some(What::Host),
        (_, 1280 | 1282 | 1284 | 1298 | 1299 | 1303 | 1305) if named("param1") => Some(What::Host),
        (_, 1296 | 1297 | 1301 | 1306..=1308) if named("param1") => Some(What::Domain),
        (_, 1296 | 1297 | 1301 | 1306..=1308) if named("param2") => Some(What::User),
        (_, 1307) if named("param3") => Some(What::Host),
        _ => None,
    }
}
