//! One Windows event, decoded: who wrote it, when, and its fields by name.
//!
//! Gives no meaning to any field: that is done in the file of the provider.

use std::fmt;
use std::sync::Arc;

use super::guid::Guid;
use super::provider::Provider;
use crate::base::{Locator, Observed, Timestamp};

/// One decoded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The log, and the EventRecordID in it.
    pub at: Locator,
    /// `TimeCreated` as logged, by the clock of the computer that wrote it.
    pub time: Timestamp,
    /// Who wrote it.
    pub provider: Provider,
    /// The channel by its full name, as the event says it; never taken from the file name.
    pub channel: Arc<str>,
    /// The computer, as the event says it.
    pub computer: Arc<str>,
    /// The event id, which means something only together with the provider.
    pub id: u32,
    /// 0 audit or always, 1 critical, 2 error, 3 warning, 4 information, 5 verbose.
    pub level: u8,
    /// The ActivityID; none if absent or all zero.
    pub activity: Option<Guid>,
    /// What the event says, by name.
    pub fields: Fields,
}

impl Event {
    /// A value that was learned from this event.
    pub const fn observe<T>(&self, value: T) -> Observed<T> {
        Observed::new(value, self.at, self.time)
    }

    /// The EventRecordID.
    pub fn record(&self) -> u64 {
        self.at.record().unwrap_or_default()
    }
}

/// The fields of an event in the order in which they were written.
///
/// `EventData/Data[@Name]` and the children of the element inside `UserData` carry their own names. Data
/// without a name are called `Data`, `Data1`, `Data2` …; classic binary data is `Binary`, in upper-case hex.
/// Names repeat where the event repeats them. All texts stand one after the other in one buffer, since a log
/// holds millions of fields.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    text: String,
    /// Each name, with the end of its value in `text`.
    names: Vec<(Arc<str>, u32)>,
}

impl Fields {
    /// The value of the first field of that name, in any case.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The same, if it says anything: an empty value and the `-` of audit events are no text.
    pub fn said(&self, name: &str) -> Option<&str> {
        self.text(name).map(str::trim).filter(|value| !matches!(*value, "" | "-"))
    }

    /// The value as a number: decimal, or hexadecimal after `0x`.
    pub fn number(&self, name: &str) -> Option<u64> {
        number(self.text(name)?)
    }

    /// The value as a number that may be negative.
    pub fn signed(&self, name: &str) -> Option<i64> {
        let text = self.text(name)?.trim();
        match text.strip_prefix('-') {
            Some(rest) => i64::try_from(number(rest)?).ok()?.checked_neg(),
            None => i64::try_from(number(text)?).ok(),
        }
    }

    /// The value as a 32-bit code, which events write in hex, decimal or as a negative number.
    pub fn code(&self, name: &str) -> Option<u32> {
        code(self.text(name)?)
    }

    /// The value as a moment: RFC 3339, as times inside events are rendered.
    pub fn moment(&self, name: &str) -> Option<Timestamp> {
        self.text(name)?.parse().ok()
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.names.iter().map(move |(name, end)| {
            let end = usize::try_from(*end).unwrap_or(usize::MAX);
            let value = self.text.get(start..end).unwrap_or_default();
            start = end;
            (&**name, value)
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether the event says nothing.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Takes all fields out, and leaves the room that they had.
    pub(super) fn take(&mut self) -> Self {
        Self { text: self.text.as_str().into(), names: self.names.drain(..).collect() }
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.names.clear();
    }

    /// Adds a field.
    pub(super) fn push(&mut self, name: Arc<str>, value: &str) {
        self.text.push_str(value);
        self.names.push((name, u32::try_from(self.text.len()).unwrap_or(u32::MAX)));
    }
}

/// For tests and for logs that were given as text.
impl<'a> FromIterator<(&'a str, &'a str)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let mut fields = Self::default();
        for (name, value) in pairs {
            fields.push(name.into(), value);
        }
        fields
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Decimal, or hexadecimal after `0x`.
pub(super) fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A 32-bit code in hex or decimal; negative numbers and sign-extended 64-bit ones are the same 32 bits.
pub(super) fn code(text: &str) -> Option<u32> {
    let text = text.trim();
    if text.starts_with('-') {
        return text.parse::<i32>().ok().map(i32::cast_unsigned);
    }
    let wide = number(text)?;
    u32::try_from(wide).ok().or_else(|| {
        let low = u32::try_from(wide & 0xffff_ffff).ok()?;
        (wide >> 32 == 0xffff_ffff && low >> 31 == 1).then_some(low)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::SourceId;

    /// An event with these fields, for the tests of the providers.
    pub fn event(provider: Provider, id: u32, fields: &[(&str, &str)]) -> Event {
        Event {
            at: Locator::Record { source: SourceId(0), number: 1 },
            time: Timestamp::from_nanos(0),
            provider,
            channel: "".into(),
            computer: "".into(),
            id,
            level: 4,
            activity: None,
            fields: fields.iter().copied().collect(),
        }
    }

    #[test]
    fn finds_fields_by_name_in_any_case() {
        let fields: Fields =
            [("error", "121"), ("Error Code", "0x904"), ("Empty", ""), ("Dash", "-")].into_iter().collect();
        assert_eq!(fields.number("Error"), Some(121));
        assert_eq!(fields.code("error code"), Some(0x904));
        assert_eq!(fields.text("Empty"), Some(""));
        assert_eq!(fields.said("Empty").or(fields.said("Dash")), None);
        assert_eq!(fields.text("missing"), None);
        assert_eq!(fields.iter().count(), fields.len());
    }

    #[test]
    fn reads_codes_in_each_written_form() {
        for text in ["0x80090304", "2148074244", "-2146893052", "0xffffffff80090304"] {
            assert_eq!(code(text), Some(0x8009_0304), "{text}");
        }
        assert_eq!(code("0x180090304"), None);
        assert_eq!(code("twelve"), None);
        let fields: Fields = [("Offset", "-16938018")].into_iter().collect();
        assert_eq!(fields.signed("Offset"), Some(-16_938_018));
    }
}
