//! Pieces of text with a meaning (a failure, an id, a dimmed aside) that each format shows in its own way.
//!
//! INVARIANT: a [`Text`] holds no character that [`escape::is_hidden`] names: every way in goes through
//! [`escape::visible`]. Formats may therefore print its spans, and use such characters as marks of their own.

use super::escape;

/// Letters that a column of a table has room for; `198.51.100.20:3389` fits.
const WORD: usize = 22;

/// What a span means. Formats choose colours and markup by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Bold,
    /// A failure.
    Bad,
    /// Undetermined, or a warning.
    Open,
    /// Healthy.
    Good,
    /// An aside or a limit.
    Dim,
    /// Verbatim: an id, a name, an address, a filter.
    Code,
    /// Verbatim inside a sentence, where a reader needs to see its ends.
    Quoted,
}

/// A run of one meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    text: String,
    pub ink: Ink,
}

impl Span {
    /// The text, safe to print.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A line or paragraph, made by chaining: `Text::plain("blame: ").bold("client")`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    spans: Vec<Span>,
}

impl Text {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn plain(text: &str) -> Self {
        Self::new().and(text)
    }

    pub fn code(text: &str) -> Self {
        Self::new().ink(Ink::Code, text)
    }

    /// A sentence in which backticks set off something verbatim.
    pub fn prose(text: &str) -> Self {
        Self::new().and_prose(text)
    }

    pub fn ink(mut self, ink: Ink, text: &str) -> Self {
        if !text.is_empty() {
            self.spans.push(Span { text: escape::visible(text), ink });
        }
        self
    }

    pub fn and(self, text: &str) -> Self {
        self.ink(Ink::Plain, text)
    }

    pub fn and_code(self, text: &str) -> Self {
        self.ink(Ink::Code, text)
    }

    pub fn and_dim(self, text: &str) -> Self {
        self.ink(Ink::Dim, text)
    }

    pub fn and_prose(mut self, text: &str) -> Self {
        let mut parts = text.split('`').peekable();
        let mut quoted = false;
        while let Some(part) = parts.next() {
            // A backtick without a partner is only a backtick.
            let alone = quoted && parts.peek().is_none();
            self = match (quoted, alone) {
                (false, _) => self.and(part),
                (true, true) => self.and("`").and(part),
                (true, false) => self.ink(Ink::Quoted, part),
            };
            quoted = !quoted;
        }
        self
    }

    pub fn then(mut self, other: Self) -> Self {
        self.spans.extend(other.spans);
        self
    }

    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether its longest word has room in a column of a table.
    pub fn is_short(&self) -> bool {
        let text: String = self.spans.iter().map(Span::text).collect();
        text.split_whitespace().all(|word| word.chars().count() <= WORD)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_enters_unescaped() {
        let text = Text::plain("a\x1b").and_code("b\n").and_prose("c `d\u{202e}` \x07").and_dim("\u{2061}");
        let all: String = text.spans().iter().map(Span::text).collect();
        assert!(!all.chars().any(escape::is_hidden), "{all}");
    }

    #[test]
    fn backticks_set_off_and_a_lone_one_stays() {
        let inks = |text: &str| -> Vec<(Ink, String)> {
            Text::prose(text).spans().iter().map(|span| (span.ink, span.text().to_owned())).collect()
        };
        assert_eq!(
            inks("run `a b` now"),
            [(Ink::Plain, "run ".into()), (Ink::Quoted, "a b".into()), (Ink::Plain, " now".into())]
        );
        let lone: String = inks("user `x").into_iter().map(|(_, text)| text).collect();
        assert_eq!(lone, "user `x");
    }
}
