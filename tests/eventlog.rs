//! The event-log layer over logs made by others, where they are present.

mod oracle;

use std::path::PathBuf;

use rdpscan::base::{NoteKind, Notes, SourceId};
use rdpscan::eventlog::{LogIndex, Provider, scan};

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
        if !name.ends_with(".evtx") {
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
            index.events(None, &mut notes);
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
        for event in index.events(None, &mut notes) {
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
