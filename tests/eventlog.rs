//! The event-log layer over logs made by others, where they are present.

pub mod oracle;

use std::path::PathBuf;

use rdpscan::base::{NoteKind, Notes, SourceId, Window};
use rdpscan::eventlog::{
    Bearing, Event, LogIndex, Provider, Wanted, bearing, local_session_manager, rdp_core_ts, scan,
};

/// The folder of public test data, if it is there.
fn data() -> Option<PathBuf> {
    let folder =
        std::env::var_os("RDPSCAN_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let present = folder.join("evtx").is_dir();
    if !present {
        println!("skipped: no {}", folder.join("evtx").display());
    }
    present.then_some(folder)
}

/// Each log named in the table of the data's README: name, records, the rest of the text.
fn table(folder: &std::path::Path) -> Vec<(String, u64, String)> {
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let name = cells.first()?.strip_prefix("| `")?.strip_suffix('`')?;
        let text = cells.last()?.trim_end_matches(" |");
        let records = text.split("; ").find_map(|part| part.rsplit(". ").next()?.strip_suffix(" records"));
        if std::path::Path::new(name).extension() != Some("evtx".as_ref()) {
            return None;
        }
        // What the table counts as `?: 0` are zeroed bytes behind a record header: no event.
        let zeroed = text.split("; ").filter(|part| part.starts_with("?: 0×1")).count();
        let records = match records {
            Some(number) => number.parse::<u64>().unwrap() - u64::try_from(zeroed).unwrap(),
            None if text == "zero-length file" => 0,
            None => return None,
        };
        Some((name.to_owned(), records, text.to_owned()))
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.len(), 52);
    rows
}

fn read(folder: &std::path::Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join("evtx").join(name)).unwrap()
}

fn index<'a>(bytes: &'a [u8], notes: &mut Notes) -> LogIndex<'a> {
    scan(SourceId(0), bytes, notes).unwrap()
}

#[test]
fn every_public_log_has_as_many_records_as_its_table_says() {
    let Some(folder) = data() else { return };
    let mut wrong = Vec::new();
    for (name, records, _) in table(&folder) {
        let bytes = read(&folder, &name);
        let mut notes = Notes::new();
        let found = scan(SourceId(0), &bytes, &mut notes).map_or(0, |index| {
            // One public record names its kind, but the values behind that are overwritten.
            let before = notes.count(NoteKind::DamagedRecord);
            index.anchors(&mut notes);
            index.events(&Wanted::default(), &mut notes);
            index.log().records - (notes.count(NoteKind::DamagedRecord) - before)
        });
        if found != records {
            wrong.push(format!(
                "{name}: {found} instead of {records}; {:?}",
                notes.iter().collect::<Vec<_>>()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fields_are_those_that_another_reader_finds() {
    let Some(folder) = data() else { return };
    let mut compared = 0;
    for (name, _, _) in table(&folder) {
        let bytes = read(&folder, &name);
        let mut notes = Notes::new();
        let Some(index) = scan(SourceId(0), &bytes, &mut notes) else { continue };
        let theirs = oracle::events(&bytes);
        for event in index.events(&Wanted::default(), &mut notes) {
            let key = (event.record(), event.id);
            let same: Vec<_> = theirs.iter().filter(|other| other.key == key).collect();
            let own = oracle::Summary::of(&event);
            assert!(
                same.iter().any(|other| **other == own),
                "{name}, record {}:\n ours {own:#?}\n theirs {same:#?}",
                event.record()
            );
            compared += 1;
        }
    }
    println!("{compared} events compared");
    assert!(compared > 4000, "{compared}");
}

/// `148×398, 72×379` behind `RemoteDesktopServices-RdpCoreTS`: name, id, count.
fn kinds_in(text: &str) -> Vec<(&str, u32, u64)> {
    let mut kinds = Vec::new();
    for part in text.split("; ") {
        let Some((name, list)) = part.split_once(": ") else { continue };
        for item in list.split(", ") {
            let Some((id, count)) = item.split_once('×') else { continue };
            // `+8 ids` may follow the last one.
            let count = count.split(' ').next().unwrap();
            if let (Ok(id), Ok(count)) = (id.parse(), count.parse()) {
                kinds.push((name, id, count));
            }
        }
    }
    kinds
}

#[test]
fn every_public_log_has_the_kinds_of_events_that_its_table_says() {
    let Some(folder) = data() else { return };
    let mut compared = 0;
    for (name, _, text) in table(&folder) {
        let bytes = read(&folder, &name);
        let mut notes = Notes::new();
        let Some(scanned) = scan(SourceId(0), &bytes, &mut notes) else { continue };
        for (provider, id, count) in kinds_in(&text) {
            if provider == "?" {
                continue;
            }
            let kinds = scanned.log().kinds.iter();
            let found: u64 = kinds
                .filter(|kind| {
                    kind.id == id && kind.provider.name().to_lowercase().ends_with(&provider.to_lowercase())
                })
                .map(|kind| kind.count)
                .sum();
            // The one record whose kind can be read and whose values cannot.
            let lost = u64::from(found == 1791 && id == 261);
            assert_eq!(found - lost, count, "{name}: {provider} {id}");
            compared += 1;
        }
    }
    println!("{compared} counts compared");
    assert!(compared > 250, "{compared}");
}

#[test]
fn damage_is_noted_and_not_fatal() {
    let Some(folder) = data() else { return };
    for (name, slots) in [
        ("omerbenamram_evtx--sample_with_a_bad_chunk_magic.evtx", 2),
        ("omerbenamram_evtx--sysmon.evtx", 8),
        ("omerbenamram_evtx--system.evtx", 0),
    ] {
        let bytes = read(&folder, name);
        let mut notes = Notes::new();
        let records = index(&bytes, &mut notes).log().records;
        assert_eq!(notes.count(NoteKind::DamagedChunk), slots, "{name}");
        assert!(records > 0, "{name}");
    }
    let mut notes = Notes::new();
    assert!(scan(SourceId(0), &read(&folder, "Yamato-Security_hayabusa--test1.evtx"), &mut notes).is_none());
    assert_eq!(notes, Notes::new());
}

const CORE: &str =
    "omerbenamram_evtx--2-vss_0-Microsoft-Windows-RemoteDesktopServices-RdpCoreTS%4Operational.evtx";

#[test]
fn every_accepted_connection_has_its_address() {
    let Some(folder) = data() else { return };
    let bytes = read(&folder, CORE);
    let mut notes = Notes::new();
    let scanned = index(&bytes, &mut notes);
    assert_eq!(scanned.log().channels.len(), 1);
    assert!(scanned.log().has_channel("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"));
    assert_eq!(scanned.log().count(&Provider::RdpCoreTs, 140), 126);
    let anchors = scanned.anchors(&mut notes);
    assert_eq!(anchors.len(), 126);
    for anchor in &anchors {
        let accepted = rdp_core_ts::accepted(anchor).unwrap();
        assert!(accepted.client.port.is_some());
        let of_server = anchor.activity.unwrap().is_server_connection();
        assert_eq!(of_server, accepted.transport == rdp_core_ts::Transport::Tcp, "{anchor:?}");
    }
    // Each refused logon belongs to an accepted connection with the same address, where the log has both.
    let refused = scanned.events(&Wanted::default(), &mut notes);
    let refused = refused.iter().filter_map(|event| match rdp_core_ts::meaning(event)? {
        rdp_core_ts::Meaning::LogonRefused { ip } => Some((event.activity, ip)),
        _ => None,
    });
    let mut joined = 0;
    for (activity, ip) in refused {
        for anchor in anchors.iter().filter(|anchor| anchor.activity == activity) {
            assert_eq!(rdp_core_ts::accepted(anchor).map(|accepted| accepted.client.ip), ip);
            joined += 1;
        }
    }
    assert!(joined > 100, "{joined}");
}

#[test]
fn gaps_and_pieces_are_found() {
    let Some(folder) = data() else { return };
    let bytes = read(&folder, CORE);
    let mut notes = Notes::new();
    let scanned = index(&bytes, &mut notes);
    let widest = scanned.log().gaps.iter().map(|gap| gap.before - gap.after - 1).max();
    println!("{:?} {:?}", scanned.log().gaps, scanned.log().pieces);
    assert!(widest > Some(400_000), "{widest:?}");
    assert_eq!(scanned.log().pieces.len(), 1);
    // Kernel-General 1 puts the clock back by nine hours in record 389 of this one.
    let bytes = read(&folder, "log2timeline_plaso--System.evtx");
    let scanned = index(&bytes, &mut notes);
    println!("{:#?}", scanned.log().pieces);
    assert!(scanned.log().pieces.iter().any(|piece| piece.first_record == 389));
}

#[test]
fn windows_choose_what_is_near_and_keep_what_is_far() {
    let Some(folder) = data() else { return };
    for (name, _, _) in table(&folder) {
        let bytes = read(&folder, &name);
        let mut notes = Notes::new();
        let Some(scanned) = scan(SourceId(0), &bytes, &mut notes) else { continue };
        let all = scanned.events(&Wanted::default(), &mut notes);
        let Some(middle) = all.get(all.len() / 2) else { continue };
        let window = Window::at(middle.time).widened(5_000_000_000);
        let chosen = scanned.events(
            &Wanted { near: Some(vec![window]), sessions: Some(vec![window]), close: None },
            &mut notes,
        );
        let far =
            |event: &Event| matches!(bearing(&event.provider, event.id), Some(Bearing::Far | Bearing::Clock));
        let expected: Vec<_> =
            all.iter().filter(|event| far(event) || window.contains(event.time)).cloned().collect();
        assert!(chosen == expected, "{name}: {} instead of {}", chosen.len(), expected.len());
        assert!(chosen.contains(middle), "{name}");
        assert!(
            scanned
                .events(
                    &Wanted { near: Some(Vec::new()), sessions: Some(Vec::new()), close: None },
                    &mut notes
                )
                .iter()
                .all(far),
            "{name}"
        );
    }
}

#[test]
fn sessions_of_one_incident_are_told_alike_by_its_logs() {
    let Some(folder) = data() else { return };
    let mut notes = Notes::new();
    let bytes = read(&folder, "Velocidex_velociraptor--RDPAuth_LocalSessionManager.evtx");
    let sessions = index(&bytes, &mut notes).events(&Wanted::default(), &mut notes);
    let reconnected = sessions.iter().find_map(|event| match local_session_manager::meaning(event)? {
        local_session_manager::Meaning::Reconnected(session) => Some((event.activity, session)),
        _ => None,
    });
    let (activity, session) = reconnected.unwrap();
    assert_eq!(session.from, local_session_manager::Origin::Remote("192.168.38.1".parse().unwrap()));
    let bytes = read(&folder, "Velocidex_velociraptor--RDPAuth_RemoteConnectionManager.evtx");
    let manager = index(&bytes, &mut notes).anchors(&mut notes);
    assert!(manager.iter().any(|event| event.activity == activity));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let Some(folder) = data() else { return };
    for (name, _, _) in table(&folder) {
        let bytes = read(&folder, &name);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut notes = Notes::new();
                let scanned = scan(SourceId(0), &bytes, &mut notes);
                let found =
                    scanned.map(|index| (index.log().clone(), index.events(&Wanted::default(), &mut notes)));
                (found, notes)
            })
        };
        assert_eq!(run(1), run(5), "{name}");
    }
}

#[test]
fn damaged_bytes_stop_nothing() {
    let Some(folder) = data() else { return };
    // A small generator with a fixed seed: a failure can be found again.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    for (name, _, _) in table(&folder) {
        let sound = read(&folder, &name);
        if sound.is_empty() || sound.len() > 200_000 {
            continue;
        }
        for round in 0..40 {
            let mut bytes = sound.clone();
            for _ in 0..=next(60) {
                let at = 4096 + next(bytes.len() - 4096);
                bytes[at] = u8::try_from(next(256)).unwrap();
            }
            if round % 4 == 0 {
                bytes.truncate(next(bytes.len()));
            }
            let mut notes = Notes::new();
            if let Some(scanned) = scan(SourceId(0), &bytes, &mut notes) {
                let events = scanned.events(&Wanted::default(), &mut notes);
                let text: usize =
                    events.iter().flat_map(|event| event.fields.iter()).map(|(_, value)| value.len()).sum();
                assert!(text < 8 << 20, "{name}: {text} bytes of text");
            }
        }
    }
}
