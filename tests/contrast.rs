//! The colours of the page: every text on every ground that it stands on, in light, in dark and on paper.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::{BTreeMap, BTreeSet};

const STYLE: &str = include_str!("../src/report/html/style.css");

/// Text colours and the grounds that they are seen on. [WCAG 2.2] 1.4.3: 4.5 to 1.
const TEXT: &[(&str, &[&str])] = &[
    ("ink", &["bg", "card", "soft", "opensoft"]),
    ("dim", &["bg", "card", "soft"]),
    ("link", &["bg", "card"]),
    ("bad", &["bg", "card", "badsoft"]),
    ("open", &["bg", "card", "opensoft"]),
    ("good", &["bg", "card", "goodsoft"]),
    ("numink", &["num"]),
];
/// What a reader must see of pictures, on a card. [WCAG 2.2] 1.4.11: 3 to 1.
const SHAPES: &[&str] = &["lane", "shaft", "link", "bad", "open", "good", "num"];

type Palette = BTreeMap<String, [f64; 3]>;

/// The `:root` blocks in their order: light, dark, paper.
fn palettes() -> Vec<Palette> {
    let blocks = STYLE.split(":root{").skip(1).map(|rest| rest.split('}').next().unwrap());
    blocks
        .map(|block| {
            let pairs = block.split(';').filter_map(|pair| pair.trim().strip_prefix("--")?.split_once(":#"));
            pairs.map(|(name, digits)| (name.to_owned(), channels(digits))).collect()
        })
        .collect()
}

fn channels(digits: &str) -> [f64; 3] {
    let whole: String =
        if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
    let part = |at: usize| f64::from(u8::from_str_radix(&whole[at..at + 2], 16).unwrap()) / 255.0;
    [part(0), part(2), part(4)]
}

/// [WCAG 2.2] relative luminance.
fn luminance(channels: [f64; 3]) -> f64 {
    let linear = channels.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn ratio(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_can_be_read_in_light_in_dark_and_on_paper() {
    let palettes = palettes();
    assert_eq!(palettes.len(), 3);
    let mut low = Vec::new();
    for (palette, name) in palettes.iter().zip(["light", "dark", "paper"]) {
        let mut check = |front: &str, ground: &str, least: f64| {
            let ratio = ratio(palette[front], palette[ground]);
            if ratio < least {
                low.push(format!("{name}: {front} on {ground} is {ratio:.2}"));
            }
        };
        for (front, grounds) in TEXT {
            for ground in *grounds {
                check(front, ground, 4.5);
            }
        }
        for shape in SHAPES {
            check(shape, "card", 3.0);
        }
    }
    assert!(low.is_empty(), "{low:#?}");
    assert!((ratio([0.0; 3], [1.0; 3]) - 21.0).abs() < 0.01);
}

/// No rule uses a colour that the lists above do not have.
#[test]
fn every_colour_of_the_style_is_weighed() {
    let used = |property: &str| -> BTreeSet<&str> {
        let rules = STYLE.split([';', '{', '}']);
        let values = rules.filter_map(|rule| rule.trim().strip_prefix(property)?.strip_prefix("var(--"));
        values.filter_map(|value| value.split(')').next()).collect()
    };
    let texts: BTreeSet<&str> = TEXT.iter().map(|(front, _)| *front).collect();
    assert_eq!(used("color:").difference(&texts).count(), 0, "{:?}", used("color:"));
    // Marks and rings are no ground of text.
    let shapes = ["line", "good", "bad", "ink", "band"];
    let grounds: BTreeSet<&str> =
        TEXT.iter().flat_map(|(_, grounds)| grounds.iter().copied()).chain(shapes).collect();
    assert_eq!(used("background:").difference(&grounds).count(), 0, "{:?}", used("background:"));
    let fills: BTreeSet<&str> =
        texts.iter().chain(SHAPES).copied().chain(["card", "soft", "line", "band"]).collect();
    assert_eq!(used("fill:").difference(&fills).count(), 0, "{:?}", used("fill:"));
}
