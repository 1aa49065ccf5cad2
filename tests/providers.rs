//! Every event of the reference: used, or known and not used for a stated reason.
//!
//! `events.txt` holds providers, channels, ids and names of fields. Where the reference that it was made from is present
//! (`RDPSCAN_REFERENCE`, else `../shared/reference`), every row of it must stand here.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use rdpscan::base::{Locator, Notes, SourceId, Timestamp};
use rdpscan::eventlog::{
    Event, Provider, Wanted, bearing, gateway, local_session_manager, network, rdp_client, rdp_core_ts,
    remote_connection_manager, scan, schannel, security, session_broker, system, unused::why_unused,
};

use super::support::event::Event as Written;
use super::support::evtx::Log;
use super::support::shapes::{ALL, Shape};

/// One row, for one id.
struct Row {
    provider: String,
    channel: String,
    id: u32,
    fields: Vec<String>,
}

fn rows() -> Vec<Row> {
    let lines = include_str!("events.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(|line| {
            let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
            let fields: Vec<String> =
                cells.get(3).map_or_else(Vec::new, |all| all.split(" ; ").map(str::to_owned).collect());
            let one =
                |id| Row { provider: cells[0].into(), channel: cells[1].into(), id, fields: fields.clone() };
            ids(cells[2]).into_iter().map(one).collect::<Vec<_>>()
        })
        .collect()
}

/// `21`, `36,37`, `150-152,155`.
fn ids(text: &str) -> Vec<u32> {
    let number = |text: &str| text.trim().parse::<u32>().ok();
    text.split(',')
        .flat_map(|part| match part.split_once('-') {
            Some((first, last)) => (number(first).unwrap()..=number(last).unwrap()).collect(),
            None => number(part).into_iter().collect::<Vec<_>>(),
        })
        .collect()
}

/// Whether any file of a provider reads a meaning out of it.
fn has_meaning(event: &Event) -> bool {
    rdp_core_ts::meaning(event).is_some()
        || remote_connection_manager::meaning(event).is_some()
        || local_session_manager::meaning(event).is_some()
        || rdp_client::meaning(event).is_some()
        || gateway::meaning(event).is_some()
        || session_broker::meaning(event).is_some()
        || schannel::meaning(event).is_some()
        || security::meaning(event).is_some()
        || system::meaning(event).is_some()
        || network::meaning(event).is_some()
}

/// The shape of an event, of the channel that the reference names where there are several.
fn shape(row: &Row) -> Option<&'static Shape> {
    let of_row = |shape: &&Shape| shape.provider == row.provider && u32::from(shape.event_id) == row.id;
    ALL.iter().filter(of_row).find(|shape| shape.channel == row.channel).or_else(|| ALL.iter().find(of_row))
}

/// Values that make sense for any field of that name.
fn value(name: &str) -> &'static str {
    match name {
        "MethodName" => "PrepareForAccept",
        "ConnType" => "TCP",
        "ClientIP" => "192.0.2.10:50000",
        "SleepTime" | "WakeTime" | "NewTime" | "OldTime" | "StartTime" | "StopTime" => {
            "2026-03-02T09:40:20.7000000Z"
        }
        "param1" | "param4" => "TermService",
        _ => "1",
    }
}

fn made(row: &Row) -> Event {
    let fields: Vec<(String, String)> = match shape(row) {
        Some(shape) => written(shape, 0)
            .fields()
            .into_iter()
            .enumerate()
            .map(|(at, (name, _, text))| {
                // The first of the unnamed is `Data`, the next `Data1`.
                let unnamed = if at == 0 { "Data".to_owned() } else { format!("Data{at}") };
                (name.unwrap_or(unnamed), text)
            })
            .chain(shape.binary.clone().map(|hex| ("Binary".to_owned(), hex)))
            .collect(),
        None => row.fields.iter().map(|name| (name.clone(), value(name).to_owned())).collect(),
    };
    Event {
        at: Locator::Record { source: SourceId(0), number: 1 },
        time: Timestamp::from_nanos(0),
        provider: Provider::named(&row.provider),
        channel: Arc::from(row.channel.as_str()),
        computer: "SRV01".into(),
        id: row.id,
        level: 4,
        activity: None,
        fields: fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect(),
    }
}

fn written(shape: &Shape, index: u32) -> Written<'_> {
    Written {
        shape,
        record: 1 + u64::from(index),
        time: 1_772_442_000_123_456_700 + i64::from(index) * 1_000_100,
        computer: "SRV01.example.test".into(),
        activity: None,
        process: 4,
        thread: 8,
        values: Vec::new(),
    }
}

#[test]
fn every_event_is_used_or_not_used_for_a_reason() {
    let mut complaints = Vec::new();
    let rows = rows();
    assert!(rows.len() > 250, "{}", rows.len());
    for row in &rows {
        let event = made(row);
        let name = format!("{} {}", row.provider, row.id);
        let reason = why_unused(&event.provider, row.id);
        let bears = bearing(&event.provider, row.id).is_some();
        match (has_meaning(&event), reason) {
            (true, None) if !bears => complaints.push(format!("{name}: has a meaning and is not decoded")),
            (true, Some(_)) => complaints.push(format!("{name}: used, and said to be not used")),
            (false, None) => complaints.push(format!("{name}: neither used nor listed as not used")),
            _ => {}
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What needs a service or a logon of RDP to bear on it is not asked for here.
fn always_kept(shape: &Shape) -> bool {
    !matches!(shape.provider.as_str(), "Service Control Manager" | "Microsoft-Windows-Security-Auditing")
}

#[test]
fn provider_channel_and_id_are_read_from_the_record() {
    let mut log = Log::new(1);
    for (index, shape) in (0..).zip(ALL.iter()) {
        let event = written(shape, index);
        log.push(event.record, event.time, &event.body());
    }
    let bytes = log.finish();
    let mut notes = Notes::new();
    let index = scan(SourceId(0), &bytes, &mut notes).unwrap();
    let of =
        |provider: &Provider, channel: &str, id| (provider.name().to_lowercase(), channel.to_owned(), id);
    let found: BTreeSet<_> = index
        .events(&Wanted::default(), &mut notes)
        .iter()
        .map(|event: &Event| of(&event.provider, &event.channel, event.id))
        .collect();
    let missing: Vec<_> = ALL
        .iter()
        .filter(|shape| always_kept(shape))
        .map(|shape| (Provider::named(&shape.provider), shape.channel.as_str(), u32::from(shape.event_id)))
        .filter(|(provider, _, id)| bearing(provider, *id).is_some())
        .map(|(provider, channel, id)| of(&provider, channel, id))
        .filter(|one| !found.contains(one))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_row_of_the_reference_stands_here() {
    let folder = std::env::var_os("RDPSCAN_REFERENCE").map_or("../shared/reference".into(), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("events.csv")) else { return };
    let own = include_str!("events.txt").lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(own, text.lines().skip(1).count());
}
