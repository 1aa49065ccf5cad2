//! Connect-Initial and Connect-Response: BER around GCC around the settings. T.125 section 7, Part 1;
//! [MS-RDPBCGR] 2.2.1.3, 2.2.1.4

use super::gcc::{CLIENT_KEY, SERVER_KEY, client_settings, server_settings, settings_after};
use super::{ClientSettings, McsResult, ServerSettings, odd};
use crate::protocol::der::{self, ENUMERATED, OCTET_STRING};
use crate::protocol::wire::{Expected, Malformed, cut, length};

/// The client's first PDU inside the chosen security.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectInitial {
    /// What the client is and asks for.
    pub settings: ClientSettings,
    /// The first thing that is cut or wrong; `at` counts from the start of the PDU.
    pub oddity: Option<Malformed>,
}

/// The server's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectResponse {
    /// Whether the server accepts; `None` if it could not be read.
    pub result: Option<McsResult>,
    /// What the server is and chose.
    pub settings: ServerSettings,
    /// The first thing that is cut or wrong; `at` counts from the start of the PDU.
    pub oddity: Option<Malformed>,
}

/// Reads a Connect-Initial. Fails if its header is cut.
pub(super) fn initial(data: &[u8]) -> Result<ConnectInitial, Malformed> {
    let (contents, mut oddity) = contents("connect initial", data)?;
    let mut settings = ClientSettings::default();
    match user_data(contents, CLIENT_KEY) {
        Some(blocks) => settings = client_settings(blocks, offset(data, blocks), &mut oddity),
        None => note_missing(&mut oddity, "client settings", data),
    }
    Ok(ConnectInitial { settings, oddity })
}

/// Reads a Connect-Response. Fails if its header is cut.
pub(super) fn response(data: &[u8]) -> Result<ConnectResponse, Malformed> {
    let (contents, mut oddity) = contents("connect response", data)?;
    let result =
        der::find(contents, ENUMERATED).and_then(|value| value.first()).map(|value| McsResult(*value));
    let mut settings = ServerSettings::default();
    match user_data(contents, SERVER_KEY) {
        Some(blocks) => settings = server_settings(blocks, offset(data, blocks), &mut oddity),
        None => note_missing(&mut oddity, "server settings", data),
    }
    Ok(ConnectResponse { result, settings, oddity })
}

/// The contents of the outer element, as far as they are there.
fn contents<'a>(what: &'static str, data: &'a [u8]) -> Result<(&'a [u8], Option<Malformed>), Malformed> {
    let (rest, header) = der::header(data).map_err(|error| cut(what, data, &error))?;
    if let Some(contents) = rest.get(..header.length) {
        return Ok((contents, None));
    }
    let at = data.len() - rest.len();
    let missing = Malformed::new(what, at, Expected::AtMost(length(rest)), saturate(header.length));
    Ok((rest, Some(missing)))
}

/// The settings inside the user data, found by their H.221 key. A user data that is cut is searched as it is.
fn user_data<'a>(contents: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut rest = contents;
    let mut gcc = None;
    // The user data is the last OCTET STRING; the domain selectors before it are OCTET STRINGs as well.
    while let Ok((after, header)) = der::header(rest) {
        let (value, next) = after.split_at(header.length.min(after.len()));
        if header.tag == OCTET_STRING {
            gcc = Some(value);
        }
        rest = next;
    }
    settings_after(gcc?, key)
}

fn offset(data: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(data.as_ptr().addr())
}

fn note_missing(oddity: &mut Option<Malformed>, what: &'static str, data: &[u8]) {
    let error = nom::Err::Error(Malformed::new(what, 0, Expected::Words("an H.221 key"), length(data)));
    oddity.get_or_insert(odd(what, data, &error, 0));
}

fn saturate(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mcs::{EncryptionLevel, EncryptionMethods, McsPdu, mcs};
    use crate::protocol::nego::Protocols;

    /// A Connect-Response of a server with standard RDP security, blocks after those shown left out.
    const RESPONSE: &[u8] = &[
        0x7F, 0x66, 0x52, // Connect-Response, 82 bytes
        0x0A, 0x01, 0x00, // result: successful
        0x02, 0x01, 0x00, // calledConnectId
        0x30, 0x1A, // domain parameters
        0x02, 0x01, 0x22, 0x02, 0x01, 0x03, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01, 0x02, 0x01, 0x00, 0x02, 0x01,
        0x01, 0x02, 0x03, 0x00, 0xFF, 0xF8, 0x02, 0x01, 0x02, // to here
        0x04, 0x2E, // user data, 46 bytes
        0x00, 0x05, 0x00, 0x14, 0x7C, 0x00, 0x01, 0x2A, 0x14, 0x76, 0x0A, 0x01, 0x01, 0x00, 0x01, 0xC0,
        0x00, // GCC
        0x4D, 0x63, 0x44, 0x6E, // "McDn"
        0x18, // 24 bytes of settings
        0x01, 0x0C, 0x0C, 0x00, 0x04, 0x00, 0x08, 0x00, 0x01, 0x00, 0x00,
        0x00, // core: version, requested
        0x02, 0x0C, 0x0C, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00,
        0x00, // security: method, level
    ];

    #[test]
    fn response_says_what_the_server_chose() {
        let Ok(McsPdu::ConnectResponse(found)) = mcs(RESPONSE) else { panic!() };
        assert_eq!((found.result, found.oddity), (Some(McsResult::SUCCESSFUL), None));
        assert_eq!(found.settings.version, Some(0x0008_0004));
        assert_eq!(found.settings.requested, Some(Protocols::SSL));
        assert_eq!(found.settings.encryption_method, Some(EncryptionMethods::ENCRYPTION_128BIT));
        assert_eq!(found.settings.encryption_level, Some(EncryptionLevel::CLIENT_COMPATIBLE));
    }

    #[test]
    fn every_cut_gives_a_part_or_an_error() {
        for end in 2..RESPONSE.len() {
            match mcs(&RESPONSE[..end]) {
                Ok(McsPdu::ConnectResponse(found)) => assert!(found.oddity.is_some(), "{end}"),
                other => assert!(end < 3 && other.is_err(), "{end}"),
            }
        }
    }
}
