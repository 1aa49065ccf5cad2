//! The server hello and the hello retry request. RFC 8446 4.1.3, 4.1.4, RFC 5246 7.4.1.3

use nom::number::streaming::{be_u16, u8};

use super::extension::{extensions, numbers, protocol_names, vector8, vector16};
use super::{CipherSuite, ExtensionType, NamedGroup, TlsVersion};
use crate::protocol::wire::{Malformed, Parse, array, cut};

/// The random that makes a server hello a hello retry request. RFC 8446 4.1.3
const RETRY_RANDOM: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// What the server chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// Version field; see [`ServerHello::version`].
    pub legacy_version: TlsVersion,
    /// Server random.
    pub random: [u8; 32],
    /// Session id. Equal to the client's (and not empty) in TLS 1.2: the session is resumed.
    pub session_id: Vec<u8>,
    /// The suite.
    pub cipher: CipherSuite,
    /// Compression method.
    pub compression: u8,
    /// Types of all extensions.
    pub extensions: Vec<ExtensionType>,
    /// supported_versions: the true version of TLS 1.3.
    pub selected_version: Option<TlsVersion>,
    /// Group of the key share, or the group that a retry request asks for.
    pub group: Option<NamedGroup>,
    /// ALPN (TLS 1.2; later it is encrypted).
    pub alpn: Option<String>,
    /// The first thing that is cut or wrong; `at` counts from the start of the body.
    pub oddity: Option<Malformed>,
}

impl ServerHello {
    /// The version that was negotiated.
    pub fn version(&self) -> TlsVersion {
        self.selected_version.unwrap_or(self.legacy_version)
    }

    /// Whether this is a hello retry request.
    pub fn is_retry(&self) -> bool {
        self.random == RETRY_RANDOM
    }

    /// Whether an extension was sent.
    pub fn has(&self, extension: ExtensionType) -> bool {
        self.extensions.contains(&extension)
    }

    /// The version that the server would have spoken, by the mark at the end of its random: TLS 1.3, or at least
    /// TLS 1.2. RFC 8446 4.1.3
    pub fn downgraded_from(&self) -> Option<TlsVersion> {
        let [.., b'D', b'O', b'W', b'N', b'G', b'R', b'D', last] = self.random else { return None };
        match last {
            1 => Some(TlsVersion::TLS_1_3),
            0 => Some(TlsVersion::TLS_1_2),
            _ => None,
        }
    }
}

/// Reads the body of a server hello. Fails if it ends before the suite; anything after may be cut.
pub fn server_hello(body: &[u8]) -> Result<ServerHello, Malformed> {
    let mut hello = ServerHello::default();
    let rest = match head(body, &mut hello) {
        Ok((rest, ())) => rest,
        Err(error) => return Err(cut("server hello", body, &error)),
    };
    if let Err(error) = tail(rest, body.len(), &mut hello) {
        let malformed = cut("server hello", rest, &error).inside(body.len() - rest.len());
        hello.oddity.get_or_insert(malformed);
    }
    Ok(hello)
}

/// Whether the beginning of a server hello's body is that of a hello retry request. `None`: too little is there.
pub fn begins_retry(body: &[u8]) -> Option<bool> {
    Some(body.get(2..2 + RETRY_RANDOM.len())? == RETRY_RANDOM)
}

fn head<'a>(body: &'a [u8], hello: &mut ServerHello) -> Parse<'a, ()> {
    let (rest, version) = be_u16(body)?;
    let (rest, random) = array::<32>(rest)?;
    (hello.legacy_version, hello.random) = (TlsVersion(version), random);
    // Drafts 18 to 21 of TLS 1.3 put their number into the version field and have no session id.
    let rest = if version >> 8 == 0x7F {
        rest
    } else {
        let (rest, session_id) = vector8(rest)?;
        hello.session_id = session_id.to_vec();
        rest
    };
    let (rest, cipher) = be_u16(rest)?;
    hello.cipher = CipherSuite(cipher);
    Ok((rest, ()))
}

fn tail<'a>(input: &'a [u8], body: usize, hello: &mut ServerHello) -> Parse<'a, ()> {
    let rest = if hello.legacy_version.0 >> 8 == 0x7F {
        input
    } else {
        let (rest, compression) = u8(input)?;
        hello.compression = compression;
        rest
    };
    if rest.is_empty() {
        return Ok((rest, ()));
    }
    let (rest, list) = vector16(rest)?;
    let start = body - rest.len() - list.len();
    let (found, oddity) = extensions(list);
    for (kind, contents) in found {
        hello.extensions.push(kind);
        match kind {
            ExtensionType::SUPPORTED_VERSIONS => {
                hello.selected_version = numbers(contents).next().map(TlsVersion);
            }
            ExtensionType::KEY_SHARE => hello.group = numbers(contents).next().map(NamedGroup),
            ExtensionType::ALPN => hello.alpn = protocol_names(contents).into_iter().next(),
            _ => {}
        }
    }
    hello.oddity = oddity.map(|oddity| oddity.inside(start));
    Ok((rest, ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(version: u16, random: [u8; 32], tail: &[u8]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend(random);
        body.extend(tail);
        body
    }

    #[test]
    fn hello_of_a_windows_server() {
        // awakecoding rdp-nla-ntlm-rejected1, frame 8: TLS 1.2 because the server knows no more.
        let tail = [
            0x00, // session id (32 bytes in the original)
            0xC0, 0x30, 0x00, // suite, compression
            0x00, 0x09, 0x00, 0x17, 0x00, 0x00, 0xFF, 0x01, 0x00, 0x01, 0x00, // extensions
        ];
        let hello = server_hello(&body(0x0303, [9; 32], &tail)).unwrap();
        assert_eq!((hello.version(), hello.cipher), (TlsVersion::TLS_1_2, CipherSuite(0xC030)));
        assert_eq!(
            hello.extensions,
            [ExtensionType::EXTENDED_MASTER_SECRET, ExtensionType::RENEGOTIATION_INFO]
        );
        assert_eq!((hello.is_retry(), hello.downgraded_from(), hello.oddity), (false, None, None));
    }

    #[test]
    fn true_version_of_tls_1_3_and_retry() {
        let tail = [0x00, 0x13, 0x02, 0x00, 0x00, 0x0C, 0, 0x2B, 0, 2, 3, 4, 0, 0x33, 0, 2, 0, 0x18];
        let hello = server_hello(&body(0x0303, RETRY_RANDOM, &tail)).unwrap();
        assert_eq!((hello.version(), hello.group), (TlsVersion::TLS_1_3, Some(NamedGroup::SECP384R1)));
        assert!(hello.is_retry());
    }

    #[test]
    fn downgrade_mark_and_cuts() {
        let mut random = [0; 32];
        random[24..].copy_from_slice(b"DOWNGRD\x01");
        let whole = body(0x0303, random, &[0x00, 0x00, 0x2F, 0x00, 0x00, 0x05, 0, 0x17]);
        let hello = server_hello(&whole).unwrap();
        assert_eq!(hello.downgraded_from(), Some(TlsVersion::TLS_1_3));
        assert_eq!((hello.cipher, hello.oddity.is_some()), (CipherSuite(0x002F), true));
        for end in 0..37 {
            assert!(server_hello(&whole[..end]).is_err(), "{end}");
        }
    }
}
