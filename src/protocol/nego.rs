//! The negotiation inside connection request and confirm. [MS-RDPBCGR] 2.2.1.1, 2.2.1.2
//!
//! Takes a TPDU, gives what both sides ask and answer. Judges nothing: whether a selection was offered is for
//! the causes to say. A wrong length or type is an oddity beside what could be read.

use std::net::{Ipv4Addr, SocketAddrV4};

use nom::number::streaming::{le_u16, le_u32, u8};

use super::wire::{Expected, Malformed, Parse, array, cut, length, text, wire_code, wire_flags};
use super::x224::Tpdu;

wire_flags! {
    /// The security protocols that a client requests, or the one that a server selects.
    /// [MS-RDPBCGR] 2.2.1.1.1 requestedProtocols, 2.2.1.2.1 selectedProtocol
    pub struct Protocols(u32), zero "RDP" {
        /// TLS.
        SSL = 0x01;
        /// CredSSP (NLA) inside TLS.
        HYBRID = 0x02;
        /// RDSTLS: redirection with a credential from a broker.
        RDSTLS = 0x04;
        /// CredSSP followed by the early user authorization result.
        HYBRID_EX = 0x08;
        /// Entra ID authentication.
        RDSAAD = 0x10;
    }
}

impl Protocols {
    /// No bit: standard RDP security.
    pub const RDP: Self = Self(0);

    /// Whether CredSSP is among them.
    pub const fn nla(self) -> bool {
        self.0 & (Self::HYBRID.0 | Self::HYBRID_EX.0) != 0
    }

    /// Whether any of them runs inside TLS.
    pub const fn tls(self) -> bool {
        self.0 != 0
    }
}

wire_flags! {
    /// Flags of a negotiation request. [MS-RDPBCGR] 2.2.1.1.1
    pub struct RequestFlags(u8), zero "none" {
        /// The client requires restricted admin mode.
        RESTRICTED_ADMIN_MODE_REQUIRED = 0x01;
        /// The client requires Remote Credential Guard.
        REDIRECTED_AUTHENTICATION_MODE_REQUIRED = 0x02;
        /// A correlation id follows.
        CORRELATION_INFO_PRESENT = 0x08;
    }
}

wire_flags! {
    /// Flags of a negotiation response. [MS-RDPBCGR] 2.2.1.2.1
    pub struct ResponseFlags(u8), zero "none" {
        /// Extended client data blocks are supported.
        EXTENDED_CLIENT_DATA_SUPPORTED = 0x01;
        /// The graphics pipeline over dynamic channels is supported.
        DYNVC_GFX_PROTOCOL_SUPPORTED = 0x02;
        /// Unused.
        NEGRSP_FLAG_RESERVED = 0x04;
        /// Restricted admin mode is supported.
        RESTRICTED_ADMIN_MODE_SUPPORTED = 0x08;
        /// Remote Credential Guard is supported.
        REDIRECTED_AUTHENTICATION_MODE_SUPPORTED = 0x10;
    }
}

wire_code! {
    /// Why the server refuses the requested protocols. [MS-RDPBCGR] 2.2.1.2.2
    pub struct FailureCode(u32) {
        /// The server requires TLS or CredSSP, and the client offered neither.
        SSL_REQUIRED_BY_SERVER = 1;
        /// The server only accepts standard RDP security.
        SSL_NOT_ALLOWED_BY_SERVER = 2;
        /// The server has no valid certificate for TLS.
        SSL_CERT_NOT_ON_SERVER = 3;
        /// The requested protocols contradict the flags.
        INCONSISTENT_FLAGS = 4;
        /// The server requires CredSSP, and the client did not offer it.
        HYBRID_REQUIRED_BY_SERVER = 5;
        /// The server requires TLS with a client certificate.
        SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER = 6;
    }
}

wire_code! {
    /// The type byte of a negotiation structure. [MS-RDPBCGR] 2.2.1.1.1, 2.2.1.1.2, 2.2.1.2.1, 2.2.1.2.2
    pub struct NegotiationType(u8) {
        /// Negotiation request.
        REQUEST = 1 "RDP_NEG_REQ";
        /// Negotiation response.
        RESPONSE = 2 "RDP_NEG_RSP";
        /// Negotiation failure.
        FAILURE = 3 "RDP_NEG_FAILURE";
        /// Correlation info.
        CORRELATION = 6 "RDP_NEG_CORRELATION_INFO";
    }
}

/// The client's first message. [MS-RDPBCGR] 2.2.1.1
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionRequest {
    /// Cookie or routing token. None at all is legal.
    pub line: Option<RoutingLine>,
    /// The request. A client without one knows standard RDP security only.
    pub request: Option<NegotiationRequest>,
    /// The id that also appears in the server's log.
    pub correlation: Option<[u8; 16]>,
    /// Bytes after everything that is known.
    pub trailing: usize,
    /// The first thing that is not as specified; `at` counts from the start of the TPDU.
    pub oddity: Option<Malformed>,
}

/// The line of text that may begin the variable part. [MS-RDPBCGR] 2.2.1.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoutingLine {
    /// `Cookie: mstshash=NAME`: a user name, cut to nine characters by mstsc, domain included.
    Cookie(String),
    /// `Cookie: msts=…`: a load balancer's token.
    Token {
        /// The value as text.
        value: String,
        /// The server it names, if it has the usual form.
        server: Option<SocketAddrV4>,
    },
    /// `tsv://…`: a token of the connection broker, without the scheme.
    Tsv(String),
    /// Anything else before CR LF.
    Other(Vec<u8>),
}

/// RDP_NEG_REQ. [MS-RDPBCGR] 2.2.1.1.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiationRequest {
    /// Modes that the client insists on.
    pub flags: RequestFlags,
    /// What it can speak.
    pub protocols: Protocols,
}

/// The server's answer. [MS-RDPBCGR] 2.2.1.2
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionConfirm {
    /// `None` is a server from before the negotiation: standard RDP security.
    pub answer: Option<Answer>,
    /// Bytes after everything that is known.
    pub trailing: usize,
    /// The first thing that is not as specified; `at` counts from the start of the TPDU.
    pub oddity: Option<Malformed>,
}

/// What the confirm carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// RDP_NEG_RSP. [MS-RDPBCGR] 2.2.1.2.1
    Response {
        /// What the server supports.
        flags: ResponseFlags,
        /// What it chose.
        selected: Protocols,
    },
    /// RDP_NEG_FAILURE. [MS-RDPBCGR] 2.2.1.2.2
    Failure {
        /// Why it refuses.
        code: FailureCode,
    },
    /// A structure of another type.
    Other {
        /// Its type.
        kind: NegotiationType,
        /// Its flags.
        flags: u8,
        /// Its last four bytes.
        value: u32,
    },
}

/// Where the variable part of CR and CC begins, in bytes from the start of the TPDU.
const VARIABLE: usize = 7;
/// Bytes of every negotiation structure but the correlation info.
const STRUCTURE: u16 = 8;
/// Bytes of the correlation info.
const CORRELATION: u16 = 36;

/// Reads what a connection request asks for. Never fails: what could not be read is missing, with an oddity.
pub fn connection_request(tpdu: &Tpdu<'_>) -> ConnectionRequest {
    let mut found = ConnectionRequest { oddity: tpdu.oddity, ..ConnectionRequest::default() };
    let bytes = variable_part(tpdu, &mut found.oddity);
    let mut rest = bytes;
    if let Some((line, after)) = split_line(rest) {
        found.line = Some(routing_line(line));
        rest = after;
    }
    let here = |rest: &[u8]| VARIABLE + bytes.len() - rest.len();
    if !rest.is_empty() {
        let at = here(rest);
        match structure(rest) {
            Ok((after, head)) if head.kind == NegotiationType::REQUEST => {
                note_length(&mut found.oddity, &head, STRUCTURE, at);
                let (flags, protocols) = (RequestFlags(head.flags), Protocols(head.value));
                found.request = Some(NegotiationRequest { flags, protocols });
                rest = after;
            }
            Ok((_, head)) => {
                let kind = Malformed::new("negotiation type", at, Expected::Exactly(1), head.kind.0.into());
                found.oddity.get_or_insert(kind);
            }
            Err(error) => {
                found.oddity.get_or_insert(cut("negotiation request", rest, &error).inside(at));
            }
        }
    }
    if rest.first() == Some(&NegotiationType::CORRELATION.0) {
        let at = here(rest);
        match correlation(rest) {
            Ok((after, (size, id))) => {
                if size != CORRELATION {
                    let wrong = Expected::Exactly(CORRELATION.into());
                    found.oddity.get_or_insert(Malformed::new(
                        "correlation info length",
                        at + 2,
                        wrong,
                        size.into(),
                    ));
                }
                found.correlation = Some(id);
                rest = after;
            }
            Err(error) => {
                found.oddity.get_or_insert(cut("correlation info", rest, &error).inside(at));
            }
        }
    }
    found.trailing = rest.len();
    found
}

/// Reads how a connection confirm answers. Never fails, see [`connection_request`].
pub fn connection_confirm(tpdu: &Tpdu<'_>) -> ConnectionConfirm {
    let mut found = ConnectionConfirm { oddity: tpdu.oddity, ..ConnectionConfirm::default() };
    let bytes = variable_part(tpdu, &mut found.oddity);
    if bytes.is_empty() {
        return found;
    }
    match structure(bytes) {
        Ok((rest, head)) => {
            note_length(&mut found.oddity, &head, STRUCTURE, VARIABLE);
            found.trailing = rest.len();
            found.answer = Some(match head.kind {
                NegotiationType::RESPONSE => {
                    Answer::Response { flags: ResponseFlags(head.flags), selected: Protocols(head.value) }
                }
                NegotiationType::FAILURE => Answer::Failure { code: FailureCode(head.value) },
                kind => Answer::Other { kind, flags: head.flags, value: head.value },
            });
        }
        Err(error) => {
            found.trailing = bytes.len();
            found.oddity.get_or_insert(cut("negotiation answer", bytes, &error).inside(VARIABLE));
        }
    }
    found
}

/// The part that RDP fills. A length indicator that leaves it outside the header is odd; it is read all the same.
fn variable_part<'a>(tpdu: &Tpdu<'a>, oddity: &mut Option<Malformed>) -> &'a [u8] {
    if tpdu.data.is_empty() {
        return tpdu.variable;
    }
    let reach = u64::from(tpdu.length_indicator).saturating_add(length(tpdu.data));
    let li = u64::from(tpdu.length_indicator);
    oddity.get_or_insert(Malformed::new("X.224 length indicator", 0, Expected::Exactly(reach), li));
    if tpdu.variable.is_empty() { tpdu.data } else { tpdu.variable }
}

/// The common head of negotiation structures, little-endian.
struct Structure {
    kind: NegotiationType,
    flags: u8,
    length: u16,
    value: u32,
}

fn structure(input: &[u8]) -> Parse<'_, Structure> {
    let (rest, kind) = u8(input)?;
    let (rest, flags) = u8(rest)?;
    let (rest, length) = le_u16(rest)?;
    let (rest, value) = le_u32(rest)?;
    Ok((rest, Structure { kind: NegotiationType(kind), flags, length, value }))
}

/// Length field and id of a correlation info; the last 16 bytes are reserved.
fn correlation(input: &[u8]) -> Parse<'_, (u16, [u8; 16])> {
    let (rest, _type_and_flags) = le_u16(input)?;
    let (rest, size) = le_u16(rest)?;
    let (rest, id) = array::<16>(rest)?;
    let (rest, _reserved) = array::<16>(rest)?;
    Ok((rest, (size, id)))
}

fn note_length(oddity: &mut Option<Malformed>, head: &Structure, expected: u16, at: usize) {
    if head.length != expected {
        let expected = Expected::Exactly(expected.into());
        oddity.get_or_insert(Malformed::new("negotiation length", at + 2, expected, head.length.into()));
    }
}

/// Splits off a line that ends with CR LF. Without CR LF, text that begins like a line is one up to the end.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.first().is_none_or(|first| *first == NegotiationType::REQUEST.0) {
        return None;
    }
    match bytes.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => Some((bytes.get(..end)?, bytes.get(end + 2..)?)),
        None if bytes.starts_with(b"Cookie:") || bytes.starts_with(b"tsv:") => Some((bytes, &[])),
        None => None,
    }
}

fn routing_line(line: &[u8]) -> RoutingLine {
    if let Some(name) = line.strip_prefix(b"Cookie: mstshash=") {
        RoutingLine::Cookie(text(name))
    } else if let Some(token) = line.strip_prefix(b"Cookie: msts=") {
        let value = text(token);
        RoutingLine::Token { server: token_server(&value), value }
    } else if let Some(token) = line.strip_prefix(b"tsv://") {
        RoutingLine::Tsv(text(token))
    } else {
        RoutingLine::Other(line.to_vec())
    }
}

/// `3640205228.15629.0000`: address and port as decimal numbers of their bytes read little-endian.
fn token_server(value: &str) -> Option<SocketAddrV4> {
    let mut parts = value.split('.');
    let address: u32 = parts.next()?.parse().ok()?;
    let port: u16 = parts.next()?.parse().ok()?;
    Some(SocketAddrV4::new(Ipv4Addr::from(address.to_le_bytes()), port.swap_bytes()))
}

#[cfg(test)]
#[path = "nego_tests.rs"]
mod tests;
