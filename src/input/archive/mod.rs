//! Archives to their members, one kind per file. Each hands its members to the [`Unpacker`] as streams and says what
//! it could not read. None writes anything anywhere, and none trusts a size that a header claims.

mod cab;
mod sevenz;
mod sevenz_header;
mod tar;
mod zip;
mod zip_salvage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::format::Archive;
use super::unpack::Unpacker;

/// What an archive is read with: where it stands, how deep, and who takes its members.
#[derive(Debug)]
pub(super) struct Opened<'a, 'b> {
    /// Its label.
    pub path: &'a Path,
    /// The depth of its members.
    pub depth: u32,
    /// Who takes them.
    pub to: &'a mut Unpacker<'b>,
}

/// Reads an archive that lies in memory, or in a mapped file.
pub(super) fn read(archive: Archive, bytes: &[u8], opened: &mut Opened<'_, '_>) {
    let path = opened.path;
    // Readers of others' formats are others' code: what they did not think of ends this archive, not the run.
    let read = catch_unwind(AssertUnwindSafe(|| match archive {
        Archive::Zip => zip::read(bytes, opened),
        Archive::Cab => cab::read(bytes, opened),
        Archive::SevenZip => sevenz::read(bytes, opened),
        Archive::Tar => tar::read(bytes, opened),
    }));
    if read.is_err() {
        opened.to.damaged_archive(path, "its structure contradicts itself");
    }
}

pub(super) use tar::read as read_tar;
