//! A device in the path ends TLS and opens its own.

use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Severity, Strength, cause};
use crate::connection::{Connection, Stage};
use crate::correlate::surroundings::Other;

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
    /// RdpCoreTS 140; RdpCoreTS 131 with the device's address. [MS-CSSP] 3.1.5
    "tls-inspection", stage: Tls, severity: Failure, blames: [Middlebox],
    more_specific_than: ["certificate-untrusted", "certificate-name", "certificate-weak", "tls-alert-other",
        "closed-inside-tls-reason-not-visible", "nla-refused-reason-not-visible", "no-cc", "client-left-or-probe"],
    client_code: "0x907 or 0x904",
}

/// Both halves of one connection begin within this time.
const TOGETHER: i64 = 5 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, _) = case.both()?;
    let own = connection.tls.certificate.as_ref()?;
    let (other, mark) = case.around.at_server(connection.server, connection.first).find_map(|other| {
        let (thumbprint, mark) = other.certificate.as_ref()?;
        (is_other_half(connection, other) && *thumbprint != own.value.thumbprint)
            .then_some((thumbprint, *mark))
    })?;
    let evidence = vec![
        Evidence::of(own, format!("here the server shows the certificate {}", own.value.thumbprint)),
        Evidence::at(mark, format!("on the other side of a device it shows {other}")),
    ];
    let evidence: Vec<Evidence> = evidence.into_iter().chain(case.ending()).collect();
    let failed = connection.reached <= Stage::Authentication;
    let severity = if failed { Severity::Failure } else { Severity::Warning };
    let detail = "the same connection has two server certificates at two places of the path";
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Middlebox, evidence).graded(severity);
    Some(finding.detail(detail).located("between the two places of capture"))
}

/// Whether another attempt is the same connection as it goes on behind a device: the same ports at the same time,
/// with other sequence numbers.
fn is_other_half(connection: &Connection, other: &Other) -> bool {
    other.client == connection.client.ip
        && other.client_port == connection.client.port
        && (other.first.time - connection.first.time).abs() <= TOGETHER
        && other.window.overlaps(&connection.window())
}
