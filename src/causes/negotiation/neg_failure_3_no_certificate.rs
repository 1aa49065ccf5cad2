//! RDP_NEG_FAILURE 3, SSL_CERT_NOT_ON_SERVER.

use super::failure;
use crate::causes::tls::schannel;
use crate::causes::{Blame, Case, Finding, cause};
use crate::protocol::nego::FailureCode;

cause! {
    /// The server has no certificate that it can use for TLS.
    ///
    /// ## Why
    /// The certificate that Remote Desktop is bound to is gone from the store, the self-signed one could not be
    /// made or replaced, or its private key cannot be read.
    ///
    /// ## What to do
    /// - On the server, System log: TerminalServices-RemoteConnectionManager 1057 or 1058 and Schannel 36870 tell what
    ///   is wrong.
    /// - List the certificates:
    ///   `Get-ChildItem "Cert:\LocalMachine\Remote Desktop" | fl Subject,Thumbprint,NotAfter,HasPrivateKey`.
    /// - See whether a certificate is bound that does not exist:
    ///   `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v SSLCertificateSHA1Hash`.
    ///   If so, delete the value:
    ///   `reg delete "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v SSLCertificateSHA1Hash /f`.
    /// - Have a new self-signed one made: delete the old one from the store "Remote Desktop" (`certlm.msc`), then
    ///   `Restart-Service SessionEnv -Force; Restart-Service TermService -Force`. Event 1056 proves that it was made.
    /// - If 1057 or 1058 comes again, repair the rights on the key store; see `rdpscan explain private-key-unreadable`.
    /// - To verify: System 1056 is written, and a new capture shows SSL or HYBRID selected and then a certificate.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.1.2.2, failureCode 3; System 1057, 1058, Schannel 36870.
    "neg-failure-3-no-certificate", stage: Negotiation, severity: Failure, blames: [Server],
    client_code: "0x904, or \"an internal error has occurred\"",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    let mut finding = failure::detect(case, &CAUSE, FailureCode::SSL_CERT_NOT_ON_SERVER, Blame::Server)?;
    finding.evidence.extend(schannel::key_trouble(case).into_iter().map(|sign| sign.evidence));
    Some(finding)
}
