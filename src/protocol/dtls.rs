//! The first messages of TLS or DTLS inside of a datagram: what a UDP side transport shows in clear. RFC 6347 4
//!
//! The transport's own headers before them differ by version and length, so a message is known by its own shape.
//! Reads hellos and alerts only, and only as far as one datagram holds them.

use super::tls::{Alert, AlertLevel, CipherSuite, TlsVersion, alert, server_hello};

/// What secures a side transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// TLS: the reliable transport.
    Tls,
    /// DTLS: the lossy one, and the gateway's.
    Dtls,
}

impl Layer {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::Dtls => "DTLS",
        }
    }
}

/// A message in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The client's hello.
    ClientHello,
    /// The server's hello.
    ServerHello {
        /// The version it chose.
        version: TlsVersion,
        /// The suite it chose.
        cipher: CipherSuite,
    },
    /// DTLS: the server asks for the hello again, with a cookie. RFC 6347 4.2.1
    VerifyRequest,
    /// An alert.
    Alert(Alert),
}

/// Bytes before the record: headers of [MS-RDPEUDP] and [MS-RDPEUDP2] with their vectors.
const HEADERS: usize = 64;
/// Bytes of a TLS record header and of a DTLS one.
const TLS_HEADER: usize = 5;
const DTLS_HEADER: usize = 13;

/// The first message of a datagram, if it begins with one in clear.
pub fn message(datagram: &[u8]) -> Option<(Layer, Message)> {
    (0..HEADERS.min(datagram.len())).find_map(|at| at_record(datagram.get(at..)?))
}

fn at_record(bytes: &[u8]) -> Option<(Layer, Message)> {
    let (layer, header) = match bytes {
        [21 | 22, 3, 0..=4, ..] => (Layer::Tls, TLS_HEADER),
        // Epoch 0 is in clear.
        [21 | 22, 0xfe, 0xff | 0xfd, 0, 0, ..] => (Layer::Dtls, DTLS_HEADER),
        _ => return None,
    };
    let length = usize::from(be16(bytes, header - 2)?);
    let fragment = bytes.get(header..)?;
    if bytes.first() == Some(&21) {
        let found = alert(fragment.get(..length.max(2))?).ok()?;
        let known = found.level == AlertLevel::FATAL || found.level == AlertLevel::WARNING;
        return (length == 2 && known && found.description.name().is_some())
            .then_some((layer, Message::Alert(found)));
    }
    let fragment = fragment.get(..length.min(fragment.len()))?;
    Some((layer, handshake(layer, fragment)?))
}

/// Type, length, and for DTLS the number of the message, the offset and length of the fragment. RFC 6347 4.2.2
fn handshake(layer: Layer, fragment: &[u8]) -> Option<Message> {
    let header = if layer == Layer::Tls { 4 } else { 12 };
    let (kind, zero) = (*fragment.first()?, *fragment.get(1)?);
    let length = usize::from(be16(fragment, 2)?);
    let body = fragment.get(header..)?;
    // No hello is as long as 64 KiB; its body begins with a version.
    let version = be16(body, 0)?;
    if zero != 0 || !(matches!(version >> 8, 3 | 0xfe)) {
        return None;
    }
    match kind {
        1 => Some(Message::ClientHello),
        2 => {
            let hello = server_hello(body.get(..length.min(body.len()))?).ok()?;
            Some(Message::ServerHello { version: hello.version(), cipher: hello.cipher })
        }
        3 if layer == Layer::Dtls => Some(Message::VerifyRequest),
        _ => None,
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(pair.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_tls_hello_behind_the_headers_of_a_real_client() {
        // zeek rdpeudp-handshake-success, frame 3, to the version of the hello.
        let bytes = [
            0x0f, 0x94, 0xea, 0x0b, 0x04, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00,
            0x00, // header and ACK vector
            0x0b, 0x12, 0x7f, 0x16, 0x0b, 0x12, 0x7f, 0x16, // source payload header
            0x16, 0x03, 0x03, 0x00, 0xb2, 0x01, 0x00, 0x00, 0xae, 0x03, 0x03, 0x5d,
        ];
        assert_eq!(message(&bytes), Some((Layer::Tls, Message::ClientHello)));
        assert_eq!(message(&bytes[..25]), None);
    }

    #[test]
    fn finds_dtls_and_its_cookie_request() {
        // ndpi rdp2, frame 37, without the cookie.
        let mut bytes = vec![0x16, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x2f];
        bytes.extend([3, 0, 0, 0x23, 0, 0, 0, 0, 0, 0, 0, 0x23, 0xfe, 0xff, 0x20]);
        assert_eq!(message(&bytes), Some((Layer::Dtls, Message::VerifyRequest)));
        bytes.splice(..0, [0x9f; 20]);
        assert_eq!(message(&bytes), Some((Layer::Dtls, Message::VerifyRequest)));
    }

    #[test]
    fn reads_the_servers_choice_and_alerts() {
        let mut hello = vec![0x16, 3, 3, 0, 0x2a, 2, 0, 0, 0x26, 3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0xc0, 0x30, 0]);
        let expected = Message::ServerHello { version: TlsVersion::TLS_1_2, cipher: CipherSuite(0xc030) };
        assert_eq!(message(&hello), Some((Layer::Tls, expected)));
        let Some((Layer::Dtls, Message::Alert(found))) =
            message(&[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40])
        else {
            panic!()
        };
        assert!(found.is_fatal());
    }

    #[test]
    fn encrypted_bytes_are_no_message() {
        // Application data, an encrypted alert, an alert of another epoch.
        assert_eq!(message(&[0x17, 3, 3, 0, 2, 2, 40]), None);
        assert_eq!(message(&[21, 3, 3, 0, 26, 2, 40, 9, 9, 9]), None);
        assert_eq!(message(&[21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40]), None);
        assert_eq!(message(&[]), None);
    }
}
