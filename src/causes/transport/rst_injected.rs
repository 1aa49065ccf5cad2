//! A device on the path forges a reset.

use crate::base::time;
use crate::causes::case::{ending_says, routers_passed};
use crate::causes::session::stateful_idle_timeout::FORGETS_AFTER;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::correlate::MatchKey;
use crate::eventlog::{Provider, rdp_core_ts};
use crate::stream::{Close, CloseKind};

cause! {
    /// A device on the path ends the connection with a forged reset.
    ///
    /// ## Why
    /// The RST bears one side's address but not its habits: another TTL, an IP identification or TCP options that
    /// do not fit, or the alleged sender goes on sending afterwards. Firewalls, intrusion prevention and traffic
    /// filters end connections so.
    ///
    /// ## What to do
    /// - The distance tells where: the TTL of the forged segment against that of the true sender is the number of
    ///   hops between the two.
    /// - On the device: look in its log for this connection at this second, and exempt TCP 3389 between these hosts
    ///   from the rule that fired.
    /// - To prove it: capture on both ends; the RST is in one capture and was never sent in the other.
    /// - To verify: the same connection runs on without a reset.
    ///
    /// ## Seen as
    /// RST with differing TTL, IP identification or options, or in one of two captures only; RdpCoreTS 143/142 (64), 226 (0x80070040), 103 (14).
    "rst-injected", stage: Transport, severity: Failure, blames: [Middlebox],
    more_specific_than: ["ended-abruptly-by-server", "ended-abruptly-by-client", "no-cc",
        "closed-inside-tls-reason-not-visible", "nla-refused-reason-not-visible", "client-left-or-probe",
        "port-closed-or-device-reset", "packet-loss"],
    client_code: "0x904",
}

/// A device that knows no such connection answers within this.
const AT_ONCE: i64 = 2 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    if !flow.is_established() {
        return None;
    }
    let (close, signs) = flow
        .closes
        .iter()
        .filter(|close| close.kind == CloseKind::Rst)
        .find_map(|close| Some((close, case.forged(close)?)))?;
    // What follows an orderly end, or an earlier end, is of no consequence.
    // A device that forgot an idle session resets it in the server's name. That there was one may be cut off.
    let forgotten = flow.silence.is_some_and(|silence| {
        silence.length() >= FORGETS_AFTER && (close.mark.time - silence.to.time).abs() <= AT_ONCE
    });
    if forgotten && flow.is_cut() && !connection.reached_session() {
        return None;
    }
    let ended_before =
        flow.closes.iter().any(|other| other.mark < close.mark && case.forged(other).is_none());
    let said_goodbye = connection.goodbye.as_ref().is_some_and(|goodbye| goodbye.mark() < close.mark);
    if ended_before || said_goodbye {
        return None;
    }
    let says = if signs.is_empty() { String::new() } else { format!(": {}", signs.join("; ")) };
    let mut evidence = vec![Evidence::at(close.mark, format!("{}{says}", ending_says(close)))];
    let proof = case.injected(close);
    let proven = proof.is_some();
    evidence.extend(proof.into_iter().flatten());
    evidence.extend(close.went_on.map(|mark| {
        Evidence::at(mark, format!("the {} goes on as if it had sent no reset", close.from.name()))
    }));
    let logged = case.all_events().find(|joined| {
        joined.event.provider == Provider::RdpCoreTs
            && matches!(
                rdp_core_ts::meaning(&joined.event),
                Some(rdp_core_ts::Meaning::SocketError { code: Some(64), .. })
            )
    });
    // By time and order alone it may be another connection's.
    let agrees = logged.is_some_and(|joined| joined.by != MatchKey::Time);
    let strength = if proven || agrees { Strength::Corroborated } else { Strength::Inferred };
    evidence.extend(
        logged.map(|joined| Evidence::event(&joined.event, "the server lost the connection (error 64)")),
    );
    let finding = Finding::new(&CAUSE, strength, Blame::Middlebox, evidence);
    let between = case.between_points().filter(|_| proven);
    Some(finding.located(between.unwrap_or_else(|| location(case, close))))
}

/// How far the forger is, by the TTLs.
fn location(case: &Case<'_>, close: &Close) -> String {
    let usual = case.flow().and_then(|flow| flow.habits(close.from).ttl).map(|(least, _)| least);
    match usual {
        Some(usual) if usual != close.ttl => {
            format!(
                "{} hops from this capture point by its TTL; the {} is {} hops away",
                routers_passed(close.ttl),
                close.from.name(),
                routers_passed(usual)
            )
        }
        _ => "on the path; the TTL does not tell where".into(),
    }
}
