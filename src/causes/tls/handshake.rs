//! Where a TLS handshake stopped and who ended it, as the causes of this stage ask for it.
//!
//! Names no cause. Says nothing of a connection that went past TLS: its handshake was good.

use crate::base::{Mark, Observed, time};
use crate::causes::{Blame, Case, Evidence};
use crate::connection::encrypted::SESSION_RECORDS;
use crate::connection::tls::ClearAlert;
use crate::connection::{Connection, Outcome, Stage};
use crate::correlate::incident::CLICK;
use crate::protocol::tls::{AlertDescription, ClientHello, TlsVersion};
use crate::stream::{Close, Flow, Opening, Side};

/// A later session of the same client within this time shows that it left on its own account.
const LATER: i64 = 120 * time::SECOND;
/// A path this short never makes a close and the message before it cross for long.
const SLACK: i64 = 5 * time::MILLISECOND;
/// No path takes longer.
const LONGEST_WAY: i64 = 10 * time::SECOND;
/// Suites that every TLS 1.2 or 1.3 server of the last ten years has: ECDHE or TLS 1.3 with AES-GCM or ChaCha20.
const COMMON_SUITES: [u16; 8] = [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8];

/// The connection, if its TLS handshake began and failed.
pub fn stopped<'a>(case: &Case<'a>) -> Option<&'a Connection> {
    let connection = case.connection()?;
    let failed = connection.reached == Stage::Tls && connection.outcome(Stage::Tls) == Outcome::Failed;
    let went_on = connection.encrypted.from_server > SESSION_RECORDS;
    (connection.tls.is_begun() && failed && !went_on && connection.foreign.is_none()).then_some(connection)
}

/// The fatal alert in clear that ended the handshake.
pub fn fatal_alert(case: &Case<'_>) -> Option<Observed<ClearAlert>> {
    let alert = stopped(case)?.tls.fatal_alert()?;
    (alert.value.alert.description != AlertDescription::CLOSE_NOTIFY).then_some(alert)
}

/// The fatal alert of the server that answers the ClientHello.
pub fn alert_to_hello(case: &Case<'_>) -> Option<Observed<ClearAlert>> {
    let tls = &stopped(case)?.tls;
    let alert = fatal_alert(case).filter(|alert| alert.value.from == Side::Server)?;
    (tls.offered().is_some() && tls.answered().is_none()).then_some(alert)
}

/// The segment that ended the handshake without a fatal alert, where the capture can prove that there was none,
/// the segment is its sender's own, and nothing was swallowed on the way.
pub fn closed<'a>(case: &Case<'a>) -> Option<&'a Close> {
    let connection = stopped(case)?;
    let flow = case.flow()?;
    let close = flow.first_close()?;
    let swallowed = [Side::Client, Side::Server].iter().any(|side| !flow.swallowed(*side).is_empty());
    let proven = case.capture_is_sound() && flow.opening != Opening::MidStream && !swallowed;
    // A close beyond what its sender was seen to send, or before what was still to come: the capture lacks
    // something, or it was sent again.
    let last = |side| last_message(connection, side).is_none_or(|message| message <= close.mark);
    let in_line = close.offset <= close.expected && last(Side::Client) && last(Side::Server);
    let own = case.forged(close).is_none() && flow.icmp.is_empty();
    let unsaid = connection.tls.fatal_alert().is_none() && connection.tls.finished().is_none();
    // What answers a hello of SSLv2 is not read here, so nothing is known to be missing.
    let legible = !connection.tls.client_hello.as_ref().is_some_and(|hello| hello.value.ssl2)
        || connection.tls.answered().is_some();
    (proven && in_line && own && unsaid && legible).then_some(close)
}

/// Whether who closed can have received the message before: from the capture to it and back takes its time. At the
/// server's end of a long path, a close and the message before it may have crossed.
pub fn may_answer(case: &Case<'_>, close: &Close, message: Mark) -> bool {
    case.both().is_some_and(|(connection, flow)| had_time(connection, flow, close, message))
}

/// The same, of a connection by itself.
pub fn had_time(connection: &Connection, flow: &Flow, close: &Close, message: Mark) -> bool {
    let (request, confirm) = (connection.request.as_ref(), connection.confirm.as_ref());
    let hello = connection.tls.offered();
    let (syn, syn_ack) = (flow.syns.last(), flow.syn_acks.last());
    // The quickest of two answers that came for sure: the first one may have waited for an address to be resolved.
    let answers = match close.from {
        Side::Server => [
            (syn.map(|syn| syn.mark), syn_ack.map(|syn_ack| syn_ack.mark)),
            (request.map(Observed::mark), confirm.map(Observed::mark)),
        ],
        Side::Client => {
            [(syn_ack.map(|syn_ack| syn_ack.mark), flow.handshake), (confirm.map(Observed::mark), hello)]
        }
    };
    let ways = answers.into_iter().filter_map(|(said, answered)| Some(answered?.time - said?.time));
    close.mark.time - message.time >= least_wait(ways)
}

/// How long after a message its receiver may close at the earliest, if its answers take so long.
pub fn least_wait(answers: impl Iterator<Item = i64>) -> i64 {
    // Longer than any path: a broken stamp, or somebody who waited.
    let way = answers.filter(|way| *way <= LONGEST_WAY).min();
    way.unwrap_or(0) / 10 * 8 - SLACK
}

/// The last message of the handshake that a side was seen to send.
pub fn last_message(connection: &Connection, side: Side) -> Option<Mark> {
    let tls = &connection.tls;
    let seen = match side {
        Side::Client => [tls.offered(), tls.client_finished, None, None],
        Side::Server => [tls.answered(), tls.retry, tls.server_done, tls.server_finished],
    };
    seen.into_iter().flatten().max()
}

/// The same, if the server closed when it had the ClientHello.
pub fn closed_at_hello<'a>(case: &Case<'a>) -> Option<&'a Close> {
    let tls = &stopped(case)?.tls;
    let close = closed(case).filter(|close| close.from == Side::Server)?;
    let hello = tls.offered()?;
    (tls.answered().is_none() && may_answer(case, close, hello)).then_some(close)
}

/// How the server turned the ClientHello down, decisive fact first: an alert, or a close without ServerHello.
pub fn turned_down(case: &Case<'_>) -> Option<Vec<Evidence>> {
    let first = match alert_to_hello(case) {
        Some(alert) => of_alert(&alert),
        None => Evidence::at(
            closed_at_hello(case)?.mark,
            "the server ends the connection without answering the ClientHello",
        ),
    };
    let mut evidence = vec![first];
    evidence.extend(stopped(case).and_then(offer));
    Some(evidence)
}

/// The client that left when the server's certificate was there, or before: an alert of its own, or the first to
/// close, with nothing sent behind the handshake. Not one that came back and got further.
pub fn client_gave_up(case: &Case<'_>) -> Option<Evidence> {
    let connection = case.stopped_in(Stage::Tls)?;
    if came_back(case).is_some() {
        return None;
    }
    if let Some(alert) = fatal_alert(case) {
        return (alert.value.from == Side::Client).then(|| of_alert(&alert));
    }
    let close = case.ended_by(Side::Client).filter(|close| case.forged(close).is_none())?;
    let asked = connection.tls.answered().is_some_and(|hello| may_answer(case, close, hello));
    (asked && connection.encrypted.from_client == 0 && case.capture_is_sound())
        .then(|| Evidence::at(close.mark, crate::causes::case::ending_says(close)))
}

/// The connection with which the client came back and got further: then it left this one on its own account.
pub fn came_back(case: &Case<'_>) -> Option<Mark> {
    case.ask(|own, around| {
        around
            .others
            .went_further(own, CLICK)
            .or_else(|| around.others.got_in(own, LATER))
            .map(|other| other.first)
    })
}

/// Another client's good handshake with the same server endpoint.
pub fn good_for_another(case: &Case<'_>) -> Option<Mark> {
    case.ask_to_tell(|own, around| {
        around.others.shown_at_host(own).tls_passed.then_some(())?;
        let mut others = around.others.at_server(own.server, own.first);
        others.find(|other| other.client != own.client && other.tls_passed.is_some())?.tls_passed
    })
}

/// Which side's settings are out of line: the client's if the server agrees with others or the offer is old, else
/// the server's.
pub fn odd_one_out(case: &Case<'_>, hello: &ClientHello) -> Blame {
    let current = [TlsVersion::TLS_1_2, TlsVersion::TLS_1_3].iter().any(|version| hello.allows(*version));
    let common = hello.cipher_suites.iter().any(|suite| COMMON_SUITES.contains(&suite.0));
    if good_for_another(case).is_none() && current && common { Blame::Server } else { Blame::Client }
}

/// An alert as evidence.
pub fn of_alert(alert: &Observed<ClearAlert>) -> Evidence {
    let ClearAlert { from, alert: said } = alert.value;
    let says = format!(
        "the {} sends the fatal TLS alert {} ({})",
        from.name(),
        said.description.0,
        said.description
    );
    Evidence::of(alert, says)
}

/// What the client offered, as evidence.
pub fn offer(connection: &Connection) -> Option<Evidence> {
    let hello = connection.tls.client_hello.as_ref()?;
    let suites = hello.value.cipher_suites.iter().filter(|suite| !suite.is_mark()).count();
    let says = format!("the client offers {} and {suites} cipher suites", versions(&hello.value));
    Some(Evidence::of(hello, says))
}

/// What the server chose, as evidence.
pub fn choice(connection: &Connection) -> Option<Evidence> {
    let hello = connection.tls.server_hello.as_ref()?;
    let says = format!("the server chooses {} with {}", hello.value.version(), hello.value.cipher);
    Some(Evidence::of(hello, says))
}

/// The versions of an offer, highest first.
pub fn versions(hello: &ClientHello) -> String {
    let offered: Vec<String> = hello.offered_versions().iter().map(ToString::to_string).collect();
    let open = hello.supported_versions.is_empty();
    format!("{}{}", offered.join(", "), if open { " at most" } else { "" })
}

/// At which step of the handshake a moment lies.
pub fn step(connection: &Connection, moment: Mark) -> &'static str {
    let tls = &connection.tls;
    let past = |mark: Option<Mark>| mark.is_some_and(|mark| mark < moment);
    if past(tls.client_finished) || past(tls.server_finished) {
        "when the handshake was almost complete"
    } else if past(tls.server_done) || past(tls.certificate.as_ref().map(Observed::mark)) {
        "after the server's certificate"
    } else if past(tls.answered()) {
        "after the ServerHello"
    } else if past(tls.retry) {
        "after the server asked for another ClientHello"
    } else {
        "after the ClientHello, without a ServerHello"
    }
}
