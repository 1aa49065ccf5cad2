//! The domain could not vouch for the user: no domain controller, or a trust that does not include this server.

use super::refused::{self, Codes};
use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::correlate::Joined;
use crate::eventlog::{Provider, network};

cause! {
    /// The domain could not vouch for the user: no domain controller answered, or the trust excludes this server.
    ///
    /// ## Why
    /// The server must ask a domain controller of the user's domain. None could be reached (name resolution,
    /// network, broken secure channel), or the trust between the domains uses selective authentication and the user
    /// is not allowed to authenticate to this server. The password may be right.
    ///
    /// ## What to do
    /// - On the server: `nltest /dsgetdc:<DOMAIN>` and `nltest /sc_query:<DOMAIN>`; if the channel is broken,
    ///   `Test-ComputerSecureChannel -Repair -Credential <DOMAIN\admin>`.
    /// - `Resolve-DnsName -Type SRV _ldap._tcp.dc._msdcs.<domain>` on the server, and
    ///   `Test-NetConnection <dc> -Port 88`, also 135, 389 and 445.
    /// - Status 0xC0000413: on the server's computer account grant the user's group "Allowed to authenticate"
    ///   (Active Directory Users and Computers, advanced view, Security).
    /// - To verify: `nltest /sc_verify:<DOMAIN>` succeeds, and Security 4624 follows the next attempt.
    ///
    /// ## Seen as
    /// Security 4625 with sub-status C000005E or C0000413; NETLOGON 5719; client 0x1807.
    "no-domain-controller-or-selective-auth", stage: Authentication, severity: Failure, blames: [Network, Server],
    more_specific_than: ["nla-refused-reason-not-visible"],
    client_code: "0x1807",
}

const NO_LOGON_SERVER: u32 = 0xc000_005e;
/// STATUS_AUTHENTICATION_FIREWALL_FAILED
const SELECTIVE: u32 = 0xc000_0413;
const CODES: Codes = Codes { status: &[NO_LOGON_SERVER, SELECTIVE], client: &[0x1807] };
/// The server looks for a domain controller when it needs one, and says so at once.
const BEFORE: i64 = 60 * time::SECOND;
const AFTER: i64 = 5 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let refusal = refused::failure(case).is_some()
        || refused::client_code(case).is_some()
        || refused::pattern(case).is_some();
    if !refusal || refused::passed(case) {
        return None;
    }
    let searched = told::near(case, BEFORE, AFTER).into_iter().find(|joined| is_search(case, joined));
    let of_search = searched.map(|joined| {
        Evidence::event(&joined.event, "the server finds no domain controller for a domain that it needs")
    });
    let selective = refused::failure(case).and_then(|failure| failure.reason()) == Some(SELECTIVE);
    let blame = if selective { Blame::Server } else { Blame::Network };
    if let Some(mut finding) = refused::detect(case, &CAUSE, CODES, blame) {
        finding.evidence.extend(of_search.filter(|_| !selective));
        return Some(finding);
    }
    // Another status is another reason; without one, a search in vain while a logon is refused is a pattern.
    if refused::failure(case).is_some() || refused::client_code(case).is_some() {
        return None;
    }
    let pattern = refused::pattern(case)?;
    let mut evidence = vec![of_search?, pattern];
    evidence.extend(case.event(&Provider::RdpCoreTs, 140).map(refused::refusal_event));
    evidence.extend(case.accepted());
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::Network, evidence);
    Some(finding.missing("Security 4625 of the server: sub-status 0xC000005E or 0xC0000413 settles it"))
}

/// NETLOGON 5719 of the computer that wrote the server's events.
fn is_search(case: &Case<'_>, joined: &Joined) -> bool {
    let server = case.all_events().find(|own| own.event.provider != Provider::RdpClient);
    matches!(network::meaning(&joined.event), Some(network::Meaning::NoDomainController { .. }))
        && server.is_none_or(|own| own.event.computer == joined.event.computer)
}
