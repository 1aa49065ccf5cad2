//! Why a file or a member is not used, or not as a whole.

use std::io;
use std::path::{Path, PathBuf};

use super::format::{Format, is_own_report};
use crate::base::{NoteKind, Notes};

/// One reason.
#[derive(Debug)]
pub(super) struct Trouble {
    pub kind: NoteKind,
    /// Path or label, and what is the matter.
    pub says: String,
    /// How many it stands for.
    pub count: u64,
    /// Whether it is worth a word although nobody named this file: folders and archives hold many things that are no
    /// evidence.
    pub worth_saying: bool,
}

impl Trouble {
    fn new(kind: NoteKind, path: &Path, says: &str, worth_saying: bool) -> Self {
        Self { kind, says: format!("{}: {says}", path.display()), count: 1, worth_saying }
    }

    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(NoteKind::UnreadableInput, path, &format!("cannot be read: {error}"), true)
    }

    /// The first of so many folders that are not entered.
    pub fn too_deep(first: &Path, depth: usize, count: usize) -> Self {
        let says = format!("lies deeper than {depth} folders below the one that was given: give it itself");
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Self { count, ..Self::new(NoteKind::FolderTooDeep, first, &says, true) }
    }

    /// What is not read because of its format.
    pub fn of_format(path: &Path, format: Format) -> Self {
        let named = looks_named_as_evidence(path);
        match format {
            Format::Foreign(foreign) => {
                let says = format!("is a {}: {}", foreign.name, foreign.convert);
                Self::new(NoteKind::NeedsConversion, path, &says, true)
            }
            Format::Empty => {
                let says = "is empty (0 bytes): export or capture it again";
                Self::new(NoteKind::NotUnderstood, path, says, named)
            }
            Format::Text => {
                let says = "is a text file, not a capture and not an event log: give the .pcapng or .evtx file itself";
                Self::new(NoteKind::NotUnderstood, path, says, named)
            }
            _ => {
                let says = "is not a capture (pcap, pcapng) and not an event log (evtx): its first bytes are of no known format";
                Self::new(NoteKind::NotUnderstood, path, says, named)
            }
        }
    }
}

/// The name never decides what a file is; it only decides whether a file that is *not* evidence deserves a word.
pub fn looks_named_as_evidence(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
        ["pcap", "pcapng", "cap", "evtx", "etl", "gz", "zst", "zip", "cab", "7z", "tar", "tgz"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Texts that somebody collected, and of which nothing is understood.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread {
    first: Option<PathBuf>,
    count: u64,
}

impl Unread {
    /// Counts a text, if it is called as collected ones are and is no report of this program.
    pub fn add(&mut self, path: &Path, text: &[u8]) {
        let kind = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let collected = ["txt", "reg", "log"].iter().any(|known| kind.eq_ignore_ascii_case(known));
        if collected && !is_own_report(text) {
            self.first.get_or_insert_with(|| path.to_owned());
            self.count = self.count.saturating_add(1);
        }
    }

    /// As a note.
    pub fn note(&self, notes: &mut Notes) {
        let Some(first) = &self.first else { return };
        let says = if self.count > 1 { "the first of them" } else { "left out" };
        let detail = format!("{}: {says}", first.display());
        notes.add_many(NoteKind::TextNotUnderstood, None, detail, self.count, None);
    }
}

/// So many members of one kind of trouble are named; the rest of a file is counted.
const NAMED: usize = 20;

/// What is the matter with one file that was given, and with what is in it.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    named: Vec<Trouble>,
    /// The rest, by kind, and the archive of its first.
    more: Vec<(NoteKind, PathBuf, u64)>,
}

impl Troubles {
    pub fn file(&mut self, trouble: Trouble) {
        let same = self.named.iter().filter(|known| known.kind == trouble.kind).count();
        if same < NAMED || !trouble.worth_saying {
            // What is not worth a word is dropped by the thousand, save the one that may be all there is.
            if trouble.worth_saying || self.named.is_empty() {
                self.named.push(trouble);
            }
            return;
        }
        match self.more.iter_mut().find(|(kind, ..)| *kind == trouble.kind) {
            Some((_, _, count)) => *count = count.saturating_add(1),
            None => self.more.push((trouble.kind, PathBuf::from(trouble.says), 1)),
        }
    }

    /// A member that cannot be read, or not to its end.
    pub fn member(&mut self, archive: &Path, name: &str, why: &str) {
        self.add(NoteKind::UnreadableMember, archive, name, why);
    }

    /// What a limit left out.
    pub fn over(&mut self, archive: &Path, name: &str, why: &str) {
        self.add(NoteKind::OverLimit, archive, name, why);
    }

    /// An archive that breaks off.
    pub fn damaged(&mut self, archive: &Path, why: &str) {
        self.add(NoteKind::DamagedArchive, archive, "", why);
    }

    /// A name that would lead out of a folder.
    pub fn odd_name(&mut self, archive: &Path, name: &str) {
        self.add(NoteKind::OddMemberName, archive, name, "its name leads out of the archive");
    }

    fn add(&mut self, kind: NoteKind, archive: &Path, name: &str, why: &str) {
        let path = if name.is_empty() { archive.to_owned() } else { super::name::inside(archive, name) };
        self.file(Trouble::new(kind, &path, why, true));
    }

    /// Everything so far.
    pub fn take(&mut self) -> Vec<Trouble> {
        let more = std::mem::take(&mut self.more).into_iter().map(|(kind, first, count)| Trouble {
            kind,
            says: format!("and more like these, the first of them {}", first.display()),
            count,
            worth_saying: true,
        });
        let mut all = std::mem::take(&mut self.named);
        all.extend(more);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_troubles_are_named_and_counted() {
        let mut troubles = Troubles::default();
        for at in 0..1000 {
            troubles.member(Path::new("a.zip"), &format!("m{at}"), "is encrypted");
        }
        let all = troubles.take();
        assert_eq!(all.len(), NAMED + 1);
        assert_eq!(all.iter().map(|trouble| trouble.count).sum::<u64>(), 1000);
        assert_eq!(all[0].says, "a.zip!m0: is encrypted");
    }
}
