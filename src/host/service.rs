//! `qwinsta`, `systeminfo`, certificate lists, rights of key files: by shape.

use super::fact::{Fact, Stated, is_host_name, numbered, thumbprint};

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

/// Thumbprints of `certutil -store` and of PowerShell's lists, and whether it is the store of the computer itself.
pub(super) fn certificates(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut is_list = false;
    for (line, content) in numbered(text) {
        let trimmed = content.trim();
        is_list |= trimmed.starts_with("====")
            || trimmed.contains(r"Certificate::LocalMachine\")
            || trimmed.split('\t').any(|field| field.trim_matches('"') == "Thumbprint");
        if trimmed == "My" || trimmed.starts_with("My \"") || content.contains(r"LocalMachine\My") {
            facts.push(Stated { fact: Fact::OwnStore, line });
        }
        let hash = match trimmed.split_once("(sha1):") {
            Some((_, hash)) => thumbprint(hash.trim()),
            None => trimmed
                .split([' ', '\t', ';', ',', '"'])
                .find_map(|field| (field.len() == 40).then(|| thumbprint(field)).flatten()),
        };
        facts.extend(hash.map(|hash| Stated { fact: Fact::Certificate(hash), line }));
    }
    // A thumbprint alone may stand anywhere, and a store without a certificate may as well be a sentence.
    if !is_list || !facts.iter().any(|stated| matches!(stated.fact, Fact::Certificate(_))) {
        facts.clear();
    }
    facts
}

/// The key of the service's own certificate begins with this in every Windows. [Microsoft, Remote Desktop internal error]
const KEY_FILE: &str = "f686aace6942fb7f7ceb231212eef4a4_";

/// Whether the service may read its key, of `icacls`.
///
/// The names of accounts are translated. SYSTEM and NETWORK SERVICE have one authority before the `\`, in every
/// language: where no authority stands twice and nobody stands without one (Everyone), NETWORK SERVICE is not there.
pub(super) fn key_rights(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut file: Option<(u64, Vec<String>)> = None;
    for (line, content) in numbered(text) {
        if let Some(at) = content.find(KEY_FILE) {
            facts.extend(file.take().and_then(judged));
            let first = content.get(at..).and_then(|rest| rest.split_once(' ')).map(|(_, entry)| entry);
            file = Some((line, first.and_then(account).into_iter().collect()));
        } else if !content.starts_with(' ') || content.trim().is_empty() {
            facts.extend(file.take().and_then(judged));
        } else if let Some((_, accounts)) = &mut file {
            accounts.extend(account(content));
        }
    }
    facts.extend(file.and_then(judged));
    facts
}

/// The account of `NT AUTHORITY\SYSTEM:(F)`.
fn account(entry: &str) -> Option<String> {
    let (account, rights) = entry.trim().rsplit_once(":(")?;
    // A denial is no right.
    (!rights.contains("DENY")).then(|| account.to_owned())
}

fn judged((line, accounts): (u64, Vec<String>)) -> Option<Stated> {
    if accounts.is_empty() {
        return None;
    }
    let authorities: Vec<Option<&str>> =
        accounts.iter().map(|account| account.split_once('\\').map(|(authority, _)| authority)).collect();
    let twice =
        (0..).zip(&authorities).any(|(at, own)| authorities.iter().skip(at + 1).any(|other| other == own));
    let readable = twice || authorities.contains(&None);
    Some(Stated { fact: Fact::KeyReadable(readable), line })
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
    fn thumbprints_are_found_in_every_list() {
        let hash = "1C45DC17894E3FCE1C1037AAFB31FEA52F1EA97F";
        let certutil = format!(
            "My \"Personal\"\n================ Certificate 0 ================\nCert Hash(sha1): {}\n",
            hash.to_lowercase()
        );
        assert_eq!(facts(certificates(&certutil)), [Fact::OwnStore, Fact::Certificate(hash.into())]);
        let csv = format!("\"Thumbprint\"\t\"Subject\"\n\"{hash}\"\t\"CN=srv01\"\n");
        assert_eq!(facts(certificates(&csv)), [Fact::Certificate(hash.into())]);
        assert_eq!(facts(certificates(&format!("the certificate is {hash}\n"))), []);
        assert_eq!(facts(certificates("My \"own\" words\n")), []);
    }

    #[test]
    fn rights_of_the_key_are_judged_in_any_language() {
        let good = "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\f686aace6942fb7f7ceb231212eef4a4_aa NT-AUTORITÄT\\SYSTEM:(F)\n\
            \x20               NT-AUTORITÄT\\NETZWERKDIENST:(R)\n\
            \x20               VORDEFINIERT\\Administratoren:(F)\n\nErfolgreich: 1\n";
        assert_eq!(facts(key_rights(good)), [Fact::KeyReadable(true)]);
        let bad = "MachineKeys\\f686aace6942fb7f7ceb231212eef4a4_aa NT AUTHORITY\\SYSTEM:(F)\n\
            \x20               BUILTIN\\Administrators:(F)\n";
        assert_eq!(facts(key_rights(bad)), [Fact::KeyReadable(false)]);
    }
}
