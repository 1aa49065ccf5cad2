//! Records of one chunk to events, by way of the `evtx` crate.
//!
//! Gives no meaning to any field, and decides nothing about which records are worth decoding.

use std::collections::BTreeSet;
use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};

use super::event::{Event, Fields, number};
use super::evtx::{Chunk, RecordHeader};
use super::guid::Guid;
use super::provider::Provider;
use crate::base::{Locator, SourceId, Timestamp};

/// What came out of one chunk.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// The events, in the order of the file.
    pub events: Vec<Event>,
    /// Numbers of records that were wanted and could not be decoded.
    pub lost: Vec<u64>,
}

/// What the records of a chunk are.
pub(super) struct Heads {
    /// Provider and event id of each record; `None` where they cannot be read.
    pub of_records: Vec<Option<(Provider, u32)>>,
    /// The channels that they name.
    pub channels: BTreeSet<Arc<str>>,
    /// The computers that they name.
    pub computers: BTreeSet<Arc<str>>,
}

/// Tells what every record of a chunk is.
pub(super) fn heads(chunk: &Chunk<'_>) -> Heads {
    let decoded = decode(chunk, SourceId(0), &chunk.records);
    let of_records = chunk.records.iter().map(|record| {
        let event = decoded.events.iter().find(|event| event.record() == record.number)?;
        Some((event.provider.clone(), event.id))
    });
    Heads {
        of_records: of_records.collect(),
        channels: decoded.events.iter().map(|event| event.channel.clone()).collect(),
        computers: decoded.events.iter().map(|event| event.computer.clone()).collect(),
    }
}

/// Decodes the `wanted` records of a chunk, which must be in the order of the chunk.
pub(super) fn decode(chunk: &Chunk<'_>, source: SourceId, wanted: &[RecordHeader]) -> Decoded {
    let mut decoded = Decoded::default();
    if wanted.is_empty() {
        return decoded;
    }
    let settings = Arc::new(ParserSettings::new());
    let Ok(mut data) = EvtxChunkData::new(chunk.bytes.to_vec(), false) else { return decoded };
    let Ok(mut parsed) = data.parse(settings) else { return decoded };
    for record in parsed.iter().flatten() {
        let Some(header) = wanted.iter().find(|header| header.number == record.event_record_id) else {
            continue;
        };
        let event = record.into_json_bytes().ok().and_then(|json| event(source, header, &json.data));
        match event {
            Some(event) => decoded.events.push(event),
            None => decoded.lost.push(header.number),
        }
    }
    decoded
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

fn event(source: SourceId, header: &RecordHeader, json: &[u8]) -> Option<Event> {
    let json: Json = serde_json::from_slice(json).ok()?;
    let event = json.child("Event")?;
    let system = event.child("System")?;
    let text = |name: &str| system.child(name).and_then(Json::text).unwrap_or_default();
    let mut fields = Fields::default();
    if let Some(data) = event.child("EventData") {
        flatten(data, &mut fields);
    }
    if let Some(Json::Map(wrappers)) = event.child("UserData") {
        for (_, wrapper) in wrappers {
            flatten(wrapper, &mut fields);
        }
    }
    let time = system.child("TimeCreated").and_then(|time| time.attribute("SystemTime"));
    Some(Event {
        at: Locator::Record { source, number: header.number },
        time: time.and_then(|text| text.parse().ok()).or(header.written).unwrap_or(Timestamp::from_nanos(0)),
        provider: Provider::named(system.child("Provider")?.attribute("Name")?),
        channel: text("Channel").into(),
        computer: text("Computer").into(),
        id: u32::try_from(number(text("EventID"))?).ok()?,
        level: number(text("Level")).and_then(|level| u8::try_from(level).ok()).unwrap_or(0),
        activity: system
            .child("Correlation")
            .and_then(|correlation| correlation.attribute("ActivityID"))
            .and_then(|text| text.parse().ok())
            .filter(|guid: &Guid| !guid.is_nil()),
        fields,
    })
}

fn flatten(data: &Json, fields: &mut Fields) {
    let Json::Map(pairs) = data else { return };
    for (name, value) in pairs.iter().filter(|(name, _)| name != "#attributes") {
        match value {
            Json::Text(text) => fields.push(name.as_str().into(), text),
            Json::List(items) => items.iter().for_each(|item| push_item(name, item, fields)),
            Json::Map(_) => match value.child("#text") {
                Some(Json::List(items)) => items.iter().for_each(|item| push_item(name, item, fields)),
                Some(item) => push_item(name, item, fields),
                None => flatten(value, fields),
            },
        }
    }
}

fn push_item(name: &str, item: &Json, fields: &mut Fields) {
    let Some(text) = item.text() else { return };
    let earlier = fields.iter().filter(|(own, _)| own.starts_with("Data")).count();
    match (name, earlier) {
        ("Data", 1..) => fields.push(format!("Data{earlier}").into(), text),
        _ => fields.push(name.into(), text),
    }
}
