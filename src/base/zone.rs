//! The time zone that times are shown in. Inside of the program all times are UTC.

use std::str::FromStr;

use jiff::tz::{Offset, TimeZone};

use super::Timestamp;

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

    /// `UTC`, `local`, an offset such as `+02:00`, or a name such as `Europe/Berlin`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "expected UTC, local, an offset such as +02:00, or a name such as Europe/Berlin";
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
        TimeZone::get(text).map(Self).map_err(|_| EXPECTED)
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
}
