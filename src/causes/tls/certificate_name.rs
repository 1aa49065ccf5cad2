//! The server's certificate is for another name.

use std::net::IpAddr;

use super::handshake;
use super::schannel;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::keys;
use crate::eventlog::schannel::CertificateFault;
use crate::protocol::tls::AlertDescription;
use crate::protocol::x509::Certificate;
use crate::stream::Side;

cause! {
    /// The client refused the server's certificate because it is for another name.
    ///
    /// ## Why
    /// The name (or address) that the user typed is not among the names of the certificate. Either the server is
    /// meant, under a name that its certificate does not have, or the name leads to another host.
    ///
    /// ## What to do
    /// - Connect with a name that the certificate has; they are in the evidence.
    /// - First make sure that it is the right host: `Resolve-DnsName NAME` must give the server's address.
    /// - Or give the server a certificate with all names that users type as DNS names of the subject alternative
    ///   name (short name, full name, alias), and bind it:
    ///   `Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting | Set-CimInstance -Property @{SSLCertificateSHA1Hash='<thumbprint>'}`.
    /// - To verify: `mstsc` with that name connects without the warning.
    ///
    /// ## Seen as
    /// A server name in the ClientHello (or in RDPClient 1024) that the certificate does not have, and the client's
    /// alert 42 or 46, or its end of the connection; client Schannel 36884.
    "certificate-name", stage: Tls, severity: Failure, blames: [Server, Client],
    more_specific_than: ["tls-alert-other", "closed-inside-tls-reason-not-visible"],
    client_code: "0x3000006 for a gateway",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let connection = handshake::stopped(case)?;
    let certificate = connection.tls.certificate.as_ref()?;
    let (wanted, source) = wanted(case)?;
    let names = names(&certificate.value);
    if names.is_empty() || is_for(&certificate.value, &wanted) {
        return None;
    }
    // The dates are the surer reason for the same alerts.
    if certificate.value.is_valid_at(certificate.time) == Some(false) {
        return None;
    }
    let gave_up = gave_up(case, &certificate.value)?;
    let event = schannel::certificate_refused(case, &[CertificateFault::WrongName]);
    let strength = if event.is_some() { Strength::Corroborated } else { Strength::Inferred };
    let mut evidence = vec![
        Evidence::of(certificate, format!("the server's certificate is for {}", names.join(", "))),
        gave_up,
    ];
    evidence.extend(source);
    evidence.extend(event.map(|(_, evidence)| evidence));
    let detail = format!("the client asks for {wanted}, the certificate is for {}", names.join(", "));
    let finding = Finding::new(&CAUSE, strength, Blame::Server, evidence).detail(detail);
    Some(finding.missing("the client's System log: Schannel 36884"))
}

/// The client's alert after the certificate, or its plain end, as evidence. A certificate that vouches for itself
/// is refused for that as often as for its name: there only an alert counts.
fn gave_up(case: &Case<'_>, certificate: &Certificate) -> Option<Evidence> {
    if let Some(alert) = handshake::fatal_alert(case) {
        let fits = [AlertDescription::BAD_CERTIFICATE, AlertDescription::CERTIFICATE_UNKNOWN]
            .contains(&alert.value.alert.description);
        return (fits && alert.value.from == Side::Client).then(|| handshake::of_alert(&alert));
    }
    let close = handshake::closed(case).filter(|close| close.from == Side::Client)?;
    let left = certificate.is_self_issued() || handshake::came_back(case).is_some();
    (!left).then(|| Evidence::at(close.mark, crate::causes::case::ending_says(close)))
}

/// What the client asked for, and where that is seen: its ClientHello, its log, or what the user of this program
/// says.
fn wanted(case: &Case<'_>) -> Option<(String, Option<Evidence>)> {
    let hello = case.connection()?.tls.client_hello.as_ref()?;
    if let Some(name) = hello.value.server_name.as_deref() {
        let says = format!("the client asks for the server {name}");
        return Some((name.to_owned(), Some(Evidence::of(hello, says))));
    }
    let logged = case.all_events().find_map(|joined| {
        let name = keys::target(&joined.event)?;
        let says = format!("the user connects to {name}");
        Some((name, Some(Evidence::event(&joined.event, says))))
    });
    logged.or_else(|| case.around.target.clone().map(|name| (name, None)))
}

/// Every name that the certificate has. The common name counts only without alternative names. RFC 6125 6.4.4
fn names(certificate: &Certificate) -> Vec<String> {
    let mut names = certificate.dns_names.clone();
    names.extend(certificate.ip_addresses.iter().map(ToString::to_string));
    if names.is_empty() {
        names.extend(certificate.subject.as_ref().and_then(|subject| subject.common_name.clone()));
    }
    names
}

/// Whether the certificate is for `wanted`. A short name is taken for the full one: clients complete it.
fn is_for(certificate: &Certificate, wanted: &str) -> bool {
    let wanted = wanted.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(ip) = wanted.parse::<IpAddr>() {
        return certificate.ip_addresses.contains(&ip) || names(certificate).contains(&wanted);
    }
    names(certificate).iter().any(|name| {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let completed = |short: &str, full: &str| {
            !short.contains('.') && full.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'))
        };
        let wild = name.strip_prefix("*.").is_some_and(|domain| {
            wanted.split_once('.').is_some_and(|(_, rest)| rest == domain) || !wanted.contains('.')
        });
        name == wanted || wild || completed(&wanted, &name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::x509::Name;

    #[test]
    fn compares_names() {
        let named = |names: &[&str]| Certificate {
            dns_names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Certificate::default()
        };
        assert!(is_for(&named(&["SRV01.example.test"]), "srv01.example.test."));
        assert!(is_for(&named(&["srv01.example.test"]), "srv01"), "completed by the client");
        assert!(is_for(&named(&["*.example.test"]), "srv01.example.test"));
        assert!(!is_for(&named(&["*.example.test"]), "a.srv01.example.test"), "a star is one label");
        assert!(!is_for(&named(&["srv02.example.test", "old"]), "srv01.example.test"));
        assert!(!is_for(&named(&["srv01.example.test"]), "192.0.2.1"));
        let subject = Some(Name { full: "CN=srv01".into(), common_name: Some("srv01".into()) });
        let common = Certificate { subject, ..Certificate::default() };
        assert!(is_for(&common, "srv01"));
        assert!(!is_for(&Certificate { dns_names: vec!["other".into()], ..common }, "srv01"));
    }
}
