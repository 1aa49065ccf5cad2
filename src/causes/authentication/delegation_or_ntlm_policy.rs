//! A policy on the client or in the domain forbids the way of logging on.

use super::refused;
use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::connection::Nla;
use crate::correlate::Joined;
use crate::eventlog::{Provider, system};
use crate::protocol::nego::{Answer, RequestFlags, ResponseFlags};
use crate::stream::Side;

cause! {
    /// A policy forbids this way of logging on: delegation of credentials, NTLM, or Restricted Admin.
    ///
    /// ## Why
    /// The client may not hand its credentials to this server, Kerberos was not possible (the server was called by
    /// address, or its service name is not registered) and NTLM is forbidden, or the client insists on Restricted
    /// Admin mode and the server does not offer it. The client gives up before it sends credentials.
    ///
    /// ## What to do
    /// - Call the server by its full name (`mstsc /v:srv01.example.test`), not by address: Kerberos needs the name.
    /// - `setspn -L <server>` must list `TERMSRV/<server>`, and the same with the full name; System 1067 of the server
    ///   says that they could not be registered.
    /// - Delegation: Computer Configuration > Administrative Templates > System > Credentials Delegation, "Allow
    ///   delegating fresh credentials" (and "Allow delegating fresh credentials with NTLM-only server authentication"
    ///   where there is no Kerberos) must hold `TERMSRV/<server>`; `gpresult /h gp.html` on the client tells which
    ///   policy sets them.
    /// - NTLM: Microsoft-Windows-NTLM/Operational names who was blocked. Mend Kerberos, or add the server to Computer
    ///   Configuration > Windows Settings > Security Settings > Local Policies > Security Options, "Network security:
    ///   Restrict NTLM: Add remote server exceptions for NTLM authentication".
    /// - Restricted Admin, if it is meant to be offered:
    ///   `reg query HKLM\SYSTEM\CurrentControlSet\Control\Lsa /v DisableRestrictedAdmin` on the server must show 0.
    /// - To verify: `klist get TERMSRV/<server>` on the client gives a ticket, and the logon goes on.
    ///
    /// ## Seen as
    /// The client ends CredSSP without credentials; client NTLM 4001 to 4023, LsaSrv 40960 and 40961; a request with
    /// RESTRICTED_ADMIN_MODE_REQUIRED and a response without its flag ([MS-RDPBCGR] 2.2.1.1.1, 2.2.1.2.1); client
    /// codes 0x1607, 0x1707, 0xF08, 0xE09, 0x1407.
    "delegation-or-ntlm-policy", stage: Authentication, severity: Failure, blames: [Client, Server],
    more_specific_than: ["nla-refused-reason-not-visible"],
    client_code: "0x1607, 0x1707, 0xF08, 0xE09 or 0x1407",
}

/// The client's codes, with what each says.
const CODES: &[u32] = &[0x1607, 0x1707, 0xf08, 0xe09, 0x1407];
/// The server does not support Restricted Admin.
const NO_RESTRICTED_ADMIN: u32 = 0xe09;
/// The events are written while the client tries.
const NEAR: i64 = 5 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if refused::passed(case) || case.event(&Provider::RdpCoreTs, 140).is_some() {
        return None;
    }
    let left = told::left_before_credentials(case);
    let refusal = refused::pattern(case).filter(|_| refused::failure(case).is_none());
    if let Some(coded) = told::client_code(case, CODES) {
        let strength = told::code_strength(case, coded.0, left.is_some() || refusal.is_some());
        let blame = if coded.1 == NO_RESTRICTED_ADMIN { Blame::Server } else { Blame::Client };
        let mut evidence = vec![told::of_code(coded, words(coded.1))];
        evidence.extend(left);
        evidence.extend(refusal);
        evidence.extend(policy_events(case).into_iter().map(|(_, evidence, _)| evidence));
        return Some(Finding::new(&CAUSE, strength, blame, evidence).detail(words(coded.1)));
    }
    if left.is_none() && refusal.is_none() && !told::is_blind(case) {
        return None;
    }
    by_events(case, left.clone().or(refusal)).or_else(|| restricted_admin(case, left?))
}

/// NTLM was blocked, or the client's security authority failed with this very server.
fn by_events(case: &Case<'_>, failed: Option<Evidence>) -> Option<Finding> {
    let events = policy_events(case);
    let (joined, _, blame) = events.first()?;
    let strength = told::strength(case, joined, failed.is_some());
    let blame = *blame;
    let evidence = events.into_iter().map(|(_, evidence, _)| evidence);
    let evidence = evidence.chain(failed).chain(case.accepted()).collect();
    Some(Finding::new(&CAUSE, strength, blame, evidence))
}

fn policy_events<'a>(case: &Case<'a>) -> Vec<(&'a Joined, Evidence, Blame)> {
    let near = told::near(case, NEAR, NEAR);
    let mut found: Vec<(&Joined, Evidence, Blame)> =
        near.into_iter().filter_map(|joined| policy_event(case, joined)).collect();
    // NTLM that was blocked says more than a failure of the authority.
    found.sort_by_key(|(joined, ..)| (joined.event.provider != Provider::Ntlm, joined.event.time));
    found
}

fn policy_event<'a>(case: &Case<'_>, joined: &'a Joined) -> Option<(&'a Joined, Evidence, Blame)> {
    let event = &joined.event;
    match system::meaning(event)? {
        system::Meaning::NtlmBlocked(target) => {
            // 4001 is the client's policy, on the client; the others are of the server or of the domain.
            let outgoing = event.id == 4001 || event.id == 4020;
            let about = target.is_none_or(|target| !outgoing || told::is_of_server(case, target));
            let who = if outgoing { "the client" } else { "the server or its domain" };
            let says = format!("the policy of {who} blocks NTLM (event {})", event.id);
            let blame = if outgoing { Blame::Client } else { Blame::Server };
            about.then(|| (joined, Evidence::event(event, says), blame))
        }
        system::Meaning::AuthenticationError(Some(target)) if told::is_of_server(case, target) => {
            let says = format!("the client's security authority could not authenticate to {target}");
            Some((joined, Evidence::event(event, says), Blame::Client))
        }
        _ => None,
    }
}

/// The client asked for Restricted Admin, and the server's answer lacks it.
fn restricted_admin(case: &Case<'_>, left: Evidence) -> Option<Finding> {
    let connection = case.connection()?;
    let request = connection.request.as_ref()?;
    let asked = request.value.request?.flags.contains(RequestFlags::RESTRICTED_ADMIN_MODE_REQUIRED);
    let confirm = connection.confirm.as_ref()?;
    let Some(Answer::Response { flags, .. }) = confirm.value.answer else { return None };
    let offered = flags.contains(ResponseFlags::RESTRICTED_ADMIN_MODE_SUPPORTED);
    let own = case.ended_by(Side::Client).is_some()
        && !matches!(connection.encrypted.nla, Some(Nla::RefusedByStatus(_) | Nla::Passed(_)));
    (asked && !offered && own).then(|| {
        let evidence = vec![
            Evidence::of(request, "the client requires Restricted Admin mode"),
            Evidence::of(confirm, "the server's answer does not offer it"),
            left,
        ];
        Finding::new(&CAUSE, Strength::Inferred, Blame::Server, evidence).detail(words(NO_RESTRICTED_ADMIN))
    })
}

fn words(code: u32) -> &'static str {
    match code {
        0x1607 => "the client's policy does not allow its credentials to be delegated to this server",
        0x1707 => {
            "the client's policy does not allow delegation where the server was authenticated by NTLM only"
        }
        0xf08 => "the client may not send these credentials to this server",
        NO_RESTRICTED_ADMIN => "the server does not support Restricted Admin mode",
        _ => "Kerberos between users is required",
    }
}
