use super::*;
use crate::base::SourceId;
use crate::eventlog::evtx::open;
use crate::eventlog::heads::Heads;

const HEADER: usize = 4096 + 512;

/// Writes a log of one chunk, byte by byte. Names stand where they are used.
struct Writer {
    bytes: Vec<u8>,
    records: u64,
}

impl Writer {
    fn new() -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[..8].copy_from_slice(b"ElfFile\0");
        bytes[4096..4104].copy_from_slice(b"ElfChnk\0");
        Self { bytes, records: 0 }
    }

    /// Where the next byte stands in the chunk.
    fn at(&self) -> u32 {
        u32::try_from(self.bytes.len() - 4096).unwrap()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    fn utf16(&mut self, text: &str) {
        self.bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    }

    /// Offset of the name, and the name itself behind it: next, hash, length, characters, terminator.
    fn name(&mut self, name: &str) {
        let offset = self.at() + 4;
        self.put(&offset.to_le_bytes());
        self.put(&[0; 6]);
        self.put(&u16::try_from(name.len()).unwrap().to_le_bytes());
        self.utf16(name);
        self.put(&[0, 0]);
    }

    /// Start of an element; sizes are not needed by any reader.
    fn open(&mut self, name: &str, dependency: Option<u16>, attributes: bool) {
        self.put(&[if attributes { 0x41 } else { 0x01 }]);
        if let Some(index) = dependency {
            self.put(&index.to_le_bytes());
        }
        self.put(&[0; 4]);
        self.name(name);
        if attributes {
            self.put(&[0; 4]);
        }
    }

    fn attribute(&mut self, name: &str) {
        self.put(&[0x06]);
        self.name(name);
    }

    fn literal(&mut self, text: &str) {
        self.put(&[0x05, 0x01]);
        self.put(&u16::try_from(text.len()).unwrap().to_le_bytes());
        self.utf16(text);
    }

    /// A value of the record: number, type.
    fn value(&mut self, index: u16) {
        self.put(&[0x0d]);
        self.put(&index.to_le_bytes());
        self.put(&[0x01]);
    }

    /// `<name>` with what `inside` writes.
    fn element(&mut self, name: &str, dependency: Option<u16>, inside: impl FnOnce(&mut Self)) {
        self.open(name, dependency, false);
        self.put(&[0x02]);
        inside(self);
        self.put(&[0x04]);
    }

    /// `<Data Name="name">`.
    fn data(&mut self, name: &str, dependency: Option<u16>, inside: impl FnOnce(&mut Self)) {
        self.open("Data", dependency, true);
        self.attribute("Name");
        self.literal(name);
        self.put(&[0x02]);
        inside(self);
        self.put(&[0x04]);
    }

    /// `<System>` with a provider and an id.
    fn system(&mut self, dependency: Option<u16>) {
        self.element("System", dependency, |w| {
            w.open("Provider", dependency, true);
            w.attribute("Name");
            w.literal("Schannel");
            w.put(&[0x03]);
            w.element("EventID", dependency, |w| w.literal("36888"));
        });
    }

    /// The template of a record and its values: type and bytes.
    fn template(&mut self, values: &[(u8, &[u8])], body: impl FnOnce(&mut Self)) {
        self.put(&[0x0c, 0x01, 0, 0, 0, 0]);
        let here = self.at() + 4;
        self.put(&here.to_le_bytes());
        self.put(&[0; 20]);
        let size_at = self.bytes.len();
        self.put(&[0; 4]);
        body(self);
        self.put(&[0]);
        let size = u32::try_from(self.bytes.len() - size_at - 4).unwrap();
        self.bytes[size_at..size_at + 4].copy_from_slice(&size.to_le_bytes());
        self.values(values);
    }

    fn values(&mut self, values: &[(u8, &[u8])]) {
        self.put(&u32::try_from(values.len()).unwrap().to_le_bytes());
        for (kind, bytes) in values {
            self.put(&u16::try_from(bytes.len()).unwrap().to_le_bytes());
            self.put(&[*kind, 0]);
        }
        for (_, bytes) in values {
            self.put(bytes);
        }
    }

    fn record(&mut self, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.records += 1;
        self.put(b"**\0\0\0\0\0\0");
        self.put(&self.records.to_le_bytes());
        self.put(&131_000_000_000_000_000_u64.to_le_bytes());
        body(self);
        self.put(&[0]);
        let size = u32::try_from(self.bytes.len() - start + 4).unwrap();
        self.put(&size.to_le_bytes());
        self.bytes[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
    }

    fn decode(mut self) -> (Vec<Event>, Vec<u64>) {
        let free = self.at();
        self.bytes.resize(4096 + 65_536, 0);
        self.bytes[4096 + 32..4096 + 40].copy_from_slice(&self.records.to_le_bytes());
        self.bytes[4096 + 44..4096 + 52].copy_from_slice(&[free.to_le_bytes(), free.to_le_bytes()].concat());
        let container = open(&self.bytes, &|chunk| chunk).unwrap();
        let [chunk] = &*container.chunks else { panic!("one chunk") };
        assert_eq!(u64::try_from(chunk.records.len()).unwrap(), self.records);
        let mut templates = Templates::default();
        let decoded = decode(chunk, SourceId(0), &chunk.records, |_, _, _, _| false, &mut templates);
        let mut heads = Heads::default();
        let mut told = 0;
        heads.read(chunk, |_, head| told += usize::from(head.is_some()));
        assert!(told >= decoded.events.len());
        for event in &decoded.events {
            assert!(
                heads.kinds.all.iter().any(|kind| (&kind.provider, kind.id) == (&event.provider, event.id))
            );
        }
        (decoded.events, decoded.lost)
    }
}

/// "No dependency" of an element in a template.
const FREE: Option<u16> = Some(0xffff);

fn pairs(event: &Event) -> Vec<(&str, &str)> {
    event.fields.iter().collect()
}

#[test]
fn a_record_without_template_has_no_dependencies_in_its_elements() {
    let mut writer = Writer::new();
    writer.record(|w| {
        w.put(&[0x0f, 1, 1, 0]);
        w.element("Event", None, |w| {
            w.system(None);
            w.element("EventData", None, |w| {
                w.data("AlertDesc", None, |w| w.literal("40"));
                w.element("Data", None, |w| w.literal("bare"));
                w.element("Data", None, |w| w.literal("barer"));
            });
        });
    });
    let (events, lost) = writer.decode();
    assert!(lost.is_empty());
    assert_eq!((events[0].id, &events[0].provider), (36888, &Provider::Schannel));
    assert_eq!(pairs(&events[0]), [("AlertDesc", "40"), ("Data", "bare"), ("Data1", "barer")]);
}

#[test]
fn a_template_serves_later_records_and_leaves_out_what_depends_on_null() {
    let mut writer = Writer::new();
    let mut template = 0;
    writer.record(|w| {
        template = w.at() + 10;
        w.template(&[(0x08, &40_u32.to_le_bytes()), (0x00, &[])], |w| {
            w.put(&[0x0f, 1, 1, 0]);
            w.element("Event", FREE, |w| {
                w.system(FREE);
                w.element("EventData", FREE, |w| {
                    w.data("AlertDesc", Some(0), |w| w.value(0));
                    w.data("ErrorState", Some(1), |w| w.value(1));
                });
            });
        });
    });
    writer.record(|w| {
        w.put(&[0x0c, 0x01, 0, 0, 0, 0]);
        w.put(&template.to_le_bytes());
        w.values(&[(0x08, &46_u32.to_le_bytes()), (0x14, &0x4b5_u32.to_le_bytes())]);
    });
    let (events, lost) = writer.decode();
    assert!(lost.is_empty());
    assert_eq!(pairs(&events[0]), [("AlertDesc", "40")]);
    assert_eq!(pairs(&events[1]), [("AlertDesc", "46"), ("ErrorState", "0x4b5")]);
}

#[test]
fn a_list_repeats_its_element() {
    let mut writer = Writer::new();
    writer.record(|w| {
        let strings: Vec<u8> = "a\0\0b\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        w.template(&[(0x81, &strings), (0x0e, &[0xab, 0xcd])], |w| {
            w.element("Event", FREE, |w| {
                w.system(FREE);
                w.element("EventData", FREE, |w| {
                    w.element("Data", FREE, |w| w.value(0));
                    w.element("Binary", FREE, |w| w.value(1));
                });
            });
        });
    });
    let (events, _) = writer.decode();
    assert_eq!(pairs(&events[0]), [("Data", "a"), ("Data1", ""), ("Data2", "b"), ("Binary", "ABCD")]);
}

#[test]
fn a_template_that_names_one_value_again_and_again_is_given_up() {
    let mut writer = Writer::new();
    let text = vec![b'x'; 20_000];
    writer.record(|w| {
        w.template(&[(0x02, &text)], |w| {
            w.element("Event", FREE, |w| {
                w.system(FREE);
                w.element("EventData", FREE, |w| {
                    for _ in 0..400 {
                        w.element("Data", FREE, |w| (0..8).for_each(|_| w.value(0)));
                    }
                });
            });
        });
    });
    let (events, lost) = writer.decode();
    assert!(events.is_empty());
    assert_eq!(lost, [1]);
}

#[test]
fn xml_inside_xml_without_end_is_given_up() {
    let mut writer = Writer::new();
    writer.record(|w| {
        // The value is the whole instance again: its bytes name the same template.
        let start = w.at();
        let mut inner = vec![0x0c, 0x01, 0, 0, 0, 0];
        inner.extend((start + 10).to_le_bytes());
        inner.extend([0; 4]);
        w.template(&[(0x21, &inner)], |w| {
            w.element("Event", FREE, |w| {
                w.system(FREE);
                (0..8).for_each(|_| w.value(0));
            });
        });
    });
    // Without values the inner instance says nothing more; nothing hangs.
    let (events, lost) = writer.decode();
    assert_eq!(events.len() + lost.len(), 1);
}

#[test]
fn the_same_bytes_of_another_kind_are_another_text() {
    let text = Value { kind: kind::UTF16, at: 0, bytes: b"S\0" };
    let mut shared = Shared::default();
    let first = shared.copy("S", Some(text));
    assert_eq!(shared.again(Some(text)), Some(first));
    assert_eq!(shared.again(Some(Value { kind: kind::ANSI, ..text })), None);
    shared.copy("S", None);
    assert_eq!(shared.again(Some(text)), None, "of several parts");
}
