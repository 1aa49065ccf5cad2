//! Stage gateway: the leg through an RD Gateway.
//!
//! On the wire all of it is TLS to port 443. These causes rest on the gateway's own log, whose ActivityID joins the
//! events of one tunnel, and on the code that the client ends with.

pub mod gateway_cap_denied;
pub mod gateway_certificate;
pub mod gateway_limit_or_timeout;
pub mod gateway_logon;
pub mod gateway_proxy_breaks_upgrade;
pub mod gateway_rap_denied;
pub mod gateway_target_unreachable;
pub mod gateway_udp_blocked;

use super::{Blame, Case, Cause, Evidence, Finding, told};
use crate::correlate::Joined;
use crate::eventlog::gateway::{self, Meaning};

/// The tunnel's own events.
fn events<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Joined, Meaning<'a>)> + use<'a> {
    case.all_events().filter_map(|joined| Some((joined, gateway::meaning(&joined.event)?)))
}

/// The error of an event, without the part of an HRESULT that says "gateway": 0x800759DB and 23003 are the same.
/// [MS-TSGU] 2.2.6
fn code(meaning: &Meaning<'_>) -> Option<u32> {
    let code = meaning.tunnel().code?;
    Some(if code >> 16 == 0x8007 { code & 0xffff } else { code })
}

/// Whether the target was connected: then no policy and no firewall kept it from that.
fn connected(case: &Case<'_>) -> bool {
    events(case).any(|(_, meaning)| matches!(meaning, Meaning::Connected(_)))
}

/// A finding where the gateway's log says it with `id` or with `error`, or the client with one of its codes.
/// The error decides where an event has one.
fn denied(
    case: &Case<'_>,
    cause: &'static Cause,
    is_event: impl Fn(&Meaning<'_>) -> bool,
    error: u32,
    clients: &[u32],
    says: &str,
) -> Option<Finding> {
    if connected(case) {
        return None;
    }
    let said = events(case).find(|(_, meaning)| match code(meaning).filter(|code| *code != 0) {
        Some(code) => code == error,
        None => is_event(meaning),
    });
    let coded = told::client_code(case, clients);
    let Some((joined, meaning)) = said else {
        // The client's word is the gateway's, which sent it.
        let coded = coded?;
        let evidence = vec![told::of_code(coded, says)];
        let finding = Finding::new(cause, told::code_strength(case, coded.0, false), Blame::Server, evidence);
        return Some(
            finding.missing("the gateway's log Microsoft-Windows-TerminalServices-Gateway/Operational"),
        );
    };
    let strength = told::strength(case, joined, coded.is_some() || case.flow().is_some());
    let mut evidence = vec![of_event(joined, &meaning, says)];
    evidence.extend(coded.map(|coded| told::of_code(coded, says)));
    Some(Finding::new(cause, strength, Blame::Server, evidence))
}

/// An event of the gateway as evidence, with user, target and error as far as they are named.
fn of_event(joined: &Joined, meaning: &Meaning<'_>, says: &str) -> Evidence {
    let tunnel = meaning.tunnel();
    let user = tunnel.user.map(|user| format!(", user {user}")).unwrap_or_default();
    let target = tunnel.resource.map(|resource| format!(", target {resource}")).unwrap_or_default();
    let error =
        tunnel.code.filter(|code| *code != 0).map(|code| format!(", error {code}")).unwrap_or_default();
    Evidence::event(&joined.event, format!("the gateway: {says}{user}{target}{error}"))
}

/// A finding where only the client's code says it.
fn by_client(
    case: &Case<'_>,
    cause: &'static Cause,
    codes: &[u32],
    blame: Blame,
    says: &str,
) -> Option<Finding> {
    if connected(case) {
        return None;
    }
    let coded = told::client_code(case, codes)?;
    let evidence = vec![told::of_code(coded, says)];
    Some(
        Finding::new(cause, told::code_strength(case, coded.0, false), blame, evidence)
            .detail(format!("{says} (client code {:#X})", coded.1)),
    )
}
