//! Kerberos messages to and from a key distribution centre, port 88: which, and the code of an error.
//! RFC 4120 section 5
//!
//! Reads no ticket and no name of a user; only what says why a logon fails.

use nom::bytes::streaming::take;
use nom::number::streaming::be_u32;

use super::der::{self, SEQUENCE};
use super::wire::{Expected, Malformed, Parse, length, text, whole, wire_code};
use crate::base::Timestamp;
use crate::base::time::SECOND;

/// Longest message over TCP that is waited for: tickets with large authorisation data stay below.
const LONGEST: u32 = 1 << 20;

wire_code! {
    /// A message by its application tag. RFC 4120 5.10
    pub struct MessageType(u8) {
        /// Asks for a ticket-granting ticket.
        AS_REQ = 10 "AS-REQ";
        /// Grants it.
        AS_REP = 11 "AS-REP";
        /// Asks for a service ticket.
        TGS_REQ = 12 "TGS-REQ";
        /// Grants it.
        TGS_REP = 13 "TGS-REP";
        /// Client to service.
        AP_REQ = 14 "AP-REQ";
        /// Service to client.
        AP_REP = 15 "AP-REP";
        /// Error.
        ERROR = 30 "KRB-ERROR";
    }
}

wire_code! {
    /// Error code of a KRB-ERROR. RFC 4120 7.5.9, RFC 4556 3.1.3
    pub struct ErrorCode(u32) {
        /// No error.
        KDC_ERR_NONE = 0;
        /// The client's entry has expired.
        KDC_ERR_NAME_EXP = 1;
        /// The server's entry has expired.
        KDC_ERR_SERVICE_EXP = 2;
        /// The client is not known.
        KDC_ERR_C_PRINCIPAL_UNKNOWN = 6;
        /// The server is not known: no such SPN.
        KDC_ERR_S_PRINCIPAL_UNKNOWN = 7;
        /// Several entries for one name.
        KDC_ERR_PRINCIPAL_NOT_UNIQUE = 8;
        /// The times asked for never overlap.
        KDC_ERR_NEVER_VALID = 11;
        /// Refused by policy: logon hours, workstation, silo.
        KDC_ERR_POLICY = 12;
        /// An option cannot be granted.
        KDC_ERR_BADOPTION = 13;
        /// No common encryption type.
        KDC_ERR_ETYPE_NOSUPP = 14;
        /// Kind of pre-authentication not supported.
        KDC_ERR_PADATA_TYPE_NOSUPP = 16;
        /// Disabled, locked out or expired.
        KDC_ERR_CLIENT_REVOKED = 18;
        /// The service is disabled.
        KDC_ERR_SERVICE_REVOKED = 19;
        /// The ticket-granting ticket is revoked.
        KDC_ERR_TGT_REVOKED = 20;
        /// Not valid yet.
        KDC_ERR_CLIENT_NOTYET = 21;
        /// The password has expired.
        KDC_ERR_KEY_EXPIRED = 23;
        /// Wrong password.
        KDC_ERR_PREAUTH_FAILED = 24;
        /// Not an error: the usual first answer.
        KDC_ERR_PREAUTH_REQUIRED = 25;
        /// Ticket and request name different servers.
        KDC_ERR_SERVER_NOMATCH = 26;
        /// Only user-to-user is allowed.
        KDC_ERR_MUST_USE_USER2USER = 27;
        /// A service does not answer.
        KDC_ERR_SVC_UNAVAILABLE = 29;
        /// Integrity check failed.
        KRB_AP_ERR_BAD_INTEGRITY = 31;
        /// The ticket has expired.
        KRB_AP_ERR_TKT_EXPIRED = 32;
        /// The ticket is not valid yet.
        KRB_AP_ERR_TKT_NYV = 33;
        /// Repeated.
        KRB_AP_ERR_REPEAT = 34;
        /// The ticket is for another.
        KRB_AP_ERR_NOT_US = 35;
        /// Ticket and authenticator disagree.
        KRB_AP_ERR_BADMATCH = 36;
        /// The clocks are too far apart.
        KRB_AP_ERR_SKEW = 37;
        /// Modified: the service has another key than the domain controller thinks.
        KRB_AP_ERR_MODIFIED = 41;
        /// Not an error: the client asks again over TCP.
        KRB_ERR_RESPONSE_TOO_BIG = 52;
        /// Any other error; see its text.
        KRB_ERR_GENERIC = 60;
        /// The client's certificate is not trusted.
        KDC_ERR_CLIENT_NOT_TRUSTED = 62;
        /// The domain controller's certificate is not trusted.
        KDC_ERR_KDC_NOT_TRUSTED = 63;
        /// The realm is another one.
        KDC_ERR_WRONG_REALM = 68;
    }
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Which.
    pub kind: MessageType,
    /// Contents of an error.
    pub error: Option<KrbError>,
}

/// A KRB-ERROR. RFC 4120 5.9.1
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KrbError {
    /// Why.
    pub code: ErrorCode,
    /// The clock of the sender, to the microsecond if it says so: comparing it with the capture tells the skew.
    pub server_time: Option<Timestamp>,
    /// The clock of the client, if the sender repeats it.
    pub client_time: Option<Timestamp>,
    /// Realm of the service.
    pub realm: Option<String>,
    /// Name of the service: `TERMSRV/host.example`.
    pub service: Option<String>,
    /// Text of the sender.
    pub text: Option<String>,
}

/// Reads the payload of a UDP datagram.
pub fn message(payload: &[u8]) -> Result<Message, Malformed> {
    let element = whole("Kerberos message", payload, der::element(payload))?;
    let number = u8::try_from(element.tag).unwrap_or(0);
    let kind = MessageType(number & 0x1F);
    if number & 0xE0 != 0x60 || kind.name().is_none() {
        let expected = Expected::Words("an application tag of Kerberos");
        return Err(Malformed::new("Kerberos message", 0, expected, element.tag.into()));
    }
    let error = if kind == MessageType::ERROR { Some(krb_error(element.value)?) } else { None };
    Ok(Message { kind, error })
}

/// Reads one message from a TCP stream: a length stands before it. RFC 4120 7.2.2
pub fn message_over_tcp(input: &[u8]) -> Parse<'_, Message> {
    let (rest, size) = be_u32(input)?;
    if size > LONGEST {
        return Malformed::new("Kerberos length", 0, Expected::AtMost(LONGEST.into()), size.into()).stop();
    }
    let (rest, payload) = take(size)(rest)?;
    match message(payload) {
        Ok(message) => Ok((rest, message)),
        Err(malformed) => malformed.inside(4).stop(),
    }
}

/// The tagged fields inside the SEQUENCE; a message without an error code is malformed.
fn krb_error(value: &[u8]) -> Result<KrbError, Malformed> {
    let fields = der::find(value, SEQUENCE).unwrap_or(value);
    let inner = |tag: u16| Some(der::elements(der::find(fields, tag)?).next()?.value);
    let code = inner(0xA6).and_then(der::status).ok_or_else(|| {
        Malformed::new("KRB-ERROR code", 0, Expected::Words("an error code"), length(fields))
    })?;
    let time = |stamp: u16, micros: u16| {
        let second = generalized_time(inner(stamp)?)?;
        let micros = inner(micros).and_then(der::integer).filter(|micros| (0..1_000_000).contains(micros));
        Some(second.shifted(micros.unwrap_or(0) * 1_000))
    };
    Ok(KrbError {
        code: ErrorCode(code),
        server_time: time(0xA4, 0xA5),
        client_time: time(0xA2, 0xA3),
        realm: inner(0xA9).map(text),
        service: inner(0xAA).and_then(principal),
        text: inner(0xAB).map(text),
    })
}

/// The name components of a PrincipalName (its contents: type, then a sequence of strings), joined with `/`.
fn principal(value: &[u8]) -> Option<String> {
    let names = der::find(der::find(value, 0xA1)?, SEQUENCE)?;
    Some(der::elements(names).map(|name| text(name.value)).collect::<Vec<_>>().join("/"))
}

/// `20240506201010Z`, always UTC. RFC 4120 5.2.3
fn generalized_time(value: &[u8]) -> Option<Timestamp> {
    let digits = value.strip_suffix(b"Z").filter(|digits| digits.len() == 14 && digits.is_ascii())?;
    let number =
        |from: usize, to: usize| std::str::from_utf8(digits.get(from..to)?).ok()?.parse::<i16>().ok();
    let small = |from: usize| number(from, from + 2).and_then(|number| i8::try_from(number).ok());
    let civil =
        jiff::civil::DateTime::new(number(0, 4)?, small(4)?, small(6)?, small(8)?, small(10)?, small(12)?, 0);
    let stamp = civil.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp::saturating(i128::from(stamp.as_second()) * i128::from(SECOND)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// KRB-ERROR with code 37 (skew) for TERMSRV/h, crafted after RFC 4120 5.9.1.
    fn skew() -> Vec<u8> {
        let mut fields = vec![0xA0, 3, 2, 1, 5, 0xA1, 3, 2, 1, 30]; // pvno, msg-type
        fields.extend([0xA4, 0x11, 0x18, 0x0F]);
        fields.extend(b"20240506201010Z"); // stime
        fields.extend([0xA5, 4, 2, 2, 0x03, 0xE8]); // susec 1000
        fields.extend([0xA6, 3, 2, 1, 37]); // error-code
        fields.extend([0xA9, 4, 0x1B, 2, b'E', b'X']); // realm
        fields.extend([0xAA, 0x17, 0x30, 0x15, 0xA0, 3, 2, 1, 2, 0xA1, 0x0E, 0x30, 0x0C]);
        fields.extend([0x1B, 7, b'T', b'E', b'R', b'M', b'S', b'R', b'V', 0x1B, 1, b'h']);
        let mut bytes =
            vec![0x7E, u8::try_from(fields.len() + 2).unwrap(), 0x30, u8::try_from(fields.len()).unwrap()];
        bytes.extend(fields);
        bytes
    }

    #[test]
    fn clock_skew_error() {
        let found = message(&skew()).unwrap();
        assert_eq!(found.kind, MessageType::ERROR);
        let error = found.error.unwrap();
        assert_eq!(error.code, ErrorCode::KRB_AP_ERR_SKEW);
        assert_eq!(error.server_time, "2024-05-06T20:10:10.001Z".parse().ok());
        assert_eq!((error.realm.as_deref(), error.service.as_deref()), (Some("EX"), Some("TERMSRV/h")));
        assert_eq!((error.client_time, error.text), (None, None));
    }

    #[test]
    fn over_tcp_and_cut() {
        let mut stream = vec![0, 0, 0, u8::try_from(skew().len()).unwrap()];
        stream.extend(skew());
        assert!(message_over_tcp(&stream).unwrap().1.error.is_some());
        assert!(matches!(message_over_tcp(&stream[..30]), Err(nom::Err::Incomplete(_))));
        for end in 0..skew().len() {
            assert!(message(&skew()[..end]).is_err(), "{end}");
        }
        assert!(matches!(message_over_tcp(&[0x7F, 0, 0, 0]), Err(nom::Err::Error(_))));
    }

    #[test]
    fn other_messages_and_other_bytes() {
        assert_eq!(message(&[0x6A, 0x02, 0x30, 0x00]).unwrap().kind, MessageType::AS_REQ);
        assert!(message(&[0x30, 0x00]).is_err() && message(&[0x7F, 0x65, 0x00]).is_err());
        assert_eq!(generalized_time(b"20241306201010Z"), None);
    }
}
