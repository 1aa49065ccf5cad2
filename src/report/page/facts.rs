//! What one connection said in clear, and the health of its flow: for the reader who opens the capture next.

use std::net::IpAddr;

use super::Block;
use crate::report::model::{Accepted, Certificate, Connection, Crossing, Facts, Report, Views};
use crate::report::rows;
use crate::report::text::{Ink, Text};

/// The facts of a connection, a labelled line each; lines that nothing is known for are left out.
pub(in crate::report) fn facts(report: &Report, connection: &Connection) -> Block {
    let lines = [
        ("path", path(report, connection)),
        ("stages", stages(connection)),
        ("negotiation", negotiation(&connection.facts)),
        ("UDP", udp(connection)),
        ("TLS", tls(&connection.facts)),
        ("acceptable", acceptance(&connection.facts)),
        ("certificate", connection.facts.certificate.as_ref().map_or_else(Text::new, certificate)),
        ("flow", flow(connection)),
        ("captures", connection.views.as_ref().map_or_else(Text::new, |own| views(report, own))),
        ("Wireshark", Text::code(&connection.display_filter)),
    ];
    Block::Labelled(lines.into_iter().filter(|(_, text)| !text.is_empty()).collect())
}

fn path(report: &Report, connection: &Connection) -> Text {
    let unseen = connection.transport == "unseen";
    let text = if unseen { Text::new() } else { Text::plain(connection.transport).and(" ") };
    let text =
        text.and_code(&rows::endpoint(&connection.client)).and(" → ").and_code(&server(report, connection));
    match (connection.first_frame, connection.last_frame) {
        (Some(first), Some(last)) => {
            let source = connection.sources.first().copied();
            let within = |says: String, source: Option<u32>| {
                source.map_or(says.clone(), |source| rows::in_file(report, &says, source))
            };
            let frames = match connection.last_source {
                None => within(format!("frames {first} to {last}"), source),
                other => format!(
                    "{} to {}",
                    within(format!("frame {first}"), source),
                    within(format!("frame {last}"), other)
                ),
            };
            text.and(", ").and(&frames)
        }
        _ if unseen => text.and(", known from logs only"),
        _ => text,
    }
}

/// The server's address; a log does not always name it, and then the name of the computer that wrote the log stands.
pub(in crate::report) fn server(report: &Report, connection: &Connection) -> String {
    let address = rows::endpoint(&connection.server);
    let unknown = connection.server.ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    let incident = report.incidents.iter().find(|incident| incident.id == connection.incident);
    incident.filter(|_| unknown).map_or(address, |incident| incident.server.clone())
}

fn stages(connection: &Connection) -> Text {
    let mut text = Text::new();
    for stage in &connection.stages {
        if !text.is_empty() {
            text = text.and(", ");
        }
        text = text.and(stage.stage).and(" ").ink(outcome_ink(stage.outcome), stage.outcome);
        // With a place it stands in the timeline.
        if let Some(detail) = stage.detail.as_deref().filter(|_| stage.at.is_none()) {
            text = text.and(" (").and(detail).and(")");
        }
    }
    text
}

/// How an outcome looks.
pub(super) fn outcome_ink(outcome: &str) -> Ink {
    match outcome {
        "failed" => Ink::Bad,
        "cut" => Ink::Open,
        "unseen" => Ink::Dim,
        _ => Ink::Plain,
    }
}

fn negotiation(facts: &Facts) -> Text {
    listed(&[
        ("offered ", facts.requested.as_deref()),
        ("chosen ", facts.selected.as_deref()),
        ("failure ", facts.failure.as_deref()),
        ("cookie ", facts.cookie.as_deref()),
        ("client name ", facts.client_name.as_deref()),
        ("correlation id ", facts.correlation_id.as_deref().filter(|_| facts.udp_version.is_none())),
    ])
}

fn udp(connection: &Connection) -> Text {
    let facts = &connection.facts;
    let count = |number: Option<u64>| number.map_or_else(|| "?".into(), rows::count);
    let datagrams = facts.datagrams_to_server.map(|_| {
        let (out, back) = (count(facts.datagrams_to_server), count(facts.datagrams_to_client));
        format!("{out} datagrams to server, {back} to client")
    });
    let beside = connection.beside.zip(connection.beside_by).map(|(id, by)| format!("c{id} (by {by})"));
    let mtu = facts.udp_mtu.map(|mtu| mtu.to_string());
    listed(&[
        ("beside ", beside.as_deref()),
        ("version ", facts.udp_version.as_deref()),
        ("", facts.udp_lossy.filter(|lossy| *lossy).map(|_| "lossy")),
        ("largest datagram ", mtu.as_deref()),
        ("", datagrams.as_deref()),
    ])
}

fn tls(facts: &Facts) -> Text {
    let alerts = if facts.alerts.is_empty() { None } else { Some(facts.alerts.join("; ")) };
    listed(&[
        ("", facts.tls_version.as_deref()),
        ("", facts.cipher.as_deref()),
        ("server name ", facts.sni.as_deref()),
        ("alerts: ", alerts.as_deref()),
    ])
}

/// What both sides would accept, kind by kind.
fn acceptance(facts: &Facts) -> Text {
    let Some(own) = &facts.acceptance else { return Text::new() };
    let said = |kind: &Option<Accepted>| kind.as_ref().map(|kind| kind.says.clone());
    let (security, version, cipher) = (said(&own.security), said(&own.tls_version), said(&own.cipher));
    let said = [security, version, cipher].into_iter().flatten();
    said.fold(
        Text::new(),
        |text, one| if text.is_empty() { text.and(&one) } else { text.and(". ").and(&one) },
    )
}

fn certificate(certificate: &Certificate) -> Text {
    let names = if certificate.names.is_empty() { None } else { Some(certificate.names.join(", ")) };
    let issuer = if certificate.self_signed { "self-signed" } else { certificate.issuer.as_str() };
    let by = if certificate.self_signed { "" } else { "issued by " };
    listed(&[
        ("", Some(&certificate.subject)),
        (by, Some(issuer)),
        ("names ", names.as_deref()),
        ("valid ", rows::validity(certificate).as_deref()),
        ("", Some(&certificate.key)),
        ("", Some(&certificate.signature)),
        ("SHA-1 ", Some(&certificate.thumbprint)),
    ])
}

fn flow(connection: &Connection) -> Text {
    let facts = &connection.facts;
    let some = |number: u64| Some(number).filter(|number| *number > 0);
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut lines = vec![
        ("closed by ", facts.closed_by.clone()),
        ("Zeek ", known(format!("{} {}", connection.conn_state, connection.history).trim())),
        ("round trip ", facts.rtt_ms.map(rows::duration)),
    ];
    if connection.transport != "unseen" {
        let (out, back) = (rows::count(facts.bytes_to_server), rows::count(facts.bytes_to_client));
        lines.push(("", Some(format!("{out} bytes to server, {back} to client"))));
    }
    let by =
        || format!("{} by client, {} by server", facts.retransmissions_client, facts.retransmissions_server);
    let mss = match (facts.mss_client, facts.mss_server) {
        (None, None) => None,
        (client, server) => {
            Some([client, server].map(|mss| mss.map_or_else(|| "?".into(), |mss| mss.to_string())).join("/"))
        }
    };
    let largest = facts.largest_passed_to_client.max(facts.largest_passed_to_server);
    lines.extend([
        ("retransmissions ", some(facts.retransmissions).map(|_| by())),
        ("zero windows ", some(facts.zero_windows).map(rows::count)),
        ("longest silence ", facts.longest_silence_s.map(|seconds| rows::duration(seconds * 1_000.0))),
        ("MSS client/server ", mss),
        ("largest segment that passed ", largest.map(|size| rows::count(size.into()))),
        ("smallest that never did ", facts.smallest_lost.map(|size| rows::count(size.into()))),
    ]);
    let lines: Vec<_> = lines.iter().map(|(label, value)| (*label, value.as_deref())).collect();
    listed(&lines)
}

/// What two captures saw of it: what crossed, and where resets came from.
fn views(report: &Report, views: &Views) -> Text {
    let points = if views.client_side == views.server_side {
        "two capture points in one file".to_owned()
    } else {
        format!("file {} on the client's side, file {} on the server's", views.client_side, views.server_side)
    };
    let hops = views.hops.map(|hops| rows::counted(hops.into(), "router"));
    let came = |own: &Crossing| {
        let came = rows::count(own.sent.saturating_sub(own.lost));
        let doubt =
            if own.proven || own.lost == 0 { "" } else { " (the capture itself may have lost the rest)" };
        format!("{came} of {} data segments crossed{doubt}", rows::count(own.sent))
    };
    let resets = views.resets.iter().filter(|reset| reset.origin != "unknown").map(|reset| {
        let place = rows::in_file(report, &format!("frame {}", reset.frame), reset.source);
        let origin = match (reset.origin, reset.arrived) {
            ("injected", _) => "made between both points",
            (_, true) => "sent by that side, and came",
            _ => "sent by that side, and did not come",
        };
        format!("RST of the {}: {origin} ({place})", reset.from)
    });
    let resets: Vec<String> = resets.collect();
    listed(&[
        ("", Some(&points)),
        ("between them ", hops.as_deref()),
        ("one way ", Some(&rows::duration(views.one_way_ms))),
        ("to server ", Some(&came(&views.to_server))),
        ("to client ", Some(&came(&views.to_client))),
        ("", Some(&resets.join("; "))),
    ])
}

/// `label value; label value`, without what is not known.
fn listed(items: &[(&str, Option<&str>)]) -> Text {
    let known =
        items.iter().filter_map(|(label, value)| Some((label, value.filter(|value| !value.is_empty())?)));
    known.fold(Text::new(), |text, (label, value)| {
        let text = if text.is_empty() { text } else { text.and("; ") };
        text.and_dim(label).and(value)
    })
}
