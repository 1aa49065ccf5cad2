//! What the packets of both said in clear, and the health of their flows.

use super::subject::Subject;
use super::{Difference, NotCompared, Seen, Spot};
use crate::report::model::{Certificate, Connection, Place};
use crate::report::rows;

/// One fact of one side.
struct Fact {
    stage: &'static str,
    what: &'static str,
    /// In words, if it was seen.
    value: Option<String>,
    at: Option<Spot>,
    /// Of two, what decides how the connection goes on: what differs only below it does not matter.
    decides: Option<String>,
    /// Differs only from the double on.
    size: Option<f64>,
}

/// The facts that differ; what only one shows is added to `not_compared`.
pub(super) fn compare(
    good: &Subject<'_>,
    bad: &Subject<'_>,
    not_compared: &mut Vec<NotCompared>,
) -> Vec<Difference> {
    let certificates = certificate(good).is_some() && certificate(bad).is_some();
    let mut differences = Vec::new();
    for (left, right) in facts(good, certificates).into_iter().zip(facts(bad, certificates)) {
        match (&left.value, &right.value) {
            (Some(one), Some(other)) if differ(&left, &right) => differences.push(Difference {
                stage: Some(left.stage),
                what: left.what.to_owned(),
                matters: left.decides.is_some() && right.decides.is_some() && left.decides != right.decides,
                good: Seen::new(one, left.at),
                bad: Seen::new(other, right.at),
            }),
            (Some(value), None) => not_compared.push(unseen(bad, left.what, value)),
            (None, Some(value)) => not_compared.push(unseen(good, right.what, value)),
            _ => {}
        }
    }
    differences
}

fn differ(left: &Fact, right: &Fact) -> bool {
    match (left.size, right.size) {
        (Some(a), Some(b)) => a.max(b) > 2.0 * a.min(b),
        _ => left.value != right.value,
    }
}

fn unseen(subject: &Subject<'_>, what: &str, other: &str) -> NotCompared {
    let why = match subject.connection {
        None => "it has no connection".to_owned(),
        Some(connection) if connection.transport == "unseen" => {
            "only a log knows of its connection".to_owned()
        }
        Some(_) if subject.reached == "session" || !subject.has_ended() => "not seen".to_owned(),
        Some(_) => format!("not seen; it ended in {}", subject.reached),
    };
    NotCompared { what: what.to_owned(), unseen_in: subject.which, why, other: other.to_owned() }
}

fn certificate<'a>(subject: &Subject<'a>) -> Option<&'a Certificate> {
    subject.seen().and_then(|connection| connection.facts.certificate.as_ref())
}

/// All facts of one side, the same ones in the same order for any: `None` where it was not seen.
fn facts(subject: &Subject<'_>, certificates: bool) -> Vec<Fact> {
    let mut all = Vec::from(negotiated(subject));
    all.extend(tls(subject, certificates));
    all.extend(flow(subject));
    all
}

fn negotiated(subject: &Subject<'_>) -> [Fact; 2] {
    let facts = subject.seen().map(|connection| &connection.facts);
    let at = by(subject, "negotiation");
    let selected = facts.and_then(|facts| facts.selected.clone());
    let failure = facts.and_then(|facts| facts.failure.as_ref()).map(|failure| format!("none: {failure}"));
    let answer = failure.or(selected);
    [
        fact(
            "negotiation",
            "requested protocols",
            facts.and_then(|facts| facts.requested.clone()),
            at.clone(),
        ),
        Fact {
            decides: answer.as_deref().map(kind_of_security),
            ..fact("negotiation", "selected protocol", answer, at)
        },
    ]
}

/// HYBRID_EX is CredSSP like HYBRID, with one message more. [MS-RDPBCGR] 2.2.1.2.1
fn kind_of_security(selected: &str) -> String {
    if selected.starts_with("HYBRID") { "CredSSP".to_owned() } else { selected.to_owned() }
}

fn tls(subject: &Subject<'_>, certificates: bool) -> Vec<Fact> {
    let facts = subject.seen().map(|connection| &connection.facts);
    let at = by(subject, "tls");
    let outcome = subject.stage("tls").map(|row| row.outcome).filter(|outcome| *outcome != "unseen");
    let alerts = facts.filter(|_| outcome.is_some()).map(|facts| match facts.alerts.as_slice() {
        [] => "none in clear".to_owned(),
        alerts => alerts.join("; "),
    });
    // An alert of a handshake that passed, a goodbye for instance, stopped nothing.
    let stopped = outcome.is_some_and(|outcome| outcome != "passed");
    let own = |what, value| fact("tls", what, value, at.clone());
    let mut all = vec![
        own("TLS version", facts.and_then(|facts| facts.tls_version.clone())),
        own("cipher", facts.and_then(|facts| facts.cipher.clone())),
        own("server name (SNI)", facts.and_then(|facts| facts.sni.clone())),
        Fact { decides: alerts.clone().filter(|_| stopped), ..own("TLS alerts", alerts) },
    ];
    let shown = certificate(subject);
    if certificates {
        all.extend([
            own("certificate thumbprint", shown.map(|own| own.thumbprint.clone())),
            own("certificate subject", shown.map(|own| own.subject.clone())),
            own("certificate issuer", shown.map(issuer)),
            own("certificate validity", shown.and_then(rows::validity)),
        ]);
    } else {
        all.push(own("certificate", shown.map(|own| own.subject.clone())));
    }
    all
}

fn issuer(own: &Certificate) -> String {
    if own.self_signed { "self-signed".to_owned() } else { own.issuer.clone() }
}

fn flow(subject: &Subject<'_>) -> [Fact; 4] {
    let connection = subject.seen();
    let facts = connection.map(|connection| &connection.facts);
    let at = by(subject, "transport");
    let mss = facts.and_then(|facts| match (facts.mss_client, facts.mss_server) {
        (Some(client), Some(server)) => Some(format!("{client}/{server}")),
        _ => None,
    });
    let round_trip = facts.and_then(|facts| facts.rtt_ms);
    let repeated = facts.map(|facts| {
        format!("{} by client, {} by server", facts.retransmissions_client, facts.retransmissions_server)
    });
    [
        fact("transport", "MSS client/server", mss, at.clone()),
        Fact { size: round_trip, ..fact("transport", "round trip", round_trip.map(rows::duration), at) },
        fact("session", "retransmissions", repeated, connection.and_then(|own| whole(subject, own))),
        fact(
            "session",
            "closed by",
            facts.and_then(|facts| facts.closed_by.clone()),
            connection.and_then(|own| last(subject, own)),
        ),
    ]
}

fn fact(stage: &'static str, what: &'static str, value: Option<String>, at: Option<Spot>) -> Fact {
    Fact { stage, what, value, at, decides: None, size: None }
}

/// By the frame that decided a stage, its facts had been seen.
fn by(subject: &Subject<'_>, stage: &str) -> Option<Spot> {
    let spot = subject.spot(stage)?;
    let words = format!("by frame {}", spot.frame?);
    Some(spot.said(subject.report, &words))
}

fn last(subject: &Subject<'_>, connection: &Connection) -> Option<Spot> {
    let frame = connection.last_frame?;
    // The frames are those of the first capture; a log may have been given before it.
    let is_capture = |id: &&u32| rows::source(subject.report, **id).is_some_and(|own| own.kind == "capture");
    let source = connection.sources.iter().find(is_capture).copied()?;
    let place = Place { source, frame: Some(frame), record: None, time: connection.end.clone() };
    Some(Spot::of(subject.report, &place).said(subject.report, &format!("by frame {frame}")))
}

fn whole(subject: &Subject<'_>, connection: &Connection) -> Option<Spot> {
    let words = format!("frames {} to {}", connection.first_frame?, connection.last_frame?);
    Some(last(subject, connection)?.said(subject.report, &words))
}
