//! A device in the path ends TLS and opens its own.

use std::sync::Arc;

use super::handshake;
use crate::base::{Mark, Observed, time};
use crate::causes::negotiation::client_left_or_probe;
use crate::causes::{ALL, Blame, Case, Evidence, Finding, Severity, Strength, cause, hosts};
use crate::connection::{Nla, Stage};
use crate::correlate::Surroundings;
use crate::correlate::surroundings::{Other, Own};
use crate::eventlog::Provider;
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
    /// SSLCertificateSHA1Hash nor another of its own, where the connection fails as inspection makes it fail.
    /// [MS-CSSP] 3.1.5
    "tls-inspection", stage: Tls, severity: Failure, blames: [Middlebox],
    more_specific_than: ["certificate-untrusted", "certificate-name", "certificate-weak", "tls-alert-other",
        "closed-inside-tls-reason-not-visible", "nla-refused-reason-not-visible", "no-cc", "client-left-or-probe"],
    client_code: "0x907 or 0x904",
}

/// Both halves of one connection begin within this time.
const TOGETHER: i64 = 5 * time::SECOND;
/// The same where only a name ties them: less than a person needs to try again.
const TRANSLATED: i64 = time::SECOND;
/// A list of certificates tells days in local time: a day and any zone.
const ANY_ZONE: i64 = 38 * 3600 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, _) = case.both()?;
    let own = connection.tls.certificate.as_ref()?;
    let failed = connection.reached <= Stage::Authentication;
    let Some((other, mark)) = case.ask(shown_elsewhere) else {
        return not_the_servers(case, own);
    };
    let mut evidence = vec![
        Evidence::of(own, format!("here the server shows the certificate {}", own.value.thumbprint)),
        Evidence::at(mark, format!("on the other side of a device it shows {other}")),
    ];
    // The registry says which of the two is the server's own.
    let bound = hosts::server(case).and_then(|server| Some((hosts::name(server), server.bound()?)));
    let bound = bound.filter(|(_, (hash, _))| *hash == own.value.thumbprint || **hash == *other);
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
///
/// Certificates are renewed, and the texts are of another hour than the capture: so it decides only where a device
/// would make the connection fail as it does.
fn not_the_servers(case: &Case<'_>, shown: &Observed<Certificate>) -> Option<Finding> {
    let server = hosts::server(case)?;
    let (bound, place) = server.bound()?;
    let listed = server.has_certificate(bound)?;
    let thumbprint = shown.value.thumbprint.as_str();
    if bound == thumbprint || server.has_certificate(thumbprint).is_some() || server.own_store().is_none() {
        return None;
    }
    // The bound one came later, or the one that is shown had to go.
    let later = server.begins(bound).is_some_and(|begins| begins.shifted(ANY_ZONE) > shown.time);
    if later || shown.value.is_valid_at(shown.time) == Some(false) {
        return None;
    }
    let name = hosts::name(server);
    let evidence = vec![
        Evidence::of(shown, format!("here the server shows the certificate {thumbprint}")),
        hosts::line(place, format!("{name} is bound to {bound} (SSLCertificateSHA1Hash)")),
        hosts::line(listed, format!("{name} has that certificate, and none like the one that is shown")),
    ];
    if !fails_like_it(case) || is_explained(case) {
        let remark = Finding::new(&CAUSE, Strength::Inferred, Blame::Middlebox, evidence);
        return Some(
            remark
                .titled("The certificate in the capture is none of the server's own by its registry")
                .detail("a device on the path replaces it, or the server's was renewed since")
                .graded(Severity::Remark),
        );
    }
    let evidence = evidence.into_iter().chain(case.ending()).collect();
    let detail = "the certificate in the capture is not one of the server's own";
    let finding = Finding::new(&CAUSE, Strength::Corroborated, Blame::Middlebox, evidence);
    Some(finding.detail(detail).located("between the server and the place of capture"))
}

/// Whether the connection ends as one that a device opened: the server hears another key in CredSSP than its own and
/// closes without a status, or the client leaves when it has the certificate. [MS-CSSP] 3.1.5
fn fails_like_it(case: &Case<'_>) -> bool {
    let refused = || {
        let nla = case.connection().and_then(|own| own.encrypted.nla.as_ref());
        matches!(nla, Some(Nla::RefusedByClosing(_)))
    };
    let left = || {
        let with_alert = handshake::stopped(case).is_some_and(|own| own.tls.fatal_alert().is_some());
        !with_alert && handshake::client_gave_up(case).is_some()
    };
    refused() || left()
}

/// Whether another cause explains the failure: one that is more than a pattern, or none of those that a device brings
/// about.
fn is_explained(case: &Case<'_>) -> bool {
    let others = ALL.iter().filter(|cause| !std::ptr::eq(**cause, &raw const CAUSE));
    let explains = |finding: &Finding| {
        let made = CAUSE.more_specific_than.contains(&finding.cause.id);
        finding.severity == Severity::Failure
            && !finding.cause.residual
            && (finding.strength > Strength::Inferred || !made)
    };
    let probe = |finding: &Finding| std::ptr::eq(finding.cause, &raw const client_left_or_probe::CAUSE);
    let mut found = others.filter_map(|cause| (cause.detect)(case));
    found.any(|finding| explains(&finding) || probe(&finding))
        || case.event(&Provider::RdpCoreTs, 140).is_some()
}

/// Whether another attempt is the same connection as it goes on behind a device: the same ports at the same time,
/// with other sequence numbers. Where an address translation lies between two places of capture, the same cookie
/// stands for the ports.
fn is_other_half(own: Own<'_>, other: &Other, around: &Surroundings) -> bool {
    let apart = (other.first.time - own.first.time).abs();
    let ports = other.client == own.client && other.client_port == own.client_port;
    let translated = apart <= TRANSLATED
        && own.cookie.is_some()
        && other.cookie == own.cookie
        && !around.is_one_point(other.first, own.first);
    (ports && apart <= TOGETHER || translated) && other.window.overlaps(&own.window)
}

/// Another certificate that the server shows in the other half of this connection, and where.
fn shown_elsewhere(own: Own<'_>, around: &Surroundings) -> Option<(Arc<str>, Mark)> {
    let (here, _) = own.certificate.as_ref()?;
    around.others.shown_at_host(own).certificates.then_some(())?;
    around.others.at_server(own.server, own.first).find_map(|other| {
        let shown = other.certificate.as_ref().filter(|(shown, _)| shown != here)?;
        is_other_half(own, other, around).then(|| shown.clone())
    })
}
