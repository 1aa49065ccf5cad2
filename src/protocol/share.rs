//! What an MCS Send Data PDU carries on the I/O channel: security header, licensing, share control, errorInfo.
//! [MS-RDPBCGR] 2.2.8.1.1, [MS-RDPELE] 2.2.2
//!
//! Readable in the clear only with standard RDP security and no encryption, with licensing, or once decrypted.
//! Whether a security header is there cannot be told from the bytes: the caller knows the stage.

use nom::number::streaming::{le_u16, le_u32, u8};

use super::wire::{Expected, Malformed, Parse, length, whole, wire_code, wire_flags};

wire_flags! {
    /// Flags of a basic security header. [MS-RDPBCGR] 2.2.8.1.1.2.1
    pub struct SecurityFlags(u16), zero "none" {
        /// Security exchange: the client random.
        SEC_EXCHANGE_PKT = 0x0001;
        /// Initiate multitransport request.
        SEC_TRANSPORT_REQ = 0x0002;
        /// Initiate multitransport response.
        SEC_TRANSPORT_RSP = 0x0004;
        /// The rest is encrypted.
        SEC_ENCRYPT = 0x0008;
        /// Unused.
        SEC_RESET_SEQNO = 0x0010;
        /// Unused.
        SEC_IGNORE_SEQNO = 0x0020;
        /// Client info.
        SEC_INFO_PKT = 0x0040;
        /// Licensing.
        SEC_LICENSE_PKT = 0x0080;
        /// Licensing packets are encrypted.
        SEC_LICENSE_ENCRYPT = 0x0200;
        /// Server redirection.
        SEC_REDIRECTION_PKT = 0x0400;
        /// Salted MAC.
        SEC_SECURE_CHECKSUM = 0x0800;
        /// Network detection request.
        SEC_AUTODETECT_REQ = 0x1000;
        /// Network detection response.
        SEC_AUTODETECT_RSP = 0x2000;
        /// Heartbeat.
        SEC_HEARTBEAT = 0x4000;
        /// The second half of the header is valid.
        SEC_FLAGSHI_VALID = 0x8000;
    }
}

wire_code! {
    /// A licensing message. [MS-RDPELE] 2.2.2, [MS-RDPBCGR] 2.2.1.12.1.1
    pub struct LicenceMessageType(u8) {
        /// The server asks.
        LICENSE_REQUEST = 0x01;
        /// The server challenges.
        PLATFORM_CHALLENGE = 0x02;
        /// The server gives a licence.
        NEW_LICENSE = 0x03;
        /// The server renews a licence.
        UPGRADE_LICENSE = 0x04;
        /// The client shows a licence.
        LICENSE_INFO = 0x12;
        /// The client asks for a licence.
        NEW_LICENSE_REQUEST = 0x13;
        /// The client answers the challenge.
        PLATFORM_CHALLENGE_RESPONSE = 0x15;
        /// Either side ends licensing: also the good end.
        ERROR_ALERT = 0xFF;
    }
}

wire_code! {
    /// Code of a licensing error alert. [MS-RDPBCGR] 2.2.1.12.1.3
    pub struct LicenceErrorCode(u32) {
        /// Server certificate invalid.
        ERR_INVALID_SERVER_CERTIFICATE = 0x01;
        /// No licence.
        ERR_NO_LICENSE = 0x02;
        /// MAC invalid.
        ERR_INVALID_MAC = 0x03;
        /// Scope invalid.
        ERR_INVALID_SCOPE = 0x04;
        /// No licence server.
        ERR_NO_LICENSE_SERVER = 0x06;
        /// All is well: not an error.
        STATUS_VALID_CLIENT = 0x07;
        /// Client invalid.
        ERR_INVALID_CLIENT = 0x08;
        /// Product id invalid.
        ERR_INVALID_PRODUCTID = 0x0B;
        /// Message length invalid.
        ERR_INVALID_MESSAGE_LEN = 0x0C;
    }
}

wire_code! {
    /// What follows a licensing error alert. [MS-RDPBCGR] 2.2.1.12.1.3
    pub struct LicenceTransition(u32) {
        /// The connection ends.
        ST_TOTAL_ABORT = 1;
        /// Nothing.
        ST_NO_TRANSITION = 2;
        /// Licensing starts again.
        ST_RESET_PHASE_TO_START = 3;
        /// The last message is sent again.
        ST_RESEND_LAST_MESSAGE = 4;
    }
}

wire_code! {
    /// The type of a share control PDU, version bits cleared. [MS-RDPBCGR] 2.2.8.1.1.1.1
    pub struct SharePduType(u16) {
        /// Capabilities of the server.
        DEMAND_ACTIVE = 1;
        /// Capabilities of the client.
        CONFIRM_ACTIVE = 3;
        /// The session is deactivated: reactivation or the end follows.
        DEACTIVATE_ALL = 6;
        /// Data, see [`DataPduType`].
        DATA = 7;
        /// Server redirection.
        SERVER_REDIRECTION = 10;
    }
}

wire_code! {
    /// The type of a share data PDU. [MS-RDPBCGR] 2.2.8.1.1.1.2
    pub struct DataPduType(u8) {
        /// Graphics.
        UPDATE = 0x02;
        /// Control.
        CONTROL = 0x14;
        /// Pointer.
        POINTER = 0x1B;
        /// Input.
        INPUT = 0x1C;
        /// Synchronize.
        SYNCHRONIZE = 0x1F;
        /// Refresh.
        REFRESH_RECT = 0x21;
        /// Sound.
        PLAY_SOUND = 0x22;
        /// Suppress output.
        SUPPRESS_OUTPUT = 0x23;
        /// The client asks to end.
        SHUTDOWN_REQUEST = 0x24;
        /// The server refuses to end: a user is logged on.
        SHUTDOWN_DENIED = 0x25;
        /// Logon information.
        SAVE_SESSION_INFO = 0x26;
        /// Fonts.
        FONT_LIST = 0x27;
        /// Fonts: the end of the connection sequence.
        FONT_MAP = 0x28;
        /// Keyboard lights.
        SET_KEYBOARD_INDICATORS = 0x29;
        /// Bitmap cache.
        BITMAP_CACHE_PERSISTENT_LIST = 0x2B;
        /// Bitmap cache.
        BITMAP_CACHE_ERROR = 0x2C;
        /// Keyboard.
        SET_KEYBOARD_IME_STATUS = 0x2D;
        /// Off-screen cache.
        OFFSCREEN_CACHE_ERROR = 0x2E;
        /// Why the session ends.
        SET_ERROR_INFO = 0x2F;
        /// Draw nine grid.
        DRAW_NINE_GRID_ERROR = 0x30;
        /// GDI+.
        DRAW_GDIPLUS_ERROR = 0x31;
        /// Automatic reconnection failed.
        ARC_STATUS = 0x32;
        /// Status for the client to show.
        STATUS_INFO = 0x36;
        /// Monitor layout.
        MONITOR_LAYOUT = 0x37;
    }
}

/// A basic security header and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secured<'a> {
    /// What follows, and whether it is encrypted.
    pub flags: SecurityFlags,
    /// The rest: a signature and ciphertext if [`SecurityFlags::SEC_ENCRYPT`] is set.
    pub body: &'a [u8],
}

/// A licensing message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Licence {
    /// Which.
    pub kind: LicenceMessageType,
    /// Version and error mode bits.
    pub flags: u8,
    /// Whole length in bytes, as it says.
    pub length: u16,
    /// Contents of an error alert.
    pub alert: Option<LicenceAlert>,
}

/// A licensing error alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LicenceAlert {
    /// What is wrong, or that nothing is.
    pub code: LicenceErrorCode,
    /// What follows.
    pub transition: LicenceTransition,
}

impl LicenceAlert {
    /// Whether it is the good end of licensing.
    pub fn is_valid_client(&self) -> bool {
        self.code == LicenceErrorCode::STATUS_VALID_CLIENT
            && self.transition == LicenceTransition::ST_NO_TRANSITION
    }
}

/// A share control PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharePdu<'a> {
    /// Whole length in bytes, as it says.
    pub length: u16,
    /// Which.
    pub kind: SharePduType,
    /// The channel of the sender.
    pub source: u16,
    /// The data header, of [`SharePduType::DATA`].
    pub data: Option<ShareData<'a>>,
    /// What follows the share control header.
    pub body: &'a [u8],
}

/// A share data PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareData<'a> {
    /// Which.
    pub kind: DataPduType,
    /// Compression flags; 0x20 in them means compressed.
    pub compression: u8,
    /// What follows.
    pub body: &'a [u8],
}

impl SharePdu<'_> {
    /// The errorInfo of a Set Error Info PDU. [MS-RDPBCGR] 2.2.5.1.1
    pub fn error_info(&self) -> Option<u32> {
        let data = self
            .data
            .filter(|data| data.kind == DataPduType::SET_ERROR_INFO && data.compression & 0x20 == 0)?;
        data.body.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

/// Reads a basic security header. [MS-RDPBCGR] 2.2.8.1.1.2.1
pub fn secured(data: &[u8]) -> Result<Secured<'_>, Malformed> {
    match data {
        [low, high, _, _, body @ ..] => {
            Ok(Secured { flags: SecurityFlags(u16::from_le_bytes([*low, *high])), body })
        }
        _ => Err(Malformed::new("security header", data.len(), Expected::AtLeast(4), length(data))),
    }
}

/// Reads a licensing message: what follows a security header with [`SecurityFlags::SEC_LICENSE_PKT`]. Fails
/// without that flag and on encrypted ones, which the last messages of licensing may be.
pub fn licence(secured: &Secured<'_>) -> Result<Licence, Malformed> {
    let Secured { flags, body } = *secured;
    if !flags.contains(SecurityFlags::SEC_LICENSE_PKT) || flags.contains(SecurityFlags::SEC_ENCRYPT) {
        let expected = Expected::Words("a licensing packet in the clear");
        return Err(Malformed::new("security header flags", 0, expected, flags.bits().into()));
    }
    whole("licensing message", body, licence_message(body)).map_err(|malformed| malformed.inside(4))
}

fn licence_message(input: &[u8]) -> Parse<'_, Licence> {
    let (rest, kind) = u8(input)?;
    let (rest, flags) = u8(rest)?;
    let (rest, length) = le_u16(rest)?;
    let kind = LicenceMessageType(kind);
    let alert = if kind == LicenceMessageType::ERROR_ALERT { Some(licence_alert(rest)?.1) } else { None };
    Ok((rest, Licence { kind, flags, length, alert }))
}

fn licence_alert(input: &[u8]) -> Parse<'_, LicenceAlert> {
    let (rest, code) = le_u32(input)?;
    let (rest, transition) = le_u32(rest)?;
    Ok((rest, LicenceAlert { code: LicenceErrorCode(code), transition: LicenceTransition(transition) }))
}

/// Reads a share control PDU. Fails if it is shorter than its header, or if the length contradicts that.
pub fn share_pdu(data: &[u8]) -> Result<SharePdu<'_>, Malformed> {
    let read = |input| -> Parse<'_, SharePdu<'_>> {
        let (rest, length) = le_u16(input)?;
        if length < 6 {
            return Malformed::new("share control length", 0, Expected::AtLeast(6), length.into()).stop();
        }
        let (rest, kind) = le_u16(rest)?;
        let (body, source) = le_u16(rest)?;
        let kind = SharePduType(kind & 0x0F);
        let data = if kind == SharePduType::DATA { Some(share_data(body)?.1) } else { None };
        Ok((body, SharePdu { length, kind, source, data, body }))
    };
    whole("share control PDU", data, read(data))
}

/// shareId, pad, streamId, uncompressedLength, pduType2, compressedType, compressedLength.
fn share_data(input: &[u8]) -> Parse<'_, ShareData<'_>> {
    let (rest, _share_id) = le_u32(input)?;
    let (rest, _pad) = u8(rest)?;
    let (rest, _stream) = u8(rest)?;
    let (rest, _uncompressed) = le_u16(rest)?;
    let (rest, kind) = u8(rest)?;
    let (rest, compression) = u8(rest)?;
    let (body, _compressed) = le_u16(rest)?;
    Ok((body, ShareData { kind: DataPduType(kind), compression, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_end_of_licensing() {
        let bytes = [
            0x80, 0x00, 0x00, 0x00, // security header: licensing
            0xFF, 0x03, 0x10, 0x00, // error alert, 16 bytes
            0x07, 0x00, 0x00, 0x00, // valid client
            0x02, 0x00, 0x00, 0x00, // no transition
            0x04, 0x00, 0x00, 0x00, // empty blob
        ];
        let secured = secured(&bytes).unwrap();
        assert_eq!(secured.flags, SecurityFlags::SEC_LICENSE_PKT);
        let licence = licence(&secured).unwrap();
        assert_eq!((licence.kind, licence.length), (LicenceMessageType::ERROR_ALERT, 16));
        assert!(licence.alert.is_some_and(|alert| alert.is_valid_client()));
        assert!(super::licence(&Secured { body: &secured.body[..9], ..secured }).is_err());
        let encrypted =
            Secured { flags: SecurityFlags::SEC_LICENSE_PKT | SecurityFlags::SEC_ENCRYPT, ..secured };
        assert!(super::licence(&encrypted).is_err());
    }

    #[test]
    fn set_error_info() {
        let bytes = [
            0x16, 0x00, 0x17, 0x00, 0xEA, 0x03, // 22 bytes, data, from 1002
            0xEA, 0x03, 0x01, 0x00, 0x00, 0x01, // share id, pad, stream
            0x08, 0x00, 0x2F, 0x00, 0x00, 0x00, // length, Set Error Info, not compressed
            0x0C, 0x00, 0x00, 0x00, // logoff by user
        ];
        let pdu = share_pdu(&bytes).unwrap();
        assert_eq!((pdu.kind, pdu.source, pdu.error_info()), (SharePduType::DATA, 1002, Some(0x0C)));
        for end in 0..bytes.len() - 4 {
            assert!(share_pdu(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn other_pdus_have_no_error_info() {
        let pdu = share_pdu(&[0x10, 0x00, 0x11, 0x00, 0xEA, 0x03, 0xAA]).unwrap();
        assert_eq!(
            (pdu.kind, pdu.error_info(), pdu.body),
            (SharePduType::DEMAND_ACTIVE, None, [0xAA].as_slice())
        );
    }
}
