//! The part of errorInfo that says how a client broke the protocol. [MS-RDPBCGR] 2.2.5.1.1

use super::{Code, code};

/// The protocol errors.
pub(super) const CODES: &[Code] = &[
    code(0x10C9, "ERRINFO_UNKNOWN_DATA_PDU_TYPE", "protocol error of the client: unknown data PDU type"),
    code(0x10CA, "ERRINFO_UNKNOWN_PDU_TYPE", "protocol error of the client: unknown PDU type"),
    code(0x10CB, "ERRINFO_DATA_PDU_SEQUENCE", "protocol error of the client: data PDU sequence"),
    code(0x10CD, "ERRINFO_CONTROL_PDU_SEQUENCE", "protocol error of the client: control PDU sequence"),
    code(
        0x10CE,
        "ERRINFO_INVALID_CONTROL_PDU_ACTION",
        "protocol error of the client: invalid control PDU action",
    ),
    code(0x10CF, "ERRINFO_INVALID_INPUT_PDU_TYPE", "protocol error of the client: invalid input PDU type"),
    code(0x10D0, "ERRINFO_INVALID_INPUT_PDU_MOUSE", "protocol error of the client: invalid input PDU mouse"),
    code(
        0x10D1,
        "ERRINFO_INVALID_REFRESH_RECT_PDU",
        "protocol error of the client: invalid refresh rect PDU",
    ),
    code(0x10D2, "ERRINFO_CREATE_USER_DATA_FAILED", "protocol error of the client: create user data failed"),
    code(0x10D3, "ERRINFO_CONNECT_FAILED", "protocol error of the client: connect failed"),
    code(
        0x10D4,
        "ERRINFO_CONFIRM_ACTIVE_HAS_WRONG_SHAREID",
        "protocol error of the client: confirm active has wrong share id",
    ),
    code(
        0x10D5,
        "ERRINFO_CONFIRM_ACTIVE_HAS_WRONG_ORIGINATOR",
        "protocol error of the client: confirm active has wrong originator",
    ),
    code(
        0x10DA,
        "ERRINFO_PERSISTENT_KEY_PDU_BAD_LENGTH",
        "protocol error of the client: persistent key PDU bad length",
    ),
    code(
        0x10DB,
        "ERRINFO_PERSISTENT_KEY_PDU_ILLEGAL_FIRST",
        "protocol error of the client: persistent key PDU illegal first",
    ),
    code(
        0x10DC,
        "ERRINFO_PERSISTENT_KEY_PDU_TOO_MANY_TOTAL_KEYS",
        "protocol error of the client: persistent key PDU too many total keys",
    ),
    code(
        0x10DD,
        "ERRINFO_PERSISTENT_KEY_PDU_TOO_MANY_CACHE_KEYS",
        "protocol error of the client: persistent key PDU too many cache keys",
    ),
    code(0x10DE, "ERRINFO_INPUT_PDU_BAD_LENGTH", "protocol error of the client: input PDU bad length"),
    code(
        0x10DF,
        "ERRINFO_BITMAP_CACHE_ERROR_PDU_BAD_LENGTH",
        "protocol error of the client: bitmap cache error PDU bad length",
    ),
    code(0x10E0, "ERRINFO_SECURITY_DATA_TOO_SHORT", "protocol error of the client: security data too short"),
    code(
        0x10E1,
        "ERRINFO_VCHANNEL_DATA_TOO_SHORT",
        "protocol error of the client: virtual channel data too short",
    ),
    code(0x10E2, "ERRINFO_SHARE_DATA_TOO_SHORT", "protocol error of the client: share data too short"),
    code(0x10E3, "ERRINFO_BAD_SUPPRESS_OUTPUT_PDU", "protocol error of the client: bad suppress output PDU"),
    code(
        0x10E5,
        "ERRINFO_CONFIRM_ACTIVE_PDU_TOO_SHORT",
        "protocol error of the client: confirm active PDU too short",
    ),
    code(
        0x10E7,
        "ERRINFO_CAPABILITY_SET_TOO_SMALL",
        "protocol error of the client: capability set too small",
    ),
    code(
        0x10E8,
        "ERRINFO_CAPABILITY_SET_TOO_LARGE",
        "protocol error of the client: capability set too large",
    ),
    code(0x10E9, "ERRINFO_NO_CURSOR_CACHE", "protocol error of the client: no cursor cache"),
    code(0x10EA, "ERRINFO_BAD_CAPABILITIES", "protocol error of the client: bad capabilities"),
    code(
        0x10EC,
        "ERRINFO_VIRTUAL_CHANNEL_DECOMPRESSION",
        "protocol error of the client: virtual channel decompression",
    ),
    code(
        0x10ED,
        "ERRINFO_INVALID_VC_COMPRESSION_TYPE",
        "protocol error of the client: invalid virtual channel compression type",
    ),
    code(0x10EF, "ERRINFO_INVALID_CHANNEL_ID", "protocol error of the client: invalid channel id"),
    code(0x10F0, "ERRINFO_VCHANNELS_TOO_MANY", "protocol error of the client: virtual channels too many"),
    code(0x10F3, "ERRINFO_REMOTEAPP_NOT_ENABLED", "protocol error of the client: RemoteApp not enabled"),
    code(0x10F4, "ERRINFO_CACHE_CAP_NOT_SET", "protocol error of the client: cache cap not set"),
    code(
        0x10F5,
        "ERRINFO_BITMAP_CACHE_ERROR_PDU_BAD_LENGTH2",
        "protocol error of the client: bitmap cache error PDU bad length (check 2)",
    ),
    code(
        0x10F6,
        "ERRINFO_OFFSCREEN_CACHE_ERROR_PDU_BAD_LENGTH",
        "protocol error of the client: offscreen cache error PDU bad length",
    ),
    code(
        0x10F7,
        "ERRINFO_DRAWNINEGRID_CACHE_ERROR_PDU_BAD_LENGTH",
        "protocol error of the client: DrawNineGrid cache error PDU bad length",
    ),
    code(0x10F8, "ERRINFO_GDIPLUS_PDU_BAD_LENGTH", "protocol error of the client: GDI+ PDU bad length"),
    code(
        0x1111,
        "ERRINFO_SECURITY_DATA_TOO_SHORT2",
        "protocol error of the client: security data too short (check 2)",
    ),
    code(
        0x1112,
        "ERRINFO_SECURITY_DATA_TOO_SHORT3",
        "protocol error of the client: security data too short (check 3)",
    ),
    code(
        0x1113,
        "ERRINFO_SECURITY_DATA_TOO_SHORT4",
        "protocol error of the client: security data too short (check 4)",
    ),
    code(
        0x1114,
        "ERRINFO_SECURITY_DATA_TOO_SHORT5",
        "protocol error of the client: security data too short (check 5)",
    ),
    code(
        0x1115,
        "ERRINFO_SECURITY_DATA_TOO_SHORT6",
        "protocol error of the client: security data too short (check 6)",
    ),
    code(
        0x1116,
        "ERRINFO_SECURITY_DATA_TOO_SHORT7",
        "protocol error of the client: security data too short (check 7)",
    ),
    code(
        0x1117,
        "ERRINFO_SECURITY_DATA_TOO_SHORT8",
        "protocol error of the client: security data too short (check 8)",
    ),
    code(
        0x1118,
        "ERRINFO_SECURITY_DATA_TOO_SHORT9",
        "protocol error of the client: security data too short (check 9)",
    ),
    code(
        0x1119,
        "ERRINFO_SECURITY_DATA_TOO_SHORT10",
        "protocol error of the client: security data too short (check 10)",
    ),
    code(
        0x111A,
        "ERRINFO_SECURITY_DATA_TOO_SHORT11",
        "protocol error of the client: security data too short (check 11)",
    ),
    code(
        0x111B,
        "ERRINFO_SECURITY_DATA_TOO_SHORT12",
        "protocol error of the client: security data too short (check 12)",
    ),
    code(
        0x111C,
        "ERRINFO_SECURITY_DATA_TOO_SHORT13",
        "protocol error of the client: security data too short (check 13)",
    ),
    code(
        0x111D,
        "ERRINFO_SECURITY_DATA_TOO_SHORT14",
        "protocol error of the client: security data too short (check 14)",
    ),
    code(
        0x111E,
        "ERRINFO_SECURITY_DATA_TOO_SHORT15",
        "protocol error of the client: security data too short (check 15)",
    ),
    code(
        0x111F,
        "ERRINFO_SECURITY_DATA_TOO_SHORT16",
        "protocol error of the client: security data too short (check 16)",
    ),
    code(
        0x1120,
        "ERRINFO_SECURITY_DATA_TOO_SHORT17",
        "protocol error of the client: security data too short (check 17)",
    ),
    code(
        0x1121,
        "ERRINFO_SECURITY_DATA_TOO_SHORT18",
        "protocol error of the client: security data too short (check 18)",
    ),
    code(
        0x1122,
        "ERRINFO_SECURITY_DATA_TOO_SHORT19",
        "protocol error of the client: security data too short (check 19)",
    ),
    code(
        0x1123,
        "ERRINFO_SECURITY_DATA_TOO_SHORT20",
        "protocol error of the client: security data too short (check 20)",
    ),
    code(
        0x1124,
        "ERRINFO_SECURITY_DATA_TOO_SHORT21",
        "protocol error of the client: security data too short (check 21)",
    ),
    code(
        0x1125,
        "ERRINFO_SECURITY_DATA_TOO_SHORT22",
        "protocol error of the client: security data too short (check 22)",
    ),
    code(
        0x1126,
        "ERRINFO_SECURITY_DATA_TOO_SHORT23",
        "protocol error of the client: security data too short (check 23)",
    ),
    code(0x1129, "ERRINFO_BAD_MONITOR_DATA", "protocol error of the client: bad monitor data"),
    code(
        0x112A,
        "ERRINFO_VC_DECOMPRESSED_REASSEMBLE_FAILED",
        "protocol error of the client: virtual channel decompressed reassemble failed",
    ),
    code(0x112B, "ERRINFO_VC_DATA_TOO_LONG", "protocol error of the client: virtual channel data too long"),
    code(0x112C, "ERRINFO_BAD_FRAME_ACK_DATA", "protocol error of the client: bad frame ack data"),
    code(
        0x112D,
        "ERRINFO_GRAPHICS_MODE_NOT_SUPPORTED",
        "protocol error of the client: graphics mode not supported",
    ),
    code(
        0x112E,
        "ERRINFO_GRAPHICS_SUBSYSTEM_RESET_FAILED",
        "protocol error of the client: graphics subsystem reset failed",
    ),
    code(
        0x112F,
        "ERRINFO_GRAPHICS_SUBSYSTEM_FAILED",
        "protocol error of the client: graphics subsystem failed",
    ),
    code(
        0x1130,
        "ERRINFO_TIMEZONE_KEY_NAME_LENGTH_TOO_SHORT",
        "protocol error of the client: timezone key name length too short",
    ),
    code(
        0x1131,
        "ERRINFO_TIMEZONE_KEY_NAME_LENGTH_TOO_LONG",
        "protocol error of the client: timezone key name length too long",
    ),
    code(
        0x1132,
        "ERRINFO_DYNAMIC_DST_DISABLED_FIELD_MISSING",
        "protocol error of the client: dynamic DST disabled field missing",
    ),
    code(0x1133, "ERRINFO_VC_DECODING_ERROR", "protocol error of the client: virtual channel decoding error"),
    code(0x1134, "ERRINFO_VIRTUALDESKTOPTOOLARGE", "protocol error of the client: virtual desktop too large"),
    code(
        0x1135,
        "ERRINFO_MONITORGEOMETRYVALIDATIONFAILED",
        "protocol error of the client: monitor geometry not valid",
    ),
    code(0x1136, "ERRINFO_INVALIDMONITORCOUNT", "protocol error of the client: monitor count not valid"),
    code(
        0x1191,
        "ERRINFO_UPDATE_SESSION_KEY_FAILED",
        "protocol error of the client: update session key failed",
    ),
    code(0x1192, "ERRINFO_DECRYPT_FAILED", "protocol error of the client: decrypt failed"),
    code(0x1193, "ERRINFO_ENCRYPT_FAILED", "protocol error of the client: encrypt failed"),
    code(
        0x1194,
        "ERRINFO_ENCRYPTION_PACKAGE_MISMATCH",
        "protocol error of the client: encryption package mismatch",
    ),
    code(0x1195, "ERRINFO_DECRYPT_FAILED2", "protocol error of the client: decrypt failed (check 2)"),
];
