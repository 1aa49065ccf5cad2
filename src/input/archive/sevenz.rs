//! 7z: what customers pack by hand.

use std::io::Cursor;

use sevenz_rust2::{ArchiveReader, Error, Password};

use super::{Opened, sevenz_header};
use crate::input::limits::Metered;
use crate::input::name;

/// Hands over every file, in the order in which they are packed.
pub(super) fn read(bytes: &[u8], opened: &mut Opened<'_, '_>) {
    if let Err(why) = sevenz_header::check(bytes) {
        return opened.to.damaged_archive(opened.path, why);
    }
    let mut archive = match ArchiveReader::new(Cursor::new(bytes), Password::empty()) {
        Ok(archive) => archive,
        Err(error) => return opened.to.damaged_archive(opened.path, &says(&error)),
    };
    archive.set_thread_count(1);
    let done = archive.for_each_entries(|entry, reader| {
        if entry.is_directory || !entry.has_stream {
            return Ok(true);
        }
        let label = name::decoded(entry.name.as_bytes());
        if !opened.to.next_member(opened.path, &label) {
            return Ok(false);
        }
        let mut stream = Metered::new(reader, opened.to.budget());
        opened.to.member(opened.path, &label, &mut stream, opened.depth);
        // The next member of the block begins where this one ends.
        match opened.to.budget().skip(&mut stream) {
            Ok(()) => Ok(true),
            Err(_) if opened.to.budget().is_spent() => Ok(false),
            Err(error) => Err(Error::Io(error, "".into())),
        }
    });
    if let Err(error) = done {
        opened.to.damaged_archive(opened.path, &says(&error));
    }
}

fn says(error: &Error) -> String {
    let text = error.to_string();
    if matches!(error, Error::PasswordRequired | Error::MaybeBadPassword(_)) || text.contains("AES") {
        return "it is encrypted: give it without a password".into();
    }
    if let Error::UnsupportedCompressionMethod(method) = error {
        return format!("it is packed by {method}, which is not read: unpack it first");
    }
    text
}
