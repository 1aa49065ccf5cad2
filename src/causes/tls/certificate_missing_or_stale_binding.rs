//! The listener has no certificate: none could be made, or the one that it is bound to is gone.

use super::handshake;
use super::schannel;
use crate::base::{Observed, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, computers, hosts, told};
use crate::correlate::Joined;
use crate::eventlog::Provider;
use crate::eventlog::remote_connection_manager as rcm;
use crate::protocol::nego::FailureCode;
use crate::protocol::tls::AlertDescription;
use crate::stream::Side;

cause! {
    /// The server's listener has no certificate: it could not make one, or it is bound to one that is gone.
    ///
    /// ## Why
    /// A certificate was bound by its thumbprint and then deleted or replaced in the store, or the self-signed one
    /// expired and could not be made anew. The server refuses TLS to everybody.
    ///
    /// ## What to do
    /// - Compare what is bound with what is there:
    ///   `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v SSLCertificateSHA1Hash`
    ///   and `Get-ChildItem Cert:\LocalMachine\My, "Cert:\LocalMachine\Remote Desktop" | fl Subject,Thumbprint,NotAfter`.
    /// - If the thumbprint is not there, remove the binding and let the service make its own:
    ///   `reg delete "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v SSLCertificateSHA1Hash /f`,
    ///   then `Restart-Service SessionEnv -Force; Restart-Service TermService -Force` (which ends all sessions).
    /// - Or bind the right one again:
    ///   `Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting | Set-CimInstance -Property @{SSLCertificateSHA1Hash='<thumbprint>'}`.
    /// - If event 1057 or 1058 speaks of a key or of access, see to the rights of the key first (`private-key-unreadable`).
    /// - To verify: System 1056 (a certificate was made), then a connection that passes TLS.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.1.2.2 failure code 3, or a close at the ClientHello without ServerHello; System 1057, 1058.
    "certificate-missing-or-stale-binding", stage: Tls, severity: Failure, blames: [Server],
    more_specific_than: ["neg-failure-3-no-certificate", "private-key-unreadable", "tls-alert-other",
        "closed-inside-tls-reason-not-visible"],
    client_code: "0x904, or \"an internal error has occurred\"",
}

/// The listener makes its certificate when it starts, which may be long before.
const BEFORE: i64 = 24 * 3600 * time::SECOND;
const AFTER: i64 = 60 * time::SECOND;
/// A good handshake this near shows that there is a certificate.
const NEAR: i64 = 600 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let failure = case
        .connection()?
        .negotiation_failure()
        .filter(|failure| failure.value == FailureCode::SSL_CERT_NOT_ON_SERVER);
    if let Some(finding) = by_texts(case, failure.as_ref()) {
        return Some(finding);
    }
    // Far events are many: look for them only where the packets fit.
    if failure.is_none() && schannel::sight(case)? != schannel::Sight::Agrees {
        return None;
    }
    let (joined, text, says) = trouble(case)?;
    let packets: Vec<Evidence> = match failure {
        Some(failure) => {
            vec![Evidence::of(&failure, "the server refuses TLS: it has no certificate (failure code 3)")]
        }
        // At the handshake a key that cannot be used looks the same: the text of the event decides.
        None if speaks_of_key(text) => return None,
        None if !schannel::key_trouble(case).iter().all(|sign| !sign.joined) => return None,
        None => handshake::turned_down(case)?.into_iter().collect(),
    };
    if schannel::no_shared_cipher(case).is_some() || works_nearby(case) {
        return None;
    }
    // A log that covers the time, and does not hold this connection, is another server's.
    let other = case.around.coverage.has(&Provider::RdpCoreTs) && case.accepted().is_none();
    let known = case.reliable_time(joined).is_some() && !other;
    let strength = if known { Strength::Corroborated } else { Strength::Inferred };
    let strength = computers::at_most(case, Side::Server, &joined.event, strength);
    let text = text.map(|text| format!(": {text}")).unwrap_or_default();
    let mut evidence = vec![Evidence::event(&joined.event, format!("{says}{text}"))];
    evidence.extend(packets);
    evidence.extend(case.accepted());
    let finding = Finding::new(&CAUSE, strength, Blame::Server, evidence);
    Some(
        finding
            .missing("SSLCertificateSHA1Hash of the listener, and the certificates of the server's stores"),
    )
}

/// The server's texts: it is bound to a certificate that is not in its store.
fn by_texts(case: &Case<'_>, failure: Option<&Observed<FailureCode>>) -> Option<Finding> {
    let server = hosts::server(case)?;
    let (bound, place) = server.bound()?;
    let store = server.own_store()?;
    // A key that Schannel cannot use is one of a certificate that is there.
    if server.has_certificate(bound).is_some()
        || !schannel::key_trouble(case).is_empty()
        || works_nearby(case)
        || schannel::no_shared_cipher(case).is_some()
    {
        return None;
    }
    let packets = match failure {
        Some(failure) => {
            vec![Evidence::of(failure, "the server refuses TLS: it has no certificate (failure code 3)")]
        }
        None if could_be_the_key(case) => handshake::turned_down(case)?,
        None => return None,
    };
    let name = hosts::name(server);
    let mut evidence = vec![
        hosts::line(place, format!("{name} is bound to the certificate {bound} (SSLCertificateSHA1Hash)")),
        hosts::line(store, format!("the store of {name} has no certificate of that thumbprint")),
    ];
    evidence.extend(packets);
    evidence.extend(case.accepted());
    let detail = "the certificate that the listener is bound to is not in the server's store";
    Some(Finding::new(&CAUSE, Strength::Corroborated, Blame::Server, evidence).detail(detail))
}

/// Without an answer, or with an alert that a server sends which cannot go on for its own reasons.
fn could_be_the_key(case: &Case<'_>) -> bool {
    let fits = [AlertDescription::HANDSHAKE_FAILURE, AlertDescription::INTERNAL_ERROR];
    handshake::alert_to_hello(case).is_none_or(|alert| fits.contains(&alert.value.alert.description))
}

/// The last 1057 or 1058 before the attempt that no 1056 followed.
fn trouble<'a>(case: &Case<'a>) -> Option<(&'a Joined, Option<&'a str>, &'static str)> {
    let start = case.connection()?.first.time;
    let mut found = None;
    let near = told::near(case, BEFORE, AFTER).into_iter();
    let of_listener = near.filter(|joined| joined.event.provider == Provider::RemoteConnectionManager);
    for joined in of_listener.filter(computers::of_server(case)) {
        match rcm::meaning(&joined.event) {
            Some(rcm::Meaning::CertificateNotCreated(text)) => {
                found = Some((joined, text, "the listener could not make its self-signed certificate"));
            }
            Some(rcm::Meaning::CertificateNotReplaced(text)) => {
                found = Some((joined, text, "the listener could not replace its expired certificate"));
            }
            Some(rcm::Meaning::CertificateCreated { .. }) if joined.time() <= start => found = None,
            _ => {}
        }
    }
    found
}

/// Whether the text of the event is about the key: then the key is the cause. English only; in other languages the
/// nearer cause, the key, is kept.
fn speaks_of_key(text: Option<&str>) -> bool {
    let Some(text) = text else { return true };
    let text = text.to_ascii_lowercase();
    let missing = ["cannot find", "not find", "could not be found", "0x80092004", "2148081668"];
    !missing.iter().any(|words| text.contains(words))
}

fn works_nearby(case: &Case<'_>) -> bool {
    let Some(own) = case.connection() else { return false };
    let window = own.window().widened(NEAR);
    case.around
        .others
        .at_server(own.server, own.first)
        .any(|other| other.tls_passed.is_some_and(|passed| window.contains(passed.time)))
}
