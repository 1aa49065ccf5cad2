//! Templates of BinXML, [MS-EVEN6] 2.2.12, compiled to plans: which value goes to which field of an event.
//!
//! A record names a template and gives its values; the template is the XML with holes. Compiling it once for
//! each chunk saves building the XML for each record. Renders nothing, and knows no value.

use std::sync::Arc;

use super::names::{Named, Names};
use super::provider::Provider;
use super::value::{kind, write_utf16};

/// How deep elements may be nested.
const DEPTH: usize = 64;
/// "No dependency" of an element.
const INDEPENDENT: u16 = 0xffff;

/// Where in the XML of an event a stretch of BinXML stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Outside: `Event` is expected.
    Document,
    /// In `Event`.
    Event,
    /// In `System`.
    System,
    /// In `EventData`.
    EventData,
    /// In `UserData`.
    UserData,
    /// In the element inside `UserData`, or deeper.
    Body,
    /// Where nothing is of interest.
    Elsewhere,
}

/// What a value becomes.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Provider,
    Known(Provider),
    Id,
    Level,
    Time,
    Activity,
    Channel,
    Computer,
    /// A field of that name.
    Field(Arc<str>),
    /// Data without a name.
    Unnamed,
    /// Nothing by itself; there may be XML in it.
    Nothing,
}

impl Target {
    /// Whether it tells what a record is, rather than what it says.
    pub const fn tells_what_it_is(&self) -> bool {
        match self {
            Self::Provider
            | Self::Known(_)
            | Self::Id
            | Self::Time
            | Self::Channel
            | Self::Computer
            | Self::Nothing => true,
            Self::Level | Self::Activity | Self::Field(_) | Self::Unnamed => false,
        }
    }
}

/// A piece of a value.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Literal text.
    Text(String),
    /// The value of that number in the record.
    Value(u16),
}

/// One value of an event and how to make it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub target: Target,
    /// Where XML that is found as a value stands.
    pub inside: Place,
    pub parts: Vec<Part>,
    /// The step is left out if one of these values is null.
    pub depends: Vec<u16>,
    /// Whether an empty value is left out: a field that is not there, rather than one that says nothing.
    pub optional: bool,
}

/// What to do for a record of one template.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// How many of a record's values, from the first on, the steps ask for.
    pub values: usize,
}

impl Plan {
    fn of(steps: Vec<Step>) -> Self {
        let parts = steps.iter().flat_map(|step| &step.parts).filter_map(|part| match part {
            Part::Value(index) => Some(*index),
            Part::Text(_) => None,
        });
        let last = parts.chain(steps.iter().flat_map(|step| step.depends.iter().copied())).max();
        Self { values: last.map_or(0, |last| usize::from(last) + 1), steps }
    }

    /// Keeps the steps of some targets.
    pub fn retain(&mut self, wanted: impl Fn(&Target) -> bool) {
        self.steps.retain(|step| wanted(&step.target));
        *self = Self::of(std::mem::take(&mut self.steps));
    }
}

/// A position in a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub chunk: &'a [u8],
    pub at: usize,
    /// Nothing is read from here on.
    pub end: usize,
}

impl<'a> Cursor<'a> {
    /// The next bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.end)?;
        let bytes = self.chunk.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// A 32-bit length or offset.
    pub fn offset(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    /// UTF-16 text after its length in characters.
    pub fn text(&mut self) -> Option<String> {
        let count = usize::from(self.u16()?);
        let mut text = String::new();
        write_utf16(self.take(count * 2)?, &mut text);
        Some(text)
    }
}

/// An element that was opened and not yet closed.
struct Open {
    name: Arc<str>,
    /// Where the element stands.
    stands: Place,
    /// Where its children stand.
    inside: Place,
    target: Target,
    parts: Vec<Part>,
    dependency: Option<u16>,
    has_children: bool,
}

/// The attribute that is being read.
struct Attribute {
    name: Arc<str>,
    parts: Vec<Part>,
}

/// Compiles the elements from the cursor to its end.
///
/// `place` is where they stand. `template`: elements of a template carry a dependency, others do not. `None` if
/// it is not BinXML, or if its names cost more than the budget, of which they take.
pub(super) fn compile(
    cursor: Cursor<'_>,
    place: Place,
    template: bool,
    names: &mut Names,
    budget: &mut usize,
) -> Option<(Plan, Vec<Named>)> {
    let mut compiler = Compiler {
        cursor,
        place,
        template,
        names,
        budget,
        named: Vec::new(),
        open: Vec::new(),
        attribute: None,
        plan: Vec::new(),
    };
    while compiler.cursor.at < compiler.cursor.end {
        if !compiler.token()? {
            break;
        }
    }
    compiler.open.is_empty().then(|| (Plan::of(compiler.plan), compiler.named))
}

struct Compiler<'a, 'n> {
    cursor: Cursor<'a>,
    place: Place,
    template: bool,
    names: &'n mut Names,
    budget: &'n mut usize,
    /// The names that were read, in order.
    named: Vec<Named>,
    open: Vec<Open>,
    attribute: Option<Attribute>,
    plan: Vec<Step>,
}

impl Compiler<'_, '_> {
    /// Reads one token, [MS-EVEN6] 2.2.12; `false` at the end. Bit 0x40 says that more follows.
    fn token(&mut self) -> Option<bool> {
        match self.cursor.u8()? {
            0x00 => return Some(false),
            // Fragment header: version and flags.
            0x0f => self.cursor.take(3).map(drop)?,
            token @ (0x01 | 0x41) => self.open_element(token == 0x41)?,
            0x02 => self.end_attribute(),
            0x03 | 0x04 => {
                self.end_attribute();
                self.close_element()?;
            }
            0x05 | 0x45 => {
                let value = self.literal()?;
                self.part(Part::Text(value));
            }
            0x06 | 0x46 => {
                self.end_attribute();
                let name = self.name()?;
                self.attribute = Some(Attribute { name, parts: Vec::new() });
            }
            0x07 | 0x47 => {
                let text = self.cursor.text()?;
                self.part(Part::Text(text));
            }
            0x08 | 0x48 => {
                let character = char::from_u32(u32::from(self.cursor.u16()?));
                self.part(Part::Text(character.unwrap_or(char::REPLACEMENT_CHARACTER).into()));
            }
            0x09 | 0x49 => {
                let entity = self.name()?;
                self.part(Part::Text(entity_text(&entity)));
            }
            // A processing instruction says nothing about the event.
            0x0a => self.name().map(drop)?,
            0x0b => self.cursor.text().map(drop)?,
            0x0d | 0x0e => {
                let index = self.cursor.u16()?;
                self.cursor.u8()?;
                self.part(Part::Value(index));
            }
            _ => return None,
        }
        Some(true)
    }

    fn name(&mut self) -> Option<Arc<str>> {
        let (name, named) = self.names.read(&mut self.cursor, self.budget)?;
        self.named.push(named);
        Some(name)
    }

    /// A literal value; only text occurs in practice.
    fn literal(&mut self) -> Option<String> {
        if self.cursor.u8()? == kind::UTF16 { self.cursor.text() } else { None }
    }

    fn part(&mut self, part: Part) {
        if let Some(attribute) = &mut self.attribute {
            attribute.parts.push(part);
        } else if let Some(open) = self.open.last_mut() {
            open.parts.push(part);
        } else if matches!(part, Part::Value(_)) {
            // XML that stands for the whole.
            let (target, inside) = (Target::Nothing, self.place);
            self.plan.push(Step { target, inside, parts: vec![part], depends: Vec::new(), optional: true });
        }
    }

    fn open_element(&mut self, has_attributes: bool) -> Option<()> {
        let dependency = if self.template { Some(self.cursor.u16()?) } else { None };
        let _size = self.cursor.u32()?;
        let name = self.name()?;
        if has_attributes {
            let _size = self.cursor.u32()?;
        }
        self.flush_parent();
        let stands = self.open.last().map_or(self.place, |parent| parent.inside);
        // A template's root has nothing that it could be left out of.
        let dependency = dependency.filter(|index| *index != INDEPENDENT && !self.open.is_empty());
        if self.open.len() >= DEPTH {
            return None;
        }
        self.open.push(Open {
            inside: place_inside(stands, &name),
            target: target(stands, &name),
            stands,
            name,
            parts: Vec::new(),
            dependency,
            has_children: false,
        });
        Some(())
    }

    /// An element with children has no text of its own, but XML may stand among the children.
    fn flush_parent(&mut self) {
        let depends = self.depends();
        let Some(parent) = self.open.last_mut() else { return };
        parent.has_children = true;
        let parts = std::mem::take(&mut parent.parts);
        if parts.iter().any(|part| matches!(part, Part::Value(_))) {
            let inside = parent.inside;
            self.plan.push(Step { target: Target::Nothing, inside, parts, depends, optional: true });
        }
    }

    fn close_element(&mut self) -> Option<()> {
        let depends = self.depends();
        let open = self.open.pop()?;
        let mut step =
            Step { target: open.target, inside: open.inside, parts: open.parts, depends, optional: false };
        match (&step.target, open.stands) {
            _ if open.has_children => step.target = Target::Nothing,
            // `<EventData/>`, `<ServiceShutdown/>` and `<Binary/>` are not fields that say nothing.
            (Target::Field(_) | Target::Unnamed, Place::Event | Place::UserData) => step.optional = true,
            (Target::Field(_), Place::EventData) if &*open.name == "Binary" => step.optional = true,
            _ => {}
        }
        let idle = matches!(step.target, Target::Nothing) && step.parts.is_empty();
        if !idle && step.inside != Place::Elsewhere || wanted_of_system(&step.target) {
            self.plan.push(step);
        }
        Some(())
    }

    fn end_attribute(&mut self) {
        let Some(Attribute { name, parts }) = self.attribute.take() else { return };
        let depends = self.depends();
        let Some(open) = self.open.last_mut() else { return };
        let literal = || match &*parts {
            [Part::Text(text)] => Some(text.as_str()),
            _ => None,
        };
        let target = match (open.stands, &*open.name, &*name) {
            (Place::System, "Provider", "Name") => {
                literal().map_or(Target::Provider, |name| Target::Known(Provider::named(name)))
            }
            (Place::System, "TimeCreated", "SystemTime") => Target::Time,
            (Place::System, "Correlation", "ActivityID") => Target::Activity,
            (Place::EventData, "Data", "Name") => {
                if let Some(name) = literal() {
                    open.target = Target::Field(name.into());
                }
                return;
            }
            (Place::EventData | Place::Body, element, attribute) if !attribute.starts_with("xmlns") => {
                Target::Field(format!("{element}.{attribute}").into())
            }
            _ => return,
        };
        self.plan.push(Step { target, inside: Place::Elsewhere, parts, depends, optional: true });
    }

    fn depends(&self) -> Vec<u16> {
        self.open.iter().filter_map(|open| open.dependency).collect()
    }
}

const fn wanted_of_system(target: &Target) -> bool {
    matches!(target, Target::Id | Target::Level | Target::Channel | Target::Computer)
}

fn place_inside(stands: Place, name: &str) -> Place {
    match (stands, name) {
        (Place::Document, "Event") => Place::Event,
        (Place::Event, "System") => Place::System,
        (Place::Event, "EventData") => Place::EventData,
        (Place::Event, "UserData") => Place::UserData,
        (Place::EventData | Place::UserData | Place::Body, _) => Place::Body,
        _ => Place::Elsewhere,
    }
}

fn target(stands: Place, name: &str) -> Target {
    match (stands, name) {
        (Place::System, "EventID") => Target::Id,
        (Place::System, "Level") => Target::Level,
        (Place::System, "Channel") => Target::Channel,
        (Place::System, "Computer") => Target::Computer,
        (Place::EventData, "Data") | (Place::Event, "EventData") => Target::Unnamed,
        (Place::EventData | Place::UserData | Place::Body, _) => Target::Field(name.into()),
        _ => Target::Nothing,
    }
}

fn entity_text(entity: &str) -> String {
    match entity {
        "amp" => "&".to_owned(),
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        other => format!("&{other};"),
    }
}
