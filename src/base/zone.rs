//! The time zone that times are shown in. Inside of the program all times are UTC.

use std::str::FromStr;

use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::{Timestamp, windows_zones};

/// A time zone: UTC, a fixed offset, one by its IANA name, or that of this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// Whether it is UTC, which needs no conversion.
    pub fn is_utc(&self) -> bool {
        self.0 == TimeZone::UTC
    }

    /// RFC 3339 with nine decimals and the offset of that moment: `2024-05-06T22:10:10.747423000+02:00`.
    pub fn stamp(&self, moment: Timestamp) -> String {
        if self.is_utc() {
            return moment.to_string();
        }
        match jiff::Timestamp::from_nanosecond(i128::from(moment.nanos())) {
            Ok(stamp) => stamp.to_zoned(self.0.clone()).strftime("%Y-%m-%dT%H:%M:%S.%9f%:z").to_string(),
            Err(_) => moment.to_string(),
        }
    }

    /// The two moments of which a time without an offset may be either: clocks are put back once a year.
    pub fn twice(&self, text: &str) -> Option<[String; 2]> {
        let text = text.trim();
        if text.parse::<jiff::Timestamp>().is_ok() {
            return None;
        }
        let ambiguous = self.0.clone().into_ambiguous_zoned(text.parse::<jiff::civil::DateTime>().ok()?);
        if !matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. }) {
            return None;
        }
        let stamp = |zoned: jiff::Zoned| zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        Some([stamp(ambiguous.clone().earlier().ok()?), stamp(ambiguous.later().ok()?)])
    }

    /// Reads RFC 3339; a time without an offset is one of this zone.
    pub fn moment(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        let stamp = match text.parse::<jiff::Timestamp>() {
            Ok(stamp) => stamp,
            Err(_) => text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(self.0.clone()).ok()?.timestamp(),
        };
        Some(Timestamp::saturating(stamp.as_nanosecond()))
    }
}

impl FromStr for Zone {
    type Err = &'static str;

    /// `UTC`, `local`, an offset such as `+02:00`, or a name such as `Europe/Berlin` or `W. Europe Standard Time`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected UTC, local, an offset of at most 14 hours such as +02:00, or a name such as \
                                Europe/Berlin or \"W. Europe Standard Time\"";
        const OFFSET: &str = "an offset is written without UTC: +02:00";
        match text {
            "UTC" | "utc" | "Z" => return Ok(Self::default()),
            "local" => {
                return TimeZone::try_system().map(Self).map_err(|_| "this computer does not tell its zone");
            }
            _ => {}
        }
        if text.starts_with(['+', '-']) {
            return offset(text).map(|offset| Self(TimeZone::fixed(offset))).ok_or(EXPECTED);
        }
        let name = windows_zones::iana(text).unwrap_or(text);
        let behind = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).map(str::trim_start);
        let hint = if behind.is_some_and(|rest| rest.starts_with(['+', '-'])) { OFFSET } else { EXPECTED };
        TimeZone::get(name).map(Self).map_err(|_| hint)
    }
}

/// `+2`, `+02`, `+0230`, `+02:30`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = (if text.starts_with('-') { -1 } else { 1 }, text.get(1..)?);
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i32>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let fits = hours <= 14 && minutes < 60;
    fits.then(|| Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(zone: &str) -> String {
        let moment: Timestamp = "2024-05-06T20:10:10.747423Z".parse().unwrap();
        zone.parse::<Zone>().unwrap().stamp(moment)
    }

    #[test]
    fn zones_are_offsets_and_names() {
        assert_eq!(shown("UTC"), "2024-05-06T20:10:10.747423000Z");
        assert_eq!(shown("+02:00"), "2024-05-06T22:10:10.747423000+02:00");
        assert_eq!(shown("-0330"), "2024-05-06T16:40:10.747423000-03:30");
        assert_eq!(shown("+9"), "2024-05-07T05:10:10.747423000+09:00");
        assert_eq!(shown("Europe/Berlin"), "2024-05-06T22:10:10.747423000+02:00");
        for bad in ["", "+", "+25", "+02:75", "Berlin", "+2:-1", "Europe/../etc"] {
            assert!(bad.parse::<Zone>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_without_an_offset_is_of_the_zone() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let summer = zone.moment("2024-05-06 22:10:10").unwrap();
        assert_eq!(summer.to_string(), "2024-05-06T20:10:10.000000000Z");
        assert_eq!(zone.moment("2024-05-06T20:10:10Z"), Some(summer));
        assert_eq!(zone.moment("yesterday"), None);
        assert_eq!(zone.stamp(summer).parse::<Timestamp>().unwrap(), summer);
    }

    #[test]
    fn names_of_windows_are_known_and_offsets_have_a_hint() {
        assert_eq!("W. Europe Standard Time".parse::<Zone>(), "Europe/Berlin".parse());
        assert!("UTC+2".parse::<Zone>().unwrap_err().contains("+02:00"));
        assert!("+15:00".parse::<Zone>().unwrap_err().contains("14 hours"));
    }

    #[test]
    fn an_hour_comes_twice_in_autumn() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let both = berlin.twice("2026-10-25T02:00:05").unwrap();
        assert_eq!(both, ["2026-10-25T02:00:05+02:00", "2026-10-25T02:00:05+01:00"]);
        for once in ["2026-10-25T01:59:59", "2026-03-29T02:30:00", "2026-10-25T02:00:05+01:00"] {
            assert_eq!(berlin.twice(once), None, "{once}");
        }
    }
}
