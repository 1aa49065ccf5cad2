//! What a person meets on a terminal: zones, completions, the manual, the pager, and the line of the progress.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SAMPLE: &str = "samples/bad-password--windows";

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdpscan")).args(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The commands as the program lists them.
fn commands() -> Vec<String> {
    let help = stdout(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().filter(|line| !line.starts_with("    "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn pages_are_told_in_the_zone_and_scripts_in_utc() {
    for format in ["table", "markdown", "html"] {
        let page = stdout(&["analyze", SAMPLE, "--tz", "Asia/Kolkata", "--format", format]);
        assert!(page.contains("UTC+05:30") && page.contains("15:10:21.749"), "{page}");
        assert!(!page.contains("09:40:21"), "{page}");
    }
    for format in ["json", "csv", "ndjson"] {
        let same = |zone| stdout(&["analyze", SAMPLE, "--tz", zone, "--format", format]);
        assert_eq!(same("Asia/Kolkata"), same("UTC"));
    }
    let found = |around: &str, zone: &str| {
        stdout(&["analyze", SAMPLE, "--around", around, "--tz", zone, "--format", "ndjson"]).lines().count()
    };
    assert_eq!(found("2026-03-02 15:10:21", "+05:30"), 1);
    assert_eq!(found("2026-03-02 15:10:21", "UTC"), 0);
    assert_eq!(run(&["analyze", SAMPLE, "--tz", "Mars"]).status.code(), Some(2));
    assert!(run(&["analyze", SAMPLE, "--tz", "local"]).status.success());
}

#[test]
fn shells_complete_every_command() {
    let commands = commands();
    assert!(commands.len() > 8, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&["completions", shell]);
        for name in &commands {
            assert!(script.contains(name.as_str()), "{shell} does not know {name}");
        }
        assert!(script.contains("redact-key"), "{shell} does not know the options of analyze");
    }
    let script = stdout(&["completions", "bash"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rdpscan");
    fs::write(&file, script).unwrap();
    if let Ok(checked) = Command::new("bash").arg("-n").arg(&file).output() {
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    stdout(&["man", "--out", folder.path().to_str().unwrap()]);
    for name in commands().iter().filter(|name| *name != "help") {
        let page = fs::read_to_string(folder.path().join(format!("rdpscan-{name}.1"))).unwrap();
        assert!(page.starts_with(".ie") && page.contains(".SH OPTIONS"), "{page}");
        assert_eq!(page, stdout(&["man", name]));
    }
    let whole = stdout(&["man"]);
    assert!(whole.contains(".SH SUBCOMMANDS") && whole.contains("rdpscan\\-analyze(1)"), "{whole}");
    assert_eq!(run(&["man", "nonsense"]).status.code(), Some(2));
}

/// Runs a command on a terminal of so many rows, as `script` makes one; nothing where there is no such program.
fn on_a_terminal(command: &str, rows: u32) -> Option<String> {
    if cfg!(not(target_os = "linux")) || !Path::new("/usr/bin/script").exists() {
        println!("skipped: no program here that makes a terminal");
        return None;
    }
    let line = format!("stty rows {rows} cols 80; {} {command}", env!("CARGO_BIN_EXE_rdpscan"));
    let shown = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .env("PAGER", "sed s/^/paged:/")
        .output()
        .ok()?;
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stdout));
    Some(String::from_utf8_lossy(&shown.stdout).into_owned())
}

#[test]
fn a_long_answer_is_paged_on_a_terminal_only() {
    let Some(long) = on_a_terminal("explain 0x904 0x7", 10) else { return };
    assert!(long.contains("paged:"), "{long}");
    for args in ["explain 0x904 0x7 --no-pager", "explain 0x904 0x7 | cat", "explain 0x904 --format json"] {
        let whole = on_a_terminal(args, 10).unwrap();
        assert!(!whole.contains("paged:"), "{args}: {whole}");
    }
    assert!(!on_a_terminal("explain 0x904 0x7", 500).unwrap().contains("paged:"));
}

#[test]
fn what_is_done_at_once_shows_no_progress() {
    let Some(shown) = on_a_terminal(&format!("analyze {SAMPLE} > /dev/null"), 24) else { return };
    assert_eq!(shown, "");
    assert!(run(&["analyze", SAMPLE]).stderr.is_empty());
}
