//! The verdict where no cause was found: healthy, in doubt, or undetermined with what would settle it.
//!
//! A session is healthy only where its end was seen to be in order, or it runs on well. Names no cause.

mod client_log;
mod unseen;

use super::authentication::refused::is_tied;
use super::case::ending_says;
use super::finding::{Evidence, Finding, Kind, Verdict};
use super::session::{abrupt, decision, udp_fallback};
use super::transport::service_down::is_stop;
use super::{Case, computers, negotiation};
use crate::base::{Timestamp, Window, time};
use crate::connection::ending::Form;
use crate::connection::{Outcome, Stage, Transport};
use crate::correlate::surroundings::ALONE;
use crate::correlate::{Joined, keys};
use crate::eventlog::session_broker::{self, Meaning as Broker};
use crate::eventlog::{Provider, gateway, rdp_client, rdp_core_ts};
use crate::stream::{CloseKind, Flow, Opening, Side};

/// Nothing failed, or nothing can be said.
pub(super) fn without_finding(case: &Case<'_>, remarks: &[Finding]) -> Verdict {
    if let Some(udp) = case.side_alone {
        return super::side::judge(udp, None);
    }
    let Some(connection) = case.connection() else {
        return client_log::told(case);
    };
    let probe = &negotiation::client_left_or_probe::CAUSE;
    if let Some(left) = remarks.iter().find(|remark| std::ptr::eq(remark.cause, probe)) {
        let summary = left.detail.clone().unwrap_or_else(|| left.cause.title().to_owned());
        return Verdict {
            summary: format!("Not a failure: {summary}."),
            evidence: left.evidence.clone(),
            ..Verdict::empty(Kind::Healthy)
        };
    }
    if let Some(verdict) = by_broker(case) {
        return verdict;
    }
    if connection.transport == Transport::Unseen {
        return unseen::unseen(case);
    }
    if connection.reached_session() {
        return match doubt(case).or_else(|| udp_failed(case, remarks)) {
            None => healthy(case),
            Some(doubt) => in_doubt(case, &doubt),
        };
    }
    by_log(case).unwrap_or_else(|| undetermined(case))
}

/// A connection of which the capture holds a part, too small to tell, and the log all: it passed security and ended in
/// order.
fn by_log(case: &Case<'_>) -> Option<Verdict> {
    let (_, flow) = case.both()?;
    let is_part = flow.opening == Opening::MidStream || flow.closes.is_empty();
    // A session that stalled for want of UDP may be closed in order.
    let stalled = dtls_failed(case);
    let passed = passed_security(case).filter(|joined| is_tied(joined))?;
    let ended = case.all_events().find(|joined| is_tied(joined) && decision::is_orderly_end(joined))?;
    (is_part && !stalled && failed_later(case).is_none()).then(|| Verdict {
        summary: "The server's log shows that this connection passed security and ended in order; the capture holds \
                  a part of it."
            .into(),
        evidence: vec![
            Evidence::event(&passed.event, "the connection got past the security phase"),
            Evidence::event(&ended.event, "the client or its user ended it in order"),
        ],
        ..Verdict::empty(Kind::Healthy)
    })
}

/// UDP that failed by the server's log, and of which the capture does not show how the session fared with it.
fn udp_failed(case: &Case<'_>, remarks: &[Finding]) -> Option<String> {
    let told = remarks.iter().any(|remark| std::ptr::eq(remark.cause, &raw const udp_fallback::CAUSE));
    (!told && dtls_failed(case)).then(|| {
        "the server's log says that the security of UDP failed, and the capture does not show what came of it"
            .to_owned()
    })
}

fn dtls_failed(case: &Case<'_>) -> bool {
    case.all_events().any(|joined| {
        matches!(rdp_core_ts::meaning(&joined.event), Some(rdp_core_ts::Meaning::DtlsFailed(_)))
    })
}

/// What the connection broker did with it: no cause of the catalogue, and the reader must know.
fn by_broker(case: &Case<'_>) -> Option<Verdict> {
    let told = case.all_events().find_map(|joined| {
        let meaning = session_broker::meaning(&joined.event)?;
        let tells = matches!(meaning, Broker::Refused { .. } | Broker::Redirected { .. });
        tells.then_some((joined, meaning))
    });
    let Some((joined, meaning)) = told else {
        let connection = case.connection()?;
        let to = case.around.goes_on(connection.first)?;
        return Some(Verdict {
            summary: format!("Not a failure: the client goes on to {to}, with a token that names it."),
            evidence: vec![Evidence::at(connection.last, "the client leaves this host")],
            ..Verdict::empty(Kind::Healthy)
        });
    };
    if let Broker::Refused { error, .. } = meaning {
        let why = error.map(|error| format!(": {error}")).unwrap_or_default();
        let last = case.connection().and_then(|own| own.stages.last()).and_then(|result| result.at);
        let mut evidence =
            vec![Evidence::event(&joined.event, format!("the broker gave the user no host{why}"))];
        evidence.extend(last.map(|at| Evidence::at(at, "the last sign of this connection")));
        return Some(Verdict {
            summary: format!("The connection broker gave the user no host{why}."),
            evidence,
            missing: vec!["the log of the connection broker for this moment".into()],
            ..Verdict::empty(Kind::Undetermined)
        });
    }
    let Broker::Redirected { to, ip, .. } = meaning else { return None };
    let to = ip.map(|ip| ip.to_string()).or_else(|| to.map(str::to_owned))?;
    // A host may send a user to itself: then this connection is the session.
    let here = case.connection().is_some_and(|own| Some(own.server.ip) == ip);
    (!here).then(|| Verdict {
        summary: format!("Not a failure: the connection broker sent the client on to {to}."),
        evidence: vec![Evidence::event(&joined.event, format!("the broker sends the user on to {to}"))],
        missing: vec![format!(
            "the connection to {to}, if it is not in these files: what became of it there"
        )],
        ..Verdict::empty(Kind::Healthy)
    })
}

/// Why a session that came up may not be called healthy: how it ended is out of sight, or it did not fare well. A
/// fragment; nothing where all is well.
fn doubt(case: &Case<'_>) -> Option<String> {
    let (connection, flow) = case.both()?;
    if let Some(source) = connection.goes_on_in.filter(|_| !decision::ended_in_order(case)) {
        return Some(format!("it goes on in file {}, and neither file holds all of it", source.0));
    }
    let unheard = [Side::Client, Side::Server].into_iter().find(|side| !flow.swallowed(*side).is_empty());
    if let Some(side) = unheard.filter(|_| !decision::ended_in_order(case)) {
        return Some(format!("the last data of the {} was repeated and not acknowledged", side.name()));
    }
    if case.connection()?.tls.fatal_alert().is_some() {
        return Some("a TLS alert ends what may have been a handshake".into());
    }
    if let Some(after) = dismissed(case) {
        return Some(format!(
            "the server ended it by a decision {after:.1} s after it began; the code is encrypted"
        ));
    }
    let Some(close) = flow.first_close() else { return failed_later(case) };
    // A goodbye may answer the other side's end, of which the capture lacks the frame.
    if let Some(goodbye) = &case.connection()?.goodbye
        && flow.unseen_at_end(goodbye.value.from.other()) > 0
    {
        let other = goodbye.value.from.other().name();
        return Some(format!("the last bytes of the {other} are not in the capture"));
    }
    if decision::ended_in_order(case) || case.connection()?.outcome(Stage::Session) != Outcome::Cut {
        return None;
    }
    // A client that closes is what users do, and mstsc does it with RST.
    let hidden = flow.is_cut() && !flow.to_server.tracker.is_known_to_the_end();
    if hidden && close.from == Side::Client && case.end_is_seen() {
        return None;
    }
    if is_plain_end(case, flow) {
        return None;
    }
    let closed = ending_says(close);
    let unseen = [Side::Client, Side::Server].into_iter().find(|side| flow.unseen_at_end(*side) > 0);
    Some(match unseen {
        Some(side) => format!("{closed}, and the last bytes of the {} are not in the capture", side.name()),
        None if flow.is_cut() => format!("{closed}, and the snapshot length cut off what was said before"),
        None => format!("{closed}, and no goodbye can be told from what was captured"),
    })
}

/// What the logs tell of the end of a session whose end the capture does not hold, if that was none in order.
fn failed_later(case: &Case<'_>) -> Option<String> {
    /// Lower ones are decisions: of the user, of an administrator, of the server.
    const FAILURES: u32 = 0x100;
    let by_client = case.all_events().any(|joined| {
        matches!(
            rdp_client::meaning(&joined.event),
            Some(rdp_client::Meaning::Disconnected(Some(FAILURES..)))
        )
    });
    let told = told_fault(case);
    let says = if by_client {
        "the client's log tells of a failure"
    } else if let Some(told) = told {
        told
    } else if stopped_within(case).is_some() {
        "the Remote Desktop service ended, or lost its listener, while it lasted"
    } else {
        return None;
    };
    Some(format!("{says}, and the end is not in the capture: the log alone says more"))
}

/// The fault that the server's log tells of the end of a connection, if any.
fn told_fault(case: &Case<'_>) -> Option<&'static str> {
    /// errorInfo: an administrator disconnected or logged off the session, or its user did. [MS-RDPBCGR] 2.2.5.1.1
    const CHOSEN: [u32; 4] = [1, 2, 0xb, 0xc];
    /// RdpCoreTS 103: no reason is stored, its user ended it, the transport was lost. The last is looked at by itself.
    const NO_FAULT: [u32; 5] = [0, 11, 12, 13, 14];
    let said = decision::statements(case);
    // 103 may repeat the number of errorInfo.
    let is_chosen = |code: u32| CHOSEN.contains(&code) && said.iter().any(|said| said.code == code);
    let reason = || {
        case.all_events().any(|joined| match rdp_core_ts::meaning(&joined.event) {
            Some(rdp_core_ts::Meaning::Disconnected(Some(code))) => {
                !NO_FAULT.contains(&code) && !is_chosen(code)
            }
            _ => false,
        })
    };
    if said.iter().any(|said| !CHOSEN.contains(&said.code)) || reason() {
        Some("the server's log tells why it ended it")
    } else if decision::socket_error(case, Some(decision::TIMED_OUT)).is_some() {
        Some("the server's log tells that the transport timed out")
    } else if decision::transport_lost(case).is_some() {
        Some("the server's log tells that the transport was lost")
    } else {
        None
    }
}

/// TCP's own orderly end, where records do not tell whether a goodbye was said: FINs of both sides, all data
/// acknowledged, nothing of it missing.
fn is_plain_end(case: &Case<'_>, flow: &Flow) -> bool {
    let fins = [Side::Client, Side::Server].map(|side| flow.close_of(side, CloseKind::Fin));
    let first_is_fin = flow.first_close().is_some_and(|close| close.kind == CloseKind::Fin);
    first_is_fin
        && fins.iter().all(Option::is_some)
        && abrupt::all_acknowledged(flow)
        && case.end_is_seen()
        && case.capture_is_sound()
        && !flow.is_cut()
}

/// The seconds after which the server dismissed a session that had hardly begun, where nothing says for which reason.
fn dismissed(case: &Case<'_>) -> Option<f64> {
    /// A user who logs off at once needs longer.
    const HARDLY: i64 = 5 * time::SECOND;
    let connection = case.connection()?;
    // Whether a reason stands before it cannot be told where the handshake was not captured whole.
    let sealed = connection.tls.is_used()
        && (!case.capture_is_sound()
            || connection.encrypted.last_of_server.is_some_and(|last| last.plaintext.exact().is_none()));
    let goodbye = connection.goodbye.filter(|goodbye| {
        let form = goodbye.value.form;
        goodbye.value.from == Side::Server
            && (form == Form::ErrorInfoAndUltimatum || form == Form::Ultimatum && sealed)
    })?;
    let began = connection.encrypted.settings_began.unwrap_or(connection.first);
    let length = goodbye.time - began.time;
    let told = !decision::statements(case).is_empty();
    (!told && length < HARDLY).then(|| crate::correlate::clock::seconds(length))
}

/// A session that came up, and of whose end nothing certain can be said.
fn in_doubt(case: &Case<'_>, doubt: &str) -> Verdict {
    let verdict = undetermined(case);
    Verdict {
        summary: format!("The session came up. Whether it ended in order cannot be told: {doubt}."),
        ..verdict
    }
}

fn healthy(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::empty(Kind::Healthy);
    let Some((connection, flow)) = case.both() else { return verdict };
    // The user may have sat at the password box before.
    let began = connection.encrypted.settings_began.map_or(flow.first.time, |began| began.time);
    let length = flow.last.time - began;
    let ending = match &connection.goodbye {
        Some(goodbye) => {
            format!("the {} ended it in order, with {}", goodbye.value.from.name(), goodbye.value.form.name())
        }
        None if flow.closes.is_empty() => "it was still running when the capture ended".into(),
        None => "no fault is visible at its end".into(),
    };
    verdict.summary = format!(
        "The session came up and ran for {:.1} s; {ending}.",
        crate::correlate::clock::seconds(length)
    );
    if let (Some(confirm), Some(selected)) = (&connection.confirm, connection.selected()) {
        verdict.evidence.push(Evidence::of(
            confirm,
            format!("the server accepts the connection request: {}", selected.value),
        ));
    }
    if let Some(mark) = connection.encrypted.settings_began.or(connection.tls.finished()).or(flow.handshake) {
        verdict.evidence.push(Evidence::at(mark, "security is up and the session is being built"));
    }
    if let Some(goodbye) = &connection.goodbye {
        verdict.evidence.push(Evidence::of(
            goodbye,
            format!("the {} says goodbye: {}", goodbye.value.from.name(), goodbye.value.form.name()),
        ));
    }
    verdict.evidence.extend(case.ending());
    // A router that said a packet was too big, and was heeded: no fault, but what a reader looks for.
    if let Some(error) = flow.icmp.first() {
        verdict.evidence.push(Evidence::at(
            flow.mark_of(error),
            format!("{} sent {}; the connection went on", error.reporter, error.label()),
        ));
    }
    verdict
}

/// An event that only a connection past its security phase has.
fn passed_security<'a>(case: &Case<'a>) -> Option<&'a Joined> {
    case.all_events().find(|joined| {
        let by_gateway = joined.event.provider == Provider::Gateway && joined.event.id == 302;
        // At the server's own logon screen security has passed.
        let by_audit =
            || is_tied(joined) && joined.event.id != 4625 && keys::audited_from(&joined.event).is_some();
        keys::passed_security(&joined.event)
            || by_gateway
            || by_audit()
            || gateway::ended_in_order(&joined.event)
    })
}

/// The service's end within a connection that the log does not show to have ended in order.
fn stopped_within<'a>(case: &Case<'a>) -> Option<&'a Joined> {
    /// The record of a service's end comes a little behind the sessions that end with it.
    const SOON: i64 = 5 * time::SECOND;
    if decision::ended_in_order(case) {
        return None;
    }
    let own = case.connection()?.window();
    // Where no event tells the end, it may have lasted.
    let open = case.flow().is_none() && !decision::end_is_logged(case);
    let end = if open { Timestamp::MAX } else { own.end.shifted(SOON) };
    let window = Window { start: own.start, end };
    let mut stops = case.around.far_near(window).filter(|joined| is_stop(joined) == Some(true));
    stops.find(computers::of_server(case))
}

/// The seconds for which the client, whose turn it is to speak first, sent nothing after TCP was opened.
fn said_nothing(flow: &Flow) -> Option<f64> {
    /// A client asks for its session at once.
    const LONG: i64 = 5 * time::SECOND;
    let opened = flow.handshake.filter(|_| flow.opening == Opening::Syn && !flow.is_half_open())?;
    let silent =
        flow.to_server.bytes == 0 && flow.to_client.bytes == 0 && flow.unseen_at_end(Side::Client) == 0;
    let length = flow.last.time - opened.time;
    (silent && length >= LONG).then(|| crate::correlate::clock::seconds(length))
}

fn undetermined(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::empty(Kind::Undetermined);
    let Some((connection, flow)) = case.both() else { return verdict };
    let last = connection.stages.last();
    let cut = last.is_none_or(|result| matches!(result.outcome, Outcome::Cut | Outcome::Unseen))
        && flow.closes.is_empty();
    let at = last.and_then(|result| result.at).unwrap_or(flow.last);
    let detail = last
        .and_then(|result| result.detail.clone())
        .map(|detail| format!(" ({detail})"))
        .unwrap_or_default();
    let alone =
        [Side::Client, Side::Server].into_iter().find(|side| flow.fell_silent(*side, ALONE).is_some());
    verdict.summary = if let Some(silent) = alone.filter(|_| connection.reached_session()) {
        format!(
            "From one moment on nothing is heard of the {}, while the {} goes on. Whether it went, slept or lost its \
             network cannot be told from this.",
            silent.name(),
            silent.other().name()
        )
    } else if cut {
        format!("The capture ends while the connection is in the stage {}{detail}.", connection.reached)
    } else if let Some(silent) = said_nothing(flow) {
        let who = flow.closed_by().map(|who| format!(" until {who} ended it")).unwrap_or_default();
        format!(
            "TCP was opened, and the client sent no data for {silent:.1} s{who}: a scan or a health check, or a device \
             before this capture point that lets no data through."
        )
    } else {
        let who = flow.closed_by().map(|who| format!("; ended by {who}")).unwrap_or_default();
        format!(
            "The connection came as far as the stage {}{detail}{who}. Why it went no further cannot be told from this.",
            connection.reached
        )
    };
    verdict.evidence.push(Evidence::at(at, format!("last sign of the stage {}", connection.reached)));
    verdict.evidence.extend(case.ending());
    if case
        .around
        .captures
        .iter()
        .all(|capture| capture.window.is_none_or(|window| window.end <= flow.last.time.shifted(time::SECOND)))
        && cut
    {
        verdict.missing.push("a capture that goes on until the user sees the error".into());
    }
    if flow.is_cut() {
        verdict.missing.push("a capture with whole packets: the snapshot length cut these".into());
    }
    if !case.around.coverage.has(&Provider::RdpCoreTs) {
        verdict.missing.push(
            "the server's log Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational for this time"
                .into(),
        );
    }
    if !case.around.coverage.has(&Provider::RdpClient) {
        verdict.missing.push("the client's log Microsoft-Windows-TerminalServices-RDPClient/Operational, or the error code that the user saw".into());
    }
    verdict
}
