//! Strings of a capture that attack a terminal, a browser, a spreadsheet or the eye: inert in every format.
//!
//! The attack is in a capture, so that it takes the way of every other string. What the model may hold besides is tested
//! beside the formats.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::Command;

use rdpscan::report::{Format, Style, render};
use rdpscan::{Options, Report};

use super::samples;
use super::support::capture::conversation::{Conversation, Way};
use super::support::capture::file::pcapng;
use super::support::capture::rdp::{Request, connection_request, negotiation_failure};
use super::support::capture::tls;
use super::support::capture::udp::Host;

pub const ALL: [Format; 6] =
    [Format::Table, Format::Json, Format::Markdown, Format::Html, Format::Csv, Format::Ndjson];

/// What a client may write into its cookie.
const ATTACKS: &[&str] = &[
    "=cmd|'/C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "</style></title><base href=//evil.test>",
    "[click](https://evil.test)",
    "![x](https://evil.test/x.png)",
    "`x` **b** ~~s~~ | # h",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31mred",
    "ad\u{202e}nimda",
    "a\u{2066}b\u{200b}c\u{feff}",
    "{{7*7}} {% raw %} ${x}",
    "&lt;b&gt; &#x3c;",
];

fn attacked(cookie: &str) -> Report {
    let mut hosts: BTreeMap<String, Host> = [
        ("client".to_owned(), Host::new("client", "192.0.2.10".parse().unwrap(), 128)),
        ("server".to_owned(), Host::new("server", "198.51.100.20".parse().unwrap(), 128)),
    ]
    .into();
    let mut frames = Vec::new();
    let ends = [("client".to_owned(), 50_001), ("server".to_owned(), 3_389)];
    let [client, server] = ends;
    let mut talk = Conversation::new("attack", client, server, 1_460, [1_000_000, 100_000]);
    let start = 1_780_000_000_000_000_000;
    let now = talk.open(&mut hosts, &mut frames, start);
    let request = Request { cookie: Some(cookie), token: None, negotiation: Some((0, 1)), correlation: None };
    let now = talk.send(
        &mut hosts,
        &mut frames,
        now + 1_000_000,
        Way::ToServer,
        &connection_request(&request),
        true,
    );
    if cookie.len().is_multiple_of(2) {
        talk.send(&mut hosts, &mut frames, now + 1_000_000, Way::ToClient, &negotiation_failure(5), true);
    } else {
        let hello = tls::client_hello("attack", Some(cookie), &[0xc02f]);
        talk.send(&mut hosts, &mut frames, now + 1_000_000, Way::ToServer, &hello, true);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.pcapng");
    fs::write(&path, pcapng(&frames)).unwrap();
    rdpscan::analyze(&Options { inputs: vec![path], ..Options::default() }).unwrap()
}

/// Characters that are obeyed instead of seen.
fn hidden(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\r'
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[test]
fn strings_of_a_capture_are_inert_in_every_format() {
    for attack in ATTACKS {
        let report = attacked(attack);
        let shown = report.connections[0].facts.cookie.clone().unwrap_or_default();
        assert!(!shown.is_empty(), "the attack was not read: {attack:?}");
        is_inert(&report, attack);
    }
}

/// The same in a user name of a log, in the subject of a certificate, and in names of files inside an archive.
#[test]
fn strings_of_logs_certificates_and_names_are_inert_in_every_format() {
    let read = |name: &str| fs::read(format!("samples/bad-password--windows/{name}")).unwrap();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    // A log is not believed where the request names another user: here it is cut before the name.
    let unnamed = |capture: &[u8]| replaced(capture, b"EXAMPLE\\a", b"LONGDOMAI");
    let (capture, log) = (unnamed(&read("capture.pcapng")), read("events.evtx"));
    let subjects = ["<img src=x>[a](b)", "=1+1\u{1b}[2J |`x` **ab", "-1\u{1b}]0;x\u{7}\u{9}<svg>abcd"];
    let users = ["<img>", "=1+2\u{202e}", "\u{1b}[2J\u{feff}", "[x](y"];
    for (subject, user) in subjects.iter().cycle().zip(users) {
        let subject = &subject.as_bytes()[..17];
        let user: String = user.chars().chain("     ".chars()).take(5).collect();
        let members = [
            (
                format!("{subject}.pcapng", subject = String::from_utf8_lossy(subject)),
                replaced(&capture, b"srv01.example.test", &[subject, b"x"].concat()),
            ),
            (format!("../{user}.evtx"), replaced(&log, &utf16("alice"), &utf16(&user))),
        ];
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in &members {
            writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("case.zip");
        fs::write(&path, writer.finish().unwrap().into_inner()).unwrap();
        let report = rdpscan::analyze(&Options { inputs: vec![path], ..Options::default() }).unwrap();
        assert_eq!(report.sources.len(), 2);
        assert!(
            report.incidents[0].user.as_deref().is_some_and(|seen| seen.trim() == user.trim()),
            "{user:?}"
        );
        is_inert(&report, &user);
    }
}

/// Each place of `from` as `to`, which is as long.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    let places: Vec<usize> = (0..=out.len() - from.len()).filter(|at| out[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        out[at..at + to.len()].copy_from_slice(to);
    }
    out
}

fn is_inert(report: &Report, attack: &str) {
    for format in ALL {
        let text = render(report, format, Style { width: 400, color: false });
        assert!(!text.contains(hidden), "{attack:?} in {format:?}");
        match format {
            Format::Html => is_inert_html(&text),
            Format::Csv => is_inert_csv(&text),
            Format::Markdown => {
                // An escaped bracket makes no link.
                let bare = without_code(&text).replace("\\]", "");
                for part in ["<script", "<img", "<svg", "<base", "](http", "://evil"] {
                    assert!(!bare.contains(part), "{part} of {attack:?} in {text}");
                }
            }
            Format::Json | Format::Ndjson => {
                for line in if format == Format::Json { vec![text.as_str()] } else { text.lines().collect() }
                {
                    serde_json::from_str::<serde_json::Value>(line).unwrap();
                }
            }
            Format::Table => {}
        }
    }
}

/// Markdown without its code spans, in which nothing is markup.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        for (index, part) in line.split('`').enumerate() {
            if index % 2 == 0 {
                out.push_str(part);
            }
        }
        out.push('\n');
    }
    out
}

fn is_inert_csv(text: &str) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().len();
    for row in reader.records() {
        let row = row.unwrap();
        assert_eq!(row.len(), columns);
        for cell in &row {
            let begins = cell.trim_start().chars().next();
            assert!(!begins.is_some_and(|c| "=+-@|%\t".contains(c)), "{cell}");
        }
    }
}

/// The tags of a page, each as it stands.
fn tags(page: &str) -> Vec<&str> {
    let style = page.find("<style>").unwrap() + "<style>".len()..page.find("</style>").unwrap();
    let mut tags = Vec::new();
    let mut from = 0;
    while let Some(start) = page[from..].find('<').map(|at| from + at) {
        if style.contains(&start) {
            from = style.end;
            continue;
        }
        // A `>` inside an attribute is escaped.
        let end = start + page[start..].find('>').unwrap();
        tags.push(&page[start..=end]);
        from = end;
    }
    tags
}

const TAGS: &[&str] = &[
    "!doctype",
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "a",
    "header",
    "h1",
    "h2",
    "h3",
    "p",
    "span",
    "strong",
    "main",
    "section",
    "article",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "dl",
    "div",
    "dt",
    "dd",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "figure",
    "figcaption",
    "svg",
    "line",
    "rect",
    "circle",
    "polygon",
    "text",
    "details",
    "summary",
    "b",
    "i",
    "br",
    "footer",
];

fn is_inert_html(page: &str) {
    for tag in tags(page) {
        let name = tag.trim_start_matches(['<', '/']).split([' ', '>', '/']).next().unwrap();
        assert!(TAGS.contains(&name), "{tag}");
        let attributes = tag.split_once(' ').map_or("", |(_, rest)| rest);
        for attribute in attributes.split('"').step_by(2).map(str::trim) {
            let attribute = attribute.trim_start_matches('/').trim_end_matches('=').trim_end_matches('>');
            assert!(!attribute.starts_with("on") && attribute != "style" && attribute != "src", "{tag}");
        }
        if let Some((_, link)) = tag.split_once("href=\"") {
            assert!(link.starts_with('#'), "{tag}");
        }
    }
}

#[test]
fn a_page_is_whole_and_asks_for_nothing() {
    let mut checked = 0;
    for sample in samples::all() {
        let Ok(report) = &sample.report else { continue };
        let page = render(report, Format::Html, Style::default());
        let at = &sample.name;
        is_inert_html(&page);
        assert!(
            page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;;"),
            "{at}"
        );
        let without_namespace = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!without_namespace.contains("http://") && !without_namespace.contains("url("), "{at}");
        headings_descend(&page, at);
        let ids: Vec<&str> =
            page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{at}: {ids:?}");
        for link in page.split("href=\"#").skip(1) {
            let to = link.split('"').next().unwrap();
            assert!(ids.contains(&to), "{at}: nothing is called {to}");
        }
        is_balanced(&page, at);
        is_told_in_order(&page, at);
        checked += 1;
    }
    assert!(checked >= 60);
}

/// What a reader with a screen reader needs, and what a narrow page does: there a cell is a row of its label and one box.
fn is_told_in_order(page: &str, at: &str) {
    assert!(page.contains("<html lang=\"en\">") && page.contains("<main id=\"main\""), "{at}");
    for tag in tags(page) {
        if tag.starts_with("<th ") || tag == "<th>" {
            assert!(tag.contains("scope=\"col\""), "{at}: {tag}");
        }
        if tag.starts_with("<svg") {
            assert!(tag.contains("aria-hidden=\"true\""), "{at}: {tag}");
        }
        if tag.starts_with("<div class=\"ladder") {
            assert!(tag.contains("role=\"img\" aria-label=\""), "{at}: {tag}");
        }
    }
    for cell in page.split("<td ").skip(1).map(|rest| rest.split("</td>").next().unwrap()) {
        let inside = cell.split_once('>').unwrap().1;
        let boxes = ["<div>", "<a ", "<b ", "<code "];
        assert!(
            !inside.contains('<') || boxes.iter().any(|begin| inside.starts_with(begin)),
            "{at}: {inside}"
        );
        assert!(inside.matches("<div>").count() <= 1, "{at}: {inside}");
    }
}

fn headings_descend(page: &str, at: &str) {
    let levels: Vec<u32> = tags(page)
        .into_iter()
        .filter_map(|tag| tag.strip_prefix("<h")?.chars().next()?.to_digit(10))
        .collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{at}: {levels:?}");
    assert_eq!(levels.first(), Some(&1), "{at}");
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{at}: {levels:?}");
}

/// Every element that is opened is closed, in order.
fn is_balanced(page: &str, at: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(page) {
        let name = tag.trim_start_matches(['<', '/']).split([' ', '>', '/']).next().unwrap();
        if ["!doctype", "meta", "br"].contains(&name) || tag.ends_with("/>") {
            continue;
        }
        if tag.starts_with("</") {
            assert_eq!(open.pop(), Some(name), "{at}: {tag} in {open:?}");
        } else {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{at}: {open:?}");
}

/// A page in a real browser: no word on the console, nothing asked for. Needs `chromium` or `RDPSCAN_BROWSER`.
#[test]
#[ignore = "needs a browser: cargo test --test main browser -- --ignored"]
fn a_browser_has_nothing_to_say() {
    let browser = std::env::var("RDPSCAN_BROWSER").unwrap_or_else(|_| "chromium".into());
    let folder = tempfile::tempdir().unwrap();
    for name in
        ["bad-password--windows", "mtu-black-hole--with-log", "three-clients--with-log", "healthy-nla"]
    {
        let sample = samples::all().iter().find(|sample| sample.name == name).unwrap();
        let page = folder.path().join(format!("{name}.html"));
        let net = folder.path().join("net.json");
        fs::write(&page, render(sample.report.as_ref().unwrap(), Format::Html, Style::default())).unwrap();
        let output = Command::new(&browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"])
            .args(["--disable-background-networking", "--disable-component-update", "--no-first-run"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg(format!("--log-net-log={}", net.display()))
            .arg(format!("file://{}", page.display()))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let console: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(console.is_empty(), "{name}: {console:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("</footer>"),
            "{name}: the page did not come"
        );
        let net = fs::read_to_string(net).unwrap_or_default();
        assert!(!net.contains("evil") && !net.contains("rdpscan"), "{name}: something was asked for");
    }
}
