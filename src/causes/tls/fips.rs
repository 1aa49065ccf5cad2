//! One side insists on FIPS encryption and the other does not do it.

use crate::causes::session::decision;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::protocol::mcs::EncryptionMethods;
use crate::stream::Side;

cause! {
    /// The server requires FIPS encryption, and the client does not offer it (or the reverse).
    ///
    /// ## Why
    /// The FIPS policy or the encryption level "FIPS Compliant" is set on one side only. The other side does not offer
    /// the algorithms that are approved, so the server ends the connection.
    ///
    /// ## What to do
    /// - Compare both sides: `reg query HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FipsAlgorithmPolicy /v Enabled`, and
    ///   on the server
    ///   `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v MinEncryptionLevel`
    ///   (4 is FIPS).
    /// - Update the client: a current one does TLS with approved suites.
    /// - If FIPS is required, set the policy on both sides: Computer Configuration > Windows Settings > Security
    ///   Settings > Local Policies > Security Options, "System cryptography: Use FIPS compliant algorithms for
    ///   encryption, hashing, and signing". If nobody requires it, take it away by the same policy, and set Computer
    ///   Configuration > Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop
    ///   Session Host > Security, "Set client connection encryption level" to High Level.
    /// - To verify: `gpresult /h gp.html` shows the same on both sides, and the connection comes up.
    ///
    /// ## Seen as
    /// errorInfo 8; client 0xE06 with extended 8; an MCS Connect-Initial that offers only FIPS, [MS-RDPBCGR] 2.2.1.3.3.
    "fips", stage: Tls, severity: Failure, blames: [Client, Server],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client", "tls-alert-other",
        "closed-inside-tls-reason-not-visible"],
    client_code: "0xE06, extended 8",
}

/// The extended reason "server denied the connection for FIPS", as errorInfo.
const DENIED_FIPS: &[u32] = &[8];
/// The client's code: it does not do FIPS encryption.
const CODES: &[u32] = &[0xe06];

fn detect(case: &Case<'_>) -> Option<Finding> {
    if let Some(mut finding) =
        decision::detect(case, &CAUSE, DENIED_FIPS, Blame::Client, |_| Some("errorInfo 8"))
    {
        finding.evidence.extend(told::client_code(case, CODES).map(of_code));
        return Some(finding);
    }
    if decision::was_used(case) {
        return None;
    }
    let offered = offered(case);
    if let Some(coded) = told::client_code(case, CODES) {
        let strength = told::code_strength(case, coded.0, offered.is_some());
        let evidence = std::iter::once(of_code(coded)).chain(offered).chain(case.ending()).collect();
        return Some(Finding::new(&CAUSE, strength, Blame::Client, evidence));
    }
    // The client wants nothing but FIPS, and the server ends there.
    case.ended_by(Side::Server)?;
    let evidence =
        offered.filter(|_| case.connection().is_some_and(|own| own.settings.connect_response.is_none()))?;
    let evidence = [Some(evidence), case.ending()].into_iter().flatten().collect();
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::Server, evidence))
}

fn of_code(coded: (&crate::correlate::Joined, u32)) -> Evidence {
    told::of_code(coded, "the client does not do the FIPS encryption that the server requires")
}

/// The client offers FIPS and no other method, in clear.
fn offered(case: &Case<'_>) -> Option<Evidence> {
    let initial = case.connection()?.settings.connect_initial.as_ref()?;
    let methods = initial.value.settings.encryption_methods?;
    (methods == EncryptionMethods::ENCRYPTION_FIPS)
        .then(|| Evidence::of(initial, "the client offers only FIPS encryption"))
}
