//! The server cannot use the private key of its certificate.

use super::handshake;
use super::schannel::{self, Sight};
use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::protocol::tls::AlertDescription;

cause! {
    /// The server cannot use the private key of its Remote Desktop certificate.
    ///
    /// ## Why
    /// The key file is gone or damaged, the account NETWORK SERVICE may not read it (rights on the key store were
    /// changed, often by a hardening script or a restored image), or a service that keeps keys is stopped. The
    /// server then ends every TLS handshake at the ClientHello, whoever asks.
    ///
    /// ## What to do
    /// - Save the rights as they are:
    ///   `icacls C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys /save %TEMP%\MachineKeys.acl /t /c` (`icacls
    ///   C:\ProgramData\Microsoft\Crypto\RSA /restore %TEMP%\MachineKeys.acl /c` gives them back).
    /// - Take ownership: `takeown /f C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys /a /r`.
    /// - Give the rights back:
    ///   `icacls C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys /t /c /grant "NT AUTHORITY\System:(F)" "NT AUTHORITY\NETWORK SERVICE:(R)" "BUILTIN\Administrators:(F)"`.
    /// - See that the services run: `Get-Service KeyIso,CryptSvc,CertPropSvc,SessionEnv`.
    /// - Have a new certificate made: delete the old one from the store "Remote Desktop" (`certlm.msc`), then
    ///   `Restart-Service SessionEnv -Force; Restart-Service TermService -Force`. Event 1056 proves that it was made.
    /// - Leave the folder and its other files alone: they are the keys of every service on the machine. Only the file
    ///   whose name begins with f686aace6942fb7f7ceb231212eef4a4 is Remote Desktop's.
    /// - To verify: Schannel 36870 is no longer written at an attempt, and a capture shows a ServerHello.
    ///
    /// ## Seen as
    /// ClientHello, then a close (or alert 40 or 80) without ServerHello; Schannel 36870 (0x8009030D), 36871 (10013);
    /// System 1057, 1058.
    "private-key-unreadable", stage: Tls, severity: Failure, blames: [Server],
    more_specific_than: ["tls-alert-other", "closed-inside-tls-reason-not-visible"],
    client_code: "0x904, or \"an internal error has occurred\"",
}

/// A good handshake this near shows that the key can be used.
const NEAR: i64 = 600 * time::SECOND;

/// Whether this cause fits: others of the stage then hold back.
pub fn is_the_reason(case: &Case<'_>) -> bool {
    detect(case).is_some()
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let sight = schannel::sight(case)?;
    let signs = schannel::key_trouble(case);
    if signs.is_empty() || schannel::no_shared_cipher(case).is_some() || works_nearby(case) {
        return None;
    }
    let said = handshake::alert_to_hello(case).map(|alert| alert.value.alert.description);
    let fits = [AlertDescription::HANDSHAKE_FAILURE, AlertDescription::INTERNAL_ERROR];
    if said.is_some_and(|said| !fits.contains(&said)) {
        return None;
    }
    let joined = signs.iter().any(|sign| sign.joined);
    let strength = match sight {
        Sight::Agrees => Strength::Corroborated,
        Sight::Blind if joined => Strength::Stated,
        // Without packets, an event from minutes away shows nothing about this connection.
        Sight::Blind => return None,
    };
    let key = signs.into_iter().map(|sign| sign.evidence);
    let refused = schannel::refusal(case).map(schannel::of_refusal);
    let evidence: Vec<Evidence> = match handshake::turned_down(case) {
        Some(packets) => key.chain(packets).chain(refused).chain(case.accepted()).collect(),
        None => key.chain(refused).chain(case.accepted()).collect(),
    };
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence))
}

/// Whether the same server endpoint completed a TLS handshake within minutes.
fn works_nearby(case: &Case<'_>) -> bool {
    let Some(own) = case.connection() else { return false };
    let window = own.window().widened(NEAR);
    case.around
        .at_server(own.server, own.first)
        .any(|other| other.tls_passed.is_some_and(|passed| window.contains(passed.time)))
}
