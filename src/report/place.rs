//! Where on the path the files of a report were taken: by what they hold, never by their names.

use super::model::{Crossing, Reset, Views};
use crate::base::{SourceId, time};
use crate::connection::{self, views};
use crate::correlate::{Attempt, clock};
use crate::eventlog::Log;
use crate::stream::{Flow, Side};

/// Where a capture was taken: at the end that answers without delay, or whose packets were not routed.
pub(super) fn of_capture(source: SourceId, attempts: &[Attempt]) -> &'static str {
    let views = attempts.iter().filter_map(|attempt| attempt.connection.views.as_deref());
    let among = |views: &&connection::Views| {
        views.client_side.source != views.server_side.source
            && [views.client_side.source, views.server_side.source].contains(&source)
    };
    let told: Vec<&str> = views.filter(among).map(|views| of_point(source, views)).collect();
    if let Some(first) = told.first() {
        return if told.iter().all(|role| role == first) { first } else { "path" };
    }
    let flows: Vec<&Flow> = attempts
        .iter()
        .filter(|attempt| attempt.connection.first.at.source() == source)
        .filter_map(|attempt| attempt.connection.flow.as_deref())
        .collect();
    by_round_trip(&flows)
}

/// Where the other capture stands is known: so this one is on its own side.
fn of_point(source: SourceId, views: &connection::Views) -> &'static str {
    if views.client_side.source == source {
        if views.at_client { "client" } else { "path" }
    } else if views.at_server {
        "server"
    } else {
        "path"
    }
}

fn by_round_trip(flows: &[&Flow]) -> &'static str {
    /// Shorter round trips do not tell the ends apart.
    const TELLING: i64 = 2 * time::MILLISECOND;
    let shares: Vec<f64> = flows
        .iter()
        .filter(|flow| flow.handshake_round_trip().is_some_and(|whole| whole >= TELLING))
        .filter_map(|flow| flow.nearness_to_client())
        .collect();
    let near_client = shares.iter().filter(|share| **share > 0.9).count();
    let near_server = shares.iter().filter(|share| **share < 0.1).count();
    match (shares.len(), near_client, near_server) {
        (0, ..) => "unknown",
        (all, near, _) if near == all => "client",
        (all, _, near) if near == all => "server",
        _ => "path",
    }
}

/// Which computer wrote a log, by its channels.
pub(super) fn of_log(log: &Log) -> &'static str {
    let has = |part: &str| log.channels.iter().any(|channel| channel.contains(part));
    if has("TerminalServices-RDPClient") {
        "client"
    } else if has("TerminalServices-Gateway") {
        "gateway"
    } else if has("RdpCoreTS") || has("RemoteConnectionManager") || has("LocalSessionManager") {
        "server"
    } else {
        "unknown"
    }
}

/// What two captures saw of one connection, as plain data.
pub(super) fn views(own: &connection::Views) -> Views {
    Views {
        client_side: own.client_side.source.0,
        server_side: own.server_side.source.0,
        at_client: own.at_client,
        at_server: own.at_server,
        hops: own.hops,
        one_way_ms: clock::seconds(own.transit.saturating_mul(1000)),
        to_server: crossing(own, Side::Client),
        to_client: crossing(own, Side::Server),
        resets: own.resets.iter().map(reset).collect(),
    }
}

fn crossing(views: &connection::Views, side: Side) -> Crossing {
    let own = views.crossing(side);
    let lost_frames = own.examples.iter().filter_map(|seen| seen.at.frame()).collect();
    Crossing {
        sent: own.sent,
        lost: own.lost,
        lost_frames,
        openings: own.openings.0,
        openings_lost: u64::try_from(own.openings.1.len()).unwrap_or(u64::MAX),
        proven: own.is_proof,
    }
}

fn reset(own: &views::Reset) -> Reset {
    Reset {
        from: own.from.name(),
        source: own.mark.at.source().0,
        frame: own.mark.at.frame().unwrap_or(0),
        origin: match own.origin {
            Some(views::Origin::Sent) => "sent",
            Some(views::Origin::Injected) => "injected",
            None => "unknown",
        },
        arrived: own.arrived,
    }
}
