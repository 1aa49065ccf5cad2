//! The facts of one certificate. RFC 5280
//!
//! Each part is read by itself, so that a damaged or odd part costs only that part; the thumbprint is always
//! there. Judges nothing: whether a name fits or a date has passed is for the causes to say.

use std::fmt::Write as _;
use std::net::IpAddr;

use sha1::{Digest as _, Sha1};
use x509_parser::certificate::Validity;
use x509_parser::der_parser::asn1_rs::{Any, Oid, Tag};
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::objects::{oid_registry, oid2abbrev, oid2sn};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name};

use super::der::{self, Element, INTEGER, SEQUENCE};
use super::wire::{Expected, Malformed, length, text};
use crate::base::Timestamp;
use crate::base::time::SECOND;

/// What a certificate says. `None` and empty: absent, or the part could not be read (see `oddity`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-1 of the whole DER, upper-case hex, as Windows shows it and as events carry it.
    pub thumbprint: String,
    /// Serial number, upper-case hex without separators.
    pub serial: Option<String>,
    /// Who it is for.
    pub subject: Option<Name>,
    /// Who issued it.
    pub issuer: Option<Name>,
    /// First moment of validity.
    pub not_before: Option<Timestamp>,
    /// Last moment of validity. Years after 2262 stand as [`Timestamp::MAX`].
    pub not_after: Option<Timestamp>,
    /// DNS names of the subject alternative name.
    pub dns_names: Vec<String>,
    /// Addresses of the subject alternative name.
    pub ip_addresses: Vec<IpAddr>,
    /// The public key.
    pub key: Option<Key>,
    /// How the issuer signed.
    pub signature: Option<Algorithm>,
    /// Extended key usage; `None`: the extension is absent, any use is allowed.
    pub usage: Option<Usage>,
    /// Whether it may sign other certificates.
    pub is_ca: bool,
    /// The first part that could not be read; `at` counts from the start of the DER.
    pub oddity: Option<Malformed>,
}

/// A distinguished name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// All of it in the order of the wire: `DC=ninja, CN=IT-HELP-DC`.
    pub full: String,
    /// The last common name in it.
    pub common_name: Option<String>,
}

/// An algorithm by object identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Algorithm {
    /// Dotted: `1.2.840.113549.1.1.11`.
    pub oid: String,
    /// Its usual name, if known: `sha256WithRSAEncryption`.
    pub name: Option<String>,
}

/// A public key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// `rsaEncryption`, `id-ecPublicKey` and so on.
    pub algorithm: Algorithm,
    /// Size in bits, where it means something.
    pub bits: Option<u32>,
    /// The curve, of elliptic keys.
    pub curve: Option<Algorithm>,
}

/// Extended key usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usage {
    /// TLS servers. Remote Desktop needs this, or `remote_desktop`, or `any`.
    pub server_auth: bool,
    /// TLS clients.
    pub client_auth: bool,
    /// Remote Desktop authentication, 1.3.6.1.4.1.311.54.1.2.
    pub remote_desktop: bool,
    /// Anything.
    pub any: bool,
}

impl Certificate {
    /// Whether subject and issuer are the same name: self-signed, or a root.
    pub fn is_self_issued(&self) -> bool {
        self.subject.is_some() && self.subject == self.issuer
    }

    /// Whether `moment` lies within the dates; `None` if they could not be read.
    pub fn is_valid_at(&self, moment: Timestamp) -> Option<bool> {
        Some(self.not_before? <= moment && moment <= self.not_after?)
    }
}

impl Key {
    /// Whether this is an RSA key.
    pub fn is_rsa(&self) -> bool {
        self.algorithm.oid == "1.2.840.113549.1.1.1"
    }
}

/// Reads a certificate. Never fails: the thumbprint covers whatever bytes there are.
pub fn certificate(der: &[u8]) -> Certificate {
    let mut found = Certificate { thumbprint: hex(&Sha1::digest(der)), ..Certificate::default() };
    let mut parts = Parts { whole: der, rest: contents(contents(der)), oddity: None };
    if let Element { tag: SEQUENCE, .. } = first(der) {
        read_parts(&mut parts, &mut found);
    } else {
        parts.note("certificate");
    }
    found.oddity = parts.oddity;
    found
}

/// The fields of a TBSCertificate in their order. RFC 5280 4.1
fn read_parts(parts: &mut Parts<'_>, found: &mut Certificate) {
    parts.skip_if(0xA0); // version
    if let Some(element) = parts.expect(INTEGER, "certificate serial number") {
        found.serial = Some(hex(contents(element)));
    }
    if let Some((_, algorithm)) = parts.read("certificate signature algorithm", AlgorithmIdentifier::from_der)
    {
        found.signature = Some(Algorithm::of(&algorithm.algorithm));
    }
    found.issuer = parts.read("certificate issuer", X509Name::from_der).map(|(_, issuer)| name(&issuer));
    if let Some((_, validity)) = parts.read("certificate validity", Validity::from_der) {
        found.not_before = Some(moment(validity.not_before.timestamp()));
        found.not_after = Some(moment(validity.not_after.timestamp()));
    }
    found.subject = parts.read("certificate subject", X509Name::from_der).map(|(_, subject)| name(&subject));
    found.key = parts.read("certificate key", SubjectPublicKeyInfo::from_der).map(|(_, info)| key(&info));
    parts.skip_if(0x81); // unique identifiers of version 2
    parts.skip_if(0xA1);
    parts.skip_if(0x82);
    parts.skip_if(0xA2);
    if first(parts.rest).tag == 0xA3 {
        parts.rest = contents(contents(parts.rest));
        while let Some((_, extension)) = parts.read("certificate extension", X509Extension::from_der) {
            take_extension(&extension, found, parts);
            if parts.rest.is_empty() {
                break;
            }
        }
    }
}

fn take_extension(extension: &X509Extension<'_>, found: &mut Certificate, parts: &mut Parts<'_>) {
    match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => {
            for name in &names.general_names {
                match name {
                    GeneralName::DNSName(name) => found.dns_names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => found.ip_addresses.extend(address(bytes)),
                    _ => {}
                }
            }
        }
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let remote_desktop = usage.other.iter().any(|oid| oid.to_id_string() == "1.3.6.1.4.1.311.54.1.2");
            found.usage = Some(Usage {
                server_auth: usage.server_auth,
                client_auth: usage.client_auth,
                remote_desktop,
                any: usage.any,
            });
        }
        ParsedExtension::BasicConstraints(constraints) => found.is_ca = constraints.ca,
        ParsedExtension::ParseError { .. } => parts.note("certificate extension contents"),
        _ => {}
    }
}

/// The fields that are still to be read, and what went wrong so far.
struct Parts<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
    oddity: Option<Malformed>,
}

impl<'a> Parts<'a> {
    fn note(&mut self, what: &'static str) {
        let at = self.rest.as_ptr().addr().saturating_sub(self.whole.as_ptr().addr()).min(self.whole.len());
        let malformed = Malformed::new(what, at, Expected::Words("a well-formed element"), length(self.rest));
        self.oddity.get_or_insert(malformed);
    }

    /// The next element with its header. After a cut nothing more can be read.
    fn next(&mut self, what: &'static str) -> Option<&'a [u8]> {
        let Ok((rest, _)) = der::element(self.rest) else {
            self.note(what);
            self.rest = &[];
            return None;
        };
        let element = self.rest.get(..self.rest.len() - rest.len());
        self.rest = rest;
        element
    }

    fn expect(&mut self, tag: u16, what: &'static str) -> Option<&'a [u8]> {
        let element = self.next(what)?;
        if first(element).tag == tag {
            return Some(element);
        }
        self.note(what);
        None
    }

    /// Reads the next element with a parser of its own; what that cannot read is passed over.
    fn read<T, E>(
        &mut self,
        what: &'static str,
        parser: impl Fn(&'a [u8]) -> Result<(&'a [u8], T), E>,
    ) -> Option<(&'a [u8], T)> {
        let element = self.next(what)?;
        let read = parser(element).ok();
        if read.is_none() {
            self.note(what);
        }
        read
    }

    fn skip_if(&mut self, tag: u16) {
        if first(self.rest).tag == tag {
            self.next("certificate field");
        }
    }
}

impl Algorithm {
    fn of(oid: &Oid<'_>) -> Self {
        let name = oid2sn(oid, oid_registry()).ok().map(str::to_owned);
        Self { oid: oid.to_id_string(), name }
    }
}

/// The first element, cut or not; an empty one if there is none.
fn first(input: &[u8]) -> Element<'_> {
    match der::header(input) {
        Ok((rest, header)) => Element { tag: header.tag, value: rest.get(..header.length).unwrap_or(rest) },
        Err(_) => Element { tag: 0, value: &[] },
    }
}

fn contents(input: &[u8]) -> &[u8] {
    first(input).value
}

fn name(name: &X509Name<'_>) -> Name {
    let mut found = Name::default();
    for attribute in name.iter_attributes() {
        let value = string(attribute.attr_value());
        let kind = attribute.attr_type();
        let separator = if found.full.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = match oid2abbrev(kind, oid_registry()) {
            Ok(short) => write!(found.full, "{separator}{short}={value}"),
            Err(_) => write!(found.full, "{separator}{kind}={value}"),
        };
        if kind.to_id_string() == "2.5.4.3" {
            found.common_name = Some(value);
        }
    }
    found
}

/// A directory string of any kind. RFC 5280 4.1.2.4
fn string(value: &Any<'_>) -> String {
    match value.tag() {
        Tag::BmpString => {
            let units = value.data.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Tag::T61String => value.data.iter().map(|byte| char::from(*byte)).collect(),
        _ => text(value.data),
    }
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> Key {
    let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    let bits = match (info.parsed(), curve.as_ref().map(Oid::to_id_string).as_deref()) {
        (Ok(PublicKey::RSA(rsa)), _) => u32::try_from(rsa.key_size()).ok(),
        (_, Some("1.2.840.10045.3.1.7" | "1.3.132.0.10")) => Some(256),
        (_, Some("1.3.132.0.34")) => Some(384),
        (_, Some("1.3.132.0.35")) => Some(521),
        _ => None,
    };
    Key {
        algorithm: Algorithm::of(&info.algorithm.algorithm),
        bits,
        curve: curve.as_ref().map(Algorithm::of),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => bytes.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        16 => bytes.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    }
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::saturating(i128::from(seconds) * i128::from(SECOND))
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02X}");
    }
    hex
}

#[cfg(test)]
#[path = "x509_tests.rs"]
mod tests;
