//! What an event says, in a few words: its name and its telling fields.

use crate::eventlog::{Event, Provider};

/// Names of events that matter here, by provider and id.
const NAMES: &[(Provider, u32, &str)] = &[
    (Provider::RdpCoreTs, 33, "session is being built"),
    (Provider::RdpCoreTs, 65, "connection object made"),
    (Provider::RdpCoreTs, 66, "bound to a session"),
    (Provider::RdpCoreTs, 68, "first picture at the client"),
    (Provider::RdpCoreTs, 70, "listener started"),
    (Provider::RdpCoreTs, 71, "on to graphics"),
    (Provider::RdpCoreTs, 72, "interface method called"),
    (Provider::RdpCoreTs, 97, "protocol error"),
    (Provider::RdpCoreTs, 98, "connection is ready behind security"),
    (Provider::RdpCoreTs, 100, "multitransport confirmed"),
    (Provider::RdpCoreTs, 101, "network detection off; security has passed"),
    (Provider::RdpCoreTs, 102, "connection ended"),
    (Provider::RdpCoreTs, 103, "disconnected"),
    (Provider::RdpCoreTs, 104, "client information arrived"),
    (Provider::RdpCoreTs, 107, "the client closed the window"),
    (Provider::RdpCoreTs, 129, "listening"),
    (Provider::RdpCoreTs, 131, "connection accepted"),
    (Provider::RdpCoreTs, 130, "client asked to open UDP"),
    (Provider::RdpCoreTs, 132, "channel opened"),
    (Provider::RdpCoreTs, 135, "transport decided"),
    (Provider::RdpCoreTs, 136, "UDP could not be set up"),
    (Provider::RdpCoreTs, 138, "DTLS could not start"),
    (Provider::RdpCoreTs, 139, "security refused the connection"),
    (Provider::RdpCoreTs, 140, "logon refused: user name or password"),
    (Provider::RdpCoreTs, 141, "connection instance"),
    (Provider::RdpCoreTs, 142, "socket error while reading"),
    (Provider::RdpCoreTs, 143, "socket error while writing"),
    (Provider::RdpCoreTs, 144, "socket closed"),
    (Provider::RdpCoreTs, 145, "idle times at the end"),
    (Provider::RdpCoreTs, 147, "logon failed"),
    (Provider::RdpCoreTs, 148, "channel closed"),
    (Provider::RdpCoreTs, 162, "graphics version agreed"),
    (Provider::RdpCoreTs, 168, "monitor of the client"),
    (Provider::RdpCoreTs, 169, "operating system of the client"),
    (Provider::RdpCoreTs, 226, "state change with an error"),
    (Provider::RdpCoreTs, 227, "a call failed (noise on healthy sessions too)"),
    (Provider::RdpCoreTs, 228, "disconnecting"),
    (Provider::RemoteConnectionManager, 261, "listener received a connection"),
    (Provider::RemoteConnectionManager, 1151, "the logged-on user declined"),
    (Provider::RemoteConnectionManager, 1149, "security passed for a user"),
    (Provider::LocalSessionManager, 21, "session logon"),
    (Provider::LocalSessionManager, 23, "session logoff"),
    (Provider::LocalSessionManager, 24, "session disconnected"),
    (Provider::LocalSessionManager, 25, "session reconnected"),
    (Provider::LocalSessionManager, 39, "session disconnected by another session"),
    (Provider::LocalSessionManager, 41, "session arbitration begins"),
    (Provider::LocalSessionManager, 42, "session arbitration ends"),
    (Provider::LocalSessionManager, 22, "shell started"),
    (Provider::LocalSessionManager, 40, "session disconnected with a reason"),
    (Provider::RdpClient, 1024, "client starts to connect"),
    (Provider::RdpClient, 1025, "client connected"),
    (Provider::RdpClient, 1026, "client disconnected"),
    (Provider::RdpClient, 1102, "client uses an address"),
    (Provider::RdpClient, 1033, "client ends with an error"),
    (Provider::Gateway, 200, "connection authorization passed"),
    (Provider::Gateway, 201, "connection authorization refused"),
    (Provider::Gateway, 300, "resource authorization passed"),
    (Provider::Gateway, 301, "resource authorization refused"),
    (Provider::Gateway, 302, "connected to the target"),
    (Provider::Gateway, 303, "disconnected from the target"),
    (Provider::Gateway, 304, "could not connect to the target"),
    (Provider::Gateway, 312, "outbound channel opened"),
    (Provider::Gateway, 313, "inbound channel opened"),
    (Provider::SessionBrokerClient, 1296, "the broker gave no host"),
    (Provider::SessionBrokerClient, 1301, "the broker is asked for a host"),
    (Provider::SessionBrokerClient, 1306, "the broker did not send the user on"),
    (Provider::SessionBrokerClient, 1307, "the broker sent the user on to another host"),
    (Provider::SessionBrokerClient, 1308, "the broker leaves the user on this host"),
    (Provider::SessionBroker, 800, "the broker is asked for a host"),
    (Provider::SessionBroker, 801, "the broker sent the user on to another host"),
    (Provider::SessionBroker, 802, "the broker gave no host"),
    (Provider::Schannel, 36870, "the private key cannot be used"),
    (Provider::Schannel, 36871, "no TLS credential could be made"),
    (Provider::Schannel, 36874, "no cipher suite or version in common"),
    (Provider::Schannel, 36887, "fatal alert received"),
    (Provider::Schannel, 36888, "fatal alert sent"),
    (Provider::Security, 4624, "logon"),
    (Provider::Security, 4625, "logon failed"),
    (Provider::Security, 4776, "credentials validated"),
    (Provider::Security, 4778, "session reconnected"),
    (Provider::Security, 4779, "session disconnected"),
    (Provider::Security, 5152, "packet blocked by the firewall"),
    (Provider::Security, 5156, "connection allowed by the firewall"),
    (Provider::Security, 5157, "connection blocked by the firewall"),
    (Provider::ServiceControlManager, 7031, "a service ended unexpectedly"),
    (Provider::ServiceControlManager, 7034, "a service ended unexpectedly"),
    (Provider::ServiceControlManager, 7036, "a service changed its state"),
];

/// Fields that say most, in the order in which they are shown.
const TELLING: &[&str] = &[
    "ClientIP",
    "IPString",
    "ReasonCode",
    "ResultCode",
    "ErrorCode",
    "Error Code",
    "Error",
    "MethodName",
    "ConnectionName",
    "SessionID",
    "Session",
    "Reason",
    "Value",
    "AlertDesc",
    "ErrorState",
    "Protocol",
    "TargetUserName",
    "Param1",
    "User",
    "Status",
    "SubStatus",
    "LogonType",
    "IpAddress",
    "Address",
    "Param3",
    "SourceAddress",
    "SourcePort",
    "DestAddress",
    "DestPort",
    "QueryName",
    "IdleSeconds",
];
/// Fields shown of one event.
const MOST: usize = 4;

/// The event in a few words.
pub fn says(event: &Event) -> String {
    let name = NAMES.iter().find(|(provider, id, _)| *provider == event.provider && *id == event.id);
    let mut says = name.map_or_else(|| "event".to_owned(), |(_, _, name)| (*name).to_owned());
    let fields: Vec<String> = TELLING
        .iter()
        .filter_map(|name| Some(format!("{name} {}", event.fields.said(name)?)))
        .take(MOST)
        .collect();
    if !fields.is_empty() {
        says.push_str(": ");
        says.push_str(&fields.join(", "));
    }
    says
}
