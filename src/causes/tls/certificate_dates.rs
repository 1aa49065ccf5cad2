//! The server's certificate is out of its dates.

use super::handshake;
use super::schannel::{self, Sight};
use crate::base::{Observed, Timestamp};
use crate::causes::{Blame, Case, Evidence, Finding, Severity, Strength, cause, told};
use crate::connection::tls::ClearAlert;
use crate::eventlog::schannel::CertificateFault;
use crate::protocol::tls::AlertDescription;
use crate::protocol::x509::Certificate;
use crate::stream::Side;

cause! {
    /// The server's certificate is expired or not yet valid.
    ///
    /// ## Why
    /// The certificate was not renewed, or one of the clocks is wrong. The server works on with such a certificate;
    /// it is the client, or its user, that refuses it.
    ///
    /// ## What to do
    /// - Check the clocks of client and server first: `w32tm /query /status` on both. A wrong client clock makes
    ///   good certificates look bad.
    /// - On the server: `Get-ChildItem "Cert:\LocalMachine\Remote Desktop" | fl Subject,Thumbprint,NotBefore,NotAfter`.
    /// - A self-signed one: delete it there (`certlm.msc`, store "Remote Desktop"), then
    ///   `Restart-Service SessionEnv -Force`; a new one is made, event 1056.
    /// - A certificate of your own: renew it, then bind it:
    ///   `Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting | Set-CimInstance -Property @{SSLCertificateSHA1Hash='<thumbprint>'}`.
    /// - To verify: the certificate in a new capture (TLS 1.2), or in the client's warning, shows the new dates.
    ///
    /// ## Seen as
    /// TLS alert 45, or the client's end of the connection at the certificate; client Schannel 36881, code 0x1B07.
    "certificate-dates", stage: Tls, severity: Failure, blames: [Server],
    more_specific_than: ["tls-alert-other", "closed-inside-tls-reason-not-visible"],
    client_code: "0x1B07",
}

/// mstsc: SSL_ERR_CERT_EXPIRED.
const EXPIRED: u32 = 0x1B07;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let wrong = case.connection().and_then(|own| out_of_dates(own.tls.certificate.as_ref()?));
    if let Some(alert) = handshake::fatal_alert(case) {
        return of_alert(case, &alert, wrong);
    }
    if let Some(remark) = wrong.as_ref().and_then(|evidence| accepted(case, evidence)) {
        return Some(remark);
    }
    logged(case, wrong.as_ref()).or_else(|| closed(case, wrong?))
}

/// The connection went on: a remark.
fn accepted(case: &Case<'_>, wrong: &Evidence) -> Option<Finding> {
    let connection = case.connection()?;
    let went_on = connection.tls.finished().is_some() && connection.encrypted.from_client > 0;
    let accepted = connection.reached_session() || went_on || handshake::came_back(case).is_some();
    accepted.then(|| {
        Finding::new(&CAUSE, Strength::Stated, Blame::Server, vec![wrong.clone()])
            .detail("the client accepted it")
            .graded(Severity::Remark)
    })
}

/// The client's alert says so, or is one of those that clients send for it.
fn of_alert(case: &Case<'_>, alert: &Observed<ClearAlert>, wrong: Option<Evidence>) -> Option<Finding> {
    if alert.value.from != Side::Client {
        return None;
    }
    let certificate = case.connection()?.tls.certificate.is_some();
    let said = alert.value.alert.description;
    let vague = [AlertDescription::CERTIFICATE_UNKNOWN, AlertDescription::BAD_CERTIFICATE].contains(&said);
    let strength = match said {
        // Dates that are right in the capture: then a clock or another certificate of the chain is wrong.
        AlertDescription::CERTIFICATE_EXPIRED if wrong.is_some() || !certificate => Strength::Stated,
        _ if vague && wrong.is_some() => Strength::Inferred,
        _ => return None,
    };
    let event = schannel::certificate_refused(case, &[CertificateFault::Expired]);
    let strength = if event.is_some() { strength.max(Strength::Corroborated) } else { strength };
    let mut evidence = vec![handshake::of_alert(alert)];
    evidence.extend(wrong);
    evidence.extend(event.map(|(_, evidence)| evidence));
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence))
}

/// The client's own log says so.
fn logged(case: &Case<'_>, wrong: Option<&Evidence>) -> Option<Finding> {
    let sight = schannel::sight_of_client(case)?;
    let event = schannel::certificate_refused(case, &[CertificateFault::Expired]);
    let code = schannel::client_code(case, EXPIRED);
    let strength = match (sight, code, event.is_some()) {
        (_, None, false) => return None,
        (sight, Some(code), _) => told::code_strength(case, code, sight == Sight::Agrees),
        (Sight::Agrees, None, true) => Strength::Corroborated,
        // Joined by time alone: another TLS client of the same computer may have written it.
        (Sight::Blind, None, true) => Strength::Inferred,
    };
    let mut evidence: Vec<Evidence> = event.map(|(_, evidence)| evidence).into_iter().collect();
    evidence.extend(code.map(|joined| {
        Evidence::event(
            &joined.event,
            "the client's log: ended because the certificate is expired or not yet valid",
        )
    }));
    evidence.extend(wrong.cloned());
    evidence.extend(handshake::client_gave_up(case));
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence))
}

/// The client ended the handshake without a word when it had the certificate.
fn closed(case: &Case<'_>, wrong: Evidence) -> Option<Finding> {
    let close = handshake::closed(case)
        .filter(|close| close.from == Side::Client && handshake::may_answer(case, close, wrong.mark))?;
    let ending = Evidence::at(close.mark, crate::causes::case::ending_says(close));
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Server, vec![wrong, ending]);
    Some(finding.missing("the client's System log (Schannel 36881), or the code that the user saw (0x1B07)"))
}

/// The dates as evidence, if they do not hold the moment at which the certificate was sent.
fn out_of_dates(certificate: &Observed<Certificate>) -> Option<Evidence> {
    let (from, until) = (certificate.value.not_before?, certificate.value.not_after?);
    let says = if certificate.time > until {
        format!("the server's certificate was valid until {}", day(until))
    } else if certificate.time < from {
        format!("the server's certificate is not valid before {}", day(from))
    } else {
        return None;
    };
    Some(Evidence::of(certificate, format!("{says}; the capture's clock says {}", day(certificate.time))))
}

/// The day of a moment, UTC.
fn day(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.get(..10).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Locator, SourceId};

    fn sent(at: &str) -> Observed<Certificate> {
        let certificate = Certificate {
            not_before: "2024-01-01T00:00:00Z".parse().ok(),
            not_after: "2024-06-30T00:00:00Z".parse().ok(),
            ..Certificate::default()
        };
        Observed::new(certificate, Locator::Frame { source: SourceId(0), number: 9 }, at.parse().unwrap())
    }

    #[test]
    fn tells_expired_from_not_yet_valid() {
        let says = |at| out_of_dates(&sent(at)).map(|evidence| evidence.says);
        assert!(says("2024-07-01T00:00:00Z").unwrap().contains("valid until 2024-06-30"));
        assert!(says("2023-12-31T23:59:59Z").unwrap().contains("not valid before 2024-01-01"));
        assert_eq!(says("2024-03-01T00:00:00Z"), None);
        assert_eq!(
            out_of_dates(&Observed { value: Certificate::default(), ..sent("2024-03-01T00:00:00Z") }),
            None
        );
    }
}
