//! No name or address of a sample is left in any format of its redacted report.
//!
//! What is original comes from other readers than the redaction's: addresses from the frames, names from the logs as
//! the `evtx` crate reads them, and the named fields of the report that is not redacted.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Read as _};
use std::net::{IpAddr, SocketAddr};

use rayon::prelude::*;
use rdpscan::report::redact::{Key, unredact};
use rdpscan::report::{Format, Style, render};
use rdpscan::{Report, analyze_redacted, causes};
use serde_json::Value;

use super::eventlog::oracle;
use super::formats::ALL;
use super::samples::{self, Sample};
use super::support::capture::read;

/// Fields of events that hold names.
const FIELDS: &[&str] = &[
    "TargetUserName",
    "SubjectUserName",
    "User",
    "UserName",
    "Username",
    "AccountName",
    "TargetDomainName",
    "SubjectDomainName",
    "DomainName",
    "WorkstationName",
    "Workstation",
    "ServerName",
    "QueryName",
    "Resource",
];
/// Names that are the same on every computer.
const EVERYWHERE: &[&str] = &[
    "system",
    "local service",
    "network service",
    "anonymous logon",
    "nt authority",
    "localhost",
    "workgroup",
];

/// Masks and versions in texts look like addresses.
const MASKS: &[&str] = &["255.", "0.", "127.", "10.0.", "6."];

/// The files of an archive, and those of archives in it; what is none is itself.
fn unpacked(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    if !bytes.starts_with(b"PK") {
        return vec![bytes];
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = Vec::new();
    for at in 0..archive.len() {
        let mut member = Vec::new();
        archive.by_index(at).unwrap().read_to_end(&mut member).unwrap();
        files.extend(unpacked(member));
    }
    files
}

/// In lower case.
fn originals(sample: &Sample, report: &Report) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for bytes in sample.options.inputs.iter().flat_map(|path| unpacked(fs::read(path).unwrap())) {
        if bytes.starts_with(b"ElfFile") {
            for event in oracle::events(&bytes) {
                names(&mut found, &event.computer);
                for (name, value) in &event.fields {
                    let is_manager = event.provider.contains("remoteconnectionmanager");
                    let named = FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name))
                        || is_manager && ["Param1", "Param2"].contains(&name.as_str());
                    if named {
                        names(&mut found, value);
                    }
                    address(&mut found, value);
                }
            }
        } else if matches!(bytes.get(..4), Some([0x0a, 0x0d, 0x0d, 0x0a] | [_, _, 0xb2, 0xa1])) {
            for (from, to) in read::frames(&bytes).iter().filter_map(read::ends) {
                address(&mut found, &from.ip().to_string());
                address(&mut found, &to.ip().to_string());
            }
        } else {
            // A text of a computer, in UTF-16 or a code page: for addresses the letters between do not matter.
            let text: String =
                bytes.iter().filter(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
            let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != '.' && c != ':');
            let own = words.filter(|word| !MASKS.iter().any(|mask| word.starts_with(mask)));
            own.for_each(|word| address(&mut found, word));
            of_text(&mut found, &text);
        }
    }
    for path in &report.sources {
        // Its folders tell of cases and customers.
        found.insert(path.path.to_lowercase());
    }
    for connection in &report.connections {
        address(&mut found, &connection.client.ip);
        address(&mut found, &connection.server.ip);
        let facts = &connection.facts;
        for name in [&facts.cookie, &facts.sni, &facts.client_name].into_iter().flatten() {
            names(&mut found, name);
        }
        if let Some(certificate) = &facts.certificate {
            certificate.names.iter().for_each(|name| names(&mut found, name));
            for subject in [&certificate.subject, &certificate.issuer] {
                for part in subject.split(", ").filter_map(|part| part.split_once('=')) {
                    names(&mut found, part.1);
                }
            }
            found.insert(certificate.thumbprint.to_lowercase());
        }
    }
    for party in report.incidents.iter().flat_map(|incident| [&incident.client, &incident.server]) {
        address(&mut found, party);
        if party.parse::<SocketAddr>().is_err() {
            names(&mut found, party);
        }
    }
    report
        .incidents
        .iter()
        .filter_map(|incident| incident.user.as_ref())
        .for_each(|user| names(&mut found, user));
    report.sources.iter().filter_map(|source| source.host.as_ref()).for_each(|host| names(&mut found, host));
    found
}

/// What a text of a computer says by name: the computer behind the head of `ipconfig`, interfaces in the last column of
/// `netsh`, fingerprints.
fn of_text(found: &mut BTreeSet<String>, text: &str) {
    let mut above = "";
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if above.contains("Windows") && above.contains("IP") {
            names(found, line.rsplit(' ').next().unwrap());
        }
        above = line;
        let columns: Vec<&str> = line.split_whitespace().collect();
        if columns.len() > 4 && columns[..4].iter().all(|number| number.parse::<u64>().is_ok()) {
            found.insert(columns[4..].join(" ").to_lowercase());
        }
    }
    // Registry editors break lines of bytes and put commas between them.
    let joined: String = text.chars().filter(|c| !matches!(c, ',' | '\\' | '\r' | '\n' | ' ')).collect();
    for hex in [text, &joined].iter().flat_map(|text| text.split(|c: char| !c.is_ascii_hexdigit())) {
        if hex.len() == 40 {
            found.insert(hex.to_lowercase());
        }
    }
}

fn names(found: &mut BTreeSet<String>, text: &str) {
    for name in
        text.split(['\\', '@', '/', ',', ' ']).flat_map(|name| [name, name.split('.').next().unwrap()])
    {
        let name = name.trim_matches(['.', '$', '*', '-']).to_lowercase();
        let tells = name.chars().count() > 1 && name.chars().any(char::is_alphabetic);
        if tells
            && !EVERYWHERE.contains(&name.as_str())
            && !name.starts_with("0x")
            && name.parse::<IpAddr>().is_err()
        {
            found.insert(name);
        }
    }
}

fn address(found: &mut BTreeSet<String>, text: &str) {
    let ip = text.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| text.parse::<IpAddr>());
    if let Ok(ip) = ip
        && !ip.is_unspecified()
        && !ip.is_loopback()
        && !ip.is_multicast()
    {
        found.insert(ip.to_canonical().to_string());
    }
}

/// Whether `word` stands in the text and is no part of a longer word.
fn stands_in(text: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

/// Words of the program itself: that a report holds one tells nothing. Names of examples are none of them.
fn words_of_the_program() -> BTreeSet<String> {
    let texts = causes::ALL.iter().flat_map(|cause| [cause.doc, cause.id]);
    let words = texts.flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    words.filter(|word| !word.contains(|c: char| c.is_ascii_digit())).map(str::to_lowercase).collect()
}

/// Hosts are called by words of the catalogue.
#[test]
fn a_host_by_the_name_of_a_word_is_not_told_by_its_texts() {
    for host in ["SERVER", "FIREWALL", "PRINT", "HOST", "SRV01", "ZULU9"] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::copy("samples/firewall-drop/capture.pcapng", path("capture.pcapng")).unwrap();
        fs::create_dir(path("srv")).unwrap();
        let ipconfig = format!(
            "\r\nWindows IP Configuration\r\n\r\n   Host Name . . . . . . . . . . . . : {host}\r\n\r\n\
             Ethernet adapter Ethernet:\r\n\r\n   \
             IPv4 Address. . . . . . . . . . . : 198.51.100.20(Preferred)\r\n   \
             Subnet Mask . . . . . . . . . . . : 255.255.255.0\r\n"
        );
        fs::write(path("srv/ipconfig.txt"), ipconfig).unwrap();
        let registry = "Windows Registry Editor Version 5.00\r\n\r\n\
            [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server]\r\n\
            \"fDenyTSConnections\"=dword:00000001\r\n";
        fs::write(path("srv/terminal-server.reg"), registry).unwrap();
        let options =
            rdpscan::Options { inputs: vec![folder.path().to_owned()], ..rdpscan::Options::default() };
        let report = analyze_redacted(&options, &mut Key::default()).unwrap();
        for format in ALL {
            let text = render(&report, format, Style { width: 400, color: false });
            let text = text.split_once("</style>").map_or(text.as_str(), |(_, page)| page);
            // The pseudonym of a host tells how its name is written.
            let text = &text.replace("HOST-", "host-");
            if !matches!(format, Format::Csv | Format::Ndjson) {
                assert!(text.contains("the registry of"), "{host} in {format:?}: {text}");
            }
            // Elsewhere it may be the head of a column.
            assert!(!text.contains(&format!("registry of {host}")), "{host} in {format:?}");
        }
    }
}

#[test]
fn no_original_string_is_left_in_any_format() {
    let own = words_of_the_program();
    let left: Vec<String> = samples::all()
        .par_iter()
        .flat_map_iter(|sample| {
            let Ok(plain) = &sample.report else { return Vec::new() };
            let originals = originals(sample, plain);
            assert!(!originals.is_empty(), "samples/{}: nothing original", sample.name);
            let mut key = Key::default();
            let report = analyze_redacted(&sample.options, &mut key).unwrap();
            assert_eq!(verdicts(&report), verdicts(plain), "samples/{}", sample.name);
            let mut left = Vec::new();
            for format in ALL {
                let text = render(&report, format, Style { width: 400, color: false }).to_lowercase();
                // The style sheet is the program's own.
                let text = text.split_once("</style>").map_or(text.as_str(), |(_, page)| page);
                assert!(text.contains("redacted") || report.incidents.is_empty(), "{format:?} has no banner");
                for word in originals.iter().filter(|word| !own.contains(*word) && stands_in(text, word)) {
                    left.push(format!("samples/{}: {word} in {format:?}", sample.name));
                }
            }
            left
        })
        .collect();
    assert!(left.is_empty(), "{} left:\n{}", left.len(), left.join("\n"));
}

/// What was judged: pseudonyms change nothing of it.
fn verdicts(report: &Report) -> Vec<(&'static str, Option<&'static str>, Option<&'static str>)> {
    let of = |verdict: &rdpscan::report::model::Verdict| (verdict.kind, verdict.cause, verdict.strength);
    report.incidents.iter().map(|incident| of(&incident.verdict)).collect()
}

#[test]
fn the_same_has_the_same_pseudonym_in_two_reports_of_one_key() {
    let sample = samples::all().iter().find(|sample| sample.name == "bad-password--windows").unwrap();
    let mut key = Key::default();
    let first = analyze_redacted(&sample.options, &mut key).unwrap();
    let mut again = Key::from_json(&key.to_json()).unwrap();
    let second = analyze_redacted(&sample.options, &mut again).unwrap();
    for format in ALL {
        assert_eq!(render(&first, format, Style::default()), render(&second, format, Style::default()));
    }
    let ip = &first.connections[0].client.ip;
    assert_eq!(key.original(ip), Some("192.0.2.10"));
}

/// Where two reports say different things.
fn differences(a: &Value, b: &Value, place: &str, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).filter(|key| *key != "redacted").collect();
            for key in keys {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                differences(&of(a), &of(b), &format!("{place}.{key}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{place}.{at}"), found);
            }
        }
        // A hardware address with hyphens comes back with colons.
        (Value::String(a), Value::String(b)) if a.replace('-', ":") == b.replace('-', ":") => {}
        _ if a == b => {}
        _ => found.push(format!("{place}: {a} came back as {b}")),
    }
}

#[test]
fn the_key_turns_a_report_back() {
    let left: Vec<String> = samples::all()
        .par_iter()
        .filter_map(|sample| {
            let plain = sample.report.as_ref().ok()?;
            let mut key = Key::default();
            let redacted = analyze_redacted(&sample.options, &mut key).unwrap();
            let json = render(&redacted, Format::Json, Style::default());
            let key = Key::from_json(&key.to_json()).unwrap();
            let (back, count) = unredact(&json, &key);
            assert!(count > 0, "samples/{}", sample.name);
            let back: Value = serde_json::from_str(&back).unwrap();
            let plain: Value = serde_json::from_str(&render(plain, Format::Json, Style::default())).unwrap();
            let mut lost = Vec::new();
            differences(&plain, &back, &sample.name, &mut lost);
            (!lost.is_empty()).then(|| lost.join("\n"))
        })
        .collect();
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn the_command_turns_a_page_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |args: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_rdpscan")).args(args).output().unwrap()
    };
    let (page, key, back) = (path("page.html"), path("key.json"), path("back.html"));
    let made = run(&[
        "analyze",
        "samples/bad-password--windows",
        "--redact-key",
        &key,
        "--format",
        "html",
        "-o",
        &page,
    ]);
    assert!(made.status.success());
    assert!(!fs::read_to_string(&page).unwrap().contains("192.0.2.10"));
    assert!(run(&["unredact", &page, "--redact-key", &key, "-o", &back]).status.success());
    assert!(fs::read_to_string(&back).unwrap().contains("192.0.2.10"));
    assert_eq!(run(&["unredact", &page, "--redact-key", &path("none.json")]).status.code(), Some(2));
}
