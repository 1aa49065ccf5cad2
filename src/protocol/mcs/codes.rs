//! The numbers and flags in the settings blocks. [MS-RDPBCGR] 2.2.1.3.1 to 2.2.1.4.6

use crate::protocol::wire::{wire_code, wire_flags};

wire_code! {
    /// The type of a settings block. [MS-RDPBCGR] 2.2.1.3.1
    pub struct BlockType(u16) {
        /// Client core data.
        CLIENT_CORE = 0xC001 "CS_CORE";
        /// Client security data.
        CLIENT_SECURITY = 0xC002 "CS_SECURITY";
        /// Client network data.
        CLIENT_NETWORK = 0xC003 "CS_NET";
        /// Client cluster data.
        CLIENT_CLUSTER = 0xC004 "CS_CLUSTER";
        /// Client monitor data.
        CLIENT_MONITOR = 0xC005 "CS_MONITOR";
        /// Client message channel data.
        CLIENT_MESSAGE_CHANNEL = 0xC006 "CS_MCS_MSGCHANNEL";
        /// Client monitor extended data.
        CLIENT_MONITOR_EXTENDED = 0xC008 "CS_MONITOR_EX";
        /// Client multitransport data: it can speak UDP.
        CLIENT_MULTITRANSPORT = 0xC00A "CS_MULTITRANSPORT";
        /// Server core data.
        SERVER_CORE = 0x0C01 "SC_CORE";
        /// Server security data.
        SERVER_SECURITY = 0x0C02 "SC_SECURITY";
        /// Server network data.
        SERVER_NETWORK = 0x0C03 "SC_NET";
        /// Server message channel data.
        SERVER_MESSAGE_CHANNEL = 0x0C04 "SC_MCS_MSGCHANNEL";
        /// Server multitransport data.
        SERVER_MULTITRANSPORT = 0x0C08 "SC_MULTITRANSPORT";
    }
}

wire_flags! {
    /// What a client supports early. [MS-RDPBCGR] 2.2.1.3.2 earlyCapabilityFlags
    pub struct EarlyCapabilities(u16), zero "none" {
        /// The client understands Set Error Info: without it the server closes without saying why.
        SUPPORT_ERRINFO_PDU = 0x0001;
        /// 32 bits per pixel.
        WANT_32BPP_SESSION = 0x0002;
        /// Status information.
        SUPPORT_STATUSINFO_PDU = 0x0004;
        /// Strong asymmetric keys.
        STRONG_ASYMMETRIC_KEYS = 0x0008;
        /// Unused.
        UNUSED = 0x0010;
        /// The connection type field is valid.
        VALID_CONNECTION_TYPE = 0x0020;
        /// Monitor layout.
        SUPPORT_MONITOR_LAYOUT_PDU = 0x0040;
        /// Network detection.
        SUPPORT_NETCHAR_AUTODETECT = 0x0080;
        /// Graphics pipeline.
        SUPPORT_DYNVC_GFX_PROTOCOL = 0x0100;
        /// Dynamic time zone.
        SUPPORT_DYNAMIC_TIME_ZONE = 0x0200;
        /// Heartbeat.
        SUPPORT_HEARTBEAT_PDU = 0x0400;
    }
}

wire_flags! {
    /// Methods of standard RDP security. [MS-RDPBCGR] 2.2.1.3.3, 2.2.1.4.3
    pub struct EncryptionMethods(u32), zero "none" {
        /// RC4 with 40 bits.
        ENCRYPTION_40BIT = 0x01;
        /// RC4 with 128 bits.
        ENCRYPTION_128BIT = 0x02;
        /// RC4 with 56 bits.
        ENCRYPTION_56BIT = 0x08;
        /// 3DES and SHA-1 by FIPS 140-1.
        ENCRYPTION_FIPS = 0x10;
    }
}

wire_code! {
    /// The server's encryption level. [MS-RDPBCGR] 2.2.1.4.3, 5.3.1
    pub struct EncryptionLevel(u32) {
        /// None: TLS is used, or nothing at all.
        NONE = 0 "none";
        /// Client to server only.
        LOW = 1 "low";
        /// What the client can.
        CLIENT_COMPATIBLE = 2 "client compatible";
        /// 128 bits or refused.
        HIGH = 3 "high";
        /// FIPS or refused.
        FIPS = 4 "FIPS";
    }
}

wire_code! {
    /// The network that the client says it has. [MS-RDPBCGR] 2.2.1.3.2 connectionType
    pub struct ConnectionType(u8) {
        /// 56 kbit/s.
        MODEM = 1 "modem";
        /// Up to 2 Mbit/s.
        BROADBAND_LOW = 2 "low-speed broadband";
        /// High latency.
        SATELLITE = 3 "satellite";
        /// 2 to 10 Mbit/s.
        BROADBAND_HIGH = 4 "high-speed broadband";
        /// 10 Mbit/s and more, high latency.
        WAN = 5 "WAN";
        /// 10 Mbit/s and more.
        LAN = 6 "LAN";
        /// To be detected.
        AUTODETECT = 7 "detected";
    }
}
