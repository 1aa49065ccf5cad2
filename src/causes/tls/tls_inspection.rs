//! A device in the path ends TLS and opens its own.

use crate::base::{Observed, time};
use crate::causes::{Blame, Case, Evidence, Finding, Severity, Strength, cause, hosts};
use crate::connection::{Connection, Stage};
use crate::correlate::surroundings::Other;
use crate::protocol::x509::Certificate;

cause! {
    /// A device on the path opens the TLS connection and replaces the server's certificate.
    ///
    /// ## Why
    /// On one side of the device the server shows another certificate than on the other, in what should be one
    /// connection. With network level authentication that must fail: CredSSP is bound to the server's public key,
    /// so the logon breaks although user and password are right.
    ///
    /// ## What to do
    /// - Exempt TCP 3389 between these hosts (and TCP 443 to the RD Gateway) from TLS inspection on the firewall,
    ///   proxy or security software of the path.
    /// - If nobody knows of such a device, treat it as an attack: let nobody log on through it, and find it by its
    ///   hardware address and TTL.
    /// - Compare with the server's own certificate:
    ///   `Get-ChildItem "Cert:\LocalMachine\Remote Desktop" | fl Subject,Issuer,Thumbprint`.
    /// - To verify: the certificate has the same thumbprint in captures on both ends.
    ///
    /// ## Seen as
    /// Two certificates for one client port and one server at the same time; NLA ends at the third message without
    /// RdpCoreTS 140; RdpCoreTS 131 with the device's address; a certificate that is neither the one in the server's
    /// SSLCertificateSHA1Hash nor another of its own. [MS-CSSP] 3.1.5
    "tls-inspection", stage: Tls, severity: Failure, blames: [Middlebox],
    more_specific_than: ["certificate-untrusted", "certificate-name", "certificate-weak", "tls-alert-other",
        "closed-inside-tls-reason-not-visible", "nla-refused-reason-not-visible", "no-cc", "client-left-or-probe"],
    client_code: "0x907 or 0x904",
}

/// Both halves of one connection begin within this time.
const TOGETHER: i64 = 5 * time::SECOND;
/// The same where only a name ties them: less than a person needs to try again.
const TRANSLATED: i64 = time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, _) = case.both()?;
    let own = connection.tls.certificate.as_ref()?;
    let failed = connection.reached <= Stage::Authentication;
    let half = case.around.at_server(connection.server, connection.first).find_map(|other| {
        let (thumbprint, mark) = other.certificate.as_ref()?;
        (is_other_half(case, connection, other) && *thumbprint != own.value.thumbprint)
            .then_some((thumbprint, *mark))
    });
    let Some((other, mark)) = half else {
        return failed.then(|| not_the_servers(case, own)).flatten();
    };
    let mut evidence = vec![
        Evidence::of(own, format!("here the server shows the certificate {}", own.value.thumbprint)),
        Evidence::at(mark, format!("on the other side of a device it shows {other}")),
    ];
    // The registry says which of the two is the server's own.
    let bound = hosts::server(case).and_then(|server| Some((hosts::name(server), server.bound()?)));
    let bound = bound.filter(|(_, (hash, _))| *hash == own.value.thumbprint || hash == other);
    let strength = if bound.is_some() { Strength::Corroborated } else { Strength::Inferred };
    evidence.extend(bound.map(|(name, (hash, place))| {
        hosts::line(
            place,
            format!("{name} is bound to {hash} (SSLCertificateSHA1Hash): the other is a device's"),
        )
    }));
    let evidence: Vec<Evidence> = evidence.into_iter().chain(case.ending()).collect();
    let severity = if failed { Severity::Failure } else { Severity::Warning };
    let detail = "the same connection has two server certificates at two places of the path";
    let finding = Finding::new(&CAUSE, strength, Blame::Middlebox, evidence).graded(severity);
    Some(finding.detail(detail).located("between the two places of capture"))
}

/// One place of capture, and the server's texts: it is bound to a certificate that it has, and what is shown here is
/// none of its own. A binding to one that it has not would make it show its self-signed one instead.
fn not_the_servers(case: &Case<'_>, shown: &Observed<Certificate>) -> Option<Finding> {
    let server = hosts::server(case)?;
    let (bound, place) = server.bound()?;
    let listed = server.has_certificate(bound)?;
    let thumbprint = shown.value.thumbprint.as_str();
    if bound == thumbprint || server.has_certificate(thumbprint).is_some() || server.own_store().is_none() {
        return None;
    }
    let name = hosts::name(server);
    let evidence = vec![
        Evidence::of(shown, format!("here the server shows the certificate {thumbprint}")),
        hosts::line(place, format!("{name} is bound to {bound} (SSLCertificateSHA1Hash)")),
        hosts::line(listed, format!("{name} has that certificate, and none like the one that is shown")),
    ];
    let evidence = evidence.into_iter().chain(case.ending()).collect();
    let detail = "the certificate in the capture is not one of the server's own";
    let finding = Finding::new(&CAUSE, Strength::Corroborated, Blame::Middlebox, evidence);
    Some(finding.detail(detail).located("between the server and the place of capture"))
}

/// Whether another attempt is the same connection as it goes on behind a device: the same ports at the same time,
/// with other sequence numbers. Where an address translation lies between two places of capture, the same cookie
/// stands for the ports.
fn is_other_half(case: &Case<'_>, connection: &Connection, other: &Other) -> bool {
    let apart = (other.first.time - connection.first.time).abs();
    let ports = other.client == connection.client.ip && other.client_port == connection.client.port;
    let cookie = connection.cookie().map(|cookie| cookie.value.to_lowercase());
    let translated = !case.around.is_one_point(other.first, connection.first)
        && apart <= TRANSLATED
        && cookie.is_some()
        && other.cookie == cookie;
    (ports && apart <= TOGETHER || translated) && other.window.overlaps(&connection.window())
}
