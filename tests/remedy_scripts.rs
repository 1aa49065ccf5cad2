//! The scripts of all causes: they parse, and run nothing that came out of a report. And the command that writes them.
//!
//! Nothing here runs PowerShell: a grammar of it reads the scripts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use rdpscan::causes::ALL;
use rdpscan::remedy::{Order, script};
use tree_sitter::{Node, Parser};

/// Places where a script does not parse, and the commands that it runs.
fn parsed(text: &str) -> (Vec<String>, Vec<String>) {
    fn walk(node: Node<'_>, text: &str, errors: &mut Vec<String>, commands: &mut Vec<String>) {
        if node.is_error() || node.is_missing() {
            let at = node.start_position();
            errors.push(format!("line {}: {}", at.row + 1, &text[node.byte_range()]));
            return;
        }
        if node.kind() == "command_name" {
            commands.push(text[node.byte_range()].to_owned());
        }
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            walk(child, text, errors, commands);
        }
    }
    // The byte order mark is no part of the language.
    let text = text.strip_prefix('\u{feff}').unwrap();
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let tree = parser.parse(text, None).unwrap();
    let (mut errors, mut commands) = (Vec::new(), Vec::new());
    walk(tree.root_node(), text, &mut errors, &mut commands);
    (errors, commands)
}

#[test]
fn every_script_parses() {
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for cause in ALL {
        for blame in cause.blames {
            let order =
                Order { cause: cause.id.into(), blame: blame.name().into(), incident: 1, ..Order::default() };
            let text = script(&order);
            let (errors, commands) = parsed(&text);
            seen.extend(commands);
            complaints.extend(errors.into_iter().map(|error| format!("{}: {error}", cause.id)));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(seen.contains("Write-Host") && seen.contains("Update-RdpCertificate"), "{seen:?}");
}

#[test]
fn strings_of_a_report_run_nothing() {
    let evil = [
        "'; Stop-Computer; '",
        "\u{2019}; Stop-Computer #",
        "\u{2018}; Stop-Computer; \u{201b}",
        "\u{201a}\n& Stop-Computer",
        "$(Stop-Computer)",
        "`n Stop-Computer",
        "\"; Stop-Computer; \"",
        "#> Stop-Computer <#",
        "'@\r\nStop-Computer\r\n@'",
        "\u{2028}Stop-Computer",
        "'\u{2019}; Stop-Computer; \u{2019}'",
    ];
    let with = |text: &str| {
        let text = || text.to_owned();
        let steps = vec![text(), format!("run `{} x` now", text())];
        let (client, server, start) = (text(), text(), text());
        let (cause, blame, strength, summary) = (text(), text(), text(), text());
        script(&Order {
            incident: 1,
            client,
            server,
            start,
            cause,
            blame,
            strength,
            undetermined: false,
            summary,
            steps,
        })
    };
    let (errors, harmless) = parsed(&with("x"));
    assert!(errors.is_empty(), "{errors:?}");
    for evil in evil {
        let (errors, commands) = parsed(&with(evil));
        assert!(errors.is_empty(), "{evil:?}: {errors:?}");
        assert!(!commands.iter().any(|command| command.contains("Stop-Computer")), "{evil:?}");
        // A backtick in the text parts a step otherwise; nothing but printing may come of it.
        let other = |commands: &[String]| commands.iter().filter(|name| *name != "Write-Host").count();
        assert_eq!(other(&commands), other(&harmless), "{evil:?}");
    }
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdpscan")).args(args).output().unwrap()
}

#[test]
fn the_command_writes_what_analyze_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (report, first, second) = (path("report.json"), path("first.ps1"), path("second.ps1"));
    let sample = "samples/certificate-dates";
    let analyzed =
        run(&["analyze", sample, "--format", "json", "-o", &report, "--remedy-script", &first, "--quiet"]);
    assert_eq!((analyzed.status.code(), analyzed.stderr.len()), (Some(0), 0));
    let written = run(&["remedy", &report, "--incident", "1", "-o", &second]);
    assert_eq!(written.status.code(), Some(0));
    let said = String::from_utf8(written.stderr).unwrap();
    assert!(said.contains("incident 1 (certificate-dates) written to"), "{said}");
    let bytes = fs::read(&first).unwrap();
    assert!(bytes.starts_with(b"\xEF\xBB\xBF"));
    assert_eq!(bytes, fs::read(&second).unwrap());
    assert_eq!(bytes, run(&["remedy", &report]).stdout);
    // The report is an input: it is not written over.
    assert_eq!(run(&["remedy", &report, "-o", &report]).status.code(), Some(2));
}

#[test]
fn nothing_to_remedy_ends_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (report, script) = (path("report.json"), path("remedy.ps1"));
    let analyzed = run(&[
        "analyze",
        "samples/healthy-tls",
        "--format",
        "json",
        "-o",
        &report,
        "--remedy-script",
        &script,
    ]);
    assert_eq!(analyzed.status.code(), Some(0));
    assert!(String::from_utf8(analyzed.stderr).unwrap().contains("no remedy script: "));
    assert!(!fs::exists(&script).unwrap());
    for args in [
        &["remedy", &report][..],
        &["remedy", &report, "--incident", "1"],
        &["remedy", &report, "--incident", "7"],
        &["remedy", "README.md"],
        &["remedy", "no-such-file.json"],
    ] {
        let output = run(args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("error: "), "{args:?}");
    }
}
