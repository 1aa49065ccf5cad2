//! CredSSP: the TSRequest inside TLS, and the sizes by which it is known without keys. [MS-CSSP] 2.2.1
//!
//! Only decrypted bytes can be read; the sizes serve the layer that sees records.

use super::der::{self, Element, SEQUENCE};
use super::wire::{Expected, Malformed, Parse, cut, length, wire_code};

/// Plaintext of the server's last TSRequest when it refuses: version and errorCode, nothing else (real captures).
pub const REFUSAL_LEN: u16 = 15;
/// Plaintext of the early user authorization result, which follows a good logon with HYBRID_EX.
/// [MS-CSSP] 2.2.1 and [MS-RDPBCGR] 5.4.2.2
pub const EARLY_RESULT_LEN: u16 = 4;
/// First version that sends an errorCode. Version 2 servers just close.
pub const FIRST_VERSION_WITH_ERROR: u32 = 3;
/// First version with a nonce, after CVE-2018-0886.
pub const FIRST_VERSION_WITH_NONCE: u32 = 5;

wire_code! {
    /// The early user authorization result. [MS-RDPBCGR] 2.2.10.2
    pub struct EarlyResult(u32) {
        /// The user may log on.
        AUTHZ_SUCCESS = 0x0000_0000;
        /// The user lacks the right to log on.
        AUTHZ_ACCESS_DENIED = 0x0000_0005;
    }
}

wire_code! {
    /// The message of an NTLM token. [MS-NLMP] 2.2.1
    pub struct NtlmMessage(u32) {
        /// The client begins.
        NEGOTIATE = 1;
        /// The server challenges.
        CHALLENGE = 2;
        /// The client answers.
        AUTHENTICATE = 3;
    }
}

/// One TSRequest: which parts it has, by size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TsRequest {
    /// CredSSP version of the sender, 2 to 6.
    pub version: Option<u32>,
    /// Part 1, negoTokens.
    pub nego_tokens: Option<usize>,
    /// The NTLM message in the tokens, if there is one. Without: Kerberos or another mechanism.
    pub ntlm: Option<NtlmMessage>,
    /// Part 2, authInfo: the credentials.
    pub auth_info: Option<usize>,
    /// Part 3, pubKeyAuth: proof of the server's key.
    pub pub_key_auth: Option<usize>,
    /// Part 4, errorCode: NTSTATUS or SSPI HRESULT, from version 3 on.
    pub error_code: Option<u32>,
    /// Part 5, clientNonce, from version 5 on.
    pub client_nonce: Option<usize>,
    /// The first thing that is wrong; `at` counts from the start of the message.
    pub oddity: Option<Malformed>,
}

/// Reads one TSRequest from a decrypted stream.
pub fn ts_request(input: &[u8]) -> Parse<'_, TsRequest> {
    let (rest, value) = der::tagged(SEQUENCE, "TSRequest")(input)?;
    let mut found = TsRequest::default();
    let mut parts = value;
    while !parts.is_empty() {
        match der::element(parts) {
            Ok((after, part)) => {
                take_part(&part, &mut found);
                parts = after;
            }
            Err(error) => {
                let at = input.len() - rest.len() - parts.len();
                found.oddity = Some(cut("TSRequest part", parts, &error).inside(at));
                break;
            }
        }
    }
    if found.version.is_none() {
        let missing = Malformed::new("TSRequest version", 0, Expected::Words("a version"), length(value));
        found.oddity.get_or_insert(missing);
    }
    Ok((rest, found))
}

/// Reads an early user authorization result.
pub fn early_result(bytes: &[u8]) -> Result<EarlyResult, Malformed> {
    match bytes {
        [a, b, c, d] => Ok(EarlyResult(u32::from_le_bytes([*a, *b, *c, *d]))),
        _ => Err(Malformed::new("early user authorization result", 0, Expected::Exactly(4), length(bytes))),
    }
}

fn take_part(part: &Element<'_>, found: &mut TsRequest) {
    let inner = der::elements(part.value).next().map_or(&[][..], |element| element.value);
    match part.tag {
        0xA0 => found.version = der::status(inner),
        0xA1 => {
            found.nego_tokens = Some(part.value.len());
            found.ntlm = ntlm(part.value);
        }
        0xA2 => found.auth_info = Some(part.value.len()),
        0xA3 => found.pub_key_auth = Some(part.value.len()),
        0xA4 => found.error_code = der::status(inner),
        0xA5 => found.client_nonce = Some(part.value.len()),
        _ => {
            let known = Expected::Words("parts 0 to 5");
            found.oddity.get_or_insert(Malformed::new("TSRequest part", 0, known, part.tag.into()));
        }
    }
}

/// The message type after the NTLM signature, bare or inside SPNEGO.
fn ntlm(tokens: &[u8]) -> Option<NtlmMessage> {
    const SIGNATURE: &[u8] = b"NTLMSSP\0";
    let start = tokens.windows(SIGNATURE.len()).position(|window| window == SIGNATURE)?;
    let kind = tokens.get(start + SIGNATURE.len()..)?.first_chunk::<4>()?;
    Some(NtlmMessage(u32::from_le_bytes(*kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_real_servers() {
        let refused = [
            0x30, 0x0D, // SEQUENCE
            0xA0, 0x03, 0x02, 0x01, 0x06, // version 6
            0xA4, 0x06, 0x02, 0x04, 0x80, 0x09, 0x03, 0x02, // SEC_E_UNSUPPORTED_FUNCTION
        ];
        let (rest, found) = ts_request(&refused).unwrap();
        assert!(rest.is_empty() && u16::try_from(refused.len()) == Ok(REFUSAL_LEN));
        assert_eq!((found.version, found.error_code), (Some(6), Some(0x8009_0302)));
        assert_eq!((found.nego_tokens, found.oddity), (None, None));
    }

    #[test]
    fn tokens_and_mechanism() {
        let mut bytes = vec![0x30, 0x1D, 0xA0, 0x03, 0x02, 0x01, 0x06, 0xA1, 0x16];
        bytes.extend([0x30, 0x14, 0x30, 0x12, 0xA0, 0x10, 0x04, 0x0E]);
        bytes.extend(b"NTLMSSP\0\x01\0\0\0\x97\x82");
        let (_, found) = ts_request(&bytes).unwrap();
        assert_eq!((found.nego_tokens, found.ntlm), (Some(22), Some(NtlmMessage::NEGOTIATE)));
        assert!(matches!(ts_request(&bytes[..20]), Err(nom::Err::Incomplete(_))));
    }

    #[test]
    fn damage_is_an_oddity() {
        let (_, found) = ts_request(&[0x30, 0x05, 0xA0, 0x03, 0x02, 0x09, 0x06]).unwrap();
        assert_eq!(found.version, None);
        assert!(found.oddity.is_some());
        assert!(matches!(ts_request(&[0x16, 0x03]), Err(nom::Err::Incomplete(_))));
        assert!(matches!(ts_request(&[0x16, 0x00]), Err(nom::Err::Error(_))));
    }

    #[test]
    fn early_results() {
        assert_eq!(early_result(&[5, 0, 0, 0]), Ok(EarlyResult::AUTHZ_ACCESS_DENIED));
        assert!(early_result(&[0; 15]).is_err());
    }
}
