//! The number in the error box of mstsc, and the value of RDPClient 1026.
//!
//! The low byte tells the family: 04 sockets and addresses, 06 RDP security and memory, 07 CredSSP and TLS logon,
//! 08 time-outs, licensing and internals, 09 policy.

use super::{Code, Family, Kind, Trust, Written, code};

/// The server's name could not be resolved: no packet went to it.
pub const NAME_NOT_RESOLVED: [u32; 4] = [0x104, 0x208, 0x508, 0x604];
/// No TCP connection was opened.
pub const NOT_OPENED: u32 = 0x204;

/// Disconnect reason of mstsc.
pub(super) static FAMILY: Family = Family {
    name: "reason",
    also: &["mstsc_disconnect", "mstsc", "disconnect", "disconnect-reason", "primary"],
    title: "disconnect reason of mstsc",
    kind: Kind::Code,
    met: "\"Error code\" in the error box of mstsc; RDPClient 1026 `Value` in decimal, 1033 in \
            hexadecimal",
    not: &[],
    decides: &["The files of both sides: `rdpscan analyze CAPTURE LOGS` names the stage and who ended \
            it."],
    sources: &["Microsoft, IMsTscAxEvents::OnDisconnected"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[CODES],
};

const SOCKET: &[&str] = &[
    "Packets: the last stage that was reached, and who sent the first FIN or RST.",
    "RdpCoreTS 131 to 103 of the same connection on the server.",
];
const LOOKUP: &[&str] = &[
    "DNS in a capture of the client: what was asked, and what was answered.",
    "DNS Client 1014 or 3008 on the client.",
];
const LOGON: &[&str] = &[
    "Security 4625 on the server (or the domain controller): its sub-status names the \
            reason.",
    "RdpCoreTS 139 or 140 of the same client; the server's CredSSP answer in the packets \
            shows that, but not why.",
];
const PROTOCOL: &[&str] = &[
    "Packets: a plain text stage that breaks off, or a device that alters data (bad \
            checksums, a forged reset).",
    "RdpCoreTS 97 or 226 on the server.",
];
const LICENCE: &[&str] = &[
    "RdpCoreTS 72 `OnStartLicensing` is the last step before it ends; the licence server \
            and the licensing mode of the session host.",
    "On the client: the key `HKLM\\SOFTWARE\\Microsoft\\MSLicensing` (may the user read \
            and write it?).",
];

static CODES: &[Code] = &[
    code(0x0, "disconnectReasonNoInfo", "no reason was recorded"),
    code(
        0x1,
        "disconnectReasonLocalNotError",
        "the client itself ended it: the user or a program closed it; not an error",
    )
    .not(&["That the connection had worked: cancelling an attempt leaves the same code (RDPClient \
            1026, value 1)."]),
    code(0x2, "disconnectReasonRemoteByUser", "ended from inside the remote session; not an error"),
    code(
        0x3,
        "disconnectReasonByServer",
        "the server ended the connection in an orderly way and said why: the extended code is \
            its errorInfo",
    )
    .not(&["An error: with extended 0xB or 0xC the user disconnected or logged off."])
    .decides(&[
        "The extended code beside it: with this reason, and only with this one, it is what the \
            server sent (`rdpscan explain 0x3 EXTENDED`).",
        "RdpCoreTS 72 `SetErrorInfo(0x…)` and 103 on the server name the same reason.",
    ]),
    code(0x104, "disconnectReasonDNSLookupFailed", "the server's name could not be resolved to an address")
        .not(&["That the server is down: it was never asked. No SYN to it will be in the capture."])
        .decides(LOOKUP),
    code(0x106, "disconnectReasonOutOfMemory", "client out of memory"),
    code(0x108, "disconnectReasonConnectionTimedOut", "the connection was not made in the time allowed").not(
        &[
            "That a firewall dropped it: an unanswered SYN and a handshake that stalls later both \
            end so.",
            "Packet loss rather than a drop: only the packets tell.",
        ],
    ),
    code(
        0x204,
        "disconnectReasonSocketConnectFailed",
        "no TCP connection could be opened: refused, filtered, host off, or Remote Desktop \
            disabled",
    )
    .not(&[
        "A firewall rather than a stopped service: a reset, an ICMP message and silence are \
            three different answers.",
        "Anything about TLS, credentials or licences: the client never got so far.",
    ])
    .decides(&[
        "The answer to the SYN: RST (nothing listens, or a device refuses), ICMP (who sent \
            it?), or silence (dropped, not listening behind a stealthy firewall, asleep, or off).",
        "On the server: RdpCoreTS 131 for this client means that the SYN did arrive; RdpCoreTS \
            129 and RemoteConnectionManager 258 tell since when it listens.",
        "Security 5152 or 5157 on the server: its own firewall dropped the packet.",
    ]),
    code(0x206, "disconnectReasonOutOfMemory2", "client out of memory"),
    code(0x208, "disconnectReasonHostNotFound", "host lookup returned nothing").decides(LOOKUP),
    code(
        0x304,
        "disconnectReasonWinsockSendFailed",
        "sending on the open socket failed: the connection was lost",
    )
    .not(&["Which side or which direction is at fault."])
    .decides(SOCKET),
    code(0x306, "disconnectReasonOutOfMemory3", "client out of memory"),
    code(0x308, "disconnectReasonInvalidIPAddr", "address given is not valid"),
    code(
        0x404,
        "disconnectReasonSocketRecvFailed",
        "receiving on the open socket failed: the connection was lost",
    )
    .not(&["Which side or which direction is at fault."])
    .decides(SOCKET),
    code(0x406, "disconnectReasonInvalidSecurityData", "security data from the server is not valid")
        .decides(PROTOCOL),
    code(
        0x408,
        "disconnectReasonInternalError",
        "an internal error; the text on the screen speaks of invalid characters in the \
            computer name",
    )
    .know(&["Its name and the text on the screen disagree; neither is more than a hint."]),
    code(0x506, "disconnectReasonInvalidEncryption", "encryption method not valid").decides(PROTOCOL),
    code(0x508, "disconnectReasonDNSLookupFailed2", "DNS lookup failed").decides(LOOKUP),
    code(0x604, "disconnectReasonGetHostByNameFailed", "gethostbyname failed").decides(LOOKUP),
    code(0x606, "disconnectReasonInvalidServerSecurityInfo", "server security block not valid")
        .decides(PROTOCOL),
    code(0x608, "disconnectReasonTimerError", "client timer failed"),
    code(0x704, "disconnectReasonTimeoutOccurred", "the client waited for an answer in vain")
        .decides(SOCKET)
        .know(&["The text on the screen is the general \"try connecting again\"."]),
    code(
        0x706,
        "disconnectReasonServerCertificateUnpackErr",
        "the server's certificate could not be unpacked",
    )
    .decides(PROTOCOL)
    .know(&["Seen with servers of other makers."]),
    code(0x804, "disconnectReasonInvalidIP", "bad IP address").decides(SOCKET),
    code(0x808, "disconnectReasonLicensingFailed", "licence negotiation failed")
        .not(&["A refused password: that is 0x807, one digit away."])
        .decides(LICENCE),
    code(
        0x904,
        "disconnectReasonAtClientWinsockFDCLOSE",
        "the client's TCP socket was closed before the client was done with it",
    )
    .not(&[
        "Who closed it, or why: server, client host and every device on the path can.",
        "A certificate, credential, licence or policy problem: the code belongs to the socket \
            family (low byte 04), and those have codes of their own (0x807 to 0x2207, 0x808, \
            0x908, 0xB09).",
        "A port closed by a firewall, or a name that does not resolve: those end in 0x204 and \
            0x104.",
        "A sleeping host: nobody answers its SYN (0x204, 0x108), unless it fell asleep with \
            the connection open.",
    ])
    .decides(&[
        "Packets: the last stage that was reached, and who sent the first FIN or RST.",
        "RdpCoreTS on the server, from 131 of this connection to its 103: 139 or 140 \
            (refused), 142 or 143 (socket error), 103 (reason).",
        "Schannel 36870 to 36888 in System at the same moment, if it ended inside TLS.",
    ]),
    code(0x906, "disconnectReasonInternalSecurityError", "internal security error").decides(PROTOCOL),
    code(0x908, "disconnectReasonLicensingTimeout", "licensing timed out").decides(LICENCE),
    code(0xA06, "disconnectReasonInternalSecurityError2", "internal security error").decides(PROTOCOL),
    code(0xB06, "disconnectReasonEncryptionError", "encryption failed").decides(PROTOCOL),
    code(0xC06, "disconnectReasonDecryptionError", "decryption failed").decides(PROTOCOL),
    code(0xC08, "disconnectReasonClientDecompressionError", "decompression failed in the client"),
    code(0x807, "SSL_ERR_LOGON_FAILURE", "the logon was refused: user name or password")
        .not(&["Which of the two is wrong.", "That the account is locked or expired: 0xD07, 0xE07."])
        .decides(&[
            "Security 4625 on the server (or the domain controller): sub-status 0xC000006A is a \
            wrong password, 0xC0000064 an unknown user.",
            "RdpCoreTS 140 of the same client on Windows 10, Server 2016 and later; 2012 R2 writes \
            none.",
        ]),
    code(0xA07, "SSL_ERR_NO_SUCH_USER", "there is no such user").decides(LOGON),
    code(0xB07, "SSL_ERR_ACCOUNT_DISABLED", "the account is disabled").decides(LOGON),
    code(
        0xC07,
        "SSL_ERR_ACCOUNT_RESTRICTION",
        "an account restriction forbids the logon: hours, computer, policy, empty password",
    )
    .decides(LOGON),
    code(0xD07, "SSL_ERR_ACCOUNT_LOCKED_OUT", "the account is locked out")
        .not(&["That this client locked it: any failed logon anywhere counts."])
        .decides(&["Security 4740 on the domain controller names the computer that locked it; 4625 with \
            0xC0000234 on the server."]),
    code(0xE07, "SSL_ERR_ACCOUNT_EXPIRED", "account expired").decides(LOGON),
    code(0xF07, "SSL_ERR_PASSWORD_EXPIRED", "password expired").decides(LOGON),
    code(0x1207, "SSL_ERR_PASSWORD_MUST_CHANGE", "password must be changed at first logon").decides(LOGON),
    code(0x1607, "SSL_ERR_DELEGATION_POLICY", "client policy forbids delegating credentials to this server")
        .not(&["A fault of the server: the client's own policy forbids it."])
        .decides(LOGON),
    code(
        0x1707,
        "SSL_ERR_POLICY_NTLM_ONLY",
        "delegation needs mutual authentication (Kerberos); only NTLM was possible",
    )
    .not(&["A fault of the server: the client's own policy forbids it."])
    .decides(LOGON),
    code(
        0x1807,
        "SSL_ERR_NO_AUTHENTICATING_AUTHORITY",
        "no domain controller reachable, wrong domain, or trust failure",
    )
    .decides(LOGON),
    code(
        0x1B07,
        "SSL_ERR_CERT_EXPIRED",
        "the certificate is expired or not yet valid; a large clock difference gives the same",
    )
    .not(&["That the certificate really is expired: compare the clocks of both computers first."])
    .decides(&["The dates of the certificate (in the capture up to TLS 1.2, or in the server's \
            store), against both clocks."]),
    code(0x1C07, "SSL_ERR_SMARTCARD_WRONG_PIN", "wrong smart-card PIN").decides(LOGON),
    code(0x2107, "SSL_ERR_FRESH_CRED_REQUIRED_BY_SERVER", "server refuses saved credentials").decides(LOGON),
    code(0x2207, "SSL_ERR_SMARTCARD_CARD_BLOCKED", "smart card blocked").decides(LOGON),
    code(0x107, "", "a normal end, as some clients report it; not an error").trust(Trust::Retold),
    code(0x10A, "", "smart-card service not running").trust(Trust::Retold),
    code(0x20A, "", "no smart-card reader").trust(Trust::Retold),
    code(0x30A, "", "no card in reader").trust(Trust::Retold),
    code(0x40A, "", "smart-card subsystem error").trust(Trust::Retold),
    code(0x708, "", "console session already open").trust(Trust::Retold),
    code(0x907, "", "an unexpected server certificate: changed between two steps, or refused")
        .decides(&["The certificate in the capture against the one that the server owns (SHA-1 \
            thumbprint): another one means that a device on the path replaced it."])
        .trust(Trust::Retold),
    code(0xB04, "", "an unspecified error prevented the connection")
        .not(&["Anything definite: only that it is of the socket family (low byte 04)."])
        .decides(SOCKET)
        .trust(Trust::Retold),
    code(0xB09, "", "the server requires network level authentication (NLA) and this client cannot do it")
        .not(&["That NLA is broken on the server, or should be switched off."])
        .decides(&["Packets: RDP_NEG_FAILURE 5 in the answer to a connection request that does not offer \
            CredSSP."])
        .trust(Trust::Retold),
    code(0xD06, "", "a protocol error: the session is ended").decides(PROTOCOL).trust(Trust::Retold),
    code(0xD09, "", "client policy wants the Windows Security prompt, server cannot use it")
        .trust(Trust::Retold),
    code(0xE06, "", "client does not do FIPS level encryption").decides(PROTOCOL).trust(Trust::Retold),
    code(0xE08, "", "auto-reconnect failed").trust(Trust::Retold),
    code(0xE09, "", "server does not support Restricted Admin").trust(Trust::Retold),
    code(0xF08, "", "credentials may not be sent to this server (delegation policy)")
        .not(&["A fault of the server: the client's own policy forbids it."])
        .trust(Trust::Retold),
    code(0x1007, "", "logon hours restriction").decides(LOGON).trust(Trust::Retold),
    code(0x1008, "", "client out of video resources").trust(Trust::Retold),
    code(0x1107, "", "workstation restriction").decides(LOGON).trust(Trust::Retold),
    code(0x1108, "", "could not reconnect to the session").trust(Trust::Retold),
    code(0x1307, "", "the user has not been granted this type of logon")
        .not(&["A wrong password: CredSSP went through, the refusal came after it."])
        .decides(&["Security 4625 with 0xC000015B; membership of Remote Desktop Users and the right \
            \"Allow log on through Remote Desktop Services\"."])
        .trust(Trust::Retold),
    code(0x1407, "", "Kerberos user-to-user required").decides(LOGON).trust(Trust::Retold),
    code(0x1D07, "", "the clocks differ: the identity of the server cannot be verified")
        .not(&["That the certificate is expired."])
        .decides(&["Both clocks against the domain controller; Kerberos event 3 carries the time of \
            client and server."])
        .trust(Trust::Retold),
    code(0x2507, "", "RemoteApp auto-reconnect failed").decides(LOGON).trust(Trust::Retold),
    code(0x2604, "", "client and server versions do not match").decides(SOCKET).trust(Trust::Retold),
    code(0x200_0001, "", "RemoteApp reconnect failed").trust(Trust::Retold),
    code(0x200_0002, "", "server does not support RemoteApp").trust(Trust::Retold),
];
