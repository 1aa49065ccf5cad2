//! The gateway ended the tunnel because of a limit or a time-out.

use super::{by_client, code, events, of_event};
use crate::causes::{Blame, Case, Finding, Strength, cause, told};
use crate::correlate::MatchKey;
use crate::eventlog::gateway::Meaning;
use crate::stream::Side;

cause! {
    /// The RD Gateway ended the connection: a limit or a time-out of its policies was reached.
    ///
    /// ## Why
    /// The connection authorization policy limits idle time or session time, the gateway has as many connections as it
    /// may, or the user no longer met the policies when it looked again.
    ///
    /// ## What to do
    /// - Remote Desktop Gateway Manager: the policy's Timeouts page, and Properties, General: "Maximum connections".
    /// - Monitoring in the same tool shows the connections that are open; disconnect those that nobody needs.
    /// - After a session time-out with re-authentication: is the account still valid, and still in the group?
    /// - To verify: a session lives longer than the time after which it used to end; 303 then has error 1226.
    ///
    /// ## Seen as
    /// Gateway 303 with an error of a limit ([MS-TSGU] 2.2.6) or 307; client codes 0x3000022, 0x3000032, 0x3000033.
    "gateway-limit-or-timeout", stage: Gateway, severity: Failure, blames: [Server],
    client_code: "0x3000022, 0x3000032 or 0x3000033",
}

const CODES: &[u32] = &[0x300_0022, 0x300_0032, 0x300_0033];

fn detect(case: &Case<'_>) -> Option<Finding> {
    let said = events(case).find_map(|(joined, meaning)| {
        let says = match meaning {
            Meaning::TimedOut(_) => "the session timed out",
            Meaning::Disconnected { .. } => words(code(&meaning)?)?,
            _ => return None,
        };
        Some((joined, meaning, says))
    });
    let coded = told::client_code(case, CODES);
    let Some((joined, meaning, says)) = said else {
        let mut finding = by_client(case, &CAUSE, CODES, Blame::Server, "a limit or time-out of the gateway");
        // The client's word counts also where the session had been up.
        finding = finding.or_else(|| {
            let evidence = vec![told::of_code(coded?, "a limit or time-out of the gateway")];
            Some(Finding::new(&CAUSE, Strength::Stated, Blame::Server, evidence))
        });
        return finding;
    };
    // Towards its target the gateway is the client: where the target ended it first, no limit of the gateway did.
    let ended_by_target = case.ended_by(Side::Server).is_some()
        && case.connection().is_some_and(|own| own.request.is_some())
        && joined.by == MatchKey::Time;
    if ended_by_target && coded.is_none() {
        return None;
    }
    let strength = told::strength(case, joined, coded.is_some());
    let mut evidence = vec![of_event(joined, &meaning, says)];
    evidence.extend(coded.map(|coded| told::of_code(coded, says)));
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence).detail(says))
}

/// Errors of limits and of policies that are looked at again. [MS-TSGU] 2.2.6
fn words(code: u32) -> Option<&'static str> {
    Some(match code {
        23014 => "the gateway has as many connections as it may",
        23030 => "the session timed out",
        23034 => "the user could not be authenticated again",
        23035 => "the user no longer met the connection policy",
        23036 => "the user no longer met the resource policy",
        _ => return None,
    })
}
