//! zip: what almost every collector makes.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

use zip::ZipReadOptions;
use zip::read::{Config, ZipFileEntry};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use super::{Opened, zip_salvage};
use crate::input::limits::Metered;
use crate::input::{looks_named_as_evidence, name};

/// Length of a local file header without name and extra field. APPNOTE.TXT 4.3.7
const LOCAL_HEADER: u64 = 30;

/// Hands over every file that the central directory lists; without one, what can be found.
pub(super) fn read(bytes: &[u8], opened: &mut Opened<'_, '_>) {
    // The index by name that this package builds elsewhere would lose members of equal names.
    let Ok(mut archive) = ZipIterable::try_new(Cursor::new(bytes), Config::default()) else {
        return zip_salvage::read(bytes, opened);
    };
    let overlapping = overlapping(&mut archive);
    let listed = archive.files().map_or(0, Iterator::count);
    if u64::try_from(listed).is_ok_and(|listed| listed <= opened.to.budget().members_left()) {
        return members(bytes, &mut archive, &overlapping, &|_| true, opened);
    }
    // Not all can be looked at: what is called a capture, a log or an archive first.
    let is_named = |label: &str| looks_named_as_evidence(Path::new(label));
    members(bytes, &mut archive, &overlapping, &is_named, opened);
    members(bytes, &mut archive, &overlapping, &|label| !is_named(label), opened);
}

/// Hands over the files whose names are `wanted`.
fn members(
    bytes: &[u8],
    archive: &mut ZipIterable<Cursor<&[u8]>>,
    overlapping: &BTreeSet<usize>,
    wanted: &dyn Fn(&str) -> bool,
    opened: &mut Opened<'_, '_>,
) {
    let mut contents = Cursor::new(bytes);
    let Ok(entries) = archive.files() else { return };
    for (at, entry) in entries.enumerate() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return opened.to.damaged_archive(opened.path, &says(&error)),
        };
        let label = name::decoded(entry.name_raw());
        if label.ends_with('/') || !wanted(&label) {
            continue;
        }
        if !opened.to.next_member(opened.path, &label) {
            return;
        }
        if entry.encrypted() {
            opened.to.unreadable(opened.path, &label, "is encrypted: give it without a password");
            continue;
        }
        if overlapping.contains(&at) {
            opened.to.unreadable(opened.path, &label, "overlaps another member");
            continue;
        }
        match entry.with_reader(&mut contents, ZipReadOptions::new()) {
            Ok(reader) => {
                let mut stream = Metered::new(reader, opened.to.budget());
                opened.to.member(opened.path, &label, &mut stream, opened.depth);
            }
            Err(error) => opened.to.unreadable(opened.path, &label, &says(&error)),
        }
    }
}

fn says(error: &ZipError) -> String {
    match error {
        ZipError::CompressionMethodNotSupported(method) => {
            format!("is packed by method {method}, which is not read")
        }
        other => other.to_string(),
    }
}

/// Places in the directory of entries whose bytes are also another's: honest tools make none, and such archives unpack
/// to any size.
fn overlapping(archive: &mut ZipIterable<Cursor<&[u8]>>) -> BTreeSet<usize> {
    let Ok(entries) = archive.files() else { return BTreeSet::new() };
    let end = |entry: &ZipFileEntry<'_>| {
        let name = u64::try_from(entry.name_raw().len()).unwrap_or(0);
        entry
            .header_start()
            .saturating_add(LOCAL_HEADER)
            .saturating_add(name)
            .saturating_add(entry.compressed_size())
    };
    let mut ranges: Vec<(u64, u64, usize)> =
        entries.flatten().enumerate().map(|(at, entry)| (entry.header_start(), end(&entry), at)).collect();
    ranges.sort_unstable();
    let mut reached = 0;
    let mut found = BTreeSet::new();
    for (start, end, at) in ranges {
        if start < reached {
            found.insert(at);
        }
        reached = reached.max(end);
    }
    found
}
