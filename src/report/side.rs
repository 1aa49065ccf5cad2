//! UDP connections as the report shows them, beside the TCP connections that they belong to.

use super::build::{joined, own_time, place_of, verdict};
use super::model::{Connection, Endpoint, Facts, StageRow};
use crate::causes::{self, Verdict};
use crate::connection::alignment::Alignment;
use crate::connection::{Transport, udp::UdpConnection};
use crate::correlate::SideConnection;
use crate::eventlog::guid::Guid;

/// The number of a UDP connection: those of all others come first.
pub(super) fn id_of(attempts: usize, at: usize) -> u32 {
    u32::try_from(attempts + at + 1).unwrap_or(u32::MAX)
}

/// One UDP connection. `owner` is the number of the connection that it stands beside, and the verdict on that.
pub(super) fn connection(
    (id, incident): (u32, u32),
    side: &SideConnection,
    owner: Option<(u32, &Verdict)>,
    captures: &Alignment,
) -> Connection {
    let udp = &side.udp;
    let mut sources: Vec<u32> = side.events.iter().map(|joined| joined.event.at.source().0).collect();
    sources.extend(udp.also_in.iter().map(|source| source.0));
    let holds_it = udp.first.at.source().0;
    sources.push(holds_it);
    sources.sort_unstable_by_key(|source| (*source != holds_it, *source));
    sources.dedup();
    Connection {
        id,
        incident,
        beside: owner.map(|(id, _)| id),
        beside_by: side.owner.map(|owner| owner.by.name()),
        steps: Vec::new(),
        views: None,
        sources,
        transport: Transport::Udp.name(),
        client: Endpoint { ip: udp.client.ip.to_string(), port: udp.client.port },
        server: Endpoint { ip: udp.server.ip.to_string(), port: udp.server.port },
        start: own_time(udp.first, captures),
        end: own_time(udp.last, captures),
        first_frame: udp.first.at.frame(),
        last_frame: udp.last.at.frame(),
        last_source: None,
        conn_state: udp.conn_state(),
        history: udp.history().to_owned(),
        reached: udp.reached().name(),
        stages: udp
            .stages()
            .into_iter()
            .map(|result| StageRow {
                stage: result.stage.name(),
                outcome: result.outcome.name(),
                at: result.at.map(|mark| place_of(mark, captures)),
                detail: result.detail,
            })
            .collect(),
        facts: facts(udp),
        events: side.events.iter().map(joined).collect(),
        verdict: verdict(&causes::side::judge(udp, owner.map(|(_, verdict)| verdict)), captures),
        display_filter: display_filter(udp),
    }
}

fn facts(udp: &UdpConnection) -> Facts {
    let chosen = udp.security.server_hello.as_ref().map(|seen| seen.value);
    let syn = udp.answer.as_ref().or(udp.offer.as_ref()).map(|seen| seen.value);
    let alert = udp.security.alert.iter().map(|seen| {
        let (from, alert) = seen.value;
        format!("{}: {} {} ({})", from.name(), alert.level, alert.description, alert.description.0)
    });
    let millis = |nanos: i64| crate::correlate::clock::seconds(nanos) * 1000.0;
    Facts {
        tls_version: chosen.map(|chosen| chosen.version.to_string()),
        cipher: chosen.map(|chosen| chosen.cipher.to_string()),
        alerts: alert.collect(),
        rtt_ms: udp.round_trip().map(millis),
        bytes_to_server: udp.to_server.bytes,
        bytes_to_client: udp.to_client.bytes,
        correlation_id: udp.correlation().map(|id| Guid(id).to_string()),
        udp_version: udp.version().map(|version| version.to_string()),
        udp_mtu: syn.map(|syn| syn.up_mtu.min(syn.down_mtu)),
        udp_lossy: udp.offer.as_ref().map(|_| udp.lossy),
        datagrams_to_server: Some(udp.to_server.datagrams),
        datagrams_to_client: Some(udp.to_client.datagrams),
        ..Facts::default()
    }
}

/// Shows the conversation in Wireshark, and nothing else.
fn display_filter(udp: &UdpConnection) -> String {
    let (client, server) = (udp.client, udp.server);
    let ip = if client.ip.is_ipv4() { "ip" } else { "ipv6" };
    format!(
        "{ip}.addr == {} && {ip}.addr == {} && udp.port == {} && udp.port == {}",
        client.ip, server.ip, client.port, server.port
    )
}
