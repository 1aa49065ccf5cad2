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
    /// By kind and name in lower case.
    #[serde(skip)]
    given: BTreeMap<(String, String), String>,
    #[serde(skip)]
    last: BTreeMap<String, u32>,
}

impl Default for Key {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            pseudonyms: BTreeMap::new(),
            given: BTreeMap::new(),
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
            let kind = kind_of(pseudonym);
            // Those that were made of another one come behind it.
            let place = (kind.to_owned(), original.to_lowercase());
            key.given.entry(place).or_insert_with(|| pseudonym.clone());
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

    /// The pseudonym of a name: `host-1`. Names that differ in case only are the same.
    pub(super) fn pseudonym(&mut self, kind: &'static str, name: &str, taken: &BTreeSet<String>) -> String {
        self.given(kind, name, |number| format!("{kind}-{number}"), taken)
    }

    /// The pseudonym of a file or folder.
    pub fn file(&mut self, path: &str) -> String {
        self.pseudonym("file", path, &BTreeSet::new())
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
        self.given(if ip.is_ipv4() { "198." } else { "2001:" }, &ip.to_string(), of, &none)
    }

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
            let is_free = !self.pseudonyms.contains_key(&pseudonym) && !taken.contains(&pseudonym);
            if is_free || *last == u32::MAX {
                break pseudonym;
            }
        };
        self.pseudonyms.insert(pseudonym.clone(), name.to_owned());
        self.given.insert(place, pseudonym.clone());
        pseudonym
    }
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
