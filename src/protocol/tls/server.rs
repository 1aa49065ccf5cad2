//! What a server sends after its hello while it is still in the clear: certificates, key exchange, the request
//! for a client certificate. RFC 5246 7.4.2 to 7.4.4, RFC 8422 5.4
//!
//! Gives certificates as DER; `x509` reads them.

use nom::number::streaming::{be_u16, u8};

use super::extension::{numbers, vector8, vector16, vector24};
use super::{CipherSuite, NamedGroup, SignatureScheme, TlsVersion};
use crate::protocol::wire::{Expected, Malformed, Parse, cut, whole};

/// The certificates of one side, leaf first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateList<'a> {
    /// Each certificate as DER. None: a client that has no certificate.
    pub certificates: Vec<&'a [u8]>,
    /// What ended the list early; `at` counts from the start of the body.
    pub oddity: Option<Malformed>,
}

/// A request for a client certificate. RFC 5246 7.4.4
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateRequest<'a> {
    /// ClientCertificateType values: 1 RSA signing, 64 ECDSA signing.
    pub types: Vec<u8>,
    /// Accepted signatures; empty before TLS 1.2.
    pub signature_schemes: Vec<SignatureScheme>,
    /// Accepted issuers as DER names. None: any.
    pub authorities: Vec<&'a [u8]>,
}

/// The parameters of an ephemeral key exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerKeyExchange {
    /// The curve, of ECDHE suites.
    pub group: Option<NamedGroup>,
    /// Bits of the prime, of DHE suites: below 1024 is refused by most clients.
    pub prime_bits: Option<u32>,
    /// How the server signed, from TLS 1.2 on.
    pub signature: Option<SignatureScheme>,
}

/// Reads the body of a Certificate message up to TLS 1.2.
pub fn certificate_list(body: &[u8]) -> CertificateList<'_> {
    entries(body, body, |input| vector24(input))
}

/// Reads the body of a Certificate message of TLS 1.3, once decrypted. RFC 8446 4.4.2
pub fn certificate_list_tls13(body: &[u8]) -> CertificateList<'_> {
    match vector8(body) {
        Ok((rest, _context)) => entries(body, rest, entry_tls13),
        Err(error) => {
            CertificateList { oddity: Some(cut("certificate list", body, &error)), ..Default::default() }
        }
    }
}

/// Reads the body of a CertificateRequest up to TLS 1.2.
pub fn certificate_request(body: &[u8], version: TlsVersion) -> Result<CertificateRequest<'_>, Malformed> {
    whole("certificate request", body, request(body, version))
}

/// Reads the body of a ServerKeyExchange of an ECDHE or DHE suite; other key exchanges give empty parameters.
pub fn server_key_exchange(
    body: &[u8],
    cipher: CipherSuite,
    version: TlsVersion,
) -> Result<ServerKeyExchange, Malformed> {
    let name = cipher.name().unwrap_or_default();
    let anonymous = name.contains("_anon_");
    let signed = version >= TlsVersion::TLS_1_2 && !anonymous;
    if name.contains("_PSK_") {
        Ok(ServerKeyExchange::default())
    } else if name.starts_with("TLS_ECDHE_") || name.starts_with("TLS_ECDH_anon_") {
        whole("server key exchange", body, curve(body, signed))
    } else if name.starts_with("TLS_DHE_") || name.starts_with("TLS_DH_anon_") {
        whole("server key exchange", body, prime(body, signed))
    } else {
        Ok(ServerKeyExchange::default())
    }
}

/// The entries of a list as far as they are there, also where the outer length says more.
fn entries<'a>(
    body: &'a [u8],
    start: &'a [u8],
    entry: impl Fn(&'a [u8]) -> Parse<'a, &'a [u8]>,
) -> CertificateList<'a> {
    let mut found = CertificateList::default();
    let mut rest = match vector24(start) {
        Ok((_, list)) => list,
        Err(error) => {
            found.oddity = Some(cut("certificate list", start, &error).inside(body.len() - start.len()));
            start.get(3..).unwrap_or_default()
        }
    };
    let list = rest;
    let outer = body.len() - start.len() + 3;
    while !rest.is_empty() {
        match entry(rest) {
            Ok((after, certificate)) => {
                found.certificates.push(certificate);
                rest = after;
            }
            Err(error) => {
                let malformed = cut("certificate", rest, &error).inside(outer + list.len() - rest.len());
                found.oddity.get_or_insert(malformed);
                break;
            }
        }
    }
    found
}

fn entry_tls13(input: &[u8]) -> Parse<'_, &[u8]> {
    let (rest, certificate) = vector24(input)?;
    let (rest, _extensions) = vector16(rest)?;
    Ok((rest, certificate))
}

fn request(body: &[u8], version: TlsVersion) -> Parse<'_, CertificateRequest<'_>> {
    let (rest, types) = vector8(body)?;
    let (rest, schemes) =
        if version >= TlsVersion::TLS_1_2 { vector16(rest)? } else { (rest, [].as_slice()) };
    let (rest, mut names) = vector16(rest)?;
    let mut authorities = Vec::new();
    while let Ok((after, name)) = vector16(names) {
        authorities.push(name);
        names = after;
    }
    let signature_schemes = numbers(schemes).map(SignatureScheme).collect();
    Ok((rest, CertificateRequest { types: types.to_vec(), signature_schemes, authorities }))
}

/// Curve type (3: named), group, point, signature.
fn curve(body: &[u8], signed: bool) -> Parse<'_, ServerKeyExchange> {
    let (rest, kind) = u8(body)?;
    if kind != 3 {
        let expected = Expected::Words("a named curve (3)");
        return Malformed::new("curve type", 0, expected, kind.into()).stop();
    }
    let (rest, group) = be_u16(rest)?;
    let (rest, _point) = vector8(rest)?;
    let (rest, signature) = signature(rest, signed)?;
    Ok((rest, ServerKeyExchange { group: Some(NamedGroup(group)), prime_bits: None, signature }))
}

/// Prime, generator, public value, signature.
fn prime(body: &[u8], signed: bool) -> Parse<'_, ServerKeyExchange> {
    let (rest, prime) = vector16(body)?;
    let (rest, _generator) = vector16(rest)?;
    let (rest, _public) = vector16(rest)?;
    let (rest, signature) = signature(rest, signed)?;
    Ok((rest, ServerKeyExchange { group: None, prime_bits: Some(bits(prime)), signature }))
}

fn signature(input: &[u8], signed: bool) -> Parse<'_, Option<SignatureScheme>> {
    if !signed {
        return Ok((input, None));
    }
    let (rest, scheme) = be_u16(input)?;
    Ok((rest, Some(SignatureScheme(scheme))))
}

/// Bits of a big-endian number.
fn bits(number: &[u8]) -> u32 {
    let significant = number.iter().skip_while(|byte| **byte == 0);
    let bytes = u32::try_from(significant.clone().count()).unwrap_or(u32::MAX);
    let leading = significant.clone().next().map_or(0, |first| first.leading_zeros());
    bytes.saturating_mul(8).saturating_sub(leading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_lists() {
        let body = [0, 0, 9, 0, 0, 2, 0x30, 0x00, 0, 0, 1, 0x31];
        let list = certificate_list(&body);
        assert_eq!(list.certificates, [[0x30, 0x00].as_slice(), &[0x31]]);
        assert_eq!(list.oddity, None);
        let cut = certificate_list(&body[..11]);
        assert_eq!((cut.certificates.len(), cut.oddity.map(|oddity| oddity.at)), (1, Some(11)));
        assert_eq!(certificate_list(&[0, 0, 0]), CertificateList::default());
        assert!(certificate_list(&[]).oddity.is_some());
    }

    #[test]
    fn certificate_list_of_tls_1_3() {
        let list = certificate_list_tls13(&[0, 0, 0, 7, 0, 0, 2, 0x30, 0x00, 0, 0]);
        assert_eq!((list.certificates, list.oddity), (vec![[0x30, 0x00].as_slice()], None));
    }

    #[test]
    fn key_exchanges() {
        let ecdhe = [3, 0, 0x18, 2, 4, 4, 0x08, 0x04, 0, 1, 9];
        let found = server_key_exchange(&ecdhe, CipherSuite(0xC030), TlsVersion::TLS_1_2).unwrap();
        assert_eq!(found.group, Some(NamedGroup::SECP384R1));
        assert_eq!(found.signature, Some(SignatureScheme::RSA_PSS_RSAE_SHA256));
        let dhe = [0, 3, 0x00, 0x7F, 0xFF, 0, 1, 2, 0, 1, 9];
        let found = server_key_exchange(&dhe, CipherSuite(0x0033), TlsVersion::TLS_1_0).unwrap();
        assert_eq!((found.prime_bits, found.signature), (Some(15), None));
        assert!(server_key_exchange(&dhe[..4], CipherSuite(0x0033), TlsVersion::TLS_1_0).is_err());
    }

    #[test]
    fn certificate_requests_by_version() {
        let body = [1, 64, 0, 2, 4, 3, 0, 4, 0, 2, 0x30, 0];
        let found = certificate_request(&body, TlsVersion::TLS_1_2).unwrap();
        assert_eq!(found.signature_schemes, [SignatureScheme::ECDSA_SECP256R1_SHA256]);
        assert_eq!((found.types, found.authorities), (vec![64], vec![[0x30, 0].as_slice()]));
        let old = certificate_request(&[1, 1, 0, 0], TlsVersion::TLS_1_0).unwrap();
        assert!(old.signature_schemes.is_empty() && old.authorities.is_empty());
    }
}
