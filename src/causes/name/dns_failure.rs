//! The server's name could not be resolved.

use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::codes::reason::NAME_NOT_RESOLVED;
use crate::connection::lookup::Lookup;
use crate::correlate::Joined;
use crate::eventlog::{Provider, rdp_client};
use crate::protocol::dns::Rcode;

cause! {
    /// The server's name could not be resolved to an address.
    ///
    /// ## Why
    /// The client asked a name server for the address and got a refusal, an answer without an address, or none.
    /// No packet was ever sent to the server: neither its firewall nor its Remote Desktop service is involved.
    ///
    /// ## What to do
    /// - On the client: `Resolve-DnsName NAME` and, against each configured server, `nslookup NAME DNS-SERVER`.
    /// - Check the spelling and the suffix: `Get-DnsClientGlobalSetting`; a short name needs the right search list,
    ///   which a VPN may replace.
    /// - `Get-DnsClientServerAddress`: does the client ask the company's name servers? Behind a VPN it must.
    /// - `ipconfig /flushdns` on the client after mending; on the server `ipconfig /registerdns` if its record is
    ///   missing.
    /// - To verify: `Test-NetConnection NAME -Port 3389`.
    ///
    /// ## Seen as
    /// DNS rcode 2, 3 or 5, an empty answer or silence, and no SYN; RDPClient 1026 with 260, 520, 1288 or 1540;
    /// DNS-Client 1014.
    "dns-failure", stage: Name, severity: Failure, blames: [Client, Network, Unknown],
    client_code: "0x104, 0x208, 0x508 or 0x604",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    if case.connection().is_some() {
        return None;
    }
    let stated = client_says(case);
    let lookup = case.lookup;
    if stated.is_none() && lookup.is_none() {
        return None;
    }
    let mut evidence = Vec::new();
    let refusal = lookup.and_then(Lookup::refusal);
    if let (Some(lookup), Some(refusal)) = (lookup, refusal) {
        let says = format!(
            "{} answers {} to the question for {}",
            refusal.value.resolver,
            refused(refusal.value.rcode),
            lookup.name
        );
        evidence.push(Evidence::of(refusal, says));
    } else if let Some(lookup) = lookup {
        let says = format!("{} is asked for {} times and nobody answers", lookup.name, lookup.queries);
        evidence.push(Evidence::at(lookup.first, says));
        evidence.push(Evidence::at(lookup.last, "the last question; no answer until the end of the capture"));
    }
    let tied = stated.is_some() || is_named(case);
    let blame = match refusal.map(|refusal| refusal.value.rcode) {
        Some(Rcode(3)) => Blame::Client,
        Some(_) => Blame::Network,
        None => Blame::Unknown,
    };
    let strength = match (&stated, refusal) {
        (Some(_), _) => Strength::Stated,
        (None, Some(_)) if tied => Strength::Stated,
        _ => Strength::Inferred,
    };
    if let Some(joined) = stated {
        evidence.push(Evidence::event(
            &joined.event,
            "the client gave up because the name could not be resolved",
        ));
    }
    evidence.extend(resolver_events(case));
    let mut finding = Finding::new(&CAUSE, strength, blame, evidence);
    finding.detail = lookup.map(|lookup| lookup.name.clone());
    Some(finding)
}

fn refused(rcode: Rcode) -> String {
    match rcode {
        Rcode(0) => "without an address".into(),
        other => other.to_string(),
    }
}

/// Whether something besides the lookup says that this name is the server's.
fn is_named(case: &Case<'_>) -> bool {
    let Some(lookup) = case.lookup else { return false };
    case.around.target.as_deref().is_some_and(|target| lookup.is_for(target))
        || case.events.iter().any(|joined| {
            matches!(
                rdp_client::meaning(&joined.event),
                Some(rdp_client::Meaning::Started(Some(name))) if lookup.is_for(name)
            )
        })
}

fn client_says<'a>(case: &Case<'a>) -> Option<&'a Joined> {
    case.events.iter().find(|joined| {
        matches!(
            rdp_client::meaning(&joined.event),
            Some(rdp_client::Meaning::Disconnected(Some(code))) if NAME_NOT_RESOLVED.contains(&code)
        )
    })
}

/// The resolver of the client complains about the same name.
fn resolver_events(case: &Case<'_>) -> Vec<Evidence> {
    let target = case.events.iter().find_map(|joined| match rdp_client::meaning(&joined.event) {
        Some(rdp_client::Meaning::Started(Some(name))) => Some(name.to_owned()),
        _ => None,
    });
    let name = case.lookup.map(|lookup| lookup.name.clone()).or(target);
    let Some(name) = name else { return Vec::new() };
    case.around
        .far
        .iter()
        .filter(|joined| joined.event.provider == Provider::DnsClient)
        .filter(|joined| {
            joined
                .event
                .fields
                .said("QueryName")
                .is_some_and(|asked| asked.trim_end_matches('.').eq_ignore_ascii_case(&name))
        })
        .take(1)
        .map(|joined| Evidence::event(&joined.event, "the client's resolver reports the same name"))
        .collect()
}
