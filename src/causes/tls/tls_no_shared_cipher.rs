//! No cipher suite, group or signature algorithm in common.

use super::schannel::{self, ALGORITHM_MISMATCH, Sight, UNSUPPORTED_FUNCTION};
use super::{handshake, private_key_unreadable};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::eventlog::schannel::{Meaning, meaning};
use crate::protocol::tls::AlertDescription;

cause! {
    /// The server refused the TLS handshake: client and server share no cipher suite, group or signature algorithm.
    ///
    /// ## Why
    /// The list of cipher suites of one side was cut down (hardening script, group policy, FIPS mode), one side is
    /// too old for the other, or the server's certificate fits none of the suites that the client offers (an RSA
    /// certificate against a client that offers ECDSA only, or the reverse).
    ///
    /// ## What to do
    /// - On the server, list what is enabled: `Get-TlsCipherSuite | Format-Table Name` and `Get-TlsEccCurve`; compare
    ///   with the offer in the ClientHello.
    /// - See whether a policy sets the order:
    ///   `reg query "HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002" /v Functions` (Computer
    ///   Configuration > Administrative Templates > Network > SSL Configuration Settings, "SSL Cipher Suite Order").
    /// - Enable a current suite that the certificate fits:
    ///   `Enable-TlsCipherSuite -Name TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`, then restart.
    /// - If other clients get in, update the one that fails: its offer is the odd one.
    /// - To verify: a new capture shows a ServerHello, and Schannel 36874 is no longer written.
    ///
    /// ## Seen as
    /// TLS alert 40 or 71 in answer to the ClientHello; RdpCoreTS 139 with 0x80090304, Schannel 36874 and 36888 (40,
    /// state 1205) at the same moment, then 102 and 103 (0).
    "tls-no-shared-cipher", stage: Tls, severity: Failure, blames: [Client, Server],
    more_specific_than: ["tls-alert-other", "closed-inside-tls-reason-not-visible"],
    client_code: "0x904",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    if private_key_unreadable::is_the_reason(case) {
        return None;
    }
    stated(case).or_else(|| logged(case))
}

/// The server's alert 40 or 71 answers the ClientHello.
fn stated(case: &Case<'_>) -> Option<Finding> {
    let alert = handshake::alert_to_hello(case).filter(|alert| {
        let refusals = [AlertDescription::HANDSHAKE_FAILURE, AlertDescription::INSUFFICIENT_SECURITY];
        refusals.contains(&alert.value.alert.description)
    })?;
    let mut evidence = handshake::turned_down(case)?;
    evidence.extend(log_evidence(case));
    evidence.extend(case.accepted());
    let detail = format!("the server answers the ClientHello with {}", alert.value.alert.description);
    Some(finding(case, Strength::Stated, evidence).detail(detail))
}

/// The server's log tells why it turned the ClientHello down.
fn logged(case: &Case<'_>) -> Option<Finding> {
    let sight = schannel::sight(case)?;
    let (no_cipher, _) = schannel::no_shared_cipher(case)?;
    let refused = schannel::refusal(case);
    let sent = schannel::alert_sent(case, &[40, 71]);
    // Where the server's answer was about the version, it is that.
    let version = schannel::alert_sent(case, &[70]).is_some()
        || sent.is_none()
            && refused.is_some_and(|(_, code)| [UNSUPPORTED_FUNCTION, ALGORITHM_MISMATCH].contains(&code));
    let beside = refused.is_some_and(|(joined, _)| schannel::beside(joined, no_cipher));
    let proven = match sight {
        Sight::Agrees => refused.is_some() || sent.is_some(),
        Sight::Blind => beside,
    };
    if version || !proven || handshake::alert_to_hello(case).is_some() {
        return None;
    }
    let mut evidence = handshake::turned_down(case).unwrap_or_default();
    evidence.extend(log_evidence(case));
    evidence.extend(case.accepted());
    let strength = if sight == Sight::Agrees { Strength::Corroborated } else { Strength::Stated };
    Some(finding(case, strength, evidence))
}

fn finding(case: &Case<'_>, strength: Strength, mut evidence: Vec<Evidence>) -> Finding {
    let hello = case.connection().and_then(|connection| connection.tls.client_hello.as_ref());
    let blame = match hello {
        Some(hello) => handshake::odd_one_out(case, &hello.value),
        None => of_protocol(case),
    };
    if let Some(mark) = handshake::good_for_another(case) {
        evidence.push(Evidence::at(mark, "another client completes a handshake with the same server"));
    }
    Finding::new(&CAUSE, strength, blame, evidence)
}

/// Without the contents of its ClientHello, a client that asks for an old version is too old, or one that fails where
/// others do not; else the server's list is too short.
fn of_protocol(case: &Case<'_>) -> Blame {
    let mut asked = case.all_events().filter_map(|joined| match meaning(&joined.event)? {
        Meaning::NoSharedCipher { protocol } => Some(protocol),
        _ => None,
    });
    let Some(first) = asked.next() else {
        return if handshake::good_for_another(case).is_some() { Blame::Client } else { Blame::Server };
    };
    let current =
        std::iter::once(first).chain(asked).any(|asked| matches!(asked, Some("TLS 1.2" | "TLS 1.3")));
    if current { Blame::Server } else { Blame::Client }
}

/// What the server's log says of it, the most telling first.
fn log_evidence(case: &Case<'_>) -> Vec<Evidence> {
    let schannel = [schannel::no_shared_cipher(case), schannel::alert_sent(case, &[40, 71])];
    let mut evidence: Vec<Evidence> = schannel.into_iter().flatten().map(|(_, evidence)| evidence).collect();
    evidence.extend(schannel::refusal(case).map(schannel::of_refusal));
    evidence
}
