//! Events of services, power, time and network: what each says, and what it is wrongly taken for.

use super::{Code, Family, Kind, Trust, Written, event};

/// Event of the Service Control Manager.
pub(super) static SCM: Family = Family {
    name: "scm",
    also: &["Service Control Manager"],
    title: "event of the Service Control Manager",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["The service that it names: TermService, SessionEnv or UmRdpService."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[SCM_EVENTS],
};

/// Event of TermDD.
pub(super) static TERM_DD: Family = Family {
    name: "termdd",
    also: &[],
    title: "event of TermDD",
    kind: Kind::Event,
    met: "System, on Windows 7, Server 2008 R2 and older",
    not: &[],
    decides: &["The last four bytes of its data, lowest first: a status (`rdpscan explain \
            ntstatus:0xD00000B5`)."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[TERM_DD_EVENTS],
};

/// Event of Kernel-Power.
pub(super) static KERNEL_POWER: Family = Family {
    name: "kernel-power",
    also: &["Microsoft-Windows-Kernel-Power"],
    title: "event of Kernel-Power",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["Power-Troubleshooter 1: the exact times of a sleep."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[KERNEL_POWER_EVENTS],
};

/// Event of Power-Troubleshooter.
pub(super) static POWER_TROUBLESHOOTER: Family = Family {
    name: "power-troubleshooter",
    also: &["Microsoft-Windows-Power-Troubleshooter"],
    title: "event of Power-Troubleshooter",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["The times of connections that failed, against this interval."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[POWER_TROUBLESHOOTER_EVENTS],
};

/// Event of Kernel-General.
pub(super) static KERNEL_GENERAL: Family = Family {
    name: "kernel-general",
    also: &["Microsoft-Windows-Kernel-General"],
    title: "event of Kernel-General",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["The events around it."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[KERNEL_GENERAL_EVENTS],
};

/// Event of the time service.
pub(super) static TIME_SERVICE: Family = Family {
    name: "time-service",
    also: &["Microsoft-Windows-Time-Service"],
    title: "event of the time service",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["The clock of the other side."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[TIME_SERVICE_EVENTS],
};

/// Event of NetworkProfile.
pub(super) static NETWORK_PROFILE: Family = Family {
    name: "network-profile",
    also: &["Microsoft-Windows-NetworkProfile"],
    title: "event of NetworkProfile",
    kind: Kind::Event,
    met: "Microsoft-Windows-NetworkProfile/Operational",
    not: &[],
    decides: &["Packets: does the address of the client change?"],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[NETWORK_PROFILE_EVENTS],
};

/// Event of the Windows firewall.
pub(super) static FIREWALL: Family = Family {
    name: "firewall",
    also: &["Microsoft-Windows-Windows Firewall With Advanced Security"],
    title: "event of the Windows firewall",
    kind: Kind::Event,
    met: "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",
    not: &[],
    decides: &["Security 5152 or 5157: whether a packet was really dropped."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[FIREWALL_EVENTS],
};

/// Event of DNS Client.
pub(super) static DNS_CLIENT: Family = Family {
    name: "dns-client",
    also: &["Microsoft-Windows-DNS-Client"],
    title: "event of DNS Client",
    kind: Kind::Event,
    met: "System; 3008 to 3020 in Microsoft-Windows-DNS-Client/Operational",
    not: &[],
    decides: &["DNS in a capture of the client."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[DNS_CLIENT_EVENTS],
};

/// Event of Tcpip.
pub(super) static TCPIP: Family = Family {
    name: "tcpip",
    also: &[],
    title: "event of Tcpip",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["ARP in a capture: two hardware addresses for one IP address."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[TCPIP_EVENTS],
};

/// Event of the event log service.
pub(super) static EVENT_LOG: Family = Family {
    name: "eventlog",
    also: &["Microsoft-Windows-Eventlog"],
    title: "event of the event log service",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["User32 1074: who asked for the shutdown. Kernel-Power 41: that nobody did."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[EVENT_LOG_EVENTS],
};

/// Event of User32.
pub(super) static USER32: Family = Family {
    name: "user32",
    also: &[],
    title: "event of User32",
    kind: Kind::Event,
    met: "System",
    not: &[],
    decides: &["The program, the user and the reason that it names."],
    sources: &["The provider's event manifest; real logs where there were any"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[USER32_EVENTS],
};

static EVENT_LOG_EVENTS: &[Code] = &[
    event(6005, "the event log service started: the system starts"),
    event(6006, "the event log service stopped: a clean shutdown"),
    event(6008, "the shutdown before was unexpected; it names the time")
        .not(&["A crash of Windows: a power cut and the power button look the same."]),
];

static USER32_EVENTS: &[Code] = &[
    event(1074, "a shutdown or restart was asked for; it names who and why")
        .not(&["A crash: somebody, or an update, wanted it."]),
    event(1076, "the reason that was given afterwards for an unexpected shutdown"),
];

static SCM_EVENTS: &[Code] = &[
    event(7000, "a service did not start").to(7001),
    event(7009, "a service did not answer in time"),
    event(7023, "a service ended with an error").to(7024),
    event(7031, "a service ended unexpectedly")
        .not(&["That it was Remote Desktop's: read which service it names."]),
    event(7034, "a service ended unexpectedly"),
    event(7036, "a service changed its state")
        .not(&["That a silent log means a running service: newer Windows does not write it for all."]),
    event(7040, "the start type of a service changed"),
];

static TERM_DD_EVENTS: &[Code] = &[
    event(50, "a protocol error in the component that it names"),
    event(56, "an error of the security layer")
        .not(&["An attack, by itself: damaged data and time-outs end so, too."]),
];

static KERNEL_POWER_EVENTS: &[Code] = &[
    event(41, "restart without a clean shutdown")
        .not(&["A crash of Windows: a power cut, a hang and the power button look the same."])
        .decides(&[
            "EventLog 6008 with the time of the end, BugCheck 1001 for a crash, Kernel-General 12 for the start.",
        ]),
    event(42, "the computer goes to sleep: no RDP from here on")
        .not(&["That it slept until the next record: 107 and Power-Troubleshooter 1 tell how long."]),
    event(107, "the computer woke up").not(&["The time of waking: it can carry the time of falling asleep."]),
    event(109, "a shutdown was asked for"),
    event(172, "connectivity in standby"),
    event(187, "a program asked for a power action"),
    event(506, "modern standby begins, ends").to(507),
    event(566, "a system session changed"),
];

static POWER_TROUBLESHOOTER_EVENTS: &[Code] = &[event(1, "the exact interval of a sleep, in UTC")];

static KERNEL_GENERAL_EVENTS: &[Code] = &[
    event(1, "the system clock was set: times before and after do not compare"),
    event(12, "the system started"),
    event(13, "the system shut down"),
    event(24, "the time zone, minutes from UTC"),
];

static TIME_SERVICE_EVENTS: &[Code] = &[
    event(34, "a correction was refused because it is too large: this clock is wrong"),
    event(35, "synchronised with a source (36: not synchronised)").to(37),
    event(50, "the clock is further off than allowed"),
    event(52, "the clock was moved by a jump"),
    event(129, "no source could be used"),
    event(134, "a source could not be reached"),
];

static NETWORK_PROFILE_EVENTS: &[Code] = &[
    event(10000, "a network was connected").know(&["Category 0 is public, 1 private, 2 domain."]),
    event(10001, "a network was disconnected"),
];

static FIREWALL_EVENTS: &[Code] = &[
    event(2003, "a setting of a profile changed"),
    event(2004, "a rule was added or changed").to(2005),
    event(2006, "a rule was deleted"),
    event(2010, "an interface changed its profile").know(&["1 is domain, 2 private, 4 public."]),
    event(2033, "all rules of a store were deleted"),
    event(2052, "a rule was deleted"),
    event(2059, "all rules of a store were deleted"),
    event(2071, "a rule was added"),
    event(2097, "a rule was added"),
];

static DNS_CLIENT_EVENTS: &[Code] = &[
    event(1014, "no DNS server answered"),
    event(3008, "a query is complete, with its result"),
    event(3018, "an answer from the cache"),
    event(3020, "an answer of a server"),
];

static TCPIP_EVENTS: &[Code] =
    &[event(4199, "another device has the same IP address: resets and lost sessions follow")];
