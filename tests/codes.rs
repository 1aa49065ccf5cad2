//! The code tables behind `explain` against what is known of codes, and its answers as a user meets them.
//!
//! `tests/codes.txt` holds families, numbers and symbols. Where the reference that it was made from is present
//! (`RDPSCAN_REFERENCE`, else `../shared/reference`), every row of it is looked up as well.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rdpscan::causes;
use rdpscan::codes::{ALL, Family, Kind};
use rdpscan::report::explain::{Answer, explain};
use rdpscan::report::{Format, Style};

/// Family, number and symbol of every line.
fn known() -> Vec<(&'static str, u32, &'static str)> {
    let lines = include_str!("codes.txt").lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<_> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [family, hex, symbol] = cells[..] else { panic!("three cells: {line}") };
            (family, u32::from_str_radix(hex.trim_start_matches("0x"), 16).unwrap(), symbol)
        })
        .collect();
    assert!(rows.len() > 430);
    rows
}

/// A file of the reference, if it is there.
fn reference(name: &str) -> Option<String> {
    let folder = std::env::var_os("RDPSCAN_REFERENCE").map_or("../shared/reference".into(), PathBuf::from);
    let text = fs::read_to_string(folder.join(name)).ok();
    if text.is_none() {
        println!("skipped: no {}", folder.join(name).display());
    }
    text
}

/// The cells of a line of CSV.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

fn complain(family: &str, value: u32, symbol: &str) -> Option<String> {
    let Some(found) = Family::named(family) else { return Some(format!("no family {family}")) };
    match found.find(value) {
        None => Some(format!("{family} {value:#x} {symbol}: missing")),
        Some(code) if code.symbol != symbol || code.value != value => Some(format!(
            "{family} {value:#x}: {symbol} in the list, {:#x} {} in the table",
            code.value, code.symbol
        )),
        Some(code) => code.means.is_empty().then(|| format!("{family} {value:#x}: no meaning")),
    }
}

#[test]
fn tables_hold_what_is_known_and_nothing_else() {
    let known = known();
    let mut complaints: Vec<String> =
        known.iter().filter_map(|(family, value, symbol)| complain(family, *value, symbol)).collect();
    let listed: BTreeSet<(&str, u32)> =
        known.iter().map(|(family, value, _)| (Family::named(family).unwrap().name, *value)).collect();
    for family in ALL.iter().filter(|family| family.kind == Kind::Code) {
        let rows: Vec<u32> = family.rows().map(|code| code.value).collect();
        for value in &rows {
            if !listed.contains(&(family.name, *value)) {
                complaints.push(format!("{} {value:#x} is not in tests/codes.txt", family.name));
            }
        }
        if rows.iter().collect::<BTreeSet<_>>().len() != rows.len() {
            complaints.push(format!("{}: a number is there twice", family.name));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_row_of_the_reference_is_there() {
    let Some(text) = reference("disconnect-codes.csv") else { return };
    let mut complaints = Vec::new();
    let mut rows = 0;
    for line in text.lines().skip(1) {
        let cells = cells(line);
        let value = u32::from_str_radix(cells[2].trim_start_matches("0x"), 16).unwrap();
        assert_eq!(cells[1].parse::<u32>().unwrap(), value, "{line}");
        complaints.extend(complain(&cells[0], value, &cells[3]));
        rows += 1;
    }
    assert!(rows > 430);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_event_of_the_reference_is_there() {
    let Some(text) = reference("events.csv") else { return };
    let mut complaints = Vec::new();
    let mut ids = 0;
    for line in text.lines().skip(1) {
        let cells = cells(line);
        let provider = cells[0].split('(').next().unwrap().trim();
        let Some(family) = Family::named(provider) else {
            complaints.push(format!("no provider {provider}"));
            continue;
        };
        let list = cells[2].split('(').next().unwrap();
        for id in list.split([',', '-']).filter_map(|id| id.trim().parse().ok()) {
            ids += 1;
            if family.find(id).is_none() {
                complaints.push(format!("{provider} {id} is missing"));
            }
        }
    }
    assert!(ids > 180, "{ids}");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_row_has_words_and_every_family_its_sources() {
    let mut names = BTreeSet::new();
    for family in ALL {
        assert!(
            !family.sources.is_empty() && !family.met.is_empty() && !family.decides.is_empty(),
            "{}",
            family.name
        );
        for name in [&family.name].into_iter().chain(family.also) {
            let bare: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
            assert!(names.insert(bare), "{name} names two families");
        }
        for code in family.rows() {
            let at = format!("{}:{}", family.name, code.value);
            assert!(!code.means.is_empty() && !code.means.ends_with('.') && code.value <= code.last, "{at}");
            let texts = code.not.iter().chain(code.decides).chain(code.know);
            assert!(texts.into_iter().all(|text| text.ends_with(['.', '?', '`', ')', '1'])), "{at}");
        }
    }
}

fn one(asked: &[&str]) -> Answer {
    let asked: Vec<String> = asked.iter().map(|text| (*text).to_owned()).collect();
    let mut explanation = explain(&asked);
    assert_eq!(explanation.answers.len(), 1, "{asked:?}");
    explanation.answers.remove(0)
}

#[test]
fn the_pair_that_everybody_brings_names_no_cause() {
    for asked in [["0x904", "0x7"], ["2308", "7"]] {
        let answer = one(&asked);
        assert_eq!(answer.kind, "pair");
        assert!(answer.means.ends_with("this pair names no cause."), "{}", answer.means);
        assert!(answer.does_not_mean.iter().any(|text| text.contains("that a server sent \"denied\"")));
        assert!(answer.would_decide.iter().any(|text| text.contains("SetErrorInfo(0x7)")));
        assert!(answer.causes.len() > 10 && answer.sources.len() == 2);
    }
}

#[test]
fn pairs_are_read_by_their_reason() {
    let answer = one(&["3", "0x11"]);
    assert_eq!(answer.codes[1].symbol, Some("ERRINFO_CLOSE_STACK_ON_DRIVER_FAILURE"));
    assert!(answer.means.contains("said why"), "{}", answer.means);
    let answer = one(&["0x3", "5"]);
    assert!(answer.causes.iter().any(|cause| cause.id == "taken-over"));
    assert!(one(&["0x808", "0x101"]).codes[1].symbol.unwrap().starts_with("exDiscReasonLicense"));
    assert_eq!(one(&["0x3000006", "0"]).codes[0].family, "gateway-reason");
    let answer = one(&["0x904", "0xFFFF"]);
    assert_eq!((answer.kind, answer.codes.len()), ("unknown", 1));
}

#[test]
fn codes_are_found_in_every_way_to_write_them() {
    for (asked, symbol) in [
        ("ntstatus:0xC000006A", "STATUS_WRONG_PASSWORD"),
        ("C000006A", "STATUS_WRONG_PASSWORD"),
        ("status_wrong_password", "STATUS_WRONG_PASSWORD"),
        ("ntstatus:0xD00000B5", "STATUS_IO_TIMEOUT"),
        ("-2146893044", "SEC_E_LOGON_DENIED"),
        ("alert:40", "handshake_failure"),
        ("rdp_neg_failure:5", "HYBRID_REQUIRED_BY_SERVER"),
        ("tsgu:23002", "E_PROXY_RAP_ACCESSDENIED"),
        ("2308", "disconnectReasonAtClientWinsockFDCLOSE"),
        ("reason:exDiscReasonNoInfo", ""),
    ] {
        let answer = one(&[asked]);
        let found = answer.codes.first().and_then(|code| code.symbol).unwrap_or_default();
        assert_eq!(found, symbol, "{asked}");
    }
    let seven = one(&["7"]);
    assert_eq!(seven.kind, "several");
    assert!(seven.codes.len() >= 4);
    for asked in [
        &["rdpcorets:140"][..],
        &["RdpCoreTS", "140"],
        &["Microsoft-Windows-RemoteDesktopServices-RdpCoreTS:140"],
    ] {
        let answer = one(asked);
        assert_eq!((answer.kind, answer.codes[0].code), ("event", 140), "{asked:?}");
        assert!(!answer.does_not_mean.is_empty());
    }
    assert_eq!(one(&["negotiation-failure:5"]).causes[0].id, "neg-failure-5-nla-required");
}

#[test]
fn every_cause_is_explained() {
    for cause in causes::ALL {
        let answer = one(&[cause.id]);
        let entry = answer.cause.unwrap();
        assert!(answer.kind == "cause" && !entry.why.is_empty() && !entry.remedy.is_empty(), "{}", cause.id);
    }
}

#[test]
fn what_is_not_known_is_said_and_hostile_text_is_harmless() {
    let long = "A".repeat(100_000);
    for asked in
        ["0x905", "reason:0x900", "nonsense:5", "SEC_E_LOGON_DENYED", "\x1b[2J", ":", "::", "", "ü:7", &long]
    {
        let explanation = explain(&[asked.to_owned()]);
        assert!(!explanation.is_complete(), "{asked:.20}");
        for format in [Format::Table, Format::Json, Format::Markdown] {
            assert!(!explanation.render(format, Style::default()).contains('\x1b'));
        }
    }
    assert_eq!(one(&["mtu-black-hol"]).nearest[0], "mtu-black-hole");
    assert!(one(&["SEC_E_LOGON_DENYED"]).nearest[0].contains("sspi:0x8009030C"));
}

#[test]
fn no_page_is_wider_than_asked() {
    let mut few: Vec<String> = ALL.iter().map(|family| format!("{}:", family.name)).collect();
    few.extend(causes::ALL.iter().map(|cause| cause.id.to_owned()));
    let rows =
        ALL.iter().flat_map(|family| family.rows().map(|code| format!("{}:{}", family.name, code.value)));
    let all: Vec<String> = rows.chain(few.clone()).collect();
    let mut pages = 0;
    for (width, asked) in [(40, &few), (80, &all), (120, &few)] {
        for asked in asked {
            let explanation = explain(std::slice::from_ref(asked));
            assert!(explanation.is_complete(), "{asked}");
            let page = explanation.render(Format::Table, Style { width, color: false });
            for line in page.lines() {
                // A command is never broken where it fits; nothing else is wider.
                assert!(line.chars().count() <= width, "{asked} at {width}: {line}");
            }
            pages += 1;
        }
    }
    assert!(pages > 700);
}
