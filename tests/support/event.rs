//! One event record: a shape with its values becomes the Binary XML of a record.
//!
//! Knows no connection and no capture. The System part and its value order are those of real records; the event's own
//! part is an embedded template for manifest events and literal XML for classic ones, as Windows writes them.

mod value;

use super::bytes::{Nanos, filetime, hash};
use super::evtx::binxml::{Element, Instance, Node, Value, kind};
use super::shapes::{Form, Shape};
use value::{encode, guid_bytes, sid_bytes};

/// What one record says beyond its shape.
pub struct Event<'a> {
    pub shape: &'a Shape,
    pub record: u64,
    pub time: Nanos,
    pub computer: String,
    /// `{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}`.
    pub activity: Option<String>,
    pub process: u32,
    pub thread: u32,
    /// Overrides by field name; `Data` and `Data1`… and `Binary` for classic events.
    pub values: Vec<(String, String)>,
}

const EVENT_NAMESPACE: &str = "http://schemas.microsoft.com/win/2004/08/events/event";

impl Event<'_> {
    /// The fields as text, as a reader must show them: name (none for unnamed data), type, value.
    pub fn fields(&self) -> Vec<(Option<String>, String, String)> {
        let mut out = Vec::new();
        for (index, default) in self.shape.strings.iter().enumerate() {
            let name = if index == 0 { "Data".to_owned() } else { format!("Data{index}") };
            let text = self.overridden(&name).unwrap_or(default).to_owned();
            out.push((None, "UnicodeString".to_owned(), text));
        }
        for field in &self.shape.fields {
            let given = self.overridden(&field.name).or(field.default.as_deref());
            let text = given.map_or_else(|| value::default_of(&field.kind, self.time), str::to_owned);
            out.push((Some(field.name.clone()), field.kind.clone(), text));
        }
        out
    }

    /// The trailing `Binary` of a classic event: hexadecimal, or `utf16:text` for a NUL-terminated text.
    pub fn binary(&self) -> Option<Vec<u8>> {
        let text = self.overridden("Binary").or(self.shape.binary.as_deref())?;
        Some(match text.strip_prefix("utf16:") {
            Some(plain) => super::bytes::utf16(&format!("{plain}\0")),
            None => super::bytes::unhex(text),
        })
    }

    /// The record body.
    ///
    /// Panics when a value was given that the shape does not have.
    pub fn body(&self) -> Instance {
        self.check_names();
        match &self.shape.form {
            Form::Classic { qualifiers, source, bare } => self.classic(*qualifiers, source.as_deref(), *bare),
            Form::Data | Form::User { .. } => self.manifest(),
        }
    }

    fn overridden(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn check_names(&self) {
        for (name, _) in &self.values {
            let classic = name == "Binary" && matches!(self.shape.form, Form::Classic { .. });
            let unnamed = name
                .strip_prefix("Data")
                .and_then(|rest| if rest.is_empty() { Some(0) } else { rest.parse::<usize>().ok() })
                .is_some_and(|index| index < self.shape.strings.len());
            let named = self.shape.fields.iter().any(|field| &field.name == name);
            assert!(named || unnamed || classic, "{}/{} has no {name}", self.shape.provider, self.shape.key);
        }
    }

    fn manifest(&self) -> Instance {
        let name_and_guid = Element::new("Provider")
            .with("Name", Node::Value(14, kind::STRING))
            .with("Guid", Node::Value(15, kind::GUID));
        let system = self
            .system(name_and_guid)
            .child(Element::new("Security").with("UserID", Node::Value(12, kind::SID)));
        let root = event_element().depends(17).child(system).holds(Node::Value(17, kind::BINXML));
        let mut values = self.system_values(None);
        values.push(Value::Plain(kind::STRING, super::bytes::utf16(&self.shape.provider)));
        values.push(match &self.shape.guid {
            Some(guid) => Value::Plain(kind::GUID, guid_bytes(guid).to_vec()),
            None => Value::Null,
        });
        values.push(Value::Plain(kind::STRING, super::bytes::utf16(&self.shape.channel)));
        values.push(Value::Nested(Box::new(self.payload())));
        Instance { id: template_id(&format!("system {}", self.computer)), root, values }
    }

    fn payload(&self) -> Instance {
        let fields = self.fields();
        let id = template_id(&format!("payload {}/{}", self.shape.provider, self.shape.key));
        let mut index = 0;
        let mut values = Vec::new();
        let mut content = |kind: &str, text: &str| {
            if kind == "literal" {
                return Node::Text(text.to_owned());
            }
            let (code, bytes) = encode(kind, text);
            values.push(Value::Plain(code, bytes));
            index += 1;
            Node::Value(index - 1, code)
        };
        let root = match &self.shape.form {
            Form::User { root, namespace } => {
                let mut xml = Element::new(root).with("xmlns", Node::Text(namespace.clone()));
                for (name, kind, text) in &fields {
                    let name = name.as_deref().unwrap_or("Data");
                    xml = xml.child(Element::new(name).holds(content(kind, text)));
                }
                Element::new("UserData").child(xml)
            }
            _ => fields.iter().fold(Element::new("EventData"), |data, (name, kind, text)| {
                let name = Node::Text(name.clone().unwrap_or_default());
                data.child(Element::new("Data").with("Name", name).holds(content(kind, text)))
            }),
        };
        Instance { id, root, values }
    }

    fn classic(&self, qualifiers: u16, source: Option<&str>, bare: bool) -> Instance {
        let mut provider = Element::new("Provider").with("Name", Node::Text(self.shape.provider.clone()));
        if let Some(guid) = &self.shape.guid {
            provider = provider.with("Guid", Node::Text(guid.clone()));
        }
        if let Some(source) = source {
            provider = provider.with("EventSourceName", Node::Text(source.to_owned()));
        }
        let security = Element::new("Security").with("UserID", Node::Value(12, kind::SID));
        let system = if bare { self.bare_system(provider) } else { self.system(provider) }.child(security);
        let mut values = self.system_values(Some(qualifiers));
        values.push(Value::Null);
        values.push(Value::Null);
        values.push(Value::Plain(kind::STRING, super::bytes::utf16(&self.shape.channel)));
        let mut data = Element::new("EventData");
        for (name, kind, text) in self.fields() {
            let (code, bytes) = encode(&kind, &text);
            let element = match name {
                Some(name) => Element::new("Data").with("Name", Node::Text(name)),
                None => Element::new("Data"),
            };
            data = data.child(element.holds(Node::Value(values.len() as u16, code)));
            values.push(Value::Plain(code, bytes));
        }
        if let Some(bytes) = self.binary() {
            data = data.child(Element::new("Binary").holds(Node::Value(values.len() as u16, kind::BINARY)));
            values.push(Value::Plain(kind::BINARY, bytes));
        }
        let root = event_element().child(system).child(data);
        let with_binary = self.binary().is_some();
        let key =
            format!("classic {}/{} {} {with_binary}", self.shape.provider, self.shape.key, self.computer);
        Instance { id: template_id(&key), root, values }
    }

    fn system(&self, provider: Element) -> Element {
        Element::new("System")
            .child(provider)
            .child(event_id())
            .child(Element::new("Version").depends(11).holds(Node::Value(11, kind::UINT8)))
            .child(Element::new("Level").depends(0).holds(Node::Value(0, kind::UINT8)))
            .child(Element::new("Task").depends(2).holds(Node::Value(2, kind::UINT16)))
            .child(Element::new("Opcode").depends(1).holds(Node::Value(1, kind::UINT8)))
            .child(Element::new("Keywords").depends(5).holds(Node::Value(5, kind::HEX64)))
            .child(time_created())
            .child(Element::new("EventRecordID").depends(10).holds(Node::Value(10, kind::UINT64)))
            .child(
                Element::new("Correlation")
                    .with("ActivityID", Node::Value(7, kind::GUID))
                    .with("RelatedActivityID", Node::Value(13, kind::GUID)),
            )
            .child(
                Element::new("Execution")
                    .with("ProcessID", Node::Value(8, kind::UINT32))
                    .with("ThreadID", Node::Value(9, kind::UINT32)),
            )
            .child(Element::new("Channel").depends(16).holds(Node::Value(16, kind::STRING)))
            .child(Element::new("Computer").holds(Node::Text(self.computer.clone())))
    }

    fn bare_system(&self, provider: Element) -> Element {
        Element::new("System")
            .child(provider)
            .child(event_id())
            .child(Element::new("Level").depends(0).holds(Node::Value(0, kind::UINT8)))
            .child(Element::new("Task").depends(2).holds(Node::Value(2, kind::UINT16)))
            .child(Element::new("Keywords").depends(5).holds(Node::Value(5, kind::HEX64)))
            .child(time_created())
            .child(Element::new("EventRecordID").depends(10).holds(Node::Value(10, kind::UINT64)))
            .child(Element::new("Channel").depends(16).holds(Node::Value(16, kind::STRING)))
            .child(Element::new("Computer").holds(Node::Text(self.computer.clone())))
    }

    /// Values 0 to 13, in the order of real records.
    fn system_values(&self, qualifiers: Option<u16>) -> Vec<Value> {
        let shape = self.shape;
        let byte = |value: Option<u8>| value.map_or(Value::Null, |v| Value::Plain(kind::UINT8, vec![v]));
        let word = |value: u16| Value::Plain(kind::UINT16, value.to_le_bytes().to_vec());
        let number = |value: u32| Value::Plain(kind::UINT32, value.to_le_bytes().to_vec());
        let long = |code: u8, value: u64| Value::Plain(code, value.to_le_bytes().to_vec());
        vec![
            byte(Some(shape.level)),
            byte(shape.opcode),
            word(shape.task),
            word(shape.event_id),
            qualifiers.map_or(Value::Null, word),
            long(kind::HEX64, shape.keywords),
            long(kind::FILETIME, filetime(self.time)),
            match &self.activity {
                Some(id) => Value::Plain(kind::GUID, guid_bytes(id).to_vec()),
                None => Value::Null,
            },
            number(self.process),
            number(self.thread),
            long(kind::UINT64, self.record),
            byte(shape.version),
            match &shape.user_sid {
                Some(sid) => Value::Plain(kind::SID, sid_bytes(sid)),
                None => Value::Null,
            },
            Value::Null,
        ]
    }
}

/// A GUID in big-endian order, as RDPEUDP carries a correlation id.
pub fn guid_of(text: &str) -> [u8; 16] {
    let plain: String = text.chars().filter(|c| !matches!(c, '{' | '}' | '-')).collect();
    super::bytes::unhex(&plain).try_into().unwrap_or_else(|_| panic!("not a GUID: {text}"))
}

fn event_element() -> Element {
    Element::new("Event").with("xmlns", Node::Text(EVENT_NAMESPACE.to_owned()))
}

fn event_id() -> Element {
    let qualifiers = Node::Value(4, kind::UINT16);
    Element::new("EventID").depends(3).with("Qualifiers", qualifiers).holds(Node::Value(3, kind::UINT16))
}

fn time_created() -> Element {
    Element::new("TimeCreated").with("SystemTime", Node::Value(6, kind::FILETIME))
}

/// Equal keys get equal ids on every machine.
fn template_id(key: &str) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&hash(key).to_le_bytes());
    id[8..].copy_from_slice(&hash(&format!("{key} second half")).to_le_bytes());
    id
}
