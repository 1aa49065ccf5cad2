//! Binary XML as it stands in a chunk of an event log: names, elements, templates, values.
//!
//! Knows no event. Layout as read from real logs and as in [MS-EVEN6] 2.2.12 and the libevtx format description: names
//! and template definitions are written where they are first used, and reached from the two hash tables of the chunk.

use super::chunk::Chunk;

/// A template value's type byte, [MS-EVEN6] 2.2.4.1.
pub mod kind {
    pub const NULL: u8 = 0x00;
    pub const STRING: u8 = 0x01;
    pub const ANSI: u8 = 0x02;
    pub const INT8: u8 = 0x03;
    pub const UINT8: u8 = 0x04;
    pub const INT16: u8 = 0x05;
    pub const UINT16: u8 = 0x06;
    pub const INT32: u8 = 0x07;
    pub const UINT32: u8 = 0x08;
    pub const INT64: u8 = 0x09;
    pub const UINT64: u8 = 0x0a;
    pub const BOOL: u8 = 0x0d;
    pub const BINARY: u8 = 0x0e;
    pub const GUID: u8 = 0x0f;
    pub const SIZE: u8 = 0x10;
    pub const FILETIME: u8 = 0x11;
    pub const SID: u8 = 0x13;
    pub const HEX32: u8 = 0x14;
    pub const HEX64: u8 = 0x15;
    pub const BINXML: u8 = 0x21;
    pub const STRINGS: u8 = 0x81;
}

/// No dependency: the element stands whatever the values are.
pub const ALWAYS: u16 = 0xffff;

/// What stands inside an element or an attribute.
#[derive(Clone)]
pub enum Node {
    Element(Element),
    /// Literal text, part of the template.
    Text(String),
    /// The value with this index; nothing is rendered for a null value.
    Value(u16, u8),
}

/// An element of a template definition.
#[derive(Clone)]
pub struct Element {
    name: String,
    dependency: u16,
    attributes: Vec<(String, Node)>,
    children: Vec<Node>,
}

impl Element {
    /// An empty element.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), dependency: ALWAYS, attributes: Vec::new(), children: Vec::new() }
    }

    /// Left out when the value with this index is null.
    pub fn depends(mut self, value: u16) -> Self {
        self.dependency = value;
        self
    }

    /// Adds an attribute.
    pub fn with(mut self, name: &str, value: Node) -> Self {
        self.attributes.push((name.to_owned(), value));
        self
    }

    /// Adds a child.
    pub fn holds(mut self, child: Node) -> Self {
        self.children.push(child);
        self
    }

    /// Adds a child element.
    pub fn child(self, child: Element) -> Self {
        self.holds(Node::Element(child))
    }
}

/// A template with the values of one record.
pub struct Instance {
    /// Identity of the definition: equal ids must have equal roots.
    pub id: [u8; 16],
    pub root: Element,
    pub values: Vec<Value>,
}

/// One value of an instance.
pub enum Value {
    Null,
    /// Type byte and little-endian bytes.
    Plain(u8, Vec<u8>),
    /// An embedded fragment, type 0x21.
    Nested(Box<Instance>),
}

const OPEN: u8 = 0x01;
const CLOSE_START: u8 = 0x02;
const CLOSE_EMPTY: u8 = 0x03;
const CLOSE_ELEMENT: u8 = 0x04;
const TEXT: u8 = 0x05;
const ATTRIBUTE: u8 = 0x06;
const TEMPLATE: u8 = 0x0c;
const SUBSTITUTION: u8 = 0x0d;
const OPTIONAL_SUBSTITUTION: u8 = 0x0e;
const FRAGMENT: [u8; 4] = [0x0f, 1, 1, 0];
const END: u8 = 0x00;
/// Set on a token when attributes follow (open), or when more attributes follow (attribute).
const MORE: u8 = 0x40;

/// Writes a whole record body: fragment header, template instance, end.
pub fn write_fragment(chunk: &mut Chunk, instance: &Instance) {
    chunk.data.extend_from_slice(&FRAGMENT);
    write_instance(chunk, instance);
    chunk.data.push(END);
}

fn write_instance(chunk: &mut Chunk, instance: &Instance) {
    chunk.data.extend_from_slice(&[TEMPLATE, 1]);
    chunk.data.extend_from_slice(&instance.id[..4]);
    if let Some(known) = chunk.template(&instance.id) {
        chunk.put_u32(known);
    } else {
        let at = chunk.data.len() as u32 + 4;
        chunk.put_u32(at);
        let next = chunk.add_template(instance.id, at);
        chunk.put_u32(next);
        chunk.data.extend_from_slice(&instance.id);
        let size_at = chunk.hole();
        chunk.data.extend_from_slice(&FRAGMENT);
        write_element(chunk, &instance.root);
        chunk.data.push(END);
        chunk.fill(size_at);
    }
    write_values(chunk, &instance.values);
}

fn write_values(chunk: &mut Chunk, values: &[Value]) {
    chunk.put_u32(values.len() as u32);
    let table = chunk.data.len();
    for value in values {
        let (kind, size) = match value {
            Value::Null => (kind::NULL, 0),
            Value::Plain(kind, bytes) => (*kind, bytes.len()),
            Value::Nested(_) => (kind::BINXML, 0),
        };
        chunk.data.extend_from_slice(&u16::try_from(size).expect("a value below 64 KiB").to_le_bytes());
        chunk.data.extend_from_slice(&[kind, 0]);
    }
    for (index, value) in values.iter().enumerate() {
        match value {
            Value::Null => {}
            Value::Plain(_, bytes) => chunk.data.extend_from_slice(bytes),
            Value::Nested(inner) => {
                let start = chunk.data.len();
                write_instance(chunk, inner);
                chunk.data.push(END);
                let size = u16::try_from(chunk.data.len() - start).expect("a fragment below 64 KiB");
                chunk.data[table + 4 * index..][..2].copy_from_slice(&size.to_le_bytes());
            }
        }
    }
}

fn write_element(chunk: &mut Chunk, element: &Element) {
    let has_attributes = !element.attributes.is_empty();
    chunk.data.push(if has_attributes { OPEN | MORE } else { OPEN });
    chunk.data.extend_from_slice(&element.dependency.to_le_bytes());
    let size_at = chunk.hole();
    write_name(chunk, &element.name);
    if has_attributes {
        let attributes_at = chunk.hole();
        for (index, (name, value)) in element.attributes.iter().enumerate() {
            let more = index + 1 < element.attributes.len();
            chunk.data.push(if more { ATTRIBUTE | MORE } else { ATTRIBUTE });
            write_name(chunk, name);
            write_node(chunk, value, true);
        }
        chunk.fill(attributes_at);
    }
    if element.children.is_empty() {
        chunk.data.push(CLOSE_EMPTY);
    } else {
        chunk.data.push(CLOSE_START);
        for child in &element.children {
            write_node(chunk, child, element.dependency != ALWAYS);
        }
        chunk.data.push(CLOSE_ELEMENT);
    }
    chunk.fill(size_at);
}

/// Windows writes attributes and the text of dependent elements as optional, the fields of an event as normal.
fn write_node(chunk: &mut Chunk, node: &Node, optional: bool) {
    match node {
        Node::Element(element) => write_element(chunk, element),
        Node::Text(text) => {
            let units: Vec<u16> = text.encode_utf16().collect();
            chunk.data.extend_from_slice(&[TEXT, kind::STRING]);
            chunk.data.extend_from_slice(&(units.len() as u16).to_le_bytes());
            chunk.data.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        }
        Node::Value(index, kind) => {
            chunk.data.push(if optional { OPTIONAL_SUBSTITUTION } else { SUBSTITUTION });
            chunk.data.extend_from_slice(&index.to_le_bytes());
            chunk.data.push(*kind);
        }
    }
}

fn write_name(chunk: &mut Chunk, name: &str) {
    if let Some(known) = chunk.name(name) {
        chunk.put_u32(known);
        return;
    }
    let at = chunk.data.len() as u32 + 4;
    chunk.put_u32(at);
    let units: Vec<u16> = name.encode_utf16().collect();
    let hash = word_hash(&units);
    let next = chunk.add_name(name, hash, at);
    chunk.put_u32(next);
    chunk.data.extend_from_slice(&(hash as u16).to_le_bytes());
    chunk.data.extend_from_slice(&(units.len() as u16).to_le_bytes());
    chunk.data.extend(units.iter().chain(&[0]).flat_map(|unit| unit.to_le_bytes()));
}

/// The hash of both tables of a chunk: over UTF-16 units of a name, and over the eight words of a template's GUID.
pub fn word_hash(words: &[u16]) -> u32 {
    words.iter().fold(0, |h: u32, word| h.wrapping_mul(65_599).wrapping_add(u32::from(*word)))
}

#[test]
fn name_hashes_are_those_of_windows() {
    // As stored with these names in chunks written by Windows.
    for (name, stored) in [("Event", 0x0cba), ("xmlns", 0x0fbc), ("System", 0x546f), ("EventData", 0x8244)] {
        let units: Vec<u16> = name.encode_utf16().collect();
        assert_eq!(word_hash(&units) & 0xffff, stored, "{name}");
    }
}
