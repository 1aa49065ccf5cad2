//! The client hello. RFC 8446 4.1.2, RFC 5246 7.4.1.2; the SSLv2 form: RFC 5246 E.2

use nom::bytes::streaming::take;
use nom::number::streaming::{be_u16, u8};

use super::codes::is_grease;
use super::extension::{extensions, host_name, number_list, numbers, protocol_names, vector8, vector16};
use super::{CipherSuite, ExtensionType, NamedGroup, SignatureScheme, TlsVersion};
use crate::protocol::wire::{Expected, Malformed, Parse, array, cut, whole};

/// What a client offers. Lists are in the order of the wire and keep GREASE values and marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Version field: the highest version offered up to TLS 1.2, and `0x0303` for TLS 1.3.
    pub version: TlsVersion,
    /// Client random. Ties the hello to secrets in a key log.
    pub random: [u8; 32],
    /// Session to resume, or filler in TLS 1.3.
    pub session_id: Vec<u8>,
    /// Cipher suites.
    pub cipher_suites: Vec<CipherSuite>,
    /// Compression methods: normally only 0.
    pub compressions: Vec<u8>,
    /// Types of all extensions.
    pub extensions: Vec<ExtensionType>,
    /// SNI.
    pub server_name: Option<String>,
    /// ALPN.
    pub alpn: Vec<String>,
    /// supported_versions; empty if the extension is absent.
    pub supported_versions: Vec<TlsVersion>,
    /// signature_algorithms; empty if absent.
    pub signature_schemes: Vec<SignatureScheme>,
    /// supported_groups; empty if absent.
    pub groups: Vec<NamedGroup>,
    /// Groups for which key shares were sent along.
    pub key_shares: Vec<NamedGroup>,
    /// Bytes of the session ticket, if one was sent (0: only the support for tickets).
    pub ticket: Option<usize>,
    /// Whether it came in the SSLv2 form.
    pub ssl2: bool,
    /// The first thing that is cut or wrong; `at` counts from the start of the body.
    pub oddity: Option<Malformed>,
}

impl ClientHello {
    /// Whether an extension was sent.
    pub fn has(&self, extension: ExtensionType) -> bool {
        self.extensions.contains(&extension)
    }

    /// The versions that are offered, highest first, without GREASE. Without supported_versions only the highest
    /// is told: the server may choose any lower one.
    pub fn offered_versions(&self) -> Vec<TlsVersion> {
        let mut offered: Vec<_> =
            self.supported_versions.iter().copied().filter(|version| !is_grease(version.0)).collect();
        if offered.is_empty() {
            offered.push(self.version);
        }
        offered.sort_unstable_by(|a, b| b.cmp(a));
        offered
    }

    /// Whether this version may be chosen by the server.
    pub fn allows(&self, version: TlsVersion) -> bool {
        if self.has(ExtensionType::SUPPORTED_VERSIONS) {
            self.supported_versions.contains(&version)
        } else {
            version <= self.version
        }
    }
}

/// Reads the body of a client hello. Fails if not even version and random are there; anything after may be cut.
pub fn client_hello(body: &[u8]) -> Result<ClientHello, Malformed> {
    let mut hello = ClientHello::default();
    let head = head(body, &mut hello);
    let rest = match head {
        Ok((rest, ())) => rest,
        Err(error) => return Err(cut("client hello", body, &error)),
    };
    if let Err(error) = lists(rest, body.len(), &mut hello) {
        let malformed = cut("client hello", rest, &error).inside(body.len() - rest.len());
        hello.oddity.get_or_insert(malformed);
    }
    Ok(hello)
}

/// Reads a client hello in the SSLv2 form from the start of a stream: it has a record header of its own.
pub fn ssl2_client_hello(input: &[u8]) -> Parse<'_, ClientHello> {
    let (rest, size) = be_u16(input)?;
    if size & 0x8000 == 0 {
        let expected = Expected::Words("a two-byte header");
        return Malformed::new("SSLv2 record header", 0, expected, size.into()).stop();
    }
    let (rest, body) = take(size & 0x7FFF)(rest)?;
    match whole("SSLv2 client hello", body, ssl2_body(body)) {
        Ok(hello) => Ok((rest, hello)),
        Err(malformed) => malformed.inside(2).stop(),
    }
}

fn head<'a>(body: &'a [u8], hello: &mut ClientHello) -> Parse<'a, ()> {
    let (rest, version) = be_u16(body)?;
    let (rest, random) = array::<32>(rest)?;
    (hello.version, hello.random) = (TlsVersion(version), random);
    Ok((rest, ()))
}

fn lists<'a>(input: &'a [u8], body: usize, hello: &mut ClientHello) -> Parse<'a, ()> {
    let (rest, session_id) = vector8(input)?;
    hello.session_id = session_id.to_vec();
    let (rest, suites) = vector16_or_part(rest, body, &mut hello.oddity)?;
    hello.cipher_suites = numbers(suites).map(CipherSuite).collect();
    let (rest, compressions) = vector8(rest)?;
    hello.compressions = compressions.to_vec();
    if rest.is_empty() {
        // Legal before TLS 1.2: no extensions at all.
        return Ok((rest, ()));
    }
    let (rest, list) = vector16_or_part(rest, body, &mut hello.oddity)?;
    let start = body - rest.len() - list.len();
    let (found, oddity) = extensions(list);
    for (kind, contents) in found {
        hello.extensions.push(kind);
        take_extension(hello, kind, contents);
    }
    if let Some(oddity) = oddity {
        hello.oddity.get_or_insert(oddity.inside(start));
    }
    Ok((rest, ()))
}

/// A vector of which the end may be missing: what is there is better than nothing. `body` is the length of the
/// whole body, at the end of which it is cut.
fn vector16_or_part<'a>(input: &'a [u8], body: usize, oddity: &mut Option<Malformed>) -> Parse<'a, &'a [u8]> {
    match vector16(input) {
        Err(error @ nom::Err::Incomplete(_)) if input.len() > 2 => {
            let (part, _length) = be_u16(input)?;
            oddity.get_or_insert(cut("client hello", input, &error).inside(body - input.len()));
            Ok((&[], part))
        }
        other => other,
    }
}

fn take_extension(hello: &mut ClientHello, kind: ExtensionType, contents: &[u8]) {
    match kind {
        ExtensionType::SERVER_NAME => hello.server_name = host_name(contents),
        ExtensionType::ALPN => hello.alpn = protocol_names(contents),
        ExtensionType::SUPPORTED_VERSIONS => {
            let list = vector8(contents).map_or(&[][..], |(_, list)| list);
            hello.supported_versions = numbers(list).map(TlsVersion).collect();
        }
        ExtensionType::SIGNATURE_ALGORITHMS => {
            hello.signature_schemes = number_list(contents, SignatureScheme);
        }
        ExtensionType::SUPPORTED_GROUPS => hello.groups = number_list(contents, NamedGroup),
        ExtensionType::KEY_SHARE => hello.key_shares = key_shares(contents),
        ExtensionType::SESSION_TICKET => hello.ticket = Some(contents.len()),
        _ => {}
    }
}

fn key_shares(contents: &[u8]) -> Vec<NamedGroup> {
    let mut rest = vector16(contents).map_or(&[][..], |(_, list)| list);
    let mut groups = Vec::new();
    while let Ok((after, group)) = key_share(rest) {
        groups.push(group);
        rest = after;
    }
    groups
}

fn key_share(input: &[u8]) -> Parse<'_, NamedGroup> {
    let (rest, group) = be_u16(input)?;
    let (rest, _key) = vector16(rest)?;
    Ok((rest, NamedGroup(group)))
}

/// Type, version, three lengths, then cipher specs of three bytes, session id and challenge.
fn ssl2_body(body: &[u8]) -> Parse<'_, ClientHello> {
    let (rest, kind) = u8(body)?;
    if kind != 1 {
        return Malformed::new("SSLv2 message type", 0, Expected::Exactly(1), kind.into()).stop();
    }
    let (rest, version) = be_u16(rest)?;
    let (rest, specs) = be_u16(rest)?;
    let (rest, session) = be_u16(rest)?;
    let (rest, challenge) = be_u16(rest)?;
    let (rest, specs) = take(specs)(rest)?;
    let (rest, session_id) = take(session)(rest)?;
    let (rest, challenge) = take(challenge)(rest)?;
    // Specs that begin with 0 are suites of SSL 3.0 and later; the others exist in SSLv2 only.
    let suites = specs.as_chunks::<3>().0.iter().filter(|spec| spec[0] == 0);
    let mut hello = ClientHello {
        version: TlsVersion(version),
        session_id: session_id.to_vec(),
        cipher_suites: suites.map(|[_, high, low]| CipherSuite(u16::from_be_bytes([*high, *low]))).collect(),
        ssl2: true,
        ..ClientHello::default()
    };
    // The challenge stands right-aligned for the random. RFC 5246 E.2
    for (to, from) in hello.random.iter_mut().rev().zip(challenge.iter().rev()) {
        *to = *from;
    }
    Ok((rest, hello))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Body of the hello of mstsc in awakecoding rdp-nla-ntlm-rejected1, frame 7.
    const MSTSC: &[u8] = &[
        0x03, 0x03, // version
        0x95, 0x66, 0x75, 0xBD, 0x3F, 0xA2, 0x68, 0x65, 0x97, 0x73, 0x88, 0x70, 0xB1, 0xFB, 0x49,
        0xAB, // random
        0xFF, 0xF7, 0xE5, 0x5D, 0x18, 0xD0, 0xF8, 0x34, 0x13, 0x1E, 0x97, 0x95, 0x9E, 0xF3, 0x49,
        0x30, // random
        0x02, 0xAB, 0xCD, // session id (32 bytes in the original)
        0x00, 0x08, 0x13, 0x02, 0x13, 0x01, 0xC0, 0x30, 0x00, 0x2F, // suites (21 in the original)
        0x01, 0x00, // compression
        0x00, 0x5A, // extensions
        0x00, 0x00, 0x00, 0x0F, 0x00, 0x0D, 0x00, 0x00, 0x0A, // server_name
        0x31, 0x30, 0x2E, 0x31, 0x30, 0x2E, 0x30, 0x2E, 0x31, 0x30, // "10.10.0.10"
        0x00, 0x2B, 0x00, 0x09, 0x08, 0x03, 0x04, 0x03, 0x03, 0x03, 0x02, 0x03,
        0x01, // supported_versions
        0x00, 0x0D, 0x00, 0x06, 0x00, 0x04, 0x08, 0x04, 0x02, 0x01, // signature_algorithms (shortened)
        0x00, 0x23, 0x00, 0x00, // session_ticket, empty
        0x00, 0x0A, 0x00, 0x08, 0x00, 0x06, 0x00, 0x1D, 0x00, 0x17, 0x00, 0x18, // supported_groups
        0x00, 0x33, 0x00, 0x0A, 0x00, 0x08, 0x00, 0x1D, 0x00, 0x04, 1, 2, 3, 4, // key_share (shortened)
        0x00, 0x10, 0x00, 0x05, 0x00, 0x03, 0x02, 0x68, 0x32, // ALPN "h2" (added)
        0x00, 0x17, 0x00, 0x00, // extended_master_secret
        0xFF, 0x01, 0x00, 0x01, 0x00, // renegotiation_info
    ];

    #[test]
    fn hello_of_mstsc() {
        let hello = client_hello(MSTSC).unwrap();
        assert_eq!(hello.oddity, None);
        assert_eq!(hello.server_name.as_deref(), Some("10.10.0.10"));
        assert_eq!(hello.cipher_suites, [0x1302, 0x1301, 0xC030, 0x002F].map(CipherSuite));
        assert_eq!(hello.offered_versions(), [0x0304, 0x0303, 0x0302, 0x0301].map(TlsVersion));
        assert_eq!(hello.groups, [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1]);
        assert_eq!(hello.key_shares, [NamedGroup::X25519]);
        assert_eq!(
            hello.signature_schemes,
            [SignatureScheme::RSA_PSS_RSAE_SHA256, SignatureScheme::RSA_PKCS1_SHA1]
        );
        assert_eq!((hello.alpn.as_slice(), hello.ticket), ([String::from("h2")].as_slice(), Some(0)));
        assert!(
            hello.has(ExtensionType::EXTENDED_MASTER_SECRET) && !hello.has(ExtensionType::PRE_SHARED_KEY)
        );
        assert!(hello.allows(TlsVersion::TLS_1_0) && !hello.allows(TlsVersion::SSL_3_0));
    }

    #[test]
    fn every_cut_gives_a_part_or_an_error() {
        for end in 0..MSTSC.len() {
            match client_hello(&MSTSC[..end]) {
                // Ends right before the extensions: a whole hello of the old kind.
                Ok(hello) if end == 49 => assert!(hello.oddity.is_none() && hello.extensions.is_empty()),
                Ok(hello) => {
                    assert!(end >= 34 && hello.oddity.is_some(), "{end}");
                }
                Err(malformed) => assert!(end < 34 && malformed.at <= end, "{end}: {malformed}"),
            }
        }
        let cut = client_hello(&MSTSC[..80]).unwrap();
        assert_eq!(cut.server_name.as_deref(), Some("10.10.0.10"));
        assert_eq!(cut.oddity.map(|oddity| oddity.at), Some(80));
    }

    #[test]
    fn old_hello_without_extensions() {
        let mut body = vec![0x03, 0x01];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0, 0x2F, 1, 0]);
        let hello = client_hello(&body).unwrap();
        assert_eq!((hello.offered_versions(), hello.oddity), (vec![TlsVersion::TLS_1_0], None));
        assert!(hello.allows(TlsVersion::SSL_3_0) && !hello.allows(TlsVersion::TLS_1_1));
    }

    #[test]
    fn ssl2_form() {
        let bytes = [
            0x80, 0x13, // header, 19 bytes
            0x01, 0x03, 0x01, // client hello, up to TLS 1.0
            0x00, 0x06, 0x00, 0x00, 0x00, 0x04, // lengths
            0x00, 0x00, 0x2F, 0x07, 0x00, 0xC0, // a TLS suite, an SSLv2 one
            1, 2, 3, 4, // challenge
        ];
        let (rest, hello) = ssl2_client_hello(&bytes).unwrap();
        assert!(rest.is_empty() && hello.ssl2);
        assert_eq!((hello.version, hello.cipher_suites), (TlsVersion::TLS_1_0, vec![CipherSuite(0x002F)]));
        assert_eq!(hello.random[28..], [1, 2, 3, 4]);
        assert!(matches!(ssl2_client_hello(&bytes[..9]), Err(nom::Err::Incomplete(_))));
    }
}
