//! Pseudonyms back to what they stand for, in a report of any format.
//!
//! Works on the text: a report that was written is not read again. What it puts in cannot act there: it is escaped as
//! the format asks for.

use aho_corasick::{AhoCorasick, MatchKind};

use super::Key;
use crate::report::escape;

/// What a text is written in, by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Html,
    /// Also JSON lines.
    Json,
    Plain,
}

impl Kind {
    fn of(text: &str) -> Self {
        let start: String = text.trim_start().chars().take(9).collect();
        if start.to_ascii_lowercase().starts_with("<!doctype") {
            Self::Html
        } else if start.starts_with('{') {
            Self::Json
        } else {
            Self::Plain
        }
    }

    fn escaped(self, original: &str) -> String {
        match self {
            Self::Html => {
                let mut out = String::with_capacity(original.len());
                for c in escape::visible(original).chars() {
                    match c {
                        '<' => out.push_str("&#60;"),
                        '>' => out.push_str("&#62;"),
                        '&' => out.push_str("&#38;"),
                        '"' => out.push_str("&#34;"),
                        '\'' => out.push_str("&#39;"),
                        other => out.push(other),
                    }
                }
                out
            }
            Self::Json => {
                // A string alone cannot fail.
                let quoted = serde_json::to_string(original).unwrap_or_default();
                quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
            }
            Self::Plain => escape::visible(original),
        }
    }
}

/// The text with the names and addresses, and how many were put in.
pub fn unredact(text: &str, key: &Key) -> (String, u64) {
    let kind = Kind::of(text);
    let (names, originals): (Vec<&str>, Vec<&str>) = key.pairs().unzip();
    let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&names);
    let Ok(finder) = finder else { return (text.to_owned(), 0) };
    let mut out = String::with_capacity(text.len());
    let (mut from, mut count) = (0, 0);
    for found in finder.find_iter(text) {
        let (before, behind) = (text.get(..found.start()), text.get(found.end()..));
        let Some((before, behind)) = before.zip(behind) else { continue };
        // `host-1` is no part of `host-12` or of `ghost-1`, and `198.18.0.1` none of `198.18.0.12`.
        let joins = |c: char| c.is_alphanumeric() || c == '_';
        let number_goes_on =
            behind.starts_with('.') && behind.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
        let is_address = found_is_address(names.get(found.pattern().as_usize()).copied());
        if before.chars().next_back().is_some_and(joins)
            || behind.chars().next().is_some_and(joins)
            || is_address && number_goes_on
        {
            continue;
        }
        let Some(original) = originals.get(found.pattern().as_usize()) else { continue };
        out.push_str(text.get(from..found.start()).unwrap_or_default());
        out.push_str(&kind.escaped(original));
        from = found.end();
        count += 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    (out, count)
}

fn found_is_address(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.starts_with("198."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        let json = r#"{"schema": "rdpscan.key.v1", "pseudonyms": {"host-1": "srv<b>01", "host-12": "db\"7",
            "user-1": "EXAMPLE\\alice", "198.18.0.1": "192.0.2.10"}}"#;
        Key::from_json(json).unwrap()
    }

    #[test]
    fn names_come_back_where_they_stand_alone() {
        let text = "host-1, host-12, host-123, ghost-1: user-1 at 198.18.0.1:3389, not 198.18.0.17 or 198.18.0.1.5. End: 198.18.0.1.";
        let (back, count) = unredact(text, &key());
        let wanted = "srv<b>01, db\"7, host-123, ghost-1: EXAMPLE\\alice at 192.0.2.10:3389, not 198.18.0.17 or 198.18.0.1.5. End: 192.0.2.10.";
        assert_eq!((back.as_str(), count), (wanted, 5));
    }

    #[test]
    fn what_is_put_in_cannot_act() {
        let (page, _) = unredact("<!doctype html><p>host-1", &key());
        assert_eq!(page, "<!doctype html><p>srv&#60;b&#62;01");
        let (json, _) = unredact("{\"a\": \"host-12\", \"b\": \"user-1\"}", &key());
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((json["a"].as_str(), json["b"].as_str()), (Some("db\"7"), Some("EXAMPLE\\alice")));
    }
}
