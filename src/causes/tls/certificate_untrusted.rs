//! The client does not trust who issued the server's certificate.

use super::handshake;
use super::schannel::{self, CERTIFICATE_UNKNOWN, Sight};
use crate::base::Observed;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::tls::ClearAlert;
use crate::eventlog::schannel::CertificateFault;
use crate::protocol::tls::AlertDescription;
use crate::stream::Side;

cause! {
    /// The client refused the server's certificate because it does not trust its issuer.
    ///
    /// ## Why
    /// The certificate is self-signed (the normal state of a host that nobody gave one) or comes from an authority
    /// that the client does not know, and the client is set to insist, or its user said no.
    ///
    /// ## What to do
    /// - Certificate of your own authority: trust that authority on the client, from an elevated prompt:
    ///   `certutil -addstore Root ca.cer`; in a domain by policy: Computer Configuration > Windows Settings > Security
    ///   Settings > Public Key Policies > Trusted Root Certification Authorities.
    /// - Self-signed: give the server one that clients can check. Policy: Computer Configuration > Administrative
    ///   Templates > Windows Components > Remote Desktop Services > Remote Desktop Session Host > Security, "Server
    ///   authentication certificate template"; then `gpupdate /force` on the server.
    /// - Before you trust anything, compare the thumbprint with the server's own:
    ///   `Get-ChildItem "Cert:\LocalMachine\Remote Desktop" | fl Subject,Issuer,Thumbprint`. A difference means that a
    ///   device in between replaces certificates.
    /// - FreeRDP 2 keeps what it knows in `~/.config/freerdp/known_hosts2`; remove the line of a server only if its
    ///   certificate was renewed on purpose.
    /// - To verify: `mstsc` connects without the warning.
    ///
    /// ## Seen as
    /// TLS alert 48 of the client; client Schannel 36882; RdpCoreTS 139 with 0x80090327.
    "certificate-untrusted", stage: Tls, severity: Failure, blames: [Client, Server],
    more_specific_than: ["tls-alert-other", "closed-inside-tls-reason-not-visible"],
    client_code: "0x907",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    match handshake::fatal_alert(case) {
        Some(alert) => of_alert(case, &alert),
        None => logged(case),
    }
}

/// Alert 48 says it; 46 says it of a certificate that has no issuer but itself, and nothing else wrong with it.
fn of_alert(case: &Case<'_>, alert: &Observed<ClearAlert>) -> Option<Finding> {
    if alert.value.from != Side::Client {
        return None;
    }
    let event = schannel::certificate_refused(case, &[CertificateFault::Untrusted]);
    let strength = match alert.value.alert.description {
        AlertDescription::UNKNOWN_CA => Strength::Stated,
        AlertDescription::CERTIFICATE_UNKNOWN if event.is_some() => Strength::Corroborated,
        AlertDescription::CERTIFICATE_UNKNOWN if is_self_issued(case) && dates_hold(case) => {
            Strength::Inferred
        }
        _ => return None,
    };
    let mut evidence = vec![handshake::of_alert(alert)];
    evidence.extend(certificate(case));
    evidence.extend(event.map(|(_, evidence)| evidence));
    evidence.extend(schannel::refusal(case).map(schannel::of_refusal));
    Some(Finding::new(&CAUSE, strength, blame(case), evidence))
}

/// The client's or the server's log says it.
fn logged(case: &Case<'_>) -> Option<Finding> {
    let sight = schannel::sight_of_client(case)?;
    let event = schannel::certificate_refused(case, &[CertificateFault::Untrusted]);
    let refused = schannel::refusal(case).filter(|(_, code)| *code == CERTIFICATE_UNKNOWN);
    // 139 alone does not say what was wrong with it: the dates may be.
    if event.is_none() && (refused.is_none() || !dates_hold(case)) {
        return None;
    }
    let strength = match sight {
        Sight::Agrees => Strength::Corroborated,
        Sight::Blind if event.is_some() && refused.is_some() => Strength::Stated,
        Sight::Blind => Strength::Inferred,
    };
    let mut evidence: Vec<Evidence> = event.map(|(_, evidence)| evidence).into_iter().collect();
    evidence.extend(refused.map(schannel::of_refusal));
    evidence.extend(certificate(case));
    evidence.extend(handshake::client_gave_up(case));
    Some(Finding::new(&CAUSE, strength, blame(case), evidence))
}

fn is_self_issued(case: &Case<'_>) -> bool {
    let certificate = case.connection().and_then(|own| own.tls.certificate.as_ref());
    certificate.is_some_and(|certificate| certificate.value.is_self_issued())
}

/// Whether nothing speaks against the certificate's dates.
fn dates_hold(case: &Case<'_>) -> bool {
    let certificate = case.connection().and_then(|own| own.tls.certificate.as_ref());
    certificate.is_none_or(|certificate| certificate.value.is_valid_at(certificate.time) != Some(false))
}

/// Nobody can check a certificate that vouches for itself; another one has an issuer that could be trusted.
fn blame(case: &Case<'_>) -> Blame {
    if is_self_issued(case) { Blame::Server } else { Blame::Client }
}

fn certificate(case: &Case<'_>) -> Option<Evidence> {
    let certificate = case.connection()?.tls.certificate.as_ref()?;
    let says = if is_self_issued(case) {
        "the server's certificate is self-signed".to_owned()
    } else {
        let issuer = certificate.value.issuer.as_ref().map_or("unknown", |issuer| issuer.full.as_str());
        format!("the server's certificate was issued by {issuer}")
    };
    Some(Evidence::of(certificate, says))
}
