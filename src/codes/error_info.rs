//! What a server says in the Set Error Info PDU: why it ends the session. [MS-RDPBCGR] 2.2.5.1.1

use super::{Code, Family, Kind, Trust, Written, code, error_info_protocol};

/// Why a server ends a session. The protocol errors are many and alike, and stand in a file of their own.
pub(super) static FAMILY: Family = Family {
    name: "errorinfo",
    also: &["seterrorinfo", "errinfo"],
    title: "errorInfo of the server",
    kind: Kind::Code,
    met: "Set Error Info PDU; RdpCoreTS 72 `SetErrorInfo(0x…)`, 228 `ErrorCode`; extended code \
            beside reason 0x3",
    not: &["That a client saw it: only one that announced support for it is told, and only after \
            TLS and NLA."],
    decides: &["RdpCoreTS 72, 228 and 103 of the same connection; behind TLS the packets show its \
            size only."],
    sources: &["[MS-RDPBCGR] 2.2.5.1.1"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[OWN, error_info_protocol::CODES],
};

const LICENCE: &[&str] = &[
    "RdpCoreTS 72 `OnStartLicensing` is the last step before it ends; the licence server \
            and the licensing mode of the session host.",
    "On the client: the key `HKLM\\SOFTWARE\\Microsoft\\MSLicensing` (may the user read \
            and write it?).",
];

const OWN: &[Code] = &[
    code(
        0x1,
        "ERRINFO_RPC_INITIATED_DISCONNECT",
        "administrator disconnected the session from another session",
    ),
    code(0x2, "ERRINFO_RPC_INITIATED_LOGOFF", "administrator logged the session off"),
    code(0x3, "ERRINFO_IDLE_TIMEOUT", "idle limit"),
    code(0x4, "ERRINFO_LOGON_TIMEOUT", "active session time limit"),
    code(0x5, "ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION", "another connection took over the session"),
    code(0x6, "ERRINFO_OUT_OF_MEMORY", "server out of memory"),
    code(0x7, "ERRINFO_SERVER_DENIED_CONNECTION", "the server denied the connection")
        .not(&["What the client shows as 0x904 with extended 7: that pair appears without this \
            message, too."]),
    code(
        0x9,
        "ERRINFO_SERVER_INSUFFICIENT_PRIVILEGES",
        "the user may not log on remotely: not in Remote Desktop Users, or the right is missing",
    ),
    code(0xA, "ERRINFO_SERVER_FRESH_CREDENTIALS_REQUIRED", "saved credentials refused"),
    code(0xB, "ERRINFO_RPC_INITIATED_DISCONNECT_BY_USER", "user chose Disconnect in the session"),
    code(0xC, "ERRINFO_LOGOFF_BY_USER", "user logged off"),
    code(0xF, "ERRINFO_CLOSE_STACK_ON_DRIVER_NOT_READY", "display driver did not report ready in time"),
    code(0x10, "ERRINFO_SERVER_DWM_CRASH", "desktop window manager crashed"),
    code(0x11, "ERRINFO_CLOSE_STACK_ON_DRIVER_FAILURE", "display driver could not start"),
    code(0x12, "ERRINFO_CLOSE_STACK_ON_DRIVER_IFACE_FAILURE", "display driver interface failed"),
    code(0x17, "ERRINFO_SERVER_WINLOGON_CRASH", "winlogon crashed"),
    code(0x18, "ERRINFO_SERVER_CSRSS_CRASH", "csrss crashed"),
    code(0x100, "ERRINFO_LICENSE_INTERNAL", "licensing: internal error").decides(LICENCE),
    code(0x101, "ERRINFO_LICENSE_NO_LICENSE_SERVER", "no licence server reachable").decides(LICENCE),
    code(0x102, "ERRINFO_LICENSE_NO_LICENSE", "no CAL for this client").decides(LICENCE),
    code(0x103, "ERRINFO_LICENSE_BAD_CLIENT_MSG", "licensing: bad message from the client").decides(LICENCE),
    code(
        0x104,
        "ERRINFO_LICENSE_HWID_DOESNT_MATCH_LICENSE",
        "licensing: the hardware id does not match the licence",
    )
    .decides(LICENCE),
    code(0x105, "ERRINFO_LICENSE_BAD_CLIENT_LICENSE", "licensing: bad licence of the client")
        .decides(LICENCE),
    code(0x106, "ERRINFO_LICENSE_CANT_FINISH_PROTOCOL", "licensing: the exchange could not be finished")
        .decides(LICENCE),
    code(0x107, "ERRINFO_LICENSE_CLIENT_ENDED_PROTOCOL", "licensing: the client ended the exchange")
        .decides(LICENCE),
    code(
        0x108,
        "ERRINFO_LICENSE_BAD_CLIENT_ENCRYPTION",
        "licensing: wrongly encrypted message from the client",
    )
    .decides(LICENCE),
    code(0x109, "ERRINFO_LICENSE_CANT_UPGRADE_LICENSE", "licensing: the licence could not be upgraded")
        .decides(LICENCE),
    code(
        0x10A,
        "ERRINFO_LICENSE_NO_REMOTE_CONNECTIONS",
        "licensing: the server is not licensed for remote connections",
    )
    .decides(LICENCE),
    code(0x400, "ERRINFO_CB_DESTINATION_NOT_FOUND", "connection broker: destination not found"),
    code(0x402, "ERRINFO_CB_LOADING_DESTINATION", "connection broker: loading destination"),
    code(0x404, "ERRINFO_CB_REDIRECTING_TO_DESTINATION", "connection broker: redirecting to destination"),
    code(0x405, "ERRINFO_CB_SESSION_ONLINE_VM_WAKE", "connection broker: VM: wake"),
    code(0x406, "ERRINFO_CB_SESSION_ONLINE_VM_BOOT", "connection broker: VM: boot"),
    code(0x407, "ERRINFO_CB_SESSION_ONLINE_VM_NO_DNS", "connection broker: VM: no dns"),
    code(0x408, "ERRINFO_CB_DESTINATION_POOL_NOT_FREE", "connection broker: destination pool not free"),
    code(0x409, "ERRINFO_CB_CONNECTION_CANCELLED", "connection broker: connection cancelled"),
    code(
        0x410,
        "ERRINFO_CB_CONNECTION_ERROR_INVALID_SETTINGS",
        "connection broker: connection error invalid settings",
    ),
    code(0x411, "ERRINFO_CB_SESSION_ONLINE_VM_BOOT_TIMEOUT", "connection broker: VM: boot timeout"),
    code(0x412, "ERRINFO_CB_SESSION_ONLINE_VM_SESSMON_FAILED", "connection broker: VM: sessmon failed"),
    code(0x1196, "ERRINFO_PEER_DISCONNECTED", "peer connection lost"),
    code(0x0, "ERRINFO_NONE", "no error; sent by servers in the normal course and to be ignored"),
    code(0x19, "ERRINFO_SERVER_SHUTDOWN", "server is shutting down").trust(Trust::Unverified),
    code(0x1A, "ERRINFO_SERVER_REBOOT", "server is rebooting").trust(Trust::Unverified),
];
