//! What a user typed for a code, and what comes near it.
//!
//! Reads text, finds rows. Explains nothing.

use super::{ALL, Code, Family, Kind, bare};

/// A row in its family.
pub type Row = (&'static Family, &'static Code);

/// Rows that are offered in place of one that does not exist.
const OFFERED: usize = 3;
/// No symbol is longer; more of what was typed is not compared.
const LONGEST: usize = 64;

/// A number: `2308`, `0x904`, `904h`, `-2146893044` as some tools print an HRESULT, `C000006D` as others do.
pub fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    if let Some(hex) = text.strip_suffix(['h', 'H'])
        && hex.starts_with(|first: char| first.is_ascii_digit())
    {
        return u32::from_str_radix(hex, 16).ok();
    }
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with('+'));
    }
    if text.starts_with('-') {
        return text.parse::<i32>().ok().map(i32::cast_unsigned);
    }
    let digits = text.chars().all(|c| c.is_ascii_digit());
    let status = text.len() == 8 && text.chars().all(|c| c.is_ascii_hexdigit());
    match (digits, status) {
        (true, _) => text.parse().ok(),
        (false, true) => u32::from_str_radix(text, 16).ok(),
        (false, false) => None,
    }
}

/// Every row of a number, one per family.
pub fn everywhere(value: u32) -> Vec<Row> {
    ALL.iter().filter_map(|family| Some((*family, family.find(value)?))).collect()
}

/// Every row of a symbol, in any case.
pub fn by_symbol(symbol: &str) -> Vec<Row> {
    let wanted = bare(symbol);
    let is = |code: &Code| !code.symbol.is_empty() && bare(code.symbol) == wanted;
    rows().filter(|(_, code)| is(code)).collect()
}

/// The rows of numbers that come nearest, in one family or in all families of codes.
pub fn near(value: u32, family: Option<&'static Family>) -> Vec<Row> {
    let fits = |own: &Family| family.map_or(own.kind == Kind::Code, |family| family.name == own.name);
    let mut near: Vec<Row> = rows().filter(|(own, _)| fits(own)).collect();
    near.sort_by_key(|(_, code)| code.value.abs_diff(value).min(code.last.abs_diff(value)));
    near.truncate(OFFERED);
    near
}

/// The rows whose symbols are spelled most alike, if any is alike at all.
pub fn alike(symbol: &str) -> Vec<Row> {
    let mut near: Vec<(usize, Row)> =
        rows().filter_map(|row| Some((unlike(symbol, row.1.symbol)?, row))).collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.truncate(OFFERED);
    near.into_iter().map(|(_, row)| row).collect()
}

/// The families whose names are spelled most alike, if any is alike at all.
pub fn families_alike(name: &str) -> Vec<&'static Family> {
    let nearest = |own: &Family| {
        std::iter::once(&own.name).chain(own.also).filter_map(|known| unlike(name, known)).min()
    };
    let mut near: Vec<(usize, &'static Family)> =
        ALL.iter().filter_map(|family| Some((nearest(family)?, *family))).collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.truncate(OFFERED);
    near.into_iter().map(|(_, family)| family).collect()
}

/// How far `typed` is from `name`; nothing if it is another word.
pub fn unlike(typed: &str, name: &str) -> Option<usize> {
    let (typed, name) = (letters(typed), letters(name));
    if typed.is_empty() || name.is_empty() {
        return None;
    }
    // A part of a name is as good as one letter wrong.
    let (typed_text, name_text): (String, String) = (typed.iter().collect(), name.iter().collect());
    if typed.len() >= 4 && name_text.contains(&typed_text) {
        return Some(1);
    }
    let distance = edits(&typed, &name);
    (distance * 3 <= name.len()).then_some(distance)
}

/// What is compared of a text, however long it is.
fn letters(text: &str) -> Vec<char> {
    let letters = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    letters.take(LONGEST).collect()
}

/// Letters to insert, remove or replace (Levenshtein), a row of the matrix at a time.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.iter().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    if to.is_empty() { from.len() } else { row.last().copied().unwrap_or(0) }
}

fn rows() -> impl Iterator<Item = Row> {
    ALL.iter().flat_map(|family| family.rows().map(|code| (*family, code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_every_form_that_tools_print() {
        for (text, value) in [
            ("2308", 0x904),
            ("0x904", 0x904),
            ("0X00000904", 0x904),
            ("-2146893044", 0x8009_030c),
            ("C000006D", 0xc000_006d),
            ("c000006d", 0xc000_006d),
            ("80090308", 80_090_308),
            ("904h", 0x904),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", "0x", "0x+9", "x904", "4294967296", "0x100000000", "-2147483649", "h", "xh", "1e3"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn wrapped_numbers_are_found() {
        let symbol = |family: &str, value| Family::named(family).unwrap().find(value).unwrap().symbol;
        assert_eq!(symbol("ntstatus", 0xd000_00b5), "STATUS_IO_TIMEOUT");
        assert_eq!(symbol("socket-error", 0x8007_0040), "ERROR_NETNAME_DELETED");
        assert_eq!(symbol("tsgu", 23_002), "E_PROXY_RAP_ACCESSDENIED");
        assert_eq!(symbol("tsgu", 0x8007_59e6), "E_PROXY_MAXCONNECTIONSREACHED");
        assert!(Family::named("tsgu").unwrap().find(0xc000_0005).is_none());
    }

    #[test]
    fn families_answer_to_their_names() {
        for name in ["mstsc_disconnect", "reason", "RdpCoreTS", "error-info", "Service Control Manager"] {
            assert!(Family::named(name).is_some(), "{name}");
        }
        assert!(Family::named("").is_none());
    }

    #[test]
    fn edits_are_counted() {
        let count = |a: &str, b: &str| edits(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(count("kitten", "sitting"), 3);
        assert_eq!((count("", "abc"), count("abc", ""), count("abc", "abc")), (3, 3, 0));
    }

    #[test]
    fn what_is_near_is_offered() {
        assert_eq!(alike("SEC_E_LOGON_DENYED")[0].1.symbol, "SEC_E_LOGON_DENIED");
        assert!(alike("zzzzzzzz").is_empty());
        assert_eq!(near(0x905, Family::named("reason")).len(), 3);
    }
}
