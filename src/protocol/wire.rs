//! What every parser of this layer shares: the error, the result type, codes and flags.
//!
//! Knows no protocol.

use std::fmt;

use nom::error::{ErrorKind, ParseError};
use nom::{Err, Needed};

/// These bytes are not what they claim. Small, static strings only, so that failing costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Malformed {
    /// Which field, as a lower-case fragment: `TPKT length`.
    pub what: &'static str,
    /// Offset of the field in bytes from the start of the slice that was handed to the parser.
    pub at: usize,
    /// What the specification asks for.
    pub expected: Expected,
    /// What stands there.
    pub got: u64,
}

/// The other half of a [`Malformed`]: what would have been right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expected {
    /// One value.
    Exactly(u64),
    /// This or more.
    AtLeast(u64),
    /// This or less.
    AtMost(u64),
    /// In words, as a fragment: `a known TPDU code`.
    Words(&'static str),
}

/// What a streaming parser returns.
pub type Parse<'a, T> = nom::IResult<&'a [u8], T, Malformed>;

impl Malformed {
    /// An error at `at` bytes from the start.
    pub const fn new(what: &'static str, at: usize, expected: Expected, got: u64) -> Self {
        Self { what, at, expected, got }
    }

    /// The same error as seen from `offset` bytes further out: a payload that lies inside a message.
    #[must_use]
    pub const fn inside(self, offset: usize) -> Self {
        Self { at: self.at.saturating_add(offset), ..self }
    }

    /// As the failure of a streaming parser.
    pub(crate) const fn stop<T>(self) -> Parse<'static, T> {
        Err(Err::Error(self))
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, at, expected, got } = self;
        write!(f, "{what} at byte {at}: expected {expected}, got {got:#x}")
    }
}

impl std::error::Error for Malformed {}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => write!(f, "{value:#x}"),
            Self::AtLeast(value) => write!(f, "at least {value:#x}"),
            Self::AtMost(value) => write!(f, "at most {value:#x}"),
            Self::Words(words) => f.write_str(words),
        }
    }
}

impl<'a> ParseError<&'a [u8]> for Malformed {
    /// Only reached by nom combinators that reject without saying why; the parsers here say it themselves.
    fn from_error_kind(input: &'a [u8], _: ErrorKind) -> Self {
        Self::new("message", 0, Expected::Words("other bytes"), length(input))
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// The length of a slice as wire numbers are compared.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Runs a streaming parser over bytes that are all there is: needing more is then an error.
pub(crate) fn whole<'a, T>(
    what: &'static str,
    bytes: &'a [u8],
    result: Parse<'a, T>,
) -> Result<T, Malformed> {
    match result {
        Ok((_, value)) => Ok(value),
        Err(error) => Err(cut(what, bytes, &error)),
    }
}

/// What a parser error means where no further bytes can come.
pub(crate) fn cut(what: &'static str, bytes: &[u8], error: &Err<Malformed>) -> Malformed {
    match *error {
        Err::Error(malformed) | Err::Failure(malformed) => malformed,
        Err::Incomplete(needed) => {
            let missing = match needed {
                Needed::Size(size) => u64::try_from(size.get()).unwrap_or(1),
                Needed::Unknown => 1,
            };
            let have = length(bytes);
            Malformed::new(what, bytes.len(), Expected::AtLeast(have.saturating_add(missing)), have)
        }
    }
}

/// The first `N` bytes as an array.
pub(crate) fn array<const N: usize>(input: &[u8]) -> Parse<'_, [u8; N]> {
    match input.split_first_chunk::<N>() {
        Some((array, rest)) => Ok((rest, *array)),
        None => Err(Err::Incomplete(Needed::new(N.saturating_sub(input.len())))),
    }
}

/// Little-endian UTF-16 up to the first zero, damage shown as U+FFFD.
pub(crate) fn utf16_le(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Bytes that should be text: invalid UTF-8 shown as U+FFFD, control characters kept as they are.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Makes a newtype over a wire number with named constants, so that unknown values survive.
///
/// `name()` is the constant's name, or the text that follows it; `Display` prints it or the number in hex.
macro_rules! wire_code {
    (@text $constant:ident) => { stringify!($constant) };
    (@text $constant:ident $text:literal) => { $text };
    (
        $(#[$meta:meta])*
        pub struct $name:ident($number:ty) {
            $( $(#[doc = $doc:literal])+ $constant:ident = $value:literal $($text:literal)?; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $number);

        impl $name {
            $( $(#[doc = $doc])+ pub const $constant: Self = Self($value); )+

            /// Every named value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$constant,)+];

            /// The name, if the value has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $value => Some(wire_code!(@text $constant $($text)?)), )+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{:#x}", self.0),
                }
            }
        }
    };
}

/// Makes a newtype over flag bits that keeps the unknown ones.
///
/// `Display` prints names joined with `|`, unknown bits in hex, and the text after `zero` for no bits.
macro_rules! wire_flags {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($number:ty), zero $zero:literal {
            $( $(#[doc = $doc:literal])+ $constant:ident = $value:literal; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $number);

        impl $name {
            $( $(#[doc = $doc])+ pub const $constant: Self = Self($value); )+

            /// The raw bits.
            pub const fn bits(self) -> $number {
                self.0
            }

            /// Whether every bit of `other` is set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The bits that no constant names.
            pub const fn unknown(self) -> $number {
                self.0 & !(0 $(| $value)+)
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                if self.0 == 0 {
                    return f.write_str($zero);
                }
                let mut separator = "";
                $(
                    if self.contains(Self::$constant) {
                        write!(f, "{separator}{}", stringify!($constant))?;
                        separator = "|";
                    }
                )+
                match self.unknown() {
                    0 => Ok(()),
                    unknown => write!(f, "{separator}{unknown:#x}"),
                }
            }
        }
    };
}

pub(crate) use {wire_code, wire_flags};

#[cfg(test)]
mod tests {
    use super::*;

    wire_code! {
        /// A code.
        pub struct Code(u8) {
            /// One.
            ONE = 1;
            /// Two, with another text.
            TWO = 2 "two of them";
        }
    }

    wire_flags! {
        /// Flags.
        pub struct Flags(u16), zero "none" {
            /// A.
            A = 1;
            /// B.
            B = 4;
        }
    }

    #[test]
    fn codes_print_name_or_number() {
        assert_eq!(Code::ONE.to_string(), "ONE");
        assert_eq!(Code::TWO.to_string(), "two of them");
        assert_eq!(Code(0xEE).to_string(), "0xee");
        assert_eq!(Code(0xEE).name(), None);
        assert_eq!(Code::ALL, [Code::ONE, Code::TWO]);
    }

    #[test]
    fn flags_keep_unknown_bits() {
        assert_eq!(Flags(0).to_string(), "none");
        assert_eq!((Flags::A | Flags::B).to_string(), "A|B");
        assert_eq!(Flags(0x8005).to_string(), "A|B|0x8000");
        assert_eq!(Flags(0x8002).to_string(), "0x8002");
        assert_eq!(Flags(0x8002).bits(), 0x8002);
    }

    #[test]
    fn errors_read_as_fragments() {
        let malformed = Malformed::new("TPKT length", 2, Expected::AtLeast(7), 3);
        assert_eq!(malformed.to_string(), "TPKT length at byte 2: expected at least 0x7, got 0x3");
        assert_eq!(malformed.inside(10).at, 12);
    }

    #[test]
    fn nothing_more_to_come_makes_incomplete_an_error() {
        let bytes = [1, 2];
        let malformed = whole("field", &bytes, array::<4>(&bytes)).unwrap_err();
        assert_eq!(malformed, Malformed::new("field", 2, Expected::AtLeast(4), 2));
    }

    #[test]
    fn utf16_stops_at_zero_and_survives_lone_surrogates() {
        assert_eq!(utf16_le(&[0x41, 0, 0, 0xD8, 0x42, 0, 0, 0, 0x43, 0]), "A\u{FFFD}B");
    }
}
