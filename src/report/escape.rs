//! Makes strings from the wire or a log safe to show: what a terminal or page would obey instead of print
//! becomes a visible escape.
//!
//! Knows no format: markup characters are `markdown`'s business. The escape is for reading, not for undoing (a
//! backslash stays one backslash, because `DOMAIN\user` must stay readable); the exact string is in the JSON.

use std::fmt::Write as _;

/// Characters of one foreign string that are shown; the rest is counted. The JSON has all of them.
const SHOWN: usize = 2_000;

/// Whether `c` moves the cursor, changes direction, hides, or breaks the line instead of being seen.
///
/// Control characters (C0, DEL, C1), bidirectional controls and marks, line and paragraph separators, and
/// characters without width that can make two different names look the same (Unicode TR 36).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// `text` with every hidden character as `\n`, `\x1b` or `\u{202e}`.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(SHOWN));
    let mut rest = text.chars();
    for c in rest.by_ref().take(SHOWN) {
        push_visible(&mut out, c);
    }
    let hidden = rest.count();
    if hidden > 0 {
        // Writing to a string cannot fail.
        let _ = write!(out, "… ({hidden} more characters)");
    }
    out
}

fn push_visible(out: &mut String, c: char) {
    let code = u32::from(c);
    let _ = match c {
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        c if !is_hidden(c) => write!(out, "{c}"),
        _ if code <= 0xff => write!(out, "\\x{code:02x}"),
        _ => write!(out, "\\u{{{code:x}}}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_controls_become_visible() {
        assert_eq!(visible("a\x1b[31mred\x07\r\n\tb"), r"a\x1b[31mred\x07\r\n\tb");
        assert_eq!(visible("\u{9b}2J\u{7f}\0"), r"\x9b2J\x7f\x00");
    }

    #[test]
    fn names_that_lie_about_their_order_or_hide_characters_show_it() {
        assert_eq!(visible("exe\u{202e}fdp"), r"exe\u{202e}fdp");
        assert_eq!(visible("ad\u{200b}min\u{2066}x\u{feff}"), r"ad\u{200b}min\u{2066}x\u{feff}");
        assert_eq!(visible("a\u{2028}b\u{e0041}"), r"a\u{2028}b\u{e0041}");
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["DOMAIN\\jörg", "伊藤", "владимир@corp.example", "C:\\Users\\a b\\x.pcapng", "🖥"]
        {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let shown = visible(&"x".repeat(1_000_000));
        assert!(shown.len() < 2_100, "{}", shown.len());
        assert!(shown.ends_with("… (998000 more characters)"), "{}", &shown[1_990..]);
    }
}
