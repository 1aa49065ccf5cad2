//! Whose a text is that does not say so itself: by the names of files and folders that collectors give, and by what lies
//! beside it.
//!
//! The innermost name decides: what was sent to a computer and lies in its bundle is another's. Nothing is guessed
//! where the names may be of two.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A part of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    /// As it is written.
    written: String,
    /// In lower case.
    name: String,
    /// Whether what follows is inside of it as an archive.
    is_archive: bool,
}

/// Folders and archives around a file, outermost first, and its own name last.
#[derive(Clone, Debug)]
pub(super) struct Location {
    around: Vec<Part>,
    file: Part,
}

impl Location {
    /// Of a path, or of the label of a member.
    pub fn of(path: &Path) -> Self {
        let path = path.to_string_lossy();
        let mut around: Vec<Part> = path
            .split_inclusive(['/', '\\', '!'])
            .map(|part| {
                let written = part.trim_end_matches(['/', '\\', '!']).to_owned();
                Part { name: written.to_lowercase(), written, is_archive: part.ends_with('!') }
            })
            .collect();
        let none = || Part { written: String::new(), name: String::new(), is_archive: false };
        let file = around.pop().unwrap_or_else(none);
        Self { around, file }
    }
}

/// The files of one folder, or of one archive: each with the computer that it names itself.
type Folder = Vec<(Part, Option<String>)>;

/// All files that are read, by folder.
#[derive(Debug, Default)]
pub(super) struct Owners {
    folders: BTreeMap<Vec<Part>, Folder>,
    names: BTreeSet<String>,
}

impl Owners {
    /// Takes down a file with the name that its own content gives.
    pub fn add(&mut self, location: Location, name: Option<String>) {
        self.names.extend(name.clone());
        self.folders.entry(location.around).or_default().push((location.file, name));
    }

    /// The computer that a text is of which names none.
    pub fn of(&self, location: &Location) -> Option<&str> {
        let own = &location.file;
        let collector = location.around.iter().rposition(|part| collected(&part.name).is_some());
        let fits = |name: &str| {
            let part = collector.and_then(|at| location.around.get(at));
            part.and_then(|part| collected(&part.name)).is_none_or(|rest| begins_with(rest, name))
        };
        // The longest, if one name begins with another.
        let carried = |part: &Part| {
            let mut names = self.names.iter().rev().filter(|name| begins_with(&part.name, name));
            names.next().map(String::as_str)
        };
        if let Some(name) = carried(own) {
            return Some(name).filter(|name| fits(name));
        }
        if own.looks_of_a_host() {
            return None;
        }
        if let Some(at) = collector.filter(|at| Self::is_its_own(location, *at)) {
            let rest = location.around.get(at).and_then(|part| collected(&part.name))?;
            return self.names.iter().rev().find(|name| begins_with(rest, name)).map(String::as_str);
        }
        let folder = location.around.last().filter(|part| !part.is_archive);
        if let Some(name) = folder.and_then(carried) {
            return Some(name).filter(|name| fits(name));
        }
        self.beside(location).filter(|name| fits(name))
    }

    /// Whether a file lies in what the collector at a place of its path made, and in nothing that was put there.
    fn is_its_own(location: &Location, collector: usize) -> bool {
        /// Folders that the collectors themselves make.
        const OWN: [&str; 3] = ["basiclog", "uploads", "results"];
        let inner = location.around.get(collector + 1..).unwrap_or_default();
        let put_there = inner.iter().any(|part| part.is_archive);
        !put_there && inner.first().is_none_or(|part| OWN.iter().any(|own| part.name.starts_with(own)))
    }

    /// The one computer that all files in the same folder name.
    fn beside(&self, location: &Location) -> Option<&str> {
        let files = self.folders.get(&location.around)?;
        let named: Vec<(&Part, &str)> =
            files.iter().filter_map(|(file, name)| Some((file, name.as_deref()?))).collect();
        let (_, name) = *named.first()?;
        let one = named.iter().all(|(_, other)| *other == name);
        // Files of one collector all begin with the name of the computer, or none does.
        let others = files.iter().any(|(file, _)| begins_with(&file.name, name) || file.looks_of_a_host());
        let role = location.file.role();
        let roles = role.is_some() && named.iter().all(|(file, _)| file.role() != role)
            || role.is_none() && files.iter().any(|(file, _)| file.role().is_some());
        (one && !others && !roles).then_some(name)
    }
}

impl Part {
    /// Whether it begins as with the name of a computer and an underscore: `PC7_`, and not `reg_`.
    fn looks_of_a_host(&self) -> bool {
        self.written.split_once('_').is_some_and(|(head, _)| {
            let letters = head.chars().any(char::is_alphabetic);
            letters && (!head.chars().any(char::is_lowercase) || head.chars().any(|one| one.is_ascii_digit()))
        })
    }

    /// The side that its first word names.
    fn role(&self) -> Option<&str> {
        let word = self.name.split(|next: char| !next.is_alphanumeric()).next();
        word.filter(|word| matches!(*word, "client" | "server"))
    }
}

/// Whether a name begins with that of a computer, as collectors write it: `SRV01_RegistryKeys`, `SRV01.example.test_reg.txt`,
/// `SRV01.reg`. `SRV01-B_reg.txt` is another's.
fn begins_with(part: &str, name: &str) -> bool {
    part.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.']))
}

/// What follows the collector's mark in a folder or an archive that it made on a computer: `TSS_SRV01_261120-121500`.
/// The time behind a dash is cut off.
fn collected(part: &str) -> Option<&str> {
    /// TSS, MSRD-Collect, Velociraptor.
    const PREFIXES: [&str; 3] = ["tss_", "msrd-results-", "collection-"];
    let rest = PREFIXES.iter().find_map(|prefix| part.strip_prefix(prefix))?;
    Some(rest.split_once("-20").map_or(rest, |(host, _)| host))
}
