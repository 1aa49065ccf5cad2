//! The answers of `rdpscan explain`: what a user typed, to rows of the code tables and entries of the catalogue.
//!
//! Plain data, also what `--format json` prints. Adds no knowledge of its own but that of pairs: the two numbers of one
//! error box.

use schemars::JsonSchema;
use serde::Serialize;

use super::model::Tool;
use super::page::explanation;
use super::{Format, Style, html, json, markdown, table};
use crate::causes::{self, Cause};
use crate::codes::query::{self, Row};
use crate::codes::{Family, Kind, Trust};

/// The version of this shape.
pub const SCHEMA: &str = "rdpscan.explain.v1";

/// Reason: ended by the server, which said why. The extended code is its errorInfo.
const BY_SERVER: u32 = 0x3;
/// Reason: the socket was closed under the client.
const CLOSED: u32 = 0x904;

/// All answers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Explanation {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// In the order in which they were asked for.
    pub answers: Vec<Answer>,
}

/// One answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// What was typed.
    pub asked: String,
    /// `code`, `event`, `pair`, `several`, `family`, `cause` or `unknown`.
    pub kind: &'static str,
    /// The literal meaning in one line.
    pub means: String,
    /// The codes that it is about.
    pub codes: Vec<Meaning>,
    /// What it is wrongly taken for.
    pub does_not_mean: Vec<String>,
    /// Which evidence would decide.
    pub would_decide: Vec<String>,
    /// What else is known.
    pub also: Vec<String>,
    /// Causes of the catalogue in whose case it is shown; for a cause, those that it is told apart from.
    pub causes: Vec<CauseName>,
    /// The catalogue entry, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseEntry>,
    /// Where that is known from.
    pub sources: Vec<String>,
    /// Known ones that come near one that is not.
    pub nearest: Vec<String>,
}

/// A row of a code table.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Meaning {
    /// What to ask for: `reason:0x904`.
    pub ask: String,
    /// The name of its family.
    pub family: &'static str,
    /// The same in words.
    pub title: &'static str,
    /// The number.
    pub code: u32,
    /// In hexadecimal.
    pub hex: String,
    /// Its documented name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<&'static str>,
    /// The literal meaning.
    pub means: &'static str,
    /// Where one meets it.
    pub met: &'static str,
    /// How well that is known.
    pub known: &'static str,
}

/// A cause by id and title.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CauseName {
    /// The catalogue id.
    pub id: &'static str,
    /// What it says.
    pub title: &'static str,
}

/// A cause at length.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CauseEntry {
    /// The stage that it fails.
    pub stage: &'static str,
    /// `failure`, `warning`, `remark` or `benign`.
    pub severity: &'static str,
    /// Whom it may blame.
    pub blames: Vec<&'static str>,
    /// What mstsc shows the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_code: Option<&'static str>,
    /// Why it happens.
    pub why: String,
    /// What to do, in order.
    pub remedy: Vec<String>,
}

impl Explanation {
    /// Whether all that was asked for is known.
    pub fn is_complete(&self) -> bool {
        self.answers.iter().all(|answer| answer.kind != "unknown")
    }

    /// As text that ends with a line break.
    pub fn render(&self, format: Format, style: Style) -> String {
        match format {
            // A list of incidents is no explanation.
            Format::Json | Format::Csv | Format::Ndjson => json::render(self),
            Format::Table => table::draw(&explanation::blocks(self), style),
            Format::Markdown => markdown::draw(&explanation::blocks(self)),
            Format::Html => html::draw("Remote Desktop codes explained", &explanation::blocks(self)),
        }
    }
}

/// Explains what was typed. Two bare numbers alone are one question: the reason and the extended reason of one box.
pub fn explain(asked: &[String]) -> Explanation {
    let answers = match asked {
        [reason, extended] => match (query::number(reason), query::number(extended)) {
            (Some(first), Some(second)) => vec![pair(&format!("{reason} {extended}"), first, second)],
            _ => each(asked),
        },
        _ => each(asked),
    };
    Explanation {
        schema: SCHEMA,
        tool: Tool { name: "rdpscan", version: env!("CARGO_PKG_VERSION") },
        answers,
    }
}

/// One answer each; a family's name and the number after it belong together (`RdpCoreTS 140`).
fn each(asked: &[String]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut rest = asked.iter().peekable();
    while let Some(text) = rest.next() {
        let number = rest.peek().filter(|next| query::number(next).is_some());
        if let (Some(_), Some(number)) = (Family::named(text), number) {
            answers.push(one(&format!("{text}:{number}")));
            rest.next();
        } else {
            answers.push(one(text));
        }
    }
    answers
}

fn one(text: &str) -> Answer {
    if let Some(value) = query::number(text) {
        return match query::everywhere(value).as_slice() {
            [] => unknown(text, &query::near(value, None)),
            [row] => about(text, *row),
            rows => several(text, rows),
        };
    }
    // Names of causes and symbols have no colon; the last one parts family and code.
    if let Some((name, code)) = text.rsplit_once(':') {
        let code = code.trim();
        return match (Family::named(name), query::number(code)) {
            (Some(family), _) if code.is_empty() => listed(text, family),
            (Some(family), Some(value)) => match family.find(value) {
                Some(code) => about(text, (family, code)),
                // A gateway has codes, mstsc has codes of its own for it, and its log has events.
                None => match Family::kin(name).find_map(|own| Some((own, own.find(value)?))) {
                    Some(row) => about(text, row),
                    None => unknown(text, &query::near(value, Some(family))),
                },
            },
            (Some(family), None) => by_word(text, code, Some(family)),
            (None, Some(value)) => of_no_family(text, name, value),
            (None, None) => by_word(text, code, None),
        };
    }
    by_word(text, text, None)
}

/// A number of a family that there is not: the same number elsewhere, in families of a like name first.
fn of_no_family(asked: &str, name: &str, value: u32) -> Answer {
    let alike = query::families_alike(name);
    let rows: Vec<Row> = alike.iter().filter_map(|family| Some((*family, family.find(value)?))).collect();
    let mut answer = unknown(asked, if rows.is_empty() { &[] } else { &rows });
    "There is no such family.".clone_into(&mut answer.means);
    if rows.is_empty() {
        let everywhere = query::everywhere(value);
        answer.nearest = everywhere.into_iter().map(|row| near_name(&meaning(row))).collect();
    }
    if answer.nearest.is_empty() {
        answer.nearest = query::near(value, None).into_iter().map(|row| near_name(&meaning(row))).collect();
    }
    answer
}

/// A cause id, a symbol, or the name of a family.
fn by_word(asked: &str, word: &str, family: Option<&'static Family>) -> Answer {
    let fits = |row: &Row| family.is_none_or(|family| family.name == row.0.name);
    if asked == word {
        if let Some(cause) = causes::ALL.iter().find(|cause| cause.id.eq_ignore_ascii_case(word)) {
            return about_cause(asked, cause);
        }
        if let Some(family) = Family::named(word) {
            return listed(asked, family);
        }
    }
    let rows: Vec<Row> = query::by_symbol(word).into_iter().filter(fits).collect();
    match rows.as_slice() {
        [] => unknown(asked, &query::alike(word).into_iter().filter(fits).collect::<Vec<_>>()),
        [row] => about(asked, *row),
        rows => several(asked, rows),
    }
}

fn empty(asked: &str, kind: &'static str, means: String) -> Answer {
    Answer {
        asked: asked.to_owned(),
        kind,
        means,
        codes: Vec::new(),
        does_not_mean: Vec::new(),
        would_decide: Vec::new(),
        also: Vec::new(),
        causes: Vec::new(),
        cause: None,
        sources: Vec::new(),
        nearest: Vec::new(),
    }
}

fn about(asked: &str, row: Row) -> Answer {
    let (family, code) = row;
    let kind = if family.kind == Kind::Event { "event" } else { "code" };
    let mut answer = empty(asked, kind, sentence(code.means));
    answer.codes.push(meaning(row));
    answer.causes = shown_with(family, code.value);
    add(&mut answer, row);
    answer
}

/// What a row and its family say, without saying it twice.
fn add(answer: &mut Answer, (family, code): Row) {
    fn all(to: &mut Vec<String>, from: &[&str]) {
        for text in from {
            if !to.iter().any(|own| own == text) {
                to.push((*text).to_owned());
            }
        }
    }
    all(&mut answer.does_not_mean, code.not);
    all(&mut answer.does_not_mean, family.not);
    all(&mut answer.would_decide, if code.decides.is_empty() { family.decides } else { code.decides });
    all(&mut answer.also, code.know);
    // A row that is less sure than its family is known from elsewhere.
    let retold = code.trust == Some(Trust::Retold);
    let sources =
        if retold { &["A public transcription of the texts in mstscax.dll"] } else { family.sources };
    all(&mut answer.sources, sources);
}

/// The two numbers of one error box of mstsc.
fn pair(asked: &str, first: u32, second: u32) -> Answer {
    let row = |names: &[&str], value: u32| -> Option<Row> {
        let mut families = names.iter().filter_map(|name| Family::named(name));
        families.find_map(|family| Some((family, family.find(value)?)))
    };
    let reason = row(&["reason", "gateway-reason"], first);
    let extended = match first {
        BY_SERVER => row(&["errorinfo", "extended"], second),
        _ => row(&["extended"], second),
    };
    // From 0x1000 on the extended numbers are those of errorInfo.
    let extended = extended.or_else(|| row(&["errorinfo"], second));
    let (Some(reason), Some(extended)) = (reason, extended) else {
        let family = Family::named(if reason.is_none() { "reason" } else { "extended" });
        let mut answer = unknown(asked, &query::near(if reason.is_none() { first } else { second }, family));
        answer.codes.extend([reason, extended].into_iter().flatten().map(meaning));
        return answer;
    };
    let mut answer = empty(asked, "pair", sentence(&together(first, second, reason, extended)));
    answer.codes = vec![meaning(reason), meaning(extended)];
    answer.causes =
        if first == BY_SERVER { shown_with(extended.0, second) } else { shown_with(reason.0, first) };
    add(&mut answer, reason);
    add(&mut answer, extended);
    answer
}

/// What two numbers mean side by side.
fn together(first: u32, second: u32, reason: Row, extended: Row) -> String {
    let (why, more) = (reason.1.means, extended.1.means);
    match (first, second) {
        (CLOSED, 7) => {
            "the connection was closed before the session was up; this pair names no cause".to_owned()
        }
        (BY_SERVER, 0) => "the server ended the connection in an orderly way, and gave no reason".to_owned(),
        (BY_SERVER, _) => format!("the server ended the connection in an orderly way and said why: {more}"),
        (_, 0) => format!("{why}; the client knows no more than that"),
        _ => format!("{why}; the client adds: {more}"),
    }
}

fn several(asked: &str, rows: &[Row]) -> Answer {
    let means = format!("known in {} families that have nothing to do with each other", rows.len());
    let mut answer = empty(asked, "several", sentence(&means));
    answer.codes = rows.iter().copied().map(meaning).collect();
    answer
}

fn listed(asked: &str, family: &'static Family) -> Answer {
    let mut answer = empty(asked, "family", sentence(family.title));
    answer.codes = family.rows().map(|code| meaning((family, code))).collect();
    answer.codes.sort_by_key(|code| code.code);
    answer.does_not_mean = family.not.iter().map(|text| (*text).to_owned()).collect();
    answer.sources = family.sources.iter().map(|text| (*text).to_owned()).collect();
    answer
}

fn unknown(asked: &str, near: &[Row]) -> Answer {
    let mut answer = empty(asked, "unknown", "Not known.".to_owned());
    answer.nearest = near.iter().copied().map(|row| near_name(&meaning(row))).collect();
    let mut ids: Vec<(usize, &str)> =
        causes::ALL.iter().filter_map(|cause| Some((query::unlike(asked, cause.id)?, cause.id))).collect();
    ids.sort_unstable();
    answer.nearest.extend(ids.iter().take(3).map(|(_, id)| (*id).to_owned()));
    answer
}

/// `reason:0x904`, with its meaning.
fn near_name(row: &Meaning) -> String {
    format!("`{}`: {}", row.ask, row.means)
}

fn about_cause(asked: &str, cause: &'static Cause) -> Answer {
    let mut answer = empty(asked, "cause", sentence(cause.title()));
    if cause.residual {
        answer
            .does_not_mean
            .push("Why it happened: it says what is certain, and the verdict stays undetermined.".into());
    }
    answer.would_decide = vec![cause.section("Seen as").join(" ")];
    let nearer = |other: &&&Cause| {
        other.more_specific_than.contains(&cause.id) || cause.more_specific_than.contains(&other.id)
    };
    answer.causes = causes::ALL.iter().filter(nearer).map(|cause| named(cause)).collect();
    answer.cause = Some(CauseEntry {
        stage: cause.stage.name(),
        severity: cause.severity.name(),
        blames: cause.blames.iter().map(|blame| blame.name()).collect(),
        client_code: cause.client_code,
        why: cause.section("Why").join(" "),
        remedy: cause.remedy(),
    });
    answer
}

fn named(cause: &'static Cause) -> CauseName {
    CauseName { id: cause.id, title: cause.title() }
}

fn meaning((family, code): Row) -> Meaning {
    let number = match family.kind {
        Kind::Code if code.value > 9 => format!("0x{:X}", code.value),
        _ => code.value.to_string(),
    };
    let number = if code.last == code.value { number } else { format!("{}-{}", code.value, code.last) };
    Meaning {
        ask: format!("{}:{number}", family.name),
        family: family.name,
        title: family.title,
        code: code.value,
        hex: format!("0x{:X}", code.value),
        symbol: Some(code.symbol).filter(|symbol| !symbol.is_empty()),
        means: code.means,
        met: family.met,
        known: code.trust.unwrap_or(family.trust).name(),
    }
}

/// The causes in whose case mstsc shows this reason or extended reason, or the wire this negotiation failure or alert.
fn shown_with(family: &Family, value: u32) -> Vec<CauseName> {
    let shows = |cause: &&&Cause| match family.name {
        "reason" | "gateway-reason" => cause.shows(value, false),
        "extended" | "errorinfo" => cause.shows(value, true),
        "alert" => names_alert(&cause.section("Seen as").join(" "), value),
        "negotiation-failure" => cause.id.starts_with(&format!("neg-failure-{value}-")),
        _ => false,
    };
    causes::ALL.iter().filter(shows).map(|cause| named(cause)).collect()
}

/// Whether a text names a TLS alert: `alert 40, 42 or 46`.
fn names_alert(text: &str, value: u32) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || c == ',' || c == ' ' || c == 'o' || c == 'r';
    text.split("alert ").skip(1).any(|rest| {
        let list: String = rest.chars().take_while(|c| is_part(*c)).collect();
        list.split(|c: char| !c.is_ascii_digit()).any(|number| number.parse() == Ok(value))
    })
}

/// With a capital and a full stop, unless it begins with a name.
fn sentence(clause: &str) -> String {
    let mut rest = clause.chars();
    let first: String = rest.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if clause.ends_with(['.', '?']) { "" } else { "." };
    format!("{first}{}{end}", rest.as_str())
}
