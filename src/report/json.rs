//! The report, or an explanation, as one JSON document, for scripts: the model, key for key.
//!
//! Characters that a terminal would obey are written as `\u` escapes, also those that JSON would allow as they
//! are; a parser reads the same strings.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::escape;

/// Pretty JSON that ends with a line break.
pub(super) fn render(report: &impl Serialize) -> String {
    let mut out = Vec::new();
    // Memory takes every write, and the model has only string keys: neither can fail.
    let _ = write(report, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Pretty JSON that ends with a line break.
pub(super) fn write(report: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut *out, Safe(PrettyFormatter::new()));
    report.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

fn write_fragment<W: ?Sized + Write>(out: &mut W, fragment: &str) -> io::Result<()> {
    // Nearly all that is written: bytes are faster looked at than characters.
    if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return out.write_all(fragment.as_bytes());
    }
    let mut rest = fragment;
    while let Some((at, hidden)) = rest.char_indices().find(|(_, c)| escape::is_hidden(*c)) {
        let (plain, from) = rest.split_at(at);
        out.write_all(plain.as_bytes())?;
        for unit in hidden.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}")?;
        }
        rest = from.get(hidden.len_utf8()..).unwrap_or_default();
    }
    out.write_all(rest.as_bytes())
}

/// On one line, without a break at its end.
pub(super) fn write_line(row: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    row.serialize(&mut Serializer::with_formatter(&mut *out, SafeLine))?;
    Ok(())
}

/// Compact, with hidden characters escaped.
struct SafeLine;

impl Formatter for SafeLine {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        write_fragment(out, fragment)
    }
}

/// Pretty, with hidden characters escaped.
struct Safe<'a>(PrettyFormatter<'a>);

impl Formatter for Safe<'_> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        write_fragment(out, fragment)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}
