//! Cabinets: what Windows packs its own reports into (the `.cab` beside a netsh trace).

use std::io::{Cursor, Read, Seek};

use cab::Cabinet;

use super::Opened;
use crate::input::limits::Metered;
use crate::input::name;

/// The package unpacks a folder anew for each file in it. So many bytes may be spent on that; a report is some MiB.
const AGAIN: u64 = 4 << 30;

/// Hands over every file.
pub(super) fn read(bytes: &[u8], opened: &mut Opened<'_, '_>) {
    let mut cabinet = match Cabinet::new(Cursor::new(bytes)) {
        Ok(cabinet) => cabinet,
        Err(error) => return opened.to.damaged_archive(opened.path, &error.to_string()),
    };
    let mut spent = 0_u64;
    for (file, before) in files(&cabinet) {
        let label = name::decoded(file.as_bytes());
        if !opened.to.next_member(opened.path, &label) {
            return;
        }
        spent = spent.saturating_add(before);
        if spent > AGAIN {
            opened.to.unreadable(
                opened.path,
                &label,
                "lies too far inside of a large cabinet: unpack it first",
            );
            continue;
        }
        match cabinet.read_file(&file) {
            Ok(reader) => {
                let mut stream = Metered::new(reader, opened.to.budget());
                opened.to.member(opened.path, &label, &mut stream, opened.depth);
            }
            Err(error) => opened.to.unreadable(opened.path, &label, &error.to_string()),
        }
    }
}

/// The names of all files, each with the bytes that lie before it in its folder.
fn files<R: Read + Seek>(cabinet: &Cabinet<R>) -> Vec<(String, u64)> {
    let mut files = Vec::new();
    for folder in cabinet.folder_entries() {
        let mut before = 0_u64;
        for file in folder.file_entries() {
            files.push((file.name().to_owned(), before));
            before = before.saturating_add(u64::from(file.uncompressed_size()));
        }
    }
    files
}
