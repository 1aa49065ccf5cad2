//! The second number in the error box of mstsc.

use super::{Code, Family, Kind, Trust, Written, code};

/// Extended disconnect reason of mstsc.
pub(super) static FAMILY: Family = Family {
    name: "extended",
    also: &["mstsc_extended", "extended-reason", "ext"],
    title: "extended disconnect reason of mstsc",
    kind: Kind::Code,
    met: "\"Extended error code\" in the error box of mstsc; it is not in RDPClient 1026",
    not: &["That the server sent it: only beside reason 0x3 is it the errorInfo value."],
    decides: &["RdpCoreTS 72 `SetErrorInfo(0x…)` and 228 on the server: what was really sent."],
    sources: &["Microsoft, ExtendedDisconnectReasonCode"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[CODES],
};

const LICENCE: &[&str] = &[
    "RdpCoreTS 72 `OnStartLicensing` is the last step before it ends; the licence server \
            and the licensing mode of the session host.",
    "On the client: the key `HKLM\\SOFTWARE\\Microsoft\\MSLicensing` (may the user read \
            and write it?).",
];

static CODES: &[Code] = &[
    code(0x0, "exDiscReasonNoInfo", "no additional information"),
    code(0x1, "exDiscReasonAPIInitiatedDisconnect", "an application asked for the disconnect"),
    code(0x2, "exDiscReasonAPIInitiatedLogoff", "an application logged the session off"),
    code(0x3, "exDiscReasonServerIdleTimeout", "idle limit reached"),
    code(0x4, "exDiscReasonServerLogonTimeout", "connection/active time limit reached"),
    code(0x5, "exDiscReasonReplacedByOtherConnection", "another connection took the session"),
    code(0x6, "exDiscReasonOutOfMemory", "no memory"),
    code(0x7, "exDiscReasonServerDeniedConnection", "by its name, the server denied the connection")
        .not(&[
            "Beside 0x904, that a server sent \"denied\": the client shows 7 also when the peer \
            closes before the session is up.",
            "A network error, a gateway, a socket error or lack of memory: other number spaces, in \
            which 7 has other meanings.",
            "Another user in the session: that is 5.",
        ])
        .decides(&["Whether errorInfo 7 was really sent: RdpCoreTS 72 `SetErrorInfo(0x7)` on the server. \
            It can only travel after TLS and NLA. [MS-RDPBCGR] 2.2.5.1"]),
    code(
        0x8,
        "exDiscReasonServerDeniedConnectionFips",
        "server denied the connection for security (FIPS) reasons",
    ),
    code(0x9, "exDiscReasonServerInsufficientPrivileges", "user lacks the right to log on remotely"),
    code(0xA, "exDiscReasonServerFreshCredsRequired", "fresh credentials needed"),
    code(0xB, "exDiscReasonRpcInitiatedDisconnectByUser", "user chose Disconnect"),
    code(0xC, "exDiscReasonLogoffByUser", "user logged off")
        .know(&["One older revision of the page prints 2; errorInfo and real logs say 12."]),
    code(0x100, "exDiscReasonLicenseInternal", "licensing internal error").decides(LICENCE),
    code(0x101, "exDiscReasonLicenseNoLicenseServer", "no licence server").decides(LICENCE),
    code(0x102, "exDiscReasonLicenseNoLicense", "no valid licence").decides(LICENCE),
    code(0x103, "exDiscReasonLicenseErrClientMsg", "bad licensing message").decides(LICENCE),
    code(0x104, "exDiscReasonLicenseHwidDoesntMatchLicense", "hardware id mismatch").decides(LICENCE),
    code(0x105, "exDiscReasonLicenseErrClientLicense", "client licence error").decides(LICENCE),
    code(0x106, "exDiscReasonLicenseCantFinishProtocol", "network trouble during licensing").decides(LICENCE),
    code(0x107, "exDiscReasonLicenseClientEndedProtocol", "client ended licensing early").decides(LICENCE),
    code(0x108, "exDiscReasonLicenseErrClientEncryption", "licensing message wrongly encrypted")
        .decides(LICENCE),
    code(0x109, "exDiscReasonLicenseCantUpgradeLicense", "CAL could not be upgraded").decides(LICENCE),
    code(0x10A, "exDiscReasonLicenseNoRemoteConnections", "server not licensed for remote connections")
        .decides(LICENCE),
    code(
        0x10B,
        "exDiscReasonLicenseCreatingLicStoreAccDenied",
        "access denied creating the licence store key (client registry)",
    )
    .decides(LICENCE),
    code(0x300, "exDiscReasonRdpEncInvalidCredentials", "invalid credentials"),
    code(
        0x1000,
        "exDiscReasonProtocolRangeStart",
        "first number of the internal protocol errors (to 0x7FFF)",
    )
    .know(&["Within the range the numbers are those of errorInfo."]),
    code(0x7FFF, "exDiscReasonProtocolRangeEnd", "last number of the internal protocol errors (from 0x1000)"),
];
