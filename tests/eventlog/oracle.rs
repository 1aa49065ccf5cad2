//! The `evtx` crate as a second opinion on what a record says.

use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};
use rdpscan::base::{Notes, SourceId, Timestamp};
use rdpscan::eventlog::{Event, Guid, Wanted};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};

/// What both readers should agree on.
#[derive(Debug, PartialEq, Eq)]
pub struct Summary {
    pub key: (u64, u32),
    pub provider: String,
    channel: String,
    pub computer: String,
    level: String,
    time: Option<Timestamp>,
    activity: Option<Guid>,
    /// Sorted, without empty values: the other reader gathers equal names.
    pub fields: Vec<(String, String)>,
}

impl Summary {
    pub fn of(event: &Event) -> Self {
        let mut fields: Vec<_> = event
            .fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| plain(name, value))
            .collect();
        fields.sort();
        Self {
            key: (event.record(), event.id),
            provider: event.provider.name().to_lowercase(),
            channel: event.channel.to_string(),
            computer: event.computer.to_string(),
            level: event.level.to_string(),
            time: Some(event.time),
            activity: event.activity,
            fields,
        }
    }
}

/// Name without a number of repetition, value without differences of notation.
fn plain(name: &str, value: &str) -> (String, String) {
    let (element, attribute) = name.split_once('.').map_or((name, None), |(name, rest)| (name, Some(rest)));
    let element = match element.rsplit_once('_') {
        Some((stem, number)) if number.parse::<u32>().is_ok() => stem,
        _ => element,
    };
    let name = attribute.map_or(element.to_owned(), |attribute| format!("{element}.{attribute}"));
    let name = if name.starts_with("Data") { "Data".to_owned() } else { name };
    let value = match value.parse::<Timestamp>() {
        Ok(time) if value.contains('T') => time.to_string(),
        _ => value.to_lowercase(),
    };
    (name, value)
}

/// All events of all sound chunks.
pub fn events(bytes: &[u8]) -> Vec<Summary> {
    let settings = Arc::new(ParserSettings::new());
    let mut events = Vec::new();
    for chunk in bytes.get(4096..).unwrap_or_default().chunks(65_536) {
        let Ok(mut data) = EvtxChunkData::new(chunk.to_vec(), false) else { continue };
        let Ok(mut chunk) = data.parse(settings.clone()) else { continue };
        for record in chunk.iter().flatten() {
            let number = record.event_record_id;
            let Ok(json) = record.into_json_bytes() else { continue };
            events.extend(summary(number, &json.data));
        }
    }
    events
}

fn summary(number: u64, json: &[u8]) -> Option<Summary> {
    let json: Json = serde_json::from_slice(json).ok()?;
    let event = json.child("Event")?;
    let system = event.child("System")?;
    let text = |name: &str| system.child(name).and_then(Json::text).unwrap_or_default();
    let mut fields = Vec::new();
    if let Some(data) = event.child("EventData") {
        flatten(data, &mut fields);
    }
    if let Some(Json::Map(wrappers)) = event.child("UserData") {
        for (_, wrapper) in wrappers {
            flatten(wrapper, &mut fields);
        }
    }
    fields.retain(|(_, value)| !value.is_empty());
    fields.sort();
    let time = system.child("TimeCreated").and_then(|time| time.attribute("SystemTime"));
    Some(Summary {
        key: (number, text("EventID").parse().ok()?),
        provider: system.child("Provider")?.attribute("Name")?.to_lowercase(),
        channel: text("Channel").to_owned(),
        computer: text("Computer").to_owned(),
        level: text("Level").to_owned(),
        time: time.and_then(|text| text.parse().ok()),
        activity: system
            .child("Correlation")
            .and_then(|correlation| correlation.attribute("ActivityID"))
            .and_then(|text| text.parse().ok())
            .filter(|guid: &Guid| !guid.is_nil()),
        fields,
    })
}

fn flatten(data: &Json, fields: &mut Vec<(String, String)>) {
    let Json::Map(pairs) = data else { return };
    for (name, value) in pairs.iter().filter(|(name, _)| name != "#attributes") {
        if let Some(Json::Map(attributes)) = value.child("#attributes") {
            for (attribute, text) in attributes.iter().filter(|(name, _)| !name.starts_with("xmlns")) {
                fields.push(plain(&format!("{name}.{attribute}"), text.text().unwrap_or_default()));
            }
        }
        match value {
            Json::Text(text) => fields.push(plain(name, text)),
            Json::List(items) => {
                fields.extend(items.iter().filter_map(|item| Some(plain(name, item.text()?))));
            }
            Json::Map(_) => match value.child("#text") {
                Some(Json::List(items)) => {
                    fields.extend(items.iter().filter_map(|item| Some(plain(name, item.text()?))));
                }
                Some(item) => fields.push(plain(name, item.text().unwrap_or_default())),
                None => flatten(value, fields),
            },
        }
    }
}

#[derive(Debug)]
enum Json {
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

impl Json {
    fn child(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(pairs) => pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Map(_) => self.child("#text")?.text(),
            Self::List(_) => None,
        }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.child("#attributes")?.child(name)?.text()
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyJson;
        impl<'de> Visitor<'de> for AnyJson {
            type Value = Json;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any JSON")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Text(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Text(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Text(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Text(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Text(String::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Json::Map(pairs))
            }
        }
        deserializer.deserialize_any(AnyJson)
    }
}

/// Chunks that may be damaged: of a record that both readers read, both say the same kind. Panics where they do not.
pub fn agree(bytes: &[u8]) {
    let mut file = b"ElfFile\0".to_vec();
    file.resize(4096, 0);
    file.extend_from_slice(bytes);
    let mut notes = Notes::new();
    let Some(index) = rdpscan::eventlog::scan(SourceId(0), &file, &mut notes) else { return };
    let ours = index.events(&Wanted::default(), &mut notes);
    if ours.is_empty() {
        return;
    }
    let theirs = events(&file);
    for event in &ours {
        let same = |record: u64| move |number: &u64| *number == record;
        // A damaged number may stand twice.
        let mut numbers = theirs.iter().map(|other| other.key.0).filter(same(event.record()));
        let mut own = ours.iter().map(Event::record).filter(same(event.record()));
        let once = numbers.next().is_some() && numbers.next().is_none() && own.nth(1).is_none();
        if once && let Some(other) = theirs.iter().find(|other| other.key.0 == event.record()) {
            assert_eq!(event.id, other.key.1, "record {}", event.record());
        }
    }
}
