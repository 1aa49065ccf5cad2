//! GUIDs as event logs write them.
//!
//! Knows only their text and byte forms, not what an id joins: see `correlate`.

use std::fmt;
use std::str::FromStr;

/// A GUID, its 16 bytes in the order in which its text shows them.
///
/// That order is also the one of a correlation id on the wire ([MS-RDPEUDP] 2.2.2.8 `uCorrelationId`), so the
/// two compare as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// From the 16 bytes of a stored GUID ([MS-DTYP] 2.3.4.2): the first three groups are little-endian.
    pub const fn from_stored(stored: [u8; 16]) -> Self {
        let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, d2, d3, d4, d5, d6, d7] = stored;
        Self([a3, a2, a1, a0, b1, b0, c1, c0, d0, d1, d2, d3, d4, d5, d6, d7])
    }

    /// Whether every byte is 0: written where an event has no activity.
    pub const fn is_nil(&self) -> bool {
        u128::from_be_bytes(self.0) == 0
    }

    /// Whether the server made it for one TCP connection: `{f420…-…0000}`, shared by all RDP channels.
    pub const fn is_server_connection(&self) -> bool {
        matches!(self.0, [0xf4, 0x20, .., 0, 0])
    }

    /// Whether it stands for service start-up and the listener (`{f462…}`), not for a connection.
    pub const fn is_service(&self) -> bool {
        matches!(self.0, [0xf4, 0x62, ..])
    }
}

/// Lower case with braces: `{f4201234-5678-4abc-8def-0123456789ab}`.
impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        f.write_str("}")
    }
}

/// The text is not a GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID")]
pub struct NotAGuid;

impl FromStr for Guid {
    type Err = NotAGuid;

    /// Reads either case, with or without braces and hyphens.
    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        let mut value = 0_u128;
        let mut digits = 0;
        for c in text.trim().trim_start_matches('{').trim_end_matches('}').chars().filter(|c| *c != '-') {
            value = value << 4 | u128::from(c.to_digit(16).ok_or(NotAGuid)?);
            digits += 1;
            if digits > 32 {
                return Err(NotAGuid);
            }
        }
        if digits == 32 { Ok(Self(value.to_be_bytes())) } else { Err(NotAGuid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_written_form_and_prints_one() {
        let text = "{f4201234-5678-4abc-8def-0123456789ab}";
        let guid: Guid = text.parse().unwrap();
        assert_eq!(guid.to_string(), text);
        assert_eq!("F4201234-5678-4ABC-8DEF-0123456789AB".parse(), Ok(guid));
        assert_eq!("f420123456784abc8def0123456789ab".parse(), Ok(guid));
        assert_eq!(
            Guid::from_stored([
                0x34, 0x12, 0x20, 0xf4, 0x78, 0x56, 0xbc, 0x4a, 0x8d, 0xef, 1, 0x23, 0x45, 0x67, 0x89, 0xab
            ]),
            guid
        );
        for bad in ["", "{}", "f4201234", "{g4201234-5678-4abc-8def-0123456789ab}", &"0".repeat(33)] {
            assert_eq!(bad.parse::<Guid>(), Err(NotAGuid), "{bad}");
        }
    }

    #[test]
    fn tells_who_made_it() {
        let guid = |text: &str| text.parse::<Guid>().unwrap();
        assert!(guid("{f420aaaa-bbbb-4ccc-8ddd-eeeeeeee0000}").is_server_connection());
        assert!(!guid("{59288327-6042-4b62-907a-3af47a800000}").is_server_connection());
        assert!(guid("{f462aaaa-bbbb-4ccc-8ddd-eeeeeeee0000}").is_service());
        assert!(guid("{00000000-0000-0000-0000-000000000000}").is_nil());
    }
}
