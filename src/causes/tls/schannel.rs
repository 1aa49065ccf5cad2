//! What the logs say of a handshake: the server's security layer, Schannel, and the listener's certificate events.
//!
//! Schannel names no connection and speaks of every TLS user of its host: alone it proves nothing here. It counts
//! where packets or the connection's own events show that the handshake failed.

use super::handshake;
use crate::base::{Window, time};
use crate::causes::{Case, Evidence, computers};
use crate::connection::{Stage, Transport};
use crate::correlate::{Joined, keys};
use crate::eventlog::schannel::{Meaning, Role, meaning};
use crate::eventlog::{Provider, rdp_client, rdp_core_ts, remote_connection_manager};
use crate::stream::Side;

/// SEC_E_INTERNAL_ERROR: what 139 carries where no cipher suite is shared.
pub const INTERNAL_ERROR: u32 = 0x8009_0304;
/// SEC_E_UNSUPPORTED_FUNCTION: what 139 carries where no version is shared; CredSSP has it as well.
pub const UNSUPPORTED_FUNCTION: u32 = 0x8009_0302;
/// SEC_E_ALGORITHM_MISMATCH: nothing in common.
pub const ALGORITHM_MISMATCH: u32 = 0x8009_0331;
/// SEC_E_CERT_UNKNOWN: the other side did not take the certificate.
pub const CERTIFICATE_UNKNOWN: u32 = 0x8009_0327;

/// Events of one failure stand this near to each other.
const TICK: i64 = 100 * time::MILLISECOND;
/// The listener makes its certificate when it starts or is asked for it: this long before an attempt, at most.
const CERTIFICATE_BEFORE: i64 = 600 * time::SECOND;
const CERTIFICATE_AFTER: i64 = 60 * time::SECOND;

/// How what a log says of a refused handshake lies to the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The packets show the same.
    Agrees,
    /// There are no packets, or too few to tell.
    Blind,
}

/// A sign of trouble with the server's key.
#[derive(Clone, Debug)]
pub struct Sign {
    /// The event.
    pub evidence: Evidence,
    /// Whether it was tied to this connection; else it explains from afar.
    pub joined: bool,
}

/// Whether a log may speak of a server that turned down this ClientHello. `None`: packets or events contradict.
pub fn sight(case: &Case<'_>) -> Option<Sight> {
    let connection = case.connection()?;
    if passed_tls(case) {
        return None;
    }
    if connection.transport == Transport::Unseen {
        return ended(case).then_some(Sight::Blind);
    }
    handshake::stopped(case)?;
    if handshake::turned_down(case).is_some() {
        return Some(Sight::Agrees);
    }
    (!case.capture_is_sound() && connection.tls.answered().is_none()).then_some(Sight::Blind)
}

/// The same for a client that turned down the server's certificate.
pub fn sight_of_client(case: &Case<'_>) -> Option<Sight> {
    if passed_tls(case) {
        return None;
    }
    match case.connection() {
        None => Some(Sight::Blind),
        Some(connection) if connection.transport == Transport::Unseen => ended(case).then_some(Sight::Blind),
        Some(connection) if connection.reached == Stage::Tls => {
            handshake::client_gave_up(case).map(|_| Sight::Agrees)
        }
        Some(_) => None,
    }
}

/// 139: the server's security layer refused this connection, with its code.
pub fn refusal<'a>(case: &Case<'a>) -> Option<(&'a Joined, u32)> {
    case.all_events().find_map(|joined| match rdp_core_ts::meaning(&joined.event)? {
        rdp_core_ts::Meaning::SecurityRefused { code, .. } => Some((joined, code?)),
        _ => None,
    })
}

/// 139 as evidence.
pub fn of_refusal((joined, code): (&Joined, u32)) -> Evidence {
    Evidence::event(
        &joined.event,
        format!("the server's security layer refuses the connection with {code:#010x}"),
    )
}

/// 36874: no cipher suite in common with the client.
pub fn no_shared_cipher<'a>(case: &Case<'a>) -> Option<(&'a Joined, Evidence)> {
    find(case, |said| match said {
        Meaning::NoSharedCipher { protocol } => {
            let protocol = protocol.unwrap_or("a version that it does not name");
            Some(format!(
                "Schannel: the client asks for {protocol} and shares no cipher suite with this server"
            ))
        }
        _ => None,
    })
}

/// 36888: the server sent a fatal alert with one of these numbers.
pub fn alert_sent<'a>(case: &Case<'a>, numbers: &[u8]) -> Option<(&'a Joined, Evidence)> {
    find_on(case, true, |said| match said {
        Meaning::AlertSent { alert: Some(alert), .. } if numbers.contains(&alert) => {
            Some(format!("Schannel of the server sent the fatal alert {alert}"))
        }
        _ => None,
    })
}

/// 36871: the server could not make a credential for TLS.
pub fn no_credential<'a>(case: &Case<'a>) -> Option<(&'a Joined, Evidence)> {
    find_on(case, true, |said| match said {
        Meaning::NoCredential { role, state } if role != Role::Client => {
            let state = state.map(|state| format!(" (state {state})")).unwrap_or_default();
            Some(format!("Schannel of the server could not make a credential for TLS{state}"))
        }
        _ => None,
    })
}

/// Signs that the server cannot use its key: Schannel's first, then the listener's own from minutes around.
pub fn key_trouble(case: &Case<'_>) -> Vec<Sign> {
    let unusable = find_on(case, true, |said| match said {
        Meaning::KeyUnusable { role, code, .. } if role != Role::Client => {
            let code = code.map(|code| format!(" ({code:#010x})")).unwrap_or_default();
            Some(format!("Schannel of the server cannot use the private key of its certificate{code}"))
        }
        _ => None,
    });
    // Without a protocol that is switched on there is no credential either: that is another cause.
    let no_protocol =
        refusal(case).is_some_and(|(_, code)| [UNSUPPORTED_FUNCTION, ALGORITHM_MISMATCH].contains(&code));
    let credential = no_credential(case).filter(|_| !no_protocol || unusable.is_some());
    let joined = unusable.into_iter().chain(credential);
    let mut signs: Vec<Sign> = joined.map(|(_, evidence)| Sign { evidence, joined: true }).collect();
    signs.extend(certificate_trouble(case).into_iter().map(|evidence| Sign { evidence, joined: false }));
    signs
}

/// What the client's Schannel holds against the certificate, by a choice of faults.
pub fn certificate_refused<'a>(
    case: &Case<'a>,
    faults: &[crate::eventlog::schannel::CertificateFault],
) -> Option<(&'a Joined, Evidence)> {
    find(case, |said| match said {
        Meaning::CertificateRefused { why, .. } if faults.contains(&why) => {
            Some("Schannel of the client does not accept the server's certificate".into())
        }
        _ => None,
    })
}

/// The code with which the client's own log says that it ended.
pub fn client_code<'a>(case: &Case<'a>, wanted: u32) -> Option<&'a Joined> {
    case.all_events().find(|joined| {
        rdp_client::meaning(&joined.event) == Some(rdp_client::Meaning::Disconnected(Some(wanted)))
    })
}

/// Whether two events are of one computer and one moment.
pub fn beside(a: &Joined, b: &Joined) -> bool {
    a.event.computer == b.event.computer && (a.event.time - b.event.time).abs() <= TICK
}

/// Whether the connection's own events show that security went through, or that CredSSP was reached.
pub fn passed_tls(case: &Case<'_>) -> bool {
    case.all_events().any(|joined| {
        keys::passed_security(&joined.event)
            || matches!(
                (&joined.event.provider, joined.event.id),
                (Provider::RdpCoreTs, 140) | (Provider::RdpClient, 1025 | 1027)
            )
    })
}

/// Whether the connection's own events show that it was refused or ended.
fn ended(case: &Case<'_>) -> bool {
    case.all_events().any(|joined| {
        matches!(
            (&joined.event.provider, joined.event.id),
            (Provider::RdpCoreTs, 102 | 103 | 139 | 142 | 143 | 226) | (Provider::RdpClient, 1026 | 1033)
        )
    })
}

/// The first joined event of Schannel of which `says` has words.
fn find<'a>(case: &Case<'a>, says: impl Fn(Meaning<'_>) -> Option<String>) -> Option<(&'a Joined, Evidence)> {
    find_on(case, false, says)
}

fn find_on<'a>(
    case: &Case<'a>,
    server_only: bool,
    says: impl Fn(Meaning<'_>) -> Option<String>,
) -> Option<(&'a Joined, Evidence)> {
    case.all_events()
        .filter(|joined| !server_only || computers::may_be(case, Side::Server, &joined.event))
        .find_map(|joined| Some((joined, Evidence::event(&joined.event, says(meaning(&joined.event)?)?))))
}

/// 1057, 1058: the listener could not make or replace its certificate, and did not do so afterwards (1056).
fn certificate_trouble(case: &Case<'_>) -> Vec<Evidence> {
    use remote_connection_manager::Meaning::{
        CertificateCreated, CertificateNotCreated, CertificateNotReplaced,
    };
    let Some(connection) = case.connection() else { return Vec::new() };
    let Window { start, end } = connection.window();
    let window = Window { start: start.shifted(-CERTIFICATE_BEFORE), end: end.shifted(CERTIFICATE_AFTER) };
    let mut trouble = Vec::new();
    let of_listener = case
        .around
        .far_near(window)
        .filter(|joined| joined.event.provider == Provider::RemoteConnectionManager);
    for joined in of_listener.filter(computers::of_server(case)) {
        let says = match remote_connection_manager::meaning(&joined.event) {
            Some(CertificateNotCreated(_)) => "the listener could not make its self-signed certificate",
            Some(CertificateNotReplaced(_)) => {
                "the listener could not replace its expired self-signed certificate"
            }
            Some(CertificateCreated { .. }) if joined.time() <= start => {
                trouble.clear();
                continue;
            }
            _ => continue,
        };
        trouble.push(Evidence::event(&joined.event, says));
    }
    trouble
}
