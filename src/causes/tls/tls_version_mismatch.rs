//! No TLS version in common.

use super::handshake;
use super::schannel::{self, ALGORITHM_MISMATCH, Sight, UNSUPPORTED_FUNCTION};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::protocol::tls::{AlertDescription, ClientHello, TlsVersion};
use crate::stream::Side;

cause! {
    /// Client and server have no TLS version in common.
    ///
    /// ## Why
    /// One side is limited to versions that the other side has switched off: an old client or server that ends at
    /// TLS 1.0 or 1.1, a hardened one that begins at 1.2 or 1.3, or protocols switched off in the registry for
    /// one role only.
    ///
    /// ## What to do
    /// - On both computers, see what is set:
    ///   `reg query "HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols" /s`. No key means the
    ///   default of the Windows version.
    /// - Enable TLS 1.2 on the server:
    ///   `reg add "HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server" /v Enabled /t REG_DWORD /d 1 /f`
    ///   and
    ///   `reg add "HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server" /v DisabledByDefault /t REG_DWORD /d 0 /f`;
    ///   on the client the same two values under "TLS 1.2\Client". Restart.
    /// - Update a client or server that cannot do TLS 1.2. Do not switch TLS 1.0 or 1.1 on again.
    /// - To verify: a new capture shows a ServerHello with TLS 1.2 or 1.3.
    ///
    /// ## Seen as
    /// TLS alert 70 (RFC 8446 6.2); Schannel 36888 (70), 36874; RdpCoreTS 139 with 0x80090302 or 0x80090331.
    "tls-version-mismatch", stage: Tls, severity: Failure, blames: [Client, Server],
    more_specific_than: ["tls-alert-other", "closed-inside-tls-reason-not-visible"],
    client_code: "0x904",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    stated(case).or_else(|| client_gives_up(case)).or_else(|| logged(case))
}

/// Alert 70 of either side.
fn stated(case: &Case<'_>) -> Option<Finding> {
    let connection = handshake::stopped(case)?;
    let alert = handshake::fatal_alert(case)
        .filter(|alert| alert.value.alert.description == AlertDescription::PROTOCOL_VERSION)?;
    let mut evidence = vec![handshake::of_alert(&alert)];
    let offered = connection.tls.client_hello.as_ref();
    let (blame, detail) = match alert.value.from {
        Side::Server => {
            let what = offered
                .map_or_else(|| "what the client offers".into(), |hello| handshake::versions(&hello.value));
            let blame = offered.map_or(Blame::Client, |hello| older(case, &hello.value));
            (blame, format!("the server refuses {what}"))
        }
        Side::Client => {
            let chosen = connection.tls.version();
            let what = chosen.map_or_else(|| "the server's version".into(), |version| version.to_string());
            (of_choice(chosen), format!("the client refuses {what}, which the server chose"))
        }
    };
    evidence.extend(handshake::offer(connection));
    evidence.extend(handshake::choice(connection));
    evidence.extend(log_evidence(case));
    Some(Finding::new(&CAUSE, Strength::Stated, blame, evidence).detail(detail))
}

/// A client that ends the handshake at a ServerHello with a version that it did not offer. One that offered the
/// version and breaks down over it (OpenSSL: alert 80, at the old signatures of TLS 1.0) has another reason.
fn client_gives_up(case: &Case<'_>) -> Option<Finding> {
    let connection = handshake::stopped(case)?;
    let (hello, version) = (connection.tls.client_hello.as_ref()?, connection.tls.version()?);
    let unwanted = !hello.value.allows(version);
    let end = match handshake::fatal_alert(case) {
        Some(alert) if alert.value.from == Side::Client => {
            let fits = unwanted && !is_about_certificate(alert.value.alert.description);
            fits.then(|| handshake::of_alert(&alert))?
        }
        Some(_) => return None,
        None => {
            let chosen = connection.tls.server_hello.as_ref()?.mark();
            let close = handshake::closed(case).filter(|close| unwanted && close.from == Side::Client)?;
            if !handshake::may_answer(case, close, chosen) {
                return None;
            }
            Evidence::at(close.mark, crate::causes::case::ending_says(close))
        }
    };
    let mut evidence = vec![end];
    evidence.extend(handshake::choice(connection));
    evidence.extend(handshake::offer(connection));
    let offered = handshake::versions(&hello.value);
    let detail = format!("the server chose {version}, the client offers {offered}");
    Some(Finding::new(&CAUSE, Strength::Inferred, of_choice(Some(version)), evidence).detail(detail))
}

/// The server's log tells why it turned the ClientHello down.
fn logged(case: &Case<'_>) -> Option<Finding> {
    let sight = schannel::sight(case)?;
    let signs = log_evidence(case);
    let refused = schannel::refusal(case).filter(|(_, code)| is_mismatch(*code));
    let sent = schannel::alert_sent(case, &[70]);
    let own_words = sent.is_some()
        || schannel::no_shared_cipher(case).is_some()
        || schannel::no_credential(case).is_some();
    // The same number comes from CredSSP, and 40 is the answer to suites, not to versions.
    let proven = match sight {
        Sight::Agrees => refused.is_some() || sent.is_some(),
        Sight::Blind => refused.is_some() && own_words,
    };
    let other = schannel::alert_sent(case, &[40, 71]).is_some()
        || schannel::key_trouble(case).iter().any(|sign| sign.joined)
        || handshake::alert_to_hello(case).is_some();
    if !proven || other {
        return None;
    }
    let mut evidence = handshake::turned_down(case).unwrap_or_default();
    evidence.extend(signs);
    evidence.extend(case.accepted());
    let hello = case.connection().and_then(|connection| connection.tls.client_hello.as_ref());
    let blame = hello.map_or(Blame::Server, |hello| older(case, &hello.value));
    let strength = if sight == Sight::Agrees { Strength::Corroborated } else { Strength::Stated };
    Some(Finding::new(&CAUSE, strength, blame, evidence))
}

fn is_mismatch(code: u32) -> bool {
    [UNSUPPORTED_FUNCTION, ALGORITHM_MISMATCH].contains(&code)
}

/// What the server's log says of versions.
fn log_evidence(case: &Case<'_>) -> Vec<Evidence> {
    let refused = schannel::refusal(case).filter(|(_, code)| is_mismatch(*code)).map(schannel::of_refusal);
    let schannel =
        [schannel::alert_sent(case, &[70]), schannel::no_shared_cipher(case), schannel::no_credential(case)];
    refused.into_iter().chain(schannel.into_iter().flatten().map(|(_, evidence)| evidence)).collect()
}

/// A client that cannot do TLS 1.2 is too old; one that others do not share the trouble of is at odds; else it is
/// the server.
fn older(case: &Case<'_>, hello: &ClientHello) -> Blame {
    let current = [TlsVersion::TLS_1_2, TlsVersion::TLS_1_3].iter().any(|version| hello.allows(*version));
    if current && handshake::good_for_another(case).is_none() { Blame::Server } else { Blame::Client }
}

/// A server that chooses less than TLS 1.2 is too old; a client that does not take TLS 1.2 is.
fn of_choice(version: Option<TlsVersion>) -> Blame {
    if version.is_some_and(|version| version < TlsVersion::TLS_1_2) { Blame::Server } else { Blame::Client }
}

/// Alerts that speak of the certificate, whatever the version.
fn is_about_certificate(said: AlertDescription) -> bool {
    (41..=49).contains(&said.0) || (111..=116).contains(&said.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blames_the_older_side() {
        assert_eq!(of_choice(Some(TlsVersion::TLS_1_0)), Blame::Server);
        assert_eq!(of_choice(Some(TlsVersion::TLS_1_2)), Blame::Client);
        assert!(is_about_certificate(AlertDescription::UNKNOWN_CA));
        assert!(!is_about_certificate(AlertDescription::INTERNAL_ERROR));
    }
}
