//! What the length of an encrypted record says about the length of what is inside.
//!
//! Reads no record: number in, number out.

use super::{CipherSuite, Protection, TlsVersion};

/// Bytes of plaintext in one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlaintextLen {
    /// Exactly so many. In TLS 1.3 at most so many: the sender may pad, which Schannel and OpenSSL do not.
    Exact(u16),
    /// Between these, both included: the padding of block ciphers hides the rest.
    Range {
        /// Least.
        least: u16,
        /// Most.
        most: u16,
    },
    /// Cannot be told: the suite is unknown, or the record is too short to be of it.
    Unknown,
}

impl PlaintextLen {
    /// Whether so many bytes may be inside.
    pub const fn may_be(self, bytes: u16) -> bool {
        match self {
            Self::Exact(exact) => exact == bytes,
            Self::Range { least, most } => least <= bytes && bytes <= most,
            Self::Unknown => true,
        }
    }

    /// The number of bytes, if it is known exactly.
    pub const fn exact(self) -> Option<u16> {
        match self {
            Self::Exact(exact) => Some(exact),
            Self::Range { .. } | Self::Unknown => None,
        }
    }

    /// The fewest bytes that may be inside; 0 if unknown.
    pub const fn least(self) -> u16 {
        match self {
            Self::Exact(exact) => exact,
            Self::Range { least, .. } => least,
            Self::Unknown => 0,
        }
    }

    /// The most bytes that may be inside, if anything is known.
    pub const fn most(self) -> Option<u16> {
        match self {
            Self::Exact(exact) => Some(exact),
            Self::Range { most, .. } => Some(most),
            Self::Unknown => None,
        }
    }
}

/// Plaintext of an encrypted record whose fragment has `record_len` bytes (header not counted), for the
/// negotiated version and suite.
///
/// Block ciphers give a range of one block, with usual (least) padding; the range is the same with and without
/// encrypt-then-MAC. TLS 1.0 clients may split one byte off each message, which shows as a record of its own.
pub fn plaintext_len(record_len: u16, version: TlsVersion, cipher: CipherSuite) -> PlaintextLen {
    let known = if version.is_1_3() {
        // Tag and the inner content type. Without a known suite: all but CCM_8 have 16 bytes.
        let tag = match cipher.protection() {
            Some(Protection::Aead { tag, .. }) => tag,
            _ => 16,
        };
        record_len.checked_sub(tag + 1).map(PlaintextLen::Exact)
    } else {
        match cipher.protection() {
            Some(Protection::Aead { nonce, tag }) => {
                record_len.checked_sub(nonce + tag).map(PlaintextLen::Exact)
            }
            Some(Protection::Stream { mac }) => record_len.checked_sub(mac).map(PlaintextLen::Exact),
            Some(Protection::Block { block, mac }) => block_range(record_len, version, block, mac),
            None => None,
        }
    };
    known.unwrap_or(PlaintextLen::Unknown)
}

/// Data, MAC and at least one byte of padding fill whole blocks; TLS 1.1 and later put an IV in front.
fn block_range(record_len: u16, version: TlsVersion, block: u16, mac: u16) -> Option<PlaintextLen> {
    let implicit_iv = version == TlsVersion::TLS_1_0 || version == TlsVersion::SSL_3_0;
    let iv = if implicit_iv { 0 } else { block };
    let room = record_len.checked_sub(iv + mac)?;
    Some(PlaintextLen::Range { least: room.saturating_sub(block), most: room.checked_sub(1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GCM: CipherSuite = CipherSuite(0xC030);
    const CBC: CipherSuite = CipherSuite(0xC014);

    #[test]
    fn sizes_of_a_rejected_logon() {
        // awakecoding rdp-nla-ntlm-rejected1, frames 12 to 15: token, challenge, token and key, errorCode.
        for (record, plain) in [(81, 57), (319, 295), (701, 677), (39, 15)] {
            assert_eq!(plaintext_len(record, TlsVersion::TLS_1_2, GCM), PlaintextLen::Exact(plain));
        }
    }

    #[test]
    fn other_aead_suites() {
        let chacha = CipherSuite(0xCCA8);
        assert_eq!(plaintext_len(31, TlsVersion::TLS_1_2, chacha).exact(), Some(15));
        assert_eq!(plaintext_len(19, TlsVersion::TLS_1_3, CipherSuite(0x1302)).exact(), Some(2));
        assert_eq!(plaintext_len(19, TlsVersion::TLS_1_3, CipherSuite(0x1305)).exact(), Some(10));
        assert_eq!(plaintext_len(10, TlsVersion::TLS_1_2, GCM), PlaintextLen::Unknown);
        assert_eq!(plaintext_len(100, TlsVersion::TLS_1_2, CipherSuite(0xEEEE)), PlaintextLen::Unknown);
    }

    #[test]
    fn block_ciphers_give_a_range_that_holds_the_truth() {
        for version in [TlsVersion::TLS_1_0, TlsVersion::TLS_1_2] {
            let iv = if version == TlsVersion::TLS_1_0 { 0 } else { 16 };
            for data in 0_u16..200 {
                let record = iv + (data + 20 + 1).next_multiple_of(16);
                let range = plaintext_len(record, version, CBC);
                assert!(range.may_be(data), "{data} bytes, {range:?}");
                assert!(range.most().is_some_and(|most| most - range.least() < 16));
            }
        }
    }
}
