//! The README against the program: its table of causes, its exit codes, the options it names.
//!
//! The table stands between `<!-- causes -->` and `<!-- /causes -->`, the exit codes between `<!-- exit-codes -->` and
//! `<!-- /exit-codes -->`; `RDPSCAN_BLESS=1` writes both again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use rdpscan::causes::ALL;

use super::samples::first_difference;

/// The README, if it is written.
fn readme() -> Option<String> {
    let readme = fs::read_to_string("README.md").ok();
    if readme.is_none() {
        assert!(std::env::var_os("RDPSCAN_STRICT").is_none(), "no README.md");
        println!("skipped: no README.md");
    }
    readme
}

/// What `rdpscan … --help` prints.
fn help(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rdpscan")).args(args).arg("--help").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Compares what stands between two markers with what should; or writes it.
fn between(word: &str, expected: &str) {
    let Some(readme) = readme() else { return };
    let (open, close) = (format!("<!-- {word} -->\n"), format!("<!-- /{word} -->"));
    let parts = readme.split_once(&open).and_then(|(before, rest)| {
        let (found, after) = rest.split_once(&close)?;
        Some((before, found, after))
    });
    let (before, found, after) = parts.unwrap_or_else(|| panic!("README.md has no {open}…{close}"));
    if found == expected {
        return;
    }
    if std::env::var_os("RDPSCAN_BLESS").is_some() {
        fs::write("README.md", [before, &open, expected, &close, after].concat()).unwrap();
    } else {
        panic!(
            "RDPSCAN_BLESS=1 writes it again:\n{}",
            first_difference(&Path::new("README.md").join(word), found, expected)
        );
    }
}

/// A row per cause, in the order of the catalogue.
fn causes() -> String {
    let mut table = String::from("| stage | cause | what it says | may blame |\n|---|---|---|---|\n");
    for cause in ALL {
        let blames: Vec<&str> = cause.blames.iter().map(|blame| blame.name()).collect();
        let title = cause.title().replace('|', "\\|");
        let residual = if cause.residual { " (*residual*)" } else { "" };
        writeln!(table, "| {} | `{}`{residual} | {title} | {} |", cause.stage, cause.id, blames.join(", "))
            .unwrap();
    }
    table
}

/// A row per exit code, as `analyze --help` lists them.
fn exit_codes() -> String {
    let help = help(&["analyze"]);
    let (_, list) = help.split_once("Exit codes:\n").unwrap();
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in list.lines().take_while(|line| line.starts_with("  ")) {
        let line = line.trim();
        match line.split_once("  ") {
            Some((code, means)) if code.parse::<u8>().is_ok() => {
                rows.push((code.into(), means.trim().into()));
            }
            _ => write!(rows.last_mut().unwrap().1, " {line}").unwrap(),
        }
    }
    assert!(rows.len() >= 3, "{list}");
    let mut table = String::from("| code | meaning |\n|---|---|\n");
    for (code, means) in rows {
        writeln!(table, "| {code} | {means} |").unwrap();
    }
    table
}

// One test, not two: both may write the same file.
#[test]
fn causes_and_exit_codes_are_those_of_the_program() {
    between("causes", &causes());
    between("exit-codes", &exit_codes());
}

#[test]
fn options_that_are_named_exist() {
    let Some(readme) = readme() else { return };
    let mut known = help(&[]);
    for command in ["analyze", "explain", "batch", "compare", "remedy", "watch", "schema"] {
        if known.contains(&format!("\n  {command}")) {
            known += &help(&[command]);
        }
    }
    let exists = |option: &str| {
        known
            .match_indices(option)
            .any(|(at, _)| !known[at + option.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    // Lines that run something else: cargo's options are cargo's.
    let lines = readme.lines().filter(|line| line.contains("rdpscan ") && !line.contains("cargo "));
    for line in lines {
        for word in
            line.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|word| word.starts_with("--"))
        {
            assert!(exists(word), "README.md names {word}, which no command knows: {line}");
        }
    }
}

#[test]
fn the_example_of_explain_is_what_it_prints() {
    let Some(readme) = readme() else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_rdpscan")).args(["explain", "0x904", "0x7"]).output();
    let printed = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(
        readme.contains(&format!("```text\n{printed}```")),
        "README.md shows another page than\n{printed}"
    );
}

#[test]
fn the_example_of_compare_is_what_it_prints_shortened() {
    let Some(readme) = readme() else { return };
    let args = ["compare", "samples/healthy-tls", "samples/tls-version-mismatch"];
    assert!(readme.contains(&format!("rdpscan {}\n", args.join(" "))));
    let output = Command::new(env!("CARGO_BIN_EXE_rdpscan")).args(args).output().unwrap();
    // Paths of Windows.
    let printed = String::from_utf8(output.stdout).unwrap().replace('\\', "/");
    let (begin, rest) = printed.split_once("Other differences\n").unwrap();
    let end = rest.split_once("\n── Verdict").unwrap().1;
    let shortened = format!("```text\n{begin}…\n\n── Verdict{end}```");
    assert!(readme.contains(&shortened), "README.md shows another page than\n{shortened}");
}
