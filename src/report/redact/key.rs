//! The private key: which pseudonym stands for what. Whoever has it can read a redacted report.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The version of its shape.
const SCHEMA: &str = "rdpscan.key.v1";

/// Pseudonyms with what they stand for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Key {
    schema: String,
    /// By pseudonym.
    pseudonyms: BTreeMap<String, String>,
    /// By kind and name, all in lower case.
    #[serde(skip)]
    given: BTreeMap<(String, String), String>,
    /// All that were given, in lower case.
    #[serde(skip)]
    bases: BTreeSet<String>,
    #[serde(skip)]
    last: BTreeMap<String, u32>,
}

impl Default for Key {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            pseudonyms: BTreeMap::new(),
            given: BTreeMap::new(),
            bases: BTreeSet::new(),
            last: BTreeMap::new(),
        }
    }
}

impl Key {
    /// Reads a key that was written before; none if this is no key.
    pub fn from_json(text: &str) -> Option<Self> {
        let mut key: Self = serde_json::from_str(text).ok()?;
        if key.schema != SCHEMA {
            return None;
        }
        for (pseudonym, original) in &key.pseudonyms {
            let base = pseudonym.to_lowercase();
            // Those that were made of another one come behind it.
            let place = (kind_of(&base).to_owned(), original.to_lowercase());
            key.bases.insert(base.clone());
            key.given.entry(place).or_insert(base);
        }
        Some(key)
    }

    /// As text for a file that is kept apart from the report.
    pub fn to_json(&self) -> String {
        // Only string keys: this cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// What a pseudonym stands for.
    pub fn original(&self, pseudonym: &str) -> Option<&str> {
        self.pseudonyms.get(pseudonym).map(String::as_str)
    }

    /// Every pseudonym with what it stands for.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pseudonyms.iter().map(|(pseudonym, original)| (pseudonym.as_str(), original.as_str()))
    }

    /// The pseudonym of a name: `host-1`. Names that differ in case only are the same, and so are `HOST-1` and `Host-1`,
    /// which tell how the name is written there.
    pub(super) fn pseudonym(&mut self, kind: &'static str, name: &str, taken: &BTreeSet<String>) -> String {
        let base = self.given(kind, name, |number| format!("{kind}-{number}"), taken);
        let has = |case: fn(char) -> bool| name.chars().any(case);
        let written = match (has(char::is_uppercase), has(char::is_lowercase)) {
            (true, false) => base.to_uppercase(),
            (true, true) => capitalised(&base),
            (false, _) => base,
        };
        self.remember(&written, name);
        written
    }

    /// The pseudonym of a file or folder.
    pub fn file(&mut self, path: &str) -> String {
        self.file_beside(path, &BTreeSet::new())
    }

    /// The same, where some are somebody's real names.
    pub(super) fn file_beside(&mut self, path: &str, taken: &BTreeSet<String>) -> String {
        let base = self.given("file", path, |number| format!("file-{number}"), taken);
        self.remember(&base, path);
        base
    }

    /// What a pseudonym that was made of another one stands for.
    pub(super) fn remember(&mut self, pseudonym: &str, name: &str) {
        if !self.pseudonyms.contains_key(pseudonym) {
            self.pseudonyms.insert(pseudonym.to_owned(), name.to_owned());
        }
    }

    /// The pseudonym of an address: one of those set aside for benchmarks.
    pub(super) fn address(&mut self, ip: IpAddr) -> String {
        let none = BTreeSet::new();
        let of = |number: u32| match ip {
            // RFC 2544: 198.18.0.0/15
            IpAddr::V4(_) => {
                let base = u32::from(std::net::Ipv4Addr::new(198, 18, 0, 0));
                std::net::Ipv4Addr::from(base | number & 0x1_ffff).to_string()
            }
            // RFC 5180: 2001:2::/48
            IpAddr::V6(_) => {
                let base = u128::from(std::net::Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0));
                std::net::Ipv6Addr::from(base | u128::from(number)).to_string()
            }
        };
        let address = ip.to_string();
        let given = self.given(if ip.is_ipv4() { "198." } else { "2001:" }, &address, of, &none);
        self.remember(&given, &address);
        given
    }

    /// What a name has, or gets: in lower case.
    fn given(
        &mut self,
        kind: &str,
        name: &str,
        of: impl Fn(u32) -> String,
        taken: &BTreeSet<String>,
    ) -> String {
        let place = (kind.to_owned(), name.to_lowercase());
        if let Some(known) = self.given.get(&place) {
            return known.clone();
        }
        let last = self.last.entry(kind.to_owned()).or_insert(0);
        let pseudonym = loop {
            *last = last.saturating_add(1);
            let pseudonym = of(*last);
            // One that was given in an earlier report, or that is somebody's real name, is passed over.
            let is_free = !self.bases.contains(&pseudonym) && !taken.contains(&pseudonym);
            if is_free || *last == u32::MAX {
                break pseudonym;
            }
        };
        self.bases.insert(pseudonym.clone());
        self.given.insert(place, pseudonym.clone());
        pseudonym
    }
}

/// A pseudonym is ASCII.
fn capitalised(base: &str) -> String {
    base.split_at_checked(1).map_or_else(String::new, |(first, rest)| first.to_uppercase() + rest)
}

fn kind_of(pseudonym: &str) -> &str {
    if pseudonym.starts_with("198.") {
        "198."
    } else if pseudonym.starts_with("2001:") {
        "2001:"
    } else {
        pseudonym.rsplit_once('-').map_or(pseudonym, |(kind, _)| kind)
    }
}
