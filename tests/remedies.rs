//! The remedies of all causes, as far as a machine can check them: exact, safe, and with a way to verify.
//!
//! A step may name only registry values, policies, services and commands that stand here, with their full paths: a slip
//! in one of them sends its reader nowhere. The tables were read in Microsoft's administrative templates and documents.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeSet;

use rdpscan::causes::{ALL, Cause, Severity};
use rdpscan::remedy::{CHANGES, Change};

const TERMINAL_SERVER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server";
const RDP_TCP: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
const POLICY_CLIENT: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\Client";
const LSA: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa";
const SCHANNEL: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL";
const TLS_SERVER: &str =
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server";
const TLS_CLIENT: &str =
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client";

/// Registry values by key, with what a remedy may set them to.
const VALUES: &[(&str, &str, &[u32])] = &[
    (TERMINAL_SERVER, "fDenyTSConnections", &[0]),
    (TERMINAL_SERVER, "fSingleSessionPerUser", &[]),
    (TERMINAL_SERVER, "MaxOutstandingConnections", &[65_536]),
    (RDP_TCP, "SecurityLayer", &[2]),
    (RDP_TCP, "UserAuthentication", &[1]),
    (RDP_TCP, "fAllowSecProtocolNegotiation", &[1]),
    (RDP_TCP, "fEnableWinStation", &[1]),
    (RDP_TCP, "MinEncryptionLevel", &[]),
    (RDP_TCP, "MaxInstanceCount", &[]),
    (RDP_TCP, "PortNumber", &[]),
    (RDP_TCP, "SSLCertificateSHA1Hash", &[]),
    (POLICY, "fDenyTSConnections", &[]),
    (POLICY, "fPromptForPassword", &[]),
    (POLICY, "SecurityLayer", &[]),
    (POLICY, "KeepAliveEnable", &[1]),
    (POLICY, "KeepAliveInterval", &[1]),
    (POLICY_CLIENT, "fClientDisableUDP", &[1]),
    (LSA, "DisableRestrictedAdmin", &[]),
    (r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FipsAlgorithmPolicy", "Enabled", &[]),
    (r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\Kerberos\Parameters", "MaxPacketSize", &[1]),
    (SCHANNEL, "EventLogging", &[7]),
    (TLS_SERVER, "Enabled", &[1]),
    (TLS_SERVER, "DisabledByDefault", &[0]),
    (TLS_CLIENT, "Enabled", &[1]),
    (TLS_CLIENT, "DisabledByDefault", &[0]),
    (r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002", "Functions", &[]),
    (
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\CredSSP\Parameters",
        "AllowEncryptionOracle",
        &[],
    ),
];

/// Folders of the group policy editor, each with the policies of it that a remedy names.
const POLICIES: &[(&str, &[&str])] = &[
    (
        "Administrative Templates > System > Credentials Delegation",
        &[
            "Encryption Oracle Remediation",
            "Allow delegating fresh credentials",
            "Allow delegating fresh credentials with NTLM-only server authentication",
        ],
    ),
    ("Administrative Templates > Network > SSL Configuration Settings", &["SSL Cipher Suite Order"]),
    (
        "Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop Connection Client",
        &["Turn Off UDP On Client"],
    ),
    (
        "Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop Session Host > \
         Connections",
        &[
            "Allow users to connect remotely by using Remote Desktop Services",
            "Configure keep-alive connection interval",
            "Limit number of connections",
            "Restrict Remote Desktop Services users to a single Remote Desktop Services session",
        ],
    ),
    (
        "Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop Session Host > \
         Licensing",
        &["Use the specified Remote Desktop license servers", "Set the Remote Desktop licensing mode"],
    ),
    (
        "Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop Session Host > \
         Security",
        &[
            "Always prompt for password upon connection",
            "Require use of specific security layer for remote (RDP) connections",
            "Server authentication certificate template",
            "Set client connection encryption level",
        ],
    ),
    (
        "Administrative Templates > Windows Components > Remote Desktop Services > Remote Desktop Session Host > \
         Session Time Limits",
        &[
            "Set time limit for active but idle Remote Desktop Services sessions",
            "Set time limit for active Remote Desktop Services sessions",
            "Set time limit for disconnected sessions",
        ],
    ),
    (
        "Windows Settings > Security Settings > Local Policies > Security Options",
        &[
            "Network security: Restrict NTLM: Add remote server exceptions for NTLM authentication",
            "System cryptography: Use FIPS compliant algorithms for encryption, hashing, and signing",
        ],
    ),
    ("Windows Settings > Security Settings > Local Policies > User Rights Assignment", &[]),
    (
        "Windows Settings > Security Settings > Public Key Policies > Trusted Root Certification Authorities",
        &[],
    ),
];

/// Services that are started or asked for by name.
const SERVICES: &[&str] =
    &["TermService", "SessionEnv", "UmRdpService", "KeyIso", "CryptSvc", "CertPropSvc", "Audiosrv"];

/// What a command may begin with.
const COMMANDS: &[&str] = &[
    "Add-",
    "Get-",
    "Set-",
    "Enable-",
    "Disable-",
    "New-NetFirewallRule",
    "Resolve-DnsName",
    "Restart-Service",
    "Search-ADAccount",
    "Start-Service",
    "Test-ComputerSecureChannel",
    "Test-NetConnection",
    "Unlock-ADAccount",
    "(Get-",
    "$s",
    "arp",
    "auditpol",
    "certutil",
    "cmdkey",
    "ethtool",
    "gpresult",
    "gpupdate",
    "icacls",
    "ipconfig",
    "klist",
    "logoff",
    "mstsc",
    "net accounts",
    "net localgroup",
    "net start",
    "net user",
    "netsh",
    "netstat",
    "nltest",
    "nslookup",
    "openssl",
    "pathping",
    "ping",
    "pktmon",
    "powercfg",
    "procdump",
    "qwinsta",
    "reg add",
    "reg delete",
    "reg query",
    "route print",
    "sc.exe",
    "secedit",
    "setspn",
    "takeown",
    "tasklist",
    "vmconnect.exe",
    "w32tm",
    "wevtutil",
    "xfreerdp",
    "rdpscan explain",
];

/// Never a remedy, in any words around it.
const NEVER: &[&str] = &[
    "MachineKeys_old",
    "MachineKeys.old",
    "Rename-Item",
    "Remove-Item",
    "rd /s",
    "del /",
    "format ",
    "state off",
    "-Enabled False",
    "firewall set allprofiles",
    "Set-MpPreference",
    "UserAuthentication /t REG_DWORD /d 0",
    "SecurityLayer /t REG_DWORD /d 0",
    "SecurityLayer /t REG_DWORD /d 1",
    "AllowEncryptionOracle /t",
    "Everyone",
    "-SkipCACheck",
    "seclevel",
    "LmCompatibilityLevel",
    "Set-ExecutionPolicy",
    "authentication level:i:0",
    "enablecredsspsupport:i:0",
    "termserv ",
    "SslProtocols",
    "Uninstall",
    "uninstall",
];

/// What would lower security, if a step did not speak against it: words, and a word that turns them.
const LOWERING: &[(&str, &[&str])] = &[
    ("TLS 1.0", &["Do not", "do not", "off"]),
    ("TLS 1.1", &["Do not", "do not", "off"]),
    ("switch NLA off", &["do not", "Do not"]),
    ("Require Network Level Authentication", &["Do not", "do not"]),
    ("security level", &["Do not", "do not"]),
    ("standard RDP security", &["Do not", "do not", "without"]),
    ("to lower", &["no fix"]),
    ("lower the server", &["Do not", "do not"]),
    ("(Vulnerable)", &["no remedy"]),
    ("firewall off", &["Do not", "do not"]),
    ("LimitBlankPasswordUse", &["do not"]),
];

/// The parts of a step in backticks.
fn code(step: &str) -> Vec<&str> {
    step.split('`').skip(1).step_by(2).collect()
}

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn each(mut check: impl FnMut(&'static Cause, &str, &mut Vec<String>)) {
    let mut complaints = Vec::new();
    for cause in ALL {
        for step in cause.remedy() {
            check(cause, &step, &mut complaints);
        }
    }
    none(&complaints);
}

#[test]
fn every_remedy_ends_with_how_to_verify_it() {
    let mut complaints = Vec::new();
    for cause in ALL {
        let steps = cause.remedy();
        let nothing = cause.severity == Severity::Benign && steps[0].starts_with("Nothing");
        let last = steps.last().unwrap();
        if !nothing && !last.starts_with("To verify: ") {
            complaints.push(format!("{}: ends with: {last}", cause.id));
        }
        for step in steps.iter().filter(|step| !step.ends_with('.') && !step.ends_with('?')) {
            complaints.push(format!("{}: no sentence: {step}", cause.id));
        }
        for step in steps.iter().filter(|step| step.matches('`').count() % 2 == 1) {
            complaints.push(format!("{}: a lone backtick: {step}", cause.id));
        }
    }
    none(&complaints);
}

#[test]
fn no_remedy_lowers_security_or_destroys() {
    each(|cause, step, complaints| {
        for never in NEVER.iter().filter(|never| step.contains(**never)) {
            complaints.push(format!("{}: {never}: {step}", cause.id));
        }
        for (words, turns) in LOWERING {
            if step.contains(words) && !turns.iter().any(|turn| step.contains(turn)) {
                complaints.push(format!("{}: advises {words}: {step}", cause.id));
            }
        }
    });
}

#[test]
fn registry_values_are_known_and_set_to_what_helps() {
    let mut named = BTreeSet::new();
    each(|cause, step, complaints| {
        for command in code(step) {
            let Some(rest) = command.strip_prefix("reg ") else { continue };
            // A value that stands alone behind the command is one of the same key.
            let (verb, rest) = rest.split_once(' ').unwrap();
            let (key, rest) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap(),
                None => rest.split_once(' ').unwrap_or((rest, "")),
            };
            let known_key =
                VALUES.iter().any(|(own, ..)| *own == key || own.starts_with(&format!("{key}\\")));
            if !known_key {
                complaints.push(format!("{}: unknown key {key}", cause.id));
            }
            let mut words = rest.split_whitespace();
            let name = words.find(|word| *word == "/v").and_then(|_| words.next());
            let Some(name) = name else {
                if verb != "query" {
                    complaints.push(format!("{}: {verb} of a whole key: {command}", cause.id));
                }
                continue;
            };
            let Some((.., may)) = VALUES.iter().find(|(own, value, _)| *own == key && *value == name) else {
                complaints.push(format!("{}: unknown value {key}\\{name}", cause.id));
                continue;
            };
            named.insert((key.to_owned(), name.to_owned()));
            let data = words.find(|word| *word == "/d").and_then(|_| words.next());
            let data = data.map(|data| data.parse::<u32>().unwrap());
            let good = match (verb, data) {
                ("query", None) => true,
                ("add", Some(data)) => may.contains(&data),
                ("delete", None) => name == "SSLCertificateSHA1Hash",
                _ => false,
            };
            if !good {
                complaints.push(format!("{}: {command}", cause.id));
            }
        }
    });
    assert!(named.len() > 12, "only {named:?}: the test has gone blind");
}

#[test]
fn policies_are_named_with_their_whole_path() {
    each(|cause, step, complaints| {
        let id = cause.id;
        for (at, _) in step.match_indices(" > ") {
            // The first separator of a path stands behind its root.
            let begins = step[..at].ends_with("Computer Configuration");
            if code(step).iter().any(|command| command.contains(" > ")) {
                continue;
            }
            let goes_on = step[..at].rsplit_once("Computer Configuration > ").is_some();
            if !begins && !goes_on {
                complaints.push(format!("{id}: a path without its root: {step}"));
            }
        }
        for (at, root) in step.match_indices("Computer Configuration > ") {
            let path = &step[at + root.len()..];
            let Some((_, names)) = POLICIES
                .iter()
                .filter(|(folder, _)| path.starts_with(folder))
                .max_by_key(|(folder, _)| folder.len())
            else {
                complaints.push(format!("{id}: unknown folder: {path}"));
                continue;
            };
            if !names.is_empty() && !names.iter().any(|name| path.contains(&format!("\"{name}\""))) {
                complaints.push(format!("{id}: no policy of that folder is named: {path}"));
            }
        }
        for (folder, names) in POLICIES {
            for name in names.iter().filter(|name| step.contains(&format!("\"{name}\""))) {
                if !step.contains(folder) {
                    complaints.push(format!("{id}: {name} without its path: {step}"));
                }
            }
        }
        for part in ["Remote Desktop Session Host, ", "Administrative Templates, ", "Session Time Limits)"] {
            if step.contains(part) {
                complaints.push(format!("{id}: not the whole path: {step}"));
            }
        }
    });
}

#[test]
fn commands_and_services_exist() {
    each(|cause, step, complaints| {
        for command in code(step).into_iter().filter(|command| command.contains(' ')) {
            let is_setting = command.contains(":i:") || command.starts_with('/') || command.contains(" == ");
            let is_setting = is_setting || command.starts_with("HKLM\\");
            let is_known = COMMANDS.iter().any(|known| command.starts_with(known));
            if !is_setting && !is_known {
                complaints.push(format!("{}: unknown command: {command}", cause.id));
            }
            for part in command.split(';').map(str::trim) {
                let names = ["Restart-Service ", "Start-Service ", "Get-Service ", "sc.exe queryex "]
                    .iter()
                    .find_map(|verb| part.strip_prefix(verb));
                let names =
                    names.map(|names| names.split(" -").next().unwrap_or_default()).unwrap_or_default();
                for name in names.split([',', ' ']).filter(|name| !name.is_empty()) {
                    if !SERVICES.contains(&name) {
                        complaints.push(format!("{}: unknown service {name}", cause.id));
                    }
                }
            }
        }
    });
}

#[test]
fn what_a_script_changes_is_known_too() {
    for (cause, _, changes) in CHANGES {
        for change in *changes {
            let Change::Set(value) = change else { continue };
            let key = value.key.replace("HKLM:\\", "HKLM\\");
            let known = VALUES.iter().find(|(own, name, _)| *own == key && *name == value.name);
            let (.., may) = known.unwrap_or_else(|| panic!("{cause}: {key}\\{}", value.name));
            assert!(may.contains(&value.data), "{cause}: {} = {}", value.name, value.data);
            if let Some(policy) = value.policy {
                assert_eq!(policy.replace("HKLM:\\", "HKLM\\"), POLICY);
            }
        }
    }
}
