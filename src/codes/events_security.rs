//! Events of TLS, certificates and logons: what each says, and what it is wrongly taken for.

use super::{Code, Family, Kind, Trust, Written, event};

/// Event of Schannel (TLS).
pub(super) static SCHANNEL: Family = Family {
    name: "schannel",
    also: &[],
    title: "event of Schannel (TLS)",
    kind: Kind::Event,
    met: "System, on either side",
    not: &[],
    decides: &["RdpCoreTS 139 on the server, or RDPClient 1026 on the client, at the same moment: \
            Schannel does not say which program it was."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[SCHANNEL_EVENTS],
};

/// Event of the Security log.
pub(super) static SECURITY: Family = Family {
    name: "security",
    also: &["Microsoft-Windows-Security-Auditing"],
    title: "event of the Security log",
    kind: Kind::Event,
    met: "Security, on the server or the domain controller",
    not: &[],
    decides: &["Events of RdpCoreTS within seconds: Security rarely has the port of a connection."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[SECURITY_EVENTS],
};

/// Event of LsaSrv.
pub(super) static LSA: Family = Family {
    name: "lsasrv",
    also: &[],
    title: "event of LsaSrv",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["Whether it is on the client or the server, and which target it names."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[LSA_EVENTS],
};

/// Event of NTLM.
pub(super) static NTLM: Family = Family {
    name: "ntlm",
    also: &["Microsoft-Windows-NTLM"],
    title: "event of NTLM",
    kind: Kind::Event,
    met: "Microsoft-Windows-NTLM/Operational",
    not: &[],
    decides: &["Whether the user is in Protected Users, and the policies \"Restrict NTLM\"."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[NTLM_EVENTS],
};

/// Event of Kerberos.
pub(super) static KERBEROS: Family = Family {
    name: "kerberos",
    also: &["Microsoft-Windows-Security-Kerberos"],
    title: "event of Kerberos",
    kind: Kind::Event,
    met: "System, on the client",
    not: &[],
    decides: &["The clocks of client, server and domain controller; the SPN TERMSRV of the server."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[KERBEROS_EVENTS],
};

/// Event of CAPI2.
pub(super) static CAPI2: Family = Family {
    name: "capi2",
    also: &["Microsoft-Windows-CAPI2"],
    title: "event of CAPI2",
    kind: Kind::Event,
    met: "Microsoft-Windows-CAPI2/Operational (off by default)",
    not: &[],
    decides: &["The certificate that it names, against that of the server."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[CAPI2_EVENTS],
};

/// Event of NETLOGON.
pub(super) static NETLOGON: Family = Family {
    name: "netlogon",
    also: &[],
    title: "event of NETLOGON",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["Security 4625 with 0xC000005E."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[NETLOGON_EVENTS],
};

static SCHANNEL_EVENTS: &[Code] = &[
    event(36865, "facts of modules, credentials and keys").to(36869),
    event(36870, "the private key of a certificate cannot be used")
        .not(&["That the certificate is bad: its key cannot be read (rights, or missing)."])
        .decides(&["`ErrorCode`: 0x8009030D is a key that this service may not read."]),
    event(36871, "no TLS credential could be made: protocols disabled, or no key"),
    event(36872, "no suitable server credential"),
    event(36873, "this client has no cipher suite to offer"),
    event(36874, "no cipher suite in common with this client")
        .not(&["A certificate problem."])
        .decides(&["The ClientHello in the capture: suites, groups, signature algorithms."]),
    event(36876, "the server's certificate is not valid (client)"),
    event(36880, "a handshake completed, with its parameters (only with extended logging)"),
    event(36881, "the server's certificate is expired, untrusted, revoked or for another name (client)")
        .to(36884),
    event(36886, "no default server credential: noise on most computers"),
    event(36887, "this computer received a fatal alert (`rdpscan explain alert:N`)")
        .not(&["That it was a connection of Remote Desktop: every TLS program of the computer writes it."]),
    event(36888, "this computer sent a fatal alert (`rdpscan explain alert:N`)"),
    event(36896, "trouble with DTLS, the TLS of UDP").to(36899),
];

static SECURITY_EVENTS: &[Code] = &[
    event(4624, "a logon succeeded")
        .not(&["A session, with logon type 3: that is NLA, and type 10 follows it."]),
    event(4625, "a logon failed; the sub-status says why (`rdpscan explain ntstatus:N`)")
        .not(&["From where: under NLA the address is often only `-`."])
        .decides(&["Time and user, against RdpCoreTS 140 or 139."]),
    event(4634, "a logon ended"),
    event(4647, "the user logged off"),
    event(4648, "a logon with explicit credentials"),
    event(4740, "an account was locked out; it names the computer"),
    event(4768, "a Kerberos ticket was issued or refused").to(4769),
    event(4771, "Kerberos pre-authentication failed: 0x18 wrong password, 0x25 clocks"),
    event(4776, "credentials were checked by NTLM").not(&["A success: read its status."]),
    event(4778, "a session was reconnected"),
    event(4779, "a session was disconnected").not(&["A failure: closing the window writes it, too."]),
    event(5152, "the Windows firewall dropped a packet")
        .not(&["A fault: it also keeps strangers out. Whose address is it?"])
        .decides(&["Its own addresses and ports of both ends, against the SYN in a capture."]),
    event(5156, "the Windows firewall allowed a connection").not(&["That the service answered."]),
    event(5157, "the Windows firewall blocked a connection")
        .not(&["Which side's firewall, by itself: the direction and the computer that wrote it tell."])
        .decides(&["Its own addresses and ports of both ends, against the SYN in a capture."]),
];

static LSA_EVENTS: &[Code] = &[
    event(6033, "an anonymous NTLM session"),
    event(6037, "a program used a local name that is not its own (loopback)"),
    event(
        6041,
        "the CredSSP version of the server is not allowed (encryption oracle remediation); on \
            the client",
    )
    .not(&["That 0x904 comes from it: this mismatch has a message of its own."])
    .decides(&["The updates of both sides. `AllowEncryptionOracle` = 2 is no fix: it opens \
            CVE-2018-0886 again."]),
    event(40960, "an authentication error with a server").to(40961),
];

static NTLM_EVENTS: &[Code] = &[
    event(4001, "NTLM was blocked").to(4003).not(&["That the password is wrong: it was not looked at."]),
    event(4020, "NTLM was used or blocked (newer builds)").to(4023),
    event(8001, "NTLM would be blocked: audit only").to(8004).not(&["That it was blocked."]),
];

static KERBEROS_EVENTS: &[Code] = &[
    event(3, "a Kerberos error, with the times of client and server"),
    event(4, "a ticket was made for another account (KRB_AP_ERR_MODIFIED): wrong SPN"),
    event(5, "a time stamp of Kerberos does not fit"),
    event(7, "a ticket could not be verified"),
];

static CAPI2_EVENTS: &[Code] = &[event(10, "a step of judging a certificate")
    .to(90)
    .know(&["11 is the chain, 30 the result of the policy, 41 revocation, 70 a private key."])];

static NETLOGON_EVENTS: &[Code] = &[event(5719, "no domain controller could be reached")];
