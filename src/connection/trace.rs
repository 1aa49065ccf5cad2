//! One flow to one connection: reads its messages in order and says what it was.

use super::encrypted::{self, Encrypted};
use super::stage::Stage;
use super::tls::{self, Tls};
use super::{Connection, Foreign, Settings, Transport, ending, stages};
use crate::base::{Mark, Observed, Timestamp};
use crate::packet::interest::looks_like_request;
use crate::protocol::mcs::{self, McsPdu};
use crate::protocol::nego::{ConnectionConfirm, ConnectionRequest, connection_confirm, connection_request};
use crate::protocol::share::{SecurityFlags, secured, share_pdu};
use crate::protocol::x224::{TpduCode, tpdu};
use crate::protocol::{foreign, preamble, tpkt};
use crate::stream::{Flow, Framing, Run, Side};

/// Segments at whose beginning a connection request is looked for: behind a SOCKS or proxy exchange it is not the
/// first message.
const REQUEST_WITHIN: usize = 16;
/// Bytes of a foreign answer that are shown.
const SHOWN: usize = 40;

/// Reads one flow. `capture_end` is the last stamp of the capture that holds it.
pub fn trace(mut flow: Box<Flow>, capture_end: Timestamp) -> Connection {
    let request = find_request(&flow);
    let confirm = find_confirm(&flow);
    let (tls, sealed) = tls::read(&flow);
    let foreign = if confirm.is_none() { find_foreign(&flow, &tls, request.is_some()) } else { None };
    let mut connection = Connection {
        transport: Transport::Tcp,
        client: flow.client,
        server: flow.server,
        first: flow.first,
        last: flow.last,
        also_in: Vec::new(),
        also_as: Vec::new(),
        goes_on_in: None,
        views: None,
        absent: None,
        capture_end,
        flow: None,
        stages: Vec::new(),
        reached: Stage::Transport,
        request,
        confirm,
        foreign,
        tls,
        settings: read_settings(&flow),
        encrypted: Encrypted::default(),
        goodbye: None,
    };
    let nla = (!connection.is_cut_before(&flow)).then(|| connection.uses_nla());
    connection.encrypted = encrypted::read(&flow, &connection.tls, nla, &sealed);
    connection.goodbye = ending::goodbye(&flow, &connection.tls, &connection.encrypted);
    let (stages, reached) = stages::walk(&connection, &flow);
    connection.stages = stages;
    connection.reached = reached;
    // What was to be read has been read; a large capture has many connections.
    flow.to_server.runs = Vec::new();
    flow.to_client.runs = Vec::new();
    connection.flow = Some(flow);
    connection
}

/// Whether a flow on no RDP port speaks RDP after all.
pub fn speaks_rdp(flow: &Flow) -> bool {
    request_at(flow).is_some()
}

/// The run and the place in it where the connection request begins.
fn request_at(flow: &Flow) -> Option<(&Run, usize)> {
    let run = flow.to_server.runs.first()?;
    let skipped = match preamble::preamble(&run.bytes) {
        Ok((rest, Some(_))) => run.bytes.len() - rest.len(),
        _ => 0,
    };
    let starts = [0, skipped].into_iter().chain(run.piece_starts().take(REQUEST_WITHIN));
    let mut first_tpkt = None;
    for start in starts {
        let bytes = run.bytes.get(start..).unwrap_or_default();
        if looks_like_request(bytes) {
            return Some((run, start));
        }
        // A bare or odd request counts only where it must stand.
        if first_tpkt.is_none() && start <= skipped && code_at(bytes) == Some(TpduCode::CONNECTION_REQUEST) {
            first_tpkt = Some((run, start));
        }
    }
    first_tpkt
}

fn code_at(bytes: &[u8]) -> Option<TpduCode> {
    let (_, packet) = tpkt::tpkt(bytes).ok()?;
    tpdu(packet.payload).ok().map(|tpdu| tpdu.code)
}

/// The connection request of a flow.
fn find_request(flow: &Flow) -> Option<Observed<ConnectionRequest>> {
    let (run, start) = request_at(flow)?;
    let (_, packet) = tpkt::tpkt(run.bytes.get(start..)?).ok()?;
    let tpdu = tpdu(packet.payload).ok()?;
    let end = start + usize::from(packet.length).saturating_sub(1);
    Some(run.mark(end).or(run.mark(start))?.of(connection_request(&tpdu)))
}

fn find_confirm(flow: &Flow) -> Option<Observed<ConnectionConfirm>> {
    let run = flow.to_client.runs.first()?;
    for start in std::iter::once(0).chain(run.piece_starts().take(REQUEST_WITHIN)) {
        let bytes = run.bytes.get(start..).unwrap_or_default();
        let Ok((_, packet)) = tpkt::tpkt(bytes) else { continue };
        let Ok(tpdu) = tpdu(packet.payload) else { continue };
        if tpdu.code == TpduCode::CONNECTION_CONFIRM {
            let end = start + usize::from(packet.length).saturating_sub(1);
            return Some(run.mark(end).or(run.mark(start))?.of(connection_confirm(&tpdu)));
        }
    }
    None
}

/// A server whose first bytes are neither TPKT nor TLS of a running connection.
fn find_foreign(flow: &Flow, tls: &Tls, requested: bool) -> Option<Observed<Foreign>> {
    if !flow.to_client.from_start || tls.offered().is_some() {
        return None;
    }
    let run = flow.to_client.runs.first().filter(|run| run.offset == 0)?;
    let mark = run.mark(0)?;
    if tpkt::looks_like_tpkt(&run.bytes) || run.bytes.is_empty() {
        return None;
    }
    let client_first: Option<Mark> = flow.to_server.runs.first().and_then(|run| run.mark(0));
    let spoke_first = client_first.is_none_or(|client| mark < client);
    // Without a request, only a server that speaks first proves anything: who knows what the client asked for.
    if !requested && !spoke_first {
        return None;
    }
    Some(mark.of(Foreign {
        looks_like: looks_like(&run.bytes),
        first_bytes: printable(&run.bytes),
        spoke_first,
    }))
}

fn looks_like(bytes: &[u8]) -> &'static str {
    match bytes {
        [21, 3, ..] => "a TLS alert",
        [22, 3, ..] => "a TLS handshake",
        _ => foreign::foreign(bytes).map_or("no protocol that is known here", foreign::Foreign::name),
    }
}

fn printable(bytes: &[u8]) -> String {
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    shown.iter().map(|byte| if matches!(byte, 0x20..=0x7e) { char::from(*byte) } else { '.' }).collect()
}

/// MCS in clear: the connect sequence, and errors where nothing is encrypted.
fn read_settings(flow: &Flow) -> Settings {
    let mut settings = Settings::default();
    for record in flow.records.iter().filter(|record| record.framing == Framing::Tpkt) {
        let Some(body) = tls::body_of(flow.stream(record.from), record) else { continue };
        let Ok(tpdu) = tpdu(body) else { continue };
        if tpdu.code != TpduCode::DATA {
            continue;
        }
        match mcs::mcs(tpdu.data) {
            Ok(McsPdu::ConnectInitial(initial)) if settings.connect_initial.is_none() => {
                settings.connect_initial = Some(record.end.of(*initial));
            }
            Ok(McsPdu::ConnectResponse(_)) => {
                settings.connect_response.get_or_insert(record.end);
            }
            Ok(McsPdu::DisconnectUltimatum(_)) => settings.ultimatum = Some(record.end.of(record.from)),
            Ok(McsPdu::SendData(data)) if record.from == Side::Server => {
                // In clear only without encryption; a body that is encrypted does not read as one.
                let clear = secured(data.data)
                    .ok()
                    .filter(|secured| !secured.flags.contains(SecurityFlags::SEC_ENCRYPT));
                let info = clear.and_then(|_| share_pdu(data.data).ok()).and_then(|pdu| pdu.error_info());
                if let Some(code) = info {
                    settings.error_info = Some(record.end.of(code));
                }
            }
            _ => {}
        }
    }
    settings
}
