//! A catalogue entry: what it is called, what it claims, how it is found and what to do about it.

use super::case::Case;
use super::finding::{Blame, Finding, Severity};
use crate::codes::query;
use crate::connection::Stage;

/// One known reason.
#[derive(Debug)]
pub struct Cause {
    /// Stable id: others script against it.
    pub id: &'static str,
    /// The stage that it fails.
    pub stage: Stage,
    /// How bad it is, where the finding does not grade it otherwise.
    pub severity: Severity,
    /// Whether it says what happened but not why.
    pub residual: bool,
    /// Whom a finding may blame.
    pub blames: &'static [Blame],
    /// Causes that this one explains better when both fit.
    pub more_specific_than: &'static [&'static str],
    /// What mstsc shows the user.
    pub client_code: Option<&'static str>,
    /// Title, Why, What to do, Seen as: the rustdoc of the cause.
    pub doc: &'static str,
    /// Looks for it in one case.
    pub detect: fn(&Case<'_>) -> Option<Finding>,
}

impl Cause {
    /// The first line of its documentation, without the full stop.
    pub fn title(&self) -> &'static str {
        let line = self.doc.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        line.strip_suffix('.').unwrap_or(line)
    }

    /// The lines of a section, trimmed, without empty ones.
    pub fn section(&self, name: &str) -> Vec<&'static str> {
        let mut lines =
            self.doc.lines().map(str::trim).skip_while(|line| line.strip_prefix("## ") != Some(name));
        lines.next();
        lines.take_while(|line| !line.starts_with("## ")).filter(|line| !line.is_empty()).collect()
    }

    /// Whether mstsc shows this reason, or this extended reason, in its case: `0x904 or 0x108`, `0x3, extended 5`,
    /// `extended 0x100 to 0x10B`.
    pub fn shows(&self, value: u32, extended: bool) -> bool {
        let text = self.client_code.unwrap_or_default();
        let (before, after) = text.split_once("extended").unwrap_or((text, ""));
        let part = if extended { after } else { before };
        let words: Vec<&str> = part.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
        let range = words.windows(3).any(|words| match *words {
            [from, "to", until] => {
                let (from, until) = (query::number(from), query::number(until));
                from.zip(until).is_some_and(|(from, until)| (from..=until).contains(&value))
            }
            _ => false,
        });
        range || words.iter().any(|word| query::number(word) == Some(value))
    }

    /// What to do, step by step.
    pub fn remedy(&self) -> Vec<String> {
        let mut steps: Vec<String> = Vec::new();
        for line in self.section("What to do") {
            match (line.strip_prefix("- "), steps.last_mut()) {
                (Some(step), _) => steps.push(step.to_owned()),
                (None, Some(step)) => {
                    step.push(' ');
                    step.push_str(line);
                }
                (None, None) => steps.push(line.to_owned()),
            }
        }
        steps
    }
}

/// Declares a cause: its doc comment is its rustdoc, the text of its remedy and its row in the README.
macro_rules! cause {
    (
        $(#[doc = $doc:literal])+
        $id:literal, stage: $stage:ident, severity: $severity:ident, blames: [$($blame:ident),+]
        $(, residual: $residual:literal)?
        $(, more_specific_than: [$($other:literal),*])?
        $(, client_code: $code:literal)?
        $(,)?
    ) => {
        $(#[doc = $doc])+
        pub static CAUSE: $crate::causes::Cause = $crate::causes::Cause {
            id: $id,
            stage: $crate::connection::Stage::$stage,
            severity: $crate::causes::Severity::$severity,
            residual: false $(|| $residual)?,
            blames: &[$($crate::causes::Blame::$blame),+],
            more_specific_than: &[$($($other),*)?],
            client_code: cause!(@code $($code)?),
            doc: concat!($($doc, "\n"),+),
            detect,
        };
    };
    (@code) => { None };
    (@code $code:literal) => { Some($code) };
}
pub(crate) use cause;
