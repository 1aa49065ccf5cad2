//! Numbers inside the events of the server's RDP logs.

use super::{Code, Family, Kind, Trust, Written, code};

/// Reason in RdpCoreTS 103.
pub(super) static DISCONNECTED: Family = Family {
    name: "disconnected",
    also: &["rdpcorets103", "reasoncode"],
    title: "reason in RdpCoreTS 103",
    kind: Kind::Code,
    met: "RdpCoreTS 103 `ReasonCode`",
    not: &[],
    decides: &["The events of the same connection before it: 139 or 140, 107, 142 or 143, 228."],
    sources: &["Real logs of Windows 10 and Server 2012 R2"],
    trust: Trust::Derived,
    written: Written::Plain,
    codes: &[DISCONNECTED_CODES],
};

/// Socket error in RdpCoreTS 142 and 143.
pub(super) static SOCKET: Family = Family {
    name: "socket-error",
    also: &["rdpcorets142_143", "socket", "win32"],
    title: "socket error in RdpCoreTS 142 and 143",
    kind: Kind::Code,
    met: "RdpCoreTS 142 (reading) and 143 (writing) `error`; 226 as 0x8007…",
    not: &[],
    decides: &["Packets of the same moment."],
    sources: &["Real logs; winerror.h for the names"],
    trust: Trust::Derived,
    written: Written::Win32,
    codes: &[SOCKET_CODES],
};

/// Reason in LocalSessionManager 40.
pub(super) static SESSION_ENDED: Family = Family {
    name: "session-ended",
    also: &["lsm40_reason", "lsm40"],
    title: "reason in LocalSessionManager 40",
    kind: Kind::Code,
    met: "LocalSessionManager 40 `Reason`; the numbers of the extended codes",
    not: &[],
    decides: &["RdpCoreTS 103 of the same connection, which separates what 0 does not; \
            LocalSessionManager 39 names the session that did it."],
    sources: &["Microsoft TechNet wiki 37874; real logs"],
    trust: Trust::Retold,
    written: Written::Plain,
    codes: &[SESSION_ENDED_CODES],
};

static DISCONNECTED_CODES: &[Code] = &[
    code(
        0,
        "",
        "taken down without a stored reason: it failed before the session existed (TLS, NLA on \
            2012 R2, or the server gave up)",
    )
    .not(&["A good end."]),
    code(5, "", "another connection took the session"),
    code(11, "", "user chose Disconnect"),
    code(12, "", "user logged off"),
    code(13, "", "the client ended the session in an orderly way")
        .not(&["A code of errorInfo: 13 and 14 are not in [MS-RDPBCGR]."]),
    code(14, "", "the transport was lost: a socket error is stored")
        .not(&["A failed session by itself: mstsc resets its connection also after a cancelled or \
            refused attempt."])
        .decides(&["The socket error in 142 or 143: 64 is a reset, 121 is data that was never \
            acknowledged."]),
];

static SOCKET_CODES: &[Code] = &[
    code(64, "ERROR_NETNAME_DELETED", "the peer reset the connection or vanished")
        .not(&["A fault: every mstsc connection ends with a reset from the client. After 103, 107 or \
            228 it is noise."])
        .decides(&["Whether 107, 140, 139 or 103 come before it, and who sent the RST in the capture."]),
    code(121, "ERROR_SEM_TIMEOUT", "sending timed out: data was never acknowledged")
        .not(&["The moment of the fault: the last sign of life is earlier by the time that TCP \
            repeats."])
        .decides(&["Retransmissions in the capture: of all sizes (loss) or of full-size segments only \
            (MTU)."]),
    code(1236, "ERROR_CONNECTION_ABORTED", "the local side aborted the connection"),
    code(995, "ERROR_OPERATION_ABORTED", "the local side cancelled the operation"),
];

static SESSION_ENDED_CODES: &[Code] = &[
    code(0, "", "no reason was given: the transport was lost, or the client closed its window")
        .not(&["A network problem: a closed window gives 0 as well."])
        .decides(&["RdpCoreTS 103 of the same connection: 13 is the closed window (107 comes before it), \
            14 the lost transport (142 or 143 come with it)."])
        .trust(Trust::Documented),
    code(1, "", "an application asked for the disconnect"),
    code(2, "", "an application logged the session off"),
    code(3, "", "idle limit reached"),
    code(4, "", "connection/active time limit reached"),
    code(5, "", "another connection took the session").trust(Trust::Documented),
    code(6, "", "no memory"),
    code(7, "", "server denied the connection"),
    code(8, "", "server denied the connection for security (FIPS) reasons"),
    code(9, "", "user lacks the right to log on remotely"),
    code(10, "", "fresh credentials needed"),
    code(11, "", "user chose Disconnect").trust(Trust::Documented),
    code(12, "", "user logged off").trust(Trust::Documented),
];
