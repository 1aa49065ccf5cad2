//! Event logs: sound records beside damaged ones are read, in order, the same twice.

use crate::base::{NoteKind, Notes, SourceId};
use crate::eventlog::{
    Event, Wanted, gateway, local_session_manager, network, rdp_client, rdp_core_ts,
    remote_connection_manager, scan, schannel, security, service, session_broker, system,
};

const FILE_HEADER: usize = 4096;
const CHUNK: usize = 65_536;
const CHUNK_HEADER: usize = 512;
const RECORD_HEADER: usize = 24;

/// Reads the bytes as the chunks of a log.
pub fn chunk(bytes: &[u8]) {
    let mut file = b"ElfFile\0".to_vec();
    file.resize(FILE_HEADER, 0);
    file.extend_from_slice(bytes);
    log(&file);
}

/// Reads the bytes as what stands in the only record of a chunk.
pub fn record(bytes: &[u8]) {
    log(&log_of_record(bytes));
}

/// A log of one record that holds these bytes.
pub fn log_of_record(bytes: &[u8]) -> Vec<u8> {
    let body = bytes.get(..CHUNK - CHUNK_HEADER - RECORD_HEADER - 4).unwrap_or(bytes);
    let size = u32::try_from(RECORD_HEADER + body.len() + 4).unwrap_or(0).to_le_bytes();
    let free = u32::try_from(CHUNK_HEADER + RECORD_HEADER + body.len() + 4).unwrap_or(0).to_le_bytes();
    let number = 1_u64.to_le_bytes();
    let time = 131_000_000_000_000_000_u64.to_le_bytes();
    let mut file = b"ElfFile\0".to_vec();
    file.resize(FILE_HEADER, 0);
    // Numbers of records, by order and by name; where the header ends, the last record begins, free space begins.
    file.extend_from_slice(b"ElfChnk\0");
    file.extend([number; 4].concat());
    file.extend([128_u32.to_le_bytes(), 512_u32.to_le_bytes(), free].concat());
    file.resize(FILE_HEADER + CHUNK_HEADER, 0);
    file.extend_from_slice(b"**\0\0");
    file.extend([&size[..], &number, &time, body, &size].concat());
    file.resize(FILE_HEADER + CHUNK, 0);
    file
}

fn log(file: &[u8]) {
    let mut notes = Notes::new();
    let Some(index) = scan(SourceId(0), file, &mut notes) else { return };
    let log = index.log();
    assert!(log.bearing <= log.records);
    let most = u64::try_from(file.len() / (RECORD_HEADER + 4)).unwrap_or(0);
    let named: u64 = log.kinds.iter().map(|kind| kind.count).sum();
    assert!(log.records <= most && named == log.records, "{named} kinds of {} records", log.records);
    let anchors = index.anchors(&mut notes);
    let events = index.events(&Wanted::default(), &mut notes);
    let again = index.events(&Wanted::default(), &mut Notes::new());
    assert!(events == again, "read twice, and not the same");
    let seen = u64::try_from(events.len()).unwrap_or(u64::MAX);
    assert!(seen <= log.bearing, "{seen} events of {} records", log.bearing);
    assert!(seen + notes.count(NoteKind::DamagedRecord) >= 1 || log.bearing == 0 || log.records > 0);
    assert!(events.windows(2).all(|pair| matches!(pair, [a, b] if a.record() <= b.record())));
    assert!(anchors.iter().all(|anchor| log.first_time.is_none_or(|first| first <= anchor.time)));
    for piece in &log.pieces {
        assert!(piece.window.start <= piece.window.end);
    }
    for event in &events {
        meanings(event);
    }
}

/// Asks every provider what an event means.
fn meanings(event: &Event) {
    let _ = rdp_core_ts::meaning(event);
    let _ = rdp_core_ts::accepted(event);
    let _ = rdp_core_ts::error_info(event);
    let _ = remote_connection_manager::meaning(event);
    let _ = local_session_manager::meaning(event);
    let _ = rdp_client::meaning(event);
    let _ = gateway::meaning(event);
    let _ = schannel::meaning(event);
    let _ = security::meaning(event);
    let _ = session_broker::meaning(event);
    let _ = network::meaning(event);
    let _ = service::service(event);
    let _ = system::meaning(event);
    let _ = system::clock_change(event);
}
