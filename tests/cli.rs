//! The command as a user or script meets it: exit codes, what goes to stdout and what to stderr, `--help`.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn rdpscan() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpscan"));
    command.env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    rdpscan().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Ended with 2, an error on stderr, nothing on stdout.
fn refused(output: &Output) -> String {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert_eq!(text(&output.stdout), "", "{message}");
    assert!(message.contains("error: "), "{message}");
    message
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn help_goes_to_stdout_and_tells_what_this_is() {
    for args in [&["--help"][..], &["analyze", "--help"], &["analyze", "-h"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        assert!(help.contains("Examples:\n") && help.contains("rdpscan analyze"), "{help}");
        assert_eq!(text(&output.stderr), "");
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
    }
    assert!(
        text(&run(&["--help"]).stdout).contains("Unrelated to the older BlueKeep scanner of the same name")
    );
    assert!(text(&run(&["analyze", "--help"]).stdout).contains("Exit codes:\n  0  analysed"));
    assert!(text(&run(&["--version"]).stdout).starts_with("rdpscan "));
}

#[test]
fn bad_arguments_end_with_two() {
    for args in [
        &[][..],
        &["analyze"],
        &["analyse", "x.pcap"],
        &["analyze", "x.pcap", "--no-such-option"],
        &["analyze", "x.pcap", "--port", "0"],
        &["analyze", "x.pcap", "--around", "noon"],
        &["analyze", "-", "-"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
        assert_ne!(text(&output.stderr), "", "{args:?}");
    }
}

#[test]
fn inputs_that_cannot_be_read_end_with_two_and_say_which() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no-such.pcap");
    let message = refused(&run(&["analyze", missing.to_str().unwrap()]));
    assert!(message.starts_with("rdpscan: error: ") && message.contains("no-such.pcap"), "{message}");
    refused(&run(&["analyze", folder.path().to_str().unwrap()]));
}

#[test]
fn a_path_cannot_take_over_the_terminal() {
    let message = refused(&run(&["analyze", "no-such-\x1b]0;owned\x07.pcap"]));
    assert!(!message.contains('\x1b') && message.contains(r"no-such-\x1b]0;owned\x07.pcap"), "{message}");
}

#[test]
fn the_place_for_the_report_is_checked_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("a.pcap");
    fs::write(&capture, b"evidence").unwrap();
    let capture = capture.to_str().unwrap();
    let message = refused(&run(&["analyze", capture, "-o", capture]));
    assert!(message.contains("it is one of the inputs"), "{message}");
    refused(&run(&["analyze", capture, "-o", folder.path().to_str().unwrap()]));
    let nowhere = folder.path().join("nowhere").join("report.md");
    assert!(
        refused(&run(&["analyze", capture, "-o", nowhere.to_str().unwrap()]))
            .contains("its folder does not exist")
    );
    assert_eq!(fs::read(folder.path().join("a.pcap")).unwrap(), b"evidence");
    assert_eq!(files(folder.path()), ["a.pcap"]);
}

#[test]
fn a_run_that_failed_leaves_an_older_report_alone() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    fs::write(&report, "older").unwrap();
    refused(&run(&["analyze", "no-such.pcap", "-o", report.to_str().unwrap()]));
    assert_eq!(fs::read_to_string(&report).unwrap(), "older");
    assert_eq!(files(folder.path()), ["report.json"]);
}

#[test]
fn a_reader_that_left_is_no_failure() {
    let mut child = rdpscan().arg("--help").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{message}");
    assert_eq!(message, "");
}

#[test]
fn a_snapshot_length_inside_the_tcp_options_still_shows_who_opens_and_who_refuses() {
    // Ethernet, IPv4 and TCP with 20 bytes of options, of which a snapshot length of 60 keeps 6.
    let frame = |from: u8, to: u8, ports: [u8; 4], flags: u8| {
        let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0];
        frame.extend([0x45, 0, 0, 60, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, from, 192, 0, 2, to]);
        frame.extend(ports);
        frame.extend([0, 0, 0, 9, 0, 0, 0, u8::from(flags != 2) * 10, 0xa0, flags, 0x20, 0, 0, 0, 0, 0]);
        frame.extend([2, 4, 5, 0xb4, 1, 1]);
        frame
    };
    let mut capture =
        vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 0];
    for (second, frame) in
        [frame(10, 20, [0xc4, 0, 13, 61], 0x02), frame(20, 10, [13, 61, 0xc4, 0], 0x14)].iter().enumerate()
    {
        capture.extend([u8::try_from(second).unwrap(), 0, 0, 0x60, 0, 0, 0, 0, 60, 0, 0, 0, 74, 0, 0, 0]);
        capture.extend(frame);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pcap");
    fs::write(&path, capture).unwrap();
    let report = text(&run(&["analyze", path.to_str().unwrap()]).stdout);
    assert!(report.contains("(port-closed-or-device-reset)"), "{report}");
    assert!(report.contains("frames cut by the snapshot length"), "{report}");
}

#[test]
fn a_comparison_says_by_its_exit_code_whether_it_found_a_difference() {
    let compared = |good: &str, bad: &str| {
        let (good, bad) = (format!("samples/{good}"), format!("samples/{bad}"));
        let output = run(&["compare", &good, &bad]);
        assert_eq!(text(&output.stderr), "");
        (output.status.code(), text(&output.stdout))
    };
    let (code, page) = compared("healthy-nla", "bad-password--windows");
    assert_eq!(code, Some(1));
    assert!(page.contains("\nauthentication: passed in the good one, failed in the bad one\n"), "{page}");
    assert!(page.contains("Missing in the good one, no such log was given: events of RdpCoreTS"), "{page}");
    assert!(page.contains("(bad-password-or-unknown-user)"), "{page}");
    let (code, page) = compared("healthy-tls", "tls-version-mismatch");
    assert_eq!(code, Some(1));
    assert!(page.contains("\ntls: passed in the good one, failed in the bad one\n"), "{page}");
    assert!(page.contains("failed: server alert protocol_version (frame 11)"), "{page}");
    let (code, page) = compared("healthy-tls", "healthy-tls");
    assert_eq!(code, Some(0));
    assert!(page.contains("None: what both show went the same way."), "{page}");
    assert!(!page.contains("Other differences") && !page.contains("Could not be compared"), "{page}");
    // What differs first, and how far both went on from there.
    let (code, page) = compared("healthy-nla", "tls-version-mismatch");
    assert_eq!(code, Some(1));
    assert!(page.contains("\nnegotiation: another selected protocol\n"), "{page}");
    assert!(page.contains("\nAfter that, tls: passed in the good one, failed in the bad one.\n"), "{page}");
}

#[test]
fn a_comparison_takes_several_files_of_each_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compare.json");
    let with_log = "samples/healthy-nla--with-log";
    let bad = "samples/bad-password--windows";
    let output = run(&[
        "compare",
        &format!("{with_log}/capture.pcapng"),
        &format!("{with_log}/events.evtx"),
        "--with",
        &format!("{bad}/capture.pcapng"),
        &format!("{bad}/events.evtx"),
        "--format",
        "json",
        "-o",
        path.to_str().unwrap(),
    ]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    assert!(text(&output.stderr).starts_with("rdpscan: comparison written to "));
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["schema"], "rdpscan.compare.v1");
    assert_eq!(json["first"]["stage"], "authentication");
    assert_eq!(json["first"]["bad"]["at"]["frame"], 14);
    let events: Vec<&str> =
        json["events"].as_array().unwrap().iter().map(|event| event["what"].as_str().unwrap()).collect();
    assert!(events.starts_with(&["Security 4625", "RdpCoreTS 140", "Security 4624"]), "{events:?}");
}

#[test]
fn a_comparison_that_cannot_be_made_ends_with_two() {
    let (good, bad) = ("samples/healthy-tls", "samples/tls-version-mismatch");
    for args in [
        &["compare"][..],
        &["compare", good],
        &["compare", good, bad, good],
        &["compare", "-", "--with", "-"],
        &["compare", good, "--with"],
    ] {
        let output = run(args);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{args:?}");
        assert_ne!(text(&output.stderr), "", "{args:?}");
    }
    refused(&run(&["compare", good, "no-such.pcap"]));
    refused(&run(&["compare", good, bad, "-o", "samples/healthy-tls/capture.pcapng/x"]));
    let message = refused(&run(&["compare", good, "samples/gateway-certificate--packets-only"]));
    assert!(message.contains("no RDP connection in the bad input"), "{message}");
}

#[test]
fn an_unknown_code_ends_with_two_and_names_its_neighbours() {
    let output = run(&["explain", "0x904", "0x7"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("this pair names no cause"));
    let output = run(&["explain", "reason:0x905"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("reason:0x904"), "{}", text(&output.stdout));
    assert_eq!(run(&["explain", "-2146893044"]).status.code(), Some(0));
    assert_eq!(run(&["explain"]).status.code(), Some(2));
    let json = run(&["explain", "alert:40", "--format", "json"]);
    assert!(text(&json.stdout).starts_with("{\n  \"schema\": \"rdpscan.explain.v1\""));
}
