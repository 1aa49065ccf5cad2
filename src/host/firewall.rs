//! The firewall's own log (`pfirewall.log`), and its rules as PowerShell and `netsh` list them.

use std::net::{IpAddr, SocketAddr};

use super::fact::{Fact, Stated, numbered};
use crate::base::Timestamp;

/// More drops are a flood, and the first are enough.
const MOST: usize = 100_000;

/// Segments that were dropped on their way in.
///
/// `date time action protocol src-ip dst-ip src-port dst-port size tcpflags … path`: W3C extended log format.
pub(super) fn log(text: &str) -> Vec<Stated> {
    let lines = numbered(text).filter_map(|(line, content)| Some(Stated { fact: dropped(content)?, line }));
    lines.take(MOST).collect()
}

fn dropped(line: &str) -> Option<Fact> {
    let mut fields = line.split_ascii_whitespace();
    let mut next = || fields.next();
    let (date, time) = (next()?, next()?);
    if (next()?, next()?) != ("DROP", "TCP") {
        return None;
    }
    let (from, to): (IpAddr, IpAddr) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let (from_port, to_port) = (next()?.parse().ok()?, next()?.parse().ok()?);
    // Where the path is written, it must be the way in.
    if fields.next_back().is_some_and(|path| path == "SEND") {
        return None;
    }
    let local: Timestamp = format!("{date}T{time}Z").parse().ok()?;
    Some(Fact::Dropped { local, from: SocketAddr::new(from, from_port), to: SocketAddr::new(to, to_port) })
}

/// The rules of Remote Desktop, of `Get-NetFirewallRule`. Property names are the same in all languages.
pub(super) fn rules(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut rule: Option<(u64, Option<bool>, Option<bool>)> = None;
    for (line, content) in numbered(text) {
        let Some((key, value)) = content.split_once(" : ") else { continue };
        let value = value.trim();
        match key.trim() {
            "Name" => {
                let is_rdp = value.starts_with("RemoteDesktop-")
                    && value.contains("-In-TCP")
                    && !value.contains("Shadow");
                rule = is_rdp.then_some((line, None, None));
            }
            "Enabled" => {
                if let Some((_, active, _)) = &mut rule {
                    *active = match value {
                        "True" | "1" => Some(true),
                        "False" | "2" => Some(false),
                        _ => None,
                    };
                }
            }
            "Action" => {
                if let Some((_, _, allows)) = &mut rule {
                    *allows = Some(matches!(value, "Allow" | "2"));
                }
            }
            _ => {}
        }
        if let Some((line, Some(active), Some(allows))) = rule {
            facts.push(Stated { fact: Fact::Rule { port: None, active, allows }, line });
            rule = None;
        }
    }
    facts
}

/// `Yes` and `No` of `netsh`, which translates them; a word that is not here says nothing.
const YES: &[&str] = &["Yes", "Ja", "Oui", "Sí", "Sì", "Sim", "Tak", "Да", "はい", "是", "예"];
const NO: &[&str] =
    &["No", "Nein", "Non", "Não", "Nee", "Nej", "Nei", "Nie", "Нет", "いいえ", "否", "아니요"];

/// Rules of `netsh advfirewall firewall show rule name=all` for TCP and one port of this computer.
///
/// Labels are translated, their order is not: under the line of dashes comes whether the rule is active, and the own port
/// follows the protocol. Whether it allows cannot be told in every language; the rules for a port of Remote Desktop do.
pub(super) fn netsh_rules(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut before = 0;
    let mut rule: Option<(u64, Vec<&str>)> = None;
    for (line, content) in numbered(text) {
        let is_dashes = content.len() >= 40 && content.bytes().all(|byte| byte == b'-');
        match (&mut rule, content.split_once(':')) {
            (_, _) if is_dashes => {
                facts.extend(rule.take().and_then(netsh_rule));
                rule = Some((before, Vec::new()));
            }
            (Some((_, values)), Some((_, value))) => values.push(value.trim()),
            (Some(_), None) if content.trim().is_empty() => facts.extend(rule.take().and_then(netsh_rule)),
            _ => {}
        }
        before = line;
    }
    facts.extend(rule.and_then(netsh_rule));
    facts
}

fn netsh_rule((line, values): (u64, Vec<&str>)) -> Option<Stated> {
    let active = values.first().and_then(|word| match (YES.contains(word), NO.contains(word)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    })?;
    let protocol = values.iter().position(|value| *value == "TCP")?;
    let port = values.get(protocol + 1)?.parse().ok()?;
    Some(Stated { fact: Fact::Rule { port: Some(port), active, allows: true }, line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_on_the_way_in_are_read() {
        let text = "#Version: 1.5\n#Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\n\
            2026-03-02 10:40:20 DROP TCP 192.0.2.10 198.51.100.20 50123 3389 52 S 1 0 64240 - - - RECEIVE\n\
            2026-03-02 10:40:21 DROP TCP 198.51.100.20 192.0.2.10 3389 50123 52 S 1 0 64240 - - - SEND\n\
            2026-03-02 10:40:22 ALLOW TCP 192.0.2.10 198.51.100.20 50124 3389 0 - 0 0 0 - - - RECEIVE\n";
        let found = log(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 3);
        assert!(matches!(found[0].fact, Fact::Dropped { from, .. } if from.port() == 50123));
    }

    #[test]
    fn rules_of_netsh_are_read_by_their_order() {
        let rule = |name: &str, active: &str, port: &str| {
            format!(
                "\r\nRegelname:                            {name}\r\n{}\r\nAktiviert:                            {active}\r\n\
                 Richtung:                             Eingehend\r\nProfile:                              Domäne,Privat\r\n\
                 Lokales IP:                           Beliebig\r\nRemote-IP:                            Beliebig\r\n\
                 Protokoll:                            TCP\r\nLokaler Port:                         {port}\r\n\
                 Remoteport:                           Beliebig\r\nAktion:                               Zulassen\r\n",
                "-".repeat(70)
            )
        };
        let text = [
            rule("Remotedesktop (TCP eingehend)", "Nein", "3389"),
            rule("Web", "Ja", "80,443"),
            rule("x", "Igen", "3389"),
        ];
        let expected = Stated { fact: Fact::Rule { port: Some(3389), active: false, allows: true }, line: 2 };
        assert_eq!(netsh_rules(&text.concat()), [expected]);
    }

    #[test]
    fn rules_are_read_by_their_properties() {
        let text = "Name                  : RemoteDesktop-UserMode-In-TCP\nDisplayName           : Remotedesktop\n\
            Enabled               : False\nDirection             : Inbound\nAction                : Allow\n\n\
            Name                  : RemoteDesktop-UserMode-In-UDP\nEnabled               : True\nAction                : Allow\n";
        let expected = Fact::Rule { port: None, active: false, allows: true };
        assert_eq!(rules(text).into_iter().map(|stated| stated.fact).collect::<Vec<_>>(), [expected]);
    }
}
