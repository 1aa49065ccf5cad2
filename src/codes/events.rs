//! Events of the RDP services of server and client: what each says, and what it is wrongly taken for.

use super::{Code, Family, Kind, Trust, Written, event};

/// Event of RdpCoreTS.
pub(super) static CORE_TS: Family = Family {
    name: "rdpcorets",
    also: &["Microsoft-Windows-RemoteDesktopServices-RdpCoreTS"],
    title: "event of RdpCoreTS",
    kind: Kind::Event,
    met: "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational on the server (1 to 8, \
            105 and 138: Admin)",
    not: &[],
    decides: &["All events of the connection: they share its ActivityID, from 131 (accepted) to 103 \
            (why it ended)."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[CORE_TS_EVENTS],
};

/// Event of RemoteConnectionManager.
pub(super) static RCM: Family = Family {
    name: "rcm",
    also: &[
        "Microsoft-Windows-TerminalServices-RemoteConnectionManager",
        "RemoteConnectionManager",
        "TermService",
        "TermService/Microsoft-Windows-TerminalServices-RemoteConnectionManager",
    ],
    title: "event of RemoteConnectionManager",
    kind: Kind::Event,
    met: "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational on the server \
            (1012 to 1067: System; 1158, 20499, 20521: Admin)",
    not: &[],
    decides: &["RdpCoreTS events with the same ActivityID."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[RCM_EVENTS],
};

/// Event of LocalSessionManager.
pub(super) static LSM: Family = Family {
    name: "lsm",
    also: &["Microsoft-Windows-TerminalServices-LocalSessionManager", "LocalSessionManager"],
    title: "event of LocalSessionManager",
    kind: Kind::Event,
    met: "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational on the server",
    not: &[],
    decides: &["RdpCoreTS 103 of the same ActivityID: it separates what these events do not."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[LSM_EVENTS],
};

/// Event of the client.
pub(super) static CLIENT: Family = Family {
    name: "rdpclient",
    also: &["Microsoft-Windows-TerminalServices-ClientActiveXCore", "mstsc-event"],
    title: "event of the client",
    kind: Kind::Event,
    met: "Microsoft-Windows-TerminalServices-RDPClient/Operational on the client",
    not: &[],
    decides: &["1024 to 1026 of the same ActivityID, and the events of the server at the same moment."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[CLIENT_EVENTS],
};

/// Event of the RD Gateway.
pub(super) static GATEWAY: Family = Family {
    name: "gateway-event",
    also: &["Microsoft-Windows-TerminalServices-Gateway", "rdgateway"],
    title: "event of the RD Gateway",
    kind: Kind::Event,
    met: "Microsoft-Windows-TerminalServices-Gateway/Operational on the gateway",
    not: &[],
    decides: &["`ErrorCode` of the event (`rdpscan explain tsgu:N`), and the log of the target at the \
            same moment."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[GATEWAY_EVENTS],
};

static CORE_TS_EVENTS: &[Code] = &[
    event(1, "trouble of the graphics module at its start").to(8),
    event(33, "the graphics module was chosen: the session is being built"),
    event(34, "graphics module chosen, or not available").to(38),
    event(65, "the connection object was made, milliseconds after the accept"),
    event(66, "the connection is bound to a Windows session")
        .know(&["It may come twice: first a temporary session, then the real one."]),
    event(67, "protocol error of the connection"),
    event(68, "the first picture is at the client: the session is usable")
        .know(&["Its values are milliseconds on the client's side since it started."]),
    event(69, "a listener module was loaded"),
    event(70, "the listener started: TermService starts"),
    event(71, "the connection goes on to graphics"),
    event(72, "a method was called: the best marker of stages").know(&[
        "`OnStartLicensing`: TLS and NLA are over. `SetErrorInfo(0x…)`: the errorInfo that \
            goes to the client.",
        "Server 2012 R2 does not write it.",
    ]),
    event(73, "whether inner encryption is off"),
    event(97, "a component met a protocol error: the client was cut off"),
    event(98, "the connection is ready behind security")
        .not(&["That TCP was accepted: it comes after the security phase. The accept is 131."]),
    event(99, "a TCP connection failed"),
    event(100, "multitransport was confirmed"),
    event(
        101,
        "network detection is off; comes right after the security phase: TLS and NLA have \
            passed",
    )
    .not(&["A problem, although its level is warning."]),
    event(102, "the main connection ended"),
    event(103, "disconnected, with a reason (`rdpscan explain disconnected:N`)")
        .not(&["An error: every session ends with it."]),
    event(104, "the client information arrived, after security"),
    event(105, "the server allows standard RDP encryption (security layer 0 or 1)"),
    event(106, "the listener was disabled: automatic reconnection was forced"),
    event(107, "the client closed the window in an orderly way")
        .know(&["It separates the closed window from the lost network, which LocalSessionManager 40 \
            does not."]),
    event(129, "the port is bound: the server listens from this moment"),
    event(130, "the client was asked to open UDP"),
    event(131, "a connection was accepted: the handshake of TCP is complete, as the server sees it")
        .not(&["That TLS, or a logon, went well: nothing of it has happened yet."])
        .know(&["UDP has an ActivityID of its own, and writes the address in brackets."]),
    event(132, "a channel was opened"),
    event(133, "round trip and bandwidth were measured"),
    event(134, "measuring failed: defaults are used"),
    event(135, "which transport was chosen, and why"),
    event(136, "UDP could not be set up: TCP is used").not(&["A failed session: it goes on over TCP."]),
    event(137, "a poor network was measured"),
    event(138, "DTLS did not start: TLS is used"),
    event(139, "the server's security layer refused the connection; ResultCode is an SSPI status")
        .not(&["A TLS problem: CredSSP errors come with the same event and the same numbers."])
        .decides(&[
            "Schannel events in System at the same moment: then it was TLS.",
            "Packets: did the TLS handshake end before it?",
        ]),
    event(140, "network level authentication refused user name or password")
        .not(&[
            "That the password is wrong: an unknown user and a locked account come here, too.",
            "That it must be there for every wrong password: Server 2012 R2 never writes it.",
        ])
        .decides(&["Security 4625 of the same moment: its sub-status names the reason."]),
    event(141, "a performance counter instance was made: noise"),
    event(142, "reading from the socket failed (`rdpscan explain socket-error:N`)")
        .not(&["A network problem: with error 64 after 107, 103, 140 or 228 it is the normal end, \
            since mstsc closes with a reset."])
        .decides(&["What comes before it, and who sent the RST in the capture."]),
    event(143, "writing to the socket failed (`rdpscan explain socket-error:N`)")
        .not(&["A network problem: with error 64 after 107, 103, 140 or 228 it is the normal end, \
            since mstsc closes with a reset."])
        .decides(&["What comes before it, and who sent the RST in the capture."])
        .know(&["It may come twenty times in one microsecond."]),
    event(144, "the socket was closed in an orderly way (FIN)"),
    event(145, "seconds without output of the server before the end")
        .not(&["An idle limit: a path that died looks the same."]),
    event(146, "automatic reconnection failed"),
    event(147, "the logon to Windows failed"),
    event(148, "a channel was closed: noise"),
    event(149, "the logon certificate of the client is not valid"),
    event(150, "timing statistics (debug channel)").to(152),
    event(153, "the TLS version that was negotiated (debug channel, off by default)"),
    event(154, "an error in free text"),
    event(155, "timing statistics (debug channel)"),
    event(161, "the encoder failed"),
    event(162, "graphics version of the client: the session works"),
    event(163, "graphics level of the client").to(167),
    event(168, "screen size of the client"),
    event(169, "kind of client: tells mstsc from scanners"),
    event(170, "facts of the encoder").to(173),
    event(193, "media remoting").to(195),
    event(225, "a state changed (debug channel)"),
    event(
        226,
        "a state machine met an error: RDP_TCP is a socket that died, RDP_SEC with \
            FEventHandshakeFailed is TLS or NLA",
    )
    .not(&["A failure, after 107: FStatePassthrough then is the normal close."]),
    event(227, "a call failed")
        .not(&["A failure: healthy sessions have several, at level error."])
        .know(&["\"Failed to get property Disconnect Reason\" marks an end without a stored reason."]),
    event(228, "the disconnect, with its errorInfo")
        .know(&["3489660929 (0xD0000001): the transport was lost."]),
    event(229, "a listener is being made: noise"),
    event(257, "graphics mode of RemoteApp").to(258),
    event(289, "UDP of Azure Virtual Desktop (Shortpath)").to(294),
];

static RCM_EVENTS: &[Code] = &[
    event(258, "the listener started"),
    event(259, "the listener stopped: the port closes"),
    event(260, "listening failed"),
    event(261, "the listener received a connection: one per accepted TCP connection")
        .not(&["A logon, or an attempt by a person: scanners count as well."])
        .know(&["Its number shows how many connections RdpCoreTS, which overwrites itself, has lost."]),
    event(262, "the listener was told to stop"),
    event(263, "listener event of recent builds"),
    event(1006, "many incomplete connections: the throttle acted (MaxOutstandingConnections)"),
    event(1012, "too many logon attempts: the session was ended"),
    event(1056, "a new self-signed certificate was made")
        .know(&["Its 20 bytes are the SHA-1 thumbprint: compare it with the certificate on the wire."]),
    event(1057, "no self-signed certificate could be made: TLS cannot work"),
    event(1058, "the expired self-signed certificate could not be replaced"),
    event(1067, "the name TERMSRV could not be registered: Kerberos to this host may fail"),
    event(1136, "the service started a role"),
    event(1146, "remote control of a session").to(1148),
    event(1149, "the connection passed the security phase, for a user").not(&[
        "A logon, where NLA is off: then only the logon screen was reached.",
        "Session success: the session begins after it (LocalSessionManager 21 or 25).",
    ]),
    event(1151, "the user who was logged on declined"),
    event(1155, "the RDP stack runs in the kernel"),
    event(1158, "a connection of this address was accepted"),
    event(20499, "reading the user's settings from the domain controller took long"),
    event(20521, "a VM console connection"),
    event(20523, "a listener class was loaded"),
];

static LSM_EVENTS: &[Code] = &[
    event(21, "a session logon succeeded"),
    event(22, "the shell started"),
    event(23, "a session was logged off"),
    event(24, "a session was disconnected").not(&["Why: it has no reason. Event 40 has."]),
    event(25, "a session was reconnected")
        .not(&["That the one before ended in order: after a lost connection it comes, too."]),
    event(32, "a plugin started").to(33),
    event(36, "an error of the session state machine; harmless where a client left during logon").to(37),
    event(39, "the session was disconnected by another session")
        .not(&["Another user: `tsdiscon` and a reconnection of the same user write it, too."]),
    event(40, "a session was disconnected, with a reason (`rdpscan explain session-ended:N`)")
        .not(&["A network problem, with reason 0: a closed window gives 0 as well."]),
    event(41, "session arbitration begins, ends").to(42),
    event(43, "a component took too long").to(53),
    event(54, "the session manager was told to stop"),
    event(59, "which process asked for it"),
];

static CLIENT_EVENTS: &[Code] = &[
    event(226, "a state machine of the client met an error")
        .not(&["A failure: RDPClient_SSL comes at the end of good sessions, too."]),
    event(1007, "the name was not resolved"),
    event(1009, "the server refused the credentials"),
    event(1015, "automatic reconnection failed"),
    event(1017, "no licence"),
    event(1024, "the client starts to connect; the name as typed"),
    event(1025, "the client is connected, security has passed"),
    event(
        1026,
        "the client disconnected; its value is the disconnect reason in decimal (`rdpscan \
            explain reason:N`)",
    )
    .not(&["The extended code: it is not in this event."]),
    event(1027, "logged on"),
    event(1028, "the server answered that it supports TLS"),
    event(1029, "a hash of the user name"),
    event(1031, "a packet had a bad format"),
    event(1033, "the disconnect reason in hexadecimal (newer clients)"),
    event(1100, "latency, bandwidth").to(1101),
    event(1102, "the client uses this address of the server"),
    event(1103, "UDP is established"),
    event(1104, "UDP failed").not(&["A failed session: it goes on over TCP."]),
    event(1105, "multitransport was closed"),
    event(1106, "a close event"),
    event(1401, "graphics version"),
];

static GATEWAY_EVENTS: &[Code] = &[
    event(200, "the connection policy (CAP) is met"),
    event(201, "the connection policy (CAP) refused the user").trust(Trust::Unverified),
    event(300, "the resource policy (RAP) is met"),
    event(301, "the resource policy (RAP) refused the target").trust(Trust::Unverified),
    event(302, "the gateway connected to the target")
        .not(&["That the session came up: the target still had to answer."]),
    event(303, "disconnected").not(&["An error, with code 1226: the orderly end."]),
    event(304, "the policies are met, but the target was not reached").trust(Trust::Unverified),
    event(312, "the client opened an HTTP channel (312 out, 313 in)").to(313),
];
