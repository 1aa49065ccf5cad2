//! `qwinsta`, `systeminfo`, rights of key files: by shape.

use super::fact::{Fact, Stated, is_host_name, numbered};

/// Whether `qwinsta` lists the listener. Its session names are the same in all languages, its states are not.
pub(super) fn sessions(text: &str) -> Vec<Stated> {
    let mut services: Option<u64> = None;
    for (line, content) in numbered(text) {
        let fields: Vec<&str> = content.trim_start_matches(['>', ' ']).split_whitespace().collect();
        match fields.as_slice() {
            // Session 0 stands first in every list.
            ["services", "0", _] => services = services.or(Some(line)),
            [name, id, _]
                if name.eq_ignore_ascii_case("rdp-tcp") && id.parse().is_ok_and(|id: u32| id >= 65536) =>
            {
                return vec![Stated { fact: Fact::SessionListener(true), line }];
            }
            _ => {}
        }
    }
    services.map(|line| Stated { fact: Fact::SessionListener(false), line }).into_iter().collect()
}

/// Name and addresses of `systeminfo`: the first two lines are name and system, the addresses are numbered.
pub(super) fn system(text: &str) -> Vec<Stated> {
    /// Where values stand.
    const VALUE: usize = 27;
    let value = |line: &str| {
        let label: String = line.chars().take(VALUE).collect();
        let value: String = line.chars().skip(VALUE).collect();
        (label.trim_end().ends_with(':') && !value.starts_with(' ')).then(|| value.trim().to_owned())
    };
    let mut facts = Vec::new();
    let mut before: Option<(u64, String)> = None;
    let mut is_system = false;
    for (line, content) in numbered(text) {
        if let Some((_, address)) = content.trim().split_once("]: ").filter(|_| is_system) {
            facts.extend(address.parse().ok().map(|own| Stated { fact: Fact::Address(own), line }));
        }
        let own = value(content);
        if own.as_deref().is_some_and(|own| own.starts_with("Microsoft Windows"))
            && let Some((line, host)) = before.take().filter(|(_, host)| is_host_name(host))
        {
            is_system = true;
            facts.push(Stated { fact: Fact::Name(host), line });
        }
        before = own.map(|own| (line, own));
    }
    facts
}

/// The key of the service's own certificate begins with this in every Windows. [Microsoft, Remote Desktop internal error]
const KEY_FILE: &str = "f686aace6942fb7f7ceb231212eef4a4_";

/// Whether the service may read its key, of `icacls`.
///
/// The names of accounts are translated: with one that is not known here, or a list that breaks off, it is not told.
pub(super) fn key_rights(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut file: Option<(u64, Vec<Entry>)> = None;
    for (line, content) in numbered(text) {
        if let Some(at) = content.find(KEY_FILE) {
            facts.extend(file.take().and_then(judged));
            let first = content.get(at..).and_then(|rest| rest.split_once(' ')).map(|(_, entry)| entry);
            file = Some((line, first.and_then(entry).into_iter().collect()));
        } else if !content.starts_with(' ') || content.trim().is_empty() {
            facts.extend(file.take().and_then(judged));
        } else if let Some((_, entries)) = &mut file {
            entries.extend(entry(content));
        }
    }
    facts
}

/// What one line of `icacls` says of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// It may read.
    Reads,
    /// It may not.
    KeptOut,
    /// Nothing: an account that it does not run as.
    Another,
    /// An account that is not known.
    Unknown,
}

/// NETWORK SERVICE as Windows calls it, in lower case, and the service's own account.
const SERVICE: &[&str] = &[
    "s-1-5-20",
    "network service",
    "termservice",
    "netzwerkdienst",
    "service réseau",
    "servicio de red",
    "servizio di rete",
    "serviço de rede",
    "netwerkservice",
    "nätverkstjänst",
    "netværkstjeneste",
    "nettverkstjeneste",
    "verkkopalvelu",
    "usługa sieciowa",
    "сетевая служба",
];

/// SYSTEM, LOCAL SERVICE and Administrators.
const OTHERS: &[&str] = &[
    "s-1-5-18",
    "s-1-5-19",
    "s-1-5-32-544",
    "system",
    "système",
    "sistema",
    "система",
    "local service",
    "lokaler dienst",
    "service local",
    "servicio local",
    "servizio locale",
    "administrators",
    "administratoren",
    "administrateurs",
    "administradores",
    "administratori",
    "amministratori",
    "administratorzy",
    "administratörer",
    "administratorer",
    "администраторы",
];

/// Rights with which a file is read. [Microsoft, icacls]
const READING: [&str; 8] = ["F", "M", "RX", "R", "GA", "GR", "GE", "RD"];

/// `NT AUTHORITY\SYSTEM:(F)`, `*S-1-5-20:(I)(R)`.
fn entry(content: &str) -> Option<Entry> {
    let (account, rights) = content.trim().split_once(":(")?;
    let own = account.rsplit('\\').next().unwrap_or(account).trim_start_matches('*').to_lowercase();
    let mut words = rights.split(['(', ')', ',']);
    let reads = words.clone().any(|right| READING.contains(&right));
    let denies = words.any(|right| matches!(right, "DENY" | "N"));
    Some(if SERVICE.contains(&own.as_str()) {
        if reads && !denies { Entry::Reads } else { Entry::KeptOut }
    } else if OTHERS.contains(&own.as_str()) {
        Entry::Another
    } else {
        Entry::Unknown
    })
}

fn judged((line, entries): (u64, Vec<Entry>)) -> Option<Stated> {
    let readable = entries.contains(&Entry::Reads);
    let is_told = !entries.is_empty() && (readable || !entries.contains(&Entry::Unknown));
    is_told.then_some(Stated { fact: Fact::KeyReadable(readable), line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(stated: Vec<Stated>) -> Vec<Fact> {
        stated.into_iter().map(|stated| stated.fact).collect()
    }

    #[test]
    fn a_list_of_sessions_tells_of_the_listener() {
        let text = " SESSIONNAME       USERNAME                 ID  STATE   TYPE        DEVICE\n\
            >services                                    0  Disc\n\
            \x20console                                     1  Conn\n";
        assert_eq!(facts(sessions(text)), [Fact::SessionListener(false)]);
        let with = format!("{text} rdp-tcp                                 65536  Abhören\n");
        assert_eq!(facts(sessions(&with)), [Fact::SessionListener(true)]);
    }

    #[test]
    fn systeminfo_names_the_computer() {
        let text = "\r\nHostname:                  SRV01\r\n\
            Betriebssystemname:        Microsoft Windows Server 2022 Standard\r\n\
            \x20                                [01]: 198.51.100.20\r\n";
        let expected = [Fact::Name("SRV01".into()), Fact::Address("198.51.100.20".parse().unwrap())];
        assert_eq!(facts(system(text)), expected);
    }

    #[test]
    fn rights_of_the_key_are_judged_by_who_has_them() {
        let of = |entries: &[&str]| {
            let text = format!(
                "MachineKeys\\f686aace6942fb7f7ceb231212eef4a4_aa {}\n\nSuccessfully processed 1 files\n",
                entries.join("\n        ")
            );
            facts(key_rights(&text))
        };
        let admins = "BUILTIN\\Administrators:(F)";
        for service in [
            "NT AUTHORITY\\NETWORK SERVICE:(R)",
            "NT-AUTORITÄT\\NETZWERKDIENST:(I)(RX)",
            "NT AUTHORITY\\СЕТЕВАЯ СЛУЖБА:(R)",
            "NT SERVICE\\TermService:(R)",
            "*S-1-5-20:(R)",
        ] {
            assert_eq!(of(&[service, admins]), [Fact::KeyReadable(true)], "{service}");
            assert_eq!(of(&["NT AUTHORITY\\SYSTEM:(F)", service]), [Fact::KeyReadable(true)], "{service}");
        }
        for kept_out in [
            "NT AUTHORITY\\SYSTEM:(F)",
            "NT AUTHORITY\\LOCAL SERVICE:(R)",
            "NT AUTHORITY\\NETWORK SERVICE:(N)",
            "NT AUTHORITY\\NETWORK SERVICE:(DENY)(R)",
            "VORDEFINIERT\\Administratoren:(F)",
        ] {
            assert_eq!(of(&["NT-AUTORITÄT\\SYSTEM:(F)", kept_out]), [Fact::KeyReadable(false)], "{kept_out}");
        }
        for unknown in ["Everyone:(F)", "NT AUTHORITY\\Ki szolgáltatás:(R)", "EXAMPLE\\keys:(R)"] {
            assert_eq!(of(&[admins, unknown]), [], "{unknown}");
        }
        let cut = "MachineKeys\\f686aace6942fb7f7ceb231212eef4a4_aa NT AUTHORITY\\SYSTEM:(F)\n";
        assert_eq!(facts(key_rights(cut)), []);
    }
}
