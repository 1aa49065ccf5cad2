//! The printed JSON Schema against reports: those that are recorded beside the samples, and one made now.
//!
//! The printed schema allows unknown keys, since keys are added within `v1`; here none is allowed, so that a key
//! without a description fails.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::fs;
use std::process::Command;

use jsonschema::Validator;
use rdpscan::Options;
use rdpscan::causes::client_code::Told;
use rdpscan::report::{Format, Style, render};
use serde_json::{Value, json};

use super::samples;

fn printed() -> Value {
    printed_of("report")
}

fn printed_of(what: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_rdpscan")).args(["schema", what]).output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Forbids keys that are not listed, in every object.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") {
                object.insert("additionalProperties".into(), false.into());
            }
            object.values_mut().for_each(closed);
        }
        Value::Array(items) => items.iter_mut().for_each(closed),
        _ => {}
    }
}

fn strict() -> Validator {
    strict_of("report")
}

fn strict_of(what: &str) -> Validator {
    let mut schema = printed_of(what);
    closed(&mut schema);
    jsonschema::draft202012::new(&schema).unwrap()
}

fn complaints(validator: &Validator, report: &Value) -> Vec<String> {
    validator
        .iter_errors(report)
        .map(|error| format!("{}: {error}", error.instance_path()).chars().take(300).collect())
        .collect()
}

#[test]
fn recorded_and_fresh_reports_are_as_the_schema_says() {
    let validator = strict();
    let mut checked = 0;
    for sample in samples::all() {
        let recorded = fs::read_to_string(format!("samples/{}/report.json", sample.name));
        let fresh = sample.report.as_ref().map(|report| render(report, Format::Json, Style::default()));
        for text in recorded.ok().into_iter().chain(fresh.ok()) {
            let found = complaints(&validator, &serde_json::from_str(&text).unwrap());
            assert!(found.is_empty(), "samples/{}:\n{}", sample.name, found.join("\n"));
            checked += 1;
        }
    }
    assert!(checked >= 60, "only {checked} reports");
    // Keys that a sample has only if its user told a code.
    let client_code = Some(Told { code: 0x904, extended: Some(7) });
    let sample = samples::all().iter().find(|sample| sample.name == "three-clients").unwrap();
    let report = samples::analysed(&Options { client_code, ..sample.options.clone() }).unwrap();
    let text = render(&report, Format::Json, Style::default());
    assert_eq!(complaints(&validator, &serde_json::from_str(&text).unwrap()), Vec::<String>::new());
}

#[test]
fn lines_are_as_their_schema_says_and_have_the_columns_of_the_table() {
    let validator = strict_of("incident");
    let mut checked = 0;
    for sample in samples::all() {
        let Ok(report) = &sample.report else { continue };
        let (lines, table) =
            [Format::Ndjson, Format::Csv].map(|format| render(report, format, Style::default())).into();
        let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
        assert_eq!(lines.lines().count(), report.incidents.len(), "samples/{}", sample.name);
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let found = complaints(&validator, &line);
            assert!(found.is_empty(), "samples/{}:\n{}", sample.name, found.join("\n"));
            assert!(line.as_object().unwrap().keys().all(|key| header.contains(&key.as_str())));
            checked += 1;
        }
    }
    assert!(checked >= 60, "only {checked} lines");
}

/// What `args` print, of JSON; exit code 1 says that something was found.
fn json_of(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_rdpscan")).args(args).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"))
}

#[test]
fn all_other_json_is_as_its_schema_says() {
    let right = |of: &str, value: &Value| {
        let found = complaints(&strict_of(of), value);
        assert!(found.is_empty(), "{of}:\n{}", found.join("\n"));
    };
    for (good, bad) in
        [("healthy-nla", "tls-version-mismatch"), ("healthy-windows-nla", "bad-password--windows")]
    {
        let [good, bad] = [good, bad].map(|name| format!("samples/{name}"));
        right("compare", &json_of(&["compare", &good, &bad, "--format", "json"]));
    }
    for asked in
        ["0x904", "0x7", "rdpcorets:140", "mtu-black-hole", "alert:", "SEC_E_LOGON_DENIED", "no-such-word"]
    {
        right("explain", &json_of(&["explain", asked, "--format", "json"]));
    }
    right("explain", &json_of(&["explain", "0x904", "0x7", "--format", "json"]));
    let out = tempfile::tempdir().unwrap();
    let broken = out.path().join("broken.zip");
    fs::write(&broken, b"PK\x03\x04 and no more").unwrap();
    let results = out.path().join("results");
    let paths = [results.to_str().unwrap(), broken.to_str().unwrap()];
    let args = ["batch", "samples/firewall-drop", "samples/udp-half-working", paths[1], "--out", paths[0]];
    let output =
        Command::new(env!("CARGO_BIN_EXE_rdpscan")).args(args).args(["--format", "ndjson"]).output().unwrap();
    let rows = String::from_utf8(output.stdout).unwrap();
    // Of several, a folder with captures in it is one bundle.
    assert_eq!(rows.lines().count(), 3);
    for row in rows.lines() {
        right("bundle", &serde_json::from_str(row).unwrap());
    }
    for file in fs::read_dir(results).unwrap() {
        right("batch", &serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap());
    }
}

#[test]
fn a_strange_key_a_missing_one_and_a_strange_word_are_noticed() {
    let validator = strict();
    let path = "samples/bad-password--windows/report.json";
    let report: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(complaints(&validator, &report), Vec::<String>::new());
    let spoilt = |spoil: fn(&mut Value)| {
        let mut report = report.clone();
        spoil(&mut report);
        complaints(&validator, &report)
    };
    assert_eq!(spoilt(|report| report["connections"][0]["facts"]["mood"] = json!("grim")).len(), 1);
    assert_eq!(spoilt(|report| report["incidents"][0]["verdict"]["kind"] = json!("maybe")).len(), 1);
    assert_eq!(spoilt(|report| report["connections"][0]["facts"]["mss"] = Value::Null).len(), 1);
    let removed = spoilt(|report| {
        report["connections"][0]["facts"].as_object_mut().unwrap().remove("retransmissions").unwrap();
    });
    assert_eq!(removed.len(), 1);
}

#[test]
fn every_key_is_described_and_the_printed_schema_is_open() {
    let schema = printed();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["title"], "rdpscan.report.v1");
    assert!(!schema.to_string().contains("additionalProperties"), "v1 grows");
    assert!(!schema.to_string().contains("\"null\""), "nothing is ever null");
    let others = ["incident", "batch", "bundle", "compare", "explain"].map(printed_of);
    let mut keys = 0;
    for schema in [&schema].into_iter().chain(&others) {
        let definitions = schema["$defs"].as_object().into_iter().flat_map(serde_json::Map::values);
        for object in definitions.chain([schema]) {
            for (key, value) in object["properties"].as_object().into_iter().flatten() {
                keys += 1;
                assert!(
                    value["description"].as_str().is_some_and(|text| text.len() > 3),
                    "{key} has no description"
                );
            }
        }
    }
    assert!(keys > 240, "only {keys} keys");
}
