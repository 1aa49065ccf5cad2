//! Every shape, written and read back by two readers that share no code with the writer.

use super::bytes::unhex;
use super::event::Event;
use super::evtx::Log;
use super::shapes::{ALL, Form, Shape};
use serde_json::Value;
use std::process::Command;

const FIRST: u64 = 1201;
const START: i64 = 1_772_442_000_123_456_700;

fn event(shape: &Shape, index: usize) -> Event<'_> {
    let activity = index.is_multiple_of(2).then(|| "{f420c1a0-5b7e-4d3a-9e11-0123456a0000}".to_owned());
    Event {
        shape,
        record: FIRST + index as u64,
        time: START + index as i64 * 1_000_100,
        computer: "SRV01.example.test".to_owned(),
        activity,
        process: 1208,
        thread: 4,
        values: Vec::new(),
    }
}

fn all_shapes() -> (Vec<Event<'static>>, Vec<u8>) {
    let events: Vec<Event<'_>> = ALL.iter().enumerate().map(|(index, shape)| event(shape, index)).collect();
    let mut log = Log::new(FIRST);
    for event in &events {
        log.push(event.record, event.time, &event.body());
    }
    (events, log.finish())
}

/// What the `evtx` crate shows for a field of this type.
fn shown(kind: &str, text: &str) -> String {
    match kind {
        "FILETIME" => {
            let ticks = super::bytes::filetime_of(text) % 10_000_000;
            format!("{}.{ticks:07}Z", &text[..19])
        }
        "GUID" => text.to_lowercase(),
        "Boolean" => if matches!(text, "1" | "true") { "true" } else { "false" }.to_owned(),
        "Binary" => text.to_uppercase(),
        "SizeT" | "Pointer" if !text.starts_with("0x") => format!("0x{:x}", super::bytes::number(text)),
        _ => text.to_owned(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn check_system(event: &Event<'_>, system: &Value) {
    let shape = event.shape;
    let attributes = |name: &str| &system[name]["#attributes"];
    let context = format!("{}/{}", shape.provider, shape.key);
    assert_eq!(attributes("Provider")["Name"], shape.provider, "{context}");
    if let Some(guid) = &shape.guid {
        assert_eq!(text(&attributes("Provider")["Guid"]).to_lowercase(), guid.to_lowercase(), "{context}");
    }
    let id = if system["EventID"].is_object() { &system["EventID"]["#text"] } else { &system["EventID"] };
    assert_eq!(id, &Value::from(shape.event_id), "{context}");
    if let Form::Classic { qualifiers, bare, .. } = &shape.form {
        assert_eq!(attributes("EventID")["Qualifiers"], *qualifiers, "{context}");
        assert_eq!(system["Execution"].is_null(), *bare, "{context}");
    } else {
        assert_eq!(attributes("Execution")["ProcessID"], 1208, "{context}");
        assert_eq!(attributes("Execution")["ThreadID"], 4, "{context}");
        let activity = attributes("Correlation")["ActivityID"].as_str();
        assert_eq!(activity, event.activity.as_deref(), "{context}");
    }
    if let Some(version) = shape.version {
        assert_eq!(system["Version"], version, "{context}");
    }
    if let Some(opcode) = shape.opcode {
        assert_eq!(system["Opcode"], opcode, "{context}");
    }
    assert_eq!(system["Level"], shape.level, "{context}");
    assert_eq!(system["Task"], shape.task, "{context}");
    assert_eq!(system["Keywords"], format!("0x{:x}", shape.keywords), "{context}");
    assert_eq!(system["EventRecordID"], event.record, "{context}");
    assert_eq!(system["Channel"], shape.channel, "{context}");
    assert_eq!(system["Computer"], event.computer, "{context}");
    assert_eq!(attributes("Security")["UserID"].as_str(), shape.user_sid.as_deref(), "{context}");
    let stamp = jiff::Timestamp::from_nanosecond(i128::from(event.time)).unwrap().to_string();
    assert_eq!(attributes("TimeCreated")["SystemTime"], shown("FILETIME", &stamp), "{context}");
}

fn check_payload(event: &Event<'_>, root: &Value) {
    let context = format!("{}/{}: {root}", event.shape.provider, event.shape.key);
    let named = match &event.shape.form {
        Form::User { root: name, namespace } => {
            let xml = &root["UserData"][name.as_str()];
            assert_eq!(xml["#attributes"]["xmlns"], namespace.as_str(), "{context}");
            xml
        }
        _ => &root["EventData"],
    };
    let mut unnamed = Vec::new();
    for (name, kind, expected) in event.fields() {
        match name {
            Some(name) => {
                assert_eq!(text(&named[name.as_str()]), shown(&kind, &expected), "{name} in {context}");
            }
            None => unnamed.push(expected),
        }
    }
    if !unnamed.is_empty() {
        let read: Vec<String> = match &named["Data"]["#text"] {
            Value::Array(items) => items.iter().map(text).collect(),
            Value::Null => vec![text(&named["Data"])],
            one => vec![text(one)],
        };
        assert_eq!(read, unnamed, "{context}");
    }
    if let Some(bytes) = event.binary() {
        assert_eq!(unhex(&text(&named["Binary"])), bytes, "{context}");
    }
}

#[test]
fn every_shape_is_read_back_by_the_evtx_crate() {
    let (events, file) = all_shapes();
    let settings = evtx::ParserSettings::new().validate_checksums(true);
    let mut parser = evtx::EvtxParser::from_buffer(file).unwrap().with_configuration(settings);
    let records: Vec<_> = parser.records_json_value().map(|record| record.unwrap()).collect();
    assert_eq!(records.len(), events.len());
    for (event, record) in events.iter().zip(&records) {
        assert_eq!(record.event_record_id, event.record);
        check_system(event, &record.data["Event"]["System"]);
        check_payload(event, &record.data["Event"]);
    }
}

#[test]
fn every_shape_is_read_back_by_libevtx() {
    if Command::new("evtxexport").arg("-V").output().is_err() {
        println!("skipped: evtxexport (Debian: libevtx-utils) is not on PATH");
        return;
    }
    let (events, file) = all_shapes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.evtx");
    std::fs::write(&path, file).unwrap();
    let output = Command::new("evtxexport").args(["-f", "xml"]).arg(&path).output().unwrap();
    let xml = String::from_utf8(output.stdout).unwrap();
    let records: Vec<&str> = xml.split("<Event xmlns").skip(1).collect();
    assert_eq!(records.len(), events.len(), "{}", String::from_utf8_lossy(&output.stderr));
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    for (event, record) in events.iter().zip(records) {
        assert!(record.contains(&format!("<EventRecordID>{}</EventRecordID>", event.record)), "{record}");
        assert!(record.contains(&format!(">{}</EventID>", event.shape.event_id)), "{record}");
        assert!(record.contains(&format!("Name=\"{}\"", event.shape.provider)), "{record}");
        for (name, kind, value) in event.fields() {
            // libevtx renders the other types in ways of its own (dates with nine decimals, padded hexadecimal).
            let plain =
                ["UnicodeString", "UInt32", "UInt16", "UInt8", "UInt64", "SID"].contains(&kind.as_str());
            let Some(name) = name.filter(|_| plain && !value.is_empty() && value.is_ascii()) else {
                continue;
            };
            let value = escaped(&value);
            let data = format!("<Data Name=\"{name}\">{value}</Data>");
            let user = format!("<{name}>{value}</{name}>");
            assert!(record.contains(&data) || record.contains(&user), "{name}={value} in {record}");
        }
    }
}

#[test]
fn a_log_spans_chunks_and_may_have_gaps_between_records() {
    let shape = super::shapes::find("RdpCoreTS/131");
    let mut log = Log::new(10);
    let mut expected = Vec::new();
    for index in 0..400_usize {
        let mut one = event(shape, index);
        one.record = if index < 200 { 10 + index as u64 } else { 5000 + index as u64 };
        one.values = vec![("ClientIP".to_owned(), format!("192.0.2.10:{}", 40_000 + index))];
        log.push(one.record, one.time, &one.body());
        expected.push((one.record, format!("192.0.2.10:{}", 40_000 + index)));
    }
    let file = log.finish();
    assert!(file.len() > 4096 + 2 * 65_536, "more than two chunks");
    let settings = evtx::ParserSettings::new().validate_checksums(true);
    let mut parser = evtx::EvtxParser::from_buffer(file).unwrap().with_configuration(settings);
    let read: Vec<(u64, String)> = parser
        .records_json_value()
        .map(Result::unwrap)
        .map(|r| (r.event_record_id, text(&r.data["Event"]["EventData"]["ClientIP"])))
        .collect();
    assert_eq!(read, expected);
}
