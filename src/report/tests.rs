//! What every format must hold to, over the reports of `fixture`.

use serde_json::Value;

use super::fixture::{
    crowd, failed_verdict, healthy_verdict, hostile, mixed, report, several, single, undetermined_verdict,
};
use super::model::Report;
use super::wrap::width_of;
use super::{Format, Style, escape, render};

fn every() -> Vec<(&'static str, Report)> {
    vec![
        ("empty", report()),
        ("failed", single(failed_verdict())),
        ("healthy", single(healthy_verdict())),
        ("undetermined", single(undetermined_verdict())),
        ("mixed", mixed()),
        ("hostile", hostile()),
        ("crowd", crowd(200, 1)),
        ("storm", crowd(0, 47)),
        ("several", several()),
    ]
}

fn table(report: &Report, width: usize) -> String {
    render(report, Format::Table, Style { width, color: false })
}

fn find(text: &str, part: &str) -> usize {
    text.find(part).unwrap_or_else(|| panic!("no {part:?} in:\n{text}"))
}

fn without_color(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').expect("a colour").1)
}

#[test]
fn no_line_is_wider_than_asked() {
    for (name, report) in every() {
        for width in [40, 60, 80, 100, 120, 200] {
            for line in table(&report, width).lines() {
                assert!(width_of(line) <= width, "{name} at {width}: {} columns: {line}", width_of(line));
            }
        }
    }
}

#[test]
fn nothing_hidden_reaches_a_terminal_or_page() {
    for (name, report) in every() {
        let csv = render(&report, Format::Csv, Style::default()).replace("\r\n", "\n");
        for text in [
            table(&report, 80),
            csv,
            render(&report, Format::Markdown, Style::default()),
            render(&report, Format::Html, Style::default()),
            render(&report, Format::Json, Style::default()),
            render(&report, Format::Ndjson, Style::default()),
            without_color(&render(&report, Format::Table, Style { width: 80, color: true })),
        ] {
            let hidden = text.chars().find(|c| *c != '\n' && escape::is_hidden(*c));
            assert_eq!(hidden, None, "{name}");
            assert!(!text.contains("\n# Incident 99"), "{name}: a foreign line break came through");
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{name}");
        }
    }
}

#[test]
fn color_changes_no_column() {
    for (name, report) in every() {
        for width in [80, 120] {
            let colored = render(&report, Format::Table, Style { width, color: true });
            assert!(colored.contains('\x1b'), "{name}");
            assert_eq!(without_color(&colored), table(&report, width), "{name} at {width}");
        }
    }
}

#[test]
fn a_failure_is_red_and_a_healthy_one_green() {
    let colored = render(&mixed(), Format::Table, Style { width: 120, color: true });
    assert!(colored.contains("\x1b[1;31mFAILED\x1b[0m"), "{colored}");
    assert!(colored.contains("\x1b[32mhealthy\x1b[0m"), "{colored}");
    assert!(colored.contains("\x1b[33mundetermined\x1b[0m"), "{colored}");
}

#[test]
fn the_verdict_comes_first() {
    for format in [Format::Table, Format::Markdown] {
        let text = render(&single(failed_verdict()), format, Style::default());
        let order = [
            "FAILED",
            "neg-failure-5-nla-required",
            "refused with",
            "0xB09",
            "Evidence",
            "frame 5",
            "Timeline",
            "What to do",
            "gpupdate /force",
            "Also considered",
            "Could not be seen",
            "network exonerated",
            "Remarks",
            "Limits of this analysis",
            if format == Format::Table { "── Sources" } else { "## Sources" },
        ];
        let places: Vec<usize> = order.iter().map(|part| find(&text, part)).collect();
        assert!(places.is_sorted(), "{:?}\n{text}", order.iter().zip(places).collect::<Vec<_>>());
    }
}

#[test]
fn the_timeline_merges_by_the_clock_of_the_capture() {
    let text = table(&single(failed_verdict()), 120);
    let timeline = &text[find(&text, "Timeline")..find(&text, "What to do")];
    let order = [
        "tcp begins",
        "transport passed",
        "20:10:10.743*  RdpCoreTS 131",
        "negotiation failed",
        "closed by server RST",
    ];
    let places: Vec<usize> = order.iter().map(|part| find(timeline, part)).collect();
    assert!(places.is_sorted(), "{timeline}");
    assert!(timeline.contains("* logged time, moved to the clock of the capture"), "{timeline}");
}

#[test]
fn log_evidence_outside_the_join_is_moved_by_its_offset() {
    let mut report = single(failed_verdict());
    report.connections[0].events.clear();
    assert!(table(&report, 120).contains("20:10:10.743*  the server accepted"));
    report.clocks[0].quality = "unknown";
    let text = table(&report, 120);
    assert!(text.contains("20:10:12.756?  the server accepted"), "{text}");
    assert!(text.contains("? by the log's own clock"), "{text}");
}

#[test]
fn connections_of_one_incident_are_told_apart() {
    let text = table(&several(), 120);
    for part in [
        "c2 tcp begins",
        "(frame 1 of file 2)",
        "20:10:10.950?  c3 RemoteConnectionManager 261: listener RDP-Tcp received a connection (matched by time only)",
        "Connection c1, which decides",
        "path       10.20.0.5:50003 → 10.20.0.9:3389, known from logs only",
        "authentication unseen (no log of logons was given)",
        "FAILED: dns-failure\n",
        "offset unknown",
    ] {
        find(&text, part);
    }
    assert!(!text.contains("c3 last frame"), "an unseen connection has no frames: {text}");
}

#[test]
fn a_bundle_of_many_logs_lists_those_that_matter() {
    let mut report = single(failed_verdict());
    let log = report.sources[1].clone();
    report.sources.extend((2..300).map(|id| super::model::Source { id, ..log.clone() }));
    let note = report.notes[0].clone();
    report.notes.extend(vec![note; 300]);
    let text = table(&report, 120);
    find(&text, "… and 298 more files, read and not cited above");
    find(&text, "… and 262 more: see --format json");
    assert!(text.lines().count() < 180, "{text}");
}

#[test]
fn a_note_of_the_analysis_becomes_a_line() {
    let mut notes = crate::base::Notes::new();
    notes.add_detail(crate::base::NoteKind::UnreadableInput, None, "x.pcap: permission denied");
    let mut report = report();
    report.notes = notes.iter().map(super::model::Note::from).collect();
    find(
        &table(&report, 200),
        "1 × input could not be read: x.pcap: permission denied; nothing of this file was analysed",
    );
}

#[test]
fn commands_are_whole_lines() {
    for width in [80, 120] {
        let text = table(&single(failed_verdict()), width);
        assert!(text.lines().any(|line| line.trim() == "gpupdate /force"), "{text}");
    }
    let wide = table(&single(failed_verdict()), 120);
    assert!(
        wide.lines()
            .any(|line| line.trim().starts_with("reg query") && line.ends_with("/v UserAuthentication")),
        "{wide}"
    );
    let narrow = table(&single(failed_verdict()), 80);
    assert!(narrow.contains("(one command, broken here"), "{narrow}");
}

#[test]
fn many_healthy_ones_do_not_bury_the_failure() {
    let text = table(&crowd(200, 1), 80);
    assert!(find(&text, "202 incidents: 1 failed, 201 healthy") < 200, "{text}");
    let first_row = text.lines().skip_while(|line| !line.starts_with("──")).nth(1).unwrap();
    assert!(first_row.contains("201") && first_row.contains("failed"), "{first_row}");
    assert!(find(&text, "Incident 201") < find(&text, "── Healthy"));
    let details = text.matches("── Incident ").count();
    assert_eq!(details, 1, "only the failure is told in full");
    assert!(
        table(&crowd(200, 1), 200).contains("remark certificate-dates"),
        "the remark of the last healthy one is told"
    );
}

#[test]
fn alike_failures_are_folded_after_ten() {
    let text = table(&crowd(0, 47), 80);
    assert_eq!(text.matches("── Incident ").count(), 10);
    let more = &text[find(&text, "── More of the same")..];
    assert!(more.contains("37 more failed with neg-failure-5-nla-required, ids 11 to 47"), "{more}");
    assert!(more.contains("--client") && more.contains("--format json"), "{more}");
}

#[test]
fn a_report_without_rdp_says_what_was_read_and_what_to_do() {
    for format in [Format::Table, Format::Markdown] {
        let text = render(&report(), format, Style::default());
        find(&text, "No RDP connection was found");
        find(&text, "1 capture (31,415 frames) and 1 event log (5,812");
        find(&text, "--port");
        find(&text, "Limits of this analysis");
    }
}

#[test]
fn json_has_the_agreed_keys() {
    let value: Value = serde_json::from_str(&render(&mixed(), Format::Json, Style::default())).unwrap();
    assert_eq!(value["schema"], "rdpscan.report.v1");
    for (list, keys) in [
        ("sources", &["id", "path", "kind", "format", "role", "first_time", "last_time"][..]),
        ("clocks", &["sources", "against", "offset_ms", "spread_ms", "pairs", "quality"]),
        ("incidents", &["id", "client", "server", "start", "end", "connections", "verdict"]),
        (
            "connections",
            &[
                "id",
                "incident",
                "sources",
                "transport",
                "client",
                "server",
                "start",
                "end",
                "conn_state",
                "history",
                "reached",
                "stages",
                "facts",
                "events",
                "verdict",
                "display_filter",
            ],
        ),
        (
            "groups",
            &["client", "server", "reached", "count", "first_frame", "last_frame", "first_time", "last_time"],
        ),
        ("notes", &["note", "count", "costs"]),
    ] {
        let first = &value[list][0];
        for key in keys {
            assert!(!first[key].is_null(), "{list}[0].{key} is missing");
        }
    }
    let verdict = &value["incidents"][2]["verdict"];
    for key in [
        "kind",
        "cause",
        "strength",
        "blame",
        "severity",
        "summary",
        "evidence",
        "remarks",
        "also_considered",
        "exonerated",
        "ruled_out",
        "missing",
        "location",
        "expected_client_code",
        "remedy",
    ] {
        assert!(!verdict[key].is_null(), "verdict.{key} is missing");
    }
    assert_eq!(verdict["evidence"][1]["frame"], 5);
    assert_eq!(verdict["evidence"][2]["record"], 5_511);
}

#[test]
fn json_reads_back_the_exact_foreign_strings() {
    let report = hostile();
    let value: Value = serde_json::from_str(&render(&report, Format::Json, Style::default())).unwrap();
    assert_eq!(value["incidents"][0]["client"], report.incidents[0].client.as_str());
    assert_eq!(value["connections"][0]["facts"]["sni"], "x".repeat(5_000));
    assert_eq!(value, serde_json::to_value(&report).unwrap());
}

/// The line without its code spans, as CommonMark finds them.
fn without_code(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(start) = rest.find('`') {
        let fence: String = rest[start..].chars().take_while(|c| *c == '`').collect();
        let inside = &rest[start + fence.len()..];
        let longer = format!("{fence}`");
        let Some(end) = inside.find(&fence).filter(|_| !inside.contains(&longer)) else { break };
        let escaped = rest[..start].ends_with('\\');
        out.push_str(&rest[..start]);
        rest = if escaped { &rest[start + 1..] } else { &inside[end + fence.len()..] };
    }
    out + rest
}

#[test]
fn markdown_tables_hold_together() {
    for (name, report) in every() {
        let text = render(&report, Format::Markdown, Style::default());
        let bars = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
        let mut columns = None;
        for line in text.lines() {
            if line.starts_with('|') {
                assert_eq!(*columns.get_or_insert(bars(line)), bars(line), "{name}: {line}");
            } else {
                columns = None;
                assert!(!without_code(line).contains("<script"), "{name}: {line}");
            }
        }
    }
}

#[test]
#[ignore = "prints the pages, to be looked at: cargo test --lib show -- --ignored --nocapture"]
fn show() {
    let wanted = std::env::var("SHOW").unwrap_or_default();
    let width = std::env::var("COLUMNS").ok().and_then(|width| width.parse().ok()).unwrap_or(80);
    for (name, report) in every().into_iter().filter(|(name, _)| wanted.is_empty() || wanted == *name) {
        println!("==== {name}\n{}", table(&report, width));
        println!("==== {name}\n{}", render(&report, Format::Markdown, Style::default()));
    }
}
