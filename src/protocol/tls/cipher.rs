//! Cipher suites: their names, and what they do to the size of a record.

use std::fmt;
use std::sync::LazyLock;

use super::cipher_names::NAMES;

/// A cipher suite by its registered number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CipherSuite(pub u16);

/// How a suite protects records, as far as sizes are concerned. All numbers in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// Authenticated encryption.
    Aead {
        /// Nonce that TLS 1.2 sends with each record; TLS 1.3 never does.
        nonce: u16,
        /// Authentication tag.
        tag: u16,
    },
    /// Block cipher in CBC mode with a MAC.
    Block {
        /// Block size, also the size of the explicit IV.
        block: u16,
        /// MAC size.
        mac: u16,
    },
    /// Stream cipher or no cipher, with a MAC.
    Stream {
        /// MAC size.
        mac: u16,
    },
}

impl CipherSuite {
    /// TLS_FALLBACK_SCSV: not a suite but the mark of a retry with a lower version. RFC 7507
    pub const FALLBACK: Self = Self(0x5600);
    /// TLS_EMPTY_RENEGOTIATION_INFO_SCSV: not a suite but a mark. RFC 5746
    pub const RENEGOTIATION_INFO: Self = Self(0x00FF);

    /// The registered name.
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(self.place()?).map(|entry| entry.1)
    }

    /// Whether this is no suite but a mark (SCSV) or GREASE.
    pub const fn is_mark(self) -> bool {
        self.0 == Self::FALLBACK.0 || self.0 == Self::RENEGOTIATION_INFO.0 || super::codes::is_grease(self.0)
    }

    /// Whether this is a suite of TLS 1.3.
    pub const fn is_1_3(self) -> bool {
        self.0 >> 8 == 0x13
    }

    /// What it does to the size of a record; `None` for unknown suites and those that this does not know how to
    /// compute (GOST counter modes).
    pub fn protection(self) -> Option<Protection> {
        // Each record is asked about, and a name tells slowly.
        static KNOWN: LazyLock<Vec<Option<Protection>>> =
            LazyLock::new(|| NAMES.iter().map(|(_, name)| protection(name)).collect());
        KNOWN.get(self.place()?).copied().flatten()
    }

    fn place(self) -> Option<usize> {
        NAMES.binary_search_by_key(&self.0, |entry| entry.0).ok()
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

/// What the suite of that name does to the size of a record.
fn protection(name: &str) -> Option<Protection> {
    let cipher =
        name.split_once("_WITH_").map_or_else(|| name.strip_prefix("TLS_"), |parts| Some(parts.1))?;
    if cipher.contains("CHACHA20") {
        return Some(Protection::Aead { nonce: 0, tag: 16 });
    }
    if cipher.contains("_GCM") {
        return Some(Protection::Aead { nonce: 8, tag: 16 });
    }
    if cipher.contains("_CCM_8") {
        return Some(Protection::Aead { nonce: 8, tag: 8 });
    }
    if cipher.contains("_CCM") {
        return Some(Protection::Aead { nonce: 8, tag: 16 });
    }
    let mac = match cipher.rsplit_once('_')?.1 {
        "NULL" => 0,
        "MD5" => 16,
        "SHA" | "SHA1" => 20,
        "SHA256" => 32,
        "SHA384" => 48,
        _ => return None,
    };
    if cipher.contains("_CBC") {
        Some(Protection::Block { block: block_size(cipher), mac })
    } else if cipher.starts_with("NULL") || cipher.starts_with("RC4") || cipher.contains("SALSA20") {
        Some(Protection::Stream { mac })
    } else {
        None
    }
}

/// 16 for the ciphers of this century, 8 for DES, 3DES, RC2 and IDEA.
fn block_size(cipher: &str) -> u16 {
    let modern = ["AES", "CAMELLIA", "ARIA", "SEED"];
    if modern.iter().any(|prefix| cipher.starts_with(prefix)) { 16 } else { 8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.len() > 300);
    }

    #[test]
    fn names_of_what_windows_uses() {
        assert_eq!(CipherSuite(0xC030).to_string(), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
        assert_eq!(CipherSuite(0x1302).to_string(), "TLS_AES_256_GCM_SHA384");
        assert_eq!(CipherSuite(0x002F).to_string(), "TLS_RSA_WITH_AES_128_CBC_SHA");
        assert_eq!(CipherSuite(0xEEEE).to_string(), "0xeeee");
        assert!(
            CipherSuite(0x5600).is_mark() && CipherSuite(0x1A1A).is_mark() && !CipherSuite(0xC030).is_mark()
        );
    }

    #[test]
    fn protections() {
        let aead = |nonce, tag| Some(Protection::Aead { nonce, tag });
        assert_eq!(CipherSuite(0xC030).protection(), aead(8, 16));
        assert_eq!(CipherSuite(0xCCA8).protection(), aead(0, 16));
        assert_eq!(CipherSuite(0xC0A0).protection(), aead(8, 8)); // RSA AES-128 CCM_8
        assert_eq!(CipherSuite(0x1304).protection(), aead(8, 16));
        assert_eq!(CipherSuite(0xC028).protection(), Some(Protection::Block { block: 16, mac: 48 }));
        assert_eq!(CipherSuite(0x000A).protection(), Some(Protection::Block { block: 8, mac: 20 }));
        assert_eq!(CipherSuite(0x0005).protection(), Some(Protection::Stream { mac: 20 }));
        assert_eq!(CipherSuite(0x0000).protection(), Some(Protection::Stream { mac: 0 }));
        assert_eq!(CipherSuite(0xEEEE).protection(), None);
        assert_eq!(CipherSuite(0x00FF).protection(), None);
    }

    /// Every registered CBC or AEAD suite can be computed, but for export suites of the last century and GOST.
    #[test]
    fn nothing_modern_is_left_out() {
        for (number, name) in NAMES {
            let modern = ["AES", "CAMELLIA", "ARIA", "CHACHA20"].iter().any(|cipher| name.contains(cipher));
            assert!(CipherSuite(*number).protection().is_some() || !modern, "{name}");
        }
    }
}
