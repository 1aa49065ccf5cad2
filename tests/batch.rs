//! `rdpscan batch`: a result per bundle, a row for each that fails, and nothing lost or repeated when it is killed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

fn batch(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpscan"));
    command.arg("batch").args(args);
    command
}

fn run(args: &[&str]) -> Output {
    batch(args).output().unwrap()
}

/// A folder of folders, archives and what is neither.
fn bundles(samples: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for sample in samples {
        let case = folder.path().join("cases").join(sample);
        fs::create_dir_all(&case).unwrap();
        for file in fs::read_dir(format!("samples/{sample}")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "pcapng" || kind == "evtx") {
                fs::copy(&path, case.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    folder
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The result files with their times of writing.
fn results(out: &Path) -> BTreeMap<String, SystemTime> {
    fs::read_dir(out)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|kind| kind == "json"))
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().modified().unwrap())
        })
        .collect()
}

#[test]
fn every_bundle_has_a_result_and_a_row() {
    let folder = bundles(&["firewall-drop", "healthy-tls", "bad-password--windows"]);
    let cases = folder.path().join("cases");
    fs::write(cases.join("broken.zip"), b"PK\x03\x04 and no more").unwrap();
    fs::write(cases.join("readme.txt"), "no bundle").unwrap();
    let out = folder.path().join("out");
    let output = run(&[&text(&cases), "--out", &text(&out), "--format", "ndjson"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    // Nothing is drawn on a pipe.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let rows: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let worst: Vec<&str> = rows.iter().map(|row| row["worst"].as_str().unwrap()).collect();
    assert_eq!(
        worst,
        ["corroborated: bad-password-or-unknown-user", "-", "inferred: firewall-drop", "healthy"]
    );
    assert!(rows[1]["reason"].as_str().unwrap().contains("broken.zip"));
    assert_eq!(results(&out).len(), 4);
    for row in &rows {
        let json = fs::read_to_string(out.join(row["result"].as_str().unwrap())).unwrap();
        let result: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(result["schema"], "rdpscan.batch.v1");
        assert_eq!(&result["row"], row);
        assert_eq!(result["report"].is_object(), row.get("reason").is_none());
    }
    let table = run(&[&text(&cases), "--out", &text(&out), "--resume"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.starts_with("Remote Desktop connection analysis of bundles\n4 bundles, 3 incidents"),
        "{table}"
    );
    let csv = run(&[&text(&cases), "--out", &text(&out), "--resume", "--format", "csv"]);
    assert_eq!(String::from_utf8(csv.stdout).unwrap().lines().count(), 5);
}

#[test]
fn what_is_done_is_not_done_again() {
    let folder = bundles(&["firewall-drop", "healthy-tls"]);
    let (cases, out) = (folder.path().join("cases"), folder.path().join("out"));
    let args = [&text(&cases), "--out", &text(&out), "--resume", "--format", "ndjson"];
    let first = run(&args);
    let before = results(&out);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(run(&args).stdout, first.stdout);
    assert_eq!(results(&out), before);
    // Half a result is none.
    let name = before.keys().next().unwrap();
    fs::write(out.join(name), "{\"schema\": \"rdpscan.batch.v1\", \"row\"").unwrap();
    assert_eq!(run(&args).stdout, first.stdout);
    assert!(fs::read_to_string(out.join(name)).unwrap().ends_with("}\n"));
}

#[test]
fn what_changed_since_is_done_again() {
    let folder = bundles(&["firewall-drop", "healthy-tls"]);
    let (cases, out) = (folder.path().join("cases"), folder.path().join("out"));
    let args = [&text(&cases), "--out", &text(&out), "--resume", "--format", "ndjson"];
    let first = String::from_utf8(run(&args).stdout).unwrap();
    assert!(first.contains("firewall-drop"), "{first}");
    // The capture of another day under the same name: of another length and as old, or as long and older.
    let capture = cases.join("firewall-drop/capture.pcapng");
    let old = fs::metadata(&capture).unwrap().modified().unwrap();
    fs::copy("samples/no-cc/capture.pcapng", &capture).unwrap();
    fs::File::options().write(true).open(&capture).unwrap().set_modified(old).unwrap();
    let second = String::from_utf8(run(&args).stdout).unwrap();
    assert!(second.contains("no-cc"), "{second}");
    let mut bytes = fs::read(&capture).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    let before = results(&out);
    fs::write(&capture, bytes).unwrap();
    let older = old - Duration::from_secs(60);
    fs::File::options().write(true).open(&capture).unwrap().set_modified(older).unwrap();
    run(&args);
    let changed = results(&out).into_iter().filter(|(name, time)| before.get(name) != Some(time)).count();
    assert_eq!(changed, 1);
    // Other options.
    let before = results(&out);
    run(&[&args[..], &["--port", "3390"]].concat());
    assert!(results(&out).into_iter().all(|(name, time)| before.get(&name) != Some(&time)));
}

#[test]
fn results_of_an_earlier_run_are_no_bundle() {
    let folder = bundles(&["firewall-drop"]);
    let cases = folder.path().join("cases");
    let args = |out: &str| [text(&cases), "--out".into(), text(&cases.join(out)), "--html".into()];
    for out in ["results", "again"] {
        let args = args(out);
        let output = run(&args.each_ref().map(String::as_str));
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(results(&cases.join(out)).len(), 1);
    }
}

#[test]
fn shards_together_are_the_whole() {
    let folder = bundles(&[
        "firewall-drop",
        "healthy-tls",
        "no-cc",
        "rst-injected",
        "healthy-nla",
        "tls-version-mismatch",
    ]);
    let (cases, out) = (folder.path().join("cases"), folder.path().join("out"));
    let mut lines = 0;
    for shard in ["1/3", "2/3", "3/3"] {
        let output = run(&[&text(&cases), "--out", &text(&out), "--shard", shard, "--format", "ndjson"]);
        lines += String::from_utf8(output.stdout).unwrap().lines().count();
    }
    assert_eq!(lines, 6);
    assert_eq!(results(&out).len(), 6);
}

/// Kills it again and again at moments that differ, and takes it up each time.
#[test]
fn killed_and_resumed_loses_and_repeats_nothing() {
    let names: Vec<String> = super::samples::names().into_iter().take(40).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = bundles(&names);
    let (cases, out) = (folder.path().join("cases"), folder.path().join("out"));
    let args = [&text(&cases), "--out", &text(&out), "--resume", "--jobs", "2", "--format", "ndjson"];
    let mut written: BTreeMap<String, SystemTime> = BTreeMap::new();
    for wait in [5, 20, 60, 150, 300] {
        let mut child = batch(&args).stdout(std::process::Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        let _ = child.wait();
        if !out.is_dir() {
            continue;
        }
        let now = results(&out);
        for (name, time) in &written {
            assert_eq!(now.get(name), Some(time), "{name} was written twice");
        }
        for name in now.keys() {
            let json = fs::read_to_string(out.join(name)).unwrap();
            assert!(serde_json::from_str::<Value>(&json).is_ok(), "{name} is not complete");
        }
        written = now;
    }
    let last = run(&args);
    let now = results(&out);
    assert_eq!(now.len(), 40);
    for (name, time) in &written {
        assert_eq!(now.get(name), Some(time), "{name} was written twice");
    }
    // The same as in one go.
    let whole = folder.path().join("whole");
    let once = run(&[&text(&cases), "--out", &text(&whole), "--format", "ndjson"]);
    assert_eq!(last.stdout, once.stdout);
    for name in now.keys() {
        assert_eq!(fs::read(out.join(name)).unwrap(), fs::read(whole.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn an_index_leads_to_the_page_of_every_bundle() {
    let folder = bundles(&["firewall-drop", "healthy-tls"]);
    let cases = folder.path().join("cases");
    // Windows has no name that could be taken for markup.
    let name = if cfg!(windows) { "img src=x.zip" } else { "<img src=x>.zip" };
    fs::write(cases.join(name), b"PK\x03\x04 and no more").unwrap();
    let out = folder.path().join("out");
    let args = [&text(&cases), "--out", &text(&out), "--html", "--tz", "+01:00"];
    assert_eq!(run(&args).status.code(), Some(3));
    let index = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(!index.contains("<img") && index.contains("not analysed"), "{index}");
    let links: Vec<&str> = index
        .split("<a href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|to| !to.starts_with('#'))
        .collect();
    assert_eq!(links.len(), 2, "{links:?}");
    for link in links {
        let page = fs::read_to_string(out.join(link)).unwrap();
        assert!(page.contains("UTC+01:00") && page.contains("Content-Security-Policy"), "{link}");
    }
    // A page that is not there is made, also where the result is.
    fs::remove_file(out.join("index.html")).unwrap();
    let mut gone = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let gone = gone.find(|path| path.extension().is_some_and(|kind| kind == "html")).unwrap();
    fs::remove_file(&gone).unwrap();
    let again = [&args[..], &["--resume"]].concat();
    assert_eq!(run(&again).status.code(), Some(3));
    assert!(gone.exists() && out.join("index.html").exists());
}

/// What a shell makes of `cases/*`: a case of a capture and a log is one bundle.
#[test]
fn folders_that_are_given_one_by_one_are_bundles() {
    let folder = bundles(&["firewall-drop", "bad-password--windows"]);
    let cases = folder.path().join("cases");
    let paths = ["firewall-drop", "bad-password--windows"].map(|name| text(&cases.join(name)));
    let out = text(&folder.path().join("out"));
    let output = run(&[&paths[0], &paths[1], "--out", &out, "--format", "ndjson"]);
    let rows = String::from_utf8(output.stdout).unwrap();
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.contains("corroborated: bad-password-or-unknown-user"), "{rows}");
    // A name of Windows for the zone, and the overview in the place of the page that leads to the others.
    let index = text(&folder.path().join("out/index.html"));
    let refused = run(&[&paths[0], "--out", &out, "--html", "-o", &index, "--tz", "W. Europe Standard Time"]);
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
}

#[test]
fn one_key_turns_all_bundles_back() {
    let folder = bundles(&["firewall-drop", "bad-password--windows"]);
    let cases = folder.path().join("cases");
    fs::write(cases.join("contoso.zip"), b"PK\x03\x04 and no more").unwrap();
    let (out, key) = (folder.path().join("out"), folder.path().join("key.json"));
    let args =
        [&text(&cases), "--out", &text(&out), "--html", "--redact-key", &text(&key), "--format", "ndjson"];
    let first = run(&args);
    assert_eq!(first.status.code(), Some(3), "{}", String::from_utf8_lossy(&first.stderr));
    let mut written = vec![(String::new(), String::from_utf8(first.stdout.clone()).unwrap())];
    for entry in fs::read_dir(&out).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        written.push((name, fs::read_to_string(entry.path()).unwrap()));
    }
    assert_eq!(written.len(), 1 + 3 + 2 + 1, "rows, results, pages, index");
    for (name, text) in &written {
        for original in
            ["198.51.100.20", "192.0.2.10", "SRV01", "srv01", "firewall-drop/", "bad-password--", "contoso"]
        {
            assert!(!name.contains(original) && !text.contains(original), "{original} in {name}: {text}");
        }
    }
    assert!(written[0].1.contains("nothing in it can be analysed"), "{}", written[0].1);
    let again = run(&[&args[..], &["--resume"]].concat());
    assert_eq!(again.stdout, first.stdout);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpscan"));
    let rows = folder.path().join("rows.ndjson");
    fs::write(&rows, &first.stdout).unwrap();
    let back = command.args(["unredact", "--redact-key", &text(&key)]).arg(&rows).output().unwrap();
    let back = String::from_utf8(back.stdout).unwrap();
    assert!(back.contains("cases/firewall-drop") && back.contains("contoso.zip"), "{back}");
    // Nor is a folder of results with names made one of both.
    let plain = text(&folder.path().join("plain"));
    assert_eq!(run(&[&text(&cases), "--out", &plain]).status.code(), Some(3));
    let mixed = run(&[&text(&cases), "--out", &plain, "--redact"]);
    assert_eq!(mixed.status.code(), Some(2), "{}", String::from_utf8_lossy(&mixed.stderr));
    // Without the key the pseudonyms of before cannot be gone on with.
    let refused = run(&[&text(&cases), "--out", &text(&out), "--redact", "--resume"]);
    assert_eq!(refused.status.code(), Some(2));
}
