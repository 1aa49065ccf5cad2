//! Registry exports: `reg export` and the output of `reg query`. Names of keys and values are the same in all languages.

use super::fact::{Fact, Stated, is_host_name, thumbprint};

/// More of one value is no value that is looked for.
const LONGEST_VALUE: usize = 4096;

/// Every value that bears on Remote Desktop.
pub(super) fn read(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut key: Option<Key> = None;
    let mut lines = super::fact::numbered(text);
    while let Some((number, line)) = lines.next() {
        if let Some(path) = key_of(line) {
            key = Key::of(path);
            continue;
        }
        let Some(key) = &key else { continue };
        let Some((name, value)) = exported(line).or_else(|| queried(line)) else { continue };
        let mut value = value.to_owned();
        while value.ends_with('\\') && value.len() < LONGEST_VALUE {
            value.pop();
            let Some((_, more)) = lines.next() else { break };
            value.push_str(more.trim());
        }
        facts.extend(key.fact(name, &value).map(|fact| Stated { fact, line: number }));
    }
    facts
}

/// `[HKEY_LOCAL_MACHINE\…]`, or the same alone on a line. Gives what follows the root.
fn key_of(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let path = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')).unwrap_or(line);
    if !path.starts_with("HK") {
        return None;
    }
    let (root, below) = path.split_once('\\')?;
    // A key of a user says nothing of the service.
    Some(if matches!(root, "HKEY_LOCAL_MACHINE" | "HKLM") { below } else { "" })
}

/// `"PortNumber"=dword:00000d3d`.
fn exported(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix('"')?.split_once("\"=")?;
    Some((name, value.trim_end()))
}

/// `    PortNumber    REG_DWORD    0xd3d`.
fn queried(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("    ")?;
    let (name, rest) = line.split_once("    REG_")?;
    let (_, value) = rest.split_once("    ")?;
    Some((name.trim(), value.trim()))
}

/// The keys that are read.
enum Key {
    TerminalServer,
    Policy,
    WinStations,
    Listener(String),
    ComputerName,
    FirewallRules,
}

impl Key {
    fn of(path: &str) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        let (hive, below) = path.split_once('\\')?;
        if below == r"policies\microsoft\windows nt\terminal services" {
            return Some(Self::Policy);
        }
        let (set, control) = below.split_once('\\')?;
        // The other sets are of other days. A hive that was mounted has another name, and no current set.
        if set != "controlset001" && (hive, set) != ("system", "currentcontrolset") {
            return None;
        }
        match control {
            r"control\terminal server" => Some(Self::TerminalServer),
            r"control\terminal server\winstations" => Some(Self::WinStations),
            r"control\computername\computername" | r"services\tcpip\parameters" => Some(Self::ComputerName),
            r"services\sharedaccess\parameters\firewallpolicy\firewallrules" => Some(Self::FirewallRules),
            _ => {
                let listener = control.strip_prefix(r"control\terminal server\winstations\")?;
                (!listener.contains('\\')).then(|| Self::Listener(listener.to_owned()))
            }
        }
    }

    fn fact(&self, name: &str, value: &str) -> Option<Fact> {
        let name = name.to_ascii_lowercase();
        match (self, name.as_str()) {
            (Self::TerminalServer | Self::Policy, "fdenytsconnections") => {
                let policy = matches!(self, Self::Policy);
                Some(Fact::Denies { off: number(value)? != 0, policy })
            }
            (Self::Listener(listener), "portnumber") => {
                Some(Fact::ListenerPort { listener: listener.clone(), port: number(value)?.try_into().ok()? })
            }
            (Self::Listener(listener), "sslcertificatesha1hash") if listener == "rdp-tcp" => {
                Some(Fact::Bound(binary(value)?))
            }
            (Self::WinStations, "selfsignedcertificate") => Some(Fact::SelfSigned(binary(value)?)),
            (Self::ComputerName, "computername" | "hostname") => {
                let host = value.trim_matches('"');
                is_host_name(host).then(|| Fact::Name(host.to_owned()))
            }
            (Self::FirewallRules, _) => rule(value.trim_matches('"')),
            _ => None,
        }
    }
}

/// Output of `Get-ItemProperty`: `fDenyTSConnections : 1`, and behind the values the key as `PSPath`.
pub(super) fn properties(text: &str) -> Vec<Stated> {
    /// Values of one key. More is no key that is looked for.
    const MANY: usize = 512;
    let mut facts = Vec::new();
    let mut values: Vec<(u64, &str, &str)> = Vec::new();
    let mut key: Option<Key> = None;
    for (number, line) in super::fact::numbered(text) {
        if line.trim().is_empty() {
            facts.extend(of_block(key.take(), &values));
            values.clear();
            continue;
        }
        let Some((name, value)) = line.split_once(" : ") else { continue };
        match value.split_once("Registry::") {
            Some((_, path)) if name.trim() == "PSPath" => key = key_of(path).and_then(Key::of),
            _ if values.len() < MANY => values.push((number, name.trim(), value.trim())),
            _ => {}
        }
    }
    facts.extend(of_block(key, &values));
    facts
}

fn of_block(key: Option<Key>, values: &[(u64, &str, &str)]) -> Vec<Stated> {
    let Some(key) = key else { return Vec::new() };
    let fact = |(line, name, value): &(u64, &str, &str)| {
        let value = value.parse().map_or_else(|_| (*value).to_owned(), |number: u32| format!("{number:#x}"));
        key.fact(name, &value).map(|fact| Stated { fact, line: *line })
    };
    values.iter().filter_map(fact).collect()
}

fn number(value: &str) -> Option<u32> {
    let hex = value.strip_prefix("dword:").or_else(|| value.strip_prefix("0x"))?;
    u32::from_str_radix(hex.trim(), 16).ok()
}

fn binary(value: &str) -> Option<String> {
    thumbprint(value.strip_prefix("hex:").unwrap_or(value))
}

/// `v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|…`. [MS-FASP] 2.2.37 names the parts.
fn rule(value: &str) -> Option<Fact> {
    let part = |key: &str| value.split('|').find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
    if !value.starts_with('v') || part("Dir") != Some("In") || part("Protocol") != Some("6") {
        return None;
    }
    Some(Fact::Rule {
        port: Some(part("LPort")?.parse().ok()?),
        active: part("Active")?.eq_ignore_ascii_case("TRUE"),
        allows: part("Action")? == "Allow",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Vec<Fact> {
        read(text).into_iter().map(|stated| stated.fact).collect()
    }

    #[test]
    fn an_export_is_read() {
        let text = "Windows Registry Editor Version 5.00\r\n\r\n\
            [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server]\r\n\
            \"fDenyTSConnections\"=dword:00000001\r\n\r\n\
            [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp]\r\n\
            \"PortNumber\"=dword:00000d3d\r\n\
            \"SSLCertificateSHA1Hash\"=hex:1c,45,dc,17,89,4e,3f,ce,1c,10,37,aa,fb,31,fe,a5,2f,\\\r\n  1e,a9,7f\r\n";
        let found = read(text);
        assert_eq!(found[0], Stated { fact: Fact::Denies { off: true, policy: false }, line: 4 });
        assert_eq!(found[1].fact, Fact::ListenerPort { listener: "rdp-tcp".into(), port: 3389 });
        assert_eq!(
            found[2],
            Stated { fact: Fact::Bound("1C45DC17894E3FCE1C1037AAFB31FEA52F1EA97F".into()), line: 8 }
        );
    }

    #[test]
    fn a_query_is_read() {
        let text = "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\r\n\
            \x20   fDenyTSConnections    REG_DWORD    0x0\r\n\r\n\
            HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services\r\n\
            \x20   fDenyTSConnections    REG_DWORD    0x1\r\n";
        let expected = [Fact::Denies { off: false, policy: false }, Fact::Denies { off: true, policy: true }];
        assert_eq!(facts(text), expected);
    }

    #[test]
    fn keys_of_users_and_of_old_sets_are_none() {
        let text = "[HKEY_CURRENT_USER\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server]\n\
            \"fDenyTSConnections\"=dword:00000001\n\
            [HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet002\\Control\\Terminal Server]\n\
            \"fDenyTSConnections\"=dword:00000001\n";
        assert_eq!(facts(text), []);
    }

    #[test]
    fn a_mounted_hive_and_powershell_are_read() {
        let text = "[HKEY_LOCAL_MACHINE\\OFFLINE\\ControlSet001\\Control\\Terminal Server]\n\
            \"fDenyTSConnections\"=dword:00000001\n\
            [HKEY_LOCAL_MACHINE\\OFFLINE\\ControlSet002\\Control\\Terminal Server]\n\
            \"fDenyTSConnections\"=dword:00000000\n";
        assert_eq!(facts(text), [Fact::Denies { off: true, policy: false }]);
        let text = "\nAllowRemoteRPC     : 1\nfDenyTSConnections : 1\n\
            PSPath             : Microsoft.PowerShell.Core\\Registry::HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\n\
            PSParentPath       : Microsoft.PowerShell.Core\\Registry::HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\n\n\
            fDenyTSConnections : 0\n";
        let found: Vec<Fact> = properties(text).into_iter().map(|stated| stated.fact).collect();
        assert_eq!(found, [Fact::Denies { off: true, policy: false }]);
    }

    #[test]
    fn a_rule_of_the_firewall_is_read() {
        let text = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\FirewallRules]\n\
            \"RemoteDesktop-UserMode-In-TCP\"=\"v2.30|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=3389|App=x|\"\n\
            \"Other\"=\"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=17|LPort=3389|\"\n";
        assert_eq!(facts(text), [Fact::Rule { port: Some(3389), active: false, allows: true }]);
    }
}
