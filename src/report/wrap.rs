//! Breaks text into lines of a given width, in columns as a terminal counts them.
//!
//! Knows nothing of colour: spans keep their meaning across a break.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::text::{Ink, Text};

/// One line: runs of one meaning.
pub(super) type Line = Vec<(Ink, String)>;

/// A word, which may change its meaning inside: `c1:` followed by a bold `failed`.
#[derive(Default)]
struct Word {
    pieces: Line,
    width: usize,
    /// Whether it goes on from the line above, without a space.
    goes_on: bool,
}

/// Breaks `text` at spaces so that no line is wider than `width` (at least 1); a word that is wider is broken
/// inside, after punctuation if that is near enough.
pub(super) fn wrap(text: &Text, width: usize) -> Vec<Line> {
    let width = width.max(2);
    let mut lines: Vec<Line> = Vec::new();
    let mut line = Line::new();
    let mut used = 0;
    for word in words(text) {
        // What must be broken anyway begins behind the word before it, if there is room for much of it.
        let room = width.saturating_sub(used + 1);
        let first = if used > 0 && room * 2 > width { room } else { width };
        for word in broken(word, first, width) {
            if used > 0 && (word.goes_on || used + 1 + word.width > width) {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            if used > 0 {
                line.push((Ink::Plain, " ".to_owned()));
                used += 1;
            }
            used += word.width;
            line.extend(word.pieces);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines.into_iter().map(joined).collect()
}

/// Columns that `text` takes.
pub(super) fn width_of(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Columns that `text` takes on one line.
pub(super) fn natural_width(text: &Text) -> usize {
    let ends = |ink: Ink| if ink == Ink::Quoted { 2 } else { 0 };
    text.spans().iter().map(|span| width_of(span.text()) + ends(span.ink)).sum()
}

fn words(text: &Text) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = Word::default();
    for span in text.spans() {
        let shown = match span.ink {
            Ink::Quoted => format!("`{}`", span.text()),
            _ => span.text().to_owned(),
        };
        for (index, part) in shown.split(' ').enumerate() {
            if index > 0 && !word.pieces.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            if !part.is_empty() {
                word.width += width_of(part);
                word.pieces.push((span.ink, part.to_owned()));
            }
        }
    }
    if !word.pieces.is_empty() {
        words.push(word);
    }
    words
}

/// What a word may be broken behind.
const BREAKS: [char; 8] = ['-', '/', '\\', ',', ';', '&', '|', ')'];

/// Columns below which `text` cannot go without breaking inside of a piece: of `mtu-black-hole`, those of `black-`.
pub(super) fn narrowest(text: &Text) -> usize {
    let words = words(text);
    let pieces = words.iter().flat_map(|word| &word.pieces);
    pieces.flat_map(|(_, text)| text.split_inclusive(BREAKS)).map(width_of).max().unwrap_or(0)
}

/// The word itself if it fits, else its parts: broken behind punctuation, and inside of a piece only if that piece is
/// wider than a line.
fn broken(word: Word, first: usize, width: usize) -> Vec<Word> {
    if word.width <= width {
        return vec![word];
    }
    let mut parts = Vec::new();
    let mut part = Word::default();
    let mut limit = first;
    let mut end = |part: &mut Word, limit: &mut usize| {
        parts.push(std::mem::replace(part, Word { goes_on: true, ..Word::default() }));
        *limit = width;
    };
    for (ink, text) in word.pieces {
        for piece in text.split_inclusive(BREAKS) {
            let wide = width_of(piece);
            if wide <= width && part.width > 0 && part.width + wide > limit {
                end(&mut part, &mut limit);
            }
            if wide <= width {
                part.width += wide;
                part.pieces.push((ink, piece.to_owned()));
                continue;
            }
            for c in piece.chars() {
                let wide = c.width().unwrap_or(0);
                if part.width + wide > limit {
                    end(&mut part, &mut limit);
                }
                part.width += wide;
                part.pieces.push((ink, c.to_string()));
            }
        }
    }
    parts.push(part);
    parts
}

/// Neighbours of one meaning as one run, with the space between them.
fn joined(line: Line) -> Line {
    let mut out = Line::new();
    let mut pieces = line.into_iter().peekable();
    while let Some((ink, text)) = pieces.next() {
        let space = text == " " && ink == Ink::Plain;
        match out.last_mut() {
            Some((last, run)) if *last == ink => run.push_str(&text),
            Some((last, run)) if space && pieces.peek().is_some_and(|(next, _)| next == last) => {
                run.push(' ');
            }
            _ => out.push((ink, text)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &Text, width: usize) -> Vec<String> {
        wrap(text, width).into_iter().map(|line| line.into_iter().map(|(_, text)| text).collect()).collect()
    }

    #[test]
    fn breaks_at_spaces_and_keeps_every_word() {
        let text = Text::plain("the server accepts only NLA");
        assert_eq!(plain(&text, 12), ["the server", "accepts only", "NLA"]);
    }

    #[test]
    fn wide_characters_count_twice() {
        let text = Text::plain("伊藤伊藤伊藤");
        assert_eq!(plain(&text, 5), ["伊藤", "伊藤", "伊藤"]);
    }

    #[test]
    fn a_long_word_is_broken_and_nothing_is_lost() {
        let path = "/very/long/path/without/any/space/".repeat(9);
        for width in 2..90 {
            let lines = plain(&Text::code(&path), width);
            assert!(lines.iter().all(|line| width_of(line) <= width), "{width}: {lines:?}");
            assert_eq!(lines.concat(), path);
        }
    }

    #[test]
    fn meanings_meet_inside_a_word() {
        let text = Text::plain("c1: ").ink(Ink::Bad, "failed").and(", then silence");
        let lines = wrap(&text, 80);
        assert_eq!(lines[0][1], (Ink::Bad, "failed".to_owned()));
        assert_eq!(plain(&text, 80), ["c1: failed, then silence"]);
    }
}
