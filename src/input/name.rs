//! What a member of an archive is called: a label for the reader of the report, never a place to write to.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use oem_cp::code_table::DECODING_TABLE_CP850;
use oem_cp::decode_string_complete_table;

/// Longer names are cut: they are labels, and an archive may hold many.
const LONGEST: usize = 256;

/// The name in characters, with `/` between its parts.
///
/// Windows tools write `\`, and names in the code page of the console unless a flag says UTF-8; which page that was is
/// written nowhere, so 850 stands for all of them.
pub(super) fn decoded(raw: &[u8]) -> String {
    let text = match std::str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(decode_string_complete_table(raw, &DECODING_TABLE_CP850)),
    };
    let text = text.replace('\\', "/");
    let text = text.trim_start_matches("./");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Whether a name would lead out of a folder that it is unpacked to.
pub(super) fn leads_out(name: &str) -> bool {
    name.starts_with('/') || name.split('/').any(|part| part == "..") || name.get(1..2) == Some(":")
}

/// `bundle.zip!folder/member.evtx`.
pub(super) fn inside(archive: &Path, member: &str) -> PathBuf {
    let mut label = archive.as_os_str().to_owned();
    label.push("!");
    label.push(member);
    PathBuf::from(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_windows_tools_are_read() {
        assert_eq!(decoded(br"SRV01_EventLogs\SRV01_System.evtx"), "SRV01_EventLogs/SRV01_System.evtx");
        assert_eq!(decoded("Ereignisse/Größe.txt".as_bytes()), "Ereignisse/Größe.txt");
        // The same in code page 850, without the flag that says UTF-8.
        assert_eq!(decoded(b"Gr\x94\xe1e.txt"), "Größe.txt");
        assert!(decoded(&vec![b'x'; 60_000]).len() < 300);
    }

    #[test]
    fn names_that_lead_out_are_noticed() {
        for bad in ["../a", "a/../../b", "/etc/passwd", "C:/x"] {
            assert!(leads_out(bad), "{bad}");
        }
        assert!(!leads_out("a/b..c/d"));
    }
}
