//! The client left before it sent credentials: a probe, a health check, a cancelled box. Not a failure.

use crate::base::time;
use crate::causes::case::CLICK;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::{Nla, Stage};
use crate::stream::{CloseKind, Opening, Side};

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
    /// A client RST or FIN before credentials; RdpCoreTS 131, 65, 72, 141, then 142/143 (64), 103 (14) without 140.
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
    if connection.tls.fatal_alert().is_some() || connection.foreign.is_some() || !flow.is_established() {
        return None;
    }
    // A client that gives up because nothing gets through has not just left.
    if flow.to_server.unacknowledged_repeats().next().is_some() || case.forged(close).is_some() {
        return None;
    }
    let ending = Evidence::at(close.mark, crate::causes::case::ending_says(close));
    if flow.to_server.bytes + flow.to_client.bytes == 0 && flow.to_server.acked_unseen() == 0 {
        let says = "TCP was opened and closed by the client without any data: a health check or a port scan";
        return Some(Finding::new(&CAUSE, Strength::Inferred, Blame::None, vec![ending]).detail(says));
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
    let follow_up = case.follow_ups(CLICK).find(|other| other.reached > connection.reached || other.session);
    let later = case.follow_ups(LATER).find(|other| other.session);
    let next = follow_up.or(later)?;
    let says = if next.session {
        "the client closed it before it sent credentials, and came back with a connection that became a session"
    } else {
        "the client closed it before it sent credentials, and came back with a connection that went further"
    };
    let evidence = vec![ending, Evidence::at(next.first, "the same client opens the next connection")];
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::None, evidence).detail(says))
}
