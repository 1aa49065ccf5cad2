//! The server cannot use the private key of its certificate.

use std::net::{IpAddr, Ipv4Addr};

use super::handshake;
use super::schannel::{self, Sight};
use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, hosts};
use crate::connection::Stage;
use crate::correlate::{Joined, keys};
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
    /// - See that the services run: `Get-Service KeyIso,CryptSvc,CertPropSvc,SessionEnv`.
    /// - Read the rights of Remote Desktop's own key file, and of no other:
    ///   `icacls C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\f686aace6942fb7f7ceb231212eef4a4_*`. NETWORK SERVICE
    ///   must have (R), SYSTEM and Administrators (F).
    /// - Have a new certificate made, with a new key file: delete the old one from the store "Remote Desktop"
    ///   (`certlm.msc`), then `Restart-Service SessionEnv -Force; Restart-Service TermService -Force` (it ends the
    ///   sessions). Event 1056 proves that it was made.
    /// - If the service may not read that one either, save its rights:
    ///   `icacls C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\f686aace6942fb7f7ceb231212eef4a4_* /save C:\Windows\Temp\rdp-key.acl /c`,
    ///   and add the one that is missing:
    ///   `icacls C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\f686aace6942fb7f7ceb231212eef4a4_* /grant "NT AUTHORITY\NETWORK SERVICE:(R)"`.
    ///   To undo: `icacls C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys /restore C:\Windows\Temp\rdp-key.acl /c`.
    /// - Leave the folder and its other files alone, and take ownership of nothing: they are the keys of every service
    ///   on the machine.
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
    let rights = rights(case);
    if signs.is_empty() && rights.is_none()
        || schannel::no_shared_cipher(case).is_some()
        || works_nearby(case)
    {
        return None;
    }
    let said = handshake::alert_to_hello(case).map(|alert| alert.value.alert.description);
    let fits = [AlertDescription::HANDSHAKE_FAILURE, AlertDescription::INTERNAL_ERROR];
    if said.is_some_and(|said| !fits.contains(&said)) {
        return None;
    }
    // Rights alone explain only a server that turns down every hello, and says no other reason.
    let says_why = said.is_some_and(|said| said != AlertDescription::INTERNAL_ERROR);
    if signs.is_empty() && (sight != Sight::Agrees || says_why || handshake::turned_down(case).is_none()) {
        return None;
    }
    let joined = signs.iter().any(|sign| sign.joined);
    let strength = match sight {
        Sight::Agrees => Strength::Corroborated,
        Sight::Blind if joined => Strength::Stated,
        // Without packets, an event from minutes away shows nothing about this connection.
        Sight::Blind => return None,
    };
    let key = signs.into_iter().map(|sign| sign.evidence).chain(rights);
    let refused = schannel::refusal(case).map(schannel::of_refusal);
    let evidence: Vec<Evidence> = match handshake::turned_down(case) {
        Some(packets) => key.chain(packets).chain(refused).chain(case.accepted()).collect(),
        None => key.chain(refused).chain(case.accepted()).collect(),
    };
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence))
}

/// The rights of the key file keep the service out. They are those of the certificate that it makes itself: one that it
/// is bound to has another key.
fn rights(case: &Case<'_>) -> Option<Evidence> {
    let server = hosts::server(case).filter(|server| server.bound().is_none())?;
    let (_, place) = server.key_readable().filter(|(readable, _)| !readable)?;
    let says = format!("the rights of the key file of {} give NETWORK SERVICE nothing", hosts::name(server));
    Some(hosts::line(place, says))
}

/// Whether the same server endpoint completed a TLS handshake within minutes, or came past it where the handshake
/// itself was not captured.
fn works_nearby(case: &Case<'_>) -> bool {
    let Some(own) = case.connection() else { return false };
    let window = own.window().widened(NEAR);
    // Beside them, those that only the log knows: of which server they are is not told.
    let logged = case.around.others.at_host(IpAddr::V4(Ipv4Addr::UNSPECIFIED), own.first);
    let passed = |joined: &Joined| keys::passed_from(&joined.event).is_some();
    if case.around.far_near(window).any(passed) {
        return true;
    }
    case.around.others.at_server(own.server, own.first).chain(logged).any(|other| match other.tls_passed {
        Some(passed) => window.contains(passed.time),
        None => other.reached > Stage::Tls && window.overlaps(&other.window),
    })
}
