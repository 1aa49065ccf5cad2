//! Error codes of the licensing exchange.

use super::{Code, Family, Kind, Trust, Written, code};

/// RDP licensing error.
pub(super) static FAMILY: Family = Family {
    name: "licence",
    also: &["license_error", "license", "licensing"],
    title: "RDP licensing error",
    kind: Kind::Code,
    met: "Licensing Error Message, behind TLS mostly",
    not: &["A refused logon: licensing begins after it."],
    decides: &[
        "RdpCoreTS 72 `OnStartLicensing` is the last step before it ends; the licence server \
            and the licensing mode of the session host.",
        "On the client: the key `HKLM\\SOFTWARE\\Microsoft\\MSLicensing` (may the user read \
            and write it?).",
    ],
    sources: &["[MS-RDPBCGR] 2.2.1.12.1.3"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[CODES],
};

static CODES: &[Code] = &[
    code(1, "ERR_INVALID_SERVER_CERTIFICATE", "server licence certificate invalid"),
    code(2, "ERR_NO_LICENSE", "no licence"),
    code(3, "ERR_INVALID_MAC", "licensing MAC wrong"),
    code(4, "ERR_INVALID_SCOPE", "scope not valid"),
    code(6, "ERR_NO_LICENSE_SERVER", "no licence server"),
    code(7, "STATUS_VALID_CLIENT", "the client is valid: the normal message of success")
        .not(&["An error; and it has nothing to do with extended code 7."]),
    code(8, "ERR_INVALID_CLIENT", "client refused"),
    code(11, "ERR_INVALID_PRODUCTID", "product id not valid"),
    code(12, "ERR_INVALID_MESSAGE_LENGTH", "message length not valid"),
];
