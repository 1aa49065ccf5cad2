//! The settings blocks that client and server exchange. [MS-RDPBCGR] 2.2.1.3.1 to 2.2.1.4.6
//!
//! All little-endian. Later versions only append, so every field after the first is optional here.

use nom::bytes::streaming::take;
use nom::number::streaming::{le_u16, le_u32, u8};

use super::codes::{BlockType, ConnectionType, EarlyCapabilities, EncryptionLevel, EncryptionMethods};
use super::{odd, per_length};
use crate::protocol::nego::Protocols;
use crate::protocol::wire::{Expected, Malformed, Parse, array, text, utf16_le};

/// The H.221 key before the client's settings.
pub(super) const CLIENT_KEY: &[u8] = b"Duca";
/// The H.221 key before the server's settings.
pub(super) const SERVER_KEY: &[u8] = b"McDn";
/// Most virtual channels that are kept. [MS-RDPBCGR] 2.2.1.3.4: 31
const CHANNELS: usize = 64;

/// What a client is and asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// RDP version, major in the high half: `0x00080004` is RDP 5.0 to 8.1, `0x0008000D` to `0x00080011` RDP 10.
    pub version: Option<u32>,
    /// Desktop width and height in pixels.
    pub desktop: Option<(u16, u16)>,
    /// Keyboard layout identifier.
    pub keyboard_layout: Option<u32>,
    /// Build of the client: of Windows for mstsc.
    pub build: Option<u32>,
    /// Computer name of the client, at most 15 characters.
    pub name: Option<String>,
    /// Bits per pixel of the session.
    pub color_depth: Option<u16>,
    /// What it supports early.
    pub early_capabilities: Option<EarlyCapabilities>,
    /// The network it says it has.
    pub connection_type: Option<ConnectionType>,
    /// The protocol that the server selected, repeated by the client: another value shows tampering.
    pub selected: Option<Protocols>,
    /// Methods of standard RDP security that it offers.
    pub encryption_methods: Option<EncryptionMethods>,
    /// Names of the virtual channels it wants.
    pub channels: Vec<String>,
    /// Cluster flags: bit 0 redirection supported, bit 1 the session id is valid.
    pub cluster_flags: Option<u32>,
    /// The session that it wants to be redirected to.
    pub redirected_session: Option<u32>,
    /// Multitransport flags: bit 0 reliable UDP, bit 2 lossy UDP.
    pub multitransport: Option<u32>,
    /// Types of all blocks.
    pub blocks: Vec<BlockType>,
}

/// What a server is and chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// RDP version, as in [`ClientSettings::version`].
    pub version: Option<u32>,
    /// The protocols that the client requested, as the server saw them: another value shows tampering.
    pub requested: Option<Protocols>,
    /// Early capabilities of the server.
    pub early_capabilities: Option<u32>,
    /// The method of standard RDP security.
    pub encryption_method: Option<EncryptionMethods>,
    /// The level of standard RDP security.
    pub encryption_level: Option<EncryptionLevel>,
    /// Version and bytes of the certificate of standard RDP security: 1 proprietary, 2 X.509 chain.
    pub certificate: Option<(u32, u32)>,
    /// The I/O channel, 1003.
    pub io_channel: Option<u16>,
    /// The virtual channels, in the client's order.
    pub channels: Vec<u16>,
    /// Multitransport flags, as in [`ClientSettings::multitransport`].
    pub multitransport: Option<u32>,
    /// Types of all blocks.
    pub blocks: Vec<BlockType>,
}

/// The blocks that follow an H.221 key and a PER length, as far as they are there.
pub(super) fn settings_after<'a>(gcc: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = gcc.windows(key.len()).position(|window| window == key)?;
    let (blocks, length) = per_length(gcc.get(start + key.len()..)?).ok()?;
    Some(blocks.get(..usize::from(length)).unwrap_or(blocks))
}

/// Reads the client's blocks. `at` is where they begin in the PDU.
pub(super) fn client_settings(blocks: &[u8], at: usize, oddity: &mut Option<Malformed>) -> ClientSettings {
    let mut found = ClientSettings::default();
    each_block(blocks, at, oddity, |kind, body| {
        found.blocks.push(kind);
        // A block that ends early has said all it can: older clients send shorter ones.
        let _ = match kind {
            BlockType::CLIENT_CORE => client_core(body, &mut found),
            BlockType::CLIENT_SECURITY => client_security(body, &mut found),
            BlockType::CLIENT_NETWORK => client_network(body, &mut found),
            BlockType::CLIENT_CLUSTER => client_cluster(body, &mut found),
            BlockType::CLIENT_MULTITRANSPORT => set(body, &mut found.multitransport),
            _ => Ok((body, ())),
        };
    });
    found
}

/// Reads the server's blocks. `at` is where they begin in the PDU.
pub(super) fn server_settings(blocks: &[u8], at: usize, oddity: &mut Option<Malformed>) -> ServerSettings {
    let mut found = ServerSettings::default();
    each_block(blocks, at, oddity, |kind, body| {
        found.blocks.push(kind);
        let _ = match kind {
            BlockType::SERVER_CORE => server_core(body, &mut found),
            BlockType::SERVER_SECURITY => server_security(body, &mut found),
            BlockType::SERVER_NETWORK => server_network(body, &mut found),
            BlockType::SERVER_MULTITRANSPORT => set(body, &mut found.multitransport),
            _ => Ok((body, ())),
        };
    });
    found
}

/// Type, length with the header, body.
fn each_block<'a>(
    blocks: &'a [u8],
    at: usize,
    oddity: &mut Option<Malformed>,
    mut take_block: impl FnMut(BlockType, &'a [u8]),
) {
    let mut rest = blocks;
    while !rest.is_empty() {
        match block(rest) {
            Ok((after, (kind, body))) => {
                take_block(kind, body);
                rest = after;
            }
            Err(error) => {
                if let (nom::Err::Incomplete(_), Some((head, body))) = (&error, rest.split_first_chunk::<4>())
                {
                    take_block(BlockType(u16::from_le_bytes([head[0], head[1]])), body);
                }
                oddity.get_or_insert(odd("settings block", rest, &error, at + blocks.len() - rest.len()));
                return;
            }
        }
    }
}

fn block(input: &[u8]) -> Parse<'_, (BlockType, &[u8])> {
    let (rest, kind) = le_u16(input)?;
    let (rest, length) = le_u16(rest)?;
    let Some(size) = length.checked_sub(4) else {
        return Malformed::new("settings block length", 2, Expected::AtLeast(4), length.into()).stop();
    };
    let (rest, body) = take(size)(rest)?;
    Ok((rest, (BlockType(kind), body)))
}

fn client_core<'a>(body: &'a [u8], found: &mut ClientSettings) -> Parse<'a, ()> {
    let (rest, ()) = set(body, &mut found.version)?;
    let (rest, width) = le_u16(rest)?;
    let (rest, height) = le_u16(rest)?;
    found.desktop = Some((width, height));
    let (rest, depth) = le_u16(rest)?;
    found.color_depth = color_depth(depth);
    let (rest, _sas_sequence) = le_u16(rest)?;
    let (rest, ()) = set(rest, &mut found.keyboard_layout)?;
    let (rest, ()) = set(rest, &mut found.build)?;
    let (rest, name) = take(32_u8)(rest)?;
    found.name = Some(utf16_le(name));
    let (rest, _keyboard_type_to_ime) = take(12_u8 + 64)(rest)?;
    let (rest, depth) = le_u16(rest)?;
    found.color_depth = color_depth(depth).or(found.color_depth);
    let (rest, _product_and_serial) = take(6_u8)(rest)?;
    let (rest, high_color) = le_u16(rest)?;
    found.color_depth = Some(high_color);
    let (rest, _supported_depths) = le_u16(rest)?;
    let (rest, early) = le_u16(rest)?;
    found.early_capabilities = Some(EarlyCapabilities(early));
    if EarlyCapabilities(early).contains(EarlyCapabilities::WANT_32BPP_SESSION) {
        found.color_depth = Some(32);
    }
    let (rest, _product_id) = take(64_u8)(rest)?;
    let (rest, connection_type) = u8(rest)?;
    if EarlyCapabilities(early).contains(EarlyCapabilities::VALID_CONNECTION_TYPE) {
        found.connection_type = Some(ConnectionType(connection_type));
    }
    let (rest, _pad) = u8(rest)?;
    let (rest, selected) = le_u32(rest)?;
    found.selected = Some(Protocols(selected));
    Ok((rest, ()))
}

/// RNS_UD_COLOR_4BPP to RNS_UD_COLOR_24BPP: `0xCA00` to `0xCA04`.
const fn color_depth(code: u16) -> Option<u16> {
    match code {
        0xCA00 => Some(4),
        0xCA01 => Some(8),
        0xCA02 => Some(15),
        0xCA03 => Some(16),
        0xCA04 => Some(24),
        _ => None,
    }
}

fn client_security<'a>(body: &'a [u8], found: &mut ClientSettings) -> Parse<'a, ()> {
    let (rest, methods) = le_u32(body)?;
    found.encryption_methods = Some(EncryptionMethods(methods));
    // French clients of old leave the first field empty and use the second.
    let (rest, extended) = le_u32(rest)?;
    if methods == 0 {
        found.encryption_methods = Some(EncryptionMethods(extended));
    }
    Ok((rest, ()))
}

fn client_network<'a>(body: &'a [u8], found: &mut ClientSettings) -> Parse<'a, ()> {
    let (mut rest, count) = le_u32(body)?;
    let count = usize::try_from(count).unwrap_or(CHANNELS).min(CHANNELS);
    for _ in 0..count {
        let (after, name) = array::<8>(rest)?;
        let (after, _options) = le_u32(after)?;
        found.channels.push(text(name.split(|byte| *byte == 0).next().unwrap_or_default()));
        rest = after;
    }
    Ok((rest, ()))
}

fn client_cluster<'a>(body: &'a [u8], found: &mut ClientSettings) -> Parse<'a, ()> {
    let (rest, ()) = set(body, &mut found.cluster_flags)?;
    let (rest, session) = le_u32(rest)?;
    if found.cluster_flags.is_some_and(|flags| flags & 0x02 != 0) {
        found.redirected_session = Some(session);
    }
    Ok((rest, ()))
}

fn server_core<'a>(body: &'a [u8], found: &mut ServerSettings) -> Parse<'a, ()> {
    let (rest, ()) = set(body, &mut found.version)?;
    let (rest, requested) = le_u32(rest)?;
    found.requested = Some(Protocols(requested));
    set(rest, &mut found.early_capabilities)
}

fn server_security<'a>(body: &'a [u8], found: &mut ServerSettings) -> Parse<'a, ()> {
    let (rest, method) = le_u32(body)?;
    found.encryption_method = Some(EncryptionMethods(method));
    let (rest, level) = le_u32(rest)?;
    found.encryption_level = Some(EncryptionLevel(level));
    let (rest, random) = le_u32(rest)?;
    let (rest, size) = le_u32(rest)?;
    let (rest, _random) = take(random)(rest)?;
    let (rest, version) = le_u32(rest)?;
    found.certificate = Some((version & 0x7FFF_FFFF, size));
    Ok((rest, ()))
}

fn server_network<'a>(body: &'a [u8], found: &mut ServerSettings) -> Parse<'a, ()> {
    let (rest, io_channel) = le_u16(body)?;
    found.io_channel = Some(io_channel);
    let (mut rest, count) = le_u16(rest)?;
    for _ in 0..usize::from(count).min(CHANNELS) {
        let (after, channel) = le_u16(rest)?;
        found.channels.push(channel);
        rest = after;
    }
    Ok((rest, ()))
}

fn set<'a>(input: &'a [u8], field: &mut Option<u32>) -> Parse<'a, ()> {
    let (rest, value) = le_u32(input)?;
    *field = Some(value);
    Ok((rest, ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A core block up to the selected protocol.
    fn core() -> Vec<u8> {
        let mut block = vec![0x01, 0xC0, 0xD8, 0x00]; // CS_CORE, 216 bytes
        block.extend([0x04, 0x00, 0x08, 0x00]); // version
        block.extend([0x80, 0x07, 0x38, 0x04]); // 1920 x 1080
        block.extend([0x01, 0xCA, 0x03, 0xAA]); // 8 bpp, SAS
        block.extend([0x09, 0x04, 0x00, 0x00]); // keyboard layout
        block.extend([0x28, 0x0A, 0x00, 0x00]); // build 2600
        let mut name = [0; 32];
        name[..6].copy_from_slice(&[b'P', 0, b'C', 0, b'1', 0]);
        block.extend(name);
        block.extend([0; 76]); // keyboard type to IME
        block.extend([0x01, 0xCA, 0x01, 0x00, 0, 0, 0, 0]); // post-beta-2 depth, product, serial
        block.extend([0x18, 0x00, 0x0F, 0x00]); // 24 bpp, supported depths
        block.extend([0x21, 0x80]); // early capabilities, with an unknown one
        block.extend([0; 64]); // product id
        block.extend([0x06, 0x00]); // LAN
        block.extend([0x02, 0x00, 0x00, 0x00]); // selected protocol
        block
    }

    #[test]
    fn client_blocks() {
        let mut blocks = core();
        blocks.extend([0x02, 0xC0, 0x0C, 0x00, 0x1B, 0, 0, 0, 0, 0, 0, 0]); // security
        blocks.extend([
            0x03, 0xC0, 0x14, 0x00, 1, 0, 0, 0, b'r', b'd', b'p', b's', b'n', b'd', 0, 0, 0, 0, 0, 0xC0,
        ]);
        let mut oddity = None;
        let found = client_settings(&blocks, 0, &mut oddity);
        assert_eq!(
            (found.name.as_deref(), found.build, found.desktop),
            (Some("PC1"), Some(2600), Some((1920, 1080)))
        );
        assert_eq!((found.color_depth, found.selected), (Some(24), Some(Protocols::HYBRID)));
        assert_eq!(found.connection_type, Some(ConnectionType::LAN));
        assert_eq!(
            found.early_capabilities.unwrap().to_string(),
            "SUPPORT_ERRINFO_PDU|VALID_CONNECTION_TYPE|0x8000"
        );
        assert_eq!(found.encryption_methods.unwrap().bits(), 0x1B);
        assert_eq!(found.channels, ["rdpsnd"]);
        assert_eq!((found.blocks.len(), oddity), (3, None));
    }

    #[test]
    fn cut_block_keeps_its_beginning() {
        let blocks = core();
        let mut oddity = None;
        let found = client_settings(&blocks[..70], 100, &mut oddity);
        assert_eq!((found.name.as_deref(), found.early_capabilities), (Some("PC1"), None));
        assert_eq!(oddity.map(|oddity| oddity.at), Some(170));
    }

    #[test]
    fn absurd_counts_and_lengths() {
        let mut oddity = None;
        let found = client_settings(&[0x03, 0xC0, 0x08, 0x00, 0xFF, 0xFF, 0xFF, 0xFF], 0, &mut oddity);
        assert!(found.channels.is_empty() && oddity.is_none());
        client_settings(&[0x03, 0xC0, 0x03, 0x00], 0, &mut oddity);
        assert_eq!(oddity.map(|oddity| oddity.got), Some(3));
    }
}
