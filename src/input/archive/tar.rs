//! tar: members one after the other, so it is read as a stream, also out of a compressed one.

use std::io::Read;

use tar::{Entry, EntryType, PaxExtensions};

use super::Opened;
use crate::input::name;

/// Long names are kept in members of their own; longer than this is no name.
const LONGEST_NAME: u64 = 64 * 1024;

/// Hands over every file.
pub(in crate::input) fn read(stream: impl Read, opened: &mut Opened<'_, '_>) {
    let mut archive = tar::Archive::new(stream);
    let entries = match archive.entries() {
        // Raw: the package would read a long name into memory whatever its length.
        Ok(entries) => entries.raw(true),
        Err(error) => return opened.to.damaged_archive(opened.path, &error.to_string()),
    };
    let mut long_name = None;
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return opened.to.damaged_archive(opened.path, &error.to_string()),
        };
        match entry.header().entry_type() {
            EntryType::GNULongName | EntryType::XHeader => {
                long_name = name_in(&mut entry).or(long_name);
            }
            EntryType::Regular | EntryType::Continuous => {
                let name = long_name.take().unwrap_or_else(|| name::decoded(&entry.path_bytes()));
                if !opened.to.next_member(opened.path, &name) {
                    return;
                }
                opened.to.member(opened.path, &name, &mut entry, opened.depth);
                if let Err(error) = opened.to.budget().skip(&mut entry) {
                    return opened.to.damaged_archive(opened.path, &error.to_string());
                }
            }
            EntryType::GNUSparse => {
                let name = long_name.take().unwrap_or_else(|| name::decoded(&entry.path_bytes()));
                opened.to.unreadable(opened.path, &name, "is stored as a sparse file");
            }
            EntryType::XGlobalHeader | EntryType::GNULongLink => {}
            _ => long_name = None,
        }
    }
}

/// The name of the next member, from a member that is there for it alone.
fn name_in(entry: &mut Entry<'_, impl Read>) -> Option<String> {
    let is_pax = entry.header().entry_type() == EntryType::XHeader;
    let mut bytes = Vec::new();
    entry.take(LONGEST_NAME).read_to_end(&mut bytes).ok()?;
    if !is_pax {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        return Some(name::decoded(bytes.get(..end)?));
    }
    PaxExtensions::new(&bytes)
        .flatten()
        .find(|extension| extension.key_bytes() == b"path")
        .map(|extension| name::decoded(extension.value_bytes()))
}
