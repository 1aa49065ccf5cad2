//! DNS messages: what was asked, and what came back. RFC 1035 section 4; also LLMNR and mDNS, which share the
//! form.
//!
//! Reads header, questions and answers; authority and additional records are left out.

use std::net::IpAddr;

use nom::bytes::streaming::take;
use nom::number::streaming::{be_u16, be_u32};

use super::wire::{Expected, Malformed, Parse, cut, wire_code};

/// Longest name in bytes on the wire. RFC 1035 2.3.4
const LONGEST_NAME: usize = 255;
/// Most records that are kept of one message: far above anything that serves to find a host.
const MOST_RECORDS: usize = 256;

wire_code! {
    /// Response code. RFC 1035 4.1.1, RFC 6895 2.3
    pub struct Rcode(u8) {
        /// No error.
        NO_ERROR = 0 "no error";
        /// The server could not read the question.
        FORM_ERR = 1 "format error";
        /// The server failed.
        SERV_FAIL = 2 "server failure";
        /// The name does not exist.
        NX_DOMAIN = 3 "name does not exist";
        /// Not implemented.
        NOT_IMP = 4 "not implemented";
        /// The server refuses.
        REFUSED = 5 "refused";
    }
}

wire_code! {
    /// Type of a record or question. RFC 1035 3.2.2
    pub struct RecordType(u16) {
        /// IPv4 address.
        A = 1;
        /// Name server.
        NS = 2;
        /// Alias.
        CNAME = 5;
        /// Start of authority.
        SOA = 6;
        /// Name of an address.
        PTR = 12;
        /// Text.
        TXT = 16;
        /// IPv6 address.
        AAAA = 28;
        /// Service.
        SRV = 33;
        /// HTTPS service binding.
        HTTPS = 65;
        /// Any.
        ANY = 255;
    }
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Joins question and answer, with addresses and ports.
    pub id: u16,
    /// Whether this is an answer.
    pub is_response: bool,
    /// Kind of query: 0 is the usual one.
    pub opcode: u8,
    /// Whether the answer was cut to fit: the client asks again over TCP.
    pub truncated: bool,
    /// How it went.
    pub rcode: Rcode,
    /// What was asked.
    pub questions: Vec<Question>,
    /// What came back.
    pub answers: Vec<Answer>,
    /// The first thing that is cut or wrong; `at` counts from the start of the message.
    pub oddity: Option<Malformed>,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Name without the last dot, as in [`Answer::name`].
    pub name: String,
    /// Type.
    pub kind: RecordType,
}

/// One record of the answer section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Name without the last dot; bytes that are no plain text stand as `\DDD`.
    pub name: String,
    /// Type.
    pub kind: RecordType,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Contents.
    pub data: AnswerData,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerData {
    /// An address (A, AAAA).
    Address(IpAddr),
    /// A name (CNAME, PTR, NS).
    Name(String),
    /// Anything else, by size in bytes.
    Other(usize),
}

impl Message {
    /// All addresses that came back.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.answers.iter().filter_map(|answer| match answer.data {
            AnswerData::Address(address) => Some(address),
            AnswerData::Name(_) | AnswerData::Other(_) => None,
        })
    }
}

/// Reads the payload of a UDP datagram. Fails if the header is cut.
pub fn message(payload: &[u8]) -> Result<Message, Malformed> {
    let (rest, (mut found, counts)) = header(payload).map_err(|error| cut("DNS header", payload, &error))?;
    if let Err(error) = sections(payload, rest, counts, &mut found) {
        found.oddity = Some(match error {
            nom::Err::Incomplete(_) => cut("DNS message", payload, &error),
            nom::Err::Error(malformed) | nom::Err::Failure(malformed) => malformed,
        });
    }
    Ok(found)
}

/// Reads one message from a TCP stream: a length stands before it. RFC 1035 4.2.2
pub fn message_over_tcp(input: &[u8]) -> Parse<'_, Message> {
    let (rest, length) = be_u16(input)?;
    let (rest, payload) = take(length)(rest)?;
    match message(payload) {
        Ok(message) => Ok((rest, message)),
        Err(malformed) => malformed.inside(2).stop(),
    }
}

fn header(input: &[u8]) -> Parse<'_, (Message, (u16, u16))> {
    let (rest, id) = be_u16(input)?;
    let (rest, flags) = be_u16(rest)?;
    let (rest, questions) = be_u16(rest)?;
    let (rest, answers) = be_u16(rest)?;
    let (rest, _authority_and_additional) = be_u32(rest)?;
    let [high, low] = flags.to_be_bytes();
    let message = Message {
        id,
        is_response: high & 0x80 != 0,
        opcode: high >> 3 & 0x0F,
        truncated: high & 0x02 != 0,
        rcode: Rcode(low & 0x0F),
        ..Message::default()
    };
    Ok((rest, (message, (questions, answers))))
}

fn sections<'a>(
    payload: &'a [u8],
    input: &'a [u8],
    (questions, answers): (u16, u16),
    found: &mut Message,
) -> Parse<'a, ()> {
    let mut rest = input;
    for _ in 0..usize::from(questions).min(MOST_RECORDS) {
        let (after, name) = name(payload, rest)?;
        let (after, kind) = be_u16(after)?;
        let (after, _class) = be_u16(after)?;
        found.questions.push(Question { name, kind: RecordType(kind) });
        rest = after;
    }
    for _ in 0..usize::from(answers).min(MOST_RECORDS) {
        let (after, answer) = answer(payload, rest)?;
        found.answers.push(answer);
        rest = after;
    }
    Ok((rest, ()))
}

fn answer<'a>(payload: &'a [u8], input: &'a [u8]) -> Parse<'a, Answer> {
    let (rest, owner) = name(payload, input)?;
    let (rest, kind) = be_u16(rest)?;
    let (rest, _class) = be_u16(rest)?;
    let (rest, ttl) = be_u32(rest)?;
    let (rest, size) = be_u16(rest)?;
    let (rest, contents) = take(size)(rest)?;
    let kind = RecordType(kind);
    let data = match (kind, contents.first_chunk::<4>(), contents.first_chunk::<16>()) {
        (RecordType::A, Some(octets), _) => AnswerData::Address(IpAddr::from(*octets)),
        (RecordType::AAAA, _, Some(octets)) => AnswerData::Address(IpAddr::from(*octets)),
        // Dynamic updates name records without contents.
        (RecordType::CNAME | RecordType::PTR | RecordType::NS, ..) if !contents.is_empty() => {
            AnswerData::Name(name(payload, contents)?.1)
        }
        _ => AnswerData::Other(contents.len()),
    };
    Ok((rest, Answer { name: owner, kind, ttl, data }))
}

/// Reads a name; what follows it is what follows its first pointer.
///
/// Pointers must lead backwards, each before the last, so that no message can make this loop.
fn name<'a>(payload: &'a [u8], input: &'a [u8]) -> Parse<'a, String> {
    let mut found = String::new();
    let mut bytes = 0;
    let mut at = offset(payload, input);
    let mut here = input;
    let mut after_pointer = None;
    loop {
        let (rest, label) = nom::number::streaming::u8(here)?;
        if label & 0xC0 == 0xC0 {
            let (rest, low) = nom::number::streaming::u8(rest)?;
            let target = usize::from(u16::from_be_bytes([label & 0x3F, low]));
            if target >= at {
                let backwards = Expected::Words("an offset before this name");
                return Malformed::new(
                    "DNS compression pointer",
                    offset(payload, here),
                    backwards,
                    low.into(),
                )
                .stop();
            }
            after_pointer.get_or_insert(rest);
            at = target;
            here = payload.get(target..).unwrap_or_default();
            continue;
        }
        if label > 63 {
            return Malformed::new("DNS label", offset(payload, here), Expected::AtMost(63), label.into())
                .stop();
        }
        let (rest, text) = take(label)(rest)?;
        here = rest;
        if label == 0 {
            return Ok((after_pointer.unwrap_or(here), found));
        }
        bytes += text.len() + 1;
        if bytes > LONGEST_NAME {
            return Malformed::new("DNS name", offset(payload, input), Expected::AtMost(255), 256).stop();
        }
        push_label(&mut found, text);
    }
}

fn push_label(name: &mut String, label: &[u8]) {
    if !name.is_empty() {
        name.push('.');
    }
    for byte in label {
        if byte.is_ascii_graphic() && !matches!(byte, b'.' | b'\\') {
            name.push(char::from(*byte));
        } else {
            name.push('\\');
            name.extend([byte / 100, byte / 10 % 10, byte % 10].map(|digit| char::from(b'0' + digit)));
        }
    }
}

/// Where `part` begins inside `whole`.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr()).min(whole.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with an alias and an address, both by pointer.
    const ANSWER: &[u8] = &[
        0x12, 0x34, 0x81, 0x80, 0x00, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, // header
        3, b'r', b'd', b'p', 2, b'e', b'x', 0, 0x00, 0x01, 0x00, 0x01, // rdp.ex, A (offset 12)
        0xC0, 0x0C, 0x00, 0x05, 0x00, 0x01, 0, 0, 0, 60, 0x00, 0x05, 2, b'h', b'1', 0xC0,
        0x10, // CNAME h1.ex
        0xC0, 0x24, 0x00, 0x01, 0x00, 0x01, 0, 0, 0, 60, 0x00, 0x04, 192, 0, 2, 9, // h1.ex A
    ];

    #[test]
    fn question_alias_and_address() {
        let found = message(ANSWER).unwrap();
        assert_eq!(
            (found.id, found.is_response, found.rcode, found.oddity),
            (0x1234, true, Rcode::NO_ERROR, None)
        );
        assert_eq!(found.questions, [Question { name: "rdp.ex".into(), kind: RecordType::A }]);
        assert_eq!(found.answers[0].data, AnswerData::Name("h1.ex".into()));
        assert_eq!(found.answers[1].name, "h1.ex");
        assert_eq!(found.addresses().collect::<Vec<_>>(), ["192.0.2.9".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn name_error_without_answers() {
        let found = message(&[0, 1, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'x', 0, 0, 1, 0, 1]).unwrap();
        assert_eq!((found.rcode, found.questions.len()), (Rcode::NX_DOMAIN, 1));
        assert_eq!(found.rcode.to_string(), "name does not exist");
    }

    #[test]
    fn dynamic_update_names_a_record_without_contents() {
        // Zone "x", then the prerequisite that "x" has no alias.
        let found = message(&[
            0, 1, 0x28, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, b'x', 0, 0, 6, 0, 1, // header, zone
            0xC0, 0x0C, 0, 5, 0, 0xFE, 0, 0, 0, 0, 0, 0,
        ])
        .unwrap();
        assert_eq!((found.opcode, found.oddity), (5, None));
        assert_eq!(found.answers.first().map(|answer| &answer.data), Some(&AnswerData::Other(0)));
    }

    #[test]
    fn pointers_cannot_loop() {
        // A name that points at itself; two that point at each other; forward.
        for name in [[0xC0, 0x0C, 0, 0], [0xC0, 0x0E, 0xC0, 0x0C], [0xC0, 0x20, 0, 0]] {
            let mut bytes = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            bytes.extend(name);
            bytes.extend([0, 1, 0, 1]);
            let found = message(&bytes).unwrap();
            assert!(found.questions.is_empty());
            assert_eq!(found.oddity.map(|oddity| oddity.what), Some("DNS compression pointer"));
        }
    }

    #[test]
    fn every_cut_is_bounded() {
        for end in 0..ANSWER.len() {
            match message(&ANSWER[..end]) {
                Ok(found) => assert!(end >= 12 && found.oddity.is_some(), "{end}"),
                Err(_) => assert!(end < 12),
            }
        }
    }

    #[test]
    fn odd_bytes_in_names_are_shown() {
        let mut name = String::new();
        push_label(&mut name, b"a.b");
        push_label(&mut name, &[0x00, 0xFF]);
        assert_eq!(name, "a\\046b.\\000\\255");
    }

    #[test]
    fn over_tcp() {
        let mut stream = vec![0x00, u8::try_from(ANSWER.len()).unwrap()];
        stream.extend(ANSWER);
        assert_eq!(message_over_tcp(&stream).unwrap().1, message(ANSWER).unwrap());
        assert!(matches!(message_over_tcp(&stream[..20]), Err(nom::Err::Incomplete(_))));
    }
}
