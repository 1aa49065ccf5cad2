//! Lists of certificates, of `certutil -store` and of PowerShell: by shape.

use super::fact::{Fact, Stated, numbered, thumbprint};
use crate::base::{Timestamp, time};

/// Thumbprints, when the certificates begin, and whether it is the store of the computer itself.
pub(super) fn certificates(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut is_list = false;
    // `certutil` prints the name of a store as it was typed, and how it went at the end.
    let mut own: Option<u64> = None;
    let mut block = Block::default();
    for (line, content) in numbered(text) {
        let trimmed = content.trim();
        is_list |= trimmed.starts_with("====")
            || trimmed.contains(r"Certificate::LocalMachine\")
            || trimmed.split_once(':').is_some_and(|(label, _)| label.trim_end() == "Thumbprint")
            || trimmed.split('\t').any(|field| field.trim_matches('"') == "Thumbprint");
        if trimmed.starts_with("CertUtil: -") {
            let whole = own.take().filter(|_| !trimmed.contains("0x8"));
            facts.extend(whole.map(|line| Stated { fact: Fact::OwnStore, line }));
        } else if trimmed.eq_ignore_ascii_case("my")
            || trimmed.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("my \""))
        {
            own = Some(line);
        } else if lists_own_store(trimmed) {
            facts.push(Stated { fact: Fact::OwnStore, line });
        }
        if trimmed.is_empty() || trimmed.starts_with("====") {
            facts.extend(std::mem::take(&mut block).begins());
        }
        let hash = match trimmed.split_once("(sha1):") {
            Some((_, hash)) => thumbprint(hash.trim()),
            None => trimmed
                .split([' ', '\t', ';', ',', '"'])
                .find_map(|field| (field.len() == 40).then(|| thumbprint(field)).flatten()),
        };
        if let Some(hash) = hash {
            // A line of a table has all of one.
            if block.thumbprint.is_some() {
                facts.extend(std::mem::take(&mut block).begins());
            }
            facts.push(Stated { fact: Fact::Certificate(hash.clone()), line });
            block.thumbprint = Some((hash, line));
        }
        block.days_of(trimmed);
    }
    facts.extend(block.begins());
    // A thumbprint alone may stand anywhere, and a store without a certificate may as well be a sentence.
    if !is_list || !facts.iter().any(|stated| matches!(stated.fact, Fact::Certificate(_))) {
        facts.clear();
    }
    facts
}

/// `Certificate::LocalMachine\My`, and no store whose name only begins so.
fn lists_own_store(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let rest = lower.split_once(r"localmachine\my").map(|(_, rest)| rest);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
}

/// What is listed of one certificate.
#[derive(Default)]
struct Block {
    thumbprint: Option<(String, u64)>,
    /// Of the line that is called so.
    not_before: Option<Timestamp>,
    /// Of all lines.
    days: Vec<Timestamp>,
}

impl Block {
    fn days_of(&mut self, line: &str) {
        /// A certificate has two.
        const MANY: usize = 8;
        let days: Vec<Timestamp> = line.split_whitespace().filter_map(day).collect();
        if line.starts_with("NotBefore") {
            self.not_before = self.not_before.or_else(|| days.first().copied());
        }
        if self.days.len() < MANY {
            self.days.extend(days);
        }
    }

    /// The labels of `certutil` are translated: of two days the first is the beginning.
    fn begins(self) -> Option<Stated> {
        let earliest = || self.days.iter().min().copied().filter(|_| self.days.len() > 1);
        let day = self.not_before.or_else(earliest)?;
        let (thumbprint, line) = self.thumbprint?;
        Some(Stated { fact: Fact::Begins { thumbprint, day }, line })
    }
}

/// A date in figures. Where day and month may be either way round, the later of the two.
fn day(word: &str) -> Option<Timestamp> {
    let word = word.trim_matches(|end: char| !end.is_ascii_digit());
    let parts: Vec<&str> = word.split(['.', '/', '-']).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    let (year, one, other) = if first.len() == 4 { (first, second, third) } else { (third, first, second) };
    let year: i16 = Some(year).filter(|year| year.len() == 4)?.parse().ok()?;
    let (one, other): (i8, i8) = (one.parse().ok()?, other.parse().ok()?);
    let both = if first.len() == 4 { [(one, other); 2] } else { [(one, other), (other, one)] };
    both.into_iter()
        .filter_map(|(month, day)| jiff::civil::Date::new(year, month, day).ok())
        .filter_map(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|zoned| {
            Timestamp::saturating(i128::from(zoned.timestamp().as_second()) * i128::from(time::SECOND))
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(stated: Vec<Stated>) -> Vec<Fact> {
        stated.into_iter().map(|stated| stated.fact).collect()
    }

    #[test]
    fn thumbprints_are_found_in_every_list() {
        let hash = "1C45DC17894E3FCE1C1037AAFB31FEA52F1EA97F";
        for store in ["My \"Personal\"", "my \"Personal\"", "MY"] {
            let cut = format!(
                "{store}\n================ Certificate 0 ================\nCert Hash(sha1): {}\n",
                hash.to_lowercase()
            );
            assert_eq!(facts(certificates(&cut)), [Fact::Certificate(hash.into())]);
            let whole = format!("{cut}CertUtil: -store command completed successfully.\n");
            assert_eq!(facts(certificates(&whole)), [Fact::Certificate(hash.into()), Fact::OwnStore]);
        }
        let csv = format!("\"Thumbprint\"\t\"Subject\"\n\"{hash}\"\t\"CN=srv01\"\n");
        assert_eq!(facts(certificates(&csv)), [Fact::Certificate(hash.into())]);
        assert_eq!(facts(certificates(&format!("the certificate is {hash}\n"))), []);
        assert_eq!(facts(certificates("My \"own\" words\n")), []);
    }

    #[test]
    fn the_beginning_of_a_certificate_is_read() {
        let hash = "1C45DC17894E3FCE1C1037AAFB31FEA52F1EA97F";
        let begins = |text: &str| {
            facts(certificates(text)).into_iter().find_map(|fact| match fact {
                Fact::Begins { thumbprint, day } if thumbprint == hash => Some(day.to_string()),
                _ => None,
            })
        };
        let cut = |from: &str, to: &str| {
            format!(
                "==== Zertifikat 0 ====\n Nicht vor: {from} 10:00\n Nicht nach: {to} 10:00\nCert Hash(sha1): {hash}\n"
            )
        };
        assert_eq!(begins(&cut("20.11.2026", "20.11.2027")).unwrap(), "2026-11-20T00:00:00.000000000Z");
        assert_eq!(begins(&cut("2/1/2026", "2/1/2028")).unwrap(), "2026-02-01T00:00:00.000000000Z");
        assert_eq!(begins(&cut("2026-02-01", "2027-02-01")).unwrap(), "2026-02-01T00:00:00.000000000Z");
        let list =
            format!("Thumbprint : {hash}\nNotBefore  : 5/20/2026 1:00:00 AM\n\nNotAfter : 1/1/2020 1:00\n");
        assert_eq!(begins(&list).unwrap(), "2026-05-20T00:00:00.000000000Z");
        assert_eq!(begins(&format!("Thumbprint : {hash}\nNotAfter : 5/20/2026\n")), None);
    }
}
