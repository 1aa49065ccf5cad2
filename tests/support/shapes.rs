//! What each Windows event looks like: `shapes.json`, by provider and event number.
//!
//! Facts of real logs and of the providers' manifests; says nothing about when an event is written. Defaults are
//! harmless examples, the shorthand overrides them by name.

use serde_json::Value;
use std::sync::LazyLock;

/// One event of one provider.
pub struct Shape {
    pub provider: String,
    pub guid: Option<String>,
    /// As in the key of `shapes.json`: `131`, `4624/v0`, `36870/new`.
    pub key: String,
    pub event_id: u16,
    pub version: Option<u8>,
    pub level: u8,
    pub task: u16,
    pub opcode: Option<u8>,
    pub keywords: u64,
    pub channel: String,
    pub user_sid: Option<String>,
    /// Whether real records of this event carry a Correlation ActivityID.
    pub has_activity: bool,
    pub form: Form,
    pub fields: Vec<Field>,
    /// Unnamed data strings of a classic event.
    pub strings: Vec<String>,
    /// Trailing `Binary` of a classic event, hexadecimal.
    pub binary: Option<String>,
}

/// How the event's own part is written.
#[derive(Clone, PartialEq, Eq)]
pub enum Form {
    /// `EventData/Data[@Name]`.
    Data,
    /// `UserData/<root xmlns=…>/<field>`.
    User { root: String, namespace: String },
    /// Written through the old event API: qualifiers, provider as literal text, `Data` and `Binary`.
    Classic { qualifiers: u16, source: Option<String>, bare: bool },
}

/// A named field.
pub struct Field {
    pub name: String,
    pub kind: String,
    pub default: Option<String>,
}

/// All shapes, in file order.
pub static ALL: LazyLock<Vec<Shape>> = LazyLock::new(|| parse(include_str!("shapes.json")));

/// The shape named by the shorthand: `RdpCoreTS/131`, `Security/4624/v0`, `Schannel/36870/new`.
pub fn find(name: &str) -> &'static Shape {
    let (provider, key) = name.split_once('/').unwrap_or_else(|| panic!("not Provider/id: {name}"));
    let full = match provider {
        "RdpCoreTS" => "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS",
        "RCM" => "Microsoft-Windows-TerminalServices-RemoteConnectionManager",
        "LSM" => "Microsoft-Windows-TerminalServices-LocalSessionManager",
        "RDPClient" => "Microsoft-Windows-TerminalServices-ClientActiveXCore",
        "Gateway" => "Microsoft-Windows-TerminalServices-Gateway",
        "Security" => "Microsoft-Windows-Security-Auditing",
        "SCM" => "Service Control Manager",
        other => other,
    };
    let prefixed = format!("Microsoft-Windows-{full}");
    let matches = |shape: &&Shape| shape.key == key && (shape.provider == full || shape.provider == prefixed);
    ALL.iter().find(matches).unwrap_or_else(|| panic!("no shape for {name} in shapes.json"))
}

fn parse(text: &str) -> Vec<Shape> {
    let root: Value = serde_json::from_str(text).expect("shapes.json is JSON");
    let mut shapes = Vec::new();
    for (provider, entry) in root.as_object().expect("providers") {
        for (key, event) in entry["events"].as_object().expect("events") {
            shapes.push(shape(provider, &entry["guid"], key, event));
        }
    }
    shapes
}

fn shape(provider: &str, guid: &Value, key: &str, event: &Value) -> Shape {
    let number = |name: &str| event[name].as_u64();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let keywords = event["kw"].as_str().expect("keywords").trim_start_matches("0x");
    Shape {
        provider: provider.to_owned(),
        guid: text(&event["guid"]).or_else(|| text(guid)),
        key: key.to_owned(),
        event_id: key.split('/').next().unwrap().parse().expect("event number"),
        version: number("v").map(|v| v as u8),
        level: number("level").expect("level") as u8,
        task: number("task").expect("task") as u16,
        opcode: number("op").map(|v| v as u8),
        keywords: u64::from_str_radix(keywords, 16).expect("keywords"),
        channel: text(&event["ch"]).expect("channel"),
        user_sid: text(&event["sid"]),
        has_activity: event["act"].as_bool().unwrap_or(false),
        form: form(event),
        fields: list(&event["fields"]).iter().map(field).collect(),
        strings: list(&event["strings"]).iter().filter_map(text).collect(),
        binary: text(&event["binary"]),
    }
}

fn form(event: &Value) -> Form {
    let text = |name: &str| event[name].as_str().map(str::to_owned);
    if let (Some(root), Some(namespace)) = (text("root"), text("ns")) {
        return Form::User { root, namespace };
    }
    let Some(classic) = text("classic") else { return Form::Data };
    let qualifiers = event["qual"].as_u64().expect("qualifiers") as u16;
    Form::Classic { qualifiers, source: text("source"), bare: classic == "bare" }
}

fn field(entry: &Value) -> Field {
    let default = match &entry[2] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let part = |index: usize| entry[index].as_str().expect("field name and type").to_owned();
    Field { name: part(0), kind: part(1), default }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
