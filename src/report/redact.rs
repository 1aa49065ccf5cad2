//! Pseudonyms instead of addresses, names and certificate subjects: once, in the model, before any format.
//!
//! The same thing has the same pseudonym everywhere. Addresses, hardware addresses and security identifiers are known
//! by their form; names by where they stood in logs and captures ([`Identities`]), and are then found in every sentence.
//! Pseudonyms of addresses are addresses for benchmarks (RFC 2544, RFC 5180), so filters stay filters.

mod back;
mod key;
mod pattern;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, MatchKind};

use super::model::Report;
pub use back::unredact;
pub use key::Key;

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A user.
    User,
    /// A computer, by its short or full name.
    Host,
    /// A domain, by its short or full name.
    Domain,
    /// A part of a certificate's subject.
    Subject,
    /// The fingerprint of a certificate.
    Thumbprint,
    /// An input file.
    File,
    /// A network interface: people name it after the company or the person that it leads to.
    Interface,
}

impl What {
    const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Host => "host",
            Self::Domain => "domain",
            Self::Subject => "subject",
            Self::Thumbprint => "thumbprint",
            Self::File => "file",
            Self::Interface => "interface",
        }
    }
}

/// Names that tell who or where, with what they are of.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    names: BTreeMap<String, What>,
}

/// Names that every Windows has: they tell nothing.
const EVERYWHERE: &[&str] = &[
    "system",
    "local service",
    "network service",
    "anonymous logon",
    "nt authority",
    "nt-autorität",
    "autorite nt",
    "window manager",
    "font driver host",
    "localhost",
    "workgroup",
    "null sid",
    "termsrv",
    "unknown",
    "ntlm",
    "negotiate",
    "kerberos",
];
/// Shorter names are replaced only as a whole field: in a sentence they would be any word.
const SHORTEST: usize = 2;
/// Names that are remembered: an attack tries more.
const MOST: usize = 65_536;

impl Identities {
    /// Remembers a name, and what it is made of: `DOMAIN\user`, `user@domain`, `host.domain`, `SERVICE/host`.
    pub fn add(&mut self, what: What, name: &str) {
        let name = name.trim().trim_end_matches('.');
        let lower = name.to_lowercase();
        let says_nothing = name.chars().count() < SHORTEST
            || EVERYWHERE.contains(&lower.as_str())
            || lower.starts_with("rdp-") && what != What::Interface
            || pattern::is_number(name)
            || pattern::is_address(name);
        if says_nothing || self.names.len() >= MOST {
            return;
        }
        if self.names.contains_key(&lower) {
            return;
        }
        self.names.insert(lower, what);
        if what == What::Interface {
            return;
        }
        if let Some((service, host)) = name.split_once('/').filter(|_| what == What::Host) {
            self.add(What::Subject, service);
            self.add(What::Host, host.split([':', ',', ' ']).next().unwrap_or_default());
        } else if let Some((domain, user)) = name.split_once('\\') {
            self.add(What::Domain, domain);
            self.add(what, user);
        } else if let Some((user, domain)) = name.split_once('@') {
            self.add(what, user);
            self.add(What::Domain, domain);
        } else if let Some(account) = name.strip_suffix('$') {
            self.add(What::Host, account);
        } else if what == What::Host
            && let Some((host, domain)) = name.split_once('.')
        {
            self.add(What::Host, host);
            self.add(What::Domain, domain);
        } else if what == What::Domain
            && let Some((first, _)) = name.split_once('.')
        {
            self.add(What::Domain, first);
        }
    }
}

/// Puts pseudonyms in the report. `key` keeps those that were given before and learns the new ones.
pub fn redact(report: &mut Report, mut identities: Identities, key: &mut Key) {
    walk::names(report, &mut identities);
    let taken: BTreeSet<String> = identities.names.keys().cloned().collect();
    let mut names: Vec<(String, What)> = identities.names.into_iter().collect();
    // The search knows that `A` is `a`, but not that `Ä` is `ä`.
    let upper: Vec<(String, What)> = names
        .iter()
        .filter(|(name, _)| !name.is_ascii())
        .map(|(name, what)| (name.to_uppercase(), *what))
        .collect();
    names.extend(upper);
    // Without names there is nothing that could be too large for it.
    let finder = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(names.iter().map(|(name, _)| name.as_str()))
        .ok();
    let mut redactor = Redactor { names, taken, finder, common: common(), key };
    walk::redact(report, &mut redactor);
    report.redacted = true;
}

/// The words of the catalogue, in which a user called `client` would make a name of every client; as they are written
/// there: `SERVER` is a name. So is what has digits: the names of examples.
fn common() -> BTreeSet<String> {
    let words =
        ["client", "server", "network", "user", "host", "domain", "record", "frame", "logon", "session"];
    let texts = crate::causes::ALL.iter().flat_map(|cause| [cause.doc, cause.id]);
    let of_texts = texts.flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    words
        .into_iter()
        .chain(of_texts)
        .filter(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_digit()))
        .flat_map(|word| [word.to_owned(), at_the_beginning(word)])
        .collect()
}

/// A word as it begins a sentence.
fn at_the_beginning(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

struct Redactor<'a> {
    /// In lower case, sorted.
    names: Vec<(String, What)>,
    /// Names that must not be pseudonyms.
    taken: BTreeSet<String>,
    finder: Option<AhoCorasick>,
    common: BTreeSet<String>,
    key: &'a mut Key,
}

/// What stands before a name in the sentences of this program: there it is a name, whatever word it is.
const BEFORE: &[&str] = &[
    "user",
    "cookie",
    "account",
    "name",
    "named",
    "targetusername",
    "username",
    "param1",
    "param2",
    "workstation",
    "workstationname",
    "computer",
    "value",
    "domain",
    "targetdomainname",
    "servername",
    "queryname",
    "resource",
    "target",
    "interface",
    "of",
];
/// More of the same, where the last word is not enough.
const RIGHT_BEFORE: &[&str] =
    &["authenticate to ", "connects to ", "asks for the server ", "logged on (", "denies the user "];
/// What stands behind a name that begins a sentence.
const BEHIND_FIRST: &[&str] = &[" is bound to ", " has that certificate"];

impl Redactor<'_> {
    /// A whole field that is a name.
    fn name(&mut self, what: What, text: &mut String) {
        if text.is_empty() || EVERYWHERE.contains(&text.to_lowercase().as_str()) {
            return;
        }
        *text = if pattern::is_address(text) { self.prose(text) } else { self.pseudonym(what, text) };
    }

    /// A sentence.
    fn sentence(&mut self, text: &mut String) {
        *text = self.prose(text);
    }

    fn prose(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (start, end, name) in self.found(text) {
            out.push_str(&pattern::replaced(text.get(from..start).unwrap_or_default(), self.key));
            let original = text.get(start..end).unwrap_or_default();
            let what = self.names.get(name).map_or(What::Subject, |(_, what)| *what);
            out.push_str(&self.pseudonym(what, original));
            from = end;
        }
        out.push_str(&pattern::replaced(text.get(from..).unwrap_or_default(), self.key));
        out
    }

    /// The names in a sentence, each between word boundaries.
    fn found(&self, text: &str) -> Vec<(usize, usize, usize)> {
        let Some(finder) = &self.finder else { return Vec::new() };
        let mut found = Vec::new();
        let mut from = 0;
        // The longest name at a place may end inside a word: then look on behind its first letter.
        while let Some(hit) = finder.find(aho_corasick::Input::new(text).range(from..)) {
            if is_word(text, hit.start(), hit.end()) && self.is_name_here(text, hit.start(), hit.end()) {
                found.push((hit.start(), hit.end(), hit.pattern().as_usize()));
                from = hit.end();
            } else {
                let first = text.get(hit.start()..).and_then(|rest| rest.chars().next());
                from = hit.start() + first.map_or(1, char::len_utf8);
            }
        }
        found
    }

    /// A word of the catalogue is a name only where one is expected.
    fn is_name_here(&self, text: &str, start: usize, end: usize) -> bool {
        let word = text.get(start..end).unwrap_or_default();
        if !self.common.contains(word) {
            return true;
        }
        let before = text.get(..start).unwrap_or_default();
        if before.ends_with(['\\', '`', '"', '=', '@'])
            || RIGHT_BEFORE.iter().any(|phrase| before.ends_with(phrase))
            || text.get(end..).is_some_and(|rest| {
                rest.starts_with('\\')
                    || before.is_empty() && BEHIND_FIRST.iter().any(|phrase| rest.starts_with(phrase))
            })
        {
            return true;
        }
        let last = before.trim_end().rsplit([' ', '(', ',']).next().unwrap_or_default();
        let an_article = ["the", "a", "an"].contains(&last.to_lowercase().as_str());
        !an_article && BEFORE.contains(&last.trim_end_matches(':').to_lowercase().as_str())
    }

    /// `host-1`; of what is made of several names, as many: `domain-1\user-2`, `host-1.domain-1`.
    fn pseudonym(&mut self, what: What, name: &str) -> String {
        let bare = name.trim_end_matches('.');
        if pattern::is_address(bare) || pattern::is_number(bare) && what != What::Thumbprint {
            return pattern::replaced(bare, self.key);
        }
        if EVERYWHERE.contains(&bare.to_lowercase().as_str()) {
            return bare.to_owned();
        }
        if !matches!(what, What::Subject | What::Thumbprint | What::File | What::Interface) {
            if let Some((domain, user)) = bare.split_once('\\') {
                return format!(
                    "{}\\{}",
                    self.pseudonym(What::Domain, domain),
                    self.pseudonym(What::User, user)
                );
            }
            if let Some((user, domain)) = bare.split_once('@') {
                return format!(
                    "{}@{}",
                    self.pseudonym(What::User, user),
                    self.pseudonym(What::Domain, domain)
                );
            }
            if let Some((service, host)) = bare.split_once('/').filter(|_| what == What::Host) {
                let service = self.pseudonym(What::Subject, service);
                return format!("{service}/{}", self.pseudonym(What::Host, host));
            }
            if let Some(account) = bare.strip_suffix('$').filter(|account| !account.is_empty()) {
                return format!("{}$", self.pseudonym(What::Host, account));
            }
        }
        if what == What::Host
            && let Some((host, domain)) = bare.split_once('.')
        {
            let host = if host == "*" { "*".to_owned() } else { self.pseudonym(What::Host, host) };
            return format!("{host}.{}", self.pseudonym(What::Domain, domain));
        }
        if what == What::Domain
            && let Some((first, _)) = bare.split_once('.')
        {
            let pseudonym = format!("{}.invalid", self.pseudonym(What::Domain, first));
            // What follows its first part would be lost otherwise.
            self.key.remember(&pseudonym, bare);
            return pseudonym;
        }
        match what {
            What::File => self.key.file_beside(bare, &self.taken),
            _ => self.key.pseudonym(what.word(), bare, &self.taken),
        }
    }
}

/// Whether the place begins and ends at a word's boundary.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let before = text.get(..start).and_then(|text| text.chars().next_back());
    let after = text.get(end..).and_then(|text| text.chars().next());
    let (first, last) =
        (text.get(start..end)).map_or((None, None), |own| (own.chars().next(), own.chars().next_back()));
    let joined = |a: Option<char>, b: Option<char>| a.is_some_and(inside) && b.is_some_and(inside);
    !joined(before, first) && !joined(last, after)
}

#[cfg(test)]
mod tests;
