//! The client left before it sent credentials: a probe, a health check, a cancelled box. Not a failure.

use crate::base::{Observed, time};
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::{Nla, Outcome, Stage};
use crate::correlate::Surroundings;
use crate::correlate::incident::CLICK;
use crate::correlate::surroundings::Own;
use crate::stream::{Close, CloseKind, Flow, Opening, Side};

cause! {
    /// The client left before it sent credentials: a probe or a cancelled attempt.
    ///
    /// ## Why
    /// mstsc opens a first connection only to learn which security the server speaks, and resets it while the
    /// password box is open; load balancers and monitoring open connections and close them at once. Neither is a
    /// failure.
    ///
    /// ## What to do
    /// - Nothing, if a good session follows.
    /// - If none follows although the user went on: look for security software on the client that ends the
    ///   connection, and capture on the client.
    ///
    /// ## Seen as
    /// A client RST or FIN before credentials, or in answer to the SYN-ACK of a SYN without options; RdpCoreTS 131, 65, 72, 141, then 142/143 (64), 103 (14) without 140.
    "client-left-or-probe", stage: Negotiation, severity: Benign, blames: [None],
}

/// A later session of the same client within this time shows that nothing was wrong with an attempt that the
/// client gave up at a prompt.
const LATER: i64 = 120 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    let close = flow.first_close().filter(|close| close.from == Side::Client)?;
    if connection.reached_session()
        || connection.negotiation_failure().is_some()
        || flow.opening == Opening::MidStream
    {
        return None;
    }
    if connection.tls.fatal_alert().is_some() || connection.foreign.is_some() {
        return None;
    }
    if !flow.is_established() {
        return half_open_scan(flow, close);
    }
    // With the beginning or more missing nobody can tell what the client saw.
    if !flow.to_server.from_start || !case.end_is_seen() || !case.capture_is_sound() {
        return None;
    }
    // A client that gives up because nothing gets through has not just left.
    if flow.to_server.unacknowledged_repeats().next().is_some() || case.forged(close).is_some() {
        return None;
    }
    let ending = Evidence::at(close.mark, crate::causes::case::ending_says(close));
    if flow.to_server.bytes + flow.to_client.bytes == 0 {
        let says = "TCP was opened and closed by the client without any data: a health check or a port scan";
        return Some(Finding::new(&CAUSE, Strength::Inferred, Blame::None, vec![ending]).detail(says));
    }
    // What it asked for decides whether the answer was one that it cannot accept.
    if connection.request.is_none() && flow.to_server.is_cut() {
        return None;
    }
    // A confirm that it cannot accept is a reason to leave.
    if crate::causes::negotiation::security_layer_mismatch::detect(case).is_some() {
        return None;
    }
    // A server that keeps the client waiting is a reason to leave, and an answer behind its back none to stay.
    if let (Some(request), Some(confirm)) = (&connection.request, &connection.confirm)
        && (confirm.time - request.time >= CLICK || confirm.mark() > close.mark)
    {
        return None;
    }
    let before_credentials = match connection.reached {
        Stage::Negotiation => connection.confirm.is_some(),
        Stage::Tls => true,
        Stage::Authentication => matches!(connection.encrypted.nla, Some(Nla::ClientLeft(_))),
        _ => false,
    };
    if !before_credentials || close.kind == CloseKind::Rst && flow.fell_silent(Side::Server, CLICK).is_some()
    {
        return None;
    }
    let next = case.ask(got_further);
    // Only a client that had nothing left to wait for may have sat at a prompt for longer.
    let at_prompt = connection.reached == Stage::Negotiation
        || connection.outcome(Stage::Tls) == Outcome::Passed && connection.reached == Stage::Tls;
    let next = next.or_else(|| at_prompt.then(|| case.ask(got_in)).flatten());
    let says = match (next, connection.reached) {
        (Some(next), _) if next.value => {
            "the client closed it before it sent credentials, and came back with a connection that became a session"
        }
        (Some(_), _) => {
            "the client closed it before it sent credentials, and came back with one that went further"
        }
        // Alone, only a client that had nothing left to wait for has just left: what it saw of the handshake or of
        // the logon may have been its reason.
        (None, Stage::Negotiation) => {
            "the client closed it after the server's confirm, before it sent credentials"
        }
        (None, Stage::Tls) if connection.outcome(Stage::Tls) == Outcome::Passed => {
            "the client closed it after the TLS handshake, before it sent credentials"
        }
        (None, _) => return None,
    };
    let mut evidence = vec![ending];
    evidence.extend(
        connection
            .confirm
            .as_ref()
            .map(|confirm| Evidence::of(confirm, "the server had confirmed the request")),
    );
    evidence.extend(next.map(|next| Evidence::of(&next, "the same client opens the next connection")));
    let finding = Finding::new(&CAUSE, Strength::Inferred, Blame::None, evidence).detail(says);
    Some(
        finding
            .missing("if the user did not leave: a capture on the client, and its security software's log"),
    )
}

/// The next connection of the same client that gets further, and whether it becomes a session.
fn got_further(own: Own<'_>, around: &Surroundings) -> Option<Observed<bool>> {
    let next = around.others.went_further(own, CLICK)?;
    Some(next.first.of(next.session))
}

/// The next one that becomes a session.
fn got_in(own: Own<'_>, around: &Surroundings) -> Option<Observed<bool>> {
    let next = around.others.got_in(own, LATER)?;
    Some(next.first.of(next.session))
}

/// A SYN without options, which no system sends for a user, and a reset to the answer.
fn half_open_scan(flow: &Flow, close: &Close) -> Option<Finding> {
    let plain = flow.opening == Opening::Syn && flow.client_habits.bare_syn && flow.syns.len() == 1;
    if !plain || flow.syn_acks.len() != 1 || close.kind != CloseKind::Rst || flow.closes.len() > 1 {
        return None;
    }
    let evidence = vec![
        Evidence::at(close.mark, "the client answers the server's SYN-ACK with RST"),
        Evidence::at(flow.first, "its SYN carries no option; no system of a user sends such"),
    ];
    let says = "the port was tried by a half-open scan: a SYN without options, and a reset to the answer";
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::None, evidence).detail(says))
}
